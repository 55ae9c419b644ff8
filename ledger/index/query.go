// SPDX-License-Identifier: Apache-2.0

package index

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/due"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/rule"
	"github.com/lendlog/lendlog/ledger/story"
)

// A Ledger is what a filter has to know of the ledger that it is asked of.
type Ledger interface {
	// Schemas are all schemas that were ever registered.
	Schemas() []*record.Schema
	// Term returns the term of a subject.
	Term(kind, id string) [32]byte
	// Identity returns the identity of an event.
	Identity(source, id string) [32]byte
	// Key returns the id of the key of an owner, as package seal names them,
	// and whether they have one.
	Key(owner string) (id int64, ok bool)
	// Rules are those by which records are judged, and Obligations what they
	// can give rise to.
	Rules() *rule.Table
	Obligations() *due.Table
}

// A Query is a filter that is bound to a ledger: where candidates are to be
// looked for, and what decides of each.
type Query struct {
	// First and End bound the indexes, RecordedFrom and RecordedTo the times
	// at which records came into the ledger (nil for no bound), Least and
	// Greatest their business times in milliseconds.
	First, End               int64
	RecordedFrom, RecordedTo *time.Time
	Least, Greatest          int64
	// Identities, when not nil, are those of the only candidates, and so are
	// Terms.
	Identities, Terms [][32]byte
	// Sources are what the rows of the index are asked: a candidate is named
	// by each.
	Sources []Source
	// Rules are those whose findings are asked for. Of Found, when not nil, every
	// candidate has one.
	Rules []rule.Rule
	Found []string

	terms []bound
}

// A Source is one question to the rows of a segment.
type Source struct {
	Term  string // of the filter
	Names []Name // of which a candidate has one; ascending
}

// a bound term has been looked up.
type bound struct {
	term
	how   how
	path  []string   // to a member of data
	want  []string   // texts, of which one has to be there
	terms [][32]byte // of subjects
	keys  []int64    // of persons
	types []string   // of records that the story of a subject can say it of
}

// how says what a term needs to be decided.
type how int

const (
	byEntry  how = iota // what stands in the entry
	byKeys              // the ids of keys in the payload's heads
	bySealed            // members that have to be opened
	byStory             // all records of the subject
)

// Asks says what a filter may ask for; the zero Asks for everything.
type Asks struct {
	// Open refuses terms that ask for what is sealed, or for a person, a subject
	// or an event's id.
	Open bool
	// Only, when not nil, tells of the pointers of sealed members whether they may
	// be asked for, and refuses what is derived of others: what one may not see
	// one may not search by, or a few questions would tell it.
	Only func(pointer string) bool
}

// Bind looks up what the filter names. It refuses terms that ask for more than
// they may.
func (f *Filter) Bind(l Ledger, may Asks) (*Query, error) {
	q := &Query{End: math.MaxInt64, Least: math.MinInt64, Greatest: math.MaxInt64}
	types, err := f.types(l.Schemas())
	if err != nil {
		return nil, err
	}
	for i := range f.terms {
		b := bound{term: f.terms[i]}
		if may.Open && b.kind >= fieldSubject {
			return nil, b.fail("%s is personal or sealed, which is not asked for in a URL: put the filter into the body of POST /v1/searches", b.field)
		}
		if !may.derives(b.kind) {
			return nil, b.fail("%s is derived of sealed members, of which some may not be opened with this key", b.field)
		}
		if err := b.bind(q, f, l, types, may); err != nil {
			return nil, err
		}
		q.terms = append(q.terms, b)
	}
	// What is cheap decides first.
	slices.SortStableFunc(q.terms, func(a, b bound) int { return int(a.how) - int(b.how) })
	return q, nil
}

// derives reports whether a term of a kind may be asked for, as far as it is not
// one on a member of data. A person is found by their key, in whichever member
// they are named.
func (a Asks) derives(kind fieldKind) bool {
	if a.Only == nil {
		return true
	}
	switch kind {
	case fieldFinding, fieldDue, fieldParty, fieldOfficer:
		return false
	case fieldSubject:
		return a.Only("/subject")
	case fieldSource:
		return a.Only("/source")
	case fieldID:
		return a.Only("/id") && a.Only("/source")
	}
	return true
}

func (t *term) fail(format string, args ...any) error {
	return &FilterError{t.column, fmt.Sprintf(format, args...)}
}

