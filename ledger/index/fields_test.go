// SPDX-License-Identifier: Apache-2.0

package index

import (
	"slices"
	"testing"
)

func TestFields(t *testing.T) {
	for text, want := range map[string][]string{
		"":            nil,
		"type=a.b.v1": {"type"},
		`party="张 三" not party=P-2 recorded>=2026 party!=x`: {"party", "recorded"},
		// Behind a dot may stand the key of a free map, which is a text.
		"amount.currency=EUR data.texts.Smith=1 data.type=x data.amount>1": {"amount", "texts", "type"},
	} {
		f, err := ParseFilter(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Fields(); !slices.Equal(got, want) {
			t.Errorf("%s has the fields %v, want %v", text, got, want)
		}
	}
}

func TestSubject(t *testing.T) {
	for text, want := range map[string]string{
		"subject=file/A":                  "file/A",
		`type=x subject="file/A 1"`:       "file/A 1",
		"":                                "",
		"subject=file/A,file/B":           "",
		"not subject=file/A":              "",
		"subject!=file/A":                 "",
		"data.subject=file/A":             "",
		"not subject=file/A subject=p/Q":  "p/Q",
		"subject=file/A,b/C subject=b/C ": "b/C",
	} {
		f, err := ParseFilter(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := f.Subject(); got != want || ok != (want != "") {
			t.Errorf("%s is of %q, want %q", text, got, want)
		}
	}
}
