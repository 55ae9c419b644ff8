// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/fsck"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
)

// signer is who submits in these tests: house.append does it for them too.
const signer = "key-1"

func keyNamed(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// signedBy signs an event as its submitter.
func signedBy(t *testing.T, doc []byte, key crypto.Signer) []byte {
	t.Helper()
	v, err := canon.Parse(doc, canon.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	signature, err := proof.SignEvent(v, origin, signer, key)
	if err != nil {
		t.Fatal(err)
	}
	return canon.Map(append(v.Members, canon.Member{Name: "signature", Value: canon.Text(signature)})...).Bytes()
}

func paid(i int) []byte {
	return document("payment.received", "file/A", fmt.Sprint("s-", i), payment(i), nil)
}

// change changes the keys of the submitter.
func (h *house) change(add crypto.Signer, retire ...crypto.Signer) []proof.SubmitterKey {
	h.t.Helper()
	keys, err := h.l.ChangeSubmitterKeys(h.t.Context(), changeOf(add, retire...))
	if err != nil {
		h.t.Fatal(err)
	}
	return keys
}

func changeOf(add crypto.Signer, retire ...crypto.Signer) ledger.SubmitterChange {
	c := ledger.SubmitterChange{Submitter: signer, By: ledger.Local}
	if add != nil {
		c.Add = add.Public()
	}
	for _, k := range retire {
		c.Retire = append(c.Retire, proof.Thumbprint(k.Public()))
	}
	return c
}

// refuses wants an event to be refused for its signature.
func (h *house) refuses(doc []byte, code, says string) {
	h.t.Helper()
	_, err := h.l.Append(h.t.Context(), h.event(doc), signer)
	var v record.Violations
	if !errors.As(err, &v) || len(v) != 1 || v[0].Pointer != "/signature" || v[0].Code != code || !strings.Contains(v[0].Message, says) {
		h.t.Errorf("want %s of /signature that says %q, got %v", code, says, err)
	}
}

// whole is evidence that discloses all of a record.
func (h *house) whole(index int64) *proof.Evidence {
	h.t.Helper()
	e, err := h.l.Prove(h.t.Context(), index, func(string) bool { return true })
	if err != nil {
		h.t.Fatal(err)
	}
	return e
}

// A submitter gets a key, another one, and loses them again. At any time the
// ledger takes what a verifier with its trust file will call VALID, and no more.
func TestSubmitterKeys(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	first, second := keyNamed("first"), keyNamed("second")
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	unsigned := h.append(paid(0))
	before := h.append(signedBy(t, paid(1), second)) // nobody looks at it yet

	keys := h.change(first)
	if len(keys) != 1 || keys[0].ID != signer || keys[0].Until != 0 || keys[0].From != before.Receipt.Index+1 {
		t.Fatalf("the keys are %+v", keys)
	}
	h.refuses(paid(2), record.CodeRequired, fmt.Sprintf("since record %d; sign it with the key %s", keys[0].From, proof.Thumbprint(first.Public())))
	h.refuses(signedBy(t, paid(2), second), record.CodeSignature, "announce the key that made it")
	if again := h.append(paid(0)); !again.Repeated || again.Receipt.Index != unsigned.Receipt.Index {
		t.Error("what was taken before the key is not known again")
	}
	during := h.append(signedBy(t, paid(2), first))
	if r, err := h.l.Append(t.Context(), h.event(paid(3)), "another"); err != nil || r.Repeated {
		t.Errorf("another submitter is asked for a signature: %v", err)
	}

	h.reopen()
	h.refuses(paid(4), record.CodeRequired, "is missing")
	h.change(second)
	both := []*ledger.Result{h.append(signedBy(t, paid(4), first)), h.append(signedBy(t, paid(5), second))}
	keys = h.change(p256, first)
	if len(keys) != 3 || keys[0].Until != keys[2].From+1 || keys[1].Until != 0 {
		t.Errorf("the keys are %+v", keys)
	}
	h.refuses(signedBy(t, paid(6), first), record.CodeSignature, "does not verify")
	if again := h.append(signedBy(t, paid(2), first)); !again.Repeated {
		t.Error("what the retired key signed in its time is not known again")
	}
	after := []*ledger.Result{h.append(signedBy(t, paid(6), second)), h.append(signedBy(t, paid(7), p256))}

	// What holds already is not recorded again, and what was retired stays so.
	size := h.l.Head().Size
	h.change(p256, first)
	if h.l.Head().Size != size {
		t.Error("what holds already was recorded again")
	}
	if _, err := h.l.ChangeSubmitterKeys(t.Context(), changeOf(first)); !errors.Is(err, ledger.ErrRetired) {
		t.Errorf("a key that was retired is added again: %v", err)
	}
	if _, err := h.l.ChangeSubmitterKeys(t.Context(), changeOf(nil, keyNamed("unknown"))); !errors.Is(err, ledger.ErrNoSubmitterKey) {
		t.Errorf("a key that never was is retired: %v", err)
	}

	trust := h.l.Trust()
	if len(trust.Submitters) != 0 {
		t.Error("the ledger's own trust file asks for signatures")
	}
	trust.Submitters = h.l.SubmitterKeys()
	for _, r := range append([]*ledger.Result{during}, append(both, after...)...) {
		verdict(t, trust, h.whole(r.Receipt.Index), proof.Valid, "signed by "+signer)
	}
	verdict(t, trust, h.whole(unsigned.Receipt.Index), proof.Incomplete, "bears no signature")
	verdict(t, trust, h.whole(before.Receipt.Index), proof.Invalid, "may not sign the event of record")
	ended := *trust
	ended.Submitters = slices.Clone(trust.Submitters)
	ended.Submitters[0].Until = during.Receipt.Index
	verdict(t, &ended, h.whole(both[0].Receipt.Index), proof.Invalid, "may not sign the event of record")

	// With no key left, nothing has to be signed, and nothing may be.
	keys = h.change(nil, second, p256)
	if slices.ContainsFunc(keys, func(k proof.SubmitterKey) bool { return k.Until == 0 }) {
		t.Errorf("the keys are %+v", keys)
	}
	h.refuses(signedBy(t, paid(8), second), record.CodeSignature, "all retired")
	h.append(paid(8))
	h.reopen()
	if now := h.l.SubmitterKeys(); !slices.EqualFunc(now, keys, func(a, b proof.SubmitterKey) bool {
		return a.From == b.From && a.Until == b.Until && proof.Thumbprint(a.Key) == proof.Thumbprint(b.Key)
	}) {
		t.Errorf("opened again, the keys are %+v", now)
	}
}

// What a change says, byte for byte (docs/formats.md, section 20).
func TestSubmitterKeyGolden(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	c := changeOf(nil, keyNamed("first"))
	h.change(keyNamed("first"))
	c.By, c.Reason = "k3v9q2ab", "stolen"
	keys, err := h.l.ChangeSubmitterKeys(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	const jwk = `"jwk":{"crv":"Ed25519","kty":"OKP","x":"PRq-o-B_o-b1Lpz9R7hg-jjOEz4tfZJ_w91V6CKAdPQ"}`
	for index, want := range map[int64]struct{ data, id string }{
		keys[0].From:  {`{"by":"local","change":"added",` + jwk + `,"submitter":"key-1"}`, "added"},
		keys[0].Until: {`{"by":"k3v9q2ab","change":"retired",` + jwk + `,"reason":"stolen","submitter":"key-1"}`, "retired"},
	} {
		r, err := h.l.Record(t.Context(), index)
		if err != nil {
			t.Fatal(err)
		}
		e := r.Leaf.Entry
		if got := string(e.Open.Bytes()); e.Type != "org.lendlog.submitter-key.changed.v1" || e.Submitter != "ledger" || got != want.data {
			t.Errorf("record %d of %s says\n%s, want\n%s", index, e.Type, got, want.data)
		}
		doc, err := canon.Parse(r.Document(), canon.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		id, _ := doc.Get("id")
		subject, _ := doc.Get("subject")
		if want := "submitter/key-1/lZSoituZY7FtrYJ_4xcsVRtBEZ0yx7PIkoCKfcH4iz4/" + want.id; id.Str != want || subject.Str != "ledger/keys" {
			t.Errorf("it is %s of %s, want %s", id.Str, subject.Str, want)
		}
	}
}

// A restricted event is signed as any other.
func TestSubmitterKeysOfRestricted(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	key := keyNamed("first")
	h.change(key)
	doc := document("case.opened", "case/C-1", "c-1", `{"caseKind":"fraud"}`, nil)
	h.refuses(doc, record.CodeRequired, "is missing")
	r := h.append(signedBy(t, doc, key))
	trust := h.l.Trust()
	trust.Submitters = h.l.SubmitterKeys()
	verdict(t, trust, h.whole(r.Receipt.Index), proof.Valid, "signed by "+signer)
}

// Every durable step of a change fails once, done or not. The keys are the old
// ones or the new ones, and changing them again goes on.
func TestEveryStepOfASubmitterKeyFailsOnce(t *testing.T) {
	for _, step := range ledger.Steps[1:] {
		for _, done := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s done=%v", step, done), func(t *testing.T) {
				h := newHouse(t, ledger.CreateOptions{})
				first, second := keyNamed("first"), keyNamed("second")
				h.change(first)
				h.append(signedBy(t, paid(0), first))
				if err := h.close(); err != nil {
					t.Fatal(err)
				}
				if err := h.open(); err != nil {
					t.Fatal(err)
				}
				f := &fault{step: step, done: done}
				h.l.OnStep(f.do)
				f.armed.Store(true)
				h.start()
				if _, err := h.l.ChangeSubmitterKeys(t.Context(), changeOf(second, first)); err == nil || f.hit.Load() != 1 {
					t.Fatalf("the change ends with %v, and the fault was hit %d times", err, f.hit.Load())
				}
				if step == "sign" { // nothing was written, and the ledger goes on
					h.append(signedBy(t, paid(1), first))
				}
				if err := h.close(); err != nil && !errors.Is(err, errInjected) {
					t.Fatal(err)
				}
				h.run()
				changed := step != "sign" && (done || step != "store") // it had been committed
				if changed {
					h.refuses(signedBy(t, paid(2), first), record.CodeSignature, "does not verify")
					h.append(signedBy(t, paid(2), second))
				} else {
					h.refuses(signedBy(t, paid(2), second), record.CodeSignature, "does not verify")
					h.append(signedBy(t, paid(2), first))
				}
				size := h.l.Head().Size
				keys := h.change(second, first)
				if (h.l.Head().Size == size) != changed {
					t.Error("the change is recorded twice, or not at all")
				}
				if len(keys) != 2 || keys[0].Until != keys[1].From+1 {
					t.Errorf("the keys are %+v", keys)
				}
				h.append(signedBy(t, paid(3), second))
			})
		}
	}
}

// While events stream in, their submitter's key changes. Each is taken exactly
// where the key that signed it counts.
func TestSubmitterKeyChangesUnderLoad(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	first, second := keyNamed("first"), keyNamed("second")
	h.change(first)
	var working sync.WaitGroup
	taken := make([]map[int64]int, 2) // by index, which event
	for i, key := range []crypto.Signer{first, second} {
		taken[i] = map[int64]int{}
		var events []*record.Event
		for n := range 60 {
			events = append(events, h.event(signedBy(t, paid(1000*(i+1)+n), key)))
		}
		working.Go(func() {
			for n, ev := range events {
				r, err := h.l.Append(t.Context(), ev, signer)
				var v record.Violations
				if err == nil {
					taken[i][r.Receipt.Index] = n
				} else if !errors.As(err, &v) {
					t.Error(err)
				}
			}
		})
	}
	keys := h.change(second, first)
	working.Wait()
	for i, all := range taken {
		for index := range all {
			if !keys[i].May(index) {
				t.Errorf("record %d was signed with a key that counts from %d to %d", index, keys[i].From, keys[i].Until)
			}
		}
	}
	// The audit under the keys of the log says the same.
	trust := h.l.Trust()
	trust.Submitters = h.l.SubmitterKeys()
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	report, err := fsck.Disk(t.Context(), ledgertest.Parts(t, h.dir), fsck.Options{Deep: true, Trust: trust})
	if err != nil || report.Verdict != proof.Valid {
		t.Errorf("an audit that asks for signatures is %v: %v", report.Verdict, err)
	}
	h.run()
}

// What is wrong with a change is said before anything is done.
func TestSubmitterChangeRefuses(t *testing.T) {
	key := keyNamed("first")
	for _, tt := range []struct {
		says  string
		alter func(*ledger.SubmitterChange)
	}{
		{"printable ASCII", func(c *ledger.SubmitterChange) { c.Submitter = "a b" }},
		{"printable ASCII", func(c *ledger.SubmitterChange) { c.Submitter = strings.Repeat("a", 65) }},
		{"own records", func(c *ledger.SubmitterChange) { c.Submitter = "ledger" }},
		{"no key is named", func(c *ledger.SubmitterChange) { c.Add, c.Retire = nil, nil }},
		{"a code", func(c *ledger.SubmitterChange) { c.Reason = "it was stolen" }},
		{"none is retired", func(c *ledger.SubmitterChange) { c.Reason, c.Retire = "stolen", nil }},
	} {
		c := changeOf(key, keyNamed("second"))
		tt.alter(&c)
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("want an error that says %q, got %v", tt.says, err)
		}
	}
	h := newHouse(t, ledger.CreateOptions{})
	if _, err := h.l.ChangeSubmitterKeys(t.Context(), changeOf(key, key)); err == nil || !strings.Contains(err.Error(), "both added and retired") {
		t.Errorf("one key is added and retired: %v", err)
	}
}
