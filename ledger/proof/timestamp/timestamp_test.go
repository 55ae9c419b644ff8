// SPDX-License-Identifier: Apache-2.0

package timestamp_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"flag"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/proof/timestamp"
	"github.com/lendlog/lendlog/ledger/proof/timestamp/timestamptest"
)

var update = flag.Bool("update", false, "make the golden tokens anew")

var (
	stamped = []byte("ledger.example/golden\n5\nroot\n")
	moment  = time.Date(2026, 11, 30, 5, 0, 12, 345_000_000, time.UTC)
)

func TestVerify(t *testing.T) {
	a, b := timestamptest.New("a"), timestamptest.New("b")
	usage := func(e pkix.Extension) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{e} }
	}
	date := func(from, to int) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Date(from, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(to, 1, 1, 0, 0, 0, 0, time.UTC)
		}
	}
	both := []*x509.Certificate{b.Root, a.Root}
	type c struct {
		by    *timestamptest.Authority
		form  timestamptest.Form
		roots []*x509.Certificate
		want  string // "" for none, "unknown" for ErrUnknown
	}
	for name, c := range map[string]c{
		"as it should be":            {by: a},
		"the authority itself":       {by: a, roots: []*x509.Certificate{b.Root, a.Certificate}},
		"no roots":                   {by: a, roots: []*x509.Certificate{}, want: "unknown"},
		"another root":               {by: a, roots: []*x509.Certificate{b.Root}, want: "unknown"},
		"not critical":               {by: timestamptest.New("a", usage(timestamptest.KeyUsage(false, timestamptest.TimeStamping))), want: "unknown"},
		"for more than stamps":       {by: timestamptest.New("a", usage(timestamptest.KeyUsage(true, timestamptest.TimeStamping, timestamptest.CodeSigning))), want: "unknown"},
		"for something unknown too":  {by: timestamptest.New("a", usage(timestamptest.KeyUsage(true, timestamptest.TimeStamping, asn1.ObjectIdentifier{1, 2, 3}))), want: "unknown"},
		"for something else":         {by: timestamptest.New("a", usage(timestamptest.KeyUsage(true, timestamptest.CodeSigning))), want: "unknown"},
		"for everything":             {by: timestamptest.New("a", func(c *x509.Certificate) { c.ExtraExtensions = nil }), want: "unknown"},
		"expired":                    {by: timestamptest.New("a", date(2024, 2025)), want: "unknown"},
		"not yet valid":              {by: timestamptest.New("a", date(2027, 2028)), want: "unknown"},
		"without the certificate":    {by: a, form: timestamptest.Form{Bare: true}, want: "unknown"},
		"two signatures":             {by: a, form: timestamptest.Form{Twice: true}, want: "signers"},
		"no stamp":                   {by: a, form: timestamptest.Form{Type: asn1.ObjectIdentifier{1, 2, 3}}, want: "not one of a time stamp"},
		"over something else":        {by: a, form: timestamptest.Form{Digest: make([]byte, 64)}, want: "over something else"},
		"names another certificate":  {by: a, form: timestamptest.Form{Names: b.Certificate}, want: "names another"},
		"names no certificate":       {by: a, form: timestamptest.Form{Nameless: true}, want: "does not name"},
		"another key":                {by: &timestamptest.Authority{Root: a.Root, Certificate: a.Certificate, Key: b.Key}, want: "signature of the token is wrong"},
		"version 2":                  {by: a, form: timestamptest.Form{Info: replace("\x02\x01\x01\x06", "\x02\x01\x02\x06")}, want: "version 2"},
		"another hash":               {by: a, form: timestamptest.Form{Info: replace("\x03\x04\x02\x01", "\x03\x04\x02\x02")}, want: "something else"},
		"a time that is not of UTC":  {by: a, form: timestamptest.Form{Info: replace("12.345Z", "12+0100")}, want: "not one of UTC"},
		"a time with zeros":          {by: a, form: timestamptest.Form{Info: replace("12.345Z", "12.340Z")}, want: "not one of UTC"},
		"more than what is signed":   {by: a, form: timestamptest.Form{Info: func(b []byte) []byte { return append(b, 0) }}, want: "follows"},
		"nothing that can be read":   {by: a, form: timestamptest.Form{Info: func([]byte) []byte { return nil }}, want: "cannot be read"},
		"an accuracy that is absurd": {by: a, form: timestamptest.Form{Accuracy: 1 << 40}, want: "accuracy"},
		"a negative accuracy":        {by: a, form: timestamptest.Form{Accuracy: -1}, want: "accuracy"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.roots == nil {
				c.roots = both
			}
			s, err := timestamp.Verify(c.by.Token(stamped, moment, c.form), stamped, c.roots)
			switch {
			case c.want == "" && (err != nil || !s.Time.Equal(moment) || s.Root != 1):
				t.Errorf("got %+v: %v", s, err)
			case c.want == "unknown" && !errors.Is(err, timestamp.ErrUnknown):
				t.Errorf("got %+v: %v", s, err)
			case c.want != "" && c.want != "unknown" && (err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, timestamp.ErrUnknown)):
				t.Errorf("want %q, got %+v: %v", c.want, s, err)
			}
		})
	}
	if s, err := timestamp.Verify(a.Token(stamped, moment, timestamptest.Form{Accuracy: 3}), stamped, both); err != nil || !s.Time.Equal(moment.Add(3*time.Second)) {
		t.Errorf("with an accuracy of 3 s it is of %v: %v", s.Time, err)
	}
	// What counts is the certificate at the time of the stamp, not now.
	later := timestamptest.New("a", date(2029, 2031))
	if _, err := timestamp.Verify(later.Token(stamped, time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)), stamped, both); err != nil {
		t.Error(err)
	}
	past := timestamptest.New("a", date(2021, 2022))
	if _, err := timestamp.Verify(past.Token(stamped, time.Date(2021, 7, 1, 0, 0, 0, 0, time.UTC)), stamped, both); err != nil {
		t.Error(err)
	}
	if _, err := timestamp.Verify(a.Token(stamped, moment), append(stamped, 0), both); err == nil {
		t.Error("it stamps something else")
	}
	if _, err := timestamp.Verify(make([]byte, timestamp.MaxToken+1), stamped, both); err == nil {
		t.Error("a token can be of any length")
	}
}

