// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"hash"
	"strings"
	"sync"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

// Identity returns the digest under which an event's source and id stand in
// entries: docs/formats.md, section 2.1. Only who has the index key can compute
// it, or test a guess.
func Identity(index Key, source, id string) [32]byte {
	m, ok := macs.Get().(*mac)
	if !ok || subtle.ConstantTimeCompare(m.key[:], index[:]) == 0 {
		m = &mac{key: index, hash: hmac.New(sha256.New, index[:])}
	}
	defer macs.Put(m)
	m.hash.Reset()
	m.buf = m.buf[:0]
	for _, part := range [...]string{"lendlog/event", source, id} {
		m.buf = append(binary.BigEndian.AppendUint16(m.buf, uint16(len(part))), part...)
	}
	m.hash.Write(m.buf)
	m.buf = m.hash.Sum(m.buf[:0])
	return [32]byte(m.buf)
}

// A mac has hashed its key, which costs as much as hashing an identity.
type mac struct {
	key  Key
	hash hash.Hash
	buf  []byte
}

// macs are used again and again: a ledger has one index key.
var macs sync.Pool

// Owner names whose key a group of an event is encrypted under:
// "party:<id>", "subject:<kind>/<id>" where the event names no party,
// "staff:<id>" or "institution:<id>", whose id may be empty.
func Owner(ev *record.Event, group record.Group) string {
	id := ""
	if group.Party != "" {
		if v, ok := ev.Member(group.Party); ok && v.Kind == canon.String {
			id = v.Str
		}
	}
	// A group such as staff.approver is staff in a role.
	switch kind, _, _ := strings.Cut(group.Name, "."); kind {
	case record.GroupStaff, record.GroupInstitution:
		return kind + ":" + id
	case record.GroupParty:
		id = ev.Party
	}
	if id == "" {
		return "subject:" + ev.Subject
	}
	return "party:" + id
}

// Small returns the small tree over the disclosures of one record, which are
// in the order of its schema's pointers.
func Small(disclosures []Disclosure) tree.Small {
	return tree.Small{Leaves: appendLeaves(make([]tree.Hash, 0, len(disclosures)), disclosures)}
}

func appendLeaves(dst []tree.Hash, disclosures []Disclosure) []tree.Hash {
	buf := make([]byte, 1, 512)
	buf[0] = tree.LeafPrefix
	for i := range disclosures {
		buf = disclosures[i].append(buf[:1])
		dst = append(dst, sha256.Sum256(buf))
	}
	return dst
}

// A Group is the part of a payload that one key opens. The payload of a record
// is what opens its sealed members again; of every key group, in the order of
// their names, it has
//
//	name length(1) ‖ name ‖ key id(8) ‖ length(4) ‖ nonce(12) ‖ AES-256-GCM(seed(32) ‖ members)
//
// members is the canonical JSON object of pointer to value of all members of
// the group that are present. The ciphertext is bound to the record's event
// identity and to the group.
type Group struct {
	Name   string
	KeyID  int64
	sealed []byte
}

