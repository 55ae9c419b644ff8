// SPDX-License-Identifier: Apache-2.0

package ethereum

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"math/big"
	"slices"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/rlp"
	"github.com/ethereum/go-ethereum/trie"

	"github.com/lendlog/lendlog/contracts"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/proof/chain"
	"github.com/lendlog/lendlog/ledger/tree"
)

// An Audit holds all that a publisher anchored of a ledger against the ledger.
type Audit struct {
	Publisher common.Address
	// Head is the ledger's newest checkpoint, as whoever audits knows it. Its
	// origin is whose anchors are looked for.
	Head tree.Checkpoint
	// ConsistencyProof asks the ledger, which is not believed.
	ConsistencyProof func(ctx context.Context, oldSize, size int64) ([]tree.Hash, error)
}

// What a finding is about.
const (
	Hidden   = "hidden"   // the chain commits to an anchor that the endpoints do not show
	Forked   = "forked"   // an anchor is of a tree that the ledger does not continue
	Rollback = "rollback" // an anchor has more records than the ledger
	Foreign  = "foreign"  // an anchor is not in the archive
	Missing  = "missing"  // an anchor of the archive is not on the chain
)

// A Finding contradicts the ledger, its archive or the endpoints.
type Finding struct {
	Kind string `json:"kind"`
	Size int64  `json:"size"` // of the anchor that it is about
	Text string `json:"text"`
}

// An AuditedAnchor is an anchor on the chain.
type AuditedAnchor struct {
	Size int64     `json:"size"`
	Root tree.Hash `json:"root"`
	// Block is in which it is, and Time when that was made, by the chain.
	Block uint64      `json:"block"`
	Time  time.Time   `json:"time"`
	Tx    common.Hash `json:"transaction"`

	event chain.Event
}

// An AuditReport is what an audit found.
type AuditReport struct {
	Chain     uint64         `json:"chain"`
	Network   string         `json:"network,omitempty"`
	Testnet   bool           `json:"testnet,omitempty"`
	Contract  common.Address `json:"contract"`
	Publisher common.Address `json:"publisher"`
	Origin    string         `json:"origin"`
	Size      int64          `json:"size"` // of the ledger
	// Block is the newest final one, after which the state of the contract was read.
	Block     uint64      `json:"block"`
	BlockHash common.Hash `json:"blockHash"`
	// Unproved says why the contract's commitment to all anchors is not proved from
	// the hash of that block, but only what as many endpoints say as have to agree.
	Unproved string `json:"unproved,omitempty"`
	// Complete says that the anchors are all that there are, by that commitment.
	// Otherwise they are the newest ones, as far as they follow each other.
	Complete bool            `json:"complete"`
	Anchors  []AuditedAnchor `json:"anchors"`  // oldest first
	Findings []Finding       `json:"findings"` // none: all is well
}

func (r *AuditReport) find(kind string, size int64, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{kind, size, fmt.Sprintf(format, args...)})
}

// Run reads the anchors backwards from what the contract has at the newest final
// block, until their history begins, so that none can be left out unnoticed, and
// holds each against the ledger. An error is one of asking; what is wrong is a
// finding.
func (a Audit) Run(ctx context.Context, n *Network) (*AuditReport, error) {
	r, err := a.run(ctx, n)
	if err != nil {
		return nil, fmt.Errorf("couldn't audit the anchors on chain %d: %w", n.Chain, err)
	}
	return r, nil
}

