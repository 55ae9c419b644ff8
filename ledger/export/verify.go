// SPDX-License-Identifier: Apache-2.0

package export

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

// verifier collects checks.
type verifier struct {
	trust    *proof.Trust
	manifest *Manifest
	checks   []proof.Check
	shown    []proof.Shown
}

func (v *verifier) add(name string, result proof.Result, format string, args ...any) bool {
	v.checks = append(v.checks, proof.Check{Name: name, Record: -1, Result: result, Text: fmt.Sprintf(format, args...)})
	return result == proof.Pass
}

// Verify checks a file against its manifest, and the manifest against the
// record of the export and the checkpoints, offline, under a trust policy. An
// error says that the file could not be read, which is nobody's fault. A
// document that says that it is a manifest and is none is INVALID.
//
// That the rows are those that the filter wants, and all of them, no check
// says: it is the word of who exported, which the record binds them to. Each
// row names its leaf, so a row can be held against evidence of its record.
func Verify(t *proof.Trust, manifest []byte, file io.ReaderAt, size int64) (proof.Report, error) {
	m, err := ParseManifest(manifest)
	if err != nil {
		return proof.NewReport([]proof.Check{{Name: "format", Record: -1, Result: proof.Fail, Text: err.Error()}}, nil), nil
	}
	v := &verifier{trust: t, manifest: m}
	if err := v.file(file, size); err != nil {
		return proof.Report{}, fmt.Errorf("couldn't read the file: %w", err)
	}
	if cp, ok := v.checkpoint(); ok {
		v.access(cp)
	}
	return proof.NewReport(v.checks, v.shown), nil
}

// file holds the file and its rows against the manifest.
func (v *verifier) file(file io.ReaderAt, size int64) error {
	m := v.manifest
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(file, 0, size)); err != nil {
		return err
	}
	if size != m.Size || [32]byte(h.Sum(nil)) != m.SHA256 {
		v.add("file", proof.Fail, "it is not the one that the manifest is of: its size or its SHA-256 is another")
		return nil
	}
	v.add("file", proof.Pass, "it has the %d bytes and the SHA-256 that the manifest states", size)

	h.Reset()
	var found tally
	for row, err := range read(file, size, m.Columns, m.Format, m.BOM) {
		switch {
		case err != nil:
		case row.cells[indexColumn] == nil:
			err = errors.New("a row has no index")
		default:
			h.Write(row.bytes())
			err = found.count(row.cells[indexColumn].Int)
		}
		if err != nil {
			v.add("rows", proof.Fail, "%v", err)
			return nil
		}
	}
	if found != m.tally || [32]byte(h.Sum(nil)) != m.Rows {
		v.add("rows", proof.Fail, "they are not those that the manifest states: their number, indexes or SHA-256 is another")
		return nil
	}
	v.add("rows", proof.Pass, "%d rows, in their canonical form, have the SHA-256 that the manifest states", m.Count)
	return nil
}

// checkpoint checks under which checkpoint the rows were read.
func (v *verifier) checkpoint() (tree.Checkpoint, bool) {
	m := v.manifest
	cp, err := v.trust.OpenCheckpoint(m.Checkpoint)
	switch {
	case err != nil:
		return cp, v.add("read-at", proof.Fail, "the checkpoint that the rows were read at: %v", err)
	case m.Count > 0 && m.Last >= cp.Size:
		return cp, v.add("read-at", proof.Fail, "the rows go on behind the checkpoint of %d records that they were read at", cp.Size)
	}
	return cp, v.add("read-at", proof.Pass, "%s at %d records, signed by a trusted key", cp.Origin, cp.Size)
}

// access holds the manifest against the record of the export.
func (v *verifier) access(read tree.Checkpoint) {
	a := v.manifest.Access
	if a == nil {
		v.add("access", proof.Missing, "the manifest has no receipt of the record of the export, so it may have been altered since")
		return
	}
	ev, err := a.event()
	if err == nil {
		err = v.manifest.stands(ev)
	}
	if err != nil {
		v.add("access", proof.Fail, "%v", err)
		return
	}
	actor, _ := ev.Data.Get("actorId")
	purpose, _ := ev.Data.Get("purpose")
	what := "of all records"
	if v.manifest.Filter != "" {
		what = fmt.Sprintf("of the filter %q", v.manifest.Filter)
	}
	v.add("access", proof.Pass, "the event that records the export, by %q for %q, states the digest of this manifest, %s", actor.Str, purpose.Str, what)

	report := proof.VerifyReceipt(v.trust, a.Receipt, ev)
	v.checks = append(v.checks, report.Checks...)
	v.shown = report.Shown
	cp, err := v.trust.OpenCheckpoint(a.Receipt.Checkpoint)
	switch {
	case err != nil: // the receipt's checks say so
	case a.Receipt.Index < read.Size:
		v.add("consistency", proof.Fail, "the export was recorded before the checkpoint that its rows were read at")
	case a.Consistency == nil && cp.Size != read.Size:
		v.add("consistency", proof.Missing, "the manifest lacks the proof that the receipt's checkpoint continues the one that the rows were read at")
	case tree.VerifyConsistency(a.Consistency, read.Size, cp.Size, read.Root, cp.Root) != nil:
		v.add("consistency", proof.Fail, "the receipt's checkpoint does not continue the one that the rows were read at: keep both")
	default:
		v.add("consistency", proof.Pass, "the checkpoint of %d records continues the one that the rows were read at", cp.Size)
	}
}

// event reads the event that records the export.
func (a *Access) event() (*record.Event, error) {
	s, err := record.ParseSchema(a.Schema)
	if err != nil {
		return nil, fmt.Errorf("the schema of the record of the export cannot be read: %w", err)
	}
	ev, err := s.Event(a.Event)
	if err != nil {
		return nil, fmt.Errorf("the event that records the export cannot be read: %w", err)
	}
	return ev, nil
}

// stands holds an event against the manifest.
func (m *Manifest) stands(ev *record.Event) error {
	content, _ := ev.Data.Get("content")
	count, _ := ev.Data.Get("count")
	exported, _ := ev.Data.Get("exported")
	switch {
	case ev.Type != AccessType && ev.Type != record.TypeAccessOccurred || !exported.IsTrue():
		return errors.New("the event that should record the export is of something else")
	case len(content.Items) != 1 || content.Items[0].Kind != canon.String || content.Items[0].Str != m.stated():
		return errors.New("the event that records the export states another manifest: this one was altered, or is of another export")
	case count.Kind != canon.Int || count.Int != m.Count:
		return errors.New("the event that records the export states another number of rows")
	}
	return nil
}
