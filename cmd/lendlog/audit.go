// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/fsck"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/selfaudit"
	"github.com/lendlog/lendlog/ledger/store"
)

func newAudit(c *console.Console) *cobra.Command {
	var dir, server, trustFile string
	var shown credentials
	var checkpoints []string
	var keep bool
	o := fsck.Options{Passphrase: access.Passphrase}
	cmd := &cobra.Command{
		Use:   "audit [--deep] {--dir DIR | --server URL}",
		Short: "Audit a ledger from its bytes",
		Long: `Derive everything of a ledger again from its bytes, and compare: one line per
check, a block for everything that is wrong (which record, whose, the first signed
checkpoint over it, and what to do), and a verdict.

  VALID       every check passed (exit code 0)
  INVALID     a check failed: tampering or damage (exit code 3)
  INCOMPLETE  nothing failed, but a check could not be made (exit code 4)

Without --deep: signatures, every record against the signed root, the tiles, the
chains of all subjects, their map, the clock, and the rows beside the records. With
it also: every payload is opened, every event validated again, seals, terms, keys
and refs are computed again, and the mirror is compared byte for byte.

--dir wants a ledger that no server holds, or a copy of one; parts that a copy lacks
(keys, vault, head file, mirror) are reported as not checked. Nothing is changed,
but the database of a process that was killed has to be completed to be read: audit
a copy where the files themselves are evidence. --server reads the log of a running
server; what is sealed cannot be seen there.

Somebody who has all keys can sign another ledger that is as right as this one.
Only checkpoints that were kept outside tell the two apart: pass yours with
--checkpoint. A receipt or evidence file will do: it holds one.

--record opens the ledger in --dir afterwards and has it keep what came out, which its
server then shows; where the ledger can't be opened any more, nothing is recorded.

With --json, one line: {"verdict", "origin", "size", "deep", "checks": [{"name",
"result", "text"}], "findings": [{"check", "record", "last", "subject",
"checkpoint", "where", "text", "remedy"}], "more"}.`,
		Example: `  lendlog audit --deep --dir ledger
  lendlog audit --server https://ledger.bank.example --trust trust.json --checkpoint kept-in-june`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if keep && dir == "" {
				return usagef("--record goes with --dir; a server records its own audits")
			}
			if trustFile != "" {
				b, err := os.ReadFile(trustFile)
				if err != nil {
					return err
				}
				if o.Trust, err = proof.ParseTrust(b); err != nil {
					return usagef("%s: %w", trustFile, err)
				}
			}
			for _, name := range checkpoints {
				b, err := readNote(name)
				if err != nil {
					return err
				}
				o.Checkpoints = append(o.Checkpoints, b)
			}
			progress := c.Progress()
			o.Progress = progress.Set
			defer fsck.SpendMemory()()
			var report *fsck.Report
			var err error
			switch {
			case server != "":
				report, err = auditServer(cmd.Context(), server, shown, o)
			case dir != "":
				report, err = auditDir(cmd.Context(), dir, o)
			default:
				err = usagef("say which ledger: --dir DIR, or --server URL when a server holds it")
			}
			progress.Done()
			if err != nil {
				return err
			}
			if c.JSON {
				err = c.Emit(report)
			} else {
				err = report.WriteText(c.Out)
			}
			if err == nil && keep {
				err = recordAudit(cmd.Context(), c, dir, report)
			}
			if err != nil {
				return err
			}
			return exit(report.Verdict.ExitCode())
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.Deep, "deep", false, "open every payload, validate every event again, compare the mirror")
	f.StringVar(&dir, "dir", "", "directory of a ledger that no server holds, or of a copy")
	f.StringVar(&server, "server", "", "URL of a server, such as http://127.0.0.1:8080")
	f.StringVar(&trustFile, "trust", "", "trust file, pinned outside the ledger (default: the keys in its genesis record, believed)")
	f.StringArrayVar(&checkpoints, "checkpoint", nil, "checkpoint, receipt or evidence file that was kept outside; may be given several times")
	f.BoolVar(&keep, "record", false, "have the ledger in --dir record what came out")
	f.IntVar(&o.Limit, "limit", 100, "findings that are listed; the others are counted")
	_ = cmd.MarkFlagDirname("dir")
	_ = cmd.MarkFlagFilename("trust", "json")
	shown.flags(cmd)
	cmd.MarkFlagsMutuallyExclusive("dir", "server")
	shown.notWith(cmd, "dir")
	return cmd
}

