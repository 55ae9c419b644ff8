// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"strings"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
)

// Print prints the report for people.
func (r *Report) Print(c *console.Console) {
	m := r.Machine
	c.Printf("%d records of synthetic events (seed %d), every commit synced to disk; the load is made on the same machine.\n", r.Records, r.Seed)
	c.Printf("%s/%s, %d cores of %s, %d GiB, %s, fsync %.0f µs, load before %s, %s, lendlog %s\n\n",
		m.OS, m.Arch, m.Cores, or(m.CPU, "an unknown kind"), m.Memory>>30, or(m.FileSystem, "unknown file system"), m.SyncMicros, or(m.Load, "unknown"), m.Go, r.Version)
	var rows [][]string
	for _, x := range r.Results {
		var targets []string
		for _, t := range x.Targets {
			met := "met"
			if !t.Met {
				met = "missed"
			}
			targets = append(targets, t.Text+" "+met)
		}
		ratio := number("%.2f×", x.Ratio)
		if x.Growth > 0 {
			ratio = fmt.Sprintf("grew %.2f×", x.Growth)
		}
		rows = append(rows, []string{
			x.Path, console.Count(x.Records), number("%.0f", x.Rate), number("%.2f", x.P50), number("%.2f", x.P99),
			number("%.0f", x.Disk), number("%.0f", x.CPU), number("%.1f", x.Request), number("%.0f", x.LoadCPU), number("%.0f", float64(x.Memory>>20)),
			number("%.0f", x.Raw), ratio, strings.Join(targets, ", "),
		})
	}
	c.Table([]string{"PATH", ">RECORDS", ">PER S", ">P50 MS", ">P99 MS", ">DISK B", ">CPU µS", ">REQUEST MS", ">LOAD µS", ">MIB", ">BADGER/S", ">TO BADGER", "TARGET"}, rows)
	c.Printf("\n")
	for _, x := range r.Results {
		c.Printf("%-10s  %s\n", x.Path, x.What)
	}
	if p := r.slowest(); p != nil {
		c.Printf("\nThe slowest page is %s: p99 %.0f ms, %.0f ms of processor time.\n", strings.TrimPrefix(p.Path, "console: "), p.P99, p.Request)
	}
	c.Printf("\nDISK, CPU and LOAD are for each record; LOAD is told apart where a server of its own is measured.\nREQUEST is the server's processor time for one page, with what it does besides. MIB is\nthe most memory, without mapped files. BADGER is the database alone, writing the same rows in the same transactions.\n")
}

func number(format string, v float64) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf(format, v)
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
