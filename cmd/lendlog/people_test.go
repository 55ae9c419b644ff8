// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ecdsa"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lendlog/lendlog/api/certificate/certtest"
	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/api/signin/oidctest"
)

// providers are those of scripts, and browsers their cookies.
var providers, browsers sync.Map

// startProvider runs an OpenID provider by which PERSON comes to the server at a URL,
// and sets PROVIDER: provider URL PERSON. Later on it changes who comes.
func startProvider(t *testing.T, ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: provider URL PERSON")
	}
	found, ok := providers.Load(ts)
	if !ok {
		found = oidctest.New(t)
		providers.Store(ts, found)
	}
	p := found.(*oidctest.Provider)
	p.Client = oidctest.Client{ID: "lendlog", Secret: "a-secret-of-the-client", Redirect: args[0] + "/console/signin/oidc/callback"}
	p.Person = args[1]
	ts.Setenv("PROVIDER", p.URL)
}

// browse prints the page that the browser of a name ends up with: browse NAME URL.
func browse(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: browse NAME URL")
	}
	fresh, err := cookiejar.New(nil)
	ts.Check(err)
	jar, _ := browsers.LoadOrStore([2]any{ts, args[0]}, fresh)
	client := &http.Client{Jar: jar.(http.CookieJar), Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(args[1])
	ts.Check(err)
	defer resp.Body.Close()
	_, err = io.WriteString(ts.Stdout(), resp.Status+" "+resp.Request.URL.Path+"\n")
	ts.Check(err)
	_, err = io.Copy(ts.Stdout(), resp.Body)
	ts.Check(err)
}

// issueClients writes the root of the authority to root.pem, and certificates of a
// server and of two clients of one name, as issue does. expired.pem is of the key of the
// first client: certificates.
func issueClients(t *testing.T, ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: certificates")
	}
	a, dir := authority(t), ts.MkAbs(".")
	a.WriteRoot(t, dir, "root")
	for _, name := range []string{"server", "client", "other"} {
		certtest.Write(t, dir, name, a.Issue(t, "machine", 2*time.Hour))
	}
	client, err := tls.LoadX509KeyPair(filepath.Join(dir, "client.pem"), filepath.Join(dir, "client-key.pem"))
	ts.Check(err)
	certtest.Write(t, dir, "expired", a.IssueFor(t, client.PrivateKey.(*ecdsa.PrivateKey), "machine", -2*time.Hour, -time.Hour))
}

// grantOf sets a variable to the id of the active grant of a role in what `lendlog access
// list --json` has just printed: grant-of NAME ROLE.
func grantOf(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: grant-of NAME ROLE")
	}
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		var g client.Grant
		ts.Check(json.Unmarshal([]byte(line), &g))
		if string(g.Role) == args[1] && g.State == "active" {
			ts.Setenv(args[0], g.ID)
			return
		}
	}
	ts.Fatalf("there is no active grant of %s", args[1])
}
