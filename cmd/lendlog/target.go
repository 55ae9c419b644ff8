// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger"
)

// target is the ledger that a command works on: of this machine, or behind a
// server.
type target struct {
	dir, server, trust string
	credentials
}

func (t *target) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&t.dir, "dir", "", "directory of a ledger that no server holds")
	f.StringVar(&t.server, "server", "", "URL of a server, such as http://127.0.0.1:8080")
	f.StringVar(&t.trust, "trust", "", "trust file to verify the server with (default: the server's own, believed)")
	t.credentials.flags(cmd)
	_ = cmd.MarkFlagDirname("dir")
	cmd.MarkFlagsMutuallyExclusive("dir", "server")
	t.notWith(cmd, "dir")
	cmd.MarkFlagsMutuallyExclusive("dir", "trust")
}

// named reports whether a ledger was named.
func (t *target) named() bool { return t.dir != "" || t.server != "" }

// with opens the target, hands it to do, and closes it.
func (t *target) with(ctx context.Context, c *console.Console, do func(access.Ledger) error) (err error) {
	l, err := t.open(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	return do(l)
}

func (t *target) open(ctx context.Context, c *console.Console) (access.Ledger, error) {
	switch {
	case t.server != "":
		shown, err := t.options()
		if err != nil {
			return nil, err
		}
		var trust []byte
		if t.trust == "" {
			c.Notef("The server's own trust file is believed; pin one with --trust.")
		} else {
			var err error
			if trust, err = os.ReadFile(t.trust); err != nil {
				return nil, err
			}
		}
		return access.Remote(ctx, t.server, trust, shown...)
	case t.dir != "":
		if _, _, err := ledger.Locate(t.dir); err != nil {
			return nil, usagef("%w", err)
		}
		progress := c.Progress()
		defer progress.Done()
		return access.Local(ctx, t.dir, ledger.Options{Progress: progress.Set})
	}
	return nil, usagef("say which ledger: --dir DIR, or --server URL when a server holds it")
}

// notFound gives what a wrong index or subject ends with.
func notFound(err error, what string) error {
	if errors.Is(err, access.ErrNotFound) {
		return fmt.Errorf("there is no %s in the ledger", what)
	}
	return err
}
