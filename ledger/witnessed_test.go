// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/tree"
)

// witnessHead archives the newest checkpoint of a ledger as if a witness had
// cosigned it.
func witnessHead(t *testing.T, l *ledgertest.Ledger, w *ledgertest.Witness) ledger.Head {
	t.Helper()
	h, err := l.IndexedHead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cp := tree.Checkpoint{Origin: l.Info().Origin, Size: h.Size, Root: h.Root}
	if err := l.AddWitnessed(append(bytes.Clone(h.Note), w.Cosign(cp, time.Now())...)); err != nil {
		t.Fatal(err)
	}
	return h
}

// The nearest witnessed checkpoints before and after a record are found, also
// when the archive was altered, and a checkpoint of another ledger or history
// never gets in.
func TestWitnessedArchive(t *testing.T) {
	l := ledgertest.New(t)
	w := ledgertest.NewWitness(t, "witness.example/1", 1)
	if _, ok := l.Witnessed(); ok {
		t.Error("something is witnessed")
	}
	events := ledgertest.NewEvents(1)
	var heads []ledger.Head
	for range 4 {
		l.Submit(events.Take(5)...)
		heads = append(heads, witnessHead(t, l, w))
	}
	check := func(without int) {
		t.Helper()
		sizes := []int64{0}
		for i, h := range heads {
			if i != without {
				sizes = append(sizes, h.Size)
			}
		}
		for index := range l.Head().Size + 1 {
			before, after := int64(0), int64(0)
			for _, s := range sizes {
				if s <= index {
					before = s
				} else if after == 0 {
					after = s
				}
			}
			if got, ok := l.WitnessedBefore(index); got.Size != before || ok != (before > 0) {
				t.Errorf("before record %d lies %d, want %d", index, got.Size, before)
			}
			if got, ok := l.WitnessedAfter(index); got.Size != after || ok != (after > 0) {
				t.Errorf("after record %d lies %d, want %d", index, got.Size, after)
			}
		}
	}
	check(-1)
	if got, ok := l.Witnessed(); !ok || got.Size != heads[3].Size || !bytes.HasPrefix(got.Note, heads[3].Note) {
		t.Errorf("the newest is %d", got.Size)
	}
	other := ledgertest.Start(t, ledgertest.Create(t, ledger.CreateOptions{Origin: "ledger.example/other"}), ledger.Options{})
	for name, signed := range map[string][]byte{
		"another ledger's": other.Head().Note,
		"unsigned":         []byte(tree.Checkpoint{Origin: l.Info().Origin, Size: 100, Root: tree.EmptyRoot}.Text() + "\n— x AAAAAAAA\n"),
		"an older one":     heads[1].Note,
		"nothing":          nil,
	} {
		if err := l.AddWitnessed(signed); err == nil {
			t.Errorf("%s is archived", name)
		}
	}
	dir := l.Stopped()
	path := filepath.Join(dir, "witnessed")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cut := bytes.Index(b, heads[2].Note)
	b[cut+len(heads[2].Note)-10] ^= 1 // in the signature
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	l = ledgertest.Start(t, dir, ledger.Options{})
	check(2)
	ledgertest.Check(t, l.Stopped())
	// Without the archive nothing is missing but what was in it.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	l = ledgertest.Start(t, dir, ledger.Options{})
	if _, ok := l.Witnessed(); ok {
		t.Error("something is witnessed")
	}
	witnessHead(t, l, w)
	ledgertest.Check(t, l.Stopped())
}

// A store that is behind a witnessed checkpoint, or does not continue it, is
// not opened, even where its head file and its mirror went back with it.
func TestStoreAgainstWitnessed(t *testing.T) {
	l := ledgertest.New(t)
	w := ledgertest.NewWitness(t, "witness.example/1", 1)
	dir := l.Stopped()
	old, forked := filepath.Join(t.TempDir(), "old"), filepath.Join(t.TempDir(), "forked")
	for _, to := range []string{old, forked} {
		if err := copyLedger(to, dir); err != nil {
			t.Fatal(err)
		}
	}
	l = ledgertest.Start(t, dir, ledger.Options{})
	l.Submit(ledgertest.NewEvents(1).Take(5)...)
	witnessHead(t, l, w)
	l.Stop()
	f := ledgertest.Start(t, forked, ledger.Options{})
	f.Submit(ledgertest.NewEvents(2).Take(20)...)
	f.Stop()
	archive, err := os.ReadFile(filepath.Join(dir, "witnessed"))
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]string{old: "was witnessed: it was rolled back", forked: "does not continue the witnessed checkpoint"} {
		if err := os.WriteFile(filepath.Join(at, "witnessed"), archive, 0o600); err != nil {
			t.Fatal(err)
		}
		if l, err := ledger.Open(t.Context(), at, ledger.Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("opening says %v, want %q", err, want)
			if err == nil {
				_ = l.Close()
			}
		}
	}
	ledgertest.Check(t, dir)
}

