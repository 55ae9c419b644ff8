// SPDX-License-Identifier: Apache-2.0

package store

import (
	"crypto/rand"
	"fmt"
	"log/slog"

	"github.com/dgraph-io/badger/v4"

	"github.com/lendlog/lendlog/ledger/tree"
)

// Bare is Badger with the settings of a Store and nothing else of it: the
// yardstick of `lendlog bench`. It takes the rows that a ledger wrote, in the
// transactions in which the ledger wrote them.
type Bare struct {
	db   *badger.DB
	edge tree.Edge
}

// OpenBare opens a new database in dir.
func OpenBare(dir string) (*Bare, error) {
	db, err := badger.Open(settings(dir, slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, fmt.Errorf("couldn't open a bare database: %w", err)
	}
	return &Bare{db: db}, nil
}

// Rows are the keys and values of one transaction.
type Rows [][2][]byte

// Rows makes the rows of the next batch as Mirror.Scan yields it: as many and
// as long as Commit wrote. What a mirror does not hold is derived, but for the
// terms and identities, which are random.
func (b *Bare) Rows(mirrored *Batch) Rows {
	full := *mirrored
	hashes := make([]tree.Hash, len(full.Entries))
	for i, entry := range full.Entries {
		hashes[i] = tree.LeafHash(entry)
		if len(full.Payloads[i]) == 0 {
			continue // an index-root
		}
		p := Posting{Seq: 1, Index: full.First + int64(i), Leaf: hashes[i]}
		id := Identity{Index: p.Index}
		_, _ = rand.Read(p.Term[:])
		_, _ = rand.Read(id.Digest[:])
		full.Postings = append(full.Postings, p)
		full.Identities = append(full.Identities, id)
	}
	full.Tiles = b.edge.AppendAll(hashes)
	var rows Rows
	_ = full.rows(func(k, v []byte) error {
		rows = append(rows, [2][]byte{k, v})
		return nil
	})
	return rows
}

// Write writes rows in one durable transaction.
func (b *Bare) Write(rows Rows) error {
	txn := b.db.NewTransaction(true)
	defer txn.Discard()
	for _, r := range rows {
		if err := txn.SetEntry(badger.NewEntry(r[0], r[1])); err != nil {
			return err
		}
	}
	return txn.Commit()
}

// Close releases the database.
func (b *Bare) Close() error { return b.db.Close() }
