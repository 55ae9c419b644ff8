// SPDX-License-Identifier: Apache-2.0

package rpc

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/proof/chain"
)

// A node answers as a chain's node does, as far as it is asked.
type node struct {
	id, finalized string
	blocks        map[string]string // hash by number
	broken        string            // is answered to everything
}

func (n node) serve(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.broken != "" {
			_, _ = w.Write([]byte(n.broken))
			return
		}
		var q struct {
			Method string
			Params []any
		}
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s with %q: %v", r.Method, r.Header.Get("Content-Type"), err)
		}
		answer := map[string]any{"jsonrpc": "2.0", "id": 1}
		switch q.Method {
		case "eth_chainId":
			answer["result"] = n.id
		case "eth_getBlockByNumber":
			at := q.Params[0].(string)
			if at == "finalized" {
				at = n.finalized
			}
			answer["result"] = nil
			if h, ok := n.blocks[at]; ok {
				answer["result"] = map[string]string{"number": at, "hash": h, "timestamp": "0x7", "parentHash": "0x"}
			}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/secret-key?key=secret-key"
}

func TestConfirm(t *testing.T) {
	at := func(last byte) string { return chain.Hash{31: last}.String() }
	good := node{id: "0x1", finalized: "0xff", blocks: map[string]string{"0x64": at(1), "0xff": at(9)}}
	other := node{id: "0x1", finalized: "0xff", blocks: map[string]string{"0x64": at(2), "0xff": at(9)}}
	early := node{id: "0x1", finalized: "0x63", blocks: map[string]string{"0x64": at(1), "0x63": at(9)}}
	none := node{id: "0x1", finalized: "0xff", blocks: map[string]string{"0xff": at(9)}}
	alien := node{id: "0x2", finalized: "0xff", blocks: map[string]string{"0x64": at(2), "0xff": at(9)}}
	for name, tt := range map[string]struct {
		nodes []node
		agree int
		want  string // "" for confirmed, "other" for ErrOtherBlock, else words
	}{
		"one":                  {[]node{good}, 0, ""},
		"two":                  {[]node{good, good}, 0, ""},
		"one of another chain": {[]node{alien, good}, 0, ""},
		"two of three":         {[]node{good, none, good}, 2, ""},
		"all of three":         {[]node{good, none, good}, 0, "2 of 3 endpoints"},
		"one of two":           {[]node{good, early}, 2, "not final yet: 99"},
		"another":              {[]node{other}, 0, "other"},
		"another by two":       {[]node{other, other, none}, 2, "other"},
		"they contradict":      {[]node{good, other}, 1, "1 that another one is"},
		"none":                 {[]node{none}, 0, "does not have that block"},
		"only another chain":   {[]node{alien}, 0, "none of the endpoints is of chain 1"},
		"two were asked for":   {[]node{good, alien}, 2, "1 of 1 endpoints"},
		"no JSON":              {[]node{{broken: "<html>"}}, 0, "not JSON-RPC"},
		"an error":             {[]node{{broken: `{"error":{"code":-32000,"message":"busy"}}`}}, 0, "error -32000: busy"},
		"no number":            {[]node{{broken: `{"result":"ten"}`}}, 0, "no number"},
		"another type":         {[]node{{broken: `{"result":7}`}}, 0, "not what was asked for"},
	} {
		t.Run(name, func(t *testing.T) {
			e := Endpoints{Agree: tt.agree}
			for _, n := range tt.nodes {
				e.URLs = append(e.URLs, n.serve(t))
			}
			if err := e.Check(); err != nil {
				t.Fatal(err)
			}
			err := e.Confirm(t.Context(), 1, chain.Block{Number: 100, Hash: chain.Hash{31: 1}, Time: 7})
			switch {
			case tt.want == "" && err != nil, tt.want == "other" && !errors.Is(err, proof.ErrOtherBlock):
				t.Error(err)
			case tt.want != "" && tt.want != "other" && (err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, proof.ErrOtherBlock)):
				t.Errorf("want %q, got %v", tt.want, err)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the key of an endpoint is shown: %v", err)
			}
		})
	}
	// Of a block that a record names, the time is only the record's word.
	if err := (Endpoints{URLs: []string{good.serve(t)}}).Confirm(t.Context(), 1, chain.Block{Number: 100, Hash: chain.Hash{31: 1}, Time: 6}); !errors.Is(err, proof.ErrOtherBlock) {
		t.Errorf("of another time: %v", err)
	}
	err := Endpoints{URLs: []string{"http://127.0.0.1:1/secret-key"}}.Confirm(t.Context(), 1, chain.Block{})
	if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "no answer") {
		t.Errorf("nobody there: %v", err)
	}
}

func TestCheck(t *testing.T) {
	for _, e := range []Endpoints{
		{URLs: []string{"rpc.example"}}, {URLs: []string{"ws://rpc.example"}}, {URLs: []string{"https:///x"}}, {URLs: []string{":"}},
		{URLs: []string{"https://rpc.example"}, Agree: 2}, {URLs: []string{"https://rpc.example"}, Agree: -1},
	} {
		if e.Check() == nil {
			t.Errorf("%+v are endpoints", e)
		}
	}
}

// An endpoint that leads elsewhere has not answered, and nobody else is asked.
func TestRedirects(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it is followed") }))
	defer elsewhere.Close()
	endpoint := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer endpoint.Close()
	err := Endpoints{URLs: []string{endpoint.URL}}.Confirm(t.Context(), 1, chain.Block{Number: 100})
	if err == nil || !strings.Contains(err.Error(), "307") {
		t.Errorf("it says %v", err)
	}
}
