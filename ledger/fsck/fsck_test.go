// SPDX-License-Identifier: Apache-2.0

package fsck_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/fsck"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/tree"
	"github.com/lendlog/lendlog/ledger/vault"
)

func audit(t *testing.T, p fsck.Parts, o fsck.Options) *fsck.Report {
	t.Helper()
	r, err := fsck.Disk(t.Context(), p, o)
	if err != nil {
		t.Fatalf("couldn't audit: %v", err)
	}
	return r
}

func text(r *fsck.Report) string {
	var b strings.Builder
	_ = r.WriteText(&b)
	return b.String()
}

// find returns the finding of a check about a record; of any with -1.
func find(r *fsck.Report, check string, index int64) (fsck.Finding, bool) {
	for _, f := range r.Findings {
		if f.Check == check && (index < 0 || f.Record == index) {
			return f, true
		}
	}
	return fsck.Finding{}, false
}

func TestIntact(t *testing.T) {
	p := copyOf(t)
	for _, tc := range []struct {
		name string
		opt  fsck.Options
		not  int // checks that are only noted
	}{
		{"shallow", fsck.Options{}, 11},
		{"deep", fsck.Options{Deep: true}, 2},
		{"deep, one worker, trust and checkpoints", fsck.Options{Deep: true, Workers: 1, Trust: trustOf(t, p), Checkpoints: notes(t, p)}, 1},
	} {
		r := audit(t, p, tc.opt)
		if r.Verdict != proof.Valid || len(r.Findings) > 0 {
			t.Errorf("%s:\n%s", tc.name, text(r))
		}
		noted := 0
		for _, c := range r.Checks {
			if c.Result == proof.Note {
				noted++
			}
		}
		if noted != tc.not || len(r.Checks) != 25 {
			t.Errorf("%s: %d of %d checks are only noted, want %d of 25:\n%s", tc.name, noted, len(r.Checks), tc.not, text(r))
		}
	}
}

// An audit changes nothing: neither what it reads nor what a second one finds.
func TestAuditChangesNothing(t *testing.T) {
	p := copyOf(t)
	name := filepath.Join(p.Mirror, "0000000000000000.mirror")
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	// A batch that was being written when the process ended.
	torn := append(slices.Clone(whole), whole[:40]...)
	if err := os.WriteFile(name, torn, 0o600); err != nil {
		t.Fatal(err)
	}
	before := contents(t, p)
	for range 2 {
		if r := audit(t, p, fsck.Options{Deep: true}); r.Verdict != proof.Valid {
			t.Fatal(text(r))
		}
	}
	if diff := cmp.Diff(before, contents(t, p)); diff != "" {
		t.Errorf("files were changed: %s", diff)
	}
}

// contents returns the hashes of all files of a ledger but its locks.
func contents(t *testing.T, p fsck.Parts) map[string][32]byte {
	t.Helper()
	out := map[string][32]byte{}
	for _, dir := range []string{p.Store, p.Keys, p.Vault, p.Head, p.Mirror} {
		names, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if n := name.Name(); n == "lock" || n == "LOCK" {
				continue
			}
			path := filepath.Join(dir, name.Name())
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			out[path] = sha256.Sum256(b)
		}
	}
	return out
}

func trustOf(t *testing.T, p fsck.Parts) *proof.Trust {
	t.Helper()
	keys, err := vault.ReadKeys(p.Keys)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := keys.Verifier()
	if err != nil {
		t.Fatal(err)
	}
	out := &proof.Trust{Origin: ledgertest.Origin, VRF: keys.VRF.Public(), Keys: []proof.TrustedKey{{Key: verifier}}}
	for f := range store.ReadMirror(p.Mirror) {
		out.Genesis = tree.LeafHash(f.Batch.Entries[0])
		break
	}
	return out
}

// notes returns the checkpoints in the mirror.
func notes(t *testing.T, p fsck.Parts) (out [][]byte) {
	t.Helper()
	for f := range store.ReadMirror(p.Mirror) {
		if f.Err != nil {
			t.Fatal(f.Err)
		}
		out = append(out, bytes.Clone(f.Batch.Head.Note))
	}
	return out
}

// lastSize is the number of records of the honest ledger.
func lastSize(t *testing.T, p fsck.Parts) (n int64) {
	t.Helper()
	for f := range store.ReadMirror(p.Mirror) {
		n = f.Batch.First + int64(len(f.Batch.Entries))
	}
	return n
}

// payment returns the index of a payment from index 700 on that is not its
// subject's first record: an ordinary record, and not of the edge.
func payment(t *testing.T, p fsck.Parts) int64 {
	t.Helper()
	for f := range store.ReadMirror(p.Mirror) {
		for i, b := range f.Batch.Entries {
			leaf, err := record.ParseLeaf(b)
			if err != nil {
				t.Fatal(err)
			}
			if e, index := leaf.Entry, f.Batch.First+int64(i); index >= 700 && e != nil && e.Seq > 1 && e.Type == "org.lendlog.payment.received.v1" {
				return index
			}
		}
	}
	t.Fatal("no payment from 700 on")
	return 0
}

// flip changes the first character of the seal, so that the entry stays one of
// right form.
func flip(entry []byte) []byte {
	at := bytes.Index(entry, []byte(`"sealed":"`)) + len(`"sealed":"`)
	if entry[at] == 'A' {
		entry[at] = 'B'
	} else {
		entry[at] = 'A'
	}
	return entry
}

