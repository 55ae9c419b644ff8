// SPDX-License-Identifier: Apache-2.0

package certificate

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lendlog/lendlog/api/certificate/certtest"
)

const year = 365 * 24 * time.Hour

// files are those of a new certificate, in a directory of their own.
func files(t testing.TB, a *certtest.Authority, holds time.Duration) (Files, string) {
	t.Helper()
	dir := t.TempDir()
	cert, key := certtest.Write(t, dir, "server", a.Issue(t, "first", holds))
	return Files{Cert: cert, Key: key}, dir
}

// shown connects to a listener with a configuration, and returns who shows itself.
func shown(t testing.TB, server *tls.Config, client *tls.Config) (name string, err error) {
	t.Helper()
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	s := tls.Server(there, server)
	done := make(chan error, 1)
	go func() { done <- s.HandshakeContext(t.Context()) }()
	client.ServerName = "localhost"
	c := tls.Client(here, client)
	if err := c.HandshakeContext(t.Context()); err != nil {
		return "", err
	}
	// In TLS 1.3 a client hears that it was refused only when it reads.
	go func() { _, _ = c.Read(make([]byte, 1)) }()
	return c.ConnectionState().PeerCertificates[0].Subject.CommonName, <-done
}

// A certificate that was replaced is shown from then on; one that can't be used is
// not, is told once, and the one before is used on.
func TestReload(t *testing.T) {
	a := certtest.New(t, "root")
	f, dir := files(t, a, year)
	var log bytes.Buffer
	c, err := Open(f, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	wants := func(name string, refused bool) {
		t.Helper()
		got, err := shown(t, c.Config(), &tls.Config{RootCAs: a.Pool()})
		if got != name || err != nil {
			t.Errorf("%s shows itself (%v), want %s", got, err, name)
		}
		if (c.Refused() != nil) != refused || (c.Warnings() != nil) != refused {
			t.Errorf("refused is %v, and warnings %v", c.Refused(), c.Warnings())
		}
	}
	wants("first", false)
	c.Reload(t.Context())
	wants("first", false)

	first, err := os.ReadFile(f.Cert)
	if err != nil {
		t.Fatal(err)
	}
	certtest.Write(t, dir, "server", a.Issue(t, "second", year))
	c.Reload(t.Context())
	wants("second", false)

	for name, spoil := range map[string]func() error{
		"a certificate of another key": func() error { return os.WriteFile(f.Cert, first, 0o600) },
		"half a certificate":           func() error { return os.WriteFile(f.Cert, first[:len(first)/2], 0o600) },
		"none":                         func() error { return os.Remove(f.Cert) },
		"one that has expired": func() error {
			certtest.Write(t, dir, "server", a.Issue(t, "expired", time.Minute))
			return nil
		},
		"a key that others can read": func() error { return os.Chmod(f.Key, 0o644) },
	} {
		certtest.Write(t, dir, "server", a.Issue(t, name, year))
		c.Reload(t.Context())
		wants(name, false)
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		before := strings.Count(log.String(), "can't be used")
		c.Reload(t.Context())
		c.Reload(t.Context())
		wants(name, true)
		if told := strings.Count(log.String(), "can't be used") - before; told < 1 {
			t.Errorf("%s is told %d times:\n%s", name, told, &log)
		}
		if err := os.Chmod(f.Key, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Contains(log.String(), "PRIVATE") {
		t.Error("the log has a key")
	}
}

// A server does not begin with what can't be used.
func TestOpenRefuses(t *testing.T) {
	a := certtest.New(t, "root")
	for name, tt := range map[string]struct {
		spoil func(f *Files)
		want  string
	}{
		"no certificate":   {func(f *Files) { f.Cert += ".none" }, "no such file"},
		"no key":           {func(f *Files) { f.Key += ".none" }, "no such file"},
		"keys for roots":   {func(f *Files) { f.Clients = f.Key }, "has none in it"},
		"no roots":         {func(f *Files) { f.Clients = "none" }, "no such file"},
		"key for the cert": {func(f *Files) { f.Cert = f.Key }, "can't be used"},
		"a key for others": {func(f *Files) { _ = os.Chmod(f.Key, 0o640) }, "can be read by others"},
	} {
		f, _ := files(t, a, year)
		tt.spoil(&f)
		if _, err := Open(f, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	f, _ := files(t, a, year)
	for want, now := range map[string]time.Duration{"expired": 2 * year, "holds from": -2 * time.Hour} {
		if _, err := open(f, nil, func() time.Time { return time.Now().Add(now) }); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("at another time: %v, want %q", err, want)
		}
	}
}

// Days before its end a certificate is warned of.
func TestWarnings(t *testing.T) {
	f, _ := files(t, certtest.New(t, "root"), 91*24*time.Hour)
	now := time.Now()
	c, err := open(f, nil, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		later time.Duration
		want  []string
	}{
		{0, nil},
		{76 * 24 * time.Hour, nil},
		{77 * 24 * time.Hour, []string{"the certificate of this server expires in 13 days"}},
		{92 * 24 * time.Hour, []string{"the certificate of this server has expired"}},
	} {
		now = time.Now().Add(tt.later)
		if got := c.Warnings(); !slices.Equal(got, tt.want) {
			t.Errorf("after %v it warns %q, want %q", tt.later, got, tt.want)
		}
	}
}

// A client's certificate is verified where one is shown, and reaches the server;
// whoever shows none comes in without.
func TestClients(t *testing.T) {
	servers, clients, strangers := certtest.New(t, "servers"), certtest.New(t, "clients"), certtest.New(t, "strangers")
	f, dir := files(t, servers, year)
	f.Clients = clients.WriteRoot(t, dir, "clients")
	c, err := Open(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		shows []tls.Certificate
		ok    bool
	}{
		"none":        {nil, true},
		"a client's":  {[]tls.Certificate{clients.Issue(t, "client", year)}, true},
		"a stranger":  {[]tls.Certificate{strangers.Issue(t, "client", year)}, false},
		"an old one":  {[]tls.Certificate{clients.Issue(t, "client", time.Minute)}, false},
		"a server's":  {[]tls.Certificate{servers.Issue(t, "client", year)}, false},
		"of two keys": {[]tls.Certificate{{Certificate: clients.Issue(t, "client", year).Certificate, PrivateKey: clients.Issue(t, "other", year).PrivateKey}}, false},
	} {
		config := c.Config()
		var verified [][]*x509.Certificate
		inner := config.GetConfigForClient
		config.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			of, err := inner(h)
			of = of.Clone()
			of.VerifyConnection = func(s tls.ConnectionState) error { verified = s.VerifiedChains; return nil }
			return of, err
		}
		// Whoever shows a certificate whether it is asked for or not.
		client := &tls.Config{RootCAs: servers.Pool(), GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if len(tt.shows) == 0 {
				return &tls.Certificate{}, nil
			}
			return &tt.shows[0], nil
		}}
		_, err := shown(t, config, client)
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && (verified != nil) != (tt.shows != nil) {
			t.Errorf("%s: %d chains were verified", name, len(verified))
		}
	}
}

// Nothing older than TLS 1.2 is spoken, and of that nothing without authenticated
// encryption.
func TestVersions(t *testing.T) {
	a := certtest.New(t, "root")
	f, _ := files(t, a, year)
	c, err := Open(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		client *tls.Config
		ok     bool
	}{
		"1.3":                   {&tls.Config{MinVersion: tls.VersionTLS13}, true},
		"1.2":                   {&tls.Config{MaxVersion: tls.VersionTLS12}, true},
		"1.1":                   {&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
		"1.2 without AEAD":      {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}, false},
		"1.2, only with CHACHA": {&tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}}, true},
	} {
		tt.client.RootCAs = a.Pool()
		if _, err := shown(t, c.Config(), tt.client); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Run looks when it is told, and ends with its context.
func TestRun(t *testing.T) {
	a := certtest.New(t, "root")
	f, dir := files(t, a, year)
	c, err := Open(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	told, done := make(chan os.Signal), make(chan error, 1)
	go func() { done <- c.Run(ctx, told) }()
	certtest.Write(t, dir, "server", a.Issue(t, "second", year))
	told <- syscall.SIGHUP
	told <- syscall.SIGHUP // taken when the first has been seen to
	if name := c.Leaf().Subject.CommonName; name != "second" {
		t.Errorf("%s is used", name)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
