// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lendlog/lendlog/ledger/store"
)

// latencies counts durations in buckets of microseconds, each at most 1/32
// wider than what it holds.
type latencies struct {
	buckets [64 * 32]int64
	count   int64
}

func (l *latencies) add(d time.Duration) {
	us := uint64(max(d.Microseconds(), 0))
	i := int(us)
	if shift := bits.Len64(us) - 6; shift > 0 {
		i = shift*32 + int(us>>shift)
	}
	l.buckets[min(i, len(l.buckets)-1)]++
	l.count++
}

// merge adds what another one counted.
func (l *latencies) merge(o *latencies) {
	for i, n := range o.buckets {
		l.buckets[i] += n
	}
	l.count += o.count
}

// quantile returns the duration below which a share of all lie.
func (l *latencies) quantile(share float64) time.Duration {
	rest := int64(share * float64(l.count))
	for i, n := range l.buckets {
		if rest -= n; rest < 0 {
			if shift := i/32 - 1; shift > 0 {
				return time.Duration((i-shift*32+1)<<shift) * time.Microsecond
			}
			return time.Duration(i+1) * time.Microsecond
		}
	}
	return 0
}

// ownCPU returns the processor time that this process has used.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// processCPU is ownCPU of another process, where /proc tells it; 0 elsewhere.
func processCPU(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name in brackets may hold anything. After it the state is field 3,
	// user and system time are fields 14 and 15, in hundredths of a second.
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(string(f[11]), 10, 64)
	system, _ := strconv.ParseInt(string(f[12]), 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond
}

// memory returns what a process has in memory of its own, where /proc tells
// it; 0 elsewhere. The pages of mapped files, which the database has many of,
// are not in it: the system takes them back when it needs them.
func memory(pid int) int64 {
	kib, _, _ := strings.Cut(procLine(fmt.Sprintf("/proc/%d/status", pid), "RssAnon:"), " ")
	n, _ := strconv.ParseInt(kib, 10, 64)
	return n << 10
}

// watchMemory looks at the memory of a process ten times a second, until the
// function that it returns is called, which returns the most that it saw.
func watchMemory(pid int) (peak func() int64) {
	most := memory(pid)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				most = max(most, memory(pid))
			case <-stop:
				return
			}
		}
	}()
	return func() int64 {
		close(stop)
		<-stopped
		return max(most, memory(pid))
	}
}

// procLine returns what follows a label in a file of /proc.
func procLine(file, label string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if v, ok := strings.CutPrefix(lines.Text(), label); ok {
			return strings.TrimSpace(strings.TrimLeft(v, " \t:"))
		}
	}
	return ""
}

// diskBytes returns what the files below dir take on disk.
func diskBytes(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		var st syscall.Stat_t
		if err := syscall.Lstat(path, &st); err != nil {
			return err
		}
		sum += st.Blocks * 512
		return nil
	})
	return sum, err
}

// Machine is what was measured on. Numbers of two machines cannot be compared.
type Machine struct {
	OS         string  `json:"os"`
	Arch       string  `json:"arch"`
	CPU        string  `json:"cpu,omitempty"`
	Cores      int     `json:"cores"`
	Memory     int64   `json:"memoryBytes,omitempty"`
	FileSystem string  `json:"fileSystem,omitempty"`
	SyncMicros float64 `json:"fsyncMicros"` // of 4 KiB appended to a file; the median
	Load       string  `json:"loadBefore,omitempty"`
	Go         string  `json:"go"`
}

func machine(dir string) (Machine, error) {
	m := Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, Cores: runtime.GOMAXPROCS(0), Go: runtime.Version()}
	m.CPU = procLine("/proc/cpuinfo", "model name")
	kib, _ := strconv.ParseInt(strings.TrimSuffix(procLine("/proc/meminfo", "MemTotal:"), " kB"), 10, 64)
	m.Memory = kib << 10
	if f := strings.Fields(procLine("/proc/loadavg", "")); len(f) > 0 {
		m.Load = f[0]
	}
	m.FileSystem = fileSystem(dir)
	var err error
	m.SyncMicros, err = syncMicros(dir)
	return m, err
}

// fileSystem names the kind of the file system of dir: that of the longest
// mount point above it.
func fileSystem(dir string) (kind string) {
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		return ""
	}
	longest := -1
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line)
		if len(f) < 3 || len(f[1]) < longest {
			continue
		}
		if rest, ok := strings.CutPrefix(dir, strings.TrimSuffix(f[1], "/")); ok && (rest == "" || rest[0] == '/') {
			longest, kind = len(f[1]), f[2]
		}
	}
	return kind
}

func syncMicros(dir string) (float64, error) {
	f, err := os.CreateTemp(dir, "fsync-")
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	times := make([]time.Duration, 50)
	for i := range times {
		begun := time.Now()
		if _, err := f.Write(make([]byte, 4096)); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		times[i] = time.Since(begun)
	}
	slices.Sort(times)
	return micros(times[len(times)/2]), nil
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

// enough refuses a measurement for which the volume has no room.
func enough(dir string, records int64) error {
	free, err := store.Free(dir)
	if err != nil {
		return err
	}
	if need := records*bytesNeeded + 1<<30; free < need {
		return fmt.Errorf("%d records need %d GiB in %s, and %d GiB are free; free some, choose another directory with --dir, or measure fewer with --records", records, need>>30+1, dir, free>>30)
	}
	return nil
}

// bytesNeeded is what a record takes in all that lies on disk at a time, with
// room for what the database rewrites: a ledger with its mirror takes 2.9 KB,
// and the bare database beside it 1.7.
const bytesNeeded = 6 << 10
