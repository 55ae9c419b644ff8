// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
)

// rotates changes the key of the ledger until the one before is over.
func rotates(t *testing.T, l *ledgertest.Ledger, events *ledgertest.Events) {
	t.Helper()
	done, err := l.RotateCheckpoint(t.Context(), "", 1)
	if err != nil {
		t.Fatal(err)
	}
	for l.Head().Size <= done.Until {
		l.Submit(events.Next())
	}
}

// A client follows what the key that it trusts announced, twice and over runs, and
// tells so; a key that nobody announced in the log it refuses.
func TestFollowsKeys(t *testing.T) {
	s := serve(t)
	old := s.ledger.Trust()
	memory := client.File(filepath.Join(t.TempDir(), "newest"))
	told := 0
	announced := client.WithAnnounced(func(_ context.Context, e *proof.Evidence) error {
		if later, last := old.Announced(e.Records); last < 0 || len(later.Keys) < 2 {
			t.Error("the evidence shows no new key")
		}
		told++
		return nil
	})
	c := s.dial(client.WithTrust(old), client.WithMemory(memory), announced)
	events := ledgertest.NewEvents(1)
	for n := range 2 {
		rotates(t, s.ledger, events)
		if cp, err := c.Checkpoint(t.Context()); err != nil || cp.Size != s.ledger.Head().Size {
			t.Fatalf("after rotation %d: %d records, %v", n+1, cp.Size, err)
		}
		if told != n+1 || len(c.Trust().Keys) != n+2 {
			t.Errorf("after rotation %d it was told %d times, and there are %d keys", n+1, told, len(c.Trust().Keys))
		}
	}
	if _, err := c.Record(t.Context(), 0); err != nil {
		t.Error(err)
	}
	// What is remembered is signed by a key that the trust file of before lacks.
	if c := s.dial(client.WithTrust(old), client.WithMemory(memory), announced); told != 3 || len(c.Trust().Keys) != 3 {
		t.Errorf("the next run was told %d times, and has %d keys", told-2, len(c.Trust().Keys))
	}
	refusal := errors.New("the disk is full")
	if _, err := client.Dial(t.Context(), s.url, client.WithTrust(old), client.WithAnnounced(func(context.Context, *proof.Evidence) error { return refusal })); !errors.Is(err, refusal) {
		t.Errorf("a key is believed that could not be told of: %v", err)
	}

	// Nobody announces it but what is not in the log.
	altered := func(r *http.Request, _ *http.Response, b []byte) []byte {
		if strings.HasSuffix(r.URL.Path, "/evidence") {
			e, err := proof.ParseEvidence(b)
			if err != nil {
				t.Error(err)
				return b
			}
			for i := range e.Records[1:] {
				e.Records[1+i].Proof = nil
			}
			return e.Bytes()
		}
		return b
	}
	s.lie.Store(&altered)
	var lie *client.LieError
	if _, err := client.Dial(t.Context(), s.url, client.WithTrust(old)); !errors.As(err, &lie) {
		t.Errorf("a key that no record of the log announces: %v", err)
	}
	another := serve(t)
	if _, err := client.Dial(t.Context(), another.url, client.WithTrust(old)); !errors.As(err, &lie) {
		t.Errorf("the key of another ledger: %v", err)
	}
}
