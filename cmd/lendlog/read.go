// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/rule"
	"github.com/lendlog/lendlog/ledger/tree"
)

func parseIndex(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, usagef("%q is not the index of a record: a number from 0 on", s)
	}
	return n, nil
}

func parseSubject(s string) (kind, id string, err error) {
	kind, id, _ = strings.Cut(s, "/")
	if kind == "" || id == "" {
		return "", "", usagef("a subject is KIND/ID, such as file/A-2026-000117")
	}
	return kind, id, nil
}

func newShow(c *console.Console) *cobra.Command {
	var t target
	cmd := &cobra.Command{
		Use:   "show INDEX",
		Short: "Show a record, what of it is sealed, and its proof",
		Long: `Show a record: in one sentence, then its members, each marked open (in the
entry, for every reader of the log) or sealed (under the key of its group), and
the proof that it is in the ledger. The proof is verified before it is shown.

Then what the other records of its subject say of it: by which it was corrected or
voided, and the findings that name it, which are rules that it breaks
(docs/rules.md). They are computed here from the whole story of the subject, are
no part of the record, and are left out where the story is longer than 10,000
records.

With --json: {"index", "type", "title", "subject", "seq", "time", "recorded",
"capture", "submitter", "refs", "restricted", "members": [{"pointer", "value",
"open", "group"}], "unreadable", "correctedBy", "voidedBy", "findings": [{"rule",
"records", "text": {"en", "zh"}, "source"}], "leafHash", "entry", "proof",
"checkpoint"}. A member that the event lacks has no "value".`,
		Example: `  lendlog show 12 --dir ledger
  lendlog show 12 --server http://127.0.0.1:8080 --json`,
		Args: takes("INDEX"),
		RunE: func(cmd *cobra.Command, args []string) error {
			index, err := parseIndex(args[0])
			if err != nil {
				return err
			}
			return t.with(cmd.Context(), c, func(l access.Ledger) error {
				r, err := l.Record(cmd.Context(), index)
				if err != nil {
					return notFound(err, "record "+args[0])
				}
				judged, err := access.JudgeOne(cmd.Context(), l, r)
				if err != nil {
					return err
				}
				printRecord(c, r)
				if judged {
					printFindings(c, r.Findings)
				}
				return c.Emit(r)
			})
		},
	}
	t.flags(cmd)
	t.lookFlags(cmd)
	return cmd
}

func printRecord(c *console.Console, r *access.Record) {
	c.Printf("%s\n\n", console.Clean(r.Sentence()))
	line := func(name, value string) {
		if value != "" {
			c.Printf("%-11s %s\n", name, console.Clean(value))
		}
	}
	line("type", r.Type)
	line("happened", r.Time)
	if r.Recorded != "" {
		line("recorded", fmt.Sprintf("%s (%s)", r.Recorded, r.Capture))
	}
	if r.Seq > 0 {
		line("place", fmt.Sprintf("number %d of its subject", r.Seq))
	}
	line("submitter", r.Submitter)
	if len(r.Refs) > 0 {
		line("follows", listed(r.Refs))
	}
	if r.Restricted {
		line("restricted", "its type, schema, submitter, refs and time are sealed too")
	}
	if len(r.CorrectedBy) > 0 {
		line("corrected", "by record "+listed(r.CorrectedBy))
	}
	if r.VoidedBy > 0 {
		line("voided", "by record "+listed([]int64{r.VoidedBy}))
	}
	if len(r.Unreadable) > 0 {
		line("erased", "the members of "+strings.Join(r.Unreadable, ", ")+": their key was destroyed")
	}
	var rows [][]string
	absent := 0
	for _, m := range r.Members {
		mark := "open"
		if !m.Open {
			mark = "sealed: " + m.Group
		}
		if m.Value == nil {
			absent++
			continue
		}
		rows = append(rows, []string{m.Pointer, mark, string(m.Value)})
	}
	if len(rows) > 0 {
		c.Printf("\n")
		c.Table([]string{"MEMBER", "READABLE", "VALUE"}, rows)
	}
	if absent > 0 {
		c.Printf("and %d sealed %s that the event does not have\n", absent, plural(absent, "member", "members"))
	}
	c.Printf("\n")
	line("leaf", base64.StdEncoding.EncodeToString(r.LeafHash[:]))
	if cp, ok := checkpointOf(r.Checkpoint); ok {
		line("checkpoint", fmt.Sprintf("%d records, root %s", cp.Size, base64.StdEncoding.EncodeToString(cp.Root[:])))
		line("proof", fmt.Sprintf("record %d of %d, %d %s: verified", r.Index, cp.Size, len(r.Proof), plural(len(r.Proof), "hash", "hashes")))
	}
}