func replace(old, new string) func([]byte) []byte {
	return func(b []byte) []byte { return bytes.Replace(b, []byte(old), []byte(new), 1) }
}

// No bit of a token can be another, but for such as say nothing: whatever is
// accepted says the same.
func TestEveryBitCounts(t *testing.T) {
	for name, g := range goldens(t) {
		want, err := timestamp.Verify(g.token, stamped, g.roots)
		if err != nil {
			t.Fatal(err)
		}
		free := 0
		for bit := range 8 * len(g.token) {
			g.token[bit/8] ^= 1 << (bit % 8)
			if got, err := timestamp.Verify(g.token, stamped, g.roots); err == nil {
				free++
				if got != want {
					t.Errorf("%s: with another bit %d it says %+v", name, bit, got)
				}
			}
			g.token[bit/8] ^= 1 << (bit % 8)
		}
		// Nothing that is signed names the versions, the set of digests in front, and
		// the parameters of algorithms.
		if free > 300 {
			t.Errorf("%s: %d bits can be others", name, free)
		}
	}
}

// A key that fills a token takes seconds to verify with, and a file has hundreds
// of them: it is not tried.
func TestHugeKeys(t *testing.T) {
	a := timestamptest.New("a")
	for _, key := range []*rsa.PublicKey{{N: modulus(1 << 17), E: 65537}, {N: modulus(8192), E: 1<<31 - 1}} {
		hugeKey(t, a, key)
	}
	if !reads(t, a, &rsa.PublicKey{N: modulus(8192), E: 65537}) {
		t.Error("a key of 8,192 bits is not known")
	}
}

func modulus(bits uint) *big.Int {
	return new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), bits), big.NewInt(1))
}

// certified is a certificate of a key.
func certified(t *testing.T, a *timestamptest.Authority, key *rsa.PublicKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(nil, a.Certificate, a.Certificate, key, a.Key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// reads reports whether a token with a certificate of a key is read.
func reads(t *testing.T, a *timestamptest.Authority, key *rsa.PublicKey) bool {
	t.Helper()
	token := a.Token(stamped, moment, timestamptest.Form{Also: []*x509.Certificate{certified(t, a, key)}})
	_, err := timestamp.Verify(token, stamped, []*x509.Certificate{a.Root})
	if err != nil && !(errors.Is(err, timestamp.ErrUnknown) && strings.Contains(err.Error(), "bits")) {
		t.Errorf("a key of %d bits: %v", key.N.BitLen(), err)
	}
	return err == nil
}

func hugeKey(t *testing.T, a *timestamptest.Authority, key *rsa.PublicKey) {
	t.Helper()
	if reads(t, a, key) {
		t.Errorf("a key of %d bits is used", key.N.BitLen())
	}
	if _, err := timestamp.Verify(a.Token(stamped, moment), stamped, []*x509.Certificate{certified(t, a, key)}); !errors.Is(err, timestamp.ErrUnknown) {
		t.Errorf("a root with a key of %d bits: %v", key.N.BitLen(), err)
	}
}

// Whoever vouches for the root of another does not make two authorities of one.
func TestVouchedTwice(t *testing.T) {
	a, b := timestamptest.New("a"), timestamptest.New("b")
	roots := []*x509.Certificate{b.Root, a.Root}
	one, err := timestamp.Verify(a.Token(stamped, moment), stamped, roots)
	if err != nil || one.Root != 1 {
		t.Fatalf("%+v: %v", one, err)
	}
	two, err := timestamp.Verify(a.Token(stamped, moment, timestamptest.Form{Also: []*x509.Certificate{b.Vouch(a)}}), stamped, roots)
	if err != nil || two.Root != 0 || two.Key != one.Key {
		t.Errorf("%+v: %v", two, err)
	}
}

// Tokens that openssl makes are accepted, in each form that it knows, as it
// accepts them itself.
func TestOpenSSL(t *testing.T) {
	for name, options := range map[string]string{"plain": "", "sha1": "ess_cert_id_alg = sha1\n", "exact": "accuracy = secs:1, millisecs:500\nclock_precision_digits = 3\ness_cert_id_alg = sha512\n", "named": "tsa_name = yes\nordering = yes\n"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			before := time.Now()
			token, root := openSSL(t, dir, name, options)
			s, err := timestamp.Verify(token, stamped, []*x509.Certificate{timestamptest.New("other").Root, root})
			if err != nil || s.Root != 1 || s.Time.Before(before.Add(-2*time.Second)) || s.Time.After(time.Now().Add(2*time.Second)) {
				t.Errorf("made by openssl at %v, it says %+v: %v", before, s, err)
			}
			if err := openSSLVerifies(t, dir, token, root); err != nil {
				t.Error(err)
			}
			if *update {
				write(t, filepath.Join("testdata", name+".tst"), token)
				write(t, filepath.Join("testdata", name+".root.der"), root.Raw)
			}
		})
	}
}

