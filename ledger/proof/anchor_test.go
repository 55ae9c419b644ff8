// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/ethereum/go-ethereum/core/types"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/proof/chain"
	"github.com/lendlog/lendlog/ledger/proof/chain/chaintest"
	"github.com/lendlog/lendlog/ledger/proof/timestamp/timestamptest"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
)

// The golden ledger anchors with goldenContract on the chain goldenChain, as
// publisher.
const goldenChain = 560048

var (
	goldenContract = chain.Address{0xc5, 0x71, 19: 0xdd}
	publisher      = chain.Address(label("publisher")[:20])
)

// block is one with an anchor of the first leaves, at a minute of the golden day.
// Its number is that of the size, in hundreds.
func (w *world) block(size int, minute float64) chaintest.Block {
	return chaintest.Block{
		Chain: goldenChain, Contract: goldenContract, Transactions: 3, Index: 1, Amsterdam: size%2 == 1,
		Event: chain.Event{
			By: publisher, OriginHash: sha256.Sum256([]byte(origin)), Size: uint64(size), Root: w.at(size).small().Root(),
			Number: uint64(100 * size), Time: uint64(atMinute(minute).Unix()), Parent: chain.Hash(label(fmt.Sprintf("block before %d", size))),
			History: [24]byte(label("history")[:24]),
		},
	}
}

// anchored is a section of evidence: an anchor, and the consistency of its
// checkpoint with the file's.
func (w *world) anchored(size, file int, a proof.Anchor) proof.Anchored {
	of := w.witnessed(size, file)
	return proof.Anchored{Checkpoint: of.Checkpoint, Proof: of.Proof, Anchor: a}
}

func onChain(b chaintest.Block) proof.Anchor { return proof.Anchor{Chain: b.Proof()} }

// anchoredEvidence shows record 2 with anchors of the checkpoints behind it.
func (w *world) anchoredEvidence() *proof.Evidence {
	e := w.evidence(map[int][]string{2: shown})
	e.Anchored = []proof.Anchored{w.anchored(5, 5, onChain(w.block(5, 5))), w.anchored(3, 5, onChain(w.block(3, 2.5)))}
	return e
}

// anchoredTrust is the policy of somebody who asks for anchors, and knows the
// blocks of those sizes to be on the chain.
func (w *world) anchoredTrust(sizes ...int) *proof.Trust {
	t := w.trust
	c := proof.Chain{
		ID: goldenChain, Name: "Hoodi", Testnet: true, Contract: goldenContract,
		Publishers: []proof.Publisher{{Address: publisher, To: 1 << 40}},
	}
	for _, size := range sizes {
		c.Blocks = append(c.Blocks, blockOf(w.t, w.block(size, map[int]float64{3: 2.5, 5: 5}[size]).Proof()))
	}
	t.Chains = []proof.Chain{c}
	return &t
}

func blockOf(t testing.TB, p *chain.Proof) proof.BlockID {
	t.Helper()
	b, _, err := p.Verify()
	if err != nil {
		t.Fatal(err)
	}
	return proof.BlockID{Number: b.Number, Hash: b.Hash}
}

// authority is golden authority n; number 9 has the root of number 1.
func authority(n int) *timestamptest.Authority {
	if n == 9 {
		n = 1
	}
	return timestamptest.New(fmt.Sprintf("authority %d", n))
}

// stamp has an authority stamp the checkpoint of the first leaves.
func (w *world) stamp(n, size, file int, minute float64) proof.Anchored {
	return w.anchored(size, file, proof.Anchor{Stamp: authority(n).Token([]byte(w.text(size)), atMinute(minute))})
}

// text is what is signed of a checkpoint.
func (w *world) text(size int) string {
	text, _, _ := bytes.Cut(w.head(size), []byte("\n\n"))
	return string(text) + "\n"
}

// stampedEvidence shows record 2 with stamps of two authorities.
func (w *world) stampedEvidence() *proof.Evidence {
	e := w.evidence(map[int][]string{2: shown})
	e.Anchored = []proof.Anchored{w.stamp(1, 3, 5, 2.5), w.stamp(2, 5, 5, 5)}
	return e
}

