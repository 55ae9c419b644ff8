// SPDX-License-Identifier: Apache-2.0

// Package access reaches a ledger, in a directory of this machine or behind a
// server, through one interface, so that a command need not care which.
//
// A local ledger checks every record against its own signed checkpoint while
// it reads. A remote one is not believed: what it answers is verified by the
// client before it is handed on.
package access

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger"
	grants "github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/due"
	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/stats"
	"github.com/lendlog/lendlog/ledger/story"
	"github.com/lendlog/lendlog/ledger/tree"
)

// Errors that decide how the program ends.
var (
	// ErrNetwork: the server could not be reached, or did not answer.
	ErrNetwork = errors.New("the server could not be reached")
	// ErrRefusesToOpen: the ledger is held by another process, damaged, or
	// otherwise refuses to open.
	ErrRefusesToOpen = errors.New("the ledger does not open")
	// ErrUntrusted: what the server answered does not verify.
	ErrUntrusted = errors.New("the server's answer does not verify")
	// ErrUsage: what was to be reached was named in a way that cannot be.
	ErrUsage = errors.New("it cannot be reached like this")
	// ErrNotFound: there is no such record or subject.
	ErrNotFound = errors.New("not found")
)

// A Ledger is a ledger that was reached.
type Ledger interface {
	// Submit sends events in their order, many in flight, and yields what
	// became of each, in the same order. The second value is an error that
	// ended everything; what was not answered then may have been accepted,
	// and sending it again is right.
	Submit(ctx context.Context, events iter.Seq2[Event, error], o SubmitOptions) iter.Seq2[Outcome, error]
	// Record returns a record with its proof.
	Record(ctx context.Context, index int64) (*Record, error)
	// Timeline returns up to limit records of a subject from seq from on, and
	// how many it has.
	Timeline(ctx context.Context, kind, id string, from, limit int64) ([]*Record, int64, error)
	// Follow yields all records from an index on, in their order, or the last
	// ones when it is negative: of a server also what comes, until ctx ends, of
	// a directory what there is. Of restricted records it shows their entry.
	Follow(ctx context.Context, from int64) iter.Seq2[*Record, error]
	// Stats counts what the whole ledger holds, decisions and loans within a scope.
	Stats(ctx context.Context, scope stats.Scope, progress func(step string, done, total int64)) (*Stats, error)
	// Prove writes evidence of a record. It discloses the members whose
	// pointers are listed: none for an empty list, all for nil.
	Prove(ctx context.Context, index int64, pointers []string) (*proof.Evidence, error)
	// Catalogue returns the types that the ledger takes.
	Catalogue(ctx context.Context) (*record.Catalogue, error)
	// Register makes a schema the current one of its type. What is wrong with
	// it is record.Violations with pointers into the schema.
	Register(ctx context.Context, s *record.Schema) (Registration, error)
	// CheckSchema returns what Register would refuse a schema for, or nil.
	CheckSchema(ctx context.Context, s *record.Schema) error
	// ProveSubject writes evidence of all records of a subject and of that
	// there are no others, be it none. Each record discloses those of the
	// members that it has.
	ProveSubject(ctx context.Context, kind, id string, pointers []string) (*proof.Evidence, error)
	// WriteBundle writes evidence of many records. What was written is good only
	// when there is no error. progress is told how far it has come.
	WriteBundle(ctx context.Context, w io.Writer, b client.Bundling, progress func(step string, done, total int64)) error
	// ClosePeriod counts what was recorded up to a moment, and returns the record
	// that says so, and whether it was there before.
	ClosePeriod(ctx context.Context, to time.Time, progress func(step string, done, total int64)) (r *Record, repeated bool, err error)
	// Due returns what is owed by when: by the whole ledger, or by one subject
	// unless that is "". progress is told how far reading it has come.
	Due(ctx context.Context, q due.Query, subject string, progress func(step string, done, total int64)) (*Due, error)
	// Stories yields the story of every subject that a selection is triggered
	// by, as it lies under the checkpoint that is returned.
	Stories(ctx context.Context, sel ledger.Selection, progress func(step string, done, total int64)) (checkpoint string, stories iter.Seq2[*story.Story, error], err error)
	// Records yields all records that lie under the checkpoint that is returned,
	// in their order.
	Records(ctx context.Context, progress func(step string, done, total int64)) (checkpoint string, records iter.Seq2[*Record, error], err error)
	// Search yields the records that a filter wants, the newest first or the
	// oldest, and reads so many at a time. What is due it judges as of a time;
	// zero is now.
	Search(ctx context.Context, f *index.Filter, oldest bool, page int, asOf time.Time) iter.Seq2[*Record, error]
	// Find yields the records that a filter wants and that lie under the
	// checkpoint that is returned, the oldest first. What is due it judges as
	// of a time.
	Find(ctx context.Context, f *index.Filter, asOf time.Time, progress func(step string, done, total int64)) (checkpoint string, records iter.Seq2[*Record, error], err error)
	// Consistency returns the proof that one signed checkpoint of the ledger
	// continues another.
	Consistency(ctx context.Context, older, newer string) ([]tree.Hash, error)
	// Explain says how a search would find its records. Only a ledger of this
	// machine does.
	Explain(ctx context.Context, f *index.Filter) (*ledger.Explanation, error)
	// Grant grants a key, and returns it with the index of the record of that.
	Grant(ctx context.Context, t grants.Terms) (key grants.Key, index int64, err error)
	// GrantRequest grants a key that somebody made and keeps to themselves.
	GrantRequest(ctx context.Context, t grants.Terms, r grants.Request) (index int64, err error)
	// GrantTo grants something to whoever comes by the certificate, or as the person,
	// that a grant names.
	GrantTo(ctx context.Context, g grants.Grant) (id string, index int64, err error)
	// Grants returns all grants that there ever were.
	Grants(ctx context.Context) ([]client.Grant, error)
	// ChangeSubmitterKeys announces and retires public keys of a submitter. It returns
	// all that the submitter ever had.
	ChangeSubmitterKeys(ctx context.Context, c ledger.SubmitterChange) ([]client.SubmitterKey, error)
	// Revoke revokes a key by its id, with a code for the reason unless it is "",
	// and returns the index of the record of that.
	Revoke(ctx context.Context, id, reason string) (index int64, err error)
	// Looks asks who looked at what is sealed, so many at most unless that is 0.
	Looks(ctx context.Context, q client.Looking) (*client.Looked, error)
	// RecordExport records an export of which data is stated, where whoever asks
	// has a key, and returns the event and its receipt; nil where they have none, and
	// submit the event.
	RecordExport(ctx context.Context, subject string, data canon.Value) (*record.Event, *proof.Receipt, error)
	// Close lets go of the ledger. What was acknowledged is durable already.
	Close() error
}

// An Event is a document to submit, and where it stands in its file.
type Event struct {
	Number   int64 // 1, 2, 3 … in the input
	Line     int64 // of NDJSON, blank lines counted; 0 in other files
	Document []byte
}

// SubmitOptions say what the submitter wants back.
type SubmitOptions struct {
	Proofs bool // receipts with inclusion proofs
}

// An Outcome is what became of an event: it has a receipt, or was refused.
type Outcome struct {
	Event    Event
	Receipt  *proof.Receipt
	Repeated bool  // it had been accepted before; Receipt is of that record
	Refused  error // why it is not in the ledger
}

// A Registration says which record registers a schema.
type Registration struct {
	Index    int64
	Repeated bool // it was registered before: nothing was appended
}

// A PointerError says that a record has no such sealed member.
type PointerError struct {
	Index   int64
	Pointer string
}

func (e *PointerError) Error() string {
	return fmt.Sprintf("record %d has no sealed member %s; `lendlog show %d` lists them, and the open ones are shown in any case", e.Index, e.Pointer, e.Index)
}