type golden struct {
	token []byte
	roots []*x509.Certificate
}

// goldens are tokens that openssl made once, and one of an authority of tests.
func goldens(t testing.TB) map[string]golden {
	t.Helper()
	a := timestamptest.New("a")
	out := map[string]golden{"ed25519": {a.Token(stamped, moment), []*x509.Certificate{a.Root}}}
	files, err := filepath.Glob("testdata/*.tst")
	if err != nil || len(files) != 4 {
		t.Fatalf("%d golden tokens: %v", len(files), err)
	}
	for _, name := range files {
		root, err := x509.ParseCertificate(read(t, strings.TrimSuffix(name, ".tst")+".root.der"))
		if err != nil {
			t.Fatal(err)
		}
		out[name] = golden{read(t, name), []*x509.Certificate{root}}
	}
	return out
}

// openSSL has openssl stamp the bytes, as an authority with an ECDSA key under a
// root with an RSA key and an intermediate one.
func openSSL(t *testing.T, dir, name, options string) (token []byte, root *x509.Certificate) {
	t.Helper()
	in := func(name string) string { return filepath.Join(dir, name) }
	write(t, in("stamped"), stamped)
	write(t, in("serial"), []byte("01\n"))
	write(t, in("extensions"), []byte("[ca]\nbasicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign\n[tsa]\nextendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\n"))
	write(t, in("ts.cnf"), []byte("[tsa]\ndefault_tsa=it\n[it]\nserial="+in("serial")+"\ndigests=sha256\nsigner_digest=sha256\ndefault_policy=1.2.3.4\ncerts="+in("between.pem")+"\n"+options))
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command("openssl", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "root.key", "-out", "root.pem", "-subj", "/CN=root "+name, "-days", "10000")
	run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "between.key", "-out", "between.csr", "-subj", "/CN=between "+name)
	run("x509", "-req", "-in", "between.csr", "-CA", "root.pem", "-CAkey", "root.key", "-CAcreateserial", "-days", "9000", "-extfile", "extensions", "-extensions", "ca", "-out", "between.pem")
	run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "tsa.key", "-out", "tsa.csr", "-subj", "/CN=tsa "+name)
	run("x509", "-req", "-in", "tsa.csr", "-CA", "between.pem", "-CAkey", "between.key", "-CAcreateserial", "-days", "8000", "-extfile", "extensions", "-extensions", "tsa", "-out", "tsa.pem")
	run("ts", "-query", "-data", "stamped", "-sha256", "-cert", "-out", "query")
	run("ts", "-reply", "-config", "ts.cnf", "-queryfile", "query", "-signer", "tsa.pem", "-inkey", "tsa.key", "-token_out", "-out", "token")
	block, _ := pem.Decode(read(t, in("root.pem")))
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, in("token")), root
}

func openSSLVerifies(t *testing.T, dir string, token []byte, root *x509.Certificate) error {
	t.Helper()
	in := func(name string) string { return filepath.Join(dir, name) }
	write(t, in("token"), token)
	write(t, in("stamped"), stamped)
	write(t, in("root.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw}))
	out, err := exec.Command("openssl", "ts", "-verify", "-data", in("stamped"), "-in", in("token"), "-token_in", "-CAfile", in("root.pem")).CombinedOutput()
	if err != nil {
		return errors.New(string(out))
	}
	return nil
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// A token from a stranger is refused or says what it says; it never does harm.
func FuzzVerify(f *testing.F) {
	var roots []*x509.Certificate
	for _, g := range goldens(f) {
		f.Add(g.token)
		roots = append(roots, g.roots...)
	}
	f.Fuzz(func(t *testing.T, token []byte) {
		s, err := timestamp.Verify(token, stamped, roots)
		if (err == nil) != (s != timestamp.Stamp{}) {
			t.Errorf("%+v: %v", s, err)
		}
	})
}
