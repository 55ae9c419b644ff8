// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/ledgertest/scale"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/term"
	"github.com/lendlog/lendlog/ledger/tree"
)

// wantVerdict wants a verdict and, where it is not VALID, the check that it
// comes from: one with the name, whose text contains the words.
func wantVerdict(t *testing.T, r proof.Report, verdict proof.Verdict, check, words string) {
	t.Helper()
	found := verdict == proof.Valid
	for _, c := range r.Checks {
		res := map[proof.Verdict]proof.Result{proof.Invalid: proof.Fail, proof.Incomplete: proof.Missing}[verdict]
		found = found || c.Name == check && c.Result == res && strings.Contains(c.Text, words)
	}
	if r.Verdict != verdict || !found {
		var b bytes.Buffer
		_ = r.WriteText(&b)
		t.Errorf("want %v by the check %q that says %q, got:\n%s", verdict, check, words, &b)
	}
	if r.Verdict == proof.Invalid && len(r.Shown) > 0 {
		t.Error("an INVALID report shows what the file says")
	}
}

func TestVerify(t *testing.T) {
	w := newWorld(t)
	all := map[int][]string{0: {"*"}, 1: {"*"}, 2: {"*"}, 3: {"*"}, 4: nil}
	for _, e := range []*proof.Evidence{
		w.evidence(map[int][]string{2: shown}), w.evidence(map[int][]string{1: nil, 4: nil}),
		w.evidence(map[int][]string{3: {"/data/kind"}}), w.evidence(all),
	} {
		wantVerdict(t, proof.Verify(&w.trust, e), proof.Valid, "", "")
		again, err := proof.ParseEvidence(e.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, again, cmp.Transformer("nil", func(h []tree.Hash) []tree.Hash { return append([]tree.Hash{}, h...) })); diff != "" {
			t.Errorf("evidence is read as other evidence (-want +got):\n%s", diff)
		}
	}
	// What the policy does not ask for is said.
	for policy, want := range map[*proof.Trust][]string{
		&w.trust:        {"disclosure", "submitter", "time"},
		w.signedTrust(): {"disclosure", "time"},
		{Origin: w.trust.Origin, Keys: w.trust.Keys, Genesis: w.trust.Genesis, VRF: w.trust.VRF, Witnesses: w.witnesses(1)}: {"disclosure", "submitter"},
	} {
		var got []string
		for _, c := range proof.Verify(policy, w.evidence(map[int][]string{2: nil})).Checks {
			if c.Result == proof.Note {
				got = append(got, c.Name)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("notes (-want +got):\n%s", diff)
		}
	}
	// With submitters' keys, only a signed record that is disclosed whole is VALID.
	signed := w.signedTrust()
	wantVerdict(t, proof.Verify(signed, w.evidence(map[int][]string{2: {"*"}})), proof.Valid, "", "")
	wantVerdict(t, proof.Verify(signed, w.evidence(map[int][]string{1: {"*"}})), proof.Incomplete, "submitter", "no signature")
	wantVerdict(t, proof.Verify(signed, w.evidence(map[int][]string{2: shown})), proof.Incomplete, "submitter", "all members")
	wantVerdict(t, proof.Verify(signed, w.evidence(map[int][]string{2: nil})), proof.Incomplete, "submitter", "all members")
	signed.Submitters = signed.Submitters[1:]
	wantVerdict(t, proof.Verify(signed, w.evidence(map[int][]string{2: {"*"}})), proof.Incomplete, "submitter", "no key")
	// One submitter with two keys: either will do, no other.
	signed.Submitters = []proof.SubmitterKey{{ID: submitter, Key: submitterECDSA(t).Public()}, {ID: submitter, Key: submitterKey.Public()}}
	wantVerdict(t, proof.Verify(signed, w.evidence(map[int][]string{2: {"*"}})), proof.Valid, "", "")
	signed.Submitters = signed.Submitters[:1]
	wantVerdict(t, proof.Verify(signed, w.evidence(map[int][]string{2: {"*"}})), proof.Invalid, "submitter", "signature is wrong")
}

// What is shown is what the entries say in the clear and what was disclosed.
func TestShown(t *testing.T) {
	w := newWorld(t)
	tests := map[string]struct {
		shown map[int][]string
		want  []string
	}{
		"open": {map[int][]string{2: shown}, []string{
			`2 type "com.example.loan.decided.v1"`, `2 time "2026-01-31T10:02:00+01:00"`, `2 submitter "core-banking"`,
			`2 recorded "2026-01-31T09:02:00.123Z"`, `2 capture "live"`, `2 /data/outcome "approved"`,
			`2 /data/amount "12000.00"`, `2 /data/officerId "staff-7"`, `2 /parent absent`, `2 /subject "file/L-1"`,
		}},
		"restricted": {map[int][]string{3: {"/refs"}}, []string{
			`3 type "org.lendlog.restricted.v1"`, `3 recorded "2026-01-31T09:03:00.123Z"`, `3 capture "live"`,
			`3 /refs [2]`, `3 /type {"name":"com.example.case.noted.v1","schema":"rO//BVgBqKed9HCdmpca8Q34OeG1jvTSeMQzr+iBGvs="}`,
		}},
		"index-root": {map[int][]string{4: nil}, []string{`4 type "org.lendlog.index-root.v1"`, `4 covers 4`}},
	}
	for name, tt := range tests {
		var got []string
		for _, s := range proof.Verify(&w.trust, w.evidence(tt.shown)).Shown {
			value := string(s.Value.Bytes())
			if s.Absent {
				value = "absent"
			}
			got = append(got, fmt.Sprintf("%d %s %s", s.Record, s.What, value))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	// A receipt's entry is shown too; one that is not the event's is not.
	if r := proof.VerifyReceipt(&w.trust, w.receipt(2), w.records[2].event); len(r.Shown) != 6 {
		t.Errorf("of a receipt is shown: %v", r.Shown)
	}
	// Of a record that could not be checked nothing is shown.
	e := w.evidence(map[int][]string{1: nil, 2: shown})
	e.Schemas = nil
	for _, s := range proof.Verify(&w.trust, e).Shown {
		if s.Record != 1 {
			t.Errorf("shown: %v", s)
		}
	}
}

// index of the disclosure of a pointer in the evidence's first record.
func at(e *proof.Evidence, pointer string) *proof.SealedMember {
	for i, d := range e.Records[0].Disclosures {
		if strings.Contains(string(d.Disclosure), `"`+pointer+`"`) {
			return &e.Records[0].Disclosures[i]
		}
	}
	panic("no disclosure of " + pointer)
}

func replace(b *[]byte, old, new string) {
	if !bytes.Contains(*b, []byte(old)) {
		panic("no " + old)
	}
	*b = bytes.Replace(*b, []byte(old), []byte(new), 1)
}

// What a holder of evidence, or whoever hands it over, can do to it.
func TestVerifyAltered(t *testing.T) {
	w := newWorld(t)
	other := w.evidence(map[int][]string{1: {"*"}})
	tests := []struct {
		name         string
		alter        func(*proof.Evidence)
		verdict      proof.Verdict
		check, words string
	}{
		{"nothing", func(*proof.Evidence) {}, proof.Valid, "", ""},
		{"no record", func(e *proof.Evidence) { e.Records = nil }, proof.Invalid, "format", "no record"},
		{"nothing at all", func(e *proof.Evidence) { *e = proof.Evidence{} }, proof.Invalid, "checkpoint", ""},

		{"wrong salt", func(e *proof.Evidence) { replace(&at(e, "/data/amount").Disclosure, `["K`, `["L`) }, proof.Invalid, "disclosure", "not what the entry"},
		{"wrong value", func(e *proof.Evidence) { replace(&at(e, "/data/amount").Disclosure, "12000", "12001") }, proof.Invalid, "disclosure", "not what the entry"},
		{"wrong pointer", func(e *proof.Evidence) { replace(&at(e, "/data/amount").Disclosure, "amount", "reasons") }, proof.Invalid, "disclosure", "not what the entry"},
		{"pointer of an open member", func(e *proof.Evidence) { replace(&at(e, "/data/amount").Disclosure, "amount", "outcome") }, proof.Invalid, "disclosure", "not a sealed member"},
		{"pointer of nothing", func(e *proof.Evidence) { replace(&at(e, "/data/amount").Disclosure, "/data/amount", "/refs") }, proof.Invalid, "disclosure", "not a sealed member"},
		{"value of another type", func(e *proof.Evidence) { replace(&at(e, "/data/amount").Disclosure, `"12000.00"`, "12000") }, proof.Invalid, "disclosure", "not what the entry"},
		{"absent made present", func(e *proof.Evidence) { replace(&at(e, "/parent").Disclosure, `"/parent"`, `"/parent","line/1"`) }, proof.Invalid, "disclosure", "not what the entry"},
		{"absent made null", func(e *proof.Evidence) { replace(&at(e, "/parent").Disclosure, `"/parent"`, `"/parent",null`) }, proof.Invalid, "disclosure", "is null"},
		{"present made absent", func(e *proof.Evidence) { replace(&at(e, "/data/amount").Disclosure, `,"12000.00"`, "") }, proof.Invalid, "disclosure", "not what the entry"},
		{"two values", func(e *proof.Evidence) {
			replace(&at(e, "/data/amount").Disclosure, `"12000.00"`, `"12000.00","1"`)
		}, proof.Invalid, "disclosure", "cannot be read"},
		{"not canonical", func(e *proof.Evidence) { replace(&at(e, "/data/amount").Disclosure, `,"12`, `, "12`) }, proof.Invalid, "disclosure", "cannot be read"},
		{"line break in the salt", func(e *proof.Evidence) { replace(&at(e, "/data/amount").Disclosure, `==`, `==\n`) }, proof.Invalid, "disclosure", "cannot be read"},
		{"twice", func(e *proof.Evidence) {
			e.Records[0].Disclosures = append(e.Records[0].Disclosures, *at(e, "/data/amount"))
		}, proof.Invalid, "disclosure", "twice"},
		{"moved", func(e *proof.Evidence) { at(e, "/data/amount").Proof = at(e, "/data/officerId").Proof }, proof.Invalid, "disclosure", "not what the entry"},
		{"of another record", func(e *proof.Evidence) { *at(e, "/data/amount") = other.Records[0].Disclosures[1] }, proof.Invalid, "disclosure", "not what the entry"},
		{"all of another record", func(e *proof.Evidence) { e.Records[0].Disclosures = other.Records[0].Disclosures }, proof.Invalid, "disclosure", "not what the entry"},
		{"without a proof", func(e *proof.Evidence) { at(e, "/data/amount").Proof = nil }, proof.Invalid, "disclosure", "not what the entry"},
		{"proof with a hash more", func(e *proof.Evidence) {
			d := at(e, "/data/amount")
			d.Proof = append(d.Proof, tree.Hash{})
		}, proof.Invalid, "disclosure", "not what the entry"},
		{"an inner node for a member", func(e *proof.Evidence) {
			d := at(e, "/data/amount")
			d.Proof = d.Proof[1:]
		}, proof.Invalid, "disclosure", "not what the entry"},

		{"subject without its proof", func(e *proof.Evidence) { e.Records[0].Subject = nil }, proof.Incomplete, "subject", "lacks the proof"},
		{"another subject in the text", func(e *proof.Evidence) { e.Records[0].Subject.Subject = "file/L-2" }, proof.Invalid, "subject", "not the one that is disclosed"},
		{"proof of another subject", func(e *proof.Evidence) {
			e.Records[0].Disclosures = nil
			_, p := w.vrf.Prove("case", "C-1")
			e.Records[0].Subject = &proof.Subject{Subject: "case/C-1", Proof: p}
		}, proof.Invalid, "subject", "not a record of the subject"},
		{"proof of another subject under the right name", func(e *proof.Evidence) { _, e.Records[0].Subject.Proof = w.vrf.Prove("case", "C-1") }, proof.Invalid, "subject", "proof of its subject is wrong"},
		{"proof of another key", func(e *proof.Evidence) {
			_, e.Records[0].Subject.Proof = term.GenerateKey().Prove("file", "L-1")
		}, proof.Invalid, "subject", "proof of its subject is wrong"},
		{"a proof of zeros", func(e *proof.Evidence) { e.Records[0].Subject.Proof = make([]byte, term.ProofSize) }, proof.Invalid, "subject", ""},
		{"an empty proof", func(e *proof.Evidence) { e.Records[0].Subject.Proof = nil }, proof.Invalid, "subject", ""},
		{"a subject that is only a kind", func(e *proof.Evidence) {
			e.Records[0].Disclosures = nil
			_, p := w.vrf.Prove("file", "")
			e.Records[0].Subject = &proof.Subject{Subject: "file", Proof: p}
		}, proof.Invalid, "subject", "<kind>/<id>"},

		{"genesis of another ledger", func(e *proof.Evidence) { replace(&e.Genesis.Entry, "all subjects", "no subjects") }, proof.Invalid, "genesis", "another ledger"},
		{"genesis is another record", func(e *proof.Evidence) {
			e.Genesis = proof.Genesis{Entry: e.Records[0].Entry, Proof: e.Records[0].Proof}
		}, proof.Invalid, "genesis", "another ledger"},
		{"genesis with another record's proof", func(e *proof.Evidence) { e.Genesis.Proof = e.Records[0].Proof }, proof.Invalid, "genesis", "not the first record"},
		{"genesis without a proof", func(e *proof.Evidence) { e.Genesis.Proof = nil }, proof.Invalid, "genesis", "not the first record"},

		{"another entry", func(e *proof.Evidence) { replace(&e.Records[0].Entry, "approved", "declined") }, proof.Invalid, "inclusion", ""},
		{"another record's entry", func(e *proof.Evidence) { e.Records[0].Entry = w.leaves[1] }, proof.Invalid, "inclusion", ""},
		{"an entry with a line end", func(e *proof.Evidence) { e.Records[0].Entry = append(bytes.Clone(e.Records[0].Entry), '\n') }, proof.Invalid, "entry", ""},
		{"an inner node for an entry", func(e *proof.Evidence) { e.Records[0].Proof = e.Records[0].Proof[1:] }, proof.Invalid, "inclusion", ""},
		{"an empty entry", func(e *proof.Evidence) { e.Records[0].Entry = nil }, proof.Invalid, "entry", ""},
		{"another index", func(e *proof.Evidence) { e.Records[0].Index = 3 }, proof.Invalid, "inclusion", ""},
		{"an index before its refs", func(e *proof.Evidence) { e.Records[0].Index = 1 }, proof.Invalid, "entry", "does not lie before"},
		{"an index at the size", func(e *proof.Evidence) { e.Records[0].Index = 5 }, proof.Invalid, "inclusion", "not in a tree of 5"},
		{"the greatest index", func(e *proof.Evidence) { e.Records[0].Index = 1<<63 - 1 }, proof.Invalid, "inclusion", "not in a tree of 5"},
		{"a negative index", func(e *proof.Evidence) { e.Records[0].Index = -1 << 63 }, proof.Invalid, "entry", ""},
		{"no inclusion proof", func(e *proof.Evidence) { e.Records[0].Proof = nil }, proof.Invalid, "inclusion", ""},
		{"63 hashes", func(e *proof.Evidence) { e.Records[0].Proof = make([]tree.Hash, 63) }, proof.Invalid, "inclusion", ""},
		{"a good record and a bad one", func(e *proof.Evidence) {
			r := e.Records[0]
			r.Index = 3
			e.Records = append(e.Records, r)
		}, proof.Invalid, "inclusion", ""},
		{"the index-root beside it", func(e *proof.Evidence) {
			e.Records = append(e.Records, w.evidence(map[int][]string{4: nil}).Records...)
		}, proof.Valid, "", ""},
		{"an index-root that discloses", func(e *proof.Evidence) {
			e.Records[0].Index, e.Records[0].Entry, e.Records[0].Proof = 4, w.leaves[4], w.small().Prove(4)
		}, proof.Invalid, "disclosure", "nothing to disclose"},
		{"an index-root with a subject", func(e *proof.Evidence) {
			e.Records[0].Index, e.Records[0].Entry, e.Records[0].Proof = 4, w.leaves[4], w.small().Prove(4)
			e.Records[0].Disclosures = nil
		}, proof.Invalid, "disclosure", "nothing to disclose"},

		{"no schema", func(e *proof.Evidence) { e.Schemas = nil }, proof.Incomplete, "schema", "lacks the schema"},
		{"another schema text", func(e *proof.Evidence) { replace(&e.Schemas[0], "small", "Small") }, proof.Incomplete, "schema", "lacks the schema"},
		{"a schema with a line end more", func(e *proof.Evidence) { e.Schemas[0] = append(bytes.Clone(e.Schemas[0]), '\n') }, proof.Incomplete, "schema", "lacks the schema"},
		{"garbage for the schema", func(e *proof.Evidence) { e.Schemas[0] = []byte("{}") }, proof.Incomplete, "schema", "lacks the schema"},
		{"garbage beside the schema", func(e *proof.Evidence) { e.Schemas = append(e.Schemas, []byte("{}")) }, proof.Valid, "", ""},
		{"a schema twice", func(e *proof.Evidence) { e.Schemas = append(e.Schemas, e.Schemas[0]) }, proof.Valid, "", ""},
		{"a schema that no record has", func(e *proof.Evidence) { e.Schemas = append(e.Schemas, w.schemas["noted"].Text) }, proof.Valid, "", ""},
		{"a section", func(e *proof.Evidence) { e.Sections = []string{"anchors"} }, proof.Incomplete, "sections", `"anchors"`},
		{"a section and a wrong value", func(e *proof.Evidence) {
			e.Sections = []string{"anchors"}
			replace(&at(e, "/data/amount").Disclosure, "12000", "12001")
		}, proof.Invalid, "disclosure", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := w.evidence(map[int][]string{2: shown})
			tt.alter(e)
			wantVerdict(t, proof.Verify(&w.trust, e), tt.verdict, tt.check, tt.words)
		})
	}
}

// resign puts a checkpoint of another tree under evidence.
func (w *world) resign(size int64, root tree.Hash) []byte {
	w.t.Helper()
	signed, err := tree.Checkpoint{Origin: origin, Size: size, Root: root}.Sign(w.signer)
	if err != nil {
		w.t.Fatal(err)
	}
	return signed
}

func TestVerifyCheckpoint(t *testing.T) {
	w := newWorld(t)
	cp := w.checkpoint()
	forger := ed25519.NewKeyFromSeed(label("forger"))
	sign := func(name string, size int64, of string, key ed25519.PrivateKey) []byte {
		signed, err := tree.Checkpoint{Origin: of, Size: size, Root: w.small().Root()}.Sign(signerOf(t, name, key))
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	lines := strings.SplitAfter(string(cp), "\n")
	text, signature := strings.Join(lines[:4], ""), lines[4]
	stranger := strings.SplitAfter(string(sign("witness.example/w1", 5, origin, forger)), "\n")[4]
	forged := strings.SplitAfter(string(sign(origin, 5, origin, forger)), "\n")[4]
	root := w.small().Root()
	last := len(signature) - len("?=\n") // its two lowest bits are of no byte
	unused := signature[:last] + string(signature[last]+1) + "=\n"
	tests := []struct {
		name   string
		signed string
		want   proof.Verdict
		words  string
	}{
		{"the ledger's", string(cp), proof.Valid, ""},
		{"a stranger's signature after it", text + signature + stranger, proof.Valid, ""},
		{"a stranger's signature before it", text + stranger + signature, proof.Valid, ""},
		{"a forger's signature under the same name", text + signature + forged, proof.Valid, ""},
		{"only a stranger's signature", text + stranger, proof.Invalid, "no signature of a known key"},
		{"only a forger's signature", text + forged, proof.Invalid, "no signature of a known key"},
		{"unsigned", text, proof.Invalid, "not a signed note"},
		{"empty", "", proof.Invalid, "not a signed note"},
		{"a wrong signature of the known key", strings.Replace(string(cp), "\n5\n", "\n6\n", 1), proof.Invalid, "is wrong"},
		{"a signature of another text", string(cp[:bytes.LastIndex(cp, []byte(" "))]) + " " + strings.Fields(string(sign(origin, 6, origin, checkpointKey)))[5] + "\n", proof.Invalid, "is wrong"},
		{"unused bits of the signature", text + unused, proof.Invalid, "canonical base64"},
		{"another origin", string(sign(origin, 5, "ledger.example/other", checkpointKey)), proof.Invalid, "another ledger"},
		{"a size at which the tree is deeper", string(sign(origin, 9, origin, checkpointKey)), proof.Invalid, ""},
		{"size 0", string(w.resign(0, tree.EmptyRoot)), proof.Invalid, ""},
		{"size 0 with the root of all", string(w.resign(0, root)), proof.Invalid, ""},
		{"size 1 with the genesis as root", string(w.resign(1, w.trust.Genesis)), proof.Invalid, ""},
		{"size 1 with the record as root", string(w.resign(1, tree.LeafHash(w.leaves[2]))), proof.Invalid, ""},
		{"a size beyond every tree", string(w.resign(1<<63-1, root)), proof.Invalid, "no tree has"},
		{"an extension line", text[:len(text)-1] + "more\n\n" + signature, proof.Invalid, "is wrong"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := w.evidence(map[int][]string{2: shown})
			e.Checkpoint = []byte(tt.signed)
			r := proof.Verify(&w.trust, e)
			if r.Verdict != tt.want || tt.words != "" && !slices.ContainsFunc(r.Checks, func(c proof.Check) bool {
				return c.Result == proof.Fail && strings.Contains(c.Text, tt.words)
			}) {
				t.Errorf("%v: %+v", r.Verdict, r.Checks)
			}
		})
	}
}

// A ledger that has nothing but its genesis record.
func TestVerifySizeOne(t *testing.T) {
	w := newWorld(t)
	w.leaves = w.leaves[:1]
	e := w.evidence(map[int][]string{0: {"*"}})
	wantVerdict(t, proof.Verify(&w.trust, e), proof.Valid, "", "")
	e.Records[0].Proof = []tree.Hash{{}}
	wantVerdict(t, proof.Verify(&w.trust, e), proof.Invalid, "inclusion", "")
	e.Records[0].Proof = nil
	e.Genesis.Proof = []tree.Hash{tree.LeafHash(w.leaves[0])}
	wantVerdict(t, proof.Verify(&w.trust, e), proof.Invalid, "genesis", "")
}

func TestVerifyPolicy(t *testing.T) {
	w := newWorld(t)
	verifier := w.trust.Keys[0].Key
	other := signerOf(t, origin, ed25519.NewKeyFromSeed(label("next key")))
	otherKey := verifierOf(t, origin, ed25519.NewKeyFromSeed(label("next key")))
	tests := []struct {
		name         string
		alter        func(*proof.Trust)
		verdict      proof.Verdict
		check, words string
	}{
		{"from and to the size", func(p *proof.Trust) { p.Keys[0].From, p.Keys[0].To = 5, 5 }, proof.Valid, "", ""},
		{"from the next size", func(p *proof.Trust) { p.Keys[0].From = 6 }, proof.Invalid, "checkpoint", "may not sign this size"},
		{"to the size before", func(p *proof.Trust) { p.Keys[0].To = 4 }, proof.Invalid, "checkpoint", "may not sign this size"},
		{"in the second of two ranges", func(p *proof.Trust) {
			p.Keys = []proof.TrustedKey{{Key: verifier, To: 3}, {Key: verifier, From: 5}}
		}, proof.Valid, "", ""},
		{"between two ranges", func(p *proof.Trust) {
			p.Keys = []proof.TrustedKey{{Key: verifier, To: 3}, {Key: verifier, From: 7}}
		}, proof.Invalid, "checkpoint", "may not sign this size"},
		{"a key in range that did not sign", func(p *proof.Trust) {
			p.Keys = []proof.TrustedKey{{Key: verifier, To: 3}, {Key: otherKey}}
		}, proof.Invalid, "checkpoint", "may not sign this size"},
		{"another key", func(p *proof.Trust) { p.Keys[0].Key = otherKey }, proof.Invalid, "checkpoint", "no signature of a known key"},
		{"no key", func(p *proof.Trust) { p.Keys = nil }, proof.Invalid, "checkpoint", "no signature of a known key"},
		{"not a key", func(p *proof.Trust) { p.Keys[0].Key = "key" }, proof.Invalid, "checkpoint", "not a verifier key"},
		{"another origin", func(p *proof.Trust) { p.Origin = "ledger.example/other" }, proof.Invalid, "checkpoint", "another ledger"},
		{"another genesis", func(p *proof.Trust) { p.Genesis = tree.LeafHash(w.leaves[1]) }, proof.Invalid, "genesis", "another ledger"},
		{"another VRF key", func(p *proof.Trust) { p.VRF = term.GenerateKey().Public() }, proof.Invalid, "genesis", "VRF key"},
		{"a greatest age", func(p *proof.Trust) { p.Unsupported = []string{"maxAgeSeconds"} }, proof.Incomplete, "policy", "maxAgeSeconds"},
		{"a maximum age", func(p *proof.Trust) { p.Unsupported = []string{"maxAgeSeconds"} }, proof.Incomplete, "policy", "maxAgeSeconds"},
		{"an empty policy", func(p *proof.Trust) { *p = proof.Trust{} }, proof.Invalid, "checkpoint", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			policy := w.trust
			policy.Keys = slices.Clone(policy.Keys)
			tt.alter(&policy)
			wantVerdict(t, proof.Verify(&policy, w.evidence(map[int][]string{2: shown})), tt.verdict, tt.check, tt.words)
			// A receipt is held against the same policy, but for the genesis record.
			if tt.check != "genesis" {
				wantVerdict(t, proof.VerifyReceipt(&policy, w.receipt(2), w.records[2].event), tt.verdict, tt.check, tt.words)
			}
		})
	}
	// While one key takes over from another, both sign.
	e := w.evidence(map[int][]string{2: shown})
	both, err := tree.Checkpoint{Origin: origin, Size: 5, Root: w.small().Root()}.Sign(w.signer, other)
	if err != nil {
		t.Fatal(err)
	}
	e.Checkpoint = both
	policy := w.trust
	policy.Keys = []proof.TrustedKey{{Key: verifier, To: 4}, {Key: otherKey, From: 5}}
	wantVerdict(t, proof.Verify(&policy, e), proof.Valid, "", "")
}

// What an operator can put into the log, signed as it should be.
func TestVerifyLies(t *testing.T) {
	w := newWorld(t)
	place := func(schema, pointer string) int { return slices.Index(w.schemas[schema].Pointers(), pointer) }
	set := func(schema, pointer string, v canon.Value, present bool) lie {
		return func(_ *record.Entry, all []seal.Disclosure) {
			d := &all[place(schema, pointer)]
			d.Value, d.Present = v, present
		}
	}
	all2 := map[int][]string{2: {"*"}}
	all3 := map[int][]string{3: {"*"}}
	noted := b64(w.schemas["noted"].Hash[:])
	tests := []struct {
		name         string
		index        int
		lie          lie
		shown        map[int][]string
		verdict      proof.Verdict
		check, words string
	}{
		{"a type that its schema is not of", 2, func(e *record.Entry, _ []seal.Disclosure) { e.Type = "com.example.loan.reviewed.v1" }, all2, proof.Invalid, "schema", "does not go with the entry"},
		{"an open type with a restricted schema", 2, func(e *record.Entry, _ []seal.Disclosure) { e.Schema = w.schemas["noted"].Hash }, all2, proof.Incomplete, "schema", "lacks the schema"},
		{"a member opened that is sealed", 2, func(e *record.Entry, _ []seal.Disclosure) {
			e.Open = canon.Map(append(e.Open.Members, canon.Member{Name: "amount", Value: canon.Text("1.00")})...)
		}, all2, proof.Invalid, "schema", "does not open"},
		{"a member opened that is none", 2, func(e *record.Entry, _ []seal.Disclosure) {
			e.Open = canon.Map(append(e.Open.Members, canon.Member{Name: "note", Value: canon.Text("x")})...)
		}, all2, proof.Invalid, "schema", "does not open"},
		{"a record that follows from itself", 2, func(e *record.Entry, _ []seal.Disclosure) { e.Refs = []int64{1, 2} }, all2, proof.Invalid, "entry", "does not lie before"},
		{"a subject that is no string", 2, set("decided", "/subject", canon.Number(7), true), all2, proof.Invalid, "disclosure", "/subject is not of type string"},
		{"no subject", 2, set("decided", "/subject", canon.Value{}, false), all2, proof.Invalid, "disclosure", "/subject is absent"},
		{"another subject in the seal", 2, set("decided", "/subject", canon.Text("file/L-9"), true), all2, proof.Invalid, "subject", "not the one that is disclosed"},
		{"no id", 2, set("decided", "/id", canon.Value{}, false), all2, proof.Invalid, "disclosure", "/id is absent"},
		{"a null", 2, set("decided", "/data/reasons", canon.Value{}, true), all2, proof.Invalid, "disclosure", "/data/reasons is null"},
		{"extensions that are a string", 2, set("decided", "/extensions", canon.Text("x"), true), all2, proof.Invalid, "disclosure", "/extensions is not of type object"},
		{"an extension that is the type", 2, set("decided", "/extensions", texts("type", "x"), true), all2, proof.Invalid, "disclosure", "place of its own"},
		{"an extension that is the signature", 2, set("decided", "/extensions", texts("signature", "x"), true), all2, proof.Invalid, "disclosure", "place of its own"},
		{"an extension that is the data", 2, set("decided", "/extensions", texts("data", "x"), true), all2, proof.Invalid, "disclosure", "place of its own"},

		{"another sealed type", 3, set("noted", "/type", texts("name", "com.example.other.v1", "schema", noted), true), all3, proof.Invalid, "schema", "does not go with the entry"},
		{"no sealed type", 3, set("noted", "/type", canon.Value{}, false), all3, proof.Invalid, "disclosure", "/type says no type"},
		{"a sealed type that is a string", 3, set("noted", "/type", canon.Text("com.example.case.noted.v1"), true), all3, proof.Invalid, "disclosure", "/type says no type"},
		{"a sealed type without a schema", 3, set("noted", "/type", texts("name", "com.example.case.noted.v1"), true), all3, proof.Invalid, "disclosure", "/type says no type"},
		{"a sealed type with another member", 3, set("noted", "/type", texts("more", "x", "name", "com.example.case.noted.v1", "schema", noted), true), all3, proof.Invalid, "disclosure", "/type says no type"},
		{"a sealed schema that is not in the file", 3, set("noted", "/type", texts("name", "com.example.case.noted.v1", "schema", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), true), all3, proof.Incomplete, "schema", "lacks the schema"},
		{"a restricted record under an open schema", 3, set("noted", "/type", w.schemas["decided"].SealedType(), true),
			map[int][]string{1: {"/id"}, 3: {"*"}}, proof.Invalid, "schema", "does not go with the entry"},
		{"refs that are no list", 3, set("noted", "/refs", canon.Number(2), true), all3, proof.Invalid, "disclosure", "/refs is not of type array"},
		{"no sealed submitter", 3, set("noted", "/submitter", canon.Value{}, false), all3, proof.Invalid, "disclosure", "/submitter is absent"},

		{"a chain that forks", 2, func(e *record.Entry, _ []seal.Disclosure) { e.Seq, e.Prev = 1, [32]byte{} }, map[int][]string{1: nil, 2: nil}, proof.Invalid, "chain", "number 1 of the same subject"},
		{"a chain with another link", 2, func(e *record.Entry, _ []seal.Disclosure) { e.Prev[0]++ }, map[int][]string{1: nil, 2: nil}, proof.Invalid, "chain", "does not follow from it"},
		{"a clock that runs backwards", 2, func(e *record.Entry, _ []seal.Disclosure) { e.Recorded = e.Recorded.Add(-2 * time.Minute) }, map[int][]string{1: nil, 2: nil}, proof.Invalid, "time", "before record 1"},
		{"a signature of another event", 2, set("decided", "/data/amount", canon.Text("13000.00"), true), all2, proof.Invalid, "submitter", "signature is wrong"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lying := newLyingWorld(t, map[int]lie{tt.index: tt.lie})
			policy := &lying.trust
			if tt.check == "submitter" {
				policy = lying.signedTrust()
			}
			wantVerdict(t, proof.Verify(policy, lying.evidence(tt.shown)), tt.verdict, tt.check, tt.words)
		})
	}
	t.Run("a schema of a later profile", func(t *testing.T) {
		later := bytes.Replace(w.schemas["decided"].Text, []byte(`"x-subject"`), []byte(`"x-later": true, "x-subject"`), 1)
		lying := newLyingWorld(t, map[int]lie{2: func(e *record.Entry, _ []seal.Disclosure) { e.Schema = sha256.Sum256(later) }})
		e := lying.evidence(all2)
		e.Schemas = append(e.Schemas, later)
		wantVerdict(t, proof.Verify(&lying.trust, e), proof.Incomplete, "schema", "cannot read its schema")
	})
	t.Run("an index-root that covers other leaves", func(t *testing.T) {
		for _, covers := range []int64{0, 3, 5, canon.MaxInt} {
			lying := newWorld(t)
			lying.leaves[4] = record.IndexRoot{Covers: covers}.Bytes()
			wantVerdict(t, proof.Verify(&lying.trust, lying.evidence(map[int][]string{4: nil})), proof.Invalid, "entry", "covers")
		}
	})
	t.Run("a genesis that is none", func(t *testing.T) {
		for name, told := range map[string]lie{
			"another origin": func(e *record.Entry, _ []seal.Disclosure) { replaceOpen(e, "origin", canon.Text("x.example")) },
			"another VRF":    func(e *record.Entry, _ []seal.Disclosure) { replaceOpen(e, "vrfKey", canon.Text("x")) },
			"a number":       func(e *record.Entry, _ []seal.Disclosure) { replaceOpen(e, "origin", canon.Number(1)) },
			"another type":   func(e *record.Entry, _ []seal.Disclosure) { e.Type = record.TypeSchemaRegistered },
		} {
			lying := newLyingWorld(t, map[int]lie{0: told})
			r := proof.Verify(&lying.trust, lying.evidence(map[int][]string{2: shown}))
			if r.Verdict != proof.Invalid {
				t.Errorf("%s: %v", name, r.Verdict)
			}
		}
		// A leaf that is no entry at all.
		lying := newWorld(t)
		lying.leaves[0] = record.IndexRoot{Covers: 0}.Bytes()
		lying.trust.Genesis = tree.LeafHash(lying.leaves[0])
		wantVerdict(t, proof.Verify(&lying.trust, lying.evidence(map[int][]string{2: shown})), proof.Invalid, "genesis", "not a genesis record")
	})
}

