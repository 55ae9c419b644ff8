// SPDX-License-Identifier: Apache-2.0

// Package spelling finds what somebody may have meant who wrote a name that there
// is not.
package spelling

import (
	"cmp"
	"slices"
)

// Near returns at most so many of the names that there are, those most like the
// one that was written first.
func Near(written string, names []string, most int) []string {
	distance := make(map[string]int, len(names))
	for _, n := range names {
		distance[n] = edits(written, n)
	}
	near := slices.SortedStableFunc(slices.Values(names), func(a, b string) int { return cmp.Compare(distance[a], distance[b]) })
	return near[:min(most, len(near))]
}

// edits returns the Levenshtein distance of two texts in bytes.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
