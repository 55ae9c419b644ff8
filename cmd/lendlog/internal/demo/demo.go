// SPDX-License-Identifier: Apache-2.0

// Package demo shows lendlog's main job on real lending records, in a
// directory and without a network: records are imported, one is proved to a
// stranger, breaches are found, and then the ledger is attacked in four ways.
//
// Nothing of what it prints is written beforehand but the words around it. Each
// attack is made with the database's own tools and the ledger's own keys, on a
// copy; what is said to have caught it is what the check returned. An attack
// that was not caught, or not by name, is an error.
package demo

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/docs/mappings"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/mapping"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

// rows is the excerpt; data/README.md says where it comes from.
//
//go:embed data/uci-taiwan-200.csv
var rows []byte

const (
	rowsFile    = "uci-taiwan-200.csv"
	mappingName = "taiwan-credit-cards"
	attribution = "I-C. Yeh and C.-h. Lien (2009), UCI Machine Learning Repository, CC BY 4.0"
	origin      = "demo.lendlog.example/1"
	filesOrigin = "demo.lendlog.example/synthetic"

	// The older copy, to which the store is rolled back, has half of the rows.
	half = 100

	// The record that the story is about: the client of row 103 paid late.
	heroSubject = "line/103"
	heroID      = "103/delinquency/2005-06"
)

// Summary is what the demo found, for machines.
type Summary struct {
	Origin   string    `json:"origin"`
	Rows     int       `json:"rows"`
	Events   []Count   `json:"events"`  // that the rows became
	Records  int64     `json:"records"` // with the ledger's own
	Record   int64     `json:"record"`  // the one that is proved and attacked
	Subject  string    `json:"subject"`
	Verdict  string    `json:"verdict"`  // on the evidence of it
	Complete bool      `json:"complete"` // all records of the subject were proved to be all
	Planted  []Fault   `json:"planted"`  // breaches in synthetic files, and what the ledger says of them
	Attacks  []*Attack `json:"attacks"`
	Repaired bool      `json:"repaired"`
	Seconds  float64   `json:"seconds"`
	Dir      string    `json:"dir,omitempty"` // where everything is, when it is kept
}

// A Count is how many events of a type there are.
type Count struct {
	Type   string `json:"type"`
	Events int64  `json:"events"`
}

// story is one run of the demo.
type story struct {
	*console.Console
	dir string // everything lies below it
	Summary

	events []event
	middle int // events of the older copy

	// What an outsider holds.
	trust      *proof.Trust
	receipt    *proof.Receipt // of the record that the story is about
	checkpoint []byte         // the newest
}

// ErrNotEmpty means that there is something in the directory already.
var ErrNotEmpty = errors.New("the directory is not empty; name one that is empty or absent")

// Run plays the demo in dir, which must be empty or absent, and prints it.
func Run(ctx context.Context, c *console.Console, dir string) (*Summary, error) {
	begun := time.Now()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if len(names) > 0 {
		return nil, ErrNotEmpty
	}
	s := &story{Console: c, dir: dir, Summary: Summary{Origin: origin, Subject: heroSubject}}
	s.Printf("lendlog demo: real records, proof for a stranger, breaches found, four attacks. No network is used.\n")
	for _, chapter := range []func(context.Context) error{s.fill, s.hold, s.prove, s.find, s.attack, s.repair} {
		if err := chapter(ctx); err != nil {
			return nil, err
		}
	}
	s.conclude()
	s.Seconds = time.Since(begun).Round(time.Millisecond).Seconds()
	return &s.Summary, nil
}

func (s *story) path(names ...string) string {
	return filepath.Join(append([]string{s.dir}, names...)...)
}

// The directories below the story's.
const (
	ledgerDir  = "ledger"
	olderDir   = "older"   // the ledger when it had half of its records
	outsideDir = "outside" // what somebody holds who is not the operator
	filesDir   = "files"   // a ledger of synthetic credit files
	attacksDir = "attacks"
)

func (s *story) chapter(title string) {
	s.Printf("\n%s\n", s.Paint(console.Strong, title))
}

