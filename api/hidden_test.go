// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

// What a ledger may have of a listener that it shares bounds the requests of those
// with a key, and is nothing that strangers see.
func TestShare(t *testing.T) {
	g := serveGuarded(t, ledger.CreateOptions{}, func(c *Config) {
		narrow := defaultLimits
		narrow.patience = 10 * time.Millisecond
		c.limits, c.Share, c.Hidden = &narrow, 1, true
	})
	g.client = http.DefaultClient // which does not know that any path may be answered 401
	f := g.follow("?view=entry", as(g.of[access.Monitor])...)
	g.wantProblem(g.get("/v1/types", as(g.of[access.Monitor])...), kindBusy)
	g.wantProblem(g.get("/v1/trust"), kindUnauthorized)
	f.cancel()
	ledgertest.Until(t, "an answer, after what was under way has ended", func() bool {
		return g.get("/v1/types", as(g.of[access.Auditor])...).status == http.StatusOK
	})
}

// A hidden ledger says nothing to strangers that one that is not there does not say,
// also of what needs no key otherwise, and answers the others as ever.
func TestHidden(t *testing.T) {
	g := serveGuarded(t, ledger.CreateOptions{}, func(c *Config) { c.Hidden = true })
	g.client = http.DefaultClient
	for _, r := range g.routes() {
		for _, a := range []answer{g.ask(r), g.ask(r, as(access.NewKey().Reveal())...)} {
			if a.status != http.StatusUnauthorized {
				t.Errorf("%s is answered %d", r.name, a.status)
			}
		}
	}
	for _, method := range []string{http.MethodPut, http.MethodOptions, http.MethodDelete} {
		if a := g.do(method, "/v1/records", nil); a.status != http.StatusUnauthorized || a.header.Get("Allow") != "" {
			t.Errorf("%s is answered %d, %v", method, a.status, a.header)
		}
	}
	for _, path := range []string{"/v1/trust", "/livez", "/openapi.yaml", "/v1/checkpoint"} {
		g.want(g.get(path, as(g.of[access.Submitter])...), http.StatusOK)
	}
	g.wantProblem(g.get("/nothing", as(g.of[access.Submitter])...), kindNotFound)
	if _, err := New(Config{Ledger: g.ledger.Ledger, Hidden: true}); err == nil {
		t.Error("a ledger without keys is hidden, so from everybody")
	}
}
