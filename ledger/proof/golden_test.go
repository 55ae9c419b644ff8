// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/mpt"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/term"
	"github.com/lendlog/lendlog/ledger/tree"
)

var update = flag.Bool("update", false, "write the golden files anew; a format that was published must not change")

// A world is a small ledger made of fixed keys, seeds and times:
//
//	0  genesis                       ledger/ledger.example/golden
//	1  com.example.loan.decided.v1   file/L-1, declined
//	2  com.example.loan.decided.v1   file/L-1, approved; follows from 1, signed by its submitter
//	3  com.example.case.noted.v1     case/C-1, restricted; follows from 2
//	4  index-root
type world struct {
	t       testing.TB
	signer  note.Signer
	trust   proof.Trust
	vrf     *term.PrivateKey
	index   seal.Key
	schemas map[string]*record.Schema // by the name of their file
	records []logged
	leaves  [][]byte
	chains  map[term.Term][]int
	lies    map[int]lie
}

// A lie is what an operator does to a record before it is hashed.
type lie func(e *record.Entry, all []seal.Disclosure)

// A logged event is a record of a world with all that its submitter knows of it.
type logged struct {
	event      *record.Event
	seeds      map[string]seal.Seed
	outer      map[string]canon.Value
	restricted *proof.Restricted
	all        []seal.Disclosure
}

const (
	origin    = "ledger.example/golden"
	submitter = "core-banking"
)

var (
	checkpointKey = ed25519.NewKeyFromSeed(label("checkpoint key"))
	submitterKey  = ed25519.NewKeyFromSeed(label("submitter key"))
)

// label makes 32 bytes out of words, in place of random ones.
func label(words string) []byte {
	h := sha256.Sum256([]byte("lendlog golden: " + words))
	return h[:]
}