// maxNote bounds a file with a checkpoint, which may be large evidence.
const maxNote = 64 << 20

// readNote reads a checkpoint that was kept: alone, or in a receipt, evidence or a
// bundle.
func readNote(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var b []byte
	if r := bufio.NewReader(io.LimitReader(f, maxNote)); proof.IsBundle(r) {
		b, err = r.ReadBytes('\n') // the head
	} else {
		b, err = io.ReadAll(r)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read %s: %w", name, err)
	}
	if doc, err := canon.Parse(b, canon.Limits{}); err == nil {
		cp, _ := doc.Get("checkpoint")
		b = []byte(cp.Str)
	}
	// Shells and editors add and drop line ends; a note has exactly one.
	b = append(bytes.TrimRight(b, "\r\n"), '\n')
	if !bytes.Contains(b, []byte("\n\n")) {
		return nil, usagef("%s is no signed checkpoint, and no receipt, evidence or bundle that holds one", name)
	}
	return b, nil
}

func auditDir(ctx context.Context, dir string, o fsck.Options) (*fsck.Report, error) {
	_, p, err := ledger.Locate(dir)
	if err != nil {
		return nil, usagef("%w", err)
	}
	report, err := fsck.Disk(ctx, fsck.Parts{Store: p.Store, Keys: p.Keys, Vault: p.Vault, Head: p.Head, Mirror: p.Mirror}, o)
	switch {
	case err == nil || ctx.Err() != nil:
		return report, err
	case errors.Is(err, store.ErrHeld):
		return nil, coded{exitStore, fmt.Errorf("%w: stop it, or audit what it serves with --server URL", err)}
	}
	return nil, coded{exitStore, fmt.Errorf("couldn't audit the ledger: %w", err)}
}

// recordAudit has the ledger in a directory keep what came out of an audit of it.
func recordAudit(ctx context.Context, c *console.Console, dir string, report *fsck.Report) error {
	return runningDir(ctx, dir, func(l *ledger.Ledger) error {
		index, err := l.RecordAudit(ctx, selfaudit.Of(report, ledger.AuditedByOperator))
		if err == nil {
			c.Notef("The ledger has this as record %d.", index)
		}
		return err
	})
}

func auditServer(ctx context.Context, server string, shown credentials, o fsck.Options) (*fsck.Report, error) {
	options, err := shown.options()
	if err != nil {
		return nil, err
	}
	if o.Trust != nil {
		options = append(options, client.WithTrust(o.Trust))
	}
	l, err := client.Dial(ctx, server, options...)
	if err != nil {
		return nil, serverError(ctx, err)
	}
	defer l.Close()
	if followed := l.Trust(); o.Trust != nil && followed != o.Trust {
		o.Followed = followed
	}
	report, err := fsck.Live(ctx, l.Log(), o)
	if err != nil {
		return nil, serverError(ctx, err)
	}
	return report, nil
}

// serverError says how an audit ends that could not read the server's log.
func serverError(ctx context.Context, err error) error {
	var lie *client.LieError
	switch {
	case ctx.Err() != nil:
		return err
	case errors.As(err, &lie):
		return coded{exitInvalid, fmt.Errorf("INVALID: %w", err)}
	case errors.Is(err, client.ErrUnreachable):
		return coded{exitNetwork, err}
	case errors.Is(err, client.ErrKey):
		return coded{exitUsage, err}
	}
	return fmt.Errorf("couldn't audit the server's log: %w", err)
}
