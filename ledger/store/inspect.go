// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"

	"github.com/dgraph-io/badger/v4"
)

// What follows reads on past damage, for the audit: everybody else wants to
// stop at the first thing that is wrong.

// OpenToRead opens the database in dir and leaves its files as they are. Only
// when the process that wrote it was killed must Badger first complete them;
// then it is opened as by Open.
func OpenToRead(dir string, log *slog.Logger) (*Store, error) {
	quietly := slog.New(slog.DiscardHandler) // a failure here is not yet one
	db, err := open(settings(dir, quietly).WithReadOnly(true), true)
	if err != nil {
		return Open(dir, false, log)
	}
	return &Store{db: db, dir: dir}, nil
}

// A Block is a run of entries or payloads as it is stored.
type Block struct {
	First int64
	Items [][]byte
	Err   error // why Items cannot be read
}

// Has reports whether a block holds the item of a record.
func (b *Block) Has(n int64) bool { return n >= b.First && n-b.First < int64(len(b.Items)) }

// EntryBlocks yields the blocks of entries that begin below end, from the one
// that may hold first on, whether or not any is missing between them.
func (s *Store) EntryBlocks(first, end int64) iter.Seq[Block] { return s.blocks('e', 2, first, end) }

// PayloadBlocks is EntryBlocks for the encrypted payloads.
func (s *Store) PayloadBlocks(first, end int64) iter.Seq[Block] { return s.blocks('p', 4, first, end) }

func (s *Store) blocks(prefix byte, width int, first, end int64) iter.Seq[Block] {
	return func(yield func(Block) bool) {
		at := first // where a block would go on
		err := s.db.View(func(txn *badger.Txn) error {
			start, err := blockAt(txn, prefix, first)
			if err != nil {
				start = key(prefix, first) // its own block is missing; later ones may be there
			}
			it := txn.NewIterator(forward([]byte{prefix}))
			defer it.Close()
			for err = seek(it, start); err == nil && it.Valid(); err = next(it) {
				b := Block{First: at, Err: ErrDamaged}
				if k := it.Item().Key(); len(k) == 9 {
					b = s.readBlock(it.Item(), int64(binary.BigEndian.Uint64(k[1:])), width)
				}
				if b.First >= end || !yield(b) {
					return nil
				}
				at = b.First + int64(len(b.Items))
			}
			return err
		})
		if err != nil {
			yield(Block{First: at, Err: err})
		}
	}
}

func (s *Store) readBlock(item *badger.Item, first int64, width int) (b Block) {
	b.First = first
	v, err := s.copied(item)
	if err == nil && len(v) == 0 {
		err = fmt.Errorf("the block of record %d can't be read: %w", first, ErrDamaged)
	}
	if err == nil {
		b.Items, err = unpack(v, width)
	}
	b.Err = err
	return b
}

// Census counts the keys of the store by their first byte, but for postings
// and identities: those are most of all keys, and who wants to know them reads
// them.
func (s *Store) Census() (map[byte]int64, error) {
	n := map[byte]int64{}
	err := s.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(forward(nil))
		defer it.Close()
		err := seek(it, nil)
		for err == nil && it.Valid() {
			switch k := it.Item().Key(); {
			case len(k) == 0:
				err = next(it)
			case k[0] == 's', k[0] == 'i':
				err = seek(it, []byte{k[0] + 1})
			default:
				n[k[0]]++
				err = next(it)
			}
		}
		return err
	})
	return n, err
}

// A Frame is one batch of a mirror as it lies there.
type Frame struct {
	File   string
	Offset int64
	Batch  *Batch // as Mirror.Scan gives it; nil with Err
	Err    error
	// Torn says that the last file ends within this frame: it was never
	// acknowledged, and opening the ledger cuts it off.
	Torn bool
}

// ReadMirror yields the frames of the mirror in dir in their order, and
// changes nothing. After a frame that is altered it goes on with the next;
// where it cannot tell where that begins, with the next file.
func ReadMirror(dir string) iter.Seq[Frame] {
	return func(yield func(Frame) bool) {
		names, err := list(dir, ".mirror")
		if err != nil {
			yield(Frame{File: dir, Err: err})
			return
		}
		for i, name := range names {
			if !readMirrorFile(name, i == len(names)-1, yield) {
				return
			}
		}
	}
}

func readMirrorFile(name string, last bool, yield func(Frame) bool) bool {
	f, err := os.Open(name)
	if err != nil {
		return yield(Frame{File: name, Err: err})
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 1<<20)
	for at := int64(0); ; {
		frame := Frame{File: name, Offset: at}
		n, err := readFrame(r, &frame)
		switch {
		case err == io.EOF:
			return true
		case errors.Is(err, io.ErrUnexpectedEOF) && last:
			frame.Torn = true
			fallthrough
		case err != nil:
			frame.Err = fmt.Errorf("%s at byte %d: %w", name, at, err)
			return yield(frame) // where the next one begins is not known
		}
		if frame.Err != nil {
			frame.Err = fmt.Errorf("%s at byte %d: %w", name, at, frame.Err)
		}
		if !yield(frame) {
			return false
		}
		at += n
	}
}

// readFrame reads one frame of n bytes. Its error means that nothing can be
// read after it; a frame that is only altered has Err.
func readFrame(r io.Reader, frame *Frame) (n int64, err error) {
	var head [len(frameMagic) + 4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, err
	}
	size := int64(binary.BigEndian.Uint32(head[len(frameMagic):]))
	if string(head[:len(frameMagic)]) != frameMagic || size > maxFrame {
		return 0, fmt.Errorf("no batch begins there: %w", ErrMirror)
	}
	// The length may be a lie: beyond that of usual batches the buffer grows
	// with what is there.
	var buf bytes.Buffer
	buf.Grow(int(min(size, 4<<20)) + frameSum + bytes.MinRead)
	if _, err := io.CopyN(&buf, r, size+frameSum); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return 0, err
	}
	b := buf.Bytes()
	if sum := sha256.Sum256(b[:size]); string(sum[:frameSum]) != string(b[size:]) {
		frame.Err = fmt.Errorf("the batch is altered: %w", ErrMirror)
	} else {
		frame.Batch, frame.Err = decodeFrame(b[:size])
	}
	return int64(len(head)) + size + frameSum, nil
}
