// SPDX-License-Identifier: Apache-2.0

package proof

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/term"
	"github.com/lendlog/lendlog/ledger/tree"
)

// VerifyDocument verifies a file of evidence or a receipt, whichever b is,
// under a trust policy. ev is the event that a receipt is held against; nil for
// none, and with evidence. Files of receipts are what evidence is held against.
//
// A file that says it is one of the two and is not written as its format
// demands is INVALID. The error is of a file that is neither.
func VerifyDocument(t *Trust, b []byte, ev *record.Event, receipts ...[]byte) (Report, error) {
	kind, err := KindOf(b)
	if err != nil {
		return Report{}, err
	}
	if kind == ReceiptFormat {
		if len(receipts) > 0 {
			return Report{}, errors.New("this is a receipt, and receipts are held against evidence")
		}
		rc, err := ParseReceipt(b)
		if err != nil {
			return malformed(err), nil
		}
		return VerifyReceipt(t, rc, ev), nil
	}
	if ev != nil {
		return Report{}, errors.New("this is evidence, which is held against no event")
	}
	e, err := ParseEvidence(b)
	if err != nil {
		return malformed(err), nil
	}
	parsed := make([]*Receipt, len(receipts))
	for i, rc := range receipts {
		if parsed[i], err = ParseReceipt(rc); err != nil {
			return Report{}, err
		}
	}
	return Verify(t, e, parsed...), nil
}

// VerifyFile does as VerifyDocument does, and with a bundle as VerifyBundle.
func VerifyFile(t *Trust, in io.Reader, ev *record.Event, receipts ...[]byte) (Report, error) {
	r := bufio.NewReaderSize(in, 64<<10)
	if IsBundle(r) {
		switch {
		case ev != nil:
			return Report{}, errors.New("this is a bundle, which is held against no event")
		case len(receipts) > 0:
			return Report{}, errors.New("this is a bundle, and receipts are held against evidence")
		}
		return VerifyBundle(t, r, nil, nil)
	}
	b, err := io.ReadAll(io.LimitReader(r, maxEvidence+1))
	if err != nil {
		return Report{}, err
	}
	return VerifyDocument(t, b, ev, receipts...)
}

func malformed(err error) Report {
	var r Report
	r.add("format", -1, Fail, "%v", err)
	return r.conclude()
}

// Verify checks evidence under a trust policy, and holds receipts of the same
// ledger against it: a record that the ledger gave a receipt for and now leaves
// out is proof of fraud.
//
// Of a checkpoint that is signed with a key which the policy does not name, and
// which the records of the file show to be announced under one that it names,
// everything else is checked, and the verdict is at best Incomplete.
func Verify(t *Trust, e *Evidence, receipts ...*Receipt) Report {
	later, at := t.following(e)
	r := verify(later, e, receipts)
	if at >= 0 {
		r.add("checkpoint", -1, Missing, "it is signed with a key that the trust file does not name; record %d announces that key, under one that it names. Add it with `lendlog trust --trust TRUST --announced FILE`, and verify again", at)
	}
	return r.conclude()
}

func verify(t *Trust, e *Evidence, receipts []*Receipt) Report {
	var r Report
	if len(e.Records) == 0 {
		r.add("format", -1, Fail, "the evidence holds no record")
	}
	// Of a checkpoint that is not signed nothing more can be said.
	if h, ok := r.checkpoint(t, e.Checkpoint); ok {
		cp := h.Checkpoint
		r.genesis(t, e.Genesis, cp)
		v := verifier{Report: &r, trust: t, checkpoint: cp, heads: []head{h}, schemas: map[[32]byte]*schema{}, subjects: map[term.Term]string{}}
		if len(receipts) > 0 {
			v.leaves = map[int64]tree.Hash{}
		}
		for _, text := range e.Schemas {
			v.schemas[sha256.Sum256(text)] = &schema{text: text}
		}
		v.witnesses(e.Witnessed)
		v.anchored = v.anchors(t, cp, e.Anchored)
		for i := range e.Complete {
			v.claim(&e.Complete[i])
		}
		for i := range e.Records {
			v.record(&e.Records[i])
		}
		v.chains()
		v.times()
		blocks := v.observations()
		for _, l := range v.links {
			if l.Type != record.TypeKeyChanged {
				v.leafAnchored(l.index, l.Entry)
			}
			v.notBefore(l, blocks)
		}
		for _, index := range v.roots {
			v.leafAnchored(index, nil)
		}
		for _, c := range v.whole {
			v.complete(c)
		}
		for _, rc := range receipts {
			v.against(rc)
		}
	}
	r.claims(t)
	for _, name := range e.Sections {
		r.add("sections", -1, Missing, "the file has a section \"%s\" that this verifier does not know; use a newer one", clip(name))
	}
	return r
}

