// SPDX-License-Identifier: Apache-2.0

package fsck_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/fsck"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

// engine is the log of a ledger that runs.
type engine struct{ *ledgertest.Ledger }

// Checkpoint implements fsck.Log.
func (e engine) Checkpoint(context.Context) ([]byte, error) { return e.Head().Note, nil }

func auditLive(t *testing.T, log fsck.Log, o fsck.Options) *fsck.Report {
	t.Helper()
	r, err := fsck.Live(t.Context(), log, o)
	if err != nil {
		t.Fatalf("couldn't audit: %v", err)
	}
	return r
}

// A running ledger is audited while it grows, and what cannot be seen from
// outside is not said to be right.
func TestLive(t *testing.T) {
	l := ledgertest.New(t)
	events := ledgertest.NewEvents(3)
	l.Submit(events.Take(300)...)
	l.Stop()
	l = ledgertest.Start(t, l.Dir, ledger.Options{})
	l.Submit(events.Take(400)...)
	growing := make(chan bool)
	go func() {
		defer close(growing)
		for range 20 {
			l.Submit(events.Take(10)...)
		}
	}()
	r := auditLive(t, engine{l}, fsck.Options{Trust: l.Trust()})
	if r.Verdict != proof.Valid || r.Size < 600 || r.Origin != ledgertest.Origin {
		t.Error(text(r))
	}
	<-growing
	r = auditLive(t, engine{l}, fsck.Options{Deep: true})
	if r.Verdict != proof.Incomplete || len(r.Findings) > 0 {
		t.Error(text(r))
	}
	for _, c := range r.Checks {
		seen := c.Result == proof.Pass
		switch c.Name {
		case fsck.Signature, fsck.Genesis, fsck.Entries, fsck.Tree, fsck.Tiles, fsck.Clock, fsck.Chains, fsck.IndexRoots, fsck.Identities, fsck.Schemas, fsck.Periods:
			if !seen {
				t.Errorf("%s did not pass:\n%s", c.Name, text(r))
			}
		default:
			if seen {
				t.Errorf("%s can't be seen from outside, and passed: %s", c.Name, c.Text)
			}
		}
	}
}

// altered is a log that answers something else.
type altered struct {
	fsck.Log
	checkpoint func([]byte) []byte
	bundle     func(n int64, b []byte) ([]byte, error)
	tile       func(level int, n int64, b []byte) []byte
}

func (a altered) Checkpoint(ctx context.Context) ([]byte, error) {
	b, err := a.Log.Checkpoint(ctx)
	if a.checkpoint != nil {
		b = a.checkpoint(bytes.Clone(b))
	}
	return b, err
}

func (a altered) EntryBundle(ctx context.Context, n int64, width int) ([]byte, error) {
	b, err := a.Log.EntryBundle(ctx, n, width)
	if a.bundle != nil && err == nil {
		return a.bundle(n, b)
	}
	return b, err
}

func (a altered) HashTile(ctx context.Context, level int, n int64, width int) ([]byte, error) {
	b, err := a.Log.HashTile(ctx, level, n, width)
	if a.tile != nil {
		b = a.tile(level, n, b)
	}
	return b, err
}

