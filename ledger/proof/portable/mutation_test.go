// SPDX-License-Identifier: Apache-2.0

package portable

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/mpt"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/term"
	"github.com/lendlog/lendlog/ledger/tree"
)

// Values that a careless reader takes for others, or cannot hold.
var (
	numbers = []int64{0, 1, -1, 2, 3, 4, 5, 6, 1 << 31, 1<<31 - 1, 1 << 32, 1<<53 - 1, 1 << 53, 1<<63 - 1, -1 << 63}
	texts   = []string{
		"", " ", "x", "file/L-1", "file/L-2", "case/C-1", "/L-1", "file/", "file", "a/b/c", "live", "late", "import", "ledger", "core-banking",
		"org.lendlog.index-root.v1", "org.lendlog.restricted.v1", "org.lendlog.genesis.v1", "com.example.loan.decided.v1", "lendlog/1", "lendlog/2",
		"2026-01-31T10:02:00+01:00", "2026-02-29T10:02:00Z", "2024-02-29T10:02:00Z", "2026-01-31T10:02:60Z", "2026-01-31T24:00:00Z",
		"2026-01-31t10:02:00z", "2026-01-31T10:02:00.1234567890Z", "2026-01-31T10:02:00.123456789-23:59", "2026-01-31T10:02:00+24:00",
		"2026-01-31T10:02:00.Z", "0000-01-01T00:00:00Z", "2026-01-31T09:02:00.123Z", "2026-01-31T09:02:00.12Z", "2026-01-31T10:02Z", "2026-00-31T10:02:00Z",
		"\u00e9", "e\u0301", "\U0001F600", "\uffff", "\u2028", "\x7f", "\x00\x01\b\f\n\r\t\"\\/", "\ufeff", "__proto__", "constructor", "toString", "length",
		"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAAB==", strings.Repeat("a", 64), strings.Repeat("a", 129),
	}
	names = []string{
		"", "v", "V", "index", "seq", "prev", "refs", "open", "time", "subject", "submitter", "signature", "id", "specversion", "data", "data_base64", "extensions",
		"__proto__", "constructor", "witnesses", "anchors", "completeness", "restricted", "outcome", "amount", "\U0001F600", "\uffff", "é", "name", "schema", "1", "10", "2",
	}
)

func value(rng *rand.Rand) canon.Value {
	switch rng.IntN(8) {
	case 0:
		return canon.Number(numbers[rng.IntN(len(numbers))])
	case 1:
		return canon.Value{}
	case 2:
		return canon.Flag(rng.IntN(2) == 0)
	case 3:
		return canon.List([]canon.Value{canon.Number(1), canon.Text("x"), {}}[:rng.IntN(4)]...)
	case 4:
		return canon.Map(canon.Member{Name: names[rng.IntN(len(names))], Value: canon.Text("x")})
	case 5:
		return canon.Map()
	}
	return canon.Text(texts[rng.IntN(len(texts))])
}

// nodes lists a value and all below it.
func nodes(v *canon.Value, into []*canon.Value) []*canon.Value {
	into = append(into, v)
	for i := range v.Items {
		into = nodes(&v.Items[i], into)
	}
	for i := range v.Members {
		into = nodes(&v.Members[i].Value, into)
	}
	return into
}