// claims says what rests on the operator's word under this policy.
func (r *Report) claims(t *Trust) {
	for _, name := range t.Unsupported {
		r.add("policy", -1, Missing, "the policy asks for %s, which this verifier cannot check; use a newer one", name)
	}
	if len(t.Submitters) == 0 {
		r.add("submitter", -1, Note, "the policy lists no submitters' keys, so who submitted is the operator's claim")
	}
	if t.Witnesses == nil && t.Chains == nil && t.Stamps == nil {
		r.add("time", -1, Note, "the policy names no witnesses, so when it was recorded is the operator's clock")
	}
}

func (r *Report) checkpoint(t *Trust, signed []byte) (head, bool) {
	h, err := t.openHead(signed)
	switch {
	case errors.Is(err, tree.ErrUnsigned):
		r.add("checkpoint", -1, Fail, "%v; if the ledger has changed its key, get its new trust file from where you got yours", err)
		return head{}, false
	case err != nil:
		r.add("checkpoint", -1, Fail, "%v", err)
		return head{}, false
	}
	r.add("checkpoint", -1, Pass, "%s at %d records, signed by a trusted key", h.Origin, h.Size)
	return h, true
}

func (r *Report) genesis(t *Trust, g Genesis, cp tree.Checkpoint) {
	switch {
	case tree.LeafHash(g.Entry) != t.Genesis:
		r.add("genesis", -1, Fail, "the ledger begins with another record than the policy pins: it is another ledger")
	case tree.VerifyInclusion(g.Proof, 0, cp.Size, t.Genesis, cp.Root) != nil:
		r.add("genesis", -1, Fail, "the pinned genesis record is not the first record under this checkpoint")
	case !founds(g.Entry, t):
		r.add("genesis", -1, Fail, "the pinned record is not a genesis record with the origin and the VRF key of the policy")
	default:
		r.add("genesis", -1, Pass, "the ledger is the one that the policy pins")
	}
}

// founds reports whether a leaf is the genesis record of the ledger that the
// policy means. A policy put together from two ledgers must not pass.
func founds(entry []byte, t *Trust) bool {
	leaf, err := record.ParseLeaf(entry)
	if err != nil || leaf.Entry == nil || leaf.Entry.Type != record.TypeGenesis {
		return false
	}
	origin, _ := leaf.Entry.Open.Get("origin")
	vrf, _ := leaf.Entry.Open.Get("vrfKey")
	return origin.Kind == canon.String && origin.Str == t.Origin &&
		vrf.Kind == canon.String && vrf.Str == base64.StdEncoding.EncodeToString(t.VRF[:])
}

// entry reads the bytes of a leaf.
func (r *Report) entry(index int64, b []byte) (record.Leaf, bool) {
	leaf, err := record.ParseLeaf(b)
	switch {
	case err != nil:
		r.add("entry", index, Fail, "%v", err)
	case leaf.IndexRoot != nil && leaf.IndexRoot.Covers != index:
		r.add("entry", index, Fail, "the index-root covers %d leaves but stands at %d", leaf.IndexRoot.Covers, index)
	case leaf.Entry != nil && len(leaf.Entry.Refs) > 0 && leaf.Entry.Refs[len(leaf.Entry.Refs)-1] >= index:
		r.add("entry", index, Fail, "it follows from a record that does not lie before it")
	default:
		r.add("entry", index, Pass, "its bytes are a leaf of format %s", record.Format)
		return leaf, true
	}
	return leaf, false
}

// inclusion checks the place of a leaf under the checkpoint.
func (r *Report) inclusion(cp tree.Checkpoint, index int64, entry []byte, proof []tree.Hash) bool {
	if err := tree.VerifyInclusion(proof, index, cp.Size, tree.LeafHash(entry), cp.Root); err != nil {
		r.add("inclusion", index, Fail, "%v", err)
		return false
	}
	r.add("inclusion", index, Pass, "leaf %d of %d", index, cp.Size)
	return true
}

