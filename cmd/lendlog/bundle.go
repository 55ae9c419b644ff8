// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger/proof"
)

func newBundle(c *console.Console) *cobra.Command {
	var t target
	var from, to, seed, checkpoint, filter, out string
	var sample, start, end int64
	var disclose []string
	cmd := &cobra.Command{
		Use:   "bundle -o FILE [--from TIME] [--to TIME] | --sample N --seed SEED | --filter FILTER",
		Short: "Write evidence of a whole period, of a random sample, or of what a search finds",
		Long: `Write evidence of many records in one file (lendlog-bundle/1, NDJSON) for anybody to
verify offline, in memory that does not grow with the file.

--from and --to: all records that were recorded in a period. The file refuses to
verify when one is left out, added, swapped or altered. --from is the first moment that
belongs to it, --to the first that does not: a day, which begins at midnight UTC, or an
RFC 3339 time. Without them it is of the whole ledger.

--sample and --seed: records that nobody chose, drawn by a seed from all records or
from those from --start up to, but without, --end. Let the auditor fetch the checkpoint
first, give it with --checkpoint, and name the seed after that: dice, a lottery, a
block's hash. Then the ledger cannot be arranged to suit the seed.

--filter: what "lendlog query" finds with the filter, as a case file; what is due is
judged as of the last record under the checkpoint. It does not show that nothing else
matches; "lendlog prove --subject" does, of one subject.

--disclose takes JSON Pointers as "lendlog show" prints them; "all"; or "none", which
is the default. What is not disclosed stays committed. --checkpoint is a checkpoint of
this ledger that was kept, or a receipt, evidence or bundle that holds one.`,
		Example: `  lendlog bundle --from 2026-01-01 --to 2026-04-01 --dir ledger -o first-quarter.ndjson
  lendlog bundle --sample 25 --seed "6 1 3 3 5 2 4" --checkpoint kept.txt --disclose all --dir ledger -o sample.ndjson
  lendlog bundle --filter 'type=complaint.opened recorded>=2026' --disclose all --server http://127.0.0.1:8080 -o complaints.ndjson
  lendlog verify --trust trust.json first-quarter.ndjson`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var b client.Bundling
			var err error
			if b.From, err = parseMoment("from", from); err != nil {
				return err
			}
			if b.To, err = parseMoment("to", to); err != nil {
				return err
			}
			if b.Pointers, err = parseDisclose(disclose); err != nil {
				return err
			}
			switch flag := cmd.Flags().Changed; {
			case !b.From.IsZero() && !b.To.IsZero() && !b.From.Before(b.To):
				return usagef("--to is not after --from")
			case flag("sample") && (sample < 1 || sample > proof.MaxSample):
				return usagef("--sample is a number of records, up to %d", proof.MaxSample)
			case flag("sample") && seed == "":
				return usagef("--sample needs the --seed that draws them")
			case !flag("sample") && (flag("seed") || flag("start") || flag("end")):
				return usagef("--seed, --start and --end go with --sample")
			case flag("filter") && filter == "":
				return usagef("--filter is empty")
			case start < 0 || end < 0:
				return usagef("--start and --end are indexes of records, 0 or more")
			case flag("sample"):
				b.Sample = &proof.Sample{Seed: seed, Count: sample, Start: start, End: end}
			}
			b.Filter = filter
			if checkpoint != "" {
				if b.Checkpoint, err = readNote(checkpoint); err != nil {
					return err
				}
			}
			if err := newFile(out, "a bundle"); err != nil {
				return err
			}
			return t.with(cmd.Context(), c, func(l access.Ledger) error {
				progress := c.Progress()
				defer progress.Done()
				return writeOnce(out, func(w io.Writer) error { return l.WriteBundle(cmd.Context(), w, b, progress.Set) })
			})
		},
	}
	t.flags(cmd)
	t.lookFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&from, "from", "", "first moment of the period (default: the beginning)")
	f.StringVar(&to, "to", "", "first moment after the period (default: up to the checkpoint)")
	f.Int64Var(&sample, "sample", 0, "how many records to draw")
	f.StringVar(&seed, "seed", "", "what draws them, named after the checkpoint was fetched")
	f.Int64Var(&start, "start", 0, "index of the first record that may be drawn")
	f.Int64Var(&end, "end", 0, "index after the last record that may be drawn (default: that of the checkpoint)")
	f.StringVar(&filter, "filter", "", "a filter as \"lendlog query\" takes it")
	f.StringVar(&checkpoint, "checkpoint", "", "file with the checkpoint to prove under (default: the newest)")
	f.StringSliceVar(&disclose, "disclose", []string{"none"}, "sealed members to disclose: all, none, or pointers")
	f.StringVarP(&out, "output", "o", "", "file to write to, a new one; it is there when all of it is")
	_ = cmd.MarkFlagRequired("output")
	for _, period := range []string{"from", "to"} {
		cmd.MarkFlagsMutuallyExclusive(period, "sample")
		cmd.MarkFlagsMutuallyExclusive(period, "filter")
	}
	cmd.MarkFlagsMutuallyExclusive("sample", "filter")
	return cmd
}

// parseMoment reads a day or a time; zero for "".
func parseMoment(flag, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, s); err == nil {
			if year := t.UTC().Year(); year < 1970 || year > 9999 {
				return t, usagef("--%s is a time from 1970 to 9999, in UTC", flag)
			}
			if !t.Equal(t.Truncate(time.Millisecond)) {
				return t, usagef("--%s: the ledger's clock counts milliseconds", flag)
			}
			return t, nil
		}
	}
	return time.Time{}, usagef("--%s is a day such as 2026-01-31, or an RFC 3339 time such as 2026-01-31T09:00:00Z", flag)
}

// newFile refuses the name of a file that is there: what others may hold as evidence
// is not lost to a slip of the keyboard.
func newFile(name, what string) error {
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return usagef("%s is there already, or cannot be looked for; %s is not written over another file", name, what)
	}
	return nil
}

// writeOnce writes a file that appears under its name when all of it is there.
func writeOnce(name string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err == nil {
			err = os.Rename(f.Name(), name)
		}
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	if err := write(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Sync()
}