// mutate changes one thing in a value.
func mutate(rng *rand.Rand, v *canon.Value) {
	all := nodes(v, nil)
	n := all[rng.IntN(len(all))]
	switch kind := rng.IntN(8); {
	case kind == 0:
		*n = value(rng)
	case kind == 1:
		other := all[rng.IntN(len(all))]
		a, b := clone(*n), clone(*other)
		*n, *other = b, a
	case n.Kind == canon.Int:
		n.Int = numbers[rng.IntN(len(numbers))]
	case n.Kind == canon.String && kind == 2:
		n.Str = texts[rng.IntN(len(texts))]
	case n.Kind == canon.String:
		n.Str = respell(rng, n.Str)
	case len(n.Items) > 0:
		i := rng.IntN(len(n.Items))
		switch n.Items = slices.Clone(n.Items); kind {
		case 2, 3:
			n.Items = slices.Delete(n.Items, i, i+1)
		case 4, 5:
			n.Items = slices.Insert(n.Items, rng.IntN(len(n.Items)+1), clone(n.Items[i]))
		case 6:
			rng.Shuffle(len(n.Items), func(a, b int) { n.Items[a], n.Items[b] = n.Items[b], n.Items[a] })
		default:
			n.Items = append(n.Items, value(rng))
		}
	case n.Kind == canon.Object && (kind < 5 || len(n.Members) == 0):
		name := names[rng.IntN(len(names))]
		if _, has := n.Get(name); !has {
			*n = canon.Map(append(slices.Clone(n.Members), canon.Member{Name: name, Value: value(rng)})...)
		}
	case n.Kind == canon.Object:
		i := rng.IntN(len(n.Members))
		members := slices.Delete(slices.Clone(n.Members), i, i+1)
		if kind == 7 {
			if _, has := n.Get(strings.ToUpper(n.Members[i].Name)); !has {
				members = append(members, canon.Member{Name: strings.ToUpper(n.Members[i].Name), Value: n.Members[i].Value})
			}
		}
		*n = canon.Map(members...)
	default:
		*n = value(rng)
	}
}

func clone(v canon.Value) canon.Value {
	c, err := canon.Parse(v.Bytes(), canon.Limits{Depth: 1 << 10})
	if err != nil {
		return canon.Value{} // a number that JSON cannot have here
	}
	return c
}

// respell changes a string by what it is.
func respell(rng *rand.Rand, s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	raw, err := base64.StdEncoding.DecodeString(s)
	switch {
	case s == "":
		return texts[rng.IntN(len(texts))]
	case strings.Contains(s, "\n\n— ") && rng.IntN(4) > 0: // a signed note
		return respellNote(rng, s)
	case strings.HasPrefix(s, "{") || strings.HasPrefix(s, "["):
		inner, err := canon.Parse([]byte(s), canon.Limits{})
		if err != nil {
			break
		}
		if rng.IntN(6) == 0 {
			return strings.Replace(s, ",", ", ", 1)
		}
		mutate(rng, &inner)
		return string(inner.Bytes())
	case err == nil && len(raw) >= 16:
		switch rng.IntN(7) {
		case 0:
			return strings.TrimRight(s, "=")
		case 1:
			return base64.URLEncoding.EncodeToString(raw)
		case 2:
			return s[:len(s)/2] + []string{"\n", "\r", " ", "\t", "-"}[rng.IntN(5)] + s[len(s)/2:]
		case 3: // bits that are of no byte
			if i := strings.IndexByte(s, '='); i > 0 {
				return s[:i-1] + string(alphabet[strings.IndexByte(alphabet, s[i-1])^1]) + s[i:]
			}
		case 4:
			return base64.StdEncoding.EncodeToString(raw[:len(raw)-1])
		}
		raw[rng.IntN(len(raw))] ^= 1 << rng.IntN(8)
		return base64.StdEncoding.EncodeToString(raw)
	}
	b := []byte(s)
	switch i := rng.IntN(len(b)); rng.IntN(4) {
	case 0:
		b = slices.Delete(b, i, i+1)
	case 1:
		b = slices.Insert(b, i, []byte{' ', '\n', '=', 'A', '/', '0', '+'}[rng.IntN(7)])
	default:
		b[i] ^= 1 << rng.IntN(8)
	}
	return string(b)
}

// respellNote changes a line of a signed note, or where it stands.
func respellNote(rng *rand.Rand, s string) string {
	lines := strings.SplitAfter(strings.TrimSuffix(s, "\n"), "\n")
	lines[len(lines)-1] += "\n"
	from := min(4, len(lines)-1) // the signatures, unless one line went before
	i, k := rng.IntN(len(lines)), from+rng.IntN(len(lines)-from)
	switch rng.IntN(6) {
	case 0:
		lines = slices.Delete(lines, i, i+1)
	case 1:
		lines = slices.Insert(lines, rng.IntN(len(lines)+1), lines[i])
	case 2:
		rng.Shuffle(len(lines)-from, func(a, b int) { lines[from+a], lines[from+b] = lines[from+b], lines[from+a] })
	case 3: // one signs as another
		_, sig, _ := strings.Cut(strings.TrimPrefix(lines[k], "— "), " ")
		other, _, _ := strings.Cut(strings.TrimPrefix(lines[from+rng.IntN(len(lines)-from)], "— "), " ")
		lines[k] = "— " + other + " " + sig
	default:
		line := strings.TrimSuffix(lines[k], "\n")
		at := strings.LastIndexByte(line, ' ') + 1
		lines[k] = line[:at] + respell(rng, line[at:]) + "\n"
	}
	return strings.Join(lines, "")
}

