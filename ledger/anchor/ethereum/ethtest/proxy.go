// SPDX-License-Identifier: Apache-2.0

package ethtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
)

// A Proxy is a JSON-RPC endpoint that hands on what it is asked to a chain, and
// its answers back, unless it was told to do otherwise. It keeps every
// transaction that was sent to it.
type Proxy struct {
	URL string

	t      testing.TB
	client http.Client
	closed context.Context

	mu     sync.Mutex // guards all below
	chain  string
	faults map[string]Fault
	sent   []*types.Transaction
	calls  map[string]int
}

// A Call is what the proxy is asked.
type Call struct {
	ID     json.RawMessage   `json:"id"`
	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`
}

// A Reply is what it answers: a result, an error, or something that is no
// JSON-RPC at all.
type Reply struct {
	ID     json.RawMessage // another than that of the call
	Result json.RawMessage
	Error  json.RawMessage
	Raw    http.HandlerFunc
}

// A Fault answers a call; next asks the chain. A Fault may do anything besides,
// such as mining a block or killing a process.
type Fault func(ctx context.Context, c Call, next func() Reply) Reply

// NewProxy starts a proxy before the chain with a URL.
func NewProxy(t testing.TB, chain string) *Proxy {
	t.Helper()
	closed, cancel := context.WithCancel(context.Background())
	p := &Proxy{t: t, chain: chain, closed: closed, faults: map[string]Fault{}, calls: map[string]int{}}
	s := httptest.NewServer(p)
	t.Cleanup(func() {
		cancel()
		s.CloseClientConnections()
		s.Close()
		p.client.CloseIdleConnections()
	})
	p.URL = s.URL
	return p
}

// Set has calls of a method answered by a fault, those of "*" that no other is
// set for; nil ends it.
func (p *Proxy) Set(method string, f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults[method] = f
}

// Clear ends all faults.
func (p *Proxy) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.faults)
}

// Point puts the proxy before another chain.
func (p *Proxy) Point(chain string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.chain = chain
}

// Sent are all transactions that were sent to the proxy, in order, whatever
// became of them.
func (p *Proxy) Sent() []*types.Transaction {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]*types.Transaction(nil), p.sent...)
}

// Calls is how often a method was called.
func (p *Proxy) Calls(method string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[method]
}

func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client hung up
	}
	var calls []Call
	batch := bytes.HasPrefix(bytes.TrimSpace(body), []byte("["))
	if batch {
		err = json.Unmarshal(body, &calls)
	} else {
		calls = make([]Call, 1)
		err = json.Unmarshal(body, &calls[0])
	}
	if err != nil {
		p.t.Errorf("the proxy is asked what is no JSON-RPC: %v: %.200s", err, body)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(p.closed, cancel)()
	var answers []json.RawMessage
	for _, c := range calls {
		reply := p.answer(ctx, c)
		if reply.Raw != nil {
			reply.Raw(w, r)
			return
		}
		if reply.ID == nil {
			reply.ID = c.ID
		}
		answers = append(answers, reply.encode())
	}
	w.Header().Set("Content-Type", "application/json")
	if !batch {
		_, _ = w.Write(answers[0])
		return
	}
	_ = json.NewEncoder(w).Encode(answers)
}

func (r Reply) encode() json.RawMessage {
	if r.Error != nil {
		return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"error":%s}`, r.ID, r.Error)
	}
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"result":%s}`, r.ID, r.Result)
}

func (p *Proxy) answer(ctx context.Context, c Call) Reply {
	p.mu.Lock()
	p.calls[c.Method]++
	if c.Method == "eth_sendRawTransaction" {
		var raw hexutil.Bytes
		var tx types.Transaction
		if len(c.Params) != 1 || json.Unmarshal(c.Params[0], &raw) != nil || tx.UnmarshalBinary(raw) != nil {
			p.t.Errorf("the proxy is sent what is no transaction: %s", c.Params)
		} else {
			p.sent = append(p.sent, &tx)
		}
	}
	fault, chain := p.faults[c.Method], p.chain
	if fault == nil {
		fault = p.faults["*"]
	}
	p.mu.Unlock()
	next := func() Reply { return p.forward(ctx, chain, c) }
	if fault == nil {
		return next()
	}
	return fault(ctx, c, next)
}

// forward asks the chain. One that cannot be reached is a bad gateway.
func (p *Proxy) forward(ctx context.Context, chain string, c Call) Reply {
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": c.ID, "method": c.Method, "params": c.Params})
	if err != nil {
		p.t.Error(err)
		return Reply{Raw: status(http.StatusBadGateway, "")}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, chain, bytes.NewReader(body))
	if err != nil {
		p.t.Error(err)
		return Reply{Raw: status(http.StatusBadGateway, "")}
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := p.client.Do(req)
	if err != nil {
		return Reply{Raw: status(http.StatusBadGateway, "")}
	}
	defer resp.Body.Close()
	var answer struct{ Result, Error json.RawMessage }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return Reply{Raw: status(http.StatusBadGateway, "")}
	}
	return Reply{Result: answer.Result, Error: answer.Error}
}

func status(code int, html string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, html)
	}
}

// Stall never answers.
func Stall(ctx context.Context, _ Call, _ func() Reply) Reply {
	<-ctx.Done()
	return Reply{Raw: hangUp}
}

// Drop hangs up before the chain is asked.
func Drop(context.Context, Call, func() Reply) Reply { return Reply{Raw: hangUp} }

// Swallow asks the chain and keeps the answer.
func Swallow(_ context.Context, _ Call, next func() Reply) Reply {
	next()
	return Reply{Raw: hangUp}
}

func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// HTML answers with a page, as what stands before an endpoint does.
func HTML(code int) Fault {
	return func(context.Context, Call, func() Reply) Reply {
		return Reply{Raw: status(code, "<html><body>Please try again later</body></html>")}
	}
}

// WrongID answers another call.
func WrongID(_ context.Context, _ Call, next func() Reply) Reply {
	r := next()
	r.ID = json.RawMessage("4711")
	return r
}

// Fail answers with an error, without asking the chain.
func Fail(code int, message string) Fault {
	e, err := json.Marshal(map[string]any{"code": code, "message": message})
	if err != nil {
		panic(err)
	}
	return func(context.Context, Call, func() Reply) Reply { return Reply{Error: e} }
}

// Forget knows of nothing: it answers null.
var Forget = Say(nil)

// Say answers a value without asking the chain.
func Say(v any) Fault {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return func(context.Context, Call, func() Reply) Reply { return Reply{Result: b} }
}

// Huge answers with more than anybody should read.
func Huge(context.Context, Call, func() Reply) Reply {
	return Reply{Raw: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":1,"result":"0x`)
		zeros := bytes.Repeat([]byte("0"), 1<<20)
		for range 256 {
			if _, err := w.Write(zeros); err != nil {
				return
			}
		}
	}}
}

