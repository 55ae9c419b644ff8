// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger/borrower"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/store"
)

func newReceipt(c *console.Console) *cobra.Command {
	var t target
	r := borrowers{c: c}
	cmd := &cobra.Command{
		Use:   "receipt --subject SUBJECT -o FILE",
		Short: "Write the receipt of a borrower, or upgrade receipts",
		Long: `Write what a borrower is given of their file: their application, the decisions with
their principal reasons, the notice, the key terms, and nothing else. FILE is evidence
that anybody with the trust file verifies, without an account: with lendlog-verify,
verify.py or verify.mjs. Beside it stands a page that a person can read and print, with
.html in the place of .json.

It has the records of one party: the one whose first record begins the file, or
--party. Of records of other parties, of staff, and of the types that a borrower is not
given, nothing is in it, not even a hash; so it does not say that there are no others.
docs/compliance.md has the table of what is given. Decisions that were made for
comparison only, and records that were voided, are left out.

Files hold personal data in the clear, and are readable by their owner only.

"upgrade" upgrades receipts and evidence with the cosignatures of witnesses, so that
what they prove does not rest on the lender's signature alone: also those of borrowers.

With --json: {"file", "page", "subject", "records"}.`,
		Example: `  lendlog receipt --subject file/A-2026-000123 -o A-123.receipt.json --dir ledger
  lendlog receipt --subject file/A-2026-000123 --party P-78 --lang zh --purpose disclosure \
    -o A-123.P-78.json --server https://ledger.bank.example --key-file privacy.key
  lendlog receipt upgrade A-123.receipt.json --server http://127.0.0.1:8080 --trust trust.json`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if r.subject == "" || r.out == "" {
				return usagef("say what to do: write a borrower's receipt with --subject and -o, or upgrade receipts; see `lendlog receipt --help`")
			}
			if _, _, err := parseSubject(r.subject); err != nil {
				return err
			}
			if r.lang != record.English && r.lang != record.Chinese {
				return usagef("--lang is en or zh")
			}
			for _, name := range []string{r.out, r.page()} {
				if err := newFile(name, "a receipt"); err != nil {
					return err
				}
			}
			return t.with(cmd.Context(), c, func(l access.Ledger) error { return r.write(cmd.Context(), l) })
		},
	}
	t.flags(cmd)
	t.lookFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&r.subject, "subject", "", "the file, such as file/A-2026-000123")
	f.StringVar(&r.party, "party", "", "id of the borrower whose it is (default: of the party of the first record)")
	f.StringVar(&r.lang, "lang", record.English, "language of the page: en or zh")
	f.StringVarP(&r.out, "out", "o", "", "file to write; its page stands beside it")
	cmd.AddCommand(newReceiptUpgrade(c))
	return cmd
}

// borrowers writes the receipt of a borrower.
type borrowers struct {
	c                         *console.Console
	subject, party, lang, out string
}

// page is the name of the page.
func (r *borrowers) page() string {
	return strings.TrimSuffix(r.out, ".json") + ".html"
}

func (r *borrowers) write(ctx context.Context, l access.Ledger) error {
	kind, id, err := parseSubject(r.subject)
	if err != nil {
		return err
	}
	whole, err := l.ProveSubject(ctx, kind, id, borrower.Pointers())
	if err != nil {
		return notFound(err, "subject "+r.subject)
	}
	e, err := borrower.Cut(whole, r.party)
	if err != nil {
		return err
	}
	text := e.Bytes()
	var page bytes.Buffer
	if err := borrower.WritePage(&page, filepath.Base(r.out), text, r.lang); err != nil {
		return err
	}
	// A page without its file would promise what nobody can check.
	if err := store.WriteFile(r.out, text, 0o600); err != nil {
		return fmt.Errorf("couldn't write the receipt: %w", err)
	}
	if err := store.WriteFile(r.page(), page.Bytes(), 0o600); err != nil {
		return fmt.Errorf("couldn't write the page of the receipt: %w", err)
	}
	n := len(e.Records)
	r.c.Printf("%s of %s in %s; the page to read and print is %s.\n", counted(n, "record"), console.Clean(r.subject), console.Clean(r.out), console.Clean(r.page()))
	return r.c.Emit(struct {
		File    string `json:"file"`
		Page    string `json:"page"`
		Subject string `json:"subject"`
		Records int    `json:"records"`
	}{r.out, r.page(), r.subject, n})
}
