// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/due"
	"github.com/lendlog/lendlog/ledger/export"
	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/store"
)

// manifestEnd is what the name of a manifest has behind that of its file.
const manifestEnd = ".manifest.json"

func newExportRecords(c *console.Console) *cobra.Command {
	x := exporter{c: c}
	var t target
	var filter, asOf string
	cmd := &cobra.Command{
		Use:   "records --actor ID --purpose CODE -o FILE",
		Short: "Write records as a table, with a manifest that verifies",
		Long: `Write the records for which all terms of a filter hold (see lendlog query --help), the
oldest first, as CSV, NDJSON or Parquet: one row for a record, its members in columns.

Beside FILE stands FILE.manifest.json: filter, columns, number of rows, hashes of the
file and of its rows, and the signed checkpoint at which all were read. The export is
recorded in the ledger (access.occurred) with the digest of the manifest, and the
receipt of that record stands in the manifest: so neither can be altered unnoticed,
which "lendlog export verify" checks offline. The record has who exported, what for,
how many rows, and by which fields they were chosen, but no value of the filter. It is
about the subject that the filter names with subject=, else about ledger/exports, where
"lendlog timeline" lists them. Where a server demands keys it is a look of the server's
own ("lendlog access looks"), of a subject in the chain of its looks, and takes a key
that may export. FILE gets its name only when the export is recorded. It is not
written over another.

In CSV, a text that a spreadsheet could take for a formula has an apostrophe before it;
numbers have none. What could not be read, because a key was destroyed or the record is
restricted, is [sealed], and an empty cell is a member that the event lacks. Lists are
JSON. --bom begins the file with a byte order mark, by which Excel knows UTF-8.

Files hold personal data in the clear, and are readable by their owner only.

With --json: {"file", "manifest", "format", "rows", "sha256", "record", "checkpoint"}.`,
		Example: `  lendlog export records --filter 'type=decision.made recorded>=2026-01' \
    --actor staff-204 --purpose audit --dir ledger -o decisions.csv
  lendlog export records --filter 'subject=file/A-2026-000117' --format parquet \
    --actor staff-204 --purpose complaint --server http://127.0.0.1:8080 -o A-117.parquet`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if x.filter, err = index.ParseFilter(filter); err != nil {
				return usagef("the filter: %w", err)
			}
			if asOf != "" && !x.filter.Due() {
				return usagef("--as-of goes with a filter that asks for what is due, such as due=open")
			} else if asOf != "" {
				if x.asOf, err = due.ParseAsOf(asOf, time.UTC); err != nil {
					return usagef("--as-of: %w", err)
				}
				x.asOf = x.asOf.Truncate(time.Millisecond)
			}
			if !slices.Contains(export.Formats, x.format) {
				return usagef("--format is csv, ndjson or parquet")
			}
			if x.bom && x.format != export.CSV {
				return usagef("--bom goes with --format csv")
			}
			if err := newFile(x.out, "an export"); err != nil {
				return err
			}
			x.by.Purpose = t.purpose
			return t.with(cmd.Context(), c, func(l access.Ledger) error {
				m, err := x.run(cmd.Context(), l)
				if err != nil {
					return err
				}
				return x.report(m)
			})
		},
	}
	t.flags(cmd)
	t.lookFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&filter, "filter", "", "which records, as for lendlog query (default: all)")
	f.StringVar(&asOf, "as-of", "", "time or day at which to judge what is due; of a day, its end (default: now)")
	f.StringVar(&x.format, "format", export.CSV, "csv, ndjson or parquet")
	f.StringVarP(&x.out, "out", "o", "", "file to write; its manifest stands beside it")
	f.BoolVar(&x.bom, "bom", false, "begin a CSV with a byte order mark")
	f.StringVar(&x.by.Actor, "actor", "", "the id of who exports, or of the person for whom a system does")
	f.StringVar(&x.by.ActorKind, "actor-kind", "staff", "staff, system, data-subject, auditor, authority or partner")
	f.StringVar(&x.by.Role, "role", "", "the role in which it is exported")
	f.StringVar(&x.by.LegalBasis, "legal-basis", "", "the legal basis, by your own code")
	f.StringVar(&x.by.Approval, "approval", "", "where the approval is recorded")
	f.StringVar(&x.by.Source, "source", "urn:lendlog:export", "source of the event that records the export")
	for _, name := range []string{"out", "actor", "purpose"} {
		_ = cmd.MarkFlagRequired(name)
	}
	return cmd
}

