// SPDX-License-Identifier: Apache-2.0

package ethereum

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/lendlog/lendlog/ledger/anchor"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/ledgertest/scale"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/tree"
)

// Checkpoints are anchored one after the other, with the process killed at every
// step.
func TestAnchor(t *testing.T) {
	eachRuleSet(t, func(t *testing.T, c *devChain) {
		b := newBook(1)
		r := newRig(t, c).open()
		r.anchored(b.head(5))
		r.quiet()
		r.submit(b.head(7))
		r.open().in("sent")
		r.open().in("sent")
		c.mine(1)
		r.open().in("mined")
		r.submit(b.head(9))
		r.open().in("mined")
		c.mine(1)
		r.open().in("mined")
		c.mine(1)
		f := r.open().in("final")
		r.holds(f, b.head(7))
		if again := r.open().in("final"); again.ID != f.ID {
			t.Errorf("the final anchor is %s, and then %s", f.ID, again.ID)
		}
		if err := r.open().Done(f.ID); err != nil {
			t.Fatal(err)
		}
		if err := r.Done(f.ID); err != nil {
			t.Errorf("done once more: %v", err)
		}
		if err := r.Done("0x00"); err == nil {
			t.Error("done with another one is no error")
		}
		r.open().anchored(b.head(9))
		r.quiet()
		if p := r.poll(); p != nil || r.Status().State != "final" || r.Status().Final != 9 {
			t.Errorf("at the end %+v, %+v", p, r.Status())
		}
	})
}

// The finalized tag is what counts by default.
func TestFinalizedTag(t *testing.T) {
	c := newDevChain(t, ruleSets["osaka"])
	b, r := newBook(1), newRig(t, c)
	r.conf.Finality = ""
	r.open().submit(b.head(3))
	r.in("sent")
	c.mine(4)
	r.in("mined")
	for range 100 {
		c.mine(1)
		if f := r.poll(); f != nil {
			r.holds(f, b.head(3))
			final, err := c.client.HeaderByNumber(t.Context(), big.NewInt(-3)) // rpc.FinalizedBlockNumber
			if err != nil || f.Time.Unix() > int64(final.Time) {
				t.Errorf("the anchor is of %v, and the chain is final up to %v: %v", f.Time, final, err)
			}
			return
		}
	}
	t.Fatalf("never final: %+v", r.Status())
}

// Of several checkpoints the newest is anchored; what was signed stays.
func TestNewestOnly(t *testing.T) {
	c := newDevChain(t, ruleSets["osaka"])
	b, r := newBook(1), newRig(t, c).open()
	for _, size := range []int64{2, 8, 5} {
		r.submit(b.head(size))
	}
	r.in("sent")
	r.submit(b.head(20))
	if s := r.Status(); s.Size != 8 || s.State != "sent" {
		t.Errorf("%+v", s)
	}
	if err := r.Submit(t.Context(), newBook(9).head(20)); err == nil || !strings.Contains(err.Error(), "forked") {
		t.Errorf("a fork of what is to be anchored: %v", err)
	}
	for _, wrong := range [][]byte{[]byte("nothing"), []byte(strings.Replace(string(b.head(30).Note), "lender", "other", 1))} {
		h := b.head(30)
		h.Note = wrong
		if err := r.Submit(t.Context(), h); err == nil {
			t.Errorf("taken: %q", wrong)
		}
	}
	c.mine(3)
	r.holds(r.in("final"), b.head(8))
}

// Every write to disk fails once, before or after it was done, and the process
// with it: nothing is sent that is not on disk, no nonce has two contents, and
// the anchor comes. In the short form each way has every third write fail, another
// third than the one before.
func TestEveryWriteFailsOnce(t *testing.T) {
	ways, step := 0, scale.Of(3, 1)
	for _, strict := range []bool{false, true} {
		for _, after := range []bool{false, true} {
			for _, restart := range []bool{false, true} {
				if strict && !restart {
					continue // what a process remembers is no other then
				}
				first := 1 + ways%step
				ways++
				t.Run(fmt.Sprintf("strict=%v,after=%v,restart=%v", strict, after, restart), func(t *testing.T) {
					for n := first; ; n += step {
						if !failWrite(t, n, strict, after, restart) {
							if n < 8 {
								t.Errorf("only %d writes", n)
							}
							return
						}
					}
				})
			}
		}
	}
}

