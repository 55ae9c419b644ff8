// SPDX-License-Identifier: Apache-2.0

package cosigner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

const (
	fetchTimeout = time.Minute // with one tile or bundle
	// ahead is how many bundles are fetched before they are needed. Each has at
	// most 16 MiB.
	ahead = 3
	// maxCached bounds the tiles of a tree that are held, 8 KiB each.
	maxCached = 4096
)

// ErrUnavailable: the tiles of a ledger could not be had, or are not those of
// its checkpoint. That is no lie of the ledger's: a tile bears no signature.
var ErrUnavailable = errors.New("the tiles of the ledger are not to be had")

func unavailable(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrUnavailable, fmt.Errorf(format, args...))
}

// errAbsent: the server has no such tile.
var errAbsent = errors.New("it is not there (404)")

// A source is where the tiles of a ledger are (C2SP tlog-tiles). Nothing that
// it answers is believed.
type source struct {
	prefix string // URL, without a slash at the end
	key    string // to show, "" for none
	client *http.Client
}

func newSource(prefix, key string, transport http.RoundTripper) (*source, error) {
	u, err := url.Parse(prefix)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, errors.New("the URL below which the tiles are is not one such as https://ledger.bank.example/log, without a password in it")
	}
	if ip := net.ParseIP(u.Hostname()); key != "" && u.Scheme != "https" && u.Hostname() != "localhost" && !ip.IsLoopback() {
		return nil, errors.New("the key for the tiles is not sent over http, where others could read it on its way: name them with https")
	}
	return &source{strings.TrimRight(u.String(), "/"), key, &http.Client{
		Transport:     transport,
		Timeout:       fetchTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// get reads at most limit bytes.
func (s *source) get(ctx context.Context, path string, limit int) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.prefix+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "lendlog-witness")
	if s.key != "" {
		req.Header.Set("Authorization", "Bearer "+s.key)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return nil, fmt.Errorf("%s: %w", path, errAbsent)
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, fmt.Errorf("%s is not for this witness (%d): the ledger has to be a public log, or grant this witness a key of the role monitor", path, resp.StatusCode)
	default:
		return nil, fmt.Errorf("%s is answered with %d", path, resp.StatusCode)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, int64(limit)+1))
	if err == nil && len(b) > limit {
		err = fmt.Errorf("%s has more than %d bytes", path, limit)
	}
	return b, err
}

// tile reads a tile of hashes or entries. Of one that is not full, servers may
// have only the full one that has taken its place.
func (s *source) tile(ctx context.Context, t tlog.Tile, each int) ([]byte, error) {
	b, err := s.get(ctx, torchwood.TilePath(t), t.W*each)
	if full := t; t.W < tree.Width && errors.Is(err, errAbsent) {
		full.W = tree.Width
		b, err = s.get(ctx, torchwood.TilePath(full), full.W*each)
	}
	return b, err
}

// A forest reads one tree of a source, of which the root is known. What it
// returns has been shown to be of that tree. It is safe for concurrent use.
type forest struct {
	*source
	tree.Checkpoint

	mu     sync.Mutex // guards cached
	cached map[tlog.Tile][]byte
}

func (s *source) forest(cp tree.Checkpoint) *forest {
	return &forest{source: s, Checkpoint: cp, cached: map[tlog.Tile][]byte{}}
}

// hashes returns a reader of the hashes of the tree.
func (f *forest) hashes(ctx context.Context) tlog.HashReader {
	return torchwood.TileHashReaderWithContext(ctx, tlog.Tree{N: f.Size, Hash: f.Root}, f)
}

// ReadTiles implements torchwood.TileReader.
func (f *forest) ReadTiles(ctx context.Context, tiles []tlog.Tile) (data [][]byte, err error) {
	for _, t := range tiles {
		f.mu.Lock()
		b, ok := f.cached[t]
		f.mu.Unlock()
		if !ok {
			if b, err = f.tile(ctx, t, tlog.HashSize); err != nil {
				return nil, err
			}
			if len(b) < t.W*tlog.HashSize {
				return nil, fmt.Errorf("%s has %d bytes only", torchwood.TilePath(t), len(b))
			}
			b = b[:t.W*tlog.HashSize]
		}
		data = append(data, b)
	}
	return data, nil
}