// an exporter makes one export.
type exporter struct {
	c      *console.Console
	filter *index.Filter
	format string
	out    string
	bom    bool
	asOf   time.Time // at which it is judged what is due; zero where the filter does not ask
	by     export.Reader
}

// run exports. The order is what it is for: the rows are written and synced
// under another name; then the export is recorded; then the manifest, with the
// receipt of that, gets its name; and the file its own last. So whoever finds a file
// finds its manifest, and the record of the export is in the ledger. Whatever
// fails before leaves no file, at worst a record of an export that nobody got.
func (x *exporter) run(ctx context.Context, l access.Ledger) (*export.Manifest, error) {
	catalogue, err := l.Catalogue(ctx)
	if err != nil {
		return nil, err
	}
	if _, ok := catalogue.Type(export.AccessType); !ok {
		return nil, errors.New("the ledger cannot record exports: it does not have the type access.occurred; `lendlog types add --builtin` adds it")
	}
	if x.filter.Due() && x.asOf.IsZero() {
		x.asOf = time.Now().UTC().Truncate(time.Millisecond)
	}
	m := &export.Manifest{Filter: x.filter.String(), Format: x.format, BOM: x.bom, Program: "lendlog " + version}
	if !x.asOf.IsZero() {
		m.AsOf = x.asOf.UTC().Format(record.TimeLayout)
	}
	// What is wrong with who and what for is said before anything is read.
	if _, err := record.NewEvent(m.Event(x.by, x.filter.Fields(), time.Now()), catalogue); err != nil {
		return nil, usagef("the export could not be recorded like this: %w", err)
	}

	draft, err := os.CreateTemp(filepath.Dir(x.out), filepath.Base(x.out)+".*.partial")
	if err != nil {
		return nil, fmt.Errorf("couldn't write the export: %w", err)
	}
	defer os.Remove(draft.Name()) // there is none any more once it has its name
	defer draft.Close()
	if err := x.write(ctx, l, m, draft); err != nil {
		return nil, err
	}
	// A record about a case would show in the open that somebody looked at it,
	// and one about a subject that has no records would be its first.
	subject, ok := x.filter.Subject()
	if ok && m.Count > 0 && !strings.HasPrefix(subject, "case/") {
		x.by.Subject = subject
	}
	_, _ = rand.Read(m.Salt[:]) // never fails
	now := time.Now()
	m.Created = now.UTC().Format(record.TimeLayout)
	if m.Access, err = x.record(ctx, l, catalogue, m, now); err != nil {
		return nil, err
	}
	if err := x.name(draft.Name(), m); err != nil {
		return nil, fmt.Errorf("the export is record %d of the ledger, but its file is not there: couldn't write it: %w", m.Access.Receipt.Index, err)
	}
	return m, nil
}

// write reads the records and writes the file, and syncs it.
func (x *exporter) write(ctx context.Context, l access.Ledger, m *export.Manifest, to *os.File) error {
	// The columns are known only when all rows are. The file in which they wait
	// has no name any more as soon as it is there.
	spool, err := os.CreateTemp(filepath.Dir(x.out), filepath.Base(x.out)+".*.partial")
	if err != nil {
		return fmt.Errorf("couldn't write the export: %w", err)
	}
	defer os.Remove(spool.Name())
	defer spool.Close()
	_ = os.Remove(spool.Name())

	progress := x.c.Progress()
	defer progress.Done()
	checkpoint, records, err := l.Find(ctx, x.filter, x.asOf, progress.Set)
	if err != nil {
		return err
	}
	m.Checkpoint = []byte(checkpoint)
	rows := export.NewRows(spool)
	for r, err := range records {
		if err != nil {
			return err
		}
		row, err := rowOf(r)
		if err == nil {
			err = rows.Add(row)
		}
		if err != nil {
			return fmt.Errorf("couldn't write record %d: %w", r.Index, err)
		}
	}
	m.Describe(rows)
	hash := sha256.New()
	_, err = spool.Seek(0, io.SeekStart)
	if err == nil {
		progress.Set("writing rows", 0, 0)
		err = export.Write(io.MultiWriter(to, hash), spool, m.Columns, m.Format, m.BOM)
	}
	if err == nil {
		err = to.Sync()
	}
	if err != nil {
		return fmt.Errorf("couldn't write the export: %w", err)
	}
	hash.Sum(m.SHA256[:0])
	info, err := to.Stat()
	if err != nil {
		return err
	}
	m.Size = info.Size()
	return ctx.Err()
}