// mutant makes a job of a published vector, of which something is changed.
func mutant(t *testing.T, all []vector, seed uint64) job {
	t.Helper()
	rng := rand.New(rand.NewPCG(0x90a7, seed))
	v := all[rng.IntN(len(all))]
	if rng.IntN(4) == 0 { // there are few of them
		var outside []vector
		for _, w := range all {
			if strings.Contains(w.File, "witness") || strings.Contains(w.File, "anchor") {
				outside = append(outside, w)
			}
		}
		v = outside[rng.IntN(len(outside))]
	}
	j := v.job(t)
	j.name = fmt.Sprintf("mutant %d of %s", seed, v.File)
	if other := all[rng.IntN(len(all))]; v.Event == "" && rng.IntN(4) == 0 && other.Against != "" {
		j.Against = append(j.Against, published(t, other.Against))
	}
	switch rng.IntN(6) {
	case 0, 1:
		j.Trust = published(t, "trust-submitters.json")
	case 2:
		j.Trust = published(t, []string{"trust-witnesses.json", "trust-one-key.json", "trust-blocks.json", "trust-anchors.json", "trust-stamps.json"}[rng.IntN(5)])
	}
	of := &j.Document
	if len(j.Against) > 0 && rng.IntN(3) == 0 {
		of = &j.Against[0]
	}
	doc, err := canon.Parse(*of, canon.Limits{})
	if err != nil || rng.IntN(4) == 0 {
		*of = bytes.Clone(*of)
		for range 1 + rng.IntN(2) {
			(*of)[rng.IntN(len(*of))] ^= 1 << rng.IntN(8)
		}
		return j
	}
	if lists := listsOf(&doc); rng.IntN(5) == 0 && len(lists) > 0 { // what a holder may do
		list := lists[rng.IntN(len(lists))]
		list.Items = slices.Clone(list.Items)
		rng.Shuffle(len(list.Items), func(a, b int) { list.Items[a], list.Items[b] = list.Items[b], list.Items[a] })
		list.Items = list.Items[rng.IntN(min(2, len(list.Items)+1)):]
		*of = doc.Bytes()
		return j
	}
	for range 1 + rng.IntN(2) {
		mutate(rng, &doc)
	}
	*of = doc.Bytes()
	return j
}

// listsOf returns the lists of evidence that have no order.
func listsOf(doc *canon.Value) (lists []*canon.Value) {
	for i := range doc.Members {
		switch m := &doc.Members[i]; m.Name {
		case "records", "completeness", "schemas", "witnesses", "anchors":
			lists = append(lists, &m.Value)
			for k := range m.Value.Items {
				for n := range m.Value.Items[k].Members {
					if d := &m.Value.Items[k].Members[n]; d.Name == "disclosures" {
						lists = append(lists, &d.Value)
					}
				}
			}
		}
	}
	return lists
}

// label makes the keys of the test vectors, which are not secret.
func label(words string) []byte {
	h := sha256.Sum256([]byte("lendlog golden: " + words))
	return h[:]
}

// An operator has the keys of the ledger of the test vectors, and signs what it
// likes.
type operator struct {
	t      testing.TB
	signer note.Signer
	vrf    *term.PrivateKey
	trust  *proof.Trust
}

func newOperator(t testing.TB, policy []byte) *operator {
	t.Helper()
	trust, err := proof.ParseTrust(policy)
	if err != nil {
		t.Fatal(err)
	}
	key := ed25519.NewKeyFromSeed(label("checkpoint key"))
	public := append([]byte{1}, key.Public().(ed25519.PublicKey)...)
	id := sha256.Sum256(append([]byte(trust.Origin+"\n"), public...))
	signer, err := note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", trust.Origin, binary.BigEndian.Uint32(id[:]),
		base64.StdEncoding.EncodeToString(append([]byte{1}, key.Seed()...))))
	if err != nil {
		t.Fatal(err)
	}
	scalar := label("VRF key")
	scalar[31] &= 0x0f
	vrf, err := term.ParsePrivateKey(scalar)
	if err != nil {
		t.Fatal(err)
	}
	return &operator{t, signer, vrf, trust}
}

