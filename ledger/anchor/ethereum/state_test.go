// SPDX-License-Identifier: Apache-2.0

package ethereum

import (
	"bytes"
	"flag"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/contracts"
	"github.com/lendlog/lendlog/ledger/tree"
)

var update = flag.Bool("update", false, "write the golden files anew; what a service wrote must stay readable")

// signed is an attempt of the lender's; change makes it another one.
func signed(t testing.TB, size int64, change func(*types.DynamicFeeTx)) attempt {
	t.Helper()
	tx := &types.DynamicFeeTx{
		ChainID: big.NewInt(1337), Nonce: 7, To: &contracts.AnchorDeployment.Address, Data: callOf(newBook(1).head(size).Checkpoint, false, nil),
		Gas: 90_000, GasTipCap: big.NewInt(1_000_000), GasFeeCap: big.NewInt(2_000_000_000), Value: new(big.Int),
	}
	if change != nil {
		change(tx)
	}
	out, err := types.SignNewTx(lender, types.LatestSignerForChainID(tx.ChainID), tx)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := out.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return attempt{raw, 100}
}

// strictly is an attempt of the lender's with a proof from a base, or without one.
func strictly(t testing.TB, from, size int64, change func(*types.DynamicFeeTx)) attempt {
	t.Helper()
	b := newBook(1)
	head := b.head(size)
	var proof []tree.Hash
	if from > 0 {
		proof = consistency(b.leaves[:size], from)
	}
	return signed(t, size, func(tx *types.DynamicFeeTx) {
		tx.To, tx.Data = &contracts.StrictAnchorDeployment.Address, callOf(head.Checkpoint, true, proof)
		if change != nil {
			change(tx)
		}
	})
}

// goldenStates are one of each kind.
func goldenStates(t testing.TB) map[string]*state {
	b := newBook(1)
	with := func(change func(*state)) *state {
		s := &state{
			Format: stateFormat, Chain: 1337, Contract: contracts.AnchorDeployment.Address, Account: addressOf(lender),
			Origin: origin, Spent: new(big.Int),
		}
		change(s)
		return s
	}
	nonce := uint64(7)
	bumped := signed(t, 5, func(tx *types.DynamicFeeTx) {
		tx.GasTipCap, tx.GasFeeCap = big.NewInt(1_125_000), big.NewInt(2_250_000_000)
	})
	bumped.Block = 105
	strict := func(from, size int64) *state {
		return with(func(s *state) {
			s.Contract, s.Strict = contracts.StrictAnchorDeployment.Address, true
			s.Pending = &pending{Note: b.head(size).Note, State: stateSent, Attempts: []attempt{
				strictly(t, from, size, nil),
				strictly(t, from, size, func(tx *types.DynamicFeeTx) {
					tx.GasTipCap, tx.GasFeeCap = big.NewInt(1_125_000), big.NewInt(2_250_000_000)
				}),
			}}
			if from > 0 {
				s.Pending.Base = &base{from, b.root(from)}
			}
		})
	}
	done := &last{ID: common.Hash{9}.Hex(), Size: 5, Root: b.root(5), Time: 1_790_000_000}
	return map[string]*state{
		"idle":    with(func(*state) {}),
		"planned": with(func(s *state) { s.Next, s.Nonce = b.head(5).Note, &nonce }),
		"signed": with(func(s *state) {
			s.Pending = &pending{Note: b.head(5).Note, State: stateSigned, Attempts: []attempt{signed(t, 5, nil)}}
			s.Nonce, s.Seen = &nonce, &seen{98, common.Hash{98}}
		}),
		"sent": with(func(s *state) {
			s.Pending = &pending{Note: b.head(5).Note, State: stateSent, Attempts: []attempt{signed(t, 5, nil), bumped}}
			s.Next = b.head(9).Note
		}),
		"lost": with(func(s *state) {
			s.Lost = []pending{{Note: b.head(5).Note, State: stateSent, Attempts: []attempt{signed(t, 5, nil), bumped}}}
			s.Next = b.head(9).Note
		}),
		"mined": with(func(s *state) {
			s.Pending = &pending{Note: b.head(5).Note, State: stateMined, Attempts: []attempt{signed(t, 5, nil)},
				Mined: &mined{101, common.Hash{101}, hashOf(signed(t, 5, nil).Raw), 3}}
		}),
		"found": with(func(s *state) {
			s.Pending = &pending{Note: b.head(5).Note, State: stateMined, Mined: &mined{101, common.Hash{101}, common.Hash{1}, 3}}
		}),
		"strict":       strict(5, 9),
		"strict-first": strict(0, 9),
		"final": with(func(s *state) {
			s.Last = done
			s.Final = &final{ID: done.ID, Note: b.head(5).Note, Time: done.Time, Header: []byte("header"), Index: 3, Log: 1, Nodes: [][]byte{[]byte("root"), []byte("leaf")}}
			s.Day, s.Spent = 20717, big.NewInt(163_000_000_000_000)
		}),
		"failed": with(func(s *state) {
			s.Last, s.Next = done, b.head(9).Note
			s.Failed, s.Alarms = "the chain refused it", []string{"the chain refused it", "somebody else has the key"}
		}),
	}
}