func listed(indexes []int64) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(indexes), "[]"), " ", ", ")
}

// printFindings prints what the rules say, if anything.
func printFindings(c *console.Console, findings []rule.Finding) {
	if len(findings) == 0 {
		return
	}
	c.Printf("\nfindings\n")
	for _, f := range findings {
		records := listed(f.Records[:1])
		if rest := f.Records[1:]; len(rest) > 0 {
			records += " with " + listed(rest)
		}
		c.Printf("  %s, record %s: %s\n    rule: %s (%s)\n", f.Rule, records, console.Clean(f.Text.EN), ruleTitle(f.Rule), f.Source)
	}
}

// ruleTitle returns what should hold by a rule that comes with lendlog.
func ruleTitle(id string) string {
	table, err := rule.Builtin()
	if err != nil {
		return id
	}
	for _, r := range table.Rules {
		if r.ID == id {
			return r.Title.EN
		}
	}
	return id
}

// checkpointOf reads the text of a signed checkpoint without its signatures,
// which were verified by whoever handed it over.
func checkpointOf(note string) (tree.Checkpoint, bool) {
	text, _, ok := strings.Cut(note, "\n\n")
	if !ok {
		return tree.Checkpoint{}, false
	}
	cp, err := tree.ParseCheckpoint(text + "\n")
	return cp, err == nil
}

// gistWidth bounds the last column of a timeline.
const gistWidth = 72

func newTimeline(c *console.Console) *cobra.Command {
	var t target
	var from, limit int64
	cmd := &cobra.Command{
		Use:   "timeline KIND/ID",
		Short: "Show all records of one subject in their order",
		Long: `Show the records of one subject: a file (an application and the loan that comes of
it), a line of credit, a case, a party and so on. Their numbers run without a gap,
and each one's entry holds the hash of the one before.

After all records of a subject come the findings: where they contradict each other
or the rules of lending. They are computed here, over the whole story; with a part of
it, or with more than 10,000 records, there are none. The last line counts the checks
that were made, and those that could not be, with the reason: docs/rules.md has all
rules, and says what the reasons mean. A deadline that was missed is no finding: see
"lendlog due --subject".

With --json, one line per record, of the form of "lendlog show --json" without a
proof.`,
		Example: `  lendlog timeline file/A-2026-000117 --dir ledger
  lendlog timeline line/4711 --server http://127.0.0.1:8080 --limit 20`,
		Args: takes("KIND/ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			kind, id, err := parseSubject(args[0])
			if err != nil {
				return err
			}
			if from < 1 || limit < 1 {
				return usagef("--from and --limit are numbers from 1 on")
			}
			return t.with(cmd.Context(), c, func(l access.Ledger) error {
				records, count, err := l.Timeline(cmd.Context(), kind, id, from, limit)
				if err != nil {
					return notFound(err, "record of this subject")
				}
				var report *rule.Report
				if int64(len(records)) == count && count <= rule.MaxRecords {
					if report, err = access.Judge(args[0], records); err != nil {
						return err
					}
				}
				var rows [][]string
				for _, r := range records {
					if err := c.Emit(r); err != nil {
						return err
					}
					rows = append(rows, []string{
						strconv.FormatInt(r.Seq, 10), strconv.FormatInt(r.Index, 10), r.Time,
						access.ShortType(r.Type), r.Capture, console.Cut(console.Clean(r.Gist()), gistWidth),
					})
				}
				c.Table([]string{">#", ">RECORD", "HAPPENED", "TYPE", "CAPTURE", "WHAT"}, rows)
				if rest := count - from + 1 - int64(len(records)); rest > 0 {
					c.Notef("%d of %d records; the next with --from %d", len(records), count, from+int64(len(records)))
				}
				if report == nil {
					c.Notef("no findings, which are of all records of a subject")
					return nil
				}
				printFindings(c, report.Findings)
				c.Notef("%s", summary(report))
				return nil
			})
		},
	}
	t.flags(cmd)
	t.lookFlags(cmd)
	cmd.Flags().Int64Var(&from, "from", 1, "number of the first record to show")
	cmd.Flags().Int64Var(&limit, "limit", 1000, "how many records to show at most")
	return cmd
}

