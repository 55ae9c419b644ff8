// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	declared = regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`)
	quoted   = regexp.MustCompile("`(?:([a-z][a-z/-]*): )?(Test\\w+)`")
)

// declaredTests returns the tests of a package, given by its folder.
func declaredTests(t *testing.T, folder string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range declared.FindAllStringSubmatch(string(source), -1) {
			tests[m[1]] = true
		}
	}
	return tests
}

// What the documents claim, they name the tests of, and these are there: every
// row of a table in threats.md, and of the invariants in DESIGN.md. A test is
// named after its package, which those that follow in the same cell may leave
// out.
func TestNamedTestsExist(t *testing.T) {
	known := map[string]map[string]bool{}
	for page, is := range map[string]struct {
		claim *regexp.Regexp // rows that claim something
		least int
	}{
		"threats.md":  {regexp.MustCompile(`^\| (can|cannot) \|`), 50},
		"DESIGN.md":   {regexp.MustCompile(`^\| I\d+ \|`), 12},
		"auditors.md": {regexp.MustCompile(`^\| (keeps|rolls|leaves|hides|gives|shows|signs|logs|dates|begins) `), 11},
	} {
		text, err := os.ReadFile(filepath.Join("..", "docs", page))
		if err != nil {
			t.Fatal(err)
		}
		claims := 0
		for line := range strings.Lines(string(text)) {
			named := quoted.FindAllStringSubmatch(line, -1)
			if is.claim.MatchString(line) {
				claims++
				if len(named) == 0 && !strings.Contains(line, "not built yet") {
					t.Errorf("%s names no test of: %s", page, line)
				}
			}
			folder := ""
			for _, m := range named {
				if m[1] != "" {
					folder = m[1]
				}
				if known[folder] == nil {
					known[folder] = declaredTests(t, folder)
				}
				if folder == "" || !known[folder][m[2]] {
					t.Errorf("%s names %s of %q, which is not there: %s", page, m[2], folder, line)
				}
			}
		}
		if claims < is.least {
			t.Errorf("%s makes %d claims", page, claims)
		}
	}
}
