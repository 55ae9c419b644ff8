// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	grants "github.com/lendlog/lendlog/ledger/access"
)

func newAccess(c *console.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "access",
		Short: "Grant, list and revoke the keys of a ledger, and see who looked",
		Long: `Grant, list and revoke the keys with which a server is asked. Once a ledger has
granted a key, its server demands keys of everybody, for ever; until then it is open
to whoever reaches it, which is this machine only. Every grant and revocation is a
record of the ledger.

The first key is granted with --dir, while no server holds the ledger, or by
"lendlog init --admin-key": an admin's, with which the others are granted over the
server.

What a key opens is a record too: "looks" says who looked at whom.`,
		Example: `  lendlog access grant --role admin --out admin.key --dir ledger
  lendlog access list --server https://ledger.bank.example --key-file admin.key`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newAccessGrant(c), newAccessKey(c), newAccessList(c), newAccessRevoke(c), newAccessLooks(c))
	return cmd
}

// roleHelp says what each role is for.
const roleHelp = `  submitter        records events of its sources
  monitor          reads the log, and nothing that is sealed
  auditor          reads and searches records, and takes evidence along
  regulator        as an auditor
  compliance       as an auditor; closes periods; records events of its sources
  privacy-officer  reads and searches records that are not restricted; records
                   events of its sources
  admin            manages keys and types; reads no record`

