// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/tree"
)

// sample is a manifest with every member, of which only the form is right.
func sample(t testing.TB) *Manifest {
	m := &Manifest{
		Filter: `type=decision.made party="张 三" due=open`, AsOf: "2026-02-28T23:59:59.999Z", Checkpoint: []byte("origin.example/1\n12\nAAAA\n\n— origin.example/1 AAAA\n"),
		Columns: append(append([]Column{}, first...), Column{"data.amount.amount", Decimal}, Column{"party", Text}),
		Rows:    [32]byte{2}, Format: CSV, BOM: true, Size: 1234, SHA256: [32]byte{3}, Created: "2026-03-01T10:00:00.000Z",
		Program: "lendlog v1.2.3", Salt: [32]byte{4},
	}
	m.tally = tally{Count: 2, First: 3, Last: 11}
	m.Access = &Access{
		Event: m.Event(by, []string{"type", "party"}, time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)), Schema: []byte(`{"$id": "…"}`),
		Receipt:     &proof.Receipt{Index: 12, Entry: []byte("{}"), Seeds: map[string]seal.Seed{"party": {5}}, Proof: []tree.Hash{{6}}, Checkpoint: []byte("origin.example/1\n13\nAAAA\n\n— origin.example/1 AAAA\n")},
		Consistency: []tree.Hash{{7}, {8}},
	}
	return m
}

// TestGoldenManifest pins the bytes of a manifest, and those that are digested.
func TestGoldenManifest(t *testing.T) {
	m := sample(t)
	golden(t, "manifest.json", m.Bytes())
	golden(t, "digested.json", m.document().Bytes())
	if got := m.stated(); got != "lendlog-export/1 sha256:5cf61d79cc1434aa2ea8a141b4c18e0224ce0e8b7e8606b0506763ca3fd7c378" {
		t.Errorf("the record states %s", got)
	}
	again, err := ParseManifest(m.Bytes())
	if err != nil || !bytes.Equal(again.Bytes(), m.Bytes()) {
		t.Errorf("it is another once it was read: %v", err)
	}
	m.Access = nil
	again, err = ParseManifest(m.Bytes())
	if err != nil || again.Access != nil || again.Digest() != m.Digest() {
		t.Errorf("without the record: %v", err)
	}
	if !IsManifest(m.Bytes()) || IsManifest([]byte(`{"v":"lendlog-export/2"}`)) || IsManifest([]byte("x")) {
		t.Error("IsManifest is wrong")
	}
}

// TestManifestRefuses spoils one member after another.
func TestManifestRefuses(t *testing.T) {
	whole := string(sample(t).Bytes())
	for _, tc := range []struct{ old, new, want string }{
		{`"v": "lendlog-export/1"` + "\n}", `"v": "lendlog-export/2"` + "\n}", "/v is not"},
		{`"filter":`, `"filtre":`, "/filter is missing"},
		{`"filter": "`, `"more": 1, "filter": "`, "a member that is not one of this format"},
		{`"created": "2026-03-01T10:00:00.000Z"`, `"created": "2026-03-01T10:00:00Z"`, "/created"},
		{`"asOf": "2026-02-28T23:59:59.999Z"`, `"asOf": ""`, "/asOf"},
		{"\"count\": 2,\n    \"first\"", `"count": -2, "first"`, "negative"},
		{"\"count\": 2,\n    \"first\"", `"count": "2", "first"`, "/rows/count is not of type integer"},
		{`"first": 3,`, ``, "/rows/first is missing"},
		{`"format": "csv"`, `"format": "xlsx"`, "/file/bom"},
		{`"format": "csv"`, `"format": "ndjson"`, "/file/bom"},
		{`"bom": true`, `"bom": false`, "/file/bom"},
		{"\"bom\": true,\n    \"format\": \"csv\"", `"format": "xlsx"`, "/file/format"},
		{`"size": 1234`, `"size": 1.5`, ""},
		{`"sha256": "03`, `"sha256": "0Z`, "/file/sha256"},
		{`"sha256": "02`, `"sha256": "`, "/rows/sha256"},
		{`"name": "time"`, `"name": "when"`, "/columns does not begin with"},
		{`"name": "party"`, `"name": "index"`, "/columns/12/name"},
		{`"name": "party"`, `"name": "sealed"`, "/columns/12/name"},
		{`"name": "party"`, `"name": "a b"`, "/columns/12/name"},
		{`"name": "party"`, `"name": "` + strings.Repeat("x", 65) + `"`, "/columns/12/name"},
		{`"kind": "decimal"`, `"kind": "float"`, "/columns/11/kind"},
		{`"salt": "BAAA`, `"salt": "BAA`, "/salt"},
		{`"schema": "`, `"schemas": "`, "/access"},
		{`"consistency": [`, `"consistency": [ "AAAA",`, "/access/consistency"},
		{`"v": "lendlog-receipt/1"`, `"v": "lendlog-receipt/2"`, "/access/receipt"},
	} {
		if !strings.Contains(whole, tc.old) {
			t.Errorf("there is no %s", tc.old)
			continue
		}
		_, err := ParseManifest([]byte(strings.Replace(whole, tc.old, tc.new, 1)))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("with %s: %v", tc.new, err)
		}
	}
	if _, err := ParseManifest(make([]byte, maxManifest+1)); err == nil {
		t.Error("a manifest that is too long was read")
	}
}

// FuzzManifest wants any bytes to be refused, or to be a manifest that has the same
// digest once it is written.
func FuzzManifest(f *testing.F) {
	whole := sample(f).Bytes()
	f.Add(whole)
	f.Add(bytes.ReplaceAll(whole, []byte("  "), nil))
	f.Add([]byte(`{"v":"lendlog-export/1","columns":[{}],"rows":{},"file":{},"access":{"receipt":{}}}`))
	f.Add([]byte("[]"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseManifest(b)
		if err != nil {
			return
		}
		again, err := ParseManifest(m.Bytes())
		if err != nil || again.Digest() != m.Digest() || !bytes.Equal(again.Bytes(), m.Bytes()) {
			t.Fatalf("%v: %s", err, b)
		}
		// What is digested is the document without its access, and nothing else.
		v, err := canon.Parse(b, canon.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		rest := canon.Value{Kind: canon.Object}
		for _, member := range v.Members {
			if member.Name != "access" {
				rest.Members = append(rest.Members, member)
			}
		}
		if !bytes.Equal(rest.Bytes(), m.document().Bytes()) {
			t.Fatalf("%s is digested of %s", m.document().Bytes(), b)
		}
	})
}