func replaceOpen(e *record.Entry, name string, v canon.Value) {
	for i := range e.Open.Members {
		if e.Open.Members[i].Name == name {
			e.Open.Members[i].Value = v
		}
	}
}

// A subject is split at its first slash and at no other.
func TestVerifySubjectWithSlashes(t *testing.T) {
	w := newWorld(t)
	w.add("decided", `{"subject":"file/L/1/a","id":"D-3","source":"//core.bank.example","data":{"outcome":"declined"}}`, nil)
	e := w.evidence(map[int][]string{5: {"/subject"}})
	wantVerdict(t, proof.Verify(&w.trust, e), proof.Valid, "", "")
	e.Records[0].Disclosures = nil
	_, p := w.vrf.Prove("file/L", "1/a")
	e.Records[0].Subject = &proof.Subject{Subject: "file/L/1/a", Proof: p}
	wantVerdict(t, proof.Verify(&w.trust, e), proof.Invalid, "subject", "")
}

// Of a restricted record nothing can be verified without the member that says
// what it is, so Disclose adds it.
func TestVerifyRestricted(t *testing.T) {
	w := newWorld(t)
	only := map[int][]string{3: {"/data/kind"}}
	e := w.evidence(only)
	if n := len(e.Records[0].Disclosures); n != 2 {
		t.Errorf("%d members are disclosed of one and /type", n)
	}
	wantVerdict(t, proof.Verify(&w.trust, e), proof.Valid, "", "")
	e.Records[0].Disclosures = slices.DeleteFunc(e.Records[0].Disclosures, func(d proof.SealedMember) bool {
		return bytes.Contains(d.Disclosure, []byte(`"/type"`))
	})
	wantVerdict(t, proof.Verify(&w.trust, e), proof.Incomplete, "schema", "only together with its member /type")
	if _, err := proof.Disclose(w.schemas["noted"], w.records[3].all, "/data/nothing"); err == nil {
		t.Error("a member is disclosed that is none")
	}
	if _, err := proof.Disclose(w.schemas["noted"], w.records[3].all[:3], "/data/kind"); err == nil {
		t.Error("members are disclosed out of too few")
	}
}

