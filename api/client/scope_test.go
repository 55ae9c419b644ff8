// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/api"
	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/api/keys"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
)

// What a key for some members only is shown is verified one by one, and nothing else
// is taken for shown.
func TestScopedRecords(t *testing.T) {
	s := serve(t)
	k, err := keys.Open(t.Context(), s.ledger.Dir, s.ledger.Ledger, nil)
	if err != nil {
		t.Fatal(err)
	}
	server, err := api.New(api.Config{Ledger: s.ledger.Ledger, Keys: k})
	if err != nil {
		t.Fatal(err)
	}
	h := server.Handler()
	s.handler.Store(&h)
	expires := time.Now().Add(time.Hour).Truncate(time.Second)
	grant := func(t2 access.Terms) *client.Client {
		t.Helper()
		key, _, err := k.Grant(t.Context(), t2, ledger.Local)
		if err != nil {
			t.Fatal(err)
		}
		c, err := client.Dial(t.Context(), s.url, client.WithKey(key.Reveal()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	submitter := grant(access.Terms{Role: access.Submitter, Sources: []string{"urn:lender"}})
	result, err := submitter.Submit(t.Context(), []byte(`{"specversion":"1.0","id":"secret-id","source":"urn:lender","type":"org.lendlog.payment.received.v1","subject":"line/7","party":"C-1","time":"2026-03-01T10:00:00Z","data":{"paymentId":"secret-payment","amount":{"amount":"12.50","currency":"EUR"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	index := result.Receipt.Index
	c := grant(access.Terms{Role: access.Regulator, Fields: []string{"/data/amount", "/subject"}, Expires: expires})
	if fields, err := c.Fields(t.Context()); err != nil || !slices.Equal(fields, []string{"/data/amount", "/subject"}) {
		t.Errorf("the key opens %q, %v", fields, err)
	}
	for _, all := range []access.Terms{{Role: access.Regulator}, {Role: access.Admin}} {
		if fields, err := grant(all).Fields(t.Context()); err != nil || fields != nil {
			t.Errorf("a key of role %s opens %q, %v", all.Role, fields, err)
		}
	}
	odd := []string{"/data/a,b %2C", "/data/金额"}
	if fields, err := grant(access.Terms{Role: access.Auditor, Fields: odd, Expires: expires}).Fields(t.Context()); err != nil || !slices.Equal(fields, odd) {
		t.Errorf("the key opens %q, %v", fields, err)
	}
	r, err := c.Record(t.Context(), index)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Scoped || r.Event != nil || len(r.Sealed) != 2 || r.Sealed[0].Pointer != "/data/amount" || r.Sealed[1].Value.Str != "line/7" {
		t.Errorf("it is shown %+v", r)
	}
	if told, ok := r.Story(); !ok || strings.Contains(string(told.Data.Bytes()), "secret") || !strings.Contains(string(told.Data.Bytes()), "12.50") {
		t.Errorf("its story is %s", told.Data.Bytes())
	}
	timeline, err := c.Timeline(t.Context(), "line", "7", 1, 10)
	if err != nil || len(timeline.Records) != 1 || !timeline.Records[0].Scoped {
		t.Errorf("the timeline is %+v, %v", timeline, err)
	}
	if e, err := c.Prove(t.Context(), index, []string{"/data/amount"}); err != nil || len(e.Records[0].Disclosures) != 1 {
		t.Errorf("evidence: %v", err)
	}

	for _, x := range []struct {
		name string
		lie  func(v map[string]any)
		says string
	}{
		{"altered", func(v map[string]any) {
			d := disclosureOf(v, 0)
			d["disclosure"] = strings.Replace(d["disclosure"].(string), "12.50", "92.50", 1)
		}, "not what the entry committed to"},
		{"moved", func(v map[string]any) {
			all := v["disclosures"].([]any)
			all[0], all[1] = all[1], all[0]
		}, "another order"},
		{"twice", func(v map[string]any) { v["disclosures"] = append(v["disclosures"].([]any), disclosureOf(v, 1)) }, "another order"},
		{"no proof", func(v map[string]any) { disclosureOf(v, 0)["proof"] = []any{} }, "not what the entry committed to"},
		{"another pointer", func(v map[string]any) {
			d := disclosureOf(v, 0)
			d["disclosure"] = strings.Replace(d["disclosure"].(string), "/data/amount", "/data/nothing", 1)
		}, "does not have"},
		{"unreadable", func(v map[string]any) { disclosureOf(v, 0)["disclosure"] = "[" }, "cannot be read"},
		{"left out of the proofs", func(v map[string]any) { v["disclosures"] = v["disclosures"].([]any)[1:] }, "missing"},
		{"put among the members", func(v map[string]any) {
			v["members"] = append(v["members"].([]any), map[string]any{"pointer": "/party", "open": false, "present": true, "value": "C-2"})
		}, "missing"},
	} {
		lie := func(r *http.Request, _ *http.Response, b []byte) []byte {
			if !strings.HasPrefix(r.URL.Path, "/v1/records/") || strings.Contains(r.URL.Path, "evidence") {
				return b
			}
			return edit(t, b, x.lie)
		}
		s.lie.Store(&lie)
		_, err := c.Record(t.Context(), index)
		t.Log(x.name)
		wantLie(t, err, x.says)
	}
}

func disclosureOf(v map[string]any, n int) map[string]any {
	return v["disclosures"].([]any)[n].(map[string]any)
}
