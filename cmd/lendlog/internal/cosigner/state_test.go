// SPDX-License-Identifier: Apache-2.0

package cosigner

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/mpt"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/replay"
	"github.com/lendlog/lendlog/ledger/tree"
)

var errDisk = errors.New("no space left on device")

// snapshot returns the files of a directory.
func snapshot(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, name := range []string{newestFile, archiveFile, mapFile} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err == nil {
			files[name] = b
		}
	}
	return files
}

// begun returns a witness' directory with a ledger of which two checkpoints were
// cosigned, its directory there, and their sizes.
func begun(t testing.TB) (l *tiled, dir, of string, first, second int64) {
	t.Helper()
	leaves, _ := honestLeaves(t)
	all := roots(t, leaves)
	first, second = all[1]+1, all[2]+1
	l = serveLog(t, testOrigin, leaves)
	dir = newDir(t)
	w := start(t, Config{Dir: dir}, l)
	w.cosigns(t, l, 0, first)
	w.cosigns(t, l, first, second)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return l, dir, filepath.Join(dir, ledgersDir, id(testOrigin)), first, second
}

// Wherever the map or the archive ends that a process left which was killed, and
// whatever bit of the map rotted, the witness goes on from what it had cosigned,
// and makes anew what is lost.
func TestCutState(t *testing.T) {
	l, dir, of, _, second := begun(t)
	size := int64(len(l.leaves))
	whole := snapshot(t, of)
	random := rand.New(rand.NewPCG(1, 2))
	type damage struct {
		file string
		data []byte
	}
	var all []damage
	for _, file := range []string{archiveFile, mapFile} {
		b := whole[file]
		cuts := []int{0, 1, len(b) - 1}
		for range 20 {
			cuts = append(cuts, random.IntN(len(b)))
		}
		for _, n := range cuts {
			all = append(all, damage{file, b[:n]}, damage{file, append(slices.Clone(b[:n]), bytes.Repeat([]byte{0}, 100)...)})
		}
	}
	for range 40 {
		b := slices.Clone(whole[mapFile])
		b[random.IntN(len(b))] ^= 1 << random.IntN(8)
		all = append(all, damage{mapFile, b})
	}
	all = append(all, damage{mapFile, append(slices.Clone(whole[mapFile]), "more"...)}, damage{archiveFile, append(slices.Clone(whole[archiveFile]), testOrigin...)})
	for i, d := range all {
		for name, b := range whole {
			if name == d.file {
				b = d.data
			}
			if err := os.WriteFile(filepath.Join(of, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		w := start(t, Config{Dir: dir}, l)
		if n := w.of(testOrigin).newest.Size; n != second {
			t.Fatalf("damage %d: it has cosigned %d leaves", i, n)
		}
		w.cosigns(t, l, second, size)
		if got := w.of(testOrigin).memory.Root(); got != l.checkpoint(size).Root {
			t.Fatalf("damage %d: the replay came to another root", i)
		}
		if n := w.of(testOrigin).archive.Count(); n < 2 {
			t.Fatalf("damage %d: the archive has %d checkpoints", i, n)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// What says which history was cosigned is never believed when it is damaged,
// lost or older than the archive: the witness does not open.
func TestLostState(t *testing.T) {
	l, dir, of, _, _ := begun(t)
	whole := snapshot(t, of)
	older := whole[archiveFile][:bytes.Index(whole[archiveFile], []byte("\n\n"+testOrigin))+1]
	opens := func() bool {
		w, err := Open(Config{Dir: dir, Ledgers: []Ledger{{Trust: l.trust, Tiles: l.url}}})
		if err == nil {
			_ = w.Close()
		}
		return err == nil
	}
	put := func(name string, b []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(of, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if !opens() {
		t.Fatal("it does not open undamaged")
	}
	put(newestFile, older)
	if opens() {
		t.Error("it opens with an older newest checkpoint than the archive has")
	}
	for i := range whole[newestFile] {
		if put(newestFile, whole[newestFile][:i]); opens() {
			t.Fatalf("it opens with the first %d bytes of its newest checkpoint", i)
		}
	}
	for i := range whole[newestFile] {
		b := slices.Clone(whole[newestFile])
		if b[i] ^= 1; i%7 == 0 {
			if put(newestFile, b); opens() {
				t.Fatalf("it opens with byte %d of its newest checkpoint altered", i)
			}
		}
	}
	if err := os.Remove(filepath.Join(of, newestFile)); err != nil {
		t.Fatal(err)
	}
	if opens() {
		t.Error("it opens without its newest checkpoint")
	}
	put(newestFile, whole[newestFile])
	if !opens() {
		t.Error("it does not open any more")
	}
}

// When a file cannot be written, nothing is cosigned, and another history does
// not become cosigned by that either.
func TestFullDisk(t *testing.T) {
	leaves, _ := honestLeaves(t)
	all := roots(t, leaves)
	l := serveLog(t, testOrigin, leaves)
	dir := newDir(t)
	w := start(t, Config{Dir: dir}, l)
	w.cosigns(t, l, 0, all[1]+1)
	lo := w.of(testOrigin)
	write := lo.write
	for _, late := range []bool{false, true} { // the file is not written, or it is not known whether it was
		lo.write = func(path string, data []byte, mode os.FileMode) error {
			if late {
				if err := write(path, data, mode); err != nil {
					return err
				}
			}
			return errDisk
		}
		if status, text, _ := w.ask(l.body(all[1]+1, all[2]+1)); status != 500 {
			t.Fatalf("it answers %d %s", status, text)
		}
		if status, text := w.get("/healthz"); status != 503 {
			t.Errorf("its health is %d %s", status, text)
		}
		if lo.newest.Size != all[1]+1 {
			t.Errorf("it has cosigned %d leaves", lo.newest.Size)
		}
	}
	// The process ends there: what is on disk was made, though it was never shown.
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w = start(t, Config{Dir: dir}, l)
	w.cosigns(t, l, all[2]+1, all[2]+1)
	if n := w.of(testOrigin).archive.Count(); n != 2 {
		t.Errorf("the archive has %d checkpoints", n)
	}
	if status, text := w.get("/healthz"); status != 200 {
		t.Errorf("its health is %d %s", status, text)
	}
}

// A clock that went back cosigns nothing until it has caught up.
func TestClockBack(t *testing.T) {
	leaves, _ := honestLeaves(t)
	all := roots(t, leaves)
	l := serveLog(t, testOrigin, leaves)
	now := time.Now()
	w := start(t, Config{Dir: newDir(t), Now: func() time.Time { return now }}, l)
	w.cosigns(t, l, 0, all[1]+1)
	now = now.Add(-time.Hour)
	if status, text, _ := w.ask(l.body(all[1]+1, all[2]+1)); status != 500 {
		t.Errorf("it answers %d %s", status, text)
	}
	now = now.Add(2 * time.Hour)
	w.cosigns(t, l, all[1]+1, all[2]+1)
}

// One process has a witness' directory, one ledger each origin, and the key is
// its owner's alone.
func TestOpenRefuses(t *testing.T) {
	leaves, _ := honestLeaves(t)
	l := serveLog(t, testOrigin, leaves)
	dir := newDir(t)
	w := start(t, Config{Dir: dir}, l)
	fails := func(what string, c Config) {
		t.Helper()
		if w, err := Open(c); !errors.Is(err, ErrUsage) {
			t.Errorf("%s: %v", what, err)
			if err == nil {
				_ = w.Close()
			}
		}
	}
	one := []Ledger{{Trust: l.trust, Tiles: l.url}}
	fails("a second process", Config{Dir: dir, Ledgers: one})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	fails("no ledger", Config{Dir: dir})
	fails("another ledger of the same origin", Config{Dir: dir, Ledgers: []Ledger{{Trust: serveLog(t, testOrigin, leaves[1:]).trust, Tiles: l.url}}})
	fails("one twice", Config{Dir: dir, Ledgers: []Ledger{one[0], one[0]}})
	fails("no trust file", Config{Dir: dir, Ledgers: []Ledger{{Trust: []byte("{}"), Tiles: l.url}}})
	fails("no URL", Config{Dir: dir, Ledgers: []Ledger{{Trust: l.trust, Tiles: "ledger"}}})
	fails("a key that others could read on its way", Config{Dir: dir, Ledgers: []Ledger{{Trust: l.trust, Tiles: "http://ledger.example/log", Key: "k"}}})
	fails("a URL with a password", Config{Dir: dir, Ledgers: []Ledger{{Trust: l.trust, Tiles: "http://a:b@ledger.example/log"}}})
	fails("no witness", Config{Dir: t.TempDir(), Ledgers: one})
	if err := os.Chmod(filepath.Join(dir, keyFile), 0o644); err != nil {
		t.Fatal(err)
	}
	fails("a key that others can read", Config{Dir: dir, Ledgers: one})
	if _, err := Create(dir, "witness.test/2"); err == nil {
		t.Error("a key was overwritten")
	}
	if _, err := Create(t.TempDir(), "a witness"); err == nil {
		t.Error("a name with spaces is taken")
	}
}

// testMemory returns a memory with so many subjects, of which some changed twice.
func testMemory(t testing.TB, path string) (*memory, *proof.Trust) {
	t.Helper()
	leaves, _ := honestLeaves(t)
	l := serveLog(t, testOrigin, leaves)
	trust, err := proof.ParseTrust(l.trust)
	if err != nil {
		t.Fatal(err)
	}
	m, _, err := openMemory(path, trust, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	for i, leaf := range leaves {
		if err := m.append(leaf); err != nil {
			t.Fatal(err)
		}
		if n := int64(i) + 1; n%100 == 0 || i == len(leaves)-1 {
			if err := m.flush(l.sign(l.checkpoint(n))); err != nil {
				t.Fatal(err)
			}
		}
	}
	return m, trust
}

// A map that was written anew is the same one, and can be gone on with.
func TestCompact(t *testing.T) {
	path := filepath.Join(t.TempDir(), mapFile)
	m, trust := testMemory(t, path)
	root, mark, under := m.Hash(), m.Mark(), m.under
	before := m.end
	if whole, lost, err := openMemory(path, trust, 1<<20); err != nil || whole.Size() != mark.Size || whole.Hash() != root || lost != 0 {
		t.Fatalf("before, it has %d leaves, and lost %d bytes: %v", whole.Size(), lost, err)
	} else if err := whole.Close(); err != nil {
		t.Fatal(err)
	}
	if err := m.compact(); err != nil {
		t.Fatal(err)
	}
	if m.end >= before {
		t.Errorf("it takes %d bytes, and took %d", m.end, before)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	again, lost, err := openMemory(path, trust, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if again.Hash() != root || again.Size() != mark.Size || again.Root() != m.Root() || again.LastRoot() != mark.LastRoot || !bytes.Equal(again.under, under) || lost != 0 {
		t.Errorf("it has %d leaves, %d subjects, and lost %d bytes", again.Size(), again.Len(), lost)
	}
}

// Of a frame that was altered anywhere nothing is believed, nor of one that is
// whole and says what is not so.
func TestAlteredFrame(t *testing.T) {
	path := filepath.Join(t.TempDir(), mapFile)
	m, trust := testMemory(t, path)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	size := m.Size()
	opens := func(b []byte) int64 {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		m, _, err := openMemory(path, trust, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		return m.Size()
	}
	var last int // offset of the last frame
	for at := len(mapMagic); at < len(whole); at += 4 + int(binary.BigEndian.Uint32(whole[at:])) + sha256.Size {
		last = at
	}
	for at := last; at < min(last+500, len(whole)); at++ {
		b := slices.Clone(whole)
		b[at] ^= 4
		if n := opens(b); n >= size || n == 0 {
			t.Fatalf("with byte %d of the frame altered it has %d leaves", at-last, n)
		}
	}
	for name, f := range map[string]frame{
		"another map":          {mark: m.Mark(), root: mpt.Hash{1}, under: m.under},
		"no end":               {more: true, mark: m.Mark(), root: m.Hash(), under: m.under},
		"no checkpoint":        {mark: m.Mark(), root: m.Hash(), under: []byte("note\n")},
		"a smaller checkpoint": {mark: replay.Mark{Size: size + 1, Roots: make([]tree.Hash, bits.OnesCount64(uint64(size+1))), LastRoot: -1}, root: m.Hash(), under: m.under},
	} {
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		liar, _, err := openMemory(path, trust, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(liar.add(&f), liar.Close()); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if n := opens(b); n != 0 {
			t.Errorf("%s: it has %d leaves", name, n)
		}
	}
}

// The bytes of a map are those of its format.
func TestGoldenMap(t *testing.T) {
	f := frame{
		mark: replay.Mark{Size: 5, Roots: []tree.Hash{{1}, {2}}, LastRoot: 3, Recorded: time.UnixMilli(1700000000123)},
		root: mpt.Hash{4}, under: []byte("note\n"), rows: bytes.Repeat([]byte{7}, rowSize),
	}
	sum := sha256.Sum256(f.bytes())
	const golden = "c7a0617922f82d3db568a0f95bef45496f5ca80eb9efb87b0d3b259f876ed4ec"
	if got := hex.EncodeToString(sum[:]); got != golden || len(f.bytes()) != 1+8+8+8+1+64+32+4+5+72 {
		t.Errorf("the frame of %d bytes has the hash %s", len(f.bytes()), got)
	}
	b := f.bytes()
	if head := fmt.Sprintf("%x", b[:26]); head != "00"+"0000000000000005"+"0000000000000004"+"0000018bcfe5687b"+"02" {
		t.Errorf("it begins with %s", head)
	}
	got, err := parseFrame(b)
	if err != nil || !bytes.Equal(got.bytes(), b) {
		t.Errorf("it is read as %+v: %v", got, err)
	}
}

// FuzzFrame wants what is read as a frame to be what would be written.
func FuzzFrame(f *testing.F) {
	one := frame{mark: replay.Mark{Size: 5, Roots: []tree.Hash{{1}, {2}}, LastRoot: 3}, under: []byte("note\n"), rows: make([]byte, 2*rowSize)}
	f.Add(one.bytes())
	one.more, one.rows = true, nil
	f.Add(one.bytes())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parseFrame(b)
		if err == nil && !bytes.Equal(got.bytes(), b) {
			t.Errorf("%x is read, and would be written as %x", b, got.bytes())
		}
	})
}

// FuzzRequest wants what is read as a request to be what would be written, and an
// answer to every body.
func FuzzRequest(f *testing.F) {
	leaves, _ := honestLeaves(f)
	l := serveLog(f, testOrigin, leaves[:300])
	w := start(f, Config{Dir: newDir(f)}, l)
	good := l.body(3, 200)
	f.Add(good)
	f.Add(l.body(0, 300))
	f.Add([]byte("old 0\n\n"))
	f.Add(bytes.Replace(good, []byte("old "), []byte("old 0"), 1))
	f.Add([]byte("old 1\n\n" + testOrigin + "\n1\nx\n\n— x AAAAAAAA\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := parseRequest(b)
		if err == nil && !bytes.Equal(body(q.old, q.proof, q.signed), b) {
			t.Errorf("%q is read, and would be written as %q", b, body(q.old, q.proof, q.signed))
		}
		switch a := w.add(context.Background(), b); a.status {
		case 200, 400, 403, 404, 409, 422, 503: // each process that fuzzes has leaves of its own
			if a.status == 200 && err != nil {
				t.Errorf("%q is cosigned", b)
			}
		default:
			t.Errorf("%q is answered with %d %s", b, a.status, a.body)
		}
	})
}