// An operator seals a malformed tree in which the members of two schemas of one
// type find their places, to tell one record in two ways. Both schemas have to
// be named by the leaf at the end of the right edge, and there is only one.
func TestVerifyRestrictedTwice(t *testing.T) {
	w := newWorld(t)
	members := ""
	for i := range 12 {
		members += fmt.Sprintf(`"m%02d": {"type": "string", "x-key": "party"}, `, i)
	}
	other, err := record.ParseSchema(bytes.Replace(w.schemas["noted"].Text, []byte(`"properties": {`), []byte(`"properties": {`+members), 1))
	if err != nil {
		t.Fatal(err)
	}
	type told struct {
		schema *record.Schema
		kind   string
	}
	disclose := func(s *record.Schema, pointer string, v canon.Value) (d seal.Disclosure, way string) {
		return seal.Disclose(seal.Seed{1}, pointer, v, true), wayTo(slices.Index(s.Pointers(), pointer), len(s.Pointers()))
	}
	first, second := told{w.schemas["noted"], "fraud"}, told{other, "error"}
	// The leaves that the operator wants, by their way down from the root.
	leaves, ways := map[string]tree.Hash{}, []string{}
	for _, x := range []told{second, first} {
		kind, at := disclose(x.schema, "/data/kind", canon.Text(x.kind))
		typ, end := disclose(x.schema, "/type", x.schema.SealedType())
		leaves[at], leaves[end] = kind.Hash(), typ.Hash()
		ways = append(ways, at, end)
	}
	if len(leaves) != 3 || ways[1] != ways[3] || first.schema.Type != other.Type {
		t.Fatalf("the two trees do not fit into one another but for /type: %v", ways)
	}
	lying := newWorld(t)
	leaf, err := record.ParseLeaf(lying.leaves[3])
	if err != nil {
		t.Fatal(err)
	}
	leaf.Entry.Sealed = craft(leaves, "")
	lying.leaves[3] = leaf.Entry.Bytes()
	evidence := func(x told, sealed canon.Value) *proof.Evidence {
		e := lying.evidence(map[int][]string{3: nil})
		e.Schemas = [][]byte{first.schema.Text, other.Text}
		for pointer, v := range map[string]canon.Value{"/data/kind": canon.Text(x.kind), "/type": sealed} {
			d, way := disclose(x.schema, pointer, v)
			m := proof.SealedMember{Disclosure: d.Bytes()}
			for i := len(way) - 1; i >= 0; i-- {
				sibling := way[:i] + map[byte]string{'L': "R", 'R': "L"}[way[i]]
				m.Proof = append(m.Proof, craft(leaves, sibling))
			}
			e.Records[0].Disclosures = append(e.Records[0].Disclosures, m)
		}
		return e
	}
	wantVerdict(t, proof.Verify(&lying.trust, evidence(first, first.schema.SealedType())), proof.Valid, "", "")
	wantVerdict(t, proof.Verify(&lying.trust, evidence(second, other.SealedType())), proof.Invalid, "disclosure", "/type is not what the entry committed to")
	// Under the schema that was committed to, the other telling has no place.
	wantVerdict(t, proof.Verify(&lying.trust, evidence(second, first.schema.SealedType())), proof.Invalid, "disclosure", "is not what the entry committed to")
}