// SaveTiles implements torchwood.TileReader. It keeps what is needed again: all
// but the full tiles of leaves, and of those the last.
func (f *forest) SaveTiles(tiles []tlog.Tile, data [][]byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, t := range tiles {
		if len(f.cached) >= maxCached {
			clear(f.cached)
		}
		if t.L > 0 || t.N == (f.Size-1)/tree.Width {
			f.cached[t] = data[i]
		}
	}
}

// ReadEndpoint implements torchwood.TileReader.
func (f *forest) ReadEndpoint(ctx context.Context, path string) ([]byte, error) {
	return f.get(ctx, path, maxRequest)
}

// continues proves that the first size leaves of the tree have a root. With a
// proof of that, the error is nil and ok says what it shows.
func (f *forest) continues(ctx context.Context, size int64, root tree.Hash) (ok bool, err error) {
	switch size {
	case 0:
		return root == tree.EmptyRoot, nil
	case f.Size:
		return root == f.Root, nil
	}
	proof, err := tlog.ProveTree(f.Size, size, f.hashes(ctx))
	if err != nil {
		return false, unavailable("couldn't see whether the tree of %d leaves continues that of %d: %w", f.Size, size, err)
	}
	// The hashes are of the tree, so a proof that does not verify is about root.
	return tree.VerifyConsistency(proof, size, f.Size, root, f.Root) == nil, nil
}

// leaves returns the leaves from index from on of the bundle that it is in, all
// of them that the tree has.
func (f *forest) leaves(ctx context.Context, from int64) ([][]byte, error) {
	n, skip := from/tree.Width, int(from%tree.Width)
	width := int(min(tree.Width, f.Size-n*tree.Width))
	b, err := f.tile(ctx, tlog.Tile{H: torchwood.TileHeight, L: -1, N: n, W: width}, 2+record.MaxEntry)
	if err != nil {
		return nil, unavailable("couldn't read leaves %d to %d: %w", from, n*tree.Width+int64(width)-1, err)
	}
	var items [][]byte
	var indexes []int64
	for i := range width {
		var item []byte
		if item, b, err = torchwood.ReadTileEntry(b); err != nil {
			return nil, unavailable("couldn't read leaf %d: %w", n*tree.Width+int64(i), err)
		}
		if i >= skip {
			items = append(items, item)
			indexes = append(indexes, tlog.StoredHashIndex(0, n*tree.Width+int64(i)))
		}
	}
	hashes, err := f.hashes(ctx).ReadHashes(indexes)
	if err != nil {
		return nil, unavailable("couldn't read the hashes of leaves %d to %d: %w", from, n*tree.Width+int64(width)-1, err)
	}
	for i, h := range hashes {
		if tree.LeafHash(items[i]) != h {
			return nil, unavailable("leaf %d is not the one in the tree", from+int64(i))
		}
	}
	return items, nil
}

// each calls yield with all leaves of the tree from an index on, in their order,
// and fetches some bundles ahead.
func (f *forest) each(ctx context.Context, from int64, yield func(leaf []byte) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type bundle struct {
		leaves [][]byte
		err    error
	}
	next := make(chan chan bundle, ahead-1)
	go func() {
		defer close(next)
		for at := from; at < f.Size; at = (at/tree.Width + 1) * tree.Width {
			out := make(chan bundle, 1)
			select {
			case next <- out:
			case <-ctx.Done():
				return
			}
			go func() {
				leaves, err := f.leaves(ctx, at)
				out <- bundle{leaves, err}
			}()
		}
	}()
	for out := range next {
		b := <-out
		if b.err != nil {
			return b.err
		}
		for _, leaf := range b.leaves {
			if err := yield(leaf); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}
