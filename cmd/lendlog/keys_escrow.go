// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/vault"
)

func newKeysPassphrase(c *console.Console) *cobra.Command {
	var dir, file string
	var remove bool
	cmd := &cobra.Command{
		Use:   "passphrase {--new-passphrase-file FILE | --remove} --dir DIR",
		Short: "Encrypt the keys on disk under a passphrase, or another one",
		Long: `Encrypt the files in the directory of keys under a passphrase (age, scrypt), or under
another one than before. From then on every command that opens the ledger reads the
passphrase from the file that ` + access.PassphraseVariable + ` names, which only you may be
able to read; keep it elsewhere than the keys. --remove decrypts them again.

What was on the disk before may still be found there: on a disk that is not encrypted,
rotate the keys that can be rotated.

With --json: {"encrypted"}.`,
		Example: `  lendlog keys passphrase --new-passphrase-file /run/secrets/passphrase --dir ledger
  ` + access.PassphraseVariable + `=/run/secrets/passphrase lendlog serve --dir ledger`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			to := ""
			if !remove {
				var err error
				if to, err = access.ReadPassphrase(file); err != nil {
					return err
				}
			}
			_, paths, err := ledger.Locate(dir)
			if err != nil {
				return usagef("%w", err)
			}
			// Nobody may write keys meanwhile.
			held, err := store.LockHead(paths.Head)
			if err != nil {
				return err
			}
			if err := errors.Join(vault.SetPassphrase(paths.Keys, access.Passphrase, to), held.Close()); err != nil {
				return fmt.Errorf("couldn't encrypt the keys; run it again: %w", err)
			}
			if remove {
				c.Printf("The keys in %s are not encrypted any more.\n", paths.Keys)
			} else {
				c.Printf("The keys in %s are encrypted. Whoever loses the passphrase has lost them, but for a copy (`lendlog keys export`).\n", paths.Keys)
			}
			return c.Emit(struct {
				Encrypted bool `json:"encrypted"`
			}{!remove})
		},
	}
	dirFlag(cmd, &dir)
	f := cmd.Flags()
	f.StringVar(&file, "new-passphrase-file", "", "file with the passphrase, which only you can read")
	_ = cmd.MarkFlagFilename("new-passphrase-file")
	f.BoolVar(&remove, "remove", false, "decrypt the keys")
	cmd.MarkFlagsOneRequired("new-passphrase-file", "remove")
	cmd.MarkFlagsMutuallyExclusive("new-passphrase-file", "remove")
	return cmd
}

// copyHelp says what a copy of the keys is.
const copyHelp = `The copy holds the checkpoint, VRF, index and vault keys. Of one that a command has it
holds the command alone: whoever runs that has to keep a copy of the key. Without the
one of a vault nothing sealed can ever be read again, whatever else there is. Nor does
it hold the bucket keys in the vault, of which no copy must outlive an erasure: back up
the vault apart.`

// outside warns of what a copy does not bring back.
func outside(c *console.Console, e *vault.Escrow) {
	if names := e.Outside(); len(names) > 0 {
		c.Warnf("the copy does not hold what %s %s: only the command that has each key, of which whoever runs it has to keep a copy", strings.Join(names, ", "), plural(len(names), "names", "name"))
	}
}

func newKeysExport(c *console.Console) *cobra.Command {
	var dir, to, phrase string
	var recipients []string
	cmd := &cobra.Command{
		Use:   "export --to FILE {--recipient age1… | --passphrase-file FILE} --dir DIR",
		Short: "Write an encrypted copy of the ledger's own keys",
		Long: `Write an encrypted copy of the ledger's own keys into a new file, in the format of
age: for whoever holds the identity of a --recipient, or the passphrase in a file.

` + copyHelp + `

The public parts are listed by "lendlog keys list --json", and stand in the trust file,
those of submitters in that of "lendlog trust --submitters".

With --json: {"file", "origin", "holds", "outside"}: the names of the files that it
holds, and of those of them that name a command in the place of a key.`,
		Example: `  lendlog keys export --to keys.age --recipient age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p --dir ledger
  lendlog keys check keys.age --identity escrow.key --dir ledger`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := os.Lstat(to); err == nil {
				return usagef("--to %s is there already: name a new file", to)
			}
			sealTo, err := recipientsOf(recipients, phrase)
			if err != nil {
				return err
			}
			origin, keys, err := keysOf(dir)
			if err != nil {
				return err
			}
			e, err := keys.Escrow(origin, time.Now())
			if err != nil {
				return err
			}
			b, err := e.Seal(sealTo...)
			if err == nil {
				err = store.WriteFile(to, b, 0o600)
			}
			if err != nil {
				return fmt.Errorf("couldn't write the copy: %w", err)
			}
			c.Printf("Wrote a copy of %s of %s to %s. Check it with `lendlog keys check` where its identity is.\n", strings.Join(e.Names(), ", "), origin, to)
			outside(c, e)
			return c.Emit(struct {
				File    string   `json:"file"`
				Origin  string   `json:"origin"`
				Holds   []string `json:"holds"`
				Outside []string `json:"outside"`
			}{to, origin, e.Names(), append([]string{}, e.Outside()...)})
		},
	}
	dirFlag(cmd, &dir)
	f := cmd.Flags()
	f.StringVar(&to, "to", "", "new file to write")
	_ = cmd.MarkFlagRequired("to")
	f.StringArrayVar(&recipients, "recipient", nil, "public key of age, age1…, of who can open it; may be given several times")
	f.StringVar(&phrase, "passphrase-file", "", "file with the passphrase to encrypt it under instead")
	_ = cmd.MarkFlagFilename("passphrase-file")
	cmd.MarkFlagsOneRequired("recipient", "passphrase-file")
	cmd.MarkFlagsMutuallyExclusive("recipient", "passphrase-file")
	return cmd
}

