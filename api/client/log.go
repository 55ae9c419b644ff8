// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// tileHeight is that of C2SP tlog-tiles.
const tileHeight = 8

// A Log reads the ledger as C2SP tlog-tiles lays it out, for whoever audits it.
// Its checkpoints are accepted as by [Client.Checkpoint]; tiles and entries are
// as the server sends them, to be hashed together and held against one.
type Log struct{ c *Client }

// Log returns the log of the ledger. A server may keep it to its own machine.
func (c *Client) Log() *Log { return &Log{c} }

// Checkpoint returns the newest checkpoint as a signed note.
func (l *Log) Checkpoint(ctx context.Context) ([]byte, error) {
	cp, err := l.c.Checkpoint(ctx)
	return cp.Note, err
}

// HashTile returns the first width hashes of a tile, 32 bytes each; width is
// 1 to 256.
func (l *Log) HashTile(ctx context.Context, level int, n int64, width int) ([]byte, error) {
	b, err := l.tile(ctx, tlog.Tile{H: tileHeight, L: level, N: n, W: width})
	if err == nil && len(b) != width*tlog.HashSize {
		return nil, lie(-1, "a tile of %d hashes has %d bytes", width, len(b))
	}
	return b, err
}

// EntryBundle returns the first width entries of bundle n, each behind its
// length in two bytes; width is 1 to 256.
func (l *Log) EntryBundle(ctx context.Context, n int64, width int) ([]byte, error) {
	return l.tile(ctx, tlog.Tile{H: tileHeight, L: -1, N: n, W: width})
}

func (l *Log) tile(ctx context.Context, t tlog.Tile) ([]byte, error) {
	path := strings.TrimPrefix(t.Path(), "tile/8/")
	if data, ok := strings.CutPrefix(path, "data/"); ok {
		path = "entries/" + data
	}
	return l.c.get(ctx, "/log/tile/"+path, maxLarge)
}
