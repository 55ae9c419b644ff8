// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/bench"
	"github.com/lendlog/lendlog/ledger/ledgertest/scale"
)

// TestBench holds that every path is measured and reported whole. What the
// numbers are is not judged.
func TestBench(t *testing.T) {
	dir, profiles := filepath.Join(t.TempDir(), "a", "work"), filepath.Join(t.TempDir(), "profiles") // neither is there
	var out, errs bytes.Buffer
	records := scale.Of(2100, 3000)
	cmd := exec.Command("lendlog", "bench", "--quick", "--records", strconv.Itoa(records), "--json", "--dir", dir, "--profile", profiles)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil || errs.Len() > 0 {
		t.Fatalf("%v: %s", err, &errs)
	}
	var report bench.Report
	d := json.NewDecoder(&out)
	d.DisallowUnknownFields()
	if err := d.Decode(&report); err != nil {
		t.Fatal(err)
	}
	if m := report.Machine; m.Cores < 1 || m.Go == "" || m.OS == "" || m.SyncMicros <= 0 {
		t.Errorf("machine = %+v", m)
	}
	if !report.Synthetic || report.Records != int64(records) || report.Begun.IsZero() || report.Seconds <= 0 {
		t.Errorf("report = %+v", report)
	}
	const (
		cpu = 1 << iota
		waits
		memory
		raw // and what lies on disk
		load
		growth
	)
	for i, want := range []struct {
		path    string
		has     int
		targets int
	}{
		{"engine", cpu | waits | memory | raw, 1},
		{"growth", memory | growth, 2},
		{"open", cpu | memory, 0},
		{"history", cpu | waits | memory, 1},
		{"search", cpu | waits | memory, 1},
		{"audit", cpu | memory, 1},
		{"audit-deep", cpu | memory, 1},
		{"sealed", cpu | waits | memory | raw, 0},
		{"stream-1", cpu | waits | memory | raw | load, 1},
		{"stream-4", cpu | waits | memory | raw | load, 1},
		{"stream-files", cpu | waits | memory | raw | load, 1},
		{"single-1", cpu | waits | memory | raw | load, 1},
		{"single-16", cpu | waits | memory | raw | load, 0},
		{"single-64", cpu | waits | memory | raw | load, 2},
	} {
		if i >= len(report.Results) {
			t.Fatalf("%s is missing", want.path)
		}
		r := report.Results[i]
		if r.Path != want.path || r.What == "" || r.Records < 256 || r.Seconds < 0 || r.Rate <= 0 || len(r.Targets) != want.targets {
			t.Errorf("%s: %+v", want.path, r)
		}
		for _, x := range []struct {
			kind  int
			value float64
		}{
			{cpu, r.CPU}, {waits, r.P50}, {waits, r.P99}, {memory, float64(r.Memory)},
			{raw, r.Disk}, {raw, r.Raw}, {raw, r.Ratio}, {load, r.LoadCPU}, {growth, r.Growth},
		} {
			if (x.value > 0) != (want.has&x.kind != 0) {
				t.Errorf("%s: %+v", want.path, r)
				break
			}
		}
		if r.P99 < r.P50 {
			t.Errorf("%s: p50 %v ms, p99 %v ms", r.Path, r.P50, r.P99)
		}
	}
	pages := 0
	for _, r := range report.Results {
		switch {
		case r.Path == "console-count":
			if r.Records < int64(records) || r.Memory <= 0 {
				t.Errorf("%+v", r)
			}
		case strings.HasPrefix(r.Path, "console: "):
			if pages++; r.P50 <= 0 || r.P99 < r.P50 || r.Records < int64(records) || len(r.Targets) != 1 {
				t.Errorf("%+v", r)
			}
		}
	}
	if pages < 25 {
		t.Errorf("%d pages of the console were measured", pages)
	}
	empty(t, dir)
	for _, path := range []string{"engine", "growth", "open", "history", "search", "audit", "audit-deep", "sealed"} {
		if st, err := os.Stat(filepath.Join(profiles, path+".pprof")); err != nil || st.Size() == 0 {
			t.Errorf("profile of %s: %v", path, err)
		}
	}
}

// TestBenchInterrupted interrupts a run while its server is busy.
func TestBenchInterrupted(t *testing.T) {
	dir := t.TempDir()
	var out, errs bytes.Buffer
	cmd := exec.Command("lendlog", "bench", "--quiet", "--records", "1M", "--only", "single", "--dir", dir)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	// A megabyte is more than a ledger begins with, and less than it will have.
	for size := int64(0); size < 1<<20; {
		select {
		case err := <-ended:
			t.Fatalf("it ended by itself: %v: %s", err, &errs)
		case <-time.After(5 * time.Millisecond):
		}
		size = 0
		mirrors, _ := filepath.Glob(filepath.Join(dir, "*", "single-1", "mirror", "*"))
		for _, name := range mirrors {
			if st, err := os.Stat(name); err == nil {
				size += st.Size()
			}
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil || out.Len() > 0 || errs.String() != "lendlog: interrupted\n" {
		t.Errorf("%v, printed %q and %q", err, &out, &errs)
	}
	empty(t, dir)
}

func empty(t *testing.T, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left in the directory: %v, %v", left, err)
	}
}

func TestBenchAmounts(t *testing.T) {
	for in, want := range map[string]string{
		"1000": "1k", "50k": "50k", "12345": "12345", "10M": "10M", "2000k": "2M",
		"": "", "999": "", "k": "", "1.5M": "", "-5k": "", "10000M": "", "9223372036854775807M": "", "5K": "",
	} {
		var a amount
		err := a.Set(in)
		if want == "" && err == nil {
			t.Errorf("%q is taken for %s", in, &a)
		}
		if want != "" && (err != nil || a.String() != want) {
			t.Errorf("%q = %s, %v; want %s", in, &a, err, want)
		}
	}
	var out, errs bytes.Buffer
	if code := run([]string{"bench", "--only", "engine,nonsense"}, nil, &out, &errs); code != exitUsage || out.Len() > 0 {
		t.Errorf("exit code %d, printed %q and %q", code, &out, &errs)
	}
}