// summary tells in a line how many checks were made.
func summary(r *rule.Report) string {
	s := fmt.Sprintf("%d %s, %d %s", r.Checked, plural(r.Checked, "check", "checks"), len(r.Findings), plural(len(r.Findings), "finding", "findings"))
	var reasons []string
	missed := 0
	for _, why := range slices.Sorted(maps.Keys(r.Unchecked)) {
		missed += r.Unchecked[why]
		reasons = append(reasons, fmt.Sprintf("%s %d", why, r.Unchecked[why]))
	}
	if missed > 0 {
		s += fmt.Sprintf("; %d %s could not be made: %s", missed, plural(missed, "check", "checks"), strings.Join(reasons, ", "))
	}
	return s
}

func newProve(c *console.Console) *cobra.Command {
	var t target
	var disclose []string
	var subject, out string
	cmd := &cobra.Command{
		Use:   "prove INDEX | --subject SUBJECT",
		Short: "Write evidence of a record, or of all records of a subject",
		Long: `Write evidence (lendlog-evidence/1, JSON) for anybody to verify offline: of a
record, its entry, its place under the newest checkpoint, the genesis record, and
the sealed members you choose to disclose. Whoever has the trust file verifies it
with "lendlog verify" or "lendlog-verify", without a network.

With --subject: of all records of a subject, and that there are no others. It
refuses to verify when a record is left out. Of a subject that has no records it
proves that.

--disclose takes JSON Pointers as "lendlog show" prints them; "all", which is the
default, or "none". What is not disclosed stays committed and can be disclosed
later.`,
		Example: `  lendlog prove 12 --dir ledger > record-12.evidence.json
  lendlog prove 12 --dir ledger --disclose /subject,/data/decidedAmount > record-12.evidence.json
  lendlog prove --subject file/A-2026-000123 --dir ledger -o file.evidence.json
  lendlog prove 12 --server http://127.0.0.1:8080 --disclose none -o record-12.evidence.json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if subject != "" && len(args) > 0 || subject == "" && len(args) != 1 {
				return errors.New("prove takes either INDEX or --subject, and nothing else")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			pointers, err := parseDisclose(disclose)
			if err != nil {
				return err
			}
			if out != "" {
				if err := newFile(out, "evidence"); err != nil {
					return err
				}
			}
			var ask func(access.Ledger) (*proof.Evidence, error)
			if subject != "" {
				kind, id, err := parseSubject(subject)
				if err != nil {
					return err
				}
				if !record.IsSubject(kind, id) {
					return usagef("no record can be of this subject: it begins with a kind, such as file, and has at most 256 bytes, in Unicode normalization form C and without control characters")
				}
				ask = func(l access.Ledger) (*proof.Evidence, error) {
					return l.ProveSubject(cmd.Context(), kind, id, pointers)
				}
			} else {
				index, err := parseIndex(args[0])
				if err != nil {
					return err
				}
				ask = func(l access.Ledger) (*proof.Evidence, error) {
					e, err := l.Prove(cmd.Context(), index, pointers)
					return e, notFound(err, "record "+args[0])
				}
			}
			return t.with(cmd.Context(), c, func(l access.Ledger) error {
				e, err := ask(l)
				if err != nil {
					return err
				}
				if out != "" {
					return os.WriteFile(out, e.Bytes(), 0o600)
				}
				_, err = c.Out.Write(e.Bytes())
				return err
			})
		},
	}
	t.flags(cmd)
	t.lookFlags(cmd)
	cmd.Flags().StringVar(&subject, "subject", "", "prove all records of this subject, KIND/ID, and that there are no others")
	cmd.Flags().StringSliceVar(&disclose, "disclose", []string{"all"}, "sealed members to disclose: all, none, or pointers")
	cmd.Flags().StringVarP(&out, "output", "o", "", "file to write to, a new one (default: standard output)")
	return cmd
}

// parseDisclose returns nil for all members, and no pointer for none.
func parseDisclose(words []string) ([]string, error) {
	pointers := []string{}
	for _, w := range words {
		switch {
		case len(words) == 1 && w == "all":
			return nil, nil
		case len(words) == 1 && w == "none":
			return pointers, nil
		case !strings.HasPrefix(w, "/"):
			return nil, usagef("--disclose takes all, none, or JSON Pointers such as /data/amount")
		}
		pointers = append(pointers, w)
	}
	return pointers, nil
}
