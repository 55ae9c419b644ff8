// SPDX-License-Identifier: Apache-2.0

package seal

import (
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
	s := tree.Small{Leaves: make([]tree.Hash, len(disclosures))}
	buf := make([]byte, 0, 256)
	for i := range disclosures {
		buf = disclosures[i].append(buf[:0])
		s.Leaves[i] = tree.LeafHash(buf)
	}
	return s
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
	dst = key.Key.Encrypt(dst, members.Append(seed[:]), groupContext(identity, name))
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

func groupContext(identity [32]byte, name string) []byte {
	return append(append([]byte("lendlog/payload"), identity[:]...), name...)
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
func ParsePayload(payload []byte) ([]Group, error) {
	var groups []Group
	for len(payload) > 0 {
		h, sealed, rest, err := cutGroup(payload)
		if err != nil {
			return nil, err
		}
		groups = append(groups, Group{string(h.Name), h.KeyID, sealed})
		payload = rest
	}
	return groups, nil
}

// Open decrypts a group: its seed, and the members that are present.
func (g Group) Open(key Key, identity [32]byte) (Seed, []canon.Member, error) {
	plain, err := key.Decrypt(g.sealed, groupContext(identity, g.Name))
	if err != nil {
		return Seed{}, nil, err
	}
	if len(plain) < len(Seed{}) {
		return Seed{}, nil, errPayload
	}
	v, err := canon.ParseCanonical(plain[len(Seed{}):], canon.Limits{})
	if err != nil || v.Kind != canon.Object {
		return Seed{}, nil, errPayload
	}
	return Seed(plain), v.Members, nil
}
