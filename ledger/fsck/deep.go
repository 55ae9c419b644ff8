// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/term"
	"github.com/lendlog/lendlog/ledger/vault"
)

// A ring holds what opens payloads.
type ring struct {
	why   string // why nothing can be opened; empty when it can
	own   vault.Keys
	party map[int64]seal.PartyKey
}

// openRing unwraps all party keys. What is wrong with them counts in a deep
// audit only; others open them to name the subjects of what they found.
func (d *disk) openRing() {
	if d.ring != nil {
		return
	}
	d.ring = &ring{party: map[int64]seal.PartyKey{}}
	switch {
	case d.parts.Keys == "" || !exists(d.parts.Keys):
		d.ring.why = "the ledger's keys were not given"
		return
	case d.parts.Vault == "" || !exists(d.parts.Vault):
		d.ring.why = "the vault was not given"
		return
	case d.policy == nil:
		d.ring.why = "the ledger's origin, to which its vault is bound, is not known"
		return
	}
	fail := func(f Finding) {
		if d.opt.Deep {
			d.fail(f)
		}
	}
	const restore = "put this ledger's own keys and vault back from their backups"
	var err error
	if d.ring.own, err = vault.ReadKeys(d.parts.Keys); err != nil {
		d.ring.why = "the ledger's keys can't be read: " + err.Error()
		return
	}
	v, err := vault.Open(d.parts.Vault, d.ring.own.Vault, d.policy.Origin)
	if err != nil {
		fail(whole(Keys, restore, "the vault doesn't open: %v", err))
		d.ring.why = "the vault doesn't open"
		return
	}
	if d.ring.own.VRF.Public() != d.policy.VRF {
		fail(whole(Keys, restore, "the VRF key is not that of the genesis record"))
	}
	if e := d.genesisEntry; e != nil {
		sum := sha256.Sum256(append([]byte("lendlog/index-key"), d.ring.own.Index[:]...))
		if says, _ := e.Open.Get("indexKeyCommitment"); says.Str != base64.StdEncoding.EncodeToString(sum[:]) {
			fail(whole(Keys, restore, "the index key is not that of the genesis record"))
		}
	}
	owners := map[string]int64{}
	err = d.store.ScanKeys(func(row store.KeyRow) error {
		d.progress("unwrapping the party keys", int64(len(d.ring.party)), d.head.Keys)
		b, err := v.Bucket(row.ID / seal.BucketSize)
		if err != nil {
			fail(whole(Keys, restore, "party key %d can't be unwrapped: its bucket is not in the vault", row.ID))
			return d.ctx.Err()
		}
		p, err := seal.Unwrap(row.ID, row.Row, b.Key)
		if err != nil {
			fail(whole(Keys, repairStore, "party key %d doesn't unwrap: its row was altered, or is of another ledger", row.ID))
			return d.ctx.Err()
		}
		if first, ok := owners[p.Owner]; ok {
			fail(whole(Keys, askOperator, "party keys %d and %d are of one owner: erasing one would not erase the other", first, p.ID))
		}
		owners[p.Owner] = p.ID
		d.ring.party[p.ID] = p
		return d.ctx.Err()
	})
	if err != nil {
		fail(whole(Keys, repairStore, "a row of a party key can't be read"))
	}
	if d.opt.Deep {
		d.pass(Keys, "%d party keys unwrap, one for each owner", len(owners))
	}
}

// subject opens the subject in a payload.
func (r *ring) subject(identity [32]byte, payload []byte) (string, bool) {
	groups, err := seal.ParsePayload(payload)
	if err != nil {
		return "", false
	}
	for _, g := range groups {
		key, ok := r.party[g.KeyID]
		if !ok {
			continue
		}
		_, members, err := g.Open(key.Key, identity)
		if err != nil {
			continue
		}
		for _, m := range members {
			if m.Name == "/subject" && m.Value.Kind == canon.String {
				return m.Value.Str, true
			}
		}
	}
	return "", false
}

