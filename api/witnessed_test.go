// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/anchor/witness"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/tree"
)

// witnessed serves a ledger that two witnesses watch. The function that it
// returns runs the group until the end of the test.
func witnessed(t *testing.T, o ledger.CreateOptions) (s *testServer, one, two *ledgertest.Witness, run func()) {
	t.Helper()
	l := ledgertest.Start(t, ledgertest.Create(t, o), ledger.Options{})
	key := l.Info().VerifierKeys[0]
	one, two = ledgertest.NewWitness(t, "witness.example/1", 1, key), ledgertest.NewWitness(t, "witness.example/2", 2, key)
	p, err := witness.ParsePolicy(ledgertest.Policy(2, one, two))
	if err != nil {
		t.Fatal(err)
	}
	g, err := witness.New(witness.Config{Ledger: l.Ledger, Policy: p, Every: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	s = serveLedger(t, l, func(c *Config) { c.Witnesses = g })
	return s, one, two, func() {
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

// covers waits for a cosigned checkpoint that covers a record.
func (s *testServer) covers(index int64) []byte {
	s.t.Helper()
	var d struct{ Checkpoints []witnessedDoc }
	ledgertest.Until(s.t, "a cosigned checkpoint", func() bool {
		list := s.want(s.get(fmt.Sprintf("/v1/checkpoints?from=%d&limit=1", index+1)), http.StatusOK)
		d = decode[struct{ Checkpoints []witnessedDoc }](s.t, list.body)
		return len(d.Checkpoints) == 1
	})
	return []byte(d.Checkpoints[0].Checkpoint)
}

// What witnesses cosigned is served, and a record is proved under it to whoever
// has a policy of them and a program of others.
func TestWitnessed(t *testing.T) {
	s, one, two, run := witnessed(t, ledger.CreateOptions{})
	s.wantProblem(s.get("/v1/checkpoints/newest"), kindNotFound)
	if got := s.want(s.get("/v1/checkpoints"), http.StatusOK); strings.TrimSpace(string(got.body)) != `{"checkpoints":[]}` {
		t.Errorf("checkpoints are listed: %s", got.body)
	}
	if got := s.want(s.get("/log/checkpoint"), http.StatusOK); string(got.body) != string(s.ledger.Head().Note) {
		t.Errorf("without cosignatures the log's checkpoint is %s", got.body)
	}
	run()
	policy, err := torchwood.ParsePolicy(append([]byte("log "+s.ledger.Info().VerifierKeys[0]+"\n"), ledgertest.Policy(2, one, two)...))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		r := s.submit(decision(i))
		signed := s.covers(r.Index)
		cp, _, err := torchwood.VerifyCheckpoint(signed, policy)
		if err != nil || cp.N <= r.Index {
			t.Fatalf("checkpoint %d does not verify: %v", cp.N, err)
		}
		d := decode[struct{ Proof []tree.Hash }](t, s.want(s.get(fmt.Sprintf("/v1/records/%d/proof?size=%d", r.Index, cp.N), "Accept", typeJSON), http.StatusOK).body)
		file := torchwood.FormatProof(r.Index, d.Proof, signed)
		if got := s.want(s.get(fmt.Sprintf("/v1/records/%d/proof?size=%d", r.Index, cp.N)), http.StatusOK); string(got.body) != string(file) {
			t.Errorf("the proof is %q, want %q", got.body, file)
		}
		if err := torchwood.VerifyProof(policy, tlog.RecordHash(r.Entry), file); err != nil {
			t.Errorf("record %d: %v", r.Index, err)
		}
		for _, path := range []string{"/log/checkpoint", "/v1/checkpoints/newest"} {
			newest, _, err := torchwood.VerifyCheckpoint(s.want(s.get(path), http.StatusOK).body, policy)
			if err != nil || newest.N < cp.N {
				t.Errorf("%s: %d after %d: %v", path, newest.N, cp.N, err)
			}
		}
		if newest := s.want(s.get("/v1/checkpoint"), http.StatusOK); strings.Contains(string(newest.body), one.ID) {
			t.Error("the newest checkpoint is a cosigned one")
		}
	}
	// Evidence comes with what was cosigned around the record.
	trust := s.ledger.Trust()
	trust.Witnesses = &proof.Witnesses{Quorum: 2, Keys: []string{one.Key, two.Key}}
	r := s.submit(decision(10))
	s.covers(r.Index)
	e, err := proof.ParseEvidence(s.want(s.get(fmt.Sprintf("/v1/records/%d/evidence", r.Index)), http.StatusOK).body)
	if err != nil {
		t.Fatal(err)
	}
	if v := proof.Verify(trust, e).Verdict; v != proof.Valid || len(e.Witnessed) == 0 {
		t.Errorf("with %d cosigned checkpoints it is %v", len(e.Witnessed), v)
	}
	all := decode[struct{ Checkpoints []witnessedDoc }](t, s.want(s.get("/v1/checkpoints?limit=1000"), http.StatusOK).body)
	for i, c := range all.Checkpoints {
		if i > 0 && c.Size <= all.Checkpoints[i-1].Size || !strings.Contains(c.Checkpoint, two.ID) {
			t.Errorf("checkpoint %d of the list is %+v", i, c)
		}
	}
	if len(all.Checkpoints) < 3 {
		t.Errorf("%d are listed", len(all.Checkpoints))
	}
	two2 := decode[struct{ Checkpoints []witnessedDoc }](t, s.want(s.get(fmt.Sprintf("/v1/checkpoints?from=%d&limit=2", all.Checkpoints[1].Size)), http.StatusOK).body)
	if len(two2.Checkpoints) != 2 || two2.Checkpoints[0] != all.Checkpoints[1] {
		t.Errorf("from the second on they are %+v", two2)
	}
	before := decode[struct{ Checkpoints []witnessedDoc }](t, s.want(s.get(fmt.Sprintf("/v1/checkpoints?before=%d&limit=2", all.Checkpoints[2].Size)), http.StatusOK).body)
	if len(before.Checkpoints) != 2 || before.Checkpoints[0] != all.Checkpoints[1] || before.Checkpoints[1] != all.Checkpoints[0] {
		t.Errorf("before the third one they are %+v", before)
	}
	s.wantProblem(s.get("/v1/checkpoints?from=1&before=9"), kindBadRequest)
	s.wantProblem(s.get("/v1/checkpoints?before=x"), kindBadRequest)
	s.wantProblem(s.get("/v1/checkpoints?limit=1001"), kindBadRequest)
	s.wantProblem(s.get("/v1/checkpoints?limit=0"), kindBadRequest)
	s.wantProblem(s.get("/v1/checkpoints?from=-1"), kindBadRequest)
	s.wantMetric("lendlog_witnessed_promise_seconds 86400")
	s.wantMetric("lendlog_witnessed_overdue 0")
	if text := string(s.want(s.get("/metrics"), http.StatusOK).body); !strings.Contains(text, "\nlendlog_witnessed_age_seconds ") {
		t.Error("the age of what was cosigned is not measured")
	}
	s.wantMetric(`lendlog_witness_failures_total{witness="witness.example/1"} 0`)
	s.wantMetric(`lendlog_witness_failing{witness="witness.example/2"} 0`)
	if got := s.want(s.get("/readyz"), http.StatusOK); string(got.body) != "ok\n" {
		t.Errorf("ready is %q", got.body)
	}
	if _, err := proof.ParseTrust(s.want(s.get("/v1/trust"), http.StatusOK).body); err != nil {
		t.Error(err)
	}
}

// While the promised time is over, readiness and metrics say so, and events are
// taken.
func TestWitnessesOverdue(t *testing.T) {
	s, one, _, run := witnessed(t, ledger.CreateOptions{WitnessInterval: time.Second})
	one.Fail(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusInternalServerError) })
	run()
	ledgertest.Until(t, "that the witness fails", func() bool {
		return strings.Contains(string(s.want(s.get("/metrics"), http.StatusOK).body), `lendlog_witness_failing{witness="witness.example/1"} 1`)
	})
	s.submit(decision(1))
	if got := s.want(s.get("/readyz"), http.StatusOK); !strings.Contains(string(got.body), "within the promised 1s") {
		t.Errorf("ready is %q", got.body)
	}
	s.wantMetric("lendlog_witnessed_overdue 1")
	s.wantMetric("lendlog_witnessed_records 0")
	s.wantMetric("lendlog_witnessed_timestamp_seconds 0")
	s.wantMetric(`lendlog_witness_cosignatures_total{witness="witness.example/1"} 0`)
}

// A ledger that waits for its witnesses is read and takes nothing.
func TestHeld(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	s.submit(decision(1))
	s.ledger.Hold(ledger.ErrUnwitnessed)
	a := s.post(typeEvent, decision(2))
	s.wantProblem(a, kindUnwitnessed)
	if a.header.Get("Retry-After") == "" {
		t.Error("the answer has no Retry-After")
	}
	if p := s.wantProblem(s.get("/readyz"), kindNotReady); !strings.Contains(p.Detail, kindUnwitnessed.title) {
		t.Errorf("it is not ready because %q", p.Detail)
	}
	for _, l := range s.stream("", decision(2), decision(3)) {
		if !l.Summary && l.Status != kindUnwitnessed.status {
			t.Errorf("a line was answered %s", l.raw)
		}
	}
	s.want(s.get("/v1/records/0"), http.StatusOK)
	s.wantMetric("lendlog_writable 0")
	s.ledger.Release()
	s.submit(decision(2))
	s.want(s.get("/readyz"), http.StatusOK)
}
