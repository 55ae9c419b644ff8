// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger"
)

// target is the ledger that a command works on: of this machine, or behind a
// server.
type target struct {
	dir, server, trust string
	credentials
	purpose, forCase string // of what is looked at
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

// lookFlags adds the flags of commands that open what is sealed.
func (t *target) lookFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&t.purpose, "purpose", "", "what for, a code such as complaint or audit; a server that demands keys records it")
	f.StringVar(&t.forCase, "case", "", "id of the restricted case for which; then it is recorded there, and nowhere else")
	cmd.MarkFlagsMutuallyExclusive("dir", "case")
}

// options are those of a client.
func (t *target) options() (o []client.Option, err error) {
	if o, err = t.credentials.options(); err != nil {
		return nil, err
	}
	if t.purpose != "" {
		if !reasonCode.MatchString(t.purpose) {
			return nil, usagef("--purpose takes a code such as complaint or audit: a letter or digit, and up to 63 letters, digits, dots, hyphens and underscores")
		}
		o = append(o, client.WithPurpose(t.purpose))
	}
	if t.forCase != "" {
		o = append(o, client.WithCase(strings.TrimPrefix(t.forCase, "case/")))
	}
	return o, nil
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
