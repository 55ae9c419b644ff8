// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"slices"

	"github.com/lendlog/lendlog/ledger/story"
)

// Triggers reports whether a rule judges records of a type. With Reads and
// Member a table selects the stories to be read of a ledger.
func (t *Table) Triggers(typ string) bool {
	return slices.ContainsFunc(t.Rules, func(r Rule) bool {
		return slices.ContainsFunc(r.Of, func(of string) bool { return story.Is(typ, of) })
	})
}

// Reads reports whether records of a type may matter to a rule: a rule may ask
// whether there is any other record at all.
func (t *Table) Reads(string) bool { return true }

// Member reports whether a member of data may matter to a rule.
func (t *Table) Member(string) bool { return true }
