// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/rule"
)

// storyDoc is what the page that ends a story has beside its records.
type storyDoc struct {
	Findings  []rule.Finding
	Checked   *int
	Unchecked map[rule.Why]int
	Altered   []alteredDoc
}

func storyEvent(id, suffix, data string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"urn:test","type":"org.lendlog.%s.v1","subject":"file/story","time":"2026-03-01T10:00:00Z","data":%s}`, id, suffix, data)
}

func TestFindings(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	submit := func(id, suffix, data string) int64 {
		t.Helper()
		return s.submit(storyEvent(id, suffix, data)).Index
	}
	read := func(query string) storyDoc {
		t.Helper()
		return decode[storyDoc](t, s.want(s.get("/v1/subjects/file/story"+query), http.StatusOK).body)
	}
	const part = `{"amount":{"amount":"10","currency":"EUR"},"principal":{"amount":"7","currency":"EUR"},"interest":{"amount":"2","currency":"EUR"}}`
	broken := submit("p1", "payment.received", part)
	for i := range 5 {
		submit(fmt.Sprintf("q%d", i), "payment.received", strings.Replace(part, `"2"`, `"3"`, 1))
	}
	d := read("")
	if len(d.Findings) != 1 || d.Findings[0].Rule != "payment-parts" || d.Findings[0].Records[0] != broken ||
		d.Findings[0].Text.EN != "the parts add up to 9 EUR, the payment is 10 EUR" || d.Findings[0].Text.ZH == "" || d.Findings[0].Source == "" {
		t.Errorf("found %+v", d.Findings)
	}
	if *d.Checked != 6 || d.Unchecked[rule.Absent] == 0 || len(d.Altered) != 0 {
		t.Errorf("%d checks, %v not made, altered %v", *d.Checked, d.Unchecked, d.Altered)
	}
	// A page that does not end the story says nothing of it; the one that
	// does, all.
	for query, ends := range map[string]bool{
		"?limit=5": false, "?from=2&limit=4": false, "?from=7": false, "?limit=6": true, "?from=2": true, "?from=6&limit=1": true,
	} {
		got := read(query)
		if !ends {
			if got.Findings != nil || got.Checked != nil || got.Altered != nil {
				t.Errorf("%s says %+v", query, got)
			}
		} else if diff := cmp.Diff(d, got); diff != "" {
			t.Errorf("%s differs:\n%s", query, diff)
		}
	}
	// What is put right is no finding any more.
	corrected := submit("c1", "record.corrected", `{"target":"p1","members":[{"pointer":"/data/interest/amount","value":"\"3\""}]}`)
	d = read("")
	if len(d.Findings) != 0 {
		t.Errorf("found %+v after the correction", d.Findings)
	}
	voided := submit("v1", "record.voided", `{"target":"q0"}`)
	want := []alteredDoc{{Index: broken, CorrectedBy: []int64{corrected}}, {Index: broken + 1, VoidedBy: voided}}
	if diff := cmp.Diff(want, read("").Altered); diff != "" {
		t.Errorf("altered:\n%s", diff)
	}
}

// TestFindingsOfARecord asks for what is said of one record alone.
func TestFindingsOfARecord(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	type doc struct {
		alteredDoc
		Judged   bool
		Findings []rule.Finding
	}
	read := func(index int64) doc {
		t.Helper()
		return decode[doc](t, s.want(s.get(fmt.Sprintf("/v1/records/%d/findings", index)), http.StatusOK).body)
	}
	first := s.submit(storyEvent("a1", "application.received", `{"applicationId":"a"}`)).Index
	second := s.submit(storyEvent("a2", "application.received", `{"applicationId":"a"}`)).Index
	other := s.submit(storyEvent("d1", "decision.made", `{"outcome":"approved"}`)).Index
	for index, want := range map[int64]int{first: 1, second: 1, other: 0} {
		d := read(index)
		if !d.Judged || d.Index != index || len(d.Findings) != want || want > 0 && d.Findings[0].Rule != "one-application" {
			t.Errorf("record %d: %+v", index, d)
		}
	}
	voided := s.submit(storyEvent("v1", "record.voided", `{"target":"a2"}`)).Index
	if d := read(second); d.VoidedBy != voided || len(d.Findings) != 0 {
		t.Errorf("a voided record: %+v", d)
	}
	if d := read(0); !d.Judged || len(d.Findings) != 0 {
		t.Errorf("the genesis record: %+v", d)
	}
	indexRoot := int64(-1)
	for i := range s.ledger.Head().Size {
		r, err := s.ledger.Record(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		if r.Leaf.Entry == nil {
			indexRoot = i
		}
	}
	if d := read(indexRoot); d.Judged || len(d.Findings) != 0 {
		t.Errorf("an index-root: %+v", d)
	}
	s.wantProblem(s.get("/v1/records/100000/findings"), kindNotFound)
	s.wantProblem(s.get("/v1/records/x/findings"), kindBadRequest)
}

// TestLongStories wants a story that would fill the memory to be answered
// without findings.
func TestLongStories(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	item := `{"name":"n","value":"v"},`
	inputs := `{"outcome":"approved","inputs":[` + strings.TrimSuffix(strings.Repeat(item, 250), ",") + `]}`
	told := 0
	for i := range 200 {
		s.submit(storyEvent(fmt.Sprint(i), "decision.made", inputs))
		if v, err := canon.Parse([]byte(inputs), canon.Limits{}); err != nil {
			t.Fatal(err)
		} else if told += v.Footprint(); told > maxStory {
			break
		}
	}
	if told <= maxStory {
		t.Fatalf("the story takes only %d bytes", told)
	}
	d := decode[storyDoc](t, s.want(s.get("/v1/subjects/file/story?limit=1000"), http.StatusOK).body)
	if d.Checked != nil || d.Findings != nil {
		t.Errorf("it was judged: %d checks", *d.Checked)
	}
}
