// SPDX-License-Identifier: Apache-2.0

package api

import (
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"github.com/lendlog/lendlog/ledger/look"
)

// maxLooks bounds how many looks are remembered.
const maxLooks = 4096

// looks are those that were recorded a moment ago: whoever looks at the same
// records in the same way for the same purpose again makes no second record. What
// is forgotten before its time is recorded again.
type looks struct {
	window time.Duration

	mu     sync.Mutex // guards all below
	recent map[[32]byte]recentLook
	keys   [][32]byte // the oldest first
}

type recentLook struct {
	spans look.Spans
	ends  time.Time
}

// lookKey is what two looks have in common that are the same but for their
// records. A search is the same only for the same words.
func lookKey(k *look.Look, p look.Part) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %q %q", k.Grant, k.Purpose, k.Act, k.Query, p.Type, p.Subject))
}

// fresh returns those parts of a look of which some records were not looked at a
// moment ago.
func (s *looks) fresh(k *look.Look, parts []look.Part, now time.Time) (left []look.Part) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range parts {
		before, ok := s.recent[lookKey(k, p)]
		if !ok || !now.Before(before.ends) || !before.spans.Covers(p.Spans) {
			left = append(left, p)
		}
	}
	return left
}

// add remembers parts that were recorded. Records that are added to a look do not
// make it last.
func (s *looks) add(k *look.Look, parts []look.Part, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.recent == nil {
		s.recent = map[[32]byte]recentLook{}
	}
	for len(s.keys) > 0 && (len(s.keys)+len(parts) > maxLooks || !now.Before(s.recent[s.keys[0]].ends)) {
		delete(s.recent, s.keys[0])
		s.keys = s.keys[1:]
	}
	for _, p := range parts {
		key := lookKey(k, p)
		before, ok := s.recent[key]
		if !ok {
			before = recentLook{ends: now.Add(s.window)}
			s.keys = append(s.keys, key)
		}
		if before.spans = before.spans.With(p.Spans); len(before.spans) <= maxRecentSpans {
			s.recent[key] = before
		}
	}
}

// maxRecentSpans bounds what is remembered of a look.
const maxRecentSpans = 256