// A verifier checks the records of one file of evidence.
type verifier struct {
	*Report
	trust      *Trust
	checkpoint tree.Checkpoint
	contiguous bool   // the records have no proofs of their own: they are all leaves of a range
	heads      []head // the checkpoint, and those under witnesses that go with it
	anchored   anchored
	schemas    map[[32]byte]*schema
	whole      []*claim             // claims of completeness, whose subjects are proved
	subjects   map[term.Term]string // the subjects of claims
	links      []link               // of the records that lie under the checkpoint
	roots      []int64              // indexes of the index-roots that do
	leaves     map[int64]tree.Hash  // by index, of those and of index-roots; nil where nothing is held against them
	root       *record.IndexRoot    // the last index-root under the checkpoint
}

// A schema is a schema of the file, or why it cannot be read. It is read when a
// record needs it: others may be of a later profile, and reading takes longer
// than its bytes tell, of which a record commits to so many only as its ledger
// signed.
type schema struct {
	text []byte // nil once it was read
	*record.Schema
	err error
}

// schemaOf returns the schema of that hash, nil when the file lacks it.
func (v *verifier) schemaOf(hash [32]byte) *schema {
	s := v.schemas[hash]
	if s != nil && s.text != nil {
		s.Schema, s.err = record.ParseShape(s.text)
		s.text = nil
	}
	return s
}

// A link is a record in the chain of its subject.
type link struct {
	index int64
	leaf  tree.Hash
	*record.Entry
}

func (v *verifier) record(rec *Record) {
	leaf, ok := v.entry(rec.Index, rec.Entry)
	if !ok || !v.contiguous && !v.inclusion(v.checkpoint, rec.Index, rec.Entry, rec.Proof) {
		return
	}
	if v.leaves != nil {
		v.leaves[rec.Index] = tree.LeafHash(rec.Entry)
	}
	if root := leaf.IndexRoot; root != nil {
		if len(rec.Disclosures) > 0 || rec.Subject != nil {
			v.add("disclosure", rec.Index, Fail, "an index-root has nothing to disclose")
			return
		}
		v.roots = append(v.roots, rec.Index)
		if v.root == nil || v.root.Covers < root.Covers {
			v.root = root
		}
		v.say(rec.Index, "type", canon.Text(record.TypeIndexRoot))
		v.say(rec.Index, "covers", canon.Number(root.Covers))
		return
	}
	e := leaf.Entry
	v.links = append(v.links, link{rec.Index, tree.LeafHash(rec.Entry), e})
	d, ok := v.disclosures(rec, e)
	// Whose record it is shows without them too.
	if !v.subject(rec, e, d) || !ok {
		return
	}
	v.submitter(rec, e, d)
	v.show(rec.Index, e, d)
}

// chains holds records of one file against each other: that time does not run
// backwards, and that those of one subject are links of one chain.
func (v *verifier) chains() {
	slices.SortFunc(v.links, func(a, b link) int { return cmp.Compare(a.index, b.index) })
	type place struct {
		term [32]byte
		seq  int64
	}
	at, last := map[place]link{}, map[[32]byte]link{}
	for i, l := range v.links {
		if i > 0 && l.Recorded.Before(v.links[i-1].Recorded) {
			v.add("time", l.index, Fail, "it was recorded before record %d, which lies before it", v.links[i-1].index)
		}
		if before, ok := last[l.Term]; ok && before.index != l.index && before.Seq >= l.Seq {
			v.add("chain", l.index, Fail, "record %d, which lies before it, is number %d of the same subject, and this one number %d", before.index, before.Seq, l.Seq)
		}
		at[place{l.Term, l.Seq}], last[l.Term] = l, l
	}
	for _, l := range v.links {
		before, ok := at[place{l.Term, l.Seq - 1}]
		if !ok {
			continue
		}
		if tree.Hash(l.Prev) != before.leaf {
			v.add("chain", l.index, Fail, "record %d is number %d of the same subject, but this one does not follow from it", before.index, before.Seq)
			continue
		}
		v.add("chain", l.index, Pass, "the subject's next record after record %d", before.index)
	}
}

// disclosed are the verified disclosures of one record.
type disclosed struct {
	schema *record.Schema // nil when nothing was disclosed
	values map[string]seal.Disclosure
	order  []string
}

func (d disclosed) text(pointer string) (string, bool) {
	x := d.values[pointer]
	return x.Value.Str, x.Present && x.Value.Kind == canon.String
}

