// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/api/web"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/rpc"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/proof/chain"
	"github.com/lendlog/lendlog/ledger/record"
)

func newVerify(c *console.Console) *cobra.Command {
	var trustFile, eventFile, schemaFile, page string
	var against, blocks []string
	var endpoints rpc.Endpoints
	cmd := &cobra.Command{
		Use:   "verify --trust TRUST FILE...",
		Short: "Verify evidence, bundles and receipts offline",
		Long: `Verify evidence, bundles and receipts under a trust file, offline: one line per check,
what the evidence says, and a verdict. Of a bundle a line stands for many records, and
what they say is shown of up to 1,000.

  VALID       every check that the trust file asks for passed (exit code 0)
  INVALID     a check failed: evidence of tampering (exit code 3)
  INCOMPLETE  nothing failed, but a check could not be made (exit code 4)

Of several files the worst decides: INVALID, then a file that is neither evidence
nor a receipt (exit code 2), then INCOMPLETE. With --event, one receipt is also held
against the event that was submitted: every digest is computed again. With --against,
evidence is held against receipts: a record that the ledger gave a receipt for and
leaves out of what it calls complete is proof of fraud, to anybody. The small program
lendlog-verify gives the same verdicts and links nothing else.

Where the trust file asks for anchors, somebody has to say that a chain has the block
that an anchor is in, and finally: the trust file; or you, with --block, after looking
it up somewhere that you believe; or JSON-RPC endpoints of the chain, with --rpc, of
which all have to agree, or as many as --rpc-agree says. What is asked for is named in
the report. Only --rpc uses the network.

--page writes a page that does the same in a browser, by itself: one file to open
from a disk, for whoever may not install a program. It is the same for everybody who
has this version. With --json: {"file", "sha256"}.

With --json, one line per file: {"file", "report": {"verdict", "checks": [{"name",
"record", "result", "text"}], "shown": [{"record", "what", "value"}]}}.`,
		Example: `  lendlog verify --trust trust.json record-12.evidence.json
  lendlog verify --trust trust.json --event decision.json receipts/receipt-12.json
  lendlog verify --trust trust.json --against receipts/receipt-12.json file.evidence.json
  lendlog verify --trust trust.json --rpc https://rpc.example.org --rpc https://eth.example.net record-12.evidence.json
  lendlog verify --page verify.html`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case page != "":
				return takes()(cmd, args)
			case trustFile == "":
				return errors.New("--trust is required")
			}
			return cobra.MinimumNArgs(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if page != "" {
				return writePage(c, page)
			}
			b, err := os.ReadFile(trustFile)
			if err != nil {
				return err
			}
			trust, err := proof.ParseTrust(b)
			if err != nil {
				return usagef("%s: %w", trustFile, err)
			}
			for _, s := range blocks {
				if err := trust.AddBlock(s); err != nil {
					return usagef("--block %s: %w", s, err)
				}
			}
			if err := endpoints.Check(); err != nil {
				return usagef("--rpc: %w", err)
			}
			if len(endpoints.URLs) > 0 {
				trust.Confirm = func(id uint64, b chain.Block) error { return endpoints.Confirm(cmd.Context(), id, b) }
			}
			var event *record.Event
			if eventFile != "" {
				if event, err = readEvent(eventFile, schemaFile); err != nil {
					return usagef("%s: %w", eventFile, err)
				}
				if len(args) > 1 {
					return usagef("--event goes with one receipt")
				}
			}
			var receipts [][]byte
			for _, name := range against {
				b, err := os.ReadFile(name)
				if err != nil {
					return err
				}
				if _, err := proof.ParseReceipt(b); err != nil {
					return usagef("--against %s: %w", name, err)
				}
				receipts = append(receipts, b)
			}
			worst := exitOK
			for _, name := range args {
				report, err := verifyFile(c, trust, name, event, receipts)
				if err != nil {
					// One file must not hide what is wrong with the next.
					fmt.Fprintf(c.Err, "lendlog: %s\n", oneLine(fmt.Errorf("%s: %w", name, err)))
					worst = worse(worst, exitUsage)
					continue
				}
				if err := printReport(c, name, len(args) > 1, report); err != nil {
					return err
				}
				worst = worse(worst, report.Verdict.ExitCode())
			}
			return exit(worst)
		},
	}
	cmd.Flags().StringVar(&trustFile, "trust", "", "trust file, pinned outside the ledger")
	_ = cmd.MarkFlagFilename("trust", "json")
	cmd.Flags().StringVar(&page, "page", "", "write the page that verifies in a browser to this file, and do nothing else")
	_ = cmd.MarkFlagFilename("page", "html")
	cmd.MarkFlagsMutuallyExclusive("page", "trust")
	cmd.Flags().StringArrayVar(&against, "against", nil, "a receipt to hold evidence against; may be given several times")
	_ = cmd.MarkFlagFilename("against", "json")
	cmd.Flags().StringArrayVar(&blocks, "block", nil, "a block that a chain has, finally: ID:NUMBER:HASH, or with :TIME behind; may be given several times")
	cmd.Flags().StringArrayVar(&endpoints.URLs, "rpc", nil, "JSON-RPC endpoint of a chain, to ask for blocks; may be given several times")
	cmd.Flags().IntVar(&endpoints.Agree, "rpc-agree", 0, "how many endpoints of a chain have to agree (default all)")
	cmd.Flags().StringVar(&eventFile, "event", "", "the event that a receipt is of, as it was submitted")
	cmd.Flags().StringVar(&schemaFile, "schema", "", "the schema of that event, where its type does not come with lendlog")
	return cmd
}

