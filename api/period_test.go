// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/record"
)

func (s *testServer) askClose(contentType, body string) answer {
	s.t.Helper()
	return s.do(http.MethodPost, "/v1/periods", strings.NewReader(body), "Content-Type", contentType)
}

func TestClosePeriod(t *testing.T) {
	ago := func() time.Time { return time.Now().Add(-3 * time.Hour) }
	s := serve(t, ledger.CreateOptions{Now: ago}, nil)
	to := time.Now().Add(-time.Hour).Truncate(ledger.PeriodStep)
	body := fmt.Sprintf(`{"to":%q}`, to.In(time.FixedZone("", 8*3600)).Format(time.RFC3339))
	a := s.want(s.askClose(typeJSON, body), http.StatusCreated)
	d := decode[struct {
		Index, First, Next int64
		To                 string
		Counts             []ledger.TypeCount
	}](t, a.body)
	if a.header.Get("Location") != fmt.Sprintf("/v1/records/%d", d.Index) || d.To != to.UTC().Format(record.TimeLayout) || d.First != 0 || len(d.Counts) < 2 {
		t.Errorf("%s: %+v", a.header.Get("Location"), d)
	}
	again := s.want(s.askClose(typeJSON, body), http.StatusOK)
	if string(again.body) != string(a.body) {
		t.Errorf("closed again it is %s, and it was %s", again.body, a.body)
	}
	for body, says := range map[string]string{
		`{"to":"2999-01-01T00:00:00Z"}`: "not over",
		`{"to":"2020-01-01T00:00:00Z"}`: "before the ledger",
		`{"to":"2020-01-01T00:00:01Z"}`: "quarter of an hour",
	} {
		if p := s.wantProblem(s.askClose(typeJSON, body), kindPeriod); !strings.Contains(p.Detail, says) {
			t.Errorf("%s: %q doesn't say %q", body, p.Detail, says)
		}
	}
	for _, body := range []string{`{`, `[]`, `{}`, `{"to":1}`, `{"to":"2020-01-01"}`, `{"to":"2020-01-01T00:00:00Z","from":"2020-01-01T00:00:00Z"}`} {
		s.wantProblem(s.askClose(typeJSON, body), kindUnreadable)
	}
	s.wantProblem(s.askClose(typeEvent, body), kindMediaType)
	s.wantNoDefect(`"route":"closePeriod"`)
}
