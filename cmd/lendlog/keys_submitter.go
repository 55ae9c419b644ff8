// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger"
	grants "github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
)

func newKeysRotateSubmitter(c *console.Console) *cobra.Command {
	var t target
	var file string
	var force bool
	var change ledger.SubmitterChange
	cmd := &cobra.Command{
		Use:   "submitter --id ID {--jwk FILE | --retire KEY...}",
		Short: "Announce or retire public keys with which a submitter signs",
		Long: `Announce a public key with which a submitter signs its events, retire others, or both
at once, by records of the ledger. --id is what entries name as their submitter: the id
of its grant, or local where events are submitted with --dir; an id that no grant bears
by which events are submitted is refused, or it takes --force. --jwk is a file with the
public key, a JSON Web Key of Ed25519 or P-256; its private part stays with the
submitter.

From the record on, events of this submitter have to be signed with a key that counts
(docs/formats.md, section 11), or they are refused. To rotate, announce the new key,
have the submitter sign with it, and then --retire the old one, which "lendlog keys
list" names by its thumbprint (RFC 7638); a stolen one retire at once. What was retired
stays so. Once none counts, events of the submitter are taken unsigned.

Hand out the new trust file, "lendlog trust --submitters": what was signed before the
key, or after its end, is INVALID under it.

With --json, one line for each key that the submitter ever had: {"submitter", "key",
"jwk", "from", "until"}.`,
		Example: `  lendlog keys rotate submitter --id k3v9q2ab --jwk new.jwk --server https://ledger.bank.example --key-file admin.key
  lendlog keys rotate submitter --id k3v9q2ab --retire kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k --reason rotated --dir ledger
  lendlog keys rotate submitter --id local --jwk new.jwk --dir ledger`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			ctx := cmd.Context()
			if file != "" {
				if change.Add, err = readJWK(file); err != nil {
					return usagef("--jwk %s is no public key of Ed25519 or P-256 as a JSON Web Key: %w", file, err)
				}
			}
			if err := change.Check(); err != nil {
				return usagef("%w", err)
			}
			return t.with(ctx, c, func(l access.Ledger) error {
				if change.Add != nil && !force {
					if err := submits(ctx, l, change.Submitter); err != nil {
						return err
					}
				}
				keys, err := l.ChangeSubmitterKeys(ctx, change)
				if err != nil {
					return err
				}
				var rows [][]string
				for _, k := range keys {
					if err := c.Emit(k); err != nil {
						return err
					}
					counts := strconv.FormatInt(k.From, 10) + "-"
					if k.Until != 0 {
						counts += strconv.FormatInt(k.Until, 10)
					}
					rows = append(rows, []string{console.Clean(k.Submitter), counts, console.Clean(k.Key)})
				}
				c.Table([]string{"SUBMITTER", "RANGE", "KEY"}, rows)
				return nil
			})
		},
	}
	t.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&change.Submitter, "id", "", "what entries name as their submitter")
	f.StringVar(&file, "jwk", "", "file with the public key to announce, a JSON Web Key")
	f.StringArrayVar(&change.Retire, "retire", nil, "thumbprint of a key to retire; may be given several times")
	f.StringVar(&change.Reason, "reason", "", "code for why keys are retired, such as rotated or stolen")
	f.BoolVar(&force, "force", false, "announce a key for an id that no grant bears")
	_ = cmd.MarkFlagRequired("id")
	_ = cmd.MarkFlagFilename("jwk")
	cmd.MarkFlagsOneRequired("jwk", "retire")
	return cmd
}

// submits returns an error where a ledger has grants, and none by which events are
// submitted bears an id: a key of nobody would leave the submitter that was meant
// unsigned.
func submits(ctx context.Context, l access.Ledger, id string) error {
	if id == ledger.Local {
		return nil
	}
	all, err := l.Grants(ctx)
	if err != nil || len(all) == 0 {
		return err
	}
	if slices.ContainsFunc(all, func(g client.Grant) bool { return g.ID == id && g.Role.May(grants.RecordsSubmit) }) {
		return nil
	}
	return usagef("--id: no grant of a submitter bears the id %s, so no event would be signed with this key: take one of `lendlog access list`, or give --force", console.Clean(id))
}

// readJWK reads a public key. Whoever gives the private one by mistake is told.
func readJWK(file string) (any, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	doc, err := canon.Parse(b, canon.Limits{})
	if err != nil {
		return nil, err
	}
	if _, private := doc.Get("d"); private {
		return nil, errors.New("it holds the private key, d, which is the submitter's alone; leave that out")
	}
	return proof.ParseJWK(doc)
}