// stampedTrust is the policy of somebody who asks for stamps of two authorities.
func (w *world) stampedTrust() *proof.Trust {
	t := w.trust
	t.Stamps = &proof.Stamps{Quorum: 2, Roots: []*x509.Certificate{authority(1).Root, authority(2).Root, authority(3).Root}}
	return &t
}

// withAnchors adds the vectors of policies that ask for anchors.
func (m *vectorMaker) withAnchors() {
	const valid, invalid, incomplete = proof.Valid, proof.Invalid, proof.Incomplete
	w := newWorld(m.w.t)
	m.w = w
	m.other["trust-anchors.json"] = w.anchoredTrust().Bytes()
	m.other["trust-blocks.json"] = w.anchoredTrust(3, 5).Bytes()
	m.other["trust-stamps.json"] = w.stampedTrust().Bytes()
	two := map[int][]string{2: shown}
	add := func(verdict proof.Verdict, check, name, why string, alter func(*proof.Evidence)) *vector {
		e := w.anchoredEvidence()
		if alter != nil {
			alter(e)
		}
		return m.add(verdict, check, name, why, "trust-blocks.json", e.Bytes())
	}
	// one has the file's one anchor in a block that is not as it should be.
	one := func(e *proof.Evidence, size int, alter func(*chaintest.Block)) {
		b := w.block(size, map[int]float64{2: 1.5, 3: 2.5, 5: 5}[size])
		alter(&b)
		e.Anchored = []proof.Anchored{w.anchored(size, 5, onChain(b))}
	}
	// wrong adds a file whose anchor is wrong in itself.
	wrong := func(check, name, why string, alter func(*proof.Evidence)) {
		v := add(invalid, check, name, why, alter)
		v.Trust = "trust.json" // it is wrong whether the policy asks for it or not
	}
	bad := func(name, why string, alter func(*chain.Proof)) {
		wrong("anchors", name, why, func(e *proof.Evidence) { alter(e.Anchored[1].Anchor.Chain) })
	}
	logged := func(name, why string, alter func(*types.Receipt)) {
		wrong("anchors", name, why, func(e *proof.Evidence) { one(e, 3, func(b *chaintest.Block) { b.Alter = alter }) })
	}
	policy := func(name string, alter func(*proof.Chain)) string {
		p := w.anchoredTrust(3, 5)
		alter(&p.Chains[0])
		m.other[name] = p.Bytes()
		return name
	}

	add(valid, "", "valid-anchored", "a checkpoint with the record was anchored in a block that the policy knows", nil)
	add(valid, "", "valid-anchored-later", "the file's tree was anchored as part of a larger one", func(e *proof.Evidence) {
		*e = *w.at(4).evidence(two)
		e.Anchored = []proof.Anchored{w.anchored(5, 4, onChain(w.block(5, 5)))}
	})
	add(valid, "", "valid-anchored-root", "an index-root is anchored too", func(e *proof.Evidence) {
		*e = *w.evidence(map[int][]string{2: shown, 4: nil})
		e.Anchored = w.anchoredEvidence().Anchored
	})
	add(valid, "", "valid-anchored-unasked", "the policy asks for no anchors", nil).Trust = "trust.json"
	add(valid, "", "valid-anchored-stranger", "an anchor by somebody whom the policy does not name is passed over, whatever its block", func(e *proof.Evidence) {
		b := w.block(3, 1)
		b.Event.By[0]++
		e.Anchored = append(e.Anchored, w.anchored(3, 5, onChain(b)))
	})
	add(valid, "", "valid-anchored-unconfirmed", "another anchor is in a block that is not confirmed", nil).Trust = policy("trust-block.json", func(c *proof.Chain) { c.Blocks = c.Blocks[:1] })
	doc := w.anchoredEvidence().Bytes()
	replace(&doc, `"log": 0,`, `"log": 0, "finality": {"later": []},`)
	m.add(valid, "", "valid-anchored-finality", "what shows that the block is final is for later verifiers", "trust-blocks.json", doc)

	add(incomplete, "anchors", "anchors-unconfirmed", "whether the chain has the block is not known", nil).Trust = "trust-anchors.json"
	add(incomplete, "anchors", "anchors-none", "the policy asks for anchors, and the file has none", func(e *proof.Evidence) { e.Anchored = nil })
	add(incomplete, "anchors", "anchors-older", "a checkpoint without the record was anchored", func(e *proof.Evidence) { one(e, 2, func(*chaintest.Block) {}) })
	add(incomplete, "anchors", "anchors-root-older", "a checkpoint with the record was anchored, but none with the index-root", func(e *proof.Evidence) {
		*e = *w.evidence(map[int][]string{2: shown, 4: nil})
		e.Anchored = w.anchoredEvidence().Anchored[1:]
	})
	add(incomplete, "anchors", "anchors-stranger", "somebody anchored it whom the policy does not name", func(e *proof.Evidence) {
		one(e, 3, func(b *chaintest.Block) { b.Event.By[19]++ })
	})
	add(incomplete, "anchors", "anchors-contract", "a contract logged it that the policy does not name", func(e *proof.Evidence) {
		one(e, 3, func(b *chaintest.Block) { b.Contract[19]++ })
	})
	add(incomplete, "anchors", "anchors-chain", "it is on a chain that the policy does not name", func(e *proof.Evidence) {
		one(e, 3, func(b *chaintest.Block) { b.Chain = 1 })
	})
	add(incomplete, "anchors", "anchors-range", "the publisher may not anchor checkpoints of these sizes", nil).Trust = policy("trust-publisher.json", func(c *proof.Chain) { c.Publishers[0].From = 6 })
	m.receipt(incomplete, "anchors", "anchors-receipt", "a receipt shows no anchors", 2, nil)
	m.all[len(m.all)-1].Trust = "trust-blocks.json"

	add(invalid, "anchors", "anchors-block", "the policy knows another block at this height", nil).Trust = policy("trust-other-block.json", func(c *proof.Chain) { c.Blocks[0].Hash[31]++ })
	add(invalid, "anchors", "anchors-header", "one bit of the header is another, and so is its hash", func(e *proof.Evidence) { e.Anchored[0].Anchor.Chain.Header[100] ^= 1 })
	wrong("anchors", "anchors-checkpoint", "an anchored checkpoint that the ledger did not sign", func(e *proof.Evidence) {
		replace(&e.Anchored[0].Checkpoint, "— "+origin, "— "+"ledger.example/other")
	})
	wrong("anchors", "anchors-proof", "the anchored tree is not shown to be a prefix", func(e *proof.Evidence) { e.Anchored[1].Proof = e.Anchored[1].Proof[1:] })
	forked := newLyingWorld(w.t, map[int]lie{1: func(e *record.Entry, _ []seal.Disclosure) { e.Capture = record.Late }})
	wrong("anchors", "anchors-fork", "another tree of this size was signed and anchored", func(e *proof.Evidence) { e.Anchored[0] = forked.anchored(5, 5, onChain(forked.block(5, 5))) })
	event := func(name, why string, alter func(*chain.Event)) {
		wrong("anchors", name, why, func(e *proof.Evidence) { one(e, 3, func(b *chaintest.Block) { alter(&b.Event) }) })
	}
	event("anchors-root", "another root was anchored at this size", func(e *chain.Event) { e.Root[0]++ })
	event("anchors-size", "the root was anchored for another size", func(e *chain.Event) { e.Size++ })
	event("anchors-origin", "the checkpoint of another ledger was anchored", func(e *chain.Event) { e.OriginHash[0]++ })
	logged("anchors-failed", "the transaction failed", func(r *types.Receipt) { r.Status = 0 })
	logged("anchors-event", "the contract logged something else", func(r *types.Receipt) { r.Logs[0].Topics[0][0]++ })
	logged("anchors-topics", "the event has a topic less", func(r *types.Receipt) { r.Logs[0].Topics = r.Logs[0].Topics[:3] })
	logged("anchors-data", "the event has a word more", func(r *types.Receipt) { r.Logs[0].Data = append(r.Logs[0].Data, make([]byte, 32)...) })
	logged("anchors-padding", "the size is padded with something else than zeros", func(r *types.Receipt) { r.Logs[0].Topics[3][0] = 1 })
	logged("anchors-padding-behind", "the history is padded with something else than zeros", func(r *types.Receipt) { r.Logs[0].Data[159] = 1 })
	wrong("anchors", "anchors-time", "no block is of the year 36812", func(e *proof.Evidence) {
		one(e, 3, func(b *chaintest.Block) { b.Event.Time = 1 << 40 })
	})
	bad("anchors-other-contract", "the event is of another contract than is said", func(p *chain.Proof) { p.Contract[0]++ })
	bad("anchors-transaction", "the path leads to another transaction", func(p *chain.Proof) { p.Index = 0 })
	bad("anchors-log", "the receipt has no such log", func(p *chain.Proof) { p.Log = 1 })
	bad("anchors-node", "one bit of a node is another", func(p *chain.Proof) { p.Nodes[1][40] ^= 1 })
	bad("anchors-node-missing", "the path lacks its last node", func(p *chain.Proof) { p.Nodes = p.Nodes[:1] })
	bad("anchors-node-more", "the path has a node too many", func(p *chain.Proof) { p.Nodes = append(p.Nodes, p.Nodes[1]) })
	bad("anchors-receipts-root", "the header has the root of other receipts", func(p *chain.Proof) { p.Header = w.block(3, 1).Proof().Header; p.Header[160] ^= 1 })
	bad("anchors-header-cut", "the header lacks its last byte", func(p *chain.Proof) { p.Header = p.Header[:len(p.Header)-1] })
	bad("anchors-header-more", "a byte follows the header", func(p *chain.Proof) { p.Header = append(p.Header, 0) })
	bad("anchors-header-long", "the length of the header is not written in its shortest form", func(p *chain.Proof) {
		p.Header = slices.Concat([]byte{0xfa, 0}, p.Header[1:])
	})
	bad("anchors-header-number", "the number of the block has a zero in front", func(p *chain.Proof) {
		i := bytes.Index(p.Header, []byte{0x82, 0x01, 0x2c}) // 300
		p.Header = slices.Concat(p.Header[:i], []byte{0x83, 0x00}, p.Header[i+1:])
		size := len(p.Header) - 3
		p.Header[1], p.Header[2] = byte(size>>8), byte(size)
	})
	text := func(name, why, old, new string) {
		doc := w.anchoredEvidence().Bytes()
		replace(&doc, old, new)
		m.add(invalid, "format", name, why, "trust.json", doc)
	}
	text("format-anchors", "a section of anchors has an anchor", `"anchors": [`, `"anchors": [], "rest": [`)
	text("format-anchors-none", "an anchor is on a chain or a stamp", `"chain": {`, `"chains": {`)
	text("format-anchors-both", "an anchor is not both", `"chain": {`, `"stamp": "", "chain": {`)
	text("format-anchors-address", "an address is in lower case", goldenContract.String(), "0xC5"+goldenContract.String()[4:])
	text("format-anchors-member", "a proof of a chain has no such member", `"log": 0,`, `"log": 0, "later": 0,`)
	text("format-anchors-path", "a path has at least one node", `"receipt": [`, `"receipt": [], "finality": [`)

	add(invalid, "time", "time-anchored", "the record was anchored long before it is said to have been recorded", func(e *proof.Evidence) {
		one(e, 3, func(b *chaintest.Block) { b.Event.Time = uint64(atMinute(-4).Unix()) })
	}).Trust = policy("trust-early-block.json", func(c *proof.Chain) { c.Blocks = []proof.BlockID{blockOf(w.t, w.block(3, -4).Proof())} })

	m.withObservations()

	stamps := func(verdict proof.Verdict, check, name, why string, anchors ...proof.Anchored) *vector {
		e := w.stampedEvidence()
		if anchors != nil {
			e.Anchored = anchors
		}
		return m.add(verdict, check, name, why, "trust-stamps.json", e.Bytes())
	}
	stamps(valid, "", "valid-stamped", "two of three authorities stamped checkpoints with the record")
	stamps(valid, "", "valid-stamped-unasked", "the policy asks for no stamps").Trust = "trust.json"
	stamps(incomplete, "stamps", "stamps-few", "one of two authorities stamped a checkpoint with the record", w.stamp(1, 3, 5, 2.5), w.stamp(2, 2, 5, 1.5))
	stamps(incomplete, "stamps", "stamps-one-root", "two stamps under one root are of one authority", w.stamp(1, 3, 5, 2.5), w.stamp(9, 5, 5, 5))
	stamps(incomplete, "stamps", "stamps-stranger", "an authority stamped it that the policy does not name", w.stamp(1, 3, 5, 2.5), w.stamp(4, 5, 5, 5))
	m.receipt(incomplete, "stamps", "stamps-receipt", "a receipt shows no stamps", 2, nil)
	m.all[len(m.all)-1].Trust = "trust-stamps.json"
	other := w.stamp(2, 5, 5, 5)
	other.Anchor.Stamp = w.stamp(2, 3, 5, 5).Anchor.Stamp
	stamps(invalid, "stamps", "stamps-other", "the stamp is of another checkpoint", w.stamp(1, 3, 5, 2.5), other)
	forged := w.stamp(2, 5, 5, 5)
	forged.Anchor.Stamp[len(forged.Anchor.Stamp)-1] ^= 1
	stamps(invalid, "stamps", "stamps-forged", "one bit of the signature is another", w.stamp(1, 3, 5, 2.5), forged)
	stamps(invalid, "stamps", "stamps-unread", "a token cannot be read", w.stamp(1, 3, 5, 2.5), w.anchored(5, 5, proof.Anchor{Stamp: []byte("token")}))
	stamps(invalid, "time", "time-stamped", "the record was stamped long before it is said to have been recorded", w.stamp(1, 3, 5, -4), w.stamp(2, 3, 5, -3.5))
}

