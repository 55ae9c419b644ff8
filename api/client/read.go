// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/story"
	"github.com/lendlog/lendlog/ledger/tree"
)

// A Record is a leaf of the ledger with what could be opened of it. All of it
// is verified: the entry stands at Index under Checkpoint, which was accepted;
// the schema has the hash that the entry names; and every sealed member hashes
// to the entry's seal.
type Record struct {
	Index int64
	Entry []byte // the leaf's exact bytes
	Leaf  record.Leaf
	// Schema is what the members were validated with: of a restricted record
	// the schema within. Nil for an index-root.
	Schema *record.Schema
	// Event is the event as it was submitted. Nil for an index-root, when a group
	// is unreadable, and when the key opens some members only.
	Event *record.Event
	// Sealed opens the sealed members, in the order of Schema.Pointers. Empty
	// when a group is unreadable: what is left cannot be held against the seal.
	Sealed []seal.Disclosure
	// Scoped says that the server showed some of the sealed members only, because
	// the key opens no others. Those that it showed are proved one by one.
	Scoped bool
	// Unreadable lists the key groups that the server says it cannot open any
	// more, because their key was destroyed.
	Unreadable []string

	Proof      []tree.Hash
	Checkpoint Checkpoint
}

// Story returns the record as a part of its subject's story; false for an
// index-root, which is nobody's. Of a record that was erased in part it has
// the open members only.
func (r *Record) Story() (story.Record, bool) {
	if r.Leaf.Entry == nil {
		return story.Record{}, false
	}
	sealed := func(yield func(string, canon.Value) bool) {
		for _, d := range r.Sealed {
			if d.Present && !yield(d.Pointer, d.Value) {
				return
			}
		}
	}
	return story.NewRecord(r.Index, r.Leaf.Entry, r.Schema, sealed, r.Scoped || len(r.Unreadable) > 0), true
}

// recordDoc is a record as the server answers it.
type recordDoc struct {
	Index   int64  `json:"index"`
	Entry   string `json:"entry"`
	Schema  []byte `json:"schema"`
	Members []struct {
		Pointer string          `json:"pointer"`
		Open    bool            `json:"open"`
		Present bool            `json:"present"`
		Value   json.RawMessage `json:"value"`
	} `json:"members"`
	Seeds       map[string][]byte `json:"seeds"`
	Disclosures []struct {
		Disclosure string `json:"disclosure"`
		Proof      hashes `json:"proof"`
	} `json:"disclosures"`
	Unreadable []string `json:"unreadable"`
	Proof      hashes   `json:"proof"`
	Checkpoint string   `json:"checkpoint"`
}

// Record reads the record at an index.
func (c *Client) Record(ctx context.Context, index int64) (*Record, error) {
	floor := c.Newest()
	b, err := c.get(ctx, fmt.Sprintf("/v1/records/%d", index), maxLarge)
	if err != nil {
		return nil, err
	}
	d := &recordDoc{}
	if err := json.Unmarshal(b, d); err != nil {
		return nil, lie(index, "it cannot be read")
	}
	if d.Index != index {
		return nil, lie(index, "record %d was answered in its place", d.Index)
	}
	return c.open(ctx, d, d.Checkpoint, floor)
}

// open verifies a record.
func (c *Client) open(ctx context.Context, d *recordDoc, note string, floor Checkpoint) (*Record, error) {
	r, err := c.entry(ctx, d, note, floor)
	if err != nil {
		return nil, err
	}
	if err := c.show(ctx, r, d); err != nil {
		return nil, err
	}
	return r, nil
}

// entry verifies the entry of a record, of which nothing is shown besides.
func (c *Client) entry(ctx context.Context, d *recordDoc, note string, floor Checkpoint) (*Record, error) {
	r := &Record{Index: d.Index, Entry: []byte(d.Entry), Proof: d.Proof}
	var err error
	if r.Checkpoint, err = c.included(ctx, d.Index, r.Entry, d.Proof, []byte(note), floor); err != nil {
		return nil, err
	}
	if r.Leaf, err = record.ParseLeaf(r.Entry); err != nil {
		return nil, lie(d.Index, "%w", err)
	}
	return r, nil
}

