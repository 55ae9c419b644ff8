// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"
	"unicode/utf8"
)

// How much is kept of what a server answered, to be shown to others.
const (
	maxExchanges = 32
	maxBody      = 1 << 20
)

// An exchange is a question and the very bytes of its answer.
type exchange struct {
	at          time.Time
	method, url string
	path        string
	status      int // 0 when there was no answer
	body        []byte
	cut         bool // there was more of it
}

// MarshalJSON writes an exchange for people and programs alike: the body as
// text where it is some, else in base64.
func (x *exchange) MarshalJSON() ([]byte, error) {
	out := struct {
		Time   time.Time `json:"time"`
		Method string    `json:"method"`
		URL    string    `json:"url"`
		Status int       `json:"status"`
		Body   string    `json:"body,omitempty"`
		Base64 []byte    `json:"bodyBase64,omitempty"`
		Cut    bool      `json:"cut,omitempty"`
	}{Time: x.at, Method: x.method, URL: x.url, Status: x.status, Cut: x.cut}
	if utf8.Valid(x.body) {
		out.Body = string(x.body)
	} else {
		out.Base64 = x.body
	}
	return json.Marshal(out)
}

// A wire is a transport that remembers the last exchanges.
type wire struct {
	next http.RoundTripper
	now  func() time.Time

	mu   sync.Mutex // guards last and what is in it
	last []*exchange
}

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	x := &exchange{at: w.now().UTC(), method: req.Method, url: req.URL.String(), path: req.URL.Path}
	w.mu.Lock()
	if len(w.last) == maxExchanges {
		w.last = w.last[1:]
	}
	w.last = append(w.last, x)
	w.mu.Unlock()
	resp, err := w.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	x.status = resp.StatusCode
	w.mu.Unlock()
	resp.Body = &overheard{resp.Body, w, x}
	return resp, nil
}

// overheard is a body of which what is read is remembered.
type overheard struct {
	io.ReadCloser
	wire *wire
	x    *exchange
}

func (o *overheard) Read(p []byte) (int, error) {
	n, err := o.ReadCloser.Read(p)
	o.wire.mu.Lock()
	defer o.wire.mu.Unlock()
	room := min(n, maxBody-len(o.x.body))
	o.x.body = append(o.x.body, p[:room]...)
	o.x.cut = o.x.cut || room < n
	return n, err
}

// forget forgets.
func (w *wire) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = nil
}

// ndjson returns the exchanges, one a line.
func (w *wire) ndjson() ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for _, x := range w.last {
		if err := e.Encode(x); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// answer returns the last whole answer of a path that match wants.
func (w *wire) answer(match func(path string) bool) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := len(w.last) - 1; i >= 0; i-- {
		if x := w.last[i]; match(x.path) {
			if x.status == http.StatusOK && !x.cut {
				return bytes.Clone(x.body)
			}
			return nil
		}
	}
	return nil
}
