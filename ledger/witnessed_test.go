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
