// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/term"
	"github.com/lendlog/lendlog/ledger/tree"
)

// vectors is where the test vectors for other verifiers lie; see the README
// there.
const vectors = "testdata/vectors"

// A vector is a file with what a verifier has to say of it.
type vector struct {
	File    string `json:"file"`
	Trust   string `json:"trust"`
	Event   string `json:"event,omitempty"`   // that a receipt is held against
	Schema  string `json:"schema,omitempty"`  // of that event
	Against string `json:"against,omitempty"` // a receipt that evidence is held against
	Verdict string `json:"verdict"`
	Check   string `json:"check,omitempty"` // that fails, or cannot be made
	Why     string `json:"why"`

	doc []byte
}

// What is no verdict: unread, of a file that is no file of ours, and refused, of a
// policy that is none.
const (
	unread  = "UNREAD"
	refused = "REFUSED"
)

// A vectorMaker makes vectors of the golden world.
type vectorMaker struct {
	w     *world
	all   []vector
	other map[string][]byte // trust policies, events and schemas, by the names of their files
}

func (m *vectorMaker) add(verdict proof.Verdict, check, name, why, trust string, doc []byte) *vector {
	m.all = append(m.all, vector{File: name + ".json", Trust: trust, Verdict: verdict.String(), Check: check, Why: why, doc: doc})
	return &m.all[len(m.all)-1]
}

// evidence adds evidence of the golden world that was altered.
func (m *vectorMaker) evidence(verdict proof.Verdict, check, name, why string, shows map[int][]string, alter func(*proof.Evidence)) *vector {
	e := m.w.evidence(shows)
	if alter != nil {
		alter(e)
	}
	return m.add(verdict, check, name, why, "trust.json", e.Bytes())
}

// lie adds evidence that its operator signed although it is not true.
func (m *vectorMaker) lie(verdict proof.Verdict, check, name, why string, index int, told lie, shows map[int][]string) {
	w := newLyingWorld(m.w.t, map[int]lie{index: told})
	m.add(verdict, check, name, why, "trust.json", w.evidence(shows).Bytes())
}

// text adds evidence whose bytes were altered.
func (m *vectorMaker) text(verdict proof.Verdict, check, name, why, old, new string) {
	doc := m.w.evidence(map[int][]string{2: shown}).Bytes()
	replace(&doc, old, new)
	v := m.add(verdict, check, name, why, "trust.json", doc)
	if check == "" {
		v.Verdict = unread
	}
}

// receipt adds a receipt of the golden world that was altered.
func (m *vectorMaker) receipt(verdict proof.Verdict, check, name, why string, index int, alter func(*proof.Receipt)) {
	rc := m.w.receipt(index)
	if alter != nil {
		alter(rc)
	}
	v := m.add(verdict, check, name, why, "trust.json", rc.Bytes())
	v.Event, v.Schema = "event.json", "decided.schema.json"
	if index == 3 {
		v.Event, v.Schema = "event-restricted.json", "noted.schema.json"
	}
}

