// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

// exported is an export of a whole ledger, with everything that a test may
// want to spoil.
type exported struct {
	ledger   *ledgertest.Ledger
	trust    *proof.Trust
	lines    []byte // its rows in their canonical form
	file     []byte
	manifest *Manifest
}

var by = Reader{Actor: "staff-204", ActorKind: "staff", Role: "auditor", Purpose: "audit", LegalBasis: "law", Approval: "T-1", Source: "urn:test:export"}

// exportOf exports all that a ledger holds from an index on, as the command does
// it.
func exportOf(t *testing.T, l *ledgertest.Ledger, format string, from int64) *exported {
	t.Helper()
	x := &exported{ledger: l, trust: l.Trust(), manifest: &Manifest{
		Filter: `party="张 三" recorded>=2026`, Format: format, BOM: format == CSV, Program: "lendlog test", Created: "2026-03-01T10:00:00.000Z", Salt: [32]byte{1},
	}}
	head := l.Head()
	var lines, file bytes.Buffer
	rows := NewRows(&lines)
	for r, err := range l.Records(t.Context(), from, head.Size, func(string) bool { return true }) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Leaf.Entry == nil {
			continue
		}
		members := map[string]canon.Value{}
		for _, m := range r.Members {
			members[m.Pointer] = m.Value // null where it is not present
		}
		err := rows.Add(Record{Index: r.Index, Leaf: tree.LeafHash(r.Entry), Entry: r.Leaf.Entry, Schema: r.Schema, Members: members})
		if err != nil {
			t.Fatal(err)
		}
	}
	m := x.manifest
	m.Describe(rows)
	m.Checkpoint = head.Note
	x.lines = lines.Bytes()
	if err := Write(&file, &lines, m.Columns, m.Format, m.BOM); err != nil {
		t.Fatal(err)
	}
	x.file = file.Bytes()
	m.Size, m.SHA256 = int64(len(x.file)), sha256.Sum256(x.file)
	m.Access = x.record(t, m.Event(by, []string{"party", "recorded"}, time.Now()))
	return x
}

