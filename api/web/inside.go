// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/lendlog/lendlog/api/client"
)

// dial returns the one client of the console, which it dials at first. It holds
// no key: each question comes by that of its context. So what it remembers, the
// trust policy and the newest checkpoint, is of all visitors, and a ledger that
// went back is found out.
func (c *Console) dial(ctx context.Context) (*client.Client, error) {
	c.dialling.Lock()
	defer c.dialling.Unlock()
	if c.client != nil {
		return c.client, nil
	}
	var err error
	// Who waits for a page is better told at once that something is busy.
	c.client, err = client.Dial(ctx, "http://localhost", client.WithRetries(0), client.WithHTTPClient(&http.Client{Transport: inside{c.conf.API}}))
	return c.client, err
}

// Forget has the console dial anew, and so learn the ledger's keys again, which it
// pins when it does.
func (c *Console) Forget() {
	c.dialling.Lock()
	defer c.dialling.Unlock()
	c.client = nil
}

// inside hands requests to a handler of this process.
type inside struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (t inside) RoundTrip(r *http.Request) (_ *http.Response, err error) {
	defer func() {
		// So ends an answer that broke off.
		if v := recover(); v == http.ErrAbortHandler {
			err = errors.New("the answer broke off")
		} else if v != nil {
			panic(v)
		}
	}()
	asked := r.Clone(r.Context())
	asked.RequestURI = r.URL.RequestURI()
	asked.RemoteAddr = "127.0.0.1:0"
	asked.Host = r.URL.Host
	a := &answer{header: http.Header{}}
	t.handler.ServeHTTP(a, asked)
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	return &http.Response{
		Status: http.StatusText(a.status), StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.sent, Body: io.NopCloser(&a.body), ContentLength: int64(a.body.Len()), Request: r,
	}, nil
}

// An answer keeps what a handler answers.
type answer struct {
	header, sent http.Header
	status       int
	body         bytes.Buffer
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status, a.sent = status, a.header.Clone()
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}