// observing is a world of which a record names a block of the chain.
func observing(t testing.TB, index int) *world {
	return newLyingWorld(t, map[int]lie{index: func(e *record.Entry, _ []seal.Disclosure) {
		e.Type = "org.lendlog.chain.observed.v1"
		e.Open = canon.Map(
			canon.Member{Name: "target", Value: canon.Text("hoodi")}, canon.Member{Name: "chain", Value: canon.Number(goldenChain)},
			canon.Member{Name: "block", Value: canon.Number(90)}, canon.Member{Name: "blockHash", Value: canon.Text(observedHash.String())},
			canon.Member{Name: "at", Value: canon.Text(atMinute(0.9).Format(record.TimeLayout))},
		)
	}})
}

var observedHash = chain.Hash(label("observed block"))

// observed is evidence of that world, and observingTrust a policy that knows these
// blocks beside that of the anchor.
func (w *world) observed() *proof.Evidence {
	e := w.evidence(map[int][]string{1: nil, 2: nil})
	e.Anchored = []proof.Anchored{w.anchored(5, 5, onChain(w.block(5, 5)))}
	return e
}

func (w *world) observingTrust(blocks ...proof.BlockID) *proof.Trust {
	t := w.anchoredTrust(5)
	t.Chains[0].Blocks = append(t.Chains[0].Blocks, blocks...)
	return t
}

