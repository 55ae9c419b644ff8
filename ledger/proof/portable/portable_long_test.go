// SPDX-License-Identifier: Apache-2.0

//go:build long

package portable

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/tree"
)

func init() { long = true }

// TestMutationsLong and TestLiesLong are the short ones with many files.
func TestMutationsLong(t *testing.T) { mutations(t, 6000) }

func TestLiesLong(t *testing.T) { lies(t, 2000) }

func TestBundleMutationsLong(t *testing.T) { bundleMutations(t, 4000) }

func TestBundleLiesLong(t *testing.T) { bundleLies(t, 2000) }

// No file makes a verifier hang or crash, be it as long as it may be or longer.
func TestHostileLong(t *testing.T) {
	const most = 64 << 20
	dir := t.TempDir()
	plain := string(published(t, "valid-plain.json"))
	with := func(section string) string { return strings.Replace(plain, `"v":`, `"later": `+section+`, "v":`, 1) }
	records := func(n int) string {
		head, rest, _ := strings.Cut(plain, `"records": [`)
		var record string
		for level, i := 0, 0; i < len(rest); i++ {
			switch rest[i] {
			case '{':
				level++
			case '}':
				if level--; level == 0 {
					record = rest[strings.IndexByte(rest, '{') : i+1]
					i = len(rest)
				}
			}
		}
		return head + `"records": [` + strings.Repeat(record+",", n) + rest
	}
	witnessed := func(times, more int, change func(*proof.Witnessed)) string { // of two cosigned checkpoints
		e, err := proof.ParseEvidence(published(t, "valid-witnessed.json"))
		if err != nil {
			t.Fatal(err)
		}
		e.Witnessed = append(slices.Repeat(e.Witnessed, times), e.Witnessed[:more]...)
		for i := range e.Witnessed {
			change(&e.Witnessed[i])
		}
		return string(e.Bytes())
	}
	for _, tt := range []struct {
		name, doc string
		code      int
	}{
		{"as long as may be", plain + strings.Repeat(" ", most-len(plain)), 0},
		{"longer", plain + strings.Repeat(" ", most-len(plain)+1), 2},
		{"a long string", with(`"` + strings.Repeat("a", most-8<<10) + `"`), 4},
		{"a long string of escapes", with(`"` + strings.Repeat(`\u0041\n`, (most-8<<10)/8) + `"`), 4},
		{"a string without end", `"` + strings.Repeat("a", most-1), 2},
		{"deep lists", strings.Repeat("[", most), 2},
		{"deep objects", strings.Repeat(`{"":`, most/4), 2},
		{"many values", with("[" + strings.Repeat("0,", 1<<21) + "0]"), 2},
		{"values enough", with("[" + strings.Repeat("0,", 1<<21-1000) + "0]"), 4},
		{"a long number", strings.Repeat("9", most), 2},
		{"white space", strings.Repeat(" ", most), 2},
		{"zeros", strings.Repeat("\x00", most), 2},
		{"many records", records(20_000), 0},
		{"many wrong records", strings.ReplaceAll(records(20_000), `"index": 1`, `"index": 2`), 3},
		{"many checkpoints", witnessed(1024, 0, func(*proof.Witnessed) {}), 0},
		{"many wrong checkpoints", witnessed(1024, 0, func(w *proof.Witnessed) { w.Proof = nil }), 3},
		{"more checkpoints", witnessed(1024, 1, func(*proof.Witnessed) {}), 3},
	} {
		path := filepath.Join(dir, "hostile.json")
		if err := os.WriteFile(path, []byte(tt.doc), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, v := range verifiers(t) {
			out, errs, code := v.call(t, "--trust", in("trust.json")[0], "--json", path)
			if code != tt.code || strings.Contains(errs, "Traceback") {
				t.Errorf("%s ends with %d of %s, want %d: %.300s%.300s", v.name, code, tt.name, tt.code, out, errs)
			}
		}
	}
}

// A bundle may be larger than what memory holds, and than other files may be.
func TestBundleOfAnySizeLong(t *testing.T) {
	o := newOperator(t, published(t, "trust.json"))
	e, err := proof.ParseEvidence(published(t, "valid-all.json"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(lines int) (file string) {
		// All leaves but the first are the same record, which as leaves they may be.
		log := tree.Small{Leaves: slices.Repeat([]tree.Hash{tree.LeafHash(e.Records[1].Entry)}, lines)}
		log.Leaves[0] = tree.LeafHash(e.Genesis.Entry)
		head := &proof.Bundle{Period: &proof.Period{End: int64(lines)}, Genesis: proof.Genesis{Entry: e.Genesis.Entry, Proof: log.Prove(0)}}
		if head.Checkpoint, err = (tree.Checkpoint{Origin: o.trust.Origin, Size: int64(lines), Root: log.Root()}).Sign(o.signer); err != nil {
			t.Fatal(err)
		}
		file = filepath.Join(t.TempDir(), "large.ndjson")
		out, err := os.Create(file)
		if err != nil {
			t.Fatal(err)
		}
		buffered := bufio.NewWriter(out)
		w, err := proof.NewBundleWriter(buffered, head)
		for i := 0; err == nil && i < lines; i++ {
			r := proof.Record{Index: int64(i), Entry: e.Records[min(i, 1)].Entry}
			err = w.Add(r, nil)
		}
		if err := errors.Join(err, w.Close(), buffered.Flush(), out.Close()); err != nil {
			t.Fatal(err)
		}
		return file
	}
	takes := func(v verifier, lines int) int64 {
		file := write(lines)
		if info, err := os.Stat(file); err != nil || lines > 100_000 && info.Size() <= 64<<20 {
			t.Fatalf("the file is of %d bytes: %v", info.Size(), err)
		}
		cmd := exec.Command(v.program[0], append(slices.Clone(v.program[1:]), "--trust", in("trust.json")[0], file)...)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		peak, err := peakOf(cmd.Process.Pid, ended)
		if want := fmt.Sprintf("%d leaves, recorded", lines); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%s: %v: %.3000s", v.name, err, out.String())
		}
		return peak
	}
	for _, v := range verifiers(t) {
		// What is collected late counts too, and when it is is the collector's: so not every
		// time has to be within the bound.
		grows := true
		for try := 0; grows && try < 3; try++ {
			few, many := takes(v, 10_000), takes(v, 120_000)
			t.Logf("%s took %d KiB, and %d", v.name, few, many)
			grows = many > few+48<<10
		}
		if grows {
			t.Errorf("%s takes memory as the file grows", v.name)
		}
	}
}

// peakOf watches the most memory that a process has had, in KiB, until it ended. The
// kernel's account of a process that ended counts what it was forked from, too.
func peakOf(pid int, ended <-chan error) (peak int64, err error) {
	for {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if _, after, ok := strings.Cut(string(status), "VmHWM:"); ok {
			_, _ = fmt.Sscan(after, &peak)
		}
		select {
		case err := <-ended:
			return peak, err
		case <-time.After(10 * time.Millisecond):
		}
	}
}
