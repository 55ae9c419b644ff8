// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/lendlog/lendlog/api/keys"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/record"
)

// A kind is one sort of problem: its URN ends in its name and never changes
// its meaning.
type kind struct {
	name   string
	status int
	title  string
}

// The kinds of problems. openapi.yaml lists them for clients.
var (
	kindBadRequest   = kind{"bad-request", 400, "The request cannot be understood"}
	kindFilter       = kind{"invalid-filter", 400, "The filter is not one that can be asked"}
	kindTilesClosed  = kind{"tiles-closed", 403, "The log's tiles are not public"}
	kindWrongHost    = kind{"wrong-host", 421, "This server does not answer to that host"}
	kindNotFound     = kind{"not-found", 404, "There is no such thing here"}
	kindMethod       = kind{"method-not-allowed", 405, "This path does not take that method"}
	kindUnauthorized = kind{"unauthorized", 401, "A key is needed"}
	kindForbidden    = kind{"forbidden", 403, "The key does not allow that"}
	kindRateLimited  = kind{"rate-limited", 429, "The key has had its requests"}
	kindConflict     = kind{"conflict", 409, "Another event was accepted under this source and id"}
	kindTaken        = kind{"taken", 409, "It was granted before"}
	kindRetired      = kind{"retired", 409, "It was retired before"}
	kindErased       = kind{"erased", 410, "The record's sealed members were erased"}
	kindTooMuch      = kind{"too-much", 422, "There is too much for one answer"}
	kindTooLarge     = kind{"too-large", 413, "The request is too large"}
	kindMediaType    = kind{"unsupported-media-type", 415, "The body is of a type that is not accepted here"}
	kindInvalid      = kind{"invalid-event", 422, "The event is not one that can be recorded"}
	kindSchema       = kind{"invalid-schema", 422, "The schema is not one that can be registered"}
	kindUnreadable   = kind{"unreadable-document", 422, "The document cannot be read"}
	kindPeriod       = kind{"period", 422, "The period cannot be closed"}
	kindInternal     = kind{"internal", 500, "Something went wrong in the server"}
	kindDamaged      = kind{"damaged", 500, "The store is damaged"}
	kindStopped      = kind{"stopped", 503, "The ledger takes no events now"}
	kindClosed       = kind{"closed", 503, "The ledger is closed for now"}
	kindClock        = kind{"clock", 503, "The ledger's clock is not to be trusted"}
	kindSigner       = kind{"signer", 503, "The checkpoint could not be signed"}
	kindKeeper       = kind{"keeper", 503, "There are no keys for new persons"}
	kindNoSpace      = kind{"no-space", 507, "There is too little free space"}
	kindUnwitnessed  = kind{"unwitnessed", 503, "The ledger waits for its witnesses"}
	kindNotReady     = kind{"not-ready", 503, "The server takes no events now"}
	kindBusy         = kind{"busy", 503, "The server has enough to do"}
	kindCounting     = kind{"counting", 503, "The ledger is still being counted"}
	kindSlow         = kind{"too-slow", 408, "The client was too slow"}
	kindGone         = kind{"client-gone", 499, "The client went away"}
)

// A fault is an error that already knows its problem. Its detail is written
// for whoever sent the request and never holds a value from it.
type fault struct {
	kind   kind
	detail string
	header http.Header
}

func (f *fault) Error() string { return f.detail }

func faultf(k kind, format string, args ...any) *fault {
	return &fault{kind: k, detail: fmt.Sprintf(format, args...)}
}

func badRequest(format string, args ...any) error { return faultf(kindBadRequest, format, args...) }

func tooLarge(limit int64) error {
	return faultf(kindTooLarge, "at most %d bytes are accepted here", limit)
}