func (m *vectorMaker) withObservations() {
	w := observing(m.w.t, 1)
	at := func(minute float64) uint64 { return uint64(atMinute(minute).Unix()) }
	add := func(verdict proof.Verdict, check, name, why string, blocks ...proof.BlockID) {
		policy := "trust-" + name + ".json"
		m.other[policy] = w.observingTrust(blocks...).Bytes()
		m.add(verdict, check, name, why, policy, w.observed().Bytes())
	}
	add(proof.Valid, "", "valid-observed", "a record names a block, and it and the one behind it were recorded later", proof.BlockID{Number: 90, Hash: observedHash, Time: at(0.9)})
	add(proof.Valid, "", "valid-observed-timeless", "a record names a block whose time the policy does not say", proof.BlockID{Number: 90, Hash: observedHash})
	add(proof.Valid, "", "valid-observed-unknown", "a record names a block of which the policy does not say that the chain has it", proof.BlockID{Number: 91, Hash: observedHash, Time: at(60)})
	behind := observing(m.w.t, 2)
	m.other["trust-valid-observed-behind.json"] = behind.observingTrust(proof.BlockID{Number: 90, Hash: observedHash, Time: at(6.5)}).Bytes()
	m.add(proof.Valid, "", "valid-observed-behind", "the record behind names a block, which says nothing of the one before", "trust-valid-observed-behind.json", behind.observed().Bytes())
	signed := w.observingTrust(proof.BlockID{Number: 90, Hash: observedHash, Time: at(0.9)})
	signed.Submitters = w.signedTrust().Submitters
	m.other["trust-observed-signed.json"] = signed.Bytes()
	e := w.evidence(map[int][]string{1: nil, 2: {"*"}})
	e.Anchored = w.observed().Anchored
	m.add(proof.Valid, "", "valid-observed-signed", "nobody but the ledger submits a record that names a block, so none has to be signed", "trust-observed-signed.json", e.Bytes())
	add(proof.Invalid, "time", "time-observed", "a record names a block that was made long after it is said to have been recorded", proof.BlockID{Number: 90, Hash: observedHash, Time: at(8)})
	add(proof.Invalid, "time", "time-observed-other", "a record names a block in the place of which the chain has another", proof.BlockID{Number: 90, Time: at(0.9)})
}