// set puts a member into an entry, if it is one.
func set(entry *[]byte, name string, v canon.Value) {
	doc, err := canon.Parse(*entry, canon.Limits{})
	if err != nil || doc.Kind != canon.Object {
		return
	}
	members := slices.DeleteFunc(slices.Clone(doc.Members), func(m canon.Member) bool { return m.Name == name })
	*entry = canon.Map(append(members, canon.Member{Name: name, Value: v})...).Bytes()
}

func hash(h [32]byte) canon.Value { return canon.Text(base64.StdEncoding.EncodeToString(h[:])) }

// seal commits to the disclosures of a record.
func seal(r *proof.Record) {
	if len(r.Disclosures) == 0 {
		return
	}
	var small tree.Small
	for _, d := range r.Disclosures {
		small.Leaves = append(small.Leaves, tree.LeafHash(d.Disclosure))
	}
	for i := range r.Disclosures {
		r.Disclosures[i].Proof = small.Prove(i)
	}
	set(&r.Entry, "sealed", hash(small.Root()))
}

// publish makes a ledger of the records of evidence, which are all that it has,
// and the evidence true of it, as far as proofs can.
func (o *operator) publish(e *proof.Evidence) (doc, policy []byte) {
	var leaves tree.Small
	for _, r := range e.Records {
		leaves.Leaves = append(leaves.Leaves, tree.LeafHash(r.Entry))
	}
	for i := range e.Records {
		e.Records[i].Proof = leaves.Prove(i)
	}
	e.Genesis = proof.Genesis{Entry: e.Records[0].Entry, Proof: leaves.Prove(0)}
	trust := *o.trust
	trust.Genesis = leaves.Leaves[0]
	var err error
	e.Checkpoint, err = tree.Checkpoint{Origin: trust.Origin, Size: int64(len(leaves.Leaves)), Root: leaves.Root()}.Sign(o.signer)
	if err != nil {
		o.t.Fatal(err)
	}
	return e.Bytes(), trust.Bytes()
}

// index makes the last record of evidence the root of a map in which each term
// has the records that bear it.
func (o *operator) index(e *proof.Evidence) *mpt.Tree {
	var m mpt.Tree
	counts := map[string]uint64{}
	for _, r := range e.Records {
		leaf, err := record.ParseLeaf(r.Entry)
		if err != nil || leaf.Entry == nil {
			continue
		}
		of, head := leaf.Entry.Term, tree.LeafHash(r.Entry)
		counts[string(of[:])]++
		m.Set(of[:], append(binary.BigEndian.AppendUint64(nil, counts[string(of[:])]), head[:]...))
	}
	set(&e.Records[len(e.Records)-1].Entry, "root", hash(m.Hash()))
	return &m
}

// claim claims completeness of a subject.
func (o *operator) claim(e *proof.Evidence, m *mpt.Tree, kind, id string) {
	of, p := o.vrf.Prove(kind, id)
	_, _, lookup := m.ProveLookup(of[:])
	e.Complete = append(e.Complete, proof.Complete{Subject: kind + "/" + id, Proof: p, Map: lookup})
}

