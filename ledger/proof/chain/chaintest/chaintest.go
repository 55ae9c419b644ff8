// SPDX-License-Identifier: Apache-2.0

// Package chaintest makes blocks with anchors, by go-ethereum and not by the code
// that is tested with them. Only tests import it.
package chaintest

import (
	"bytes"
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/ethereum/go-ethereum/trie/trienode"
	"github.com/ethereum/go-ethereum/triedb"

	"github.com/lendlog/lendlog/contracts"
	"github.com/lendlog/lendlog/ledger/proof/chain"
)

// Prove makes the proof that a receipt of a block has an event. It panics where
// the receipts are not those of the header.
func Prove(id uint64, header *types.Header, receipts types.Receipts, index, log int) *chain.Proof {
	tr := trie.NewEmpty(triedb.NewDatabase(rawdb.NewMemoryDatabase(), nil))
	key := func(i int) []byte { return must(rlp.EncodeToBytes(uint(i))) }
	for i, r := range receipts {
		tr.MustUpdate(key(i), must(r.MarshalBinary()))
	}
	if root := tr.Hash(); root != header.ReceiptHash {
		panic(fmt.Sprintf("the header has %s, and the root of its receipts is %s", header.ReceiptHash, root))
	}
	var nodes trienode.ProofList
	if err := tr.Prove(key(index), &nodes); err != nil {
		panic(err)
	}
	p := &chain.Proof{
		Chain: id, Contract: chain.Address(receipts[index].Logs[log].Address),
		Header: must(rlp.EncodeToBytes(header)), Index: uint64(index), Log: log,
	}
	for _, n := range nodes {
		p.Nodes = append(p.Nodes, n)
	}
	return p
}

// A Block is a block with an anchor, the same for the same values.
type Block struct {
	Chain        uint64
	Event        chain.Event // Number, Time and Parent are those of the block
	Transactions int         // how many there are, at least 1
	Index        int         // of the one with the anchor
	Amsterdam    bool        // has the items that Amsterdam added to headers
	Contract     chain.Address
	Alter        func(*types.Receipt) // the one with the anchor, before it is hashed; nil for not at all
}

// Proof makes the proof of the anchor.
func (b Block) Proof() *chain.Proof {
	receipts := make(types.Receipts, b.Transactions)
	for i := range receipts {
		receipts[i] = &types.Receipt{Type: types.DynamicFeeTxType, Status: types.ReceiptStatusSuccessful, CumulativeGasUsed: uint64(i+1) * params.TxGas}
	}
	r := receipts[b.Index]
	r.Logs = []*types.Log{Log(b.Contract, b.Event)}
	if b.Alter != nil {
		b.Alter(r)
	}
	r.Bloom = types.CreateBloom(r)
	header := &types.Header{
		ParentHash: common.Hash(b.Event.Parent), UncleHash: types.EmptyUncleHash, Root: crypto.Keccak256Hash([]byte("state")),
		TxHash: crypto.Keccak256Hash([]byte("transactions")), ReceiptHash: types.DeriveSha(receipts, trie.NewStackTrie(nil)), Bloom: r.Bloom,
		Difficulty: new(big.Int), Number: new(big.Int).SetUint64(b.Event.Number), GasLimit: 36_000_000,
		GasUsed: receipts[b.Transactions-1].CumulativeGasUsed, Time: b.Event.Time, BaseFee: big.NewInt(7),
		WithdrawalsHash: &types.EmptyWithdrawalsHash, BlobGasUsed: new(uint64), ExcessBlobGas: new(uint64),
		ParentBeaconRoot: new(common.Hash), RequestsHash: &types.EmptyRequestsHash,
	}
	if b.Amsterdam {
		list := crypto.Keccak256Hash([]byte("accesses"))
		header.BlockAccessListHash, header.SlotNumber = &list, &b.Event.Number
	}
	return Prove(b.Chain, header, receipts, b.Index, 0)
}

// Log is how a contract logs an event.
func Log(contract chain.Address, e chain.Event) *types.Log {
	abi := must(contracts.AnchorMetaData.ParseABI())
	event := abi.Events["Anchored"]
	data := must(event.Inputs.NonIndexed().Pack(e.Root, e.Number, e.Time, [32]byte(e.Parent), e.History))
	return &types.Log{
		Address: common.Address(contract),
		Topics: []common.Hash{
			event.ID, common.BytesToHash(e.By[:]), e.OriginHash, common.BigToHash(new(big.Int).SetUint64(e.Size)),
		},
		Data: data,
	}
}

// History is the history after an event, as contracts/README.md defines it.
func History(before [24]byte, e chain.Event) (after [24]byte) {
	word := func(n uint64) []byte { return common.BigToHash(new(big.Int).SetUint64(n)).Bytes() }
	copy(after[:], crypto.Keccak256(bytes.Join([][]byte{
		common.RightPadBytes(before[:], 32), word(e.Size), e.Root[:], word(e.Number), word(e.Time), e.Parent[:],
	}, nil)))
	return after
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
