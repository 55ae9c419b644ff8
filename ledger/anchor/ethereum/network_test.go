// SPDX-License-Identifier: Apache-2.0

package ethereum

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/lendlog/lendlog/ledger/proof/chain"
)

// answers is how a door answers.
type answers = func(method string, params []json.RawMessage, next func() (any, error)) (any, error)

func networkOf(c *devChain, doors ...*door) Config {
	conf := Config{Chain: 1337, Finality: "2", Timeout: 5 * time.Minute}
	for _, d := range doors {
		conf.RPC = append(conf.RPC, d.URL)
	}
	return conf
}

func dial(t *testing.T, conf Config) *Network {
	t.Helper()
	n, err := DialNetwork(t.Context(), conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

// An endpoint of another chain, another network of this chain's id, or without
// the contract is not used.
func TestPins(t *testing.T) {
	c := newDevChain(t, ruleSets["osaka"])
	conf := networkOf(c, c.door())
	h, err := c.client.HeaderByNumber(t.Context(), common.Big0)
	if err != nil {
		t.Fatal(err)
	}
	conf.Block = Pin{0, h.Hash().Hex()}
	dial(t, conf)
	for name, x := range map[string]struct {
		change func(*Config)
		say    string
	}{
		"chain":    {func(c *Config) { c.Chain = 5 }, "is on chain 1337"},
		"block":    {func(c *Config) { c.Block.Hash = common.Hash{1}.Hex() }, "another network"},
		"no block": {func(c *Config) { c.Block.Number = 1000 }, "block 1000"},
		"contract": {func(c *Config) { c.Contract = "0x00000000000000000000000000000000000000aa" }, "deploy it"},
		"code":     {func(c *Config) { c.Code = common.Hash{1}.Hex() }, "another one"},
	} {
		t.Run(name, func(t *testing.T) {
			conf := conf
			x.change(&conf)
			if _, err := DialNetwork(t.Context(), conf); err == nil || !strings.Contains(err.Error(), x.say) {
				t.Errorf("%v", err)
			}
		})
	}
	conf.Contract, conf.Undeployed = "0x00000000000000000000000000000000000000aa", true
	dial(t, conf)
}

// What endpoints answer that is no answer is an error that says so, and another
// one is asked.
func TestBadAnswers(t *testing.T) {
	c := newDevChain(t, ruleSets["osaka"])
	good := c.door()
	for name, x := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request)
		say    string
	}{
		"HTML":    {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>Sign in</html>") }, "JSON-RPC"},
		"nothing": {func(http.ResponseWriter, *http.Request) {}, "JSON-RPC"},
		"status": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "no /top-secret for you", http.StatusPaymentRequired)
		}, "status 402"},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, "redirects"},
		"stall": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "within"},
		"cut":   {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"jsonrpc":"2.0","id":1,"resu`) }, "JSON-RPC"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var b [1]byte
				for n := 0; n >= 0; { // so that the server notices when the client leaves
					if _, err := r.Body.Read(b[:]); err != nil {
						n = -1
					}
				}
				x.answer(w, r)
			}))
			defer bad.Close()
			conf := networkOf(c)
			conf.RPC = []string{bad.URL + "/top-secret"}
			if name == "stall" {
				conf.Timeout = 50 * time.Millisecond
			}
			if _, err := DialNetwork(t.Context(), conf); err == nil || !strings.Contains(err.Error(), x.say) || strings.Contains(err.Error(), "top-secret") {
				t.Errorf("%v", err)
			}
			if name == "stall" {
				return // the other one would have no longer
			}
			conf.RPC = append(conf.RPC, good.URL)
			conf.Agree = 1
			n := dial(t, conf)
			if _, err := n.Latest(t.Context()); err != nil {
				t.Error(err)
			}
			if e := n.Endpoints(); e[0].Failing == "" || e[1].Failing != "" {
				t.Errorf("%+v", e)
			}
		})
	}
}

// An answer without an end is cut off.
func TestAnswersAreBounded(t *testing.T) {
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for b := make([]byte, 1<<20); ; {
			if _, err := w.Write(b); err != nil {
				return
			}
		}
	}))
	defer endless.Close()
	u, err := url.Parse(endless.URL)
	if err != nil {
		t.Fatal(err)
	}
	e, err := newEndpoint(&settings{Config: Config{Timeout: 5 * time.Minute}}, u)
	if err != nil {
		t.Fatal(err)
	}
	defer e.close()
	resp, err := e.http.Get(endless.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if n != maxAnswer || !errors.Is(err, errTooLong) || !errors.Is(e.mask(t.Context(), fmt.Errorf("x: %w", err)), errTooLong) {
		t.Errorf("%d bytes are read: %v", n, err)
	}
}

