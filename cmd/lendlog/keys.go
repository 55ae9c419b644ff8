// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger"
)

func newKeys(c *console.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "List, rotate and copy the ledger's own keys",
		Long: `List, rotate and copy the ledger's own keys, which lie in its directory of keys:

  checkpoint  signs the checkpoints; another one takes over by a record
  vrf         makes the terms of subjects, and stands in the genesis record
  index       makes the identities of events; the genesis record commits to it
  vault       encrypts the keys under which records are sealed; a command can keep it
  submitter   a public key with which a submitter signs its events; the ledger has
              a record of it, and nobody here has its private part

The keys with which a server is asked are others: see "lendlog access". No server may
hold the ledger.

Where the keys are encrypted under a passphrase, every command that opens the ledger
reads it from the file that ` + access.PassphraseVariable + ` names.`,
		Example: `  lendlog keys list --dir ledger
  lendlog keys rotate checkpoint --dir ledger`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newKeysList(c), newKeysRotate(c), newKeysPassphrase(c), newKeysExport(c), newKeysCheck(c), newKeysImport(c))
	return cmd
}

func newKeysList(c *console.Console) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "list --dir DIR",
		Short: "List the ledger's own keys, and nothing that is secret",
		Long: `List the ledger's own keys: what each is for, its id, its public part or what commits
to it, which sizes of the ledger a checkpoint key signs, the record that names it, its
file, and how it is kept. Nothing secret is shown. Files that others can read are
refused.

A checkpoint key that is over signs nothing any more, and its file may be destroyed.

The public keys of submitters are listed by the submitter's id, with the indexes of the
records whose events each may sign.

With --json, one line per key: {"purpose", "id", "public", "jwk", "state", "from",
"to", "record", "file", "kept"}; "record" is -1 where no record names it. Of a
submitter's key "public" is its thumbprint (RFC 7638).`,
		Example: "  lendlog keys list --dir ledger",
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := openDir(cmd.Context(), dir)
			if err != nil {
				return err
			}
			var rows [][]string
			for _, k := range l.OwnKeys() {
				if err := c.Emit(k); err != nil {
					return errors.Join(err, l.Close())
				}
				sizes, named := "", "-"
				if k.Purpose == "submitter" || k.Purpose == "checkpoint" && k.State != ledger.KeyUnannounced {
					sizes = strconv.FormatInt(k.From, 10) + "-"
					if k.To != 0 {
						sizes += strconv.FormatInt(k.To, 10)
					}
				}
				if k.Record >= 0 {
					named = strconv.FormatInt(k.Record, 10)
				}
				name := k.Purpose
				if k.Purpose == "submitter" {
					name += " " + k.ID
				}
				rows = append(rows, []string{name, string(k.State), sizes, named, k.File, k.Kept, k.Public})
			}
			c.Table([]string{"KEY", "STATE", "RANGE", "RECORD", "FILE", "KEPT", "PUBLIC PART, OR WHAT COMMITS TO IT"}, rows)
			return l.Close()
		},
	}
	dirFlag(cmd, &dir)
	return cmd
}

// openDir opens a ledger of this machine.
func openDir(ctx context.Context, dir string) (*ledger.Ledger, error) {
	if _, _, err := ledger.Locate(dir); err != nil {
		return nil, usagef("%w", err)
	}
	return access.Open(ctx, dir, ledger.Options{})
}

// runningDir opens a ledger of this machine, and has it run while do does.
func runningDir(ctx context.Context, dir string, do func(*ledger.Ledger) error) (err error) {
	l, err := openDir(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- l.Run(run) }()
	err = do(l)
	stop()
	return errors.Join(err, <-ended)
}

