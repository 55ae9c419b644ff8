// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Bounds on what a provider may take and answer.
const (
	patience    = 10 * time.Second
	maxDocument = 1 << 20 // bytes
)

// bounded is a transport to a provider that sends nothing in the clear, and reads no
// answer without end. Where to is for the provider to say, in what it publishes under
// its own name: any host, since large ones use several; nobody who signs in has a say
// in it.
type bounded struct {
	next  *http.Transport
	local bool // the provider is on this machine, and may speak http
}

func newBounded(issuer *url.URL) *bounded {
	return &bounded{next: http.DefaultTransport.(*http.Transport).Clone(), local: issuer.Scheme == "http"}
}

// client goes nowhere that it is redirected to: a code and a secret would go along.
func (b *bounded) client() *http.Client {
	return &http.Client{
		Timeout:       patience,
		Transport:     b,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// RoundTrip implements http.RoundTripper.
func (b *bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if !b.allows(r.URL) {
		return nil, errors.New("it is not an https address")
	}
	resp, err := b.next.RoundTrip(r)
	if err == nil {
		resp.Body = http.MaxBytesReader(nil, resp.Body, maxDocument)
	}
	return resp, err
}

func (b *bounded) allows(u *url.URL) bool {
	return u.Scheme == "https" || b.local && private(u)
}

// private reports whether nobody else can read or alter what passes to an address.
func private(u *url.URL) bool {
	if u.Scheme == "https" {
		return true
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "http" && (err == nil && addr.IsLoopback() || strings.EqualFold(u.Hostname(), "localhost"))
}
