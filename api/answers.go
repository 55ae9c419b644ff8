// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bufio"
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/tree"
)

// answers writes what became of many events, one line each. It is written by
// hand because a stream's speed depends on it.
type answers struct {
	ctx  context.Context
	c    *call
	s    *Server
	full bool   // with proofs
	end  string // behind every answer
	w    *bufio.Writer
	buf  []byte
	err  error // the first

	accepted, repeated, refused int64
}

func newAnswers(ctx context.Context, c *call, s *Server, full bool) *answers {
	a := &answers{ctx: ctx, c: c, s: s, full: full}
	a.w = bufio.NewWriterSize(patientWriter{c, http.NewResponseController(c.Writer), s.limits.request}, 32<<10)
	return a
}

// patientWriter gives the client a while to take every piece.
type patientWriter struct {
	c       *call
	control *http.ResponseController
	pause   time.Duration
}

func (w patientWriter) Write(b []byte) (int, error) {
	_ = w.control.SetWriteDeadline(time.Now().Add(w.pause))
	n, err := w.c.Writer.Write(b)
	return n, gone(err)
}

func (a *answers) begin(contentType string) {
	a.c.Header("Content-Type", contentType)
	a.c.Status(http.StatusOK)
	a.c.Writer.WriteHeaderNow()
}

func (a *answers) text(s string) {
	_, err := a.w.WriteString(s)
	a.note(err)
}

func (a *answers) note(err error) {
	if a.err == nil {
		a.err = err
	}
}

// flush sends what is written.
func (a *answers) flush() error {
	a.note(a.w.Flush())
	if a.err == nil {
		a.note(gone(http.NewResponseController(a.c.Writer).Flush()))
	}
	return a.err
}

// answer writes what became of an event, as one JSON object.
func (a *answers) answer(o outcome) error {
	if o.err == nil && a.full {
		o.err = a.s.ledger.AddProof(a.ctx, o.result.Receipt)
	}
	b := canon.AppendInt(append(a.buf[:0], `{"line":`...), o.number)
	switch {
	case o.err != nil:
		a.refused++
		p := problemOf(o.err)
		p.Instance = a.c.id
		doc, err := encode(p)
		if err != nil {
			return err
		}
		b = canon.AppendInt(append(b, `,"status":`...), int64(p.Status))
		b = append(append(b, `,"problem":`...), doc[:len(doc)-1]...)
	case o.result.Repeated:
		a.repeated++
		b = a.receipt(append(b, `,"status":200`...), o.result.Receipt)
	default:
		a.accepted++
		b = a.receipt(append(b, `,"status":201`...), o.result.Receipt)
	}
	a.buf = append(append(b, '}'), a.end...)
	_, err := a.w.Write(a.buf)
	a.note(err)
	return a.err
}

// receipt appends the members of a receipt.
func (a *answers) receipt(b []byte, r *proof.Receipt) []byte {
	b = canon.AppendInt(append(b, `,"index":`...), r.Index)
	leaf := tree.LeafHash(r.Entry)
	b = appendBase64(append(b, `,"leaf":`...), leaf[:])
	b = canon.AppendString(append(b, `,"entry":`...), string(r.Entry))
	groups := make([]string, 0, 4)
	for g := range r.Seeds {
		groups = append(groups, g)
	}
	slices.Sort(groups)
	b = append(b, `,"seeds":{`...)
	for i, g := range groups {
		if i > 0 {
			b = append(b, ',')
		}
		seed := r.Seeds[g]
		b = appendBase64(append(canon.AppendString(b, g), ':'), seed[:])
	}
	b = append(b, '}')
	if x := r.Restricted; x != nil {
		b = canon.AppendString(append(b, `,"restricted":{"submitter":`...), x.Submitter)
		b = append(b, `,"refs":[`...)
		for i, ref := range x.Refs {
			if i > 0 {
				b = append(b, ',')
			}
			b = canon.AppendInt(b, ref)
		}
		b = append(b, "]}"...)
	}
	if !a.full {
		return b
	}
	b = append(b, `,"proof":[`...)
	for i, h := range r.Proof {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendBase64(b, h[:])
	}
	return canon.AppendString(append(b, `],"checkpoint":`...), string(r.Checkpoint))
}

// summary writes the last line of a stream. why is what ended it before its
// client did, nil otherwise.
func (a *answers) summary(checkpoint []byte, why error) {
	b := canon.AppendInt(append(a.buf[:0], `{"summary":true,"accepted":`...), a.accepted)
	b = canon.AppendInt(append(b, `,"repeated":`...), a.repeated)
	b = canon.AppendInt(append(b, `,"refused":`...), a.refused)
	b = canon.AppendString(append(b, `,"checkpoint":`...), string(checkpoint))
	if why != nil {
		p := problemOf(why)
		p.Instance = a.c.id
		if doc, err := encode(p); err == nil {
			b = append(append(b, `,"problem":`...), doc[:len(doc)-1]...)
		}
	}
	a.buf = append(b, "}\n"...)
	_, err := a.w.Write(a.buf)
	a.note(err)
}

func appendBase64(b, raw []byte) []byte {
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, raw)
	return append(b, '"')
}