// record submits an event and returns what proves it.
func (x *exported) record(t *testing.T, event canon.Value) *Access {
	t.Helper()
	ev, err := record.NewEvent(event, x.ledger.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	p, err := x.ledger.Enqueue(t.Context(), ev, "key-1")
	if err != nil {
		t.Fatal(err)
	}
	got, err := p.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := x.ledger.AddProof(t.Context(), got.Receipt); err != nil {
		t.Fatal(err)
	}
	a := &Access{Event: event, Schema: ev.Schema.Text, Receipt: got.Receipt}
	x.consistent(t, a)
	return a
}

func (x *exported) consistent(t *testing.T, a *Access) {
	t.Helper()
	from, err := x.trust.OpenCheckpoint(x.manifest.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	to, err := x.trust.OpenCheckpoint(a.Receipt.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	if a.Consistency, err = x.ledger.ConsistencyProof(t.Context(), from.Size, to.Size); err != nil {
		t.Fatal(err)
	}
}

func (x *exported) verify(t *testing.T) proof.Report {
	t.Helper()
	report, err := Verify(x.trust, x.manifest.Bytes(), bytes.NewReader(x.file), int64(len(x.file)))
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// failed returns the names of the checks that did not pass.
func failed(r proof.Report) (names []string) {
	for _, c := range r.Checks {
		if c.Result == proof.Fail || c.Result == proof.Missing {
			names = append(names, c.Name)
		}
	}
	return names
}

// filled returns a ledger with records of all types that can be submitted.
func filled(t *testing.T) *ledgertest.Ledger {
	t.Helper()
	l := ledgertest.New(t)
	l.Submit(ledgertest.NewEvents(1).Take(200)...)
	for i, s := range l.Catalogue().All() {
		if s.Own {
			continue
		}
		kind := s.SubjectKinds[0]
		if kind == "*" {
			kind = "file"
		}
		event := canon.Map(
			member("specversion", canon.Text("1.0")), member("id", canon.Text(fmt.Sprintf("=%d", i))), member("source", canon.Text("urn:test")),
			member("type", canon.Text(s.Type)), member("subject", canon.Text(kind+"/A-1")), member("party", canon.Text("P 1")),
			member("time", canon.Text("2026-03-01T10:00:00+08:00")), member("data", s.Examples[0]),
		)
		l.Submit(ledgertest.Event{Document: event.Bytes(), Submitter: "key-1"})
	}
	return l
}

// TestVerify exports one ledger with records of all types in every format: the
// rows are the same, all verifies, and the record of each export is in the
// ledger.
func TestVerify(t *testing.T) {
	l := filled(t)
	size := l.Head().Size
	var before *exported
	for _, format := range Formats {
		x := exportOf(t, l, format, 0)
		report := x.verify(t)
		if report.Verdict != proof.Valid {
			var b bytes.Buffer
			_ = report.WriteText(&b)
			t.Errorf("%s: %s", format, b.String())
		}
		// Each export is one more record, which the next one has.
		if before != nil && !bytes.HasPrefix(x.lines, before.lines) {
			t.Errorf("the rows of %s are not those of the format before, and more", format)
		}
		before = x
		r, err := l.Record(t.Context(), x.manifest.Access.Receipt.Index)
		if err != nil || r.Leaf.Entry.Type != AccessType {
			t.Fatalf("%s is recorded as %v, %v", format, r, err)
		}
		again, err := ParseManifest(x.manifest.Bytes())
		if err != nil || again.Digest() != x.manifest.Digest() || !bytes.Equal(again.Bytes(), x.manifest.Bytes()) {
			t.Errorf("%s: the manifest is another once it was read: %v", format, err)
		}
	}
	if got := l.Head().Size; got < size+int64(len(Formats)) {
		t.Errorf("the ledger has %d records, and had %d", got, size)
	}
	l.Stop()
	ledgertest.Check(t, l.Dir)
}

// TestRecordHoldsNoValue wants no value of the filter, which may name a person,
// in the event that is kept.
func TestRecordHoldsNoValue(t *testing.T) {
	m := &Manifest{Filter: "party=P-77"}
	text := string(m.Event(by, []string{"party"}, time.Now()).Bytes())
	if strings.Contains(text, "P-77") || !strings.Contains(text, `"query":"records by party"`) || !strings.Contains(text, `"subject":"ledger/exports"`) {
		t.Error(text)
	}
	about := by
	about.Subject = "file/A"
	if text := string(m.Event(about, nil, time.Now()).Bytes()); !strings.Contains(text, `"subject":"file/A"`) || !strings.Contains(text, "all records") {
		t.Error(text)
	}
	// Nor can the digest be guessed from the filter: the salt is part of it.
	salted := *m
	salted.Salt = [32]byte{1}
	if salted.Digest() == m.Digest() {
		t.Error("the digest does not depend on the salt")
	}
}

// TestTampering spoils one thing after another.
func TestTampering(t *testing.T) {
	l, other := ledgertest.New(t), ledgertest.Start(t, ledgertest.Create(t, ledger.CreateOptions{Origin: "other.example/1"}), ledger.Options{})
	events := ledgertest.NewEvents(2).Take(50)
	l.Submit(events...)
	other.Submit(events...)
	begin := l.Head().Size - 20 // all of them would take long
	elsewhere := exportOf(t, other, CSV, begin)
	early := exportOf(t, l, CSV, begin)

	restate := func(x *exported) { x.manifest.Size, x.manifest.SHA256 = int64(len(x.file)), sha256.Sum256(x.file) }
	rewrite := func(x *exported) {
		var b bytes.Buffer
		if err := Write(&b, bytes.NewReader(x.lines), x.manifest.Columns, CSV, true); err != nil {
			t.Fatal(err)
		}
		x.file, x.manifest.Rows = b.Bytes(), sha256.Sum256(x.lines)
		restate(x)
	}
	swap := func(b []byte, old, new string) []byte {
		if !bytes.Contains(b, []byte(old)) {
			t.Fatalf("there is no %q to change", old)
		}
		return bytes.Replace(b, []byte(old), []byte(new), 1)
	}
	for _, tc := range []struct {
		name  string
		spoil func(x *exported)
		want  proof.Verdict
		fails []string // these and no others
	}{
		{"nothing", func(*exported) {}, proof.Valid, nil},
		{"a byte of the file", func(x *exported) { x.file[len(x.file)/2] ^= 1 }, proof.Invalid, []string{"file"}},
		{"the end of the file", func(x *exported) { x.file = x.file[:len(x.file)-40] }, proof.Invalid, []string{"file"}},
		{"a row, and the manifest's hash of the file", func(x *exported) {
			x.file = swap(x.file, ",live,", ",late,")
			restate(x)
		}, proof.Invalid, []string{"rows", "access"}},
		{"a row, and all hashes of the manifest", func(x *exported) {
			x.lines = swap(x.lines, `"live"`, `"late"`)
			rewrite(x)
		}, proof.Invalid, []string{"access"}},
		{"a row that is left out", func(x *exported) {
			_, x.lines, _ = bytes.Cut(x.lines, []byte("\n"))
			x.manifest.Count--
			x.manifest.First++
			rewrite(x)
		}, proof.Invalid, []string{"access"}},
		{"the filter", func(x *exported) { x.manifest.Filter = "party=P-78" }, proof.Invalid, []string{"access"}},
		{"the columns", func(x *exported) { x.manifest.Columns[len(x.manifest.Columns)-1].Name = "zz" }, proof.Invalid, []string{"rows", "access"}},
		{"the count", func(x *exported) { x.manifest.Count++ }, proof.Invalid, []string{"rows", "access"}},
		{"when it was made", func(x *exported) { x.manifest.Created = "2020-01-01T00:00:00.000Z" }, proof.Invalid, []string{"access"}},
		{"the checkpoint", func(x *exported) {
			x.manifest.Checkpoint = swap(x.manifest.Checkpoint, ledgertest.Origin+"\n1", ledgertest.Origin+"\n2")
		}, proof.Invalid, []string{"read-at"}},
		{"the checkpoint, by one of another ledger", func(x *exported) { x.manifest.Checkpoint = elsewhere.manifest.Checkpoint }, proof.Invalid, []string{"read-at"}},
		{"the checkpoint, by an earlier one", func(x *exported) {
			x.manifest.Checkpoint = early.manifest.Checkpoint
			x.consistent(t, x.manifest.Access)
		}, proof.Invalid, []string{"read-at"}},
		{"the trust, for that in another ledger", func(x *exported) { x.trust = other.Trust() }, proof.Invalid, []string{"read-at"}},
		{"no receipt", func(x *exported) { x.manifest.Access = nil }, proof.Incomplete, []string{"access"}},
		{"no proof of consistency", func(x *exported) { x.manifest.Access.Consistency = nil }, proof.Incomplete, []string{"consistency"}},
		{"the proof of consistency", func(x *exported) { x.manifest.Access.Consistency[0][0] ^= 1 }, proof.Invalid, []string{"consistency"}},
		{"no proof of inclusion", func(x *exported) { x.manifest.Access.Receipt.Proof = nil }, proof.Incomplete, []string{"inclusion"}},
		{"the receipt, by one of another ledger", func(x *exported) { x.manifest.Access.Receipt = elsewhere.manifest.Access.Receipt }, proof.Invalid, []string{"checkpoint"}},
		{"the record, by one of another ledger", func(x *exported) { x.manifest.Access = elsewhere.manifest.Access }, proof.Invalid, []string{"access"}},
		{"the receipt, by that of another export", func(x *exported) {
			x.manifest.Access.Receipt = early.manifest.Access.Receipt
		}, proof.Invalid, []string{"event", "consistency"}},
		{"the event, which states another manifest", func(x *exported) {
			x.manifest.Filter = ""
			x.manifest.Access.Event = x.manifest.Event(by, nil, time.Now())
		}, proof.Invalid, []string{"event"}},
		{"the event, which has another actor", func(x *exported) {
			v, err := canon.Parse(swap(x.manifest.Access.Event.Bytes(), "staff-204", "staff-205"), canon.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			x.manifest.Access.Event = v
		}, proof.Invalid, []string{"event"}},
		{"an event of another type", func(x *exported) {
			ev := events[0]
			s := ev.Parse(t, l.Catalogue()).Schema
			v, _ := canon.Parse(ev.Document, canon.Limits{})
			x.manifest.Access.Event, x.manifest.Access.Schema = v, s.Text
		}, proof.Invalid, []string{"access"}},
		{"a schema that is none", func(x *exported) { x.manifest.Access.Schema = []byte("{}") }, proof.Invalid, []string{"access"}},
		{"a schema of the same type", func(x *exported) {
			x.manifest.Access.Schema = swap(x.manifest.Access.Schema, "Access occurred", "Access Occurred")
		}, proof.Incomplete, []string{"event"}},
		{"a record that was there before the rows were read", func(x *exported) {
			x.record(t, (&Manifest{Salt: [32]byte{9}}).Event(by, nil, time.Now()))
			x.manifest.Checkpoint = l.Head().Note
			x.manifest.Access.Event = x.manifest.Event(by, nil, time.Now())
			x.manifest.Access.Consistency = nil
		}, proof.Invalid, []string{"event", "consistency"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x := exportOf(t, l, CSV, begin)
			tc.spoil(x)
			report := x.verify(t)
			if got := failed(report); report.Verdict != tc.want || !slices.Equal(got, tc.fails) {
				t.Errorf("%v by %v, want %v by %v", report.Verdict, got, tc.want, tc.fails)
			}
			if report.Verdict == proof.Invalid && len(report.Shown) > 0 {
				t.Error("something is shown of what is INVALID")
			}
		})
	}
	// Any byte of the manifest counts.
	x := exportOf(t, l, NDJSON, l.Head().Size-2)
	whole := x.manifest.Bytes()
	for i := 0; i < len(whole); i += 7 {
		spoilt := bytes.Clone(whole)
		spoilt[i] ^= 1
		report, err := Verify(x.trust, spoilt, bytes.NewReader(x.file), int64(len(x.file)))
		if err != nil {
			t.Fatal(err)
		}
		if m, err := ParseManifest(spoilt); report.Verdict == proof.Valid && (err != nil || !bytes.Equal(m.Bytes(), whole)) {
			t.Fatalf("with bit 0 of byte %d flipped it is VALID: %s", i, spoilt[max(0, i-30):min(len(spoilt), i+30)])
		}
	}
}

// TestUnreadable wants a file that fails to be read to be nobody's tampering.
func TestUnreadable(t *testing.T) {
	l := ledgertest.New(t)
	x := exportOf(t, l, CSV, 0)
	_, err := Verify(x.trust, x.manifest.Bytes(), broken{}, 10)
	if !errors.Is(err, errBroken) {
		t.Errorf("%v", err)
	}
	report, err := Verify(x.trust, []byte(`{"v":"lendlog-export/1"}`), bytes.NewReader(x.file), int64(len(x.file)))
	if err != nil || report.Verdict != proof.Invalid || !slices.Equal(failed(report), []string{"format"}) {
		t.Errorf("%v, %v", report, err)
	}
}

var errBroken = errors.New("the disk is broken")

type broken struct{}

func (broken) ReadAt([]byte, int64) (int, error) { return 0, errBroken }

var _ io.ReaderAt = broken{}