// wayTo returns the way from the root of a tree to a leaf.
func wayTo(index, size int) string {
	if size == 1 {
		return ""
	}
	k := 1
	for 2*k < size {
		k *= 2
	}
	if index < k {
		return "L" + wayTo(index, k)
	}
	return "R" + wayTo(index-k, size-k)
}

// craft returns the hash of the node at the end of a way, in a tree that has
// certain leaves at the end of others.
func craft(leaves map[string]tree.Hash, way string) tree.Hash {
	if h, ok := leaves[way]; ok {
		return h
	}
	for w := range leaves {
		if strings.HasPrefix(w, way) {
			return tree.Small{Leaves: []tree.Hash{craft(leaves, way+"L"), craft(leaves, way+"R")}}.Root()
		}
	}
	return tree.LeafHash([]byte("filler " + way))
}

func TestVerifyDocument(t *testing.T) {
	w := newWorld(t)
	evidence, receipt := string(w.evidence(map[int][]string{2: shown}).Bytes()), string(w.receipt(2).Bytes())
	tests := []struct {
		name, of, old, new string
		verdict            proof.Verdict
		check, words       string
	}{
		{"evidence", evidence, `{`, `{`, proof.Valid, "", ""},
		{"receipt", receipt, `{`, `{`, proof.Valid, "", ""},
		{"white space", evidence, `{`, " \t\r\n{", proof.Valid, "", ""},
		{"an unknown section", evidence, `"v": `, `"later": {}, "v": `, proof.Incomplete, "sections", "later"},
		{"a case variant", evidence, `"v": `, `"Records": [], "v": `, proof.Incomplete, "sections", "Records"},
		{"an unknown member of genesis", evidence, `"genesis": {`, `"genesis": {"x": 1,`, proof.Invalid, "format", "/genesis/x"},
		{"an unknown member of a record", evidence, `"index": `, `"x": 1, "index": `, proof.Invalid, "format", "/records/0/x"},
		{"a case variant in a record", evidence, `"index": `, `"Index": 3, "index": `, proof.Invalid, "format", "/records/0/Index"},
		{"an unknown member of a disclosure", evidence, `"disclosure": `, `"x": 1, "disclosure": `, proof.Invalid, "format", "/records/0/disclosures/0/x"},
		{"an unknown member of the subject", evidence, `"subject": "file/L-1"`, `"x": 1, "subject": "file/L-1"`, proof.Invalid, "format", "/records/0/subject/x"},
		{"an index in a string", evidence, `"index": 2`, `"index": "2"`, proof.Invalid, "format", "/records/0/index"},
		{"a negative index", evidence, `"index": 2`, `"index": -2`, proof.Invalid, "format", "/records/0/index"},
		{"no records", evidence, `"records": [`, `"records": [], "rest": [`, proof.Invalid, "format", "/records holds no record"},
		{"records are an object", evidence, `"records": [`, `"records": {}, "rest": [`, proof.Invalid, "format", "/records"},
		{"null for a subject", evidence, `"disclosures": `, `"subject": null, "disclosures": `, proof.Invalid, "", ""},
		{"a line break in a hash", evidence, `=",`, `=\n",`, proof.Invalid, "", ""},
		{"a receipt with an unknown member", receipt, `"v": `, `"x": 1, "v": `, proof.Invalid, "format", "/x"},
		{"a receipt with a seed of 31 bytes", receipt, `"staff": "`, `"staff": "AAAA`, proof.Invalid, "format", "/seeds/staff"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(tt.of, tt.old) {
				t.Fatalf("no %q", tt.old)
			}
			r, err := proof.VerifyDocument(&w.trust, []byte(strings.Replace(tt.of, tt.old, tt.new, 1)), nil)
			if tt.name == "null for a subject" { // twice in its object: not JSON
				if err == nil {
					t.Error("accepted")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if tt.check == "" && tt.verdict == proof.Invalid {
				if r.Verdict != proof.Invalid {
					t.Errorf("%v", r.Verdict)
				}
				return
			}
			wantVerdict(t, r, tt.verdict, tt.check, tt.words)
		})
	}
	if _, err := proof.VerifyDocument(&w.trust, []byte(evidence), w.records[2].event); err == nil {
		t.Error("evidence is held against an event")
	}
	r, err := proof.VerifyDocument(&w.trust, []byte(receipt), w.records[2].event)
	if err != nil {
		t.Fatal(err)
	}
	wantVerdict(t, r, proof.Valid, "", "")
}

func TestKindOf(t *testing.T) {
	tests := []struct{ doc, want string }{
		{`{"v":"lendlog-evidence/1"}`, proof.EvidenceFormat},
		{` {"x":1,"v":"lendlog-receipt/1"} `, proof.ReceiptFormat},
		{`{"v":"lendlog-receipt/2"}`, ""},
		{`{"v":"Lendlog-receipt/1"}`, ""},
		{`{"V":"lendlog-receipt/1"}`, ""},
		{`{"v":["lendlog-receipt/1"]}`, ""},
		{`{"v":1}`, ""},
		{`{}`, ""},
		{`["lendlog-receipt/1"]`, ""},
		{`"lendlog-receipt/1"`, ""},
		{`{"v":"lendlog-evidence/1"`, ""},
		{`{"v":"lendlog-evidence/1","v":"lendlog-receipt/1"}`, ""},
		{"\ufeff" + `{"v":"lendlog-evidence/1"}`, ""},
		{``, ""},
		{`{"v":"lendlog-evidence/1","x":"` + strings.Repeat("x", 64<<20) + `"}`, ""},
	}
	for i, tt := range tests {
		got, err := proof.KindOf([]byte(tt.doc))
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("document %d: %q, %v; want %q", i, got, err, tt.want)
		}
	}
}

