// SPDX-License-Identifier: Apache-2.0

package ethereum

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/contracts"
	"github.com/lendlog/lendlog/ledger/tree"
)

// In a strict contract each checkpoint is anchored with the proof that it
// continues the one before, also when the process is killed at every step. The
// audit reads such anchors as it reads others.
func TestStrict(t *testing.T) {
	eachRuleSet(t, func(t *testing.T, c *devChain) {
		b := newBook(1)
		r := newRig(t, c).strict(b).open()
		r.anchored(b.head(5))
		r.open().submit(b.head(8))
		r.in("sent")
		r.open().in("sent")
		c.mine(1)
		r.open().in("mined")
		c.mine(2)
		f := r.open().in("final")
		r.holds(f, b.head(8))
		if err := r.Done(f.ID); err != nil {
			t.Fatal(err)
		}
		r.open().anchored(b.head(13))
		r.quiet()
		sizes := []int64{0, 5, 8, 13}
		for _, tx := range c.sent {
			from, size := sizes[tx.Nonce()], sizes[tx.Nonce()+1]
			var proof []tree.Hash
			if from > 0 {
				proof, _ = b.prove(t.Context(), from, size)
			}
			if *tx.To() != contracts.StrictAnchorDeployment.Address || !bytes.Equal(tx.Data(), callOf(b.head(size).Checkpoint, true, proof)) {
				t.Errorf("%d records are not anchored with the proof from %d", size, from)
			}
		}
		c.mine(2)
		a := Audit{Publisher: r.Address(), Head: b.head(13).Checkpoint, ConsistencyProof: b.prove}
		report, err := a.Run(t.Context(), r.network)
		if err != nil || report.Unproved != "" || !report.Complete || len(report.Anchors) != 3 || len(report.Findings) > 0 {
			t.Errorf("the audit finds %+v, %v", report, err)
		}
		r.conf.Contract, r.conf.Code = contracts.StrictAnchorDeployment.Address.Hex(), contracts.AnchorDeployment.CodeHash.Hex()
		if _, err := newNetwork(r.conf); err == nil {
			t.Error("the code of the other contract is taken")
		}
	})
}

// Without the ledger's proofs there is nothing to send to a strict contract.
func TestStrictWantsProofs(t *testing.T) {
	r := newRig(t, newDevChain(t, ruleSets["osaka"])).strict(newBook(1))
	r.opt.ConsistencyProof = nil
	if s, err := Open(r.conf, r.opt); err == nil || !strings.Contains(err.Error(), "Options.ConsistencyProof") {
		t.Errorf("%v, %v", s, err)
	}
}

// says has a door answer with this head of the contract, and enough gas.
func says(size int64, root tree.Hash) answers {
	return func(method string, _ []json.RawMessage, next func() (any, error)) (any, error) {
		switch method {
		case "eth_call":
			return fmt.Sprintf("0x%x%064x%048x%016x", root[:], size, 1, 0), nil
		case "eth_estimateGas":
			return "0x40000", nil
		}
		return next()
	}
}

// A fork that all endpoints help along is refused by the chain itself.
func TestStrictRefusesForks(t *testing.T) {
	eachRuleSet(t, func(t *testing.T, c *devChain) {
		own, fork, d := newBook(1), newBook(2), c.door()
		r := newRig(t, c, d).strict(own).open()
		r.anchored(own.head(8))
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		r = newRig(t, c, d).strict(fork).open()
		d.set(says(8, fork.root(8)))
		r.submit(fork.head(12))
		r.in("sent")
		d.set(nil)
		c.mine(3)
		r.open().in("failed")
		if s := r.Status(); !strings.Contains(s.Degraded, "(Inconsistent)") || len(s.Alarms) != 2 || s.Details["spent_wei"] == "0" {
			t.Errorf("%+v", s)
		}
		// Once its state is settled, the own history goes on.
		if err := r.Resume(); err != nil {
			t.Fatal(err)
		}
		r.in("planned")
		if s := r.Status(); !strings.Contains(s.Degraded, "doesn't continue") {
			t.Errorf("%+v", s)
		}
		r.opt.ConsistencyProof = own.prove
		r.open().anchored(own.head(20))
	})
}

