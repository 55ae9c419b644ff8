// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"errors"
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
	shown := strings.Split(string(docs), "```go\n")[1:]
	for _, code := range shown {
		if code, _, ended := strings.Cut(code, "```"); !ended || !strings.Contains(string(source), code) {
			t.Errorf("docs/integrate.md shows code that example_test.go has not:\n%s", code)
		}
	}
	if len(shown) != 2 {
		t.Errorf("docs/integrate.md shows %d examples", len(shown))
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

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	err = watch(ctx, dial(t, s), index, func(i int64, followed *record.Event) {
		if i != index || followed.ID != ev.ID {
			t.Errorf("record %d is %s, want %d, %s", i, followed.ID, index, ev.ID)
		}
		stop()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}
