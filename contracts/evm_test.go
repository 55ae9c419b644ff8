// SPDX-License-Identifier: Apache-2.0

package contracts

import (
	"encoding/json"
	"math/big"
	"os"
	"testing"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/state"
	"github.com/ethereum/go-ethereum/core/tracing"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/core/vm/runtime"
	"github.com/ethereum/go-ethereum/params"
)

// ruleSets are those of the chains that are used: Osaka of Hoodi, a testnet, and
// of mainnet; Amsterdam of Sepolia, a testnet. The default of go-ethereum's
// development chains is a mixture that no chain has.
var ruleSets = map[string]*params.ChainConfig{
	"osaka":     rules(nil),
	"amsterdam": rules(new(uint64)),
}

func rules(amsterdam *uint64) *params.ChainConfig {
	c := *params.AllDevChainProtocolChanges
	c.BogotaTime, c.AmsterdamTime = nil, amsterdam
	return &c
}

// A build is a file of out/.
type build struct {
	ABI                        abi.ABI
	Bytecode, DeployedBytecode string
}

func (b build) runtime() []byte { return common.FromHex(b.DeployedBytecode) }

func readBuild(t testing.TB, name string) (b build) {
	t.Helper()
	file, err := os.ReadFile("out/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(file, &b); err != nil {
		t.Fatalf("out/%s.json: %v", name, err)
	}
	return b
}

// A machine runs one contract without a chain around it, some ten thousand calls
// a second.
type machine struct {
	t   testing.TB
	abi abi.ABI
	cfg *runtime.Config
}

var contractAddress = common.HexToAddress("0xc0")

func newMachine(t testing.TB, name string, rules *params.ChainConfig) *machine {
	t.Helper()
	b := readBuild(t, name)
	s, err := state.New(types.EmptyRootHash, state.NewDatabaseForTesting())
	if err != nil {
		t.Fatal(err)
	}
	s.SetCode(contractAddress, b.runtime(), tracing.CodeChangeUnspecified)
	return &machine{t, b.ABI, &runtime.Config{
		ChainConfig: rules, State: s, BlockNumber: big.NewInt(1), GasLimit: 10_000_000,
	}}
}

// call gives what the method returns, or reverts with, and the gas that it took.
func (m *machine) call(method string, args ...any) (out []byte, gas uint64, err error) {
	m.t.Helper()
	input, err := m.abi.Pack(method, args...)
	if err != nil {
		m.t.Fatal(err)
	}
	out, left, err := runtime.Call(contractAddress, input, m.cfg)
	return out, m.cfg.GasLimit - left, err
}

// ask calls a method that answers yes or no.
func (m *machine) ask(method string, args ...any) bool {
	m.t.Helper()
	out, _, err := m.call(method, args...)
	if err != nil {
		m.t.Fatalf("%s%v: %v", method, args, err)
	}
	answers, err := m.abi.Unpack(method, out)
	if err != nil {
		m.t.Fatal(err)
	}
	return answers[0].(bool)
}

// errorOf decodes a revert of the contract.
func errorOf(t testing.TB, data []byte) any {
	t.Helper()
	if len(data) < 4 {
		t.Fatalf("it reverts with %x, which is no typed error", data)
	}
	e, err := NewStrictAnchor().UnpackError(data)
	if err != nil {
		t.Fatalf("it reverts with %x: %v", data, err)
	}
	return e
}