// show holds what is shown of a record against its entry.
func (c *Client) show(ctx context.Context, r *Record, d *recordDoc) (err error) {
	if len(d.Unreadable) > 0 {
		r.Unreadable = d.Unreadable
	}
	e := r.Leaf.Entry
	if e == nil {
		if len(d.Members) > 0 {
			return lie(d.Index, "an index-root has no members")
		}
		return nil
	}
	restricted := e.Type == record.TypeRestricted
	hash := e.Schema
	if restricted {
		if len(d.Schema) != len(hash) {
			if len(d.Unreadable) > 0 {
				return r.checkOpen(d)
			}
			return lie(d.Index, "the schema of a restricted record is missing")
		}
		hash = [32]byte(d.Schema)
	}
	if r.Schema, err = c.Schema(ctx, hash); err != nil {
		return err
	}
	if r.Schema.Restricted != restricted || !restricted && r.Schema.Type != e.Type {
		return lie(d.Index, "its schema is of another type")
	}
	if err := r.checkOpen(d); err != nil {
		return err
	}
	if len(d.Unreadable) > 0 {
		return nil
	}
	if r.Scoped = len(d.Seeds) == 0; r.Scoped {
		return r.disclosed(d)
	}
	return r.unseal(d)
}

// disclosed holds the sealed members that are shown one by one against the seal.
func (r *Record) disclosed(d *recordDoc) error {
	pointers := r.Schema.Pointers()
	next := 0
	for _, m := range d.Disclosures {
		x, err := seal.ParseDisclosure([]byte(m.Disclosure))
		if err != nil {
			return lie(r.Index, "a sealed member cannot be read")
		}
		at := slices.Index(pointers, x.Pointer)
		if at < next {
			return lie(r.Index, "it shows sealed members that its schema does not have, or in another order")
		}
		next = at + 1
		if tree.VerifyInclusion(m.Proof, int64(at), int64(len(pointers)), tree.LeafHash([]byte(m.Disclosure)), tree.Hash(r.Leaf.Entry.Sealed)) != nil {
			return lie(r.Index, "a sealed member is not what the entry committed to")
		}
		if r.Schema.Restricted && x.Pointer == "/type" && !bytes.Equal(x.Value.Bytes(), r.Schema.SealedType().Bytes()) {
			return lie(r.Index, "its schema is not the one that is sealed in it")
		}
		r.Sealed = append(r.Sealed, x)
	}
	for _, m := range d.Members {
		if !m.Open && !slices.ContainsFunc(r.Sealed, func(x seal.Disclosure) bool { return x.Pointer == m.Pointer }) {
			return lie(r.Index, "a sealed member or its seed is missing")
		}
	}
	if r.Schema.Restricted && !slices.ContainsFunc(r.Sealed, func(x seal.Disclosure) bool { return x.Pointer == "/type" }) {
		return lie(r.Index, "nothing shows of which type it is")
	}
	return nil
}

// checkOpen holds the open members that are shown against the entry.
func (r *Record) checkOpen(d *recordDoc) error {
	n := 0
	for _, m := range d.Members {
		if !m.Open {
			continue
		}
		n++
		name, ok := strings.CutPrefix(m.Pointer, "/data/")
		want, has := r.Leaf.Entry.Open.Get(unescape(name))
		got, err := canon.Parse(m.Value, canon.Limits{})
		if !ok || !has || err != nil || string(got.Bytes()) != string(want.Bytes()) {
			return lie(r.Index, "an open member is not the one in its entry")
		}
	}
	if n != len(r.Leaf.Entry.Open.Members) {
		return lie(r.Index, "its open members are not those of its entry")
	}
	return nil
}

// unescape undoes the escapes of a token of a JSON Pointer.
func unescape(token string) string {
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
}

