// SPDX-License-Identifier: Apache-2.0

// Package interop holds a running ledger against programs of others: the
// readers, checkers and witnesses of transparency logs, unchanged. It is a
// module of its own, so that lendlog needs none of them, and it knows lendlog
// only by its program and its addresses.
package interop
