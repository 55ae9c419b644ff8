// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/api/host"
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
hold the ledger, but for rotate with --control, and list with --server.

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
	var dir, server string
	var shown credentials
	cmd := &cobra.Command{
		Use:   "list {--dir DIR | --server URL}",
		Short: "List the ledger's own keys, and nothing that is secret",
		Long: `List the ledger's own keys: what each is for, its id, its public part or what commits
to it, which sizes of the ledger a checkpoint key signs, the record that names it, its
file, and how it is kept. Nothing secret is shown. Files that others can read are
refused.

A checkpoint key that is over signs nothing any more, and its file may be destroyed.

The public keys of submitters are listed by the submitter's id, with the indexes of the
records whose events each may sign.

Of a ledger that a server holds, --server lists the public ones that its trust file
names: of checkpoints, of the VRF, and of submitters. No file is shown then.

With --json, one line per key: {"purpose", "id", "public", "jwk", "state", "from",
"to", "record", "file", "kept"}; "record" is -1 where no record names it. Of a
submitter's key "public" is its thumbprint (RFC 7638).`,
		Example: `  lendlog keys list --dir ledger
  lendlog keys list --server https://ledger.bank.example`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			keys, err := listKeys(cmd.Context(), dir, server, shown)
			if err != nil {
				return err
			}
			var rows [][]string
			for _, k := range keys {
				if err := c.Emit(k); err != nil {
					return err
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
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&dir, "dir", "", "directory of the ledger, which no server holds")
	_ = cmd.MarkFlagDirname("dir")
	f.StringVar(&server, "server", "", "URL of the server that holds the ledger, which is believed")
	shown.flags(cmd)
	cmd.MarkFlagsOneRequired("dir", "server")
	cmd.MarkFlagsMutuallyExclusive("dir", "server")
	shown.notWith(cmd, "dir")
	return cmd
}

// listKeys lists the keys of a ledger of this machine, or the public ones of one
// behind a server.
func listKeys(ctx context.Context, dir, server string, shown credentials) ([]ledger.Key, error) {
	if server == "" {
		l, err := openDir(ctx, dir)
		if err != nil {
			return nil, err
		}
		return l.OwnKeys(), l.Close()
	}
	options, err := shown.options()
	if err != nil {
		return nil, err
	}
	t, size, err := access.ServedTrust(ctx, server, options...)
	if err != nil {
		return nil, err
	}
	return ledger.PublicKeys(t, size), nil
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
	var dir, control, name string
	var r host.Rotation
	cmd := &cobra.Command{
		Use:   "rotate {checkpoint | vault | submitter} {--dir DIR | --control SOCKET}",
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

With --control a server does it that holds the ledger and was started with that socket
("lendlog serve --control"), and goes on: events wait no longer than for one batch.

The vrf and index keys can't be replaced: terms and identities of all records were made
with them.

With --json: {"purpose", "record", "public", "file", "until", "retired"}.`,
		Example: `  lendlog keys rotate checkpoint --dir ledger
  lendlog keys rotate checkpoint --overlap 0 --dir ledger
  lendlog keys rotate checkpoint --signer /usr/local/bin/hsm-signer --dir ledger
  lendlog keys rotate vault --dir ledger
  lendlog keys rotate vault --to-command /usr/local/bin/keeper --dir ledger`,
		Args: takes("checkpoint, vault or submitter"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch r.Key = args[0]; {
			case r.Key == "vrf" || r.Key == "index":
				return usagef("%s", frozen(r.Key))
			case r.Key != "checkpoint" && r.Key != "vault":
				return usagef("keys rotate takes checkpoint, vault or submitter")
			case r.Key == "checkpoint" && (r.File || r.Command != ""):
				return usagef("--to-command and --to-file go with vault")
			case r.Key == "vault" && (cmd.Flags().Changed("overlap") || r.Signer != ""):
				return usagef("--overlap and --signer go with checkpoint")
			case name != "" && control == "":
				return usagef("--ledger goes with --control")
			}
			var done host.Rotated
			var err error
			if control != "" {
				if done, err = host.AskRotate(cmd.Context(), control, name, r); errors.Is(err, host.ErrControl) {
					err = fmt.Errorf("%w: %w", access.ErrNetwork, err)
				}
			} else {
				err = runningDir(cmd.Context(), dir, func(l *ledger.Ledger) (err error) {
					done, err = rotate(cmd.Context(), l, r)
					return err
				})
			}
			if err != nil {
				return err
			}
			c.Printf("A new %s key is announced in record %d: %s, in %s.\n", done.Purpose, done.Record, done.Public, done.File)
			if done.Purpose == "checkpoint" {
				until := "Until checkpoint %d the keys before it sign too"
				if r.Overlap == 0 {
					until = "The keys before it sign no more after checkpoint %d, which announces it"
				}
				c.Printf(until+": hand out the new trust file, `lendlog trust`, and register the new key with witnesses.\n", done.Until)
			}
			return c.Emit(done)
		},
	}
	cmd.AddCommand(newKeysRotateSubmitter(c))
	f := cmd.Flags()
	f.StringVar(&dir, "dir", "", "directory of the ledger, which no server holds")
	_ = cmd.MarkFlagDirname("dir")
	f.StringVar(&control, "control", "", "socket of the server that holds the ledger, as it was started with")
	_ = cmd.MarkFlagFilename("control")
	f.StringVar(&name, "ledger", "", "name of the ledger, where the server has several")
	cmd.MarkFlagsOneRequired("dir", "control")
	cmd.MarkFlagsMutuallyExclusive("dir", "control")
	f.Int64Var(&r.Overlap, "overlap", 10_000, "how many more records the checkpoint keys before the new one sign")
	f.StringVar(&r.Signer, "signer", "", "command that holds the new checkpoint key and signs with it")
	f.StringVar(&r.Command, "to-command", "", "command that keeps the new key of the vault")
	f.BoolVar(&r.File, "to-file", false, "keep the new key of the vault in a file of the directory of keys")
	cmd.MarkFlagsMutuallyExclusive("to-command", "to-file")
	return cmd
}

// rotate rotates a key of a ledger that is running.
func rotate(ctx context.Context, l *ledger.Ledger, r host.Rotation) (host.Rotated, error) {
	var done ledger.Rotated
	var err error
	if r.Key == "vault" {
		done, err = l.RotateVault(ctx, ledger.Custody{Command: r.Command, File: r.File})
	} else {
		done, err = l.RotateCheckpoint(ctx, r.Signer, r.Overlap)
	}
	return host.Rotated{Purpose: r.Key, Record: done.Index, Public: done.Key, File: done.File, Until: done.Until, Retired: done.Retired}, err
}

// frozen says why a key can't be replaced.
func frozen(purpose string) string {
	what := map[string]string{
		"vrf":   "the VRF key stands in the genesis record, and the term of every subject was made with it",
		"index": "the genesis record commits to the index key, and the identity of every event was made with it",
	}[purpose]
	return fmt.Sprintf("%s: another one takes another ledger. Make one with `lendlog init` and another --origin, submit to that from then on, and keep this one to be read. The new one can't cite this one in its genesis record yet", what)
}