// deep opens every payload and holds it against its entry.
func (d *disk) deep() error {
	d.openRing()
	if d.ring.why != "" {
		for _, name := range []string{Keys, Payloads, Seals, Events, Terms, Refs, Submitters} {
			d.skip(name, "%s", d.ring.why)
		}
		return nil
	}
	o := &opener{disk: d, terms: term.NewCache(d.ring.own.VRF, maxTerms), closed: closed{first: map[int64]int64{}, count: map[int64]int64{}}}
	if e := d.genesisEntry; e != nil {
		late, _ := e.Open.Get("lateAfterSeconds")
		o.lateAfter = time.Duration(late.Int) * time.Second
	}
	jobs := func(yield func(store.Block) bool) {
		for b := range joined(d.store.EntryBlocks(0, d.head.Size)) {
			if b.Err == nil && !yield(b) {
				return
			}
		}
	}
	err := inOrder(d.ctx, d.opt.Workers, iter.Seq[store.Block](jobs), o.block, func(found []Finding) error {
		for _, f := range found {
			d.fail(f)
		}
		d.progress("opening the payloads", o.opened.Load(), d.head.Size)
		return nil
	})
	if err != nil {
		return err
	}
	var closed int64
	for _, key := range slices.Sorted(maps.Keys(o.closed.first)) {
		closed += o.closed.count[key]
		d.fail(about(Keys, o.closed.first[key], repairStore, "party key %d, which opens a group of its payload, is missing or does not unwrap; so it is with %d groups in all", key, o.closed.count[key]))
	}
	if closed > 0 {
		for _, name := range []string{Payloads, Seals, Events, Terms, Refs, Submitters} {
			d.skip(name, "%d groups of payloads can't be opened, because party keys are missing", closed)
		}
	}
	n := o.opened.Load()
	d.pass(Payloads, "%d payloads open under the keys of those whose data they are", n)
	d.pass(Seals, "%d seals are those of the members", n)
	d.pass(Events, "%d events are valid, and their entries say what they say", n)
	d.pass(Terms, "%d records stand under the term of their subject", n)
	d.pass(Refs, "%d records name what their events say they follow from", n)
	switch unsigned := o.unsigned.Load(); {
	case len(d.policy.Submitters) == 0:
		d.note(Submitters, "no trust file lists submitters' keys, so who submitted is the operator's claim")
	case unsigned > 0:
		d.skip(Submitters, "%d events bear no signature of a submitter whose key the trust file lists", unsigned)
	default:
		d.pass(Submitters, "every event is signed by who submitted it")
	}
	return nil
}

// An opener opens payloads, several at a time.
type opener struct {
	*disk
	terms     *term.Cache
	lateAfter time.Duration
	opened    atomic.Int64
	closed    closed
	unsigned  atomic.Int64 // events that no listed submitter signed
}

// closed are the records that do not open because a party key is missing: one
// finding for each key.
type closed struct {
	mu    sync.Mutex // guards the maps
	first map[int64]int64
	count map[int64]int64
}

func (c *closed) add(key, index int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count[key]++; c.count[key] == 1 || index < c.first[key] {
		c.first[key] = index
	}
}

// block checks the records of one block of entries.
func (o *opener) block(_ context.Context, b store.Block) (found []Finding) {
	payloads := make([][]byte, len(b.Items))
	for p := range o.store.PayloadBlocks(b.First, b.First+int64(len(b.Items))) {
		for i, item := range p.Items {
			if at := p.First + int64(i) - b.First; at >= 0 && at < int64(len(payloads)) {
				payloads[at] = item
			}
		}
	}
	for i, item := range b.Items {
		index := b.First + int64(i)
		if index >= o.head.Size || o.replay.isLost(index) {
			continue
		}
		leaf, err := record.ParseLeaf(item)
		switch {
		case err != nil: // reported
		case payloads[i] == nil:
			found = append(found, about(Payloads, index, repairStore, "its payload is missing"))
		case leaf.IndexRoot != nil:
			if len(payloads[i]) > 0 {
				found = append(found, about(Payloads, index, repairStore, "an index-root has a payload"))
			}
		default:
			if f := o.check(index, leaf.Entry, payloads[i]); f != nil {
				found = append(found, *f)
			}
		}
	}
	return found
}

