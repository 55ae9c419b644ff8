// SPDX-License-Identifier: Apache-2.0

package reconcile_test

import (
	order "cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/reconcile"
	"github.com/lendlog/lendlog/ledger/story"
)

// item reads "key amount currency date", at a place.
func item(t testing.TB, s string, place int64) reconcile.Item {
	t.Helper()
	f := strings.Fields(s)
	if len(f) < 3 || len(f) > 4 {
		t.Fatalf("no item: %q", s)
	}
	it := reconcile.Item{Key: f[0], Amount: f[1], Currency: f[2], Place: place}
	if len(f) == 4 {
		it.Date = f[3]
	}
	return it
}

// tell writes a break as "kind key [differs] file/ledger ~doubles", by places.
func tell(b reconcile.Break) string {
	place := func(it *reconcile.Item) int64 {
		if it == nil {
			return 0
		}
		return it.Place
	}
	return fmt.Sprintf("%s %s %v %d/%d ~%d", b.Kind, b.Key, b.Differs, place(b.File), place(b.Ledger), b.Doubles)
}

func march(t testing.TB) reconcile.Period {
	p, err := reconcile.ParsePeriod("2026-03")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestBreaks holds files against ledgers. Lines are numbered from 1 on, records
// from 101 on.
func TestBreaks(t *testing.T) {
	for _, tc := range []struct {
		name         string
		file, ledger []string
		want         []string
	}{
		{"both empty", nil, nil, nil},
		{"the same in another order", []string{"b 2 EUR 2026-03-02", "a 1 EUR 2026-03-01"}, []string{"a 1 EUR 2026-03-01", "b 2 EUR 2026-03-02"}, nil},
		{"zeros that say nothing", []string{"a 1.50 EUR 2026-03-01", "b -0.00 EUR 2026-03-01"}, []string{"a 1.5 EUR 2026-03-01", "b 0 EUR 2026-03-01"}, nil},
		{"a file without dates", []string{"a 1 EUR"}, []string{"a 1 EUR 2026-03-31", "b 1 EUR 2026-04-01"}, nil},
		{"missing in the ledger", []string{"a 1 EUR 2026-03-01"}, nil, []string{"missing-in-ledger a [] 1/0 ~0"}},
		{"missing in the file", nil, []string{"a 1 EUR 2026-03-01"}, []string{"missing-in-file a [] 0/101 ~0"}},
		{"without a key", nil, []string{" 1 EUR 2026-03-01", " 1 EUR 2026-03-01"}, nil}, // replaced below
		{"the amount", []string{"a 1.01 EUR 2026-03-01"}, []string{"a 1.10 EUR 2026-03-01"}, []string{"differs a [amount] 1/101 ~0"}},
		{"the currency", []string{"a 1 EUR 2026-03-01"}, []string{"a 1 CHF 2026-03-01"}, []string{"differs a [currency] 1/101 ~0"}},
		{"the date", []string{"a 1 EUR 2026-03-01"}, []string{"a 1 EUR 2026-03-02"}, []string{"differs a [date] 1/101 ~0"}},
		{"everything", []string{"a 1 EUR 2026-03-01"}, []string{"a 2 CHF 2026-03-02"}, []string{"differs a [amount currency date] 1/101 ~0"}},
		{"the date, out of the period", []string{"a 1 EUR 2026-04-01"}, []string{"a 1 EUR 2026-03-31"}, []string{"differs a [date] 1/101 ~0"}},
		{"the date, out of the period in the ledger", []string{"a 1 EUR 2026-03-31"}, []string{"a 1 EUR 2026-02-01"}, []string{"differs a [date] 1/101 ~0"}},
		{"out of the period in a file without dates", []string{"a 1 EUR"}, []string{"a 1 EUR 2026-04-01"}, []string{"differs a [date] 1/101 ~0"}},
		{"all out of the period", []string{"a 1 EUR 2026-04-01", "b 2 EUR 2026-04-01"}, []string{"a 3 EUR 2026-04-02", "c 1 EUR 2026-02-28"}, nil},
		{"doubled in the file", []string{"a 1 EUR 2026-03-01", "a 1 EUR 2026-03-01"}, []string{"a 1 EUR 2026-03-01"}, []string{"doubled-in-file a [] 2/101 ~1"}},
		{"doubled in the ledger", []string{"a 1 EUR 2026-03-01"}, []string{"a 1 EUR 2026-03-01", "a 1 EUR 2026-03-01"}, []string{"doubled-in-ledger a [] 1/102 ~101"}},
		{"doubled on both sides", []string{"a 1 EUR 2026-03-01", "a 1 EUR 2026-03-01"}, []string{"a 1 EUR 2026-03-01", "a 1 EUR 2026-03-01"}, nil},
		{"doubled with another amount", []string{"a 1 EUR 2026-03-01", "a 2 EUR 2026-03-01"}, []string{"a 2 EUR 2026-03-01"}, []string{"doubled-in-file a [] 1/101 ~2"}},
		{"missing and doubled", nil, []string{"a 1 EUR 2026-03-01", "a 1 EUR 2026-03-01"}, []string{"missing-in-file a [] 0/101 ~0", "doubled-in-ledger a [] 0/102 ~101"}},
		{"altered and doubled", []string{"a 1 EUR 2026-03-01", "a 1 EUR 2026-03-01"}, []string{"a 9 EUR 2026-03-01"}, []string{"differs a [amount] 1/101 ~0", "doubled-in-file a [] 2/101 ~1"}},
		{"doubled in another period", []string{"a 1 EUR 2026-03-01"}, []string{"a 1 EUR 2026-03-01", "a 1 EUR 2026-04-01"}, nil},
		{"what is in the period is paired first", []string{"a 1 EUR 2026-04-05", "a 1 EUR 2026-03-05"}, []string{"a 2 EUR 2026-03-05"}, []string{"differs a [amount] 2/101 ~0"}},
		{"a payment and its reversal", []string{"a 1 EUR 2026-03-01", "a -1 EUR 2026-03-03"}, []string{"a -1 EUR 2026-03-03", "a 1 EUR 2026-03-01"}, nil},
		{"a reversal that is missing", []string{"a 1 EUR 2026-03-01"}, []string{"a -1 EUR 2026-03-03", "a 1 EUR 2026-03-01"}, []string{"missing-in-file a [] 0/101 ~0"}},
		{"a sign", []string{"a 1 EUR 2026-03-01"}, []string{"a -1 EUR 2026-03-01"}, []string{"missing-in-ledger a [] 1/0 ~0", "missing-in-file a [] 0/101 ~0"}},
		{"one key is the beginning of another", []string{"a 1 EUR 2026-03-01", "ab 1 EUR 2026-03-01"}, []string{"ab 1 EUR 2026-03-01"}, []string{"missing-in-ledger a [] 1/0 ~0"}},
	} {
		dated := len(tc.file) == 0 || len(strings.Fields(tc.file[0])) == 4
		c := reconcile.New(march(t), dated)
		for i, s := range tc.file {
			c.File(item(t, s, int64(i+1)))
		}
		for i, s := range tc.ledger {
			if s[0] == ' ' {
				it := item(t, "x"+s, int64(i+101))
				it.Key = ""
				c.Ledger(it)
				continue
			}
			c.Ledger(item(t, s, int64(i+101)))
		}
		if tc.name == "without a key" { // they are not each other's doubles
			tc.want = []string{"missing-in-file  [] 0/101 ~0", "missing-in-file  [] 0/102 ~0"}
		}
		r := c.Report(100)
		var got []string
		for _, b := range r.Breaks {
			got = append(got, tell(b))
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", tc.name, diff)
		}
		if r.Broken() != int64(len(got)) || !r.Whole() {
			t.Errorf("%s: %d breaks are counted, whole %v", tc.name, r.Broken(), r.Whole())
		}
	}
}

func TestTotals(t *testing.T) {
	c := reconcile.New(march(t), true)
	for i, s := range []string{"a 0.10 EUR 2026-03-01", "b 0.2 EUR 2026-03-31", "c 5 JPY 2026-03-02", "d 7 EUR 2026-04-01"} {
		c.File(item(t, s, int64(i+1)))
	}
	c.Reject()
	for i, s := range []string{"a 0.10 EUR 2026-03-01", "e -3 CHF 2026-03-01", "f 9 CHF 2026-02-28"} {
		c.Ledger(item(t, s, int64(i+101)))
	}
	c.Ledger(reconcile.Item{Key: "g", Date: "2026-03-01", Place: 104, Unreadable: true})
	c.Ledger(reconcile.Item{Key: "g", Date: "2026-04-01", Place: 105, Unreadable: true})
	c.Ledger(reconcile.Item{Key: "h", Date: "2026-03-01", Place: 106}) // has no amount
	r := c.Report(1)
	want := &reconcile.Report{
		Period:   reconcile.Period{From: "2026-03-01", To: "2026-03-31"},
		File:     reconcile.Total{Count: 3, Sums: []reconcile.Sum{{Amount: "0.30", Currency: "EUR"}, {Amount: "5", Currency: "JPY"}}},
		Ledger:   reconcile.Total{Count: 3, Sums: []reconcile.Sum{{Amount: "-3", Currency: "CHF"}, {Amount: "0.10", Currency: "EUR"}}},
		Counts:   map[reconcile.Kind]int64{reconcile.MissingInLedger: 2, reconcile.MissingInFile: 2},
		Breaks:   r.Breaks,
		Rejected: 1, Unreadable: 1,
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(r.Breaks) != 1 || r.Broken() != 4 || r.Whole() {
		t.Errorf("%d of %d breaks are listed, whole %v", len(r.Breaks), r.Broken(), r.Whole())
	}
}

// naive is the comparison written for its reader: every item is held against
// every other.
func naive(period reconcile.Period, dated bool, file, ledger []reconcile.Item) []string {
	amount := func(it reconcile.Item) story.Decimal { d, _ := story.ParseDecimal(it.Amount); return d }
	in := func(it reconcile.Item) bool { return it.Date == "" || period.Contains(it.Date) }
	related := func(a, b reconcile.Item) bool {
		return a.Key == b.Key && (amount(a).Sign() < 0) == (amount(b).Sign() < 0)
	}
	same := func(f, l reconcile.Item) bool {
		return related(f, l) && amount(f).Cmp(amount(l)) == 0 && f.Currency == l.Currency && (dated && f.Date == l.Date || !dated && in(l))
	}
	what := func(it reconcile.Item) string {
		return fmt.Sprintf("%s %s %s", amount(it), it.Currency, it.Date)
	}
	var out []string
	seen := map[string]bool{}
	for _, one := range slices.Concat(file, ledger) {
		group := fmt.Sprint(one.Key, amount(one).Sign() < 0)
		if seen[group] {
			continue
		}
		seen[group] = true
		var f, l []reconcile.Item
		for _, it := range file {
			if related(it, one) {
				f = append(f, it)
			}
		}
		matched := false
		for _, it := range ledger {
			if !related(it, one) {
				continue
			}
			if i := slices.IndexFunc(f, func(x reconcile.Item) bool { return same(x, it) }); i >= 0 {
				f, matched = slices.Delete(f, i, i+1), true
				continue
			}
			l = append(l, it)
		}
		byPlace := func(a, b reconcile.Item) int {
			early := func(it reconcile.Item) int {
				if in(it) {
					return 0
				}
				return 1
			}
			n := order.Or(order.Compare(early(a), early(b)), strings.Compare(strings.TrimSuffix(a.Amount, ".0"), strings.TrimSuffix(b.Amount, ".0")), strings.Compare(a.Currency, b.Currency))
			if dated {
				n = order.Or(n, strings.Compare(a.Date, b.Date))
			}
			return order.Or(n, order.Compare(a.Place, b.Place))
		}
		slices.SortFunc(f, byPlace)
		slices.SortFunc(l, byPlace)
		n := min(len(f), len(l))
		for i := range n {
			if in(f[i]) || in(l[i]) {
				out = append(out, fmt.Sprint("differs ", one.Key, " ", what(f[i]), " ", what(l[i])))
			}
		}
		first := matched || n > 0
		for side, rest := range map[string][]reconcile.Item{"ledger": f[n:], "file": l[n:]} {
			other := map[string]string{"ledger": "file", "file": "ledger"}[side]
			first := first
			for _, it := range rest {
				switch {
				case !in(it):
				case first:
					out = append(out, fmt.Sprint("doubled-in-", other, " ", one.Key, " ", what(it)))
				default:
					out = append(out, fmt.Sprint("missing-in-", side, " ", one.Key, " ", what(it)))
					first = true
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// TestRandom holds the comparison of random sides against the naive one, and
// the breaks against the totals: they are what makes the difference.
func TestRandom(t *testing.T) {
	days := []string{"2026-02-28", "2026-03-01", "2026-03-02", "2026-04-01"}
	for seed := range uint64(3000) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		dated := rnd.IntN(4) > 0
		keys := 1 + rnd.IntN(6)
		side := func(base int64, dated bool) (items []reconcile.Item) {
			for i := range rnd.IntN(12) {
				it := reconcile.Item{
					Key: fmt.Sprint("k", rnd.IntN(keys)), Amount: []string{"1", "1.0", "2", "-1", "0"}[rnd.IntN(5)],
					Currency: []string{"EUR", "CHF"}[rnd.IntN(2)], Place: base + int64(i),
				}
				if dated {
					it.Date = days[rnd.IntN(len(days))]
				}
				items = append(items, it)
			}
			return items
		}
		file, ledger := side(1, dated), side(101, true)
		for _, period := range []reconcile.Period{march(t), {}} {
			c := reconcile.New(period, dated)
			for _, it := range file {
				c.File(it)
			}
			for _, it := range ledger {
				c.Ledger(it)
			}
			r := c.Report(1000)
			var got []string
			difference := map[string]story.Decimal{}
			add := func(it *reconcile.Item, sign string) {
				if it != nil && (it.Date == "" || period.Contains(it.Date)) {
					d, _ := story.ParseDecimal(it.Amount)
					if sign == "-" {
						d = d.Neg()
					}
					difference[it.Currency] = difference[it.Currency].Add(d)
				}
			}
			for _, b := range r.Breaks {
				s := fmt.Sprint(b.Kind, " ", b.Key)
				show := func(it *reconcile.Item) {
					d, _ := story.ParseDecimal(it.Amount)
					s += fmt.Sprintf(" %s %s %s", d, it.Currency, it.Date)
				}
				switch b.Kind {
				case reconcile.Differs:
					show(b.File)
					show(b.Ledger)
					add(b.File, "+")
					add(b.Ledger, "-")
				case reconcile.MissingInLedger, reconcile.DoubledInFile:
					show(b.File)
					add(b.File, "+")
				default:
					show(b.Ledger)
					add(b.Ledger, "-")
				}
				got = append(got, s)
			}
			slices.Sort(got)
			if diff := cmp.Diff(naive(period, dated, file, ledger), got); diff != "" {
				t.Fatalf("seed %d, dated %v, period %v: -want +got:\n%s\nfile %v\nledger %v", seed, dated, period, diff, file, ledger)
			}
			for _, sums := range []struct {
				of   []reconcile.Sum
				sign string
			}{{r.File.Sums, "-"}, {r.Ledger.Sums, "+"}} {
				for _, s := range sums.of {
					add(&reconcile.Item{Amount: s.Amount, Currency: s.Currency}, sums.sign)
				}
			}
			for currency, d := range difference {
				if d.Sign() != 0 {
					t.Fatalf("seed %d: breaks leave %s %s of the difference", seed, d, currency)
				}
			}
		}
	}
}

func TestParsePeriod(t *testing.T) {
	for _, tc := range []struct{ in, from, to, out string }{
		{"", "", "", ""},
		{"2026", "2026-01-01", "2026-12-31", "2026-01-01..2026-12-31"},
		{"2024-02", "2024-02-01", "2024-02-29", "2024-02-01..2024-02-29"},
		{"2026-03-05", "2026-03-05", "2026-03-05", "2026-03-05"},
		{"2026-03-05..2026-04", "2026-03-05", "2026-04-30", "2026-03-05..2026-04-30"},
		{"2026-03..", "2026-03-01", "", "2026-03-01.."},
		{"..2026-03", "", "2026-03-31", "..2026-03-31"},
		{"2026-04..2026-03", "-", "", ""},
		{"2026-3", "-", "", ""},
		{"2026-02-30", "-", "", ""},
		{"march", "-", "", ""},
	} {
		p, err := reconcile.ParsePeriod(tc.in)
		if (err != nil) != (tc.from == "-") {
			t.Errorf("%q: %v", tc.in, err)
		}
		if err != nil {
			continue
		}
		if p.From != tc.from || p.To != tc.to || p.String() != tc.out {
			t.Errorf("%q is %v, %s", tc.in, p, p)
		}
		if again, err := reconcile.ParsePeriod(p.String()); err != nil || again != p {
			t.Errorf("%q is read back as %v, %v", p, again, err)
		}
	}
}

// BenchmarkComparison compares a million items, of which none differs.
func BenchmarkComparison(b *testing.B) {
	const n = 1_000_000
	b.ReportAllocs()
	for b.Loop() {
		c := reconcile.New(reconcile.Period{}, true)
		for i := range n {
			c.File(reconcile.Item{Key: fmt.Sprintf("P-2026-%08d", i*7919%n), Amount: "123.45", Currency: "EUR", Date: "2026-03-01", Place: int64(i + 2)})
		}
		for i := range n {
			c.Ledger(reconcile.Item{Key: fmt.Sprintf("P-2026-%08d", i), Amount: "123.45", Currency: "EUR", Date: "2026-03-01", Place: int64(i + 1)})
		}
		if r := c.Report(100); r.Broken() != 0 {
			b.Fatalf("%d breaks", r.Broken())
		}
	}
}
