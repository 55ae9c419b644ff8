// SPDX-License-Identifier: Apache-2.0

package proof

import (
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof/chain"
	"github.com/lendlog/lendlog/ledger/proof/timestamp"
	"github.com/lendlog/lendlog/ledger/tree"
)

// MaxAnchored bounds the anchors of a file.
const MaxAnchored = 2048

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
