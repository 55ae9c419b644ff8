// SPDX-License-Identifier: Apache-2.0

package proof

import (
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
)

// What a policy names at most.
const (
	maxChains     = 16
	maxPublishers = 64
	maxBlocks     = 1024
	maxStampRoots = 32
)

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
			p.From, p.To = o.span("to")
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

// span reads the range in which a key or an address counts: from "from" to what
// end names.
func (o *object) span(end string) (from, to int64) {
	if has(o, "from") {
		from = o.number("from")
	}
	if has(o, end) {
		if to = o.number(end); to == 0 || to < from {
			o.fail(end, "is not a number from \"from\" on")
		}
	}
	o.taken["from"], o.taken[end] = true, true
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
		publishers.Items = append(publishers.Items, canon.Map(append([]canon.Member{member("address", canon.Text(p.Address.String()))}, span(p.From, "to", p.To)...)...))
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

func span(from int64, end string, to int64) (m []canon.Member) {
	if from != 0 {
		m = append(m, member("from", canon.Number(from)))
	}
	if to != 0 {
		m = append(m, member(end, canon.Number(to)))
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

// tolerance is how far the ledger's clock may be from others'.
func (t *Trust) tolerance() time.Duration {
	if t.Witnesses != nil {
		return t.Witnesses.tolerance()
	}
	return defaultTolerance
}
