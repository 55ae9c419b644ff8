// SPDX-License-Identifier: Apache-2.0

package witness

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/tree"
)

// Who makes a quorum, and when it is one.
func TestQuorum(t *testing.T) {
	a, b, c, d := ledgertest.NewWitness(t, "a.example", 1), ledgertest.NewWitness(t, "b.example", 2), ledgertest.NewWitness(t, "c.example", 3), ledgertest.NewWitness(t, "d.example", 4)
	p, err := ParsePolicy([]byte("# one of two banks, and the regulator\nlog example.com/any\n\n" + a.Line() + b.Line() + c.Line() +
		"group\tbanks any a.example b.example\n  group all-three all banks c.example\nquorum all-three\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Witnesses) != 3 || p.Witnesses[2].Name != "c.example" || p.Witnesses[2].URL != c.URL {
		t.Errorf("the witnesses are %+v", p.Witnesses)
	}
	cp := tree.Checkpoint{Origin: "ledger.example/1", Size: 7, Root: tree.EmptyRoot}
	at := func(n int64) time.Time { return time.Unix(1000+n, 0).UTC() }
	for _, tt := range []struct {
		lines string
		want  int64 // 0 for none
	}{
		{"", 0},
		{a.Cosign(cp, at(5)), 0},
		{a.Cosign(cp, at(5)) + b.Cosign(cp, at(2)), 0},
		{c.Cosign(cp, at(5)), 0},
		{d.Cosign(cp, at(1)) + c.Cosign(cp, at(5)), 0},
		{a.Cosign(cp, at(5)) + c.Cosign(cp, at(2)), 5},
		{a.Cosign(cp, at(5)) + c.Cosign(cp, at(2)) + b.Cosign(cp, at(3)), 3},
		{b.Cosign(cp, at(1)) + d.Cosign(cp, at(1)) + c.Cosign(cp, at(7)), 7},
		{strings.Replace(a.Cosign(cp, at(5)), "a.example", "b.example", 1) + c.Cosign(cp, at(2)), 0},
	} {
		got, ok := p.Cosigned([]byte(cp.Text() + "\n" + tt.lines))
		if ok != (tt.want > 0) || ok && !got.Equal(at(tt.want)) {
			t.Errorf("a quorum at %v, %v, want %d:\n%s", got, ok, tt.want, tt.lines)
		}
	}
	bigger := cp
	bigger.Size++
	if _, ok := p.Cosigned([]byte(cp.Text() + "\n" + a.Cosign(bigger, at(1)) + c.Cosign(cp, at(1)))); ok {
		t.Error("a wrong cosignature is part of a quorum")
	}
}

func TestParsePolicyRefuses(t *testing.T) {
	a, b, again := ledgertest.NewWitness(t, "a.example", 1), ledgertest.NewWitness(t, "b.example", 2), ledgertest.NewWitness(t, "again.example", 1)
	_, log, err := note.GenerateKey(nil, "c.example")
	if err != nil {
		t.Fatal(err)
	}
	good := string(ledgertest.Policy(2, a, b))
	if _, err := ParsePolicy([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, policy, want string }{
		{"nothing", "", "no quorum"},
		{"no witness", "quorum a.example\n", "not defined"},
		{"no quorum", a.Line(), "end it with a line such as quorum NAME"},
		{"a quorum of none", a.Line() + "quorum none\n", "asks for no quorum"},
		{"a witness named none", strings.Replace(a.Line(), "a.example", "none", 1) + "quorum none\n", "names a witness none"},
		{"two quorums", good + "quorum a.example\n", "multiple quorum"},
		{"two with one key", string(ledgertest.Policy(2, a, again)), "has the key of a.example: they are one witness"},
		{"one of them twice", string(ledgertest.Policy(2, a, a)), "has the key of a.example"},
		{"a group with one twice", a.Line() + "group g 2 a.example a.example\nquorum g\n", "in a group already"},
		{"one in two groups", a.Line() + b.Line() + "group g any a.example b.example\ngroup h all g a.example\nquorum h\n", "in a group already"},
		{"a threshold that nobody reaches", string(ledgertest.Policy(3, a, b)), "threshold"},
		{"no URL", strings.Replace(good, a.URL, "", 1), "line 1 of the witness policy is not: witness NAME KEY URL"},
		{"another scheme", strings.Replace(good, a.URL, "ftp://a.example/", 1), "no URL"},
		{"a URL with a query", strings.Replace(good, a.URL, "https://a.example/?x=1", 1), "no URL"},
		{"a URL with a password", strings.Replace(good, a.URL, "https://u:p@a.example/", 1), "no URL"},
		{"no URL at all", strings.Replace(good, a.URL, "a.example", 1), "no URL"},
		{"the key of a log", strings.Replace(good, a.Key, log, 1), "no key of a witness"},
		{"a key that was altered", strings.Replace(good, a.Key, "b"+a.Key, 1), "no key of a witness"},
		{"an unknown word", good + "witnesses all\n", "unknown keyword"},
		{"a control character", good + "\x1b\n", "control character"},
		{"a # inside", good + "quorum#\n", "#"},
		{"too much", good + strings.Repeat("# more\n", 10<<10), "64 KiB"},
		{"too many", func() string {
			var all []*ledgertest.Witness
			for i := range 33 {
				all = append(all, ledgertest.NewWitness(t, fmt.Sprintf("w%d.example", i), byte(i+1)))
			}
			return string(ledgertest.Policy(1, all...))
		}(), "more than 32"},
	} {
		if _, err := ParsePolicy([]byte(tt.policy)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// What is read has witnesses that torchwood knows, and a quorum that all of
// them are.
func FuzzParsePolicy(f *testing.F) {
	a, b := ledgertest.NewWitness(f, "a.example", 1), ledgertest.NewWitness(f, "b.example", 2)
	f.Add(string(ledgertest.Policy(1, a, b)))
	f.Add(a.Line() + "quorum a.example\n")
	cp := tree.Checkpoint{Origin: "ledger.example/1", Size: 7, Root: tree.EmptyRoot}
	all := cp.Text() + "\n" + a.Cosign(cp, time.Unix(1, 0)) + b.Cosign(cp, time.Unix(1, 0))
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePolicy([]byte(text))
		if err != nil {
			return
		}
		if len(p.Witnesses) == 0 {
			t.Fatal("a policy without witnesses")
		}
		if _, ok := p.Quorum(nil); ok {
			t.Fatal("nobody is a quorum")
		}
		for _, w := range p.Witnesses {
			if _, err := p.Verifier(w.Key.Name(), w.Key.KeyHash()); err != nil {
				t.Fatal(err)
			}
		}
		theirs, err := torchwood.ParsePolicy([]byte(text))
		if err != nil {
			return // its log lines may be anything to us
		}
		_, cosigned := p.Cosigned([]byte(all))
		if _, _, err := torchwood.VerifyCheckpoint([]byte(all), theirs); err == nil && !cosigned {
			t.Fatal("torchwood takes what this policy does not")
		}
	})
}

// The answer of a witness is a stranger's.
func FuzzAnswer(f *testing.F) {
	w := ledgertest.NewWitness(f, "a.example", 1)
	p, err := ParsePolicy(ledgertest.Policy(1, w))
	if err != nil {
		f.Fatal(err)
	}
	cp := tree.Checkpoint{Origin: "ledger.example/1", Size: 7, Root: tree.EmptyRoot}
	now := time.Unix(1_800_000_000, 0)
	signed := []byte(cp.Text() + "\n— ledger.example/1 AAAAAAAA\n")
	f.Add([]byte(w.Cosign(cp, now)), "text/x.tlog.size")
	f.Add([]byte("7\n"), "text/x.tlog.size")
	f.Add([]byte("<html>\n\n"), "text/html")
	f.Fuzz(func(t *testing.T, answer []byte, contentType string) {
		a := &asked{Witness: p.Witnesses[0]}
		if c, err := a.verify(signed, answer, now); err == nil {
			if _, ok := p.Cosigned([]byte(cp.Text() + "\n— " + c.sig.Name + " " + c.sig.Base64 + "\n")); !ok {
				t.Fatal("what was taken is no cosignature")
			}
		}
		if size, err := parseSize(contentType, answer); err == nil && (size < 0 || fmt.Sprintf("%d\n", size) != string(answer)) {
			t.Fatalf("%q is the size %d", answer, size)
		}
	})
}
