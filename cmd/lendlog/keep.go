// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger"
	grants "github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/proof"
)

// dirFlag adds --dir, which the command cannot do without.
func dirFlag(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "dir", "", "directory of the ledger")
	_ = cmd.MarkFlagRequired("dir")
	_ = cmd.MarkFlagDirname("dir")
}

func newInit(c *console.Console) *cobra.Command {
	var dir, adminKey string
	o := ledger.CreateOptions{}
	cmd := &cobra.Command{
		Use:   "init --dir DIR --origin ORIGIN",
		Short: "Make a new ledger",
		Long: `Make a new ledger in a directory that is empty or absent.

ORIGIN names the ledger in every checkpoint, like a web address without https://;
choose it once, it cannot be changed. What is lost or taken together with the
store protects it less, so keys, vault, head file and mirror belong on other
volumes: see --keys, --vault, --head and --mirror.

--admin-key also grants the first key, an admin's, and writes it to a new file, or
prints it where that is "-". From then on the server demands keys of everybody; see
"lendlog access".

With --json: {"origin", "verifierKeys", "genesis", "dir", "paths": {"store",
"keys", "vault", "head", "mirror"}, "trust", "warnings"}, and with --admin-key a
second line as of "lendlog access grant".`,
		Example: `  lendlog init --dir ledger --origin ledger.bank.example/2026
  lendlog init --dir ledger --origin ledger.bank.example/2026 --admin-key admin.key
  lendlog init --dir /srv/ledger --origin ledger.bank.example/2026 \
    --keys /etc/ledger/keys --vault /etc/ledger/vault --head /mnt/b/head --mirror /mnt/b/mirror`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			ctx := cmd.Context()
			if _, name, ok := strings.Cut(o.Origin, "://"); ok {
				return usagef("an origin is written without https://, such as %s, and can't be changed later", cmp.Or(name, "ledger.bank.example/2026"))
			}
			if _, err := os.Lstat(adminKey); adminKey != "" && err == nil {
				return usagef("%s is there already: --admin-key names a new file", adminKey)
			}
			if err := ledger.Create(ctx, dir, o); err != nil {
				err = fmt.Errorf("couldn't make the ledger: %w", err)
				if errors.Is(err, ledger.ErrNoSpace) || errors.As(err, new(syscall.Errno)) {
					return coded{exitFailed, err} // the machine's fault, not the caller's
				}
				return coded{exitUsage, err}
			}
			l, err := access.Open(ctx, dir, ledger.Options{})
			if err != nil {
				return err
			}
			info := l.Info()
			if err := l.Close(); err != nil {
				return err
			}
			trust := filepath.Join(dir, "trust.json")
			genesis := base64.StdEncoding.EncodeToString(info.Genesis[:])
			c.Printf("Made the ledger %s.\n\n", info.Origin)
			for _, k := range info.VerifierKeys {
				c.Printf("verifier key  %s\n", k)
			}
			c.Printf("genesis hash  %s\n", genesis)
			c.Printf("trust file    %s (give it to whoever verifies; its hash is best passed on by another way)\n", trust)
			for _, p := range [][2]string{
				{"store", info.Paths.Store}, {"keys", info.Paths.Keys}, {"vault", info.Paths.Vault},
				{"head file", info.Paths.Head}, {"mirror", info.Paths.Mirror},
			} {
				c.Printf("%-12s  %s\n", p[0], p[1])
			}
			warnings := info.Paths.Warnings()
			if !c.JSON {
				for _, w := range warnings {
					c.Warnf("%s", w)
				}
			}
			c.Printf("\nNext: lendlog serve --dir %s\n", dir)
			err = c.Emit(struct {
				Origin       string       `json:"origin"`
				VerifierKeys []string     `json:"verifierKeys"`
				Genesis      string       `json:"genesis"`
				Dir          string       `json:"dir"`
				Paths        ledger.Paths `json:"paths"`
				Trust        string       `json:"trust"`
				Warnings     []string     `json:"warnings"`
			}{info.Origin, info.VerifierKeys, genesis, dir, info.Paths, trust, append([]string{}, warnings...)})
			if err != nil || adminKey == "" {
				return err
			}
			made, err := access.Local(ctx, dir, ledger.Options{})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, made.Close()) }()
			return grant(ctx, c, made, grants.Terms{Role: grants.Admin}, adminKey)
		},
	}
	dirFlag(cmd, &dir)
	f := cmd.Flags()
	f.StringVar(&o.Origin, "origin", "", "name of the ledger, such as ledger.bank.example/2026")
	_ = cmd.MarkFlagRequired("origin")
	f.StringVar(&o.Paths.Keys, "keys", "", "directory of the ledger's own keys (default DIR/keys)")
	f.StringVar(&o.Paths.Vault, "vault", "", "directory of the keys that wrap the parties' keys (default DIR/vault)")
	f.StringVar(&o.Paths.Head, "head", "", "directory of the head file and the lock (default DIR/head)")
	f.StringVar(&o.Paths.Mirror, "mirror", "", "directory of the mirror that repair reads (default DIR/mirror)")
	f.StringVar(&o.Signer, "signer", "", "command that holds the checkpoint key and signs with it; see docs/operators.md (default: a key in DIR/keys)")
	f.StringVar(&o.VaultCommand, "vault-command", "", "command that keeps the vault's key, such as lendlog keeper run by ssh; see docs/operators.md (default: a key in DIR/keys)")
	f.StringVar(&adminKey, "admin-key", "", "grant the first key, an admin's, and write it to this new file; - prints it")
	f.BoolVar(&o.PublicLog, "public-log", false, "let anybody read the tiles: entries hold no personal value, but terms, times and open codes")
	f.DurationVar(&o.LateAfter, "late-after", 24*time.Hour, "a record submitted longer than this after it happened is marked late; cannot be changed")
	return cmd
}

