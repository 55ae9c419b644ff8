// SPDX-License-Identifier: Apache-2.0

package contracts

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ethereum/go-ethereum/accounts/abi/bind/v2"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/vm"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/google/go-cmp/cmp"
)

var deployments = map[*bind.MetaData]Deployment{
	&AnchorMetaData:       AnchorDeployment,
	&StrictAnchorMetaData: StrictAnchorDeployment,
}

// The code that is checked in is what Deployment says, and comes to its address. If
// this fails the contract is another one, for every chain and every trust policy.
func TestDeploymentIsPinned(t *testing.T) {
	for contract, d := range deployments {
		b := readBuild(t, contract.ID)
		if contract.Bin != b.Bytecode {
			t.Errorf("%s: binding.go has other code than out/: run `make contracts`", contract.ID)
		}
		if h := crypto.Keccak256Hash(b.runtime()); h != d.CodeHash {
			t.Errorf("%s: the hash of the code is %s", contract.ID, h)
		}
		if a := crypto.CreateAddress2(Factory, [32]byte{}, crypto.Keccak256(common.FromHex(contract.Bin))); a != d.Address {
			t.Errorf("%s: the address is %s", contract.ID, a)
		}
	}
}

// Anybody can have the factory deploy a contract, once; then its code is there.
func TestDeployment(t *testing.T) {
	eachRuleSet(t, func(c *chain) {
		for contract, d := range deployments {
			c.deploy(contract, d)
			if again := c.send(lender, Factory, Deploy(contract)); again.Status != 0 {
				c.t.Errorf("%s is deployed twice", contract.ID)
			}
		}
	})
}

// Code that calls nothing but SHA-256, creates nothing and cannot destroy itself
// stays as it is, whoever asks.
func TestCodeCannotChange(t *testing.T) {
	for contract := range deployments {
		var static int
		code := readBuild(t, contract.ID).runtime()
		for i := 0; i < len(code); i++ {
			switch op := vm.OpCode(code[i]); op {
			case vm.CALL, vm.CALLCODE, vm.DELEGATECALL, vm.CREATE, vm.CREATE2, vm.SELFDESTRUCT:
				t.Errorf("%s has %v at %d", contract.ID, op, i)
			case vm.STATICCALL:
				static++
			default:
				if op.IsPush() {
					i += int(op - vm.PUSH0)
				}
			}
		}
		if contract == &AnchorMetaData && static > 0 {
			t.Errorf("Anchor calls another contract")
		}
	}
}

// The contracts have these methods, and no others: none for an owner, and none
// that takes ether, for it could never be given back.
func TestMethods(t *testing.T) {
	for contract, want := range map[string][]string{
		"Anchor":       {"anchor(bytes32,uint64,bytes32)", "head(address,bytes32)"},
		"StrictAnchor": {"anchor(bytes32,uint64,bytes32,bytes32[])", "head(address,bytes32)"},
	} {
		b := readBuild(t, contract)
		var got []string
		for m := range maps.Values(b.ABI.Methods) {
			got = append(got, m.Sig)
			if m.IsPayable() {
				t.Errorf("%s: %s takes ether", contract, m.Sig)
			}
		}
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" || b.ABI.HasFallback() || b.ABI.HasReceive() {
			t.Errorf("%s (-want +got):\n%s", contract, d)
		}
	}
}

// What is in out/ was compiled from the sources beside it.
func TestBuildIsOfTheseSources(t *testing.T) {
	var input struct {
		Sources map[string]struct{ Content string }
	}
	b, err := os.ReadFile("out/input.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &input); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*/*.sol")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for name, s := range input.Sources {
		got[name] = s.Content
	}
	want := map[string]string{}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		want[filepath.ToSlash(name)] = string(b)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("run `make contracts` (-source +compiled):\n%s", d)
	}
}
