// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/tree"
)

// witnessName and witnessKey are those of golden witness n; number 9 has the key
// of number 1 under another name.
func witnessName(n int) string { return fmt.Sprintf("witness.example/%d", n) }

func witnessKey(n int) ed25519.PrivateKey {
	if n == 9 {
		n = 1
	}
	return ed25519.NewKeyFromSeed(label(fmt.Sprintf("witness %d", n)))
}

func witnessHash(n int) (hash []byte, key []byte) {
	key = append([]byte{4}, witnessKey(n).Public().(ed25519.PublicKey)...)
	h := sha256.Sum256(append([]byte(witnessName(n)+"\n"), key...))
	return h[:4], key
}

// witnesses are a policy of so many out of three witnesses, or of those given.
func (w *world) witnesses(quorum int, numbers ...int) *proof.Witnesses {
	if numbers == nil {
		numbers = []int{1, 2, 3}
	}
	p := &proof.Witnesses{Quorum: quorum}
	for _, n := range numbers {
		hash, key := witnessHash(n)
		p.Keys = append(p.Keys, fmt.Sprintf("%s+%x+%s", witnessName(n), hash, b64(key)))
	}
	return p
}

// witnessedTrust is the policy of somebody who asks for witnesses.
func (w *world) witnessedTrust(quorum int, numbers ...int) *proof.Trust {
	t := w.trust
	t.Keys = slices.Clone(t.Keys)
	t.Witnesses = w.witnesses(quorum, numbers...)
	t.Witnesses.Tolerance = 10 * time.Second
	return &t
}

// atMinute is a time of the golden day, on which record i was recorded at minute i.
func atMinute(m float64) time.Time {
	return time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC).Add(time.Duration(m * float64(time.Minute)))
}

// absent stands for the minute of a witness that did not cosign.
const absent = -1000

// cosign signs a checkpoint as a witness does.
func cosign(cp tree.Checkpoint, n int, at time.Time) string {
	hash, _ := witnessHash(n)
	sig := binary.BigEndian.AppendUint64(hash, uint64(at.Unix()))
	sig = append(sig, ed25519.Sign(witnessKey(n), fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at.Unix(), cp.Text()))...)
	return "— " + witnessName(n) + " " + base64.StdEncoding.EncodeToString(sig) + "\n"
}

// head is the checkpoint of the first leaves, with the cosignatures of witnesses
// 1, 2 … at these minutes, but for those that are absent.
func (w *world) head(size int, minutes ...float64) []byte {
	w.t.Helper()
	cp := tree.Checkpoint{Origin: origin, Size: int64(size), Root: tree.Small{Leaves: w.small().Leaves[:size]}.Root()}
	signed, err := cp.Sign(w.signer)
	if err != nil {
		w.t.Fatal(err)
	}
	for i, m := range minutes {
		if m != absent {
			signed = append(signed, cosign(cp, i+1, atMinute(m))...)
		}
	}
	return signed
}

// witnessed is a section of evidence: a head and its consistency with the file's.
func (w *world) witnessed(size, file int, minutes ...float64) proof.Witnessed {
	w.t.Helper()
	p, err := w.view().ProveConsistency(int64(min(size, file)), int64(max(size, file)))
	if err != nil {
		w.t.Fatal(err)
	}
	return proof.Witnessed{Checkpoint: w.head(size, minutes...), Proof: p}
}

// cosignedEvidence shows record 2 with what two witnesses cosigned before it and after
// it.
func (w *world) cosignedEvidence() *proof.Evidence {
	e := w.evidence(map[int][]string{2: shown})
	e.Checkpoint = w.head(5, 4, 4.1)
	e.Witnessed = []proof.Witnessed{w.witnessed(2, 5, 1.5, 1.6), w.witnessed(3, 5, 2.5, 2.4, 2.6)}
	return e
}