// types returns the schemas of the types that the filter admits.
func (f *Filter) types(schemas []*record.Schema) ([]*record.Schema, error) {
	for i := range f.terms {
		t := &f.terms[i]
		if t.kind != fieldType {
			continue
		}
		for _, v := range t.values {
			known, open := v == record.TypeRestricted || v == "restricted", false
			for _, s := range schemas {
				if isType(s.Type, []string{v}) {
					known, open = true, open || !s.Restricted
				}
			}
			switch {
			case !known:
				return nil, t.fail("the ledger has no such type; `lendlog types` lists them")
			case !open && v != record.TypeRestricted && v != "restricted":
				return nil, t.fail("this type is restricted: its records are found as type=restricted only, together with all others that are")
			}
		}
	}
	admitted := func(s *record.Schema) bool {
		for i := range f.terms {
			if t := &f.terms[i]; t.kind == fieldType && isType(s.Type, t.values) == t.not {
				return false
			}
		}
		return true
	}
	var out []*record.Schema
	for _, s := range schemas {
		if !s.Restricted && admitted(s) {
			out = append(out, s)
		}
	}
	return out, nil
}

func isType(typ string, want []string) bool {
	for text := range typeTexts(typ) {
		if slices.Contains(want, text) {
			return true
		}
	}
	return false
}

// bind looks the term up, and narrows the query by it unless it is negated.
func (b *bound) bind(q *Query, f *Filter, l Ledger, types []*record.Schema, may Asks) error {
	var names []Name
	b.want = b.values
	switch b.kind {
	case fieldType, fieldSubmitter, fieldCapture:
		for _, v := range b.values {
			names = append(names, valueName(b.field, v))
		}
	case fieldIndex:
		if !b.not {
			q.index(&b.term)
		}
		return nil
	case fieldRecorded:
		if !b.not {
			q.recorded(b.bounds())
		}
		return nil
	case fieldTime:
		if b.not {
			return nil
		}
		if names = q.time(b.bounds()); len(names) == 0 {
			return nil
		}
	case fieldFinding, fieldDue:
		if err := b.bindStory(q, l, types); err != nil {
			return err
		}
		for _, t := range b.types {
			names = append(names, valueName("type", t))
		}
	case fieldSubject:
		for _, v := range b.values {
			kind, id, _ := strings.Cut(v, "/")
			b.terms = append(b.terms, l.Term(kind, id))
		}
		if !b.not {
			q.Terms = both(q.Terms, b.terms)
		}
		return nil
	case fieldParty, fieldOfficer:
		b.how = byKeys
		kind := record.GroupParty
		if b.kind == fieldOfficer {
			kind = record.GroupStaff
		}
		for _, v := range b.values {
			if id, ok := l.Key(kind + ":" + v); ok {
				b.keys = append(b.keys, id)
				names = append(names, KeyName(id))
			}
		}
	case fieldID:
		return b.bindID(q, f, l)
	case fieldSource:
		b.how = bySealed
		return nil
	case member:
		var err error
		if names, err = b.bindMember(types, may); err != nil {
			return err
		}
	}
	if !b.not {
		names = append(names, anything)
		slices.Sort(names)
		q.Sources = append(q.Sources, Source{b.String(), slices.Compact(names)})
	}
	return nil
}

// bindMember finds out which types have the member, and in which it is sealed.
// It returns the names that records with the values have.
func (b *bound) bindMember(types []*record.Schema, may Asks) (names []Name, err error) {
	b.path = strings.Split(strings.TrimPrefix(b.field, "data."), ".")
	name := b.path[0]
	b.want = nil
	for _, v := range b.values {
		b.want = append(b.want, v)
		if s, ok := shortest(v); ok && s != v {
			b.want = append(b.want, s)
		}
	}
	known, shown := false, false
	inside, listed, words := false, true, []string{}
	for _, s := range types {
		m, ok := s.Member(name)
		if !ok {
			continue
		}
		known = true
		of, closed, ok := s.Closed(b.path...)
		if ok {
			inside, listed, words = true, listed && closed, append(words, of...)
		}
		if !m.Open {
			if may.Only != nil && !may.Only(canon.Pointer("/data", name)) {
				return nil, b.fail("records of %s seal this member, which may not be opened with this key: admit only types that show it, with type=", s.Type)
			}
			if may.Open {
				return nil, b.fail("records of %s seal this member, which is not asked for in a URL: put the filter into the body of POST /v1/searches, or admit only types that show it, with type=", s.Type)
			}
			b.how = bySealed
		}
		// By its value a record is named only where the member is shown, and
		// whole.
		if m.Open && b.op == "=" && len(b.path) == 1 {
			shown = true
		} else {
			names = append(names, valueName("type", s.Type))
		}
	}
	if !known {
		return nil, b.fail("no type that the filter admits has this member, unless it is restricted: of a restricted record nothing sealed is searched; `lendlog types show TYPE` lists the members of a type")
	}
	if !inside {
		return nil, b.fail("the member has nothing within it that is called so; `lendlog types show TYPE` lists what a type has")
	}
	// Whoever asks for a word that no record can have would take nothing found
	// for nothing there.
	for _, v := range b.values {
		if listed && (b.op == "=" || b.op == "!=") && !slices.Contains(words, v) {
			return nil, b.fail("a value is none that this member can have: near it are %s; `lendlog types show TYPE` lists all", near(v, slices.Compact(slices.Sorted(slices.Values(words)))))
		}
	}
	if shown {
		for _, v := range b.want {
			names = append(names, memberName(name, v))
		}
	}
	return names, nil
}

