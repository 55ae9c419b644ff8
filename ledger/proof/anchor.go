// SPDX-License-Identifier: Apache-2.0

package proof

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof/chain"
	"github.com/lendlog/lendlog/ledger/proof/timestamp"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

// MaxAnchored bounds the anchors of a file.
const MaxAnchored = 2048

// What a policy names at most.
const (
	maxChains     = 16
	maxPublishers = 64
	maxBlocks     = 1024
	maxStampRoots = 32
)

// An Anchored is a checkpoint that was anchored outside the ledger, and what
// connects it with the checkpoint of the file: the proof that the smaller of the
// two trees is a prefix of the larger.
type Anchored struct {
	Checkpoint []byte // signed note
	Proof      []tree.Hash
	Anchor     Anchor
}

// An Anchor is what somebody outside has of a checkpoint. Exactly one member is
// set.
type Anchor struct {
	Chain *chain.Proof // it is on a chain
	Stamp []byte       // RFC 3161 time stamp token over the checkpoint's text
}

// A Chain is a contract on a chain that a policy believes in.
type Chain struct {
	ID         uint64 // EIP-155
	Name       string // for people; "" for none
	Testnet    bool   // it is for trying things out, and each verdict says so
	Contract   chain.Address
	Publishers []Publisher
	Blocks     []BlockID // which the chain has, and which are final there
}

// A Publisher may anchor checkpoints of sizes From to To.
type Publisher struct {
	Address  chain.Address
	From, To int64 // To 0: no end
}

// A BlockID is a block that its policy's author knows to be on a chain.
type BlockID struct {
	Number uint64
	Hash   chain.Hash
	Time   uint64 // seconds since 1970; 0 where the policy does not say it
}

// Stamps are the authorities of a policy of which so many have to have stamped
// what is believed. Each root, by its key, is one authority.
type Stamps struct {
	Quorum int
	Roots  []*x509.Certificate
}

// ErrOtherBlock means that a chain has, at that height, another block than the one
// that was asked for.
var ErrOtherBlock = errors.New("the chain has another block at this height")

func (o *object) address(name string) chain.Address {
	a, err := chain.ParseAddress(o.text(name))
	if err != nil {
		o.fail(name, "is no address: "+err.Error())
	}
	return a
}

// list reads an array of one to most objects.
func (o *object) list(name string, most int, read func(*object)) {
	v, ok := o.take(name, canon.Array)
	if !ok {
		o.fail(name, "is missing")
		return
	}
	if n := len(v.Items); n == 0 || n > most {
		o.fail(name, fmt.Sprintf("has not one to %d items", most))
		return
	}
	for i, item := range v.Items {
		of := open(item, fmt.Sprintf("%s/%s/%d", o.at, name, i), o.err)
		read(of)
		of.end()
	}
}

func parseChains(o *object) (out []Chain) {
	o.list("chains", maxChains, func(o *object) {
		c := Chain{ID: uint64(o.number("id")), Contract: o.address("contract")}
		if has(o, "name") {
			c.Name = o.text("name")
		}
		if v, ok := o.take("testnet", canon.Bool); ok {
			c.Testnet = v.IsTrue()
		}
		o.taken["name"] = true
		if c.ID == 0 {
			o.fail("id", "is not the id of a chain")
		}
		if slices.ContainsFunc(out, func(other Chain) bool { return other.ID == c.ID && other.Contract == c.Contract }) {
			o.fail("contract", "stands there twice for one chain")
		}
		o.list("publishers", maxPublishers, func(o *object) {
			p := Publisher{Address: o.address("address")}
			p.From, p.To = o.sizes()
			c.Publishers = append(c.Publishers, p)
		})
		if has(o, "blocks") {
			o.list("blocks", maxBlocks, func(o *object) {
				b := BlockID{Number: uint64(o.number("number"))}
				var err error
				if b.Hash, err = chain.ParseHash(o.text("hash")); err != nil {
					o.fail("hash", "is no hash: "+err.Error())
				}
				if has(o, "time") {
					if b.Time = uint64(o.number("time")); b.Time == 0 || b.Time >= 1<<40 {
						o.fail("time", "is not the time of a block, in seconds since 1970; leave it out where it is not known")
					}
				}
				o.taken["time"] = true
				c.Blocks = append(c.Blocks, b)
			})
		}
		out = append(out, c)
	})
	return out
}

