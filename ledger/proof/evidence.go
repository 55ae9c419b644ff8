// SPDX-License-Identifier: Apache-2.0

package proof

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/term"
	"github.com/lendlog/lendlog/ledger/tree"
)

// EvidenceFormat and ReceiptFormat are the versions of the two files.
const (
	EvidenceFormat = "lendlog-evidence/1"
	ReceiptFormat  = "lendlog-receipt/1"
)

// maxEvidence bounds an evidence file, and a receipt. maxClaims bounds how many
// subjects a file may claim completeness of: to verify one takes a fraction of
// a millisecond, of which a small file could ask for minutes. maxMapProof bounds a
// proof in the map: of 32-byte keys it has at most 256 steps of 34 bytes, and
// the pair of another key.
const (
	maxEvidence = 64 << 20
	maxClaims   = 1024
	maxMapProof = 16 << 10
)

// Evidence lets a stranger verify records offline.
type Evidence struct {
	Checkpoint []byte // signed note
	Genesis    Genesis
	Schemas    [][]byte // exact bytes
	Records    []Record
	Complete   []Complete
	Witnessed  []Witnessed
	Anchored   []Anchored

	// Sections lists members that this verifier does not know. Bytes does not
	// write them. A verdict that ignores them is at best INCOMPLETE.
	Sections []string
}

// Genesis shows which ledger the checkpoint is of.
type Genesis struct {
	Entry []byte      // leaf 0
	Proof []tree.Hash // its inclusion
}

// A Record is one leaf with what its holder shows of it.
type Record struct {
	Index       int64
	Entry       []byte
	Proof       []tree.Hash
	Disclosures []SealedMember
	Subject     *Subject // nil when not shown
}

// A Complete claims that the records of the file that are of a subject, be it
// none, are all that the subject has. What it is held against is the map to
// which the last leaf under the checkpoint commits, an index-root that has to
// be among the records.
type Complete struct {
	Subject string // kind/id
	Proof   []byte // VRF proof of its term
	Map     []byte // proof of a lookup of the term, see package mpt
}

// A SealedMember is one disclosure and its inclusion proof in the small tree
// of its record.
type SealedMember struct {
	Disclosure []byte
	Proof      []tree.Hash
}

// A Subject shows whose record it is: the VRF proof of the entry's term.
type Subject struct {
	Subject string // kind/id
	Proof   []byte
}

// AddSchema adds a schema unless the file has it.
func (e *Evidence) AddSchema(text []byte) {
	if !slices.ContainsFunc(e.Schemas, func(s []byte) bool { return bytes.Equal(s, text) }) {
		e.Schemas = append(e.Schemas, text)
	}
}

// Disclose picks the disclosures of the given pointers, with their proofs,
// out of all disclosures of a record in the order of its schema. Of a
// restricted record it adds /type, without which no other member can be
// verified.
func Disclose(schema *record.Schema, all []seal.Disclosure, pointers ...string) ([]SealedMember, error) {
	if schema.Restricted && !slices.Contains(pointers, "/type") {
		pointers = append(slices.Clone(pointers), "/type")
	}
	small := seal.Small(all)
	var out []SealedMember
	for _, ptr := range pointers {
		i := slices.Index(schema.Pointers(), ptr)
		if i < 0 || i >= len(all) || all[i].Pointer != ptr {
			return nil, fmt.Errorf("%s is not a sealed member of %s; `lendlog types show %s` lists them", ptr, schema.Type, schema.Type)
		}
		out = append(out, SealedMember{Disclosure: all[i].Bytes(), Proof: small.Prove(i)})
	}
	return out, nil
}

