// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

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

// RoundTrip implements http.RoundTripper. Evidence of many records flows; of all else
// the answer is there as a whole.
func (t inside) RoundTrip(r *http.Request) (_ *http.Response, err error) {
	if r.URL.Path == "/v1/bundles" {
		return t.flow(asked(r))
	}
	defer func() {
		// So ends an answer that broke off.
		if v := recover(); v == http.ErrAbortHandler {
			err = errors.New("the answer broke off")
		} else if v != nil {
			panic(v)
		}
	}()
	a := &answer{header: http.Header{}}
	a.page, _ = r.Context().Value(pageKey{}).(http.ResponseWriter)
	t.handler.ServeHTTP(a, asked(r))
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	return a.response(r, io.NopCloser(&a.body), int64(a.body.Len())), nil
}

// asked is a request as a handler gets it.
func asked(r *http.Request) *http.Request {
	asked := r.Clone(r.Context())
	asked.RequestURI = r.URL.RequestURI()
	asked.RemoteAddr = "127.0.0.1:0"
	asked.Host = r.URL.Host
	return asked
}

// flow hands a request to the handler, and returns once the answer begins. The
// handler goes on as fast as the answer is read.
func (t inside) flow(r *http.Request) (*http.Response, error) {
	out, in := io.Pipe()
	// The page may end before the handler does, so it sees to its deadlines itself.
	a := &flowing{answer: answer{header: http.Header{}}, to: in, begun: make(chan struct{})}
	go func() {
		broken := errors.New("the answer broke off")
		defer func() {
			if recover() == nil {
				a.WriteHeader(http.StatusOK)
				broken = nil
			}
			_ = in.CloseWithError(broken) // never fails
			a.begin()
		}()
		t.handler.ServeHTTP(a, r)
	}()
	<-a.begun
	if a.status == 0 {
		return nil, errors.New("the answer broke off")
	}
	return a.response(r, out, -1), nil
}

// A flowing answer is read while it is written.
type flowing struct {
	answer
	to    *io.PipeWriter
	once  sync.Once
	begun chan struct{} // closed once the status is known, or there is none
}

func (f *flowing) begin() { f.once.Do(func() { close(f.begun) }) }

// WriteHeader implements http.ResponseWriter.
func (f *flowing) WriteHeader(status int) {
	f.answer.WriteHeader(status)
	f.begin()
}

// Write implements http.ResponseWriter.
func (f *flowing) Write(b []byte) (int, error) {
	f.WriteHeader(http.StatusOK)
	return f.to.Write(b)
}

// An answer keeps what a handler answers.
type answer struct {
	header, sent http.Header
	status       int
	body         bytes.Buffer
	page         http.ResponseWriter // that waits for the answer; nil for none
}

// pageKey is the key of the page for which a question is asked, in its context.
type pageKey struct{}

func (a *answer) response(r *http.Request, body io.ReadCloser, length int64) *http.Response {
	return &http.Response{
		Status: fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)), StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.sent, Body: body, ContentLength: length, Request: r,
	}
}

// SetReadDeadline is of the page: what takes the API long, the page waits for.
func (a *answer) SetReadDeadline(t time.Time) error {
	if a.page == nil {
		return http.ErrNotSupported
	}
	return http.NewResponseController(a.page).SetReadDeadline(t)
}

// SetWriteDeadline is of the page too.
func (a *answer) SetWriteDeadline(t time.Time) error {
	if a.page == nil {
		return http.ErrNotSupported
	}
	return http.NewResponseController(a.page).SetWriteDeadline(t)
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