// Evidence carries what witnesses cosigned around each record, and is VALID
// under a policy of them once they have cosigned it, with what is appended
// meanwhile and without.
func TestEvidenceIsWitnessed(t *testing.T) {
	l := ledgertest.New(t)
	one, two := ledgertest.NewWitness(t, "witness.example/1", 1), ledgertest.NewWitness(t, "witness.example/2", 2)
	trust := l.Trust()
	trust.Witnesses = &proof.Witnesses{Quorum: 2, Keys: []string{one.Key, two.Key}}
	both := func() {
		t.Helper()
		h := witnessHead(t, l, one)
		cp := tree.Checkpoint{Origin: l.Info().Origin, Size: h.Size, Root: h.Root}
		if err := l.AddWitnessed([]byte(string(h.Note) + one.Cosign(cp, time.Now()) + two.Cosign(cp, time.Now()))); err != nil {
			t.Fatal(err)
		}
	}
	events := ledgertest.NewEvents(1)
	verdict := func(what string, e *proof.Evidence, err error, want proof.Verdict, missing string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		read, err := proof.ParseEvidence(e.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		r := proof.Verify(trust, read)
		var b strings.Builder
		_ = r.WriteText(&b)
		if r.Verdict != want || missing != "" && !strings.Contains(b.String(), missing) {
			t.Errorf("%s: want %v with %q:\n%s", what, want, missing, &b)
		}
		if r := proof.Verify(l.Trust(), read); r.Verdict != proof.Valid {
			t.Errorf("%s: without a policy of witnesses it is %v", what, r.Verdict)
		}
	}
	first := l.Submit(events.Take(1)...)[0].Receipt.Index
	e, err := l.Prove(t.Context(), first, nil)
	verdict("a fresh record", e, err, proof.Incomplete, "0 of the 2 witnesses")
	both()
	e, err = l.Prove(t.Context(), first, nil)
	verdict("the first record", e, err, proof.Incomplete, "no checkpoint before the record")
	second := l.Submit(events.Take(1)...)[0].Receipt.Index
	e, err = l.Prove(t.Context(), second, nil)
	verdict("a record after the witnessed ones", e, err, proof.Incomplete, "0 of the 2 witnesses")
	witnessHead(t, l, one)
	e, err = l.Prove(t.Context(), second, nil)
	verdict("a record that one witness saw", e, err, proof.Incomplete, "1 of the 2 witnesses")
	both()
	e, err = l.Prove(t.Context(), second, nil)
	verdict("a record between witnessed ones", e, err, proof.Valid, "")
	l.Submit(events.Take(30)...)
	e, err = l.Prove(t.Context(), second, nil)
	verdict("it, with newer records", e, err, proof.Valid, "")
	if cp, err := trust.OpenCheckpoint(e.Checkpoint); err != nil || cp.Size >= l.Head().Size {
		t.Errorf("it is proved under %d: %v", cp.Size, err)
	}
	// All records of a subject need the newest index-root, which witnesses have
	// not seen yet.
	r, err := l.Record(t.Context(), second)
	if err != nil {
		t.Fatal(err)
	}
	kind, id, _ := strings.Cut(memberOf(t, r, "/subject"), "/")
	e, err = l.ProveSubject(t.Context(), kind, id, nil)
	verdict("a subject", e, err, proof.Incomplete, "0 of the 2 witnesses")
	both()
	e, err = l.ProveSubject(t.Context(), kind, "none", nil)
	verdict("the absence of a subject", e, err, proof.Valid, "there is no record of")
	ledgertest.Check(t, l.Stopped())
}

// memberOf returns a text of a record.
func memberOf(t *testing.T, r *ledger.Record, pointer string) string {
	t.Helper()
	for _, m := range r.Members {
		if m.Pointer == pointer {
			return m.Value.Str
		}
	}
	t.Fatalf("the record has no %s", pointer)
	return ""
}