// withWitnesses adds the vectors of policies that ask for witnesses.
func (m *vectorMaker) withWitnesses() {
	const valid, invalid, incomplete = proof.Valid, proof.Invalid, proof.Incomplete
	w := newWorld(m.w.t) // the receipts of the other have lost seeds
	m.w = w
	m.other["trust-witnesses.json"] = w.witnessedTrust(2).Bytes()
	m.other["trust-one-key.json"] = w.witnessedTrust(2, 1, 9, 3).Bytes()
	add := func(verdict proof.Verdict, check, name, why string, alter func(*proof.Evidence)) *vector {
		e := w.cosignedEvidence()
		if alter != nil {
			alter(e)
		}
		return m.add(verdict, check, name, why, "trust-witnesses.json", e.Bytes())
	}
	add(valid, "", "valid-witnessed", "two of three witnesses cosigned before the record and after it", nil)
	add(valid, "", "valid-witnessed-later", "the file's tree was cosigned as part of a larger one", func(e *proof.Evidence) {
		*e = *w.at(4).evidence(map[int][]string{2: shown})
		e.Witnessed = []proof.Witnessed{w.witnessed(2, 4, 1.5, 1.6), w.witnessed(5, 4, 4, 4.1)}
	})
	add(valid, "", "valid-witnessed-unasked", "the policy asks for no witnesses", nil).Trust = "trust.json"
	add(incomplete, "witnesses", "witnesses-few", "one of two witnesses cosigned the tree", func(e *proof.Evidence) {
		e.Checkpoint = w.head(5, 4)
	})
	add(incomplete, "witnesses", "witnesses-older", "an older tree was cosigned, and this one was not", func(e *proof.Evidence) { e.Checkpoint = w.head(5) })
	same := add(incomplete, "witnesses", "witnesses-one-key", "two names of one key are one witness", func(e *proof.Evidence) {
		e.Checkpoint = w.head(5, 4, absent, absent, absent, absent, absent, absent, absent, 4)
		e.Witnessed = []proof.Witnessed{w.witnessed(2, 5, 1.5, absent, 1.6), w.witnessed(3, 5, 2.5, absent, 2.6)}
	})
	same.Trust = "trust-one-key.json"
	add(invalid, "checkpoint", "witnesses-wrong", "the cosignature of a witness is of another checkpoint", func(e *proof.Evidence) {
		e.Checkpoint = append(w.head(5, 4), bytes.SplitAfter(w.head(3, 4, 4), []byte("\n"))[6]...)
	})
	add(invalid, "checkpoint", "witnesses-alone", "witnesses signed the checkpoint, and the ledger did not", func(e *proof.Evidence) {
		lines := bytes.SplitAfter(w.head(5, 4, 4), []byte("\n"))
		e.Checkpoint = bytes.Join(slices.Delete(lines, 4, 5), nil)
	})
	add(invalid, "witnesses", "witnesses-proof", "the older cosigned tree is not shown to be a prefix", func(e *proof.Evidence) { e.Witnessed[0].Proof = e.Witnessed[1].Proof })
	forked := newLyingWorld(w.t, map[int]lie{1: func(e *record.Entry, _ []seal.Disclosure) { e.Capture = record.Late }})
	add(invalid, "witnesses", "witnesses-fork", "witnesses cosigned another tree of this size", func(e *proof.Evidence) {
		e.Witnessed[0].Checkpoint = forked.head(5, 1.5, 1.6)
		e.Witnessed[0].Proof = nil
	})
	add(invalid, "witnesses", "witnesses-forged", "a cosigned checkpoint that the ledger did not sign", func(e *proof.Evidence) {
		replace(&e.Witnessed[0].Checkpoint, "— "+origin, "— "+"ledger.example/other")
	})
	doc := w.cosignedEvidence().Bytes()
	replace(&doc, `"witnesses": [`, `"witnesses": [], "rest": [`)
	m.add(invalid, "format", "format-witnesses", "a section of witnesses has a checkpoint", "trust-witnesses.json", doc)

	add(invalid, "time", "time-dated-back", "the record was not in the tree that witnesses cosigned after it is said to have been recorded", func(e *proof.Evidence) {
		e.Witnessed[0] = w.witnessed(2, 5, 2.5, 2.4)
	})
	add(invalid, "time", "time-dated-forward", "the record was in the tree that witnesses cosigned before it is said to have been recorded", func(e *proof.Evidence) {
		e.Witnessed[1] = w.witnessed(3, 5, 1.7, 1.7)
	})
	add(incomplete, "time", "time-no-before", "nothing was cosigned before the record", func(e *proof.Evidence) { e.Witnessed = e.Witnessed[1:] })
	rc := func(verdict proof.Verdict, check, name, why string, checkpoint []byte) {
		m.receipt(verdict, check, name, why, 2, func(rc *proof.Receipt) { rc.Checkpoint = checkpoint })
		m.all[len(m.all)-1].Trust = "trust-witnesses.json"
	}
	rc(incomplete, "witnesses", "witnesses-receipt", "a fresh receipt", w.head(5))
	rc(valid, "", "valid-receipt-witnessed", "a receipt that was upgraded", w.head(5, 4, 4.1))
	rc(invalid, "time", "time-receipt", "witnesses cosigned the record before it is said to have been recorded", w.head(5, 1, 1))
}

