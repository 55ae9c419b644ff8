// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"filippo.io/torchwood"
	f_note "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/witness/persistence/inmemory"
	"github.com/transparency-dev/witness/witness"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A tower is a witness of transparency-dev that serves HTTP.
type tower struct {
	t    *testing.T
	name string
	key  string // C2SP verifier key of its cosignatures
	url  string
	seen int64 // size of the last checkpoint it cosigned
}

// watch starts a witness that knows the ledger of a verifier key.
func watch(t *testing.T, name, key string) *tower {
	secret, public, err := note.GenerateKey(nil, name)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := f_note.NewSignerForCosignatureV1(secret)
	if err != nil {
		t.Fatal(err)
	}
	cosigns, err := f_note.VKeyToCosignatureV1(public)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(key)
	if err != nil {
		t.Fatal(err)
	}
	w, err := witness.New(t.Context(), witness.Opts{
		Persistence:    inmemory.New(),
		Signers:        []note.Signer{signer},
		VerifierForLog: func(_ context.Context, o string) (note.Verifier, bool, error) { return v, o == origin, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(witness.NewHTTPHandler(w).AddCheckpoint))
	t.Cleanup(s.Close)
	return &tower{t: t, name: name, key: cosigns, url: s.URL}
}

// ask sends the newest checkpoint of a ledger with the proof that it continues
// the one the witness cosigned before, and returns the status, the checkpoint
// and the lines of the cosignature.
func (w *tower) ask(l *ledger) (status int, checkpoint, lines []byte) {
	w.t.Helper()
	checkpoint, size := l.checkpoint()
	var c struct {
		Proof []string `json:"proof"`
	}
	if err := json.Unmarshal(l.get(fmt.Sprintf("/v1/consistency?from=%d&to=%d", w.seen, size)), &c); err != nil {
		w.t.Fatal(err)
	}
	body := fmt.Sprintf("old %d\n", w.seen)
	for _, h := range c.Proof {
		body += h + "\n"
	}
	body += "\n" + string(checkpoint)
	resp, err := http.Post(w.url+"/add-checkpoint", "text/plain", strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return resp.StatusCode, checkpoint, nil
	}
	if lines, err = io.ReadAll(resp.Body); err != nil {
		w.t.Fatal(err)
	}
	w.seen = size
	return resp.StatusCode, checkpoint, lines
}

// Two witnesses cosign the ledger as it grows, a policy of both takes what both
// cosigned and nothing less, and neither cosigns a fork.
func TestWitnesses(t *testing.T) {
	l := create(t)
	l.serve()
	one, two := watch(t, "witness.one.example", l.key), watch(t, "witness.two.example", l.key)
	policy, err := torchwood.ParsePolicy(fmt.Appendf(nil, "log %s\nwitness one %s\nwitness two %s\ngroup both all one two\nquorum both\n", l.key, one.key, two.key))
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		l.submit(10)
		status, checkpoint, first := one.ask(l)
		if status != http.StatusOK {
			t.Fatalf("the first witness answers %d", status)
		}
		if _, _, err := torchwood.VerifyCheckpoint(slices.Concat(checkpoint, first), policy); err == nil {
			t.Error("the cosignature of one passes for that of two")
		}
		status, _, second := two.ask(l)
		if status != http.StatusOK {
			t.Fatalf("the second witness answers %d", status)
		}
		both := slices.Concat(checkpoint, first, second)
		cp, _, err := torchwood.VerifyCheckpoint(both, policy)
		if err != nil {
			t.Fatal(err)
		}
		// A record under the cosigned checkpoint is proved to whoever has the policy.
		index := cp.N / 2
		proof := string(l.get(fmt.Sprintf("/v1/records/%d/proof", index)))
		head, _, found := strings.Cut(proof, "\n\n")
		if !found {
			t.Fatalf("the proof is %q", proof)
		}
		var r struct {
			Entry string `json:"entry"`
		}
		if err := json.Unmarshal(l.get(fmt.Sprintf("/v1/records/%d", index)), &r); err != nil {
			t.Fatal(err)
		}
		if err := torchwood.VerifyProof(policy, tlog.RecordHash([]byte(r.Entry)), []byte(head+"\n\n"+string(both))); err != nil {
			t.Errorf("record %d: %v", index, err)
		}
	}
	fork := l.fork()
	for _, w := range []*tower{one, two} {
		if status, _, _ := w.ask(fork); status != http.StatusConflict && status != http.StatusUnprocessableEntity {
			t.Errorf("%s answers a fork with %d", w.name, status)
		}
	}
	// The true one goes on.
	l.submit(1)
	for _, w := range []*tower{one, two} {
		if status, _, _ := w.ask(l); status != http.StatusOK {
			t.Errorf("%s answers the ledger with %d after it saw a fork", w.name, status)
		}
	}
}
