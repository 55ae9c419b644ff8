// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/tree"
)

// bigLog serves a log with full tiles, partial tiles and a second level.
func bigLog(t *testing.T) *testServer {
	l := ledgertest.Start(t, ledgertest.Create(t, ledger.CreateOptions{}), ledger.Options{})
	l.Submit(ledgertest.NewEvents(5).Take(1100)...)
	s := serveLedger(t, l, nil)
	// torchwood asks for many tiles at once.
	s.client.Transport.(*checkedTransport).RoundTripper.(*http.Transport).MaxIdleConnsPerHost = 100
	return s
}

// An off-the-shelf client of C2SP tlog-tiles reads the whole log and verifies
// each entry under the checkpoint.
func TestTorchwoodReadsTheLog(t *testing.T) {
	s := bigLog(t)
	v, err := note.NewVerifier(s.ledger.Info().VerifierKeys[0])
	if err != nil {
		t.Fatal(err)
	}
	policy := torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(ledgertest.Origin), torchwood.SingleVerifierPolicy(v))
	fetcher, err := torchwood.NewTileFetcher(s.url+"/log", torchwood.WithHTTPClient(s.client))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := fetcher.ReadEndpoint(t.Context(), "checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	cp, _, err := torchwood.VerifyCheckpoint(signed, policy)
	if err != nil {
		t.Fatal(err)
	}
	if cp.N < 1024 || cp.N%256 == 0 {
		t.Fatalf("the log has %d leaves, too few or none on the edge", cp.N)
	}
	client, err := torchwood.NewClient(fetcher)
	if err != nil {
		t.Fatal(err)
	}
	n := int64(0)
	for i, entry := range client.AllEntries(t.Context(), cp.Tree, 0) {
		if i != n {
			t.Fatalf("entry %d came after %d", i, n)
		}
		r, err := s.ledger.Record(t.Context(), i)
		if err != nil || !bytes.Equal(entry, r.Entry) {
			t.Fatalf("entry %d is another: %v", i, err)
		}
		n++
	}
	if err := client.Err(); err != nil || n != cp.N {
		t.Errorf("%d entries of %d: %v", n, cp.N, err)
	}

	proof := s.want(s.get("/v1/records/1000/proof"), http.StatusOK).body
	r, err := s.ledger.Record(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	if err := torchwood.VerifyProof(policy, tree.LeafHash(r.Entry), proof); err != nil {
		t.Errorf("the tlog-proof: %v", err)
	}
}

// tileReader lets x/mod's tlog read tiles; it names their height in paths.
type tileReader struct{ s *testServer }

func (r tileReader) Height() int                     { return 8 }
func (r tileReader) SaveTiles([]tlog.Tile, [][]byte) {}
func (r tileReader) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, tile := range tiles {
		path := "/log/tile/" + strings.TrimPrefix(tile.Path(), "tile/8/")
		resp, err := r.s.client.Get(r.s.url + path)
		if err != nil {
			return nil, err
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s: status %d, %v", path, resp.StatusCode, err)
		}
		data = append(data, b)
	}
	return data, nil
}

