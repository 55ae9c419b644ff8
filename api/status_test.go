// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

func (s *testServer) status() statusDoc {
	s.t.Helper()
	return decode[statusDoc](s.t, s.want(s.get("/v1/status"), http.StatusOK).body)
}

func TestStatus(t *testing.T) {
	s := serve(t, ledger.CreateOptions{LateAfter: 2 * time.Hour, WitnessInterval: 3 * time.Hour}, nil)
	s.submit(decision(1))
	head, got := s.ledger.Head(), s.status()
	if got.Size != head.Size || !got.Recorded.Equal(head.Recorded) || got.Now.Before(got.Recorded) || got.Refusing != "" {
		t.Errorf("of %+v it says %+v", head, got)
	}
	if got.LateAfter != 7200 || got.WitnessInterval != 10800 || got.Witnessing != nil {
		t.Errorf("what is promised is %+v", got)
	}
	s.ledger.Hold(ledger.ErrUnwitnessed)
	defer s.ledger.Release()
	if got := s.status().Refusing; got != kindUnwitnessed.title {
		t.Errorf("it refuses because %q", got)
	}
}

func TestStatusOfWitnesses(t *testing.T) {
	s, one, _, run := witnessed(t, ledger.CreateOptions{WitnessInterval: time.Hour})
	if w := s.status().Witnessing; w == nil || w.Size != 0 || !w.At.IsZero() || len(w.Witnesses) != 2 || w.Witnesses[0].Name != "witness.example/1" {
		t.Fatalf("before they are asked it says %+v", w)
	}
	run()
	r := s.submit(decision(1))
	s.covers(r.Index)
	becomes := func(what string, is func(*witnessingDoc) bool) {
		t.Helper()
		if !ledgertest.Comes(func() bool { return is(s.status().Witnessing) }) {
			t.Fatalf("it never says that %s: %+v", what, s.status().Witnessing)
		}
	}
	becomes("both cosigned", func(w *witnessingDoc) bool {
		return w.Size > r.Index && !w.Overdue && !w.At.IsZero() && w.Witnesses[0].Cosigned > 0 && !w.Witnesses[1].At.IsZero() && w.Witnesses[1].Failing == ""
	})
	one.Fail(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusInternalServerError) })
	s.submit(decision(2))
	becomes("one fails", func(w *witnessingDoc) bool { return w.Witnesses[0].Failures > 0 && w.Witnesses[0].Failing != "" })
}
