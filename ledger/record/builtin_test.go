// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

// What the catalogue holds: the hash of each text, who appends the type, and
// about what. Entries cite the hash, so a line never changes: a type that has to
// change gets another version in its name. -update adds new types and leaves the
// others as they are.
func TestBuiltinGolden(t *testing.T) {
	file := filepath.Join("testdata", "catalogue.golden")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pinned := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		name, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		pinned[name] = rest
	}
	got := make(map[string]string)
	for _, s := range builtin(t).All() {
		who := "lender"
		if s.Own {
			who = "ledger"
		}
		if s.Restricted {
			who += ", restricted"
		}
		got[s.Type] = fmt.Sprintf("%x %s (%s)", s.Hash, strings.Join(s.SubjectKinds, " "), who)
	}
	for name, want := range pinned {
		if got[name] != want {
			t.Errorf("%s is\n%s, and was published as\n%s; give it another version, or take its line out if it never was", name, got[name], want)
		}
	}
	for name := range got {
		if _, ok := pinned[name]; !ok && !*update {
			t.Errorf("%s is new: pin it with go test ./ledger/record -run TestBuiltinGolden -update", name)
		}
	}
	if *update && !t.Failed() {
		var b bytes.Buffer
		for _, name := range slices.Sorted(maps.Keys(got)) {
			fmt.Fprintf(&b, "%s %s\n", name, got[name])
		}
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func sharedDefinitions(t *testing.T) canon.Value {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("schemas", "defs.json"))
	if err != nil {
		t.Fatal(err)
	}
	defs, err := canon.Parse(text, canon.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return defs
}

// The text of every type stands alone: it holds the definitions that it uses, no
// others, as they stand among the shared ones.
func TestBuiltinTextsAreComposed(t *testing.T) {
	shared := sharedDefinitions(t)
	for _, s := range builtin(t).All() {
		doc, err := canon.Parse(s.Text, canon.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		defs, _ := doc.Get("$defs")
		for _, d := range defs.Members {
			if want, ok := shared.Get(d.Name); !ok || !bytes.Equal(d.Value.Bytes(), want.Bytes()) {
				t.Errorf("%s: %s is not as in defs.json", s.Type, d.Name)
			}
			if !bytes.Contains(s.Text, []byte(`"#/$defs/`+d.Name+`"`)) {
				t.Errorf("%s: %s is never used", s.Type, d.Name)
			}
		}
		file, err := os.ReadFile(filepath.Join("schemas", s.Type+".json"))
		if err != nil {
			t.Fatal(err)
		}
		before, after, _ := bytes.Cut(file, []byte("\n  \"examples\""))
		if !bytes.HasPrefix(s.Text, before) || !bytes.HasSuffix(s.Text, after) {
			t.Errorf("%s: the text is not that of its file", s.Type)
		}
	}
}

func TestSharedDefinitions(t *testing.T) {
	for _, d := range sharedDefinitions(t).Members {
		if title, _ := d.Value.Get("title"); title.Str == "" {
			t.Errorf("%s has no title", d.Name)
		}
		// A schema that uses it and nothing else.
		mustParse(t, string(record.Compose(t, `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$id": "urn:lendlog:schema:com.example.`+strings.ToLower(d.Name)+`.v1",
  "type": "object",
  "x-subject": "file",
  "properties": {"m": {"$ref": "#/$defs/`+d.Name+`", "x-key": "party"}},
  "additionalProperties": false,
  "examples": []
}`)))
	}
}
