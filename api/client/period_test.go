// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

func TestClosePeriod(t *testing.T) {
	s := serve(t)
	ago := func() time.Time { return time.Now().Add(-3 * time.Hour) }
	s.use(ledgertest.Start(t, ledgertest.Create(t, ledger.CreateOptions{Now: ago}), ledger.Options{}))
	c := s.dial()
	to := time.Now().Add(-2 * time.Hour).Truncate(ledger.PeriodStep)
	first, repeated, err := c.ClosePeriod(t.Context(), to)
	if err != nil || repeated {
		t.Fatal(repeated, err)
	}
	again, repeated, err := c.ClosePeriod(t.Context(), to)
	if err != nil || !repeated || again.Index != first.Index {
		t.Errorf("closed again: %v, %v", repeated, err)
	}
	var p *client.Problem
	if _, _, err := c.ClosePeriod(t.Context(), time.Now().Add(time.Hour).Truncate(ledger.PeriodStep)); !errors.As(err, &p) {
		t.Errorf("a period that is not over: %v", err)
	}
	// What the server calls the record of the period is another.
	second, _, err := c.ClosePeriod(t.Context(), to.Add(ledger.PeriodStep))
	if err != nil {
		t.Fatal(err)
	}
	for says, answer := range map[string]string{
		"closes no period": `{"index":1}`, "in no record": `{}`, "closes another period": fmt.Sprintf(`{"index":%d}`, second.Index),
	} {
		lie := func(r *http.Request, _ *http.Response, b []byte) []byte {
			if r.URL.Path != "/v1/periods" {
				return b
			}
			return []byte(answer)
		}
		s.lie.Store(&lie)
		_, _, err := c.ClosePeriod(t.Context(), to)
		wantLie(t, err, says)
	}
}
