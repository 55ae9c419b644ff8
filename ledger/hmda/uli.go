// SPDX-License-Identifier: Apache-2.0

package hmda

import "strings"

// Lengths of identifiers. What is shorter than a universal loan identifier is
// one of the lender's own, without check digits, which a partial exemption
// allows.
const (
	leiLength = 20
	minULI    = 23
	maxULI    = 45
)

// ValidULI reports whether the two last characters of a universal loan
// identifier are the check digits of the others, by ISO/IEC 7064, MOD 97-10:
// with A as 10 and Z as 35, in either case, the whole is 1 modulo 97.
func ValidULI(uli string) bool {
	if len(uli) < minULI || len(uli) > maxULI {
		return false
	}
	rest := 0
	for _, c := range strings.ToUpper(uli) {
		switch {
		case '0' <= c && c <= '9':
			rest = (rest*10 + int(c-'0')) % 97
		case 'A' <= c && c <= 'Z':
			rest = (rest*100 + int(c-'A') + 10) % 97
		default:
			return false
		}
	}
	return rest == 1
}