// trustFile returns the file that init wrote, which does not need the ledger
// open, or what is in the ledger when the file is lost.
func trustFile(ctx context.Context, dir string) ([]byte, error) {
	origin, _, err := ledger.Locate(dir)
	if err != nil {
		return nil, usagef("%w", err)
	}
	path := filepath.Join(dir, "trust.json")
	b, err := os.ReadFile(path)
	if err == nil {
		if t, err := proof.ParseTrust(b); err != nil || t.Origin != origin {
			return nil, fmt.Errorf("%s is not the trust file of %s; move it away, and this command takes it from the ledger", path, origin)
		}
		return b, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("couldn't read the trust file: %w", err)
	}
	l, err := access.Open(ctx, dir, ledger.Options{})
	if err != nil {
		return nil, err
	}
	return l.Trust().Bytes(), l.Close()
}

func newRepair(c *console.Console) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "repair --dir DIR",
		Short: "Build the store again out of the mirror",
		Long: `Build a new store out of the mirror and put it in the place of the old one,
which is kept beside it. Nothing in the mirror is believed: every entry goes
through the same derivation as when it was appended, and the result must reach
the published checkpoint, hash for hash, or nothing is changed. "lendlog audit"
tells whether that is needed: a store that is whole is replaced too.

With --json: {"records", "damaged"}, where damaged names the old store.`,
		Example: "  lendlog repair --dir ledger",
		Args:    takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, _, err := ledger.Locate(dir); err != nil {
				return usagef("%w", err)
			}
			progress := c.Progress()
			done, err := ledger.Repair(cmd.Context(), dir, ledger.Options{Progress: progress.Set, Passphrase: access.Passphrase})
			progress.Done()
			if err != nil {
				return coded{exitStore, fmt.Errorf("couldn't repair the store: %w", err)}
			}
			c.Printf("Repaired: the new store holds %s records and reaches the published checkpoint.\n", console.Count(done.Size))
			if done.Damaged != "" {
				c.Printf("The old store is kept in %s for whoever investigates.\n", done.Damaged)
			}
			return c.Emit(struct {
				Records int64  `json:"records"`
				Damaged string `json:"damaged,omitempty"`
			}{done.Size, done.Damaged})
		},
	}
	dirFlag(cmd, &dir)
	return cmd
}
