// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"errors"
	"fmt"
	"slices"
	"sort"

	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/store"
)

// candidates yields the indexes of records that may be wanted, in the order of
// the query.
func (s *search) candidates(yield func(int64, error) bool) {
	var err error
	switch {
	case s.first >= s.end:
	case s.bound.Identities != nil:
		err = s.byIdentity(yield)
	case s.bound.Terms != nil:
		err = s.bySubject(yield)
	case s.told != nil:
		err = s.byList(s.told, yield)
	default:
		err = s.bySegment(yield)
	}
	if err != nil && !errors.Is(err, errEnough) {
		yield(0, err)
	}
}

func (s *search) within(i int64) bool { return s.first <= i && i < s.end }

// byIdentity looks events up.
func (s *search) byIdentity(yield func(int64, error) bool) error {
	var found []int64
	for _, digest := range s.bound.Identities {
		s.l.chains.RLock()
		id, ok, err := s.l.identity(digest)
		s.l.chains.RUnlock()
		if err != nil {
			return err
		}
		if ok {
			found = append(found, id.Index)
		}
	}
	slices.Sort(found)
	return s.byList(found, yield)
}

// byList goes through indexes that are known, ascending.
func (s *search) byList(found []int64, yield func(int64, error) bool) error {
	if !s.q.Oldest {
		slices.Reverse(found)
	}
	for _, i := range found {
		if !s.within(i) {
			continue
		}
		if !yield(i, nil) {
			return errEnough
		}
	}
	return nil
}

// bySubject merges the chains of subjects.
func (s *search) bySubject(yield func(int64, error) bool) error {
	chains := make([]*chainReader, 0, len(s.bound.Terms))
	for _, term := range s.bound.Terms {
		s.l.chains.RLock()
		count := s.l.state.chain(term).count
		s.l.chains.RUnlock()
		c := &chainReader{store: s.l.store, term: term, count: count, down: !s.q.Oldest}
		if err := c.begin(s.first, s.end); err != nil {
			return err
		}
		chains = append(chains, c)
	}
	for {
		var next *chainReader
		for _, c := range chains {
			if err := c.fill(); err != nil {
				return err
			}
			if len(c.ahead) > 0 && (next == nil || (c.ahead[0] > next.ahead[0]) == c.down) {
				next = c
			}
		}
		if next == nil || !s.within(next.ahead[0]) {
			return nil
		}
		if !yield(next.ahead[0], nil) {
			return errEnough
		}
		next.ahead = next.ahead[1:]
	}
}

// a chainReader reads the indexes of a subject's records, upwards or downwards.
type chainReader struct {
	store *store.Store
	term  [32]byte
	count int64
	down  bool
	seq   int64   // the next to be read
	ahead []int64 // that were read and not taken
}

// begin finds the first record from first on, or the last below end.
func (c *chainReader) begin(first, end int64) error {
	bound := first
	if c.down {
		bound = end
	}
	var failed error
	n := sort.Search(int(c.count), func(n int) bool {
		p, err := c.store.Postings(c.term, int64(n)+1, 1)
		if err != nil {
			failed = err
			return true
		}
		return p[0].Index >= bound
	})
	if c.seq = int64(n) + 1; c.down {
		c.seq--
	}
	return failed
}

const chainStep = 128

func (c *chainReader) fill() error {
	if len(c.ahead) > 0 || c.seq < 1 || c.seq > c.count {
		return nil
	}
	from, n := c.seq, min(chainStep, c.count-c.seq+1)
	if c.down {
		n = min(chainStep, c.seq)
		from = c.seq - n + 1
	}
	postings, err := c.store.Postings(c.term, from, n)
	if err != nil {
		return err
	}
	for _, p := range postings {
		c.ahead = append(c.ahead, p.Index)
	}
	if c.seq += n; c.down {
		c.seq -= 2 * n
		slices.Reverse(c.ahead)
	}
	return nil
}

// bySegment asks the rows of the index, and of the newest records what the
// memory has.
func (s *search) bySegment(yield func(int64, error) bool) error {
	return s.eachSegment(func(g segment) error {
		if !g.empty {
			set, err := s.intersect(g)
			if err != nil {
				return err
			}
			for place := range set.Places(!s.q.Oldest) {
				if !yield(g.n*index.Segment+int64(place), nil) {
					return errEnough
				}
			}
		}
		// A page may also have read too many segments without finding any.
		if s.work--; s.work > 0 {
			return nil
		}
		next := (g.n + 1) * index.Segment
		if !s.q.Oldest {
			next = g.n*index.Segment - 1
		}
		if s.within(next) {
			s.stopped = next
		}
		return errEnough
	})
}

// a segment of the index, whose lists are read when they are asked for.
type segment struct {
	n     int64
	empty bool // some source names none of its records
	// find returns the records that a source of the query names, by its number.
	find func(source int) (index.Set, error)
}

// left returns those records of a segment that are among the indexes left.
func (s *search) left(n int64) index.Set {
	return index.Range(s.first-n*index.Segment, s.end-n*index.Segment)
}

// intersect returns the candidates of a segment that every source names.
func (s *search) intersect(g segment) (index.Set, error) {
	set := s.left(g.n)
	for i := range s.bound.Sources {
		found, err := g.find(i)
		if err != nil {
			return index.Set{}, err
		}
		set.And(&found)
	}
	return set, nil
}

// eachSegment calls yield for the segments of the range in the order of the
// query, but for those of other times.
func (s *search) eachSegment(yield func(segment) error) error {
	from, to := s.first/index.Segment, (s.end-1)/index.Segment
	newest := func() error {
		if to < s.segments {
			return nil
		}
		return yield(segment{n: s.segments, find: func(i int) (index.Set, error) {
			return index.Search(s.newest, s.bound.Sources[i].Names), nil
		}})
	}
	full := func() error {
		first, last := from, min(to, s.segments-1)
		count := last - first + 1
		if !s.q.Oldest {
			first = last
		}
		return s.l.store.SegmentNames(first, count, !s.q.Oldest, func(n int64, row []byte) error {
			if err := s.ctx.Err(); err != nil {
				return err
			}
			names, err := index.ParseNames(row)
			if err != nil {
				return damagedSegment(n, err)
			}
			if s.bound.Skips(names) {
				return nil
			}
			g, err := s.segment(n, names)
			if err != nil {
				return err
			}
			return yield(g)
		})
	}
	steps := [...]func() error{newest, full}
	if s.q.Oldest {
		steps = [...]func() error{full, newest}
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// segment looks the names of all sources up in a full segment.
func (s *search) segment(n int64, names index.Names) (segment, error) {
	g := segment{n: n}
	numbers := make([][]int, len(s.bound.Sources))
	for i, source := range s.bound.Sources {
		var err error
		if numbers[i], err = names.Find(source.Names); err != nil {
			return g, damagedSegment(n, err)
		}
		g.empty = g.empty || len(numbers[i]) == 0
	}
	var lists []byte
	g.find = func(i int) (set index.Set, err error) {
		if lists == nil {
			if lists, err = s.l.store.SegmentLists(n); err != nil {
				return set, err
			}
		}
		if set, err = index.Union(lists, numbers[i]); err != nil {
			err = damagedSegment(n, err)
		}
		return set, err
	}
	return g, nil
}

func damagedSegment(n int64, err error) error {
	return fmt.Errorf("segment %d: %w: %w", n, ErrDamaged, err)
}
