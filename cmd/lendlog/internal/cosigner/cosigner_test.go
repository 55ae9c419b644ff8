// SPDX-License-Identifier: Apache-2.0

package cosigner

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

const testOrigin = "ledger.test.example/2026"

// A ledger as it grows, from one index-root to the next and between them, is
// cosigned, also by a witness that was started again, and each leaf is fetched
// about once.
func TestGrows(t *testing.T) {
	leaves, _ := honestLeaves(t)
	l := serveLog(t, testOrigin, leaves)
	c := Config{Dir: newDir(t)}
	w := start(t, c, l)
	var old int64
	for _, at := range roots(t, leaves) {
		for _, size := range []int64{at, at + 1} { // one that ends with an index-root, and one that does not
			if size == 0 {
				continue
			}
			w.cosigns(t, l, old, size)
			if old = size; size%2 == 0 {
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				l.paths()
				w = start(t, c, l)
				if p := l.paths(); len(p) > 0 {
					t.Errorf("a witness that is started asks for %v", p)
				}
			}
		}
	}
	if old != int64(len(leaves)) {
		t.Fatalf("%d leaves of %d were cosigned", old, len(leaves))
	}
	// Again, and to whoever does not know how far it is.
	w.cosigns(t, l, old, old)
	if status, text, h := w.ask(l.body(0, old)); status != http.StatusConflict || text != fmt.Sprintf("%d\n", old) || h.Get("Content-Type") != "text/x.tlog.size" {
		t.Errorf("it answers %d %q as %s", status, text, h.Get("Content-Type"))
	}
	lo := w.of(testOrigin)
	if lo.memory.Size() != old || lo.archive.Count() == 0 {
		t.Errorf("it replayed %d leaves and archived %d checkpoints", lo.memory.Size(), lo.archive.Count())
	}
}

