// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/lendlog/lendlog/api/certificate/certtest"
	"github.com/lendlog/lendlog/ledger/access"
)

// These tests attack the program as it runs, from outside of it, in ways that only
// show there: docs/threats.md lists them with those of the packages.

// An abused server is the program, with a key of each role of each of its ledgers.
type abused struct {
	t          *testing.T
	cmd        *exec.Cmd
	dir        string
	url, admin string
	bases      map[string]string // the URLs of its ledgers, by their names
	of         map[string]map[access.Role]string
	http       *http.Client
}

// abuse makes ledgers and serves them, one alone and several below their names.
func abuse(t *testing.T, ledgers []string, flags ...string) *abused {
	t.Helper()
	a := &abused{t: t, dir: t.TempDir(), bases: map[string]string{}, of: map[string]map[access.Role]string{}}
	a.http = &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	var several strings.Builder
	for _, name := range ledgers {
		var admin struct{ Key string }
		out := a.run("init", "--dir", name, "--origin", name+".example/1", "--admin-key", "-", "--json")
		for line := range strings.Lines(out) {
			if strings.Contains(line, `"key"`) {
				a.decode(line, &admin)
			}
		}
		a.of[name] = map[access.Role]string{access.Admin: admin.Key}
		fmt.Fprintf(&several, "  - name: %s\n    dir: %s\n", name, name)
	}
	args := append([]string{"serve", "--json", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log", "json"}, flags...)
	if len(ledgers) == 1 {
		args = append(args, "--dir", ledgers[0])
	} else {
		file := filepath.Join(a.dir, "several.yaml")
		if err := os.WriteFile(file, []byte("ledgers:\n"+several.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", file)
	}
	errs, err := os.Create(filepath.Join(a.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer errs.Close()
	a.cmd = exec.Command("lendlog", args...)
	a.cmd.Dir, a.cmd.Stderr = a.dir, errs
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.cmd.Process.Kill(); _ = a.cmd.Wait() })
	var ready struct{ URL, Admin string }
	if err := json.NewDecoder(out).Decode(&ready); err != nil {
		t.Fatalf("the server doesn't start: %v\n%s", err, a.log())
	}
	a.url, a.admin = ready.URL, ready.Admin
	for _, name := range ledgers {
		a.bases[name] = a.url
		if len(ledgers) > 1 {
			a.bases[name] = a.url + "/ledgers/" + name
		}
		for _, r := range access.Roles() {
			if r != access.Admin {
				a.of[name][r], _ = a.grant(name, map[string]any{"role": r})
			}
		}
	}
	return a
}

// run runs a command and returns what it printed.
func (a *abused) run(args ...string) string {
	a.t.Helper()
	cmd := exec.Command("lendlog", args...)
	cmd.Dir = a.dir
	out, err := cmd.Output()
	if err != nil {
		a.t.Fatalf("%v: %v", args, err)
	}
	return string(out)
}

func (a *abused) decode(text string, to any) {
	a.t.Helper()
	if err := json.Unmarshal([]byte(text), to); err != nil {
		a.t.Fatalf("%v: %s", err, text)
	}
}

// grant grants a key of a ledger, and returns it with its id.
func (a *abused) grant(ledger string, terms map[string]any) (key, id string) {
	a.t.Helper()
	if terms["role"] == access.Submitter {
		terms["sources"] = []string{"urn:lender"}
	}
	body, err := json.Marshal(terms)
	if err != nil {
		a.t.Fatal(err)
	}
	got := a.do(http.MethodPost, a.bases[ledger]+"/v1/access/grants", string(body), "Authorization", "Bearer "+a.of[ledger][access.Admin], "Content-Type", "application/json")
	var granted struct{ Key, ID string }
	if a.decode(got.body, &granted); granted.Key == "" {
		a.t.Fatalf("nothing is granted: %d %s", got.status, got.body)
	}
	return granted.Key, granted.ID
}

func (a *abused) revoke(ledger, id string) {
	a.t.Helper()
	got := a.do(http.MethodPost, a.bases[ledger]+"/v1/access/grants/"+id+"/revoke", `{"reason":"stolen"}`, "Authorization", "Bearer "+a.of[ledger][access.Admin], "Content-Type", "application/json")
	if got.status != http.StatusOK {
		a.t.Fatalf("nothing is revoked: %d %s", got.status, got.body)
	}
}

// shown is all that somebody sees of an answer, but for what is of one request.
type shown struct {
	status int
	header http.Header
	body   string
}

// instance is what of a problem is of one request.
var instance = regexp.MustCompile(`"instance":"[^"]*"`)

func (a *abused) do(method, address, body string, headers ...string) shown {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	resp, err := a.http.Do(req)
	if err != nil {
		a.t.Fatalf("%s %s: %v", method, address, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	resp.Header.Del("Date")
	resp.Header.Del("X-Request-Id")
	return shown{resp.StatusCode, resp.Header, instance.ReplaceAllString(string(b), "")}
}

func (s shown) String() string { return fmt.Sprint(s.status, s.header, s.body) }

// raw sends bytes, and returns all that comes back until the server hangs up or has
// said nothing for long, but for what is of one request.
func (a *abused) raw(text string) string {
	a.t.Helper()
	u, err := url.Parse(a.url)
	if err != nil {
		a.t.Fatal(err)
	}
	c, err := net.Dial("tcp", u.Host)
	if err != nil {
		a.t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		a.t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	b, _ := io.ReadAll(c) // all of them close the connection
	own := regexp.MustCompile(`(?m)^(Date|X-Request-Id): .*\r\n|"instance":"[^"]*"`)
	return own.ReplaceAllString(string(b), "")
}

func (a *abused) log() string {
	b, err := os.ReadFile(filepath.Join(a.dir, "log"))
	if err != nil {
		a.t.Fatal(err)
	}
	return string(b)
}

// shows fails the test where something shows in the log, in what is measured, in the
// profiles of the process or in its command line.
func (a *abused) shows(ledger string, secrets ...string) {
	a.t.Helper()
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", a.cmd.Process.Pid))
	if err != nil {
		a.t.Fatal(err)
	}
	places := map[string]string{"the log": a.log(), "the command line": string(cmdline)}
	places["/metrics"] = a.do(http.MethodGet, a.bases[ledger]+"/metrics", "", "Authorization", "Bearer "+a.of[ledger][access.Admin]).body
	for _, path := range []string{"/metrics", "/readyz", "/debug/pprof/", "/debug/pprof/goroutine?debug=2", "/debug/pprof/goroutine?debug=1", "/debug/pprof/heap?debug=1", "/debug/pprof/allocs", "/debug/pprof/trace?seconds=0.1", "/debug/pprof/cmdline"} {
		places["aside "+path] = a.do(http.MethodGet, a.admin+path, "").body
	}
	for where, text := range places {
		for _, s := range secrets {
			if strings.Contains(text, s) {
				a.t.Errorf("%s shows %s", where, s)
			}
		}
	}
	for line := range strings.Lines(a.log()) {
		if !json.Valid([]byte(line)) && !strings.HasPrefix(line, "lendlog: ") {
			a.t.Errorf("in the log stands %q", line)
		}
	}
}

// secretOf is the part of a key that nobody else knows.
func secretOf(key string) string { return key[12:50] }

// A key that is stolen and revoked, expired, of another ledger, malformed, or shown in
// a way that is none, is answered like none, byte for byte, by API and console.
func TestAbuseKeys(t *testing.T) {
	a := abuse(t, []string{"one"})
	other := access.NewKey().Reveal()
	base, good := a.bases["one"], a.of["one"][access.Auditor]
	stolen, id := a.grant("one", map[string]any{"role": access.Auditor})
	a.revoke("one", id)
	expired, _ := a.grant("one", map[string]any{"role": access.Auditor, "expires": time.Now().Add(10 * time.Second).UTC().Truncate(time.Second).Format(time.RFC3339)})
	path := base + "/v1/stats"
	for deadline := time.Now().Add(time.Minute); a.do(http.MethodGet, path, "", "Authorization", "Bearer "+expired).status != http.StatusUnauthorized; {
		if time.Now().After(deadline) {
			t.Fatal("a key does not expire")
		}
		time.Sleep(100 * time.Millisecond)
	}
	flipped := []byte(good)
	if flipped[20] = 'a'; good[20] == 'a' {
		flipped[20] = 'b'
	}
	wrong := map[string]string{
		"unknown": other, "stolen": stolen, "expired": expired, "cut": good[:len(good)-1], "longer": good + "a", "in capitals": strings.ToUpper(good),
		"one letter changed": string(flipped), "of another id": other[:12] + good[12:], "its id": good[:11], "nothing": "", "two": good + ", Bearer " + good, "quoted": `"` + good + `"`, "with a stroke": good + "/",
		"long": strings.Repeat("ll_", 5000), "a request": access.NewKey().Request().String(),
	}
	want := a.do(http.MethodGet, path, "")
	form := "application/x-www-form-urlencoded"
	page := a.do(http.MethodPost, base+"/console/signin", "key=x", "Content-Type", form)
	if want.status != http.StatusUnauthorized || page.status != http.StatusUnauthorized || a.do(http.MethodGet, path, "", "Authorization", "Bearer "+good).status != http.StatusOK {
		t.Fatalf("without a key: %v; %d", want, page.status)
	}
	for name, key := range wrong {
		if got := a.do(http.MethodGet, path, "", "Authorization", "Bearer "+key); got.String() != want.String() {
			t.Errorf("%s: %v", name, got)
		}
		if got := a.do(http.MethodPost, base+"/console/signin", url.Values{"key": {key}}.Encode(), "Content-Type", form); got.String() != page.String() {
			t.Errorf("%s, in the console: %v", name, got)
		}
	}
	for name, headers := range map[string][]string{
		"twice": {"Authorization", "Bearer " + good, "Authorization", "Bearer " + good}, "beside a wrong one": {"Authorization", "Bearer " + good, "Authorization", "Bearer " + other},
		"Basic": {"Authorization", "Basic " + good}, "bare": {"Authorization", good}, "another header": {"X-Api-Key", good}, "for a proxy": {"Proxy-Authorization", "Bearer " + good},
		"a cookie": {"Cookie", "lendlog=" + good + "; Authorization=Bearer " + good}, "forwarded": {"X-Forwarded-Authorization", "Bearer " + good, "X-Forwarded-User", "admin"},
		"a guessed session": {"Cookie", "lendlog=" + strings.Repeat("A", 26) + "; __Host-lendlog=" + strings.Repeat("A", 26)},
	} {
		if got := a.do(http.MethodGet, path, "", headers...); got.String() != want.String() {
			t.Errorf("%s: %v", name, got)
		}
		if got := a.do(http.MethodGet, base+"/console/search", "", headers...); got.status != http.StatusSeeOther || got.header.Get("Location") != "/console/signin?next=search" {
			t.Errorf("%s, in the console: %v", name, got)
		}
	}
	for _, query := range []string{"?key=", "?access_token=", "?authorization=Bearer+"} {
		if got := a.do(http.MethodGet, path+query+good, ""); got.String() != want.String() {
			t.Errorf("%s: %v", query, got)
		}
	}
	a.shows("one", secretOf(good), secretOf(other), secretOf(stolen), secretOf(expired), secretOf(a.of["one"][access.Admin]))
}

// Of several ledgers nobody learns which there are, or reaches one, by a path, a host, a
// method or a header, with the key of another: what comes back are the same bytes.
func TestAbuseAddresses(t *testing.T) {
	a := abuse(t, []string{"a", "b"})
	foreign := "Authorization: Bearer " + a.of["b"][access.Auditor] + "\r\n"
	for _, target := range []string{
		"/ledgers/NAME", "/ledgers/NAME/", "/ledgers/NAME/v1/trust", "/ledgers/NAME/v1/records/0", "/ledgers/NAME/metrics", "/ledgers/NAME/console/", "/ledgers/NAME/console/signin", "/ledgers/NAME/../NAME/v1/trust",
		"/ledgers/NAME/../b/v1/trust", "/ledgers/./NAME/v1/trust", "/ledgers//NAME/v1/trust", "//ledgers/NAME/v1/trust", "/ledgers/NAME%2fv1%2ftrust", "/%6cedgers/NAME/v1/trust", "/ledgers/NAME;b/v1/trust", "/ledgers/NAME?b", "/ledgers/NAME%00/v1/trust", "/LEDGERS/NAME/v1/trust",
		"http://localhost/ledgers/NAME/v1/trust", "http://evil.example/ledgers/NAME/v1/trust", "/livez", "*",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS", "TRACE", "PATCH", "X"} {
			for _, more := range []string{"", foreign, "Expect: 100-continue\r\nContent-Length: 0\r\n", "Host: evil.example\r\n",
				"X-Original-URL: /ledgers/NAME/v1/trust\r\nX-Rewrite-URL: /ledgers/NAME/v1/trust\r\nX-HTTP-Method-Override: GET\r\nX-Forwarded-Prefix: /ledgers/NAME\r\n",
				"X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: localhost\r\nX-Forwarded-Proto: https\r\nForwarded: for=127.0.0.1;host=localhost\r\nX-Real-IP: 127.0.0.1\r\n"} {
				if method != "GET" && more != foreign {
					continue
				}
				host := "Host: localhost\r\n"
				if strings.HasPrefix(more, "Host:") {
					host = ""
				}
				request := method + " " + target + " HTTP/1.1\r\n" + host + more + "Connection: close\r\n\r\n"
				there, none := a.raw(strings.ReplaceAll(request, "NAME", "a")), a.raw(strings.ReplaceAll(request, "NAME", "z"))
				if there != none || there == "" {
					t.Errorf("%q is answered\n%s\nand of none\n%s", request, there, none)
				}
				if good := strings.HasPrefix(there, "HTTP/1.1 200 "); good && (target != "/livez" || host == "") {
					t.Errorf("%q is answered %s", request, there)
				}
			}
		}
	}
	// Nothing behind a request is another one, with the key or the path of the first.
	key := "Authorization: Bearer " + a.of["a"][access.Auditor] + "\r\n"
	for _, request := range []string{
		"POST /ledgers/a/v1/records HTTP/1.1\r\nHost: localhost\r\n" + key + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /ledgers/b/v1/trust HTTP/1.1\r\nHost: localhost\r\n" + foreign + "Connection: close\r\n\r\n",
		"POST /ledgers/a/v1/records HTTP/1.1\r\nHost: localhost\r\n" + key + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\nGET /ledgers/b/v1/trust HTTP/1.1\r\nHost: localhost\r\n" + foreign + "Connection: close\r\n\r\n",
		"POST /ledgers/a/v1/records HTTP/1.1\r\nHost: localhost\r\n" + key + "Content-Length: 0\r\nContent-Length: 90\r\n\r\nGET /ledgers/b/v1/trust HTTP/1.1\r\nHost: localhost\r\n" + foreign + "Connection: close\r\n\r\n",
		"GET /ledgers/a/v1/trust HTTP/1.1\r\nHost: localhost\r\n" + key + "X: y\r\n GET /ledgers/b/v1/trust HTTP/1.1\r\nHost : localhost\r\nConnection: close\r\n\r\n",
	} {
		if got := a.raw(request); strings.Contains(got, "b.example") {
			t.Errorf("%q is answered %s", request, got)
		}
	}
	// A key does in its own ledger what it may, and says nothing of it elsewhere.
	if got := a.do(http.MethodGet, a.bases["a"]+"/v1/stats", "", "Authorization", "Bearer "+a.of["a"][access.Auditor]); got.status != http.StatusOK {
		t.Errorf("at its own: %v", got)
	}
	a.shows("a", secretOf(a.of["a"][access.Auditor]), secretOf(a.of["b"][access.Auditor]), "evil.example")
}

// Whatever is sent, wherever it does not belong, stands afterwards in no log, metric,
// profile or command line, nor in what the program prints as it is struck down.
func TestAbuseSecrets(t *testing.T) {
	const colours = "\x1b[2J\x1b[31mred" // longer than what a profile may have by chance
	a := abuse(t, []string{"one"})
	base, key := a.bases["one"], access.NewKey().Reveal()
	auditor := "Bearer " + a.of["one"][access.Auditor]
	const person, line = "Zyx77001-person", "\r\n{\"level\":\"ERROR\"}"
	for _, tell := range []string{key, person, "eyJhbGciOiJub25lIn0.eyJzdWIiOiJaeXg3NzAwMSJ9.c2ln"} {
		e := url.QueryEscape(tell + line)
		for _, path := range []string{"/" + e, "/v1/records/" + e, "/v1/records?filter=" + e, "/v1/subjects/file/" + e, "/v1/types/" + e, "/console/" + e, "/console/search?filter=" + e, "/console/signin?next=" + e, "/console/signin/oidc/callback?code=" + e + "&state=" + e} {
			for _, as := range []string{auditor, "Bearer " + tell} {
				a.do(http.MethodGet, base+path, "", "Authorization", as, "X-Request-Id", tell, "User-Agent", tell, "Referer", "https://x.example/"+url.PathEscape(tell), "Cookie", "lendlog="+tell,
					"Lendlog-Purpose", tell, "Lendlog-Case", tell, "X-Forwarded-For", tell, "Accept-Language", tell, "Traceparent", tell)
			}
		}
		a.do(http.MethodPost, base+"/console/signin", url.Values{"key": {tell}, "next": {tell + line}}.Encode(), "Content-Type", "application/x-www-form-urlencoded")
		for _, kind := range []string{"application/json", "application/cloudevents+json", "application/x-ndjson", "text/plain; charset=" + url.PathEscape(tell)} {
			a.do(http.MethodPost, base+"/v1/records", `{"id":"`+tell+`","`+tell+`":"`+tell+`"}`, "Authorization", "Bearer "+a.of["one"][access.Submitter], "Content-Type", kind)
		}
		a.raw(tell + " / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		a.raw("GET / HTTP/1.1\r\nHost: " + tell + "\r\nConnection: close\r\n\r\n")
		a.raw("GET /" + colours + tell + " HTTP/9.9\r\n\r\n")
	}
	told := []string{secretOf(key), secretOf(a.of["one"][access.Auditor]), secretOf(a.of["one"][access.Submitter]), "77001-person", "eyJzdWIi", colours}
	// An id of a request is its sender's to choose, of a word; what looks like a secret is
	// taken out of it, and what does not is repeated.
	ids := strings.ReplaceAll(a.log(), `"request":"`+person+`"`, "")
	if strings.Contains(ids, "77001-person") {
		t.Error("the log shows a person beside ids of requests")
	}
	a.shows("one", slices.DeleteFunc(slices.Clone(told), func(s string) bool { return s == "77001-person" })...)
	// Struck down while somebody is served by their key.
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET /v1/events?from=0&view=entry HTTP/1.1\r\nHost: localhost\r\nAuthorization: %s\r\n\r\n", auditor)
	if _, err := bufio.NewReader(c).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if err := a.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	_ = a.cmd.Wait()
	dump := a.log()
	if !strings.Contains(dump, "goroutine ") {
		t.Fatalf("it prints no stacks: %.300s", dump)
	}
	for _, s := range told {
		if s != "77001-person" && strings.Contains(dump, s) {
			t.Errorf("what it prints at its end shows %s", s)
		}
	}
}

// What only some may see no cache keeps for others, and a cookie is sent to nobody else:
// by TLS none comes that a neighbour planted, and the session is a new one.
func TestAbuseCookiesAndCaches(t *testing.T) {
	files := t.TempDir()
	root := certtest.New(t, "root")
	certtest.Write(t, files, "server", root.Issue(t, "server", 2*time.Hour))
	a := abuse(t, []string{"one"}, "--tls-cert", filepath.Join(files, "server.pem"), "--tls-key", filepath.Join(files, "server-key.pem"))
	base, key := a.bases["one"], a.of["one"][access.Auditor]
	planted := "__Host-lendlog=PLANTEDPLANTEDPLANTEDPLANT"
	in := a.do(http.MethodPost, base+"/console/signin?lang=en", url.Values{"key": {key}}.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Cookie", planted)
	var session string
	for _, set := range in.header["Set-Cookie"] {
		c, err := http.ParseSetCookie(set)
		if err != nil || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("it sets %s", set)
		}
		if c.Name == "__Host-lendlog" {
			session = c.Name + "=" + c.Value
		}
	}
	if in.status != http.StatusSeeOther || len(in.header["Set-Cookie"]) != 2 || session == "" || session == planted || strings.Contains(session, key) {
		t.Fatalf("who signs in is answered %v", in)
	}
	enters := func(cookie string) bool {
		return a.do(http.MethodGet, base+"/console/search", "", "Cookie", cookie).status == http.StatusOK
	}
	if !enters(session) || enters(planted) || enters(strings.TrimPrefix(session, "__Host-")) || enters(session+"; "+planted) {
		t.Error("another session than the new one is one")
	}
	source, err := os.ReadFile("../../api/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var spec struct {
		Paths map[string]map[string]yaml.Node `yaml:"paths"`
	}
	if err := yaml.Unmarshal(source, &spec); err != nil {
		t.Fatal(err)
	}
	in0 := strings.NewReplacer("{index}", "0", "{kind}", "ledger", "{id}", "genesis", "{type}", "org.lendlog.genesis.v1", "{hash}", strings.Repeat("0", 64), "{level}", "0", "{n}", "000.p/1", "{path}", "000.p/1", "{tile}", "000.p/1")
	paths := []string{"/console/", "/console/search", "/console/records/0", "/console/subjects/ledger/genesis", "/console/reports", "/console/due", "/console/findings", "/console/looks", "/console/examination", "/console/health", "/console/checkpoints", "/console/search/export?filter=capture%3Dlive", "/console/admin", "/console/nothing"}
	for path, operations := range spec.Paths {
		if _, ok := operations["get"]; ok && path != "/v1/events" { // which has no end
			paths = append(paths, in0.Replace(path))
		}
	}
	private := 0
	for _, path := range paths {
		stranger := a.do(http.MethodGet, base+path, "")
		for _, header := range [][]string{{"Authorization", "Bearer " + key}, {"Cookie", session}} {
			got := a.do(http.MethodGet, base+path, "", header...)
			cache := got.header.Get("Cache-Control")
			if stranger.status == http.StatusOK || cache == "no-store" || strings.HasPrefix(cache, "private") {
				private++
				continue
			}
			t.Errorf("%s may be kept: %q", path, cache)
		}
	}
	if private < 60 {
		t.Errorf("%d answers were looked at", private)
	}
	// Its session ends with the key, and by signing out.
	if out := a.do(http.MethodPost, base+"/console/signout", "", "Cookie", session); !strings.Contains(fmt.Sprint(out.header["Set-Cookie"]), "Max-Age=0") || enters(session) {
		t.Errorf("who signs out is answered %v", out)
	}
}

// A secret where none belongs, in a flag, a setting or the environment, is not printed by
// what complains about it, shows it or looks things over.
func TestAbuseCommands(t *testing.T) {
	key := access.NewKey().Reveal()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const password = "hunter22-hunter22"
	elsewhere := 0
	other := http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ })}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = other.Serve(ln) }()
	defer other.Close()
	leads, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	steers := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			http.Redirect(w, r, "http://"+ln.Addr().String()+"/", http.StatusFound)
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"title":"\u001b[2J\u202e","detail":"\u001b]0;x\u0007"}`)
	})}
	go func() { _ = steers.Serve(leads) }()
	defer steers.Close()
	lying := "http://" + leads.Addr().String()
	for _, args := range [][]string{
		{"show", key}, {"show", "0", "--server", "https://x:" + password + "@127.0.0.1:1/" + key}, {"show", "0", "--server", "http://127.0.0.1:1", "--key-file", key}, {"show", "0", "--dir", key},
		{"serve", key}, {"serve", "--dir", key}, {"serve", "--dir", dir, "--oidc-issuer", "https://x:" + password + "@127.0.0.1", "--oidc-client-id", "x", "--external-url", "https://x:" + password + "@y.example"},
		{"config", "show", "--dir", key, "--listen", key, "--external-url", "https://x:" + password + "@y.example/z"}, {"config", "show", "--" + key}, {"config", "show", "--json", "--dir", key, "--external-url", "https://x:" + password + "@y.example"},
		{"config", "check", "--config", write("a.yaml", key+": 1\n")}, {"config", "check", "--config", write("b.yaml", "listen: ["+key+"]\n")}, {"config", "check", "--config", write("c.yaml", "dir: "+key+"\nconsole: "+key+"\n")},
		{"doctor", "--dir", key}, {"doctor", "--dir", dir, "--config", write("d.yaml", "listen: "+key+"\n")}, {"doctor", "--dir", dir, "--server", "https://x:" + password + "@127.0.0.1:1/"}, {"access", "revoke", key, "--dir", dir}, {"access", "grant", "--role", key, "--dir", dir}, {"access", key},
		{"show", "0", "--server", lying}, {"doctor", "--dir", dir, "--server", lying}, {"audit", "--server", lying},
	} {
		cmd := exec.Command("lendlog", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "LENDLOG_KEY="+key[:40])
		out, _ := cmd.CombinedOutput() // most of it can't be done
		for _, secret := range []string{secretOf(key), key[12:40], password, "\x1b", "\u202e", "\x07"} {
			if bytes.Contains(out, []byte(secret)) {
				t.Errorf("%q prints %q: %s", args, secret, out)
			}
		}
	}
	if elsewhere > 0 {
		t.Errorf("a server had a command ask another one, %d times", elsewhere)
	}
}