// unseal holds all sealed members against the seal and puts the event together
// again.
func (r *Record) unseal(d *recordDoc) error {
	values := map[string]canon.Value{}
	shown := map[string]bool{}
	for _, m := range d.Members {
		if m.Open {
			continue
		}
		if shown[m.Pointer] {
			return lie(r.Index, "a sealed member is shown twice")
		}
		shown[m.Pointer] = true
		if m.Present {
			v, err := canon.Parse(m.Value, canon.Limits{})
			if err != nil {
				return lie(r.Index, "a sealed member cannot be read")
			}
			values[m.Pointer] = v
		}
	}
	pointers := r.Schema.Pointers()
	for _, ptr := range pointers {
		group, _ := r.Schema.Group(ptr)
		seed := d.Seeds[group]
		if !shown[ptr] || len(seed) != len(seal.Seed{}) {
			return lie(r.Index, "a sealed member or its seed is missing")
		}
		v, present := values[ptr]
		r.Sealed = append(r.Sealed, seal.Disclose(seal.Seed(seed), ptr, v, present))
	}
	if len(shown) != len(pointers) {
		return lie(r.Index, "it shows sealed members that its schema does not have")
	}
	if seal.Small(r.Sealed).Root() != tree.Hash(r.Leaf.Entry.Sealed) {
		return lie(r.Index, "its sealed members are not those that the entry committed to")
	}
	if r.Schema.Restricted && !bytes.Equal(values["/type"].Bytes(), r.Schema.SealedType().Bytes()) {
		return lie(r.Index, "its schema is not the one that is sealed in it")
	}
	var err error
	if r.Event, err = r.Schema.Event(record.Reassemble(r.Schema, r.Leaf.Entry, values)); err != nil {
		return lie(r.Index, "its members do not make an event of its schema: %w", err)
	}
	return nil
}

// A Timeline is the story of one subject, or a part of it.
type Timeline struct {
	Subject string
	// Count is how many records the subject has. It is at least as many as
	// are shown; that there are no more is the server's word.
	Count   int64
	Records []*Record
}

// Story returns the whole story of the subject, which findings are computed
// of (package rule); nil when the timeline is a part of it.
func (t *Timeline) Story() *story.Story {
	if n := int64(len(t.Records)); n == 0 || n != t.Count || t.Records[0].Leaf.Entry.Seq != 1 {
		return nil
	}
	records := make([]story.Record, len(t.Records))
	for i, r := range t.Records {
		records[i], _ = r.Story()
	}
	return story.New(t.Subject, records)
}

// timelinePage is how many records are asked for at a time.
const timelinePage = 100

// Timeline reads up to limit records of a subject from number from (1, 2, …)
// on. Every record is verified as by [Client.Record], and all of them to be
// records of this subject, by the ledger's VRF key, with numbers that run
// without a gap and each holding the hash of the one before: none in between
// was left out, put in or moved.
func (c *Client) Timeline(ctx context.Context, kind, id string, from, limit int64) (*Timeline, error) {
	t := &Timeline{Subject: kind + "/" + id}
	var before *Record
	for limit > 0 {
		page := min(limit, timelinePage)
		count, err := c.timelinePage(ctx, t, &before, kind, id, from, page)
		if err != nil {
			return nil, err
		}
		t.Count = count
		limit -= page
		if from += page; from > count {
			break
		}
	}
	if len(t.Records) == 0 {
		return t, nil
	}
	return t, c.subject(ctx, t)
}

