// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/look"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/tree"
)

// recordDoc is a record as it is answered. With the schema, which is fetched
// by its hash and checked against it, a client recomputes the seal from seeds
// and members and verifies the rest of it under the checkpoint; see
// getRecord in openapi.yaml.
type recordDoc struct {
	Index   int64             `json:"index"`
	Leaf    tree.Hash         `json:"leaf"`
	Entry   string            `json:"entry"`
	Parsed  json.RawMessage   `json:"parsed"`
	Schema  []byte            `json:"schema,omitempty"`
	Members []memberDoc       `json:"members"`
	Seeds   map[string][]byte `json:"seeds"`
	// Disclosures are in the place of seeds where the key opens some members only.
	Disclosures []disclosureDoc `json:"disclosures,omitempty"`
	Unreadable  []string        `json:"unreadable"`
	Proof       []tree.Hash     `json:"proof"`
	Checkpoint  string          `json:"checkpoint,omitempty"` // of a timeline's record, the timeline's
}

type memberDoc struct {
	Pointer string          `json:"pointer"`
	Open    bool            `json:"open"`
	Group   string          `json:"group,omitempty"`
	Present bool            `json:"present"`
	Value   json.RawMessage `json:"value,omitempty"`
}

// newRecordDoc describes a record with its proof under the tree of size
// leaves.
func (s *Server) newRecordDoc(ctx context.Context, r *ledger.Record, size int64) (*recordDoc, error) {
	hashes, err := s.ledger.InclusionProof(ctx, r.Index, size)
	if err != nil {
		return nil, err
	}
	d := &recordDoc{
		Index: r.Index, Leaf: tree.LeafHash(r.Entry), Entry: string(r.Entry), Parsed: r.Entry,
		Members: make([]memberDoc, 0, len(r.Members)), Seeds: make(map[string][]byte, len(r.Seeds)),
		Unreadable: list(r.Unreadable), Proof: list(hashes),
	}
	if r.Schema != nil {
		d.Schema = r.Schema.Hash[:]
	}
	for _, m := range r.Members {
		doc := memberDoc{Pointer: m.Pointer, Open: m.Open, Group: m.Group, Present: m.Present}
		if m.Present {
			doc.Value = m.Value.Bytes()
		}
		d.Members = append(d.Members, doc)
	}
	for group, seed := range r.Seeds {
		d.Seeds[group] = seed[:]
	}
	disclosures, err := r.Disclosures()
	d.Disclosures = newDisclosureDocs(disclosures)
	return d, err
}

// list keeps encoding/json from writing null for a list without items.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

// getRecord answers GET /v1/records/{index}.
func (s *Server) getRecord(c *call) error {
	index, err := c.index()
	if err != nil {
		return err
	}
	r, err := s.ledger.Record(c.ctx(), index)
	if err == nil {
		err = c.mayOpen(r)
	}
	if err != nil {
		return err
	}
	// A record never changes but for what is erased of it. A client may keep
	// it, but has to ask whether it is still to be read.
	c.Header("Cache-Control", "private, no-cache")
	if err := s.opens(c, look.Read, index); err != nil {
		return err
	}
	tag := recordTag(r)
	if c.key != nil && c.key.Scoped() {
		tag += "-" + c.key.ID // shows less of it
	}
	if c.unchanged(`W/"` + tag + `"`) {
		return nil
	}
	head := s.ledger.Head()
	d, err := s.newRecordDoc(c.ctx(), r, head.Size)
	if err != nil {
		return err
	}
	d.Checkpoint = string(head.Note)
	return c.json(http.StatusOK, d)
}

// recordTag is what the entity tag of a record is made of: its leaf hash, and what
// is erased. The tag is weak because proofs of one record differ with the
// checkpoint.
func recordTag(r *ledger.Record) string {
	leaf := tree.LeafHash(r.Entry)
	tag := hex.EncodeToString(leaf[:])
	for _, group := range r.Unreadable {
		tag += "-" + group
	}
	return tag
}

