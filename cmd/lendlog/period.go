// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger"
)

func newClose(c *console.Console) *cobra.Command {
	var t target
	var to string
	cmd := &cobra.Command{
		Use:   "close --to TIME",
		Short: "Close a period: count what was recorded in it, in a record of the ledger",
		Long: `Count, by type, what was recorded since the last period was closed, or since the
ledger was made, up to a moment, and record the numbers. The first period begins with
the ledger and each later one where the last one ended, so together they leave nothing
out. Every audit counts again: from then on the lender is held to the numbers.

--to is the first moment that does not belong to the period: a day, which begins at
midnight UTC, or an RFC 3339 time such as midnight where the lender is, at a quarter of
an hour. It has to be over. A period that is closed already is shown again.

"lendlog bundle --from FROM --to TO" writes all records of a period into one file, and
"lendlog query type=period.closed" lists those that are closed.

With --json, the record, of the form of "lendlog show --json".`,
		Example: `  lendlog close --to 2026-05-01 --dir ledger
  lendlog close --to 2026-05-01T00:00:00+08:00 --server http://127.0.0.1:8080`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			end, err := parseMoment("to", to)
			if err != nil {
				return err
			}
			return t.with(cmd.Context(), c, func(l access.Ledger) error {
				progress := c.Progress()
				r, repeated, err := l.ClosePeriod(cmd.Context(), end, progress.Set)
				progress.Done()
				if err != nil {
					return err
				}
				if c.JSON {
					return c.Emit(r)
				}
				return printPeriod(c, r, repeated)
			})
		},
	}
	t.flags(cmd)
	cmd.Flags().StringVar(&to, "to", "", "first moment after the period")
	_ = cmd.MarkFlagRequired("to")
	return cmd
}

func printPeriod(c *console.Console, r *access.Record, repeated bool) error {
	var from, to string
	var first, next int64
	var counts []ledger.TypeCount
	members := map[string]any{"/data/from": &from, "/data/to": &to, "/data/first": &first, "/data/next": &next, "/data/counts": &counts}
	for _, m := range r.Members {
		if out, ok := members[m.Pointer]; ok {
			if err := json.Unmarshal(m.Value, out); err != nil {
				return err
			}
		}
	}
	var all int64
	var rows [][]string
	for _, n := range counts {
		all += n.Count
		rows = append(rows, []string{console.Count(n.Count), access.ShortType(n.Type)})
	}
	done := "Closed"
	if repeated {
		done = "Closed before"
	}
	c.Printf("%s in record %d: %s to before %s, %s %s between %d and %d\n", done, r.Index, from, to, console.Count(all), plural(int(all), "record", "records"), first, next)
	if len(rows) > 0 {
		c.Printf("\n")
		c.Table([]string{">COUNT", "TYPE"}, rows)
	}
	return nil
}
