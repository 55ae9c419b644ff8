// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/due"
	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/tree"
)

func newQuery(c *console.Console) *cobra.Command {
	var t target
	var limit int
	var newest, oldest, explain bool
	var asOf string
	cmd := &cobra.Command{
		Use:   "query FILTER",
		Short: "Find records",
		Long: `Find the records for which all terms of a filter hold, the newest first.

A term is a field, one of = != < <= > >=, and a value, or for = and != several with
commas between; "not" before it turns it round. Values with spaces or commas stand in
double quotes. Mind the quotes of your shell: < and > are its own.

  type        decision.made, or org.lendlog.decision.made.v1
  capture     live, late or import
  submitter   id of a submitter's key
  index       number of the record in the ledger
  recorded    when it came into the ledger: a day, month or year, or an RFC 3339 time
  time        when it happened
  subject     KIND/ID
  party       a person or firm in any role but those of the staff
  officer     a member of staff in any role
  id, source  of the event; an id goes with its source
  finding     id of a rule, as "lendlog findings" names it, or any: the records at
              fault and those that show it
  due         what a record gives rise to: open, breached, met or met-late, the id of
              an obligation as "lendlog due" names it, both as in ID/breached, or any
  anything    that "lendlog types show TYPE" lists: outcome=declined, amount>10000,
              amount.currency=EUR, reasonCodes=debt-to-income, dueDate<=2026-03; with
              data. before it where it has a name of those above

A term holds where the record is known to make it true, and "not" holds everywhere
else, also where a member is absent or was erased. Of a list one item is enough. An
amount of money compares by its amount. Days are those of UTC. There is no "or": list
the values of one field with commas, or search twice. Restricted records are found as
type=restricted and by capture, recorded and index, and by nothing else: neither their
time nor anything sealed.

What is found and what is due is computed from all records of a subject: add terms that
leave few of them, or read the whole ledger with "lendlog findings" or "lendlog due".

--explain says how many records the index leaves to be read, without reading them, and
for which terms all records of their subjects are read besides.

With --json, one line per record, of the form of "lendlog show --json"; with
--explain: {"size", "first", "end", "by", "sources": [{"term", "candidates"}],
"candidates", "read", "opened", "judged"}.`,
		Example: `  lendlog query 'type=decision.made outcome=declined,referred recorded>=2026-01-01' --dir ledger
  lendlog query 'party=P-77 amount>10000 not capture=import' --dir ledger --oldest
  lendlog query 'finding=decline-reasons recorded>=2026-03' --dir ledger
  lendlog query 'due=breached type=complaint.opened' --dir ledger --as-of 2026-03-31
  lendlog query 'officer="staff 12" time>=2026-03 time<2026-04' --server http://127.0.0.1:8080 --json`,
		Args: takes("FILTER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := index.ParseFilter(args[0])
			if err != nil {
				return usagef("the filter: %w", err)
			}
			if limit < 1 {
				return usagef("--limit is a number from 1 on")
			}
			var at time.Time
			switch {
			case asOf != "" && !f.Due():
				return usagef("--as-of goes with a filter that asks for what is due, such as due=open")
			case asOf != "":
				if at, err = due.ParseAsOf(asOf, time.UTC); err != nil {
					return usagef("--as-of: %w", err)
				}
			case f.Due():
				at = time.Now()
			}
			return t.with(cmd.Context(), c, func(l access.Ledger) error {
				if explain {
					e, err := l.Explain(cmd.Context(), f)
					if err != nil {
						return err
					}
					printExplanation(c, e)
					return c.Emit(explained(e))
				}
				return query(cmd, c, l, f, oldest, limit, at)
			})
		},
	}
	t.flags(cmd)
	t.lookFlags(cmd)
	cmd.Flags().IntVar(&limit, "limit", 100, "how many records to show at most")
	cmd.Flags().BoolVar(&newest, "newest", false, "the newest records first, which is the default")
	cmd.Flags().BoolVar(&oldest, "oldest", false, "the oldest records first")
	cmd.Flags().StringVar(&asOf, "as-of", "", "time or day at which to judge what is due; of a day, its end (default: now)")
	cmd.Flags().BoolVar(&explain, "explain", false, "say how the records would be found")
	cmd.MarkFlagsMutuallyExclusive("newest", "oldest")
	return cmd
}

func query(cmd *cobra.Command, c *console.Console, l access.Ledger, f *index.Filter, oldest bool, limit int, asOf time.Time) error {
	var rows [][]string
	var cp tree.Checkpoint
	more := false
	for r, err := range l.Search(cmd.Context(), f, oldest, min(limit+1, 1000), asOf) {
		if err != nil {
			return err
		}
		if more = len(rows) == limit; more {
			break
		}
		if err := c.Emit(r); err != nil {
			return err
		}
		cp, _ = checkpointOf(r.Checkpoint)
		subject := r.Subject
		if r.Restricted {
			subject = "(restricted)"
		}
		rows = append(rows, []string{
			strconv.FormatInt(r.Index, 10), r.Recorded, access.ShortType(r.Type), console.Clean(subject), r.Capture,
			console.Cut(console.Clean(r.Gist()), gistWidth),
		})
	}
	judged := ""
	if !asOf.IsZero() {
		judged = ", as of " + asOf.UTC().Format("2006-01-02 15:04:05 MST")
	}
	if len(rows) > 0 {
		c.Table([]string{">RECORD", "RECORDED", "TYPE", "SUBJECT", "CAPTURE", "WHAT"}, rows)
	}
	switch {
	case more:
		c.Notef("the first %s%s; there are more, see --limit", console.Count(int64(limit)), judged)
	case len(rows) == 0:
		c.Notef("nothing found%s", judged)
	default:
		c.Notef("%s, each verified, in the checkpoint of %s records%s", counted(len(rows), "record"), console.Count(cp.Size), judged)
	}
	return nil
}

func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return console.Count(int64(n)) + " " + what
}

func printExplanation(c *console.Console, e *ledger.Explanation) {
	c.Printf("%s records, of which %s are left by index and time of recording\n", console.Count(e.Size), console.Count(e.End-e.First))
	for _, s := range e.Sources {
		c.Printf("index   %s: %s\n", console.Clean(s.Term), console.Count(s.Candidates))
	}
	c.Printf("%s to be read, found by %s\n", counted(int(e.Candidates), "candidate"), e.By)
	for _, term := range e.Read {
		c.Printf("read    %s\n", console.Clean(term))
	}
	for _, term := range e.Opened {
		c.Printf("opened  %s\n", console.Clean(term))
	}
	for _, term := range e.Judged {
		c.Printf("judged  %s\n", console.Clean(term))
	}
}

// explained is the stable machine form of an explanation.
func explained(e *ledger.Explanation) any {
	type source struct {
		Term       string `json:"term"`
		Candidates int64  `json:"candidates"`
	}
	out := struct {
		Size       int64    `json:"size"`
		First      int64    `json:"first"`
		End        int64    `json:"end"`
		By         string   `json:"by"`
		Sources    []source `json:"sources"`
		Candidates int64    `json:"candidates"`
		Read       []string `json:"read"`
		Opened     []string `json:"opened"`
		Judged     []string `json:"judged"`
	}{e.Size, e.First, e.End, e.By, []source{}, e.Candidates, append([]string{}, e.Read...), append([]string{}, e.Opened...), append([]string{}, e.Judged...)}
	for _, s := range e.Sources {
		out.Sources = append(out.Sources, source(s))
	}
	return out
}
