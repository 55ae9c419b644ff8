// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

func TestStatus(t *testing.T) {
	s := serve(t)
	c := dial(t, s)
	got, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if head := s.ledger.Head(); got.Size != head.Size || !got.Recorded.Equal(head.Recorded) || got.Refusing != "" || got.WitnessInterval != 86400 || got.Witnessing != nil {
		t.Errorf("of %+v it says %+v", head, got)
	}
}

// The archive of cosigned checkpoints is read backwards, and holds nothing but
// checkpoints of the ledger.
func TestCosignedBefore(t *testing.T) {
	s := serve(t)
	_, _, _, run := watched(t, s)
	c := dial(t, s)
	run()
	for i := range 3 {
		r, err := c.Submit(t.Context(), paid(string(rune('a'+i)), "file/A"))
		if err != nil {
			t.Fatal(err)
		}
		ledgertest.Until(t, "a cosigned checkpoint", func() bool {
			newest := cosigned(t, c, math.MaxInt64, 1)
			return len(newest) > 0 && newest[0].Size > r.Receipt.Index
		})
	}
	all := cosigned(t, c, math.MaxInt64, 100)
	for i, cp := range all {
		if i > 0 && cp.Size >= all[i-1].Size || !bytes.Contains(cp.Note, []byte("witness.example/2")) {
			t.Errorf("number %d is of %d records:\n%s", i, cp.Size, cp.Note)
		}
	}
	if two := cosigned(t, c, all[0].Size, 1); len(all) < 3 || len(two) != 1 || two[0].Size != all[1].Size {
		t.Errorf("%d are listed, and before the first one %+v", len(all), two)
	}
	var first []byte // what is answered in the place of everything
	answer := func(change func(b []byte) []byte) func(*http.Request, *http.Response, []byte) []byte {
		return func(r *http.Request, _ *http.Response, b []byte) []byte {
			if r.URL.Path == "/v1/checkpoints" {
				b = change(b)
			}
			return b
		}
	}
	keep := answer(func(b []byte) []byte { first = b; return b })
	s.lie.Store(&keep)
	cosigned(t, c, math.MaxInt64, 1)
	again := answer(func([]byte) []byte { return first })
	s.lie.Store(&again)
	_, err := c.CosignedBefore(t.Context(), all[len(all)-1].Size, 1)
	wantLie(t, err, "fewer than")
	bent := answer(func(b []byte) []byte { return bytes.Replace(b, []byte(`"checkpoint":"`), []byte(`"checkpoint":"x`), 1) })
	s.lie.Store(&bent)
	_, err = c.CosignedBefore(t.Context(), math.MaxInt64, 1)
	wantLie(t, err, "")
}

func cosigned(t *testing.T, c *client.Client, before int64, limit int) []client.Checkpoint {
	t.Helper()
	list, err := c.CosignedBefore(t.Context(), before, limit)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// What a server says of a file is what it said.
func TestVerify(t *testing.T) {
	s := serve(t)
	c := dial(t, s)
	r, err := c.Submit(t.Context(), paid("p-1", "file/A"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := c.Prove(t.Context(), r.Receipt.Index, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, trust := range [][]byte{nil, c.Trust().Bytes()} {
		report, err := c.Verify(t.Context(), e.Bytes(), trust)
		if err != nil {
			t.Fatal(err)
		}
		amount := ""
		for _, shown := range report.Shown {
			if shown.What == "/data/amount" {
				amount = string(shown.Value)
			}
		}
		if report.Verdict != "VALID" || len(report.Checks) < 5 || !json.Valid([]byte(amount)) || !strings.Contains(amount, "10.00") {
			t.Errorf("the report is %+v", report)
		}
	}
	bent := bytes.Replace(e.Bytes(), []byte(`10.00`), []byte(`90.00`), 1)
	if report, err := c.Verify(t.Context(), bent, nil); err != nil || report.Verdict != "INVALID" {
		t.Errorf("of altered evidence it says %+v, %v", report, err)
	}
	var p *client.Problem
	if _, err := c.Verify(t.Context(), []byte(`{"v":"nothing"}`), nil); !errors.As(err, &p) || p.Status != http.StatusUnprocessableEntity {
		t.Errorf("of what is nothing it says %v", err)
	}
}
