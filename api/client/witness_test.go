// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/anchor/witness"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
)

// watched has two witnesses watch the ledger of a server, and returns a policy
// that asks for both. round has them asked once.
func watched(t *testing.T, s *server) (trust *proof.Trust, one, two *ledgertest.Witness, run func()) {
	t.Helper()
	key := s.ledger.Info().VerifierKeys[0]
	one, two = ledgertest.NewWitness(t, "witness.example/1", 1, key), ledgertest.NewWitness(t, "witness.example/2", 2, key)
	trust = s.ledger.Trust()
	trust.Witnesses = &proof.Witnesses{Quorum: 2, Keys: []string{one.Key, two.Key}}
	p, err := witness.ParsePolicy(ledgertest.Policy(2, one, two))
	if err != nil {
		t.Fatal(err)
	}
	g, err := witness.New(witness.Config{Ledger: s.ledger.Ledger, Policy: p, Every: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return trust, one, two, func() {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- g.Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

// paid is a payment of some subject.
func paid(id, subject string) []byte {
	return fmt.Appendf(nil, `{"specversion":"1.0","id":%q,"source":"urn:test","type":"org.lendlog.payment.received.v1","subject":%q,"party":"C-1","time":"2026-03-01T10:00:00Z","data":{"amount":{"amount":"10.00","currency":"EUR"}}}`, id, subject)
}

// A fresh receipt is INCOMPLETE under a policy of witnesses, and VALID once it
// is upgraded; so is evidence.
func TestUpgrade(t *testing.T) {
	s := serve(t)
	trust, _, _, run := watched(t, s)
	c := dial(t, s, client.WithTrust(trust))
	result, err := c.Submit(t.Context(), paid("p-1", "file/A"))
	if err != nil {
		t.Fatal(err)
	}
	r := result.Receipt
	fresh := r.Bytes()
	if v := proof.VerifyReceipt(trust, r, nil).Verdict; v != proof.Incomplete {
		t.Errorf("a fresh receipt is %v", v)
	}
	if err := c.Upgrade(t.Context(), r); !errors.Is(err, client.ErrUnwitnessed) || !bytes.Equal(r.Bytes(), fresh) {
		t.Errorf("without cosignatures it is upgraded: %v", err)
	}
	ended, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := c.AwaitUpgrade(ended, r); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting ended with %v", err)
	}
	e, err := c.ProveSubject(t.Context(), "file", "A", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.UpgradeEvidence(t.Context(), e); !errors.Is(err, client.ErrUnwitnessed) {
		t.Errorf("without cosignatures evidence is upgraded: %v", err)
	}
	run()
	if err := c.AwaitUpgrade(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if v := proof.VerifyReceipt(trust, r, nil).Verdict; v != proof.Valid {
		t.Errorf("the upgraded receipt is %v", v)
	}
	if v := proof.VerifyReceipt(s.ledger.Trust(), r, nil).Verdict; v != proof.Valid {
		t.Errorf("to whoever asks for no witnesses it is %v", v)
	}
	// Another record, upgraded by the client itself.
	own := dial(t, s, client.WithTrust(trust), client.WithWitnessedReceipts())
	result, err = own.Submit(t.Context(), paid("p-2", "file/A"))
	if err != nil {
		t.Fatal(err)
	}
	if v := proof.VerifyReceipt(trust, result.Receipt, nil).Verdict; v != proof.Valid {
		t.Errorf("the receipt that was waited for is %v", v)
	}
	index := result.Receipt.Index
	if e, err = c.Prove(t.Context(), index, nil); err != nil {
		t.Fatal(err)
	}
	if r := proof.Verify(trust, e); r.Verdict != proof.Valid {
		var b strings.Builder
		_ = r.WriteText(&b)
		t.Errorf("evidence of the second record:\n%s", &b)
	}
	// Of a busy ledger the evidence of a subject is upgraded later.
	if e, err = c.ProveSubject(t.Context(), "file", "A", nil); err != nil {
		t.Fatal(err)
	}
	err = c.AwaitUpgradeEvidence(t.Context(), e)
	report := proof.Verify(trust, e)
	for _, k := range report.Checks {
		if k.Name == "witnesses" && k.Result != proof.Pass || k.Result == proof.Fail {
			t.Errorf("upgraded evidence: %s: %s", k.Name, k.Text)
		}
	}
	if err != nil {
		t.Error(err)
	}
	n := len(e.Witnessed)
	if err := c.UpgradeEvidence(t.Context(), e); err != nil || len(e.Witnessed) != n {
		t.Errorf("it is upgraded again: %v", err)
	}
	plain := dial(t, s, client.WithTrust(s.ledger.Trust()))
	if err := plain.Upgrade(t.Context(), r); !errors.Is(err, client.ErrUnwitnessed) || !strings.Contains(err.Error(), "names no witnesses") {
		t.Errorf("under a policy without witnesses: %v", err)
	}
}

// A server that answers an upgrade with something else is found out, and the
// receipt stays as it was.
func TestUpgradeLies(t *testing.T) {
	s := serve(t)
	trust, _, _, run := watched(t, s)
	run()
	c := dial(t, s, client.WithTrust(trust))
	// One checkpoint is cosigned before the record is there, whatever the pace.
	first, err := c.Submit(t.Context(), paid("p-0", "file/A"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AwaitUpgrade(t.Context(), first.Receipt); err != nil {
		t.Fatal(err)
	}
	result, err := c.Submit(t.Context(), paid("p-1", "file/A"))
	if err != nil {
		t.Fatal(err)
	}
	r := result.Receipt
	whole := proof.Receipt{Index: r.Index, Entry: r.Entry, Seeds: r.Seeds, Proof: r.Proof, Checkpoint: r.Checkpoint}
	if err := c.AwaitUpgrade(t.Context(), &whole); err != nil {
		t.Fatal(err)
	}
	older, ok := s.ledger.WitnessedBefore(r.Index)
	if !ok {
		t.Fatal("nothing was cosigned before")
	}
	list := func(note string) func([]byte) []byte {
		return func([]byte) []byte {
			b, _ := json.Marshal(map[string]any{"checkpoints": []any{map[string]any{"size": 1, "checkpoint": note}}})
			return b
		}
	}
	cosigned := string(whole.Checkpoint)
	for _, tt := range []struct {
		name, path string
		answer     func([]byte) []byte
		want       string
	}{
		{"no list", "/v1/checkpoints", func([]byte) []byte { return []byte("[]") }, "list of checkpoints cannot be read"},
		{"an older checkpoint", "/v1/checkpoints", list(string(older.Note)), "were asked for"},
		{"an altered cosignature", "/v1/checkpoints", list(cosigned[:len(cosigned)-8] + "AAAA==\n"), ""},
		{"an altered checkpoint", "/v1/checkpoints", list("x" + cosigned), "is wrong"},
		{"no proof", "/proof", func([]byte) []byte { return []byte(`{"proof":7}`) }, "proof cannot be read"},
		{"a proof of another record", "/proof", func([]byte) []byte { return []byte(`{"proof":[]}`) }, "not at this place"},
	} {
		var f = func(req *http.Request, _ *http.Response, body []byte) []byte {
			if strings.Contains(req.URL.Path, tt.path) {
				return tt.answer(body)
			}
			return body
		}
		s.lie.Store(&f)
		before := string(r.Bytes())
		err := c.Upgrade(t.Context(), r)
		var lie *client.LieError
		if !errors.As(err, &lie) || !strings.Contains(err.Error(), tt.want) || string(r.Bytes()) != before {
			t.Errorf("%s: %v, want a LieError about %q", tt.name, err, tt.want)
		}
	}
}

// The newest cosigned checkpoint comes with the time by which a quorum had
// cosigned it, and only as it was cosigned.
func TestWitnessed(t *testing.T) {
	s := serve(t)
	trust, _, _, run := watched(t, s)
	c := dial(t, s, client.WithTrust(trust))
	if _, _, err := c.Witnessed(t.Context()); !errors.Is(err, client.ErrUnwitnessed) {
		t.Errorf("before there is one: %v", err)
	}
	run()
	result, err := c.Submit(t.Context(), paid("p-1", "file/A"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.AwaitUpgrade(t.Context(), result.Receipt); err != nil {
		t.Fatal(err)
	}
	cp, at, err := c.Witnessed(t.Context())
	if err != nil || cp.Size <= result.Receipt.Index {
		t.Fatalf("of %d records: %v", cp.Size, err)
	}
	if _, want, err := trust.OpenWitnessed(cp.Note); err != nil || !at.Equal(want) {
		t.Errorf("cosigned at %v, want %v, %v", at, want, err)
	}
	if _, _, err := dial(t, s, client.WithTrust(s.ledger.Trust())).Witnessed(t.Context()); !errors.Is(err, client.ErrUnwitnessed) {
		t.Errorf("under a policy without witnesses: %v", err)
	}
	lie := func(r *http.Request, _ *http.Response, b []byte) []byte {
		if r.URL.Path == "/v1/checkpoints/newest" {
			b = append([]byte("x"), b...)
		}
		return b
	}
	s.lie.Store(&lie)
	_, _, err = c.Witnessed(t.Context())
	wantLie(t, err, "wrong")
}

// A stream holds outcomes back until their receipts are upgraded, but not for
// ever, and not under a policy without witnesses.
func TestStreamUpgrades(t *testing.T) {
	s := serve(t)
	trust, _, _, run := watched(t, s)
	c := dial(t, s, client.WithTrust(trust))
	stream := func(c *client.Client, wait time.Duration, name string, n int) (outcomes []client.Outcome, err error) {
		t.Helper()
		events := func(yield func([]byte) bool) {
			for i := range n {
				if !yield(paid(fmt.Sprint(name, i), "file/A")) {
					return
				}
			}
		}
		for out, err := range c.Stream(t.Context(), events, client.StreamOptions{Witnessed: wait}) {
			if err != nil {
				return outcomes, err
			}
			if outcomes = append(outcomes, out); out.Refused != nil || out.Number != int64(len(outcomes)) {
				t.Fatalf("outcome %d: %+v", len(outcomes), out)
			}
		}
		return outcomes, nil
	}
	want := func(outcomes []client.Outcome, err error, n int, v proof.Verdict, unwitnessed error) {
		t.Helper()
		if err != nil || len(outcomes) != n {
			t.Fatalf("%d outcomes: %v", len(outcomes), err)
		}
		for _, out := range outcomes {
			if got := proof.VerifyReceipt(trust, out.Result.Receipt, nil).Verdict; got != v || !errors.Is(out.Unwitnessed, unwitnessed) {
				t.Errorf("the receipt of event %d is %v: %v", out.Number, got, out.Unwitnessed)
			}
		}
	}
	// Nobody cosigns: what is recorded is told all the same.
	got, err := stream(c, time.Millisecond, "a-", 3)
	want(got, err, 3, proof.Incomplete, client.ErrUnwitnessed)
	got, err = stream(dial(t, s, client.WithTrust(s.ledger.Trust())), time.Hour, "b-", 3)
	want(got, err, 3, proof.Incomplete, nil)

	run()
	got, err = stream(c, time.Minute, "c-", 20)
	want(got, err, 20, proof.Valid, nil)
	// The same events again have the same receipts, upgraded.
	got, err = stream(c, time.Minute, "a-", 3)
	want(got, err, 3, proof.Valid, nil)
	if !got[0].Result.Repeated {
		t.Error("an event was recorded twice")
	}

	// A lie about one ends the stream, after the outcome: the event is recorded.
	lie := func(r *http.Request, _ *http.Response, b []byte) []byte {
		if r.URL.Path == "/v1/checkpoints" {
			return []byte("[]")
		}
		return b
	}
	s.lie.Store(&lie)
	got, err = stream(c, time.Minute, "d-", 3)
	wantLie(t, err, "list of checkpoints cannot be read")
	if len(got) != 1 || got[0].Unwitnessed == nil {
		t.Errorf("before the lie there were %+v", got)
	}
	s.lie.Store(nil)

	// Whoever wants no more is not held up.
	for out, err := range c.Stream(t.Context(), func(yield func([]byte) bool) {
		for i := 0; yield(paid(fmt.Sprint("e-", i), "file/A")); i++ {
		}
	}, client.StreamOptions{Witnessed: time.Minute}) {
		if err != nil || out.Unwitnessed != nil {
			t.Errorf("%v %v", err, out.Unwitnessed)
		}
		break
	}
}
