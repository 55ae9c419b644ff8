// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"slices"

	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
)

// ErrScope: what was asked for takes sealed members that may not be opened.
var ErrScope = errors.New("that takes sealed members which may not be opened here")

// A scope is what of the sealed members is opened: those of the pointers, or all
// where it is nil.
type scope []string

func (s scope) opens(pointer string) bool { return s == nil || slices.Contains(s, pointer) }

// scopeKey is where a context has its scope. It goes with the context, because that
// reaches whatever opens a record, and a way in that forgot it would show all.
type scopeKey struct{}

// Within returns a context in which of all sealed members only those of some JSON
// Pointers are opened, for whoever may not see the others; all are for nil. What
// is derived of others is ErrScope then: stories, statistics, whose the records of
// a subject are; and a filter that asks for others is an *index.FilterError.
func Within(ctx context.Context, fields []string) context.Context {
	return context.WithValue(ctx, scopeKey{}, scope(fields))
}

func scopeOf(ctx context.Context) scope {
	s, _ := ctx.Value(scopeKey{}).(scope)
	return s
}

// unscoped returns a context in which everything is opened, for what the ledger does
// itself and shows to nobody.
func unscoped(ctx context.Context) context.Context { return Within(ctx, nil) }

// Whole returns ErrScope unless all sealed members are opened in a context.
func Whole(ctx context.Context) error {
	if scopeOf(ctx) != nil {
		return ErrScope
	}
	return nil
}

// narrow takes from a record what a scope does not open. Seeds open all members of
// a group, so none is left; Disclosures proves those that are.
func (r *Record) narrow(s scope) {
	if s == nil {
		return
	}
	r.scope, r.Seeds = s, nil
	if e := r.Leaf.Entry; e != nil && e.Type == record.TypeRestricted && !s.opens("/type") {
		// Its schema and its pointers tell what it is.
		r.Schema, r.Members, r.sealed, r.restricted = nil, nil, nil, nil
		return
	}
	if e := r.Leaf.Entry; e != nil && e.Type == record.TypeAccessOccurred {
		r.sealed, s = nil, scope{} // its subject can name whom others looked for
	}
	r.Members = slices.DeleteFunc(r.Members, func(m Member) bool { return !m.Open && !s.opens(m.Pointer) })
}

// Disclosures returns the sealed members of a record of which not all may be
// opened, each with what proves it; none where a group is unreadable, because
// without its members nothing can be proved of the others.
func (r *Record) Disclosures() ([]proof.SealedMember, error) {
	pointers := r.discloses(nil)
	if r.scope == nil || len(pointers) == 0 {
		return nil, nil
	}
	return proof.Disclose(r.Schema, r.sealed, pointers...)
}

// discloses returns the pointers of those sealed members that can and may be
// disclosed, and are wanted; nil wants all.
func (r *Record) discloses(wanted func(pointer string) bool) (pointers []string) {
	if r.sealed == nil {
		return nil
	}
	for _, ptr := range r.Schema.Pointers() {
		if (wanted == nil || wanted(ptr)) && r.scope.opens(ptr) {
			pointers = append(pointers, ptr)
		}
	}
	return pointers
}
