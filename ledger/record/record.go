// SPDX-License-Identifier: Apache-2.0

// Package record says what may be logged.
//
// An [Event] is what a lender submits: a CloudEvents 1.0 document whose type
// is in a [Catalogue]. The type's [Schema] says which members its data may
// have, which of them are open in the ledger, and under whose key each of the
// others is sealed. What the ledger hashes of an accepted event is its entry.
//
// A schema is a JSON Schema (draft 2020-12) within a small profile, so that
// any validator gives the same verdict and ours can be fast: see
// [ParseSchema]. Whatever is refused is refused with [Violations], which name
// the place by its JSON Pointer, say what to do about it and never hold a
// value of the document.
//
// The package does no I/O, and the offline verifier links it.
package record
