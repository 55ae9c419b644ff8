// SPDX-License-Identifier: Apache-2.0

package tree_test

import (
	"bytes"
	"crypto/ed25519"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/ledger/tree"
)

// FuzzParseCheckpoint wants what is accepted to be written again as it was.
func FuzzParseCheckpoint(f *testing.F) {
	f.Add(tree.Checkpoint{Origin: "ledger.example/1", Size: 7, Root: tree.EmptyRoot}.Text())
	f.Add(tree.Checkpoint{Origin: "x", Size: 1<<63 - 1}.Text())
	f.Add("x\n-1\n\n")
	f.Add("x\n01\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")
	f.Add("x\n+1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")
	f.Add("x\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\rA=\n")
	f.Add("x\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := tree.ParseCheckpoint(text)
		if err != nil {
			return
		}
		if c.Text() != text {
			t.Errorf("%q is written again as %q", text, c.Text())
		}
		if c.Size < 0 || c.Origin == "" {
			t.Errorf("%q is read as %+v", text, c)
		}
	})
}

// FuzzParseLogProof wants what is accepted to be written again as it was.
func FuzzParseLogProof(f *testing.F) {
	leaves := numberedLeaves(5)
	proof := tree.LogProof{Index: 3, Hashes: tree.Small{Leaves: leaves}.Prove(3), Checkpoint: []byte("x\n5\n…\n\n— x AAAA\n")}
	f.Add(proof.Format())
	proof.Extra = []byte("more")
	f.Add(proof.Format())
	proof.Extra, proof.Hashes, proof.Checkpoint = []byte{}, nil, nil
	f.Add(proof.Format())
	f.Add([]byte("c2sp.org/tlog-proof@v1\nindex 03\n\n"))
	f.Add([]byte("c2sp.org/tlog-proof@v1\nextra AA\r==\nindex 3\n\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		p, err := tree.ParseLogProof(file)
		if err != nil {
			return
		}
		if got := p.Format(); !bytes.Equal(got, file) {
			t.Errorf("%q is written again as %q", file, got)
		}
		if p.Index < 0 || len(p.Hashes) > 63 {
			t.Errorf("%q is read as %+v", file, p)
		}
	})
}

// FuzzOpenCheckpoint wants no other text to be accepted than the one that was
// signed, and that signature in one spelling.
func FuzzOpenCheckpoint(f *testing.F) {
	signer, verifier := noteKey(f, 1)
	signed, err := tree.Checkpoint{Origin: "ledger.example/1", Size: 7, Root: tree.EmptyRoot}.Sign(signer)
	if err != nil {
		f.Fatal(err)
	}
	text, line, _ := bytes.Cut(signed, []byte("\n\n"))
	f.Add(signed)
	f.Add(append(bytes.Clone(signed), line...))
	f.Add(append(bytes.Clone(signed), "— x AAAAAAAA\n"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, n, err := tree.OpenCheckpoint(b, note.VerifierList(verifier))
		if err != nil {
			return
		}
		if c.Text() != string(text)+"\n" || n.Text != c.Text() || !bytes.Contains(b, line) {
			t.Errorf("%q opens as %+v", b, c)
		}
	})
}

// noteKey makes a signer of notes and its verifier from one byte.
func noteKey(t testing.TB, seed byte) (note.Signer, note.Verifier) {
	t.Helper()
	private, public, err := note.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{seed}, ed25519.SeedSize)), "ledger.example/1")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(public)
	if err != nil {
		t.Fatal(err)
	}
	return signer, verifier
}
