// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/bench"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
)

func newBench(c *console.Console) *cobra.Command {
	records := amount(1_000_000)
	var quick bool
	o := bench.Options{Version: version}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure how fast this machine is",
		Long: `Measure a ledger on this machine: every way in, reading, auditing, and what a
record costs in processor time, disk and memory. Everything is durable, in
temporary ledgers that are removed at the end, with synthetic events; servers are
started on loopback. Beside each way in, the database alone is measured with the
same rows in the same transactions.

What can be measured (--only):
  engine    the sequencer alone: sealed already, to be numbered, hashed, committed
  growth    what a record costs at the end, compared with early on
  open      opening the ledger
  history   all records of one subject
  search    a page of a search
  audit     an audit, and a deep one
  sealed    everything, in process
  stream    NDJSON over HTTP: one stream, four, and one of whole credit files
  single    single posts with receipt and proof, of 1, 16 and 64 clients
  console   each page of the console, over a book of credit files

Measure on a machine that does nothing else. Numbers of two machines cannot be
compared; the ratio to the database alone can, roughly.

With --json, one line: {"version", "begun", "seconds", "machine": {"os", "arch",
"cpu", "cores", "memoryBytes", "fileSystem", "fsyncMicros", "loadBefore", "go"},
"records", "seed", "synthetic", "results": [{"path", "what", "records", "seconds",
"recordsPerSecond", "p50Millis", "p99Millis", "diskBytesPerRecord",
"cpuMicrosPerRecord", "cpuMillisPerRequest", "loadCPUMicrosPerRecord",
"peakMemoryBytes", "rawRecordsPerSecond", "ratioToRaw", "costRatio",
"cpuCostRatio", "targets": [{"text", "met"}]}]}.`,
		Example: `  lendlog bench --quick
  lendlog bench --records 10M --only engine,growth --dir /var/lib/bench`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if quick && !cmd.Flags().Changed("records") {
				records = 50_000
			}
			for _, path := range o.Only {
				if !slices.Contains(bench.Paths, path) {
					return usagef("--only takes some of %s", strings.Join(bench.Paths, ", "))
				}
			}
			o.Records = int64(records)
			var err error
			if o.Program, err = os.Executable(); err != nil {
				return fmt.Errorf("couldn't find this program, to start a server: %w", err)
			}
			progress := c.Progress()
			o.Progress = progress.Set
			report, err := bench.Run(cmd.Context(), o)
			progress.Done()
			if err != nil {
				return err
			}
			report.Print(c)
			return c.Emit(report)
		},
	}
	f := cmd.Flags()
	f.Var(&records, "records", "records of each large ledger, such as 200k or 10M")
	f.BoolVar(&quick, "quick", false, "50k records, unless --records says how many")
	f.StringVar(&o.Dir, "dir", "", "directory to work in, which is made where it is absent (default: that for temporary files)")
	f.StringSliceVar(&o.Only, "only", nil, "what to measure, parted by commas (default: all)")
	f.Uint64Var(&o.Seed, "seed", 1, "seed of the events")
	f.StringVar(&o.Profile, "profile", "", "directory for profiles of the paths without a server, to read with go tool pprof; it is made where it is absent")
	_ = cmd.MarkFlagDirname("dir")
	_ = cmd.MarkFlagDirname("profile")
	return cmd
}

// amount is a number of records: 50000, 50k or 10M.
type amount int64

// The least and the most that bench takes: fewer say nothing, and more take
// days.
const (
	leastAmount = 1000
	mostAmount  = 1_000_000_000
)

func (a *amount) Type() string { return "number" }

func (a *amount) String() string {
	switch n := int64(*a); {
	case n > 0 && n%1_000_000 == 0:
		return strconv.FormatInt(n/1_000_000, 10) + "M"
	case n > 0 && n%1000 == 0:
		return strconv.FormatInt(n/1000, 10) + "k"
	default:
		return strconv.FormatInt(n, 10)
	}
}

func (a *amount) Set(s string) error {
	digits, unit := s, int64(1)
	if rest, ok := strings.CutSuffix(s, "k"); ok {
		digits, unit = rest, 1000
	} else if rest, ok := strings.CutSuffix(s, "M"); ok {
		digits, unit = rest, 1_000_000
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n > mostAmount/unit || n*unit < leastAmount {
		return fmt.Errorf("it takes %d to %d, such as 200k or 10M", leastAmount, mostAmount)
	}
	*a = amount(n * unit)
	return nil
}
