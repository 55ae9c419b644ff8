// SPDX-License-Identifier: Apache-2.0

package borrower

import "iter"

// Given yields the rows of the table, for tests.
func Given() iter.Seq2[string, []string] {
	return func(yield func(string, []string) bool) {
		for _, r := range table {
			if !yield(r.typ, r.members) {
				return
			}
		}
	}
}

// Phrases returns what the page says, for tests.
func Phrases() map[string]map[string]string { return phrases }
