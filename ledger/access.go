// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

// accessSubject is the subject of all records of grants. Whether a ledger
// demands keys is answered from here and from nothing that could be taken away.
const accessSubject = "ledger/access"

// Local stands in records of grants for whoever can write the ledger's
// directory.
const Local = "local"

// apiKey is what records call the means access.ByKey.
const apiKey = "api-key"

// A Granted is a grant as the records of the ledger tell it.
type Granted struct {
	Index   int64 // of its last record
	ID      string
	Means   string // as of an access.Grant
	Role    access.Role
	Digest  [32]byte  // of the grant
	Expires time.Time // zero for never
	At      time.Time // by the ledger's clock
	Revoked time.Time // by the ledger's clock; zero while it is not
	// Purpose, Basis and Fields are as of access.Terms.
	Purpose, Basis string
	Fields         []string
}

// Grant records that a role is granted, by the grant of that id or Local. Of
// sources, label, rate and who may come it holds the digest alone. A grant counts
// once its record is durable. The ledger must be running.
func (l *Ledger) Grant(ctx context.Context, g *access.Grant, grantor string) (index int64, err error) {
	digest := g.Digest()
	data := []canon.Member{
		{Name: "id", Value: canon.Text(g.ID)},
		{Name: "means", Value: canon.Text(cmp.Or(g.Means, apiKey))},
		{Name: "role", Value: canon.Text(string(g.Role))},
		{Name: "digest", Value: canon.Text(hex.EncodeToString(digest[:]))},
		{Name: "grantor", Value: canon.Text(grantor)},
	}
	if !g.Expires.IsZero() {
		data = append(data, canon.Member{Name: "expires", Value: canon.Text(g.Expires.UTC().Format(time.RFC3339))})
	}
	// What the first version can say it says: ledgers that are older have no other.
	typ := record.TypeRoleGranted
	lent := func(name string, v canon.Value) {
		typ = record.TypeRoleLent
		data = append(data, canon.Member{Name: name, Value: v})
	}
	if g.Purpose != "" {
		lent("purpose", canon.Text(g.Purpose))
	}
	if g.Basis != "" {
		lent("basis", canon.Text(g.Basis))
	}
	if g.Scoped() {
		lent("fields", canon.Texts(g.Fields...))
	}
	return l.appendAccess(ctx, ownEvent{typ: typ, id: "grant/" + g.ID, data: canon.Map(data...)})
}

// Revoke records that what was granted is refused from now on, by the grant of
// that id or Local, with a code for the reason unless it is "". A grant that was
// revoked before is answered with its record. The ledger must be running.
func (l *Ledger) Revoke(ctx context.Context, id, revoker, reason string) (index int64, err error) {
	all, err := l.Granted(ctx)
	if err != nil {
		return 0, err
	}
	g, ok := all[id]
	switch {
	case !ok:
		return 0, ErrNotFound
	case !g.Revoked.IsZero():
		return g.Index, nil
	}
	data := []canon.Member{{Name: "id", Value: canon.Text(id)}, {Name: "revoker", Value: canon.Text(revoker)}}
	if reason != "" {
		data = append(data, canon.Member{Name: "reason", Value: canon.Text(reason)})
	}
	return l.appendAccess(ctx, ownEvent{typ: record.TypeRoleRevoked, id: "revocation/" + id, data: canon.Map(data...)})
}

func (l *Ledger) appendAccess(ctx context.Context, o ownEvent) (int64, error) {
	if _, ok := l.Catalogue().Type(o.typ); !ok {
		return 0, errors.New("the ledger has no type to record grants with, because an older program made it: run `lendlog types add --builtin` first")
	}
	o.subject = accessSubject
	ev, err := l.own(o)
	if err != nil {
		return 0, err
	}
	p, err := l.enqueue(ctx, ev, ownSubmitter)
	if err != nil {
		return 0, err
	}
	// What is queued will be recorded, whether the caller waits or not.
	r, err := p.Wait(context.WithoutCancel(ctx))
	if err != nil {
		return 0, err
	}
	return r.Receipt.Index, nil
}

// Granted returns all grants that the ledger has a record of, by their ids. It
// reads open members only.
func (l *Ledger) Granted(ctx context.Context) (map[string]Granted, error) {
	all := map[string]Granted{}
	err := l.eachOf(ctx, accessSubject, func(index int64, lf leaf) error {
		text := func(name string) string { v, _ := lf.Entry.Open.Get(name); return v.Str }
		id := text("id")
		switch lf.Entry.Type {
		case record.TypeRoleGranted, record.TypeRoleLent:
			g := Granted{
				Index: index, ID: id, Role: access.Role(text("role")), At: lf.Entry.Recorded,
				Purpose: text("purpose"), Basis: text("basis"),
			}
			if means := text("means"); means != apiKey {
				g.Means = means
			}
			fields, _ := lf.Entry.Open.Get("fields")
			for _, f := range fields.Items {
				g.Fields = append(g.Fields, f.Str)
			}
			digest, err := hex.DecodeString(text("digest"))
			if err != nil || len(digest) != len(g.Digest) {
				return fmt.Errorf("the grant in record %d can't be read: %w", index, ErrDamaged)
			}
			g.Digest = [32]byte(digest)
			if s := text("expires"); s != "" {
				if g.Expires, err = time.Parse(time.RFC3339, s); err != nil {
					return fmt.Errorf("the grant in record %d can't be read: %w", index, ErrDamaged)
				}
			}
			all[id] = g
		case record.TypeRoleRevoked:
			g := all[id] // of which the record comes before
			g.Index, g.Revoked = index, lf.Entry.Recorded
			all[id] = g
		}
		return nil
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	return all, nil
}
