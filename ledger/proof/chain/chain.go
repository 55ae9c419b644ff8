// SPDX-License-Identifier: Apache-2.0

// Package chain verifies, offline and without a client of the chain, that a
// contract on an Ethereum chain logged an anchor: from the hash of a block alone.
//
// The bytes are specified in docs/formats.md, section 16, and by Ethereum: RLP,
// the Merkle-Patricia trie and the receipt in the Yellow Paper, appendices B and
// D and section 4.3.1, typed receipts in EIP-2718, events in the contract ABI.
package chain

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

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
	Number uint64 // below 2^53, so that JSON can say it
	Time   uint64 // seconds since 1970, below 2^40
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
	// History commits to this anchor and all before it of the same sender and
	// origin; see Follows.
	History [24]byte
}

// String returns 0x and 40 hexadecimal digits in lower case, and of a Hash 64.
func (a Address) String() string { return "0x" + hex.EncodeToString(a[:]) }

// String returns 0x and 64 hexadecimal digits in lower case.
func (h Hash) String() string { return "0x" + hex.EncodeToString(h[:]) }

// ParseAddress reads 0x and 40 hexadecimal digits in lower case, as String writes
// them.
func ParseAddress(s string) (a Address, err error) { return a, unhex(a[:], s) }

// ParseChecksummed reads an address as people write it: in lower case, or with the
// checksum of EIP-55 in the case of its letters.
func ParseChecksummed(s string) (Address, error) {
	lower := strings.ToLower(s)
	a, err := ParseAddress(lower)
	if err == nil && !strings.HasPrefix(s, "0x") {
		_, err = ParseAddress(s)
	}
	if err != nil || s == lower {
		return a, err
	}
	h := keccak([]byte(lower[2:]))
	for i, c := range []byte(s[2:]) {
		up := h[i/2]>>(4*(1-i%2))&8 != 0
		if c > '9' && up != (c < 'a') {
			return Address{}, errors.New("the checksum in the case of the address' letters is wrong: a digit is another")
		}
	}
	return a, nil
}

// ParseHash reads 0x and 64 hexadecimal digits in lower case.
func ParseHash(s string) (h Hash, err error) { return h, unhex(h[:], s) }