// Of a block that a record names the hook is asked with the time that the record
// says, which is believed once it confirms it.
func TestConfirmObserved(t *testing.T) {
	w := observing(t, 1)
	trust := w.anchoredTrust(5)
	var asked []chain.Block
	var err error
	trust.Confirm = func(_ uint64, b chain.Block) error {
		asked = append(asked, b)
		return err
	}
	wantVerdict(t, proof.Verify(trust, w.observed()), proof.Valid, "", "")
	if want := (chain.Block{Number: 90, Hash: observedHash, Time: uint64(atMinute(0.9).Unix())}); !slices.Equal(asked, []chain.Block{want}) {
		t.Errorf("asked for %+v", asked)
	}
	err = errors.New("nobody answers")
	wantVerdict(t, proof.Verify(trust, w.observed()), proof.Valid, "", "")
	err = proof.ErrOtherBlock
	wantVerdict(t, proof.Verify(trust, w.observed()), proof.Invalid, "time", "another block at this height")
}

// The hook is asked of blocks that the policy does not know, once each, and of
// nothing else.
func TestConfirm(t *testing.T) {
	w := newWorld(t)
	e := w.anchoredEvidence()
	e.Anchored = append(e.Anchored, e.Anchored...)
	stranger := w.block(3, 1)
	stranger.Event.By[0]++
	e.Anchored = append(e.Anchored, w.anchored(3, 5, onChain(stranger)))
	for _, tt := range []struct {
		name  string
		known []int
		err   error
		want  proof.Verdict
		check string
		asked []uint64
	}{
		{"known", []int{3, 5}, errors.New("not asked"), proof.Valid, "", nil},
		{"one known", []int{3}, nil, proof.Valid, "", []uint64{500}},
		{"confirmed", nil, nil, proof.Valid, "", []uint64{500, 300}},
		{"not known", nil, errors.New("nobody answers"), proof.Incomplete, "anchors", []uint64{500, 300}},
		{"another", nil, fmt.Errorf("by two of two: %w", proof.ErrOtherBlock), proof.Invalid, "anchors", []uint64{500, 300}},
	} {
		trust := w.anchoredTrust(tt.known...)
		var asked []uint64
		trust.Confirm = func(id uint64, b chain.Block) error {
			if id != goldenChain {
				t.Errorf("%s: chain %d", tt.name, id)
			}
			asked = append(asked, b.Number)
			return tt.err
		}
		wantVerdict(t, proof.Verify(trust, e), tt.want, tt.check, "")
		if !slices.Equal(asked, tt.asked) {
			t.Errorf("%s: asked for %d", tt.name, asked)
		}
	}
}