func newAccessGrant(c *console.Console) *cobra.Command {
	var t target
	var role, expires, request, out string
	var terms grants.Terms
	var to holder
	cmd := &cobra.Command{
		Use:   "grant --role ROLE",
		Short: "Grant a key, which is shown once",
		Long: `Grant a key with a role:

` + roleHelp + `

A key that records events is bound to the sources it is granted with: those of its
events, or what these begin with, in whole parts: urn:lender:cards is for
urn:lender:cards:eu as well, and not for urn:lender:cardsharp.

The key is printed, or written to --out, and can't be shown again: only a hash of it
is kept. To replace a key, grant another one, put it to use, and revoke the first:
both hold until then. Label a key by the system that it is for, not by a person.

Whoever is not of the house, such as a regulator who asks several lenders, makes a key
of their own with "lendlog access key new", and each lender grants its request, with
--for: one key works at all of them, none of them ever sees it, and each revokes it for
itself. --purpose and --basis are codes for what it is granted for, and by what right,
and stand openly in the ledger; --fields narrows what may be opened to some sealed
members. What is granted with any of these has to expire.

Instead of a key, something is granted to whoever comes by a --certificate, over TLS,
which is known by its public key; or to a person whom an OpenID provider names, and who
signs in to the console by it: --oidc-issuer is the provider, --oidc-subject its claim
sub. Each has one grant at a time, and there is no key to show.

With --json: {"id", "role", "index", "key"}, where "index" is the record of the
grant; with --out {"id", "role", "index", "file"}, without a new key neither
of the last.`,
		Example: `  lendlog access grant --role admin --out admin.key --dir ledger
  lendlog access grant --role submitter --source urn:lender:origination --label origination \
    --expires 2027-12-31 --out origination.key --server https://ledger.bank.example --key-file admin.key
  lendlog access grant --role submitter --source urn:lender:cards --certificate cards.pem --dir ledger
  lendlog access grant --role auditor --oidc-issuer https://login.bank.example --oidc-subject 00u1a2b3 --dir ledger
  lendlog access grant --role regulator --for llr_k3v9q2ab_…_1b2c3d4e --purpose supervision \
    --basis supervisory-request --fields /subject,/data/amount --expires 2027-06-30 --dir ledger`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			var err error
			if terms.Role, err = grants.ParseRole(role); err != nil {
				return usagef("--role: %w", err)
			}
			if terms.Expires, err = parseDay("--expires", expires); err != nil {
				return err
			}
			if !terms.Expires.IsZero() && !terms.Expires.After(time.Now()) {
				return usagef("--expires: %s is over", expires)
			}
			slices.Sort(terms.Sources)
			terms.Sources = slices.Compact(terms.Sources)
			slices.Sort(terms.Fields)
			terms.Fields = slices.Compact(terms.Fields)
			if err := terms.Check(); err != nil {
				return usagef("%w", err)
			}
			if to.named() {
				g, who, err := to.grant(terms)
				if err != nil {
					return err
				}
				return t.with(ctx, c, func(l access.Ledger) error { return grantTo(ctx, c, l, g, who) })
			}
			if request != "" {
				r, err := grants.ParseRequest(request)
				if err != nil {
					return usagef("--for: %w", err)
				}
				return t.with(ctx, c, func(l access.Ledger) error { return grantRequest(ctx, c, l, terms, r) })
			}
			return t.with(ctx, c, func(l access.Ledger) error { return grant(ctx, c, l, terms, out) })
		},
	}
	t.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&role, "role", "", "what the key is for")
	f.StringArrayVar(&terms.Sources, "source", nil, "source of the events that may be recorded, or what it begins with; may be given several times")
	f.StringVar(&terms.Label, "label", "", "what the key is for, such as the name of a system")
	f.StringVar(&expires, "expires", "", "day or RFC 3339 time from when on the key is refused (default: never)")
	f.Int64Var(&terms.Rate, "rate", 0, "requests a minute (default: 120000)")
	f.StringVar(&terms.Purpose, "purpose", "", "code for what it is granted for, such as supervision")
	f.StringVar(&terms.Basis, "basis", "", "code for the right to it, such as supervisory-request")
	f.StringSliceVar(&terms.Fields, "fields", nil, "JSON Pointers of the only sealed members that may be opened, with commas between them (default: all that the role opens)")
	f.StringVar(&request, "for", "", "request of a key that somebody made for themselves")
	f.StringVar(&out, "out", "", "new file to write the key to, which only you can read (default: print it)")
	cmd.MarkFlagsMutuallyExclusive("for", "out")
	to.flags(cmd)
	_ = cmd.MarkFlagRequired("role")
	_ = cmd.RegisterFlagCompletionFunc("role", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var names []string
		for _, r := range grants.Roles() {
			names = append(names, string(r))
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

// A granted is the JSON form of a key that was granted.
type granted struct {
	ID    string      `json:"id"`
	Role  grants.Role `json:"role"`
	Index int64       `json:"index"`
	Key   string      `json:"key,omitempty"`
	File  string      `json:"file,omitempty"`
}

// grant grants a key, and shows it this once.
func grant(ctx context.Context, c *console.Console, l access.Ledger, t grants.Terms, out string) error {
	sink, err := openSink(out)
	if err != nil {
		return err
	}
	key, index, err := l.Grant(ctx, t)
	if err != nil {
		sink.drop()
		return fmt.Errorf("couldn't grant a key: %w", err)
	}
	if err := sink.keep(key); err != nil {
		return err
	}
	g := granted{ID: key.ID(), Role: t.Role, Index: index, File: sink.name}
	if sink.name == "" {
		g.Key = key.Reveal()
		c.Notef("Granted %s to a new key, %s, in record %d. Keep it: it is shown this once.", t.Role, g.ID, index)
		c.Printf("%s\n", g.Key)
	} else {
		c.Printf("Granted %s to a new key, %s, in record %d; it is in %s.\n", t.Role, g.ID, index, sink.name)
	}
	return c.Emit(g)
}

// grantRequest grants a key that is somebody's own.
func grantRequest(ctx context.Context, c *console.Console, l access.Ledger, t grants.Terms, r grants.Request) error {
	index, err := l.GrantRequest(ctx, t, r)
	if err != nil {
		return fmt.Errorf("couldn't grant the key: %w", err)
	}
	c.Printf("Granted %s to the key %s, in record %d; whoever made it has it.\n", t.Role, r.ID, index)
	return c.Emit(granted{ID: r.ID, Role: t.Role, Index: index})
}

func newAccessList(c *console.Console) *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List all grants that there ever were",
		Long: `List all grants that there ever were. One that is lost was recorded and is not in
the file of keys, so that nobody can use it: its file was put back from an older copy,
or it could not be written. OPENS is what it opens of what is sealed: all that its
role does, or the fields that it was granted with.

With --json, one line per grant: {"id", "role", "state", "label", "sources", "rate",
"purpose", "basis", "fields", "granted", "expires", "revoked", "used", "index"}, where
"state" is active, expired, revoked or lost, "used" the day of the last use, and
"index" the last record of it; where no key is shown, "means" is certificate or oidc,
with "certificate" (SHA-256 of its public key), or "issuer" and "person".`,
		Example: `  lendlog access list --dir ledger
  lendlog access list --server https://ledger.bank.example --key-file admin.key --json`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return t.with(ctx, c, func(l access.Ledger) error {
				all, err := l.Grants(ctx)
				if err != nil {
					return err
				}
				var rows [][]string
				for _, g := range all {
					if err := c.Emit(g); err != nil {
						return err
					}
					expires := "never"
					if !g.Expires.IsZero() {
						expires = g.Expires.UTC().Format(time.RFC3339)
					}
					rows = append(rows, []string{
						g.ID, string(g.Role), g.State, g.Used, expires, console.Clean(g.Label), console.Clean(strings.Join(g.Sources, " ")),
						g.Purpose, g.Basis, console.Clean(opens(g)), console.Clean(comesBy(g)),
					})
				}
				if len(all) == 0 {
					c.Printf("The ledger never granted a key: its server is open to whoever reaches it.\n")
					return nil
				}
				c.Table([]string{"ID", "ROLE", "STATE", "USED", "EXPIRES", "LABEL", "SOURCES", "PURPOSE", "BASIS", "OPENS", "BY"}, rows)
				return nil
			})
		},
	}
	t.flags(cmd)
	return cmd
}

