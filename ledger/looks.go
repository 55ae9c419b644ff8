// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/look"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
)

// ErrNoLooks: an older program made the ledger, and no look at it can be recorded.
var ErrNoLooks = errors.New("the ledger has no type to record looks with, because an older program made it: run `lendlog types add --builtin` first")

// RecordLook records parts of a look, and returns when they are durable: only then
// may be shown what it is at. Whatever keeps that from being so is an error, and
// some of the parts may be recorded all the same. The ledger must be running.
func (l *Ledger) RecordLook(ctx context.Context, k *look.Look, parts []look.Part) error {
	id := rand.Text()
	waiting := make([]*Pending, 0, len(parts))
	var failed error
	for i, p := range parts {
		_, pending, err := l.enqueueLook(ctx, ownEvent{typ: p.Type, subject: p.Subject, id: fmt.Sprintf("look/%s/%d", id, i), data: k.Data(p, id)})
		if err != nil {
			failed = err
			break
		}
		waiting = append(waiting, pending)
	}
	for _, p := range waiting {
		_, err := p.Wait(ctx)
		failed = errors.Join(failed, err)
	}
	return failed
}

// RecordExport records that a table was exported, with what was stated of it, in
// the chain of a subject, and returns the event and what proves it.
func (l *Ledger) RecordExport(ctx context.Context, k *look.Look, subject string, stated canon.Value) (*record.Event, *Result, error) {
	id := rand.Text()
	data, err := k.ExportData(stated, id)
	if err != nil {
		return nil, nil, err
	}
	ev, p, err := l.enqueueLook(ctx, ownEvent{typ: record.TypeAccessOccurred, subject: subject, id: "look/" + id + "/0", data: data})
	if err != nil {
		return nil, nil, err
	}
	r, err := p.Wait(ctx)
	return ev, r, err
}

func (l *Ledger) enqueueLook(ctx context.Context, o ownEvent) (*record.Event, *Pending, error) {
	if _, ok := l.Catalogue().Type(o.typ); !ok {
		return nil, nil, ErrNoLooks
	}
	ev, err := l.own(o)
	if err != nil {
		return nil, nil, err
	}
	p, err := l.enqueue(ctx, ev, ownSubmitter)
	return ev, p, err
}

// Opened tells of whom records are, by what of them can be opened: what a reader
// of them is about to be shown. Index-roots are nobody's, and neither are the
// ledger's own records but those of looks.
func (l *Ledger) Opened(ctx context.Context, indexes ...int64) (o look.Opened, err error) {
	for _, i := range indexes {
		if err := ctx.Err(); err != nil {
			return o, err
		}
		if err := l.addOpened(&o, i); err != nil {
			return o, err
		}
	}
	return o, nil
}

func (l *Ledger) addOpened(o *look.Opened, i int64) error {
	lf, err := l.leafAt(i)
	if err != nil || lf.Entry == nil {
		return err
	}
	restricted := lf.Entry.Type == record.TypeRestricted
	if s, ok := l.Schema(lf.Entry.Schema); ok && s.Own && !restricted && s.Type != record.TypeAccessOccurred {
		return nil
	}
	var payload []byte
	err = l.store.Payloads(i, 1, func(_ int64, b []byte) error {
		payload = bytes.Clone(b)
		return nil
	})
	if err != nil {
		return err
	}
	groups, _, err := l.decrypt(lf.Entry.Event, payload)
	if err != nil {
		return fmt.Errorf("record %d: %w", i, err)
	}
	subject := ""
	for _, g := range groups {
		for _, m := range g.members {
			if m.Name == "/subject" {
				subject = m.Value.Str
			}
		}
	}
	switch {
	case len(groups) == 0: // all of it was erased
	case restricted && subject != "":
		o.AddCase(i, subject)
	default:
		persons, err := l.personsOf(payload)
		if err != nil {
			return err
		}
		o.Add(i, subject, persons...)
	}
	return nil
}

// personsOf returns the persons whose keys open a part of a payload, as party/ID.
func (l *Ledger) personsOf(payload []byte) (persons []string, err error) {
	parts, err := seal.ParsePayload(payload)
	for _, g := range parts {
		if id, ok := strings.CutPrefix(l.keyring.ownerOf(g.KeyID), record.GroupParty+":"); ok {
			persons = append(persons, record.GroupParty+"/"+id)
		}
	}
	return persons, err
}

// IndexesOf returns the indexes of so many records of a subject, from number from
// (1, 2, …) on.
func (l *Ledger) IndexesOf(ctx context.Context, kind, id string, from, limit int64) ([]int64, error) {
	t, err := l.timeline(ctx, kind+"/"+id, from, limit)
	if err != nil {
		return nil, err
	}
	indexes := make([]int64, len(t.postings))
	for i, p := range t.postings {
		indexes[i] = p.Index
	}
	return indexes, nil
}

// Asks says how a search is recorded: the names of its fields, a digest of it,
// which nobody can make without a key of the ledger, and whether it asks for what
// is sealed, or for somebody, so that not to find anything tells something too.
func (l *Ledger) Asks(f *index.Filter) (query string, searched bool) {
	m := hmac.New(sha256.New, l.keys.Index[:])
	fmt.Fprintf(m, "lendlog/look %s", f)
	if fields := f.Fields(); len(fields) > 0 {
		query = strings.Join(fields, ", ") + " "
	}
	known, err := l.searched()
	if err == nil {
		_, err = f.Bind(known, index.Asks{Open: true})
	}
	return query + "#" + hex.EncodeToString(m.Sum(nil)[:16]), err != nil
}