// check opens one payload and holds all that is in it against the entry. What
// comes later needs what came before, so there is one finding at most.
func (o *opener) check(index int64, e *record.Entry, payload []byte) *Finding {
	subject := ""
	bad := func(check, remedy, format string, args ...any) *Finding {
		f := about(check, index, remedy, format, args...)
		f.Subject = subject
		return &f
	}
	parts, err := seal.ParsePayload(payload)
	if err != nil {
		return bad(Payloads, repairStore, "its payload is not whole")
	}
	values := map[string]canon.Value{}
	seeds := map[string]seal.Seed{}
	group := map[string]string{} // of each member
	for _, g := range parts {
		key, ok := o.ring.party[g.KeyID]
		if !ok {
			o.closed.add(g.KeyID, index)
			return nil
		}
		seed, members, err := g.Open(key.Key, e.Event)
		if err != nil {
			return bad(Payloads, repairStore, "its group %q does not open: it was altered, or belongs to another record", g.Name)
		}
		if _, twice := seeds[g.Name]; twice {
			return bad(Payloads, askOperator, "its group %q is there twice", g.Name)
		}
		seeds[g.Name] = seed
		for _, m := range members {
			if _, twice := values[m.Name]; twice {
				return bad(Seals, askOperator, "a sealed member is there twice")
			}
			values[m.Name], group[m.Name] = m.Value, g.Name
		}
	}
	subject = values["/subject"].Str

	s, problem := o.schemaOf(index, e, values)
	if problem != "" {
		return bad(Schemas, askOperator, "%s", problem)
	}
	for ptr, g := range group {
		if want, _ := s.Group(ptr); want != g {
			return bad(Payloads, askOperator, "a sealed member is in group %q, where its schema does not put it", g)
		}
	}
	all := make([]seal.Disclosure, len(s.Pointers()))
	needed := map[string]bool{}
	for i, ptr := range s.Pointers() {
		g, _ := s.Group(ptr)
		needed[g] = true
		seed, ok := seeds[g]
		if !ok {
			return bad(Payloads, askOperator, "its group %q is missing", g)
		}
		v, present := values[ptr]
		all[i] = seal.Disclose(seed, ptr, v, present)
	}
	if len(needed) != len(seeds) {
		return bad(Payloads, askOperator, "it has a group that its schema does not know")
	}
	if seal.Small(all).Root() != e.Sealed {
		return bad(Seals, askOperator, "its sealed members do not hash to the entry: somebody changed them who has the keys, or the entry never committed to them")
	}
	for _, m := range e.Open.Members {
		if decl, ok := s.Member(m.Name); !ok || !decl.Open {
			return bad(Events, askOperator, "the entry shows a member that its schema seals or does not know")
		}
	}
	ev, err := s.Event(record.Reassemble(s, e, values))
	if err != nil {
		return bad(Events, askOperator, "its event is not valid under its schema: %v", err)
	}
	if text := o.event(e, ev, values); text != "" {
		return bad(Events, askOperator, "%s", text)
	}
	for _, part := range parts {
		for _, g := range s.Groups() {
			if g.Name == part.Name && o.ring.party[part.KeyID].Owner != seal.Owner(ev, g) {
				return bad(Payloads, askOperator, "its group %q is under the key of somebody else: erasing whose it is would not erase it", g.Name)
			}
		}
	}
	if o.terms.Term(ev.Kind, ev.SubjectID) != e.Term {
		return bad(Terms, askOperator, "it stands under another term than its subject's")
	}
	if text := o.refs(index, e, ev, values); text != "" {
		return bad(Refs, askOperator, "%s", text)
	}
	if text := o.submitter(e, ev, values); text != "" {
		return bad(Submitters, askOperator, "%s", text)
	}
	o.opened.Add(1)
	return nil
}