// lie makes evidence of a ledger whose operator wrote into a record what no
// ledger writes, sealed and signed it.
func lie(t *testing.T, seed uint64) job {
	t.Helper()
	rng := rand.New(rand.NewPCG(0x11e5, seed))
	policy := []string{"trust.json", "trust-submitters.json"}[rng.IntN(2)]
	o := newOperator(t, published(t, policy))
	e, err := proof.ParseEvidence(published(t, "valid-all.json"))
	if err != nil {
		t.Fatal(err)
	}
	r := &e.Records[rng.IntN(len(e.Records))]
	switch what := rng.IntN(8); {
	case what < 3 || len(r.Disclosures) == 0:
		for range 1 + rng.IntN(2) {
			r.Entry = inside(rng, r.Entry)
		}
	case what == 3: // a schema
		lieInSchema(rng, e, r)
	default:
		for range 1 + rng.IntN(2) {
			d := &r.Disclosures[rng.IntN(len(r.Disclosures))]
			if v, err := canon.Parse(d.Disclosure, canon.Limits{}); err == nil && len(v.Items) == 3 && rng.IntN(3) > 0 {
				v.Items[2] = value(rng)
				d.Disclosure = v.Bytes()
			} else {
				d.Disclosure = inside(rng, d.Disclosure)
			}
		}
	}
	seal(r)
	if rng.IntN(8) > 0 {
		set(&e.Records[2].Entry, "prev", hash(tree.LeafHash(e.Records[1].Entry)))
	}
	m := o.index(e)
	if rng.IntN(3) == 0 {
		o.claim(e, m, "file", "L-1")
	}
	if rng.IntN(4) == 0 {
		o.claim(e, m, []string{"case", "file"}[rng.IntN(2)], []string{"C-1", "L-9"}[rng.IntN(2)])
	}
	if rng.IntN(12) == 0 {
		mutateMap(rng, e)
	}
	doc, trust := o.publish(e)
	if rng.IntN(2) == 0 {
		doc, trust = o.witness(t, rng, e, trust)
	}
	// Who holds it may show less.
	shown, err := proof.ParseEvidence(doc)
	if err != nil {
		return job{name: fmt.Sprintf("lie %d", seed), Document: doc, Trust: trust}
	}
	for i := range shown.Records {
		s := &shown.Records[i]
		switch rng.IntN(4) {
		case 0:
			s.Disclosures = s.Disclosures[:rng.IntN(len(s.Disclosures)+1)]
		case 1:
			rng.Shuffle(len(s.Disclosures), func(a, b int) { s.Disclosures[a], s.Disclosures[b] = s.Disclosures[b], s.Disclosures[a] })
		}
		if rng.IntN(5) < 2 {
			s.Subject = nil
		}
	}
	if rng.IntN(4) == 0 {
		shown.Records = slices.Delete(shown.Records, 0, 1+rng.IntN(4))
	}
	if rng.IntN(10) == 0 {
		shown.Schemas = shown.Schemas[1:]
	}
	if rng.IntN(3) == 0 && len(shown.Witnessed) > 0 {
		shown.Witnessed = slices.Delete(shown.Witnessed, 0, 1)
	}
	return job{name: fmt.Sprintf("lie %d", seed), Document: shown.Bytes(), Trust: trust}
}

// witness has witnesses cosign what an operator publishes, at times near those
// at which it says that it recorded, and trees that it kept for others. The
// policy asks for some of them.
func (o *operator) witness(t *testing.T, rng *rand.Rand, e *proof.Evidence, policy []byte) (doc, trust []byte) {
	t.Helper()
	var leaves []tree.Hash
	for _, r := range e.Records {
		leaves = append(leaves, tree.LeafHash(r.Entry))
	}
	forked := slices.Clone(leaves)
	forked[rng.IntN(len(forked))][0] ^= 1
	all := []witness{golden(1), golden(2), golden(9)} // the last is the first
	head := func(leaves []tree.Hash, size int) []byte {
		signed := o.sign(leaves, size)
		text, _ := splitNote(t, signed)
		for _, w := range all {
			if rng.IntN(4) > 0 {
				signed = append(signed, w.cosign(text, morning(size-1, 1+rng.IntN(30))+uint64(rng.IntN(24)/23*3600))...)
			}
		}
		return signed
	}
	e.Checkpoint = head(leaves, len(leaves))
	for size := range len(leaves) + 1 {
		w := proof.Witnessed{Checkpoint: head(leaves, size), Proof: consistency(t, leaves, size, len(leaves))}
		switch rng.IntN(24) {
		case 0:
			w.Checkpoint = head(forked, size)
		case 1:
			w.Proof = append(w.Proof, leaves[0])
		}
		if rng.IntN(5) > 0 {
			e.Witnessed = append(e.Witnessed, w)
		}
	}
	rng.Shuffle(len(e.Witnessed), func(a, b int) { e.Witnessed[a], e.Witnessed[b] = e.Witnessed[b], e.Witnessed[a] })
	p, err := proof.ParseTrust(policy)
	if err != nil {
		t.Fatal(err)
	}
	p.Witnesses = asking(t, 1+rng.IntN(2), all...).Witnesses
	return e.Bytes(), p.Bytes()
}

