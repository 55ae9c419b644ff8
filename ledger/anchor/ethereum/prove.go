// SPDX-License-Identifier: Apache-2.0

package ethereum

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/trie"
	"github.com/ethereum/go-ethereum/trie/trienode"
	"github.com/ethereum/go-ethereum/triedb"

	"github.com/lendlog/lendlog/contracts"
	"github.com/lendlog/lendlog/ledger/proof/chain"
)

// Prove builds the proof of the contract's first event in a transaction, from
// the chain's own receipts, and verifies it. That the block is final is for the
// caller to know.
func (n *Network) Prove(ctx context.Context, tx common.Hash) (chain.Proof, error) {
	r, err := n.Receipt(ctx, tx)
	if err != nil {
		return chain.Proof{}, fmt.Errorf("couldn't prove transaction %v: %w", tx, err)
	}
	h, err := n.HeaderByHash(ctx, r.BlockHash)
	if err != nil {
		return chain.Proof{}, fmt.Errorf("couldn't prove transaction %v: its block: %w", tx, err)
	}
	receipts, err := n.Receipts(ctx, h)
	if err != nil {
		return chain.Proof{}, fmt.Errorf("couldn't prove transaction %v: %w", tx, err)
	}
	p, _, err := n.prove(receipts, h, r.TransactionIndex)
	if err != nil {
		return chain.Proof{}, fmt.Errorf("couldn't prove transaction %v: %w", tx, err)
	}
	return p, nil
}

// prove builds the proof of the first event of the contract in a transaction of
// a block, and returns the event too.
func (n *Network) prove(receipts types.Receipts, h *types.Header, index uint) (p chain.Proof, event *contracts.AnchorAnchored, err error) {
	if index >= uint(len(receipts)) {
		return chain.Proof{}, nil, fmt.Errorf("block %v has %d transactions", h.Hash(), len(receipts))
	}
	i, event := eventOf(receipts[index], n.contract)
	if event == nil {
		return chain.Proof{}, nil, errors.New("it has no event of the contract")
	}
	p = chain.Proof{Chain: n.Chain, Contract: chain.Address(n.contract), Index: uint64(index), Log: i}
	if p.Header, err = rlp.EncodeToBytes(h); err != nil {
		return chain.Proof{}, nil, err
	}
	if p.Nodes, err = path(receipts, index, h.ReceiptHash); err != nil {
		return chain.Proof{}, nil, err
	}
	// It has to convince readers, who have no client of the chain.
	block, shown, err := p.Verify()
	switch {
	case err != nil:
		return chain.Proof{}, nil, fmt.Errorf("the proof that was built doesn't hold: %w", err)
	case block.Hash != chain.Hash(h.Hash()) || shown != (chain.Event{
		By: chain.Address(event.By), OriginHash: event.OriginHash, Size: event.Size, Root: event.Root,
		Number: event.Number, Time: event.Time, Parent: event.Parent, History: event.History,
	}):
		return chain.Proof{}, nil, errors.New("the proof that was built shows something else")
	}
	return p, event, nil
}

// indexOf returns where a transaction is in a block. It is what the header
// commits to.
func (n *Network) indexOf(ctx context.Context, h *types.Header, tx common.Hash) (uint, error) {
	return one(ctx, n, func(ctx context.Context, c *ethclient.Client) (uint, error) {
		b, err := c.BlockByHash(ctx, h.Hash())
		if err != nil {
			return 0, err
		}
		if slices.Contains(b.Transactions(), nil) || types.DeriveSha(b.Transactions(), trie.NewStackTrie(nil)) != h.TxHash {
			return 0, lie{"gave transactions that are not those of the block"}
		}
		for i, t := range b.Transactions() {
			if t.Hash() == tx {
				return uint(i), nil
			}
		}
		return 0, lie{fmt.Sprintf("has block %v without transaction %v, which was said to be in it", h.Hash(), tx)}
	})
}

// eventOf returns the first event of a contract in a receipt, and which of its
// logs it is; nil where there is none.
func eventOf(r *types.Receipt, contract common.Address) (int, *contracts.AnchorAnchored) {
	if r.Status != types.ReceiptStatusSuccessful {
		return 0, nil
	}
	for i, l := range r.Logs {
		if l.Address != contract || len(l.Topics) != 4 || l.Topics[0] != anchoredTopic {
			continue
		}
		if e, err := contracts.NewAnchor().UnpackAnchoredEvent(l); err == nil {
			return i, e
		}
	}
	return 0, nil
}

// path returns the nodes from the root of the trie of receipts to one of them.
func path(receipts types.Receipts, index uint, root common.Hash) ([][]byte, error) {
	t := trie.NewEmpty(triedb.NewDatabase(rawdb.NewMemoryDatabase(), nil))
	for i, r := range receipts {
		value, err := r.MarshalBinary()
		if err == nil {
			err = t.Update(rlp.AppendUint64(nil, uint64(i)), value)
		}
		if err != nil {
			return nil, fmt.Errorf("couldn't build the trie of receipts: %w", err)
		}
	}
	if t.Hash() != root {
		return nil, errors.New("the receipts are not those of the block")
	}
	var nodes trienode.ProofList
	if err := t.Prove(rlp.AppendUint64(nil, uint64(index)), &nodes); err != nil {
		return nil, fmt.Errorf("couldn't prove a receipt: %w", err)
	}
	out := make([][]byte, len(nodes))
	for i, node := range nodes {
		out[i] = node
	}
	return out, nil
}
