// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/keeper"
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
	if d.ring.own, err = vault.UnlockKeys(d.parts.Keys, d.opt.Passphrase); err != nil {
		d.ring.why = "the ledger's keys can't be read: " + err.Error()
		return
	}
	v, err := d.ring.own.OpenVault(d.parts.Vault, d.policy.Origin, keeper.ForAudit)
	if errors.Is(err, vault.ErrKeeper) {
		d.ring.why = "the vault doesn't open: " + err.Error()
		return
	}
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

// newOpener returns what opens the payloads, nil where nothing can be opened.
func (d *disk) newOpener() *opener {
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
	return o
}

// summary says what the payloads were, now that all were opened.
func (o *opener) summary() {
	d := o.disk
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

// record checks one record, of which the entry is there.
func (o *opener) record(index int64, leaf record.Leaf, payload []byte, room *workspace) *Finding {
	if leaf.Entry == nil && leaf.IndexRoot == nil {
		return nil // it is no leaf, which was reported
	}
	var f Finding
	switch {
	case payload == nil:
		f = about(Payloads, index, repairStore, "its payload is missing")
	case leaf.IndexRoot == nil:
		return o.open(index, leaf.Entry, payload, room)
	case len(payload) > 0:
		f = about(Payloads, index, repairStore, "an index-root has a payload")
	default:
		return nil
	}
	return &f
}

// An opened group is what one key opens of a payload.
type opened struct {
	seal.Group
	owner   string
	seed    seal.Seed
	members []canon.Member // that are present, in the order of their pointers
}

// sealed are the disclosures of a record, in the order of their pointers.
type sealed []seal.Disclosure

// value returns the value of a member, null where it is absent.
func (s sealed) value(pointer string) canon.Value {
	i, ok := slices.BinarySearchFunc(s, pointer, func(d seal.Disclosure, ptr string) int { return strings.Compare(d.Pointer, ptr) })
	if !ok {
		return canon.Value{}
	}
	return s[i].Value
}

// A workspace is room that is used for one record after the other.
type workspace struct {
	record  record.Room
	seal    seal.Room
	groups  []opened
	sealed  sealed
	present []canon.Member
}

func (w *workspace) reset() {
	w.record.Reset()
	w.seal.Reset()
}

// open opens one payload and holds all that is in it against the entry. What
// comes later needs what came before, so there is one finding at most.
func (o *opener) open(index int64, e *record.Entry, payload []byte, room *workspace) *Finding {
	subject := ""
	bad := func(check, remedy, format string, args ...any) *Finding {
		f := about(check, index, remedy, format, args...)
		f.Subject = subject
		return &f
	}
	parts, err := room.seal.Parse(payload)
	if err != nil {
		return bad(Payloads, repairStore, "its payload is not whole")
	}
	groups := room.groups[:0]
	var innerType canon.Value
	for _, g := range parts {
		key, ok := o.ring.party[g.KeyID]
		if !ok {
			o.closed.add(g.KeyID, index)
			return nil
		}
		seed, members, err := room.seal.Open(g, key.Key, e.Event)
		if err != nil {
			return bad(Payloads, repairStore, "its group %q does not open: it was altered, or belongs to another record", g.Name)
		}
		if slices.ContainsFunc(groups, func(x opened) bool { return x.Name == g.Name }) {
			return bad(Payloads, askOperator, "its group %q is there twice", g.Name)
		}
		groups = append(groups, opened{g, key.Owner, seed, members})
		for i := range members {
			switch m := &members[i]; m.Name {
			case "/subject":
				subject = m.Value.Str
			case "/type":
				innerType = m.Value
			}
		}
	}
	room.groups = groups

	s, problem := o.schemaOf(index, e, innerType)
	if problem != "" {
		return bad(Schemas, askOperator, "%s", problem)
	}
	// Each member is in the group where the schema puts it, and so there once.
	all := slices.Grow(room.sealed[:0], len(s.Pointers()))[:len(s.Pointers())]
	room.sealed = all
	for _, want := range s.Groups() {
		at := slices.IndexFunc(groups, func(g opened) bool { return g.Name == want.Name })
		if at < 0 {
			return bad(Payloads, askOperator, "its group %q is missing", want.Name)
		}
		g := &groups[at]
		rest := g.members
		for _, i := range want.Members {
			var v canon.Value
			ptr := s.Pointers()[i]
			present := len(rest) > 0 && rest[0].Name == ptr
			if present {
				v, rest = rest[0].Value, rest[1:]
			}
			all[i] = seal.Disclose(g.seed, ptr, v, present)
		}
		if len(rest) > 0 {
			return bad(Payloads, askOperator, "a sealed member is in group %q, where its schema does not put it", g.Name)
		}
	}
	if len(groups) != len(s.Groups()) {
		return bad(Payloads, askOperator, "it has a group that its schema does not know")
	}
	if room.seal.Small(all).Root() != e.Sealed {
		return bad(Seals, askOperator, "its sealed members do not hash to the entry: somebody changed them who has the keys, or the entry never committed to them")
	}
	for _, m := range e.Open.Members {
		if decl, ok := s.Member(m.Name); !ok || !decl.Open {
			return bad(Events, askOperator, "the entry shows a member that its schema seals or does not know")
		}
	}
	present := room.present[:0]
	for i := range all {
		if d := &all[i]; d.Present {
			present = append(present, canon.Member{Name: d.Pointer, Value: d.Value})
		}
	}
	room.present = present
	ev, err := room.record.Event(s, e, present)
	if err != nil {
		return bad(Events, askOperator, "its event is not valid under its schema: %v", err)
	}
	for i := range all {
		if !given(ev, &all[i]) {
			return bad(Events, askOperator, "it seals as %s what its event does not have there", all[i].Pointer)
		}
	}
	if text := o.event(e, ev); text != "" {
		return bad(Events, askOperator, "%s", text)
	}
	for _, part := range groups {
		for _, g := range s.Groups() {
			if g.Name == part.Name && part.owner != seal.Owner(ev, g) {
				return bad(Payloads, askOperator, "its group %q is under the key of somebody else: erasing whose it is would not erase it", g.Name)
			}
		}
	}
	if o.terms.Term(ev.Kind, ev.SubjectID) != e.Term {
		return bad(Terms, askOperator, "it stands under another term than its subject's")
	}
	if text := o.refs(index, e, ev, all); text != "" {
		return bad(Refs, askOperator, "%s", text)
	}
	if text := o.submitter(index, e, ev, all); text != "" {
		return bad(Submitters, askOperator, "%s", text)
	}
	o.opened.Add(1)
	return nil
}

// given reports whether an event gives a member back just as it is sealed, so
// that none is sealed in the place of another, or as null. What the schema has
// checked, and /type, was looked at before.
func given(ev *record.Event, d *seal.Disclosure) bool {
	switch v := &d.Value; {
	case strings.HasPrefix(d.Pointer, "/data/"), d.Pointer == "/type":
		return true
	case d.Pointer == "/submitter", d.Pointer == "/time":
		return v.Kind == canon.String
	case d.Pointer == "/refs":
		odd := slices.ContainsFunc(v.Items, func(v canon.Value) bool { return v.Kind != canon.Int })
		return !d.Present || v.Kind == canon.Array && len(v.Items) > 0 && !odd
	default:
		has, ok := ev.Member(d.Pointer)
		return ok == d.Present && (!ok || has.Kind == v.Kind && has.Str == v.Str && len(has.Members) == len(v.Members))
	}
}

// submitter verifies the submitter's signature where the policy lists keys.
func (o *opener) submitter(index int64, e *record.Entry, ev *record.Event, members sealed) string {
	if ev.Schema.Own {
		return ""
	}
	id := e.Submitter
	if e.Type == record.TypeRestricted {
		id = members.value("/submitter").Str
	}
	if len(o.policy.Submitters) == 0 {
		return o.announced(index, id, ev)
	}
	keys := slices.DeleteFunc(slices.Clone(o.policy.Submitters), func(s proof.SubmitterKey) bool { return s.ID != id })
	if len(keys) == 0 || ev.Signature == "" {
		o.unsigned.Add(1)
		return ""
	}
	if err := proof.SignedBy(keys, index, ev.Document(), ev.Signature, o.policy.Origin, id); err != nil {
		return err.Error()
	}
	return ""
}

// announced holds an event against the keys that the log announces: it must not be
// there unsigned where one of its submitter counts.
func (o *opener) announced(index int64, id string, ev *record.Event) string {
	if len(o.replay.lost) > 0 {
		return "" // so may be the record of a key
	}
	keys := slices.DeleteFunc(slices.Clone(o.replay.submitters), func(s proof.SubmitterKey) bool { return s.ID != id || !s.May(index) })
	if len(keys) == 0 {
		return ""
	}
	if err := proof.SignedBy(keys, index, ev.Document(), ev.Signature, o.policy.Origin, id); err != nil {
		return fmt.Sprintf("its submitter has a key in the log that counts, and did not sign it: %v", err)
	}
	return ""
}

// schemaOf returns the schema of an entry's members; inner is what a
// restricted record seals as its type.
func (o *opener) schemaOf(index int64, e *record.Entry, inner canon.Value) (*record.Schema, string) {
	hash, is := e.Schema, ""
	if e.Type == record.TypeRestricted {
		var err error
		if is, hash, err = record.ParseSealedType(inner); err != nil {
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
func (o *opener) event(e *record.Entry, ev *record.Event) string {
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
func (o *opener) refs(index int64, e *record.Entry, ev *record.Event, members sealed) string {
	restricted := e.Type == record.TypeRestricted
	says := e.Refs
	if restricted {
		for _, v := range members.value("/refs").Items {
			says = append(says, v.Int)
		}
	}
	var want []int64
	for source, id := range ev.Causes() {
		row, ok := o.identity(seal.Identity(o.ring.own.Index, source, id), says)
		if ok && row.Index < index && (restricted || !row.Restricted) {
			want = append(want, row.Index)
		}
	}
	slices.Sort(want)
	want = slices.Compact(want)
	if !restricted {
		if !slices.Equal(want, says) {
			return "the records that it says it follows from are not those that its event names"
		}
		return ""
	}
	// What came shortly before it may not have been known when it was sealed.
	for _, index := range says {
		if !slices.Contains(want, index) {
			return "it follows from a record that its event does not name"
		}
	}
	return ""
}

// identity returns the record that was accepted under an identity. It is most
// often one of those that are said to be meant, and the replay knows theirs;
// only for others the store is asked.
func (o *opener) identity(digest [32]byte, says []int64) (store.Identity, bool) {
	want := o.replay.marks.of(digest)
	for _, index := range says {
		if m := o.replay.marks.at(index); m.is(want) {
			return store.Identity{Digest: digest, Index: index, Restricted: m.restricted()}, true
		}
	}
	row, ok, err := o.store.Identity(digest)
	return row, ok && err == nil
}

// maxTerms bounds one generation of remembered terms.
const maxTerms = 1 << 19
