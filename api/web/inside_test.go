// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// A page has the time that the API gives the question that it asks: what reads the
// whole ledger may take longer than a page is given to begin with.
func TestInsideDeadlines(t *testing.T) {
	soon, late := time.Unix(100, 0), time.Unix(200, 0)
	page := &timed{ResponseRecorder: httptest.NewRecorder()}
	api := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		control := http.NewResponseController(w)
		if err := control.SetReadDeadline(soon); err != nil {
			t.Error(err)
		}
		if err := control.SetWriteDeadline(late); err != nil {
			t.Error(err)
		}
	})
	ask := httptest.NewRequestWithContext(context.WithValue(t.Context(), pageKey{}, page), http.MethodGet, "http://localhost/", nil)
	answer, err := inside{api}.RoundTrip(ask)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if !page.read.Equal(soon) || !page.write.Equal(late) {
		t.Errorf("the page has until %v to be read and %v to be written", page.read, page.write)
	}
}

// timed notes its deadlines.
type timed struct {
	*httptest.ResponseRecorder
	read, write time.Time
}

func (w *timed) SetReadDeadline(t time.Time) error  { w.read = t; return nil }
func (w *timed) SetWriteDeadline(t time.Time) error { w.write = t; return nil }