// sizes reads the range in which a key or an address counts.
func (o *object) sizes() (from, to int64) {
	if has(o, "from") {
		from = o.number("from")
	}
	if has(o, "to") {
		if to = o.number("to"); to == 0 || to < from {
			o.fail("to", "is not a size from \"from\" on")
		}
	}
	o.taken["from"], o.taken["to"] = true, true
	return from, to
}

func (c Chain) document() canon.Value {
	m := []canon.Member{member("id", canon.Number(int64(c.ID)))}
	if c.Name != "" {
		m = append(m, member("name", canon.Text(c.Name)))
	}
	if c.Testnet {
		m = append(m, member("testnet", canon.Flag(true)))
	}
	publishers := canon.Value{Kind: canon.Array}
	for _, p := range c.Publishers {
		publishers.Items = append(publishers.Items, canon.Map(append([]canon.Member{member("address", canon.Text(p.Address.String()))}, sizes(p.From, p.To)...)...))
	}
	m = append(m, member("contract", canon.Text(c.Contract.String())), member("publishers", publishers))
	if len(c.Blocks) > 0 {
		blocks := canon.Value{Kind: canon.Array}
		for _, b := range c.Blocks {
			of := []canon.Member{member("number", canon.Number(int64(b.Number))), member("hash", canon.Text(b.Hash.String()))}
			if b.Time != 0 {
				of = append(of, member("time", canon.Number(int64(b.Time))))
			}
			blocks.Items = append(blocks.Items, canon.Map(of...))
		}
		m = append(m, member("blocks", blocks))
	}
	return canon.Map(m...)
}

func sizes(from, to int64) (m []canon.Member) {
	if from != 0 {
		m = append(m, member("from", canon.Number(from)))
	}
	if to != 0 {
		m = append(m, member("to", canon.Number(to)))
	}
	return m
}

func parseStamps(o *object) *Stamps {
	s := &Stamps{Quorum: int(o.number("quorum"))}
	distinct := map[string]bool{}
	for i, v := range o.need("roots", canon.Array).Items {
		der, err := base64.StdEncoding.Strict().DecodeString(v.Str)
		if err != nil || base64.StdEncoding.EncodeToString(der) != v.Str {
			o.fail("roots", fmt.Sprintf("holds at %d no certificate in base64", i))
			return s
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			o.fail("roots", fmt.Sprintf("holds at %d no certificate: %v", i, err))
			return s
		}
		s.Roots = append(s.Roots, c)
		distinct[string(c.RawSubjectPublicKeyInfo)] = true
	}
	switch n := len(distinct); {
	case len(s.Roots) > maxStampRoots:
		o.fail("roots", fmt.Sprintf("names more than %d roots", maxStampRoots))
	case s.Quorum < 1 || s.Quorum > n:
		o.fail("quorum", fmt.Sprintf("is not a number from 1 to %d, as many roots as have a key of their own", n))
	}
	o.end()
	return s
}

func (s *Stamps) document() canon.Value {
	roots := canon.Value{Kind: canon.Array}
	for _, c := range s.Roots {
		roots.Items = append(roots.Items, canon.Text(base64.StdEncoding.EncodeToString(c.Raw)))
	}
	return canon.Map(member("quorum", canon.Number(int64(s.Quorum))), member("roots", roots))
}

// parseAnchors reads the section of a file.
func parseAnchors(o *object) (out []Anchored) {
	o.list("anchors", MaxAnchored, func(o *object) {
		a := parseAnchored(o)
		a.Proof = o.hashes("proof")
		out = append(out, a)
	})
	return out
}

