// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/access"
)

// logged is what a log has of what was done with it, as text and as JSON.
func logged(do func(*slog.Logger)) string {
	var b bytes.Buffer
	do(slog.New(New(slog.NewTextHandler(&b, nil))))
	do(slog.New(New(slog.NewJSONHandler(&b, nil))))
	return b.String()
}

type valuer struct{ v any }

func (v valuer) LogValue() slog.Value { return slog.AnyValue(v.v) }

type stringer struct{ s string }

func (s *stringer) String() string { return s.s }

// shapes are ways in which a text comes into a log, by names that are known there
// and that are not.
func shapes(s string) map[string]func(*slog.Logger) {
	ctx := context.Background()
	type inside struct {
		Text  string
		bytes []byte
	}
	values := map[string]any{
		"text": s, "error": errors.New(s), "wrapped": fmt.Errorf("couldn't: %w", errors.Join(errors.New("x"), errors.New(s))),
		"bytes": []byte(s), "list": []string{s}, "map": map[string]string{"x": s}, "structure": inside{s, []byte(s)}, "pointer": &inside{Text: s},
		"stringer": &stringer{s}, "valuer": valuer{s}, "valuer of bytes": valuer{[]byte(s)}, "raw JSON": json.RawMessage(s),
		"value": slog.StringValue(s), "group": slog.GroupValue(slog.String("why", s), slog.Any("other", s)),
		"quoted": fmt.Sprintf("%q", s), "in hex": fmt.Sprintf("%x", s), "bytes in hex": fmt.Sprintf("%X", []byte(s)), "numbers": fmt.Sprint([]byte(s)), "source": fmt.Sprintf("%#v", []byte(s)),
		"base64": base64.StdEncoding.EncodeToString([]byte(s)), "base64 of URLs": base64.RawURLEncoding.EncodeToString([]byte(s)),
	}
	all := map[string]func(*slog.Logger){
		"the message": func(l *slog.Logger) { l.Info(s) },
		"badger":      func(l *slog.Logger) { l.Warn("badger: " + s) },
		"a name":      func(l *slog.Logger) { l.Info("m", s, 1) },
		"a group":     func(l *slog.Logger) { l.WithGroup(s).Info("m", "why", 1) },
	}
	for name, v := range values {
		for _, key := range []string{"error", "nobody-knows-this"} {
			all[name+" as "+key] = func(l *slog.Logger) { l.ErrorContext(ctx, "m", slog.Any(key, v)) }
			all[name+" before, as "+key] = func(l *slog.Logger) { l.With(key, v).Info("m") }
			all[name+" in a group, as "+key] = func(l *slog.Logger) { l.WithGroup("g").Info("m", slog.Group("h", slog.Any(key, v))) }
		}
	}
	return all
}

// leaks returns the shapes in which a part of a text reaches the log.
func leaks(s, part string) (in []string) {
	traces := []string{
		part, strings.ToUpper(part), fmt.Sprintf("%x", part), fmt.Sprintf("%X", part), strings.Trim(fmt.Sprint([]byte(part)), "[]"),
		base64.RawStdEncoding.EncodeToString([]byte(s))[20:40], strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", []byte(part)), "[]byte{"), "}"),
	}
	for name, do := range shapes(s) {
		text := logged(do)
		for _, trace := range traces {
			if strings.Contains(text, trace) {
				in = append(in, name+": "+text)
				break
			}
		}
	}
	return in
}

// No key reaches a log in any shape, but for its id.
func TestNoKeyIsLogged(t *testing.T) {
	for range 5 {
		key := access.NewKey()
		for _, leak := range leaks(key.Reveal(), key.Reveal()[13:50]) {
			t.Error(leak)
		}
	}
	key := access.NewKey()
	if text := logged(func(l *slog.Logger) { l.Info("m", "key", key) }); !strings.Contains(text, key.ID()) {
		t.Errorf("its id is gone: %s", text)
	}
}

