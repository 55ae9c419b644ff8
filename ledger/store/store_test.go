// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/tree"
)

var quietLog = slog.New(slog.DiscardHandler)

func openStore(t *testing.T, dir string, create bool) *Store {
	t.Helper()
	s, err := Open(dir, create, quietLog)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// fill returns batches of items that cannot be mistaken for each other: some
// empty, some large, most of a few hundred bytes.
func fill(r *rand.Rand, batches int) []*Batch {
	var out []*Batch
	next := int64(0)
	for range batches {
		b := &Batch{First: next}
		for range 1 + r.IntN(400) {
			size := r.IntN(900)
			switch r.IntN(50) {
			case 0:
				size = 60000 + r.IntN(5000)
			case 1:
				size = 0
			}
			item := make([]byte, size)
			for i := range item {
				item[i] = byte(r.Uint32())
			}
			b.Entries = append(b.Entries, item)
			b.Payloads = append(b.Payloads, append([]byte(fmt.Sprintf("payload of %d ", next)), item...))
			term := [32]byte{byte(next % 7)}
			b.Postings = append(b.Postings, Posting{Term: term, Seq: next/7 + 1, Index: next, Leaf: tree.LeafHash(item)})
			digest := [32]byte(tree.LeafHash(fmt.Appendf(nil, "identity %d", next)))
			b.Identities = append(b.Identities, Identity{Digest: digest, Index: next, Restricted: next%5 == 0})
			if next%3 == 0 {
				b.Keys = append(b.Keys, KeyRow{ID: next, Row: fmt.Appendf(nil, "key of %d", next)})
			}
			next++
		}
		b.Head = Head{
			Size: next, Entries: next, Identities: next, Keys: (next + 2) / 3, IndexRoot: -1,
			Recorded: time.UnixMilli(1_700_000_000_000 + next).UTC(), Note: fmt.Appendf(nil, "checkpoint of %d", next),
		}
		out = append(out, b)
	}
	return out
}

// The size is that of what was committed, without the ballast.
func TestSize(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir, true)
	var committed int64
	for _, b := range fill(rand.New(rand.NewPCG(3, 4)), 4) {
		if err := s.Commit(b); err != nil {
			t.Fatal(err)
		}
		for _, e := range b.Entries {
			committed += int64(len(e))
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	size, err := s.Size()
	if err != nil || size < committed {
		t.Errorf("%d bytes of entries take %d, %v", committed, size, err)
	}
	if err := NewBallast(dir).Take(8 << 20); err != nil {
		t.Fatal(err)
	}
	if with, err := s.Size(); err != nil || with != size {
		t.Errorf("with ballast they take %d, %v, want %d", with, err, size)
	}
}

// Whatever is committed comes back, also from a store that was closed and
// opened again, from any index on.
func TestCommitAndRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	r := rand.New(rand.NewPCG(1, 2))
	batches := fill(r, 12)
	s := openStore(t, dir, true)
	if _, ok, err := s.Head(); ok || err != nil {
		t.Fatalf("a new store has a head: %v, %v", ok, err)
	}
	var entries, payloads [][]byte
	var postings []Posting
	var identities []Identity
	var keys []KeyRow
	for _, b := range batches {
		if err := s.Commit(b); err != nil {
			t.Fatal(err)
		}
		entries, payloads = append(entries, b.Entries...), append(payloads, b.Payloads...)
		postings, identities, keys = append(postings, b.Postings...), append(identities, b.Identities...), append(keys, b.Keys...)
	}
	want := batches[len(batches)-1].Head
	for _, when := range []string{"at once", "opened again"} {
		t.Run(when, func(t *testing.T) {
			if when == "opened again" {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				s = openStore(t, dir, false)
			}
			head, ok, err := s.Head()
			if diff := cmp.Diff(want, head); err != nil || !ok || diff != "" {
				t.Fatalf("head (%v, %v, -want +got):\n%s", ok, err, diff)
			}
			for range 50 {
				from := r.Int64N(want.Size)
				count := 1 + r.Int64N(want.Size-from)
				checkItems(t, s.Entries, entries, from, count)
				checkItems(t, s.Payloads, payloads, from, count)
			}
			checkItems(t, s.Entries, entries, 0, want.Size)
			for _, p := range postings {
				got, err := s.Postings(p.Term, p.Seq, 1)
				if err != nil || got[0] != p {
					t.Fatalf("posting of %d: %v, %v", p.Index, got, err)
				}
			}
			for _, id := range identities {
				got, ok, err := s.Identity(id.Digest)
				if err != nil || !ok || got != id {
					t.Fatalf("identity of %d: %v, %v, %v", id.Index, got, ok, err)
				}
			}
			var gotKeys []KeyRow
			if err := s.ScanKeys(func(k KeyRow) error { gotKeys = append(gotKeys, k); return nil }); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(keys, gotKeys); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
			n := 0
			if err := s.ScanIdentities(func(Identity) error { n++; return nil }); err != nil || n != len(identities) {
				t.Errorf("%d identities, want %d (%v)", n, len(identities), err)
			}
			if _, ok, err := s.Identity([32]byte{1}); ok || err != nil {
				t.Errorf("an identity that was never written: %v, %v", ok, err)
			}
		})
	}
}

func checkItems(t *testing.T, read func(first, count int64, yield func(int64, []byte) error) error, want [][]byte, first, count int64) {
	t.Helper()
	next := first
	err := read(first, count, func(i int64, item []byte) error {
		if i != next || !bytes.Equal(item, want[i]) {
			return fmt.Errorf("item %d is not what was written", i)
		}
		next++
		return nil
	})
	if err != nil || next != first+count {
		t.Fatalf("items %d to %d: stopped at %d: %v", first, first+count, next, err)
	}
}

// Tail goes back as far as a memtable's log does: over everything after a
// crash, over nothing after a store was closed in good order.
func TestTail(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := openStore(t, dir, true)
	batches := fill(rand.New(rand.NewPCG(1, 2)), 12)
	for _, b := range batches {
		if err := s.Commit(b); err != nil {
			t.Fatal(err)
		}
	}
	size := batches[len(batches)-1].Head.Size
	crashed := filepath.Join(t.TempDir(), "store")
	if err := os.CopyFS(crashed, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	check := func(what string, s *Store, want int64) {
		t.Helper()
		if got := s.Tail(size); got != want {
			t.Errorf("%s: tail from %d, want %d", what, got, want)
		}
	}
	check("closed in good order", openStore(t, dir, false), size)
	// An opening that ends before it has checked what it replayed leaves that
	// to the next one, though nothing of it is in a log any more.
	for range 2 {
		s = openStore(t, crashed, false)
		check("after a crash", s, 0)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s = openStore(t, crashed, false)
	check("after a crash in opening", s, 0)
	if err := s.Checked(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	check("checked", openStore(t, crashed, false), size)
}

// A record takes no less in the log of a memtable than Tail believes.
func TestLeastRows(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := openStore(t, dir, true)
	w := &writer{rng: rand.NewChaCha8([32]byte{1})}
	const records, batches = 1024, 8
	for range batches {
		b := w.batch(records)
		b.Keys = nil
		if err := s.Commit(b); err != nil {
			t.Fatal(err)
		}
	}
	logs, err := logBytes(dir)
	if err != nil || logs < leastRows*records*batches || logs > 3*leastRows*records*batches {
		t.Errorf("%d records take %d bytes, %v, at least %d each", records*batches, logs, err, leastRows)
	}
}

// A range that is not there is damage, never a shorter answer.
func TestShortRangesAreDamage(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "store"), true)
	b := fill(rand.New(rand.NewPCG(3, 4)), 1)[0]
	b.Segments = []Segment{{0, []byte{1}, []byte{2}}, {1, []byte{3}, []byte{4}}}
	if err := s.Commit(b); err != nil {
		t.Fatal(err)
	}
	for _, down := range []bool{false, true} {
		var got []byte
		first := int64(0)
		if down {
			first = 1
		}
		err := s.SegmentNames(first, 2, down, func(n int64, names []byte) error {
			got = append(got, byte(n), names[0])
			return nil
		})
		if want := map[bool][]byte{false: {0, 1, 1, 3}, true: {1, 3, 0, 1}}[down]; err != nil || !cmp.Equal(got, want) {
			t.Errorf("segments downwards %t: %v, %v", down, got, err)
		}
	}
	ignore := func(int64, []byte) error { return nil }
	size := b.Head.Size
	for _, tt := range []struct {
		name string
		read func() error
	}{
		{"entries beyond the end", func() error { return s.Entries(size-1, 2, ignore) }},
		{"an entry after the end", func() error { return s.Entries(size, 1, ignore) }},
		{"payloads beyond the end", func() error { return s.Payloads(0, size+1, ignore) }},
		{"postings beyond the last", func() error { _, err := s.Postings(b.Postings[0].Term, 1, size); return err }},
		{"postings of nobody", func() error { _, err := s.Postings([32]byte{99}, 1, 1); return err }},
		{"an entry's block after the end", func() error { _, err := s.EntryBlock(size + 1<<20); return err }},
		{"segments beyond the last", func() error { return s.SegmentNames(0, 3, false, ignore) }},
		{"segments before the first", func() error { return s.SegmentNames(1, 3, true, ignore) }},
		{"lists of no segment", func() error { _, err := s.SegmentLists(2); return err }},
		{"a tile that is not full yet", func() error { _, err := s.ReadTile(0, 1<<20); return err }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.read(); !errors.Is(err, ErrDamaged) {
				t.Errorf("got %v, want ErrDamaged", err)
			}
		})
	}
}

func TestOpenNeitherMakesNorOverwrites(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	if _, err := Open(dir, false, quietLog); err == nil {
		t.Fatal("opened a store that is not there")
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Fatal("opening a store that is not there made its directory")
	}
	s := openStore(t, dir, true)
	if _, err := Open(dir, false, quietLog); !errors.Is(err, ErrHeld) {
		t.Errorf("opened a store twice: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, true, quietLog); err == nil {
		t.Error("made a store over another")
	}
}

// The keys are the layout: another byte and a ledger written before cannot be
// read.
func TestKeyLayout(t *testing.T) {
	for _, tt := range []struct {
		name string
		key  []byte
		want string
	}{
		{"entries", key('e', 0x0102), "65" + "0000000000000102"},
		{"payloads", key('p', 1), "70" + "0000000000000001"},
		{"key", key('k', 256), "6b" + "0000000000000100"},
		{"tile", tileKey(2, 3), "74" + "02" + "0000000000000003"},
		{"posting", postingKey([32]byte{0xaa}, 5), "73" + "aa" + fmt.Sprintf("%062d", 0) + "00000005"},
		{"identity", identityKey([32]byte{0xbb}), "69" + "bb" + fmt.Sprintf("%062d", 0)},
		{"a segment's names", key('x', 9), "78" + "0000000000000009"},
		{"a row of the index", checked(key('y', 9), []byte{1, 2}), "0102" + "6b082420"},
		{"identity's value", Identity{Index: 7, Restricted: true}.value(), "0000000000000007" + "01" + "a2c373df"},
	} {
		if got := hex.EncodeToString(tt.key); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	h := Head{Size: 3, Entries: 2, Identities: 2, Keys: 1, IndexRoot: 2, Recorded: time.UnixMilli(1_700_000_000_123).UTC(), Note: []byte("o\n3\n")}
	const want = `{"entries":2,"fold":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","identities":2,"indexRoot":2,"keys":1,"note":"o\n3\n","recorded":"2023-11-14T22:13:20.123Z","segments":0,"size":3}`
	if got := string(h.bytes()); got != want {
		t.Errorf("head: %s, want %s", got, want)
	}
	if got, err := parseHead([]byte(want)); err != nil || !cmp.Equal(got, h) {
		t.Errorf("head read again: %+v, %v", got, err)
	}
}

// Blocks stay within one tile and below Badger's threshold, and give back
// what was put into them.
func TestBlocks(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		first := r.Int64N(1000)
		items := make([][]byte, r.IntN(700))
		for i := range items {
			items[i] = make([]byte, r.IntN(1+r.IntN(20000)))
			for k := range items[i] {
				items[i][k] = byte(r.Uint32())
			}
		}
		next := first
		for _, b := range blocks(first, items, 4, len32) {
			got, err := unpack(b.value, 4)
			if err != nil || b.first != next {
				t.Fatalf("block at %d, want %d (%v)", b.first, next, err)
			}
			if b.first/tree.Width != (b.first+int64(len(got))-1)/tree.Width {
				t.Fatalf("a block of %d from %d spans two tiles", len(got), b.first)
			}
			if len(got) > 1 && len(b.value) > maxBlock {
				t.Fatalf("a block of %d bytes", len(b.value))
			}
			for _, item := range got {
				if !bytes.Equal(item, items[next-first]) {
					t.Fatalf("item %d came back changed", next)
				}
				next++
			}
		}
		if next != first+int64(len(items)) {
			t.Fatalf("blocks end at %d, want %d", next, first+int64(len(items)))
		}
	}
}

// MaxCommit holds: a batch of that many bytes fits in one transaction, of few
// large records and of many small ones.
func TestLargestBatchFits(t *testing.T) {
	for _, tt := range []struct{ records, keys int }{{1024, 4}, {15, 1}, {1024, 0}} {
		s := openStore(t, filepath.Join(t.TempDir(), "store"), true)
		b := &Batch{Head: Head{Size: int64(tt.records), Recorded: time.Unix(0, 0)}}
		const row = 300
		rest := MaxCommit/tt.records - tt.keys*row - RecordOverhead
		for i := range int64(tt.records) {
			h := [32]byte(tree.LeafHash(fmt.Appendf(nil, "%d", i)))
			entry := min(rest/2, 60000)
			b.Entries = append(b.Entries, make([]byte, entry))
			b.Payloads = append(b.Payloads, make([]byte, rest-entry))
			b.Postings = append(b.Postings, Posting{Term: h, Seq: 1, Index: i})
			b.Identities = append(b.Identities, Identity{Digest: h, Index: i})
			for k := range int64(tt.keys) {
				b.Keys = append(b.Keys, KeyRow{ID: 4*i + k, Row: make([]byte, row)})
			}
		}
		if err := s.Commit(b); err != nil {
			t.Errorf("%d records: %v", tt.records, err)
		}
	}
}

// Rot in the identities changes their fold, whatever it is.
func TestFold(t *testing.T) {
	ids := fill(rand.New(rand.NewPCG(7, 8)), 1)[0].Identities
	var whole [32]byte
	for _, id := range ids {
		id.Fold(&whole)
	}
	other := bytes.Clone(whole[:])
	for i := len(ids) - 1; i >= 0; i-- {
		ids[i].Fold(&whole)
	}
	if whole != ([32]byte{}) {
		t.Error("folding in another order gives another sum")
	}
	changed := ids[0]
	changed.Restricted = !changed.Restricted
	changed.Fold(&whole)
	for _, id := range ids[1:] {
		id.Fold(&whole)
	}
	if bytes.Equal(whole[:], other) {
		t.Error("a changed flag does not show in the fold")
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add([]byte{0, 1, 'a', 0, 0}, true)
	f.Add([]byte{0, 0, 0, 9, 'a'}, false)
	f.Fuzz(func(t *testing.T, value []byte, short bool) {
		width, length := 4, len32
		if short {
			width, length = 2, len16
		}
		items, err := unpack(value, width)
		if err != nil {
			return
		}
		var again []byte
		for _, item := range items {
			again = append(length(again, len(item)), item...)
		}
		if !bytes.Equal(again, value) {
			t.Error("a block that was read does not give its bytes back")
		}
	})
}

// A head row of a program that kept no index is read as one of no segments; one
// in which a member has another type, or another spelling, is damage.
func TestParseHead(t *testing.T) {
	h := Head{
		Size: 9, Entries: 8, Identities: 7, Keys: 6, IndexRoot: 5, Segments: 0,
		Recorded: time.UnixMilli(1).UTC(), Fold: [32]byte{1}, Note: []byte(`"segments":0,`),
	}
	row := h.bytes()
	older := bytes.Replace(row, []byte(`,"segments":0`), nil, 1)
	if len(older) == len(row) {
		t.Fatal("there is no older row")
	}
	for _, b := range [][]byte{row, older} {
		got, err := parseHead(b)
		if diff := cmp.Diff(h, got); err != nil || diff != "" {
			t.Errorf("%s was read with %v as\n%s", b, err, diff)
		}
	}
	for from, to := range map[string]string{
		`"size":9`: `"size":"9"`, `"entries":8`: `"entries":null`, `"identities":7`: `"identities":[]`, `"keys":6`: `"keys":{}`,
		`"indexRoot":5`: `"indexRoot":true`, `"segments":0`: `"segments":"0"`, `"note":"\"segments\":0,"`: `"note":0`,
		`00.001Z`: `00.001+00:00`,
	} {
		b := bytes.Replace(row, []byte(from), []byte(to), 1)
		if bytes.Equal(b, row) {
			t.Fatalf("%s is not in %s", from, row)
		}
		if _, err := parseHead(b); !errors.Is(err, ErrDamaged) {
			t.Errorf("with %s: %v", to, err)
		}
	}
}

func FuzzParseHead(f *testing.F) {
	row := Head{Size: 1, Recorded: time.UnixMilli(1), Note: []byte("x")}.bytes()
	const segments = `"segments":0,`
	f.Add(row)
	f.Add(bytes.Replace(row, []byte(segments), nil, 1))
	f.Add(bytes.Replace(row, []byte(`"size":1`), []byte(`"size":"1"`), 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := parseHead(b)
		if err != nil {
			return
		}
		if again := h.bytes(); !bytes.Equal(again, b) && !bytes.Equal(bytes.Replace(again, []byte(segments), nil, 1), b) {
			t.Error("a head row that was read does not give its bytes back")
		}
	})
}
