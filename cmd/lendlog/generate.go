// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger/lifecycle"
)

func newGenerate(c *console.Console) *cobra.Command {
	var g generator
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Generate synthetic credit files",
		Long: `Generate synthetic credit files, from the application to the closing, with what
a lender keeps around them: events to submit to a ledger that is to be tried. They
are of nobody, and say that they are synthetic in source, subject and names. The
same flags give the same events.

--faults breaks rules and obligations, each in a story of its own and as many of
every kind; --answers says which. Beyond them no rule is broken and nothing is
overdue, as of the end of each story. Events are marked as imported unless --live
is given.

--window tells so many stories at once, in the order of their times, as a ledger
sees them; 1 tells one after the other.

With --json and --out: {"loans", "seed", "faults", "subjects", "events", "bytes"}.
A line of --answers: {"fault", "subject", "events": [ID], "done"}, where fault is
the id of a rule or obligation, and the first of the events is the one that it is
found at.`,
		Example: `  lendlog generate --loans 1000 --out events.ndjson
  lendlog generate --loans 500 --seed 7 --faults 20 --answers answers.ndjson | lendlog submit --dir ledger`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			g.c = c
			return g.run(cmd)
		},
	}
	f := cmd.Flags()
	f.IntVar(&g.Loans, "loans", 1000, "applications, for loans and lines of credit")
	f.Uint64Var(&g.Seed, "seed", 1, "any number; another one gives another book")
	f.IntVar(&g.Faults, "faults", 0, "how many stories break a rule or an obligation")
	f.IntVar(&g.Window, "window", 1000, "how many stories are told at once")
	f.BoolVar(&g.Live, "live", false, "leave out the mark of imported events; the ledger marks them as late")
	f.StringVar(&g.answers, "answers", "", "file for what was planted")
	f.StringVarP(&g.out, "out", "o", "", "file for the events (default standard output)")
	f.StringVar(&g.format, "format", "ndjson", "form of the events; there is ndjson")
	return cmd
}

// A generator writes a synthetic book.
type generator struct {
	lifecycle.Config
	c                    *console.Console
	answers, out, format string
}

type generated struct {
	Loans    int    `json:"loans"`
	Seed     uint64 `json:"seed"`
	Faults   int    `json:"faults"`
	Subjects int64  `json:"subjects"`
	Events   int64  `json:"events"`
	Bytes    int64  `json:"bytes"`
}

func (g *generator) run(cmd *cobra.Command) (err error) {
	if g.format != "ndjson" {
		return usagef("there is no format %s; there is ndjson", g.format)
	}
	book, err := lifecycle.New(g.Config)
	if err != nil {
		return coded{exitUsage, err}
	}
	events, answers := io.Writer(g.c.Out), io.Discard
	for _, to := range []struct {
		path string
		w    *io.Writer
	}{{g.out, &events}, {g.answers, &answers}} {
		if to.path == "" {
			continue
		}
		f, err2 := os.OpenFile(to.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err2 != nil {
			return err2
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		*to.w = f
	}
	summary, err := g.write(cmd, book, events, answers)
	if err != nil || g.out == "" {
		return err
	}
	g.c.Printf("%s: %s events of %s subjects, %s bytes, synthetic\n", g.out,
		console.Count(summary.Events), console.Count(summary.Subjects), console.Count(summary.Bytes))
	if g.answers != "" {
		g.c.Printf("%s: what was planted, %d %s\n", g.answers, g.Faults, plural(g.Faults, "fault", "faults"))
	}
	return g.c.Emit(summary)
}

// write writes the events, and what was planted.
func (g *generator) write(cmd *cobra.Command, book *lifecycle.Book, to, answers io.Writer) (generated, error) {
	sum := generated{Loans: g.Loans, Seed: g.Seed, Faults: g.Faults}
	w := bufio.NewWriterSize(to, 1<<20)
	progress := g.c.Progress()
	defer progress.Done()
	for e := range book.Events() {
		if err := cmd.Context().Err(); err != nil {
			return sum, err
		}
		sum.Events++
		sum.Bytes += int64(len(e.Document)) + 1
		// What fails to be written fails again in Flush.
		_, _ = w.Write(e.Document)
		if err := w.WriteByte('\n'); err != nil {
			return sum, fmt.Errorf("couldn't write the events: %w", err)
		}
		if !e.Last {
			continue
		}
		sum.Subjects++
		progress.Set("stories", sum.Subjects, max(sum.Subjects, int64(g.Loans)))
		if e.Fault == nil {
			continue
		}
		if err := json.NewEncoder(answers).Encode(e.Fault); err != nil {
			return sum, fmt.Errorf("couldn't write the answers: %w", err)
		}
	}
	if err := w.Flush(); err != nil {
		return sum, fmt.Errorf("couldn't write the events: %w", err)
	}
	return sum, nil
}
