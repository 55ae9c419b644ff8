// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	grants "github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/look"
	"github.com/lendlog/lendlog/ledger/record"
)

func newAccessLooks(c *console.Console) *cobra.Command {
	var t target
	var q client.Looking
	var from, to string
	cmd := &cobra.Command{
		Use:   "looks [--subject SUBJECT | --party ID] [--by KEYID]",
		Short: "List who looked at a subject or a person, when and what for",
		Long: `List the looks at a subject or a person, or all, the newest first: which key opened
what is sealed in which records, when, and what for. A ledger that demands keys
records each look before it is answered. Looks of whoever reads the directory are
not in it.

The looks at a subject lie in the chain ledger/looks/SUBJECT, those at a person in
ledger/looks/party/ID, and those at many at once in that of their day, such as
ledger/looks/2026-11-30. The chains of the answer are printed below it: evidence of
each ("lendlog prove --subject CHAIN") proves that there are no other looks in it.
Looks that were made for a restricted case are in the case: ask for its subject,
case/ID, with a key that may see it.

A range of records without an end, such as 40-, is of somebody who was sent what came
until the end of that day. The list itself opens records, and so is a look, but for
looks of one's own key.

With --json, one line per record of a look: {"index", "chain", "at", "look", "grant",
"role", "purpose", "act", "exported", "records", "count", "query", "export",
"relatedSubjects", "restricted"}, then {"chains", "checkpoint"}.`,
		Example: `  lendlog access looks --subject file/A-2026-000123 --purpose complaint \
    --server https://ledger.bank.example --key-file privacy.key
  lendlog access looks --party P-77 --from 2026-10-01 --dir ledger
  lendlog access looks --by k3v9q2ab --dir ledger --json`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if q.Subject != "" {
				kind, id, err := parseSubject(q.Subject)
				if err != nil {
					return err
				}
				if !record.IsSubject(kind, id) {
					return usagef("no record can be of this subject")
				}
			}
			if q.By != "" && !grants.ValidID(q.By) {
				return usagef("--by takes the id of a key, such as k3v9q2ab; `lendlog access list` lists them")
			}
			if q.Limit < 0 {
				return usagef("--limit takes a number of looks, or 0 for all")
			}
			if q.From, err = parseDay("--from", from); err == nil {
				q.To, err = parseDay("--to", to)
			}
			if err != nil {
				return err
			}
			return t.with(cmd.Context(), c, func(l access.Ledger) error { return listLooks(cmd.Context(), c, l, q) })
		},
	}
	t.flags(cmd)
	t.lookFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&q.Subject, "subject", "", "subject that was looked at, KIND/ID")
	f.StringVar(&q.Party, "party", "", "id of the person who was looked at")
	f.StringVar(&q.By, "by", "", "id of the key by which it was looked")
	f.StringVar(&from, "from", "", "day of UTC or RFC 3339 time from when on (default: ever)")
	f.StringVar(&to, "to", "", "day of UTC or RFC 3339 time up to which, itself not meant (default: now)")
	f.IntVar(&q.Limit, "limit", 100, "how many records of looks, the newest; 0 for all")
	cmd.MarkFlagsMutuallyExclusive("subject", "party")
	return cmd
}

// parseDay reads a time, or a day of UTC, at whose beginning it is; "" is none.
func parseDay(flag, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= 1970 {
			return t.UTC(), nil
		}
	}
	return time.Time{}, usagef("%s takes a day such as 2026-11-30, or an RFC 3339 time such as 2026-11-30T12:00:00+08:00", flag)
}

// listLooks prints looks.
func listLooks(ctx context.Context, c *console.Console, l access.Ledger, q client.Looking) error {
	got, err := l.Looks(ctx, q)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, d := range got.Looks {
		if err := c.Emit(d); err != nil {
			return err
		}
		rows = append(rows, []string{
			d.At.Format(time.DateTime), d.Grant, d.Role, d.Purpose, d.Act, lookedAt(d), strconv.FormatInt(d.Index, 10), console.Clean(d.Chain),
		})
	}
	if len(got.Looks) == 0 {
		c.Printf("There is no such look on record.\n")
	} else {
		c.Table([]string{"AT (UTC)", "KEY", "ROLE", "PURPOSE", "ACT", "RECORDS", "IN", "CHAIN"}, rows)
	}
	for _, chain := range got.Chains {
		c.Printf("Proved by: lendlog prove --subject '%s'\n", console.Clean(chain))
	}
	if got.Before > 0 {
		c.Notef("There are older ones: give a larger --limit, or 0 for all.")
	}
	return c.Emit(struct {
		Chains     []string `json:"chains"`
		Checkpoint string   `json:"checkpoint"`
	}{append([]string{}, got.Chains...), got.Checkpoint})
}

// lookedAt says at what somebody looked, in a few words.
func lookedAt(d *look.Done) string {
	const most = 24
	switch text := d.Records.String(); {
	case d.Export != "":
		return fmt.Sprintf("%d exported", d.Count)
	case text == "":
		return "none found"
	case len(text) > most:
		return console.Cut(text, most)
	default:
		return text
	}
}