func recipientsOf(names []string, phrase string) (list []age.Recipient, err error) {
	for _, name := range names {
		r, err := age.ParseX25519Recipient(name)
		if err != nil {
			return nil, usagef("--recipient takes a public key of age, age1…")
		}
		list = append(list, r)
	}
	if phrase == "" {
		return list, nil
	}
	text, err := access.ReadPassphrase(phrase)
	if err != nil {
		return nil, err
	}
	r, err := age.NewScryptRecipient(text)
	return []age.Recipient{r}, err
}

// keysOf reads the keys of a ledger.
func keysOf(dir string) (origin string, keys vault.Keys, err error) {
	origin, paths, err := ledger.Locate(dir)
	if err != nil {
		return "", vault.Keys{}, usagef("%w", err)
	}
	keys, err = vault.UnlockKeys(paths.Keys, access.Passphrase)
	return origin, keys, err
}

// opening says with what a copy is opened.
type opening struct{ identity, phrase string }

func (o *opening) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.identity, "identity", "", "file with the identity of age that opens it")
	f.StringVar(&o.phrase, "passphrase-file", "", "file with the passphrase that opens it")
	_ = cmd.MarkFlagFilename("identity")
	_ = cmd.MarkFlagFilename("passphrase-file")
	cmd.MarkFlagsOneRequired("identity", "passphrase-file")
	cmd.MarkFlagsMutuallyExclusive("identity", "passphrase-file")
}

// open opens a copy.
func (o *opening) open(file string) (*vault.Escrow, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var by []age.Identity
	if o.identity != "" {
		text, err := vault.ReadSecret(o.identity)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, usagef("%w", err)
		}
		if err == nil {
			by, err = age.ParseIdentities(strings.NewReader(text))
		}
		if err != nil {
			return nil, usagef("%s is not a file of an identity of age that only you can read", o.identity)
		}
	} else {
		text, err := access.ReadPassphrase(o.phrase)
		if err != nil {
			return nil, err
		}
		id, err := age.NewScryptIdentity(text)
		if err != nil {
			return nil, err
		}
		by = append(by, id)
	}
	return vault.OpenEscrow(b, by...)
}

func newKeysCheck(c *console.Console) *cobra.Command {
	var dir string
	var by opening
	cmd := &cobra.Command{
		Use:   "check FILE {--identity FILE | --passphrase-file FILE} --dir DIR",
		Short: "Check that a copy restores to the keys of a ledger",
		Long: `Open a copy of keys, and compare each with that in the ledger's directory of keys.
Nothing is written. The exit code is 1 where they differ: then make a new copy, or find
out whose keys the ledger has.

With --json: {"same", "created", "differs"}, the names of the files that differ.`,
		Example: "  lendlog keys check keys.age --identity escrow.key --dir ledger",
		Args:    takes("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			e, err := by.open(args[0])
			if err != nil {
				return err
			}
			origin, keys, err := keysOf(dir)
			if err != nil {
				return err
			}
			if e.Origin != origin {
				return fmt.Errorf("the copy is of %s, and the ledger is %s", e.Origin, origin)
			}
			names, err := e.Differs(keys)
			if err != nil {
				return err
			}
			err = c.Emit(struct {
				Same    bool     `json:"same"`
				Created string   `json:"created"`
				Differs []string `json:"differs"`
			}{len(names) == 0, e.Created, append([]string{}, names...)})
			if err != nil {
				return err
			}
			if len(names) > 0 {
				return fmt.Errorf("the copy of %s is another in %s; make a new one with `lendlog keys export`", e.Created, strings.Join(names, ", "))
			}
			c.Printf("The copy of %s restores to these keys: %s.\n", e.Created, strings.Join(e.Names(), ", "))
			outside(c, e)
			return nil
		},
	}
	dirFlag(cmd, &dir)
	by.flags(cmd)
	return cmd
}

func newKeysImport(c *console.Console) *cobra.Command {
	var to string
	var by opening
	cmd := &cobra.Command{
		Use:   "import FILE --to KEYS {--identity FILE | --passphrase-file FILE}",
		Short: "Restore the keys of a ledger from a copy",
		Long: `Write the keys in a copy into a directory that holds none, which is to be the
ledger's directory of keys: DIR/keys, or what "lendlog init --keys" was given. They are
not encrypted then ("lendlog keys passphrase"). Open the ledger with them, or audit it:
keys that are not its own are refused.

With --json: {"origin", "created", "files"}.`,
		Example: "  lendlog keys import keys.age --to ledger/keys --identity escrow.key",
		Args:    takes("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			e, err := by.open(args[0])
			if err != nil {
				return err
			}
			if err := e.Restore(to); err != nil {
				return fmt.Errorf("couldn't restore the keys: %w", err)
			}
			c.Printf("Restored %s of %s, as they were at %s, to %s.\n", strings.Join(e.Names(), ", "), e.Origin, e.Created, to)
			outside(c, e)
			return c.Emit(struct {
				Origin  string   `json:"origin"`
				Created string   `json:"created"`
				Files   []string `json:"files"`
			}{e.Origin, e.Created, e.Names()})
		},
	}
	f := cmd.Flags()
	f.StringVar(&to, "to", "", "directory of keys to write to")
	_ = cmd.MarkFlagRequired("to")
	_ = cmd.MarkFlagDirname("to")
	by.flags(cmd)
	return cmd
}