// fill makes the ledger and imports the rows: half of them, then a copy is
// put aside, then the rest.
func (s *story) fill(ctx context.Context) error {
	begun := time.Now()
	if err := s.read(); err != nil {
		return err
	}
	dir := s.path(ledgerDir)
	if err := ledger.Create(ctx, dir, ledger.CreateOptions{Origin: origin}); err != nil {
		return err
	}
	if err := s.submit(ctx, dir, s.events[:s.middle]); err != nil {
		return err
	}
	if err := copyTree(s.path(olderDir), dir); err != nil {
		return err
	}
	if err := s.submit(ctx, dir, s.events[s.middle:]); err != nil {
		return err
	}
	if s.receipt == nil {
		return errors.New("the excerpt lacks the record that the demo is about")
	}
	took := time.Since(begun)
	s.Record = s.receipt.Index
	s.chapter("1. Real lending records go into a ledger")
	var kinds []string
	for _, k := range s.Events {
		kinds = append(kinds, console.Count(k.Events)+" "+access.ShortType(k.Type))
	}
	s.tell(`%d credit card lines of a bank in Taiwan, 2005: the first rows of "Default of Credit Card Clients", %s.`, s.Rows, attribution)
	s.tell("They became %s records (%s), each checked, encrypted, hashed into one tree, synced to disk and receipted, in %.1f s.",
		console.Count(int64(len(s.events))), strings.Join(kinds, ", "), took.Seconds())
	return nil
}

// An event is a document that a row became.
type event struct {
	row      int64
	document []byte
}

// read maps the rows to events.
func (s *story) read() error {
	text, err := mappings.Read(mappingName)
	if err != nil {
		return err
	}
	cat, err := record.Builtin()
	if err != nil {
		return err
	}
	m, err := mapping.Parse(text, cat)
	if err != nil {
		return err
	}
	for row, err := range m.Rows(rowsFile, bytes.NewReader(rows)) {
		if err != nil {
			return err
		}
		if len(row.Rejected) > 0 {
			return fmt.Errorf("a row of the excerpt was rejected: %s", row.Rejected[0])
		}
		s.Rows++
		for _, ev := range row.Events {
			s.count(ev.Type)
			s.events = append(s.events, event{row.Number, bytes.Clone(ev.Document)})
		}
		if row.Number <= half {
			s.middle = len(s.events)
		}
	}
	return nil
}

func (s *story) count(typ string) {
	for i := range s.Events {
		if s.Events[i].Type == typ {
			s.Events[i].Events++
			return
		}
	}
	s.Events = append(s.Events, Count{typ, 1})
}

// isHero tells the event that the story is about.
func isHero(document []byte) bool {
	return bytes.Contains(document, []byte(`"`+heroID+`"`))
}