func failWrite(t *testing.T, n int, strict, after, restart bool) (failed bool) {
	c := newDevChain(t, ruleSets["osaka"])
	b, d := newBook(1), c.door()
	r := newRig(t, c, d)
	if strict {
		r.strict(b)
	}
	writes := 0
	open := func() {
		r.open().write = func(path string, data []byte, mode os.FileMode) error {
			if writes++; writes == n {
				failed = true
				if after {
					if err := store.WriteFile(path, data, mode); err != nil {
						t.Fatal(err)
					}
				}
				return errors.New("no space left")
			}
			return store.WriteFile(path, data, mode)
		}
	}
	again := func() {
		if restart {
			open()
		}
	}
	open()
	sizes := []int64{4, 9}
	swallow := true
	d.set(func(method string, _ []json.RawMessage, next func() (any, error)) (any, error) {
		if method == "eth_sendRawTransaction" && swallow {
			return common.Hash{}, nil // so that a bump is needed
		}
		return next()
	})
	for _, size := range sizes {
		if r.Submit(t.Context(), b.head(size)) != nil {
			again()
			r.submit(b.head(size))
		}
		for i := 0; ; i++ {
			var f *anchor.Final
			var err error
			ledgertest.Comes(func() bool { f, err = r.Poll(t.Context()); return !indexing(err) })
			if err != nil {
				if !strings.Contains(err.Error(), "no space left") {
					t.Fatalf("write %d: %v", n, err)
				}
				again()
				// Another checkpoint now must not come to a nonce that has one. Without a
				// restart it would also write what was not written.
				if restart {
					if err := r.Submit(t.Context(), b.head(size+1)); err != nil {
						t.Fatalf("write %d: %v", n, err)
					}
				}
				continue
			}
			if f != nil {
				if f.Head.Size != size && f.Head.Size != size+1 {
					t.Fatalf("write %d: anchored %d", n, f.Head.Size)
				}
				r.holds(f, b.head(f.Head.Size))
				if r.Done(f.ID) != nil {
					again()
					if err := r.Done(f.ID); err != nil {
						t.Fatalf("write %d: %v", n, err)
					}
				}
				break
			}
			if i == 40 {
				t.Fatalf("write %d: never final: %+v", n, r.Status())
			}
			swallow = i < 4
			c.mine(1)
		}
	}
	if s := r.Status(); len(s.Alarms) > 0 {
		t.Errorf("write %d: %q", n, s.Alarms)
	}
	c.oneContent()
	return failed
}

// A transaction that is in no block is sent again for more: the same with the
// same nonce, tip and cap an eighth more at least.
func TestBump(t *testing.T) {
	eachRuleSet(t, func(t *testing.T, c *devChain) {
		b, d := newBook(1), c.door()
		r := newRig(t, c, d).open()
		d.set(swallow)
		r.submit(b.head(6))
		for range 7 {
			r.open().in("sent")
			r.submit(b.head(100))
			c.mine(1)
		}
		var made []*types.Transaction
		for _, a := range r.state.Pending.Attempts {
			made = append(made, a.tx())
		}
		if len(made) != 4 {
			t.Fatalf("%d attempts", len(made))
		}
		for i, tx := range made[1:] {
			for name, pair := range map[string][2]*big.Int{"tip": {made[i].GasTipCap(), tx.GasTipCap()}, "cap": {made[i].GasFeeCap(), tx.GasFeeCap()}} {
				if new(big.Int).Mul(pair[0], big.NewInt(9)).Cmp(new(big.Int).Mul(pair[1], big.NewInt(8))) > 0 {
					t.Errorf("attempt %d: %s %v after %v", i+2, name, pair[1], pair[0])
				}
			}
		}
		// An older attempt is taken.
		if err := c.client.SendTransaction(t.Context(), made[1]); err != nil {
			t.Fatal(err)
		}
		c.mine(1)
		r.in("mined")
		c.mine(2)
		f := r.in("final")
		r.holds(f, b.head(6))
		if f.ID != made[1].Hash().Hex() {
			t.Errorf("final is %s", f.ID)
		}
		receipt, err := c.client.TransactionReceipt(t.Context(), made[1].Hash())
		if err != nil {
			t.Fatal(err)
		}
		want := new(big.Int).Mul(receipt.EffectiveGasPrice, new(big.Int).SetUint64(receipt.GasUsed))
		if d := r.Status().Details; d["spent_wei"] != want.String() || d["reserved_wei"] != "0" {
			t.Errorf("spent %v of which the receipt says %v, reserved %v", d["spent_wei"], want, d["reserved_wei"])
		}
		d.set(nil)
		if err := r.Done(f.ID); err != nil {
			t.Fatal(err)
		}
		r.anchored(b.head(100))
		r.quiet()
	})
}

