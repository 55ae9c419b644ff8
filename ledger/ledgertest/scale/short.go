// SPDX-License-Identifier: Apache-2.0

//go:build !long

package scale

// Long is whether the tests are run in their long form, with -tags long.
const Long = false
