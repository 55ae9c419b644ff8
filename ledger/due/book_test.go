// SPDX-License-Identifier: Apache-2.0

package due

import (
	"fmt"
	"testing"
	"time"
)

// What is owed is told from the debts of a ledger of about a million records.
func BenchmarkBook(b *testing.B) {
	table, err := Builtin()
	if err != nil {
		b.Fatal(err)
	}
	const debts = 100_000
	book, begun := NewBook(), time.Date(2024, 1, 1, 9, 0, 0, 0, time.UTC)
	for i := range debts {
		since := begun.AddDate(0, 0, i%900)
		d := &Debt{
			of: &table.Obligations[i%len(table.Obligations)], subject: fmt.Sprint("file/", i), trigger: int64(i), zone: time.UTC,
			since: since, from: dayAt(since), due: dayAt(since).Plus(30), done: i%20 > 0, doneAt: since.AddDate(0, 0, i%33), doneBy: int64(i + 1),
		}
		d.doneDay = dayAt(d.doneAt)
		book.Add([]*Debt{d})
	}
	q := Query{AsOf: begun.AddDate(2, 0, 0), States: []State{Breached, Open}, Limit: 200}
	for b.Loop() {
		if r := book.Report(q); r.Subjects != debts || len(r.Items) != q.Limit {
			b.Fatalf("%d of %d", len(r.Items), r.Subjects)
		}
	}
}