// AppendGroup appends one group to a payload. Members is an Object in
// canonical order.
func AppendGroup(dst []byte, name string, key PartyKey, identity [32]byte, seed Seed, members canon.Value) []byte {
	dst = append(append(dst, byte(len(name))), name...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(key.ID))
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = key.Key.Encrypt(dst, members.Append(seed[:]), appendContext(nil, identity, name))
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

func appendContext(dst []byte, identity [32]byte, group string) []byte {
	return append(append(append(dst, "lendlog/payload"...), identity[:]...), group...)
}

var errPayload = errors.New("the payload is not whole")

// A Head is what a payload shows of a group.
type Head struct {
	Name  []byte
	KeyID int64
}

// CutHead returns the head of the first group of a payload, and what follows
// the group. It shares the payload's memory.
func CutHead(payload []byte) (h Head, rest []byte, err error) {
	h, _, rest, err = cutGroup(payload)
	return h, rest, err
}

func cutGroup(payload []byte) (h Head, sealed, rest []byte, err error) {
	n := int(payload[0])
	if len(payload) < 1+n+12 {
		return h, nil, nil, errPayload
	}
	h.Name, payload = payload[1:1+n], payload[1+n:]
	h.KeyID = int64(binary.BigEndian.Uint64(payload))
	size := int64(binary.BigEndian.Uint32(payload[8:]))
	payload = payload[12:]
	if size > int64(len(payload)) || h.KeyID < 0 {
		return h, nil, nil, errPayload
	}
	return h, payload[:size], payload[size:], nil
}

// ParsePayload splits a payload into its groups, which share its memory.
func ParsePayload(payload []byte) ([]Group, error) { return appendGroups(nil, payload) }

func appendGroups(dst []Group, payload []byte) ([]Group, error) {
	for len(payload) > 0 {
		h, sealed, rest, err := cutGroup(payload)
		if err != nil {
			return nil, err
		}
		dst = append(dst, Group{groupName(h.Name), h.KeyID, sealed})
		payload = rest
	}
	return dst, nil
}

// groupName returns a name without a copy where it is one that most records have.
func groupName(b []byte) string {
	switch string(b) {
	case record.GroupParty:
		return record.GroupParty
	case record.GroupInstitution:
		return record.GroupInstitution
	case record.GroupStaff:
		return record.GroupStaff
	}
	return string(b)
}

// Open decrypts a group: its seed, and the members that are present.
func (g Group) Open(key Key, identity [32]byte) (Seed, []canon.Member, error) {
	plain, err := key.Decrypt(g.sealed, appendContext(nil, identity, g.Name))
	if err != nil {
		return Seed{}, nil, err
	}
	return parsePlain(plain, canon.ParseCanonical)
}

func parsePlain(plain []byte, parse func([]byte, canon.Limits) (canon.Value, error)) (Seed, []canon.Member, error) {
	if len(plain) < len(Seed{}) {
		return Seed{}, nil, errPayload
	}
	v, err := parse(plain[len(Seed{}):], canon.Limits{})
	if err != nil || v.Kind != canon.Object {
		return Seed{}, nil, errPayload
	}
	return Seed(plain), v.Members, nil
}

// A Room is memory in which payloads are opened by who opens many, one after the
// other: what a method returns holds until the next Reset. It also holds keys, for
// the lender's open a part of nearly every record, and to make a cipher of one costs
// as much as to use it. The zero Room is ready to use; it must not be copied, nor
// used by two goroutines at once.
type Room struct {
	ciphers [16]struct {
		key  Key
		aead cipher.AEAD
	}
	groups  []Group
	context []byte
	plain   []byte
	values  canon.Room
	leaves  []tree.Hash
}

// Reset gives up all that was opened.
func (r *Room) Reset() {
	r.values.Reset()
	r.groups, r.leaves = r.groups[:0], r.leaves[:0]
}

// Parse is ParsePayload into the room, once between two Resets.
func (r *Room) Parse(payload []byte) (groups []Group, err error) {
	r.groups, err = appendGroups(r.groups, payload)
	return r.groups, err
}

// Open is Group.Open into the room.
func (r *Room) Open(g Group, key Key, identity [32]byte) (seed Seed, members []canon.Member, err error) {
	r.context = appendContext(r.context[:0], identity, g.Name)
	c := &r.ciphers[g.KeyID%int64(len(r.ciphers))]
	if c.aead == nil || subtle.ConstantTimeCompare(c.key[:], key[:]) == 0 {
		c.key, c.aead = key, key.aead()
	}
	plain, err := decrypt(c.aead, r.plain[:0], g.sealed, r.context)
	if err != nil {
		return Seed{}, nil, err
	}
	r.plain = plain
	return parsePlain(plain, r.values.ParseCanonical)
}

// Small is the function Small into the room, once between two Resets.
func (r *Room) Small(disclosures []Disclosure) tree.Small {
	r.leaves = appendLeaves(r.leaves, disclosures)
	return tree.Small{Leaves: r.leaves}
}
