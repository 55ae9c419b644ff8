// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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
	"github.com/lendlog/lendlog/ledger/due"
	"github.com/lendlog/lendlog/ledger/mapping"
	"github.com/lendlog/lendlog/ledger/reconcile"
	"github.com/lendlog/lendlog/ledger/story"
	"github.com/lendlog/lendlog/ledger/tree"
)

func newReconcile(c *console.Console) *cobra.Command {
	r := reconciler{c: c}
	var period, zone string
	var feeds bool
	cmd := &cobra.Command{
		Use:   "reconcile --mapping MAPPING FILE.csv",
		Short: "Hold the ledger against an outside file, and find what was never submitted",
		Long: `Hold the ledger against an outside file, such as a general ledger, an extract of core
banking or a payment channel: count, sum per currency, and item by item, by their
keys. Each break is named: what is missing in the ledger or in the file, what differs
in amount, currency or date, what is there twice. The mapping, a YAML file, says how
the file is written and which records it should agree with; docs/mappings/README.md
is its reference. Corrections and voidings hold.

A payment that was taken back shows as a general ledger shows it: as two items, the
second negative, under the key of the payment, on the day of the reversal. Where the
other side strikes such payments out, say --reversals netted; where it has the
payments alone, ignored.

--period is a year, a month, a day, or two of these, such as 2026-03-01..2026-03-15.
The whole ledger is read, and verified, of a server too, which needs its tiles.

--record submits the result as reconciliation.completed, with the file's SHA-256, the
checkpoint, counts, sums, and up to 256 breaks.

--feeds, without a file, holds what arrived of each producer, which is the source of
its events, against the numbers that they carry (sequence), its heartbeats and its
closed batches: numbers that are missing or there twice, heartbeats later than their
interval, and events that it says it lost itself. It reads every record.

Exit code 5: there are breaks. 4: there are none among what could be compared, but
rows could not be read, or records not any more, or have no number where their
producer speaks of numbers.

With --json: {"name", "sha256", "mapping", "period": {"from", "to"}, "ledger":
{"count", "sums": [{"amount", "currency"}]}, "file": {…}, "counts": {KIND: n},
"breaks": [{"kind", "key", "differs", "ledger": {"amount", "currency", "date",
"place"}, "file": {…}, "doubles"}], "rejected", "unreadable", "unclear", "size",
"rootHash", "record"}, where place is the index of a record or the line of a row.
With --feeds: {"period", "producers": [{"source", "numbered", "unnumbered",
"unordered", "heartbeats", "said", "missing": [{"from", "to"}], "missingCount",
"doubled": [{"number", "records"}], "late": [{"after", "due", "next", "until"}],
"dropped", "droppedBy"}], "unreadable", "size", "rootHash"}.`,
		Example: `  lendlog reconcile --mapping general-ledger.yaml march.csv --period 2026-03 --dir ledger
  lendlog reconcile --mapping general-ledger.yaml march.csv --period 2026-03 \
    --server http://127.0.0.1:8080 --record --preparer staff-77 --reviewer staff-78
  lendlog reconcile --feeds --period 2026-03 --dir ledger`,
		Args: func(cmd *cobra.Command, args []string) error {
			if feeds && len(args) > 0 {
				return errors.New("reconcile --feeds takes flags only, and no argument")
			}
			if feeds {
				return nil
			}
			return takes("FILE.csv")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if r.period, err = reconcile.ParsePeriod(period); err != nil {
				return usagef("--period: %w", err)
			}
			if r.zone, err = due.ParseZone(zone); err != nil {
				return usagef("--zone: %w", err)
			}
			if feeds {
				return r.feeds(cmd.Context())
			}
			return r.compare(cmd.Context(), args[0])
		},
	}
	r.flags(cmd)
	r.lookFlags(cmd)
	f := cmd.Flags()
	f.StringVarP(&r.mapping, "mapping", "m", "", "file that says how FILE.csv is written")
	f.StringVar(&period, "period", "", "what is compared, such as 2026-03 (default: all there is)")
	f.StringVar(&zone, "zone", "UTC", "zone of the days of records that have a time only, such as Europe/Berlin")
	f.StringVar(&r.reversals, "reversals", "", "how the file shows payments taken back: posted, netted or ignored (default: as the mapping says, or posted)")
	f.IntVar(&r.limit, "limit", 10000, "how many breaks to list at most; all are counted")
	f.BoolVar(&r.record, "record", false, "submit the result as a record")
	f.StringVar(&r.preparer, "preparer", "", "with --record: the id of who prepared it")
	f.StringVar(&r.reviewer, "reviewer", "", "with --record: the id of who reviewed it, another person")
	f.StringVar(&r.subject, "subject", "feed/reconciliation", "with --record: subject of the record, a feed or a portfolio")
	f.StringVar(&r.source, "source", "urn:lendlog:reconcile", "with --record: source of the event")
	f.BoolVar(&feeds, "feeds", false, "hold what arrived of each producer against its numbers and heartbeats")
	f.DurationVar(&r.grace, "grace", time.Minute, "with --feeds: how much later than it is due a heartbeat may come")
	cmd.MarkFlagsMutuallyExclusive("feeds", "mapping")
	cmd.MarkFlagsMutuallyExclusive("feeds", "record")
	return cmd
}

