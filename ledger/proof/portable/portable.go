// SPDX-License-Identifier: Apache-2.0

// Package portable has verifiers of evidence, bundles and receipts that need no Go:
// verify.mjs for browsers and node, verify.py for Python and its standard
// library. They were written from docs/formats.md and share no code with
// ledger/proof nor with each other. Its tests say that both say what ledger/proof
// says, of the published vectors and of what is made of them.
package portable

import _ "embed"

// Module is verify.mjs, for whoever hands it to browsers.
//
//go:embed verify.mjs
var Module string