// unchanged sets the entity tag of the answer and, where the client has it
// already, answers so.
func (c *call) unchanged(tag string) bool {
	c.Header("ETag", tag)
	opaque := strings.TrimPrefix(tag, "W/")
	for given := range strings.SplitSeq(c.GetHeader("If-None-Match"), ",") {
		if given = strings.TrimSpace(given); given == "*" || strings.TrimPrefix(given, "W/") == opaque {
			c.Status(http.StatusNotModified)
			return true
		}
	}
	return false
}

// getProof answers GET /v1/records/{index}/proof: as C2SP tlog-proof, or as
// JSON to whoever accepts that.
func (s *Server) getProof(c *call) error {
	index, err := c.index()
	if err != nil {
		return err
	}
	head := s.ledger.Head()
	size, err := c.number("size", 1, head.Size)
	if err != nil {
		return err
	}
	note := head.Note
	if w, ok := s.ledger.WitnessedAfter(size - 1); ok && w.Size == size {
		note = w.Note
	} else if size != head.Size {
		note = nil
	}
	hashes, err := s.ledger.InclusionProof(c.ctx(), index, size)
	if err != nil {
		return err
	}
	c.Header("Vary", "Accept")
	if c.NegotiateFormat("text/plain", typeJSON) == typeJSON {
		d := struct {
			Index      int64       `json:"index"`
			Size       int64       `json:"size"`
			Proof      []tree.Hash `json:"proof"`
			Checkpoint string      `json:"checkpoint,omitempty"`
		}{Index: index, Size: size, Proof: list(hashes)}
		d.Checkpoint = string(note)
		return c.json(http.StatusOK, d)
	}
	if note == nil {
		return badRequest("a tlog-proof ends with its checkpoint, and only the newest one, of size %d, is kept, and those that witnesses cosigned, which GET /v1/checkpoints lists; leave size out, or send Accept: application/json for the hashes alone", head.Size)
	}
	p := tree.LogProof{Index: index, Hashes: hashes, Checkpoint: note}
	c.bytes(http.StatusOK, typeText, p.Format())
	return nil
}

// getLeaf answers GET /v1/leaves/{hash}: where in the log a leaf stands, and the proof.
func (s *Server) getLeaf(c *call) error {
	given := c.Param("hash")
	b, err := hex.DecodeString(given)
	if err != nil || len(b) != len(tree.Hash{}) || strings.ToLower(given) != given {
		return badRequest("a hash is 64 hexadecimal digits in lower case")
	}
	index, err := s.ledger.Leaf(c.ctx(), tree.Hash(b))
	if err != nil {
		return err
	}
	head := s.ledger.Head()
	hashes, err := s.ledger.InclusionProof(c.ctx(), index, head.Size)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, struct {
		Index      int64       `json:"index"`
		Size       int64       `json:"size"`
		Proof      []tree.Hash `json:"proof"`
		Checkpoint string      `json:"checkpoint"`
	}{index, head.Size, list(hashes), string(head.Note)})
}

// getEvidence answers GET /v1/records/{index}/evidence.
func (s *Server) getEvidence(c *call) error {
	index, err := c.index()
	if err != nil {
		return err
	}
	if err := s.mayProve(c, index); err != nil {
		return err
	}
	disclose, err := s.disclosure(c, index)
	if err != nil {
		return err
	}
	e, err := s.ledger.Prove(c.ctx(), index, disclose)
	if err == nil {
		err = s.opensEvidence(c, e)
	}
	if err != nil {
		return err
	}
	c.bytes(http.StatusOK, typeJSON, e.Bytes())
	return nil
}