// What the contract would refuse now is not signed, and said.
func TestStrictEstimate(t *testing.T) {
	c := newDevChain(t, ruleSets["osaka"])
	own, fork, d := newBook(1), newBook(2), c.door()
	r := newRig(t, c, d).strict(own).open()
	r.anchored(own.head(8))
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r = newRig(t, c, d).strict(fork).open()
	d.set(func(method string, params []json.RawMessage, next func() (any, error)) (any, error) {
		if method == "eth_call" {
			return says(8, fork.root(8))(method, params, next)
		}
		return next()
	})
	r.submit(fork.head(12))
	r.in("planned")
	if s := r.Status(); !strings.Contains(s.Degraded, "the one of 8 that it has (Inconsistent)") {
		t.Errorf("%+v", s)
	}
	if len(c.sent) != 1 {
		t.Errorf("%d transactions", len(c.sent))
	}
}

// The reason of a refusal is asked for with the call that was refused: the proof
// is not to blame for too little gas.
func TestStrictOutOfGas(t *testing.T) {
	c := newDevChain(t, ruleSets["osaka"])
	b, d := newBook(1), c.door()
	r := newRig(t, c, d).strict(b).open()
	r.anchored(b.head(5))
	d.set(func(method string, _ []json.RawMessage, next func() (any, error)) (any, error) {
		if method == "eth_estimateGas" {
			return "0x7800", nil
		}
		return next()
	})
	r.submit(b.head(8))
	r.in("sent")
	c.mine(3)
	r.in("failed")
	if s := r.Status(); !strings.Contains(s.Degraded, "too little gas") {
		t.Errorf("%+v", s)
	}
	d.set(nil)
	if err := r.Resume(); err != nil {
		t.Fatal(err)
	}
	r.anchored(b.head(9))
}

// A bump has the proof of the first attempt, whatever the ledger proves by then.
func TestStrictBump(t *testing.T) {
	eachRuleSet(t, func(t *testing.T, c *devChain) {
		b, d := newBook(1), c.door()
		r := newRig(t, c, d).strict(b).open()
		r.anchored(b.head(6))
		d.set(swallow)
		r.submit(b.head(11))
		for range 7 {
			r.open().in("sent")
			r.submit(b.head(100))
			c.mine(1)
		}
		made := r.state.Pending.Attempts
		if len(made) != 4 {
			t.Fatalf("%d attempts", len(made))
		}
		for i, a := range made {
			if !bytes.Equal(a.tx().Data(), made[0].tx().Data()) {
				t.Errorf("attempt %d says another thing", i+1)
			}
		}
		if err := c.client.SendTransaction(t.Context(), made[1].tx()); err != nil {
			t.Fatal(err)
		}
		c.mine(1)
		r.in("mined")
		c.mine(2)
		f := r.in("final")
		r.holds(f, b.head(11))
		d.set(nil)
		if err := r.Done(f.ID); err != nil {
			t.Fatal(err)
		}
		r.anchored(b.head(100))
		r.quiet()
	})
}

