// SPDX-License-Identifier: Apache-2.0

package timestamp

import (
	"bytes"
	"crypto/sha256"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	rfc3161 "github.com/digitorus/timestamp"

	"github.com/lendlog/lendlog/ledger/anchor"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/tree"
)

const origin = "ledger.example/1"

func head(size int64) anchor.Head {
	cp := tree.Checkpoint{Origin: origin, Size: size, Root: tree.Hash{byte(size)}}
	return anchor.Head{Checkpoint: cp, Note: []byte(cp.Text() + "\n— ledger.example/1 AAAAAAAA\n")}
}

func configOf(authorities ...*ledgertest.TSA) Config {
	var c Config
	for _, a := range authorities {
		c.Authorities = append(c.Authorities, Authority{a.URL, a.Roots})
	}
	return c
}

func open(t testing.TB, dir string, c Config) *Target {
	t.Helper()
	target, err := Open(c, Options{Name: "stamps", Dir: dir, Origin: origin})
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// submit hands a checkpoint over.
func submit(t testing.TB, target *Target, size int64) {
	t.Helper()
	if err := target.Submit(t.Context(), head(size)); err != nil {
		t.Fatal(err)
	}
}

// done polls, and ends what is final.
func done(t testing.TB, target *Target) *anchor.Final {
	t.Helper()
	f, err := target.Poll(t.Context())
	if err != nil || f == nil {
		t.Fatalf("nothing is final: %v", err)
	}
	if err := target.Done(f.ID); err != nil {
		t.Fatal(err)
	}
	return f
}

// Two authorities stamp a checkpoint, and openssl verifies what they made.
func TestStamp(t *testing.T) {
	one, two := ledgertest.NewTSA(t, "one"), ledgertest.NewTSA(t, "two")
	dir := t.TempDir()
	target := open(t, dir, configOf(one, two))
	if f, err := target.Poll(t.Context()); f != nil || err != nil {
		t.Errorf("before anything was submitted there is %+v, %v", f, err)
	}
	submit(t, target, 7)
	if s := target.Status(); s.State != "planned" || s.Size != 7 || s.Final != 0 {
		t.Errorf("the status is %+v", s)
	}
	f, err := target.Poll(t.Context())
	if err != nil || f == nil {
		t.Fatalf("nothing is final: %v", err)
	}
	if f.Head.Size != 7 || !bytes.Equal(f.Head.Note, head(7).Note) || len(f.More) != 1 || f.Anchor.Chain != nil || time.Since(f.Time).Abs() > time.Minute {
		t.Errorf("what is final is %+v", f)
	}
	if err := os.WriteFile(filepath.Join(dir, "text"), []byte(head(7).Text()), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, token := range [][]byte{f.Anchor.Stamp, f.More[0].Stamp} {
		if err := os.WriteFile(filepath.Join(dir, "token"), token, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := ledgertest.OpenSSL("ts", "-verify", "-token_in", "-in", filepath.Join(dir, "token"), "-data", filepath.Join(dir, "text"), "-CAfile", []string{one.Roots, two.Roots}[i])
		if err != nil || !strings.Contains(out, "Verification: OK") {
			t.Errorf("openssl says of stamp %d: %v: %s", i, err, out)
		}
	}
	// It comes again, the same, to another process too, until it is done.
	again, err := open(t, dir, configOf(one, two)).Poll(t.Context())
	if err != nil || again == nil || again.ID != f.ID || !bytes.Equal(again.Anchor.Stamp, f.Anchor.Stamp) {
		t.Errorf("then it is %+v, %v", again, err)
	}
	if one.Asked() != 1 || two.Asked() != 1 {
		t.Errorf("they were asked %d and %d times", one.Asked(), two.Asked())
	}
	for range 2 {
		if err := target.Done(f.ID); err != nil {
			t.Fatal(err)
		}
	}
	if s := target.Status(); s.State != "idle" || s.Final != 7 || !s.FinalTime.Equal(f.Time) || s.Degraded != "" {
		t.Errorf("the status is %+v", s)
	}
	if f, err := target.Poll(t.Context()); f != nil || err != nil {
		t.Errorf("after it was done there is %+v, %v", f, err)
	}
	submit(t, target, 7) // it is anchored
	submit(t, target, 5)
	if s := target.Status(); s.State != "idle" {
		t.Errorf("the status is %+v", s)
	}
}

// One that is down holds up nothing that the others can do, and is asked again
// for what is not whole.
func TestOneIsDown(t *testing.T) {
	one, two, three := ledgertest.NewTSA(t, "one"), ledgertest.NewTSA(t, "two"), ledgertest.NewTSA(t, "three")
	down := func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusInternalServerError) }
	dir := t.TempDir()
	target := open(t, dir, configOf(one, two, three))
	three.Fail(down)
	submit(t, target, 3)
	if f := done(t, target); len(f.More) != 1 {
		t.Errorf("it has %d stamps", len(f.More)+1)
	}
	if s := target.Status(); !strings.Contains(s.Degraded, "it answers 500") {
		t.Errorf("the status is %+v", s)
	}
	two.Fail(down)
	submit(t, target, 4)
	submit(t, target, 5) // nobody has stamped 4 yet
	if f, err := target.Poll(t.Context()); f != nil || err == nil || !strings.Contains(err.Error(), "it answers 500") {
		t.Fatalf("with one stamp there is %+v, %v", f, err)
	}
	if s := target.Status(); s.State != "sent" || s.Size != 5 {
		t.Errorf("the status is %+v", s)
	}
	submit(t, target, 6) // 5 was stamped by one, and stays
	submit(t, target, 8)
	target = open(t, dir, configOf(one, two, three))
	two.Fail(nil)
	asked := one.Asked()
	if f := done(t, target); f.Head.Size != 5 || one.Asked() != asked {
		t.Errorf("the checkpoint of %d is final, and one was asked %d times more", f.Head.Size, one.Asked()-asked)
	}
	if f := done(t, target); f.Head.Size != 8 {
		t.Errorf("the checkpoint of %d is final", f.Head.Size)
	}
}

// Whatever an authority answers, nothing is believed but a stamp of this
// checkpoint, by it, now.
func TestFaults(t *testing.T) {
	one, other := ledgertest.NewTSA(t, "one"), ledgertest.NewTSA(t, "other")
	read := func(r *http.Request) []byte { b, _ := io.ReadAll(r.Body); return b }
	reply := func(rw http.ResponseWriter, b []byte) {
		rw.Header().Set("Content-Type", "application/timestamp-reply")
		_, _ = rw.Write(b)
	}
	request := func(r *http.Request, change func(*rfc3161.Request)) []byte {
		q, err := rfc3161.ParseRequest(read(r))
		if err != nil {
			t.Error(err)
			return nil
		}
		change(q)
		b, err := q.Marshal()
		if err != nil {
			t.Error(err)
		}
		return b
	}
	for _, tt := range []struct {
		name, want string
		fault      http.HandlerFunc
	}{
		{"nothing", "did not stamp", func(rw http.ResponseWriter, _ *http.Request) { reply(rw, nil) }},
		{"HTML", "something else than application/timestamp-reply", func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, "<html>") }},
		{"HTML under another name", "did not stamp", func(rw http.ResponseWriter, _ *http.Request) { reply(rw, []byte("<html>")) }},
		{"what breaks a parser", "can't be read", func(rw http.ResponseWriter, _ *http.Request) {
			reply(rw, []byte("0\x170\x03\x02\x01\x000\x10A\t0000000000\x010\x820"))
		}},
		{"too much", "more than 64 KiB", func(rw http.ResponseWriter, _ *http.Request) { reply(rw, make([]byte, 100<<10)) }},
		{"503", "answers 503", func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusServiceUnavailable) }},
		{"a redirect", "answers 302", func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Location", other.URL)
			rw.WriteHeader(http.StatusFound)
		}},
		{"a refusal", "did not stamp: the request is rejected", func(rw http.ResponseWriter, _ *http.Request) {
			b, err := rfc3161.CreateErrorResponse(rfc3161.Rejection, rfc3161.TimeNotAvailable)
			if err != nil {
				t.Error(err)
			}
			reply(rw, b)
		}},
		{"another nonce", "the nonce is another one", func(rw http.ResponseWriter, r *http.Request) {
			reply(rw, one.Reply(request(r, func(q *rfc3161.Request) { q.Nonce = big.NewInt(1) })))
		}},
		{"no nonce", "the nonce is another one", func(rw http.ResponseWriter, r *http.Request) {
			reply(rw, one.Reply(request(r, func(q *rfc3161.Request) { q.Nonce = nil })))
		}},
		{"a stamp of something else", "stamps something else", func(rw http.ResponseWriter, r *http.Request) {
			reply(rw, one.Reply(request(r, func(q *rfc3161.Request) { q.HashedMessage = make([]byte, 32) })))
		}},
		{"another authority's stamp", "does not verify", func(rw http.ResponseWriter, r *http.Request) { reply(rw, other.Reply(read(r))) }},
		{"an answer that breaks off", "broke off", func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Length", "100")
			reply(rw, []byte("0"))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			target := open(t, t.TempDir(), configOf(one, ledgertest.NewTSA(t, "two")))
			one.Fail(tt.fault)
			submit(t, target, 7)
			f, err := target.Poll(t.Context())
			if f != nil || err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("there is %v, %v, want %q", f, err, tt.want)
			}
			one.Fail(nil)
			done(t, target)
		})
	}
	t.Run("a clock that is wrong", func(t *testing.T) {
		target := open(t, t.TempDir(), configOf(one, other))
		target.opt.Now = func() time.Time { return time.Now().Add(-Skew - time.Minute) }
		submit(t, target, 7)
		if f, err := target.Poll(t.Context()); f != nil || err == nil || !strings.Contains(err.Error(), "away from that of the ledger") {
			t.Errorf("there is %v, %v", f, err)
		}
	})
	t.Run("nobody listens", func(t *testing.T) {
		c := configOf(one, other)
		c.Authorities[0].URL = "http://user:secret@127.0.0.1:1/tsr"
		target := open(t, t.TempDir(), c)
		submit(t, target, 7)
		f, err := target.Poll(t.Context())
		if f != nil || err == nil || !strings.Contains(err.Error(), "could not be reached") || strings.Contains(err.Error(), "secret") {
			t.Errorf("there is %v, %v", f, err)
		}
	})
}