// Every status of the specification, each for its own reason, and in its order
// of checks.
func TestStatuses(t *testing.T) {
	leaves, _ := honestLeaves(t)
	all := roots(t, leaves)
	have, size := all[1]+1, all[2]+1
	l := serveLog(t, testOrigin, leaves)
	other := serveLog(t, "ledger.other.example/1", leaves)
	w := start(t, Config{Dir: newDir(t)}, l)
	w.cosigns(t, l, 0, have)
	before, err := os.ReadFile(filepath.Join(w.of(testOrigin).dir, newestFile))
	if err != nil {
		t.Fatal(err)
	}

	good := l.body(have, size)
	head, signed, _ := bytes.Cut(good, []byte("\n\n"))
	secret, _, err := note.GenerateKey(bytes.NewReader(append(make([]byte, ed25519.SeedSize-1), 77)), testOrigin)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	forged, err := l.checkpoint(size).Sign(stranger)
	if err != nil {
		t.Fatal(err)
	}
	fork := l.checkpoint(have)
	fork.Root[0] ^= 1
	text, lines, _ := tree.SplitNote(signed)
	swap := func(old, to string) []byte { return bytes.Replace(slices.Clone(good), []byte(old), []byte(to), 1) }
	for _, tc := range []struct {
		name string
		body []byte
		want int
	}{
		{"nothing", nil, 400},
		{"no old size", good[bytes.IndexByte(good, '\n')+1:], 400},
		{"old size with a zero before it", swap("old ", "old 0"), 400},
		{"old size with a sign", swap("old ", "old +"), 400},
		{"negative old size", swap("old ", "old -"), 400},
		{"old size with two spaces", swap("old ", "old  "), 400},
		{"old size that overflows", swap("old ", "old 99999999999999999999"), 400},
		{"line ends of another system", bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n")), 400},
		{"no empty line", append(slices.Clone(head), '\n'), 400},
		{"proof that is no base64", swap("\n", "\n!\n"), 400},
		{"hash that is too short", swap("\n", "\nAAAA\n"), 400},
		{"64 lines of proof", body(have, make([]tree.Hash, 64), signed), 400},
		{"no checkpoint", append(slices.Clone(head), "\n\n"...), 400},
		{"checkpoint without signatures", body(have, nil, []byte(text)), 400},
		{"checkpoint with an extension line", body(have, nil, []byte(text+"more\n\n"+lines)), 400},
		{"checkpoint whose size has a zero before it", swap("\n"+fmt.Sprint(size)+"\n", "\n0"+fmt.Sprint(size)+"\n"), 400},
		{"signature that is none", body(have, nil, []byte(text+"\n— x y\n")), 400},
		{"last line without an end", good[:len(good)-1], 400},
		{"too large", append(slices.Clone(good), bytes.Repeat([]byte("— x AAAAAAAA\n"), 10000)...), 400},
		{"old size beyond the checkpoint", l.body(size+1, size), 400},
		{"another ledger", other.body(0, size), 404},
		{"another ledger's checkpoint that is none", []byte("old 0\n\nledger.other.example/1\nx\n\n— x AAAAAAAA\n"), 404},
		{"unknown key", body(have, nil, forged), 403},
		{"known key, wrong signature", swap(lines[len(lines)-9:], "AAAAAA==\n"), 403},
		{"unknown key and old size beyond the checkpoint", body(size+1, nil, forged), 403},
		{"smaller old size", l.body(have-1, size), 409},
		{"no old size known", l.body(0, size), 409},
		{"larger old size", l.body(have+1, size), 409},
		{"other root of the same size", body(have, nil, l.sign(fork)), 409},
		{"other root of the same size, with a proof", body(have, make([]tree.Hash, 3), l.sign(fork)), 409},
		{"no proof", body(have, nil, signed), 422},
		{"proof of something else", body(have, make([]tree.Hash, 5), signed), 422},
		{"proof where there is nothing to prove", body(have, make([]tree.Hash, 1), l.sign(l.checkpoint(have))), 422},
		{"the same again", l.body(have, have), 200},
		{"other signatures too", append(slices.Clone(good), "— unknown.example AAAAAAAA\n"...), 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, text, h := w.ask(tc.body)
			if status != tc.want {
				t.Fatalf("it answers %d, want %d: %s", status, tc.want, text)
			}
			if sized := h.Get("Content-Type") == "text/x.tlog.size"; sized != (status == 409) || sized && text != fmt.Sprintf("%d\n", have) {
				t.Errorf("it answers %q as %s", text, h.Get("Content-Type"))
			}
			now, err := os.ReadFile(filepath.Join(w.of(testOrigin).dir, newestFile))
			if err != nil || status != 200 && !bytes.Equal(now, before) {
				t.Errorf("it keeps %q after it answered %d: %v", now, status, err)
			}
		})
	}
	for _, tc := range []struct {
		method, path string
		want         int
	}{
		{http.MethodGet, "/add-checkpoint", 405}, {http.MethodPost, "/", 405}, {http.MethodPost, "/other", 404}, {http.MethodGet, "/view/other", 404},
	} {
		r, err := http.NewRequest(tc.method, tc.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		rec := httptest.NewRecorder()
		if w.handler.ServeHTTP(rec, r); rec.Code != tc.want {
			t.Errorf("%s %s is answered with %d", tc.method, tc.path, rec.Code)
		}
	}
	// With the unknown signature nothing of it is kept.
	newest, err := os.ReadFile(filepath.Join(w.of(testOrigin).dir, newestFile))
	if err != nil || bytes.Contains(newest, []byte("unknown.example")) {
		t.Errorf("it keeps %q: %v", newest, err)
	}
}

// mutate returns leaves with one changed; chains are as they were.
func mutate(t testing.TB, leaves [][]byte, at int64, change func(*record.Leaf)) [][]byte {
	t.Helper()
	out := slices.Clone(leaves)
	l, err := record.ParseLeaf(out[at])
	if err != nil {
		t.Fatal(err)
	}
	change(&l)
	if l.IndexRoot != nil {
		out[at] = l.IndexRoot.Bytes()
	} else {
		out[at] = l.Entry.Bytes()
	}
	return out
}

// Whatever a ledger signs that does not follow from its records is refused, with
// what shows it, again after a start, and what came before stays cosigned.
func TestLies(t *testing.T) {
	leaves, _ := honestLeaves(t)
	all := roots(t, leaves)
	from, at := all[1]+1, all[2]
	// A record that is not the first of its subject.
	second := from
	for ; ; second++ {
		if l, _ := record.ParseLeaf(leaves[second]); l.Entry != nil && l.Entry.Seq > 1 {
			break
		}
	}
	for name, tc := range map[string]struct {
		leaves [][]byte
		wrong  int64 // leaf
		says   string
	}{
		"wrong root": {mutate(t, leaves, at, func(l *record.Leaf) { l.IndexRoot.Root[5] ^= 1 }), at, "does not commit to the map"},
		"root of an older map": {mutate(t, leaves, at, func(l *record.Leaf) {
			o, _ := record.ParseLeaf(leaves[all[1]])
			l.IndexRoot.Root = o.IndexRoot.Root
		}), at, "does not commit to the map"},
		"covers too few":   {mutate(t, leaves, at, func(l *record.Leaf) { l.IndexRoot.Covers-- }), at, "covers"},
		"record left out":  {slices.Delete(slices.Clone(leaves), int(second), int(second)+1), -1, ""},
		"record twice":     {slices.Insert(slices.Clone(leaves), int(second), leaves[second]), second + 1, "it is number"},
		"number skipped":   {mutate(t, leaves, second, func(l *record.Leaf) { l.Entry.Seq++ }), second, "it is number"},
		"another prev":     {mutate(t, leaves, second, func(l *record.Leaf) { l.Entry.Prev[0] ^= 1 }), second, "its prev"},
		"another subject":  {mutate(t, leaves, second, func(l *record.Leaf) { l.Entry.Term[0] ^= 1 }), second, "it is number"},
		"dated back":       {mutate(t, leaves, second, func(l *record.Leaf) { l.Entry.Recorded = l.Entry.Recorded.Add(-time.Hour) }), second, "is recorded"},
		"a ref ahead":      {mutate(t, leaves, second, func(l *record.Leaf) { l.Entry.Refs = []int64{second} }), second, "follows from"},
		"a second genesis": {slices.Insert(slices.Clone(leaves), int(from), leaves[0]), from, "genesis"},
		"garbage":          {slices.Insert(slices.Clone(leaves), int(from), []byte(`{"a":1}`)), from, "no entry"},
		"an empty leaf":    {slices.Insert(slices.Clone(leaves), int(from), []byte{}), from, "no entry"},
	} {
		t.Run(name, func(t *testing.T) {
			l := serveLog(t, testOrigin, tc.leaves)
			c := Config{Dir: newDir(t)}
			w := start(t, c, l)
			w.cosigns(t, l, 0, from)
			for run := range 2 {
				status, text, _ := w.ask(l.body(from, at+1))
				if status != http.StatusForbidden || !strings.HasPrefix(text, "refused: ") || !strings.Contains(text, tc.says) {
					t.Fatalf("it answers %d %q", status, text)
				}
				lo := w.of(testOrigin)
				if lo.newest.Size != from || tc.wrong >= 0 && lo.memory.Size() != tc.wrong {
					t.Errorf("it has cosigned %d leaves and replayed %d", lo.newest.Size, lo.memory.Size())
				}
				names, err := lo.refusals()
				if err != nil || len(names) != 1 {
					t.Fatalf("it keeps %v: %v", names, err)
				}
				showsLeaf(t, filepath.Join(lo.dir, refusedDir, names[0]), l)
				if run == 0 {
					if err := w.Close(); err != nil {
						t.Fatal(err)
					}
					w = start(t, c, l)
				}
			}
			// What it had cosigned it cosigns again, and the metrics count.
			w.cosigns(t, l, from, from)
			if _, text := w.get("/metrics"); !strings.Contains(text, `lendlog_cosigner_refusals_total{kind="lie",origin="`+testOrigin+`"} 1`) {
				t.Errorf("the metrics are\n%s", text)
			}
			var view viewDoc
			if _, text := w.get("/view/" + testOrigin); json.Unmarshal([]byte(text), &view) != nil || view.Refused == nil || view.Size != from || view.Refused.Kind != Lie {
				t.Errorf("the view is %s", text)
			}
		})
	}
}

// showsLeaf wants what is kept of a lie to show, to whoever has the ledger's key,
// that it signed for the leaf.
func showsLeaf(t *testing.T, dir string, l *tiled) {
	t.Helper()
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	policy, err := torchwood.ParsePolicy([]byte("log " + l.key + "\nquorum none\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := torchwood.VerifyProof(policy, tree.LeafHash(read("leaf.json")), read("leaf.tlog-proof")); err != nil {
		t.Error(err)
	}
	if !bytes.Contains(read(readmeFile), []byte("lendlog audit")) || len(read("refusal.json")) == 0 {
		t.Error("it does not say how anybody sees it")
	}
}

// Of two histories one is cosigned, whichever way the other comes: with a proof
// that is false, of the same size, after a replay that was not ended, or from a
// smaller size.
func TestFork(t *testing.T) {
	leaves, _ := honestLeaves(t)
	all := roots(t, leaves)
	have := all[2] + 1
	// The other history begins behind the second index-root, and leaves records out.
	other := slices.Clone(leaves[:all[1]+1])
	for _, b := range leaves[all[1]+1:] {
		if l, _ := record.ParseLeaf(b); l.Entry != nil && l.Entry.Seq == 1 {
			other = append(other, b)
		}
	}
	for len(other) < int(have)+10 {
		other = append(other, other[len(other)-1])
	}
	forks := func(w *Witness) int {
		t.Helper()
		l := w.of(testOrigin)
		l.jobs.Wait()
		names, err := l.refusals()
		if err != nil {
			t.Fatal(err)
		}
		return len(slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, Fork) }))
	}

	l := serveLog(t, testOrigin, leaves)
	w := start(t, Config{Dir: newDir(t)}, l)
	w.cosigns(t, l, 0, have)
	if status, _, _ := w.ask(body(have, nil, l.sign(l.checkpoint(have+3)))); status != 422 || forks(w) != 0 {
		t.Errorf("a wrong proof of the same history is answered with %d, and %d are called forks", status, forks(w))
	}
	l.have(other)
	if status, _, _ := w.ask(l.body(have, have+3)); status != 422 || forks(w) != 1 {
		t.Errorf("a longer fork is answered with %d, and %d are kept", status, forks(w))
	}
	if status, _, _ := w.ask(l.body(have, have)); status != 409 || forks(w) != 2 {
		t.Errorf("a fork of the same size is answered with %d, and %d are kept", status, forks(w))
	}
	if status, _, _ := w.ask(l.body(all[1]+1, have-1)); status != 409 {
		t.Errorf("a shorter fork is answered with %d", status)
	}
	l.have(leaves)
	w.cosigns(t, l, have, int64(len(leaves)))

	// A replay that was not ended binds the ledger too.
	w = start(t, Config{Dir: newDir(t)}, l)
	w.cosigns(t, l, 0, all[1]+1)
	broken := fmt.Sprintf("tile/entries/%03d", len(leaves)/tree.Width)
	l.fail(func(path string, rw http.ResponseWriter) bool {
		if strings.HasPrefix(path, broken) {
			rw.WriteHeader(http.StatusBadGateway)
			return true
		}
		return false
	})
	if status, _, _ := w.ask(l.body(all[1]+1, int64(len(leaves)))); status != 503 {
		t.Errorf("without tiles it answers %d", status)
	}
	lo := w.of(testOrigin)
	if n := lo.memory.Size(); n <= have || n >= int64(len(leaves)) {
		t.Fatalf("it replayed %d leaves", n)
	}
	l.fail(nil)
	// An older checkpoint of the same history is no lie.
	if status, text, _ := w.ask(l.body(all[1]+1, have)); status != 503 || forks(w) != 0 {
		t.Errorf("an older checkpoint is answered with %d %s", status, text)
	}
	// A smaller one of another history is, and the tiles show it.
	two := serveLog(t, testOrigin, other)
	if status, text, _ := w.ask(two.body(all[1]+1, have)); status != 403 || forks(w) != 1 {
		t.Errorf("a fork that is smaller than what was replayed is answered with %d %s", status, text)
	}
	// So is a larger one.
	for len(other) < len(leaves)+10 {
		other = append(other, other[len(other)-1])
	}
	l.have(other)
	if status, text, _ := w.ask(l.body(all[1]+1, int64(len(other)))); status != 403 || forks(w) != 2 {
		t.Errorf("a fork that is larger than what was replayed is answered with %d %s", status, text)
	}
	l.have(leaves)
	w.cosigns(t, l, all[1]+1, int64(len(leaves)))
}

// A checkpoint far behind the last index-root is not cosigned.
func TestUncovered(t *testing.T) {
	leaves, _ := honestLeaves(t)
	l := serveLog(t, testOrigin, leaves)
	w := start(t, Config{Dir: newDir(t)}, l)
	lo := w.of(testOrigin)
	r := lo.uncovered(100_000, 20_000, nil)
	if r == nil || r.Kind != Uncovered {
		t.Errorf("it is refused with %v", r)
	}
	if r := lo.uncovered(100_000, 99_999, nil); r != nil {
		t.Errorf("it is refused with %v", r)
	}
}