// writePage writes the page that verifies in a browser.
func writePage(c *console.Console, name string) error {
	page, err := web.SavedVerifier()
	if err != nil {
		return err
	}
	if err := os.WriteFile(name, page, 0o644); err != nil {
		return err
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(page))
	c.Printf("%s: open it in a browser. SHA-256 %s\n", name, sum)
	return c.Emit(struct {
		File   string `json:"file"`
		SHA256 string `json:"sha256"`
	}{name, sum})
}

// worse returns the exit code that decides over two files.
func worse(a, b int) int { return proof.Worse(a, b) }

// readEvent reads an event, of a type that comes with lendlog or with a schema
// of its own.
func readEvent(name, schemaFile string) (*record.Event, error) {
	cat, err := record.Builtin()
	if err != nil {
		return nil, err
	}
	if schemaFile != "" {
		b, err := os.ReadFile(schemaFile)
		if err != nil {
			return nil, err
		}
		schema, err := record.ParseSchema(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", schemaFile, err)
		}
		if cat, err = cat.With(schema); err != nil {
			return nil, err
		}
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	event, err := record.ParseEvent(b, cat)
	var wrong record.Violations
	if errors.As(err, &wrong) && wrong[0].Code == record.CodeUnknownType {
		return nil, errors.New("/type does not come with lendlog; give the schema of a lender's own type with --schema")
	}
	return event, err
}

func verifyFile(c *console.Console, trust *proof.Trust, name string, event *record.Event, receipts [][]byte) (proof.Report, error) {
	f, err := os.Open(name)
	if err != nil {
		return proof.Report{}, err
	}
	defer f.Close()
	progress := c.Progress()
	defer progress.Done()
	var size int64
	if info, err := f.Stat(); err == nil {
		size = info.Size()
	}
	in := &metered{r: f, tell: func(n int64) { progress.Set("verifying", n, size) }}
	report, err := proof.VerifyFile(trust, in, event, receipts...)
	if err != nil && event != nil {
		err = fmt.Errorf("--event goes with a receipt: %w", err)
	}
	return report, err
}

// metered tells how many bytes were read through it.
type metered struct {
	r    io.Reader
	n    int64
	tell func(n int64)
}

func (c *metered) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	c.tell(c.n)
	return n, err
}

func printReport(c *console.Console, name string, several bool, r proof.Report) error {
	if c.JSON {
		return c.Emit(struct {
			File   string       `json:"file"`
			Report proof.Report `json:"report"`
		}{name, r})
	}
	if several {
		c.Printf("%s\n", c.Paint(console.Strong, name))
	}
	return r.WriteText(c.Out)
}
