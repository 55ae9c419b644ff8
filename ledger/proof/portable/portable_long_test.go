// SPDX-License-Identifier: Apache-2.0

//go:build long

package portable

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger/proof"
)

func init() { long = true }

// TestMutationsLong and TestLiesLong are the short ones with many files.
func TestMutationsLong(t *testing.T) { mutations(t, 6000) }

func TestLiesLong(t *testing.T) { lies(t, 2000) }

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
