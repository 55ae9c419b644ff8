// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger/hmda"
)

func newExport(c *console.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write what a ledger holds as a table, or in the form of an authority",
		Long: `Write records as a table, with a manifest that verifies, or what a ledger holds in
the form in which an authority wants it.

What is written is what the records say. Whether it is right, and all that an
authority asks for, is for the lender to check.`,
		Example: `  lendlog export records --filter type=decision.made --actor staff-204 --purpose audit \
    --dir ledger -o decisions.csv
  lendlog export verify decisions.csv --trust trust.json
  lendlog export hmda --year 2026 --dir ledger -o lar.txt`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usagef("say what to export: lendlog export records, or lendlog export hmda --year YYYY")
		},
	}
	cmd.AddCommand(newExportRecords(c), newExportVerify(c), newExportHMDA(c))
	return cmd
}

// A register is what `lendlog export hmda --json` prints.
type register struct {
	Year        int          `json:"year"`
	Lines       int          `json:"lines"`
	Incomplete  int          `json:"incomplete"`
	OfOthers    int          `json:"ofOthers"`    // applications to other legal entities, left out
	Uncollected int          `json:"uncollected"` // applications without hmda.collected, left out
	Remarks     []lineRemark `json:"remarks"`
	Checkpoint  string       `json:"checkpoint"`

	sheet string
	lines []*hmda.Line
}

// A lineRemark says what is missing from a line or wrong with it. Line 1 is the
// transmittal sheet, which no record makes.
type lineRemark struct {
	Line       int              `json:"line"`
	Record     int64            `json:"record,omitempty"`
	Missing    []string         `json:"missing,omitempty"`
	Objections []hmda.Objection `json:"objections,omitempty"`
}

func newExportHMDA(c *console.Console) *cobra.Command {
	var t target
	var year int
	var institution, out string
	var strict bool
	cmd := &cobra.Command{
		Use:   "hmda --year YYYY {--dir DIR | --server URL}",
		Short: "Write the loan/application register of a year",
		Long: `Write the loan/application register (LAR) of a year in the form of the HMDA Filing
Instructions Guide for 2024 to 2026: a transmittal sheet, then a line for each
application whose last action was taken in that year, 110 fields parted by pipes.
Corrections and voidings are applied. Applications for which no data was collected
(hmda.collected) are taken to be for loans that are not covered: they are counted, and
left out.

A field that no record answers has the guide's code for not applicable or exempt only
where the guide leaves no other answer or a record says so. Else it stays empty, and
the line is incomplete: standard error names the line, the record of its action and
the fields. It also says what some of the validity edits of the official editor object
to, by their numbers, the check digits of the universal loan identifier included. With
--strict anything of that is a failure (exit code 1), and nothing is written. Without
it the file is written as it is. Check it with the official editor in any case: this
does not make the edits that need other data, nor does it judge what is right.

--institution names a YAML file for the sheet: name, lei, taxId, agency (1 OCC, 2 FRS,
3 FDIC, 5 NCUA, 7 HUD, 9 CFPB) and contact with name, phone, email, street, city,
state and zipCode. Applications whose records name another legal entity than its lei
are left out; those whose records name none are taken to be its own.

The file holds personal data. One that -o makes anew is readable by its owner only.

With --json, which wants -o: {"year", "lines", "incomplete", "ofOthers",
"uncollected", "remarks": [{"line", "record", "missing", "objections": [{"field",
"text"}]}], "checkpoint"}.`,
		Example: `  lendlog export hmda --year 2026 --dir ledger -o lar.txt
  lendlog export hmda --year 2026 --server http://127.0.0.1:8080 --institution bank.yaml -o lar.txt
  lendlog export hmda --year 2026 --dir ledger --institution bank.yaml --strict -o lar.txt`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if year < 1000 || year > 9999 {
				return usagef("--year is the calendar year of the actions, such as 2026")
			}
			if c.JSON && out == "" {
				return usagef("--json prints the summary, so name a file for the register with -o")
			}
			who := &hmda.Institution{}
			if institution != "" {
				text, err := os.ReadFile(institution)
				if err != nil {
					return err
				}
				if who, err = hmda.ParseInstitution(text); err != nil {
					return usagef("%s: %w", institution, err)
				}
			}
			return t.with(cmd.Context(), c, func(l access.Ledger) error {
				r, err := readRegister(cmd.Context(), c, l, year, who)
				if err != nil {
					return err
				}
				r.report(c)
				refused := strict && (len(r.Remarks) > 0 || r.Lines == 0)
				if !refused {
					err = r.save(c, out)
				}
				if err == nil {
					err = c.Emit(r)
				}
				if err == nil && refused {
					err = fmt.Errorf("the register of %d is not complete or has objections, and --strict was given: nothing was written", year)
				}
				return err
			})
		},
	}
	t.flags(cmd)
	t.lookFlags(cmd)
	f := cmd.Flags()
	f.IntVar(&year, "year", 0, "calendar year of the actions taken")
	f.StringVar(&institution, "institution", "", "YAML file that says who reports")
	f.StringVarP(&out, "output", "o", "", "file to write (default: standard output)")
	f.BoolVar(&strict, "strict", false, "fail, and write nothing, when a line is incomplete or a check objects")
	_ = cmd.MarkFlagRequired("year")
	_ = cmd.MarkFlagFilename("institution", "yaml", "yml")
	return cmd
}