// submit appends events to the ledger in dir, and keeps the receipt of the one
// that the story is about if it has none yet.
func (s *story) submit(ctx context.Context, dir string, events []event) (err error) {
	l, err := access.Local(ctx, dir, ledger.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	for out, err := range l.Submit(ctx, numbered(events), access.SubmitOptions{Proofs: true}) {
		if err == nil {
			err = out.Refused
		}
		if err != nil {
			return err
		}
		if s.receipt == nil && isHero(out.Event.Document) {
			s.receipt = out.Receipt
		}
	}
	return nil
}

func numbered(events []event) iter.Seq2[access.Event, error] {
	return func(yield func(access.Event, error) bool) {
		for i, e := range events {
			if !yield(access.Event{Number: int64(i + 1), Document: e.document}, nil) {
				return
			}
		}
	}
}

// hold puts outside what a lender's other systems and an auditor keep.
func (s *story) hold(context.Context) error {
	if err := os.MkdirAll(s.path(outsideDir), 0o700); err != nil {
		return err
	}
	trust, err := os.ReadFile(s.path(ledgerDir, "trust.json"))
	if err != nil {
		return err
	}
	if s.trust, err = proof.ParseTrust(trust); err != nil {
		return err
	}
	if err := os.WriteFile(s.path(outsideDir, "trust.json"), trust, 0o600); err != nil {
		return err
	}
	name := fmt.Sprintf("receipt-%d.json", s.Record)
	if err := os.WriteFile(s.path(outsideDir, name), s.receipt.Bytes(), 0o600); err != nil {
		return err
	}
	cp, err := s.trust.OpenCheckpoint(s.receipt.Checkpoint)
	if err != nil {
		return err
	}
	leaf := tree.LeafHash(s.receipt.Entry)
	s.chapter("2. Whoever submits a record is handed a receipt at once")
	s.Printf("   record      %d: %s was two months late in June 2005\n", s.Record, heroSubject)
	s.Printf("   hash        %s\n", base64.StdEncoding.EncodeToString(leaf[:]))
	s.Printf("   checkpoint  signed for all %s records so far; %d hashes lead from the record to it\n", console.Count(cp.Size), len(s.receipt.Proof))
	s.Printf("   kept in     %s, out of the lender's reach\n", filepath.Join(outsideDir, name))
	return nil
}

// prove writes evidence of the record, reads it again as a stranger would, and
// tells what the line's other records say.
func (s *story) prove(ctx context.Context) (err error) {
	l, err := access.Local(ctx, s.path(ledgerDir), ledger.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	e, err := l.Prove(ctx, s.Record, []string{"/subject", "/data/monthsPastDue"})
	if err != nil {
		return err
	}
	s.checkpoint = e.Checkpoint
	name := fmt.Sprintf("record-%d.evidence.json", s.Record)
	if err := errors.Join(
		os.WriteFile(s.path(outsideDir, name), e.Bytes(), 0o600),
		os.WriteFile(s.path(outsideDir, "checkpoint"), e.Checkpoint, 0o600),
	); err != nil {
		return err
	}
	report, err := s.verify(name)
	if err != nil {
		return err
	}
	s.Verdict = report.Verdict.String()
	if report.Verdict != proof.Valid {
		return fmt.Errorf("the evidence of an untouched record is %s", report.Verdict)
	}
	s.chapter("3. A stranger verifies the record offline: a trust file pinned once, one file of evidence")
	s.Printf("   $ lendlog-verify --trust trust.json %s\n", name)
	s.tell("%s", passed(report))
	return s.timeline(ctx, l)
}

// passed tells a report in a few lines.
func passed(r proof.Report) string {
	var checks, says []string
	for _, c := range r.Checks {
		if c.Result == proof.Pass {
			checks = append(checks, c.Name)
		}
	}
	for _, x := range r.Shown {
		if x.What == "time" || strings.HasPrefix(x.What, "/") {
			says = append(says, x.What+" "+string(x.Value.Bytes()))
		}
	}
	return fmt.Sprintf("%s: %s. What it shows: %s. The other members stay sealed.",
		r.Verdict, strings.Join(checks, ", "), strings.Join(says, ", "))
}

// verify is what lendlog-verify does: it knows two files and nothing else.
func (s *story) verify(name string) (proof.Report, error) {
	trust, err := os.ReadFile(s.path(outsideDir, "trust.json"))
	if err != nil {
		return proof.Report{}, err
	}
	evidence, err := os.ReadFile(s.path(outsideDir, name))
	if err != nil {
		return proof.Report{}, err
	}
	t, err := proof.ParseTrust(trust)
	if err != nil {
		return proof.Report{}, err
	}
	e, err := proof.ParseEvidence(evidence)
	if err != nil {
		return proof.Report{}, err
	}
	return proof.Verify(t, e), nil
}

// shown is how many records of the line are told.
const shown = 3

func (s *story) timeline(ctx context.Context, l access.Ledger) error {
	leaf, err := record.ParseLeaf(s.receipt.Entry)
	if err != nil {
		return err
	}
	list, count, err := l.Timeline(ctx, "line", heroSubject[len("line/"):], max(1, leaf.Entry.Seq-1), shown)
	if err != nil {
		return err
	}
	cp, err := s.trust.OpenCheckpoint(s.checkpoint)
	if err != nil {
		return err
	}
	s.Records = cp.Size
	s.chapter(fmt.Sprintf("4. The lender, who has the keys, reads the line's story (%d of its %d records)", len(list), count))
	var cells [][]string
	for _, r := range list {
		cells = append(cells, []string{
			"   " + strconv.FormatInt(r.Seq, 10), strconv.FormatInt(r.Index, 10), r.Time[:len("2005-06")], access.ShortType(r.Type), r.Gist(),
		})
	}
	s.Table([]string{"   #", "RECORD", "MONTH", "TYPE", "WHAT"}, cells)
	return s.complete(ctx, l)
}

// complete proves to the stranger that a subject has no further records.
func (s *story) complete(ctx context.Context, l access.Ledger) error {
	kind, id, _ := strings.Cut(heroSubject, "/")
	e, err := l.ProveSubject(ctx, kind, id, []string{})
	if err != nil {
		return err
	}
	const name = "line-103.evidence.json"
	if err := os.WriteFile(s.path(outsideDir, name), e.Bytes(), 0o600); err != nil {
		return err
	}
	report, err := s.verify(name)
	if err != nil {
		return err
	}
	for _, c := range report.Checks {
		if c.Name == "complete" && c.Result == proof.Pass && report.Verdict == proof.Valid {
			s.Complete = true
			s.tell("Proved to the stranger, with nothing disclosed: %s.", c.Text)
			return nil
		}
	}
	return fmt.Errorf("the evidence of all records of an untouched subject is %s", report.Verdict)
}

// conclude says what all this shows, and what it does not.
func (s *story) conclude() {
	s.chapter("What was proved")
	s.tell("A record lies in the ledger as it was received: anybody can check that, offline. Whoever owns the machine and all keys can't change, drop or roll back a record unnoticed once a receipt or a checkpoint is held outside. Damage is repaired, up to what was signed and no further.")
	s.chapter("What was not")
	s.tell("That what the lender wrote is true, or that it wrote everything. When it was written: that is the lender's own clock. While nobody outside holds a receipt or a checkpoint, a fork goes unseen.")
}
