// SPDX-License-Identifier: Apache-2.0

// Package chain verifies, offline and without a client of the chain, that a
// contract on an Ethereum chain logged an anchor: from the hash of a block alone.
package chain

// An Address is that of an account or a contract, a Hash one by Keccak-256.
type (
	Address [20]byte
	Hash    [32]byte
)

// A Proof shows that a contract logged an anchor in a block: the block's header,
// and the path in the trie of its receipts to the one that holds the event. All
// that it rests on is the hash of the header, and on which chain a block of that
// hash is.
type Proof struct {
	Chain    uint64   // id of the chain (EIP-155), a claim: no header says it
	Contract Address  // which logged the event
	Header   []byte   // RLP, as the chain hashes it
	Index    uint64   // of the transaction in the block
	Log      int      // which of the receipt's logs is the event, from 0
	Nodes    [][]byte // of the trie of receipts, from the root on
}

// A Block is what a header says of itself.
type Block struct {
	Hash   Hash
	Parent Hash
	Number uint64
	Time   uint64 // seconds since 1970
}

// An Event is an anchor as the contract logged it (contracts/src/Heads.sol).
type Event struct {
	By         Address  // who sent it
	OriginHash [32]byte // SHA-256 of the origin
	Size       uint64
	Root       [32]byte
	Number     uint64 // of the block, as the chain tells contracts
	Time       uint64
	Parent     Hash
	History    [24]byte
}