func TestConfigRefuses(t *testing.T) {
	one, two := ledgertest.NewTSA(t, "one"), ledgertest.NewTSA(t, "two")
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	root, err := os.ReadFile(one.Roots)
	if err != nil {
		t.Fatal(err)
	}
	key := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}))
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"none", func(c *Config) { c.Authorities = nil }, "at least two"},
		{"one", func(c *Config) { c.Authorities = c.Authorities[:1] }, "at least two"},
		{"too many", func(c *Config) { c.Authorities = make([]Authority, 17) }, "at most 16"},
		{"one is enough", func(c *Config) { c.Agree = 1 }, "agree"},
		{"more than there are", func(c *Config) { c.Agree = 3 }, "agree"},
		{"no URL", func(c *Config) { c.Authorities[0].URL = "tsa.example" }, "number 1 has no URL"},
		{"a file", func(c *Config) { c.Authorities[1].URL = "file:///tsr" }, "number 2 has no URL"},
		{"one host", func(c *Config) { c.Authorities[1].URL = c.Authorities[0].URL + "2" }, "host of another"},
		{"one root", func(c *Config) { c.Authorities[1].Roots = one.Roots }, "has a root of number 1"},
		{"no roots", func(c *Config) { c.Authorities[0].Roots = "" }, "name a PEM file"},
		{"roots that are not there", func(c *Config) { c.Authorities[0].Roots = filepath.Join(dir, "none") }, "no such file"},
		{"an empty file", func(c *Config) { c.Authorities[0].Roots = file("empty", "") }, "no certificate"},
		{"a key", func(c *Config) { c.Authorities[0].Roots = file("key", string(root)+key) }, "something else than certificates"},
		{"more than roots", func(c *Config) { c.Authorities[0].Roots = file("more", string(root)+"more") }, "something follows"},
	} {
		c := configOf(one, two)
		tt.change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	c := Config{Authorities: []Authority{{one.URL, filepath.Base(one.Roots)}, {two.URL, two.Roots}}}
	c.Relative(filepath.Dir(one.Roots))
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
}