var (
	errNoRoute  = faultf(kindNotFound, "nothing lies at this path; GET /openapi.yaml lists what there is")
	errNoMethod = faultf(kindMethod, "the header Allow lists the methods of this path")
	errHost     = faultf(kindWrongHost, "it listens on this machine only; name it localhost or by a loopback address, or start it with lendlog serve --allow-remote")
	errSlow     = faultf(kindSlow, "a request has to be there within a minute, and a line of a stream within ten; send it again")
	errClosed   = faultf(kindClosed, "whoever runs the server opens it again; send the same later")
	errStopping = faultf(kindStopped, "the server is stopping; send the same event again later or to another server")
)

// A problem is an RFC 9457 problem document.
type problem struct {
	Type     string       `json:"type"`
	Title    string       `json:"title"`
	Status   int          `json:"status"`
	Detail   string       `json:"detail,omitempty"`
	Instance string       `json:"instance,omitempty"` // request id
	Errors   []fieldError `json:"errors,omitempty"`
	Index    *int64       `json:"index,omitempty"` // of the record that a conflict is with

	retryAfter int // seconds; 0 for none
	header     http.Header
}

// A fieldError says what is wrong with one place of a document.
type fieldError struct {
	Pointer string `json:"pointer"` // JSON Pointer
	Code    string `json:"code"`
	Detail  string `json:"detail"`
}

// problemOf is the map from errors to problems, and the only one. An error it
// does not know is internal and shows nothing.
func problemOf(err error) *problem {
	var f *fault
	var look *unrecorded
	var violations record.Violations
	var schema schemaError
	var conflict *ledger.ConflictError
	var filter *index.FilterError
	switch {
	case errors.As(err, &look):
		return problemOfLook(look)
	case errors.As(err, &f):
		p := newProblem(f.kind, f.detail)
		p.header = f.header
		switch f.kind {
		case kindStopped, kindClosed:
			p.retryAfter = 5
		case kindCounting:
			p.retryAfter = 5
		case kindBusy:
			p.retryAfter = 1
		}
		return p
	case errors.As(err, &violations):
		return newProblem(kindInvalid, "see errors; correct the event and send it again").about(violations)
	case errors.As(err, &schema):
		return newProblem(kindSchema, "see errors, whose pointers are into the schema; correct it and send it again").about(schema.Violations)
	case errors.As(err, &conflict):
		p := newProblem(kindConflict, "the content differs from the record at index, so nothing was appended but the conflict; give another event an id of its own")
		p.Index = &conflict.Index
		return p
	case errors.As(err, &filter):
		return newProblem(kindFilter, filter.Error())
	case errors.Is(err, keys.ErrNotFound):
		return newProblem(kindNotFound, "there is no such grant; GET /v1/access/grants lists them")
	case errors.Is(err, keys.ErrTaken):
		return newProblem(kindTaken, "there was a grant of this id before; make a new key and send its request")
	case errors.Is(err, keys.ErrBy):
		return problemOf(errKey)
	case errors.Is(err, keys.ErrTerms):
		return newProblem(kindUnreadable, err.Error())
	case errors.Is(err, ledger.ErrRetired):
		return newProblem(kindRetired, "this key of the submitter was retired, for ever: make another one, and announce that")
	case errors.Is(err, ledger.ErrNoSubmitterKey):
		return newProblem(kindNotFound, "the submitter has no key of that thumbprint; GET /v1/access/submitter-keys lists them")
	case errors.Is(err, ledger.ErrCursor):
		return newProblem(kindBadRequest, "the query parameter cursor is not of this search and order: begin again without one")
	case errors.Is(err, ledger.ErrNotFound):
		return newProblem(kindNotFound, "the ledger has no such record, subject or tile")
	case errors.Is(err, ledger.ErrScope):
		return newProblem(kindForbidden, "that takes sealed members which this key does not open: it was granted with some fields only")
	case errors.Is(err, ledger.ErrErased):
		return newProblem(kindErased, "the key of a party of this record was destroyed; its entry and proofs are still there")
	case errors.Is(err, ledger.ErrTooMany):
		return newProblem(kindTooMuch, "the subject has more records, or larger ones, than one file takes; with disclose=none it takes up to 10,000; others prove one by one")
	case errors.Is(err, ledger.ErrPeriod):
		return newProblem(kindPeriod, err.Error())
	case errors.Is(err, ledger.ErrBundling), errors.Is(err, ledger.ErrNotOurs):
		return newProblem(kindUnreadable, err.Error()+"; nothing was made")
	case errors.Is(err, ledger.ErrNoSpace):
		return newProblem(kindNoSpace, "nothing was appended; the operator has to free some space, then send the same event again").retry(30)
	case errors.Is(err, ledger.ErrStopped):
		return newProblem(kindStopped, "the ledger has stopped and has to be opened again; then send the same event again").retry(30)
	case errors.Is(err, ledger.ErrUnwitnessed):
		return newProblem(kindUnwitnessed, "nothing was appended; once a quorum of the ledger's witnesses has answered, or the operator has decided to go on without, send the same event again").retry(30)
	case errors.Is(err, ledger.ErrClock):
		return newProblem(kindClock, "nothing was appended; the operator has to set the clock right, then send the same event again").retry(30)
	case errors.Is(err, ledger.ErrSigner):
		return newProblem(kindSigner, "nothing was appended; send the same event again").retry(5)
	case errors.Is(err, ledger.ErrKeeper):
		return newProblem(kindKeeper, "nothing was appended; whoever keeps the key of the ledger's vault gives no keys for new persons, and the operator finds in the log why; then send the same event again").retry(30)
	case errors.Is(err, ledger.ErrDamaged):
		return newProblem(kindDamaged, "what was asked for is missing or altered in the store; the operator finds out more with lendlog audit")
	case isGone(err):
		return newProblem(kindGone, "")
	}
	return newProblem(kindInternal, "")
}