// What is final is what as many endpoints call so as have to, with one hash.
func TestFinalBlockAgreement(t *testing.T) {
	c := newDevChain(t, ruleSets["osaka"])
	c.mine(20)
	doors := []*door{c.door(), c.door(), c.door()}
	conf := networkOf(c, doors...)
	conf.Finality = "finalized"
	at := func(number int) answers {
		return func(method string, params []json.RawMessage, next func() (any, error)) (any, error) {
			if method == "eth_getBlockByNumber" && string(params[0]) == `"finalized"` {
				if number < 0 {
					return nil, &jsonError{Code: -39001, Message: "no finalized block"}
				}
				params[0] = json.RawMessage(fmt.Sprintf(`"0x%x"`, number))
			}
			return next()
		}
	}
	// forged is a block of its own at every height from 10 on.
	forged := func(method string, params []json.RawMessage, next func() (any, error)) (any, error) {
		out, err := at(15)(method, params, next)
		if method != "eth_getBlockByNumber" || err != nil {
			return out, err
		}
		h := new(types.Header)
		if err := json.Unmarshal(out.(json.RawMessage), h); err != nil {
			return nil, err
		}
		if h.Number.Int64() < 10 {
			return out, nil
		}
		h.Extra = []byte("forged")
		b, _ := json.Marshal(h)
		return json.RawMessage(b), nil
	}
	for name, x := range map[string]struct {
		agree int
		rules [3]answers
		want  uint64
		fails string
	}{
		"all alike":          {2, [3]answers{at(9), at(9), at(9)}, 9, ""},
		"the second newest":  {2, [3]answers{at(9), at(3), at(12)}, 9, ""},
		"the third newest":   {3, [3]answers{at(9), at(3), at(12)}, 3, ""},
		"the newest":         {1, [3]answers{at(9), at(3), at(12)}, 12, ""},
		"one says nothing":   {2, [3]answers{at(-1), at(3), at(12)}, 3, ""},
		"two say nothing":    {2, [3]answers{at(-1), at(-1), at(12)}, 0, "have to answer"},
		"one lies":           {2, [3]answers{forged, at(14), at(14)}, 14, ""},
		"one lies, all must": {3, [3]answers{forged, at(14), at(14)}, 0, "agree"},
		"one lies, two do":   {2, [3]answers{forged, at(14), at(3)}, 0, "agree"},
		"one has to, two do": {1, [3]answers{forged, at(15), at(15)}, 0, "agree"},
	} {
		t.Run(name, func(t *testing.T) {
			conf := conf
			conf.Agree = x.agree
			for _, d := range doors {
				d.set(nil)
			}
			n := dial(t, conf)
			for i, d := range doors {
				d.set(x.rules[i])
			}
			b, err := n.FinalBlock(t.Context())
			if x.fails != "" {
				if err == nil || !strings.Contains(err.Error(), x.fails) {
					t.Errorf("%+v, %v", b, err)
				}
				return
			}
			h, herr := c.client.HeaderByNumber(t.Context(), new(big.Int).SetUint64(x.want))
			if err != nil || herr != nil || b.Number != x.want || b.Hash != chain.Hash(h.Hash()) || b.Time != h.Time || b.Parent != chain.Hash(h.ParentHash) {
				t.Errorf("%+v, %v", b, err)
			}
		})
	}
}