func unhex(dst []byte, s string) error {
	digits, ok := strings.CutPrefix(s, "0x")
	if ok && len(digits) == 2*len(dst) && strings.ToLower(digits) == digits {
		if _, err := hex.Decode(dst, []byte(digits)); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%d bytes are written as 0x and %d hexadecimal digits in lower case", len(dst), 2*len(dst))
}

// What a proof has at most. A header has some 650 bytes today; a path as many
// nodes as its key, of at most 9 bytes, has half-bytes, and a leaf.
const (
	MaxHeader = 2 << 10
	MaxNodes  = 19
	MaxNode   = 64 << 10
)

// anchored is the first topic of the event: Keccak-256 of
// Anchored(address,bytes32,uint64,bytes32,uint64,uint64,bytes32,bytes24).
var anchored = keccak([]byte("Anchored(address,bytes32,uint64,bytes32,uint64,uint64,bytes32,bytes24)"))

// Verify verifies the proof and returns the block and the event. It shows that a
// block of that hash has the event. It does not show that a chain has the block:
// that is to be found out elsewhere, and before, nothing here means anything.
func (p *Proof) Verify() (Block, Event, error) {
	block, receipts, err := parseHeader(p.Header)
	if err != nil {
		return Block{}, Event{}, fmt.Errorf("the header of the block: %w", err)
	}
	receipt, err := lookUp(receipts, p.Index, p.Nodes)
	if err != nil {
		return Block{}, Event{}, fmt.Errorf("the path to the receipt of transaction %d in block %d: %w", p.Index, block.Number, err)
	}
	event, err := p.event(receipt)
	if err != nil {
		return Block{}, Event{}, fmt.Errorf("the receipt of transaction %d in block %d: %w", p.Index, block.Number, err)
	}
	return block, event, nil
}

// parseHeader returns what a header says, and the root of the trie of receipts.
// It reads by position: later rules add items behind those that it knows.
func parseHeader(b []byte) (block Block, receipts Hash, err error) {
	if len(b) > MaxHeader {
		return Block{}, Hash{}, fmt.Errorf("it has more than %d bytes", MaxHeader)
	}
	items, err := list(b)
	if err != nil {
		return Block{}, Hash{}, err
	}
	if len(items) < 15 {
		return Block{}, Hash{}, fmt.Errorf("it has %d items, and no header has less than 15", len(items))
	}
	block.Hash = keccak(b)
	err = errors.Join(
		items[0].fill(block.Parent[:]), items[5].fill(receipts[:]),
		items[8].number(&block.Number), items[11].number(&block.Time),
	)
	if err == nil && (block.Number >= 1<<53 || block.Time >= 1<<40) {
		err = errors.New("it is of a number or a time that no block has")
	}
	return block, receipts, err
}

// event returns the event that the receipt has at the place that is claimed.
func (p *Proof) event(receipt []byte) (e Event, err error) {
	// In front of what is no list stands its type (EIP-2718).
	if len(receipt) > 0 && receipt[0] <= 0x7f {
		receipt = receipt[1:]
	}
	items, err := list(receipt)
	switch {
	case err != nil:
		return e, err
	case len(items) < 4:
		return e, fmt.Errorf("it has %d items, and no receipt has less than 4", len(items))
	case items[0].list || string(items[0].content) != "\x01":
		return e, errors.New("the transaction did not succeed")
	}
	logs, err := items[3].items()
	switch {
	case err != nil:
		return e, err
	case p.Log < 0 || p.Log >= len(logs):
		return e, fmt.Errorf("it has %d logs, and the event is said to be number %d", len(logs), p.Log)
	}
	log, err := logs[p.Log].items()
	switch {
	case err != nil:
		return e, err
	case len(log) != 3:
		return e, errors.New("a log has three items")
	}
	var by Address
	if err := log[0].fill(by[:]); err != nil {
		return e, err
	}
	if by != p.Contract {
		return e, fmt.Errorf("log %d is of the contract %s, and not of %s", p.Log, by, p.Contract)
	}
	topics, err := log[1].items()
	if err != nil {
		return e, err
	}
	w := words{}
	for _, t := range topics {
		var topic [32]byte
		if err := t.fill(topic[:]); err != nil {
			return e, err
		}
		w.b = append(w.b, topic[:]...)
	}
	data := log[2]
	if len(topics) != 4 || data.list || len(data.content) != 5*32 || Hash(w.next()) != anchored {
		return e, fmt.Errorf("log %d is no event Anchored", p.Log)
	}
	w.b = append(w.b, data.content...)
	e.By = Address(w.right(20))
	e.OriginHash = w.next()
	e.Size = w.number()
	e.Root = w.next()
	e.Number, e.Time = w.number(), w.number()
	e.Parent = w.next()
	e.History = [24]byte(w.left(24))
	if w.dirty {
		return e, fmt.Errorf("log %d has something else than zeros where its values are padded", p.Log)
	}
	return e, nil
}

// Follows reports whether the event is the next one after those to which a
// history commits: all zeros before the first. So of a list of events of one
// sender and origin, in their order, none can be left out, added or altered, once
// the history of the last one is known from elsewhere. It says nothing of who
// sent it and for which origin: neither is part of a history.
func (e *Event) Follows(history [24]byte) bool {
	b := make([]byte, 0, 6*32)
	word := func(n uint64) {
		b = append(b, make([]byte, 24)...)
		b = binary.BigEndian.AppendUint64(b, n)
	}
	b = append(append(b, history[:]...), make([]byte, 8)...)
	word(e.Size)
	b = append(b, e.Root[:]...)
	word(e.Number)
	word(e.Time)
	b = append(b, e.Parent[:]...)
	h := keccak(b)
	return [24]byte(h[:24]) == e.History
}