func newKeysRotate(c *console.Console) *cobra.Command {
	var dir, command string
	var overlap int64
	var to ledger.Custody
	cmd := &cobra.Command{
		Use:   "rotate {checkpoint | vault | submitter} --dir DIR",
		Short: "Give the ledger another key",
		Long: `Give the ledger another key, by a record of it.

checkpoint: another key signs from then on. For --overlap more records the keys before
it sign too, so that whoever holds a trust file without the new key goes on for a
while: hand out the new trust file meanwhile ("lendlog trust"). Then they are over,
for ever, and their files may be destroyed. It is counted in records, because a trust
file says of each key which sizes it may sign, and nothing else that every verifier
can check. --overlap 0 ends them at once: for a key that was stolen. With --signer the
new key is held by a command that signs ("lendlog keys --help" and docs/operators.md).

vault: what the parties' keys are wrapped under is encrypted under another key. The old
one is gone from the directory once all of it is. With --to-command the new key is kept
by a command, such as "lendlog keeper run" on another machine, and with --to-file it is
a file of the directory of keys; with neither, whoever has the old one has it too.

submitter: see "lendlog keys rotate submitter --help". A server may go on meanwhile.

Where it is interrupted, the ledger has the old keys or the new one, and running it
again goes on.

The vrf and index keys can't be replaced: terms and identities of all records were made
with them.

With --json: {"purpose", "record", "public", "file", "until", "retired"}.`,
		Example: `  lendlog keys rotate checkpoint --dir ledger
  lendlog keys rotate checkpoint --overlap 0 --dir ledger
  lendlog keys rotate checkpoint --signer /usr/local/bin/hsm-signer --dir ledger
  lendlog keys rotate vault --dir ledger
  lendlog keys rotate vault --to-command 'ssh -T keeper@keys.bank.example' --dir ledger`,
		Args: takes("checkpoint or vault"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			var rotate func(l *ledger.Ledger) (ledger.Rotated, error)
			switch args[0] {
			case "checkpoint":
				if to != (ledger.Custody{}) {
					return usagef("--to-command and --to-file go with vault")
				}
				rotate = func(l *ledger.Ledger) (ledger.Rotated, error) { return l.RotateCheckpoint(ctx, command, overlap) }
			case "vault":
				if cmd.Flags().Changed("overlap") || command != "" {
					return usagef("--overlap and --signer go with checkpoint")
				}
				rotate = func(l *ledger.Ledger) (ledger.Rotated, error) { return l.RotateVault(ctx, to) }
			case "vrf", "index":
				return usagef("%s", frozen(args[0]))
			default:
				return usagef("keys rotate takes checkpoint, vault or submitter")
			}
			return runningDir(ctx, dir, func(l *ledger.Ledger) error {
				done, err := rotate(l)
				if err != nil {
					return err
				}
				c.Printf("A new %s key is announced in record %d: %s, in %s.\n", args[0], done.Index, done.Key, done.File)
				if args[0] == "checkpoint" {
					c.Printf("Until checkpoint %d the keys before it sign too: hand out the new trust file, `lendlog trust --dir %s`, and register the new key with witnesses.\n", done.Until, dir)
				}
				return c.Emit(struct {
					Purpose string   `json:"purpose"`
					Record  int64    `json:"record"`
					Public  string   `json:"public"`
					File    string   `json:"file"`
					Until   int64    `json:"until,omitempty"`
					Retired []string `json:"retired,omitempty"`
				}{args[0], done.Index, done.Key, done.File, done.Until, done.Retired})
			})
		},
	}
	cmd.AddCommand(newKeysRotateSubmitter(c))
	dirFlag(cmd, &dir)
	f := cmd.Flags()
	f.Int64Var(&overlap, "overlap", 10_000, "how many more records the checkpoint keys before the new one sign")
	f.StringVar(&command, "signer", "", "command that holds the new checkpoint key and signs with it")
	f.StringVar(&to.Command, "to-command", "", "command that keeps the new key of the vault")
	f.BoolVar(&to.File, "to-file", false, "keep the new key of the vault in a file of the directory of keys")
	cmd.MarkFlagsMutuallyExclusive("to-command", "to-file")
	return cmd
}

// frozen says why a key can't be replaced.
func frozen(purpose string) string {
	what := map[string]string{
		"vrf":   "the VRF key stands in the genesis record, and the term of every subject was made with it",
		"index": "the genesis record commits to the index key, and the identity of every event was made with it",
	}[purpose]
	return fmt.Sprintf("%s: another one takes another ledger. Make one with `lendlog init` and another --origin, submit to that from then on, and keep this one to be read. The new one can't cite this one in its genesis record yet", what)
}