// errGone is what reading from a client and writing to it end with when it has
// hung up, or takes nothing for too long.
var errGone = errors.New("the client went away")

// gone marks an error of the connection to a client.
func gone(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errGone, err)
}

// isGone reports whether an error says no more than that the client no longer
// waits.
func isGone(err error) bool {
	return errors.Is(err, errGone) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// isDefect reports whether an operator has to look into an error. That the
// server stops, or waits for its witnesses, they know, and whoever asks whether
// it is ready is told why not.
func isDefect(err error) bool {
	var f *fault
	if errors.Is(err, errStopping) || errors.Is(err, ledger.ErrNoLooks) || errors.Is(err, ledger.ErrUnwitnessed) || errors.As(err, &f) && (f.kind == kindNotReady || f.kind == kindCounting) {
		return false
	}
	return problemOf(err).Status >= http.StatusInternalServerError
}

func newProblem(k kind, detail string) *problem {
	return &problem{Type: "urn:lendlog:problem:" + k.name, Title: k.title, Status: k.status, Detail: detail}
}

// about lists what is wrong with a document.
func (p *problem) about(violations record.Violations) *problem {
	for _, v := range violations {
		p.Errors = append(p.Errors, fieldError{v.Pointer, v.Code, v.Message})
	}
	return p
}

func (p *problem) retry(seconds int) *problem {
	p.retryAfter = seconds
	return p
}

// write answers a call with the problem. A call answers with a problem
// nowhere else.
func (p *problem) write(c *call) {
	p.Instance = c.id
	b, err := encode(p)
	if err != nil {
		panic("api: " + err.Error()) // strings and numbers can always be encoded
	}
	h := c.Writer.Header()
	for name, values := range p.header {
		h[name] = values
	}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	h.Set("Cache-Control", "no-store")
	if p.Status == kindGone.status {
		// net/http ends the context of a connection once and for all.
		h.Set("Connection", "close")
	}
	c.bytes(p.Status, "application/problem+json", b)
}

// unsupported says which media types are accepted.
func unsupported(why string, accepted ...string) error {
	list := strings.Join(accepted, ", ")
	f := faultf(kindMediaType, "%s; accepted are %s", why, list)
	f.header = http.Header{"Accept-Post": {list}}
	return f
}