func parseAnchored(o *object) Anchored {
	a := Anchored{Checkpoint: []byte(o.text("checkpoint"))}
	v, ok := o.take("chain", canon.Object)
	switch {
	case ok == has(o, "stamp"):
		o.fail("", "has not exactly one of chain and stamp")
	case ok:
		a.Anchor.Chain = parseProof(open(v, o.at+"/chain", o.err))
	default:
		a.Anchor.Stamp = o.blob("stamp", timestamp.MaxToken)
	}
	return a
}

// ParseAnchored reads what Value wrote.
func ParseAnchored(v canon.Value) (a Anchored, err error) {
	o := open(v, "", &err)
	a = parseAnchored(o)
	o.end()
	return a, err
}

// Value returns the anchor as it stands in a file, but without Proof: what
// connects it with the checkpoint of a file that is still to be made.
func (a Anchored) Value() canon.Value {
	m := []canon.Member{member("checkpoint", canon.Text(string(a.Checkpoint)))}
	p := a.Anchor.Chain
	if p == nil {
		return canon.Map(append(m, member("stamp", blob(a.Anchor.Stamp)))...)
	}
	nodes := canon.Value{Kind: canon.Array}
	for _, n := range p.Nodes {
		nodes.Items = append(nodes.Items, blob(n))
	}
	return canon.Map(append(m, member("chain", canon.Map(
		member("id", canon.Number(int64(p.Chain))), member("contract", canon.Text(p.Contract.String())), member("header", blob(p.Header)),
		member("transaction", canon.Number(int64(p.Index))), member("log", canon.Number(int64(p.Log))), member("receipt", nodes),
	)))...)
}

func blob(b []byte) canon.Value { return canon.Text(base64.StdEncoding.EncodeToString(b)) }

// Check verifies what an anchor says of the checkpoint of which it claims to be,
// without a policy: neither that a chain has the block, nor who stamped.
func (a Anchored) Check(cp tree.Checkpoint) error {
	if a.Anchor.Chain != nil {
		_, _, err := onChainOf(cp, a.Anchor.Chain)
		return err
	}
	if _, err := timestamp.Verify(a.Anchor.Stamp, []byte(cp.Text()), nil); !errors.Is(err, timestamp.ErrUnknown) {
		return err
	}
	return nil
}

// Place names where it is anchored, so that those in one place can be told from
// those in another: a contract on a chain, or the issuer of an authority's
// certificate.
func (a Anchor) Place() (string, error) {
	if p := a.Chain; p != nil {
		return fmt.Sprintf("chain/%d/%s", p.Chain, p.Contract), nil
	}
	issuer, err := timestamp.Issuer(a.Stamp)
	if err != nil {
		return "", err
	}
	return "stamp/" + issuer, nil
}

func parseProof(o *object) *chain.Proof {
	p := &chain.Proof{
		Chain: uint64(o.number("id")), Contract: o.address("contract"), Header: o.blob("header", chain.MaxHeader),
		Index: uint64(o.number("transaction")), Log: int(o.number("log")),
	}
	nodes := o.need("receipt", canon.Array).Items
	if len(nodes) == 0 || len(nodes) > chain.MaxNodes {
		o.fail("receipt", fmt.Sprintf("has not one to %d nodes", chain.MaxNodes))
		return p
	}
	for i, v := range nodes {
		at := canon.Map(member("node", v))
		p.Nodes = append(p.Nodes, open(at, fmt.Sprintf("%s/receipt/%d", o.at, i), o.err).blob("node", chain.MaxNode))
	}
	o.taken["finality"] = true // is for later verifiers; what it says only adds to what is checked here
	o.end()
	return p
}

// anchorsValue is the section as it stands in a file.
func anchorsValue(anchors []Anchored) canon.Value {
	list := canon.Value{Kind: canon.Array}
	for _, a := range anchors {
		list.Items = append(list.Items, canon.Map(append(a.Value().Members, member("proof", encodeHashes(a.Proof)))...))
	}
	return list
}