// disclosures verifies every disclosure against the seal. Without ok it returns
// none of them.
func (v *verifier) disclosures(rec *Record, e *record.Entry) (disclosed, bool) {
	d := disclosed{values: map[string]seal.Disclosure{}}
	if len(rec.Disclosures) == 0 {
		v.add("disclosure", rec.Index, Note, "nothing is disclosed; its sealed members stay committed")
		return d, true
	}
	bad := func(name, format string, args ...any) (disclosed, bool) {
		v.add(name, rec.Index, Fail, format, args...)
		return disclosed{}, false
	}
	for i, m := range rec.Disclosures {
		x, err := seal.ParseDisclosure(m.Disclosure)
		if err != nil {
			return bad("disclosure", "disclosure %d cannot be read: %v", i, err)
		}
		if _, twice := d.values[x.Pointer]; twice {
			return bad("disclosure", "%s is disclosed twice", clip(x.Pointer))
		}
		if x.Present && x.Value.Kind == canon.Null {
			return bad("disclosure", "%s is null, which no member is", clip(x.Pointer))
		}
		d.values[x.Pointer] = x
		d.order = append(d.order, x.Pointer)
	}
	is, hash := e.Type, e.Schema
	if e.Type == record.TypeRestricted {
		x, ok := d.values["/type"]
		if !ok {
			v.add("schema", rec.Index, Missing, "members of a restricted record can be verified only together with its member /type; ask for evidence that discloses it")
			return disclosed{}, false
		}
		var err error
		if is, hash, err = record.ParseSealedType(x.Value); err != nil {
			return bad("disclosure", "/type says no type: %v", err)
		}
	}
	s := v.schemaOf(hash)
	switch {
	case s == nil:
		v.add("schema", rec.Index, Missing, "the file lacks the schema %s, so its disclosures cannot be placed; ask for evidence with it", base64.StdEncoding.EncodeToString(hash[:]))
		return disclosed{}, false
	case s.err != nil:
		v.add("schema", rec.Index, Missing, "this verifier cannot read its schema, so its disclosures cannot be placed; use a newer one: %v", s.err)
		return disclosed{}, false
	}
	if err := fits(s.Schema, is, e); err != nil {
		return bad("schema", "%v", err)
	}
	v.add("schema", rec.Index, Pass, "%s, by its hash", s.Type)
	d.schema = s.Schema
	pointers := d.schema.Pointers()
	for i, m := range rec.Disclosures {
		ptr := d.order[i]
		at := slices.Index(pointers, ptr)
		if at < 0 {
			return bad("disclosure", "%s is not a sealed member of %s", clip(ptr), s.Type)
		}
		err := tree.VerifyInclusion(m.Proof, int64(at), int64(len(pointers)), tree.LeafHash(m.Disclosure), tree.Hash(e.Sealed))
		if err != nil {
			return bad("disclosure", "%s is not what the entry committed to", ptr)
		}
		if err := shaped(d.values[ptr]); err != nil {
			return bad("disclosure", "%s %v", ptr, err)
		}
	}
	v.add("disclosure", rec.Index, Pass, "%d of %d sealed members are shown, each as committed", len(d.order), len(pointers))
	return d, true
}

// fits says why a schema is not that of an entry whose type is, within or
// without, the one given, or nil.
func fits(s *record.Schema, is string, e *record.Entry) error {
	if s.Restricted != (e.Type == record.TypeRestricted) || s.Type != is {
		return fmt.Errorf("its schema is of type %s, which does not go with the entry", s.Type)
	}
	for _, m := range e.Open.Members {
		if decl, ok := s.Member(m.Name); !ok || !decl.Open {
			return fmt.Errorf("the entry shows a member of data that %s does not open", s.Type)
		}
	}
	return nil
}

// placed are the names of attributes that have a place of their own and are
// therefore never among /extensions.
var placed = []string{
	"causationid", "data", "data_base64", "id", "parent", "party", "sequence", "signature", "source", "specversion",
	"subject", "time", "type",
}

// shaped says why a value cannot be that of its pointer (docs/formats.md,
// section 3), or nil.
func shaped(d seal.Disclosure) error {
	want := canon.String
	switch d.Pointer {
	case "/type":
		return nil // it was read to find the schema
	case "/extensions":
		want = canon.Object
	case "/refs":
		want = canon.Array
	case "/id", "/source", "/subject", "/submitter", "/time":
		if !d.Present {
			return errors.New("is absent, which it never is")
		}
	default:
		if strings.HasPrefix(d.Pointer, "/data/") {
			return nil // as its schema says
		}
	}
	if d.Present && d.Value.Kind != want {
		return errors.New("is not of type " + want.String())
	}
	for _, m := range d.Value.Members {
		if slices.Contains(placed, m.Name) {
			return errors.New("holds an attribute that has a place of its own")
		}
	}
	return nil
}

