// SPDX-License-Identifier: Apache-2.0

package lifecycle_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/due"
	"github.com/lendlog/lendlog/ledger/lifecycle"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/rule"
	"github.com/lendlog/lendlog/ledger/story"
)

func book(t testing.TB, c lifecycle.Config) *lifecycle.Book {
	t.Helper()
	b, err := lifecycle.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func catalogue(t testing.TB) *record.Catalogue {
	t.Helper()
	cat, err := record.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return cat
}

// TestEventsAreAccepted wants every event to be one that the ledger accepts and
// that says that it is synthetic.
func TestEventsAreAccepted(t *testing.T) {
	cat := catalogue(t)
	types, refused := map[string]int{}, map[string]int{}
	ids := map[string]bool{}
	n, size := 0, 0
	for e := range book(t, lifecycle.Config{Loans: 3000, Seed: 1, Faults: 300}).Events() {
		n++
		size += len(e.Document)
		ev, err := record.ParseEvent(e.Document, cat)
		if err != nil {
			if what := err.Error(); refused[what] == 0 {
				refused[what]++
				t.Errorf("%v\n%s", err, e.Document)
			}
			continue
		}
		types[ev.Type]++
		if !strings.HasPrefix(ev.Source, "urn:lendlog:synthetic:") || ev.Capture != record.Import {
			t.Fatalf("source %s, capture %q", ev.Source, ev.Capture)
		}
		if ev.Subject != e.Subject || !ev.At.Equal(e.Time) {
			t.Fatalf("%s at %v is called %s at %v", ev.Subject, ev.At, e.Subject, e.Time)
		}
		if ids[ev.ID] {
			t.Fatalf("two events have the id %s", ev.ID)
		}
		ids[ev.ID] = true
	}
	t.Logf("%d events of %d bytes, %.1f a loan", n, size/n, float64(n)/3000)
	for _, typ := range slices.Sorted(maps.Keys(types)) {
		t.Logf("%6d %s", types[typ], typ)
	}
}

// judged is what rules and obligations say of a story.
type judged struct {
	Fault    *lifecycle.Fault
	Findings []string // ids of rules
	Due      []string // ids of obligations that were not met in time
	first    string   // id of the event that the first finding is about
}

// judge reads a book and holds every story against all rules and obligations.
func judge(t *testing.T, c lifecycle.Config) map[string]*judged {
	t.Helper()
	cat := catalogue(t)
	of := map[string][]story.Record{}
	all := map[string]*judged{}
	ids := map[string]int64{}
	index := int64(0)
	for e := range book(t, c).Events() {
		index++
		ev, err := record.ParseEvent(e.Document, cat)
		if err != nil {
			t.Fatalf("%v\n%s", err, e.Document)
		}
		r := story.Record{
			Index: index, Seq: int64(len(of[e.Subject]) + 1), Type: ev.Type, Source: ev.Source, ID: ev.ID, Party: ev.Party,
			Time: ev.At, Recorded: ev.At, Capture: ev.Capture, Data: ev.Data,
		}
		for _, id := range ev.Causes() {
			if ref, ok := ids[id]; ok {
				r.Refs = append(r.Refs, ref)
			}
		}
		ids[ev.ID] = index
		of[e.Subject] = append(of[e.Subject], r)
		if all[e.Subject] == nil {
			all[e.Subject] = &judged{}
		}
		if e.Fault != nil {
			all[e.Subject].Fault = e.Fault
		}
	}
	for subject, records := range of {
		all[subject].hold(t, story.New(subject, records))
	}
	return all
}

// hold holds a story against all rules and, long after its end, when nothing can
// be open any more, all obligations.
func (j *judged) hold(t *testing.T, s *story.Story) {
	t.Helper()
	rules, err := rule.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	obligations, err := due.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range rules.Judge(s).Findings {
		j.Findings = append(j.Findings, f.Rule)
		if j.first == "" {
			j.first = s.Record(f.Records[0]).ID
		}
	}
	for item := range obligations.Judge(s, time.Date(2040, 1, 1, 0, 0, 0, 0, time.UTC), time.UTC) {
		if item.State != due.Met {
			j.Due = append(j.Due, item.Obligation)
			if j.first == "" {
				j.first = s.Record(item.Trigger).ID
			}
		}
	}
}

// TestNothingIsWrongUnlessPlanted wants no finding and nothing overdue in a
// book without faults.
func TestNothingIsWrongUnlessPlanted(t *testing.T) {
	seen := map[string]bool{}
	for subject, j := range judge(t, lifecycle.Config{Loans: 4000, Seed: 2, Live: true}) {
		if what := strings.Join(append(j.Findings, j.Due...), " "); what != "" && !seen[what] {
			seen[what] = true
			t.Errorf("%s: findings %v, not met in time %v", subject, j.Findings, j.Due)
		}
	}
}

// TestPlantedFaultsAreFound wants exactly what was planted to be found: each
// kind in stories of its own, of many seeds.
func TestPlantedFaultsAreFound(t *testing.T) {
	for _, live := range []bool{false, true} {
		kinds := map[string]int{}
		n := 5 * len(lifecycle.Faults())
		for subject, j := range judge(t, lifecycle.Config{Loans: n, Seed: 3, Faults: n, Live: live, Window: 50}) {
			var want []string
			if j.Fault != nil {
				kinds[j.Fault.Kind]++
				want = []string{j.Fault.Kind}
				if j.Fault.Subject != subject || j.Fault.Done == "" {
					t.Errorf("%s: the answer is of %s, %q", subject, j.Fault.Subject, j.Fault.Done)
				}
				if len(j.Fault.Events) == 0 || j.first != j.Fault.Events[0] {
					t.Errorf("%s: %s is found at %s, planted at %v", subject, j.Fault.Kind, j.first, j.Fault.Events)
				}
			}
			if diff := cmp.Diff(want, append(slices.Clone(j.Findings), j.Due...)); diff != "" {
				t.Errorf("%s (live %v): -planted +found:\n%s", subject, live, diff)
			}
		}
		for _, kind := range lifecycle.Faults() {
			if kinds[kind] != 5 {
				t.Errorf("%d of %s were planted, want 5", kinds[kind], kind)
			}
		}
	}
}

// unplantable names the rules and obligations for which there is no fault, and
// why.
var unplantable = map[string]string{
	"notice-reasons-few": "the schema refuses a fifth reason",
}

// TestEveryRuleHasAFault wants a fault for every rule and every obligation.
func TestEveryRuleHasAFault(t *testing.T) {
	rules, err := rule.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	obligations, err := due.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	can := map[string]bool{}
	for _, id := range lifecycle.Faults() {
		can[id] = true
	}
	want := map[string]bool{}
	for _, r := range rules.Rules {
		want[r.ID] = true
	}
	for _, o := range obligations.Obligations {
		want[o.ID] = true
	}
	for id := range want {
		if why, not := unplantable[id]; can[id] == not {
			t.Errorf("%s can be planted: %v; that it can't be: %q", id, can[id], why)
		}
	}
	for id := range can {
		if !want[id] {
			t.Errorf("%s is neither a rule nor an obligation", id)
		}
	}
	for id := range unplantable {
		if !want[id] {
			t.Errorf("%s is neither a rule nor an obligation, and still said to be one that can't be planted", id)
		}
	}
}

func documents(b *lifecycle.Book) [][]byte {
	var docs [][]byte
	for e := range b.Events() {
		docs = append(docs, e.Document)
	}
	return docs
}

// golden is the hash of a small book. It changes with every change of what is
// made, and must not change otherwise, nor from one machine to the next.
const golden = "dc4577aeb4d7e9b1ae4b35bea9a6e63917df186cd42d50d51ab0c9b40665dbd9"

func TestGoldenBook(t *testing.T) {
	c := lifecycle.Config{Loans: 200, Seed: 7, Faults: 20, Window: 40}
	all := bytes.Join(documents(book(t, c)), []byte("\n"))
	sum := sha256.Sum256(all)
	if got := hex.EncodeToString(sum[:]); got != golden {
		t.Errorf("the hash of the book is %s", got)
	}
	if !bytes.Equal(all, bytes.Join(documents(book(t, c)), []byte("\n"))) {
		t.Error("the same configuration gave another book")
	}
	c.Seed++
	if bytes.Equal(all, bytes.Join(documents(book(t, c)), []byte("\n"))) {
		t.Error("another seed gave the same book")
	}
}

// TestWindow wants a window to change nothing but the order.
func TestWindow(t *testing.T) {
	c := lifecycle.Config{Loans: 300, Seed: 5, Faults: 10}
	want := documents(book(t, c))
	for _, window := range []int{1, 7, 100_000} {
		c.Window = window
		var docs [][]byte
		var last time.Time
		back := 0
		of := map[string]time.Time{}
		for e := range book(t, c).Events() {
			docs = append(docs, e.Document)
			if e.Time.Before(last) {
				back++
			}
			if e.Time.Before(of[e.Subject]) {
				t.Fatalf("window %d: %s goes back in time", window, e.Subject)
			}
			last, of[e.Subject] = e.Time, e.Time
		}
		if window > 1000 && back > 0 {
			t.Errorf("window %d: time goes back %d times", window, back)
		}
		slices.SortFunc(docs, bytes.Compare)
		sorted := slices.SortedFunc(slices.Values(want), bytes.Compare)
		if !slices.EqualFunc(docs, sorted, bytes.Equal) {
			t.Errorf("window %d: other events", window)
		}
	}
	for range book(t, c).Events() { // whoever stops early is not called again
		break
	}
}

func TestConfigIsRefused(t *testing.T) {
	for _, c := range []lifecycle.Config{{}, {Loans: -1}, {Loans: 3, Faults: 4}, {Loans: 3, Faults: -1}, {Loans: 3, Window: -1}} {
		if _, err := lifecycle.New(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}

// TestAmortisation wants the parts of every schedule to add up to the
// principal, to run down to nothing, and every instalment but the last to be
// the same.
func TestAmortisation(t *testing.T) {
	type amount struct{ Amount, Currency string }
	type contract struct {
		Data struct {
			Principal, Installment amount
			TermMonths             int
			Schedule               []struct{ Principal, Interest amount }
		}
	}
	cents := func(a amount) (n int64) {
		if err := json.Unmarshal([]byte(strings.TrimLeft(strings.Replace(a.Amount, ".", "", 1), "0")+""), &n); err != nil && a.Amount != "0.00" {
			t.Fatalf("%s: %v", a.Amount, err)
		}
		return n
	}
	seen := 0
	for e := range book(t, lifecycle.Config{Loans: 800, Seed: 9}).Events() {
		if !bytes.Contains(e.Document, []byte(`contract.signed`)) {
			continue
		}
		seen++
		var c contract
		if err := json.Unmarshal(e.Document, &c); err != nil {
			t.Fatal(err)
		}
		var sum int64
		d := c.Data
		for i, p := range d.Schedule {
			sum += cents(p.Principal)
			parts := cents(p.Principal) + cents(p.Interest)
			if last := i == len(d.Schedule)-1; !last && parts != cents(d.Installment) || last && (parts > cents(d.Installment) || parts <= 0) {
				t.Errorf("%s: instalment %d is %d, not %d", e.Subject, i+1, parts, cents(d.Installment))
			}
		}
		if sum != cents(d.Principal) || len(d.Schedule) != d.TermMonths {
			t.Errorf("%s: %d instalments of %d pay %d of %d", e.Subject, len(d.Schedule), d.TermMonths, sum, cents(d.Principal))
		}
	}
	if seen < 100 {
		t.Errorf("%d contracts only", seen)
	}
}

func BenchmarkEvents(b *testing.B) {
	for name, window := range map[string]int{"one": 0, "window": 1000} {
		b.Run(name, func(b *testing.B) {
			n, size := 0, 0
			for b.Loop() {
				for e := range book(b, lifecycle.Config{Loans: 5000, Seed: 1, Window: window}).Events() {
					n++
					size += len(e.Document)
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(size)/float64(n), "B/event")
			b.ReportMetric(float64(n)/float64(b.N)/5000, "events/loan")
		})
	}
}
