// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // so that --zone does not depend on the machine

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger/due"
)

func newDue(c *console.Console) *cobra.Command {
	var t target
	var asOf, zone, state, subject, id string
	var within, limit int
	cmd := &cobra.Command{
		Use:   "due",
		Short: "Show what is owed by when, the most urgent first",
		Long: `Show the obligations that the records of a ledger give rise to: the notice after a
decline, the answer to a complaint, the next validation of a model. Each is breached,
open, met-late or met as of a time; what had happened by then counts, whenever it was
recorded. Days are calendar days of --zone, unless the obligation states its own, and
end at midnight: the last day is still in time. docs/obligations.md lists all
obligations with their sources; it is no legal advice.

The whole ledger is read, which takes a while, unless --subject names one. RECORD is
the record that gives rise to the obligation; a question mark says that a record which
may matter cannot be read any more. Restricted cases have clocks of their own: they
are left out, here and everywhere else.

Of a server the list is its own word: read the records that it names with "lendlog
show". Of one subject the records are read, verified and judged here.

With --json: {"asOf", "zone", "counts", "byObligation", "subjects", "matched",
"items": [{"obligation", "title": {"en", "zh"}, "subject", "state", "due", "from",
"left", "trigger", "done", "doneBy", "unsure"}], "size", "checkpoint"}.`,
		Example: `  lendlog due --dir ledger
  lendlog due --dir ledger --within 7 --zone America/New_York
  lendlog due --server http://127.0.0.1:8080 --as-of 2026-03-31 --state all --json
  lendlog due --dir ledger --subject file/A-2026-000117 --id us.adverse-action.notice`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			q := due.Query{AsOf: time.Now(), Obligation: id, Limit: limit}
			var err error
			if q.Zone, err = due.ParseZone(zone); err != nil {
				return usagef("--zone: %w", err)
			}
			if asOf != "" {
				if q.AsOf, err = due.ParseAsOf(asOf, q.Zone); err != nil {
					return usagef("--as-of: %w", err)
				}
			}
			if q.States, err = due.ParseStates(state); err != nil {
				return usagef("--state: %w", err)
			}
			if cmd.Flags().Changed("within") {
				q.Within = &within
			}
			if kind, rest, ok := strings.Cut(subject, "/"); subject != "" && (!ok || kind == "" || rest == "") {
				return usagef("a subject is KIND/ID, such as file/A-2026-000117")
			}
			table, err := due.Builtin()
			if err != nil {
				return err
			}
			if _, known := table.Obligation(id); id != "" && !known {
				return usagef("there is no obligation %q; docs/obligations.md lists them", id)
			}
			if within < 0 || within > 36600 || limit < 1 {
				return usagef("--within is a number of days from 0 to 36600, --limit a number from 1 on")
			}
			return t.with(cmd.Context(), c, func(l access.Ledger) error {
				progress := c.Progress()
				d, err := l.Due(cmd.Context(), q, subject, progress.Set)
				progress.Done()
				if err != nil {
					return notFound(err, "record of this subject")
				}
				printDue(c, d, q.Zone)
				return c.Emit(d)
			})
		},
	}
	t.flags(cmd)
	t.lookFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&asOf, "as-of", "", "time or day at which to judge; of a day, its end (default: now)")
	f.StringVar(&zone, "zone", "UTC", "zone of the days, such as America/New_York")
	f.StringVar(&state, "state", "open,breached", "states to list, with commas between: open, breached, met, met-late; or all")
	f.IntVar(&within, "within", 0, "list only what is due in at most so many days")
	f.StringVar(&subject, "subject", "", "the only subject to look at, as KIND/ID")
	f.StringVar(&id, "id", "", "the only obligation to look at")
	f.IntVar(&limit, "limit", 1000, "how many to list at most, the most urgent; of a server at most 1000")
	return cmd
}

func printDue(c *console.Console, d *access.Due, zone *time.Location) {
	var rows [][]string
	for _, item := range d.Items {
		state, left, subject, done := string(item.State), strconv.Itoa(item.Left), item.Subject, ""
		if item.Unsure {
			state += "?"
		}
		if subject == "" {
			subject = "(cannot be read any more)"
		}
		if item.DoneBy != nil {
			left, done = "", fmt.Sprintf("%s by record %d", item.Done, *item.DoneBy)
		}
		rows = append(rows, []string{state, string(item.Due), left, subject, item.Title.EN, item.Obligation, strconv.FormatInt(item.Trigger, 10), done})
	}
	if len(rows) > 0 {
		c.Table([]string{"STATE", "DUE", ">DAYS", "SUBJECT", "WHAT", "OBLIGATION", ">RECORD", "DONE"}, rows)
		c.Printf("\n")
	}
	counts := make([]string, len(due.States))
	for i, s := range due.States {
		counts[i] = fmt.Sprintf("%s %s", console.Count(d.Counts[s]), s)
	}
	c.Printf("%s, as of %s, in the checkpoint of %s records\n",
		strings.Join(counts, ", "), d.AsOf.In(zone).Format("2006-01-02 15:04:05 MST"), console.Count(d.Size))
	if rest := d.Matched - int64(len(d.Items)); rest > 0 {
		c.Notef("%s of %s listed; ask for less, or for more with --limit", console.Count(int64(len(d.Items))), console.Count(d.Matched))
	}
	c.Notef("Restricted cases are left out.")
}