// nthKey returns the nth key with a prefix.
func nthKey(t *testing.T, r *store.Raw, prefix byte, n int) []byte {
	t.Helper()
	keys, err := r.Keys([]byte{prefix})
	if err != nil || len(keys) <= n {
		t.Fatalf("the store has %d keys %c: %v", len(keys), prefix, err)
	}
	return keys[n]
}

func changeIdentity(t *testing.T, r *store.Raw, edit func(*store.Identity)) {
	t.Helper()
	id, ok, err := r.Identity([32]byte(nthKey(t, r, 'i', 50)[1:]))
	if err != nil || !ok {
		t.Fatalf("couldn't read an identity: %v", err)
	}
	edit(&id)
	if err := r.SetIdentity(id); err != nil {
		t.Fatal(err)
	}
}

func change(t *testing.T, r *store.Raw, key []byte, edit func([]byte) []byte) {
	t.Helper()
	v, ok, err := r.Get(key)
	if err != nil || !ok {
		t.Fatalf("couldn't read a key: %v", err)
	}
	if v = edit(v); v == nil {
		err = r.Delete(key)
	} else {
		err = r.Set(key, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func dropped([]byte) []byte { return nil }

// What somebody with the database's own tools can do is found, and named.
func TestTampering(t *testing.T) {
	middle := payment(t, copyOf(t))
	size := lastSize(t, copyOf(t))
	edge := size - size%tree.Width + 1
	roots := map[int64]bool{} // index-roots, which have no subject
	for f := range store.ReadMirror(honest.parts.Mirror) {
		for i, b := range f.Batch.Entries {
			if bytes.Contains(b, []byte(record.TypeIndexRoot)) {
				roots[f.Batch.First+int64(i)] = true
			}
		}
	}
	fail := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name   string
		attack func(*testing.T, *store.Raw)
		check  string
		record int64 // -1: of whatever record
		// alone says that nothing else is found.
		alone bool
		// shallow says that it needs no deep audit.
		shallow bool
	}{
		{"an entry altered", func(t *testing.T, r *store.Raw) { fail(t, r.EditEntry(middle, flip)) }, fsck.Entries, middle, false, true},
		{"an entry made no entry", func(t *testing.T, r *store.Raw) {
			fail(t, r.EditEntry(middle, func(b []byte) []byte { b[0] = '['; return b }))
		}, fsck.Entries, middle, false, true},
		{"an entry of the edge altered", func(t *testing.T, r *store.Raw) { fail(t, r.EditEntry(edge, flip)) }, fsck.Entries, edge, false, true},
		{"the last index-root altered", func(t *testing.T, r *store.Raw) {
			fail(t, r.EditEntry(size-1, func(b []byte) []byte { return bytes.Replace(b, []byte(`"root":"`), []byte(`"root":"A`), 1)[:len(b)] }))
		}, fsck.Entries, size - 1, false, true},
		{"a record dropped from its block", func(t *testing.T, r *store.Raw) { fail(t, r.EditEntry(middle, dropped)) }, fsck.Entries, -1, false, true},
		{"a block of records dropped", func(t *testing.T, r *store.Raw) { change(t, r, nthKey(t, r, 'e', 7), dropped) }, fsck.Entries, -1, false, true},
		{"all entries dropped", func(t *testing.T, r *store.Raw) {
			keys, err := r.Keys([]byte{'e'})
			fail(t, err)
			for _, k := range keys {
				fail(t, r.Delete(k))
			}
		}, fsck.Entries, 0, false, true},
		{"a block that goes on", func(t *testing.T, r *store.Raw) {
			change(t, r, nthKey(t, r, 'e', 7), func(v []byte) []byte { return append(v, 0, 2, '{', '}') })
		}, fsck.Entries, -1, false, true},
		{"a block cut short", func(t *testing.T, r *store.Raw) {
			change(t, r, nthKey(t, r, 'e', 7), func(v []byte) []byte { return v[:len(v)-1] })
		}, fsck.Entries, -1, false, true},
		{"a record beyond the end", func(t *testing.T, r *store.Raw) {
			fail(t, r.Set(binary.BigEndian.AppendUint64([]byte{'e'}, uint64(size)), []byte{0, 2, '{', '}'}))
		}, fsck.Entries, size, true, true},
		{"a tile altered", func(t *testing.T, r *store.Raw) {
			change(t, r, nthKey(t, r, 't', 1), func(v []byte) []byte { v[64] ^= 1; return v })
		}, fsck.Tiles, tree.Width + 2, false, true},
		{"a tile dropped", func(t *testing.T, r *store.Raw) { change(t, r, nthKey(t, r, 't', 1), dropped) }, fsck.Tiles, tree.Width, true, true},
		{"a tile too many", func(t *testing.T, r *store.Raw) {
			fail(t, r.Set(append([]byte{'t', 3}, make([]byte, 8)...), make([]byte, 8192)))
		}, fsck.Counts, -1, true, true},
		{"a key of no kind", func(t *testing.T, r *store.Raw) { fail(t, r.Set([]byte("x"), []byte("y"))) }, fsck.Counts, -1, true, true},
		{"a posting altered", func(t *testing.T, r *store.Raw) {
			change(t, r, nthKey(t, r, 's', 50), func(v []byte) []byte { v[20] ^= 1; return v })
		}, fsck.Postings, -1, false, true},
		{"a posting of the edge altered", func(t *testing.T, r *store.Raw) {
			keys, err := r.Keys([]byte{'s'})
			fail(t, err)
			for _, k := range keys {
				v, _, err := r.Get(k)
				fail(t, err)
				if int64(binary.BigEndian.Uint64(v)) == edge {
					v[20] ^= 1
					fail(t, r.Set(k, v))
					return
				}
			}
			t.Fatal("no posting is of the edge")
		}, fsck.Postings, edge, true, true},
		{"a posting of another record", func(t *testing.T, r *store.Raw) {
			change(t, r, nthKey(t, r, 's', 50), func(v []byte) []byte { v[7] ^= 1; return v })
		}, fsck.Postings, -1, false, true},
		{"a posting dropped", func(t *testing.T, r *store.Raw) { change(t, r, nthKey(t, r, 's', 50), dropped) }, fsck.Postings, -1, true, true},
		{"a posting too many", func(t *testing.T, r *store.Raw) {
			k := nthKey(t, r, 's', 50)
			v, _, err := r.Get(k)
			fail(t, err)
			k[36] += 100
			fail(t, r.Set(k, v))
		}, fsck.Postings, -1, true, true},
		{"a posting cut short", func(t *testing.T, r *store.Raw) {
			change(t, r, nthKey(t, r, 's', 50), func(v []byte) []byte { return v[:20] })
		}, fsck.Postings, -1, false, true},
		{"an identity dropped", func(t *testing.T, r *store.Raw) { change(t, r, nthKey(t, r, 'i', 50), dropped) }, fsck.Identities, -1, false, true},
		{"an identity of another record", func(t *testing.T, r *store.Raw) {
			changeIdentity(t, r, func(id *store.Identity) { id.Index ^= 1 })
		}, fsck.Identities, -1, false, true},
		{"an identity no longer restricted", func(t *testing.T, r *store.Raw) {
			changeIdentity(t, r, func(id *store.Identity) { id.Restricted = !id.Restricted })
		}, fsck.Identities, -1, false, true},
		{"an identity rotten", func(t *testing.T, r *store.Raw) { change(t, r, nthKey(t, r, 'i', 50), flip) }, fsck.Identities, -1, false, true},
		{"an identity too many", func(t *testing.T, r *store.Raw) {
			fail(t, r.SetIdentity(store.Identity{}))
		}, fsck.Identities, 0, true, true},
		{"the head row miscounts", func(t *testing.T, r *store.Raw) {
			change(t, r, []byte{'h'}, func(v []byte) []byte { return bytes.Replace(v, []byte(`"entries":`), []byte(`"entries":1`), 1) })
		}, fsck.Counts, -1, true, true},
		{"the head row is dropped", func(t *testing.T, r *store.Raw) { change(t, r, []byte{'h'}, dropped) }, fsck.Counts, -1, true, true},
		{"the store's checkpoint altered", func(t *testing.T, r *store.Raw) {
			change(t, r, []byte{'h'}, func(v []byte) []byte {
				at := bytes.Index(v, []byte(`\n\n`)) - 10
				v[at] ^= 1
				return v
			})
		}, fsck.Signature, -1, true, true},
		{"a party key dropped", func(t *testing.T, r *store.Raw) { change(t, r, nthKey(t, r, 'k', 9), dropped) }, fsck.Counts, -1, false, true},
		{"a party key altered", func(t *testing.T, r *store.Raw) {
			change(t, r, nthKey(t, r, 'k', 9), func(v []byte) []byte { v[30] ^= 1; return v })
		}, fsck.Keys, -1, false, false},
		{"a payload altered", func(t *testing.T, r *store.Raw) {
			fail(t, r.EditPayload(middle, func(b []byte) []byte { b[len(b)-1] ^= 1; return b }))
		}, fsck.Payloads, middle, false, false},
		{"a payload of another record", func(t *testing.T, r *store.Raw) {
			var other []byte
			fail(t, r.EditPayload(middle+300, func(b []byte) []byte { other = bytes.Clone(b); return b }))
			fail(t, r.EditPayload(middle, func([]byte) []byte { return other }))
		}, fsck.Payloads, middle, false, false},
		{"a block of payloads dropped", func(t *testing.T, r *store.Raw) { change(t, r, nthKey(t, r, 'p', 7), dropped) }, fsck.Payloads, -1, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := copyOf(t)
			raw(t, p, func(r *store.Raw) { tc.attack(t, r) })
			for _, deep := range []bool{false, true} {
				if tc.shallow && deep {
					break // it makes the same checks, and more
				}
				r := audit(t, p, fsck.Options{Deep: deep})
				if !tc.shallow && !deep {
					if r.Verdict != proof.Valid {
						t.Errorf("a shallow audit should not see it:\n%s", text(r))
					}
					continue
				}
				f, ok := find(r, tc.check, tc.record)
				if r.Verdict != proof.Invalid || !ok {
					t.Fatalf("deep %v: want INVALID by check %s, record %d; got:\n%s", deep, tc.check, tc.record, text(r))
				}
				if tc.alone && (len(r.Findings) > 1 || r.More > 0) {
					t.Errorf("deep %v: want one finding, got:\n%s", deep, text(r))
				}
				if f.Record >= 0 && f.Record < size && !roots[f.Record] && f.Subject == "" {
					t.Errorf("deep %v: the finding names no subject:\n%s", deep, text(r))
				}
				if f.Record >= 0 && f.Record < size && (f.Checkpoint <= f.Record || f.Where == "") {
					t.Errorf("deep %v: the finding names no checkpoint:\n%s", deep, text(r))
				}
				if f.Text == "" || f.Remedy == "" {
					t.Errorf("deep %v: the finding lacks a text or a remedy: %+v", deep, f)
				}
				if len(r.Findings) > 12 {
					t.Errorf("deep %v: one attack gives %d findings:\n%s", deep, len(r.Findings), text(r))
				}
			}
		})
	}
}

// The subject and the checkpoint that a finding names are the right ones.
func TestFindingNames(t *testing.T) {
	p := copyOf(t)
	index := payment(t, p)
	raw(t, p, func(r *store.Raw) {
		if err := r.EditEntry(index, flip); err != nil {
			t.Fatal(err)
		}
	})
	first := int64(0)
	for f := range store.ReadMirror(p.Mirror) {
		if end := f.Batch.First + int64(len(f.Batch.Entries)); end > index {
			first = end
			break
		}
	}
	r := audit(t, p, fsck.Options{})
	f, ok := find(r, fsck.Entries, index)
	if !ok || f.Checkpoint != first || f.Where != "mirror" {
		t.Errorf("want checkpoint %d of the mirror:\n%s", first, text(r))
	}
	if kind, _, ok := strings.Cut(f.Subject, "/"); !ok || !slices.Contains([]string{"file", "line"}, kind) {
		t.Errorf("subject %q", f.Subject)
	}
	p.Keys, p.Mirror = "", ""
	r = audit(t, p, fsck.Options{})
	f, ok = find(r, fsck.Entries, index)
	if !ok || f.Checkpoint != lastSize(t, honest.parts) || f.Where != "store" || !strings.HasPrefix(f.Subject, "term ") {
		t.Errorf("without keys and mirror:\n%s", text(r))
	}
	if r.Verdict != proof.Invalid {
		t.Errorf("verdict %v", r.Verdict)
	}
}

// What is not given is not checked, and never passes.
func TestIncomplete(t *testing.T) {
	size := lastSize(t, copyOf(t))
	for _, tc := range []struct {
		name    string
		remove  func(*testing.T, *fsck.Parts)
		missing []string
	}{
		{"no keys", func(_ *testing.T, p *fsck.Parts) { p.Keys = "" },
			[]string{fsck.Keys, fsck.Payloads, fsck.Seals, fsck.Events, fsck.Terms, fsck.Refs, fsck.Submitters}},
		{"no vault", func(_ *testing.T, p *fsck.Parts) { p.Vault = filepath.Join(p.Vault, "none") },
			[]string{fsck.Keys, fsck.Payloads, fsck.Seals, fsck.Events, fsck.Terms, fsck.Refs, fsck.Submitters}},
		{"no head file", func(_ *testing.T, p *fsck.Parts) { p.Head = "" }, []string{fsck.HeadFile}},
		{"head file removed", func(t *testing.T, p *fsck.Parts) {
			if err := os.Remove(filepath.Join(p.Head, "checkpoint")); err != nil {
				t.Fatal(err)
			}
		}, []string{fsck.HeadFile}},
		{"no mirror", func(_ *testing.T, p *fsck.Parts) { p.Mirror = "" }, []string{fsck.Mirror, fsck.Notes}},
		{"mirror behind", func(t *testing.T, p *fsck.Parts) {
			var last store.Frame
			for last = range store.ReadMirror(p.Mirror) {
				if last.Err != nil {
					t.Fatal(last.Err)
				}
			}
			if err := os.Truncate(last.File, last.Offset); err != nil {
				t.Fatal(err)
			}
		}, []string{fsck.Mirror}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := copyOf(t)
			tc.remove(t, &p)
			r := audit(t, p, fsck.Options{Deep: true})
			if r.Verdict != proof.Incomplete || r.Size != size {
				t.Errorf("want INCOMPLETE:\n%s", text(r))
			}
			var missing []string
			for _, c := range r.Checks {
				if c.Result == proof.Missing {
					missing = append(missing, c.Name)
				}
			}
			if !slices.Equal(missing, tc.missing) {
				t.Errorf("not checked: %v, want %v", missing, tc.missing)
			}
		})
	}
}

