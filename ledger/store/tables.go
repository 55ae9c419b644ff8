// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/fb"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"
	"golang.org/x/sync/errgroup"
)

// Badger believes the structure of its tables. A table that was cut short, or
// a length in it that was altered, makes it end the process: when it opens the
// table, or later, out of reach of any recover, when it merges it with others.
// So the structure is checked before Badger sees it: then damage is an error
// that names its remedy, and merging loses nothing. What the rows say is not
// looked at here; that is the ledger's.

// checkTables checks the tables that the manifest in dir names. Without deep
// only what Badger reads when it opens them is checked.
func checkTables(dir string, deep bool) error {
	f, err := os.Open(filepath.Join(dir, "MANIFEST"))
	if err != nil {
		return err
	}
	defer f.Close()
	var manifest badger.Manifest
	err = guarded(func() (err error) {
		manifest, _, err = badger.ReplayManifestFile(f, 0, badger.DefaultOptions(dir).WithLogger(nil))
		return err
	})
	if err != nil {
		return fmt.Errorf("the list of the database's tables can't be read: %w: %w", ErrDamaged, err)
	}
	logs, err := listValueLogs(dir)
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for id := range manifest.Tables {
		g.Go(func() error {
			name := table.NewFilename(id, dir)
			if err := checkTable(name, logs, deep); err != nil {
				return fmt.Errorf("%s: %w: %w", filepath.Base(name), ErrDamaged, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// checkTable maps the table, as Badger does, so that of long values only the
// beginnings are read.
func checkTable(name string, logs valueLogs, deep bool) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if st.Size() == 0 {
		return errors.New("it is empty")
	}
	b, err := syscall.Mmap(int(f.Fd()), 0, int(st.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("couldn't map it: %w", err)
	}
	err = guarded(func() error { return checkStructure(b, logs, deep) })
	return errors.Join(err, syscall.Munmap(b))
}

// A block begins within a table; see Badger's table/README.md.
//
//	table = blocks ‖ index ‖ length(4) ‖ checksum ‖ length(4)
//	block = rows ‖ offset(4) of each row ‖ rows(4) ‖ checksum ‖ length(4)
//	row   = shared(2) ‖ own(2) ‖ own bytes of the key ‖ meta(1) ‖ 0 ‖ expiry ‖ value
//
// The checksums are protocol buffers. The index is a flat buffer.
type tail struct{ b []byte }

var errTable = errors.New("its structure is damaged")

// take takes n bytes off the end.
func (t *tail) take(n int) ([]byte, error) {
	if n < 0 || n > len(t.b) {
		return nil, errTable
	}
	at := len(t.b) - n
	out := t.b[at:]
	t.b = t.b[:at]
	return out, nil
}

// counted takes a length off the end, and then so many items of size.
func (t *tail) counted(size int) ([]byte, error) {
	n, err := t.take(4)
	if err != nil {
		return nil, err
	}
	count := binary.BigEndian.Uint32(n)
	if int64(count)*int64(size) > int64(len(t.b)) {
		return nil, errTable
	}
	return t.take(int(count) * size)
}

func checkStructure(b []byte, logs valueLogs, deep bool) error {
	t := tail{b}
	sum, err := t.counted(1)
	if err != nil {
		return err
	}
	raw, err := t.counted(1)
	if err != nil {
		return err
	}
	// The message's one field that is not zero: 2, a varint.
	want := binary.AppendUvarint([]byte{2 << 3}, uint64(crc32.Checksum(raw, y.CastagnoliCrcTable)))
	if !bytes.Equal(sum, want) {
		return errors.New("its index is altered")
	}
	index := fb.GetRootAsTableIndex(raw, 0)
	blocks := index.OffsetsLength()
	if blocks == 0 {
		return errTable
	}
	first := 0
	if !deep {
		first = blocks - 1 // of which Badger takes the greatest key
	}
	var last []byte
	var rows uint32
	for i := first; i < blocks; i++ {
		var at fb.BlockOffset
		if !index.Offsets(&at, i) || int64(at.Offset())+int64(at.Len()) > int64(len(t.b)) {
			return errTable
		}
		block := t.b[at.Offset() : at.Offset()+at.Len()]
		n, err := checkBlock(block, at.KeyBytes(), logs, &last)
		if err != nil {
			return fmt.Errorf("%w in the block at byte %d", err, at.Offset())
		}
		rows += n
	}
	if deep && rows != index.KeyCount() {
		return errTable
	}
	return nil
}

// checkBlock checks that every row lies within its block, or points into a value
// log, and that the keys ascend from last on, which it sets.
func checkBlock(b, firstKey []byte, logs valueLogs, last *[]byte) (rows uint32, err error) {
	const lengths = 4
	t := tail{b}
	if _, err := t.counted(1); err != nil { // the checksum
		return 0, err
	}
	offsets, err := t.counted(4)
	if err != nil || len(offsets) == 0 {
		return 0, errTable
	}
	var base, key []byte
	for n := len(offsets) / 4; rows < uint32(n); rows++ {
		at, end := tableUint32(offsets, int(rows)), uint32(len(t.b))
		if int(rows) < n-1 {
			end = tableUint32(offsets, int(rows)+1)
		}
		if at > end || end > uint32(len(t.b)) || end-at < lengths || rows == 0 && at != 0 {
			return 0, errTable
		}
		row := t.b[at:end]
		shared, own := int(binary.NativeEndian.Uint16(row)), int(binary.NativeEndian.Uint16(row[2:]))
		row = row[lengths:]
		if shared > len(base) || own > len(row) {
			return 0, errTable
		}
		key = append(append(key[:0], base[:shared]...), row[:own]...)
		if rows == 0 {
			base = bytes.Clone(key)
			if !bytes.Equal(key, firstKey) {
				return 0, errTable
			}
		}
		// Behind every key stands its version.
		if len(key) <= 8 || len(*last) > 0 && y.CompareKeys(*last, key) >= 0 {
			return 0, errTable
		}
		*last = append((*last)[:0], key...)
		// No row has other marks: all values last forever.
		const deleted, pointer, inTransaction = 1 << 0, 1 << 1, 1 << 6
		v := row[own:]
		if len(v) < 3 || v[0]&^(deleted|pointer|inTransaction) != 0 || v[1] != 0 || v[2] != 0 {
			return 0, errTable
		}
		if v[0]&pointer != 0 && !logs.have(v[3:]) {
			return 0, errTable
		}
	}
	return rows, nil
}

// valueLogs are the sizes of the value logs, by their numbers. A row whose value
// lies in one has as its value number(4) ‖ length(4) ‖ offset(4), as Badger has them
// in memory. What is cut off the end of a log, or a log that is gone, is noticed
// by the rows that point there.
type valueLogs map[uint32]int64

func (l valueLogs) have(pointer []byte) bool {
	return len(pointer) == 12 &&
		int64(tableUint32(pointer, 1))+int64(tableUint32(pointer, 2)) <= l[tableUint32(pointer, 0)]
}

func listValueLogs(dir string) (valueLogs, error) {
	names, err := list(dir, ".vlog")
	if err != nil {
		return nil, err
	}
	logs := valueLogs{}
	for _, name := range names {
		n, err := strconv.ParseUint(strings.TrimSuffix(filepath.Base(name), ".vlog"), 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%s is no part of the database: move it elsewhere, or run `lendlog repair`", name)
		}
		st, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		logs[uint32(n)] = st.Size()
	}
	return logs, nil
}

// tableUint32 returns the i-th of Badger's offsets, which it writes as they
// lie in memory.
func tableUint32(b []byte, i int) uint32 { return binary.NativeEndian.Uint32(b[4*i:]) }
