// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger/stats"
)

func newStats(c *console.Console) *cobra.Command {
	var t target
	var scope stats.Scope
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Count what a ledger holds, and what it will need",
		Long: `Count the records of a ledger by type and month, its decisions by outcome, reason
and month, and work out the approval rate with its 95 percent interval, the time from
application to decision, overrides, how loans and lines of each month went into
arrears, and what the ledger takes on disk and will need in a year. Each says what it
is of and how to compute it again from the records under the checkpoint.

What is said of decisions and loans is as it holds after corrections. Restricted
records are counted as such and in nothing else. Nothing is by a trait of a person:
these are statistics of monitoring, and no test of fairness.

--from, --to and --product narrow what is said of decisions and loans to months, both
included, and to one product: of a decision the month in which it was made, of a file
that of its last or first decision, of a loan that in which it began.

The whole ledger is read, which takes a while. Of a server the numbers are its own
word, under a checkpoint that may be a minute old: run it on a copy of the ledger
where that is not enough.

With --json everything that was counted: the members are those of Statistics in
openapi.yaml, which GET /v1/stats answers with.`,
		Example: `  lendlog stats --dir ledger
  lendlog stats --dir ledger --from 2026-01 --to 2026-03 --product personal
  lendlog stats --server http://127.0.0.1:8080 --json`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := scope.Check(); err != nil {
				return usagef("--from, --to and --product: %v", err)
			}
			return t.with(cmd.Context(), c, func(l access.Ledger) error {
				progress := c.Progress()
				s, err := l.Stats(cmd.Context(), scope, progress.Set)
				progress.Done()
				if err != nil {
					return err
				}
				printStats(c, s)
				return c.Emit(s)
			})
		},
	}
	t.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&scope.From, "from", "", "first month of the decisions and loans, such as 2026-01")
	f.StringVar(&scope.To, "to", "", "last month of them")
	f.StringVar(&scope.Product, "product", "", "code of the product that they are of")
	return cmd
}

func printStats(c *console.Console, s *access.Stats) {
	c.Printf("As of %s, under the checkpoint of %s records\n", s.AsOf.Format(time.RFC3339), console.Count(s.Size))
	section := func(title string, b stats.Basis) {
		c.Printf("\n%s of %s: %s\n", c.Paint(console.Strong, title), console.Count(b.Count), b.Population)
		c.Printf("  computed: %s\n", b.Method)
	}

	section("Records", s.Records.Basis)
	if n := s.Records.Count; n > 0 {
		c.Printf("  of them %s restricted and %s index-roots; an entry has %s bytes on average\n",
			console.Count(s.Records.Restricted), console.Count(s.Records.IndexRoots), console.Count(s.Records.EntryBytes/n))
	}
	printCounts(c, "TYPE", s.Records.ByType, access.ShortType)
	printCounts(c, "CAPTURE", s.Records.ByCapture, nil)
	printMonths(c, "RECORDED IN", s.Records.ByMonth)

	section("Decisions", s.Decisions.Basis)
	printCounts(c, "OUTCOME", s.Decisions.ByOutcome, nil)
	printCounts(c, "REASON", s.Decisions.ByReason, nil)
	printCounts(c, "MODE", s.Decisions.ByMode, nil)
	decided := map[string]int64{}
	for month, outcomes := range s.Decisions.ByMonth {
		for _, n := range outcomes {
			decided[month] += n
		}
	}
	printMonths(c, "DECIDED IN", decided)

	section("Approval", s.Approval.Basis)
	c.Printf("  approved: %s\n", share(s.Approval.Approved))
	section("Time to decision", s.TimeToDecision.Basis)
	if w := s.TimeToDecision; w.Median != nil && w.P90 != nil {
		c.Printf("  median %s, nine of ten within %s\n", span(*w.Median), span(*w.P90))
	}
	if n := s.TimeToDecision.Earlier; n > 0 {
		c.Printf("  left out: %s whose decision lies before the application\n", console.Count(n))
	}
	section("Overrides", s.Overrides.Basis)
	c.Printf("  overrides: %s\n", share(s.Overrides.Overrides))
	printCounts(c, "DIRECTION", s.Overrides.ByDirection, nil)

	section("Delinquency", s.Delinquency.Basis)
	printVintages(c, s.Delinquency.Vintages)
	if n := s.Delinquency.Unplaced; n > 0 {
		c.Printf("  %s are in no month\n", console.Count(n))
	}

	if n := s.Unscoped; n > 0 && s.Scope != (stats.Scope{}) {
		c.Warnf("%s decisions and loans are in no scope, for there are too many months and products to tell them apart", console.Count(n))
	}

	section("Growth", s.Growth.Basis)
	printGrowth(c, &s.Growth)
	if s.Unclear > 0 {
		c.Warnf("%s stories have corrections that cannot be read, or too many records: what is said of them may be wrong", console.Count(s.Unclear))
	}
}