// mayProve returns an error unless a call may have evidence of a record. What
// discloses nothing shows no more than the log.
func (s *Server) mayProve(c *call, index int64) error {
	if pointers := c.disclosed(); pointers != nil && len(pointers) == 0 {
		return nil
	}
	if err := c.may(access.RecordsRead); err != nil {
		return err
	}
	if err := c.opens(c.disclosed()); err != nil {
		return err
	}
	if c.may(access.RestrictedRead) == nil {
		return nil
	}
	r, err := s.ledger.Record(c.ctx(), index)
	if err != nil {
		return err
	}
	return c.mayOpen(r)
}

// disclosure reads the query parameter disclose: all, none, or pointers of
// sealed members of the record.
func (s *Server) disclosure(c *call, index int64) (func(string) bool, error) {
	pointers := c.disclosed()
	if len(pointers) == 0 {
		return among(pointers), nil
	}
	r, err := s.ledger.Record(c.ctx(), index)
	if err != nil {
		return nil, err
	}
	if len(r.Unreadable) > 0 {
		return nil, ledger.ErrErased
	}
	for i, ptr := range pointers {
		if r.Schema == nil || !slices.Contains(r.Schema.Pointers(), ptr) {
			return nil, badRequest("number %d of the pointers in disclose is not of a sealed member of this record; GET /v1/records/%d lists its members", i+1, index)
		}
	}
	return among(pointers), nil
}

const (
	timelinePage = 100
	timelineMax  = 1000

	// timelineStep is how many records of a timeline are held at a time.
	timelineStep = 4
)

// getSubject answers GET /v1/subjects/{kind}/{id}.
func (s *Server) getSubject(c *call) error {
	kind, id, err := c.subject()
	if err != nil {
		return err
	}
	from, err := c.number("from", 1, 1)
	if err != nil {
		return err
	}
	limit, err := c.number("limit", 1, timelinePage)
	if err != nil {
		return err
	}
	if limit > timelineMax {
		return badRequest("the query parameter limit is at most %d; read on with from", timelineMax)
	}
	// A thousand large records would fill the memory, so they are read and
	// written a few at a time. All are proved under the checkpoint that lay
	// there at first: those that come later are beyond its count.
	step, err := s.ledger.Timeline(c.ctx(), kind, id, from, min(limit, timelineStep))
	if err != nil {
		return err
	}
	left := max(0, min(limit, step.Count-from+1))
	size := step.Size
	head, err := encode(struct {
		Subject    string   `json:"subject"`
		Count      int64    `json:"count"`
		Size       int64    `json:"size"`
		Checkpoint string   `json:"checkpoint"`
		Records    []string `json:"records"`
	}{step.Subject, step.Count, size, string(step.Note), []string{}})
	if err != nil {
		return err
	}
	shown, err := s.ledger.IndexesOf(c.ctx(), kind, id, from, left)
	if err == nil {
		err = s.opens(c, look.Read, shown...)
	}
	if err != nil {
		return err
	}
	var told *telling
	if left > 0 && from+left > step.Count {
		if told, err = s.begin(c.ctx(), kind, id, from, step.Count); err != nil {
			return err
		}
	}
	c.Header("Content-Type", typeJSON)
	w := bufio.NewWriterSize(c.Writer, 32<<10)
	_, _ = w.Write(bytes.TrimSuffix(head, []byte("]}\n")))
	for first := true; ; first = false {
		for i, r := range step.Records {
			d, err := s.newRecordDoc(c.ctx(), r, size)
			if err != nil {
				return err
			}
			b, err := encode(d)
			if err != nil {
				return err
			}
			if i > 0 || !first {
				_ = w.WriteByte(',')
			}
			_, _ = w.Write(b)
			told.add(r)
		}
		if from, left = from+timelineStep, left-timelineStep; left <= 0 {
			break
		}
		if step, err = s.ledger.Timeline(c.ctx(), kind, id, from, min(left, timelineStep)); err != nil {
			return err
		}
	}
	tail, err := told.end(step.Subject)
	if err != nil {
		return err
	}
	_, _ = w.Write(tail)
	return w.Flush()
}

