// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/lendlog/lendlog/ledger/tree"
)

// maxWitnessed bounds one note of the archive.
const maxWitnessed = 64 << 10

// Witnessed is the archive of checkpoints that witnesses cosigned: a file of
// signed notes, the oldest first, each with an empty line behind it:
//
//	origin
//	size
//	root
//
//	— origin signature
//	— witness cosignature
//
//	origin
//	…
//
// It is no part of the ledger: nothing is derived from it, what is lost of it
// is only convenience, and each note proves itself. Nothing in it is believed
// before its signatures were verified, which is for its reader to do. A note
// that was not written to its end is written over, and what is no note is
// passed over.
type Witnessed struct {
	mu    sync.RWMutex // guards all below
	file  appended
	notes []witnessed // sizes never fall
}

// witnessed is the place of a note in the file.
type witnessed struct {
	size, offset int64
	length       int32
}

// OpenWitnessed opens the archive at path, which need not be there.
func OpenWitnessed(path string) (*Witnessed, error) {
	w := &Witnessed{}
	var err error
	w.file, err = openAppended(path, func(r io.Reader) (end int64, err error) {
		w.notes, end, err = readWitnessed(r)
		return end, err
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read the archive of witnessed checkpoints: %w; it is no part of the ledger: move it elsewhere to begin a new one", err)
	}
	return w, nil
}

// readWitnessed finds the whole notes in an archive, and where the last one
// ends.
func readWitnessed(r io.Reader) (notes []witnessed, end int64, err error) {
	var at, begin, last int64 // of the line, of its paragraph, size of the note before
	var paragraph []byte
	var text *witnessed // a checkpoint whose signatures are to follow
	lines := bufio.NewReaderSize(r, maxWitnessed)
	for {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			return notes, end, nil // without its end it is no line
		case errors.Is(err, bufio.ErrBufferFull):
			paragraph, text = nil, nil
			at += int64(len(line))
			begin = at
			continue
		case err != nil:
			return nil, 0, err
		}
		at += int64(len(line))
		if len(line) > 1 {
			if len(paragraph)+len(line) <= maxWitnessed {
				paragraph = append(paragraph, line...)
			}
			continue
		}
		cp, err := tree.ParseCheckpoint(string(paragraph))
		switch {
		case err == nil:
			text = &witnessed{size: cp.Size, offset: begin}
		case text != nil && bytes.HasPrefix(paragraph, []byte("— ")) && at-1-text.offset <= maxWitnessed && text.size >= last:
			text.length, last, end = int32(at-1-text.offset), text.size, at
			notes = append(notes, *text)
			text = nil
		default:
			text = nil
		}
		paragraph, begin = paragraph[:0], at
	}
}

// Append adds a note, durably. Its size must not be below that of the last one.
func (w *Witnessed) Append(signed []byte) error {
	text, lines, ok := tree.SplitNote(signed)
	cp, err := tree.ParseCheckpoint(text)
	if !ok || err != nil || !strings.HasPrefix(lines, "— ") || strings.Contains(lines, "\n\n") || len(signed) > maxWitnessed {
		return errors.New("couldn't archive a checkpoint: it is no signed note of one")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.notes); n > 0 && w.notes[n-1].size > cp.Size {
		return fmt.Errorf("couldn't archive checkpoint %d: one of %d records is there already", cp.Size, w.notes[n-1].size)
	}
	offset, err := w.file.append(append(bytes.Clone(signed), '\n'))
	if err != nil {
		return fmt.Errorf("couldn't archive a checkpoint: %w", err)
	}
	w.notes = append(w.notes, witnessed{cp.Size, offset, int32(len(signed))})
	return nil
}

// Count returns how many notes there are.
func (w *Witnessed) Count() int {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return len(w.notes)
}

// Note returns note number i, from 0 on.
func (w *Witnessed) Note(i int) ([]byte, error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	b, err := w.file.piece(w.notes[i].offset, w.notes[i].length)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the archive of witnessed checkpoints: %w", err)
	}
	return b, nil
}

// After returns the number of the first note of more than so many records, or
// Count.
func (w *Witnessed) After(size int64) int {
	w.mu.RLock()
	defer w.mu.RUnlock()
	i, _ := slices.BinarySearchFunc(w.notes, size+1, func(n witnessed, size int64) int {
		if n.size < size {
			return -1
		}
		return 1
	})
	return i
}

// Close closes the file.
func (w *Witnessed) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.file.close()
}
