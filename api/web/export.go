// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"cmp"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/export"
	"github.com/lendlog/lendlog/ledger/tree"
)

// mostExported is how many records a CSV of the console has at most: they are
// gathered in memory, because the columns are known only when all rows are. More
// exports `lendlog export records`, with a manifest that verifies.
const mostExported = 10_000

// exportSearch answers with what a search finds as CSV, the oldest first, in the
// form of docs/exports.md, with a mark by which spreadsheets know the encoding.
func exportSearch(v *visit) error {
	c, err := v.ledger()
	if err != nil {
		return err
	}
	q := v.r.URL.Query()
	s := client.Search{Filter: q.Get("filter")}
	if id := q.Get("s"); id != "" {
		// Whose search it is the API knows.
		asked, ok := v.kept.get(id, v.owner())
		if _, err := c.SearchPage(v.ctx(), id, "", 1); err != nil || !ok {
			return cmp.Or(err, error(errMissing))
		}
		s = asked
	}
	s.Oldest = true
	var spool, file bytes.Buffer
	rows, n := export.NewRows(&spool), 0
	for r, err := range c.Search(v.ctx(), s) {
		if err != nil {
			return err
		}
		if n++; n > mostExported {
			return errTooMany
		}
		if err := rows.Add(exported(r.Record)); err != nil {
			return err
		}
	}
	if err := export.Write(&file, &spool, rows.Columns(), export.CSV, true); err != nil {
		return err
	}
	return v.download("records.csv", "text/csv; charset=utf-8", file.Bytes())
}

// exported is what a row is made of.
func exported(r *client.Record) export.Record {
	out := export.Record{Index: r.Index, Leaf: tree.LeafHash(r.Entry), Entry: r.Leaf.Entry, Schema: r.Schema, Members: map[string]canon.Value{}}
	for _, d := range r.Sealed {
		out.Members[d.Pointer] = d.Value // null where the event lacks it
	}
	return out
}