// What can be verified is: a header, receipts, the block that was asked for.
func TestLies(t *testing.T) {
	eachRuleSet(t, func(t *testing.T, c *devChain) {
		liar, honest := c.door(), c.door()
		r := newRig(t, c, honest).open()
		f := r.anchored(newBook(1).head(5))
		block := crypto.Keccak256Hash(f.Anchor.Chain.Header)
		conf := networkOf(c, liar, honest)
		conf.Agree = 1
		for name, x := range map[string]struct {
			rule answers
			ask  func(n *Network) error
		}{
			"a header that is another": {func(method string, params []json.RawMessage, next func() (any, error)) (any, error) {
				if method == "eth_getBlockByHash" {
					params[0] = json.RawMessage(`"latest"`)
					return c.header(`"latest"`)
				}
				return next()
			}, func(n *Network) error { _, err := n.HeaderByHash(t.Context(), block); return err }},
			"a header that doesn't come to its hash": {func(method string, _ []json.RawMessage, next func() (any, error)) (any, error) {
				out, err := next()
				if method != "eth_getBlockByNumber" || err != nil {
					return out, err
				}
				var h map[string]json.RawMessage
				_ = json.Unmarshal(out.(json.RawMessage), &h)
				h["timestamp"] = json.RawMessage(`"0x1"`)
				return h, nil
			}, func(n *Network) error { _, err := n.HeaderByNumber(t.Context(), 2); return err }},
			"a block of another number": {func(method string, params []json.RawMessage, next func() (any, error)) (any, error) {
				if method == "eth_getBlockByNumber" {
					params[0] = json.RawMessage(`"0x1"`)
				}
				return next()
			}, func(n *Network) error { _, err := n.HeaderByNumber(t.Context(), 2); return err }},
			"receipts that are altered": {func(method string, _ []json.RawMessage, next func() (any, error)) (any, error) {
				out, err := next()
				if method != "eth_getBlockReceipts" || err != nil {
					return out, err
				}
				return json.RawMessage(strings.Replace(string(out.(json.RawMessage)), `"status":"0x1"`, `"status":"0x0"`, 1)), nil
			}, func(n *Network) error { _, err := n.Prove(t.Context(), common.HexToHash(f.ID)); return err }},
			"no receipts": {func(method string, _ []json.RawMessage, next func() (any, error)) (any, error) {
				if method == "eth_getBlockReceipts" {
					return []any{nil}, nil
				}
				return next()
			}, func(n *Network) error { _, err := n.Prove(t.Context(), common.HexToHash(f.ID)); return err }},
			"no log in a receipt": {func(method string, _ []json.RawMessage, next func() (any, error)) (any, error) {
				out, err := next()
				if method != "eth_getBlockReceipts" || err != nil {
					return out, err
				}
				var all []map[string]json.RawMessage
				_ = json.Unmarshal(out.(json.RawMessage), &all)
				for _, r := range all {
					r["logs"] = json.RawMessage("[null]")
				}
				return all, nil
			}, func(n *Network) error { _, err := n.Prove(t.Context(), common.HexToHash(f.ID)); return err }},
			"no transactions in a block": {func(method string, params []json.RawMessage, next func() (any, error)) (any, error) {
				out, err := next()
				if method != "eth_getBlockByHash" || err != nil || string(params[1]) != "true" {
					return out, err
				}
				var b map[string]json.RawMessage
				_ = json.Unmarshal(out.(json.RawMessage), &b)
				b["transactions"] = json.RawMessage("[null]")
				return b, nil
			}, func(n *Network) error {
				h, err := n.HeaderByHash(t.Context(), block)
				if err == nil {
					_, err = n.indexOf(t.Context(), h, common.HexToHash(f.ID))
				}
				return err
			}},
			"a receipt of another transaction": {func(method string, params []json.RawMessage, next func() (any, error)) (any, error) {
				if method == "eth_getTransactionReceipt" {
					out, err := next()
					if err != nil {
						return out, err
					}
					return json.RawMessage(strings.ReplaceAll(string(out.(json.RawMessage)), f.ID, common.Hash{1}.Hex())), nil
				}
				return next()
			}, func(n *Network) error { _, err := n.Receipt(t.Context(), common.HexToHash(f.ID)); return err }},
			"logs of another": {func(method string, _ []json.RawMessage, next func() (any, error)) (any, error) {
				out, err := next()
				if method != "eth_getLogs" || err != nil {
					return out, err
				}
				return json.RawMessage(strings.ReplaceAll(string(out.(json.RawMessage)), lower(addressOf(lender))[2:], lower(addressOf(stranger))[2:])), nil
			}, func(n *Network) error {
				_, err := n.Events(t.Context(), addressOf(lender), originHash(origin), 0, 0, 4)
				return err
			}},
			"no head": {func(method string, _ []json.RawMessage, next func() (any, error)) (any, error) {
				if method == "eth_call" {
					return "0x01", nil
				}
				return next()
			}, func(n *Network) error {
				_, err := n.Head(t.Context(), addressOf(lender), originHash(origin), common.Hash{})
				return err
			}},
		} {
			t.Run(name, func(t *testing.T) {
				liar.set(nil)
				alone := conf
				alone.RPC = conf.RPC[:1]
				n, both := dial(t, alone), dial(t, conf)
				liar.set(x.rule)
				if err := x.ask(n); err == nil || strings.Contains(err.Error(), "mended") {
					t.Errorf("it is believed: %v", err)
				}
				if err := x.ask(both); err != nil {
					t.Errorf("the other endpoint is not asked: %v", err)
				}
			})
		}
	})
}

// An answer that the client of the chain can't take fails the endpoint, and not
// the process.
func TestPanickingAnswer(t *testing.T) {
	c := newDevChain(t, ruleSets["osaka"])
	newRig(t, c, c.door())
	n := dial(t, networkOf(c, c.door()))
	for _, a := range ask(t.Context(), n, func(context.Context, *endpoint) (int, error) { panic("nothing holds") }) {
		if l := (lie{}); !errors.As(a.err, &l) || !strings.Contains(l.what, "nothing holds") {
			t.Errorf("%v", a.err)
		}
	}
	if n.Endpoints()[0].Failing == "" {
		t.Error("the endpoint is believed to work")
	}
}

