// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger/keeper/custody"
)

func newKeeper(c *console.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keeper",
		Short: "Keep the key of a ledger's vault where the ledger is not",
		Long: `Keep the key of a ledger's vault as another user, or on another machine, than the
ledger: a command that the ledger has wrap and unwrap its keys, and that writes down
what each was asked for. Any other that speaks the same lines will do, before a key
service for instance: docs/operators.md has them.`,
		Example: `  lendlog keeper new --dir keeper
  lendlog keeper run --dir keeper --log unwraps.log
  lendlog init --dir ledger --origin ledger.bank.example/2026 --vault-command /usr/local/bin/keeper`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newKeeperNew(c), newKeeperRun(c))
	return cmd
}

func keeperDir(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "dir", "", "directory of the keys that are kept")
	_ = cmd.MarkFlagRequired("dir")
	_ = cmd.MarkFlagDirname("dir")
}

func newKeeperNew(c *console.Console) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "new --dir DIR",
		Short: "Make a key, or another one, which wraps from then on",
		Long: `Make a key in a directory, which is made where there is none. Where it holds keys
already, this one wraps from then on, and those before it go on to unwrap: have every
ledger take the new one ("lendlog keys rotate vault"), and then destroy the old.

Without the key nothing that it wrapped can be opened: keep a copy, elsewhere than the
ledger.

With --json: {"name", "file"}.`,
		Example: "  lendlog keeper new --dir keeper",
		Args:    takes(),
		RunE: func(*cobra.Command, []string) error {
			name, file, err := custody.Add(dir)
			if err != nil {
				return fmt.Errorf("couldn't make a key: %w", err)
			}
			c.Printf("Made the key %s, in %s. What it wraps can't be opened without it: keep a copy.\n", name, file)
			return c.Emit(struct {
				Name string `json:"name"`
				File string `json:"file"`
			}{name, file})
		},
	}
	keeperDir(cmd, &dir)
	return cmd
}

func newKeeperRun(c *console.Console) *cobra.Command {
	conf := custody.Config{Now: time.Now}
	cmd := &cobra.Command{
		Use:   "run --dir DIR --log FILE [--origin ORIGIN...]",
		Short: "Answer the requests of a ledger on standard input",
		Long: `Answer the requests of a ledger, line by line, on standard input and output: what
"lendlog init --vault-command" and "lendlog keys rotate vault --to-command" start, by
ssh on another machine, or by sudo as another user.

Each request is written to the file of --log, as a line of JSON, and flushed, before it
is answered: {"time", "do", "origin", "id", "purpose", "key", "from", "answer", "why"};
"answer" is given or refused, and "from" what ssh or sudo say of who asks. One that
can't be written down is refused, and so is everything while the directory holds a file
called refuse. With --origin, only these ledgers are answered.`,
		Example: `  # in authorized_keys of the user keeper, on another machine than the ledger:
  restrict,command="lendlog keeper run --dir keys --log unwraps.log" ssh-ed25519 AAAA…
  lendlog keeper run --dir keys --log unwraps.log --origin ledger.bank.example/2026`,
		Args: takes(),
		RunE: func(*cobra.Command, []string) (err error) {
			conf.From = cmp.Or(os.Getenv("SSH_CONNECTION"), os.Getenv("SUDO_USER"))
			kept, err := custody.Open(conf)
			if err != nil {
				return fmt.Errorf("couldn't keep the key: %w", err)
			}
			return errors.Join(kept.Serve(c.In, c.Out), kept.Close())
		},
	}
	keeperDir(cmd, &conf.Dir)
	f := cmd.Flags()
	f.StringVar(&conf.Log, "log", "", "file to which every request is added")
	_ = cmd.MarkFlagRequired("log")
	_ = cmd.MarkFlagFilename("log")
	f.StringArrayVar(&conf.Origins, "origin", nil, "answer only the ledger of this origin; may be given several times")
	return cmd
}
