// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/lendlog/lendlog/ledger/story"
)

// Before: one of some records comes before, at the same time at the latest.
type Before struct {
	Needs []From // one of them; those with a Ref only where the record names one
	Or    string // a member that does as well
	// Missing says of which records a finding is made when none of Needs is in
	// the story at all: {} of every record, left out of none. Of what was
	// imported none is made.
	Missing Conditions
}

var nothing = Text{"there is none", "没有"}

// A pair is the first record that is surely meant and the first that may be.
type pair [2]*story.Record

// add takes in a record. Of two the earlier one stays.
func (p *pair) add(r *story.Record, t truth) {
	if r == nil || t == no {
		return
	}
	if at := &p[t-yes]; *at == nil || r.At.Before((*at).At) {
		*at = r
	}
}

func (c *Before) judge(j *judge, records []*story.Record) {
	firsts := make([]map[string]pair, len(c.Needs))
	for i, f := range c.Needs {
		firsts[i] = map[string]pair{}
		if f.Ref != "" {
			continue
		}
		for _, r := range j.story.OfType(story.Type(f.Of)) {
			p := firsts[i][key(r, f.Same)]
			p.add(r, f.When.hold(r))
			firsts[i][key(r, f.Same)] = p
		}
	}
	for _, r := range records {
		var first pair
		named, why := c.named(j.story, r)
		if why != "" {
			j.skip(why)
			continue
		}
		first.add(named, yes)
		for i, f := range c.Needs {
			if p := firsts[i][key(r, f.Same)]; named == nil {
				first.add(p[0], yes)
				first.add(p[1], unknown)
			}
		}
		sure, maybe := first[0], first[1]
		_, or := r.Get(c.Or)
		switch {
		case or, sure != nil && !sure.At.After(r.At):
			j.passed()
		case maybe != nil && !maybe.At.After(r.At), c.Or != "" && r.Partial:
			j.skip(Unreadable)
		case sure != nil:
			j.broken(moment(r.At), moment(sure.At), r, sure)
		case c.Missing == nil, c.Missing.hold(r) != yes, j.follows(r):
			j.skip(Elsewhere)
		case r.Capture == "import":
			j.skip(Imported)
		default:
			j.broken(moment(r.At), nothing, r)
		}
	}
}

func key(r *story.Record, member string) string {
	if member == "" {
		return ""
	}
	v, _ := r.Get(member)
	return word(v)
}

// follows reports whether a record follows from one of another subject, which
// may be what this one lacks.
func (j *judge) follows(r *story.Record) bool {
	return slices.ContainsFunc(r.Refs, func(index int64) bool { return j.story.Record(index) == nil })
}

// named returns the record that a record names as what it needs, nil when it
// names none. One that was voided is as good as none.
func (c *Before) named(s *story.Story, r *story.Record) (*story.Record, Why) {
	for _, f := range c.Needs {
		if f.Ref == "" || r.Text(f.Ref) == "" {
			continue
		}
		named := s.Named(r, r.Text(f.Ref))
		switch {
		case named == nil || !story.Is(named.Type, f.Of):
			return nil, Elsewhere
		case named.VoidedBy != 0:
			return nil, ""
		}
		return named, ""
	}
	return nil, ""
}

func moment(t time.Time) Text { return both(t.UTC().Format("2006-01-02T15:04:05.999Z07:00")) }

// Between: nothing happens after a record that begins something until as many
// ended it. What happens at the time of either is allowed.
type Between struct {
	From, To string // record types
}

func (c *Between) judge(j *judge, records []*story.Record) {
	bounds := inOrder(j.story, []string{c.From, c.To})
	var since *story.Record
	begun := 0
	for _, r := range records {
		for ; len(bounds) > 0; bounds = bounds[1:] {
			ends := story.Is(bounds[0].Type, c.To)
			if !bounds[0].At.Before(r.At) && !(ends && bounds[0].At.Equal(r.At)) {
				break
			}
			if ends {
				begun = max(0, begun-1)
			} else if begun++; begun == 1 {
				since = bounds[0]
			}
		}
		if begun == 0 {
			since = nil
		}
		if since != nil {
			j.broken(moment(since.At), moment(r.At), r, since)
			continue
		}
		j.passed()
	}
}

// Once: there is one record for each value of a member, or one in all.
type Once struct {
	Key string
}

func (c *Once) judge(j *judge, records []*story.Record) {
	first := map[string]*story.Record{}
	slices.SortFunc(records, func(a, b *story.Record) int { return int(a.Index - b.Index) })
	for _, r := range records {
		key := ""
		if c.Key != "" {
			v, ok := r.Get(c.Key)
			if !ok {
				j.lacks(r)
				continue
			}
			key = word(v)
		}
		if f := first[r.Type+" "+key]; f != nil {
			j.broken(both(key), both(key), r, f)
			continue
		}
		first[r.Type+" "+key] = r
		j.passed()
	}
}

// Frequency: there are at most so many records in so many days.
type Frequency struct {
	Most, Days int
}

func (c *Frequency) judge(j *judge, records []*story.Record) {
	for i, r := range records {
		since := r.At.AddDate(0, 0, -c.Days)
		n := i
		for n > 0 && records[n-1].At.After(since) && i-n < c.Most {
			n--
		}
		if recent := slices.Clone(records[n : i+1]); len(recent) > c.Most {
			slices.Reverse(recent)
			j.broken(both(strconv.Itoa(c.Most)), both(strconv.Itoa(len(recent))), recent...)
			continue
		}
		j.passed()
	}
}

// Hours: the time of day, in the zone in which it is written, is from one
// full hour to another.
type Hours struct {
	Member   string
	From, To int
}

func (c *Hours) judge(j *judge, records []*story.Record) {
	for _, r := range records {
		at, err := time.Parse(time.RFC3339Nano, r.Text(c.Member))
		if err != nil {
			j.lacks(r)
			continue
		}
		day := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, at.Location())
		since := at.Sub(day)
		if since < time.Duration(c.From)*time.Hour || since > time.Duration(c.To)*time.Hour {
			j.broken(both(fmt.Sprintf("%02d:00–%02d:00", c.From, c.To)), both(at.Format("15:04:05")), r)
			continue
		}
		j.passed()
	}
}

// Fits: a correction or voiding finds the record and the members that it is
// about.
type Fits struct{}

func (*Fits) judge(j *judge, records []*story.Record) {
	for _, r := range records {
		if r.Misfit {
			j.broken(both(""), both(r.Text("target")), r)
			continue
		}
		j.passed()
	}
}
