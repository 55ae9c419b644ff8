// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

func newSubmit(c *console.Console) *cobra.Command {
	var t target
	var receipts string
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "submit [FILE]",
		Short: "Submit events and print their receipts",
		Long: `Submit events: CloudEvents 1.0 in JSON. FILE holds one event, a JSON array of
them, or NDJSON; without FILE, or with "-", they are read from standard input as
they come. The same event again is answered with its first record and appends
nothing. One that is refused does not keep the others out, nor does a line of
NDJSON that is not JSON; an array ends where it is malformed.

A receipt is worth keeping outside the lender's reach: whoever holds it can prove
that its record was changed, dropped or moved. --receipts saves one file per
event, receipt-INDEX.json. Where the trust file names witnesses, these files are
upgraded once every event is answered, as lendlog receipt upgrade does it, so that
they don't rest on the lender's signature alone; --wait bounds how long the witnesses
are waited for, and what they have not cosigned by then stays as it is. The lines of
--json hold the receipts as they came.

With --json, one line per event: its receipt (lendlog-receipt/1), or {"refused":
{"event", "line", "reason", "errors": [{"pointer", "code", "message"}]}}, where
event counts from 1, and line is that of NDJSON.`,
		Example: `  lendlog submit decision.json --dir ledger
  lendlog submit events.ndjson --server http://127.0.0.1:8080 --receipts receipts
  cat events.json | lendlog submit --dir ledger --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := c.In
			if len(args) == 1 && args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer f.Close()
				in = f
			}
			if receipts != "" {
				if err := os.MkdirAll(receipts, 0o700); err != nil {
					return fmt.Errorf("couldn't make the directory for receipts: %w", err)
				}
			}
			var saved []string
			err := t.with(cmd.Context(), c, func(l access.Ledger) (err error) {
				saved, err = submit(cmd, c, l, in, receipts)
				return err
			})
			if len(saved) == 0 || t.server == "" || t.trust == "" {
				return err
			}
			// What was recorded before an error has receipts too.
			return errors.Join(err, upgradeSaved(cmd.Context(), c, t, saved, wait))
		},
	}
	t.flags(cmd)
	cmd.Flags().StringVar(&receipts, "receipts", "", "directory to save one receipt file per event in")
	cmd.Flags().DurationVar(&wait, "wait", 2*time.Minute, "how long to wait for witnesses that the trust file names; 0 upgrades nothing")
	return cmd
}

// submit returns the files that it saved receipts in.
func submit(cmd *cobra.Command, c *console.Console, l access.Ledger, in io.Reader, receipts string) (saved []string, _ error) {
	var accepted, repeated, refused int
	for out, err := range l.Submit(cmd.Context(), documents(in), access.SubmitOptions{Proofs: true}) {
		if err != nil {
			return saved, err
		}
		if out.Refused != nil {
			refused++
			if err := printRefusal(c, out); err != nil {
				return saved, err
			}
			continue
		}
		text := out.Receipt.Bytes()
		if receipts != "" {
			name := filepath.Join(receipts, fmt.Sprintf("receipt-%d.json", out.Receipt.Index))
			if err := os.WriteFile(name, text, 0o600); err != nil {
				return saved, fmt.Errorf("couldn't save a receipt: %w", err)
			}
			saved = append(saved, name)
		}
		if c.JSON {
			if err := printLine(c, out.Receipt.Document().Bytes()); err != nil {
				return saved, err
			}
			continue
		}
		again := ""
		if out.Repeated {
			repeated++
			again = " (accepted before, nothing was appended)"
		} else {
			accepted++
		}
		leaf := tree.LeafHash(out.Receipt.Entry)
		cp, _ := checkpointOf(string(out.Receipt.Checkpoint))
		c.Printf("event %d: record %d, leaf %s, checkpoint %d%s\n", out.Event.Number, out.Receipt.Index,
			base64.StdEncoding.EncodeToString(leaf[:]), cp.Size, again)
	}
	if all := accepted + repeated + refused; all > 1 {
		c.Notef("%s events: %s accepted, %s there already, %s refused", console.Count(int64(all)),
			console.Count(int64(accepted)), console.Count(int64(repeated)), console.Count(int64(refused)))
	}
	if refused > 0 {
		if c.JSON {
			return saved, exit(exitFailed)
		}
		return saved, fmt.Errorf("%d %s refused; put right what is said above and submit again: what was accepted is not appended twice", refused, plural(refused, "event was", "events were"))
	}
	return saved, nil
}

// printLine prints a JSON document as a line of its own.
func printLine(c *console.Console, document []byte) error {
	_, err := c.Out.Write(append(document, '\n'))
	return err
}

func plural(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

// A refusal is the JSON form of an event that was refused.
type refusal struct {
	Event  int64              `json:"event"`
	Line   int64              `json:"line,omitempty"`
	Reason string             `json:"reason"`
	Errors []refusalViolation `json:"errors,omitempty"`
}

type refusalViolation struct {
	Pointer string `json:"pointer"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func newRefusal(out access.Outcome) refusal {
	r := refusal{Event: out.Event.Number, Line: out.Event.Line, Reason: out.Refused.Error()}
	var violations record.Violations
	if errors.As(out.Refused, &violations) {
		for _, v := range violations {
			r.Errors = append(r.Errors, refusalViolation{v.Pointer, v.Code, v.Message})
		}
		if r.Line > 0 && violations[0].Code == record.CodeSyntax {
			r.Reason += "; write the whole event on this line, as JSON"
		}
	}
	return r
}

func printRefusal(c *console.Console, out access.Outcome) error {
	r := newRefusal(out)
	at := ""
	if r.Line > 0 {
		at = fmt.Sprintf(", line %d", r.Line)
	}
	c.Printf("event %d%s: %s: %s\n", r.Event, at, c.Paint(console.Bad, "refused"), console.Clean(r.Reason))
	return c.Emit(struct {
		Refused refusal `json:"refused"`
	}{r})
}
