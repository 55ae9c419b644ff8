// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// tileHeight is that of C2SP tlog-tiles.
const tileHeight = 8

// HashTile reads the first width hashes of a tile (C2SP tlog-tiles); width is
// 1 to 256. They are as the server sends them: whoever reads tiles hashes them
// together and compares the root with a [Client.Checkpoint], which is what an
// audit does.
func (c *Client) HashTile(ctx context.Context, level int, n int64, width int) ([]byte, error) {
	return c.tile(ctx, tlog.Tile{H: tileHeight, L: level, N: n, W: width})
}

// EntryBundle reads the first width entries of bundle n, each behind its
// length in two bytes (C2SP tlog-tiles). Like a tile it is not verified.
func (c *Client) EntryBundle(ctx context.Context, n int64, width int) ([]byte, error) {
	return c.tile(ctx, tlog.Tile{H: tileHeight, L: -1, N: n, W: width})
}

func (c *Client) tile(ctx context.Context, t tlog.Tile) ([]byte, error) {
	path := strings.TrimPrefix(t.Path(), "tile/8/")
	if data, ok := strings.CutPrefix(path, "data/"); ok {
		path = "entries/" + data
	}
	return c.get(ctx, "/log/tile/"+path, maxLarge)
}