// swallow has a door take transactions and forget them.
func swallow(method string, _ []json.RawMessage, next func() (any, error)) (any, error) {
	if method == "eth_sendRawTransaction" {
		return common.Hash{}, nil
	}
	return next()
}

// A block that is reorganised away, with the transaction lost or not, leads to
// the same bytes being sent again.
func TestReorg(t *testing.T) {
	for _, lost := range []bool{true, false} {
		t.Run(fmt.Sprintf("lost=%v", lost), func(t *testing.T) {
			eachRuleSet(t, func(t *testing.T, c *devChain) {
				b, r := newBook(1), newRig(t, c).open()
				parent, err := c.client.HeaderByNumber(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				r.submit(b.head(5))
				r.in("sent")
				c.mine(1)
				r.open().in("mined")
				c.mine(1)
				if err := c.backend.Fork(parent.Hash()); err != nil {
					t.Fatal(err)
				}
				if lost {
					c.backend.Rollback()
				}
				c.mine(1)
				if lost {
					r.open().in("sent")
					c.mine(1)
				}
				r.open().in("mined")
				c.mine(2)
				r.holds(r.in("final"), b.head(5))
				if n := len(distinct(c.sent)); n != 1 {
					t.Errorf("%d transactions", n)
				}
			})
		})
	}
}

func distinct(txs []*types.Transaction) map[common.Hash]bool {
	out := map[common.Hash]bool{}
	for _, tx := range txs {
		out[tx.Hash()] = true
	}
	return out
}

// Somebody else who has the key takes the nonce: an alarm, and another nonce, as
// soon as that is final and not before.
func TestStranger(t *testing.T) {
	eachRuleSet(t, func(t *testing.T, c *devChain) {
		b, d := newBook(1), c.door()
		r := newRig(t, c, d).open()
		d.set(swallow)
		r.submit(b.head(6))
		r.in("sent")
		r.submit(b.head(8))
		to := addressOf(stranger)
		c.transactAt(lender, 0, &to, nil, 100_000)
		c.mine(1)
		r.open().in("sent")
		c.mine(1)
		d.set(nil)
		r.open().in("sent")
		if n := len(distinct(c.sent)); n != 2 {
			t.Errorf("%d transactions before the nonce is final: the one, and one for more", n)
		}
		c.mine(1)
		r.open().in("sent")
		if s := r.Status(); len(s.Alarms) != 1 || !strings.Contains(s.Alarms[0], "took nonce 0") || s.Size != 8 {
			t.Errorf("%+v", s)
		}
		c.mine(3)
		r.holds(r.in("final"), b.head(8))
		if tx := c.sent[len(c.sent)-1]; tx.Nonce() != 1 {
			t.Errorf("nonce %d", tx.Nonce())
		}
		if err := r.Resume(); err != nil || len(r.Status().Alarms) != 0 {
			t.Errorf("%v, %+v", err, r.Status())
		}
	})
}

// A nonce that was given up because of a lie is taken up again with what it had,
// though a newer checkpoint is to be anchored by then.
func TestGivenUpForALie(t *testing.T) {
	for _, lie := range []string{"0x5", "0x0"} {
		t.Run(lie, func(t *testing.T) {
			eachRuleSet(t, func(t *testing.T, c *devChain) {
				b, d := newBook(1), c.door()
				r := newRig(t, c, d).open()
				r.anchored(b.head(2))
				d.set(swallow)
				r.submit(b.head(6))
				r.in("sent")
				r.submit(b.head(8))
				c.mine(1)
				d.set(func(method string, _ []json.RawMessage, next func() (any, error)) (any, error) {
					if method == "eth_getTransactionCount" {
						return lie, nil
					}
					return swallow(method, nil, next)
				})
				_, _ = r.open().Poll(t.Context())
				if s := r.Status(); len(s.Alarms) == 0 || len(r.state.Lost) != 1 {
					t.Fatalf("%+v", s)
				}
				d.set(nil)
				for i := 0; r.Status().Final != 8; i++ {
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
				c.oneContent()
			})
		})
	}
}

// An endpoint that names another transaction for an event doesn't give the anchor
// another name.
func TestOtherTransaction(t *testing.T) {
	c := newDevChain(t, ruleSets["osaka"])
	b, d := newBook(1), c.door()
	r := newRig(t, c, d).open()
	first := r.anchored(b.head(4))
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r = newRig(t, c, d, c.door(), c.door()).open()
	d.set(func(method string, _ []json.RawMessage, next func() (any, error)) (any, error) {
		out, err := next()
		if raw, ok := out.(json.RawMessage); ok && method == "eth_getLogs" {
			return json.RawMessage(strings.ReplaceAll(string(raw), first.ID, common.Hash{1}.Hex())), err
		}
		return out, err
	})
	if f := r.anchored(b.head(4)); f.ID != first.ID {
		t.Errorf("%s is called %s", first.ID, f.ID)
	}
}

// A transaction of a stranger that waits is waited for, before anything is
// signed.
func TestStrangerWaits(t *testing.T) {
	c := newDevChain(t, ruleSets["osaka"])
	b, r := newBook(1), newRig(t, c).open()
	r.anchored(b.head(2))
	to := addressOf(stranger)
	c.transact(lender, &to, nil, 100_000)
	r.submit(b.head(3))
	r.in("planned")
	if s := r.Status(); len(s.Alarms) != 1 || !strings.Contains(s.Degraded, "waited for") {
		t.Errorf("%+v", s)
	}
	c.mine(1)
	r.open().in("planned")
	c.mine(2)
	r.open().in("sent")
	if s := r.Status(); s.Degraded != "" {
		t.Errorf("%+v", s)
	}
	c.mine(3)
	r.holds(r.in("final"), b.head(3))
}

// With its state lost the service finds out what it did before.
func TestLostState(t *testing.T) {
	eachRuleSet(t, func(t *testing.T, c *devChain) {
		b, r := newBook(1), newRig(t, c).open()
		lose := func() {
			t.Helper()
			if err := os.Remove(filepath.Join(r.opt.Dir, "test.state")); err != nil {
				t.Fatal(err)
			}
			r.open()
		}
		first := r.anchored(b.head(4))
		lose()
		if again := r.anchored(b.head(4)); again.ID != first.ID {
			t.Errorf("the same checkpoint is anchored as %s, and then as %s", first.ID, again.ID)
		}
		r.quiet()
		r.submit(b.head(5))
		r.in("sent")
		lose()
		r.submit(b.head(5))
		r.in("planned")
		if s := r.Status(); !strings.Contains(s.Degraded, "not made here") {
			t.Errorf("%+v", s)
		}
		c.mine(1)
		r.open().in("planned")
		c.mine(2)
		r.holds(r.in("final"), b.head(5))
		if n := len(distinct(c.sent)); n != 2 {
			t.Errorf("%d transactions", n)
		}
		lose()
		r.submit(b.head(9))
		r.in("sent")
		if s := r.Status(); len(s.Alarms) != 1 || !strings.Contains(s.Alarms[0], "5 records") {
			t.Errorf("%+v", s)
		}
	})
}

// A fork or a rolled-back ledger is refused because of what the chain has, and
// nothing is sent.
func TestContradiction(t *testing.T) {
	eachRuleSet(t, func(t *testing.T, c *devChain) {
		r := newRig(t, c).open()
		r.anchored(newBook(1).head(8))
		fork := newBook(2)
		for name, x := range map[string]struct {
			size   int64
			proofs bool
		}{"fewer": {5, false}, "as many": {8, false}, "more": {12, true}} {
			t.Run(name, func(t *testing.T) {
				q := newRig(t, c)
				if x.proofs {
					q.opt.ConsistencyProof = fork.prove
				}
				before := len(c.sent)
				q.open().submit(fork.head(x.size))
				q.in("planned")
				if s := q.Status(); !strings.Contains(s.Degraded, "rolled back or forked") || len(s.Alarms) == 0 {
					t.Errorf("%+v", s)
				}
				if len(c.sent) != before {
					t.Error("something was sent")
				}
			})
		}
		// The own history goes on.
		own := newBook(1)
		q := newRig(t, c)
		q.opt.ConsistencyProof = own.prove
		q.open().anchored(own.head(12))
	})
}

// consistency is the proof of RFC 6962 from a size to all of the leaves.
func consistency(leaves []tree.Hash, from int64) []tree.Hash {
	var stored []tlog.Hash
	for i, leaf := range leaves {
		hs, err := tlog.StoredHashesForRecordHash(int64(i), leaf, tlog.HashReaderFunc(func(at []int64) (out []tlog.Hash, _ error) {
			for _, i := range at {
				out = append(out, stored[i])
			}
			return out, nil
		}))
		if err != nil {
			panic(err)
		}
		stored = append(stored, hs...)
	}
	p, err := tlog.ProveTree(int64(len(leaves)), from, tlog.HashReaderFunc(func(at []int64) (out []tlog.Hash, _ error) {
		for _, i := range at {
			out = append(out, stored[i])
		}
		return out, nil
	}))
	if err != nil {
		panic(err)
	}
	return p
}

// A transaction that the chain refuses ends in failed, with the reason, and stays
// there until an operator resumes.
func TestRevert(t *testing.T) {
	for say, size := range map[string]int64{"Forked": 8, "Shrunk": 5} {
		t.Run(say, func(t *testing.T) {
			eachRuleSet(t, func(t *testing.T, c *devChain) {
				d, b := c.door(), newBook(1)
				r := newRig(t, c, d).open()
				r.anchored(b.head(8))
				if err := r.Close(); err != nil {
					t.Fatal(err)
				}
				// An endpoint that lies gets a service without state to send what the
				// contract refuses.
				r = newRig(t, c, d).open()
				d.set(func(method string, _ []json.RawMessage, next func() (any, error)) (any, error) {
					switch method {
					case "eth_call":
						return "0x" + strings.Repeat("00", 96), nil
					case "eth_estimateGas":
						return "0x30000", nil
					}
					return next()
				})
				r.submit(newBook(2).head(size))
				r.in("sent")
				d.set(nil)
				c.mine(3)
				r.open().in("failed")
				s := r.Status()
				if !strings.Contains(s.Degraded, say) || len(s.Alarms) != 1 || s.Details["spent_wei"] == "0" {
					t.Errorf("%+v", s)
				}
				sent := len(c.sent)
				c.mine(1)
				r.submit(b.head(20))
				r.open().in("failed")
				r.in("failed")
				if len(c.sent) != sent || r.state.Pending != nil {
					t.Error("something more was sent")
				}
				if err := r.Resume(); err != nil {
					t.Fatal(err)
				}
				r.open().in("sent")
				c.mine(3)
				r.holds(r.in("final"), b.head(20))
			})
		})
	}
}

// Too little gas is a refusal without a reason.
func TestOutOfGas(t *testing.T) {
	c := newDevChain(t, ruleSets["osaka"])
	d := c.door()
	r := newRig(t, c, d).open()
	d.set(func(method string, _ []json.RawMessage, next func() (any, error)) (any, error) {
		if method == "eth_estimateGas" {
			return "0x6000", nil
		}
		return next()
	})
	r.submit(newBook(1).head(3))
	r.in("sent")
	c.mine(3)
	r.in("failed")
	if s := r.Status(); !strings.Contains(s.Degraded, "gas") {
		t.Errorf("%+v", s)
	}
	d.set(nil)
	if err := r.Resume(); err != nil {
		t.Fatal(err)
	}
	r.anchored(newBook(1).head(4))
}

// A transaction that changed nothing, because the checkpoint was there already,
// has the event of the one that anchored it.
func TestNoOp(t *testing.T) {
	eachRuleSet(t, func(t *testing.T, c *devChain) {
		b, d := newBook(1), c.door()
		r := newRig(t, c, d).open()
		first := r.anchored(b.head(8))
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		q := newRig(t, c, d).open()
		d.set(func(method string, _ []json.RawMessage, next func() (any, error)) (any, error) {
			if method == "eth_call" {
				return "0x" + strings.Repeat("00", 96), nil
			}
			return next()
		})
		q.submit(b.head(8))
		q.in("sent")
		d.set(nil)
		c.mine(3)
		f := q.in("final")
		q.holds(f, b.head(8))
		if f.ID != first.ID {
			t.Errorf("the event of %s is taken, and not of %s", f.ID, first.ID)
		}
		if n := q.state.Nonce; n == nil || *n != 2 {
			t.Errorf("the next nonce is %v", n)
		}
	})
}

// What costs too much is waited for, and goes on once it doesn't.
func TestCeilings(t *testing.T) {
	for name, x := range map[string]struct {
		fees Fees
		say  string
	}{
		"fee":    {Fees{MaxFeeGwei: 0.5}, "maxFeeGwei"},
		"gas":    {Fees{MaxGas: 30_000}, "maxGas"},
		"budget": {Fees{DailyWei: "1000000"}, "dailyWei"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newDevChain(t, ruleSets["osaka"])
			b, r := newBook(1), newRig(t, c)
			fees := r.conf.Fees
			r.conf.Fees = x.fees
			r.open().submit(b.head(3))
			for range 3 {
				r.in("planned")
				if s := r.Status(); !strings.Contains(s.Degraded, x.say) || len(s.Alarms) != 0 {
					t.Errorf("%+v", s)
				}
				r.submit(b.head(4))
			}
			if len(c.sent) != 0 {
				t.Error("something was sent")
			}
			r.conf.Fees = fees
			r.open().anchored(b.head(5))
			r.quiet()
		})
	}
}

// A bump over a ceiling or the budget is not made; the transaction stays.
func TestBumpCeilings(t *testing.T) {
	for name, x := range map[string]struct {
		fees Fees
		say  string
	}{
		"fee":    {Fees{MaxFeeGwei: 1, BumpBlocks: 1}, "maxFeeGwei"},
		"budget": {Fees{DailyWei: "150000000000000", BumpBlocks: 1}, "dailyWei"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newDevChain(t, ruleSets["osaka"])
			c.mine(10) // so that the base fee falls
			d := c.door()
			r := newRig(t, c, d)
			r.conf.Fees = x.fees
			r.open().submit(newBook(1).head(3))
			d.set(swallow)
			r.in("sent")
			for i := 0; !strings.Contains(r.Status().Degraded, x.say); i++ {
				if i == 30 {
					t.Fatalf("%+v", r.Status())
				}
				c.mine(1)
				r.in("sent")
			}
			if reserved, _ := new(big.Int).SetString(r.Status().Details["reserved_wei"].(string), 10); reserved.Cmp(r.network.daily) > 0 {
				t.Errorf("%v wei are reserved of %v", reserved, r.network.daily)
			}
			d.set(nil)
			c.mine(1)
			r.in("sent")
			c.mine(3)
			r.holds(r.in("final"), newBook(1).head(3))
		})
	}
}

