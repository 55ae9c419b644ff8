// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/api/host"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
)

func newLedgers(c *console.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ledgers",
		Short: "List, open and close the ledgers of a server that has several",
		Long: `List, open and close the ledgers of a server that has several ("lendlog serve" with a
list of "ledgers" in the file of --config), while it runs. They are reached by the
socket of serve's --control, which only the user who runs the server can use: there is
no key for it, and no role of a ledger has a say in the others.`,
		Example: `  lendlog ledgers list --control /run/lendlog/control
  lendlog ledgers close lender-a --control /run/lendlog/control`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newLedgersList(c), newLedgersOpen(c), newLedgersClose(c))
	return cmd
}

// controlFlag adds --control.
func controlFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "control", "", "socket of the server, as it was started with")
	_ = cmd.MarkFlagRequired("control")
	_ = cmd.MarkFlagFilename("control")
}

func newLedgersList(c *console.Console) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "list --control SOCKET",
		Short: "List the ledgers of a server",
		Long: `List the ledgers of a server, and how they do: open; closed, because somebody closed
it; or failed, with the reason, when it should be open and is not.

With --json, one line per ledger: {"name", "dir", "state", "reason"}.`,
		Example: `  lendlog ledgers list --control /run/lendlog/control`,
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := order(cmd.Context(), path, "list", "")
			if err != nil {
				return err
			}
			var rows [][]string
			for _, l := range all {
				rows = append(rows, []string{l.Name, l.State, l.Dir, console.Clean(l.Reason)})
				if err := c.Emit(l); err != nil {
					return err
				}
			}
			c.Table([]string{"NAME", "STATE", "DIR", "REASON"}, rows)
			return nil
		},
	}
	controlFlag(cmd, &path)
	return cmd
}

func newLedgersOpen(c *console.Console) *cobra.Command {
	return newLedgersDo(c, "open", "Open a ledger that is closed, or failed", `Open a ledger that was closed, or that could not be opened before, and serve it again.`)
}

func newLedgersClose(c *console.Console) *cobra.Command {
	return newLedgersDo(c, "close", "Close a ledger, and leave the others", `Close a ledger: it takes no more requests, finishes those under way, commits what waits
and closes. Its directory is free then, for "lendlog access grant --dir" and the like.
Until it is opened again, those with a key of it are told that it is closed, and
strangers what they were told before.`)
}

func newLedgersDo(c *console.Console, do, short, long string) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:     do + " NAME --control SOCKET",
		Short:   short,
		Long:    long + "\n\nWith --json: {\"name\", \"dir\", \"state\"}.",
		Example: `  lendlog ledgers ` + do + ` lender-a --control /run/lendlog/control`,
		Args:    takes("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := order(cmd.Context(), path, do, args[0])
			if err != nil {
				return fmt.Errorf("couldn't %s the ledger: %w", do, err)
			}
			for _, l := range all {
				if l.Name != args[0] {
					continue
				}
				c.Printf("The ledger %s is %s.\n", l.Name, l.State)
				return c.Emit(l)
			}
			return nil
		},
	}
	controlFlag(cmd, &path)
	return cmd
}

// order has the server at a socket do something.
func order(ctx context.Context, path, do, name string) ([]host.Status, error) {
	all, err := host.Ask(ctx, path, do, name)
	if errors.Is(err, host.ErrControl) {
		return nil, fmt.Errorf("%w: %w", access.ErrNetwork, err)
	}
	return all, err
}