// getCheckpoint answers GET /v1/checkpoint with the newest checkpoint.
func (s *Server) getCheckpoint(c *call) error {
	c.bytes(http.StatusOK, typeText, s.ledger.Head().Note)
	return nil
}

// getConsistency answers GET /v1/consistency.
func (s *Server) getConsistency(c *call) error {
	head := s.ledger.Head()
	from, err := c.number("from", 0, -1)
	if err != nil {
		return err
	}
	to, err := c.number("to", 0, head.Size)
	if err != nil {
		return err
	}
	switch {
	case from < 0:
		return badRequest("the query parameter from is missing: the size of the tree that you know")
	case from > to:
		return badRequest("the query parameter from is at most to, which is %d where it is absent", head.Size)
	}
	hashes, err := s.ledger.ConsistencyProof(c.ctx(), from, to)
	if err != nil {
		return err
	}
	d := struct {
		From       int64       `json:"from"`
		To         int64       `json:"to"`
		Proof      []tree.Hash `json:"proof"`
		Checkpoint string      `json:"checkpoint,omitempty"`
	}{From: from, To: to, Proof: list(hashes)}
	if to == head.Size {
		d.Checkpoint = string(head.Note)
	}
	return c.json(http.StatusOK, d)
}

// getTrust answers GET /v1/trust.
func (s *Server) getTrust(c *call) error {
	trust := s.ledger.Trust()
	switch asked := c.Query("submitters"); asked {
	case "", "false":
	case "true":
		trust.Submitters = s.ledger.SubmitterKeys()
	default:
		return badRequest("the query parameter submitters is true or false")
	}
	c.bytes(http.StatusOK, typeJSON, trust.Bytes())
	return nil
}

// What is verified in one request is bounded in bytes, and in values: evidence
// has some fifty bytes to each.
const (
	maxVerify       = 16 << 20
	maxVerifyValues = maxVerify / 32
	maxVerifyDepth  = maxDepth + 1 // of a document, and what is around it
)

// verify answers POST /v1/verify with a report. It keeps nothing.
func (s *Server) verify(c *call) error {
	media, err := c.media(typeJSON)
	if err != nil {
		return err
	}
	if media != typeJSON {
		return unsupported("evidence and receipts are JSON", typeJSON)
	}
	body, err := c.body(maxVerify)
	if err != nil {
		return err
	}
	doc, trust, err := splitVerify(body)
	if err != nil {
		return err
	}
	if trust == nil {
		trust = s.ledger.Trust()
	}
	report, err := proof.VerifyDocument(trust, doc, nil)
	if err != nil {
		return unreadable("", err)
	}
	return c.json(http.StatusOK, report)
}

// splitVerify takes the document to verify and, if there is one, the trust
// policy out of a body: {"evidence": …, "trust": …}, or the document itself.
func splitVerify(body []byte) (doc []byte, trust *proof.Trust, err error) {
	v, err := canon.Parse(body, canon.Limits{Depth: maxVerifyDepth, Values: maxVerifyValues})
	if err != nil {
		return nil, nil, unreadable("", err)
	}
	inner, ok := v.Get("evidence")
	if !ok {
		return body, nil, nil
	}
	for _, m := range v.Members {
		switch m.Name {
		case "evidence":
		case "trust":
			if trust, err = proof.ParseTrust(m.Value.Bytes()); err != nil {
				return nil, nil, unreadable("/trust", err)
			}
		default:
			return nil, nil, faultf(kindUnreadable, "beside evidence and trust there is a member that is not known here")
		}
	}
	return inner.Bytes(), trust, nil
}

// maxReason bounds what is said of a document that cannot be read: the name
// of a member in it may have any length.
const maxReason = 300

// unreadable says why a document, which lies at a pointer of the body, cannot
// be read. Its readers name places and reasons, never values.
func unreadable(at string, err error) error {
	reason := err.Error()
	if at != "" {
		reason = at + ": " + reason
	}
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "") + " …"
	}
	return faultf(kindUnreadable, "%s", reason)
}
