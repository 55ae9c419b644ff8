// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/lendlog/lendlog/ledger/canon"
)

// maxAnchored bounds one line of the archive.
const maxAnchored = 4 << 20

// Anchored is the archive of anchors: a file of lines, in the order in which they
// became final, each a canonical JSON object
//
//	{"anchor":{…},"kind":"chain/560048/0x…","size":4711}
//
// of which anchor is an item of the section anchors of evidence without its proof
// (docs/formats.md, section 7), size that of its checkpoint, and kind the place
// where it is anchored. It is no part of the ledger: nothing is derived from it,
// and each line proves itself. Nothing in it is believed before it was verified,
// which is for its reader to do. A line that was not written to its end is written
// over, and what is no such line is passed over.
type Anchored struct {
	mu    sync.RWMutex // guards all below
	file  appended
	lines []anchored // in the order of the file
	kinds map[string][]int
}

// anchored is the place of a line in the file.
type anchored struct {
	kind         string
	size, offset int64
	length       int32 // without the line feed
}

// OpenAnchored opens the archive at path, which need not be there, nor its
// directory.
func OpenAnchored(path string) (*Anchored, error) {
	a := &Anchored{kinds: map[string][]int{}}
	var err error
	if a.file, err = openAppended(path, a.read); err != nil {
		return nil, fmt.Errorf("couldn't read the archive of anchors: %w; it is no part of the ledger: move it elsewhere to begin a new one", err)
	}
	return a, nil
}

// read finds the lines of an archive, and where the last one ends.
func (a *Anchored) read(r io.Reader) (end int64, err error) {
	lines := bufio.NewReaderSize(r, 64<<10)
	var line []byte
	for {
		line = line[:0]
		n := int64(0)
		for {
			part, err := lines.ReadSlice('\n')
			n += int64(len(part))
			if len(line) <= maxAnchored {
				line = append(line, part...)
			}
			if err == nil {
				break
			}
			if errors.Is(err, io.EOF) {
				return end, nil // without its end it is no line
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				return 0, err
			}
		}
		if _, of, err := parseAnchored(line[:len(line)-1]); n <= maxAnchored && err == nil {
			of.offset = end
			a.add(of)
		}
		end += n
	}
}

func parseAnchored(line []byte) (item canon.Value, of anchored, err error) {
	v, err := canon.Parse(line, canon.Limits{})
	if err != nil {
		return canon.Value{}, anchored{}, err
	}
	item, _ = v.Get("anchor")
	kind, _ := v.Get("kind")
	size, _ := v.Get("size")
	if item.Kind != canon.Object || kind.Kind != canon.String || kind.Str == "" || size.Kind != canon.Int || size.Int < 1 || len(v.Members) != 3 {
		return canon.Value{}, anchored{}, errors.New("it is no line of the archive")
	}
	return item, anchored{kind: kind.Str, size: size.Int, length: int32(len(line))}, nil
}

// add keeps the lines of each kind in the order of their sizes.
func (a *Anchored) add(of anchored) {
	i := len(a.lines)
	a.lines = append(a.lines, of)
	list := a.kinds[of.kind]
	a.kinds[of.kind] = slices.Insert(list, a.after(list, of.size), i)
}

// after returns the place in a list of a kind of the first line of more than so
// many records.
func (a *Anchored) after(list []int, size int64) int {
	at, _ := slices.BinarySearchFunc(list, size+1, func(i int, size int64) int {
		if a.lines[i].size < size {
			return -1
		}
		return 1
	})
	return at
}

// Append adds an anchor of a checkpoint of so many records, durably, unless the
// archive has it.
func (a *Anchored) Append(kind string, size int64, item canon.Value) error {
	b := canon.Map(
		canon.Member{Name: "anchor", Value: item}, canon.Member{Name: "kind", Value: canon.Text(kind)}, canon.Member{Name: "size", Value: canon.Number(size)},
	).Bytes()
	_, of, err := parseAnchored(b)
	if err != nil || len(b) >= maxAnchored {
		return fmt.Errorf("couldn't archive an anchor: it goes into no line: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, i := range a.kinds[kind] {
		if l := a.lines[i]; l.size == size && l.length == of.length {
			if same, err := a.line(i); err == nil && bytes.Equal(same, b) {
				return nil
			}
		}
	}
	if of.offset, err = a.file.append(append(b, '\n')); err != nil {
		return fmt.Errorf("couldn't archive an anchor: %w", err)
	}
	a.add(of)
	return nil
}

// Count returns how many anchors there are.
func (a *Anchored) Count() int {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return len(a.lines)
}

// Item returns anchor number i, from 0 on in the order in which they were added.
func (a *Anchored) Item(i int) (canon.Value, error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	b, err := a.line(i)
	if err != nil {
		return canon.Value{}, fmt.Errorf("couldn't read the archive of anchors: %w", err)
	}
	item, _, err := parseAnchored(b)
	if err != nil {
		return canon.Value{}, fmt.Errorf("couldn't read the archive of anchors: %w", err)
	}
	return item, nil
}

func (a *Anchored) line(i int) ([]byte, error) {
	return a.file.piece(a.lines[i].offset, a.lines[i].length)
}

// Newest returns the number of the anchor of the most records; false when there is
// none.
func (a *Anchored) Newest() (int, bool) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	newest := -1
	for _, list := range a.kinds {
		if i := list[len(list)-1]; newest < 0 || a.lines[i].size > a.lines[newest].size {
			newest = i
		}
	}
	return newest, newest >= 0
}

// After returns, for each kind, the numbers of up to most anchors of more than so
// many records, the nearest first.
func (a *Anchored) After(size int64, most int) [][]int {
	a.mu.RLock()
	defer a.mu.RUnlock()
	var kinds []string
	for kind := range a.kinds {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	var out [][]int
	for _, kind := range kinds {
		list := a.kinds[kind]
		if list = list[a.after(list, size):]; len(list) > 0 {
			out = append(out, slices.Clone(list[:min(most, len(list))]))
		}
	}
	return out
}

// Close closes the file.
func (a *Anchored) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.file.close()
}
