// SPDX-License-Identifier: Apache-2.0

package record

import "github.com/lendlog/lendlog/ledger/canon"

// Event reads the document of an event that was accepted under this schema
// before, whichever schema is the current one of its type.
func (s *Schema) Event(doc canon.Value) (*Event, error) {
	only := &Catalogue{types: map[string]*Schema{s.Type: s}}
	return newEvent(doc, only, s.Own)
}
