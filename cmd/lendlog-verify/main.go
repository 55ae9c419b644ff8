// SPDX-License-Identifier: Apache-2.0

// Command lendlog-verify checks evidence, bundles and receipts of a lendlog ledger,
// offline and without the ledger's program: it links the verifier and next to
// nothing else. deps.txt lists all of it.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
)

// version is stamped by the linker: -X main.version=v1.2.3.
var version = "dev"

// The exit codes beside those of the verdicts.
const (
	exitInternal = 1
	exitUsage    = 2
)

const usage = `Verify evidence, bundles and receipts of a lendlog ledger offline.

Usage:
  lendlog-verify --trust TRUST [--against RECEIPT]... [--json] FILE...
  lendlog-verify --trust TRUST --event EVENT [--schema SCHEMA] [--json] RECEIPT

Example:
  lendlog-verify --trust trust.json record-12.evidence.json

Flags:
  --trust TRUST    the trust file: whom you believe. Get it from somebody else
                   than the operator of the ledger
  --event EVENT    the event that a receipt is of, as it was submitted: every
                   digest is computed again
  --schema SCHEMA  the schema of the event, where its type does not come with
                   this version of lendlog
  --against RECEIPT
                   a receipt to hold evidence against: a record that the ledger
                   gave a receipt for and leaves out is proof of fraud
  --block ID:NUMBER:HASH[:TIME]
                   a block that the chain of that id has, and that is final there,
                   as you found out, TIME in seconds since 1970 if you know it: what
                   an anchor is worth rests on it
  --json           one line of JSON per file: {"file", "report"}
  --version        print the version

Exit codes: 0 VALID, 3 INVALID (a check failed: evidence of tampering),
4 INCOMPLETE (nothing failed, but a check could not be made), 2 a wrong call or
a file that is neither evidence nor a receipt, 1 an internal error. Of several
files the worst decides: INVALID, then a file that could not be read, then
INCOMPLETE.
`

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the program. It returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	complain := func(err error) {
		fmt.Fprintf(stderr, "lendlog-verify: %s\n", proof.Printable(err.Error()))
	}
	c, err := parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return 0
	case err != nil:
		complain(fmt.Errorf("%w; see lendlog-verify --help", err))
		return exitUsage
	case c.version:
		fmt.Fprintf(stdout, "lendlog-verify %s\n", version)
		return 0
	}
	trust, event, receipts, err := c.given()
	if err != nil {
		complain(err)
		return exitUsage
	}
	worst := 0
	for _, name := range c.files {
		report, err := verify(trust, name, event, receipts)
		if err != nil {
			complain(fmt.Errorf("%s: %w", name, err))
			worst = proof.Worse(worst, proof.ExitUnread)
			continue
		}
		worst = proof.Worse(worst, report.Verdict.ExitCode())
		if err := c.print(stdout, name, report); err != nil {
			complain(fmt.Errorf("couldn't write the result: %w", err))
			return exitInternal
		}
	}
	return worst
}

// A call is the command line.
type call struct {
	trust, event, schema string
	against, blocks      []string
	json, version        bool
	files                []string
}

func parse(args []string) (c call, err error) {
	flags := flag.NewFlagSet("lendlog-verify", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&c.trust, "trust", "", "")
	flags.StringVar(&c.event, "event", "", "")
	flags.StringVar(&c.schema, "schema", "", "")
	flags.Func("against", "", func(name string) error {
		c.against = append(c.against, name)
		return nil
	})
	flags.Func("block", "", func(s string) error {
		c.blocks = append(c.blocks, s)
		return nil
	})
	flags.BoolVar(&c.json, "json", false, "")
	flags.BoolVar(&c.version, "version", false, "")
	if err := flags.Parse(args); err != nil || c.version {
		return c, err
	}
	c.files = flags.Args()
	switch {
	case slices.ContainsFunc(c.files, func(f string) bool { return strings.HasPrefix(f, "-") }):
		return c, errors.New("flags stand before the files")
	case c.trust == "":
		return c, errors.New("--trust is required: the file that says whom you believe")
	case len(c.files) == 0:
		return c, errors.New("no file to verify was named")
	case c.event != "" && len(c.files) > 1:
		return c, errors.New("--event goes with one receipt")
	case c.schema != "" && c.event == "":
		return c, errors.New("--schema goes with --event")
	}
	return c, nil
}

// given reads what the files are held against.
func (c call) given() (trust *proof.Trust, event *record.Event, receipts [][]byte, err error) {
	b, err := os.ReadFile(c.trust)
	if err != nil {
		return nil, nil, nil, err
	}
	if trust, err = proof.ParseTrust(b); err != nil {
		return nil, nil, nil, fmt.Errorf("%s: %w", c.trust, err)
	}
	for _, s := range c.blocks {
		if err := trust.AddBlock(s); err != nil {
			return nil, nil, nil, fmt.Errorf("--block %s: %w", s, err)
		}
	}
	for _, name := range c.against {
		if b, err = os.ReadFile(name); err != nil {
			return nil, nil, nil, err
		}
		if _, err := proof.ParseReceipt(b); err != nil {
			return nil, nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		receipts = append(receipts, b)
	}
	if c.event != "" {
		event, err = c.readEvent()
	}
	return trust, event, receipts, err
}

// readEvent reads the event that a receipt is of.
func (c call) readEvent() (*record.Event, error) {
	types, err := record.Builtin()
	if err != nil {
		return nil, err
	}
	if c.schema != "" {
		b, err := os.ReadFile(c.schema)
		if err != nil {
			return nil, err
		}
		schema, err := record.ParseSchema(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.schema, err)
		}
		if types, err = types.With(schema); err != nil {
			return nil, fmt.Errorf("%s: %w", c.schema, err)
		}
	}
	b, err := os.ReadFile(c.event)
	if err != nil {
		return nil, err
	}
	event, err := record.ParseEvent(b, types)
	var wrong record.Violations
	if errors.As(err, &wrong) && wrong[0].Code == record.CodeUnknownType {
		return nil, fmt.Errorf("%s: /type does not come with this program; give the schema of a lender's own type with --schema", c.event)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.event, err)
	}
	return event, nil
}

func verify(trust *proof.Trust, name string, event *record.Event, receipts [][]byte) (proof.Report, error) {
	f, err := os.Open(name)
	if err != nil {
		return proof.Report{}, err
	}
	defer f.Close()
	report, err := proof.VerifyFile(trust, f, event, receipts...)
	if err != nil && event != nil {
		err = fmt.Errorf("--event goes with a receipt: %w", err)
	}
	return report, err
}

// print writes a report as lendlog verify does.
func (c call) print(w io.Writer, name string, report proof.Report) error {
	if c.json {
		b, err := json.Marshal(struct {
			File   string       `json:"file"`
			Report proof.Report `json:"report"`
		}{name, report})
		if err != nil {
			return err
		}
		// What is not printable stands in strings, where the escape means the same.
		_, err = fmt.Fprintf(w, "%s\n", proof.Printable(string(b)))
		return err
	}
	if len(c.files) > 1 {
		if _, err := fmt.Fprintf(w, "%s\n", proof.Printable(name)); err != nil {
			return err
		}
	}
	return report.WriteText(w)
}
