// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/proof/chain"
	"github.com/lendlog/lendlog/ledger/proof/chain/chaintest"
	"github.com/lendlog/lendlog/ledger/proof/timestamp/timestamptest"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

// The contract and the publisher of the anchors of these tests.
var contractOfTests, publisherOfTests = chain.Address{1}, chain.Address{2}

// onChain is an anchor of a head.
func onChain(l *ledgertest.Ledger, h ledger.Head) proof.Anchor {
	return proof.Anchor{Chain: chaintest.Block{
		Chain: 1, Contract: contractOfTests, Transactions: 5, Index: 2,
		Event: chain.Event{
			By: publisherOfTests, OriginHash: sha256.Sum256([]byte(l.Info().Origin)), Size: uint64(h.Size), Root: h.Root,
			Number: uint64(h.Size), Time: uint64(time.Now().Unix()) + 1,
		},
	}.Proof()}
}

// stamped is a stamp of a head.
func stamped(l *ledgertest.Ledger, h ledger.Head, name string) proof.Anchor {
	cp := tree.Checkpoint{Origin: l.Info().Origin, Size: h.Size, Root: h.Root}
	return proof.Anchor{Stamp: timestamptest.New(name).Token([]byte(cp.Text()), time.Now())}
}

func add(t *testing.T, l *ledgertest.Ledger, h ledger.Head, anchors ...proof.Anchor) {
	t.Helper()
	for _, a := range anchors {
		if err := l.AddAnchored(h.Note, a); err != nil {
			t.Fatal(err)
		}
	}
}

