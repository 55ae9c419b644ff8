// SPDX-License-Identifier: Apache-2.0

package mapping_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/docs/mappings"
	"github.com/lendlog/lendlog/ledger/mapping"
)

// block returns the first code block of a language.
func block(t *testing.T, text, language string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, "```"+language+"\n")
	body, _, closed := strings.Cut(rest, "```\n")
	if !ok || !closed {
		t.Fatalf("there is no block of %s", language)
	}
	return body
}

// The example of the reference is what the code does, to the byte.
func TestReferenceExample(t *testing.T) {
	text, err := os.ReadFile("../../docs/mappings/README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := string(text)
	m, err := mapping.Parse([]byte(block(t, readme, "yaml")), catalogue(t))
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for row, err := range m.Rows("loans.csv", strings.NewReader(block(t, readme, "csv"))) {
		if err != nil {
			t.Fatal(err)
		}
		if row.Rejected != nil {
			t.Errorf("row %d: %s", row.Number, row.Reason())
		}
		for _, e := range row.Events {
			got.Write(append(e.Document, '\n'))
		}
	}
	if diff := cmp.Diff(block(t, readme, "json"), got.String()); diff != "" {
		t.Error(diff)
	}
}

func TestShippedMappings(t *testing.T) {
	names := mappings.Names()
	for _, want := range []string{"cfpb-complaints", "lendingclub-accepted", "lendingclub-rejected", "taiwan-credit-cards"} {
		if !slices.Contains(names, want) {
			t.Errorf("%s is not shipped", want)
		}
	}
	for _, name := range names {
		if m := shipped(t, name); m.Title == "" {
			t.Errorf("%s has no title", name)
		}
	}
	if _, err := mappings.Read("../mappings/taiwan-credit-cards"); err == nil {
		t.Error("a name leads out of the folder")
	}
}