// Of stamps, the time counts by which a quorum had stamped.
func TestStampsOfAQuorum(t *testing.T) {
	w := newWorld(t)
	e := w.evidence(map[int][]string{2: shown})
	e.Anchored = []proof.Anchored{w.stamp(1, 3, 5, -30), w.stamp(2, 5, 5, 2), w.stamp(3, 5, 5, 40), w.stamp(1, 5, 5, 20)}
	wantVerdict(t, proof.Verify(w.stampedTrust(), e), proof.Valid, "", "")
	trust := w.stampedTrust()
	trust.Stamps.Quorum = 1
	wantVerdict(t, proof.Verify(trust, e), proof.Invalid, "time", "dated forward")
	trust.Stamps.Quorum = 3
	wantVerdict(t, proof.Verify(trust, e), proof.Valid, "", "")
	// All that is asked for is asked for at once.
	trust.Chains = w.anchoredTrust(5).Chains
	wantVerdict(t, proof.Verify(trust, e), proof.Incomplete, "anchors", "")
	e.Anchored = append(e.Anchored, w.anchoredEvidence().Anchored[0])
	wantVerdict(t, proof.Verify(trust, e), proof.Valid, "", "")
	trust.Witnesses = w.witnesses(2)
	wantVerdict(t, proof.Verify(trust, e), proof.Incomplete, "witnesses", "")
}