// Of each place the nearest anchor is found, also when the archive was altered,
// and nothing gets in that is no anchor of this ledger.
func TestAnchoredArchive(t *testing.T) {
	l := ledgertest.New(t)
	events := ledgertest.NewEvents(1)
	var heads []ledger.Head
	for i := range 3 {
		l.Submit(events.Take(5)...)
		h, err := l.IndexedHead(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		heads = append(heads, h)
		add(t, l, h, onChain(l, h), stamped(l, h, "a"))
		if i == 1 {
			add(t, l, h, stamped(l, h, "b"))
		}
	}
	add(t, l, heads[1], l.Anchored()[2].Anchor)
	if n := len(l.Anchored()); n != 7 {
		t.Errorf("the archive has %d anchors, want 7", n)
	}
	sizes := func(index int64) (out []int64) {
		for _, a := range l.AnchoredAfter(index) {
			cp, err := l.Trust().OpenCheckpoint(a.Checkpoint)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, cp.Size)
		}
		return out
	}
	// The chain comes first, the authorities in the order of their issuers' hashes.
	check := func(index int64, want ...int64) {
		t.Helper()
		got := sizes(index)
		counts := map[int64]int{}
		for _, s := range got {
			counts[s]++
		}
		for _, s := range want {
			counts[s]--
		}
		for s, n := range counts {
			if n != 0 {
				t.Errorf("after record %d are anchors of %d, want %d (%d)", index, got, want, s)
			}
		}
	}
	one, two, three := heads[0].Size, heads[1].Size, heads[2].Size
	check(0, one, one, two)
	check(one-1, one, one, two)
	check(one, two, two, two)
	check(two, three, three)
	check(three)

	other := ledgertest.New(t)
	for name, err := range map[string]error{
		"a chain's of another checkpoint": l.AddAnchored(heads[1].Note, onChain(l, heads[0])),
		"a stamp of another checkpoint":   l.AddAnchored(heads[1].Note, stamped(l, heads[0], "a")),
		"of another ledger":               l.AddAnchored(other.Head().Note, stamped(other, other.Head(), "a")),
		"no token":                        l.AddAnchored(heads[1].Note, proof.Anchor{Stamp: []byte("token")}),
		"nothing":                         l.AddAnchored(heads[1].Note, proof.Anchor{}),
	} {
		if err == nil {
			t.Errorf("%s is archived", name)
		}
	}

	dir := l.Stopped()
	path := filepath.Join(dir, "anchors", "archive")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(b, []byte("\n"))
	i := bytes.Index(lines[2], []byte(`"receipt"`)) // of the second head
	lines[2][i+30] ^= 1
	if err := os.WriteFile(path, bytes.Join(lines, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	l = ledgertest.Start(t, dir, ledger.Options{})
	check(one, three, two, two)
	ledgertest.Check(t, l.Stopped())
}

// A store that is behind an anchored checkpoint, or does not continue it, is not
// opened, even where its head file and its mirror went back with it.
func TestStoreAgainstAnchored(t *testing.T) {
	l := ledgertest.New(t)
	dir := l.Stopped()
	old, forked := filepath.Join(t.TempDir(), "old"), filepath.Join(t.TempDir(), "forked")
	for _, to := range []string{old, forked} {
		if err := copyLedger(to, dir); err != nil {
			t.Fatal(err)
		}
	}
	l = ledgertest.Start(t, dir, ledger.Options{})
	l.Submit(ledgertest.NewEvents(1).Take(5)...)
	h := l.Head()
	add(t, l, h, onChain(l, h))
	l.Stop()
	f := ledgertest.Start(t, forked, ledger.Options{})
	f.Submit(ledgertest.NewEvents(2).Take(20)...)
	f.Stop()
	archive, err := os.ReadFile(filepath.Join(dir, "anchors", "archive"))
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]string{old: "was anchored: it was rolled back", forked: "does not continue the anchored checkpoint"} {
		if err := os.Mkdir(filepath.Join(at, "anchors"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(at, "anchors", "archive"), archive, 0o600); err != nil {
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

// Evidence and bundles carry the nearest anchors, and are VALID under a policy that
// asks for them once there are some.
func TestEvidenceIsAnchored(t *testing.T) {
	l := ledgertest.New(t)
	trust := l.Trust()
	trust.Chains = []proof.Chain{{ID: 1, Contract: contractOfTests, Publishers: []proof.Publisher{{Address: publisherOfTests}}}}
	trust.Stamps = &proof.Stamps{Quorum: 2, Roots: []*x509.Certificate{timestamptest.New("a").Root, timestamptest.New("b").Root}}
	trust.Confirm = func(uint64, chain.Block) error { return nil }
	verdict := func(what string, b []byte, want proof.Verdict) {
		t.Helper()
		for _, policy := range []*proof.Trust{trust, l.Trust()} {
			r, err := proof.VerifyFile(policy, bytes.NewReader(b), nil)
			if err != nil {
				t.Fatal(err)
			}
			if r.Verdict != want {
				var text strings.Builder
				_ = r.WriteText(&text)
				t.Errorf("%s: want %v:\n%s", what, want, &text)
			}
			want = proof.Valid // without anchors in the policy
		}
	}
	prove := func(index int64) []byte {
		t.Helper()
		e, err := l.Prove(t.Context(), index, nil)
		if err != nil {
			t.Fatal(err)
		}
		return e.Bytes()
	}
	bundle := func() []byte {
		t.Helper()
		var b bytes.Buffer
		if err := l.WriteBundle(t.Context(), &b, ledger.Bundling{}, nil); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	events := ledgertest.NewEvents(1)
	first := l.Submit(events.Take(1)...)[0].Receipt.Index
	verdict("nothing is anchored", prove(first), proof.Incomplete)
	h := l.Head()
	add(t, l, h, onChain(l, h), stamped(l, h, "a"))
	verdict("one authority stamped it", prove(first), proof.Incomplete)
	add(t, l, h, stamped(l, h, "b"))
	verdict("anchored", prove(first), proof.Valid)
	verdict("an anchored bundle", bundle(), proof.Valid)
	second := l.Submit(events.Take(1)...)[0].Receipt.Index
	verdict("anchored before", prove(first), proof.Valid)
	verdict("a new record", prove(second), proof.Incomplete)
	verdict("a bundle with a new record", bundle(), proof.Incomplete)
	e, err := l.ProveSubject(t.Context(), "file", "none", nil)
	if err != nil {
		t.Fatal(err)
	}
	verdict("absence that is not anchored", e.Bytes(), proof.Incomplete)
	h = l.Head()
	add(t, l, h, onChain(l, h), stamped(l, h, "a"), stamped(l, h, "b"))
	if e, err = l.ProveSubject(t.Context(), "file", "none", nil); err != nil {
		t.Fatal(err)
	}
	verdict("absence", e.Bytes(), proof.Valid)
	verdict("the new record", prove(second), proof.Valid)
	ledgertest.Check(t, l.Stopped())
}

// Evidence carries the nearest record before each of its own that names a block,
// which bounds their times from below.
func TestEvidenceNamesBlocks(t *testing.T) {
	l := ledgertest.New(t)
	trust := l.Trust()
	c := proof.Chain{ID: 1, Contract: contractOfTests, Publishers: []proof.Publisher{{Address: publisherOfTests}}}
	trust.Chains = []proof.Chain{c}
	var asked []uint64
	trust.Confirm = func(_ uint64, b chain.Block) error {
		asked = append(asked, b.Number)
		return nil
	}
	observe := func(number int64, at time.Time) int64 {
		t.Helper()
		i, err := l.SubmitOwn(t.Context(), record.TypeChainObserved, "ledger/chains", fmt.Sprint("block/", number), canon.Map(
			canon.Member{Name: "target", Value: canon.Text("test")}, canon.Member{Name: "chain", Value: canon.Number(1)},
			canon.Member{Name: "block", Value: canon.Number(number)}, canon.Member{Name: "blockHash", Value: canon.Text(chain.Hash{1, 31: byte(number)}.String())},
			canon.Member{Name: "at", Value: canon.Text(at.UTC().Format(record.TimeLayout))},
		))
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	events := ledgertest.NewEvents(1)
	submit := func() int64 { return l.Submit(events.Take(1)...)[0].Receipt.Index }
	before := submit()
	one := observe(1, time.Now())
	first := submit()
	observe(2, time.Now())
	two := observe(3, time.Now())
	second := submit()
	ahead := observe(4, time.Now().Add(time.Hour))
	third := submit()
	h := l.Head()
	add(t, l, h, onChain(l, h))
	for _, tt := range []struct {
		index    int64
		observed []int64
		blocks   []uint64
		want     proof.Verdict
	}{
		{before, nil, nil, proof.Valid},
		{first, []int64{one}, []uint64{1}, proof.Valid},
		{second, []int64{two}, []uint64{3}, proof.Valid},
		{third, []int64{ahead}, []uint64{4}, proof.Invalid},
		{two, []int64{two - 1}, []uint64{2, 3}, proof.Valid},
	} {
		e, err := l.Prove(t.Context(), tt.index, func(string) bool { return false })
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, r := range e.Records[1:] {
			got = append(got, r.Index)
		}
		if e.Records[0].Index != tt.index || !slices.Equal(got, tt.observed) {
			t.Errorf("evidence of record %d has the records %d behind it, want %d", tt.index, got, tt.observed)
		}
		asked = nil
		r := proof.Verify(trust, e)
		asked = slices.DeleteFunc(asked, func(n uint64) bool { return n == uint64(h.Size) }) // that of the anchor
		if r.Verdict != tt.want || !slices.Equal(asked, tt.blocks) {
			t.Errorf("record %d is %v, asked for the blocks %d:\n%v", tt.index, r.Verdict, asked, r.Checks)
		}
	}
	ledgertest.Check(t, l.Stopped())
}
