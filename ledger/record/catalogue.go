// SPDX-License-Identifier: Apache-2.0

package record

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Catalogue holds the schemas of the record types that a ledger knows. It
// does not change once made, so any number of readers may share one. The zero
// Catalogue knows none.
type Catalogue struct {
	types map[string]*Schema   // the current schema of each type
	byID  map[[32]byte]*Schema // every schema
	all   []*Schema            // of types, sorted by type
}

// Type returns the current schema of a type.
func (c *Catalogue) Type(t string) (*Schema, bool) {
	s, ok := c.types[t]
	return s, ok
}

// Hash returns the schema whose text has that SHA-256, current or replaced.
func (c *Catalogue) Hash(h [32]byte) (*Schema, bool) {
	s, ok := c.byID[h]
	return s, ok
}

// All returns the current schemas, sorted by type. The slice must not be
// changed.
func (c *Catalogue) All() []*Schema { return c.all }

// Every returns all schemas, current and replaced, in no order.
func (c *Catalogue) Every() []*Schema { return slices.Collect(maps.Values(c.byID)) }

// With returns a catalogue with more schemas, of which each becomes the current
// one of its type. One that it replaces stays reachable by its hash, because
// older records cite it. The only error is a schema that would move a type
// between the lender and the ledger. What a lender may register is for Admit to
// say.
func (c *Catalogue) With(more ...*Schema) (*Catalogue, error) {
	n := &Catalogue{types: make(map[string]*Schema, len(c.types)+len(more)), byID: make(map[[32]byte]*Schema, len(c.byID)+len(more))}
	maps.Copy(n.types, c.types)
	maps.Copy(n.byID, c.byID)
	for _, s := range more {
		if old, ok := n.types[s.Type]; ok && old.Own != s.Own {
			return nil, fmt.Errorf("couldn't register a schema for %s: x-own must stay as it is; give the type another name or version", s.Type)
		}
		n.put(s)
	}
	n.sort()
	return n, nil
}

func (c *Catalogue) put(s *Schema) {
	c.types[s.Type] = s
	c.byID[s.Hash] = s
}

func (c *Catalogue) sort() {
	c.all = slices.SortedFunc(maps.Values(c.types), func(a, b *Schema) int { return strings.Compare(a.Type, b.Type) })
}
