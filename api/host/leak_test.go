// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/lendlog/lendlog/ledger/access"
)

// A way is a method and a path of the API.
type way struct{ method, path string }

// ways are all of the API, as openapi.yaml has them, which the tests of package api
// hold against the table of routes, and some that are none.
func ways(t *testing.T) []way {
	t.Helper()
	b, err := os.ReadFile("../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var spec struct {
		Paths map[string]map[string]yaml.Node `yaml:"paths"`
	}
	if err := yaml.Unmarshal(b, &spec); err != nil {
		t.Fatal(err)
	}
	in := strings.NewReplacer("{index}", "0", "{kind}", "line", "{id}", "aaaaaaaa", "{type}", "x", "{hash}", strings.Repeat("0", 64), "{level}", "0", "{n}", "000.p/1", "{path}", "000.p/1", "{tile}", "000.p/1")
	all := []way{
		{http.MethodGet, ""}, {http.MethodGet, "/"}, {http.MethodGet, "/console/"}, {http.MethodGet, "/nothing"},
		{http.MethodGet, "/v1/records/"}, {http.MethodGet, "/v1/trust?unknown=1"}, {http.MethodPut, "/v1/records"}, {http.MethodDelete, "/v1/records/0"},
		{http.MethodOptions, "/v1/trust"}, {http.MethodHead, "/v1/checkpoint"}, {http.MethodPost, "/livez"}, {http.MethodGet, "//v1/trust"}, {http.MethodGet, "/%2e%2e/x"},
	}
	for path, operations := range spec.Paths {
		for method := range operations {
			if method = strings.ToUpper(method); method == http.MethodGet || method == http.MethodPost {
				all = append(all, way{method, in.Replace(path)})
			}
		}
	}
	if len(all) < 40 {
		t.Fatalf("openapi.yaml has %d ways", len(all))
	}
	slices.SortFunc(all, func(a, b way) int { return strings.Compare(a.path+a.method, b.path+b.method) })
	return all
}

func (s *server) ask(base string, w way, key string) answer {
	body := ""
	if w.method == http.MethodPost {
		body = "{}"
	}
	return s.do(w.method, base+w.path, key, body)
}

// Whoever shows no key of a ledger is answered, on every path, exactly like for one
// that there is not: with no key, with one of every role of another ledger, and with
// what is none; and be the ledger open, closed or broken.
func TestNothingLeaks(t *testing.T) {
	a, b, c, d := newLender(t, "lender-a"), newLender(t, "b"), newLender(t, "closed"), newLender(t, "broken")
	d.opens = func() error { return errors.New("it is broken") }
	s := serve(t, a, b, c, d)
	if err := s.CloseLedger(t.Context(), "closed"); err != nil {
		t.Fatal(err)
	}
	if got := s.states(); got != "lender-a open, b open, closed closed, broken failed" {
		t.Fatal(got)
	}
	shown := map[string]string{"no key": "", "a malformed key": "ll_nonsense", "an unknown key": access.NewKey().Reveal(), "a request": access.NewKey().Request().String()}
	for role, key := range b.of {
		shown["a foreign key of the role "+string(role)] = key
	}
	for _, w := range ways(t) {
		want := s.ask("/ledgers/none", w, "")
		if want.status != http.StatusUnauthorized {
			t.Fatalf("of a ledger that is not there %v is answered %d", w, want.status)
		}
		for name, key := range shown {
			for _, ledger := range []string{"none", "lender-a", "closed", "broken"} {
				if diff := cmp.Diff(want, s.ask("/ledgers/"+ledger, w, key), cmp.AllowUnexported(answer{})); diff != "" {
					t.Errorf("%v of %s with %s (-none +%[2]s):\n%s", w, ledger, name, diff)
				}
			}
		}
	}
}

// A name has one spelling, also for who has a key.
func TestMalformedNames(t *testing.T) {
	a, b := newLender(t, "lender-a"), newLender(t, "b")
	s := serve(t, a, b)
	for _, name := range []string{"", "LENDER-A", "lender-a.", "%6cender-a", "lender-a%00", "lender-a%2f", "lender-a%2Fv1", "lender-a;x", "lender_a", "-", strings.Repeat("a", 64)} {
		for _, path := range []string{"/v1/trust", "/readyz", ""} {
			want := s.want("/ledgers/none"+path, "", http.StatusUnauthorized)
			got := s.get("/ledgers/"+name+path, a.of[access.Auditor])
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(answer{})); diff != "" {
				t.Errorf("%q (-none +it):\n%s", name+path, diff)
			}
		}
	}
}

// Of a public ledger everybody is told what needs no key, and no more.
func TestPublic(t *testing.T) {
	a, b := newLender(t, "lender-a"), newLender(t, "b")
	b.public = true
	s := serve(t, a, b)
	for _, path := range []string{"/v1/trust", "/v1/checkpoint", "/v1/consistency?from=1", "/v1/records/0/proof", "/log/checkpoint", "/readyz", "/openapi.yaml"} {
		s.want("/ledgers/b"+path, "", http.StatusOK)
		s.want("/ledgers/b"+path, a.of[access.Admin], http.StatusOK)
	}
	for _, path := range []string{"/v1/records/0", "/v1/stats", "/v1/access/grants", "/metrics", "/log/tile/0/000.p/1"} {
		s.want("/ledgers/b"+path, "", http.StatusUnauthorized)
		s.want("/ledgers/b"+path, a.of[access.Compliance], http.StatusUnauthorized)
	}
}
