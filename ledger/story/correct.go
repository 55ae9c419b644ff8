// SPDX-License-Identifier: Apache-2.0

package story

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
)

// A correction copies what it alters, and a value takes far more memory than
// its text, so that a few corrections can be made to cost a lot. What all those
// of one story may cost is bounded: this many values copied, of which one that
// stays counts as keptValue.
const (
	maxAltered = 1 << 21
	keptValue  = 1 << 6
)

// correct applies a correction to the record that it is about.
func (s *Story) correct(target, by *Record) {
	members, _ := by.Get("members")
	for _, m := range members.Items {
		switch {
		case s.room < 0:
			s.Unclear = true
			return
		case !s.put(target, m):
			by.Misfit = true
		}
	}
}

// put applies one item of the members of a correction: a pointer, and the
// right value as JSON text or none. It reports whether there is such a place.
func (s *Story) put(r *Record, item canon.Value) bool {
	pointer, _ := item.Get("pointer")
	text, present := item.Get("value")
	var v canon.Value
	if present {
		s.room -= keptValue * mostValues(text.Str)
		var err error
		if v, err = canon.Parse([]byte(text.Str), canon.Limits{}); err != nil {
			return false
		}
	}
	if pointer.Str == "/time" {
		at, err := time.Parse(time.RFC3339Nano, v.Str)
		if err == nil {
			r.At = at
		}
		return err == nil
	}
	rest, ok := strings.CutPrefix(pointer.Str, "/data/")
	if !ok {
		// The rest of the envelope says which event it is: that has no other.
		return false
	}
	effective, ok := s.replaced(r.Effective, strings.Split(rest, "/"), v, present)
	if ok {
		r.Effective = effective
	}
	return ok
}

// mostValues returns how many values a JSON text has at most.
func mostValues(text string) int {
	return 1 + strings.Count(text, ",") + strings.Count(text, "[") + strings.Count(text, "{")
}

// replaced returns v with the value at a path set to with, or removed. What v
// holds is not changed.
func (s *Story) replaced(v canon.Value, path []string, with canon.Value, present bool) (canon.Value, bool) {
	if len(path) == 0 {
		return with, true
	}
	name := strings.NewReplacer("~1", "/", "~0", "~").Replace(path[0])
	remove := len(path) == 1 && !present
	s.room -= len(v.Members) + len(v.Items)
	switch v.Kind {
	case canon.Object:
		at := slices.IndexFunc(v.Members, func(m canon.Member) bool { return m.Name == name })
		if at < 0 && (remove || len(path) > 1) {
			return v, false
		}
		v.Members = slices.Clone(v.Members)
		switch {
		case remove:
			v.Members = slices.Delete(v.Members, at, at+1)
			return v, true
		case at < 0:
			return canon.Map(append(v.Members, canon.Member{Name: name, Value: with})...), true
		}
		inner, ok := s.replaced(v.Members[at].Value, path[1:], with, present)
		v.Members[at].Value = inner
		return v, ok
	case canon.Array:
		at, err := strconv.Atoi(name)
		if err != nil || at < 0 || at >= len(v.Items) || strconv.Itoa(at) != name {
			return v, false
		}
		v.Items = slices.Clone(v.Items)
		if remove {
			v.Items = slices.Delete(v.Items, at, at+1)
			return v, true
		}
		inner, ok := s.replaced(v.Items[at], path[1:], with, present)
		v.Items[at] = inner
		return v, ok
	}
	return v, false
}
