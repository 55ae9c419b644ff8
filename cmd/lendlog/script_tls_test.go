// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lendlog/lendlog/api/certificate/certtest"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

// serveWith starts a server of what flags and environment say: serve-with FLAG...
func serveWith(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: serve-with FLAG...")
	}
	startServer(ts, args...)
}

// hangup sends the server of the script SIGHUP.
func hangup(ts *testscript.TestScript, neg bool, args []string) {
	s, ok := servers.of.Load(ts)
	if neg || !ok || len(args) > 0 {
		ts.Fatalf("usage: hangup, after serve")
	}
	ts.Check(s.(*running).Process.Signal(syscall.SIGHUP))
}

// authority is that of all scripts.
var authority = sync.OnceValue(func() func(testing.TB) *certtest.Authority {
	var a *certtest.Authority
	var once sync.Once
	return func(t testing.TB) *certtest.Authority {
		once.Do(func() { a = certtest.New(t, "root") })
		return a
	}
})()

// issue writes the root of an authority to root.pem, and a certificate of it that
// holds for so long to NAME.pem and NAME-key.pem, over what is there: issue NAME
// HOLDS.
func issue(t testing.TB, ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: issue NAME HOLDS")
	}
	holds, err := time.ParseDuration(args[1])
	ts.Check(err)
	a, dir := authority(t), ts.MkAbs(".")
	a.WriteRoot(t, dir, "root")
	certtest.Write(t, dir, args[0], a.Issue(t, args[0], holds))
}

// fetch asks for a URL until the answer matches: its protocol and status, the name
// and the body. A certificate is verified by root.pem, and named: fetch URL PATTERN
// [FILE].
func fetch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: fetch URL PATTERN [FILE]")
	}
	re, err := regexp.Compile(args[1])
	ts.Check(err)
	var answer string
	if !ledgertest.Comes(func() bool { answer = asked(ts, args[0]); return re.MatchString(answer) }) {
		ts.Fatalf("%s does not become %s:\n%s", args[0], args[1], answer)
	}
	if len(args) == 3 {
		ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(answer), 0o600))
	}
}

// asked asks on a connection of its own.
func asked(ts *testscript.TestScript, url string) string {
	transport := &http.Transport{ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	if strings.HasPrefix(url, "https:") {
		root, err := os.ReadFile(filepath.Join(ts.MkAbs("."), "root.pem"))
		ts.Check(err)
		transport.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool()}
		transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(root)
	}
	resp, err := (&http.Client{Transport: transport}).Get(url)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	name := "nobody"
	if resp.TLS != nil {
		name = resp.TLS.PeerCertificates[0].Subject.CommonName
	}
	return fmt.Sprintf("%s %d %s\n%s", resp.Proto, resp.StatusCode, name, body)
}