// A reconciler holds a ledger against something else.
type reconciler struct {
	target
	c         *console.Console
	mapping   string
	period    reconcile.Period
	zone      *time.Location
	reversals string
	limit     int
	grace     time.Duration

	record                              bool
	preparer, reviewer, subject, source string
}

// reconciled is the JSON form of a result.
type reconciled struct {
	*reconcile.Report
	Name     string    `json:"name"`
	SHA256   string    `json:"sha256"`
	Mapping  string    `json:"mapping"`
	Size     int64     `json:"size"`
	RootHash tree.Hash `json:"rootHash"`
	Record   *int64    `json:"record,omitempty"` // that holds the result
}

func (r *reconciler) compare(ctx context.Context, path string) error {
	switch {
	case r.mapping == "":
		return usagef("say how to read the file: --mapping FILE.yaml; docs/mappings/README.md tells how")
	case r.limit < 0:
		return usagef("--limit is a number from 0 on")
	case r.record && r.preparer == "":
		return usagef("--record needs --preparer, the id of who prepared the reconciliation")
	case !r.record && (r.preparer != "" || r.reviewer != ""):
		return usagef("--preparer and --reviewer go with --record")
	}
	if _, _, err := parseSubject(r.subject); err != nil {
		return err
	}
	text, err := os.ReadFile(r.mapping)
	if err != nil {
		return err
	}
	return r.with(ctx, r.c, func(l access.Ledger) error {
		cat, err := l.Catalogue(ctx)
		if err != nil {
			return err
		}
		statement, err := mapping.ParseStatement(text, cat)
		if err != nil {
			return usagef("couldn't read mapping %s: %w", r.mapping, err)
		}
		if r.reversals != "" {
			if statement.Reversals, err = reconcile.ParseReversals(r.reversals); err != nil {
				return usagef("--reversals: %w", err)
			}
		}
		comparison := reconcile.New(r.period, statement.Dated)
		out := reconciled{Name: filepath.Base(path), Mapping: r.mapping}
		if out.SHA256, err = r.read(ctx, comparison, statement, path); err != nil {
			return err
		}
		records := &reconcile.Records{Sources: statement.Sources, Reversals: statement.Reversals, Zone: r.zone}
		progress := r.c.Progress()
		defer progress.Done()
		note, stories, err := l.Stories(ctx, records, progress.Set)
		if err != nil {
			return err
		}
		for s, err := range stories {
			if err != nil {
				return err
			}
			comparison.Story(s, records)
		}
		progress.Done()
		out.Report = comparison.Report(r.limit)
		out.Size, out.RootHash = placeOf(note)
		if r.record {
			if out.Record, err = r.submit(ctx, l, &out); err != nil {
				return err
			}
		}
		r.print(&out)
		if err := r.c.Emit(out); err != nil {
			return err
		}
		return exit(verdict(out.Broken(), out.Whole()))
	})
}

// placeOf returns the size and the root of a checkpoint.
func placeOf(note string) (int64, tree.Hash) {
	cp, _ := checkpointOf(note)
	return cp.Size, cp.Root
}

// verdict gives the exit code of a reconciliation.
func verdict(broken int64, whole bool) int {
	switch {
	case broken > 0:
		return exitBreaks
	case !whole:
		return exitIncomplete
	}
	return exitOK
}