// What looks like nothing is kept back by its name, and by its type.
func TestWithheld(t *testing.T) {
	const personal = "Jane Q. Public, born 1970"
	text := logged(func(l *slog.Logger) {
		l.Info("m", "applicant", personal, "error", []byte(personal), "why", struct{ Name string }{personal},
			"income", 12345, slog.Group("request", "subject", personal))
	})
	if strings.Contains(text, "Jane") || strings.Contains(text, "SmFuZ") || strings.Contains(text, "12345") {
		t.Error(text)
	}
	if strings.Count(text, "(withheld") < 10 {
		t.Errorf("it does not say that it kept something back: %s", text)
	}
}

// What is known passes as it is.
func TestPasses(t *testing.T) {
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	text := logged(func(l *slog.Logger) {
		l.With("origin", "ledger.bank.example/2026").WithGroup("g").Info("a request", "method", "GET", "route", "getRecord", "status", 200,
			"took", 3*time.Millisecond, "request", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "error", errors.New("open ledger/store/000001.sst: no such file"), "since", at, "testnet", true)
	})
	for _, want := range []string{"ledger.bank.example/2026", "a request", "GET", "getRecord", "200", "3ms", "3000000", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "open ledger/store/000001.sst: no such file", "2026-11-30T12:00:00", "true"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is gone: %s", want, text)
		}
	}
}

type broken struct{ *stringer }

func (b *broken) Error() string { return b.String() }

func TestValuesThatPanic(t *testing.T) {
	var none *broken
	text := logged(func(l *slog.Logger) { l.Info("m", "error", none, "why", (*stringer)(nil)) })
	if strings.Count(text, "withheld") != 4 {
		t.Error(text)
	}
}

func TestText(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", ""},
		{"the ledger has stopped", "the ledger has stopped"},
		{"dial tcp 127.0.0.1:8080: connect: connection refused", "dial tcp 127.0.0.1:8080: connect: connection refused"},
		{`Get "https://rpc.example/v2/SECRET": EOF`, `Get "https://rpc.example/…": EOF`},
		{"https://user:hunter2@rpc.example:8545/", "https://…@rpc.example:8545/"},
		{"https://rpc.example?key=SECRET and more", "https://rpc.example/… and more"},
		{"http://rpc.example", "http://rpc.example"},
		{"Authorization: Bearer abc.def", "Authorization: …"},
		{"authorization:[Bearer abcdef] host:[x]", "authorization:… host:[x]"},
		{"sent bearer abcdefgh, got 401", "sent bearer …, got 401"},
		{"Cookie: __Host-lendlog=abcdef", "Cookie: …"},
		{"password=hunter2 user=x", "password=… user=x"},
		{`{"clientSecret": "hunter 2", "x": 1}`, `{"clientSecret": …, "x": 1}`},
		{"id_token=abc", "id_token=…"},
		{"token eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln is refused", "token … is refused"},
		{"PRIVATE+KEY+name+1a2b3c4d+SEED is no key", "… is no key"},
		{"-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----\nbehind", "…\nbehind"},
		{"-----BEGIN PRIVATE KEY-----\nMHcC", "…"},
		{"unknown argument ll_abcdefgh_xyz_1", "unknown argument ll_…"},
	} {
		if got := Text(tt.text); got != tt.want {
			t.Errorf("%q becomes %q, want %q", tt.text, got, tt.want)
		}
	}
}

// Whatever stands around a key, in whichever shape, the key does not come through.
func FuzzNoKeyIsLogged(f *testing.F) {
	f.Add("couldn't: ", " is refused", "error")
	f.Add("https://x/", "?a=b", "why")
	f.Add("ll_", "_", "nobody")
	f.Add("108 108 ", " 95", "file")
	key := access.NewKey().Reveal()
	f.Fuzz(func(t *testing.T, before, after, name string) {
		for _, leak := range leaks(before+key+after, key[13:50]) {
			t.Error(leak)
		}
		text := logged(func(l *slog.Logger) { l.Info(before, name, before+key+after) })
		if strings.Contains(text, key[13:50]) {
			t.Error(text)
		}
	})
}