// anchored are the anchors of a file that count under its policy.
type anchored struct {
	chains  []onChain
	stamps  []stamped
	unnamed int // on chains, by contracts or by publishers that the policy does not name
	unknown int // of authorities that it does not know
}

// An onChain is a checkpoint in a block.
type onChain struct {
	size  int64
	chain *Chain
	chain.Block
	unconfirmed error // why it is not known that the chain has the block; nil when it is
}

// A stamped is a checkpoint that an authority stamped.
type stamped struct {
	size int64
	at   time.Time
	by   string   // the key of the root
	key  [32]byte // of the authority, by its hash
}

// connected verifies another checkpoint of a file, and that one of its tree and
// the file's continues the other.
func (r *Report) connected(t *Trust, cp tree.Checkpoint, signed []byte, proof []tree.Hash) (head, error) {
	h, err := t.openHead(signed)
	if err != nil {
		return head{}, err
	}
	older, newer := h.Checkpoint, cp
	if older.Size > newer.Size {
		older, newer = newer, older
	}
	if err := tree.VerifyConsistency(proof, older.Size, newer.Size, older.Root, newer.Root); err != nil {
		return head{}, fmt.Errorf("the ledger signed a tree of %d records and one of %d, and the file does not show that the larger continues the smaller: %w", older.Size, newer.Size, err)
	}
	return h, nil
}

// anchors verifies the anchors of a file, and returns those that count. What it
// says of each is whether it is what it claims to be; a policy that names neither
// chains nor authorities believes none.
func (r *Report) anchors(t *Trust, cp tree.Checkpoint, list []Anchored) (out anchored) {
	type place struct {
		*Chain
		chain.Hash
	}
	asked := map[place]error{}
	good := 0
	for i, a := range list {
		h, err := r.connected(t, cp, a.Checkpoint, a.Proof)
		if err != nil {
			r.add("anchors", -1, Fail, "checkpoint %d under anchors: %v", i, err)
			continue
		}
		if a.Anchor.Chain == nil {
			r.stamp(t, h, i, a.Anchor.Stamp, &out)
			continue
		}
		block, by, err := onChainOf(h.Checkpoint, a.Anchor.Chain)
		if err != nil {
			r.add("anchors", -1, Fail, "anchor %d: %v", i, err)
			continue
		}
		good++
		c := t.chain(a.Anchor.Chain, by, h.Size)
		if c == nil {
			out.unnamed++
			continue
		}
		at := place{c, block.Hash}
		why, ok := asked[at]
		if !ok {
			why = t.confirmed(c, block)
			asked[at] = why
		}
		if errors.Is(why, ErrOtherBlock) {
			r.add("anchors", -1, Fail, "anchor %d is said to be in block %d of %s with the hash %s, but %v", i, block.Number, c, block.Hash, why)
			continue
		}
		out.chains = append(out.chains, onChain{h.Size, c, block, why})
	}
	switch {
	case t.Chains == nil && good > 0:
		r.add("anchors", -1, Note, "%d anchors are events of contracts in blocks; the policy names no chains, so whether a chain has the blocks, and whose contracts they are, is not known", good)
	case out.unnamed > 0:
		r.add("anchors", -1, Note, "%d anchors are on chains, by contracts or by publishers that the policy does not name", out.unnamed)
	}
	return out
}

// onChainOf verifies that a contract logged a checkpoint, and returns where, and
// who sent it.
func onChainOf(cp tree.Checkpoint, p *chain.Proof) (chain.Block, chain.Address, error) {
	block, event, err := p.Verify()
	switch {
	case err != nil:
		return chain.Block{}, chain.Address{}, err
	case event.OriginHash != sha256.Sum256([]byte(cp.Origin)):
		return chain.Block{}, chain.Address{}, fmt.Errorf("the event in block %d is of another ledger", block.Number)
	case event.Size != uint64(cp.Size) || event.Root != cp.Root:
		return chain.Block{}, chain.Address{}, fmt.Errorf("the event in block %d is of another checkpoint, of %d records", block.Number, event.Size)
	}
	return block, event.By, nil
}