// header is one as the chain gives it.
func (c *devChain) header(block string) (any, error) {
	var out json.RawMessage
	err := c.client.Client().CallContext(c.t.Context(), &out, "eth_getBlockByNumber", json.RawMessage(block), false)
	return out, err
}

// A proof of one of many transactions in a block holds for its readers too.
func TestProveAmongMany(t *testing.T) {
	eachRuleSet(t, func(t *testing.T, c *devChain) {
		r := newRig(t, c).open()
		to := addressOf(stranger)
		for i := range uint64(150) {
			c.transactAt(stranger, 1+i, &to, nil, 100_000)
		}
		r.anchored(newBook(1).head(5))
	})
}

// A receipt is unknown where as many as have to agree say so; one that cannot say
// leaves it open.
func TestReceiptUnknown(t *testing.T) {
	c := newDevChain(t, ruleSets["osaka"])
	doors := []*door{c.door(), c.door(), c.door()}
	n := dial(t, networkOf(c, doors...))
	null := func(method string, _ []json.RawMessage, next func() (any, error)) (any, error) {
		if method == "eth_getTransactionReceipt" {
			return nil, nil
		}
		return next()
	}
	busy := func(method string, _ []json.RawMessage, next func() (any, error)) (any, error) {
		if method == "eth_getTransactionReceipt" {
			return nil, &jsonError{Code: -32000, Message: "transaction indexing is in progress"}
		}
		return next()
	}
	doors[0].set(busy)
	doors[1].set(null)
	doors[2].set(null)
	if _, err := n.Receipt(t.Context(), common.Hash{1}); !errors.Is(err, ErrNotFound) {
		t.Errorf("two of three know none: %v", err)
	}
	doors[1].set(busy)
	if _, err := n.Receipt(t.Context(), common.Hash{1}); err == nil || errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "indexing") {
		t.Errorf("one of three knows none: %v", err)
	}
}

// Logs that an endpoint doesn't give at once are asked for in parts.
func TestLogsInParts(t *testing.T) {
	c := newDevChain(t, ruleSets["osaka"])
	d := c.door()
	r := newRig(t, c, d).open()
	b := newBook(1)
	for _, size := range []int64{2, 4, 9} {
		r.anchored(b.head(size))
		c.mine(3)
	}
	calls := 0
	d.set(func(method string, params []json.RawMessage, next func() (any, error)) (any, error) {
		if method == "eth_getLogs" {
			calls++
			var q struct{ FromBlock, ToBlock string }
			if err := json.Unmarshal(params[0], &q); err != nil {
				t.Error(err)
			}
			from, to := new(big.Int), new(big.Int)
			from.SetString(q.FromBlock[2:], 16)
			to.SetString(q.ToBlock[2:], 16)
			if to.Sub(to, from).Int64() >= 4 {
				return nil, &jsonError{Code: -32005, Message: "query returned more than 4 blocks"}
			}
		}
		return next()
	})
	events, err := r.Network().Events(t.Context(), addressOf(lender), originHash(origin), 0, 0, 16)
	if err != nil || len(events) != 3 || calls < 8 {
		t.Fatalf("%d events in %d calls: %v", len(events), calls, err)
	}
	for i, size := range []uint64{2, 4, 9} {
		if events[i].Size != size {
			t.Errorf("event %d is of %d records", i, events[i].Size)
		}
	}
	if events, err := r.Network().Events(t.Context(), addressOf(lender), originHash(origin), 4, 0, 16); err != nil || len(events) != 1 || events[0].Size != 4 {
		t.Errorf("%d events of one size: %v", len(events), err)
	}
}

// A service with one liar of three endpoints anchors, and believes nothing of it.
func TestOneLiarOfThree(t *testing.T) {
	c := newDevChain(t, ruleSets["osaka"])
	liar := c.door()
	b, r := newBook(1), newRig(t, c, liar, c.door(), c.door())
	r.open()
	liar.set(func(method string, params []json.RawMessage, next func() (any, error)) (any, error) {
		switch method {
		case "eth_sendRawTransaction":
			return common.Hash{}, nil
		case "eth_getTransactionReceipt":
			return nil, nil
		case "eth_getTransactionCount":
			return "0x0", nil
		case "eth_call":
			return "0x" + strings.Repeat("00", 96), nil
		}
		return next()
	})
	for _, size := range []int64{3, 4, 8} {
		r.anchored(b.head(size))
	}
	if n := len(distinct(c.sent)); n != 3 {
		t.Errorf("%d transactions", n)
	}
	if h, err := r.Network().AgreedHead(t.Context(), addressOf(lender), originHash(origin), common.Hash{}); err != nil || h.Size != 8 {
		t.Errorf("%+v, %v", h, err)
	}
}
