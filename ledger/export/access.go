// SPDX-License-Identifier: Apache-2.0

package export

import (
	"cmp"
	"encoding/hex"
	"strings"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/look"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/story"
)

// Subject is what exports are recorded about that are not of one subject.
const Subject = look.Exports

// A Reader says who exports, and what for. What is "" is not recorded.
type Reader struct {
	Actor      string // id of the person, or of the person for whom a system does it
	ActorKind  string
	Role       string
	Purpose    string
	LegalBasis string
	Approval   string // where the approval is recorded

	Source  string // of the event
	Subject string // that it is about; Subject when it is ""
}

// AccessType is the type of the event.
var AccessType = story.Type("access.occurred")

// stated is how a record names a manifest.
func (m *Manifest) stated() string {
	digest := m.Digest()
	return Format + " sha256:" + hex.EncodeToString(digest[:])
}

// Event returns the event that records the export, as of a time. Of the filter
// it has the names of the fields and none of their values: a record outlives
// the manifest, and a value may name a person. Its id is that of the manifest, so that
// the same export is never recorded twice.
func (m *Manifest) Event(by Reader, fields []string, at time.Time) canon.Value {
	var data []canon.Member
	text := func(name, s string) {
		if s != "" {
			data = append(data, member(name, canon.Text(s)))
		}
	}
	text("actorId", by.Actor)
	text("actorKind", by.ActorKind)
	text("role", by.Role)
	text("purpose", by.Purpose)
	text("legalBasis", by.LegalBasis)
	text("approvalRef", by.Approval)
	text("outcome", "granted")
	query := "all records"
	if len(fields) > 0 {
		query = "records by " + strings.Join(fields, ", ")
	}
	text("query", query)
	data = append(data,
		member("content", canon.Texts(m.stated())),
		member("count", canon.Number(m.Count)),
		member("exported", canon.Flag(true)),
	)
	digest := m.Digest()
	return canon.Map(
		member("specversion", canon.Text("1.0")),
		member("type", canon.Text(AccessType)),
		member("source", canon.Text(by.Source)),
		member("id", canon.Text("export/"+hex.EncodeToString(digest[:16]))),
		member("subject", canon.Text(cmp.Or(by.Subject, Subject))),
		member("time", canon.Text(at.UTC().Format(record.TimeLayout))),
		member("data", canon.Map(data...)),
	)
}