// String names a chain for people, with what its anchors are worth.
func (c *Chain) String() string {
	s := clip(c.Name)
	if s == "" {
		s = fmt.Sprintf("chain %d", c.ID)
	}
	if c.Testnet {
		s += " (a testnet: an anchor there is for trying things out)"
	}
	return s
}

// chain returns the chain of the policy on which a publisher may anchor trees of
// that size with that contract, nil for none.
func (t *Trust) chain(p *chain.Proof, by chain.Address, size int64) *Chain {
	for i := range t.Chains {
		c := &t.Chains[i]
		if c.ID == p.Chain && c.Contract == p.Contract && slices.ContainsFunc(c.Publishers, func(p Publisher) bool {
			return p.Address == by && p.From <= size && (p.To == 0 || size <= p.To)
		}) {
			return c
		}
	}
	return nil
}

// confirmed returns nil where the chain has the block, else why that is not known,
// or ErrOtherBlock.
func (t *Trust) confirmed(c *Chain, b chain.Block) error {
	other := false
	for _, known := range c.Blocks {
		if known.Number == b.Number {
			if known.Hash == b.Hash {
				return nil
			}
			other = true
		}
	}
	switch {
	case other:
		return ErrOtherBlock
	case t.Confirm != nil:
		return t.Confirm(c.ID, b)
	}
	return fmt.Errorf("look up whether %s has, and finally, block %d with the hash %s; then name it with --block %d:%d:%s, or in the trust file", c, b.Number, b.Hash, c.ID, b.Number, b.Hash)
}

// AddBlock adds a block of a chain of the policy, of which whoever verifies found
// out that the chain has it, finally: chain id, number, hash and, where it is
// known, the time in seconds since 1970, with colons between.
func (t *Trust) AddBlock(s string) error {
	parts := strings.Split(s, ":")
	var seconds uint64
	if len(parts) == 4 {
		var err error
		if seconds, err = strconv.ParseUint(parts[3], 10, 40); err != nil || seconds == 0 {
			return errors.New("the time of a block is a number of seconds since 1970")
		}
		parts = parts[:3]
	}
	if len(parts) != 3 {
		return errors.New("a block is written ID:NUMBER:HASH or ID:NUMBER:HASH:TIME, of which ID is that of the chain")
	}
	id, err := strconv.ParseUint(parts[0], 10, 53)
	if err != nil {
		return errors.New("the id of a chain is a number")
	}
	n, err := strconv.ParseUint(parts[1], 10, 53)
	if err != nil {
		return errors.New("the number of a block is a number")
	}
	hash, err := chain.ParseHash(parts[2])
	if err != nil {
		return fmt.Errorf("the hash of a block: %w", err)
	}
	named := false
	chains := slices.Clone(t.Chains)
	for i := range chains {
		if c := &chains[i]; c.ID == id {
			c.Blocks = append(slices.Clone(c.Blocks), BlockID{n, hash, seconds})
			named = true
		}
	}
	if !named {
		return fmt.Errorf("the policy names no contract on chain %d", id)
	}
	t.Chains = chains
	return nil
}

// stamp verifies a time stamp where the policy names authorities.
func (r *Report) stamp(t *Trust, h head, i int, token []byte, out *anchored) {
	if t.Stamps == nil {
		return
	}
	s, err := timestamp.Verify(token, []byte(h.Text()), t.Stamps.Roots)
	switch {
	case errors.Is(err, timestamp.ErrUnknown):
		out.unknown++
	case err != nil:
		r.add("stamps", -1, Fail, "anchor %d: %v", i, err)
	default:
		out.stamps = append(out.stamps, stamped{h.Size, s.Time, string(t.Stamps.Roots[s.Root].RawSubjectPublicKeyInfo), s.Key})
	}
}