// flips calls try with every bit of b changed, on all cores; in the short form, with
// every seventh, which is another bit of each byte.
func flips(b []byte, try func(changed []byte, bit int)) {
	step := scale.Of(7, 1)
	var wg sync.WaitGroup
	n := runtime.GOMAXPROCS(0)
	for from := range n {
		wg.Go(func() {
			for bit := from * step; bit < len(b)*8; bit += n * step {
				changed := bytes.Clone(b)
				changed[bit/8] ^= 1 << (bit % 8)
				try(changed, bit)
			}
		})
	}
	wg.Wait()
}

// TestBits is the invariant I12: with any one bit of a file changed, the verdict
// is not VALID. No bit turns one white space of these files into another, so
// there is no exception.
func TestBits(t *testing.T) {
	w := newWorld(t)
	for name, ev := range map[string]*record.Event{
		"evidence.json": nil, "evidence-complete.json": nil, "receipt.json": w.records[2].event, "receipt-restricted.json": w.records[3].event,
	} {
		t.Run(name, func(t *testing.T) {
			doc := read(t, "testdata/"+name)
			r, err := proof.VerifyDocument(&w.trust, doc, ev)
			if err != nil {
				t.Fatal(err)
			}
			wantVerdict(t, r, proof.Valid, "", "")
			flips(doc, func(changed []byte, bit int) {
				r, err := proof.VerifyDocument(&w.trust, changed, ev)
				if err == nil && r.Verdict == proof.Valid {
					t.Errorf("VALID with bit %d changed: …%q…", bit, changed[max(0, bit/8-20):min(len(changed), bit/8+20)])
				}
			})
		})
	}
	// Of evidence under witnesses every part that the policy needs.
	t.Run("witnesses", func(t *testing.T) {
		policy, e := w.witnessedTrust(2), w.cosignedEvidence()
		e.Witnessed, e.Records, e.Schemas = e.Witnessed[:1], w.evidence(map[int][]string{2: nil}).Records, nil
		doc := e.Bytes()
		wantVerdict(t, proof.Verify(policy, e), proof.Valid, "", "")
		flips(doc, func(changed []byte, bit int) {
			r, err := proof.VerifyDocument(policy, changed, nil)
			if err == nil && r.Verdict == proof.Valid {
				t.Errorf("VALID with bit %d changed: …%q…", bit, changed[max(0, bit/8-20):min(len(changed), bit/8+20)])
			}
		})
	})
	t.Run("checkpoint.txt", func(t *testing.T) {
		signed := read(t, "testdata/checkpoint.txt")
		if _, err := w.trust.OpenCheckpoint(signed); err != nil {
			t.Fatal(err)
		}
		flips(signed, func(changed []byte, bit int) {
			if _, err := w.trust.OpenCheckpoint(changed); err == nil {
				t.Errorf("with bit %d changed it opens: %q", bit, changed)
			}
		})
	})
	// A policy has a bit that means nothing: the case of a key hash's digits.
	t.Run("trust.json", func(t *testing.T) {
		trust, e := read(t, "testdata/trust.json"), w.evidence(map[int][]string{2: shown})
		flips(trust, func(changed []byte, bit int) {
			p, err := proof.ParseTrust(changed)
			if err != nil || proof.Verify(p, e).Verdict != proof.Valid {
				return
			}
			p.Keys[0].Key = strings.Replace(p.Keys[0].Key, strings.Split(p.Keys[0].Key, "+")[1], strings.Split(w.trust.Keys[0].Key, "+")[1], 1)
			if !strings.EqualFold(string(trust), string(changed)) || !cmp.Equal(*p, w.trust) {
				t.Errorf("VALID with bit %d changed: %q", bit, changed)
			}
		})
	})
}

