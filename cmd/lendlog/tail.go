// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger/record"
)

// tailRecords is how many records tail begins with.
const tailRecords = 10

func newTail(c *console.Console) *cobra.Command {
	var t target
	var from int64
	var types []string
	var subject string
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Follow what is recorded, a line a record",
		Long: `Print the last records, or those from --from on, one line each, and then every record
as soon as it is recorded, until interrupted: its index, when it was recorded, type,
subject, and what it says in codes and amounts. All of a server's records are verified:
each under a signed checkpoint, and each checkpoint to continue the one before; none
can be left out. After a broken connection it goes on where it was.

A directory that no server holds does not grow, so --dir prints what there is and
ends. A directory that a server holds is that server's alone: follow it with --server.

--type and --subject choose what is printed; all records are read and verified in any
case. Of restricted records nothing is shown but that there is one: "lendlog show"
shows what it is.

With --json, one line per record, of the form of "lendlog show --json" without a
proof.`,
		Example: `  lendlog tail --server http://127.0.0.1:8080
  lendlog tail --server http://127.0.0.1:8080 --type decision.made,loan.disbursed --json
  lendlog tail --dir ledger --from 0 --subject file/A-2026-000117`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			if from < 0 {
				return usagef("--from is the index of a record: a number from 0 on")
			}
			if subject != "" {
				if _, _, err := parseSubject(subject); err != nil {
					return err
				}
			}
			if !cmd.Flags().Changed("from") {
				from = -tailRecords
			}
			return t.with(ctx, c, func(l access.Ledger) error {
				if err := knownTypes(ctx, l, types); err != nil {
					return err
				}
				for r, err := range l.Follow(ctx, from) {
					switch {
					case ctx.Err() != nil && errors.Is(err, context.Canceled):
						return nil // it ends no other way
					case err != nil:
						return notFound(err, fmt.Sprintf("record before %d, where --from begins,", from))
					case subject != "" && r.Subject != subject:
						continue
					case len(types) > 0 && !slices.Contains(types, r.Type) && !slices.Contains(types, access.ShortType(r.Type)):
						continue
					}
					printTailed(c, r)
					if err := c.Emit(r); err != nil {
						return err
					}
					if err := c.Out.Failed(); err != nil {
						return err // whoever read it has gone
					}
				}
				return nil
			})
		},
	}
	t.flags(cmd)
	t.lookFlags(cmd)
	f := cmd.Flags()
	f.Int64Var(&from, "from", 0, "index of the first record (default: the last ten)")
	f.StringSliceVar(&types, "type", nil, "record types to print, such as decision.made")
	f.StringVar(&subject, "subject", "", "the only subject to print, as KIND/ID")
	return cmd
}

// knownTypes refuses to wait for a type that there is not.
func knownTypes(ctx context.Context, l access.Ledger, types []string) error {
	if len(types) == 0 {
		return nil
	}
	cat, err := l.Catalogue(ctx)
	if err != nil {
		return err
	}
	known := []string{record.TypeIndexRoot, record.TypeRestricted}
	for _, s := range cat.All() {
		known = append(known, s.Type)
	}
	for _, t := range types {
		if !slices.ContainsFunc(known, func(k string) bool { return k == t || access.ShortType(k) == t }) {
			return usagef("the ledger has no record type %q; `lendlog types` lists them", t)
		}
	}
	return nil
}

// printTailed prints a record in a line. Columns are as wide as most are, since
// nobody knows yet what comes.
func printTailed(c *console.Console, r *access.Record) {
	subject := r.Subject
	if subject == "" {
		subject = "-"
	}
	line := []string{r.Recorded, access.ShortType(r.Type), subject, r.Gist()}
	if r.Recorded == "" {
		line[0] = strings.Repeat(" ", len(record.TimeLayout)) // an index-root has none
	}
	for i, width := range []int{len(record.TimeLayout), 24, 24, gistWidth} {
		line[i] = console.Cut(console.Clean(line[i]), max(width, 48))
		if pad := width - console.Width(line[i]); pad > 0 && i < 3 {
			line[i] += strings.Repeat(" ", pad)
		}
	}
	c.Printf("%6d  %s\n", r.Index, strings.TrimRight(strings.Join(line, "  "), " "))
}
