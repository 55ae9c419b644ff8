// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/record"
)

// docs/types.md is what `lendlog types --markdown` writes.
func TestTypesPage(t *testing.T) {
	var page bytes.Buffer
	if err := writeTypesPage(&page); err != nil {
		t.Fatal(err)
	}
	have, err := os.ReadFile("../../docs/types.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(page.String(), "\n"), strings.Split(string(have), "\n")); diff != "" {
		t.Errorf("docs/types.md is stale; write it anew with: go run ./cmd/lendlog types --markdown > docs/types.md\n(-want +got):\n%s", diff)
	}
}

// The page tells of every type, and of every member but those that all have.
func TestTypesPageIsComplete(t *testing.T) {
	var b bytes.Buffer
	if err := writeTypesPage(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	builtin, err := record.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range builtin.All() {
		_, section, ok := strings.Cut(page, "\n### "+strings.TrimSuffix(strings.TrimPrefix(s.Type, "org.lendlog."), ".v1")+"\n")
		if !ok {
			t.Errorf("%s has no section", s.Type)
			continue
		}
		section, _, _ = strings.Cut(section, "\n### ")
		for _, m := range s.Members {
			if !strings.Contains(section, "| `"+m.Name+"`") && m.Name != "jurisdiction" && m.Name != "legalEntity" {
				t.Errorf("the section of %s lacks %s", s.Type, m.Name)
			}
			for _, w := range s.Words(m.Name) {
				if !strings.Contains(section, "`"+w+"` ") {
					t.Errorf("the section of %s lacks the word %s of %s", s.Type, w, m.Name)
				}
			}
		}
	}
}

func TestMarkdownIsEscaped(t *testing.T) {
	if got := markdown("<kind>/<id> | a*b\nc"); got != `&lt;kind>/&lt;id> \| a\*b c` {
		t.Error(got)
	}
}