// on returns the earliest confirmed block with a checkpoint that covers a leaf, and
// where there is none an unconfirmed one; nil when there is neither.
func (a *anchored) on(index int64) *onChain {
	var found *onChain
	for i := range a.chains {
		c := &a.chains[i]
		switch {
		case c.size <= index:
		case found == nil, (c.unconfirmed == nil) && (found.unconfirmed != nil),
			(c.unconfirmed == nil) == (found.unconfirmed == nil) && c.Time < found.Time:
			found = c
		}
	}
	return found
}

// by returns the time by which a quorum of authorities had stamped checkpoints
// that cover a leaf, and how many had: among any quorum is an honest one.
func (a *anchored) by(index int64, quorum int) (time.Time, int) {
	first := map[string]time.Time{}
	roots := map[[32]byte]string{}
	for _, s := range a.stamps {
		if s.size <= index {
			continue
		}
		// Who leads to several roots, by the certificates that somebody put into a
		// token, counts for one of them.
		if _, ok := roots[s.key]; !ok {
			roots[s.key] = s.by
		}
		by := roots[s.key]
		if at, ok := first[by]; !ok || s.at.Before(at) {
			first[by] = s.at
		}
	}
	if len(first) < quorum {
		return time.Time{}, len(first)
	}
	times := make([]time.Time, 0, len(first))
	for _, at := range first {
		times = append(times, at)
	}
	slices.SortFunc(times, time.Time.Compare)
	return times[quorum-1], len(first)
}

// covers says whether a leaf is anchored as the policy asks for, and by when it
// was there; zero where that is not known. record is the leaf's index, or -1 where
// it stands for a whole file.
func (r *Report) covers(t *Trust, a *anchored, record, index int64) (before time.Time) {
	if t.Chains != nil {
		switch c := a.on(index); {
		case c == nil:
			r.add("anchors", record, Missing, "no checkpoint with it was anchored, on a chain and by a publisher that the policy names, so far as the file shows; ask for evidence once one is")
		case c.unconfirmed != nil:
			r.add("anchors", record, Missing, "it is anchored in block %d, which is not confirmed: %v", c.Number, c.unconfirmed)
		default:
			before = time.Unix(int64(c.Time), 0)
			r.add("anchors", record, Pass, "anchored on %s in block %d, %s", c.chain, c.Number, c.Hash)
		}
	}
	if s := t.Stamps; s != nil {
		switch at, n := a.by(index, s.Quorum); {
		case n < s.Quorum:
			r.add("stamps", record, Missing, "%d of the %d authorities that the policy asks for have stamped a checkpoint with it, so far as the file shows; ask for evidence once they have", n, s.Quorum)
		default:
			if before.IsZero() || at.Before(before) {
				before = at
			}
			r.add("stamps", record, Pass, "%d authorities stamped a checkpoint with it, and %d are asked for", n, s.Quorum)
		}
	}
	return before
}

// An observed is a block of a chain of the policy that a record names. Nobody knows
// the hash of a block before it is made, so that record and all behind it are later.
type observed struct {
	index int64 // of the record
	chain *Chain
	chain.Block
}

// observations returns the blocks that records of the file name and that are known
// to be on a chain. Time is 0 where only the record says it.
func (v *verifier) observations() (out []observed) {
	for _, l := range v.links {
		if l.Type != record.TypeChainObserved {
			continue
		}
		id, _ := l.Open.Get("chain")
		number, _ := l.Open.Get("block")
		hash, _ := l.Open.Get("blockHash")
		h, err := chain.ParseHash(hash.Str)
		if err != nil || id.Kind != canon.Int || number.Kind != canon.Int || id.Int < 1 || number.Int < 0 {
			continue
		}
		b := chain.Block{Number: uint64(number.Int), Hash: h}
		c, err := v.trust.observed(uint64(id.Int), &b, l.Open)
		switch {
		case errors.Is(err, ErrOtherBlock):
			v.add("time", l.index, Fail, "it names block %d of %s with the hash %s, but %v", b.Number, c, b.Hash, err)
		case c != nil && err == nil:
			out = append(out, observed{l.index, c, b})
		}
	}
	return out
}