func makeVectors(t *testing.T) *vectorMaker {
	w := newWorld(t)
	m := &vectorMaker{w: w, other: map[string][]byte{
		"trust.json": w.trust.Bytes(), "trust-submitters.json": w.signedTrust().Bytes(),
		"event.json": append(w.records[2].event.Document().Bytes(), '\n'), "event-restricted.json": append(w.records[3].event.Document().Bytes(), '\n'),
		"decided.schema.json": w.schemas["decided"].Text, "noted.schema.json": w.schemas["noted"].Text,
	}}
	policy := func(name string, alter func(*proof.Trust)) string {
		p := w.trust
		p.Keys = slices.Clone(p.Keys)
		alter(&p)
		m.other[name] = p.Bytes()
		return name
	}
	const valid, invalid, incomplete = proof.Valid, proof.Invalid, proof.Incomplete
	two := map[int][]string{2: shown}
	whole := map[int][]string{2: {"*"}}
	restricted := map[int][]string{3: {"*"}}
	chain := map[int][]string{1: nil, 2: nil}
	forger := ed25519.NewKeyFromSeed(label("forger"))
	sign := func(of string, size int64, name string, key ed25519.PrivateKey) []byte {
		signed, err := tree.Checkpoint{Origin: of, Size: size, Root: w.small().Root()}.Sign(signerOf(t, name, key))
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	place := func(schema, pointer string) int { return slices.Index(w.schemas[schema].Pointers(), pointer) }

	m.evidence(valid, "", "valid-some", "some members are disclosed, one of them absent", two, nil)
	m.evidence(valid, "", "valid-plain", "nothing is disclosed; one record is an index-root", map[int][]string{1: nil, 4: nil}, nil)
	m.evidence(valid, "", "valid-all", "all members of all records, the genesis record among them", map[int][]string{0: {"*"}, 1: {"*"}, 2: {"*"}, 3: {"*"}, 4: nil}, nil)
	m.evidence(valid, "", "valid-signed", "the policy asks for the submitter's signature, and it is there", whole, nil).Trust = "trust-submitters.json"
	m.evidence(valid, "", "valid-restricted", "a restricted record, disclosed in part", map[int][]string{3: {"/data/kind", "/refs"}}, nil)
	m.evidence(valid, "", "valid-order", "neither records nor disclosures have an order, and a schema that no record needs means nothing", map[int][]string{1: {"/subject", "/id"}, 2: shown}, func(e *proof.Evidence) {
		slices.Reverse(e.Records)
		slices.Reverse(e.Records[0].Disclosures)
		e.Schemas = append(e.Schemas, []byte("of a later profile"))
	})
	m.evidence(valid, "", "valid-cosigned", "a signature of a key that the policy does not know is passed over", two, func(e *proof.Evidence) {
		e.Checkpoint = append(e.Checkpoint, bytes.SplitAfter(sign(origin, 5, "witness.example/w1", forger), []byte("\n"))[4]...)
	})
	m.lie(valid, "", "valid-extension", "an extension of a restricted record may have the name of a member that only those have", 3, func(_ *record.Entry, all []seal.Disclosure) {
		x := &all[place("noted", "/extensions")]
		x.Present, x.Value = true, canon.Map(canon.Member{Name: "submitter", Value: canon.Text("x")})
	}, map[int][]string{3: {"/extensions", "/type"}})
	m.receipt(valid, "", "valid-receipt", "a receipt with its event", 2, nil)
	m.receipt(valid, "", "valid-receipt-restricted", "a receipt of a restricted record with its event", 3, nil)

	m.text(invalid, "", "unread-version", "another version is not read", "lendlog-evidence/1", "lendlog-evidence/2")
	m.text(invalid, "", "unread-duplicate", "two members of one name are not JSON under section 1", `"v":`, `"v": "lendlog-evidence/1", "v":`)
	m.text(invalid, "", "unread-number", "a number with a fraction is not JSON under section 1", `"index": 2`, `"index": 2.0`)
	m.text(invalid, "", "unread-surrogate", "a lone surrogate is not JSON under section 1", `"v":`, `"later": "\ud83d", "v":`)
	m.text(invalid, "", "unread-deep", "33 levels are not JSON under section 1", `"v":`, `"later": `+nested(32)+`, "v":`)
	m.text(incomplete, "sections", "sections-deep", "32 levels are", `"v":`, `"later": `+nested(31)+`, "v":`)
	m.text(invalid, "format", "format-unknown-member", "a record has a member that the format does not have", `"index":`, `"note": "", "index":`)
	m.text(invalid, "format", "format-case", "names of members are compared byte for byte", `"index":`, `"Index":`)
	m.text(invalid, "format", "format-type", "an index is a number", `"index": 2`, `"index": "2"`)
	m.text(invalid, "format", "format-null", "a member that is null is not absent", `"subject": {`, `"subject": null, "x": {`)
	m.evidence(invalid, "format", "format-no-record", "evidence has at least one record", two, func(e *proof.Evidence) { e.Records = nil })
	m.evidence(invalid, "format", "format-long-proof", "a proof has at most 63 hashes", two, func(e *proof.Evidence) { e.Records[0].Proof = make([]tree.Hash, 64) })
	m.text(invalid, "format", "format-base64", "base64 has one spelling: here it lacks its padding", firstHash(w), strings.TrimRight(firstHash(w), "="))

	m.evidence(invalid, "checkpoint", "checkpoint-unsigned", "nobody signed it", two, func(e *proof.Evidence) {
		e.Checkpoint = append(e.Checkpoint[:bytes.Index(e.Checkpoint, []byte("\n\n"))], "\n\n"...)
	})
	m.evidence(invalid, "checkpoint", "checkpoint-forged", "signed by another key under the ledger's name", two, func(e *proof.Evidence) { e.Checkpoint = sign(origin, 5, origin, forger) })
	m.evidence(invalid, "checkpoint", "checkpoint-origin", "the ledger's key signed it for another origin", two, func(e *proof.Evidence) {
		e.Checkpoint = sign("ledger.example/other", 5, origin, checkpointKey)
	})
	m.evidence(invalid, "checkpoint", "checkpoint-size", "its size was changed after it was signed", two, func(e *proof.Evidence) { replace(&e.Checkpoint, "\n5\n", "\n6\n") })
	m.evidence(invalid, "checkpoint", "checkpoint-extension", "a line was added after it was signed", two, func(e *proof.Evidence) { replace(&e.Checkpoint, "\n\n", "\nmore\n\n") })
	m.add(invalid, "checkpoint", "checkpoint-range", "the key may not sign checkpoints of this size",
		policy("trust-range.json", func(p *proof.Trust) { p.Keys[0].To = 4 }), w.evidence(two).Bytes())
	m.receipt(invalid, "checkpoint", "checkpoint-receipt", "a receipt under a checkpoint of another key", 2, func(rc *proof.Receipt) { rc.Checkpoint = sign(origin, 5, origin, forger) })

	m.evidence(invalid, "genesis", "genesis-other", "another record stands for the genesis record", two, func(e *proof.Evidence) { e.Genesis = proof.Genesis{Entry: w.leaves[1], Proof: w.small().Prove(1)} })
	m.evidence(invalid, "genesis", "genesis-proof", "the genesis record is not shown to be the first", two, func(e *proof.Evidence) { e.Genesis.Proof = w.small().Prove(1) })
	m.add(invalid, "genesis", "genesis-policy", "the policy has the VRF key of another ledger",
		policy("trust-vrf.json", func(p *proof.Trust) { p.VRF = otherVRF(t) }), w.evidence(map[int][]string{2: nil}).Bytes())

	m.evidence(invalid, "entry", "entry-space", "an entry has one spelling: here it has a space more", two, func(e *proof.Evidence) { replace(&e.Records[0].Entry, `,"`, `, "`) })
	raw := func(name, why string, index int, change func(b []byte) []byte) {
		lying := newWorld(t)
		lying.leaves[index] = change(bytes.Clone(lying.leaves[index]))
		m.add(invalid, "entry", name, why, "trust.json", lying.evidence(map[int][]string{index: nil}).Bytes())
	}
	raw("entry-unknown-member", "an entry with a member that it does not have, in a tree that holds it", 2, func(b []byte) []byte { return append([]byte(`{"a":1,`), b[1:]...) })
	raw("entry-order", "the members of an entry are not in their order, in a tree that holds it", 2, func(b []byte) []byte {
		const first = `"capture":"live",`
		replace(&b, first, "")
		return append(b[:len(b)-1], `,"capture":"live"}`...)
	})
	raw("entry-covers", "an index-root covers as many leaves as lie before it", 4, func([]byte) []byte { return record.IndexRoot{Covers: 3}.Bytes() })
	m.lie(invalid, "entry", "entry-refs", "a record follows from itself", 2, func(e *record.Entry, _ []seal.Disclosure) { e.Refs = []int64{1, 2} }, two)

	m.evidence(invalid, "inclusion", "inclusion-index", "the record stands at another index", two, func(e *proof.Evidence) { e.Records[0].Index = 3 })
	m.evidence(invalid, "inclusion", "inclusion-short", "the proof lacks its last hash", two, func(e *proof.Evidence) { e.Records[0].Proof = e.Records[0].Proof[:2] })
	m.evidence(invalid, "inclusion", "inclusion-long", "the proof has a hash too many", two, func(e *proof.Evidence) { e.Records[0].Proof = append(e.Records[0].Proof, tree.Hash{}) })
	m.evidence(invalid, "inclusion", "inclusion-order", "the hashes of the proof stand in another order", two, func(e *proof.Evidence) { slices.Reverse(e.Records[0].Proof) })
	m.evidence(invalid, "inclusion", "inclusion-beyond", "the index is not below the size", two, func(e *proof.Evidence) { e.Records[0].Index = 5 })
	m.evidence(invalid, "inclusion", "inclusion-entry", "the record says something else than the one in the tree", two, func(e *proof.Evidence) { replace(&e.Records[0].Entry, "approved", "declined") })
	m.receipt(invalid, "inclusion", "inclusion-receipt", "a receipt with the proof of another record", 2, func(rc *proof.Receipt) { rc.Proof = w.small().Prove(3) })
	m.receipt(incomplete, "inclusion", "inclusion-none", "a receipt without a proof", 2, func(rc *proof.Receipt) { rc.Proof = nil })

	m.lie(invalid, "schema", "schema-type", "the schema is of another type than the record", 2, func(e *record.Entry, _ []seal.Disclosure) { e.Type = "com.example.loan.reviewed.v1" }, whole)
	m.lie(invalid, "schema", "schema-open", "the entry shows a member that its schema seals", 2, func(e *record.Entry, _ []seal.Disclosure) {
		e.Open = canon.Map(append(e.Open.Members, canon.Member{Name: "amount", Value: canon.Text("1.00")})...)
	}, whole)
	m.lie(invalid, "schema", "schema-restricted", "a restricted record under a schema of an open type", 3, func(_ *record.Entry, all []seal.Disclosure) {
		all[place("noted", "/type")].Value = w.schemas["decided"].SealedType()
	}, map[int][]string{1: {"/id"}, 3: {"*"}})
	m.evidence(incomplete, "schema", "schema-missing", "the file lacks the schema", two, func(e *proof.Evidence) { e.Schemas = nil })
	m.evidence(incomplete, "schema", "schema-type-hidden", "a member of a restricted record without its type", restricted, func(e *proof.Evidence) {
		e.Records[0].Disclosures = e.Records[0].Disclosures[:1]
		e.Records[0].Subject = nil
	})

	disclosed := func(name, why, old, new string) {
		m.evidence(invalid, "disclosure", name, why, two, func(e *proof.Evidence) { replace(&at(e, "/data/amount").Disclosure, old, new) })
	}
	disclosed("disclosure-value", "another value than was committed to", "12000", "12001")
	disclosed("disclosure-absent", "a member that is there is said to be absent", `,"12000.00"`, "")
	disclosed("disclosure-pointer", "a value under the pointer of another member", "/data/amount", "/data/reasons")
	disclosed("disclosure-open", "the pointer of a member that is not sealed", "/data/amount", "/data/outcome")
	disclosed("disclosure-space", "a disclosure has one spelling: here it has a space more", `,"12`, `, "12`)
	m.evidence(invalid, "disclosure", "disclosure-null-unplaced", "a value that is null, and the schema is missing too", two, func(e *proof.Evidence) {
		replace(&at(e, "/data/amount").Disclosure, `"12000.00"`, "null")
		e.Schemas = nil
	})
	m.evidence(invalid, "disclosure", "disclosure-twice", "one member twice", two, func(e *proof.Evidence) {
		e.Records[0].Disclosures = append(e.Records[0].Disclosures, *at(e, "/data/amount"))
	})
	m.evidence(invalid, "disclosure", "disclosure-proof", "the proof of another member", two, func(e *proof.Evidence) { at(e, "/data/amount").Proof = at(e, "/data/officerId").Proof })
	m.evidence(invalid, "disclosure", "disclosure-transplant", "the disclosures of another record", two, func(e *proof.Evidence) {
		e.Records[0].Disclosures = w.evidence(map[int][]string{1: shown}).Records[0].Disclosures
	})
	m.evidence(invalid, "disclosure", "disclosure-index-root", "an index-root has nothing to disclose", map[int][]string{4: nil}, func(e *proof.Evidence) {
		e.Records[0].Disclosures = w.evidence(two).Records[0].Disclosures
	})
	m.lie(invalid, "disclosure", "disclosure-null", "no value is null, even where it was committed to", 2, func(_ *record.Entry, all []seal.Disclosure) {
		all[place("decided", "/data/reasons")].Present = true
	}, whole)
	m.lie(invalid, "disclosure", "disclosure-kind", "an attribute is a string, even where something else was committed to", 2, func(_ *record.Entry, all []seal.Disclosure) {
		all[place("decided", "/party")].Value = canon.Number(7)
	}, whole)

	m.evidence(invalid, "subject", "subject-other", "the proof of another subject than the disclosed one", two, func(e *proof.Evidence) { e.Records[0].Subject.Subject = "file/L-2" })
	m.evidence(invalid, "subject", "subject-term", "the proof of a subject whose record it is not", map[int][]string{2: nil}, func(e *proof.Evidence) {
		_, p := w.vrf.Prove("case", "C-1")
		e.Records[0].Subject = &proof.Subject{Subject: "case/C-1", Proof: p}
	})
	m.evidence(invalid, "subject", "subject-bit", "one bit of the proof is another", two, func(e *proof.Evidence) {
		e.Records[0].Subject.Proof = bytes.Clone(e.Records[0].Subject.Proof)
		e.Records[0].Subject.Proof[79] ^= 1
	})
	m.evidence(invalid, "subject", "subject-unplaced", "one bit of the proof is another, and the schema is missing too", two, func(e *proof.Evidence) {
		e.Records[0].Subject.Proof[70] ^= 1
		e.Schemas = nil
	})
	m.evidence(incomplete, "subject", "subject-none", "the subject is disclosed without its proof", two, func(e *proof.Evidence) { e.Records[0].Subject = nil })

	m.lie(invalid, "chain", "chain-fork", "two records are number 1 of one subject", 2, func(e *record.Entry, _ []seal.Disclosure) { e.Seq, e.Prev = 1, [32]byte{} }, chain)
	m.lie(invalid, "chain", "chain-link", "a record does not follow from the one before", 2, func(e *record.Entry, _ []seal.Disclosure) { e.Prev[0]++ }, chain)
	m.lie(invalid, "chain", "chain-order", "number 3 of a subject lies before its number 2", 1, func(e *record.Entry, _ []seal.Disclosure) { e.Seq, e.Prev = 3, [32]byte{1} }, chain)
	m.lie(invalid, "time", "time-back", "a record was recorded before the one that lies before it", 2, func(e *record.Entry, _ []seal.Disclosure) { e.Recorded = e.Recorded.Add(-2 * time.Minute) }, chain)

	m.receipt(invalid, "event", "event-extra-seed", "a seed of a key group that the type does not have", 2, func(rc *proof.Receipt) {
		rc.Seeds = maps.Clone(rc.Seeds)
		rc.Seeds["institution"] = seal.Seed{}
	})
	m.receipt(invalid, "format", "format-restricted", "the receipt of an open record says what only restricted records have", 2, func(rc *proof.Receipt) {
		rc.Restricted = &proof.Restricted{Submitter: submitter}
	})
	m.receipt(invalid, "event", "event-seed", "a seed is another", 2, func(rc *proof.Receipt) { rc.Seeds["staff"] = seal.Seed{} })
	m.receipt(invalid, "event", "event-other", "the receipt of another event", 2, func(rc *proof.Receipt) { *rc = *w.receipt(1) })
	m.receipt(invalid, "event", "event-open", "a restricted event was written openly", 3, func(rc *proof.Receipt) { *rc = *w.receipt(2) })
	m.receipt(invalid, "event", "event-refs", "a restricted record with other refs than it is said to have", 3, func(rc *proof.Receipt) { rc.Restricted.Refs = []int64{1} })
	m.receipt(incomplete, "event", "event-no-seed", "a seed is missing", 2, func(rc *proof.Receipt) { delete(rc.Seeds, "staff") })
	m.receipt(incomplete, "event", "event-no-restricted", "the receipt of a restricted record lacks submitter and refs", 3, func(rc *proof.Receipt) { rc.Restricted = nil })

	lying := newLyingWorld(t, map[int]lie{2: func(_ *record.Entry, all []seal.Disclosure) {
		all[place("decided", "/data/amount")].Value = canon.Text("13000.00")
	}})
	m.add(invalid, "submitter", "submitter-wrong", "the operator sealed another amount than the submitter signed", "trust-submitters.json", lying.evidence(whole).Bytes())
	nameless := lying.evidence(whole)
	nameless.Records[0].Subject = nil
	m.add(invalid, "submitter", "submitter-nameless", "the submitter signed another amount, and the subject is disclosed without its proof too", "trust-submitters.json", nameless.Bytes())
	m.evidence(incomplete, "submitter", "submitter-unsigned", "the event bears no signature", map[int][]string{1: {"*"}}, nil).Trust = "trust-submitters.json"
	m.evidence(incomplete, "submitter", "submitter-part", "the signature covers the whole event, and not all of it is disclosed", two, nil).Trust = "trust-submitters.json"

	m.completeness(all{1: {"/subject"}, 2: shown, 4: nil})

	m.withWitnesses()

	m.withAnchors()

	m.keyChanges()

	m.add(incomplete, "policy", "policy-age", "the policy asks for a greatest age, which this version cannot check",
		policy("trust-age.json", func(*proof.Trust) {}), w.evidence(two).Bytes())
	asks := m.other["trust-age.json"]
	replace(&asks, `"v":`, `"maxAgeSeconds": 60, "v":`)
	m.other["trust-age.json"] = asks
	m.text(incomplete, "sections", "sections-later", "a section of a later version", `"v":`, `"later": true, "v":`)

	m.submitterKeys()
	return m
}

type all = map[int][]string

// completeness adds evidence that claims to hold all records of a subject.
func (m *vectorMaker) completeness(whole all) {
	const valid, invalid, incomplete = proof.Valid, proof.Invalid, proof.Incomplete
	w, t := m.w, m.w.t
	add := func(verdict proof.Verdict, check, name, why string, e *proof.Evidence) *vector {
		return m.add(verdict, check, name, why, "trust.json", e.Bytes())
	}
	claim := func(shows all) *proof.Evidence { return w.complete(w.evidence(shows), "file", "L-1") }
	altered := func(alter func(c *proof.Complete)) *proof.Evidence {
		e := claim(whole)
		alter(&e.Complete[0])
		return e
	}
	add(valid, "", "valid-complete", "all records of a subject, one of them disclosed in part", claim(whole))
	e := claim(whole)
	for i := range e.Records {
		e.Records[i].Subject = nil
	}
	add(valid, "", "valid-complete-subject", "a claim of completeness proves the subject of its records", e)
	add(valid, "", "valid-complete-two", "all records of a subject, and that there are none of another; records beside them have no part in it",
		w.complete(claim(all{0: nil, 1: nil, 2: nil, 3: nil, 4: nil}), "file", "L-9"))
	add(valid, "", "valid-absent", "there is no record of the subject", w.complete(w.evidence(all{4: nil}), "file", "L-9"))

	add(invalid, "complete", "complete-last", "the last record of the subject was left out", claim(all{1: nil, 4: nil}))
	add(invalid, "complete", "complete-first", "the first record of the subject was left out", claim(all{2: nil, 4: nil}))
	add(invalid, "complete", "complete-none", "the subject is said to have no records, and it has", claim(all{4: nil}))
	e = w.complete(claim(whole), "file", "L-9")
	e.Complete = e.Complete[1:]
	e.Complete[0].Map = claim(whole).Complete[0].Map
	add(invalid, "complete", "complete-swapped", "records of one subject stand for those of another, which has none", e)
	add(invalid, "complete", "complete-map", "the proof in the map is of another subject", altered(func(c *proof.Complete) {
		c.Map = w.complete(&proof.Evidence{}, "case", "C-1").Complete[0].Map
	}))
	add(invalid, "complete", "complete-bit", "one bit of the proof in the map is another", altered(func(c *proof.Complete) { c.Map[len(c.Map)-1] ^= 1 }))
	add(invalid, "complete", "complete-short", "the proof in the map lacks its last step", altered(func(c *proof.Complete) { c.Map = c.Map[:len(c.Map)-33] }))
	add(invalid, "subject", "complete-term", "the term is not the subject's", altered(func(c *proof.Complete) { c.Subject = "file/L-2" }))
	add(invalid, "subject", "complete-twice", "completeness of one subject is claimed twice", w.complete(claim(whole), "file", "L-1"))
	add(incomplete, "complete", "complete-no-root", "the index-root is not in the file", claim(all{1: nil, 2: nil}))
	old := later(t)
	add(incomplete, "complete", "complete-old", "the ledger went on after the index-root", w.complete(old.evidence(all{1: nil, 2: nil, 4: nil}), "file", "L-1"))
	doc := claim(whole).Bytes()
	replace(&doc, `"completeness": [`, `"completeness": [], "rest": [`)
	m.add(invalid, "format", "format-complete", "a claim of completeness claims something", "trust.json", doc)

	against := func(verdict proof.Verdict, check, name, why string, e *proof.Evidence, rc *proof.Receipt) {
		v := add(verdict, check, name, why, e)
		v.Against = "receipt-" + name + ".json"
		m.other[v.Against] = rc.Bytes()
	}
	against(valid, "", "valid-against", "the record of the receipt is in the file", claim(whole), w.receipt(2))
	lying := fraud(t)
	against(invalid, "receipt", "against-fraud", "the ledger signed a receipt for a record that its map leaves out", lying.complete(lying.evidence(all{1: nil, 4: nil}), "file", "L-1"), lying.receipt(2))
	forked := newLyingWorld(t, map[int]lie{2: func(e *record.Entry, _ []seal.Disclosure) { e.Capture = record.Late }})
	against(invalid, "receipt", "against-fork", "the ledger signed two trees of one size", claim(whole), forked.receipt(2))
	rooted := newWorld(t)
	rooted.leaves, rooted.records = rooted.leaves[:4], rooted.records[:4]
	for _, id := range []string{"D-3", "D-4"} {
		rooted.add("decided", `{"subject":"file/L-1","id":"`+id+`","source":"//core.bank.example","data":{"outcome":"declined"}}`, nil)
	}
	against(invalid, "receipt", "against-index-root", "the ledger gave a receipt for a record that has the place of an index-root", claim(whole), rooted.receipt(4))
	bad := w.receipt(2)
	bad.Proof = w.small().Prove(3)
	against(invalid, "receipt", "against-invalid", "the receipt itself does not verify", claim(whole), bad)
	against(invalid, "complete", "against-cut", "the record of the receipt was cut out of true evidence, which accuses nobody", claim(all{1: nil, 4: nil}), w.receipt(2))
	against(incomplete, "receipt", "against-later", "the receipt is of a record that came after what the file covers", claim(whole), old.receipt(5))
	against(incomplete, "receipt", "against-other", "the receipt is of a subject of which the file claims nothing", claim(whole), w.receipt(3))
	bare := w.receipt(2)
	bare.Proof = nil
	against(incomplete, "receipt", "against-no-proof", "a receipt without a proof accuses nobody", claim(all{1: nil, 2: nil, 4: nil}), bare)
}

// nested returns so many lists in each other.
func nested(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }

func firstHash(w *world) string { h := w.small().Prove(0)[0]; return b64(h[:]) }

// otherVRF is the key of another ledger.
func otherVRF(t *testing.T) term.PublicKey {
	t.Helper()
	scalar := label("another VRF key")
	scalar[31] &= 0x0f
	k, err := term.ParsePrivateKey(scalar)
	if err != nil {
		t.Fatal(err)
	}
	return k.Public()
}

// The vectors are what the golden keys make of them, and this verifier says of
// each what the manifest does. The other verifiers are held against them too.
func TestVectors(t *testing.T) {
	m := makeVectors(t)
	manifest := []byte("[\n")
	for i, v := range m.all {
		line, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		manifest = append(append(manifest, "  "...), line...)
		if i < len(m.all)-1 {
			manifest = append(manifest, ',')
		}
		manifest = append(manifest, '\n')
		m.other[v.File] = v.doc
	}
	m.other["manifest.json"] = append(manifest, "]\n"...)
	for name, b := range m.other {
		golden(t, filepath.Join("vectors", name), b)
	}
	files, err := filepath.Glob(filepath.Join(vectors, "*.json"))
	if err != nil || len(files) != len(m.other) {
		t.Errorf("%d files lie there, want %d: %v", len(files), len(m.other), err)
	}
	classes := map[string]bool{}
	for _, v := range m.all {
		t.Run(v.File, func(t *testing.T) {
			classes[v.Check+" "+v.Verdict] = true
			policy, err := proof.ParseTrust(m.other[v.Trust])
			if v.Verdict == refused && err != nil {
				return
			}
			if err != nil || v.Verdict == refused {
				t.Fatalf("want %s, and the policy: %v", v.Verdict, err)
			}
			var ev *record.Event
			if v.Event != "" {
				s, err := record.ParseSchema(m.other[v.Schema])
				if err != nil {
					t.Fatal(err)
				}
				doc, err := canon.Parse(m.other[v.Event], canon.Limits{})
				if err != nil {
					t.Fatal(err)
				}
				if ev, err = s.Event(doc); err != nil {
					t.Fatal(err)
				}
			}
			var receipts [][]byte
			if v.Against != "" {
				receipts = append(receipts, m.other[v.Against])
			}
			r, err := proof.VerifyDocument(policy, v.doc, ev, receipts...)
			switch verdict := r.Verdict; {
			case (err != nil) != (v.Verdict == unread):
				t.Errorf("want %s, got %v", v.Verdict, err)
			case err != nil:
			case verdict.String() != v.Verdict:
				t.Errorf("want %s, got %v", v.Verdict, verdict)
			default:
				// The check is the only one that says so.
				res := map[proof.Verdict]proof.Result{proof.Invalid: proof.Fail, proof.Incomplete: proof.Missing}[verdict]
				for _, c := range r.Checks {
					if verdict != proof.Valid && c.Result == res && c.Name != v.Check {
						t.Errorf("the check %s decides too: %s", c.Name, c.Text)
					}
				}
				wantVerdict(t, r, verdict, v.Check, "")
			}
		})
	}
	// Every row of the table of checks in docs/formats.md has its vectors.
	page := string(read(t, "../../docs/formats.md"))
	_, table, _ := strings.Cut(page, "| check | fails when | cannot be made when |")
	rows := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 || !strings.HasPrefix(cells[1], " `") {
			if rows > 0 {
				break
			}
			continue
		}
		rows++
		name := strings.Trim(cells[1], " `")
		for i, verdict := range []proof.Verdict{proof.Invalid, proof.Incomplete} {
			if strings.TrimSpace(cells[2+i]) != "" && !classes[name+" "+verdict.String()] {
				t.Errorf("no vector is %v by the check %s", verdict, name)
			}
		}
	}
	if rows < 14 {
		t.Errorf("docs/formats.md lists %d checks", rows)
	}
}