func TestHeadFile(t *testing.T) {
	keys, err := vault.ReadKeys(copyOf(t).Keys)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := keys.Signer()
	if err != nil {
		t.Fatal(err)
	}
	sign := func(size int64, root tree.Hash) []byte {
		b, err := tree.Checkpoint{Origin: ledgertest.Origin, Size: size, Root: root}.Sign(signer)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	size := lastSize(t, copyOf(t))
	for _, tc := range []struct {
		name string
		note []byte
		want string
	}{
		{"ahead of the store", sign(size+1, tree.Hash{}), "rolled back"},
		{"of another history", sign(size-3, tree.Hash{}), "does not continue"},
		{"not signed", bytes.Replace(sign(size, tree.Hash{}), []byte("\n"+"— "), []byte("\n"+"— x"), 1), "head file"},
		{"no note", []byte("hello\n"), "head file"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := copyOf(t)
			if err := os.WriteFile(filepath.Join(p.Head, "checkpoint"), tc.note, 0o600); err != nil {
				t.Fatal(err)
			}
			r := audit(t, p, fsck.Options{})
			f, ok := find(r, fsck.HeadFile, -1)
			if r.Verdict != proof.Invalid || !ok || len(r.Findings) != 1 || !strings.Contains(f.Text, tc.want) {
				t.Errorf("want one finding with %q:\n%s", tc.want, text(r))
			}
		})
	}
}

