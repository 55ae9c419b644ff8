// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
)

// A request of this process that comes as a key may what the key may, while the
// key is good; what it shows beside that counts for nothing.
func TestInside(t *testing.T) {
	g := serveGuarded(t, ledger.CreateOptions{}, nil)
	ask := func(path string, role access.Role, headers ...string) int {
		req := httptest.NewRequestWithContext(As(t.Context(), g.keys.Get(idOf(t, g.of[role]))), http.MethodGet, "http://localhost"+path, nil)
		for i := 0; i < len(headers); i += 2 {
			req.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		g.Handler().ServeHTTP(w, req)
		return w.Code
	}
	if got := ask("/v1/stats", access.Auditor); got != http.StatusOK {
		t.Errorf("an auditor is answered %d", got)
	}
	if got := ask("/v1/access/grants", access.Auditor, as(g.of[access.Admin])...); got != http.StatusForbidden {
		t.Errorf("an auditor who shows the key of an admin is answered %d", got)
	}
	if _, err := g.keys.Revoke(t.Context(), idOf(t, g.of[access.Regulator]), ledger.Local, ""); err != nil {
		t.Fatal(err)
	}
	if got := ask("/v1/stats", access.Regulator); got != http.StatusUnauthorized {
		t.Errorf("a key that nobody has is answered %d", got)
	}
	key := g.keys.Get(idOf(t, g.of[access.Auditor]))
	if _, err := g.keys.Revoke(t.Context(), key.ID, ledger.Local, ""); err != nil {
		t.Fatal(err)
	}
	req := httptest.NewRequestWithContext(As(t.Context(), key), http.MethodGet, "http://localhost/v1/stats", nil)
	w := httptest.NewRecorder()
	if g.Handler().ServeHTTP(w, req); w.Code != http.StatusUnauthorized {
		t.Errorf("a revoked key is answered %d", w.Code)
	}
}
