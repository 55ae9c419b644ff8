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
	for _, g := range ev.Schema.Groups() {
		seed := seeds[g.Name]
		for _, i := range g.Members {
			value, present := outer[pointers[i]]
			if !present {
				value, present = ev.Member(pointers[i])
			}
			all[i] = Disclose(seed, pointers[i], value, present)
		}
	}
	return all
}
