// SPDX-License-Identifier: Apache-2.0

package web

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/tree"
)

// cosign has a witness cosign what the ledger has, at a time.
func (h *house) cosign(w *ledgertest.Witness, at time.Time) int64 {
	h.t.Helper()
	head, err := h.ledger.IndexedHead(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	text, _, _ := tree.SplitNote(head.Note)
	cp, err := tree.ParseCheckpoint(text)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := h.ledger.AddWitnessed(append(append([]byte{}, head.Note...), w.Cosign(cp, at)...)); err != nil {
		h.t.Fatal(err)
	}
	return head.Size
}

// What witnesses cosigned is listed with who did and when, the newest first, and
// drawn; without witnesses whoever reads the log sees the ledger's own times.
func TestCheckpoints(t *testing.T) {
	h := newHouse(t, true)
	public, auditor := h.browser(), h.as(access.Auditor)
	public.get("checkpoints").want(t, http.StatusOK, "No witness has cosigned a checkpoint of this ledger", "No witness has cosigned enough", "has a final anchor")
	auditor.get("checkpoints").want(t, http.StatusOK, "by the ledger&#39;s clock", `role="img"`)

	w := ledgertest.NewWitness(t, "witness.example/1", 1, h.ledger.Info().VerifierKeys[0])
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for i := range cosignedPage + 2 {
		h.submit(payment(string(rune('a' + i))))
		h.cosign(w, at.Add(time.Duration(i)*time.Hour))
	}
	page := public.get("checkpoints").want(t, http.StatusOK, "witness.example/1, 2 March 2026 07:00:00 UTC", "by the witnesses&#39; clocks", `role="img"`)
	wantWellFormed(t, page, "en")
	if strings.Contains(page.body, "witness.example/1, 1 March 2026 10:00:00 UTC") {
		t.Error("the oldest one stands on the first page")
	}
	_, link, _ := strings.Cut(page.body, `href="?before=`)
	size, _, _ := strings.Cut(link, "#")
	public.get("checkpoints?before="+size).want(t, http.StatusOK, "witness.example/1, 1 March 2026 10:00:00 UTC", "witness.example/1, 1 March 2026 11:00:00 UTC")
	for _, query := range []string{"before=x", "before=0", "anchors-before=-1"} {
		public.get("checkpoints?"+query).want(t, http.StatusNotFound)
	}
}

// An anchor is shown as what was verified of it, and one that does not verify as
// nothing else.
func TestAnchored(t *testing.T) {
	read := func(name string) []byte {
		b, err := os.ReadFile("../../ledger/proof/testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	trust, err := proof.ParseTrust(read("trust-anchors.json"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := proof.ParseEvidence(read("evidence-anchored.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range e.Anchored {
		raw := a.Value().Bytes()
		got := newAnchored(trust, raw)
		if got.Broken || got.Size < 1 || got.Chain == nil || got.Chain.Contract != a.Anchor.Chain.Contract.String() || len(got.Chain.BlockHash) != 66 || got.Chain.Time.Year() < 2020 {
			t.Errorf("an anchor is shown as %+v", got)
		}
		var o map[string]any
		if err := json.Unmarshal(raw, &o); err != nil {
			t.Fatal(err)
		}
		o["chain"].(map[string]any)["log"] = 7
		bent, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		if got := newAnchored(trust, bent); got != (anchored{Broken: true}) {
			t.Errorf("an altered one is shown as %+v", got)
		}
	}
	stamped, err := proof.ParseEvidence(read("evidence-stamped.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range stamped.Anchored {
		if got := newAnchored(trust, a.Value().Bytes()); got.Broken || len(got.Issuer) != 32 || got.Chain != nil {
			t.Errorf("a time stamp is shown as %+v", got)
		}
	}
	if len(e.Anchored)+len(stamped.Anchored) < 2 {
		t.Error("there are no anchors to show")
	}
}