// inside changes something in a document, and nothing in bytes that are none.
func inside(rng *rand.Rand, b []byte) []byte {
	v, err := canon.Parse(b, canon.Limits{})
	if err != nil {
		return b
	}
	if rng.IntN(12) == 0 {
		return []byte(respell(rng, string(b)))
	}
	mutate(rng, &v)
	return v.Bytes()
}

// lieInSchema has a record say that it was written with another schema.
func lieInSchema(rng *rand.Rand, e *proof.Evidence, r *proof.Record) {
	i := rng.IntN(len(e.Schemas))
	changes := [][2]string{
		{`"x-open": true`, `"x-key": "staff"`}, {`"x-key": "party"`, `"x-open": true`}, {`"x-key": "party"`, `"x-key": "institution"`},
		{`.v1"`, `.v2"`}, {`"x-subject"`, `"x-restricted": true, "x-subject"`}, {`"x-restricted": true`, `"x-restricted": false`}, {`"title"`, `"description2"`},
	}
	change := changes[rng.IntN(len(changes))]
	text := bytes.Replace(e.Schemas[i], []byte(change[0]), []byte(change[1]), 1)
	if _, err := record.ParseSchema(text); err != nil {
		text = e.Schemas[i] // ledger/proof reads less than what docs/formats.md lets a verifier read
	}
	e.Schemas[i] = text
	h := sha256.Sum256(text)
	set(&r.Entry, "schema", hash(h))
	for k := range r.Disclosures {
		v, err := canon.Parse(r.Disclosures[k].Disclosure, canon.Limits{})
		if err == nil && len(v.Items) == 3 && v.Items[1].Str == "/type" && v.Items[2].Kind == canon.Object {
			name, _ := v.Items[2].Get("name")
			v.Items[2] = canon.Map(canon.Member{Name: "name", Value: name}, canon.Member{Name: "schema", Value: hash(h)})
			r.Disclosures[k].Disclosure = v.Bytes()
		}
	}
}

func mutateMap(rng *rand.Rand, e *proof.Evidence) {
	for i := range e.Complete {
		b := bytes.Clone(e.Complete[i].Map)
		switch rng.IntN(3) {
		case 0:
			b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
		case 1:
			b = b[:rng.IntN(len(b))]
		default:
			b = append(b, 0x81, 0x00)
		}
		e.Complete[i].Map = b
	}
}

// tally prints what the reference said, so that a test that tests nothing shows.
func tally(t *testing.T, answers []answer, least int) {
	t.Helper()
	verdicts, checks := map[string]int{}, map[string]int{}
	for _, a := range answers {
		verdicts[a.Verdict]++
		for _, c := range a.Checks {
			if c.Result == "fail" || c.Result == "missing" {
				checks[c.Name]++
			}
		}
	}
	t.Logf("%d files: %v; decided by %v", len(answers), verdicts, checks)
	for _, v := range []string{"VALID", "INVALID", "INCOMPLETE"} {
		if verdicts[v] < least {
			t.Errorf("%d files are %s", verdicts[v], v)
		}
	}
	if len(checks) < 8 {
		t.Errorf("only %v decide", checks)
	}
}

// All verifiers say the same of files that were damaged or tampered with. The
// seed that a difference is reported with makes its file again.
func TestMutations(t *testing.T) { mutations(t, 150) }

func mutations(t *testing.T, n int) {
	all := manifest(t)
	jobs := make([]job, n)
	for i := range jobs {
		jobs[i] = mutant(t, all, uint64(i))
	}
	tally(t, compare(t, jobs), n/300) // few mutants survive
}

// All verifiers say the same of what an operator signs who writes what no
// ledger writes.
func TestLies(t *testing.T) { lies(t, 60) }

func lies(t *testing.T, n int) {
	jobs := make([]job, n)
	for i := range jobs {
		jobs[i] = lie(t, uint64(i))
	}
	tally(t, compare(t, jobs), n/100)
}