// readRegister makes the register of a year, in the order in which the actions
// were recorded.
func readRegister(ctx context.Context, c *console.Console, l access.Ledger, year int, who *hmda.Institution) (*register, error) {
	r := &register{Year: year, Remarks: []lineRemark{}}
	progress := c.Progress()
	defer progress.Done()
	checkpoint, stories, err := l.Stories(ctx, hmda.Selection{}, progress.Set)
	if err != nil {
		return nil, err
	}
	r.Checkpoint = checkpoint
	for s, err := range stories {
		if err != nil {
			return nil, err
		}
		line, ok := hmda.New(s, year, who.LEI)
		switch {
		case !ok:
		case !line.Collected:
			r.Uncollected++
		case who.LEI != "" && line.LEI() != who.LEI:
			r.OfOthers++
		default:
			r.lines = append(r.lines, line)
		}
	}
	slices.SortFunc(r.lines, func(a, b *hmda.Line) int { return cmp.Compare(a.Index, b.Index) })
	r.Lines = len(r.lines)

	reporting := *who
	for _, line := range r.lines {
		if reporting.LEI == "" {
			reporting.LEI = line.LEI()
		}
	}
	sheet := lineRemark{Line: 1}
	r.sheet, sheet.Missing = reporting.Sheet(year, r.Lines)
	if len(sheet.Missing) > 0 {
		r.Remarks = append(r.Remarks, sheet)
	}
	for i, line := range r.lines {
		remark := lineRemark{i + 2, line.Index, line.Missing, line.Objections}
		if line.LEI() != "" && line.LEI() != reporting.LEI {
			remark.Objections = append(remark.Objections, hmda.Objection{
				Field: "Legal Entity Identifier (LEI)", Text: "must be that of the transmittal sheet: name one with --institution (S301)",
			})
		}
		if len(line.Missing) > 0 {
			r.Incomplete++
		}
		if len(remark.Missing)+len(remark.Objections) > 0 {
			r.Remarks = append(r.Remarks, remark)
		}
	}
	return r, nil
}

// report says on the side what is missing and wrong, which --quiet does not
// silence: without it, nobody may use the file.
func (r *register) report(c *console.Console) {
	if c.JSON {
		return
	}
	for _, remark := range r.Remarks {
		where := "the transmittal sheet"
		if remark.Line > 1 {
			where = fmt.Sprintf("line %d (record %d)", remark.Line, remark.Record)
		}
		if len(remark.Missing) > 0 {
			fmt.Fprintf(c.Err, "%s is incomplete: %s\n", where, strings.Join(remark.Missing, "; "))
		}
		for _, o := range remark.Objections {
			fmt.Fprintf(c.Err, "%s: %s %s\n", where, o.Field, o.Text)
		}
	}
	if r.OfOthers > 0 {
		c.Notef("%d %s to other legal entities left out.", r.OfOthers, plural(r.OfOthers, "application", "applications"))
	}
	if r.Uncollected > 0 {
		c.Notef("%d %s left out because no data was collected (hmda.collected): make sure that none is for a covered loan.",
			r.Uncollected, plural(r.Uncollected, "application", "applications"))
	}
	if r.Lines == 0 {
		c.Warnf("no application has an action taken in %d", r.Year)
	}
	size := int64(0)
	if cp, ok := checkpointOf(r.Checkpoint); ok {
		size = cp.Size
	}
	c.Notef("%d %s, %d of them incomplete, from the checkpoint of %s records. Check the file with the official editor.",
		r.Lines, plural(r.Lines, "line", "lines"), r.Incomplete, console.Count(size))
}

// save writes the register to a file, or to standard output.
func (r *register) save(c *console.Console, name string) error {
	if name == "" {
		return r.write(c.Out)
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err == nil {
		err = r.write(file)
		if closed := file.Close(); err == nil {
			err = closed
		}
	}
	if err != nil {
		return fmt.Errorf("couldn't write the register: %w", err)
	}
	return nil
}

func (r *register) write(w io.Writer) error {
	var b strings.Builder
	b.WriteString(r.sheet + "\n")
	for _, line := range r.lines {
		b.WriteString(line.String() + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