// subject verifies whose record it is.
func (v *verifier) subject(rec *Record, e *record.Entry, d disclosed) bool {
	bad := func(format string, args ...any) bool {
		v.add("subject", rec.Index, Fail, format, args...)
		return false
	}
	text, shown := d.text("/subject")
	if rec.Subject == nil {
		whole, proved := v.subjects[e.Term]
		switch {
		case proved && shown && text != whole:
			return bad("the subject that is disclosed is not the one whose chain it stands in")
		case proved:
			v.add("subject", rec.Index, Pass, "record %d of %s", e.Seq, named(whole))
		case shown:
			v.add("subject", rec.Index, Missing, "its subject is disclosed, but the file lacks the proof that the record stands in that subject's chain; ask for evidence with it")
		}
		return true
	}
	s := rec.Subject.Subject
	if shown && text != s {
		return bad("the subject that is proved is not the one that is disclosed")
	}
	kind, id, _ := strings.Cut(s, "/")
	if kind == "" || id == "" {
		return bad("a subject is <kind>/<id>")
	}
	got, err := term.Verify(v.trust.VRF, kind, id, rec.Subject.Proof)
	if err != nil {
		return bad("the proof of its subject is wrong: %v", err)
	}
	if got != e.Term {
		return bad("it is not a record of the subject that is claimed")
	}
	v.add("subject", rec.Index, Pass, "record %d of %s", e.Seq, named(s))
	return true
}

// submitter verifies the submitter's own signature where the policy asks. The
// ledger's own records that stand in evidence of others have none: what names a
// block is held against the policy's blocks, and a key change has a statement.
func (v *verifier) submitter(rec *Record, e *record.Entry, d disclosed) {
	if len(v.trust.Submitters) == 0 || record.Accompanies(e.Type) {
		return
	}
	doc, ok := d.event(e)
	if !ok {
		v.add("submitter", rec.Index, Missing, "the submitter's signature covers the whole event: ask for evidence that discloses all members")
		return
	}
	signature, _ := d.text("/signature")
	id := e.Submitter
	if e.Type == record.TypeRestricted {
		id, _ = d.text("/submitter")
	}
	v.signature(v.trust, rec.Index, doc, signature, id)
}

// signature checks who signed an event; signature is "" for none.
func (r *Report) signature(t *Trust, index int64, event canon.Value, signature, id string) {
	keys := t.submitter(id)
	switch {
	case signature == "":
		r.add("submitter", index, Missing, "the event bears no signature of its submitter")
		return
	case len(keys) == 0:
		r.add("submitter", index, Missing, "the policy lists no key of submitter %s", clip(id))
		return
	}
	if err := SignedBy(keys, index, event, signature, t.Origin, id); err != nil {
		r.add("submitter", index, Fail, "%v", err)
		return
	}
	r.add("submitter", index, Pass, "signed by %s", clip(id))
}

// event puts the whole event together again, when everything is disclosed.
func (d disclosed) event(e *record.Entry) (canon.Value, bool) {
	if d.schema == nil || len(d.order) < len(d.schema.Pointers()) {
		return canon.Value{}, false
	}
	values := map[string]canon.Value{}
	for ptr, x := range d.values {
		if x.Present {
			values[ptr] = x.Value
		}
	}
	return record.Reassemble(d.schema, e, values), true
}

func (r *Report) say(index int64, what string, value canon.Value) {
	r.Shown = append(r.Shown, Shown{index, what, value, false})
}

// show lists what a verified record says.
func (r *Report) show(index int64, e *record.Entry, d disclosed) {
	r.say(index, "type", canon.Text(e.Type))
	if e.Type != record.TypeRestricted {
		r.say(index, "time", canon.Text(e.Time))
		r.say(index, "submitter", canon.Text(e.Submitter))
	}
	r.say(index, "recorded", canon.Text(e.Recorded.Format(record.TimeLayout)))
	r.say(index, "capture", canon.Text(e.Capture))
	for _, m := range e.Open.Members {
		r.say(index, canon.Pointer("/data", m.Name), m.Value)
	}
	for _, ptr := range d.order {
		x := d.values[ptr]
		r.Shown = append(r.Shown, Shown{index, ptr, x.Value, !x.Present})
	}
}

