// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/access"
)

// The key is shown with every request, in its header and nowhere else, and no
// error holds it.
func TestKeyIsShown(t *testing.T) {
	s := serve(t)
	key := access.NewKey().Reveal()
	target, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	asked, deny := 0, false
	proxy := httputil.NewSingleHostReverseProxy(target)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked++
		denied := deny
		mu.Unlock()
		if got := r.Header.Get("Authorization"); got != "Bearer "+key {
			t.Errorf("%s shows %q", r.URL.Path, got)
		}
		r.Header.Del("Authorization")
		if all := fmt.Sprint(r.Header, r.URL); strings.Contains(all, key[12:40]) {
			t.Errorf("the key stands in %s", all)
		}
		if denied {
			http.Error(w, `{"type":"urn:lendlog:problem:unauthorized","title":"A key is needed","status":401}`, http.StatusUnauthorized)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	defer front.Close()
	c, err := client.Dial(t.Context(), front.URL, client.WithKey(key))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Submit(t.Context(), events(0, 1)[0]); err != nil {
		t.Error(err)
	}
	for out, err := range c.Stream(t.Context(), func(yield func([]byte) bool) { yield(events(1, 1)[0]) }, client.StreamOptions{}) {
		if err != nil || out.Refused != nil {
			t.Error(err, out.Refused)
		}
	}
	mu.Lock()
	if asked < 4 {
		t.Errorf("%d requests were made", asked)
	}
	deny = true
	mu.Unlock()
	var p *client.Problem
	if _, err := c.Record(t.Context(), 0); !errors.As(err, &p) || p.Status != 401 || strings.Contains(err.Error(), key[12:40]) {
		t.Errorf("a key that is refused: %v", err)
	}
	if s := fmt.Sprintf("%+v %#v", c, c); strings.Contains(s, key[12:40]) {
		t.Error("a client prints its key")
	}
}

// A key that can't be one, or that others could read on its way, never leaves.
func TestKeyIsNotSent(t *testing.T) {
	asked := false
	front := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer front.Close()
	key := access.NewKey().Reveal()
	for name, c := range map[string]struct{ url, key string }{
		"cut":       {front.URL, key[:len(key)-1]},
		"empty":     {front.URL, ""},
		"http":      {"http://ledger.bank.example", key},
		"http, ip":  {"http://192.0.2.1:8080", key},
		"look-like": {"http://localhost.evil.example", key},
	} {
		_, err := client.Dial(t.Context(), c.url, client.WithKey(c.key))
		if !errors.Is(err, client.ErrKey) || strings.Contains(err.Error(), key[12:40]) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if asked {
		t.Error("something was sent")
	}
}
