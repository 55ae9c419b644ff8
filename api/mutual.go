// SPDX-License-Identifier: Apache-2.0

package api

import (
	"crypto/x509"
	"net/http"
	"time"

	"github.com/lendlog/lendlog/api/keys"
)

// errTwo answers a request that comes by two grants: whose terms hold, and whom the
// ledger names, would be for the server to choose.
var errTwo = &fault{
	kind:   kindUnauthorized,
	detail: "the request shows a key and comes by a certificate, each of a grant of its own: send one of them",
	header: errKey.header,
}

// errForeignPage answers what a page of another origin has a browser send, which adds
// its certificate to whatever it sends.
var errForeignPage = faultf(kindForbidden, "a page of another origin may not have a browser ask anything here by its certificate")

// crossOrigin tells what a browser sends for a page of another origin.
var crossOrigin http.CrossOriginProtection

// foreign reports whether a browser sends a request for a page of another origin. Also
// what only asks does something: the ledger has a record of who looked.
func foreign(r *http.Request) bool { return LedHere(r) || crossOrigin.Check(r) != nil }

// LedHere reports whether a browser says that a page of another origin had it send a
// request, be it by a link that somebody followed.
func LedHere(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return site != "" && site != "none" && site != "same-origin"
}

// presented returns the key by which a request from outside comes: that which it shows,
// or else that of the certificate of its connection, which lets it in until then at
// most. With an error there is none that is accepted, or there is one, by which the
// request is refused all the same.
func (s *Server) presented(r *http.Request) (k *keys.Key, until time.Time, err error) {
	var held *keys.Key // by whoever has the certificate
	leaf := certificateOf(r, time.Now())
	if leaf != nil {
		held = s.conf.Keys.FindCertificate(leaf)
	}
	_, shows := r.Header["Authorization"]
	if shows {
		k = s.conf.Keys.Find(bearer(r.Header))
	}
	switch {
	case shows && k == nil, !shows && held == nil:
		return nil, until, errKey
	case shows && held != nil:
		return k, until, errTwo
	case shows:
		return k, until, nil
	case foreign(r):
		return held, until, errForeignPage
	}
	return held, leaf.NotAfter, nil
}

// certificateOf returns the certificate that the other side of a request's connection
// holds the key of, and which holds now: a connection may outlive it. It is nil for
// none that leads to one of the roots of clients. What a header says of certificates
// is not looked at, because anybody can send it.
func certificateOf(r *http.Request, now time.Time) *x509.Certificate {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return nil
	}
	leaf := r.TLS.VerifiedChains[0][0]
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return nil
	}
	return leaf
}
