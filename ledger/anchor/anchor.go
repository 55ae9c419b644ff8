// SPDX-License-Identifier: Apache-2.0

// Package anchor has the checkpoints of a ledger anchored outside of it, in
// places that the lender cannot take them back from. No append waits for it, and
// none fails because of it.
package anchor

import (
	"context"
	"time"

	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/tree"
)

// A Target is a place where checkpoints are anchored: a contract on a chain, or
// authorities that stamp the time. It remembers on disk, before it speaks to
// anybody, what it is about to do, so that it can be killed at any point. It is
// used by one goroutine at a time, Status by any.
type Target interface {
	// Name is what the operator called the target: [a-z0-9-]{1,32}.
	Name() string

	// Submit hands over a checkpoint that was published. It is on disk when
	// Submit returns. Of several the newest is anchored, which covers the others;
	// one that was sent already stays as it was sent.
	Submit(ctx context.Context, h Head) error

	// Poll moves on what is under way, as far as it can without waiting, and
	// returns an anchor that is final, nil while there is none. It returns the
	// same one until Done. An error is of this attempt only: Poll is to be called
	// again.
	Poll(ctx context.Context) (*Final, error)

	// Done says that a final anchor was archived and recorded.
	Done(id string) error

	// Status tells how it goes.
	Status() Status

	Close() error
}

// A Head is a published checkpoint.
type Head struct {
	tree.Checkpoint
	Note []byte // signed, with the cosignatures that there are
}

// A Final is an anchor that will stay.
type Final struct {
	ID     string // the same for the same anchor, of all that the target ever made
	Head   Head
	Anchor proof.Anchor // what proves it to others
	Time   time.Time    // by the clock of the place where it is anchored
}

// A Status is how anchoring in a place goes.
type Status struct {
	// State is "idle", "planned", "signed", "sent", "mined" or "final": of the
	// anchor that is under way, or of the last one. In "failed" an operator has to
	// look into what the chain refused, and resume.
	State string
	Size  int64 // of that anchor
	// Final is the size of the newest anchor that is final, FinalTime its time.
	Final     int64
	FinalTime time.Time
	// Degraded says in words why nothing goes on, and what an operator can do;
	// "" while all goes well.
	Degraded string
	// Alarms are contradictions that somebody has to look into: an anchor that
	// nobody made here, a nonce taken by a stranger, finality that went back.
	Alarms []string
	// Details are further figures, such as what was spent today, for people and
	// metrics: names in snake_case.
	Details map[string]any
}