// opens says what of the sealed members a grant opens: nothing, all that its role
// does, or some fields.
func opens(g client.Grant) string {
	switch {
	case !g.Role.May(grants.RecordsRead):
		return ""
	case len(g.Fields) == 0:
		return "all"
	}
	return strings.Join(g.Fields, ",")
}

func newAccessRevoke(c *console.Console) *cobra.Command {
	var t target
	var reason string
	cmd := &cobra.Command{
		Use:   "revoke ID...",
		Short: "Revoke keys, at once and for ever",
		Long: `Revoke keys by their ids, which "lendlog access list" lists, and which stand between
the first and the second underscore of a key. They are refused from then on, and
streams that came with them end. A key that is revoked already stays so.

With --json, one line per key: {"id", "index"}, where "index" is the record of it.`,
		Example: `  lendlog access revoke k3v9q2ab --reason stolen --server https://ledger.bank.example --key-file admin.key
  lendlog access revoke k3v9q2ab --dir ledger`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			for _, id := range args {
				// A whole key given in the place of its id is not repeated.
				if !grants.ValidID(id) {
					return usagef("an id is 8 letters and digits, such as k3v9q2ab; `lendlog access list` lists them")
				}
			}
			if reason != "" && !reasonCode.MatchString(reason) {
				return usagef("--reason takes a code such as rotated or stolen, which stands openly in the ledger")
			}
			return t.with(ctx, c, func(l access.Ledger) error {
				for _, id := range args {
					index, err := l.Revoke(ctx, id, reason)
					if err != nil {
						return fmt.Errorf("couldn't revoke %s: %w", id, notFound(err, "grant "+id))
					}
					c.Printf("Revoked %s, in record %d.\n", id, index)
					if err := c.Emit(struct {
						ID    string `json:"id"`
						Index int64  `json:"index"`
					}{id, index}); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	t.flags(cmd)
	cmd.Flags().StringVar(&reason, "reason", "", "code for why, such as rotated or stolen")
	return cmd
}