// observed tells on which chain of the policy a block is, nil where that is not
// known, and sets its time where that is.
func (t *Trust) observed(id uint64, b *chain.Block, open canon.Value) (c *Chain, err error) {
	for i := range t.Chains {
		if t.Chains[i].ID != id {
			continue
		}
		c = &t.Chains[i]
		for _, known := range c.Blocks {
			switch {
			case known.Number != b.Number:
			case known.Hash == b.Hash:
				b.Time = known.Time
				return c, nil
			default:
				err = ErrOtherBlock
			}
		}
	}
	if c == nil || err != nil || t.Confirm == nil {
		if err == nil {
			c = nil
		}
		return c, err
	}
	at, _ := open.Get("at")
	claimed, bad := time.Parse(time.RFC3339, at.Str)
	if bad != nil || claimed.Unix() < 1 {
		return nil, nil
	}
	b.Time = uint64(claimed.Unix())
	return c, t.Confirm(id, *b)
}

// notBefore holds when a record was recorded against the latest block that one
// before it names.
func (v *verifier) notBefore(l link, blocks []observed) {
	var latest, unknown *observed
	for i := range blocks {
		switch b := &blocks[i]; {
		case b.index > l.index:
		case b.Time == 0:
			unknown = b
		case latest == nil || b.Time > latest.Time:
			latest = b
		}
	}
	switch {
	case latest != nil:
		at := time.Unix(int64(latest.Time), 0)
		clock := func(t time.Time) string { return t.UTC().Format(record.TimeLayout) }
		if l.Recorded.Before(at.Add(-v.trust.tolerance())) {
			v.add("time", l.index, Fail, "it says that it was recorded at %s, but record %d, which does not lie behind it, names block %d of %s, which is of %s: it was dated back", clock(l.Recorded), latest.index, latest.Number, latest.chain, clock(at))
			return
		}
		v.add("time", l.index, Pass, "it was recorded after block %d of %s, of %s", latest.Number, latest.chain, clock(at))
	case unknown != nil:
		v.add("time", l.index, Note, "it was recorded after block %d of %s, with the hash %s, whose time the policy does not say", unknown.Number, unknown.chain, unknown.Hash)
	}
}

// leafAnchored says whether a leaf of the file is anchored, and holds when it was
// recorded, if it was, against when it was.
func (v *verifier) leafAnchored(index int64, e *record.Entry) {
	before := v.covers(v.trust, &v.anchored, index, index)
	if e != nil && !before.IsZero() {
		v.notAfter(v.trust, index, e.Recorded, before)
	}
}

// notAfter holds a time of recording against the time by which the record was
// anchored.
func (r *Report) notAfter(t *Trust, index int64, at, before time.Time) {
	clock := func(t time.Time) string { return t.UTC().Format(record.TimeLayout) }
	if at.After(before.Add(t.tolerance())) {
		r.add("time", index, Fail, "it says that it was recorded at %s, but it was anchored by %s: it was dated forward", clock(at), clock(before))
		return
	}
	r.add("time", index, Pass, "it was there by %s, by its anchors", clock(before))
}

// tolerance is how far the ledger's clock may be from others'.
func (t *Trust) tolerance() time.Duration {
	if t.Witnesses != nil {
		return t.Witnesses.tolerance()
	}
	return defaultTolerance
}

// unanchored says of a receipt that nothing in it shows an anchor.
func (r *Report) unanchored(t *Trust, index int64) {
	if t.Chains != nil {
		r.add("anchors", index, Missing, "the policy asks for anchors, which a receipt has none of: ask for evidence of the record")
	}
	if t.Stamps != nil {
		r.add("stamps", index, Missing, "the policy asks for time stamps, which a receipt has none of: ask for evidence of the record")
	}
}
