// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

type answers func(*http.Request) *http.Response

func (f answers) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

// What a server answers is kept as it was read, and never more than is bounded.
func TestWire(t *testing.T) {
	long := bytes.Repeat([]byte("x"), maxBody+1)
	w := &wire{now: time.Now, next: answers(func(r *http.Request) *http.Response {
		body, status := []byte(r.URL.Path), http.StatusOK
		switch r.URL.Path {
		case "/long":
			body = long
		case "/refused":
			status = http.StatusNotFound
		}
		return &http.Response{StatusCode: status, Body: io.NopCloser(bytes.NewReader(body))}
	})}
	ask := func(path string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://ledger.example"+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := w.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		if err != nil || path == "/long" && !bytes.Equal(got, long) {
			t.Errorf("%s is read as %d bytes, %v", path, len(got), err)
		}
	}
	is := func(path string) func(string) bool { return func(p string) bool { return p == path } }
	ask("/first")
	ask("/long")
	ask("/refused")
	if got := w.answer(is("/first")); string(got) != "/first" {
		t.Errorf("the answer is kept as %q", got)
	}
	for _, path := range []string{"/long", "/refused", "/never"} {
		if got := w.answer(is(path)); got != nil {
			t.Errorf("%s is no whole good answer, and kept as one of %d bytes", path, len(got))
		}
	}
	for i := range 2 * maxExchanges {
		ask(fmt.Sprintf("/%d", i))
	}
	b, err := w.ndjson()
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	if err != nil || len(lines) != maxExchanges || !strings.Contains(lines[maxExchanges-1], fmt.Sprintf(`"status":200,"body":"/%d"}`, 2*maxExchanges-1)) {
		t.Errorf("kept are %d exchanges, the last %s", len(lines), lines[len(lines)-1])
	}
	ask("/long")
	if b, err = w.ndjson(); err != nil || len(b) > maxBody+1<<15 || !bytes.HasSuffix(b, []byte("x\",\"cut\":true}\n")) {
		t.Errorf("a long answer is kept in %d bytes", len(b))
	}
	w.forget()
	if b, err = w.ndjson(); err != nil || len(b) > 0 {
		t.Errorf("after forgetting, %d bytes are kept", len(b))
	}
}
