// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/api/certificate/certtest"
	"github.com/lendlog/lendlog/api/keys"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
)

// A mutual server is a guarded one that asks for certificates of an authority.
type mutual struct {
	*guarded
	authority *certtest.Authority
	url       string
	log       lockedBuffer // of connections
}

func serveMutual(t *testing.T, change ...func(*Config)) *mutual {
	t.Helper()
	m := &mutual{guarded: serveGuarded(t, ledger.CreateOptions{}, func(c *Config) {
		for _, f := range change {
			f(c)
		}
	}), authority: certtest.New(t, "authority")}
	server := httptest.NewUnstartedServer(m.Handler())
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{m.authority.IssueFor(t, certtest.NewKey(t), "server", -time.Hour, time.Hour)},
		ClientAuth:   tls.VerifyClientCertIfGiven, ClientCAs: m.authority.Pool(),
	}
	server.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(&m.log, nil), slog.LevelWarn)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	m.url = server.URL
	return m
}

// certify issues a certificate that something is granted to.
func (m *mutual) certify(t *testing.T, terms access.Terms) (c tls.Certificate, id string) {
	t.Helper()
	c = m.authority.IssueFor(t, certtest.NewKey(t), "machine", -time.Hour, time.Hour)
	id, _, err := m.keys.GrantTo(t.Context(), access.Grant{Means: access.ByCertificate, Certificate: keys.Pin(c.Leaf), Terms: terms}, ledger.Local)
	if err != nil {
		t.Fatal(err)
	}
	return c, id
}

// by is a client that comes by certificates.
func (m *mutual) by(t *testing.T, certificates ...tls.Certificate) *http.Client {
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: m.authority.Pool(), Certificates: certificates}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: &checkedTransport{t, transport}}
}

// plainly is by of a client that does not hold answers against openapi.yaml, which
// doesn't know that a hidden ledger answers any path 401.
func (m *mutual) plainly(t *testing.T, certificates ...tls.Certificate) *http.Client {
	return &http.Client{Transport: m.by(t, certificates...).Transport.(*checkedTransport).RoundTripper}
}

// ask sends a request by a client.
func (m *mutual) ask(t *testing.T, by *http.Client, method, path, body string, headers ...string) (answer, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, m.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := by.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, b}, err
}

