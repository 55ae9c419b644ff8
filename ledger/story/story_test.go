// SPDX-License-Identifier: Apache-2.0

package story_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/story"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// rec makes record n of a story: its index is 10 n, its id e<n>.
func rec(t testing.TB, n int64, suffix, data string) story.Record {
	t.Helper()
	v, err := canon.Parse([]byte(data), canon.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return story.Record{
		Index: 10 * n, Seq: n, Type: story.Type(suffix), Source: "urn:a", ID: fmt.Sprintf("e%d", n),
		Time: noon.Add(time.Duration(n) * time.Hour), Data: v,
	}
}

func correct(t testing.TB, n int64, target, members string) story.Record {
	return rec(t, n, "record.corrected", fmt.Sprintf(`{"target":%q,"members":[%s]}`, target, members))
}

func void(t testing.TB, n int64, target string) story.Record {
	return rec(t, n, "record.voided", fmt.Sprintf(`{"target":%q}`, target))
}

const original = `{"method":"cash","parts":[{"n":1},{"n":2}],"sum":"7"}`

// TestNew reads stories that begin with one payment, and tells what of it
// holds in the end.
func TestNew(t *testing.T) {
	pay := rec(t, 1, "payment.received", original)
	withSource := func(r story.Record, source string) story.Record { r.Source = source; return r }
	for name, x := range map[string]struct {
		later     []story.Record
		effective string
		corrected []int64
		voided    int64
		misfits   []int64
	}{
		"untouched": {effective: original},
		"corrected": {
			later:     []story.Record{correct(t, 2, "e1", `{"pointer":"/data/sum","value":"\"8\""}`)},
			effective: `{"method":"cash","parts":[{"n":1},{"n":2}],"sum":"8"}`, corrected: []int64{20},
		},
		"removed and added": {
			later:     []story.Record{correct(t, 2, "e1", `{"pointer":"/data/method"},{"pointer":"/data/a~1b","value":"true"}`)},
			effective: `{"a/b":true,"parts":[{"n":1},{"n":2}],"sum":"7"}`, corrected: []int64{20},
		},
		"corrected within": {
			later:     []story.Record{correct(t, 2, "e1", `{"pointer":"/data/parts/1/n","value":"5"},{"pointer":"/data/parts/0"}`)},
			effective: `{"method":"cash","parts":[{"n":5}],"sum":"7"}`, corrected: []int64{20},
		},
		"the later correction holds": {
			later: []story.Record{
				correct(t, 2, "e1", `{"pointer":"/data/sum","value":"\"8\""}`),
				correct(t, 3, "e1", `{"pointer":"/data/sum","value":"\"9\""}`),
			},
			effective: `{"method":"cash","parts":[{"n":1},{"n":2}],"sum":"9"}`, corrected: []int64{20, 30},
		},
		"a voided correction does not": {
			later: []story.Record{
				correct(t, 2, "e1", `{"pointer":"/data/sum","value":"\"8\""}`),
				correct(t, 3, "e1", `{"pointer":"/data/sum","value":"\"9\""}`),
				void(t, 4, "e3"),
			},
			effective: `{"method":"cash","parts":[{"n":1},{"n":2}],"sum":"8"}`, corrected: []int64{20},
		},
		"a corrected correction": {
			later: []story.Record{
				correct(t, 2, "e1", `{"pointer":"/data/sum","value":"\"8\""}`),
				correct(t, 3, "e2", `{"pointer":"/data/members/0/value","value":"\"\\\"4\\\"\""}`),
			},
			effective: `{"method":"cash","parts":[{"n":1},{"n":2}],"sum":"4"}`, corrected: []int64{20},
		},
		"voided":              {later: []story.Record{void(t, 2, "e1")}, effective: original, voided: 20},
		"voided twice":        {later: []story.Record{void(t, 2, "e1"), void(t, 3, "e1")}, effective: original, voided: 20},
		"the voiding voided":  {later: []story.Record{void(t, 2, "e1"), void(t, 3, "e2")}, effective: original},
		"of another source":   {later: []story.Record{withSource(void(t, 2, "e1"), "urn:b")}, effective: original, misfits: []int64{20}},
		"of nothing":          {later: []story.Record{void(t, 2, "e7")}, effective: original, misfits: []int64{20}},
		"of itself":           {later: []story.Record{void(t, 2, "e2")}, effective: original, misfits: []int64{20}},
		"of what comes after": {later: []story.Record{void(t, 2, "e3"), rec(t, 3, "payment.received", `{}`)}, effective: original, misfits: []int64{20}},
		"a target's source":   {later: []story.Record{withSource(rec(t, 2, "record.voided", `{"target":"e1","targetSource":"urn:a"}`), "urn:b")}, effective: original, voided: 20},
		"no such member":      {later: []story.Record{correct(t, 2, "e1", `{"pointer":"/data/nosuch"}`)}, effective: original, corrected: []int64{20}, misfits: []int64{20}},
		"no such item":        {later: []story.Record{correct(t, 2, "e1", `{"pointer":"/data/parts/2","value":"1"}`)}, effective: original, corrected: []int64{20}, misfits: []int64{20}},
		"an item in disguise": {later: []story.Record{correct(t, 2, "e1", `{"pointer":"/data/parts/01","value":"1"}`)}, effective: original, corrected: []int64{20}, misfits: []int64{20}},
		"below a text":        {later: []story.Record{correct(t, 2, "e1", `{"pointer":"/data/sum/0","value":"1"}`)}, effective: original, corrected: []int64{20}, misfits: []int64{20}},
		"not JSON":            {later: []story.Record{correct(t, 2, "e1", `{"pointer":"/data/sum","value":"8.5"}`)}, effective: original, corrected: []int64{20}, misfits: []int64{20}},
		"the envelope":        {later: []story.Record{correct(t, 2, "e1", `{"pointer":"/id","value":"\"x\""}`)}, effective: original, corrected: []int64{20}, misfits: []int64{20}},
		"one fits, one doesn't": {
			later:     []story.Record{correct(t, 2, "e1", `{"pointer":"/data/sum","value":"\"8\""},{"pointer":"/data/sum/0"}`)},
			effective: `{"method":"cash","parts":[{"n":1},{"n":2}],"sum":"8"}`, corrected: []int64{20}, misfits: []int64{20},
		},
	} {
		s := story.New("line/1", append([]story.Record{pay}, x.later...))
		r := s.Record(10)
		if got := string(r.Effective.Bytes()); got != x.effective {
			t.Errorf("%s: %s holds, want %s", name, got, x.effective)
		}
		if got := string(r.Data.Bytes()); got != original {
			t.Errorf("%s: the original became %s", name, got)
		}
		if !slices.Equal(r.CorrectedBy, x.corrected) || r.VoidedBy != x.voided {
			t.Errorf("%s: corrected by %v, voided by %d; want %v, %d", name, r.CorrectedBy, r.VoidedBy, x.corrected, x.voided)
		}
		var misfits []int64
		for _, r := range s.Records {
			if r.Misfit {
				misfits = append(misfits, r.Index)
			}
		}
		if !slices.Equal(misfits, x.misfits) || s.Unclear {
			t.Errorf("%s: misfits %v, unclear %v; want %v", name, misfits, s.Unclear, x.misfits)
		}
		live := slices.Contains(slices.Collect(s.Live()), r)
		if of := slices.Contains(s.OfType(r.Type), r); live != (x.voided == 0) || of != live {
			t.Errorf("%s: live %v, of its type %v", name, live, of)
		}
	}
}

func TestTimeIsCorrected(t *testing.T) {
	s := story.New("line/1", []story.Record{
		rec(t, 1, "payment.received", `{}`), rec(t, 2, "payment.received", `{}`),
		correct(t, 3, "e2", `{"pointer":"/time","value":"\"2026-03-01T08:00:00+01:00\""}`),
		correct(t, 4, "e1", `{"pointer":"/time","value":"\"yesterday\""}`),
	})
	want := time.Date(2026, 3, 1, 7, 0, 0, 0, time.UTC)
	if r := s.Record(20); !r.At.Equal(want) || !r.Time.Equal(noon.Add(2*time.Hour)) {
		t.Errorf("at %v, as submitted %v", r.At, r.Time)
	}
	if r := s.Record(10); !r.At.Equal(r.Time) || !s.Record(40).Misfit {
		t.Errorf("no time was taken for one: %v", r.At)
	}
	if r := s.First(story.Type("payment.received"), nil); r.Index != 20 {
		t.Errorf("record %d is the first", r.Index)
	}
	if r := s.First(story.Type("payment.received"), func(r *story.Record) bool { return r.ID == "e1" }); r.Index != 10 {
		t.Errorf("record %d is the first of those", r.Index)
	}
}

func TestUnclear(t *testing.T) {
	partial := func(r story.Record) story.Record { r.Partial = true; return r }
	for name, x := range map[string]struct {
		last story.Record
		want bool
	}{
		"an erased voiding":             {partial(rec(t, 2, "record.voided", `{}`)), true},
		"an erased correction":          {partial(rec(t, 2, "record.corrected", `{"target":"e1"}`)), true},
		"only its approver is erased":   {partial(void(t, 2, "e1")), false},
		"a record of another type":      {partial(rec(t, 2, "payment.received", `{}`)), false},
		"a correction that can be read": {correct(t, 2, "e1", `{"pointer":"/data/a","value":"1"}`), false},
	} {
		s := story.New("line/1", []story.Record{rec(t, 1, "payment.received", `{}`), x.last})
		if s.Unclear != x.want {
			t.Errorf("%s: unclear is %v", name, s.Unclear)
		}
	}
}

// Corrections that would cost more than a reader has are not followed, and the
// story says so.
func TestCorrectionsAreBounded(t *testing.T) {
	long := strings.TrimSuffix(strings.Repeat("[],", 6000), ",")
	list := rec(t, 1, "payment.received", `{"list":[`+long+`]}`)
	times := func(n int, members func(i int) string) []story.Record {
		records := []story.Record{list}
		for i := range n {
			records = append(records, correct(t, int64(i)+2, "e1", members(i)))
		}
		return records
	}
	for _, x := range []struct {
		name    string
		records []story.Record
		unclear bool
	}{
		{"ordinary", times(5000, func(i int) string { return fmt.Sprintf(`{"pointer":"/data/note","value":"%d"}`, i) }), false},
		{"copies", times(400, func(int) string { return `{"pointer":"/data/list/0","value":"1"}` }), true},
		{"values", times(8, func(i int) string { return fmt.Sprintf(`{"pointer":"/data/m%d","value":"[%s]"}`, i, long) }), true},
		{"members", times(2500, func(i int) string { return fmt.Sprintf(`{"pointer":"/data/m%d","value":"1"}`, i) }), true},
	} {
		s := story.New("line/1", x.records)
		if s.Unclear != x.unclear {
			t.Errorf("%s: unclear is %v", x.name, s.Unclear)
		}
		if n := len(s.Record(10).Effective.Bytes()); n > 200_000 {
			t.Errorf("%s: the record became %d bytes", x.name, n)
		}
		if slices.ContainsFunc(s.Records, func(r *story.Record) bool { return r.Misfit }) {
			t.Errorf("%s: a correction is said not to fit", x.name)
		}
	}
}

func TestNamed(t *testing.T) {
	a, b, c := rec(t, 1, "payment.received", `{}`), rec(t, 2, "payment.received", `{}`), rec(t, 3, "payment.received", `{}`)
	a.ID, b.ID, c.ID = "x", "x", "y"
	a.Source, b.Source, c.Source = "urn:a", "urn:b", "urn:c"
	s := story.New("line/1", []story.Record{a, b, c})
	for _, x := range []struct {
		from     int64
		id       string
		want     int64
		whatever string
	}{
		{10, "x", 10, "the one of the same source"},
		{20, "x", 20, "the one of the same source"},
		{30, "x", -1, "two of other sources"},
		{10, "y", 30, "the only one"},
		{10, "z", -1, "none"},
	} {
		got := int64(-1)
		if r := s.Named(s.Record(x.from), x.id); r != nil {
			got = r.Index
		}
		if got != x.want {
			t.Errorf("%s: %s is record %d, want %d", x.whatever, x.id, got, x.want)
		}
	}
}

func TestNewRecord(t *testing.T) {
	open, err := canon.Parse([]byte(`{"outcome":"declined"}`), canon.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	entry := &record.Entry{Type: "org.lendlog.decision.made.v1", Seq: 3, Time: "2026-03-01T13:00:00+01:00", Recorded: noon, Capture: "live", Refs: []int64{4}, Open: open}
	sealed := func(yield func(string, canon.Value) bool) {
		_ = yield("/id", canon.Text("i")) && yield("/source", canon.Text("s")) && yield("/party", canon.Text("p")) &&
			yield("/parent", canon.Text("line/1")) && yield("/subject", canon.Text("file/1")) && yield("/data/grade", canon.Text("A"))
	}
	want := story.Record{
		Index: 9, Seq: 3, Type: entry.Type, Source: "s", ID: "i", Party: "p", Parent: "line/1", Time: noon, Recorded: noon, Capture: "live",
		Refs: []int64{4}, Data: canon.Map(canon.Member{Name: "outcome", Value: canon.Text("declined")}, canon.Member{Name: "grade", Value: canon.Text("A")}), Partial: true,
	}
	if diff := cmp.Diff(want, story.NewRecord(9, entry, nil, sealed, true)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	// What a restricted record is, lies in its sealed members.
	restricted := &record.Entry{Type: record.TypeRestricted, Seq: 1, Recorded: noon, Open: canon.Map()}
	got := story.NewRecord(9, restricted, &record.Schema{Type: "org.lendlog.case.opened.v1"}, func(yield func(string, canon.Value) bool) {
		_ = yield("/time", canon.Text("2026-03-01T12:00:00Z")) && yield("/refs", canon.List(canon.Number(2)))
	}, false)
	want = story.Record{Index: 9, Seq: 1, Type: "org.lendlog.case.opened.v1", Time: noon, Recorded: noon, Refs: []int64{2}, Data: canon.Value{Kind: canon.Object}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("restricted, -want +got:\n%s", diff)
	}
}

// FuzzCorrect wants a correction of any place to leave the original alone, and
// to be read back where it is said to be, if it fits.
func FuzzCorrect(f *testing.F) {
	for _, x := range [][2]string{
		{"/data/sum", `"8"`}, {"/data/parts/1/n", "5"}, {"/data/parts/2", "null"}, {"/data/a~1b/~01", "{}"},
		{"/data/", "1"}, {"/data", "1"}, {"/time", `"2026-03-01T08:00:00Z"`}, {"/data/parts/-", "[1]"}, {"/data/parts/00", "x"},
	} {
		f.Add(x[0], x[1])
	}
	f.Fuzz(func(t *testing.T, pointer, text string) {
		if !utf8.ValidString(pointer + text) {
			return // no event has it
		}
		pay := rec(t, 1, "payment.received", original)
		fix := rec(t, 2, "record.corrected", `{"target":"e1"}`)
		fix.Data = canon.Map(canon.Member{Name: "target", Value: canon.Text("e1")}, canon.Member{Name: "members", Value: canon.List(
			canon.Map(canon.Member{Name: "pointer", Value: canon.Text(pointer)}, canon.Member{Name: "value", Value: canon.Text(text)}),
		)})
		s := story.New("line/1", []story.Record{pay, fix})
		r := s.Record(10)
		if got := string(r.Data.Bytes()); got != original {
			t.Fatalf("the original became %s", got)
		}
		changed := string(r.Effective.Bytes()) != original || !r.At.Equal(r.Time)
		if changed && s.Record(20).Misfit {
			t.Errorf("%q of %q does not fit, and changed the record", text, pointer)
		}
		if again, err := canon.Parse(r.Effective.Bytes(), canon.Limits{}); err != nil || !bytes.Equal(again.Bytes(), r.Effective.Bytes()) {
			t.Errorf("%q of %q makes %s: %v", text, pointer, r.Effective.Bytes(), err)
		}
	})
}
