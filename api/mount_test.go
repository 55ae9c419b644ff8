// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/lendlog/lendlog/ledger"
)

// A console has all that is below /console/, with every method and its own headers,
// and nothing besides; the start leads there. Who names another host is kept out of
// it too.
func TestMount(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	s.Mount(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "of the console")
		w.Header().Set("Got", r.Method+" "+r.URL.EscapedPath()+" "+r.URL.RawQuery)
		w.WriteHeader(http.StatusTeapot)
	}))
	for _, tc := range []struct {
		method, target, host string
		status               int
		got                  string
	}{
		{http.MethodGet, "/console/", "localhost", http.StatusTeapot, "GET /console/ "},
		{http.MethodPost, "/console/subjects/file/A%2F1?x=%20", "127.0.0.1:8080", http.StatusTeapot, "POST /console/subjects/file/A%2F1 x=%20"},
		{http.MethodDelete, "/console/x", "localhost", http.StatusTeapot, "DELETE /console/x "},
		{http.MethodGet, "/console/", "evil.example", kindWrongHost.status, ""},
		{http.MethodGet, "/", "localhost", http.StatusSeeOther, ""},
		{http.MethodGet, "/consoles", "localhost", http.StatusNotFound, ""},
		{http.MethodGet, "/v1/console/", "localhost", http.StatusNotFound, ""},
	} {
		w := httptest.NewRecorder()
		req := httptest.NewRequest(tc.method, tc.target, nil)
		req.Host = tc.host
		s.Handler().ServeHTTP(w, req)
		if w.Code != tc.status || w.Header().Get("Got") != tc.got {
			t.Errorf("%s %s is answered %d %q, want %d %q", tc.method, tc.target, w.Code, w.Header().Get("Got"), tc.status, tc.got)
		}
		if csp := w.Header().Values("Content-Security-Policy"); len(csp) != 1 || (csp[0] == "of the console") != (tc.got != "") {
			t.Errorf("%s %s has the policy %q", tc.method, tc.target, csp)
		}
		if where := w.Header().Get("Location"); (where == "console/") != (tc.status == http.StatusSeeOther) {
			t.Errorf("%s %s leads to %q", tc.method, tc.target, where)
		}
	}
}