// at is the world when it had fewer leaves.
func (w *world) at(size int) *world {
	young := *w
	young.leaves = w.leaves[:size]
	return &young
}

// What a quorum is, and what it says of time, for every set of witnesses.
func TestWitnessQuorum(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		name    string
		trust   *proof.Trust
		minutes []float64
		by      float64 // minute by which a quorum had cosigned
	}{
		{"all", w.witnessedTrust(3), []float64{4, 6, 5}, 6},
		{"two of three, all there", w.witnessedTrust(2), []float64{4, 6, 5}, 5},
		{"one of three", w.witnessedTrust(1), []float64{absent, 6, 5}, 5},
		{"two of three, two there", w.witnessedTrust(2), []float64{absent, 6, 5}, 6},
		{"two of three, one there", w.witnessedTrust(2), []float64{absent, absent, 5}, absent},
		{"one key under two names", w.witnessedTrust(2, 1, 9, 3), []float64{4, absent, absent, absent, absent, absent, absent, absent, 5}, absent},
		{"one key under two names, and another", w.witnessedTrust(2, 1, 9, 3), []float64{4, absent, 6, absent, absent, absent, absent, absent, 5}, 6},
		{"strangers", w.witnessedTrust(2, 4, 5), []float64{1, 2, 3}, absent},
		{"no policy", &w.trust, []float64{1, 2, 3}, absent},
	} {
		cp, at, err := tt.trust.OpenWitnessed(w.head(5, tt.minutes...))
		switch {
		case tt.by == absent:
			if !errors.Is(err, proof.ErrUnwitnessed) {
				t.Errorf("%s: %v", tt.name, err)
			}
		case err != nil || cp.Size != 5 || !at.Equal(atMinute(tt.by)):
			t.Errorf("%s: by %v: %v", tt.name, at, err)
		}
	}
	if _, _, err := w.witnessedTrust(1).OpenWitnessed(w.head(5, 1)[1:]); err == nil || errors.Is(err, proof.ErrUnwitnessed) {
		t.Errorf("a checkpoint that was altered is %v", err)
	}
}

// The tolerance is as wide as the policy says.
func TestTolerance(t *testing.T) {
	w := newWorld(t)
	e := w.cosignedEvidence()
	for _, tt := range []struct {
		tolerance, before, after time.Duration // the cosigned trees lie so far inside
		want                     proof.Verdict
	}{
		{10 * time.Second, 9 * time.Second, 9 * time.Second, proof.Valid},
		{10 * time.Second, 12 * time.Second, 0, proof.Invalid},
		{10 * time.Second, 0, 12 * time.Second, proof.Invalid},
		{0, 299 * time.Second, 299 * time.Second, proof.Valid},
		{0, 302 * time.Second, 0, proof.Invalid},
		{0, 0, 302 * time.Second, proof.Invalid},
	} {
		policy := w.witnessedTrust(2)
		policy.Witnesses.Tolerance = tt.tolerance
		at := func(d time.Duration) float64 { return 2 + d.Minutes() }
		e.Witnessed = []proof.Witnessed{w.witnessed(2, 5, at(tt.before), at(tt.before)), w.witnessed(3, 5, at(-tt.after), at(-tt.after))}
		if r := proof.Verify(policy, e); r.Verdict != tt.want {
			t.Errorf("%v, %v before and %v after it is %v", tt.tolerance, tt.before, tt.after, r.Verdict)
		}
	}
}