// A state that was damaged is said to be, and the bytes of one never change.
func TestState(t *testing.T) {
	u := &under{Note: string(head(7).Note), Whole: true, Tokens: []token{{"tsa.example", []byte("token"), time.Unix(1000, 0).UTC()}}, head: head(7)}
	s := state{Under: u, Next: string(head(9).Note), Final: final{3, time.Unix(500, 0).UTC()}}
	b, err := s.bytes()
	if err != nil {
		t.Fatal(err)
	}
	golden, err := os.ReadFile("testdata/stamps.state")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, golden) {
		t.Errorf("the bytes are\n%s", b)
	}
	back, err := parseState(golden, origin)
	if err != nil || back.Under.head.Size != 7 || back.Under.id() != u.id() || back.Final != s.Final {
		t.Errorf("read: %+v, %v", back, err)
	}
	good := string(golden)
	for _, bad := range []string{
		"", "{}", good + "{}", strings.Replace(good, `"whole"`, `"other"`, 1), strings.Replace(good, stateFormat, "lendlog-stamps/2", 1),
		strings.Replace(good, `"size": 3`, `"size": -3`, 1), strings.Replace(good, "dG9rZW4=", "", 1), strings.ReplaceAll(good, origin, "ledger.example/2"),
		strings.Replace(good, `ledger.example/1\n7`, `ledger.example/1\n07`, 1), strings.Replace(good, `ledger.example/1\n9`, `ledger.example/1\n-9`, 1),
	} {
		if _, err := parseState([]byte(bad), origin); err == nil {
			t.Errorf("it takes %s", bad)
		}
	}
	one, two := ledgertest.NewTSA(t, "one"), ledgertest.NewTSA(t, "two")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "stamps.state"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(configOf(one, two), Options{Name: "stamps", Dir: dir, Origin: origin}); err == nil || !strings.Contains(err.Error(), "move the file elsewhere") {
		t.Errorf("a damaged state: %v", err)
	}
}

// A state is what was written, or refused.
func FuzzState(f *testing.F) {
	golden, err := os.ReadFile("testdata/stamps.state")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseState(b, origin)
		if err != nil {
			return
		}
		again, err := s.bytes()
		if err != nil {
			return // a time that JSON does not take
		}
		if _, err := parseState(again, origin); err != nil {
			t.Fatalf("%v: %s", err, again)
		}
	})
}

// The answer of an authority is a stranger's.
func FuzzAnswer(f *testing.F) {
	one := ledgertest.NewTSA(f, "one")
	roots, err := readRoots(one.Roots)
	if err != nil {
		f.Fatal(err)
	}
	a := &authority{name: "one", roots: roots}
	text, nonce := []byte("text"), big.NewInt(7)
	digest := sha256.Sum256(text)
	query, err := (&rfc3161.Request{HashAlgorithm: 5, HashedMessage: digest[:], Certificates: true, Nonce: nonce}).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	good := one.Reply(query)
	now := time.Now()
	want, err := a.verify(good, text, nonce, now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := a.verify(b, text, nonce, now); err == nil && !got.Time.Equal(want.Time) {
			t.Fatalf("an answer of nobody's says %v", got.Time)
		}
	})
}