// bindID looks an event up by its id and source.
func (b *bound) bindID(q *Query, f *Filter, l Ledger) error {
	for i := range f.terms {
		s := &f.terms[i]
		if s.kind != fieldSource || s.not {
			continue
		}
		for _, source := range s.values {
			for _, id := range b.values {
				b.terms = append(b.terms, l.Identity(source, id))
			}
		}
	}
	if len(b.terms) == 0 {
		return b.fail("an id belongs to its source: say which with source=")
	}
	if !b.not {
		q.Identities = both(q.Identities, b.terms)
	}
	return nil
}

// both returns what is in both lists; nil is the list of all.
func both(a, b [][32]byte) [][32]byte {
	out := make([][32]byte, 0, len(b))
	for _, x := range b {
		if (a == nil || slices.Contains(a, x)) && !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// index narrows the query by a term on the index.
func (q *Query) index(t *term) {
	first, end := int64(math.MaxInt64), int64(0)
	for _, v := range t.values {
		n := parseIndex(v)
		first, end = min(first, n), max(end, n)
	}
	switch t.op {
	case "<":
		first = 0
		end--
	case "<=":
		first = 0
	case ">":
		first, end = after(first), math.MaxInt64-1
	case ">=":
		end = math.MaxInt64 - 1
	}
	q.First, q.End = max(q.First, first), min(q.End, after(end))
}

// after returns the index after one, if there is one.
func after(n int64) int64 {
	if n == math.MaxInt64 {
		return n
	}
	return n + 1
}

func parseIndex(v string) (n int64) {
	for i := range len(v) { // it was checked when it was read
		n = 10*n + int64(v[i]-'0')
	}
	return n
}

func (q *Query) recorded(from, to *time.Time) {
	if from != nil && (q.RecordedFrom == nil || from.After(*q.RecordedFrom)) {
		q.RecordedFrom = from
	}
	if to != nil && (q.RecordedTo == nil || to.Before(*q.RecordedTo)) {
		q.RecordedTo = to
	}
}

// maxDays bounds the names by which a span of time is looked up. A longer one
// is narrowed to the segments with such times.
const maxDays = 62

// time narrows the query to business times, and returns the names of the days
// where they are few.
func (q *Query) time(from, to *time.Time) (names []Name) {
	least, greatest := int64(math.MinInt64), int64(math.MaxInt64)
	if from != nil {
		least = from.UnixMilli()
	}
	if to != nil {
		greatest = to.UnixMilli()
	}
	q.Least, q.Greatest = max(q.Least, least), min(q.Greatest, greatest)
	if from == nil || to == nil || floorDiv(greatest, day)-floorDiv(least, day) > maxDays {
		return nil
	}
	for d := floorDiv(least, day); d <= floorDiv(greatest, day); d++ {
		names = append(names, dayName(d*day))
	}
	return names
}

// Skips reports whether a segment has no business time that is asked for.
func (q *Query) Skips(n Names) bool {
	if q.Least == math.MinInt64 && q.Greatest == math.MaxInt64 {
		return false
	}
	return n.Least > n.Greatest || n.Greatest < q.Least || n.Least > q.Greatest
}

// Sealed is what of a record lies beside its entry. It is asked for only what
// a filter needs.
type Sealed interface {
	// Keys returns the ids of the keys that open it.
	Keys() ([]int64, error)
	// Member returns the value of a sealed member that could be opened, by its
	// JSON Pointer.
	Member(pointer string) (canon.Value, bool, error)
	// Findings returns the ids of those rules of the query that found something
	// of it, at fault or as what shows it.
	Findings() ([]string, error)
	// Due returns what it gives rise to.
	Due() ([]due.Item, error)
}

// Match reports whether a record is wanted.
func (q *Query) Match(index int64, e *record.Entry, s Sealed) (bool, error) {
	if e == nil {
		return false, nil
	}
	for i := range q.terms {
		b := &q.terms[i]
		holds, err := b.holds(index, e, s)
		if err != nil || holds == b.not {
			return false, err
		}
	}
	return true, nil
}

// Filtered returns the terms that only reading a record decides, those for
// which it has to be opened, and those for which all records of its subject
// have to be.
func (q *Query) Filtered() (read, opened, judged []string) {
	for i := range q.terms {
		b := &q.terms[i]
		switch {
		case b.how == byStory:
			judged = append(judged, b.String())
		case b.how == bySealed:
			opened = append(opened, b.String())
		case b.not || b.kind == member && (b.op != "=" || len(b.path) > 1):
			read = append(read, b.String())
		}
	}
	return read, opened, judged
}

func (b *bound) holds(index int64, e *record.Entry, s Sealed) (bool, error) {
	switch b.kind {
	case fieldType:
		return isType(e.Type, b.want), nil
	case fieldCapture:
		return slices.Contains(b.want, e.Capture), nil
	case fieldIndex:
		return slices.ContainsFunc(b.values, func(v string) bool { return order(b.op, cmp.Compare(index, parseIndex(v))) }), nil
	case fieldRecorded:
		return b.time(e.Recorded), nil
	}
	if e.Type == record.TypeRestricted {
		return false, nil // all that follows is sealed in it
	}
	switch b.kind {
	case fieldSubmitter:
		return slices.Contains(b.want, e.Submitter), nil
	case fieldTime:
		at, err := time.Parse(time.RFC3339, e.Time)
		return err == nil && b.term.time(at), nil
	case fieldSubject:
		return slices.Contains(b.terms, e.Term), nil
	case fieldID:
		return slices.Contains(b.terms, e.Event), nil
	case fieldFinding, fieldDue:
		return b.holdsStory(e.Type, s)
	case fieldParty, fieldOfficer:
		return b.holdsKey(s)
	case fieldSource:
		v, ok, err := s.Member("/source")
		return ok && b.value(v), err
	}
	v, ok := e.Open.Get(b.path[0])
	if !ok && b.how == bySealed {
		var err error
		if v, ok, err = s.Member(canon.Pointer("/data", b.path[0])); err != nil {
			return false, err
		}
	}
	return ok && b.within(v, b.path[1:]), nil
}

func (b *bound) holdsKey(s Sealed) (bool, error) {
	if len(b.keys) == 0 {
		return false, nil
	}
	keys, err := s.Keys()
	return slices.ContainsFunc(keys, func(id int64) bool { return slices.Contains(b.keys, id) }), err
}

// within follows the path into a value: into every item of a list.
func (b *bound) within(v canon.Value, path []string) bool {
	if len(path) == 0 {
		return b.value(v)
	}
	if v.Kind == canon.Array {
		return slices.ContainsFunc(v.Items, func(item canon.Value) bool { return b.within(item, path) })
	}
	inner, ok := v.Get(path[0])
	return ok && b.within(inner, path[1:])
}

// value reports whether a value, or an item of it, is what the term asks for.
func (b *bound) value(v canon.Value) bool {
	for text := range texts(v) {
		if b.op == "=" && slices.Contains(b.want, text) || b.op != "=" && inOrder(text, b.op, b.values[0]) {
			return true
		}
	}
	return false
}

// inOrder compares as decimals, or as dates, as far as the bound tells the date.
func inOrder(text, op, limit string) bool {
	x, isNumber := story.ParseDecimal(text)
	y, byNumber := story.ParseDecimal(limit)
	switch {
	case isNumber && byNumber:
		return order(op, x.Cmp(y))
	case isDate(limit) && len(text) >= 10 && isDate(text[:10]), isDate(limit) && isDate(text) && len(text) >= len(limit):
		return order(op, cmp.Compare(text[:len(limit)], limit))
	}
	return false
}
