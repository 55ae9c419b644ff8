// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/demo"
)

func newDemo(c *console.Console) *cobra.Command {
	var keep string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See real records logged, proved, and attacked in four ways",
		Long: `Import an excerpt of real lending data into a new ledger, verify a record offline
as a stranger would, and then attack copies of the ledger: change a byte, delete a
record, roll the database back, and sign a second history with all keys. Every line
that says what caught an attack is what the check returned; an attack that is not
caught makes the command fail.

Everything happens in a temporary directory, without a network, in some seconds.
--keep leaves it in a directory, with commands to try on it.

With --json: {"origin", "rows", "events": [{"type", "events"}], "records", "record",
"subject", "verdict", "attacks": [{"name", "caughtBy": [{"by", "check", "record",
"subject", "checkpoint", "text"}]}], "repaired", "seconds", "dir"}.`,
		Example: `  lendlog demo
  lendlog demo --keep lendlog-demo`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			dir := keep
			if dir == "" {
				if dir, err = os.MkdirTemp("", "lendlog-demo-"); err != nil {
					return fmt.Errorf("couldn't make a temporary directory: %w", err)
				}
				defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
			}
			summary, err := demo.Run(cmd.Context(), c, dir)
			if errors.Is(err, demo.ErrNotEmpty) {
				return usagef("%s: %w", dir, err)
			}
			if err != nil {
				return fmt.Errorf("the demo failed: %w", err)
			}
			if keep != "" {
				summary.Dir = keep
				c.Printf("\n%s\n", c.Paint(console.Strong, "Everything is in "+keep+". Try there:"))
				for _, try := range []string{
					"lendlog-verify --trust outside/trust.json outside/record-%d.evidence.json",
					"lendlog show %d --dir ledger",
					"lendlog audit --deep --dir attacks/deleted",
					"lendlog audit --dir attacks/forked --checkpoint outside/checkpoint",
				} {
					if strings.Contains(try, "%d") {
						try = fmt.Sprintf(try, summary.Record)
					}
					c.Printf("   %s\n", try)
				}
			}
			return c.Emit(summary)
		},
	}
	cmd.Flags().StringVar(&keep, "keep", "", "directory to leave everything in; it must be empty or absent")
	_ = cmd.MarkFlagDirname("keep")
	return cmd
}
