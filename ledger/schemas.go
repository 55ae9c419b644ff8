// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
)

// What may be submitted stands in the ledger itself: a record of every schema,
// bytes included, in one chain. The last schema of a type is the current one.

// schemaSubject is the subject of all registrations of schemas.
const schemaSubject = "ledger/schemas"

// Catalogue returns the types that may be submitted, and every schema that was
// ever registered.
func (l *Ledger) Catalogue() *record.Catalogue { return l.catalogue.Load() }

// Schema returns a schema that was registered, by the SHA-256 of its text.
func (l *Ledger) Schema(hash [32]byte) (*record.Schema, bool) { return l.Catalogue().Hash(hash) }

// Unregistered returns the types that come with this program and that the
// ledger, which an older one made, does not hold. Nothing registers them but
// Register: what a ledger takes is for its operator to say.
func (l *Ledger) Unregistered() ([]*record.Schema, error) {
	builtin, err := record.Builtin()
	if err != nil {
		return nil, err
	}
	var missing []*record.Schema
	for _, s := range builtin.All() {
		if _, ok := l.Schema(s.Hash); !ok {
			missing = append(missing, s)
		}
	}
	return missing, nil
}

// A Registration says which record registers a schema.
type Registration struct {
	Index    int64
	Repeated bool // it was registered before: nothing was appended
}

// Register makes s the current schema of its type: a record of it is appended,
// and once it returns, events of the type are taken. A schema that the
// catalogue does not admit is refused with record.Violations; the current one
// is answered with its record. Ending ctx ends the waiting, not the
// registration.
func (l *Ledger) Register(ctx context.Context, s *record.Schema) (Registration, error) {
	// One at a time, because each is held against all before it.
	if err := l.registering.Acquire(ctx, 1); err != nil {
		return Registration{}, err
	}
	pending, next, err := l.enqueueSchema(ctx, s)
	if err != nil || pending == nil {
		l.registering.Release(1)
		if err != nil {
			return Registration{}, err
		}
		return l.registered(s)
	}
	committed := make(chan error, 1)
	go func() {
		defer l.registering.Release(1)
		_, err := pending.Wait(context.Background())
		if err == nil {
			l.catalogue.Store(next)
		}
		committed <- err
	}()
	select {
	case err := <-committed:
		return Registration{Index: pending.index}, err
	case <-ctx.Done():
		return Registration{}, ctx.Err()
	}
}

// enqueueSchema queues the registration of a schema, and returns the catalogue
// that holds once it is committed. Of the current schema it returns nothing.
func (l *Ledger) enqueueSchema(ctx context.Context, s *record.Schema) (*Pending, *record.Catalogue, error) {
	catalogue := l.Catalogue()
	if err := catalogue.Admit(s); err != nil {
		return nil, nil, err
	}
	if _, ok := catalogue.Hash(s.Hash); ok {
		return nil, nil, nil
	}
	next, err := catalogue.With(s)
	if err != nil {
		return nil, nil, err
	}
	ev, err := l.own(registrationOf(s))
	if err != nil {
		return nil, nil, err
	}
	p, err := l.enqueue(ctx, ev, ownSubmitter)
	return p, next, err
}

// registered finds the record of a schema that is in the catalogue.
func (l *Ledger) registered(s *record.Schema) (Registration, error) {
	id, ok, err := l.store.Identity(seal.Identity(l.keys.Index, l.ownSource(), registrationOf(s).id))
	if err == nil && !ok {
		err = fmt.Errorf("the registration of %s is missing: %w", s.Type, ErrDamaged)
	}
	return Registration{Index: id.Index, Repeated: true}, err
}

// registrationOf is the event that registers a schema.
func registrationOf(s *record.Schema) ownEvent {
	return ownEvent{
		typ: record.TypeSchemaRegistered, subject: schemaSubject, id: "schema/" + hex.EncodeToString(s.Hash[:]),
		data: canon.Map(
			canon.Member{Name: "type", Value: canon.Text(s.Type)},
			canon.Member{Name: "sha256", Value: canon.Text(base64Of(s.Hash))},
			canon.Member{Name: "text", Value: canon.Text(string(s.Text))},
		),
	}
}

// registerAll appends the registrations of the catalogue that a new ledger
// begins with.
func (l *Ledger) registerAll(ctx context.Context, clock *clock) error {
	var events []ownEvent
	for _, s := range l.Catalogue().All() {
		events = append(events, registrationOf(s))
	}
	return l.appendOwn(ctx, clock, events...)
}

// readSchemas makes the catalogue anew from what was registered.
func (l *Ledger) readSchemas(ctx context.Context) error {
	builtin, err := record.Builtin()
	if err != nil {
		return err
	}
	var all []*record.Schema
	err = l.eachOf(ctx, schemaSubject, func(index int64, lf leaf) error {
		s, err := readSchema(lf, builtin)
		if err != nil {
			return fmt.Errorf("the schema in record %d %w", index, err)
		}
		all = append(all, s)
		return nil
	})
	if errors.Is(err, ErrNotFound) {
		return fmt.Errorf("no schema is registered: %w", ErrDamaged)
	}
	if err != nil {
		return err
	}
	catalogue, err := new(record.Catalogue).With(all...)
	if err != nil {
		return err
	}
	l.catalogue.Store(catalogue)
	return nil
}

// readSchema reads what a record registers. What comes with the program is
// compiled already.
func readSchema(lf leaf, builtin *record.Catalogue) (*record.Schema, error) {
	text, _ := lf.Entry.Open.Get("text")
	sum, _ := lf.Entry.Open.Get("sha256")
	hash := sha256.Sum256([]byte(text.Str))
	if base64Of(hash) != sum.Str || text.Kind != canon.String {
		return nil, errors.New("does not have the hash it is registered under")
	}
	if s, ok := builtin.Hash(hash); ok {
		return s, nil
	}
	s, err := record.ParseSchema([]byte(text.Str))
	if err != nil {
		return nil, fmt.Errorf("can't be read: %w", err)
	}
	return s, nil
}