// rowOf is what a row is made of.
func rowOf(r *access.Record) (export.Record, error) {
	leaf, err := record.ParseLeaf([]byte(r.Entry))
	if err != nil {
		return export.Record{}, err
	}
	if leaf.Entry == nil {
		return export.Record{}, errors.New("it is an index-root, which no filter wants")
	}
	out := export.Record{
		Index: r.Index, Leaf: r.LeafHash, Entry: leaf.Entry, Schema: r.Schema,
		Members: map[string]canon.Value{},
	}
	for _, m := range r.Members {
		var v canon.Value // null where the event lacks it
		if m.Value != nil {
			if v, err = canon.Parse(m.Value, canon.Limits{}); err != nil {
				return out, err
			}
		}
		out.Members[m.Pointer] = v
	}
	return out, nil
}

// record has the export recorded and returns what proves it.
func (x *exporter) record(ctx context.Context, l access.Ledger, catalogue *record.Catalogue, m *export.Manifest, now time.Time) (*export.Access, error) {
	event := m.Event(x.by, x.filter.Fields(), now)
	got, err := x.look(ctx, l, event)
	if err == nil && got == nil {
		got, err = x.submit(ctx, l, catalogue, event)
	}
	if err != nil {
		return nil, err
	}
	if got.Consistency, err = l.Consistency(ctx, string(m.Checkpoint), string(got.Receipt.Checkpoint)); err != nil {
		return nil, fmt.Errorf("the export is record %d of the ledger, but its file was not kept: %w", got.Receipt.Index, err)
	}
	return got, nil
}

// look has a ledger that demands keys record the export, nil of any other: there it
// is a look of whoever shows the key, who need not be one who submits.
func (x *exporter) look(ctx context.Context, l access.Ledger, event canon.Value) (*export.Access, error) {
	data, _ := event.Get("data")
	ev, receipt, err := l.RecordExport(ctx, x.by.Subject, data)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the export was perhaps not recorded, so its file was not kept: %w", err)
	case ev == nil:
		return nil, nil
	}
	return &export.Access{Event: ev.Document(), Schema: ev.Schema.Text, Receipt: receipt}, nil
}

// submit submits the event of an export.
func (x *exporter) submit(ctx context.Context, l access.Ledger, catalogue *record.Catalogue, event canon.Value) (*export.Access, error) {
	schema, _ := catalogue.Type(export.AccessType)
	got := &export.Access{Event: event, Schema: schema.Text}
	events := func(yield func(access.Event, error) bool) {
		yield(access.Event{Number: 1, Document: event.Bytes()}, nil)
	}
	for out, err := range l.Submit(ctx, events, access.SubmitOptions{Proofs: true}) {
		switch {
		case err != nil:
			return nil, fmt.Errorf("the export was perhaps not recorded, so its file was not kept: %w", err)
		case out.Refused != nil:
			return nil, fmt.Errorf("the ledger refused to record the export, so its file was not kept: %w", out.Refused)
		}
		got.Receipt = out.Receipt
	}
	if got.Receipt == nil {
		return nil, errors.New("the ledger didn't answer whether it recorded the export, so its file was not kept")
	}
	return got, nil
}