// One authority that two roots vouch for is one, whatever certificates its tokens
// come with.
func TestStampsOfOneKey(t *testing.T) {
	w := newWorld(t)
	e := w.evidence(map[int][]string{2: shown})
	twice := authority(1).Token([]byte(w.text(5)), atMinute(5), timestamptest.Form{Also: []*x509.Certificate{authority(2).Vouch(authority(1))}})
	e.Anchored = []proof.Anchored{w.stamp(1, 5, 5, 5), w.anchored(5, 5, proof.Anchor{Stamp: twice})}
	trust := w.stampedTrust()
	slices.Reverse(trust.Stamps.Roots)
	wantVerdict(t, proof.Verify(trust, e), proof.Incomplete, "stamps", "1 of the 2")
}

// Bundles carry anchors of checkpoints that cover all of them.
func TestAnchoredBundle(t *testing.T) {
	w := newWorld(t)
	bundle := func(anchors ...proof.Anchored) []byte {
		var out bytes.Buffer
		e := w.evidence(map[int][]string{2: shown})
		head := &proof.Bundle{Checkpoint: e.Checkpoint, Genesis: e.Genesis, Query: &proof.Query{Filter: "all"}, Anchored: anchors}
		b, err := proof.NewBundleWriter(&out, head)
		if err == nil {
			err = b.Add(e.Records[0], e.Schemas[0])
		}
		if err = errors.Join(err, b.Close()); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	all := w.anchoredEvidence().Anchored
	other := w.anchoredEvidence().Anchored[0]
	other.Anchor.Chain.Nodes[0][9] ^= 1
	early := w.block(5, -4)
	known := w.anchoredTrust(3, 5)
	known.Chains[0].Blocks = append(known.Chains[0].Blocks[:1], blockOf(t, early.Proof()))
	for name, tt := range map[string]struct {
		trust   *proof.Trust
		anchors []proof.Anchored
		want    proof.Verdict
		check   string
	}{
		"anchored":         {w.anchoredTrust(3, 5), all, proof.Valid, ""},
		"unasked":          {&w.trust, all, proof.Valid, ""},
		"none":             {w.anchoredTrust(3, 5), nil, proof.Incomplete, "anchors"},
		"only of a part":   {w.anchoredTrust(3, 5), all[1:], proof.Incomplete, "anchors"},
		"unconfirmed":      {w.anchoredTrust(3), all, proof.Incomplete, "anchors"},
		"wrong":            {&w.trust, []proof.Anchored{other}, proof.Invalid, "anchors"},
		"dated forward":    {known, []proof.Anchored{w.anchored(5, 5, onChain(early))}, proof.Invalid, "time"},
		"stamped":          {w.stampedTrust(), []proof.Anchored{w.stamp(1, 5, 5, 5), w.stamp(2, 5, 5, 5)}, proof.Valid, ""},
		"stamped in parts": {w.stampedTrust(), []proof.Anchored{w.stamp(1, 5, 5, 5), w.stamp(2, 3, 5, 5)}, proof.Incomplete, "stamps"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := proof.VerifyBundle(tt.trust, bytes.NewReader(bundle(tt.anchors...)), nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			wantVerdict(t, r, tt.want, tt.check, "")
		})
	}
}
