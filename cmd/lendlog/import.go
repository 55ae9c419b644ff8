// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/docs/mappings"
	"github.com/lendlog/lendlog/ledger/mapping"
	"github.com/lendlog/lendlog/ledger/record"
)

func newImport(c *console.Console) *cobra.Command {
	var t target
	var name, rejects string
	var dryRun, list bool
	cmd := &cobra.Command{
		Use:   "import --mapping MAPPING FILE.csv",
		Short: "Import a CSV file",
		Long: `Import a CSV file. The mapping, a YAML file, says how the file is written and
which events a row becomes; docs/mappings/README.md is its reference. MAPPING is
a file or the name of a mapping that comes with lendlog; --list lists those.

What the mapping makes of a row has the same identity every time, so that the
same file again appends nothing. A row that cannot be mapped, or of which the
ledger refuses an event, is kept with its line and the reason in FILE.rejects.csv,
which is written only then; the other rows are imported. Put such rows right in
FILE and import it again.

With --json: {"mapping", "file", "dryRun", "rows", "rejected", "events": {TYPE: n},
"accepted", "repeated", "refused", "rejects"}, where rejected counts rows, and
refused counts events that the ledger did not take.`,
		Example: `  lendlog import --list
  lendlog import --mapping taiwan-credit-cards UCI_Credit_Card.csv --dry-run
  lendlog import --mapping loans.yaml loans.csv --server http://127.0.0.1:8080`,
		Args: func(cmd *cobra.Command, args []string) error {
			if list {
				return takes()(cmd, args)
			}
			return cobra.ExactArgs(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if list {
				return listMappings(c)
			}
			text, err := readMapping(name)
			if err != nil {
				return err
			}
			run := func(cat *record.Catalogue, do func(*importer) error) error {
				m, err := parseMapping(name, text, cat)
				if err != nil {
					return err
				}
				im, err := newImporter(c, m, args[0], rejects)
				if err != nil {
					return err
				}
				defer im.source.Close()
				im.summary.Mapping, im.summary.DryRun = name, dryRun
				return im.finish(do(im))
			}
			ctx := cmd.Context()
			if dryRun {
				cat, err := t.catalogue(ctx, c)
				if err != nil {
					return err
				}
				return run(cat, func(im *importer) error { return im.dryRun(ctx) })
			}
			return t.with(ctx, c, func(l access.Ledger) error {
				cat, err := l.Catalogue(ctx)
				if err != nil {
					return err
				}
				return run(cat, func(im *importer) error { return im.submit(ctx, l) })
			})
		},
	}
	t.flags(cmd)
	f := cmd.Flags()
	f.StringVarP(&name, "mapping", "m", "", "mapping: a file, or the name of one that comes with lendlog")
	f.StringVar(&rejects, "rejects", "", "file for the rows that could not be imported (default FILE.rejects.csv)")
	f.BoolVarP(&dryRun, "dry-run", "n", false, "map and check all rows and submit nothing; needs a ledger only for its own types")
	f.BoolVar(&list, "list", false, "list the mappings that come with lendlog")
	cmd.MarkFlagsMutuallyExclusive("list", "mapping")
	return cmd
}

func listMappings(c *console.Console) error {
	cat, err := record.Builtin()
	if err != nil {
		return err
	}
	var rows [][]string
	for _, name := range mappings.Names() {
		text, err := readMapping(name)
		if err != nil {
			return err
		}
		m, err := parseMapping(name, text, cat)
		if err != nil {
			return err
		}
		rows = append(rows, []string{name, m.Title})
		err = c.Emit(struct {
			Mapping string `json:"mapping"`
			Title   string `json:"title"`
		}{name, m.Title})
		if err != nil {
			return err
		}
	}
	c.Table([]string{"MAPPING", "TITLE"}, rows)
	return nil
}

// readMapping reads a mapping from a file or, if there is no such file, from
// those that come with lendlog.
func readMapping(name string) ([]byte, error) {
	if name == "" {
		return nil, usagef("say how to read the file: --mapping FILE.yaml, or one of `lendlog import --list`")
	}
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) && !strings.ContainsRune(name, filepath.Separator) {
		text, err = mappings.Read(name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usagef("there is no mapping %s; it is a file, or one of `lendlog import --list`", name)
	}
	return text, err
}

func parseMapping(name string, text []byte, cat *record.Catalogue) (*mapping.Mapping, error) {
	m, err := mapping.Parse(text, cat)
	if err != nil {
		return nil, usagef("couldn't read mapping %s: %w", name, err)
	}
	return m, nil
}

// An importer maps one file and keeps count.
type importer struct {
	c      *console.Console
	source *source
	file   *mapping.File

	mu      sync.Mutex // guards all below: rows are mapped while others are being answered
	summary importSummary
	kept    rejectsFile
	pending []*mapping.Row // of the events that are not answered yet, in their order
	last    int64          // number of the last row that was kept
	noted   int            // rows whose reasons were printed
}

type importSummary struct {
	Mapping  string           `json:"mapping"`
	File     string           `json:"file"`
	DryRun   bool             `json:"dryRun"`
	Rows     int64            `json:"rows"`
	Rejected int64            `json:"rejected"`
	Events   map[string]int64 `json:"events"`
	Accepted int64            `json:"accepted"`
	Repeated int64            `json:"repeated"`
	Refused  int64            `json:"refused"`
	Rejects  string           `json:"rejects,omitempty"` // file, if there are any
}

func newImporter(c *console.Console, m *mapping.Mapping, path, rejects string) (*importer, error) {
	if rejects == "" {
		rejects = path + ".rejects.csv"
	}
	src, err := openSource(path)
	if err != nil {
		return nil, err
	}
	im := &importer{c: c, source: src, kept: rejectsFile{path: rejects}}
	im.summary.File, im.summary.Events = path, map[string]int64{}
	old, err := os.Stat(rejects)
	im.kept.stale = err == nil
	if err == nil && os.SameFile(src.info, old) {
		err = usagef("--rejects names the file that is to be imported; it would be overwritten")
	} else if im.file, err = m.Open(filepath.Base(path), src); err != nil {
		err = im.explain(err)
	}
	if err != nil {
		return nil, errors.Join(err, src.Close())
	}
	return im, nil
}

// events maps the file. What it yields is answered by the caller in the same
// order.
func (im *importer) events(ctx context.Context) iter.Seq2[access.Event, error] {
	return func(yield func(access.Event, error) bool) {
		progress := im.c.Progress()
		defer progress.Done()
		var number int64
		for row, err := range im.file.Rows() {
			if err == nil {
				err = ctx.Err()
			}
			if err == nil {
				err = im.read(row)
			}
			if err != nil {
				yield(access.Event{}, im.explain(err))
				return
			}
			progress.Set("bytes read", im.source.read, im.source.info.Size())
			for _, e := range row.Events {
				number++
				if !yield(access.Event{Number: number, Document: e.Document}, nil) {
					return
				}
			}
		}
	}
}

// explain says whose fault it is that the import ended.
func (im *importer) explain(err error) error {
	var wrong *mapping.Error
	var disk *fs.PathError
	switch {
	case errors.As(err, &wrong):
		return usagef("the mapping makes an event that its schema refuses: %w", err)
	case errors.As(err, &disk), errors.Is(err, context.Canceled):
		return err
	}
	return usagef("couldn't import %s: %w", im.summary.File, err)
}

// read takes note of a row.
func (im *importer) read(row *mapping.Row) error {
	im.mu.Lock()
	defer im.mu.Unlock()
	im.summary.Rows++
	for _, e := range row.Events {
		im.summary.Events[e.Type]++
		im.pending = append(im.pending, row)
	}
	if len(row.Rejected) == 0 {
		return nil
	}
	im.summary.Rejected++
	return im.keep(row, row.Reason())
}

// maxNoted is how many rejected rows are told of on the side. All are in the
// rejects file.
const maxNoted = 20

// keep writes a row to the rejects file, once.
func (im *importer) keep(row *mapping.Row, reason string) error {
	if im.last == row.Number {
		return nil
	}
	im.last = row.Number
	if im.noted++; im.noted <= maxNoted {
		im.c.Notef("line %d: %s", row.Line, console.Clean(reason))
	} else if im.noted == maxNoted+1 {
		im.c.Notef("… and so on; see %s", im.kept.path)
	}
	if im.kept.w == nil {
		if err := im.kept.create(im.file); err != nil {
			return err
		}
		im.summary.Rejects = im.kept.path
	}
	return im.kept.write(row.Line, reason, row.Text)
}

func (im *importer) submit(ctx context.Context, l access.Ledger) error {
	for out, err := range l.Submit(ctx, im.events(ctx), access.SubmitOptions{}) {
		if err == nil {
			err = im.answer(out)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// answer takes note of what became of the event that waits longest.
func (im *importer) answer(out access.Outcome) error {
	im.mu.Lock()
	defer im.mu.Unlock()
	row := im.pending[0]
	im.pending[0], im.pending = nil, im.pending[1:]
	switch {
	case out.Refused != nil:
		im.summary.Refused++
		return im.keep(row, "the ledger refused an event of the row: "+out.Refused.Error())
	case out.Repeated:
		im.summary.Repeated++
	default:
		im.summary.Accepted++
	}
	return nil
}

func (im *importer) dryRun(ctx context.Context) error {
	for _, err := range im.events(ctx) {
		if err != nil {
			return err
		}
		im.mu.Lock()
		im.pending = im.pending[:0]
		im.mu.Unlock()
	}
	return nil
}

// finish prints the summary and says how the command ends.
func (im *importer) finish(err error) error {
	im.mu.Lock()
	defer im.mu.Unlock()
	if err = errors.Join(err, im.kept.close()); err != nil {
		return err
	}
	s, c := &im.summary, im.c
	var total int64
	var rows [][]string
	for _, t := range slices.Sorted(maps.Keys(s.Events)) {
		total += s.Events[t]
		rows = append(rows, []string{access.ShortType(t), console.Count(s.Events[t])})
	}
	c.Printf("%s %s read, %s rejected.\n", console.Count(s.Rows), plural(int(s.Rows), "row", "rows"), console.Count(s.Rejected))
	c.Table([]string{"EVENTS", ">"}, rows)
	if s.DryRun {
		c.Printf("%s events; nothing was submitted.\n", console.Count(total))
	} else {
		c.Printf("%s events: %s accepted, %s there already, %s refused.\n",
			console.Count(total), console.Count(s.Accepted), console.Count(s.Repeated), console.Count(s.Refused))
	}
	if err := c.Emit(s); err != nil {
		return err
	}
	if s.Rejects == "" {
		if im.kept.stale {
			c.Warnf("%s is of an earlier run; this one rejected nothing", im.kept.path)
		}
		return nil
	}
	if c.JSON {
		return exit(exitFailed)
	}
	return fmt.Errorf("%d %s rejected and %d %s refused; %s has the rows with the reasons: put them right in %s and import it again, what was accepted is not appended twice",
		s.Rejected, plural(int(s.Rejected), "row was", "rows were"), s.Refused, plural(int(s.Refused), "event was", "events were"), s.Rejects, s.File)
}

// A rejectsFile has the rows that could not be imported: two columns of ours,
// and then the row as it stands in the file, in UTF-8.
type rejectsFile struct {
	path  string
	stale bool // there was such a file before
	file  *os.File
	w     *bufio.Writer // nil as long as there is nothing to keep
	comma rune
}

// create begins the file. It holds personal data, so only its owner may read
// it.
func (r *rejectsFile) create(source *mapping.File) error {
	file, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("couldn't keep the rejected rows: %w", err)
	}
	r.file, r.w, r.comma = file, bufio.NewWriter(file), source.Delimiter()
	if source.Header() == "" {
		return nil
	}
	return r.line("rejected_line", "rejected_reason", source.Header())
}

func (r *rejectsFile) write(line int, reason, row string) error {
	return r.line(strconv.Itoa(line), reason, row)
}

func (r *rejectsFile) line(line, reason, row string) error {
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.Comma = r.comma
	err := w.Write([]string{line, reason})
	w.Flush()
	if err == nil {
		_, err = r.w.WriteString(strings.TrimSuffix(b.String(), "\n") + string(r.comma) + row + "\n")
	}
	if err != nil {
		return fmt.Errorf("couldn't keep the rejected rows: %w", err)
	}
	return nil
}

func (r *rejectsFile) close() error {
	if r.w == nil {
		return nil
	}
	if err := errors.Join(r.w.Flush(), r.file.Close()); err != nil {
		return fmt.Errorf("couldn't keep the rejected rows: %w", err)
	}
	return nil
}

// A source is the file that is imported, and how much of it was read.
type source struct {
	*os.File
	info fs.FileInfo
	read int64
}

func openSource(path string) (*source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &source{File: f, info: info}, nil
}

// Read implements io.Reader.
func (s *source) Read(b []byte) (int, error) {
	n, err := s.File.Read(b)
	s.read += int64(n)
	return n, err
}
