// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/record"
)

// Every error of the engine has its problem, however it is wrapped, and none
// of its text gets into the problem.
func TestProblemsOfErrors(t *testing.T) {
	for _, c := range []struct {
		err     error
		kind    kind
		outcome string
		retry   bool
	}{
		{ledger.ErrNotFound, kindNotFound, outcomeRefused, false},
		{ledger.ErrErased, kindErased, outcomeRefused, false},
		{ledger.ErrNoSpace, kindNoSpace, outcomeFailed, true},
		{ledger.ErrStopped, kindStopped, outcomeFailed, true},
		{ledger.ErrClock, kindClock, outcomeFailed, true},
		{ledger.ErrSigner, kindSigner, outcomeFailed, true},
		{ledger.ErrKeeper, kindKeeper, outcomeFailed, true},
		{ledger.ErrDamaged, kindDamaged, outcomeFailed, false},
		{ledger.ErrHeld, kindInternal, outcomeFailed, false},
		{&ledger.ConflictError{Index: 7}, kindConflict, outcomeConflict, false},
		{record.Violations{{Pointer: "/id", Code: record.CodeRequired, Message: "is required"}}, kindInvalid, outcomeRefused, false},
		{tooLarge(1), kindTooLarge, outcomeRefused, false},
		{errStopping, kindStopped, outcomeFailed, true},
		{errPanic, kindInternal, outcomeFailed, false},
		{errors.New("something else"), kindInternal, outcomeFailed, false},
		{context.Canceled, kindGone, outcomeFailed, false},
		{context.DeadlineExceeded, kindGone, outcomeFailed, false},
		{gone(io.ErrUnexpectedEOF), kindGone, outcomeFailed, false},
	} {
		p := problemOf(fmt.Errorf("%s: %w", marker, c.err))
		if p.Type != "urn:lendlog:problem:"+c.kind.name || p.Status != c.kind.status || p.Title != c.kind.title {
			t.Errorf("%v is %s (%d), want %s", c.err, p.Type, p.Status, c.kind.name)
		}
		if text, err := encode(p); err != nil || strings.Contains(string(text), marker) {
			t.Errorf("%v: %s, %v", c.err, text, err)
		}
		if (p.retryAfter > 0) != c.retry {
			t.Errorf("%v: to be sent again after %d seconds", c.err, p.retryAfter)
		}
		if got := outcomeOf(nil, c.err); got != c.outcome {
			t.Errorf("%v counts as %s, want %s", c.err, got, c.outcome)
		}
	}
}
