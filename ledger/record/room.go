// SPDX-License-Identifier: Apache-2.0

package record

import (
	"slices"
	"strings"

	"github.com/lendlog/lendlog/ledger/canon"
)

// A Room is memory for who reads many records, one after the other. The zero Room
// is ready to use; it must not be copied, nor used by two goroutines at once.
type Room struct {
	values        canon.Room
	entries       []Entry
	data, members []canon.Member
	event         Event
}

// Reset gives up all that was read.
func (r *Room) Reset() {
	r.values.Reset()
	r.entries = r.entries[:0]
}

// ParseLeaf is the function ParseLeaf into the room. What it returns holds until the
// next Reset.
func (r *Room) ParseLeaf(b []byte) (Leaf, error) {
	if len(b) > MaxEntry {
		return Leaf{}, tooLong(b)
	}
	if len(r.entries) == cap(r.entries) { // those before stay where they are
		r.entries = make([]Entry, 0, min(2*cap(r.entries)+1, 256))
	}
	r.entries = append(r.entries, Entry{})
	l := leafReader{Scanner: r.values.NewScanner(b)}
	return l.leaf(&r.entries[len(r.entries)-1])
}

// Event reads the event that a record of a schema was accepted for, out of its
// entry and of the sealed members that are present, as Schema.Document takes them.
// It holds until the next one.
func (r *Room) Event(s *Schema, e *Entry, sealed []canon.Member) (*Event, error) {
	r.event = Event{}
	if err := r.event.read(r.document(s, e, sealed), s.only, s.Own); err != nil {
		return nil, err
	}
	return &r.event, nil
}

// document is Schema.Document in the room. What it merges is in canonical order, so
// that little is left to sort.
func (r *Room) document(s *Schema, e *Entry, sealed []canon.Member) canon.Value {
	at, ofData := e.Time, 0
	for i := range sealed {
		if strings.HasPrefix(sealed[i].Name, "/data/") {
			ofData++
		}
	}
	open := e.Open.Members
	data := slices.Grow(r.data[:0], ofData+len(open))
	for i := range sealed {
		m := &sealed[i]
		if name, ok := strings.CutPrefix(m.Name, "/data/"); ok {
			data, open = appendBefore(data, open, name)
			data = append(data, canon.Member{Name: name, Value: m.Value})
		} else if m.Name == "/time" && e.Type == TypeRestricted {
			at = m.Value.Str
		}
	}
	r.data = append(data, open...)
	fixed := [...]canon.Member{
		{Name: "data", Value: canon.Map(r.data...)},
		{Name: "specversion", Value: canon.Text("1.0")},
		{Name: "time", Value: canon.Text(at)},
		{Name: "type", Value: canon.Text(s.Type)},
	}
	members, rest := slices.Grow(r.members[:0], len(sealed)-ofData+len(fixed)), fixed[:]
	for i := range sealed {
		switch m := &sealed[i]; {
		case strings.HasPrefix(m.Name, "/data/"):
		case m.Name == "/extensions":
			members = append(members, m.Value.Members...)
		case m.Name == "/refs", m.Name == "/submitter", m.Name == "/time", m.Name == "/type": // not the event's
		default:
			members, rest = appendBefore(members, rest, m.Name[1:])
			members = append(members, canon.Member{Name: m.Name[1:], Value: m.Value})
		}
	}
	r.members = append(members, rest...)
	return canon.Map(r.members...)
}

// appendBefore appends those of list, which is in canonical order, that come
// before a name, and returns the others.
func appendBefore(dst, list []canon.Member, name string) (longer, rest []canon.Member) {
	for len(list) > 0 && canon.CompareNames(list[0].Name, name) < 0 {
		dst, list = append(dst, list[0]), list[1:]
	}
	return dst, list
}