// White space between the parts of a file means nothing.
func TestWhiteSpace(t *testing.T) {
	w := newWorld(t)
	doc := read(t, "testdata/evidence.json")
	want, err := proof.VerifyDocument(&w.trust, doc, nil)
	if err != nil {
		t.Fatal(err)
	}
	v, err := canon.Parse(doc, canon.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range [][]byte{v.Bytes(), bytes.ReplaceAll(doc, []byte("\n"), []byte("\r\n\t"))} {
		got, err := proof.VerifyDocument(&w.trust, other, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the report differs (-want +got):\n%s", diff)
		}
	}
}

// The order of records and disclosures says nothing.
func TestVerifyOrder(t *testing.T) {
	w := newWorld(t)
	e := w.evidence(map[int][]string{1: {"/subject"}, 2: {"*"}, 3: {"*"}, 4: nil})
	slices.Reverse(e.Records)
	for i := range e.Records {
		slices.Reverse(e.Records[i].Disclosures)
	}
	slices.Reverse(e.Schemas)
	wantVerdict(t, proof.Verify(&w.trust, e), proof.Valid, "", "")
	if r := proof.Verify(&w.trust, e); !slices.ContainsFunc(r.Checks, func(c proof.Check) bool { return c.Name == "chain" && c.Result == proof.Pass }) {
		t.Errorf("the chain was not checked: %v", fmt.Sprint(r.Checks))
	}
}

// A small file must not ask for minutes of work.
func TestClaimsAreBounded(t *testing.T) {
	w := newWorld(t)
	e := w.complete(w.evidence(map[int][]string{4: nil}), "file", "L-9")
	for n, ok := range map[int]bool{0: true, 1: true, 1024: true, 1025: false} {
		many := *e
		many.Complete = slices.Repeat(e.Complete, n)
		if _, err := proof.ParseEvidence(many.Bytes()); (err == nil) != ok {
			t.Errorf("a file of %d claims is read: %v", n, err)
		}
	}
}
