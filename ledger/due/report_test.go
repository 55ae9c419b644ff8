// SPDX-License-Identifier: Apache-2.0

package due_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/due"
	"github.com/lendlog/lendlog/ledger/story"
)

func each(stories ...*story.Story) iter.Seq2[*story.Story, error] {
	return func(yield func(*story.Story, error) bool) {
		for _, s := range stories {
			if !yield(s, nil) {
				return
			}
		}
	}
}

// declines are stories of which each owes one notice: by 31 March breached, by
// then open, met, met late.
func declines(t testing.TB) []*story.Story {
	decline := func(day string, rest ...event) *story.Story {
		return tell(t, append([]event{{typ: "decision.made", at: day, data: `{"outcome":"declined"}`}}, rest...)...)
	}
	notice := func(day string) event { return event{typ: "adverse-action.noticed", at: day, data: `{}`} }
	return []*story.Story{
		decline("2026-03-20"),
		decline("2026-01-02", notice("2026-01-05")),
		decline("2026-02-02"),
		decline("2026-01-01", notice("2026-03-05")),
		decline("2026-03-05"),
		decline("2026-01-20"),
		tell(t, event{typ: "complaint.opened", at: "2026-03-01", data: `{"dueAt":"2026-03-02","jurisdiction":"DE"}`}),
	}
}

func TestCollect(t *testing.T) {
	all := []string{
		"breached 2026-02-19 -40", "breached 2026-03-02 -29", "breached 2026-03-04 -27",
		"open 2026-04-04 4", "open 2026-04-19 19", "met-late 2026-01-31 0", "met 2026-02-01 0",
	}
	days := func(n int) *int { return &n }
	for _, tc := range []struct {
		name    string
		query   due.Query
		want    []string
		matched int64
		counted int64
	}{
		{"everything, the most urgent first", due.Query{}, all, 7, 7},
		{"as many as are asked for", due.Query{Limit: 2}, all[:2], 7, 7},
		{"as many more", due.Query{Limit: 2, Skip: 2}, all[2:4], 7, 7},
		{"more than there are", due.Query{Limit: 2, Skip: 9}, nil, 7, 7},
		{"of some states", due.Query{States: []due.State{due.Open, due.Met}}, []string{all[3], all[4], all[6]}, 3, 7},
		{"soon", due.Query{States: []due.State{due.Open, due.Breached}, Within: days(4)}, all[:4], 4, 7},
		{"not that soon", due.Query{States: []due.State{due.Open}, Within: days(3)}, nil, 0, 7},
		{"of one obligation", due.Query{Obligation: "complaint.promised"}, all[1:2], 1, 1},
	} {
		tc.query.AsOf = instant(t, "2026-03-31")
		report, err := builtin(t).Collect(tc.query, each(declines(t)...))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, item := range report.Items {
			got = append(got, fmt.Sprintf("%s %s %d", item.State, item.Due, item.Left))
		}
		counted := int64(0)
		for n := range maps.Values(report.Counts) {
			counted += n
		}
		if diff := cmp.Diff(tc.want, got); diff != "" || report.Matched != tc.matched || counted != tc.counted || report.Subjects != 7 || len(report.Counts) != 4 {
			t.Errorf("%s: %+v\n%s", tc.name, report, diff)
		}
	}
}

// A report holds no more items than it lists and a while's worth of others,
// and these are the most urgent however the stories come.
func TestCollectIsBounded(t *testing.T) {
	one := func(i int) *story.Story {
		return tell(t, event{typ: "complaint.opened", at: "2026-01-01", data: fmt.Sprintf(`{"dueAt":%q}`, due.Day("2026-02-01").Plus(i%50))})
	}
	stories := make([]*story.Story, 50)
	for i := range stories {
		stories[i] = one(i)
	}
	report, err := builtin(t).Collect(due.Query{AsOf: instant(t, "2026-03-01"), Limit: 3, Obligation: "complaint.promised"}, func(yield func(*story.Story, error) bool) {
		for i := range 5000 {
			if !yield(stories[(i*37)%50], nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if report.Matched != 5000 || report.Counts[due.Breached] != 2800 || report.Counts[due.Open] != 2200 || len(report.Items) != 3 || report.Items[2].Due != "2026-02-01" || cap(report.Items) > 4096 {
		t.Errorf("%d items in room for %d, %d matched, %v", len(report.Items), cap(report.Items), report.Matched, report.Counts)
	}
}

func TestCollectEndsWithAnError(t *testing.T) {
	broken := errors.New("broken")
	report, err := builtin(t).Collect(due.Query{}, func(yield func(*story.Story, error) bool) { yield(nil, broken) })
	if report != nil || !errors.Is(err, broken) {
		t.Error(report, err)
	}
}

func TestReportIsJSON(t *testing.T) {
	report, err := builtin(t).Collect(due.Query{AsOf: instant(t, "2026-03-31T00:00:00+08:00"), Obligation: "us.adverse-action.notice"}, each(declines(t)[1]))
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"asOf":"2026-03-30T16:00:00Z","zone":"UTC","counts":{"breached":0,"met":1,"met-late":0,"open":0},"byObligation":{"us.adverse-action.notice":{"met":1}},"subjects":1,"matched":1,"items":[` +
		`{"obligation":"us.adverse-action.notice","title":{"en":"Adverse-action notice","zh":"不利决定通知"},"subject":"file/1","state":"met",` +
		`"due":"2026-02-01","from":"2026-01-02","left":0,"trigger":100,"done":"2026-01-05","doneBy":101}]}`
	if diff := cmp.Diff(want, string(b)); diff != "" {
		t.Error(diff)
	}
}

func TestParseQuery(t *testing.T) {
	for s, want := range map[string][]due.State{
		"open":          {due.Open},
		"open,met-late": {due.Open, due.MetLate},
		"all":           due.States,
		"":              nil,
		"closed":        nil,
		"open,":         nil,
		"Open":          nil,
	} {
		got, err := due.ParseStates(s)
		if !slices.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("states %q: %v, %v", s, got, err)
		}
	}
	shanghai := time.FixedZone("", 8*3600)
	for s, want := range map[string]string{
		"9999-12-31T23:59:59-12:00": "", "0000-01-01T00:00:00+08:00": "", "9999-12-31": "9999-12-31T15:59:59.999999999Z",
		"2026-03-01T10:00:00+01:00": "2026-03-01T09:00:00Z",
		"2026-03-01":                "2026-03-01T15:59:59.999999999Z",
		"2026-02-30":                "",
		"yesterday":                 "",
		"":                          "",
	} {
		got, err := due.ParseAsOf(s, shanghai)
		if (err == nil) != (want != "") || err == nil && got.UTC().Format(time.RFC3339Nano) != want {
			t.Errorf("as of %q: %v, %v", s, got, err)
		}
	}
	for s, ok := range map[string]bool{"UTC": true, "Asia/Shanghai": true, "": false, "Local": false, "Nowhere/None": false, "../etc/passwd": false} {
		if zone, err := due.ParseZone(s); (err == nil) != ok {
			t.Errorf("zone %q: %v, %v", s, zone, err)
		}
	}
}