// The budget is of a day of the chain's, and what is spent is kept over restarts.
func TestBudgetDay(t *testing.T) {
	c := newDevChain(t, ruleSets["osaka"])
	b, r := newBook(1), newRig(t, c)
	r.open().anchored(b.head(3))
	spent := r.Status().Details["spent_wei"].(string)
	if spent == "0" {
		t.Fatal("nothing was spent")
	}
	r.conf.Fees.DailyWei = spent
	r.open().submit(b.head(4))
	r.in("planned")
	if s := r.Status(); !strings.Contains(s.Degraded, "dailyWei") || s.Details["spent_wei"] != spent {
		t.Errorf("%+v", s)
	}
	r.conf.Fees.DailyWei = ""
	if err := c.backend.AdjustTime(25 * 60 * 60 * 1e9); err != nil {
		t.Fatal(err)
	}
	c.mine(3)
	r.open().in("sent")
	if s := r.Status(); s.Details["spent_wei"] != "0" {
		t.Errorf("%+v", s)
	}
}

// Without money nothing is sent.
func TestNoFunds(t *testing.T) {
	c := newDevChain(t, ruleSets["osaka"])
	d := c.door()
	r := newRig(t, c, d).open()
	d.set(func(method string, _ []json.RawMessage, next func() (any, error)) (any, error) {
		if method == "eth_getBalance" {
			return "0x1", nil
		}
		return next()
	})
	r.submit(newBook(1).head(3))
	r.in("planned")
	if s := r.Status(); !strings.Contains(s.Degraded, "send it some") {
		t.Errorf("%+v", s)
	}
	d.set(nil)
	r.anchored(newBook(1).head(3))
}

