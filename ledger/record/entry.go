// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/base64"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
)

// Format names the entry format; it is the member "v" of every entry.
const Format = "lendlog/1"

// MaxEntry is the largest entry in bytes: an entry bundle of C2SP tlog-tiles
// writes its length in two bytes.
const MaxEntry = 65535

// The types that have a form or a meaning of their own in the entry format.
const (
	TypeGenesis          = "org.lendlog.genesis.v1"
	TypeSchemaRegistered = "org.lendlog.schema.registered.v1"
	TypeConflicted       = "org.lendlog.submission.conflicted.v1"
	TypePeriodClosed     = "org.lendlog.period.closed.v1"
	TypeAuditCompleted   = "org.lendlog.audit.completed.v1"
	TypeOverridden       = "org.lendlog.witness.overridden.v1"
	TypeRoleGranted      = "org.lendlog.role.granted.v1"
	TypeRoleLent         = "org.lendlog.role.granted.v2" // with a purpose, a basis or fields
	TypeRoleRevoked      = "org.lendlog.role.revoked.v1"
	TypeKeyChanged       = "org.lendlog.key.changed.v1"
	TypeSubmitterKey     = "org.lendlog.submitter-key.changed.v1"
	TypeAccessOccurred   = "org.lendlog.access.occurred.v2"
	TypeCaseAccessed     = "org.lendlog.case.accessed.v2"
	TypeAnchorFinal      = "org.lendlog.anchor.final.v1"
	TypeChainObserved    = "org.lendlog.chain.observed.v1"
	TypeRestricted       = "org.lendlog.restricted.v1"
	TypeIndexRoot        = "org.lendlog.index-root.v1"
)

// Accompanies reports whether records of a type stand in evidence of others, with
// nothing disclosed: those that say when these were recorded, or with which key
// their checkpoint is signed.
func Accompanies(typ string) bool { return typ == TypeChainObserved || typ == TypeKeyChanged }

// Capture says how a record came into the ledger.
const (
	Live   = "live"   // submitted as it happened
	Late   = "late"   // set by the ledger: recorded - time exceeds the genesis record's limit
	Import = "import" // loaded from older books; can never pass for live
)

// TimeLayout is how the ledger writes its own clock: UTC, milliseconds.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// An Entry is what is hashed of a record: canonical JSON without any personal
// value. Its bytes are made once by Bytes and kept verbatim; they are never
// encoded again to verify.
//
// Rules for changing it: a member's meaning never changes, an optional member
// costs nothing when absent, there is no floating point and no null, and a
// new member needs a new Format.
type Entry struct {
	Capture   string      // Live, Late or Import
	Event     [32]byte    // identity digest: HMAC of source and id under the index key
	Open      canon.Value // Object: the open members of data
	Prev      [32]byte    // leaf hash of the subject's previous record; zero when Seq is 1
	Recorded  time.Time   // the ledger's clock at commit, to the millisecond
	Refs      []int64     // indexes of the records this one follows from, ascending
	Schema    [32]byte    // SHA-256 of the schema's bytes
	Sealed    [32]byte    // RFC 6962 root over the disclosures
	Seq       int64       // 1, 2, 3 … per subject
	Submitter string      // id of the submitter's key; empty when Type is TypeRestricted
	Term      [32]byte    // the subject's term
	Time      string      // business time as submitted; empty when Type is TypeRestricted
	Type      string
}

// An IndexRoot is the leaf that commits to the map of all subjects. Covers
// equals the leaf's own index: the map speaks of all leaves before it.
type IndexRoot struct {
	Covers int64
	Root   [32]byte
}

// Bytes returns the entry in canonical form.
func (e *Entry) Bytes() []byte {
	b := make([]byte, 0, 768)
	b = appendText(append(b, `{"capture":`...), e.Capture)
	b = appendHash(append(b, `,"event":`...), e.Event)
	b = e.Open.Append(append(b, `,"open":`...))
	if e.Seq > 1 {
		b = appendHash(append(b, `,"prev":`...), e.Prev)
	}
	b = append(b, `,"recorded":"`...)
	b = e.Recorded.UTC().AppendFormat(b, TimeLayout)
	b = append(b, '"')
	if len(e.Refs) > 0 {
		b = append(b, `,"refs":`...)
		for i, r := range e.Refs {
			if i == 0 {
				b = append(b, '[')
			} else {
				b = append(b, ',')
			}
			b = canon.AppendInt(b, r)
		}
		b = append(b, ']')
	}
	b = appendHash(append(b, `,"schema":`...), e.Schema)
	b = appendHash(append(b, `,"sealed":`...), e.Sealed)
	b = canon.AppendInt(append(b, `,"seq":`...), e.Seq)
	if e.Type != TypeRestricted {
		b = appendText(append(b, `,"submitter":`...), e.Submitter)
	}
	b = appendHash(append(b, `,"term":`...), e.Term)
	if e.Type != TypeRestricted {
		b = appendText(append(b, `,"time":`...), e.Time)
	}
	b = appendText(append(b, `,"type":`...), e.Type)
	return append(b, `,"v":"`+Format+`"}`...)
}

// Bytes returns the leaf in canonical form.
func (r IndexRoot) Bytes() []byte {
	b := canon.AppendInt([]byte(`{"covers":`), r.Covers)
	b = appendHash(append(b, `,"root":`...), r.Root)
	return append(b, `,"type":"`+TypeIndexRoot+`","v":"`+Format+`"}`...)
}

func appendText(b []byte, s string) []byte { return canon.AppendString(b, s) }

func appendHash(b []byte, h [32]byte) []byte {
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, h[:])
	return append(b, '"')
}

// A Leaf is either an Entry or an IndexRoot.
type Leaf struct {
	Entry     *Entry
	IndexRoot *IndexRoot
}

// token reports whether s is 1 to most characters of printable ASCII without
// spaces.
func token(s string, most int) bool {
	if s == "" || len(s) > most {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}