// The chain takes back the anchor from which a proof was made, though it was final
// here: what it then refuses is anchored anew, with a proof from what is there, and
// nobody has to resume.
func TestStrictReorg(t *testing.T) {
	eachRuleSet(t, func(t *testing.T, c *devChain) {
		b := newBook(1)
		r := newRig(t, c).strict(b).open()
		r.anchored(b.head(5))
		before, err := c.client.HeaderByNumber(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.anchored(b.head(8))
		r.submit(b.head(12))
		r.in("sent")
		if p := r.state.Pending; p.Base == nil || p.Base.Size != 8 {
			t.Fatalf("the proof is from %+v", p.Base)
		}
		c.backend.Rollback()
		if err := c.backend.Fork(before.Hash()); err != nil {
			t.Fatal(err)
		}
		c.backend.Rollback()
		to := addressOf(stranger)
		c.transactAt(lender, 1, &to, nil, 100_000)
		if err := c.client.SendTransaction(t.Context(), r.state.Pending.Attempts[0].tx()); err != nil {
			t.Fatal(err)
		}
		c.mine(10)
		r.open().in("sent")
		if p := r.state.Pending; p.Base == nil || p.Base.Size != 5 || p.Attempts[0].tx().Nonce() != 3 {
			t.Fatalf("the proof is from %+v", p.Base)
		}
		if s := r.Status(); s.Degraded != "" || !strings.Contains(strings.Join(s.Alarms, "\n"), "lost the anchor of 8 records") {
			t.Errorf("%+v", s)
		}
		c.mine(3)
		r.holds(r.in("final"), b.head(12))
	})
}

// A call that was given up for a lie is taken up again when its nonce is due, and
// refused, for newer ones were anchored meanwhile. The newest goes on by itself.
func TestStrictOutdated(t *testing.T) {
	eachRuleSet(t, func(t *testing.T, c *devChain) {
		b, d := newBook(1), c.door()
		r := newRig(t, c, d).strict(b).open()
		r.anchored(b.head(2))
		d.set(swallow)
		r.submit(b.head(6))
		r.in("sent")
		r.submit(b.head(8))
		c.mine(1)
		d.set(func(method string, _ []json.RawMessage, next func() (any, error)) (any, error) {
			if method == "eth_getTransactionCount" {
				return "0x4", nil
			}
			return swallow(method, nil, next)
		})
		_, _ = r.open().Poll(t.Context())
		_, _ = r.Poll(t.Context())
		if p := r.state.Pending; p == nil || p.Attempts[0].tx().Nonce() != 4 {
			t.Fatalf("%+v", r.Status())
		}
		d.set(nil)
		settle := func(size int64) {
			t.Helper()
			for i := 0; r.Status().Final != size; i++ {
				if i == 60 {
					t.Fatalf("%+v", r.Status())
				}
				if f := r.open().poll(); f != nil {
					r.holds(f, b.head(f.Head.Size))
					if err := r.Done(f.ID); err != nil {
						t.Fatal(err)
					}
				}
				c.mine(1)
			}
		}
		settle(8)
		for _, size := range []int64{10, 15, 20} {
			r.submit(b.head(size))
			settle(size)
		}
		// Six were anchored, and one was refused.
		if s := r.Status(); s.State != "final" || *r.state.Nonce != 7 || len(r.state.Lost) != 0 {
			t.Errorf("nonce %d, %+v", *r.state.Nonce, s)
		}
	})
}

// The default of fees.maxGas is enough for the longest proof that there can be.
func TestMaxGasIsEnough(t *testing.T) {
	file, err := os.ReadFile("../../../contracts/testdata/gas.txt")
	if err != nil {
		t.Fatal(err)
	}
	gas := map[string]uint64{}
	for line := range strings.Lines(string(file)) {
		number, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		var n uint64
		if _, err := fmt.Sscan(number, &n); err != nil {
			t.Fatal(err)
		}
		gas[what] = n
	}
	s, err := Config{Chain: 5, RPC: []string{"https://a.example"}, Strict: true}.settings()
	if err != nil {
		t.Fatal(err)
	}
	for rules := range ruleSets {
		few, many := gas[rules+" StrictAnchor next 11"], gas[rules+" StrictAnchor next 31"]
		if few == 0 || many <= few {
			t.Fatalf("a proof costs %d, and %d", few, many)
		}
		longest := many + (many-few)*(64-31)/20
		for _, need := range []uint64{longest, gas[rules+" StrictAnchor first"]} {
			if limit := need + need/5; limit > s.Fees.MaxGas {
				t.Errorf("%s: %d gas are needed, and %d the most", rules, limit, s.Fees.MaxGas)
			}
		}
	}
}
