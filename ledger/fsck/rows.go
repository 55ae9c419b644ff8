// SPDX-License-Identifier: Apache-2.0

package fsck

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
)

// rows compares two sets of rows, each row belonging to a record, in memory
// that does not grow with them: what the entries call for and what the store
// has. Both are added, in any order; a row that is added twice is as if it had
// not been. Rows are summed up by runs of records, so that a difference also
// says where to look.
type rows struct {
	// key is drawn for one audit, so that nobody can choose rows whose sum
	// comes out right.
	key   [32]byte
	width int64 // records of a run
	sums  [][32]byte
}

// maxRuns bounds the sums: 32 bytes each.
const maxRuns = 1 << 16

func newRows(size int64) *rows {
	r := &rows{width: size/maxRuns + 1}
	_, _ = rand.Read(r.key[:])
	r.sums = make([][32]byte, size/r.width+2) // the last is for records that are not there
	return r
}

func (r *rows) run(index int64) int64 {
	if last := int64(len(r.sums)) - 1; index < 0 || index/r.width > last {
		return last
	}
	return index / r.width
}

// twin returns the sums of no rows, to be filled beside r and then merged.
func (r *rows) twin() *rows {
	return &rows{key: r.key, width: r.width, sums: make([][32]byte, len(r.sums))}
}

// add adds the row of a record: its key and its value.
func (r *rows) add(index int64, key, value []byte) {
	b := append(make([]byte, 0, 256), r.key[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(key)))
	b = append(append(b, key...), value...)
	h := sha256.Sum256(b)
	fold(&r.sums[r.run(index)], &h)
}

// merge adds all rows of a twin.
func (r *rows) merge(twin *rows) {
	for i := range r.sums {
		fold(&r.sums[i], &twin.sums[i])
	}
}

func fold(sum, h *[32]byte) { subtle.XORBytes(sum[:], sum[:], h[:]) }

// differ returns the runs in which the two sets differ.
func (r *rows) differ() []int64 {
	var out []int64
	for i, s := range r.sums {
		if s != [32]byte{} {
			out = append(out, int64(i))
		}
	}
	return out
}
