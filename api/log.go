// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/lendlog/lendlog/ledger/access"
)

// The log below /log is laid out as C2SP tlog-tiles says, so that any client
// of that format reads it. Tiles hold pseudonymous data: see tilesClosed.

// immutable is for what never changes under its address.
const immutable = "max-age=31536000, immutable"

// tilesClosed reports why tiles are not served. Tiles let their reader follow
// a subject through the log without knowing who it is, so they leave the
// machine only for whoever has a key, or when the ledger was opened to the public.
func (s *Server) tilesClosed() error {
	if s.conf.Remote && !s.demandsKeys() && !s.ledger.Info().PublicLog {
		return faultf(kindTilesClosed, "a public log is made with lendlog init --public-log; checkpoints and proofs need no tiles")
	}
	return nil
}

// tiles is the permission that tiles need.
func (s *Server) tiles() access.Permission {
	if s.ledger != nil && s.ledger.Info().PublicLog {
		return access.Public
	}
	return access.LogRead
}

// logTile answers with a tile of hashes: GET /log/tile/<L>/<N>[.p/<W>].
func (s *Server) logTile(c *call) error {
	return s.tile(c, c.Param("level"), func(t tlog.Tile) ([]byte, error) {
		return s.ledger.HashTile(c.ctx(), t.L, t.N, t.W)
	})
}

// logEntries answers with a bundle of entries: GET
// /log/tile/entries/<N>[.p/<W>].
func (s *Server) logEntries(c *call) error {
	return s.tile(c, "entries", func(t tlog.Tile) ([]byte, error) {
		return s.ledger.EntryBundle(c.ctx(), t.N, t.W)
	})
}

func (s *Server) tile(c *call, level string, read func(tlog.Tile) ([]byte, error)) error {
	if err := s.tilesClosed(); err != nil {
		return err
	}
	t, ok := parseTile(level + c.Param("path"))
	if !ok {
		return errNoRoute
	}
	b, err := read(t)
	if err != nil {
		return err
	}
	scope := "private, "
	if s.ledger.Info().PublicLog {
		scope = "public, "
	}
	c.Header("Cache-Control", scope+immutable)
	c.bytes(http.StatusOK, "application/octet-stream", b)
	return nil
}

// parseTile reads "<L>/<N>" or "entries/<N>", each with or without ".p/<W>",
// in the one spelling that C2SP tlog-tiles allows. The paths of x/mod's tlog
// name the height of tiles besides, and call entries "data".
func parseTile(path string) (tlog.Tile, bool) {
	level, rest, ok := strings.Cut(path, "/")
	switch {
	case !ok || level == "data":
		return tlog.Tile{}, false
	case level == "entries":
		level = "data"
	}
	t, err := tlog.ParseTilePath("tile/8/" + level + "/" + rest)
	if err != nil || t.L > maxTileLevel || t.N >= maxTiles || len(rest) > maxTilePath {
		return tlog.Tile{}, false
	}
	return t, true
}

// What a tree of 2^62 leaves may need: levels, tiles of one level, and the
// characters of a path. Beyond the last the number of a tile would overflow
// before it could be looked at.
const (
	maxTileLevel = 7
	maxTiles     = 1 << 54
	maxTilePath  = len("x018/x014/x398/x509/x481/983.p/255")
)