// submitter verifies the submitter's signature where the policy lists keys.
func (o *opener) submitter(e *record.Entry, ev *record.Event, values map[string]canon.Value) string {
	if len(o.policy.Submitters) == 0 || ev.Schema.Own {
		return ""
	}
	id := e.Submitter
	if e.Type == record.TypeRestricted {
		id = values["/submitter"].Str
	}
	var wrong error
	for _, s := range o.policy.Submitters {
		if s.ID != id || ev.Signature == "" {
			continue
		}
		if wrong = proof.VerifySignature(ev.Document(), ev.Signature, o.policy.Origin, id, s.Key); wrong == nil {
			return ""
		}
	}
	if wrong != nil {
		return wrong.Error()
	}
	o.unsigned.Add(1)
	return ""
}

// schemaOf returns the schema of an entry's members.
func (o *opener) schemaOf(index int64, e *record.Entry, values map[string]canon.Value) (*record.Schema, string) {
	hash, is := e.Schema, ""
	if e.Type == record.TypeRestricted {
		var err error
		if is, hash, err = record.ParseSealedType(values["/type"]); err != nil {
			return nil, "it is restricted and does not say its type within"
		}
	}
	reg := o.replay.schemas[hash]
	switch {
	case reg == nil || reg.index >= index && !early(e.Type):
		return nil, "the schema of its members was not registered before it"
	case reg.schema.Restricted != (e.Type == record.TypeRestricted):
		return nil, "the schema of its members does not go with its type"
	case is != "" && is != reg.schema.Type:
		return nil, "it is restricted, and its type within is not that of its schema"
	}
	return reg.schema, ""
}

// event holds what the entry says against the event.
func (o *opener) event(e *record.Entry, ev *record.Event, values map[string]canon.Value) string {
	if seal.Identity(o.ring.own.Index, ev.Source, ev.ID) != e.Event {
		return "its event identity is not that of its source and id"
	}
	if ev.Type == record.TypeConflicted && !o.conflict(e) {
		return "it says that an event was in conflict with a record that does not have that identity"
	}
	want := record.Live
	switch {
	case ev.Capture == record.Import:
		want = record.Import
	case e.Recorded.Sub(ev.At) > o.lateAfter:
		want = record.Late
	}
	if e.Capture != want && o.lateAfter > 0 {
		return fmt.Sprintf("the entry says that it was captured %s, but by its times it is %s", e.Capture, want)
	}
	return ""
}

// conflict reports whether the record that a conflict is with has the identity
// that both claim.
func (o *opener) conflict(e *record.Entry) bool {
	index, _ := e.Open.Get("index")
	digest, _ := e.Open.Get("eventHash")
	identity, ok := decode32(digest.Str)
	if !ok {
		return false
	}
	row, ok, err := o.store.Identity(identity)
	return err == nil && ok && row.Index == index.Int
}

// refs holds the records that it follows from against the event's causes.
func (o *opener) refs(index int64, e *record.Entry, ev *record.Event, values map[string]canon.Value) string {
	restricted := e.Type == record.TypeRestricted
	var want []int64
	for source, id := range ev.Causes() {
		row, ok, err := o.store.Identity(seal.Identity(o.ring.own.Index, source, id))
		if err == nil && ok && row.Index < index && (restricted || !row.Restricted) {
			want = append(want, row.Index)
		}
	}
	slices.Sort(want)
	want = slices.Compact(want)
	if !restricted {
		if !slices.Equal(want, e.Refs) {
			return "the records that it says it follows from are not those that its event names"
		}
		return ""
	}
	// What came shortly before it may not have been known when it was sealed.
	for _, v := range values["/refs"].Items {
		if !slices.Contains(want, v.Int) {
			return "it follows from a record that its event does not name"
		}
	}
	return ""
}

// maxTerms bounds one generation of remembered terms.
const maxTerms = 1 << 19
