// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger/rule"
)

func newFindings(c *console.Console) *cobra.Command {
	var t target
	var only string
	cmd := &cobra.Command{
		Use:   "findings",
		Short: "Show where records contradict each other or the rules of lending",
		Long: `Show the findings of the whole ledger: of every subject, where its records contradict
each other or the rules of lending. docs/rules.md lists all rules with their sources.
The whole ledger is read, which takes a while; "lendlog timeline" shows those of one
subject. A missed deadline is no finding: "lendlog due" shows it. Restricted cases are
left out. RECORD is the record at fault.

With --json, one line per subject that has any: {"subject", "findings": [{"rule",
"records", "text": {"en", "zh"}, "source"}]}.`,
		Example: `  lendlog findings --dir ledger
  lendlog findings --server http://127.0.0.1:8080 --rule decline-reasons --json`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			table, err := rule.Builtin()
			if err != nil {
				return err
			}
			if only != "" {
				i := slices.IndexFunc(table.Rules, func(r rule.Rule) bool { return r.ID == only })
				if i < 0 {
					return usagef("there is no rule %q; docs/rules.md lists them", only)
				}
				table = &rule.Table{Rules: table.Rules[i : i+1]}
			}
			return t.with(cmd.Context(), c, func(l access.Ledger) error {
				progress := c.Progress()
				_, stories, err := l.Stories(cmd.Context(), table, progress.Set)
				if err != nil {
					return err
				}
				total := &rule.Report{Unchecked: map[rule.Why]int{}}
				var rows [][]string
				for s, err := range stories {
					if err != nil {
						return err
					}
					report := table.Judge(s)
					total.Findings = append(total.Findings, report.Findings...)
					total.Checked += report.Checked
					for why, n := range report.Unchecked {
						total.Unchecked[why] += n
					}
					if len(report.Findings) == 0 {
						continue
					}
					for _, f := range report.Findings {
						rows = append(rows, []string{s.Subject, strconv.FormatInt(f.Records[0], 10), f.Rule, console.Clean(f.Text.EN)})
					}
					if err := c.Emit(struct {
						Subject  string         `json:"subject"`
						Findings []rule.Finding `json:"findings"`
					}{s.Subject, report.Findings}); err != nil {
						return err
					}
				}
				progress.Done()
				if len(rows) > 0 {
					slices.SortFunc(rows, slices.Compare)
					c.Table([]string{"SUBJECT", ">RECORD", "RULE", "WHAT"}, rows)
				}
				c.Notef("%s", summary(total))
				return nil
			})
		},
	}
	t.flags(cmd)
	t.lookFlags(cmd)
	cmd.Flags().StringVar(&only, "rule", "", "id of the only rule to judge by")
	return cmd
}