// States have these bytes: what a service wrote, a later one goes on with.
func TestGoldenStates(t *testing.T) {
	for name, s := range goldenStates(t) {
		t.Run(name, func(t *testing.T) {
			got, err := s.encode()
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+".state")
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(got)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			parsed, err := parseState(want)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(s, parsed, cmp.Comparer(func(a, b *big.Int) bool { return a.Cmp(b) == 0 })); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// A state that says what no service would is not gone on with.
func TestParseStateRefuses(t *testing.T) {
	b := newBook(1)
	other := common.Address{1}
	for name, x := range map[string]struct {
		of     string
		change func(*state)
		say    string
	}{
		"format":                 {"idle", func(s *state) { s.Format = "lendlog-anchor-ethereum/2" }, "version"},
		"no chain":               {"idle", func(s *state) { s.Chain = 0 }, "chain"},
		"negative money":         {"idle", func(s *state) { s.Spent = big.NewInt(-1) }, "money"},
		"empty alarm":            {"idle", func(s *state) { s.Alarms = []string{""} }, "alarms"},
		"note of another ledger": {"planned", func(s *state) { s.Origin = "other.example" }, "checkpoint of"},
		"no note":                {"planned", func(s *state) { s.Next = []byte("x") }, "signed checkpoint"},
		"no attempts":            {"signed", func(s *state) { s.Pending.Attempts = nil }, "attempts"},
		"state":                  {"signed", func(s *state) { s.Pending.State = "lost" }, "lost"},
		"mined without a block":  {"mined", func(s *state) { s.Pending.Mined = nil }, "block"},
		"sent with a block":      {"mined", func(s *state) { s.Pending.State = stateSent }, "block"},
		"another checkpoint":     {"sent", func(s *state) { s.Pending.Note = b.head(6).Note }, "attempt 1"},
		"two contents":           {"sent", func(s *state) { s.Pending.Attempts[1] = signed(t, 6, nil) }, "attempt 2"},
		"two nonces":             {"sent", func(s *state) { s.Pending.Attempts[1] = signed(t, 5, func(x *types.DynamicFeeTx) { x.Nonce++ }) }, "attempt 2"},
		"another account":        {"sent", func(s *state) { s.Account = other }, "attempt 1"},
		"another contract":       {"sent", func(s *state) { s.Contract = other }, "attempt 1"},
		"another chain":          {"sent", func(s *state) { s.Chain = 1 }, "attempt 1"},
		"a value": {"sent", func(s *state) {
			s.Pending.Attempts[1] = signed(t, 5, func(x *types.DynamicFeeTx) { x.Value = big.NewInt(1) })
		}, "attempt 2"},
		"no transaction":          {"sent", func(s *state) { s.Pending.Attempts[1].Raw = []byte{2, 3} }, "no transaction"},
		"lost in a block":         {"lost", func(s *state) { s.Lost[0].State, s.Lost[0].Mined = stateMined, &mined{} }, "no block"},
		"lost without a nonce":    {"lost", func(s *state) { s.Lost[0].Attempts = nil }, "attempts"},
		"lost twice":              {"lost", func(s *state) { s.Lost = append(s.Lost, s.Lost[0]) }, "nonce of its own"},
		"lost and pending":        {"lost", func(s *state) { s.Pending = &s.Lost[0] }, "is lost"},
		"too many lost":           {"lost", func(s *state) { s.Lost = slices.Repeat(s.Lost, maxLost+1) }, "more than"},
		"final without its proof": {"final", func(s *state) { s.Final.Nodes = nil }, "incomplete"},
		"final that is not last":  {"final", func(s *state) { s.Last = nil }, "incomplete"},
		"last of nothing":         {"failed", func(s *state) { s.Last.Size = 0 }, "incomplete"},
		"base of a plain call":    {"sent", func(s *state) { s.Pending.Base = &base{3, b.root(3)} }, "only strict calls"},
		"base of what was found":  {"strict", func(s *state) { s.Pending.State, s.Pending.Attempts, s.Pending.Mined = stateMined, nil, &mined{} }, "only strict calls"},
		"no base":                 {"strict", func(s *state) { s.Pending.Base = nil }, "does not prove"},
		"base of nothing":         {"strict-first", func(s *state) { s.Pending.Base = &base{} }, "does not prove"},
		"base of another size":    {"strict", func(s *state) { s.Pending.Base.Size = 4 }, "does not prove"},
		"base of another root":    {"strict", func(s *state) { s.Pending.Base.Root[0]++ }, "does not prove"},
		"base of the checkpoint":  {"strict", func(s *state) { s.Pending.Base = &base{9, b.root(9)} }, "does not prove"},
		"proof from elsewhere":    {"strict", func(s *state) { s.Pending.Attempts[0] = strictly(t, 4, 9, nil) }, "does not prove"},
		"two proofs":              {"strict", func(s *state) { s.Pending.Attempts[1] = strictly(t, 4, 9, nil) }, "attempt 2"},
		"strict in a plain state": {"strict-first", func(s *state) { s.Strict = false }, "attempt 1"},
		"plain in a strict state": {"strict-first", func(s *state) {
			s.Pending.Attempts[0].Raw = strictly(t, 0, 9, func(x *types.DynamicFeeTx) { x.Data = callOf(b.head(9).Checkpoint, false, nil) }).Raw
		}, "attempt 1"},
		"strict of another size": {"strict", func(s *state) { s.Pending.Note = b.head(10).Note }, "does not prove"},
		"bytes behind the proof": {"strict", func(s *state) {
			s.Pending.Attempts[0] = strictly(t, 5, 9, func(x *types.DynamicFeeTx) { x.Data = append(x.Data, 0) })
		}, "attempt 1"},
		"proof somewhere else": {"strict", func(s *state) {
			s.Pending.Attempts[0] = strictly(t, 5, 9, func(x *types.DynamicFeeTx) { x.Data[4+4*32-1]++ })
		}, "attempt 1"},
		"more attempts than there": {"sent", func(s *state) { s.Pending.Attempts = slices.Repeat(s.Pending.Attempts, maxAttempts) }, "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			s := goldenStates(t)[x.of]
			x.change(s)
			file, err := s.encode()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parseState(file); err == nil || !strings.Contains(err.Error(), x.say) {
				t.Errorf("%v", err)
			}
		})
	}
	idle, _ := goldenStates(t)["idle"].encode()
	for name, file := range map[string][]byte{
		"nothing":        nil,
		"cut":            idle[:len(idle)-2],
		"no newline":     idle[:len(idle)-1],
		"more":           append(slices.Clone(idle), '\n'),
		"a space":        bytes.Replace(idle, []byte(":1337"), []byte(": 1337"), 1),
		"unknown member": bytes.Replace(idle, []byte(`{"format"`), []byte(`{"x":1,"format"`), 1),
		"twice":          bytes.Replace(idle, []byte(`"day":0`), []byte(`"day":1,"day":0`), 1),
		"checksum":       bytes.Replace(idle, []byte("0xc5712a"), []byte("0xC5712a"), 1),
	} {
		if _, err := parseState(file); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}

func FuzzParseState(f *testing.F) {
	for _, s := range goldenStates(f) {
		b, err := s.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseState(b)
		if err != nil {
			return
		}
		if again, err := s.encode(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("it is written as %q: %v", again, err)
		}
		// What it holds can be used.
		s.reserved()
		if s.Final != nil {
			s.anchor()
		}
		if s.Pending != nil {
			s.found(s.Pending.Note, &mined{})
		}
		s.alarm("%s", "x")
	})
}