// Lie changes what the chain answers. T is what the result is decoded into and
// made of again: map[string]any for objects, for what a type does not keep would
// be lost.
func Lie[T any](change func(T) T) Fault {
	return func(_ context.Context, _ Call, next func() Reply) Reply {
		r := next()
		var v T
		if r.Raw != nil || r.Error != nil || string(r.Result) == "null" || json.Unmarshal(r.Result, &v) != nil {
			return r
		}
		b, err := json.Marshal(change(v))
		if err != nil {
			panic(err)
		}
		r.Result = b
		return r
	}
}

// Only has a fault for calls whose first parameter is one of these strings, such
// as the tag of a block.
func Only(f Fault, first ...string) Fault {
	return func(ctx context.Context, c Call, next func() Reply) Reply {
		var s string
		if len(c.Params) > 0 && json.Unmarshal(c.Params[0], &s) == nil {
			for _, want := range first {
				if s == want {
					return f(ctx, c, next)
				}
			}
		}
		return next()
	}
}

// Times has a fault so many times, and then none.
func Times(n int, f Fault) Fault {
	var mu sync.Mutex
	return func(ctx context.Context, c Call, next func() Reply) Reply {
		mu.Lock()
		n--
		faulty := n >= 0
		mu.Unlock()
		if !faulty {
			return next()
		}
		return f(ctx, c, next)
	}
}

// OneAnchorPerNonce fails the test when two transactions of a sender with one
// nonce would do different things: one of them could be lost, and nobody knows
// which. Other fees are no difference.
func OneAnchorPerNonce(t testing.TB, sent []*types.Transaction) {
	t.Helper()
	type place struct {
		from  common.Address
		nonce uint64
	}
	first := map[place]*types.Transaction{}
	for _, tx := range sent {
		from, err := types.Sender(types.LatestSignerForChainID(tx.ChainId()), tx)
		if err != nil {
			t.Errorf("a transaction was sent that nobody signed: %v", err)
			continue
		}
		at := place{from, tx.Nonce()}
		before := first[at]
		if before == nil {
			first[at] = tx
			continue
		}
		if before.To() == nil || tx.To() == nil || *before.To() != *tx.To() || !bytes.Equal(before.Data(), tx.Data()) || before.Value().Cmp(tx.Value()) != 0 || before.ChainId().Cmp(tx.ChainId()) != 0 {
			t.Errorf("two things were sent at nonce %d of %s: %x to %v, and %x to %v", at.nonce, from, before.Data(), before.To(), tx.Data(), tx.To())
		}
	}
}