// timelinePage reads a page and holds it against the record before it.
func (c *Client) timelinePage(ctx context.Context, t *Timeline, before **Record, kind, id string, from, limit int64) (count int64, err error) {
	floor := c.Newest()
	b, err := c.get(ctx, fmt.Sprintf("/v1/subjects/%s/%s?from=%d&limit=%d", url.PathEscape(kind), url.PathEscape(id), from, limit), maxLarge)
	if err != nil {
		return 0, err
	}
	var d struct {
		Subject    string       `json:"subject"`
		Count      int64        `json:"count"`
		Checkpoint string       `json:"checkpoint"`
		Records    []*recordDoc `json:"records"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return 0, lie(-1, "the timeline cannot be read")
	}
	if d.Subject != t.Subject {
		return 0, lie(-1, "the timeline is of another subject")
	}
	if want := max(0, min(limit, d.Count-from+1)); int64(len(d.Records)) != want || d.Count < t.Count {
		return 0, lie(-1, "the timeline has %d records where it should have %d", len(d.Records), want)
	}
	for i, rd := range d.Records {
		if rd == nil {
			return 0, lie(-1, "the timeline cannot be read")
		}
		r, err := c.open(ctx, rd, d.Checkpoint, floor)
		if err != nil {
			return 0, err
		}
		e := r.Leaf.Entry
		if e == nil || e.Seq != from+int64(i) {
			return 0, lie(r.Index, "it is not number %d of its subject", from+int64(i))
		}
		if subject, ok := r.subject(); ok && subject != t.Subject {
			return 0, lie(r.Index, "it is a record of another subject")
		}
		if p := *before; p != nil && !r.follows(p) {
			return 0, lie(r.Index, "it does not follow record %d of its subject", p.Index)
		}
		*before = r
		t.Records = append(t.Records, r)
	}
	return d.Count, nil
}

// subject returns what the record is about, as far as it was shown.
func (r *Record) subject() (string, bool) {
	for _, x := range r.Sealed {
		if x.Pointer == "/subject" {
			return x.Value.Str, true
		}
	}
	return "", false
}

// follows reports whether a record is the next of the same subject.
func (r *Record) follows(p *Record) bool {
	e, before := r.Leaf.Entry, p.Leaf.Entry
	return e.Term == before.Term && e.Prev == tree.LeafHash(p.Entry) && e.Seq == before.Seq+1 && r.Index > p.Index
}

// subject has the server prove that the term of a timeline's records is that
// of the subject.
func (c *Client) subject(ctx context.Context, t *Timeline) error {
	r := t.Records[len(t.Records)-1]
	for _, x := range t.Records {
		if _, ok := x.subject(); ok { // of what was erased there is no such proof
			r = x
		}
	}
	e, _, err := c.evidence(ctx, r.Index, []string{"/subject"})
	if err != nil {
		return err
	}
	if s := e.Records[0].Subject; s == nil || s.Subject != t.Subject {
		return lie(r.Index, "it is not shown to be a record of the subject")
	}
	return nil
}

// Prove returns evidence of a record that discloses the sealed members whose
// pointers are listed: none for an empty list, all for nil. Of a restricted
// record /type is disclosed besides, without which nothing of it can be
// placed. The evidence was verified under the policy, as lendlog-verify does
// it, and its verdict is not INVALID; it is of this record, and discloses what
// was asked for and nothing else.
func (c *Client) Prove(ctx context.Context, index int64, pointers []string) (*proof.Evidence, error) {
	e, _, err := c.evidence(ctx, index, pointers)
	return e, err
}

// disclosing is the value of the query parameter disclose.
func disclosing(pointers []string) string {
	switch {
	case pointers == nil:
		return "all"
	case len(pointers) == 0:
		return "none"
	}
	return url.QueryEscape(strings.Join(pointers, ","))
}

func (c *Client) evidence(ctx context.Context, index int64, pointers []string) (*proof.Evidence, Checkpoint, error) {
	fail := func(err error) (*proof.Evidence, Checkpoint, error) { return nil, Checkpoint{}, err }
	b, err := c.get(ctx, fmt.Sprintf("/v1/records/%d/evidence?disclose=%s", index, disclosing(pointers)), maxLarge)
	if err != nil {
		return fail(err)
	}
	e, err := proof.ParseEvidence(b)
	if err != nil {
		return fail(lie(index, "%w", err))
	}
	if !isOf(e.Records, index) {
		return fail(lie(index, "the evidence is of another record"))
	}
	if err := c.holds(e); err != nil {
		return fail(err)
	}
	if err := disclosedAsAsked(&e.Records[0], pointers); err != nil {
		return fail(err)
	}
	// What witnesses cosigned is older than what there is.
	cp, err := c.accept(ctx, e.Checkpoint, Checkpoint{})
	if err != nil {
		return fail(err)
	}
	return e, cp, nil
}

// isOf reports whether evidence is of one record: that one first, and behind it at
// most those of the ledger's own that accompany others.
func isOf(records []proof.Record, index int64) bool {
	for _, r := range records[1:] {
		leaf, err := record.ParseLeaf(r.Entry)
		if err != nil || leaf.Entry == nil || !record.Accompanies(leaf.Entry.Type) || r.Index == index || len(r.Disclosures) > 0 {
			return false
		}
	}
	return records[0].Index == index
}

// holds verifies evidence.
func (c *Client) holds(e *proof.Evidence) error {
	for _, k := range proof.Verify(c.Trust(), e).Checks {
		// What the policy asks for and nobody can show yet stays for whoever
		// verifies the evidence; what a file lacks is the server's doing.
		lacking := k.Result == proof.Missing && (k.Name == "schema" || k.Name == "subject" || k.Name == "complete")
		if k.Result == proof.Fail || lacking {
			return lie(k.Record, "%s: %s", k.Name, k.Text).with(e.Checkpoint)
		}
	}
	return nil
}

// disclosedAsAsked keeps evidence from giving away more than its holder meant
// to, and from showing less.
func disclosedAsAsked(r *proof.Record, pointers []string) error {
	leaf, err := record.ParseLeaf(r.Entry)
	if err != nil || leaf.Entry == nil || pointers == nil {
		return err
	}
	var got []string
	for _, m := range r.Disclosures {
		d, err := seal.ParseDisclosure(m.Disclosure)
		if err != nil {
			return lie(r.Index, "%w", err)
		}
		got = append(got, d.Pointer)
	}
	want := slices.Clone(pointers)
	if leaf.Entry.Type == record.TypeRestricted && len(want) > 0 {
		want = append(want, "/type")
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, slices.Compact(want)) {
		return lie(r.Index, "the evidence does not disclose what was asked for")
	}
	return nil
}

// A Type is a record type that the ledger takes. But for Schema it is the
// server's word: Client.Schema gives the rest, checked.
type Type struct {
	Type        string   `json:"type"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	Subjects    []string `json:"subjects"` // kinds; "*" is any
	Restricted  bool     `json:"restricted"`
	Own         bool     `json:"own"`    // only the ledger itself appends it
	Schema      []byte   `json:"schema"` // SHA-256
}

// Types lists the record types that the ledger takes.
func (c *Client) Types(ctx context.Context) ([]Type, error) {
	b, err := c.get(ctx, "/v1/types", maxSmall)
	if err != nil {
		return nil, err
	}
	var d struct {
		Types []Type `json:"types"`
	}
	if err := json.Unmarshal(b, &d); err != nil {
		return nil, lie(-1, "the list of types cannot be read")
	}
	return d.Types, nil
}

// Schema returns the schema with a SHA-256. It asks the server only for what
// is not built in.
func (c *Client) Schema(ctx context.Context, hash [32]byte) (*record.Schema, error) {
	if s, ok := c.builtin.Hash(hash); ok {
		return s, nil
	}
	if s, ok := c.schemas.Load(hash); ok {
		return s.(*record.Schema), nil
	}
	b, err := c.get(ctx, "/v1/schemas/"+hex.EncodeToString(hash[:]), maxSmall)
	if err != nil {
		return nil, err
	}
	s, err := record.ParseSchema(b)
	if err != nil {
		return nil, lie(-1, "a schema cannot be read: %w", err)
	}
	if s.Hash != hash {
		return nil, lie(-1, "a schema does not have the hash that it was asked for by")
	}
	c.schemas.Store(hash, s)
	return s, nil
}

// currentSchema returns what the server says is the schema of a type.
func (c *Client) currentSchema(ctx context.Context, typ string) (*record.Schema, error) {
	b, err := c.get(ctx, "/v1/types/"+url.PathEscape(typ), maxSmall)
	if err != nil {
		return nil, err
	}
	var d Type
	if err := json.Unmarshal(b, &d); err != nil || len(d.Schema) != 32 {
		return nil, lie(-1, "a type cannot be read")
	}
	s, err := c.Schema(ctx, [32]byte(d.Schema))
	if err == nil && s.Type != typ {
		err = lie(-1, "the schema of a type is of another type")
	}
	return s, err
}