// printCounts prints what there is of each, the most first.
func printCounts(c *console.Console, what string, counts map[string]int64, name func(string) string) {
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	printCounted(c, what, keys, counts, name)
}

// printMonths prints months in their order.
func printMonths(c *console.Console, what string, counts map[string]int64) {
	printCounted(c, what, slices.Sorted(maps.Keys(counts)), counts, nil)
}

func printCounted(c *console.Console, what string, keys []string, counts map[string]int64, name func(string) string) {
	var rows [][]string
	for _, key := range keys {
		shown := key
		if name != nil {
			shown = name(key)
		}
		rows = append(rows, []string{console.Count(counts[key]), shown})
	}
	if len(rows) > 0 {
		c.Printf("\n")
		c.Table([]string{">COUNT", what}, rows)
	}
}

// share writes a share with its interval.
func share(s stats.Share) string {
	if s.Value == nil || s.Low == nil || s.High == nil {
		return console.Count(s.Part)
	}
	percent := func(x float64) string { return strconv.FormatFloat(100*x, 'f', 1, 64) }
	return fmt.Sprintf("%s, %s%% (95%% interval %s%% to %s%%)", console.Count(s.Part), percent(*s.Value), percent(*s.Low), percent(*s.High))
}

// span writes seconds in their two largest units.
func span(seconds int64) string {
	units := []struct {
		name string
		size int64
	}{{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}}
	var parts []string
	for _, u := range units {
		if n := seconds / u.size; n > 0 || u.size == 1 && len(parts) == 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, u.name))
			seconds -= n * u.size
		} else if len(parts) == 1 {
			break
		}
		if len(parts) == 2 {
			break
		}
	}
	return strings.Join(parts, " ")
}

// shownAges are those of stats.MonthsOnBook that fit into a line.
var shownAges = []int{3, 6, 12, 24, 36}

// printVintages prints a line for each month; --json has all ages.
func printVintages(c *console.Console, vintages []stats.Vintage) {
	if len(vintages) == 0 {
		return
	}
	header := []string{"MONTH", ">LOANS"}
	for _, age := range shownAges {
		header = append(header, fmt.Sprintf(">BY %d", age))
	}
	var rows [][]string
	for _, v := range vintages {
		row := []string{v.Month, console.Count(v.Originated)}
		for _, age := range shownAges {
			cell := "-"
			for _, p := range v.Ever {
				if p.MonthsOnBook == age {
					cell = fmt.Sprintf("%d/%d/%d", p.Past30, p.Past60, p.Past90)
				}
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	c.Printf("  how many had ever been 30/60/90 days past due by so many months on book\n\n")
	c.Table(header, rows)
}

func printGrowth(c *console.Console, g *stats.Growth) {
	if g.RecordsPerYear == nil {
		c.Printf("  within %s days, too short a time for a rate\n", strconv.FormatFloat(g.Days, 'f', 2, 64))
	} else {
		c.Printf("  within %s days, which is %s records a year\n", strconv.FormatFloat(g.Days, 'f', 1, 64), console.Count(*g.RecordsPerYear))
	}
	for _, v := range []struct {
		name string
		*stats.Volume
	}{{"store", g.Store}, {"mirror", g.Mirror}} {
		if v.Volume == nil {
			continue
		}
		c.Printf("  %-6s  %s bytes, %s a record", v.name, console.Count(v.Bytes), console.Count(v.PerRecord))
		if v.PerYear != nil {
			c.Printf("; a year needs %s", console.Count(*v.PerYear))
		}
		c.Printf("\n")
	}
}
