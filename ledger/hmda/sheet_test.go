// SPDX-License-Identifier: Apache-2.0

package hmda

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const institution = `name: Example Bank
lei: 5493001KJTIIGC8Y1R12
taxId: 99-9999999
agency: 9
contact:
  name: A. Example
  phone: 999-999-9999
  email: hmda@bank.example
  street: 1 Example Street
  city: Exampleton
  state: CA
  zipCode: 01234
`

func TestSheet(t *testing.T) {
	i, err := ParseInstitution([]byte(institution))
	if err != nil {
		t.Fatal(err)
	}
	got, missing := i.Sheet(2026, 3)
	want := "1|Example Bank|2026|4|A. Example|999-999-9999|hmda@bank.example|1 Example Street|Exampleton|CA|01234|9|3|99-9999999|5493001KJTIIGC8Y1R12"
	if got != want || missing != nil {
		t.Errorf("%s\nmissing %q", got, missing)
	}
	_, missing = new(Institution).Sheet(2026, 0)
	open := []string{
		"Financial Institution Name", "Contact Person's Name", "Contact Person's Telephone Number", "Contact Person's E-mail Address",
		"Contact Person's Office Street Address", "Contact Person's Office City", "Contact Person's Office State",
		"Contact Person's Office Zip Code", "Federal Agency", "Federal Taxpayer Identification Number", "Legal Entity Identifier (LEI)",
	}
	if diff := cmp.Diff(open, missing); diff != "" {
		t.Error(diff)
	}
	for wrong, says := range map[string]string{
		"lei: x\nnmae: x":            "line 2: there is no key nmae; there are name, lei, ",
		"contact: {nmae: x}":         "line 1: there is no key nmae; ",
		"name: [x]":                  "line 1: agency is a digit, ",
		"agency: secret":             "line 1: agency is a digit, ",
		"agency: 10":                 "agency is a digit: 1 OCC, ",
		"name: a|b":                  "a value has a character that a register has no place for",
		"contact: {name: \"a\\nb\"}": "a value has a character that a register has no place for",
		"name: x\nname: y":           "line 2: mapping key \"name\" already defined at line 1",
		"name: x\n---\nname: y":      "the file has more than one document",
		"\t":                         "found character that cannot start any token",
	} {
		_, err := ParseInstitution([]byte(wrong))
		if err == nil {
			t.Errorf("%q is an institution", wrong)
			continue
		}
		if !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v, want %s", wrong, err, says)
		}
	}
}

// The institution that the docs show is a whole one.
func TestDocumentedInstitution(t *testing.T) {
	page, err := os.ReadFile("../../docs/compliance.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, ok := strings.Cut(string(page), "```yaml\n")
	shown, _, ended := strings.Cut(shown, "```")
	if !ok || !ended {
		t.Fatal("docs/compliance.md shows no institution")
	}
	i, err := ParseInstitution([]byte(shown))
	if err != nil {
		t.Fatal(err)
	}
	if _, missing := i.Sheet(2026, 0); missing != nil {
		t.Errorf("it lacks %v", missing)
	}
}

var update = flag.Bool("update", false, "write the golden file anew")

// TestGolden has the register of five applications, as the official editor is
// given it.
func TestGolden(t *testing.T) {
	i, err := ParseInstitution([]byte(institution))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, m := range []records{base(), base().alone(), action(denied), action(withdrawn), action(incomplete)} {
		lines = append(lines, m.line(t).String())
	}
	sheet, _ := i.Sheet(2026, len(lines))
	got := sheet + "\n" + strings.Join(lines, "\n") + "\n"
	golden := filepath.Join("testdata", "lar.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

func FuzzParseInstitution(f *testing.F) {
	f.Add([]byte(institution))
	f.Add([]byte("name: a|b"))
	f.Add([]byte("{contact: {name: \"\\n\"}, agency: 9}"))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, text []byte) {
		i, err := ParseInstitution(text)
		if err != nil {
			return
		}
		line, _ := i.Sheet(2026, 1)
		if strings.Count(line, "|") != 14 || strings.ContainsAny(line, "\r\n") {
			t.Errorf("%q is no sheet", line)
		}
	})
}