// A store that was put back to an older copy is behind the head file and the
// mirror, and behind a checkpoint that somebody else holds.
func TestRollback(t *testing.T) {
	p := copyOf(t)
	p.Store = copyDir(t, honest.half, t.TempDir())
	all := notes(t, p)
	r := audit(t, p, fsck.Options{Deep: true, Checkpoints: all[len(all)-1:]})
	for _, check := range []string{fsck.HeadFile, fsck.Mirror, fsck.Outside} {
		if f, ok := find(r, check, -1); !ok || f.Record != r.Size || !strings.Contains(f.Text, "rolled back") {
			t.Errorf("%s doesn't say so:\n%s", check, text(r))
		}
	}
	if r.Verdict != proof.Invalid {
		t.Errorf("verdict %v", r.Verdict)
	}
}

func TestMirror(t *testing.T) {
	index := payment(t, copyOf(t))
	file := func(p fsck.Parts) string { return filepath.Join(p.Mirror, "0000000000000000.mirror") }
	rewrite := func(t *testing.T, p fsck.Parts, edit func(*store.Batch)) {
		t.Helper()
		fresh := t.TempDir()
		m, err := store.OpenMirror(fresh)
		if err != nil {
			t.Fatal(err)
		}
		for f := range store.ReadMirror(p.Mirror) {
			edit(f.Batch)
			if err := m.Append(f.Batch); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(fresh, "0000000000000000.mirror"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file(p), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	holds := func(b *store.Batch) bool { return b.First <= index && index < b.First+int64(len(b.Entries)) }
	for _, tc := range []struct {
		name   string
		attack func(*testing.T, fsck.Parts)
		check  string
		record int64
	}{
		{"a flipped bit", func(t *testing.T, p fsck.Parts) {
			b, err := os.ReadFile(file(p))
			if err != nil {
				t.Fatal(err)
			}
			b[len(b)/2] ^= 1
			if err := os.WriteFile(file(p), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}, fsck.Mirror, -1},
		{"an entry rewritten", func(t *testing.T, p fsck.Parts) {
			rewrite(t, p, func(b *store.Batch) {
				if holds(b) {
					b.Entries[index-b.First] = flip(bytes.Clone(b.Entries[index-b.First]))
				}
			})
		}, fsck.Mirror, index},
		{"a payload rewritten", func(t *testing.T, p fsck.Parts) {
			rewrite(t, p, func(b *store.Batch) {
				if holds(b) {
					b.Payloads[index-b.First] = []byte{}
				}
			})
		}, fsck.Mirror, index},
		{"a key rewritten", func(t *testing.T, p fsck.Parts) {
			rewrite(t, p, func(b *store.Batch) {
				if holds(b) {
					b.Keys = append(b.Keys, store.KeyRow{ID: 100000, Row: []byte("x")})
				}
			})
		}, fsck.Mirror, -1},
		{"a checkpoint altered", func(t *testing.T, p fsck.Parts) {
			rewrite(t, p, func(b *store.Batch) {
				if holds(b) {
					last := "A=\n"
					if bytes.HasSuffix(b.Head.Note, []byte(last)) {
						last = "E=\n"
					}
					b.Head.Note = append(bytes.Clone(b.Head.Note[:len(b.Head.Note)-3]), last...)
				}
			})
		}, fsck.Notes, -1},
		{"a file gone", func(t *testing.T, p fsck.Parts) {
			if err := os.Rename(file(p), filepath.Join(p.Mirror, "0000000000000256.mirror")); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(filepath.Join(p.Mirror, "0000000000000256.mirror"))
			if err != nil {
				t.Fatal(err)
			}
			n := 8 + int(binary.BigEndian.Uint32(b[4:])) + 16 // the first batch
			if err := os.WriteFile(filepath.Join(p.Mirror, "0000000000000256.mirror"), b[n:], 0o600); err != nil {
				t.Fatal(err)
			}
		}, fsck.Mirror, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := copyOf(t)
			tc.attack(t, p)
			r := audit(t, p, fsck.Options{Deep: true})
			if _, ok := find(r, tc.check, tc.record); !ok || r.Verdict != proof.Invalid {
				t.Errorf("want a finding of %s about record %d:\n%s", tc.check, tc.record, text(r))
			}
			if r := audit(t, p, fsck.Options{}); r.Verdict != proof.Valid {
				t.Errorf("a shallow audit doesn't read the mirror:\n%s", text(r))
			}
		})
	}
}

// An operator with all keys can leave a record out and sign everything anew.
// That ledger is right in itself; the checkpoints of the first one give it
// away.
func TestForgedHistory(t *testing.T) {
	p := copyOf(t)
	// Restricted records seal the indexes of others, which move up; so it is
	// one that comes after all of them.
	index := int64(0)
	for f := range store.ReadMirror(p.Mirror) {
		for i, b := range f.Batch.Entries {
			if leaf, err := record.ParseLeaf(b); err == nil && leaf.Entry != nil && leaf.Entry.Type == record.TypeRestricted {
				index = f.Batch.First + int64(i) + 1
			}
		}
	}
	f := ledgertest.Forge(t, p, ledgertest.Lie{Drop: func(i int64) bool { return i == index }})
	r := audit(t, f.Parts, fsck.Options{Deep: true})
	if r.Verdict != proof.Valid {
		t.Fatalf("the forgery has a fault of its own:\n%s", text(r))
	}
	var seen [][]byte // what an auditor was shown before
	first := int64(0) // the first checkpoint over the record
	for b := range store.ReadMirror(p.Mirror) {
		if end := b.Batch.First + int64(len(b.Batch.Entries)); end > index {
			seen, first = append(seen, bytes.Clone(b.Batch.Head.Note)), end
			break
		}
	}
	r = audit(t, f.Parts, fsck.Options{Checkpoints: seen})
	if x, ok := find(r, fsck.Outside, -1); r.Verdict != proof.Invalid || !ok || x.Checkpoint != first {
		t.Errorf("the checkpoint from outside doesn't contradict it:\n%s", text(r))
	}

	withMirror := f.Parts
	withMirror.Mirror = p.Mirror
	r = audit(t, withMirror, fsck.Options{Deep: true})
	x, ok := find(r, fsck.Notes, index)
	if r.Verdict != proof.Invalid || !ok || x.Checkpoint != first || x.Where != "mirror" {
		t.Errorf("the mirror's checkpoints don't contradict it:\n%s", text(r))
	}
	withHead := f.Parts
	withHead.Head = p.Head
	if r = audit(t, withHead, fsck.Options{}); r.Verdict != proof.Invalid {
		t.Errorf("the head file doesn't contradict it:\n%s", text(r))
	}
}

// A lie that is signed with all keys is found by what the records say
// themselves.
func TestSignedLies(t *testing.T) {
	p := copyOf(t)
	index := payment(t, p)
	at := func(do func(*ledgertest.Item)) func(*ledgertest.Item) {
		return func(it *ledgertest.Item) {
			if it.Index == index && it.Entry != nil {
				do(it)
			}
		}
	}
	var seen record.Entry // of an earlier record
	earlier := func(it *ledgertest.Item) {
		if it.Index == index-1 && it.Entry != nil {
			seen = *it.Entry
		}
	}
	for _, tc := range []struct {
		name    string
		lie     ledgertest.Lie
		check   string
		shallow bool
	}{
		{"nothing changed", ledgertest.Lie{}, "", true},
		{"the clock goes back", ledgertest.Lie{Before: at(func(it *ledgertest.Item) { it.Entry.Recorded = it.Entry.Recorded.Add(-time.Hour) })}, fsck.Clock, true},
		{"a seq left out", ledgertest.Lie{After: at(func(it *ledgertest.Item) { it.Entry.Seq++; it.Entry.Prev[0] ^= 1 })}, fsck.Chains, true},
		{"a prev changed", ledgertest.Lie{After: func(it *ledgertest.Item) {
			if it.Index >= index && it.Index < index+40 && it.Entry != nil && it.Entry.Seq > 1 {
				it.Entry.Prev[0] ^= 1
			}
		}}, fsck.Chains, true},
		{"an index-root of another map", ledgertest.Lie{After: func(it *ledgertest.Item) {
			if it.Root != nil && it.Index > index {
				it.Root.Root[0] ^= 1
			}
		}}, fsck.IndexRoots, true},
		{"an index-root that covers less", ledgertest.Lie{After: func(it *ledgertest.Item) {
			if it.Root != nil && it.Index > index {
				it.Root.Covers--
			}
		}}, fsck.IndexRoots, true},
		{"an entry that is none", ledgertest.Lie{After: at(func(it *ledgertest.Item) {
			it.Bytes = bytes.Replace(it.Entry.Bytes(), []byte(`{"capture"`), []byte(`{ "capture"`), 1)
		})}, fsck.Entries, true},
		{"an identity twice", ledgertest.Lie{Before: func(it *ledgertest.Item) {
			earlier(it)
			at(func(it *ledgertest.Item) { it.Entry.Event = seen.Event })(it)
		}}, fsck.Identities, true},
		{"an unknown schema", ledgertest.Lie{Before: at(func(it *ledgertest.Item) { it.Entry.Schema[0] ^= 1 })}, fsck.Schemas, true},
		{"a second genesis", ledgertest.Lie{Before: at(func(it *ledgertest.Item) { it.Entry.Type = record.TypeGenesis })}, fsck.Genesis, true},
		{"a ref ahead", ledgertest.Lie{Before: at(func(it *ledgertest.Item) { it.Entry.Refs = []int64{index} })}, fsck.Refs, true},
		{"a schema other than its hash", ledgertest.Lie{Before: func(it *ledgertest.Item) {
			if it.Index == 3 {
				it.Entry.Open = canon.Map(canon.Member{Name: "type", Value: canon.Text("a")}, canon.Member{Name: "sha256", Value: canon.Text("b")}, canon.Member{Name: "text", Value: canon.Text("c")})
			}
		}}, fsck.Schemas, true},
		{"a map that leaves out a subject", ledgertest.Lie{Batch: func(b *store.Batch) { b.Postings = b.Postings[:max(0, len(b.Postings)-1)] }}, fsck.Postings, true},
		{"a ref left out", ledgertest.Lie{Before: func(it *ledgertest.Item) {
			if it.Index >= index && it.Index < index+40 && it.Entry != nil {
				it.Entry.Refs = nil
			}
		}}, fsck.Refs, false},
		{"a ref made up", ledgertest.Lie{Before: func(it *ledgertest.Item) {
			if it.Index >= index && it.Index < index+40 && it.Entry != nil && it.Entry.Type != record.TypeRestricted {
				it.Entry.Refs = []int64{1}
			}
		}}, fsck.Refs, false},
		{"another term", ledgertest.Lie{Before: at(func(it *ledgertest.Item) { it.Entry.Term[0] ^= 1 })}, fsck.Terms, false},
		{"another seal", ledgertest.Lie{Before: at(func(it *ledgertest.Item) { it.Entry.Sealed[0] ^= 1 })}, fsck.Seals, false},
		{"another capture", ledgertest.Lie{Before: at(func(it *ledgertest.Item) { it.Entry.Capture = record.Live })}, fsck.Events, false},
		{"another time", ledgertest.Lie{Before: func(it *ledgertest.Item) {
			if it.Index >= index && it.Index < index+40 && it.Entry != nil && it.Entry.Time != "" {
				it.Entry.Time = it.Entry.Recorded.Format(time.RFC3339)
			}
		}}, fsck.Events, false},
		{"a conflict with another record", ledgertest.Lie{Before: func(it *ledgertest.Item) {
			if it.Entry != nil && it.Entry.Type == record.TypeConflicted {
				hash, _ := it.Entry.Open.Get("eventHash")
				it.Entry.Open = canon.Map(canon.Member{Name: "index", Value: canon.Number(1)}, canon.Member{Name: "eventHash", Value: hash})
			}
		}}, fsck.Events, false},
		{"an open member made up", ledgertest.Lie{Before: at(func(it *ledgertest.Item) {
			it.Entry.Open = canon.Map(canon.Member{Name: "made", Value: canon.Text("up")})
		})}, fsck.Events, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := ledgertest.Forge(t, p, tc.lie)
			for _, deep := range []bool{false, true} {
				if tc.check != "" && tc.shallow && deep {
					break // it makes the same checks, and more
				}
				r := audit(t, f.Parts, fsck.Options{Deep: deep})
				switch {
				case tc.check == "" || !tc.shallow && !deep:
					if r.Verdict != proof.Valid {
						t.Errorf("deep %v: want VALID:\n%s", deep, text(r))
					}
					continue
				}
				if _, ok := find(r, tc.check, -1); !ok || r.Verdict != proof.Invalid {
					t.Errorf("deep %v: want a finding of %s:\n%s", deep, tc.check, text(r))
				}
			}
		})
	}
}

func TestTrustPolicy(t *testing.T) {
	p := copyOf(t)
	for _, tc := range []struct {
		name  string
		edit  func(*proof.Trust)
		check string
		want  proof.Verdict
	}{
		{"the right one", func(*proof.Trust) {}, "", proof.Valid},
		{"another genesis", func(t *proof.Trust) { t.Genesis[0] ^= 1 }, fsck.Genesis, proof.Invalid},
		{"a key for fewer records", func(t *proof.Trust) { t.Keys[0].To = 10 }, fsck.Signature, proof.Invalid},
		{"chains", func(t *proof.Trust) { t.Unsupported = []string{"chains"} }, "", proof.Incomplete},
	} {
		trust := trustOf(t, p)
		tc.edit(trust)
		r := audit(t, p, fsck.Options{Trust: trust})
		if r.Verdict != tc.want {
			t.Errorf("%s: want %v:\n%s", tc.name, tc.want, text(r))
		}
		if _, ok := find(r, tc.check, -1); !ok && tc.check != "" {
			t.Errorf("%s: want a finding of %s:\n%s", tc.name, tc.check, text(r))
		}
	}
}

// Where the trust file asks for witnesses, a checkpoint that as many of them
// cosigned has to be given.
func TestWitnesses(t *testing.T) {
	p := copyOf(t)
	one, two := ledgertest.NewWitness(t, "witness.example/1", 1), ledgertest.NewWitness(t, "witness.example/2", 2)
	trust := trustOf(t, p)
	trust.Witnesses = &proof.Witnesses{Quorum: 2, Keys: []string{one.Key, two.Key}}
	signed, err := os.ReadFile(filepath.Join(p.Head, "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	cp, err := trust.OpenCheckpoint(signed)
	if err != nil {
		t.Fatal(err)
	}
	alone := append(bytes.Clone(signed), one.Cosign(cp, time.Now())...)
	both := append(bytes.Clone(alone), two.Cosign(cp, time.Now())...)
	for _, tt := range []struct {
		name  string
		given [][]byte
		want  proof.Verdict
	}{
		{"none", nil, proof.Incomplete},
		{"one that nobody cosigned", [][]byte{signed}, proof.Incomplete},
		{"one that one of two cosigned", [][]byte{alone}, proof.Incomplete},
		{"one that both cosigned", [][]byte{signed, both}, proof.Valid},
	} {
		if r := audit(t, p, fsck.Options{Trust: trust, Checkpoints: tt.given}); r.Verdict != tt.want {
			t.Errorf("with %s: want %v:\n%s", tt.name, tt.want, text(r))
		}
	}
}

// Where the trust file lists submitters' keys, every event has to be signed.
func TestSubmitters(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	const id = "key-branch"
	l := ledgertest.New(t)
	submit := func(sign bool) {
		t.Helper()
		events := ledgertest.NewEvents(uint64(len(id)))
		for range 30 {
			ev := events.Next()
			doc, err := canon.Parse(ev.Document, canon.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if ev.Want != ledgertest.Accepted {
				continue
			}
			if sign {
				signature, err := proof.SignEvent(doc, ledgertest.Origin, id, private)
				if err != nil {
					t.Fatal(err)
				}
				doc.Members = append(doc.Members, canon.Member{Name: "signature", Value: canon.Text(signature)})
			} else {
				source, _ := doc.Get("source")
				doc.Members = slices.DeleteFunc(doc.Members, func(m canon.Member) bool { return m.Name == "source" })
				doc.Members = append(doc.Members, canon.Member{Name: "source", Value: canon.Text(source.Str + ":unsigned")})
			}
			l.Submit(ledgertest.Event{Document: canon.Map(doc.Members...).Bytes(), Submitter: id})
		}
	}
	trust := l.Trust()
	check := func(name string, want proof.Verdict, keys ...proof.SubmitterKey) {
		t.Helper()
		l.Stop()
		trust.Submitters = keys
		r := audit(t, ledgertest.Parts(t, l.Dir), fsck.Options{Deep: true, Trust: trust})
		if _, found := find(r, fsck.Submitters, -1); r.Verdict != want || found != (want == proof.Invalid) {
			t.Errorf("%s: want %v:\n%s", name, want, text(r))
		}
	}
	submit(true)
	check("all are signed", proof.Valid, proof.SubmitterKey{ID: id, Key: public})
	check("by one of two keys", proof.Valid, proof.SubmitterKey{ID: id, Key: other}, proof.SubmitterKey{ID: id, Key: public})
	check("by another key", proof.Invalid, proof.SubmitterKey{ID: id, Key: other})
	check("by a key that is not listed", proof.Incomplete, proof.SubmitterKey{ID: "key-web", Key: public})
	l = ledgertest.Start(t, l.Dir, ledger.Options{})
	submit(false)
	check("some are not signed", proof.Incomplete, proof.SubmitterKey{ID: id, Key: public})
}

// A flood of findings is counted, not listed.
func TestLimit(t *testing.T) {
	p := copyOf(t)
	raw(t, p, func(r *store.Raw) {
		for i := int64(30); i < 1030; i += 2 {
			if err := r.EditEntry(i, func(b []byte) []byte { b[len(b)-3] ^= 1; return b }); err != nil {
				t.Fatal(err)
			}
		}
	})
	r := audit(t, p, fsck.Options{Limit: 10})
	entries := 0
	for _, f := range r.Findings {
		if f.Check == fsck.Entries {
			entries++
		}
	}
	if entries < 3 || entries > 10 || len(r.Findings) > 20 || r.More < 400 {
		t.Errorf("%d findings, %d of them of entries, and %d more", len(r.Findings), entries, r.More)
	}
	if !strings.Contains(text(r), "more\n") {
		t.Error("the text doesn't say that there are more")
	}
}

func TestHeldAndMissing(t *testing.T) {
	l := ledgertest.New(t)
	if _, err := fsck.Disk(t.Context(), ledgertest.Parts(t, l.Dir), fsck.Options{}); err == nil || !strings.Contains(err.Error(), store.ErrHeld.Error()) {
		t.Errorf("an audit of a ledger that is held: %v", err)
	}
	if _, err := fsck.Disk(t.Context(), fsck.Parts{Store: t.TempDir()}, fsck.Options{}); err == nil {
		t.Error("an audit of nothing has a result")
	}
	broken := copyOf(t)
	if err := os.WriteFile(filepath.Join(broken.Store, "MANIFEST"), []byte("not one"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := audit(t, broken, fsck.Options{Deep: true})
	if f, ok := find(r, fsck.Entries, -1); r.Verdict != proof.Invalid || !ok || !strings.Contains(f.Text, "doesn't open") {
		t.Error(text(r))
	}
	for _, c := range r.Checks {
		if c.Result == proof.Pass {
			t.Errorf("%s passed in a store that doesn't open", c.Name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := fsck.Disk(ctx, copyOf(t), fsck.Options{}); err == nil {
		t.Error("an interrupted audit has a result")
	}
}

func TestReportJSON(t *testing.T) {
	p := copyOf(t)
	index := payment(t, p)
	raw(t, p, func(r *store.Raw) {
		if err := r.EditEntry(index, flip); err != nil {
			t.Fatal(err)
		}
	})
	b, err := json.Marshal(audit(t, p, fsck.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Verdict, Origin string
		Checks          []struct{ Name, Result, Text string }
		Findings        []struct {
			Check, Subject, Text, Remedy, Where string
			Record                              *int64
			Checkpoint                          int64
		}
	}
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	if out.Verdict != "INVALID" || out.Origin != ledgertest.Origin || len(out.Checks) != 25 {
		t.Errorf("%s", b)
	}
	if f := out.Findings[0]; f.Check != fsck.Entries || f.Record == nil || *f.Record != index || f.Subject == "" || f.Checkpoint == 0 {
		t.Errorf("%s", b)
	}
}
