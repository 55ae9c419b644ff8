// SPDX-License-Identifier: Apache-2.0

package chain_test

import (
	"errors"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethdb/memorydb"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/trie"

	"github.com/lendlog/lendlog/contracts"
	"github.com/lendlog/lendlog/ledger/proof/chain"
)

func hasher() types.ListHasher { return trie.NewStackTrie(nil) }

// oracle verifies as go-ethereum does. It knows no later headers.
func oracle(p *chain.Proof) (event *contracts.AnchorAnchored, hash common.Hash, err error) {
	var header types.Header
	if err := rlp.DecodeBytes(p.Header, &header); err != nil {
		return nil, common.Hash{}, errLater
	}
	db := memorydb.New()
	for _, n := range p.Nodes {
		if err := db.Put(crypto.Keccak256(n), n); err != nil {
			return nil, common.Hash{}, err
		}
	}
	value, err := trie.VerifyProof(header.ReceiptHash, rlpOf(p.Index), db)
	if err != nil {
		return nil, common.Hash{}, err
	}
	var r types.Receipt
	if err := r.UnmarshalBinary(value); err != nil {
		return nil, common.Hash{}, err
	}
	if r.Status != types.ReceiptStatusSuccessful || p.Log < 0 || p.Log >= len(r.Logs) || r.Logs[p.Log].Address != common.Address(p.Contract) {
		return nil, common.Hash{}, errors.New("it has no such log")
	}
	event, err = contracts.NewAnchor().UnpackAnchoredEvent(r.Logs[p.Log])
	return event, crypto.Keccak256Hash(p.Header), err
}

// errLater is of a header that go-ethereum does not read: of the items that are
// not looked at, it knows what they are.
var errLater = errors.New("go-ethereum does not read the header")

// against holds the verifier against go-ethereum: what the verifier accepts,
// go-ethereum accepts, and reads the same from it.
func against(t *testing.T, p *chain.Proof) {
	t.Helper()
	block, event, err := p.Verify()
	if err != nil {
		return
	}
	want, hash, err := oracle(p)
	switch {
	case errors.Is(err, errLater), errors.Is(err, types.ErrTxTypeNotSupported):
	case err != nil:
		t.Errorf("go-ethereum refuses what is accepted: %v", err)
	case hash != common.Hash(block.Hash) || want.Size != event.Size || want.Root != event.Root || want.By != common.Address(event.By) ||
		want.OriginHash != event.OriginHash || want.History != event.History || want.Number != event.Number || want.Time != event.Time || want.Parent != event.Parent:
		t.Errorf("it is read as %+v, and by go-ethereum as %+v", event, want)
	}
}