// Whoever comes by a certificate has what was granted to it, and no more.
func TestComeByCertificate(t *testing.T) {
	m := serveMutual(t)
	auditor, id := m.certify(t, access.Terms{Role: access.Auditor})
	core, coreID := m.certify(t, access.Terms{Role: access.Submitter, Sources: []string{"urn:lender"}})
	unknown := m.authority.IssueFor(t, certtest.NewKey(t), "machine", -time.Hour, time.Hour)
	renewed := m.authority.IssueFor(t, auditor.PrivateKey.(*ecdsa.PrivateKey), "renamed", 0, 2*time.Hour)
	key := m.of[access.Auditor]
	for name, c := range map[string]struct {
		with    []tls.Certificate
		path    string
		headers []string
		status  int
	}{
		"its role":                  {[]tls.Certificate{auditor}, "/v1/stats", nil, 200},
		"renewed with its key":      {[]tls.Certificate{renewed}, "/v1/stats", nil, 200},
		"what it may not":           {[]tls.Certificate{auditor}, "/v1/access/grants", nil, 403},
		"another role":              {[]tls.Certificate{core}, "/v1/stats", nil, 403},
		"one that is not granted":   {[]tls.Certificate{unknown}, "/v1/stats", nil, 401},
		"none":                      {nil, "/v1/stats", nil, 401},
		"a key":                     {nil, "/v1/stats", as(key), 200},
		"a key, and one unknown":    {[]tls.Certificate{unknown}, "/v1/stats", as(key), 200},
		"a key and a certificate":   {[]tls.Certificate{auditor}, "/v1/stats", as(key), 401},
		"a wrong key with it":       {[]tls.Certificate{auditor}, "/v1/stats", as(access.NewKey().Reveal()), 401},
		"an empty key with it":      {[]tls.Certificate{auditor}, "/v1/stats", []string{"Authorization", ""}, 401},
		"another scheme":            {[]tls.Certificate{auditor}, "/v1/stats", []string{"Authorization", "Basic eDp5"}, 401},
		"said by a header":          {nil, "/v1/stats", []string{"X-Forwarded-Client-Cert", "Hash=" + id, "X-Client-Cert", "machine", "X-SSL-Client-Verify", "SUCCESS"}, 401},
		"what anybody may":          {nil, "/v1/checkpoint", nil, 200},
		"what anybody may, with it": {[]tls.Certificate{unknown}, "/v1/checkpoint", nil, 200},
	} {
		a, err := m.ask(t, m.by(t, c.with...), http.MethodGet, c.path, "", c.headers...)
		if err != nil || a.status != c.status {
			t.Errorf("%s: %d, %v, want %d: %s", name, a.status, err, c.status, a.body)
		}
	}
	a, err := m.ask(t, m.by(t, core), http.MethodPost, "/v1/records", decision(1), "Content-Type", typeEvent)
	if err != nil {
		t.Fatal(err)
	}
	if r := m.receipt(m.want(a, http.StatusCreated)); !bytes.Contains(r.Entry, []byte(`"submitter":"`+coreID+`"`)) {
		t.Errorf("the record is %s", r.Entry)
	}
	if a, err = m.ask(t, m.by(t, core), http.MethodPost, "/v1/records", strings.Replace(decision(2), "urn:lender:origination", "urn:other", 1), "Content-Type", typeEvent); err != nil || a.status != http.StatusForbidden {
		t.Errorf("of another source: %d, %v", a.status, err)
	}
}

// A certificate that has ended, has not begun, or comes of another authority lets
// nobody in, though something is granted to it.
func TestCertificatesThatDoNotHold(t *testing.T) {
	m := serveMutual(t)
	good, _ := m.certify(t, access.Terms{Role: access.Auditor})
	key := good.PrivateKey.(*ecdsa.PrivateKey)
	for name, c := range map[string]tls.Certificate{
		"expired":              m.authority.IssueFor(t, key, "machine", -2*time.Hour, -time.Hour),
		"not yet":              m.authority.IssueFor(t, key, "machine", time.Hour, 2*time.Hour),
		"of another authority": certtest.New(t, "authority").IssueFor(t, key, "machine", -time.Hour, time.Hour),
	} {
		offering := m.by(t)
		offering.Transport.(*checkedTransport).RoundTripper.(*http.Transport).TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c, nil }
		if a, err := m.ask(t, offering, http.MethodGet, "/v1/stats", ""); err == nil {
			t.Errorf("%s: it is answered %d", name, a.status)
		}
	}
	// A connection outlives what it was opened with.
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{good.Leaf}}}
	now := time.Now()
	for at, held := range map[time.Time]bool{now: true, now.Add(-2 * time.Hour): false, now.Add(2 * time.Hour): false} {
		if got := certificateOf(r, at); (got != nil) != held {
			t.Errorf("at %v: %v", at, got)
		}
	}
	r.TLS.VerifiedChains = nil
	if certificateOf(r, now) != nil {
		t.Error("one that nobody verified is taken")
	}
	c := &call{key: m.keys.FindCertificate(good.Leaf), until: now.Add(-time.Second)}
	ended, release := c.good()
	defer release()
	if <-ended.Done(); c.still() == nil {
		t.Error("a call goes on after its certificate has ended")
	}
}

