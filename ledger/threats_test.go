// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/vault"
)

// These are the claims of docs/threats.md that nothing else tests.

// Whoever copies every file of a ledger, but for its keys, finds in none of
// them what was sealed. With the keys all of it can be read.
func TestFilesHoldNoSealedValue(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	h.append(document("complaint.opened", "file/Q-7700177001", "event-7700177001",
		`{"complaintId":"CMP-7700177001","narrative":"Zyx7700177001 narrative, which is long enough that no page of a table could hold it by chance","channel":"phone"}`,
		map[string]any{"party": "customer-7700177001", "extone": "ext-7700177001"}))
	h.append(document("case.opened", "case/K-7700177001", "case-7700177001",
		`{"caseKind":"suspicious-report","narrative":"Zyx7700177001 payments","assigneeId":"staff-7700177001"}`, nil))
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	files := 0
	err := filepath.WalkDir(h.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		files++
		if bytes.Contains(b, []byte("7700177001")) {
			t.Errorf("a sealed value stands in %s", path)
		}
		return err
	})
	if err != nil || files < 10 {
		t.Fatalf("%d files were read: %v", files, err)
	}
	h.run()
	r, err := h.l.Record(t.Context(), h.l.Head().Size-1)
	for i := h.l.Head().Size - 1; err == nil && !bytes.Contains(r.Entry, []byte(record.TypeRestricted)); i-- {
		r, err = h.l.Record(t.Context(), i)
	}
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, m := range r.Members {
		found = found || m.Pointer == "/data/narrative" && m.Value.Str == "Zyx7700177001 payments"
	}
	if !found {
		t.Error("with the keys it can't be read either")
	}
}

// Whoever has the VRF key recognizes the records of a subject whose id they
// guess, and whoever has the index key those of an event whose source and id
// they guess; nobody does without, by another ledger's keys for instance.
func TestKeysTellWhatIsGuessed(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	r := h.append(document("decision.made", "file/A-1", "event-1", decision, nil))
	leaf, err := record.ParseLeaf(r.Receipt.Entry)
	if err != nil {
		t.Fatal(err)
	}
	guess := func(dir string) (subject, event bool) {
		keys, err := vault.ReadKeys(ledgertest.Parts(t, dir).Keys)
		if err != nil {
			t.Fatal(err)
		}
		return keys.VRF.Term("file", "A-1") == leaf.Entry.Term && keys.VRF.Term("file", "A-2") != leaf.Entry.Term,
			seal.Identity(keys.Index, "urn:test:core", "event-1") == leaf.Entry.Event &&
				seal.Identity(keys.Index, "urn:test:core", "event-2") != leaf.Entry.Event
	}
	if subject, event := guess(h.dir); !subject || !event {
		t.Errorf("with the keys: the subject is recognized: %v, the event: %v", subject, event)
	}
	if subject, event := guess(ledgertest.Create(t, ledger.CreateOptions{})); subject || event {
		t.Errorf("with another ledger's keys: the subject is recognized: %v, the event: %v", subject, event)
	}
}
