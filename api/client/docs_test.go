// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
)

// What the docs show is the example, and the example works.
func TestExample(t *testing.T) {
	docs, err := os.ReadFile("../../docs/integrate.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, ok := strings.Cut(string(docs), "```go\n")
	shown, _, ended := strings.Cut(shown, "```")
	if !ok || !ended || !strings.Contains(string(source), shown) {
		t.Error("docs/integrate.md shows other code than example_test.go has")
	}

	s := serve(t)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("trust.json", s.ledger.Trust().Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	doc := events(0, 1)[0]
	index := s.ledger.Head().Size
	for range 2 {
		if err := submit(t.Context(), s.url, "trust.json", doc); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(filepath.Join(".", fmt.Sprintf("receipt-%d.json", index)))
	if err != nil {
		t.Fatal(err)
	}
	r, err := proof.ParseReceipt(b)
	if err != nil {
		t.Fatal(err)
	}
	ev, err := record.ParseEvent(doc, s.ledger.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	if got := proof.VerifyReceipt(s.ledger.Trust(), r, ev); got.Verdict != proof.Valid {
		t.Errorf("the receipt that was kept is %v", got.Checks)
	}
}