// VerifyReceipt checks a receipt under a trust policy. With the event that was
// submitted it recomputes everything the entry says of it; without, only the
// inclusion is checked and the report says so.
func VerifyReceipt(t *Trust, rc *Receipt, ev *record.Event) Report {
	var r Report
	if h, ok := r.checkpoint(t, rc.Checkpoint); ok {
		r.receipt(t, rc, ev, h)
	}
	r.claims(t)
	return r.conclude()
}

func (r *Report) receipt(t *Trust, rc *Receipt, ev *record.Event, h head) {
	cp := h.Checkpoint
	witnessed := t.Witnesses != nil && r.cosigned(t.Witnesses, h.cosigned)
	leaf, ok := r.entry(rc.Index, rc.Entry)
	switch {
	case !ok:
		return
	case leaf.Entry == nil:
		r.add("entry", rc.Index, Fail, "a receipt is of a record, not of an index-root")
		return
	case rc.Index >= cp.Size:
		r.add("inclusion", rc.Index, Fail, "the checkpoint covers %d records only", cp.Size)
		return
	case rc.Proof == nil && cp.Size > 1:
		r.add("inclusion", rc.Index, Missing, "the receipt holds no inclusion proof; ask the ledger for it")
	case !r.inclusion(cp, rc.Index, rc.Entry, rc.Proof):
		return
	}
	e := leaf.Entry
	r.unanchored(t, rc.Index)
	if witnessed {
		r.receivedBy(t.Witnesses, rc.Index, e.Recorded, h)
	}
	id := e.Submitter
	switch {
	case rc.Restricted == nil:
	case e.Type != record.TypeRestricted:
		r.add("format", rc.Index, Fail, "the receipt of an open record has the member restricted")
		return
	default:
		id = rc.Restricted.Submitter
	}
	signed := len(t.Submitters) > 0
	switch {
	case ev == nil:
		r.add("event", rc.Index, Note, "no event was given, so the receipt was not held against what was submitted")
		if signed {
			r.add("submitter", rc.Index, Missing, "the submitter's signature stands in the event: give it too")
		}
	case !r.event(rc, e, ev):
		return
	case signed:
		r.signature(t, rc.Index, ev.Document(), ev.Signature, id)
	}
	r.show(rc.Index, e, disclosed{})
}

// event holds an entry against the event that was submitted.
func (r *Report) event(rc *Receipt, e *record.Entry, ev *record.Event) bool {
	add := func(res Result, format string, args ...any) bool {
		r.add("event", rc.Index, res, format, args...)
		return res == Pass
	}
	var outer map[string]canon.Value
	if ev.Schema.Restricted {
		switch {
		case e.Type != record.TypeRestricted:
			return add(Fail, "a restricted record was written openly")
		case rc.Restricted == nil:
			return add(Missing, "the receipt of a restricted record lacks its member restricted; ask the ledger for the receipt again")
		}
		outer = rc.Restricted.Members(ev)
	} else {
		open := canon.Value{Kind: canon.Object}
		for _, m := range ev.Data.Members {
			if decl, ok := ev.Schema.Member(m.Name); ok && decl.Open {
				open.Members = append(open.Members, m)
			}
		}
		switch {
		case e.Type != ev.Type || e.Time != ev.Time:
			return add(Fail, "its type or time is not the event's")
		case !bytes.Equal(e.Open.Bytes(), open.Bytes()):
			return add(Fail, "its open members are not the event's")
		case e.Schema != ev.Schema.Hash:
			return add(Missing, "it was validated with the schema %s, which is not the one at hand; give that one with --schema", base64.StdEncoding.EncodeToString(e.Schema[:]))
		}
	}
	if (ev.Capture == record.Import) != (e.Capture == record.Import) {
		return add(Fail, "it was captured as %s, but not submitted so", e.Capture)
	}
	groups := ev.Schema.Groups()
	for _, g := range groups {
		if _, ok := rc.Seeds[g.Name]; !ok {
			return add(Missing, "the receipt lacks the seed of the key group %s; ask the ledger for the receipt again", g.Name)
		}
	}
	if len(rc.Seeds) > len(groups) {
		return add(Fail, "the receipt has a seed of a key group that its type does not have")
	}
	if seal.Small(seal.Disclosures(ev, outer, rc.Seeds)).Root() != tree.Hash(e.Sealed) {
		return add(Fail, "its sealed members are not the event's")
	}
	return add(Pass, "the record is exactly the event that was submitted: every digest was recomputed")
}
