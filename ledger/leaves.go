// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/lendlog/lendlog/ledger/tree"
)

// leafHashes are the first bytes of the hashes of all leaves, in their order: four
// bytes a record, read from the tree as far as it has grown since. A hash is looked
// for from one end to the other, which takes less than a millisecond for a million,
// and costs an append nothing.
type leafHashes struct {
	mu       sync.Mutex // guards prefixes
	prefixes []uint32
}

// Leaf returns the index of the leaf with a hash, or ErrNotFound.
func (l *Ledger) Leaf(ctx context.Context, hash tree.Hash) (int64, error) {
	view := l.published.Load().view
	h := &l.leafHashes
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.grow(ctx, view); err != nil {
		return 0, err
	}
	want := binary.BigEndian.Uint32(hash[:])
	for i, p := range h.prefixes[:min(int64(len(h.prefixes)), view.Size)] {
		if p != want {
			continue
		}
		if got, err := view.Leaf(int64(i)); err != nil || got == hash {
			return int64(i), err
		}
	}
	return 0, fmt.Errorf("the leaf is %w", ErrNotFound)
}

// warm reads what Leaf would read.
func (l *Ledger) warm(ctx context.Context) error {
	h := &l.leafHashes
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.grow(ctx, l.published.Load().view)
}

// grow reads the hashes that there are not yet, each tile checked against the tree.
func (h *leafHashes) grow(ctx context.Context, view tree.View) error {
	for n := int64(len(h.prefixes)); n < view.Size; n = int64(len(h.prefixes)) {
		tile, err := view.Tile(0, n/tree.Width)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		for _, hash := range tile.Hashes()[n%tree.Width:] {
			h.prefixes = append(h.prefixes, binary.BigEndian.Uint32(hash[:]))
		}
	}
	return nil
}
