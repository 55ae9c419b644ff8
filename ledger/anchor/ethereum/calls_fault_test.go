// SPDX-License-Identifier: Apache-2.0

package ethereum_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/lendlog/lendlog/ledger/anchor/ethereum/ethtest"
	"github.com/lendlog/lendlog/ledger/ledgertest/scale"
)

// faults are ways in which an endpoint fails to answer.
var faults = map[string]ethtest.Fault{
	"drop":    ethtest.Drop,
	"swallow": ethtest.Swallow,
	"html":    ethtest.HTML(http.StatusOK),
	"busy":    ethtest.HTML(http.StatusServiceUnavailable),
	"id":      ethtest.WrongID,
	"error":   ethtest.Fail(-32603, "internal error"),
	"null":    ethtest.Forget,
	"list":    ethtest.Say([]any{}),
	"object":  ethtest.Say(map[string]any{}),
	"number":  ethtest.Say(7),
	"stall":   ethtest.Stall,
}

// lies are answers that can be true. Nobody can know better who asks one endpoint
// only: they may be an alarm.
var lies = map[string]ethtest.Fault{
	"nothing": ethtest.Say(""), // is 0 in go-ethereum
	"zero":    ethtest.Say("0x0"),
	"many":    ethtest.Say("0xffffffff"),
}

// counted counts calls over all methods, and has one of them fail.
type counted struct {
	mu    sync.Mutex
	calls int
	at    int // the number that fails, from 1; 0: none
	fault ethtest.Fault
	what  string // the method that failed
}

func (c *counted) answer(ctx context.Context, call ethtest.Call, next func() ethtest.Reply) ethtest.Reply {
	c.mu.Lock()
	c.calls++
	faulty := c.calls == c.at
	if faulty {
		c.what = call.Method
	}
	c.mu.Unlock()
	if faulty {
		return c.fault(ctx, call, next)
	}
	return next()
}

// Each call of an anchor's life fails once, in every way: the anchor becomes
// final all the same, without an alarm, and nothing but one thing is ever sent
// with a nonce.
func TestEveryCallFailsOnce(t *testing.T) {
	s := ethtest.Simulated(t, ethtest.Osaka)
	r := newRig(t, s.Chain, 1)
	r.conf.Timeout = short
	eachCall(t, r, faults, false)
}

// What one of three endpoints answers does not matter, where two have to agree.
func TestOneEndpointLies(t *testing.T) {
	s := ethtest.Simulated(t, ethtest.Osaka)
	r := newRig(t, s.Chain, 3)
	r.conf.Timeout = short
	eachCall(t, r, lies, false)
}

// An only endpoint that lies can raise an alarm, and change no more than the time
// that it takes.
func TestOnlyEndpointLies(t *testing.T) {
	s := ethtest.Simulated(t, ethtest.Osaka)
	eachCall(t, newRig(t, s.Chain, 1), lies, true)
}

// eachCall has one call of the first endpoint fail in each life: one in so many of all
// that there are.
func eachCall(t *testing.T, r *rig, faults map[string]ethtest.Fault, alarms bool) {
	life := func(n int, c *counted) {
		t.Helper()
		r.rename(n)
		r.proxies[0].Set("*", c.answer)
		r.submit(5)
		r.settle(5)
		r.submit(9)
		r.open()
		r.settle(9)
		if alarms {
			r.alarms = r.Status().Alarms
		}
		r.end()
	}
	clean := &counted{}
	life(0, clean)
	t.Logf("two anchors take %d calls", clean.calls)
	n := 0
	for name, fault := range faults {
		step := scale.Of(17, 3)
		if name == "stall" { // each takes its time
			step = max(9, 2*step)
		}
		for at := 1 + n%step; at <= clean.calls; at += step {
			n++
			c := &counted{at: at, fault: fault}
			life(n, c)
			if t.Failed() {
				t.Fatalf("call %d, %s, with %s", at, c.what, name)
			}
		}
	}
	t.Logf("%d lives", n)
}