// A grant that is revoked ends what came by its certificate, on the connection that is
// open.
func TestCertificateRevokedWhileFollowing(t *testing.T) {
	m := serveMutual(t)
	machine, id := m.certify(t, access.Terms{Role: access.Auditor})
	by := m.by(t, machine)
	resp, err := by.Do(request(t, m.url+"/v1/events?from=0", "Accept", "text/event-stream"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := m.keys.Revoke(t.Context(), id, ledger.Local, "stolen"); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(resp.Body)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !strings.Contains(err.Error(), "stream error") || !bytes.Contains(all, []byte("problem:unauthorized")) {
		t.Errorf("it ends with %v and %.300q", err, all)
	}
	a, err := m.ask(t, by, http.MethodGet, "/v1/stats", "")
	if err != nil || a.status != http.StatusUnauthorized {
		t.Errorf("after that: %d, %v", a.status, err)
	}
}

// Who holds a key of a hidden ledger is told what they did wrong with it; who does not
// is told what every stranger is.
func TestTwoGrantsAtAHiddenLedger(t *testing.T) {
	m := serveMutual(t, func(c *Config) { c.Hidden = true })
	auditor, _ := m.certify(t, access.Terms{Role: access.Auditor})
	for name, c := range map[string]struct {
		key    string
		detail string
	}{
		"a key and a certificate":      {m.of[access.Auditor], errTwo.detail},
		"an unknown key and one of it": {access.NewKey().Reveal(), errKey.detail},
		"none and one of it":           {"", errKey.detail},
	} {
		for _, path := range []string{"/v1/stats", "/nothing"} {
			a, err := m.ask(t, m.plainly(t, auditor), http.MethodGet, path, "", as(c.key)...)
			if err != nil {
				t.Fatal(err)
			}
			if want := c.detail; (path == "/nothing") && want == errTwo.detail {
				if a.status != http.StatusNotFound {
					t.Errorf("%s, %s: %d", name, path, a.status)
				}
			} else if p := decode[problem](t, a.body); a.status != http.StatusUnauthorized || p.Detail != want {
				t.Errorf("%s, %s: %d %s", name, path, a.status, a.body)
			}
		}
	}
}

// A browser adds its certificate to whatever a page has it send. So a page of another
// origin asks for nothing by it.
func TestPagesOfOthersHaveNoCertificate(t *testing.T) {
	m := serveMutual(t)
	admin, _ := m.certify(t, access.Terms{Role: access.Admin})
	body := `{"role":"auditor"}`
	for name, c := range map[string]struct {
		headers []string
		status  int
	}{
		"a program":             {nil, 201},
		"a page of its own":     {[]string{"Sec-Fetch-Site", "same-origin"}, 201},
		"a page of another":     {[]string{"Sec-Fetch-Site", "cross-site"}, 403},
		"of the same site":      {[]string{"Sec-Fetch-Site", "same-site"}, 403},
		"in an older browser":   {[]string{"Origin", "https://evil.example"}, 403},
		"in one with no origin": {[]string{"Origin", "null"}, 403},
	} {
		a, err := m.ask(t, m.by(t, admin), http.MethodPost, "/v1/access/grants", body, append([]string{"Content-Type", typeJSON}, c.headers...)...)
		if err != nil || a.status != c.status {
			t.Errorf("%s: %d, %v: %s", name, a.status, err, a.body)
		}
	}
	// To look is recorded too, so it is no page of another origin's to ask for.
	for site, status := range map[string]int{"": 200, "none": 200, "same-origin": 200, "same-site": 403, "cross-site": 403, "x": 403} {
		headers := []string{"Sec-Fetch-Site", site}
		if site == "" {
			headers = nil
		}
		if a, err := m.ask(t, m.by(t, admin), http.MethodGet, "/v1/access/grants", "", headers...); err != nil || a.status != status {
			t.Errorf("to look, from %q: %d, %v", site, a.status, err)
		}
	}
	// A key is never added by a browser.
	a, err := m.ask(t, m.by(t), http.MethodPost, "/v1/access/grants", body, append(as(m.of[access.Admin]), "Content-Type", typeJSON, "Sec-Fetch-Site", "cross-site")...)
	if err != nil || a.status != http.StatusCreated {
		t.Errorf("by a key: %d, %v", a.status, err)
	}
}
