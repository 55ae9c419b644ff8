// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/proof"
)

func TestSubjectEvidence(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	trust := s.trust()
	subject := ""
	for i := range 3 {
		doc := decision(i)
		if _, rest, ok := strings.Cut(doc, `"subject":"`); ok {
			subject, _, _ = strings.Cut(rest, `"`)
		}
		doc = strings.Replace(doc, `"subject":"`+subject, `"subject":"file/of%2Fall`, 1)
		s.submit(doc)
	}
	size := s.ledger.Head().Size
	for _, c := range []struct {
		path, says string
		records    int // with the index-root
		disclosed  int // of the first
	}{
		{"file/of%252Fall/evidence", "all 3 records of file/of%2Fall", 4, -1},
		{"file/of%252Fall/evidence?disclose=all", "all 3 records", 4, -1},
		{"file/of%252Fall/evidence?disclose=none", "all 3 records", 4, 0},
		{"file/of%252Fall/evidence?disclose=/id,/data/narrative", "all 3 records", 4, 1},
		{"file/of%252Fnone/evidence", "no record of file/of%2Fnone", 1, 0},
	} {
		a := s.want(s.get("/v1/subjects/"+c.path), http.StatusOK)
		e, err := proof.ParseEvidence(a.body)
		if err != nil {
			t.Fatal(err)
		}
		r := proof.Verify(trust, e)
		if text := fmt.Sprint(r.Checks); r.Verdict != proof.Valid || !strings.Contains(text, c.says) {
			t.Errorf("%s is %v: %s", c.path, r.Verdict, text)
		}
		if got := len(e.Records[0].Disclosures); len(e.Records) != c.records || c.disclosed >= 0 && got != c.disclosed {
			t.Errorf("%s has %d records, and discloses %d members of the first", c.path, len(e.Records), got)
		}
		if got := s.verdict(a.body); got != "VALID" {
			t.Errorf("the server says that %s is %s", c.path, got)
		}
	}
	if got := s.ledger.Head().Size; got != size+1 {
		t.Errorf("%d index-roots for five questions about one moment", got-size)
	}
	s.wantProblem(s.get("/v1/subjects/file/e%CC%81/evidence"), kindNotFound) // not in form C
	s.wantProblem(s.get("/v1/subjects/file/of%252Fall/evidence?disclose=amount"), kindBadRequest)
	s.wantProblem(s.get("/v1/subjects/file/of%252Fall/evidence?from=1"), kindBadRequest)
}
