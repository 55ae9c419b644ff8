// SPDX-License-Identifier: Apache-2.0

package spelling

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNear(t *testing.T) {
	names := []string{"listen", "log", "log-level", "witnesses"}
	for _, tt := range []struct {
		written string
		most    int
		want    []string
	}{
		{"listn", 1, []string{"listen"}},
		{"Listen", 1, []string{"listen"}},
		{"loglevel", 1, []string{"log-level"}},
		{"lo", 2, []string{"log", "listen"}},
		{"", 9, []string{"log", "listen", "log-level", "witnesses"}},
		{"x", 0, []string{}},
	} {
		if diff := cmp.Diff(tt.want, Near(tt.written, names, tt.most)); diff != "" {
			t.Errorf("%q: %s", tt.written, diff)
		}
	}
}

func TestEdits(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"kitten", "sitting", 3}, {"flaw", "lawn", 2}} {
		if got := edits(tt.a, tt.b); got != tt.want {
			t.Errorf("%q to %q takes %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
