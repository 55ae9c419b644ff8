// SPDX-License-Identifier: Apache-2.0

package lifecycle_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger/lifecycle"
)

// TestBookIsAsDescribed holds a book against the comment of the package.
func TestBookIsAsDescribed(t *testing.T) {
	const loans = 20_000
	type file struct {
		has     map[string]bool
		reasons map[string]bool
		actions map[string]bool
	}
	files := map[string]*file{}
	lines := 0
	places := map[string]int{}
	for e := range book(t, lifecycle.Config{Loans: loans, Seed: 4}).Events() {
		kind, id, _ := strings.Cut(e.Subject, "/")
		if kind == "line" && e.Last {
			lines++
		}
		if kind != "file" {
			continue
		}
		f := files[e.Subject]
		if f == nil {
			f = &file{map[string]bool{}, map[string]bool{}, map[string]bool{}}
			files[e.Subject] = f
			places[id[4:6]]++
		}
		_, rest, _ := bytes.Cut(e.Document, []byte(`"type":"org.lendlog.`))
		typ, _, _ := strings.Cut(string(rest[:60]), ".v1")
		f.has[typ] = true
		var data struct {
			Data struct{ Reason, ActionTaken, Product string }
		}
		switch typ {
		case "loan.closed", "application.disposed", "application.received":
			if err := json.Unmarshal(e.Document, &data); err != nil {
				t.Fatal(err)
			}
			f.reasons[data.Data.Reason] = true
			f.actions[data.Data.ActionTaken] = true
			f.has[data.Data.Product] = true
		}
	}
	count := func(is func(f *file) bool) (n int) {
		for _, f := range files {
			if is(f) {
				n++
			}
		}
		return n
	}
	has := func(typ string) func(*file) bool { return func(f *file) bool { return f.has[typ] } }
	action := func(code string) func(*file) bool { return func(f *file) bool { return f.actions[code] } }
	closed := func(reason string) func(*file) bool { return func(f *file) bool { return f.reasons[reason] } }
	lent := count(has("contract.signed"))
	for _, x := range []struct {
		what  string
		n, of int
		want  float64 // percent
	}{
		{"lines", lines, loans, 15},
		{"in the United States", places["US"], len(files), 45},
		{"in Europe", places["EU"], len(files), 30},
		{"in China", places["CN"], len(files), 25},
		{"instalment loans", count(has("instalment-loan")), len(files), 74},
		{"car loans", count(has("car-loan")), len(files), 22},
		{"home loans", count(has("home-loan")), len(files), 4},
		{"lead to a loan", lent, len(files), 60},
		{"declined", count(action("3")), len(files), 29},
		{"withdrawn or never completed", count(action("4")) + count(action("5")), len(files), 7.5},
		{"not taken up", count(action("2")), len(files), 3.5},
		{"charged off", count(has("loan.charged-off")), lent, 3.5},
		{"recoveries", count(has("recovery.received")), count(has("loan.charged-off")), 50},
		{"restructured", count(has("loan.restructured")), lent, 1.5},
		{"sold", count(closed("sold")), lent, 2},
		{"refinanced", count(closed("refinanced")), lent, 8.5},
		{"cooling off", count(closed("cooling-off")), lent, 0.3},
		{"in arrears", count(has("delinquency.changed")), lent, 15},
		{"complaints", count(has("complaint.opened")), lent, 2},
	} {
		got := 100 * float64(x.n) / float64(x.of)
		t.Logf("%s: %.2f percent of %d", x.what, got, x.of)
		if margin := max(0.3, x.want*0.12); got < x.want-margin || got > x.want+margin {
			t.Errorf("%s: %.2f percent of %d, want %.1f", x.what, got, x.of, x.want)
		}
	}
}