// ParseEvidence reads an evidence file. It checks its form only.
func ParseEvidence(b []byte) (*Evidence, error) {
	e := &Evidence{}
	err := parse(b, maxEvidence, func(o *object) {
		o.version(EvidenceFormat)
		e.Checkpoint = []byte(o.text("checkpoint"))
		e.Genesis = o.genesis()
		for i, s := range o.need("schemas", canon.Array).Items {
			if s.Kind != canon.String {
				o.fail("schemas", fmt.Sprintf("holds at %d something else than a string", i))
			}
			e.Schemas = append(e.Schemas, []byte(s.Str))
		}
		for i, v := range o.need("records", canon.Array).Items {
			e.Records = append(e.Records, parseRecord(open(v, fmt.Sprintf("/records/%d", i), o.err), true))
		}
		if len(e.Records) == 0 {
			o.fail("records", "holds no record")
		}
		if v, ok := o.take("completeness", canon.Array); ok {
			for i, item := range v.Items {
				c := open(item, fmt.Sprintf("/completeness/%d", i), o.err)
				e.Complete = append(e.Complete, Complete{
					Subject: c.text("subject"), Proof: c.bytes("proof", term.ProofSize), Map: c.blob("map", maxMapProof),
				})
				c.end()
			}
			if n := len(e.Complete); n == 0 || n > maxClaims {
				o.fail("completeness", "is not of one to 1,024 subjects; leave it out, or make several files")
			}
		}
		if v, ok := o.take("witnesses", canon.Array); ok {
			for i, item := range v.Items {
				w := open(item, fmt.Sprintf("/witnesses/%d", i), o.err)
				e.Witnessed = append(e.Witnessed, Witnessed{Checkpoint: []byte(w.text("checkpoint")), Proof: w.hashes("proof")})
				w.end()
			}
			if n := len(e.Witnessed); n == 0 || n > MaxWitnessed {
				o.fail("witnesses", "is not of one to 2,048 checkpoints; leave it out, or make several files")
			}
		}
		if has(o, "anchors") {
			e.Anchored = parseAnchors(o)
		}
		for _, m := range o.Members {
			if !o.taken[m.Name] {
				e.Sections = append(e.Sections, m.Name)
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read the evidence: %w", err)
	}
	return e, nil
}

func (o *object) genesis() Genesis {
	g := open(o.need("genesis", canon.Object), "/genesis", o.err)
	defer g.end()
	return Genesis{Entry: []byte(g.text("entry")), Proof: g.hashes("proof")}
}

// parseRecord reads a record that has a proof of its own, or one that must not.
func parseRecord(o *object, proved bool) Record {
	r := Record{Index: o.number("index"), Entry: []byte(o.text("entry"))}
	if proved {
		r.Proof = o.hashes("proof")
	}
	for i, v := range o.need("disclosures", canon.Array).Items {
		d := open(v, fmt.Sprintf("%s/disclosures/%d", o.at, i), o.err)
		r.Disclosures = append(r.Disclosures, SealedMember{Disclosure: []byte(d.text("disclosure")), Proof: d.hashes("proof")})
		d.end()
	}
	if v, ok := o.take("subject", canon.Object); ok {
		s := open(v, o.at+"/subject", o.err)
		r.Subject = &Subject{Subject: s.text("subject"), Proof: s.bytes("proof", term.ProofSize)}
		s.end()
	}
	o.end()
	return r
}

// Bytes returns the evidence file, indented for people.
func (e *Evidence) Bytes() []byte {
	schemas := canon.Value{Kind: canon.Array}
	for _, s := range e.Schemas {
		schemas.Items = append(schemas.Items, canon.Text(string(s)))
	}
	records := canon.Value{Kind: canon.Array}
	for _, r := range e.Records {
		records.Items = append(records.Items, r.value(true))
	}
	members := []canon.Member{
		member("v", canon.Text(EvidenceFormat)),
		member("checkpoint", canon.Text(string(e.Checkpoint))),
		member("genesis", e.Genesis.value()),
		member("schemas", schemas),
		member("records", records),
	}
	if len(e.Complete) > 0 {
		list := canon.Value{Kind: canon.Array}
		for _, c := range e.Complete {
			list.Items = append(list.Items, canon.Value{Kind: canon.Object, Members: []canon.Member{
				member("subject", canon.Text(c.Subject)),
				member("proof", canon.Text(base64.StdEncoding.EncodeToString(c.Proof))),
				member("map", canon.Text(base64.StdEncoding.EncodeToString(c.Map))),
			}})
		}
		members = append(members, member("completeness", list))
	}
	if len(e.Witnessed) > 0 {
		list := canon.Value{Kind: canon.Array}
		for _, w := range e.Witnessed {
			list.Items = append(list.Items, canon.Map(member("checkpoint", canon.Text(string(w.Checkpoint))), member("proof", encodeHashes(w.Proof))))
		}
		members = append(members, member("witnesses", list))
	}
	if len(e.Anchored) > 0 {
		members = append(members, member("anchors", anchorsValue(e.Anchored)))
	}
	return document(members...)
}

// value returns the member genesis of a file.
func (g Genesis) value() canon.Value {
	return canon.Value{Kind: canon.Object, Members: []canon.Member{
		member("entry", canon.Text(string(g.Entry))), member("proof", encodeHashes(g.Proof)),
	}}
}

// value returns the record as it stands in a file, with its proof or without.
func (r Record) value(proved bool) canon.Value {
	list := canon.Value{Kind: canon.Array}
	for _, d := range r.Disclosures {
		list.Items = append(list.Items, canon.Value{Kind: canon.Object, Members: []canon.Member{
			member("disclosure", canon.Text(string(d.Disclosure))), member("proof", encodeHashes(d.Proof)),
		}})
	}
	m := []canon.Member{member("index", canon.Number(r.Index)), member("entry", canon.Text(string(r.Entry)))}
	if proved {
		m = append(m, member("proof", encodeHashes(r.Proof)))
	}
	m = append(m, member("disclosures", list))
	if r.Subject != nil {
		m = append(m, member("subject", canon.Value{Kind: canon.Object, Members: []canon.Member{
			member("subject", canon.Text(r.Subject.Subject)),
			member("proof", canon.Text(base64.StdEncoding.EncodeToString(r.Subject.Proof))),
		}}))
	}
	return canon.Value{Kind: canon.Object, Members: m}
}

// A Receipt is what a submitter is handed.
type Receipt struct {
	Index      int64
	Entry      []byte
	Seeds      map[string]seal.Seed // by key group
	Proof      []tree.Hash          // inclusion under Checkpoint; nil when not asked for
	Checkpoint []byte               // signed note
	Restricted *Restricted          // of a restricted record only
}

// Restricted is what the ledger added to the sealed members of a restricted
// record: without it, its submitter could not recompute the seal.
type Restricted struct {
	Submitter string
	Refs      []int64
}

// Members returns the values of the four pointers that only restricted
// records have; see docs/formats.md section 3.
func (x *Restricted) Members(ev *record.Event) map[string]canon.Value {
	m := map[string]canon.Value{
		"/submitter": canon.Text(x.Submitter),
		"/time":      canon.Text(ev.Time),
		"/type":      ev.Schema.SealedType(),
	}
	if len(x.Refs) > 0 {
		m["/refs"] = x.refs()
	}
	return m
}

func (x *Restricted) refs() canon.Value {
	v := canon.Value{Kind: canon.Array}
	for _, r := range x.Refs {
		v.Items = append(v.Items, canon.Number(r))
	}
	return v
}

// ParseReceipt reads a receipt file. It checks its form only.
func ParseReceipt(b []byte) (*Receipt, error) {
	r := &Receipt{Seeds: map[string]seal.Seed{}}
	err := parse(b, maxEvidence, func(o *object) {
		o.version(ReceiptFormat)
		r.Index = o.number("index")
		r.Entry = []byte(o.text("entry"))
		r.Checkpoint = []byte(o.text("checkpoint"))
		seeds := open(o.need("seeds", canon.Object), "/seeds", o.err)
		for _, m := range seeds.Members {
			r.Seeds[m.Name] = seal.Seed(seeds.bytes(m.Name, 32))
		}
		if _, ok := o.Get("proof"); ok {
			r.Proof = o.hashes("proof")
		}
		o.taken["proof"] = true
		if v, ok := o.take("restricted", canon.Object); ok {
			x := open(v, "/restricted", o.err)
			r.Restricted = &Restricted{Submitter: x.text("submitter")}
			for _, item := range x.need("refs", canon.Array).Items {
				if item.Kind != canon.Int || item.Int < 0 {
					x.fail("refs", "is not a list of indexes")
				}
				r.Restricted.Refs = append(r.Restricted.Refs, item.Int)
			}
			x.end()
		}
		o.end()
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read the receipt: %w", err)
	}
	return r, nil
}

// Bytes returns the receipt file, indented for people.
func (r *Receipt) Bytes() []byte { return append(indent(nil, r.Document(), ""), '\n') }

// Document returns the receipt as a JSON value.
func (r *Receipt) Document() canon.Value {
	var names []string
	for g := range r.Seeds {
		names = append(names, g)
	}
	slices.Sort(names)
	seeds := canon.Value{Kind: canon.Object}
	for _, g := range names {
		s := r.Seeds[g]
		seeds.Members = append(seeds.Members, member(g, canon.Text(base64.StdEncoding.EncodeToString(s[:]))))
	}
	m := []canon.Member{
		member("v", canon.Text(ReceiptFormat)), member("index", canon.Number(r.Index)),
		member("entry", canon.Text(string(r.Entry))), member("seeds", seeds),
	}
	if r.Proof != nil {
		m = append(m, member("proof", encodeHashes(r.Proof)))
	}
	m = append(m, member("checkpoint", canon.Text(string(r.Checkpoint))))
	if x := r.Restricted; x != nil {
		m = append(m, member("restricted", canon.Map(member("submitter", canon.Text(x.Submitter)), member("refs", x.refs()))))
	}
	return canon.Value{Kind: canon.Object, Members: m}
}
