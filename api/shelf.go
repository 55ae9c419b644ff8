// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lendlog/lendlog/ledger"
)

const (
	// shelfAge is how old an answer may be, of those that tell no news by the
	// minute: a ledger that grows all the time has another checkpoint at every
	// question.
	shelfAge = time.Minute
	// shelfLimit is how old an answer may be that whoever asks is content with.
	shelfLimit = time.Hour
	// shelfRoom is how many questions have their answers kept.
	shelfRoom = 32
)

// An asking is a question for which the whole ledger is read.
type asking struct {
	question string
	// age is how old the answer may be where it is of another checkpoint than
	// the newest; a request may ask for an older one too (RFC 9111, max-age).
	age time.Duration
	// moving says that the answer changes by itself, with time.
	moving bool
	// instead is what to do where it takes too long to read.
	instead string
}

// A shelf keeps the last answers to questions for which the whole ledger is read.
type shelf[T any] struct {
	mu   sync.Mutex // guards kept
	kept map[string]shelved[T]
}

// A shelved answer is of one checkpoint.
type shelved[T any] struct {
	head   ledger.Head
	read   time.Time // when its scan began
	answer T
}

// fresh returns the last answer to a question, unless it is of another size and
// too old.
func (s *shelf[T]) fresh(q asking, size int64) (shelved[T], bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.kept[q.question]
	return a, ok && (a.head.Size == size && !q.moving || time.Since(a.read) < q.age)
}

// keep keeps an answer, in the place of the oldest where there is no room.
func (s *shelf[T]) keep(question string, a shelved[T]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.kept[question]; !ok && len(s.kept) >= shelfRoom {
		oldest, at := "", a.read
		for q, b := range s.kept {
			if b.read.Before(at) {
				oldest, at = q, b.read
			}
		}
		delete(s.kept, oldest)
	}
	if s.kept == nil {
		s.kept = map[string]shelved[T]{}
	}
	s.kept[question] = a
}

// scanned answers a question from the shelf, or by a scan of the whole ledger, of
// which there is one at a time: who waited for another's takes its answer.
func scanned[T any](s *Server, c *call, of *shelf[T], q asking, do func(context.Context, ledger.Head) (T, error)) (shelved[T], error) {
	q.age = max(q.age, c.content())
	if a, ok := of.fresh(q, s.ledger.Head().Size); ok {
		return a, nil
	}
	leave, err := s.gates.scans.enter(c.ctx())
	if err != nil {
		return shelved[T]{}, err
	}
	defer leave()
	a := shelved[T]{head: s.ledger.Head(), read: time.Now()}
	if b, ok := of.fresh(q, a.head.Size); ok {
		return b, nil
	}
	a.answer, err = scan(s, c, q.instead, func(ctx context.Context) (T, error) { return do(ctx, a.head) })
	if err != nil {
		return shelved[T]{}, err
	}
	of.keep(q.question, a)
	return a, nil
}

// content is how old an answer a request is content with, by its max-age.
func (c *call) content() time.Duration {
	seconds, ok := strings.CutPrefix(c.GetHeader("Cache-Control"), "max-age=")
	n, err := strconv.ParseUint(seconds, 10, 31)
	if !ok || err != nil {
		return 0
	}
	return min(time.Duration(n)*time.Second, shelfLimit)
}