// golang.org/x/mod/sumdb/tlog verifies the log through its tiles.
func TestTlogReadsTheLog(t *testing.T) {
	s := bigLog(t)
	head := s.ledger.Head()
	hashes := tlog.TileHashReader(tlog.Tree{N: head.Size, Hash: head.Root}, tileReader{s})
	for _, size := range []int64{1, 255, 256, 257, 1024, head.Size} {
		root, err := tlog.TreeHash(size, hashes)
		if err != nil {
			t.Fatal(err)
		}
		p, err := tlog.ProveTree(head.Size, size, hashes)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckTree(p, head.Size, head.Root, size, root); err != nil {
			t.Errorf("size %d: %v", size, err)
		}
	}
	for _, i := range []int64{0, 255, 256, 1000, head.Size - 1} {
		r, err := s.ledger.Record(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		p, err := tlog.ProveRecord(head.Size, i, hashes)
		if err != nil {
			t.Fatal(err)
		}
		if err := tlog.CheckRecord(p, head.Size, head.Root, i, tlog.RecordHash(r.Entry)); err != nil {
			t.Errorf("record %d: %v", i, err)
		}
	}
}

func TestTiles(t *testing.T) {
	s := bigLog(t)
	edge := s.ledger.Head().Size % 256
	full := s.ledger.Head().Size / 256
	for path, size := range map[string]int{
		"0/000":                                256 * 32,
		"0/000.p/1":                            32, // part of a full tile
		"0/000.p/255":                          255 * 32,
		fmt.Sprintf("0/%03d.p/1", full):        32,
		fmt.Sprintf("0/%03d.p/%d", full, edge): int(edge) * 32,
		fmt.Sprintf("1/000.p/%d", full):        int(full) * 32,
		"entries/000":                          -1,
		"entries/000.p/3":                      -1,
		fmt.Sprintf("entries/%03d.p/%d", full, edge): -1,
	} {
		a := s.want(s.get("/log/tile/"+path), http.StatusOK)
		if size >= 0 && len(a.body) != size || a.header.Get("Cache-Control") != "private, "+immutable {
			t.Errorf("%s has %d bytes, want %d; Cache-Control %q", path, len(a.body), size, a.header.Get("Cache-Control"))
		}
	}
	for _, path := range []string{
		fmt.Sprintf("0/%03d", full), fmt.Sprintf("0/%03d.p/%d", full, edge+1), fmt.Sprintf("0/%03d.p/1", full+1), // not there yet
		fmt.Sprintf("entries/%03d", full), fmt.Sprintf("entries/%03d.p/%d", full, edge+1), "1/000", "2/000.p/1", "7/000.p/1",
		"0/0", "0/00", "0/0000", "0/x000/000", "0/000/000", "0/x000", "00/000", "+0/000", "-1/000", "8/000", "0/1", // one spelling only
		"0/000.p/0", "0/000.p/256", "0/000.p/01", "0/000.p/", "0/000.p", "0/000/", "0//000", "0/", "entries/", "entries/0", "data/000", "8/0/000",
		"0/%30%30%30", "0/000%2ep/1", "0/00%30",
		// Their first leaf overflows to 0.
		"entries/x072/x057/x594/x037/x927/936", "entries/x018/x446/x744/x073/x709/x551/616",
	} {
		s.wantProblem(s.get("/log/tile/"+path), kindNotFound)
	}
}

// Tiles leave the machine only from a public log; checkpoints always do.
func TestTilesClosed(t *testing.T) {
	for name, c := range map[string]struct {
		remote, public bool
		status         int
		cache          string
	}{
		"loopback":         {false, false, http.StatusOK, "private, " + immutable},
		"loopback, public": {false, true, http.StatusOK, "public, " + immutable},
		"remote":           {true, false, http.StatusForbidden, "no-store"},
		"remote, public":   {true, true, http.StatusOK, "public, " + immutable},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, ledger.CreateOptions{PublicLog: c.public}, func(conf *Config) { conf.Remote = c.remote })
			for _, path := range []string{"/log/tile/0/000.p/5", "/log/tile/entries/000.p/5"} {
				a := s.want(s.get(path), c.status)
				if a.header.Get("Cache-Control") != c.cache {
					t.Errorf("%s: Cache-Control is %q, want %q", path, a.header.Get("Cache-Control"), c.cache)
				}
				if c.status == http.StatusForbidden {
					s.wantProblem(a, kindTilesClosed)
				}
			}
			s.want(s.get("/log/checkpoint"), http.StatusOK)
		})
	}
}

// FuzzTilePath holds parseTile against torchwood's parser.
func FuzzTilePath(f *testing.F) {
	for _, path := range []string{
		"0/000", "0/000.p/1", "entries/x001/x234/067", "entries/000.p/255", "63/000", "data/000", "0/x999/x999/x999/x999/x999/999",
		"0/x018/x014/x398/x509/x481/983.p/255", "entries/x072/x057/x594/x037/x927/936", "0/x000/001", "0/-01", "0/000.p/256", "/", "",
	} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		got, ok := parseTile(path)
		want, err := torchwood.ParseTilePath("tile/" + path)
		if !ok {
			if err == nil && want.L >= -1 && want.L <= maxTileLevel && want.N < maxTiles && len(path) < maxTilePath && !strings.HasPrefix(path, "data/") {
				t.Fatalf("%q is refused, but names tile %+v", path, want)
			}
			return
		}
		if err != nil || got != want {
			t.Fatalf("%q is %+v, want %+v, %v", path, got, want, err)
		}
		if torchwood.TilePath(got) != "tile/"+path {
			t.Fatalf("%q is a second spelling of %s", path, torchwood.TilePath(got))
		}
		if got.N < 0 || (got.N+1)*256 <= got.N || got.W < 1 || got.W > 256 {
			t.Fatalf("%q names tile %+v, which no tree has", path, got)
		}
	})
}