// Finality that goes back is an alarm, and nothing rests on it.
func TestFinalityBackwards(t *testing.T) {
	c := newDevChain(t, ruleSets["osaka"])
	d := c.door()
	r := newRig(t, c, d)
	r.conf.Finality = "finalized"
	r.open()
	number := 0
	d.set(func(method string, params []json.RawMessage, next func() (any, error)) (any, error) {
		if method == "eth_getBlockByNumber" && string(params[0]) == `"finalized"` {
			if number < 0 {
				return nil, &jsonError{Code: -39001, Message: "finalized block not found"}
			}
			params[0] = json.RawMessage(fmt.Sprintf(`"0x%x"`, number))
		}
		return next()
	})
	r.submit(newBook(1).head(3))
	r.in("sent")
	c.mine(3)
	number = 1
	r.in("mined")
	for _, n := range []int{-1, 0} {
		number = n
		if _, err := r.Poll(t.Context()); n < 0 && (err == nil || !strings.Contains(err.Error(), "finalized block not found")) {
			t.Errorf("without a final block: %v", err)
		}
		if s := r.Status(); s.State != "mined" || s.Degraded == "" {
			t.Errorf("%+v", s)
		}
	}
	if s := r.Status(); len(s.Alarms) != 1 || !strings.Contains(s.Alarms[0], "finality went back") {
		t.Errorf("%+v", s)
	}
	number = 4
	r.holds(r.open().in("final"), newBook(1).head(3))
}

