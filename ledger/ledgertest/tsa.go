// SPDX-License-Identifier: Apache-2.0

package ledgertest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// A TSA is a time-stamp authority (RFC 3161), which `openssl ts` plays, with a
// root of its own.
type TSA struct {
	URL   string
	Roots string // PEM file

	t   testing.TB
	dir string

	mu    sync.Mutex // guards all below, and the serial number in the directory
	asked int
	fail  http.HandlerFunc
}

// tsaConf is the configuration of an authority.
const tsaConf = `
[req]
distinguished_name = dn
prompt = no
[dn]
CN = %[1]s
[ca]
basicConstraints = critical,CA:true
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
[signer]
basicConstraints = CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = one
[one]
serial = %[2]s/serial
signer_cert = %[2]s/signer.pem
signer_key = %[2]s/signer.key
certs = %[2]s/root.pem
signer_digest = sha256
digests = sha256
default_policy = 1.2.3.4.1
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
`

// NewTSA starts an authority, which is shut down with the test. The program
// openssl has to be there.
func NewTSA(t testing.TB, name string) *TSA {
	t.Helper()
	a := &TSA{t: t, dir: t.TempDir()}
	a.Roots = a.file("root.pem")
	a.write("conf", fmt.Sprintf(tsaConf, name, a.dir))
	a.write("serial", "01\n")
	key := []string{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", a.file("conf"), "-days", "2"}
	a.openssl(append([]string{"req", "-x509", "-extensions", "ca", "-keyout", a.file("root.key"), "-out", a.Roots}, key...)...)
	a.openssl(append([]string{"req", "-x509", "-extensions", "signer", "-CA", a.Roots, "-CAkey", a.file("root.key"), "-subj", "/CN=" + name + " signer", "-keyout", a.file("signer.key"), "-out", a.file("signer.pem")}, key...)...)
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	a.URL = s.URL + "/tsr"
	return a
}

// Fail has the authority answer otherwise; nil ends that.
func (a *TSA) Fail(f http.HandlerFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fail = f
}

// Asked returns how many requests came.
func (a *TSA) Asked() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked
}

// Reply answers a request.
func (a *TSA) Reply(query []byte) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.write("query", string(query))
	a.openssl("ts", "-reply", "-config", a.file("conf"), "-section", "one", "-queryfile", a.file("query"), "-out", a.file("reply"))
	b, err := os.ReadFile(a.file("reply"))
	if err != nil {
		a.t.Error(err)
	}
	return b
}

// ServeHTTP answers as RFC 3161, section 3.4, says.
func (a *TSA) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.asked++
	fail := a.fail
	a.mu.Unlock()
	if fail != nil {
		fail(rw, r)
		return
	}
	query, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if r.Method != http.MethodPost || r.URL.Path != "/tsr" || r.Header.Get("Content-Type") != "application/timestamp-query" || err != nil {
		a.t.Errorf("a time-stamp authority was asked %s %s with %s", r.Method, r.URL.Path, r.Header.Get("Content-Type"))
		rw.WriteHeader(http.StatusBadRequest)
		return
	}
	rw.Header().Set("Content-Type", "application/timestamp-reply")
	_, _ = rw.Write(a.Reply(query))
}

func (a *TSA) file(name string) string { return filepath.Join(a.dir, name) }

func (a *TSA) write(name, text string) {
	if err := os.WriteFile(a.file(name), []byte(text), 0o600); err != nil {
		a.t.Error(err)
	}
}

func (a *TSA) openssl(args ...string) {
	if out, err := OpenSSL(args...); err != nil {
		a.t.Errorf("openssl %s: %v: %s", args[0], err, out)
	}
}

// OpenSSL runs the program, and returns what it prints.
func OpenSSL(args ...string) (string, error) {
	out, err := exec.Command("openssl", args...).CombinedOutput()
	return string(out), err
}
