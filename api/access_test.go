// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/lendlog/lendlog/api/keys"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

// A guarded server is one of a ledger that demands keys.
type guarded struct {
	*testServer
	keys *keys.Keys
	of   map[access.Role]string // a key of each role
}

func serveGuarded(t *testing.T, o ledger.CreateOptions, change func(*Config)) *guarded {
	t.Helper()
	l := ledgertest.Start(t, ledgertest.Create(t, o), ledger.Options{})
	var log lockedBuffer
	k, err := keys.Open(t.Context(), l.Dir, l.Ledger, slog.New(slog.NewJSONHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	g := &guarded{keys: k, of: map[access.Role]string{}}
	for _, r := range access.Roles() {
		terms := access.Terms{Role: r}
		if r.May(access.RecordsSubmit) {
			terms.Sources = []string{"urn:lender"}
		}
		g.of[r] = g.grant(t, terms)
	}
	g.testServer = serveLedger(t, l, func(c *Config) {
		c.Keys = k
		if change != nil {
			change(c)
		}
	})
	return g
}

func (g *guarded) grant(t *testing.T, terms access.Terms) string {
	t.Helper()
	key, _, err := g.keys.Grant(t.Context(), terms, ledger.Local)
	if err != nil {
		t.Fatal(err)
	}
	return key.Reveal()
}

// as is the header of a key.
func as(key string) []string { return []string{"Authorization", "Bearer " + key} }

func idOf(t *testing.T, key string) string {
	t.Helper()
	k, err := access.ParseKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return k.ID()
}

// ask sends a request that a route takes.
func (g *guarded) ask(r route, headers ...string) answer {
	path := strings.NewReplacer(":index", "0", ":kind", "file", ":id", "aaaaaaaa", ":type", "x", ":hash", strings.Repeat("0", 64), ":level", "0", "*path", "000.p/1").Replace(r.path)
	switch r.name {
	case "getEvidence":
		path += "?disclose=none"
	case "getEvents":
		path += "?view=entry"
		r.method = http.MethodHead // it has no end
	}
	var body io.Reader
	if r.method == http.MethodPost {
		body = strings.NewReader("{}")
		headers = append(slices.Clone(headers), "Content-Type", typeJSON)
	}
	return g.do(r.method, path, body, headers...)
}

// instance is what differs in two problems that say the same.
var instance = regexp.MustCompile(`"instance":"[^"]*"`)

// Every route is asked with a key of every role, without one, and with
// everything that is no key here: nothing but what the role has is answered, and
// of all that is no key the answers are the same.
func TestEveryRouteAndRole(t *testing.T) {
	g := serveGuarded(t, ledger.CreateOptions{}, nil)
	other := ledgertest.Start(t, ledgertest.Create(t, ledger.CreateOptions{Origin: "ledger.test.example/other"}), ledger.Options{})
	others, err := keys.Open(t.Context(), other.Dir, other.Ledger, nil)
	if err != nil {
		t.Fatal(err)
	}
	foreign, _, err := others.Grant(t.Context(), access.Terms{Role: access.Admin}, ledger.Local)
	if err != nil {
		t.Fatal(err)
	}
	revoked := g.grant(t, access.Terms{Role: access.Admin})
	if _, err := g.keys.Revoke(t.Context(), idOf(t, revoked), ledger.Local, ""); err != nil {
		t.Fatal(err)
	}
	valid := g.of[access.Compliance]
	strangers := map[string][]string{
		"none":          nil,
		"revoked":       as(revoked),
		"foreign":       as(foreign.Reveal()),
		"made up":       as(access.NewKey().Reveal()),
		"another's id":  as("ll_" + idOf(t, valid) + access.NewKey().Reveal()[11:]),
		"cut":           as(valid[:len(valid)-1]),
		"empty":         as(""),
		"another":       {"Authorization", "Basic " + valid},
		"bare":          {"Authorization", valid},
		"twice":         append(as(valid), as(valid)...),
		"two":           append(as(valid), as(revoked)...),
		"a cookie":      {"Cookie", "key=" + valid},
		"other headers": {"X-Api-Key", valid, "Proxy-Authorization", "Bearer " + valid},
	}
	for _, r := range g.routes() {
		seen := map[string]string{} // what strangers see, and who
		for who, headers := range strangers {
			a := g.ask(r, headers...)
			if r.needs == access.Public {
				if a.status == http.StatusUnauthorized || a.status == http.StatusForbidden {
					t.Errorf("%s, which needs no key, answers %s with %d", r.name, who, a.status)
				}
				continue
			}
			h := a.header.Clone()
			for _, name := range []string{"Date", "X-Request-Id", "Content-Length"} {
				h.Del(name)
			}
			seen[fmt.Sprintf("%d %v %s", a.status, h, instance.ReplaceAll(a.body, nil))] = who
			if a.status != http.StatusUnauthorized || a.header.Get("WWW-Authenticate") != challenge || a.header.Get("RateLimit") != "" {
				t.Errorf("%s answers %s with %d and %v", r.name, who, a.status, a.header)
			}
		}
		if r.needs != access.Public && len(seen) != 1 {
			t.Errorf("%s tells strangers apart: %v", r.name, slices.Collect(maps.Keys(seen)))
		}
		for _, role := range access.Roles() {
			a := g.ask(r, as(g.of[role])...)
			switch {
			case role.May(r.needs):
				if a.status == http.StatusUnauthorized || a.status == http.StatusForbidden {
					t.Errorf("%s answers %s with %d: %s", r.name, role, a.status, a.body)
				}
			case a.status != http.StatusForbidden:
				t.Errorf("%s answers %s with %d: %s", r.name, role, a.status, a.body)
			case r.name != "getEvents": // of HEAD there is no body
				p := g.wantProblem(a, kindForbidden)
				if !strings.HasSuffix(p.Detail, string(r.needs)) || !strings.Contains(a.header.Get("WWW-Authenticate"), `scope="`+string(r.needs)+`"`) {
					t.Errorf("%s tells %s %q", r.name, role, p.Detail)
				}
			}
			if limited := a.header.Get("RateLimit") != ""; limited != (r.needs != access.Public) {
				t.Errorf("%s answers %s with the rate limit %q", r.name, role, a.header.Get("RateLimit"))
			}
		}
	}
	// The whole way around: what is not there does not show.
	for _, path := range []string{"/v1/records/0", "/v1/records/999999", "/v1/subjects/file/A-1", "/v1/subjects/file/nobody", "/v1/schemas/xyz?unknown=1"} {
		g.wantProblem(g.get(path), kindUnauthorized)
		g.wantProblem(g.get(path, as(revoked)...), kindUnauthorized)
	}
	g.wantProblem(g.get("/v1/nothing"), kindNotFound)
}

// A key that has expired is as good as none.
func TestExpiredKey(t *testing.T) {
	l := ledgertest.New(t)
	key := access.NewKey()
	grant := access.Grant{ID: key.ID(), Hash: key.Hash(), Terms: access.Terms{Role: access.Auditor, Expires: time.Now().Add(-time.Hour).Truncate(time.Second)}}
	if _, err := l.Grant(t.Context(), &grant, ledger.Local); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(l.Dir, keys.File), access.FileBytes([]access.Grant{grant}), 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := keys.Open(t.Context(), l.Dir, l.Ledger, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := serveLedger(t, l, func(c *Config) { c.Keys = k })
	s.wantProblem(s.get("/v1/records/0", as(key.Reveal())...), kindUnauthorized)
}

// A server that was given no keys is not open where the ledger demands them,
// and a ledger without keys is as open as ever.
func TestDemandedKeys(t *testing.T) {
	shut := ledgertest.New(t)
	if _, err := shut.Grant(t.Context(), &access.Grant{ID: "aaaaaaaa", Terms: access.Terms{Role: access.Admin}}, ledger.Local); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Ledger: shut.Ledger}); err == nil || !strings.Contains(err.Error(), "demands keys") {
		t.Errorf("without keys: %v", err)
	}
	l := ledgertest.New(t)
	k, err := keys.Open(t.Context(), l.Dir, l.Ledger, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := serveLedger(t, l, func(c *Config) { c.Keys = k })
	s.want(s.get("/v1/records/0"), http.StatusOK)
	s.want(s.get("/v1/records/0", as("whatever")...), http.StatusOK)
	if r := s.submit(decision(1)); !strings.Contains(string(r.Entry), `"submitter":"local"`) {
		t.Errorf("submitted by somebody: %s", r.Entry)
	}
	// Nobody is shut out from there.
	s.wantProblem(s.get("/v1/access/grants"), kindForbidden)
	s.wantProblem(s.do(http.MethodPost, "/v1/access/grants", strings.NewReader(`{"role":"admin"}`), "Content-Type", typeJSON), kindForbidden)
	s.wantProblem(s.do(http.MethodPost, "/v1/access/grants/aaaaaaaa/revoke", strings.NewReader(`{}`), "Content-Type", typeJSON), kindForbidden)
}

// A submitter speaks for its own sources and no others, in every mode, and its
// records name its key.
func TestSourcesOfSubmitters(t *testing.T) {
	g := serveGuarded(t, ledger.CreateOptions{}, nil)
	cards := g.grant(t, access.Terms{Role: access.Submitter, Sources: []string{"urn:lender:cards"}})
	silent := g.grant(t, access.Terms{Role: access.Compliance}) // has no sources
	from := func(n int, source string) string {
		return strings.Replace(decision(n), "urn:lender:origination", source, 1)
	}
	mine, others := from(1, "urn:lender:cards:eu"), from(2, "urn:lender:cards2")
	r := g.receipt(g.want(g.post(typeEvent, mine, as(cards)...), http.StatusCreated))
	if want := `"submitter":"` + idOf(t, cards) + `"`; !strings.Contains(string(r.Entry), want) {
		t.Errorf("the entry %s lacks %s", r.Entry, want)
	}
	size := g.ledger.Head().Size
	p := g.wantProblem(g.post(typeEvent, others, as(cards)...), kindForbidden)
	if strings.Contains(p.Detail, "urn:lender") {
		t.Errorf("%q repeats a source", p.Detail)
	}
	g.wantProblem(g.post(typeEvent, mine, as(silent)...), kindForbidden)
	binary := g.do(http.MethodPost, "/v1/records", strings.NewReader(`{"outcome":"declined","decisionMode":"automated"}`), append(as(cards),
		"Content-Type", typeJSON, "ce-specversion", "1.0", "ce-id", "b", "ce-source", "urn:lender", "ce-type", "org.lendlog.decision.made.v1",
		"ce-subject", "file/1", "ce-time", "2026-02-03T09:30:00Z")...)
	g.wantProblem(binary, kindForbidden)
	if g.ledger.Head().Size != size {
		t.Error("something was recorded")
	}
	for media, body := range map[string]string{
		typeBatch:  "[" + from(3, "urn:lender:cards") + "," + from(4, "urn:lender") + "," + from(5, "urn:lender:cards#x") + "]",
		typeStream: from(6, "urn:lender:cards") + "\n" + from(7, "urn:lender:origination") + "\n" + from(8, "urn:lender:cards/x") + "\n",
	} {
		a := g.want(g.post(media, body, as(cards)...), http.StatusOK)
		var statuses []string
		for _, m := range regexp.MustCompile(`"line":\d+,"status":(\d+)`).FindAllSubmatch(a.body, -1) {
			statuses = append(statuses, string(m[1]))
		}
		if got := strings.Join(statuses, " "); got != "201 403 201" {
			t.Errorf("%s is answered %s: %s", media, got, a.body)
		}
	}
	// Another key of the same sources finds what the first one recorded.
	twin := g.grant(t, access.Terms{Role: access.Submitter, Sources: []string{"urn:lender:cards"}})
	if again := g.receipt(g.want(g.post(typeEvent, mine, as(twin)...), http.StatusOK)); again.Index != r.Index {
		t.Errorf("record %d, want %d", again.Index, r.Index)
	}
}

// What is restricted is seen by whoever may see that, in records, evidence,
// timelines, findings, searches and what is followed.
func TestRestrictedNeedsPermission(t *testing.T) {
	g := serveGuarded(t, ledger.CreateOptions{}, nil)
	r := g.receipt(g.want(g.post(typeEvent, g.example(t, "org.lendlog.case.opened.v1"), as(g.of[access.Compliance])...), http.StatusCreated))
	plain := g.receipt(g.want(g.post(typeEvent, decision(1), as(g.of[access.Submitter])...), http.StatusCreated))
	record := fmt.Sprintf("/v1/records/%d", r.Index)
	officer, auditor, monitor := as(g.of[access.PrivacyOfficer]), as(g.of[access.Auditor]), as(g.of[access.Monitor])
	for _, path := range []string{record, record + "/evidence", record + "/evidence?disclose=/type", record + "/findings", "/v1/subjects/case/77", "/v1/subjects/case/none", "/v1/subjects/case/77/evidence", "/v1/due?subject=case/77", "/v1/due?subject=case/none", "/v1/due?subject=%63ase/77"} {
		p := g.wantProblem(g.get(path, officer...), kindForbidden)
		if !strings.HasSuffix(p.Detail, string(access.RestrictedRead)) {
			t.Errorf("%s: %q", path, p.Detail)
		}
		if a := g.get(path, auditor...); a.status == http.StatusForbidden {
			t.Errorf("%s: an auditor is answered %s", path, a.body)
		}
	}
	for _, index := range []int64{r.Index, plain.Index} {
		a := g.want(g.get(fmt.Sprintf("/v1/records/%d/evidence?disclose=none", index), monitor...), http.StatusOK)
		if !bytes.Contains(a.body, []byte(`"disclosures": []`)) {
			t.Errorf("a monitor is shown %s", a.body)
		}
	}
	for _, disclose := range []string{"", "?disclose=all", "?disclose=/data/outcome", "?disclose="} {
		g.wantProblem(g.get(fmt.Sprintf("/v1/records/%d/evidence%s", plain.Index, disclose), monitor...), kindForbidden)
	}
	g.wantProblem(g.get("/v1/events?view=record", monitor...), kindForbidden)
	for _, filter := range []string{"", "type=restricted", "type=restricted,decision.made", "capture=live,late"} {
		for who, want := range map[*[]string]bool{&officer: false, &auditor: true} {
			a := g.want(g.get("/v1/records?limit=1000&filter="+strings.ReplaceAll(filter, " ", "+"), *who...), http.StatusOK)
			if got := bytes.Contains(a.body, fmt.Appendf(nil, `"index":%d,`, r.Index)); got != want {
				t.Errorf("%q finds the restricted record: %v", filter, got)
			}
		}
	}
	// A filter that ends in the middle of a term stays the error that it is.
	for _, filter := range []string{"type=decision.made,", "outcome=", "not", `party="x`} {
		g.wantProblem(g.do(http.MethodPost, "/v1/searches", strings.NewReader(`{"filter":"`+strings.ReplaceAll(filter, `"`, `\"`)+`"}`), append(officer, "Content-Type", typeJSON)...), kindFilter)
	}
}

// example is an event of a type, as its schema shows one.
func (g *guarded) example(t *testing.T, typ string) string {
	t.Helper()
	s, ok := g.ledger.Catalogue().Type(typ)
	if !ok || len(s.Examples) == 0 {
		t.Fatalf("there is no example of %s", typ)
	}
	return `{"specversion":"1.0","id":"case-1","source":"urn:lender:aml","type":"` + typ +
		`","subject":"case/77","party":"party-1","time":"2026-02-03T09:30:00Z","data":` + string(s.Examples[0].Bytes()) + `}`
}

// The address of a search that was posted is nobody else's.
func TestSearchesAreTheirOwners(t *testing.T) {
	g := serveGuarded(t, ledger.CreateOptions{}, nil)
	a := g.want(g.do(http.MethodPost, "/v1/searches", strings.NewReader(`{"filter":"party=party-1"}`), append(as(g.of[access.Compliance]), "Content-Type", typeJSON)...), http.StatusCreated)
	path := a.header.Get("Location")
	g.want(g.get(path, as(g.of[access.Compliance])...), http.StatusOK)
	g.wantProblem(g.get(path, as(g.of[access.Auditor])...), kindNotFound)
	g.wantProblem(g.get(path, as(g.grant(t, access.Terms{Role: access.Compliance}))...), kindNotFound)
	g.wantProblem(g.get(path), kindUnauthorized)
}

// Keys are granted, listed and revoked over the API; whoever uses one that is
// revoked is cut off in the middle.
func TestGrantAndRevoke(t *testing.T) {
	g := serveGuarded(t, ledger.CreateOptions{}, nil)
	admin := append(as(g.of[access.Admin]), "Content-Type", typeJSON)
	post := func(path, body string) answer {
		return g.do(http.MethodPost, path, strings.NewReader(body), admin...)
	}
	a := g.want(post("/v1/access/grants", `{"role":"submitter","sources":["urn:b","urn:a","urn:a"],"label":"core","expires":"2099-01-02T03:04:05Z","rate":5000}`), http.StatusCreated)
	made := decode[struct {
		ID, Key string
		Index   int64
	}](t, a.body)
	list := decode[struct{ Grants []grantDoc }](t, g.want(g.get("/v1/access/grants", admin...), http.StatusOK).body)
	at := slices.IndexFunc(list.Grants, func(d grantDoc) bool { return d.ID == made.ID })
	if len(list.Grants) != len(access.Roles())+1 || at < 0 {
		t.Fatalf("%+v are listed", list.Grants)
	}
	if d := list.Grants[at]; d.Label != "core" || strings.Join(d.Sources, " ") != "urn:a urn:b" || d.Rate != 5000 || d.State != keys.Active || d.Index != made.Index || d.Expires.Year() != 2099 {
		t.Errorf("%+v is listed", d)
	}
	r, err := g.ledger.Record(t.Context(), made.Index)
	if err != nil || !strings.Contains(string(r.Entry), `"grantor":"`+idOf(t, g.of[access.Admin])+`"`) {
		t.Errorf("the record is %v, %v", r, err)
	}
	for _, wrong := range []string{``, `[]`, `{}`, `{"role":"root"}`, `{"role":"submitter"}`, `{"role":"auditor","sources":["urn:a"]}`, `{"role":1}`, `{"role":"auditor","expires":"tomorrow"}`,
		`{"role":"auditor","expires":"2020-01-01T00:00:00Z"}`, `{"role":"auditor","rate":"1"}`, `{"role":"auditor","sources":"urn:a"}`, `{"role":"auditor","sources":[1]}`, `{"role":"auditor","admin":true}`, `{"role":"auditor","rate":-1}`} {
		g.wantProblem(post("/v1/access/grants", wrong), kindUnreadable)
	}
	for path, wrong := range map[string]string{"/v1/access/grants/aaaaaaaa/revoke": `{}`, "/v1/access/grants/x/revoke": `{}`, "/v1/access/grants/" + made.ID + "%2F/revoke": `{}`} {
		g.wantProblem(post(path, wrong), kindNotFound)
	}
	for _, wrong := range []string{`[]`, `{"reason":"in words"}`, `{"reason":1}`, `{"why":"x"}`} {
		g.wantProblem(post("/v1/access/grants/"+made.ID+"/revoke", wrong), kindUnreadable)
	}
	g.want(g.post(typeEvent, strings.Replace(decision(1), "urn:lender:origination", "urn:a", 1), as(made.Key)...), http.StatusCreated)

	// A stream and a follower are under way with keys that are revoked then.
	follower := g.grant(t, access.Terms{Role: access.Auditor})
	events, err := http.DefaultClient.Do(request(t, g.url+"/v1/events?from=0", "Authorization", "Bearer "+follower))
	if err != nil {
		t.Fatal(err)
	}
	defer events.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	body, w := io.Pipe()
	defer w.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.url+"/v1/records", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", typeStream)
	req.Header.Set("Authorization", "Bearer "+made.Key)
	stream, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	lines := bufio.NewReader(stream.Body)
	if _, err := io.WriteString(w, strings.Replace(decision(2), "urn:lender:origination", "urn:a", 1)+"\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := lines.ReadString('\n'); err != nil || !strings.Contains(line, `"status":201`) {
		t.Fatalf("%q, %v", line, err)
	}
	for _, id := range []string{made.ID, idOf(t, follower)} {
		first := g.want(post("/v1/access/grants/"+id+"/revoke", `{"reason":"stolen"}`), http.StatusOK)
		again := g.want(post("/v1/access/grants/"+id+"/revoke", `{}`), http.StatusOK)
		if !bytes.Equal(first.body, again.body) {
			t.Errorf("revoked by %s, and again by %s", first.body, again.body)
		}
	}
	if line, err := lines.ReadString('\n'); err != nil || !strings.Contains(line, `"summary":true,"accepted":1,`) || !strings.Contains(line, "problem:unauthorized") {
		t.Errorf("the stream ends with %q, %v", line, err)
	}
	if all, err := io.ReadAll(events.Body); err != nil && !strings.Contains(err.Error(), "EOF") || !bytes.Contains(all, []byte("event: problem\n")) || !bytes.Contains(all, []byte("problem:unauthorized")) {
		t.Errorf("the follower ends with %v and %.300q", err, all[max(0, len(all)-300):])
	}
	g.wantProblem(g.post(typeEvent, decision(3), as(made.Key)...), kindUnauthorized)

	// An admin that revokes itself is out at once.
	g.want(post("/v1/access/grants/"+idOf(t, g.of[access.Admin])+"/revoke", `{}`), http.StatusOK)
	g.wantProblem(g.get("/v1/access/grants", admin...), kindUnauthorized)
}

// Whoever has sent only a part of a request when the key is revoked gets nothing
// of the rest.
func TestRevokedWhileSending(t *testing.T) {
	g := serveGuarded(t, ledger.CreateOptions{}, nil)
	victim := g.grant(t, access.Terms{Role: access.Auditor})
	for name, r := range map[string]struct {
		role              access.Role
		path, media, body string
	}{
		"an event":     {access.Submitter, "/v1/records", typeEvent, decision(1)},
		"a batch":      {access.Submitter, "/v1/records", typeBatch, "[" + decision(2) + "]"},
		"a grant":      {access.Admin, "/v1/access/grants", typeJSON, `{"role":"admin"}`},
		"a revocation": {access.Admin, "/v1/access/grants/" + idOf(t, victim) + "/revoke", typeJSON, `{}`},
		"a search":     {access.Auditor, "/v1/searches", typeJSON, `{"filter":"party=party-1"}`},
		"a period":     {access.Admin, "/v1/periods", typeJSON, `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			terms := access.Terms{Role: r.role}
			if r.role == access.Submitter {
				terms.Sources = []string{"urn:lender"}
			}
			stolen := g.grant(t, terms)
			p := g.peer()
			p.send(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", r.path, stolen, r.media, len(r.body), r.body[:1]))
			used := func() bool {
				return slices.ContainsFunc(g.keys.List(), func(s keys.Status) bool { return s.ID == idOf(t, stolen) && !s.Row.Used.IsZero() })
			}
			ledgertest.Until(t, "that it is let in", used)
			if _, err := g.keys.Revoke(t.Context(), idOf(t, stolen), ledger.Local, "stolen"); err != nil {
				t.Fatal(err)
			}
			before := g.ledger.Head().Size
			p.send(r.body[1:])
			a, ok := p.receive(http.MethodPost)
			if !ok || a.status != http.StatusUnauthorized && !bytes.Contains(a.body, []byte("problem:unauthorized")) {
				t.Errorf("it is answered %d: %s", a.status, a.body)
			}
			if now := g.ledger.Head().Size; now != before {
				t.Errorf("%d records came of it", now-before)
			}
		})
	}
}

// A bundle, and whatever else takes a scan, ends with the key that asked for it.
func TestRevokedWhileScanning(t *testing.T) {
	g := serveGuarded(t, ledger.CreateOptions{}, nil)
	stolen := g.grant(t, access.Terms{Role: access.Auditor})
	c := &call{Context: &gin.Context{Request: request(t, g.url, "Accept", "*/*")}, key: g.keys.Find(stolen)}
	_, err := scan(g.Server, c, "", func(ctx context.Context) (int, error) {
		if _, err := g.keys.Revoke(t.Context(), idOf(t, stolen), ledger.Local, "stolen"); err != nil {
			t.Error(err)
		}
		<-ctx.Done()
		return 0, ctx.Err()
	})
	if !errors.Is(err, errExpelled) {
		t.Errorf("it ends with %v", err)
	}
}

// A key has its requests and no more, whatever others do.
func TestRateLimit(t *testing.T) {
	g := serveGuarded(t, ledger.CreateOptions{}, nil)
	slow := g.grant(t, access.Terms{Role: access.Auditor, Rate: 2})
	for left := 1; left >= 0; left-- {
		a := g.want(g.get("/v1/types", as(slow)...), http.StatusOK)
		if got := a.header.Get("RateLimit-Policy"); got != `"key";q=2;w=60` {
			t.Errorf("the policy is %s", got)
		}
		if got := a.header.Get("RateLimit"); !regexp.MustCompile(fmt.Sprintf(`^"key";r=%d;t=([1-9]|[1-5][0-9]|60)$`, left)).MatchString(got) {
			t.Errorf("the limit is %s, with %d left", got, left)
		}
	}
	a := g.get("/v1/types", as(slow)...)
	g.wantProblem(a, kindRateLimited)
	if wait := a.header.Get("Retry-After"); a.header.Get("RateLimit") != `"key";r=0;t=`+wait {
		t.Errorf("Retry-After %s, RateLimit %s", wait, a.header.Get("RateLimit"))
	}
	g.want(g.get("/v1/checkpoint", as(slow)...), http.StatusOK)
	g.want(g.get("/v1/types", as(g.of[access.Auditor])...), http.StatusOK)
}

// Tiles leave the machine for whoever has a key, and of a public log for all;
// what else there is stays closed.
func TestTilesAndKeys(t *testing.T) {
	for _, public := range []bool{false, true} {
		t.Run(fmt.Sprint(public), func(t *testing.T) {
			g := serveGuarded(t, ledger.CreateOptions{PublicLog: public}, func(c *Config) { c.Remote = true })
			for _, path := range []string{"/log/tile/0/000.p/1", "/log/tile/entries/000.p/1"} {
				if a := g.get(path); public {
					g.want(a, http.StatusOK)
				} else {
					g.wantProblem(a, kindUnauthorized)
				}
				g.want(g.get(path, as(g.of[access.Monitor])...), http.StatusOK)
			}
			g.wantProblem(g.get("/v1/records/0"), kindUnauthorized)
			g.wantProblem(g.get("/v1/records/0/evidence?disclose=none"), kindUnauthorized)
			g.wantProblem(g.get("/v1/events?view=entry"), kindUnauthorized)
		})
	}
}

// A key shows in no log, metric, answer or header, nor does what was taken for
// one; its id does.
func TestKeysAreNeverShown(t *testing.T) {
	g := serveGuarded(t, ledger.CreateOptions{}, nil)
	var answers bytes.Buffer
	wrong := access.NewKey().Reveal()
	shown := append(slices.Collect(maps.Values(g.of)), wrong, wrong[:50])
	for _, key := range shown {
		for _, r := range g.routes() {
			a := g.ask(r, as(key)...)
			fmt.Fprintln(&answers, a.header, string(a.body))
		}
		// In the wrong places.
		for _, path := range []string{"/v1/records?key=" + key, "/v1/" + key, "/v1/records/" + key, "/v1/access/grants/" + key + "/revoke"} {
			a := g.get(path, "X-Request-Id", "id", "User-Agent", key, "Referer", "https://x.example/"+key)
			fmt.Fprintln(&answers, a.header, string(a.body))
		}
	}
	metrics := g.want(g.get("/metrics", as(g.of[access.Admin])...), http.StatusOK)
	for _, key := range shown {
		secret := key[12:40]
		for where, text := range map[string]string{"the log": g.log.String(), "an answer": answers.String(), "a metric": string(metrics.body)} {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds a key", where)
			}
		}
	}
	if !strings.Contains(g.log.String(), `"key":"`+idOf(t, g.of[access.Auditor])+`"`) || strings.Contains(g.log.String(), idOf(t, wrong)) {
		t.Error("the log does not say which key came in, or says which did not")
	}
}