// name gives the manifest and then the file their names, durably. A manifest
// without a file is what a run left that was ended in between.
func (x *exporter) name(draft string, m *export.Manifest) error {
	dir := filepath.Dir(x.out)
	manifest, err := os.CreateTemp(dir, filepath.Base(x.out)+".*.partial")
	if err != nil {
		return err
	}
	defer os.Remove(manifest.Name())
	_, err = manifest.Write(m.Bytes())
	if err = errors.Join(err, manifest.Sync(), manifest.Close()); err != nil {
		return err
	}
	if err := os.Rename(manifest.Name(), x.out+manifestEnd); err != nil {
		return err
	}
	if err := store.SyncDir(dir); err != nil { // so that the file is not there before it
		return err
	}
	if err := os.Rename(draft, x.out); err != nil {
		return err
	}
	return store.SyncDir(dir)
}

func (x *exporter) report(m *export.Manifest) error {
	cp, _ := checkpointOf(string(m.Checkpoint))
	x.c.Printf("%s from the checkpoint of %s records are in %s.\n", counted(int(m.Count), "row"), console.Count(cp.Size), console.Clean(x.out))
	x.c.Printf("The export is record %d of the ledger, and its receipt is in the manifest beside the file.\n", m.Access.Receipt.Index)
	return x.c.Emit(struct {
		File       string `json:"file"`
		Manifest   string `json:"manifest"`
		Format     string `json:"format"`
		Rows       int64  `json:"rows"`
		SHA256     string `json:"sha256"`
		Record     int64  `json:"record"`
		Checkpoint string `json:"checkpoint"`
	}{x.out, x.out + manifestEnd, m.Format, m.Count, fmt.Sprintf("%x", m.SHA256), m.Access.Receipt.Index, string(m.Checkpoint)})
}

func newExportVerify(c *console.Console) *cobra.Command {
	var trustFile, manifest string
	cmd := &cobra.Command{
		Use:   "verify FILE --trust TRUST",
		Short: "Verify an exported file and its manifest offline",
		Long: `Verify a file that "lendlog export records" wrote, offline: the file and its rows
against the manifest, the manifest against the record of the export and its receipt,
and both checkpoints against the trust file and each other.

  VALID       every check that the trust file asks for passed (exit code 0)
  INVALID     a check failed: evidence of tampering (exit code 3)
  INCOMPLETE  nothing failed, but a check could not be made (exit code 4), as without
              the receipt in the manifest

VALID says that this is what was exported, byte for byte, and that the ledger recorded
it. That the rows are those that the filter wants, and all of them, is the word of who
exported; each row has the hash of its record's leaf, against which evidence of the
record can be held.

With --json: {"file", "report": …} as of "lendlog verify".`,
		Example: "  lendlog export verify decisions.csv --trust trust.json",
		Args:    takes("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			b, err := os.ReadFile(trustFile)
			if err != nil {
				return err
			}
			trust, err := proof.ParseTrust(b)
			if err != nil {
				return usagef("%s: %w", trustFile, err)
			}
			file, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer file.Close()
			info, err := file.Stat()
			if err != nil {
				return err
			}
			if manifest == "" {
				manifest = args[0] + manifestEnd
			}
			doc, err := os.ReadFile(manifest)
			if errors.Is(err, fs.ErrNotExist) {
				return usagef("there is no %s; say with --manifest where the manifest is", manifest)
			} else if err != nil {
				return err
			}
			if !export.IsManifest(doc) {
				return usagef("%s is not a manifest that this program knows: its member v is not %s", manifest, export.Format)
			}
			report, err := export.Verify(trust, doc, file, info.Size())
			if err != nil {
				return err
			}
			if err := printReport(c, args[0], false, report); err != nil {
				return err
			}
			return exit(report.Verdict.ExitCode())
		},
	}
	cmd.Flags().StringVar(&trustFile, "trust", "", "trust file, pinned outside the ledger")
	_ = cmd.MarkFlagRequired("trust")
	_ = cmd.MarkFlagFilename("trust", "json")
	cmd.Flags().StringVar(&manifest, "manifest", "", "the manifest (default: FILE.manifest.json)")
	_ = cmd.MarkFlagFilename("manifest", "json")
	return cmd
}