func TestLiveLies(t *testing.T) {
	p := copyOf(t)
	whole := ledgertest.Forge(t, p, ledgertest.Lie{})
	honest := newTiled(whole.Entries, whole.Note)
	shorter := ledgertest.Forge(t, p, ledgertest.Lie{Drop: func(i int64) bool { return i == 1500 }})
	var seen record.Entry
	twice := ledgertest.Forge(t, p, ledgertest.Lie{Before: func(it *ledgertest.Item) {
		switch {
		case it.Entry == nil:
		case it.Index == 800:
			seen = *it.Entry
		case it.Index == 1501:
			it.Entry.Event = seen.Event
		}
	}})
	backwards := ledgertest.Forge(t, p, ledgertest.Lie{After: func(it *ledgertest.Item) {
		if it.Index == 1501 && it.Entry != nil {
			it.Entry.Recorded = it.Entry.Recorded.Add(-1 << 40)
		}
	}})
	for _, tc := range []struct {
		name   string
		log    fsck.Log
		outer  [][]byte
		check  string
		record int64
	}{
		{"an entry altered", altered{Log: honest, bundle: func(n int64, b []byte) ([]byte, error) {
			if n == 3 {
				flip(b)
			}
			return b, nil
		}}, nil, fsck.Entries, 768},
		{"a bundle cut short", altered{Log: honest, bundle: func(n int64, b []byte) ([]byte, error) {
			if n == 3 {
				b = b[:len(b)-1]
			}
			return b, nil
		}}, nil, fsck.Entries, 768},
		{"a tile altered", altered{Log: honest, tile: func(level int, n int64, b []byte) []byte {
			if level == 0 && n == 3 {
				b[40] ^= 1
			}
			return b
		}}, nil, fsck.Tiles, 769},
		{"a tile above altered", altered{Log: honest, tile: func(level int, _ int64, b []byte) []byte {
			if level == 1 {
				b[40] ^= 1
			}
			return b
		}}, nil, fsck.Tiles, 0},
		{"a tile of the edge altered", altered{Log: honest, tile: func(level int, n int64, b []byte) []byte {
			if level == 0 && len(b) < 32*tree.Width {
				b[0] ^= 1
			}
			return b
		}}, nil, fsck.Tiles, int64(len(whole.Entries)) / tree.Width * tree.Width},
		{"the checkpoint altered", altered{Log: honest, checkpoint: func(b []byte) []byte {
			return bytes.Replace(b, []byte("— "), []byte("— x"), 1)
		}}, nil, fsck.Signature, -1},
		{"the checkpoint of another tree", altered{Log: honest, checkpoint: func([]byte) []byte { return shorter.Note }}, nil, fsck.Tree, -1},
		{"a record left out", newTiled(shorter.Entries, shorter.Note), [][]byte{whole.Note}, fsck.Outside, -1},
		{"an event accepted twice", newTiled(twice.Entries, twice.Note), nil, fsck.Identities, 1501},
		{"the clock goes back", newTiled(backwards.Entries, backwards.Note), nil, fsck.Clock, 1501},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := auditLive(t, tc.log, fsck.Options{Checkpoints: tc.outer})
			f, ok := find(r, tc.check, tc.record)
			if r.Verdict != proof.Invalid || !ok {
				t.Fatalf("want a finding of %s about record %d:\n%s", tc.check, tc.record, text(r))
			}
			if f.Record >= 0 && f.Record < r.Size && (f.Where != "server" || f.Checkpoint != r.Size) {
				t.Errorf("the finding names no checkpoint: %+v", f)
			}
			if strings.Contains(text(r), "lendlog repair") {
				t.Errorf("an auditor from outside is told to repair:\n%s", text(r))
			}
		})
	}
	if r := auditLive(t, honest, fsck.Options{Checkpoints: notes(t, whole.Parts), Workers: 1}); r.Verdict != proof.Valid {
		t.Error(text(r))
	}
	broken := altered{Log: honest, bundle: func(n int64, b []byte) ([]byte, error) {
		if n == 3 {
			return nil, errBroken
		}
		return b, nil
	}}
	if _, err := fsck.Live(t.Context(), broken, fsck.Options{}); !errors.Is(err, errBroken) {
		t.Errorf("a server that can't be read gives %v", err)
	}
}

var errBroken = errors.New("connection reset")

// What an auditor can't verify is no checkpoint from outside.
func TestOutsideNotOurs(t *testing.T) {
	p := copyOf(t)
	other := ledgertest.New(t)
	other.Stop()
	r := audit(t, p, fsck.Options{Checkpoints: [][]byte{other.Head().Note, []byte("x")}})
	if r.Verdict != proof.Incomplete {
		t.Error(text(r))
	}
}
