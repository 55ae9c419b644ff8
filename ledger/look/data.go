// SPDX-License-Identifier: Apache-2.0

package look

import (
	"errors"
	"fmt"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

// Data returns the data of the record of a part. The id is that of the look, the
// same in all of its parts.
func (k *Look) Data(p Part, id string) canon.Value {
	data := k.members(id)
	if len(p.Spans) > 0 {
		data = append(data, list("records", p.Spans.texts()))
	}
	if k.Query != "" {
		data = append(data, text("query", k.Query))
	}
	if n := p.Spans.Count(); n > 0 || len(p.Spans) == 0 {
		data = append(data, canon.Member{Name: "count", Value: canon.Number(n)})
	}
	if len(p.Related) > 0 {
		data = append(data, list("relatedSubjects", p.Related))
	}
	return canon.Map(data...)
}

func (k *Look) members(id string) []canon.Member {
	return []canon.Member{
		text("look", id), text("grant", k.Grant), text("role", k.Role), text("purpose", k.Purpose), text("act", k.Act),
		{Name: "exported", Value: canon.Flag(exported(k.Act))},
	}
}

func text(name, s string) canon.Member { return canon.Member{Name: name, Value: canon.Text(s)} }

func list(name string, items []string) canon.Member {
	return canon.Member{Name: name, Value: canon.Texts(items...)}
}

// ErrStated: what was stated of an export is not what a record of it has.
var ErrStated = errors.New("beside what states an export there is a member that is not known here")

// ExportData returns the data of the record of an export. What was stated of it is
// that of an access.occurred.v1, in which an export is recorded where the ledger
// demands no keys: of it the role becomes the capacity, and the purpose is taken
// where it is given.
func (k *Look) ExportData(stated canon.Value, id string) (canon.Value, error) {
	own := *k
	own.Act = Export
	if purpose, ok := stated.Get("purpose"); ok {
		own.Purpose = purpose.Str
	}
	data := own.members(id)
	for _, m := range stated.Members {
		switch m.Name {
		case "purpose", "exported", "outcome":
		case "role":
			data = append(data, canon.Member{Name: "capacity", Value: m.Value})
		case "actorId", "actorKind", "legalBasis", "approvalRef", "query", "content", "count":
			data = append(data, m)
		default:
			return canon.Value{}, ErrStated
		}
	}
	return canon.Map(data...), nil
}

// A Done is a look as one of its records tells it.
type Done struct {
	Index      int64     `json:"index"`
	Chain      string    `json:"chain"` // the subject of the record
	At         time.Time `json:"at"`    // by the ledger's clock
	Look       string    `json:"look"`  // the id, the same in all records of one look
	Grant      string    `json:"grant"`
	Role       string    `json:"role"`
	Purpose    string    `json:"purpose"`
	Act        string    `json:"act"`
	Exported   bool      `json:"exported"`
	Records    Spans     `json:"records,omitempty"`
	Count      int64     `json:"count,omitempty"` // absent where it is not known
	Query      string    `json:"query,omitempty"`
	Export     string    `json:"export,omitempty"` // digest of the manifest
	Related    []string  `json:"relatedSubjects,omitempty"`
	Restricted bool      `json:"restricted,omitempty"`
}

// Parse reads the record of a look: of a type, with the members of data that could
// be opened. A member that could not is passed over.
func Parse(typ string, data canon.Value) (*Done, error) {
	if typ != record.TypeAccessOccurred && typ != record.TypeCaseAccessed {
		return nil, fmt.Errorf("a record of %s is of no look", typ)
	}
	get := func(name string) string { v, _ := data.Get(name); return v.Str }
	texts := func(name string) (all []string) {
		v, _ := data.Get(name)
		for _, item := range v.Items {
			all = append(all, item.Str)
		}
		return all
	}
	d := &Done{
		Look: get("look"), Grant: get("grant"), Role: get("role"), Purpose: get("purpose"), Act: get("act"),
		Query: get("query"), Related: texts("relatedSubjects"), Restricted: typ == record.TypeCaseAccessed,
	}
	yes, _ := data.Get("exported")
	d.Exported = yes.IsTrue()
	count, _ := data.Get("count")
	d.Count = count.Int
	if content := texts("content"); len(content) == 1 {
		d.Export = content[0]
	}
	var err error
	d.Records, err = ParseSpans(texts("records"))
	return d, err
}
