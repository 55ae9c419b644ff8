// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/tree"
)

// The subjects of what the ledger records of its anchors, and of the blocks that
// it saw.
const (
	anchorSubject = "ledger/anchors"
	chainSubject  = "ledger/chains"
)

// A ChainBlock is a block of a chain.
type ChainBlock struct {
	Chain  uint64 // EIP-155
	Number uint64
	Hash   [32]byte
}

// An AnchorRecord is what the ledger records of an anchor that is final.
type AnchorRecord struct {
	Target   string    // the name of the place
	ID       string    // of the anchor, unique among those of the place
	Size     int64     // of the checkpoint
	Root     tree.Hash // of the checkpoint
	At       time.Time // by the clock of the place
	Testnet  bool
	Block    *ChainBlock // that has the anchor; nil where the place is no chain
	Contract [20]byte    // that logged it, where the place is a chain
	Stamps   [][32]byte  // SHA-256 of the tokens, where the place is of time stamps
}

// A BlockRecord is what the ledger records of a block that was final.
type BlockRecord struct {
	Target string // the name of the place
	ChainBlock
	At      time.Time // of the block
	Testnet bool
}

// CanRecordAnchors returns an error that names the remedy where the ledger does
// not take records of anchors, because an older program made it.
func (l *Ledger) CanRecordAnchors() error {
	for _, typ := range []string{record.TypeAnchorFinal, record.TypeChainObserved} {
		if _, ok := l.Catalogue().Type(typ); !ok {
			return fmt.Errorf("the ledger does not take %s, because an older program made it: stop it, and run `lendlog types add --builtin --dir DIR`", typ)
		}
	}
	return nil
}

// RecordAnchor records that an anchor is final, once: where there is a record of
// it already, its index is returned. The ledger must be running.
func (l *Ledger) RecordAnchor(ctx context.Context, a AnchorRecord) (index int64, err error) {
	data := []canon.Member{
		{Name: "target", Value: canon.Text(a.Target)},
		{Name: "size", Value: canon.Number(a.Size)},
		{Name: "root", Value: canon.Text(base64Of(a.Root))},
		{Name: "at", Value: canon.Text(a.At.UTC().Format(record.TimeLayout))},
	}
	if b := a.Block; b != nil {
		data = append(data, b.members()...)
		data = append(data, canon.Member{Name: "contract", Value: canon.Text("0x" + hex.EncodeToString(a.Contract[:]))})
	}
	if len(a.Stamps) > 0 {
		stamps := canon.Value{Kind: canon.Array}
		for _, h := range a.Stamps {
			stamps.Items = append(stamps.Items, canon.Text(base64Of(h)))
		}
		data = append(data, canon.Member{Name: "stamps", Value: stamps})
	}
	index, err = l.recordOnce(ctx, record.TypeAnchorFinal, anchorSubject, "anchor/"+a.Target+"/"+a.ID, testnet(data, a.Testnet))
	if err != nil {
		return 0, fmt.Errorf("couldn't record the anchor of checkpoint %d: %w", a.Size, err)
	}
	return index, nil
}

// RecordBlock records that a block was seen that was final, once. The ledger must
// be running.
func (l *Ledger) RecordBlock(ctx context.Context, b BlockRecord) (index int64, err error) {
	data := append(b.members(),
		canon.Member{Name: "target", Value: canon.Text(b.Target)},
		canon.Member{Name: "at", Value: canon.Text(b.At.UTC().Format(record.TimeLayout))},
	)
	id := fmt.Sprintf("block/%s/%d/0x%x", b.Target, b.Number, b.Hash)
	index, err = l.recordOnce(ctx, record.TypeChainObserved, chainSubject, id, testnet(data, b.Testnet))
	if err != nil {
		return 0, fmt.Errorf("couldn't record block %d: %w", b.Number, err)
	}
	return index, nil
}

func (b *ChainBlock) members() []canon.Member {
	return []canon.Member{
		{Name: "chain", Value: canon.Number(int64(b.Chain))},
		{Name: "block", Value: canon.Number(int64(b.Number))},
		{Name: "blockHash", Value: canon.Text("0x" + hex.EncodeToString(b.Hash[:]))},
	}
}

// testnet adds a member that says so to those of a place that is one.
func testnet(data []canon.Member, is bool) []canon.Member {
	if is {
		data = append(data, canon.Member{Name: "testnet", Value: canon.Flag(true)})
	}
	return data
}

// recordOnce appends an event of the ledger itself unless it has its identity
// already.
func (l *Ledger) recordOnce(ctx context.Context, typ, subject, id string, data []canon.Member) (int64, error) {
	if at, ok, err := l.store.Identity(seal.Identity(l.keys.Index, l.ownSource(), id)); err != nil {
		return 0, err
	} else if ok {
		return at.Index, nil
	}
	ev, err := l.own(ownEvent{typ: typ, subject: subject, id: id, data: canon.Map(data...)})
	if err != nil {
		return 0, err
	}
	p, err := l.enqueue(ctx, ev, ownSubmitter)
	if err != nil {
		return 0, err
	}
	// Once it is queued it will be recorded, whether the caller waits or not.
	r, err := p.Wait(context.WithoutCancel(ctx))
	if conflict := (*ConflictError)(nil); errors.As(err, &conflict) {
		return conflict.Index, nil // another one was faster
	}
	if err != nil {
		return 0, err
	}
	return r.Receipt.Index, nil
}

// quiet reports whether records of a type are not worth an anchor of their own: a
// ledger that rests would never come to rest.
func quiet(typ string) bool {
	return typ == record.TypeAnchorFinal || typ == record.TypeChainObserved || typ == record.TypeAuditCompleted
}

// NextToAnchor returns the first record from an index on that is worth an anchor,
// and when it was recorded: all but index-roots and what the ledger records of
// anchors, blocks and its own audits.
// Where there is none it returns the size of the ledger and the zero time.
func (l *Ledger) NextToAnchor(ctx context.Context, from int64) (index int64, recorded time.Time, err error) {
	view := l.published.Load().view
	found := errors.New("found")
	for first := from; first < view.Size; first += nextStep {
		if err := ctx.Err(); err != nil {
			return 0, time.Time{}, err
		}
		err := l.store.Entries(first, min(nextStep, view.Size-first), func(i int64, b []byte) error {
			lf, err := l.checkEntry(view, i, b)
			switch {
			case err != nil:
				return err
			case lf.Entry == nil, quiet(lf.Entry.Type):
				return nil
			}
			index, recorded = i, lf.Entry.Recorded
			return found
		})
		switch {
		case errors.Is(err, found):
			return index, recorded, nil
		case err != nil:
			return 0, time.Time{}, err
		}
	}
	return view.Size, time.Time{}, nil
}

// nextStep is how many entries are read at a time where mostly the first one is
// what is looked for.
const nextStep = 16

// AnchoredPage returns up to so many anchors of the archive, from a number on in
// the order in which they were added, and the number that the next ones begin
// with; it is that of the archive when there are no more. One that is altered is
// passed over.
func (l *Ledger) AnchoredPage(from, limit int) (page []proof.Anchored, next int) {
	for next = max(from, 0); next < l.anchored.Count() && len(page) < limit; next++ {
		if a, _, ok := l.anchoredAt(next); ok {
			page = append(page, a)
		}
	}
	return page, next
}

// AnchoredCount returns how many anchors the archive has.
func (l *Ledger) AnchoredCount() int { return l.anchored.Count() }
