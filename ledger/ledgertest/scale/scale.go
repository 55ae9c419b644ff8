// SPDX-License-Identifier: Apache-2.0

// Package scale says how much a run of the tests is for: the short form, which whoever
// changes something waits for, tries a sample of what the long one tries all of.
package scale

// Of returns the size for this run of the tests.
func Of(short, long int) int {
	if Long {
		return long
	}
	return short
}