func (a Audit) run(ctx context.Context, n *Network) (*AuditReport, error) {
	final, err := n.FinalBlock(ctx)
	if err != nil {
		return nil, err
	}
	header, err := n.HeaderByHash(ctx, common.Hash(final.Hash))
	if err != nil {
		return nil, fmt.Errorf("the final block: %w", err)
	}
	r := &AuditReport{
		Chain: n.Chain, Network: n.settings.Network, Testnet: n.Testnet, Contract: n.contract,
		Publisher: a.Publisher, Origin: a.Head.Origin, Size: a.Head.Size,
		Block: final.Number, BlockHash: header.Hash(),
		Anchors: []AuditedAnchor{}, Findings: []Finding{},
	}
	head, err := n.provedHead(ctx, a.Publisher, a.origin(), header)
	if err != nil {
		r.Unproved = err.Error()
		if head, err = n.AgreedHead(ctx, a.Publisher, a.origin(), header.Hash()); err != nil {
			return nil, fmt.Errorf("%s; %w", r.Unproved, err)
		}
	}
	if err := a.walk(ctx, n, r, head); err != nil {
		return nil, err
	}
	held := r.Anchors
	if len(held) == 0 && head.Size > 0 { // its event is hidden
		held = []AuditedAnchor{{Size: size(head.Size), Root: head.Root, Block: r.Block}}
	}
	for _, at := range held {
		if err := a.hold(ctx, r, at); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (a Audit) origin() [32]byte { return sha256.Sum256([]byte(a.Head.Origin)) }

// walk collects the anchors. What one endpoint hides another may show, and no
// one can make up any.
func (a Audit) walk(ctx context.Context, n *Network, r *AuditReport, head contracts.HeadsHead) error {
	if head.Size == 0 {
		r.Complete = true
		return nil
	}
	why := a.walkOne(ctx, n, r, head)
	for _, u := range n.rpc {
		if r.Complete || ctx.Err() != nil {
			break
		}
		e, err := newEndpoint(&n.settings, u)
		if err != nil {
			return err
		}
		alone := &Network{settings: n.settings, endpoints: []*endpoint{e}}
		other := *r
		err = a.walkOne(ctx, alone, &other, head)
		alone.Close()
		if err == nil && (why != nil || other.Complete || len(other.Anchors) > len(r.Anchors)) {
			*r, why = other, nil
		}
	}
	if r.Complete || why != nil {
		return why
	}
	if len(r.Anchors) == 0 {
		r.find(Hidden, size(head.Size), "the contract has an anchor of %d records, and no endpoint shows its event: name others", head.Size)
	} else {
		r.find(Hidden, r.Anchors[0].Size, "before the anchor of %d records there is another one, by its history, and no endpoint shows its event: name others", r.Anchors[0].Size)
	}
	return nil
}

// window is for how many blocks at once events are asked.
const window = 10_000

// walkOne collects the events from the newest back to the first, as far as each
// is what the history after it commits to. What is not is passed over.
func (a Audit) walkOne(ctx context.Context, n *Network, r *AuditReport, head contracts.HeadsHead) error {
	r.Anchors = []AuditedAnchor{}
	defer func() { slices.Reverse(r.Anchors) }()
	var (
		shown  []AuditedAnchor        // newest first
		ending = map[[24]byte][]int{} // those of them after which there is a history
		until  = head.History         // what is collected comes after it
		tried  int                    // so many of shown are not what comes before
	)
	// back collects the event that ends with until, which is known once the one
	// before it is shown.
	back := func() (more bool) {
		for _, i := range ending[until] {
			e := &shown[i].event
			if len(r.Anchors) == 0 && (e.Size != head.Size || e.Root != head.Root) {
				continue
			}
			if r.Complete = e.Follows([24]byte{}); r.Complete { // the first of all
				r.Anchors = append(r.Anchors, shown[i])
				return false
			}
			for _, before := range shown[max(i+1, tried):] {
				if e.Follows(before.event.History) {
					r.Anchors = append(r.Anchors, shown[i])
					until, tried = before.event.History, 0
					return true
				}
			}
		}
		tried = len(shown)
		return false
	}
	for to := r.Block; ; to -= window {
		from := to - min(to, window-1)
		events, err := n.Events(ctx, a.Publisher, a.origin(), 0, from, to)
		if err != nil {
			return fmt.Errorf("blocks %d to %d: %w", from, to, err)
		}
		for _, e := range slices.Backward(events) {
			ending[e.History] = append(ending[e.History], len(shown))
			shown = append(shown, AuditedAnchor{
				Size: size(e.Size), Root: e.Root, Block: e.Number, Time: time.Unix(size(e.Time), 0).UTC(), Tx: e.Raw.TxHash,
				event: chain.Event{
					By: chain.Address(e.By), OriginHash: e.OriginHash, Size: e.Size, Root: e.Root,
					Number: e.Number, Time: e.Time, Parent: e.Parent, History: e.History,
				},
			})
		}
		for back() {
		}
		if r.Complete || from == 0 {
			return nil
		}
	}
}

// size is a number of the contract as ledgers count: larger ones no ledger has.
func size(n uint64) int64 { return int64(min(n, math.MaxInt64)) }

// hold has the ledger prove that it continues an anchor, and with it that each
// continues the one before.
func (a Audit) hold(ctx context.Context, r *AuditReport, at AuditedAnchor) error {
	if at.Size > a.Head.Size {
		r.find(Rollback, at.Size, "%d records were anchored by block %d, and the ledger has %d: it was rolled back, is another one, or somebody else anchors with the publisher's key", at.Size, at.Block, a.Head.Size)
		return nil
	}
	p, err := a.ConsistencyProof(ctx, at.Size, a.Head.Size)
	if err != nil {
		return fmt.Errorf("the ledger doesn't prove that it continues the anchor of %d records: %w", at.Size, err)
	}
	if err := tree.VerifyConsistency(p, at.Size, a.Head.Size, at.Root, a.Head.Root); err != nil {
		r.find(Forked, at.Size, "%d records were anchored by block %d with the root %v, which the ledger of %d records does not continue: there are two histories, or somebody else anchors with the publisher's key", at.Size, at.Block, at.Root, a.Head.Size)
	}
	return nil
}

// Archived holds the anchors on the chain against those that an archive has of
// it: of the publisher, in the contract. One that is younger than the newest
// final block of the audit is passed over.
func (r *AuditReport) Archived(archive []proof.Anchored) error {
	known, origin := map[chain.Event]bool{}, [32]byte(sha256.Sum256([]byte(r.Origin)))
	for _, a := range archive {
		p := a.Anchor.Chain
		if p == nil || p.Chain != r.Chain || p.Contract != chain.Address(r.Contract) {
			continue
		}
		_, event, err := p.Verify()
		if err != nil {
			return fmt.Errorf("couldn't hold the anchors against the archive: an anchor in it is broken: %w", err)
		}
		if event.By == chain.Address(r.Publisher) && event.OriginHash == origin && event.Number <= r.Block {
			known[event] = true
		}
	}
	for _, at := range r.Anchors {
		if !known[at.event] {
			r.find(Foreign, at.Size, "%d records were anchored in block %d by transaction %v, and the archive doesn't have it: somebody else has the publisher's key, or it was made here and not archived yet", at.Size, at.Block, at.Tx)
		}
		delete(known, at.event)
	}
	for event := range known {
		r.find(Missing, size(event.Size), "the archive has an anchor of %d records in block %d, and the chain doesn't: the chain took back what was final, or the endpoints hide it", event.Size, event.Number)
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return int(min(max(a.Size-b.Size, -1), 1))
	})
	return nil
}

// An accountProof is the answer of eth_getProof (EIP-1186).
type accountProof struct {
	AccountProof []hexutil.Bytes `json:"accountProof"`
	StorageProof []struct {
		Proof []hexutil.Bytes `json:"proof"`
	} `json:"storageProof"`
}

// provedHead returns the newest head that a sender anchored for an origin after a
// block, proved from its header, with the code of the contract.
func (n *Network) provedHead(ctx context.Context, by common.Address, origin [32]byte, block *types.Header) (contracts.HeadsHead, error) {
	slots := headSlots(by, origin)
	return one(ctx, n, func(ctx context.Context, c *ethclient.Client) (h contracts.HeadsHead, err error) {
		var p accountProof
		if err := c.Client().CallContext(ctx, &p, "eth_getProof", n.contract, slots, block.Hash()); err != nil {
			return h, err
		}
		if len(p.StorageProof) != len(slots) {
			return h, lie{"proved other slots than it was asked for"}
		}
		var account types.StateAccount
		value, err := lookUp(block.Root, n.contract[:], p.AccountProof)
		if err != nil || rlp.DecodeBytes(value, &account) != nil {
			return h, lie{"gave a proof of the contract's account that proves nothing"}
		}
		if common.BytesToHash(account.CodeHash) != n.code {
			return h, lie{fmt.Sprintf("has a contract at %v that is another one: its code hashes to %x", n.contract, account.CodeHash)}
		}
		var words [2]common.Hash
		for i, slot := range slots {
			value, err := lookUp(account.Root, slot[:], p.StorageProof[i].Proof)
			var word []byte
			if err != nil || len(value) > 0 && rlp.DecodeBytes(value, &word) != nil || len(word) > 32 {
				return h, lie{"gave a proof of the contract's storage that proves nothing"}
			}
			words[i] = common.BytesToHash(word)
		}
		h.Root = words[0]
		h.Size = new(big.Int).SetBytes(words[1][24:]).Uint64()
		copy(h.History[:], words[1][:24])
		return h, nil
	})
}

// lookUp returns what a trie has at the hash of a key: nil where it has nothing.
func lookUp(root common.Hash, key []byte, proof []hexutil.Bytes) ([]byte, error) {
	if root == types.EmptyRootHash {
		return nil, nil
	}
	nodes := hashed{}
	for _, node := range proof {
		nodes[crypto.Keccak256Hash(node)] = node
	}
	return trie.VerifyProof(root, crypto.Keccak256(key), nodes)
}

// headSlots are where a head lies in the contract's storage (contracts/README.md).
func headSlots(by common.Address, origin [32]byte) [2]common.Hash {
	bySender := crypto.Keccak256(common.LeftPadBytes(by[:], 32), make([]byte, 32))
	first := crypto.Keccak256Hash(bytes.Join([][]byte{origin[:], bySender}, nil))
	return [2]common.Hash{first, common.BigToHash(new(big.Int).Add(first.Big(), big.NewInt(1)))}
}

// hashed are nodes of a trie by what they hash to: trie.VerifyProof believes
// whatever hash it looks a node up by.
type hashed map[common.Hash][]byte

func (h hashed) Has(hash []byte) (bool, error)   { return h[common.BytesToHash(hash)] != nil, nil }
func (h hashed) Get(hash []byte) ([]byte, error) { return h[common.BytesToHash(hash)], nil }