// submitterECDSA is the key of another submitter.
func submitterECDSA(t testing.TB) *ecdsa.PrivateKey {
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), label("second submitter key"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newWorld(t testing.TB) *world { return newLyingWorld(t, nil) }

// newLyingWorld makes a world with lies in the records of the given indexes.
func newLyingWorld(t testing.TB, lies map[int]lie) *world {
	t.Helper()
	w := &world{t: t, lies: lies, schemas: map[string]*record.Schema{}, chains: map[term.Term][]int{}, index: seal.Key(label("index key"))}
	for _, name := range []string{"genesis", "decided", "restricted", "noted"} {
		s, err := record.ParseSchema(read(t, "testdata/"+name+".schema.json"))
		if err != nil {
			t.Fatal(err)
		}
		w.schemas[name] = s
	}
	scalar := label("VRF key")
	scalar[31] &= 0x0f // below the order of the group
	var err error
	if w.vrf, err = term.ParsePrivateKey(scalar); err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewEd25519VerifierKey(origin, checkpointKey.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	w.signer = signerOf(t, origin, checkpointKey)

	vrfKey := w.vrf.Public()
	w.add("genesis", `{"subject":"ledger/`+origin+`","id":"genesis","source":"urn:lendlog:ledger:`+origin+`",
		"data":{"origin":"`+origin+`","format":"lendlog/1","hash":"sha256","map":"torchwood-mpt","checkpointKeys":["`+verifier+`"],
		"vrfKey":"`+base64.StdEncoding.EncodeToString(vrfKey[:])+`","indexKeyCommitment":"`+base64.StdEncoding.EncodeToString(label("commitment"))+`",
		"shard":{"number":1,"of":1,"rule":"all subjects"},"witnessIntervalSeconds":86400,"lateAfterSeconds":86400}}`, nil)
	w.add("decided", `{"subject":"file/L-1","id":"D-1","source":"//core.bank.example","party":"P-1","capture":"import","tenant":"north",
		"data":{"outcome":"declined","reasonCodes":["debt-to-income"],"reasons":["Your monthly debt is high."],"officerId":"staff-204"}}`, nil)
	w.add("decided", `{"subject":"file/L-1","id":"D-2","source":"//core.bank.example","party":"P-1","causationid":"D-1",
		"data":{"outcome":"approved","amount":"12000.00","officerId":"staff-7"}}`, []int64{1})
	w.add("noted", `{"subject":"case/C-1","id":"C-1","source":"//core.bank.example","causationid":"D-2",
		"data":{"kind":"fraud","narrative":"Two payslips, one font."}}`, []int64{2})
	w.leaves = append(w.leaves, record.IndexRoot{Covers: int64(len(w.leaves)), Root: w.mapRoot()}.Bytes())
	w.records = append(w.records, logged{}) // so that both are numbered alike

	w.trust = proof.Trust{
		Origin: origin, Genesis: tree.LeafHash(w.leaves[0]), VRF: w.vrf.Public(),
		Keys: []proof.TrustedKey{{Key: verifier}},
	}
	return w
}

// signerOf returns the signer of notes with an Ed25519 key.
func signerOf(t testing.TB, name string, key ed25519.PrivateKey) note.Signer {
	t.Helper()
	public := append([]byte{1}, key.Public().(ed25519.PublicKey)...)
	h := sha256.Sum256(append([]byte(name+"\n"), public...))
	s, err := note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", name, binary.BigEndian.Uint32(h[:]),
		base64.StdEncoding.EncodeToString(append([]byte{1}, key.Seed()...))))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// add appends a record as the engine does.
func (w *world) add(schema, doc string, refs []int64) {
	w.t.Helper()
	v, err := canon.Parse([]byte(doc), canon.Limits{})
	if err != nil {
		w.t.Fatal(err)
	}
	s, index := w.schemas[schema], len(w.leaves)
	v = canon.Map(append(v.Members,
		canon.Member{Name: "specversion", Value: canon.Text("1.0")},
		canon.Member{Name: "type", Value: canon.Text(s.Type)},
		canon.Member{Name: "time", Value: canon.Text(fmt.Sprintf("2026-01-31T10:0%d:00+01:00", index))},
	)...)
	if index == 2 {
		signature, err := proof.SignEvent(v, origin, submitter, submitterKey)
		if err != nil {
			w.t.Fatal(err)
		}
		v = canon.Map(append(v.Members, canon.Member{Name: "signature", Value: canon.Text(signature)})...)
	}
	ev, err := s.Event(v)
	if err != nil {
		w.t.Fatal(err)
	}
	g := logged{event: ev, seeds: map[string]seal.Seed{}}
	of := w.vrf.Term(ev.Kind, ev.SubjectID)
	e := record.Entry{
		Capture: record.Live, Event: seal.Identity(w.index, ev.Source, ev.ID), Open: canon.Map(),
		Recorded: time.Date(2026, 1, 31, 9, index, 0, 123e6, time.UTC),
		Refs:     refs, Schema: s.Hash, Submitter: submitter, Term: of, Time: ev.Time, Type: ev.Type,
	}
	if ev.Capture == record.Import {
		e.Capture = record.Import
	}
	if s.Own {
		e.Submitter = "ledger"
	}
	for _, m := range ev.Data.Members {
		if decl, _ := s.Member(m.Name); decl.Open {
			e.Open.Members = append(e.Open.Members, m)
		}
	}
	if s.Restricted {
		g.restricted = &proof.Restricted{Submitter: submitter, Refs: refs}
		g.outer = g.restricted.Members(ev)
		e.Refs, e.Submitter, e.Time, e.Type, e.Schema = nil, "", "", record.TypeRestricted, w.schemas["restricted"].Hash
	}
	for _, ptr := range s.Pointers() {
		group, _ := s.Group(ptr)
		g.seeds[group] = seal.Seed(label(fmt.Sprintf("seed of record %d, group %s", index, group)))
	}
	g.all = seal.Disclosures(ev, g.outer, g.seeds)
	chain := w.chains[of]
	e.Seq = int64(len(chain)) + 1
	if len(chain) > 0 {
		e.Prev = tree.LeafHash(w.leaves[chain[len(chain)-1]])
	}
	w.chains[of] = append(chain, index)
	if lie := w.lies[index]; lie != nil {
		lie(&e, g.all)
	}
	e.Sealed = seal.Small(g.all).Root()
	w.records = append(w.records, g)
	w.leaves = append(w.leaves, e.Bytes())
}

func (w *world) subjects() *mpt.Tree {
	var m mpt.Tree
	for of, chain := range w.chains {
		head := tree.LeafHash(w.leaves[chain[len(chain)-1]])
		m.Set(of[:], append(binary.BigEndian.AppendUint64(nil, uint64(len(chain))), head[:]...))
	}
	return &m
}

func (w *world) mapRoot() [32]byte { return w.subjects().Hash() }

// complete claims, in evidence, completeness of a subject, as the map that the
// world has now shows it.
func (w *world) complete(e *proof.Evidence, kind, id string) *proof.Evidence {
	of, p := w.vrf.Prove(kind, id)
	_, _, lookup := w.subjects().ProveLookup(of[:])
	e.Complete = append(e.Complete, proof.Complete{Subject: kind + "/" + id, Proof: p, Map: lookup})
	return e
}

// later is a world that went on after its index-root.
func later(t testing.TB) *world {
	t.Helper()
	w := newWorld(t)
	w.add("decided", `{"subject":"file/L-1","id":"D-3","source":"//core.bank.example","party":"P-1","causationid":"D-2",
		"data":{"outcome":"declined","reasonCodes":["debt-to-income"],"officerId":"staff-7"}}`, []int64{2})
	return w
}

// fraud is a world whose map leaves out record 2.
func fraud(t testing.TB) *world {
	t.Helper()
	w := newWorld(t)
	of := w.vrf.Term("file", "L-1")
	w.chains[of] = w.chains[of][:1]
	w.leaves[4] = record.IndexRoot{Covers: 4, Root: w.mapRoot()}.Bytes()
	return w
}

func (w *world) small() tree.Small {
	var s tree.Small
	for _, l := range w.leaves {
		s.Leaves = append(s.Leaves, tree.LeafHash(l))
	}
	return s
}

func (w *world) checkpoint() []byte {
	w.t.Helper()
	signed, err := tree.Checkpoint{Origin: origin, Size: int64(len(w.leaves)), Root: w.small().Root()}.Sign(w.signer)
	if err != nil {
		w.t.Fatal(err)
	}
	return signed
}

// evidence makes evidence of records, with the pointers disclosed of each of
// them; "*" discloses all.
func (w *world) evidence(pointers map[int][]string) *proof.Evidence {
	w.t.Helper()
	e := &proof.Evidence{Checkpoint: w.checkpoint()}
	e.Genesis = proof.Genesis{Entry: w.leaves[0], Proof: w.small().Prove(0)}
	for _, i := range slices.Sorted(maps.Keys(pointers)) {
		rec := proof.Record{Index: int64(i), Entry: w.leaves[i], Proof: w.small().Prove(i)}
		if shown := pointers[i]; len(shown) > 0 {
			g := w.records[i]
			s := g.event.Schema
			if shown[0] == "*" {
				shown = s.Pointers()
			}
			var err error
			if rec.Disclosures, err = proof.Disclose(s, g.all, shown...); err != nil {
				w.t.Fatal(err)
			}
			if !slices.ContainsFunc(e.Schemas, func(b []byte) bool { return bytes.Equal(b, s.Text) }) {
				e.Schemas = append(e.Schemas, s.Text)
			}
			if slices.Contains(shown, "/subject") {
				_, p := w.vrf.Prove(g.event.Kind, g.event.SubjectID)
				rec.Subject = &proof.Subject{Subject: g.event.Subject, Proof: p}
			}
		}
		e.Records = append(e.Records, rec)
	}
	return e
}

func (w *world) receipt(i int) *proof.Receipt {
	g := w.records[i]
	return &proof.Receipt{
		Index: int64(i), Entry: w.leaves[i], Seeds: g.seeds, Proof: w.small().Prove(i),
		Checkpoint: w.checkpoint(), Restricted: g.restricted,
	}
}

// signedTrust is the policy of somebody who asks for submitters' signatures.
func (w *world) signedTrust() *proof.Trust {
	t := w.trust
	t.Keys = []proof.TrustedKey{{Key: t.Keys[0].Key, From: 1, To: 1 << 40}}
	t.Submitters = []proof.SubmitterKey{
		{ID: submitter, Key: submitterKey.Public()},
		{ID: "branches", Key: submitterECDSA(w.t).Public()},
	}
	return &t
}

// shown are the members that evidence.json discloses: one that the event has
// in each key group, one that it lacks, and the subject.
var shown = []string{"/data/amount", "/data/officerId", "/parent", "/subject"}

// files are the golden files of a world. What each member of them means stands
// beside them, in a file that ends in .annotated.
func (w *world) files() map[string][]byte {
	return map[string][]byte{
		"trust.json":               w.trust.Bytes(),
		"trust-submitters.json":    w.signedTrust().Bytes(),
		"trust-witnesses.json":     w.witnessedTrust(2).Bytes(),
		"evidence-witnessed.json":  w.cosignedEvidence().Bytes(),
		"trust-anchors.json":       w.anchoredTrust(3).Bytes(),
		"trust-stamps.json":        w.stampedTrust().Bytes(),
		"evidence-anchored.json":   w.anchoredEvidence().Bytes(),
		"evidence-stamped.json":    w.stampedEvidence().Bytes(),
		"checkpoint.txt":           w.checkpoint(),
		"evidence.json":            w.evidence(map[int][]string{2: shown}).Bytes(),
		"evidence-plain.json":      w.evidence(map[int][]string{1: nil, 4: nil}).Bytes(),
		"evidence-signed.json":     w.evidence(map[int][]string{1: {"/subject"}, 2: {"*"}}).Bytes(),
		"evidence-restricted.json": w.evidence(map[int][]string{3: {"/data/kind", "/refs"}}).Bytes(),
		"evidence-complete.json":   w.complete(w.evidence(map[int][]string{1: nil, 2: nil, 4: nil}), "file", "L-1").Bytes(),
		"receipt.json":             w.receipt(2).Bytes(),
		"receipt-restricted.json":  w.receipt(3).Bytes(),
		"event.json":               append(w.records[2].event.Document().Bytes(), '\n'),
		"event-restricted.json":    append(w.records[3].event.Document().Bytes(), '\n'),
	}
}

func TestGolden(t *testing.T) {
	w := newWorld(t)
	for name, got := range w.files() {
		golden(t, name, got)
		if notes, ok := annotations[name]; ok {
			golden(t, strings.TrimSuffix(name, ".json")+".annotated", annotate(t, got, notes))
		}
	}
	// The entries in them are the golden entries of ledger/record.
	for name, i := range map[string]int{"genesis": 0, "entry": 2, "restricted": 3, "index-root": 4} {
		want := read(t, filepath.Join("..", "record", "testdata", name+".json"))
		if !bytes.Equal(w.leaves[i], want) {
			t.Errorf("leaf %d is not ledger/record/testdata/%s.json:\n%s", i, name, w.leaves[i])
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(read(t, path)), string(got)); diff != "" {
		t.Errorf("%s changed (-want +got): a published format never changes, a new one has a new version\n%s", path, diff)
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func texts(pairs ...string) canon.Value {
	var members []canon.Member
	for i := 0; i < len(pairs); i += 2 {
		members = append(members, canon.Member{Name: pairs[i], Value: canon.Text(pairs[i+1])})
	}
	return canon.Map(members...)
}

// verifierOf returns the C2SP verifier key of an Ed25519 key.
func verifierOf(t testing.TB, name string, key ed25519.PrivateKey) string {
	t.Helper()
	v, err := note.NewEd25519VerifierKey(name, key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return v
}
