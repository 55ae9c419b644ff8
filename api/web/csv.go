// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"fmt"

	"github.com/lendlog/lendlog/ledger/export"
)

// csv answers with a table to save under a name, which is one of ours.
func (v *visit) csv(name string, records [][]string) error {
	if v.unsaid != nil {
		return v.unsaid
	}
	var b bytes.Buffer
	if err := export.Sheet(&b, records); err != nil {
		return fmt.Errorf("couldn't write a table: %w", err)
	}
	return v.download(name+".csv", "text/csv; charset=utf-8", b.Bytes())
}