// read reads the file and returns its SHA-256.
func (r *reconciler) read(ctx context.Context, to *reconcile.Comparison, statement *mapping.Statement, path string) (string, error) {
	src, err := openSource(path)
	if err != nil {
		return "", err
	}
	defer src.Close()
	progress := r.c.Progress()
	defer progress.Done()
	hash := sha256.New()
	noted := 0
	for row, err := range statement.Rows(filepath.Base(path), tee{src, hash}) {
		if err == nil {
			err = ctx.Err()
		}
		var disk *fs.PathError
		if errors.As(err, &disk) || errors.Is(err, context.Canceled) {
			return "", err
		} else if err != nil {
			return "", usagef("couldn't read %s: %w", path, err)
		}
		progress.Set("bytes read", src.read, src.info.Size())
		for _, it := range row.Items {
			to.File(it)
		}
		if row.Rejected == nil {
			continue
		}
		to.Reject()
		if noted++; noted <= maxNoted {
			r.c.Warnf("line %d can't be compared: %s", row.Line, console.Clean(row.Reason()))
		} else if noted == maxNoted+1 {
			r.c.Warnf("… and so on")
		}
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// breakWords are the kinds of breaks in words.
var breakWords = map[reconcile.Kind]string{
	reconcile.MissingInLedger: "missing in the ledger",
	reconcile.MissingInFile:   "missing in the file",
	reconcile.Differs:         "differs",
	reconcile.DoubledInLedger: "doubled in the ledger",
	reconcile.DoubledInFile:   "doubled in the file",
}

// wordsOf tells what kind of break it is.
func wordsOf(b *reconcile.Break) string {
	s := breakWords[b.Kind]
	if len(b.Differs) > 0 {
		s += " in " + strings.Join(b.Differs, " and ")
	}
	return s
}

// told tells an item and where it stands.
func told(it *reconcile.Item, place string) string {
	if it == nil {
		return ""
	}
	return strings.TrimSpace(fmt.Sprintf("%s %d: %s", place, it.Place, strings.TrimSpace(it.Amount+" "+it.Currency+" "+it.Date)))
}

func (r *reconciler) print(out *reconciled) {
	c := r.c
	period := out.Period.String()
	if out.Period == (reconcile.Period{}) {
		period = "all time"
	}
	c.Printf("%s, %s: %s in the file, %s in the ledger, under the checkpoint of %s records\n\n",
		console.Clean(out.Name), period, items(out.File.Count), items(out.Report.Ledger.Count), console.Count(out.Size))
	c.Table([]string{"CURRENCY", ">FILE", ">LEDGER", ">LEDGER − FILE"}, sumRows(out.File.Sums, out.Report.Ledger.Sums))
	var rows [][]string
	for i := range out.Breaks {
		b := &out.Breaks[i]
		f, l := told(b.File, "line"), told(b.Ledger, "record")
		switch b.Kind {
		case reconcile.DoubledInFile:
			f += fmt.Sprintf(", after line %d", b.Doubles)
		case reconcile.DoubledInLedger:
			l += fmt.Sprintf(", beside record %d", b.Doubles)
		}
		rows = append(rows, []string{wordsOf(b), b.Key, f, l})
	}
	if len(rows) > 0 {
		c.Printf("\n")
		c.Table([]string{"BREAK", "KEY", "IN THE FILE", "IN THE LEDGER"}, rows)
	}
	c.Printf("\n")
	var counts []string
	for _, k := range reconcile.Kinds {
		if n := out.Counts[k]; n > 0 {
			counts = append(counts, console.Count(n)+" "+breakWords[k])
		}
	}
	switch broken := out.Broken(); {
	case broken > 0:
		c.Printf("%s: %s %s: %s\n", c.Paint(console.Bad, "BREAKS"), console.Count(broken), plural(int(broken), "break", "breaks"), strings.Join(counts, ", "))
	case out.Whole() && out.File.Count == 0 && out.Ledger.Count == 0:
		c.Printf("%s: there was nothing to compare; see whether --period and the mapping are the right ones\n", c.Paint(console.Good, "BALANCED"))
	case out.Whole():
		c.Printf("%s: the file and the ledger agree\n", c.Paint(console.Good, "BALANCED"))
	default:
		c.Printf("%s: no break among what could be compared\n", c.Paint(console.Unsure, "INCOMPLETE"))
	}
	if !out.Whole() {
		c.Printf("not compared: %s %s of the file, %s %s that can't be read any more, %s %s that can't be read as a whole\n",
			console.Count(out.Rejected), plural(int(out.Rejected), "row", "rows"),
			console.Count(out.Unreadable), plural(int(out.Unreadable), "record", "records"),
			console.Count(out.Unclear), plural(int(out.Unclear), "subject", "subjects"))
	}
	if rest := out.Broken() - int64(len(out.Breaks)); rest > 0 {
		c.Printf("%s more are not listed; ask for them with --limit\n", console.Count(rest))
	}
	if out.Record != nil {
		c.Printf("recorded: record %d\n", *out.Record)
	}
}

func items(n int64) string { return console.Count(n) + " " + plural(int(n), "item", "items") }

// sumRows lays the sums of both sides beside each other.
func sumRows(file, ledger []reconcile.Sum) [][]string {
	by := map[string][2]story.Decimal{}
	for side, sums := range [][]reconcile.Sum{file, ledger} {
		for _, s := range sums {
			pair := by[s.Currency]
			pair[side], _ = story.ParseDecimal(s.Amount)
			by[s.Currency] = pair
		}
	}
	var rows [][]string
	for currency, pair := range by {
		rows = append(rows, []string{currency, pair[0].String(), pair[1].String(), pair[1].Add(pair[0].Neg()).String()})
	}
	slices.SortFunc(rows, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	return rows
}

// A tee hashes what is read of a file.
type tee struct {
	*source
	hash io.Writer
}

// Read implements io.Reader.
func (t tee) Read(b []byte) (int, error) {
	n, err := t.source.Read(b)
	_, _ = t.hash.Write(b[:n]) // a hash takes everything
	return n, err
}
