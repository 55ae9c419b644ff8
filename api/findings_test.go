// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/rule"
)

// What is listed is what the rules find in every subject, the newest first, once
// for a checkpoint.
func TestListFindings(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	const data = `{"amount":{"amount":"10","currency":"EUR"},"principal":{"amount":"7","currency":"EUR"},"interest":{"amount":"2","currency":"EUR"}}`
	var broken []int64
	for i := range 4 {
		event := strings.Replace(storyEvent(fmt.Sprintf("p%d", i), "payment.received", data), "file/story", fmt.Sprintf("file/F%d", i), 1)
		broken = append(broken, s.submit(event).Index)
	}
	s.submit(caseOpened)
	type survey struct {
		rule.Survey
		Size       int64
		Checkpoint string
	}
	ask := func(query string) survey {
		t.Helper()
		return decode[survey](t, s.want(s.get("/v1/findings"+query), http.StatusOK).body)
	}
	got := ask("")
	if len(got.Findings) != 4 || got.Counts["payment-parts"] != 4 || got.Subjects != 4 || got.Checked < 4 || got.Size != s.ledger.Head().Size || got.Checkpoint != string(s.ledger.Head().Note) {
		t.Fatalf("%+v", got)
	}
	for i, f := range got.Findings {
		if n := 3 - i; f.Records[0] != broken[n] || f.Subject != fmt.Sprintf("file/F%d", n) || f.Rule != "payment-parts" || f.Text.ZH == "" {
			t.Errorf("number %d is %+v", i, f)
		}
	}
	if got := ask("?rule=payment-parts&limit=2"); len(got.Findings) != 2 || got.Counts["payment-parts"] != 4 {
		t.Errorf("of one rule: %+v", got)
	}
	if got := ask("?limit=2&skip=3"); len(got.Findings) != 1 || got.Findings[0].Records[0] != broken[0] {
		t.Errorf("after the third: %+v", got)
	}
	if got := ask("?rule=decline-reasons"); len(got.Findings) != 0 || got.Counts["payment-parts"] != 4 {
		t.Errorf("of another rule: %+v", got)
	}
	for query, says := range map[string]string{"rule=nothing": "of no rule", "limit=0": "limit is a whole number", "limit=1001": "at most 1000", "skip=-1": "skip is a whole number", "skip=1000001": "at most 1000000", "from=1": "no query parameter from"} {
		if p := s.wantProblem(s.get("/v1/findings?"+query), kindBadRequest); !strings.Contains(p.Detail, says) {
			t.Errorf("%s: %q doesn't say %q", query, p.Detail, says)
		}
	}
}
