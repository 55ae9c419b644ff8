// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/lendlog/lendlog/ledger/story"
)

// Distinct: those whom members name are different people.
type Distinct struct {
	Members []string
	// Other is a member of the record that is reached through the references
	// of Path, one after the other.
	Path  []string
	Other string
}

func (c *Distinct) judge(j *judge, records []*story.Record) {
	for _, r := range records {
		names := []*story.Record{r}
		var people []string
		for _, m := range c.Members {
			t, _ := texts(r, []string{m})
			people = append(people, t...)
		}
		if c.Other != "" {
			other := r
			for _, ref := range c.Path {
				if other = j.story.Named(other, other.Text(ref)); other == nil {
					break
				}
			}
			if other == nil {
				j.skip(Elsewhere)
				continue
			}
			t, ok := texts(other, []string{c.Other})
			if !ok {
				j.lacks(other)
				continue
			}
			people, names = append(people, t...), append(names, other)
		}
		if len(people) < 2 {
			j.lacks(r)
			continue
		}
		slices.Sort(people)
		distinct := slices.Compact(slices.Clone(people))
		if len(distinct) < len(people) {
			j.broken(both(strconv.Itoa(len(people))), both(strings.Join(people, ", ")), names...)
			continue
		}
		j.passed()
	}
}

// Present: of each group of members the record has one that is not empty.
type Present struct {
	Members [][]string
}

func (c *Present) judge(j *judge, records []*story.Record) {
	for _, r := range records {
		var missing []string
		for _, group := range c.Members {
			if !slices.ContainsFunc(group, func(name string) bool { return filled(r, name) }) {
				missing = append(missing, strings.Join(group, " / "))
			}
		}
		switch {
		case len(missing) == 0:
			j.passed()
		case r.Partial:
			j.skip(Unreadable)
		default:
			j.broken(both(strings.Join(missing, ", ")), nothing, r)
		}
	}
}

func filled(r *story.Record, name string) bool {
	v, ok := r.Get(name)
	return ok && string(v.Bytes()) != `[]` && string(v.Bytes()) != `""`
}

// Count: a list has as many items as it should.
type Count struct {
	Members []string // the first that is there
	Is      Is
	To      int
}

func (c *Count) judge(j *judge, records []*story.Record) {
	for _, r := range records {
		words, ok := texts(r, c.Members)
		switch {
		case !ok:
			j.lacks(r)
		case !c.Is.holds(cmp.Compare(len(words), c.To)):
			j.broken(both(strconv.Itoa(c.To)), both(strconv.Itoa(len(words))), r)
		default:
			j.passed()
		}
	}
}

// Subset: the words of a record are among those of another.
type Subset struct {
	Members []string // the first that is there
	Among   Among
}

// Among says where the words are that there may be.
type Among struct {
	Ref     string     // the member that names the record
	Of      string     // its type; the latest one before is taken when none is named
	When    Conditions // of that one
	Members []string   // the first that is there
}

func (c *Subset) judge(j *judge, records []*story.Record) {
	all := inOrder(j.story, []string{c.Among.Of})
	var latest *story.Record
	for _, r := range records {
		for len(all) > 0 && !all[0].At.After(r.At) {
			if c.Among.When.hold(all[0]) == yes {
				latest = all[0]
			}
			all = all[1:]
		}
		words, ok := texts(r, c.Members)
		if !ok {
			j.lacks(r)
			continue
		}
		other := latest
		if id := r.Text(c.Among.Ref); id != "" || r.Partial {
			other = j.story.Named(r, id)
		}
		if other == nil || other.VoidedBy != 0 || !story.Is(other.Type, c.Among.Of) {
			j.skip(Elsewhere)
			continue
		}
		among, ok := texts(other, c.Among.Members)
		if !ok && other.Partial {
			j.skip(Unreadable)
			continue
		}
		extra := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return slices.Contains(among, w) })
		if len(extra) > 0 {
			allowed := both(strings.Join(among, ", "))
			if len(among) == 0 {
				allowed = nothing
			}
			j.broken(allowed, both(strings.Join(extra, ", ")), r, other)
			continue
		}
		j.passed()
	}
}

// Floor: a class is at least the one that a number calls for: one higher for
// each threshold that the number is above.
type Floor struct {
	Member string
	By     string
	First  int
	Over   map[string][]int64 // by the kind of subject
}

func (c *Floor) judge(j *judge, records []*story.Record) {
	kind, _, _ := strings.Cut(j.story.Subject, "/")
	over, known := c.Over[kind]
	for _, r := range records {
		class, ok := r.Decimal(c.Member)
		by, ok2 := r.Decimal(c.By)
		switch {
		case !known:
			j.skip(Elsewhere)
			continue
		case !ok || !ok2:
			j.lacks(r)
			continue
		}
		floor := story.Whole(int64(c.First))
		for _, t := range over {
			if by.Cmp(story.Whole(t)) > 0 {
				floor = floor.Add(story.Whole(1))
			}
		}
		if class.Cmp(floor) < 0 {
			j.broken(both(floor.String()), both(class.String()), r)
			continue
		}
		j.passed()
	}
}
