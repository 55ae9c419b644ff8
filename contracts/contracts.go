// SPDX-License-Identifier: Apache-2.0

// Package contracts binds the contracts in which heads of ledgers are anchored on
// an Ethereum chain, and says where they are. The bindings, and all that is in
// out/, are made from src/ by `make contracts`, and checked in.
package contracts

import (
	"github.com/ethereum/go-ethereum/accounts/abi/bind/v2"
	"github.com/ethereum/go-ethereum/common"
)

// Factory is the CREATE2 factory of EIP-7997. Where it is, anybody can deploy a
// contract, and it comes to the same address as everywhere.
var Factory = common.HexToAddress("0x4e59b44847b379578588920cA78FbF26c0B4956C")

// A Deployment is where a contract is, on every chain to which Factory deployed it.
type Deployment struct {
	Address  common.Address
	CodeHash common.Hash // Keccak-256 of the code there
}

// The deployments of the code in this package. Other code has another hash and
// comes to another address: it is another contract, to be named in trust
// policies beside the old one.
var (
	AnchorDeployment = Deployment{
		common.HexToAddress("0xC5712a6f61429062C84b8E3074d047E53233c1DD"),
		common.HexToHash("0x85441343b9e5c454a33cc9b632330ec32d1dda79e3c290bee4d44f7b1bdb5680"),
	}
	StrictAnchorDeployment = Deployment{
		common.HexToAddress("0xcC79b101937a87e640FEDA9df0e58139Cd345E66"),
		common.HexToHash("0xce6f429c967646237d382a2f8659c04e8411d6f816b1917e03dfcf95eea75bab"),
	}
)

// Deploy is the call data with which Factory deploys the contract.
func Deploy(contract *bind.MetaData) []byte {
	var salt [32]byte
	return append(salt[:], common.FromHex(contract.Bin)...)
}
