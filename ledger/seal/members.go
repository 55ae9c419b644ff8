// SPDX-License-Identifier: Apache-2.0

package seal

import (
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

// Disclosures returns the disclosure of every sealable member of an event, in
// the order of its schema's pointers: the leaves of the small tree. Every key
// group of the schema must have a seed. outer holds the members that only a
// restricted record has, by pointer; it is nil for others.
func Disclosures(ev *record.Event, outer map[string]canon.Value, seeds map[string]Seed) []Disclosure {
	pointers := ev.Schema.Pointers()
	all := make([]Disclosure, len(pointers))
	for i, ptr := range pointers {
		group, _ := ev.Schema.Group(ptr)
		value, present := outer[ptr]
		if !present {
			value, present = ev.Member(ptr)
		}
		all[i] = Disclose(seeds[group], ptr, value, present)
	}
	return all
}
