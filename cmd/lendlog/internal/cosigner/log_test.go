// SPDX-License-Identifier: Apache-2.0

package cosigner

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	engine "github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/term"
	"github.com/lendlog/lendlog/ledger/tree"
)

// honest are the leaves of a real ledger, whose last one is an index-root, with
// several of them on the way.
var honest = struct {
	sync.Once
	leaves [][]byte
	vrf    term.PublicKey
}{}

func honestLeaves(t testing.TB) ([][]byte, term.PublicKey) {
	t.Helper()
	honest.Do(func() {
		l := ledgertest.New(t)
		defer l.Stop()
		events := ledgertest.NewEvents(7)
		var head engine.Head
		for range 4 {
			l.Submit(events.Take(250)...)
			var err error
			if head, err = l.IndexedHead(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for n := int64(0); n*tree.Width < head.Size; n++ {
			b, err := l.EntryBundle(t.Context(), n, int(min(tree.Width, head.Size-n*tree.Width)))
			if err != nil {
				t.Fatal(err)
			}
			for len(b) > 0 {
				var leaf []byte
				if leaf, b, err = torchwood.ReadTileEntry(b); err != nil {
					t.Fatal(err)
				}
				honest.leaves = append(honest.leaves, leaf)
			}
		}
		honest.vrf = l.Trust().VRF
	})
	if len(honest.leaves) < 1000 {
		t.Fatal("there is no honest ledger")
	}
	return slices.Clone(honest.leaves), honest.vrf
}

// roots returns the indexes of the index-roots among leaves.
func roots(t testing.TB, leaves [][]byte) (at []int64) {
	t.Helper()
	for i, b := range leaves {
		l, err := record.ParseLeaf(b)
		if err != nil {
			t.Fatal(err)
		}
		if l.IndexRoot != nil {
			at = append(at, int64(i))
		}
	}
	return at
}

// A tiled log has the key of a ledger, and signs and serves whatever leaves it is
// given.
type tiled struct {
	t      testing.TB
	url    string
	signer note.Signer
	key    string // verifier key
	trust  []byte

	mu     sync.Mutex // guards all below
	leaves [][]byte
	stored []tlog.Hash
	fault  func(path string, w http.ResponseWriter) bool // whether it has answered
	asked  []string                                      // paths
}

func serveLog(t testing.TB, origin string, leaves [][]byte) *tiled {
	t.Helper()
	secret, public, err := note.GenerateKey(bytes.NewReader(append(make([]byte, ed25519.SeedSize-1), 9)), origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	_, vrf := honestLeaves(t)
	trust := &proof.Trust{Origin: origin, Genesis: tree.LeafHash(leaves[0]), Keys: []proof.TrustedKey{{Key: public}}, VRF: vrf}
	l := &tiled{t: t, signer: signer, key: public, trust: trust.Bytes()}
	l.have(leaves)
	s := httptest.NewServer(l)
	t.Cleanup(s.Close)
	l.url = s.URL
	return l
}

// have gives the log other leaves.
func (l *tiled) have(leaves [][]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leaves, l.stored = leaves, nil
	for i, b := range leaves {
		h, err := tlog.StoredHashesForRecordHash(int64(i), tree.LeafHash(b), tlog.HashReaderFunc(l.read))
		if err != nil {
			l.t.Fatal(err)
		}
		l.stored = append(l.stored, h...)
	}
}

func (l *tiled) read(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = l.stored[x]
	}
	return out, nil
}

// fail has f answer, where it does.
func (l *tiled) fail(f func(path string, w http.ResponseWriter) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault = f
}

// paths returns what was asked for since the last call.
func (l *tiled) paths() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	asked := l.asked
	l.asked = nil
	return asked
}

func (l *tiled) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	l.mu.Lock()
	l.asked = append(l.asked, path)
	fault := l.fault
	l.mu.Unlock()
	if fault != nil && fault(path, w) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	t, err := torchwood.ParseTilePath(path)
	if err != nil || t.N<<(8*(max(t.L, 0)+1))+int64(t.W)<<(8*max(t.L, 0)) > int64(len(l.leaves)) {
		http.NotFound(w, r)
		return
	}
	var b []byte
	if t.L < 0 {
		for _, leaf := range l.leaves[t.N*tree.Width:][:t.W] {
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(leaf))), leaf...)
		}
	} else if b, err = tlog.ReadTileData(t, tlog.HashReaderFunc(l.read)); err != nil {
		l.t.Errorf("%s: %v", path, err)
	}
	_, _ = w.Write(b)
}

// checkpoint returns the head of the first size leaves.
func (l *tiled) checkpoint(size int64) tree.Checkpoint {
	l.mu.Lock()
	defer l.mu.Unlock()
	root, err := tlog.TreeHash(size, tlog.HashReaderFunc(l.read))
	if err != nil {
		l.t.Fatal(err)
	}
	return tree.Checkpoint{Origin: l.signer.Name(), Size: size, Root: root}
}

func (l *tiled) sign(cp tree.Checkpoint) []byte {
	b, err := cp.Sign(l.signer)
	if err != nil {
		l.t.Fatal(err)
	}
	return b
}

// body is a request to cosign the first size leaves.
func (l *tiled) body(old, size int64) []byte {
	signed := l.sign(l.checkpoint(size))
	l.mu.Lock()
	defer l.mu.Unlock()
	var p []tree.Hash
	if old > 0 && old < size {
		var err error
		if p, err = tlog.ProveTree(size, old, tlog.HashReaderFunc(l.read)); err != nil {
			l.t.Fatal(err)
		}
	}
	return body(old, p, signed)
}

func body(old int64, proof []tree.Hash, signed []byte) []byte {
	b := fmt.Appendf(nil, "old %d\n", old)
	for _, h := range proof {
		b = append(base64.StdEncoding.AppendEncode(b, h[:]), '\n')
	}
	return append(append(b, '\n'), signed...)
}

// newDir makes the directory of a witness, whose key is the same in all tests.
func newDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	secret, _, err := note.GenerateKey(bytes.NewReader(append(make([]byte, ed25519.SeedSize-1), 3)), "witness.test/1")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/"+keyFile, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// start opens a witness of logs. It is closed at the end of the test.
func start(t testing.TB, c Config, logs ...*tiled) *Witness {
	t.Helper()
	if c.Patience == 0 {
		c.Patience = time.Minute // a disk may take its time
	}
	for _, l := range logs {
		c.Ledgers = append(c.Ledgers, Ledger{Trust: l.trust, Tiles: l.url})
	}
	w, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// ask sends a request to the handler.
func (w *Witness) ask(b []byte) (status int, text string, header http.Header) {
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/add-checkpoint", bytes.NewReader(b)))
	out, _ := io.ReadAll(rec.Result().Body)
	return rec.Code, string(out), rec.Header()
}

// get asks for an address.
func (w *Witness) get(path string) (status int, text string) {
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, path, nil))
	return rec.Code, rec.Body.String()
}

// cosigns wants a request answered with a cosignature of a checkpoint.
func (w *Witness) cosigns(t testing.TB, l *tiled, old, size int64) {
	t.Helper()
	status, text, _ := w.ask(l.body(old, size))
	if status != http.StatusOK {
		t.Fatalf("from %d to %d it answers %d: %s", old, size, status, text)
	}
	cp := l.checkpoint(size)
	got, n, err := tree.OpenCheckpoint(append([]byte(cp.Text()+"\n"), text...), note.VerifierList(w.key))
	if err != nil || got != cp || len(n.Sigs) != 1 {
		t.Fatalf("it answers %q: %v", text, err)
	}
}