// Two services never have one state or one key.
func TestLocks(t *testing.T) {
	c := newDevChain(t, ruleSets["osaka"])
	r := newRig(t, c).open()
	for _, name := range []string{"test", "other"} {
		o := r.opt
		o.Name = name
		if s, err := Open(r.conf, o); err == nil || !strings.Contains(err.Error(), "in use") {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r.submit(newBook(1).head(2))
	for name, change := range map[string]func(*rig){
		"chain":    func(r *rig) { r.conf.Chain = 5 },
		"contract": func(r *rig) { r.conf.Contract = "0x00000000000000000000000000000000000000aa" },
		"key":      func(r *rig) { r.t.Setenv("TEST_ANCHOR_KEY", strings.Repeat("11", 32)) },
		"origin":   func(r *rig) { r.opt.Origin = "other.example/ledger" },
	} {
		t.Run(name, func(t *testing.T) {
			q := *r
			q.t = t
			change(&q)
			if _, err := Open(q.conf, q.opt); err == nil || !strings.Contains(err.Error(), "another name") {
				t.Errorf("%v", err)
			}
		})
	}
}

// A clock that is wrong by years is warned of, once, and changes nothing else.
func TestClock(t *testing.T) {
	for _, years := range []int{-10, 10} {
		c := newDevChain(t, ruleSets["osaka"])
		b, r := newBook(1), newRig(t, c)
		var log bytes.Buffer
		r.opt.Logger = slog.New(slog.NewTextHandler(&log, nil))
		r.opt.Now = func() time.Time { return time.Now().AddDate(years, 0, 0) }
		r.open()
		for _, size := range []int64{3, 5} {
			r.anchored(b.head(size))
		}
		r.quiet()
		if n := strings.Count(log.String(), "set the clock right"); n != 1 && years < 0 || n != 0 && years > 0 {
			t.Errorf("%d warnings with a clock %d years off: %s", n, years, &log)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// No address of an endpoint is in what the service says.
func TestSecrets(t *testing.T) {
	c := newDevChain(t, ruleSets["osaka"])
	d := c.door()
	r := newRig(t, c, d).open()
	r.submit(newBook(1).head(2))
	d.set(func(string, []json.RawMessage, func() (any, error)) (any, error) {
		return nil, &jsonError{Code: -32000, Message: "unknown key /secret-api-key\nfor you"}
	})
	_, err := r.Poll(t.Context())
	d.Close()
	_, err2 := r.Poll(t.Context())
	for _, err := range []error{err, err2} {
		if err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%v", err)
		}
	}
	if s := fmt.Sprint(r.Status(), r.Network().Endpoints()); strings.Contains(s, "secret") {
		t.Error(s)
	}
	if !slices.ContainsFunc(r.Network().Endpoints(), func(e Endpoint) bool { return e.Failing != "" }) {
		t.Error("the endpoint that is closed works")
	}
}