// Of more cosignatures than a quorum needs, those bound the time that an honest
// one among any quorum gave.
func TestTimesOfManyWitnesses(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		quorum        int
		before, after []float64
		want          proof.Verdict
	}{
		// Record 2 was recorded at minute 2.
		{1, []float64{1.5, 2.5}, []float64{3, 4}, proof.Invalid},
		{1, []float64{1.5, 1.6}, []float64{1.5, 4}, proof.Invalid},
		{2, []float64{1.5, 2.5}, []float64{3, 4}, proof.Valid},
		{2, []float64{1.5, 1.6}, []float64{1.5, 4}, proof.Valid},
		{2, []float64{1.5, 2.5, 2.6}, []float64{3, 4, 5}, proof.Invalid},
		{2, []float64{1.5, 1.6, 2.6}, []float64{1, 4, 5}, proof.Valid},
		{3, []float64{1.5, 2.5, 2.6}, []float64{1, 1.5, 3}, proof.Valid},
	} {
		e := w.evidence(map[int][]string{2: nil})
		e.Checkpoint = w.head(5, 10, 10, 10)
		e.Witnessed = []proof.Witnessed{w.witnessed(2, 5, tt.before...), w.witnessed(3, 5, tt.after...)}
		if r := proof.Verify(w.witnessedTrust(tt.quorum), e); r.Verdict != tt.want {
			t.Errorf("a quorum of %d, %v before and %v after: %v, want %v", tt.quorum, tt.before, tt.after, r.Verdict, tt.want)
		}
	}
}

func TestParseWitnessesRefuses(t *testing.T) {
	w := newWorld(t)
	good := string(w.witnessedTrust(2).Bytes())
	key := w.witnesses(1).Keys[0]
	for _, tt := range []struct{ name, old, new string }{
		{"null", `"witnesses": {`, `"witnesses": null, "x": {`},
		{"a list", `"witnesses": {`, `"witnesses": [], "x": {`},
		{"no quorum", `"quorum": 2,`, ``},
		{"a quorum of none", `"quorum": 2`, `"quorum": 0`},
		{"a negative quorum", `"quorum": 2`, `"quorum": -1`},
		{"a quorum that nobody reaches", `"quorum": 2`, `"quorum": 4`},
		{"a quorum that one key under two names would be", `"quorum": 2`, `"quorum": 3`},
		{"no keys", `"keys": [` + "\n" + `      "witness`, `"keys": [], "x": [` + "\n" + `      "witness`},
		{"a key that is none", key, "key"},
		{"a key that is no string", `"` + key + `"`, "7"},
		{"the key of the ledger", key, w.trust.Keys[0].Key},
		{"an altered key", key, "w" + key},
		{"an unknown member", `"quorum": 2`, `"later": 1, "quorum": 2`},
		{"no tolerance", `"toleranceSeconds": 10`, `"toleranceSeconds": 0`},
		{"a tolerance of a word", `"toleranceSeconds": 10`, `"toleranceSeconds": "10"`},
		{"a tolerance of all time", `"toleranceSeconds": 10`, `"toleranceSeconds": 9007199254740991`},
	} {
		text := good
		if strings.Contains(tt.name, "two names") {
			text = string(w.witnessedTrust(2, 1, 9, 3).Bytes())
		}
		if !strings.Contains(text, tt.old) {
			t.Fatalf("%s: no %q in %s", tt.name, tt.old, text)
		}
		if _, err := proof.ParseTrust([]byte(strings.Replace(text, tt.old, tt.new, 1))); err == nil {
			t.Errorf("%s is accepted", tt.name)
		}
	}
}

// A bundle is under witnesses as a receipt is: by its own checkpoint.
func TestBundleUnderWitnesses(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		name    string
		minutes []float64
		want    proof.Verdict
		check   string
	}{
		{"a quorum", []float64{4, 4.1}, proof.Valid, ""},
		{"one of two", []float64{4}, proof.Incomplete, "witnesses"},
		{"a quorum before it was recorded", []float64{1, 1.1}, proof.Invalid, "time"},
	} {
		e := w.evidence(map[int][]string{1: nil, 2: nil})
		e.Checkpoint = w.head(5, tt.minutes...)
		file := w.bundle(&proof.Bundle{Query: &proof.Query{Filter: "subject=file/L-1"}}, e)
		r, err := proof.VerifyBundle(w.witnessedTrust(2), bytes.NewReader(file), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		wantVerdict(t, r, tt.want, tt.check, "")
		if r, err := proof.VerifyBundle(&w.trust, bytes.NewReader(file), nil, nil); err != nil || r.Verdict != proof.Valid {
			t.Errorf("%s: without a policy of witnesses it is %v, %v", tt.name, r.Verdict, err)
		}
	}
}
