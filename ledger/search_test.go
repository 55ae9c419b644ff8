// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/due"
	"github.com/lendlog/lendlog/ledger/fsck"
	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/lifecycle"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/rule"
	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/story"
)

// a fact is a record as somebody sees it who reads every one: nothing in it
// comes from the index.
type fact struct {
	index          int64
	entry          *record.Entry
	at             time.Time
	source, id     string
	subject        string
	parties, staff []string
	data           canon.Value
	found, owed    []string // values of finding and due
}

// judgedAt is the time as of which the tests judge what is due.
var judgedAt = time.Date(2026, 1, 20, 12, 0, 0, 0, time.UTC)

// facts reads all records of a ledger. Of a restricted one nothing is taken
// that is sealed.
func facts(t *testing.T, l *ledger.Ledger) (all []fact) {
	t.Helper()
	stories := map[[32]byte][]story.Record{}
	for i := range l.Head().Size {
		r, err := l.Record(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		if r.Leaf.Entry == nil {
			continue
		}
		f := fact{index: i, entry: r.Leaf.Entry}
		if f.entry.Type != record.TypeRestricted {
			told, _ := r.Story()
			stories[f.entry.Term] = append(stories[f.entry.Term], told)
			doc, err := canon.Parse(r.Document(), canon.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			ev, err := r.Schema.Event(doc)
			if err != nil {
				t.Fatal(err)
			}
			f.at, f.source, f.id, f.subject, f.data = ev.At, ev.Source, ev.ID, ev.Subject, ev.Data
			for _, g := range ev.Schema.Groups() {
				owner := seal.Owner(ev, g)
				if id, ok := strings.CutPrefix(owner, "party:"); ok {
					f.parties = append(f.parties, id)
				}
				if id, ok := strings.CutPrefix(owner, "staff:"); ok {
					f.staff = append(f.staff, id)
				}
			}
		}
		all = append(all, f)
	}
	rules, err := rule.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	obligations, err := due.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	found, owed := map[int64][]string{}, map[int64][]string{}
	for _, f := range all {
		records := stories[f.entry.Term]
		if delete(stories, f.entry.Term); len(records) == 0 {
			continue
		}
		whole := story.New(f.subject, records)
		for _, f := range rules.Judge(whole).Findings {
			for _, i := range f.Records {
				found[i] = append(found[i], f.Rule, "any")
			}
		}
		for item := range obligations.Judge(whole, judgedAt, time.UTC) {
			state := string(item.State)
			owed[item.Trigger] = append(owed[item.Trigger], item.Obligation, state, item.Obligation+"/"+state, "any")
		}
	}
	for i := range all {
		all[i].found, all[i].owed = found[all[i].index], owed[all[i].index]
	}
	return all
}

// a wish is a term of a filter, and what holds where it does.
type wish struct {
	text  string
	holds func(fact) bool
}

func one(field string, value string, of func(fact) []string) wish {
	return wish{fmt.Sprintf("%s=%q", field, value), func(f fact) bool { return slices.Contains(of(f), value) }}
}

// openly are the texts that a member of data equals.
func openly(name string) func(fact) []string {
	return func(f fact) (out []string) {
		v, ok := f.data.Get(name)
		if !ok {
			return nil
		}
		items := []canon.Value{v}
		if v.Kind == canon.Array {
			items = v.Items
		}
		for _, item := range items {
			switch item.Kind {
			case canon.String:
				out = append(out, item.Str)
			case canon.Int:
				out = append(out, fmt.Sprint(item.Int))
			case canon.Bool:
				out = append(out, fmt.Sprint(item.Int == 1))
			}
		}
		return out
	}
}

func amount(f fact, name string) (story.Decimal, bool) {
	v, _ := f.data.Get(name)
	a, ok := v.Get("amount")
	if !ok {
		return story.Decimal{}, false
	}
	return story.ParseDecimal(a.Str)
}

// draw makes a term that is true of some record.
func draw(rng *rand.Rand, all []fact) wish {
	f := all[rng.IntN(len(all))]
	other := all[rng.IntN(len(all))]
	if f.entry.Type == record.TypeRestricted && rng.IntN(10) > 0 {
		return draw(rng, all)
	}
	restricted := func(f fact) bool { return f.entry.Type == record.TypeRestricted }
	word := func(name string, of func(fact) string) wish {
		return one(name, of(f), func(f fact) []string { return []string{of(f)} })
	}
	short := func(typ string) string {
		return strings.TrimSuffix(strings.TrimPrefix(typ, "org.lendlog."), ".v1")
	}
	switch k := rng.IntN(15); {
	case k == 0:
		return word("type", func(f fact) string { return f.entry.Type })
	case k <= 2:
		a, b := short(f.entry.Type), short(other.entry.Type)
		return wish{"type=" + a + "," + b, func(f fact) bool { return short(f.entry.Type) == a || short(f.entry.Type) == b }}
	case k == 3:
		return word("capture", func(f fact) string { return f.entry.Capture })
	case k == 4:
		if restricted(f) {
			return draw(rng, all)
		}
		return wish{"submitter=" + f.entry.Submitter, func(g fact) bool { return g.entry.Submitter == f.entry.Submitter }}
	case k == 5:
		from, to := min(f.index, other.index), max(f.index, other.index)
		return wish{fmt.Sprintf("index>=%d and index<%d", from, to), func(f fact) bool { return f.index >= from && f.index < to }}
	case k == 6:
		at := f.entry.Recorded
		return wish{"recorded>=" + at.Format(record.TimeLayout), func(f fact) bool { return !f.entry.Recorded.Before(at) }}
	case k == 7:
		if restricted(f) {
			return draw(rng, all)
		}
		day := f.at.UTC().Truncate(24 * time.Hour)
		end := day.AddDate(0, 0, 1+rng.IntN(200))
		return wish{"time>=" + day.Format("2006-01-02") + " time<" + end.Format("2006-01-02"), func(f fact) bool {
			return !restricted(f) && !f.at.Before(day) && f.at.Before(end)
		}}
	case k == 8 && f.subject != "":
		return word("subject", func(f fact) string { return f.subject })
	case k == 9 && len(f.parties) > 0:
		return one("party", f.parties[rng.IntN(len(f.parties))], func(f fact) []string { return f.parties })
	case k == 10 && len(f.staff) > 0:
		if id := f.staff[rng.IntN(len(f.staff))]; id != "" {
			return one("officer", id, func(f fact) []string { return f.staff })
		}
	case k == 11 && f.id != "":
		return wish{fmt.Sprintf("id=%q source=%q", f.id, f.source), func(g fact) bool { return g.id == f.id && g.source == f.source }}
	case k >= 12 && len(f.data.Members) > 0:
		m := f.data.Members[rng.IntN(len(f.data.Members))]
		field := m.Name
		if rng.IntN(2) == 0 || slices.Contains([]string{"type", "time", "index", "source", "id", "party", "subject", "due"}, field) {
			field = "data." + field
		}
		if a, ok := amount(f, m.Name); ok {
			text, _ := m.Value.Get("amount")
			switch op := rng.IntN(3); op {
			case 0:
				return wish{field + ">" + text.Str, func(f fact) bool { b, ok := amount(f, m.Name); return ok && b.Cmp(a) > 0 }}
			case 1:
				return wish{field + "<=" + text.Str, func(f fact) bool { b, ok := amount(f, m.Name); return ok && b.Cmp(a) <= 0 }}
			}
			return wish{field + "=" + text.Str, func(f fact) bool { b, ok := amount(f, m.Name); return ok && b.Cmp(a) == 0 }}
		}
		if values := openly(m.Name)(f); len(values) > 0 && m.Name != "text" {
			return one(field, values[0], openly(m.Name))
		}
	}
	return draw(rng, all)
}

// A judged value is one of finding or due, and the records that have it.
type judged struct {
	field, value string
	of           func(fact) []string
	records      []fact
}

// judgedValues lists what was found, and what is due, in any record.
func judgedValues(all []fact) (values []judged) {
	for field, of := range map[string]func(fact) []string{
		"finding": func(f fact) []string { return f.found },
		"due":     func(f fact) []string { return f.owed },
	} {
		for _, f := range all {
			for _, v := range slices.Compact(slices.Sorted(slices.Values(of(f)))) {
				i := slices.IndexFunc(values, func(j judged) bool { return j.field == field && j.value == v })
				if i < 0 {
					i, values = len(values), append(values, judged{field: field, value: v, of: of})
				}
				values[i].records = append(values[i].records, f)
			}
		}
	}
	slices.SortFunc(values, func(a, b judged) int { return strings.Compare(a.field+a.value, b.field+b.value) })
	return values
}

// wishes makes a term of the value, turned round or not, and another one that
// leaves but some hundred records: what is judged is read again for each page.
func (j judged) wishes(rng *rand.Rand, values []judged) []wish {
	f := j.records[rng.IntN(len(j.records))]
	w := one(j.field, j.value, j.of)
	holds := w.holds
	switch other := values[rng.IntN(len(values))]; {
	case rng.IntN(4) == 0:
		w = wish{"not " + w.text, func(f fact) bool { return !holds(f) }}
	case rng.IntN(4) == 0 && other.field == j.field:
		w = wish{w.text + "," + other.value, func(f fact) bool { return holds(f) || slices.Contains(j.of(f), other.value) }}
	}
	if rng.IntN(4) == 0 {
		return []wish{w, one("subject", f.subject, func(f fact) []string { return []string{f.subject} })}
	}
	from, to := max(0, f.index-rng.Int64N(200)), f.index+1+rng.Int64N(200)
	return []wish{w, {fmt.Sprintf("index>=%d and index<%d", from, to), func(f fact) bool { return f.index >= from && f.index < to }}}
}

// search reads all pages of a search.
func search(l *ledger.Ledger, t *testing.T, q ledger.Query) ([]int64, error) {
	t.Helper()
	var got []int64
	for size := int64(-1); ; {
		p, err := l.Search(t.Context(), q)
		if err != nil {
			return nil, err
		}
		if size >= 0 && p.Size != size {
			t.Fatalf("a page is of %d records, the first was of %d", p.Size, size)
		}
		if q.Filter.Due() != !p.AsOf.IsZero() || !q.AsOf.IsZero() && !p.AsOf.IsZero() && !p.AsOf.Equal(q.AsOf) {
			t.Fatalf("a page is as of %s, want %s", p.AsOf, q.AsOf)
		}
		size = p.Size
		if len(p.Indexes) > q.Limit || p.Head.Size < p.Size {
			t.Fatalf("a page of %d records, at a checkpoint of %d for %d", len(p.Indexes), p.Head.Size, p.Size)
		}
		got = append(got, p.Indexes...)
		if p.Cursor == "" {
			return got, nil
		}
		q.Cursor = p.Cursor
	}
}

func filter(t testing.TB, text string) *index.Filter {
	t.Helper()
	f, err := index.ParseFilter(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return f
}

// searchable makes a ledger of synthetic credit files and of everything else,
// with two full segments and a part of one.
func searchable(t *testing.T) *ledgertest.Ledger {
	t.Helper()
	l := ledgertest.New(t)
	b, err := lifecycle.New(lifecycle.Config{Loans: 220, Seed: 5, Window: 60, Faults: 220})
	if err != nil {
		t.Fatal(err)
	}
	var events []ledgertest.Event
	for e := range b.Events() {
		events = append(events, ledgertest.Event{Document: e.Document, Submitter: "synthetic"})
	}
	l.Submit(events...)
	l.Submit(ledgertest.NewEvents(3).Take(3000)...)
	if size := l.Head().Size; size < 2*index.Segment || size%index.Segment == 0 {
		t.Fatalf("the ledger has %d records", size)
	}
	return l
}

// Whatever is asked, a search finds exactly what somebody finds who reads
// every record: before and after the ledger is opened again, and out of a
// store that was made from the mirror.
func TestSearchEqualsReadingEverything(t *testing.T) {
	l := searchable(t)
	all := facts(t, l.Ledger)
	rng := rand.New(rand.NewPCG(7, 7))
	values := judgedValues(all)
	if len(values) < 100 {
		t.Fatalf("%d rules and obligations are broken, in all states: the test tests little", len(values))
	}
	found, told, refused, empty, next := 0, 0, 0, 0, 0
	check := func(searches int) {
		t.Helper()
		for n := range searches {
			var texts []string
			var wishes []wish
			limit := 1 + rng.IntN(500)
			draws := 1 + rng.IntN(3)
			// Each value comes once, and then by chance.
			var v *judged
			switch {
			case next < len(values):
				v = &values[next]
				next++
			case n%4 == 0:
				v = &values[rng.IntN(len(values))]
			}
			if v != nil {
				wishes = v.wishes(rng, values)
				if draws = rng.IntN(3); rng.IntN(4) == 0 {
					wishes = append(wishes, values[rng.IntN(len(values))].wishes(rng, values)[0])
				}
				for _, w := range wishes {
					texts = append(texts, w.text)
				}
				limit = []int{1, 2, 7, limit}[rng.IntN(4)]
			}
			for range draws {
				w := draw(rng, all)
				if holds := w.holds; !strings.Contains(w.text, " ") && rng.IntN(5) == 0 {
					w = wish{"not " + w.text, func(f fact) bool { return !holds(f) }}
				}
				texts, wishes = append(texts, w.text), append(wishes, w)
			}
			text := strings.Join(texts, " ")
			q := ledger.Query{Filter: filter(t, text), Oldest: rng.IntN(2) == 0, Limit: limit, AsOf: judgedAt}
			var want []int64
			for _, f := range all {
				if !slices.ContainsFunc(wishes, func(w wish) bool { return !w.holds(f) }) {
					want = append(want, f.index)
				}
			}
			if !q.Oldest {
				slices.Reverse(want)
			}
			got, err := search(l.Ledger, t, q)
			var fe *index.FilterError
			switch {
			case errors.As(err, &fe) && strings.Contains(fe.Reason, "no type that the filter admits"):
				if refused++; len(want) > 0 && !strings.Contains(text, "not ") {
					t.Errorf("%s: refused, and %d records are like that", text, len(want))
				}
				continue
			case err != nil:
				t.Fatalf("%s: %v", text, err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("%s (oldest first: %t): -want +got\n%s", text, q.Oldest, d)
			}
			if v != nil {
				told += len(got)
			}
			if found += len(got); len(got) == 0 {
				empty++
			}
			e, err := l.Explain(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if e.Candidates < int64(len(want)) {
				t.Errorf("%s: %d candidates, and %d records", text, e.Candidates, len(want))
			}
		}
	}
	check(250 + len(values))
	l.Stop()
	ledgertest.Check(t, l.Dir)
	l = ledgertest.Start(t, l.Dir, ledger.Options{})
	check(60)
	l.Stop()
	if _, err := ledger.Repair(t.Context(), l.Dir, ledger.Options{}); err != nil {
		t.Fatal(err)
	}
	l = ledgertest.Start(t, l.Dir, ledger.Options{})
	check(60)
	l.Stop()
	ledgertest.Check(t, l.Dir)
	if found < 10_000 || told < 1000 || refused > 120 || empty > 300 {
		t.Errorf("%d records found, %d by what is judged, %d searches refused, %d found nothing: the test tests little", found, told, refused, empty)
	}
}

// A restricted record is found by what its entry shows, and by nothing else of
// it, though its party and subject are known.
func TestRestrictedIsNotSearched(t *testing.T) {
	l := ledgertest.New(t)
	l.Submit(event(t, "case.opened", "case/K-1", "K1", `"party":"P-1"`,
		`"caseKind":"suspicious-report","narrative":"Seven cash payments.","relatedSubjects":["file/F-1"],"assigneeId":"S-9"`))
	l.Submit(event(t, "payment.received", "file/F-1", "E2", `"party":"P-1"`, `"paymentId":"P1","amount":{"amount":"5.00","currency":"EUR"},"valueDate":"2026-03-04"`))
	restricted, payment := l.Head().Size-2, l.Head().Size-1
	for text, want := range map[string][]int64{
		"type=restricted":                                      {restricted},
		"type=org.lendlog.restricted.v1":                       {restricted},
		"party=P-1":                                            {payment},
		"party=P-1 not subject=file/F-1":                       nil,
		"officer=S-9":                                          nil,
		"subject=case/K-1":                                     nil,
		"id=K1 source=urn:lender:test":                         nil,
		"id=E2 source=urn:lender:test":                         {payment},
		"source=urn:lender:test":                               {payment},
		"submitter=key-1":                                      {payment},
		"not submitter=key-1 type=restricted":                  {restricted},
		fmt.Sprintf("index>=%d", restricted):                   {payment, restricted},
		"time=2026-03-04":                                      {payment},
		fmt.Sprintf("capture=live,late index>=%d", restricted): {payment, restricted},
		"valueDate>=2026-03 valueDate<=2026-03":                {payment},
	} {
		got, err := search(l.Ledger, t, ledger.Query{Filter: filter(t, text), Limit: 10})
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: -want +got\n%s", text, d)
		}
	}
	for text, want := range map[string]string{
		"caseKind=suspicious-report": "column 1: no type that the filter admits has this member, unless it is restricted",
		"narrative=x":                "", // of complaints
		"id=K1":                      "column 1: an id belongs to its source",
		"type=case.closed.v9":        "column 1: the ledger has no such type; `lendlog types` lists them",
		"type=case.opened":           "column 1: this type is restricted",
		"index>1 not type=org.lendlog.case.opened.v1": "column 9: this type is restricted",
	} {
		_, err := search(l.Ledger, t, ledger.Query{Filter: filter(t, text), Limit: 10})
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	l.Stop()
	ledgertest.Check(t, l.Dir)
}

// event makes an event of a test.
func event(t *testing.T, typ, subject, id, attributes, data string) ledgertest.Event {
	t.Helper()
	if attributes != "" {
		attributes += ","
	}
	return ledgertest.Event{Submitter: "key-1", Document: fmt.Appendf(nil,
		`{"specversion":"1.0","id":%q,"source":"urn:lender:test","type":"org.lendlog.%s.v1","subject":%q,"time":"2026-03-04T10:00:00Z",%s"data":{%s}}`,
		id, typ, subject, attributes, data)}
}

// Whose key is destroyed is found no more, and what was sealed with it neither;
// the records are still found by the rest.
func TestErasedIsNotFound(t *testing.T) {
	l := ledgertest.New(t)
	const data = `"paymentId":"P1","amount":{"amount":"5.00","currency":"EUR"},"valueDate":"2026-03-04"`
	l.Submit(event(t, "payment.received", "file/F-1", "E1", `"party":"P-1"`, data), event(t, "payment.received", "file/F-2", "E2", `"party":"P-2"`, data))
	first := l.Head().Size - 2
	l.ForgetKey("party:P-1")
	for text, want := range map[string][]int64{
		"party=P-1":                             nil,
		"party=P-1,P-2":                         {first + 1},
		"type=payment.received":                 {first + 1, first},
		"paymentId=P1":                          {first + 1},
		"type=payment.received not amount>1":    {first},
		"subject=file/F-1":                      {first},
		"type=payment.received not party=P-2":   {first},
		"type=payment.received amount=5":        {first + 1},
		"amount.currency=EUR source!=urn:other": {first + 1},
	} {
		got, err := search(l.Ledger, t, ledger.Query{Filter: filter(t, text), Limit: 10})
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: -want +got\n%s", text, d)
		}
	}
	l.Stop()
	ledgertest.Check(t, l.Dir)
}

// What is sealed, or a person, is not asked for where the filter stands in a
// URL.
func TestOpenSearchRefusesWhatIsSealed(t *testing.T) {
	l := ledgertest.New(t)
	for text, want := range map[string]string{
		"party=P-1":                                     "column 1: party is personal",
		"type=decision.made officer=S":                  "column 20: officer is personal",
		"subject=file/F":                                "column 1: subject is personal",
		"id=1 source=urn:x":                             "column 1: id is personal",
		"type=payment.received amount>1":                "column 23: records of org.lendlog.payment.received.v1 seal this member",
		"type=decision.made outcome=declined":           "",
		"type=decision.made reasonCodes=x time>2026-01": "",
		"not type=payment.received index>3":             "",
	} {
		_, err := l.Search(t.Context(), ledger.Query{Filter: filter(t, text), Limit: 10, Open: true})
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	l.Stop()
	ledgertest.Check(t, l.Dir)
}

// A cursor goes with its filter and order, and reads what was there at the
// first page, whatever has come since.
func TestCursor(t *testing.T) {
	l := ledgertest.New(t)
	events := ledgertest.NewEvents(9)
	l.Submit(events.Take(200)...)
	size := l.Head().Size
	q := ledger.Query{Filter: filter(t, "type=payment.received"), Limit: 5}
	p, err := l.Search(t.Context(), q)
	if err != nil || p.Cursor == "" || len(p.Indexes) != 5 {
		t.Fatalf("%+v, %v", p, err)
	}
	l.Submit(events.Take(100)...)
	for _, oldest := range []bool{false, true} {
		for _, other := range []string{"type=payment.received", "type=decision.made"} {
			same := !oldest && other == "type=payment.received"
			next, err := l.Search(t.Context(), ledger.Query{Filter: filter(t, other), Oldest: oldest, Limit: 5, Cursor: p.Cursor})
			if same != (err == nil) || !same && !errors.Is(err, ledger.ErrCursor) {
				t.Errorf("%s, oldest first %t: %v", other, oldest, err)
			}
			if same && (next.Size != size || next.Indexes[0] >= p.Indexes[4] || next.Head.Size != l.Head().Size) {
				t.Errorf("the next page is %+v", next)
			}
		}
	}
	for _, cursor := range []string{"x", p.Cursor[1:], "A" + p.Cursor[1:], strings.ToUpper(p.Cursor)} {
		q.Cursor = cursor
		if _, err := l.Search(t.Context(), q); cursor != p.Cursor && !errors.Is(err, ledger.ErrCursor) {
			t.Errorf("cursor %s: %v", cursor, err)
		}
	}
	l.Stop()
	ledgertest.Check(t, l.Dir)
}

// indexed makes a ledger with a full segment, of which the last record has a
// type of its own, and closes it.
func indexed(t *testing.T) *ledgertest.Ledger {
	t.Helper()
	l := ledgertest.New(t)
	var events []ledgertest.Event
	for i := range index.Segment + 100 {
		events = append(events, event(t, "payment.received", fmt.Sprintf("file/F-%d", i%50), fmt.Sprint("E", i), fmt.Sprintf(`"party":"P-%d"`, i%50),
			`"paymentId":"P1","amount":{"amount":"5.00","currency":"EUR"},"valueDate":"2026-03-04"`))
	}
	l.Submit(events...)
	l.Stop()
	return l
}

var segmentRows = [][]byte{append([]byte{'x'}, make([]byte, 8)...), append([]byte{'y'}, make([]byte, 8)...)}

// A row of the index that is lost or rots is damage: on opening, in a search
// and for the audit; never a search that finds less. Repairing brings it back.
func TestIndexRot(t *testing.T) {
	l := indexed(t)
	want := []int64{}
	for _, key := range segmentRows {
		for name, damage := range map[string]func(*store.Raw) error{
			"lost": func(r *store.Raw) error { return r.Delete(key) },
			"flipped": func(r *store.Raw) error {
				v, _, err := r.Get(key)
				if err != nil {
					return err
				}
				v[len(v)/2] ^= 4
				return r.Set(key, v)
			},
			"empty": func(r *store.Raw) error { return r.Set(key, nil) },
		} {
			l = ledgertest.Start(t, l.Dir, ledger.Options{})
			q := ledger.Query{Filter: filter(t, "party=P-7"), Limit: 1000}
			before, err := search(l.Ledger, t, q)
			if err != nil || len(before) < 80 || len(want) > 0 && !slices.Equal(before, want) {
				t.Fatalf("%d records: %v", len(before), err)
			}
			want = before
			if err := l.Damage(damage); err != nil {
				t.Fatal(err)
			}
			if found, err := search(l.Ledger, t, q); !errors.Is(err, ledger.ErrDamaged) {
				t.Errorf("%c %s: %d records, %v", key[0], name, len(found), err)
			}
			l.Stop()
			if opened, err := ledger.Open(t.Context(), l.Dir, ledger.Options{}); !errors.Is(err, ledger.ErrDamaged) {
				t.Errorf("%c %s: it opens: %v", key[0], name, err)
				_ = opened.Close()
			}
			report, err := fsck.Disk(t.Context(), ledgertest.Parts(t, l.Dir), fsck.Options{Deep: true})
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(report.Findings, func(f fsck.Finding) bool {
				return f.Check == fsck.Index && f.Record == 0 && f.Last == index.Segment-1
			}) {
				t.Errorf("%c %s: the audit finds %+v", key[0], name, report.Findings)
			}
			if _, err := ledger.Repair(t.Context(), l.Dir, ledger.Options{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	ledgertest.Check(t, l.Dir)
}

// Rows with a right check that are of other records are a lie that the audit
// tells.
func TestIndexLies(t *testing.T) {
	l := indexed(t)
	r, err := store.OpenRaw(ledgertest.Parts(t, l.Dir).Store)
	if err != nil {
		t.Fatal(err)
	}
	names, lists := index.Encode(make([]index.Item, index.Segment))
	if err := errors.Join(r.SetSegment(store.Segment{Names: names, Lists: lists}), r.Close()); err != nil {
		t.Fatal(err)
	}
	report, err := fsck.Disk(t.Context(), ledgertest.Parts(t, l.Dir), fsck.Options{Deep: true})
	if err != nil || len(report.Findings) != 1 || report.Findings[0].Check != fsck.Index {
		t.Errorf("%+v, %v", report, err)
	}
}

// A ledger that an older program wrote has no index. The audit says so, and
// opening makes it.
func TestOlderLedgerIsIndexed(t *testing.T) {
	l := indexed(t)
	parts := ledgertest.Parts(t, l.Dir)
	r, err := store.OpenRaw(parts.Store)
	if err != nil {
		t.Fatal(err)
	}
	head, _, err := r.Get([]byte{'h'})
	if err != nil {
		t.Fatal(err)
	}
	older := strings.Replace(string(head), `"segments":1,`, "", 1)
	if older == string(head) {
		t.Fatalf("the head row is %s", head)
	}
	if err := errors.Join(r.Set([]byte{'h'}, []byte(older)), r.Delete(segmentRows[0]), r.Delete(segmentRows[1]), r.Close()); err != nil {
		t.Fatal(err)
	}
	report, err := fsck.Disk(t.Context(), parts, fsck.Options{Deep: true})
	if err != nil || report.Verdict != proof.Incomplete {
		t.Fatalf("%+v, %v", report, err)
	}
	told := false
	l = ledgertest.Start(t, l.Dir, ledger.Options{Progress: func(step string, _, _ int64) {
		told = told || step == "indexing the records for searches"
	}})
	got, err := search(l.Ledger, t, ledger.Query{Filter: filter(t, "party=P-7 type=payment.received"), Limit: 1000})
	if err != nil || len(got) < 80 || !told {
		t.Errorf("%d records, progress told: %t, %v", len(got), told, err)
	}
	l.Stop()
	ledgertest.Check(t, l.Dir)
}

// A payload that rots before its segment is full hides nobody: who searches for
// a person learns that something is damaged.
func TestRotOfTheNewestIsNotHidden(t *testing.T) {
	l := ledgertest.New(t)
	const data = `"paymentId":"P1","amount":{"amount":"5.00","currency":"EUR"},"valueDate":"2026-03-04"`
	l.Submit(event(t, "payment.received", "file/F-1", "E1", `"party":"P-1"`, data), event(t, "payment.received", "file/F-2", "E2", `"party":"P-2"`, data))
	at := l.Head().Size - 2
	l.Stop()
	for name, edit := range map[string]func([]byte) []byte{
		"key id":  func(b []byte) []byte { b[1+int(b[0])+7] ^= 1; return b },
		"length":  func(b []byte) []byte { b[1+int(b[0])+8] ^= 1; return b },
		"members": func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
	} {
		r, err := store.OpenRaw(ledgertest.Parts(t, l.Dir).Store)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(r.EditPayload(at, edit), r.Close()); err != nil {
			t.Fatal(err)
		}
		o, err := ledger.Open(t.Context(), l.Dir, ledger.Options{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for text, damaged := range map[string]bool{"party=P-1": true, "amount>1": true, "type=payment.received": false, "subject=file/F-2 party=P-2": false} {
			if found, err := o.Search(t.Context(), ledger.Query{Filter: filter(t, text), Limit: 10}); errors.Is(err, ledger.ErrDamaged) != damaged {
				t.Errorf("%s, %s: %+v, %v", name, text, found, err)
			}
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := ledger.Repair(t.Context(), l.Dir, ledger.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	ledgertest.Check(t, l.Dir)
}

// While records are appended, every search is of the ledger as it lay at its
// first page.
func TestSearchWhileAppending(t *testing.T) {
	l := ledgertest.New(t)
	events := ledgertest.NewEvents(11).Take(index.Segment + 500)
	q := ledger.Query{Filter: filter(t, "type=payment.received"), Limit: 1000}
	type answer struct{ size, found int64 }
	var answers []answer
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for len(answers) < 3 || l.Head().Size < index.Segment+200 && t.Context().Err() == nil {
			a := answer{}
			for q := q; ; {
				p, err := l.Search(t.Context(), q)
				if err != nil {
					t.Error(err)
					return
				}
				a.size, a.found = p.Size, a.found+int64(len(p.Indexes))
				if q.Cursor = p.Cursor; q.Cursor == "" {
					break
				}
			}
			answers = append(answers, a)
		}
	}()
	for part := range slices.Chunk(events, 100) {
		l.Submit(part...)
	}
	<-ended
	all := facts(t, l.Ledger)
	for _, a := range answers {
		want := int64(0)
		for _, f := range all {
			if f.index < a.size && f.entry.Type == "org.lendlog.payment.received.v1" {
				want++
			}
		}
		if a.found != want {
			t.Errorf("of %d records, %d are found, want %d", a.size, a.found, want)
		}
	}
	l.Stop()
	ledgertest.Check(t, l.Dir)
}

// An entry that is lost before its segment is full, but beyond the right edge,
// does not keep the ledger from opening: who searches learns of it.
func TestLostEntryIsNotHidden(t *testing.T) {
	l := ledgertest.New(t)
	l.Submit(ledgertest.NewEvents(13).Take(800)...)
	l.Stop()
	r, err := store.OpenRaw(ledgertest.Parts(t, l.Dir).Store)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.EditEntry(300, func([]byte) []byte { return nil }), r.Close()); err != nil {
		t.Fatal(err)
	}
	o, err := ledger.Open(t.Context(), l.Dir, ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"type=loan.closed", "party=nobody", "index>=290 outcome=declined"} {
		if p, err := o.Search(t.Context(), ledger.Query{Filter: filter(t, text), Limit: 1000}); !errors.Is(err, ledger.ErrDamaged) {
			t.Errorf("%s: %+v, %v", text, p, err)
		}
	}
	if _, err := o.Search(t.Context(), ledger.Query{Filter: filter(t, "index<256"), Limit: 1000}); err != nil {
		t.Error(err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Repair(t.Context(), l.Dir, ledger.Options{}); err != nil {
		t.Fatal(err)
	}
	ledgertest.Check(t, l.Dir)
}
