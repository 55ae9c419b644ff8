// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Mirror is a second copy of what cannot be derived: entries, encrypted
// payloads, wrapped keys and signed checkpoints, appended batch by batch to
// files in another directory, better on another volume. `lendlog repair`
// rebuilds a store from it.
//
// A file holds frames, each
//
//	"LLm1" ‖ length(4) ‖ body ‖ first 16 bytes of SHA-256(body)
//	body = first(8) ‖ leaves(4) ‖ keys(4) ‖ note length(4) ‖ note
//	       ‖ leaves times: length(2) ‖ entry ‖ length(4) ‖ payload
//	       ‖ keys times:   id(8) ‖ length(4) ‖ row
//
// and is named after its first index.
//
// The mirror is written after the transaction and before the head file, so it
// never holds what the store does not, unless the store was lost. What follows
// the last whole frame was never acknowledged if the whole ones reach as far as
// the head file: then the next Append cuts it off. Otherwise it is damage, and
// nothing is cut; see Check.
type Mirror struct {
	dir   string
	file  *os.File
	size  int64  // of the whole frames in file
	rest  error  // why what follows them is none; nil when nothing does
	frame []byte // the last one, whose memory the next one uses again
	next  int64  // index of the first leaf that is not mirrored
	note  []byte // the last signed checkpoint in the last file; nil when it has none
}

// ErrMirror means that the mirror lacks or garbles something that it must
// have. The store may be whole.
var ErrMirror = errors.New("the mirror is damaged; move its files elsewhere and open the ledger again: that checks the store and writes the mirror anew from it. Should the store be damaged as well, restore the mirror from a backup")

// errNewer is never cut off.
var errNewer = fmt.Errorf("this program knows %s: use the newer program that wrote it; if there is none, %w", frameMagic, ErrMirror)

const (
	frameMagic  = "LLm1"
	frameSum    = 16
	mirrorFile  = "%016d.mirror"
	mirrorLimit = 64 << 20 // a file that has reached this is not appended to
)

// OpenMirror opens the mirror in dir, which may be empty.
func OpenMirror(dir string) (*Mirror, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	m := &Mirror{dir: dir}
	names, err := m.files()
	if err != nil || len(names) == 0 {
		return m, err
	}
	last := names[len(names)-1]
	if _, err := fmt.Sscanf(filepath.Base(last), mirrorFile, &m.next); err != nil {
		return nil, fmt.Errorf("%s is no file of the mirror: move it elsewhere, see docs/operators.md", last)
	}
	// The other files are read when they are needed.
	m.size, err = readFrames(last, func(b *Batch) error {
		m.next = b.First + int64(len(b.Entries))
		if len(b.Head.Note) > 0 {
			m.note = b.Head.Note
		}
		return nil
	})
	if damaged(err) {
		m.rest, err = err, nil
	}
	if err != nil {
		return nil, err
	}
	m.file, err = os.OpenFile(last, os.O_RDWR, 0o600)
	return m, err
}

func damaged(err error) bool {
	return (errors.Is(err, ErrMirror) || errors.Is(err, io.ErrUnexpectedEOF)) && !errors.Is(err, errNewer)
}

// Check returns an error when the mirror is damaged below an index that was
// published. A mirror that only ends too early is completed by opening.
func (m *Mirror) Check(published int64) error {
	if m.rest == nil || m.next >= published {
		return nil
	}
	return fmt.Errorf("the mirror can't be read from record %d on, and checkpoint %d was published: %w: %w", m.next, published, ErrMirror, m.rest)
}

func (m *Mirror) files() ([]string, error) {
	return list(m.dir, ".mirror")
}

// Next returns the index of the first leaf that is not mirrored.
func (m *Mirror) Next() int64 { return m.next }

// Note returns a signed checkpoint that the mirror held when it was opened, the
// newest of its last file, or nil when that has none.
func (m *Mirror) Note() []byte { return m.note }

// Size returns how many bytes the mirror takes.
func (m *Mirror) Size() (sum int64, err error) {
	names, err := m.files()
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		st, err := os.Stat(name)
		if err != nil {
			return 0, err
		}
		sum += st.Size()
	}
	return sum, nil
}

// Append writes a batch durably. Batches follow each other without a gap.
func (m *Mirror) Append(b *Batch) error {
	if b.First != m.next {
		return fmt.Errorf("the mirror ends at %d, the batch begins at %d", m.next, b.First)
	}
	if err := m.cut(); err != nil {
		return fmt.Errorf("couldn't cut what was never acknowledged off the mirror: %w", err)
	}
	if m.file == nil || m.size >= mirrorLimit {
		if err := m.roll(b.First); err != nil {
			return err
		}
	}
	m.frame = appendFrame(m.frame[:0], b)
	n, err := m.file.WriteAt(m.frame, m.size)
	m.size += int64(n)
	if err == nil {
		err = m.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("couldn't write the mirror: %w", err)
	}
	m.next += int64(len(b.Entries))
	return nil
}

func (m *Mirror) cut() error {
	if m.rest == nil {
		return nil
	}
	if err := m.file.Truncate(m.size); err != nil {
		return err
	}
	m.rest = nil
	return m.file.Sync()
}

func (m *Mirror) roll(first int64) error {
	if m.file != nil {
		if err := m.file.Close(); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(filepath.Join(m.dir, fmt.Sprintf(mirrorFile, first)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	m.file, m.size = f, 0
	return SyncDir(m.dir)
}

// Close closes the file being written.
func (m *Mirror) Close() error {
	if m.file == nil {
		return nil
	}
	return m.file.Close()
}

// Scan calls yield for every mirrored batch in order, up to what the next
// Append would cut off. Of a batch only First, Entries, Payloads, Keys and
// Head.Note are set.
func (m *Mirror) Scan(yield func(*Batch) error) error {
	names, err := m.files()
	if err != nil {
		return err
	}
	next := int64(0)
	for i, name := range names {
		_, err := readFrames(name, func(b *Batch) error {
			if b.First != next {
				return fmt.Errorf("%s: a batch begins at %d, want %d: %w", name, b.First, next, ErrMirror)
			}
			next += int64(len(b.Entries))
			return yield(b)
		})
		if m.rest != nil && i == len(names)-1 && next == m.next && damaged(err) {
			return nil // what Append will cut off
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("%s ends within a batch: %w", name, ErrMirror)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func appendFrame(f []byte, b *Batch) []byte {
	be := binary.BigEndian
	start := len(f)
	f = append(append(f, frameMagic...), 0, 0, 0, 0)
	f = be.AppendUint64(f, uint64(b.First))
	f = be.AppendUint32(f, uint32(len(b.Entries)))
	f = be.AppendUint32(f, uint32(len(b.Keys)))
	f = be.AppendUint32(f, uint32(len(b.Head.Note)))
	f = append(f, b.Head.Note...)
	for i, e := range b.Entries {
		f = append(len16(f, len(e)), e...)
		f = append(len32(f, len(b.Payloads[i])), b.Payloads[i]...)
	}
	for _, k := range b.Keys {
		f = append(len32(be.AppendUint64(f, uint64(k.ID)), len(k.Row)), k.Row...)
	}
	body := f[start+len(frameMagic)+4:]
	be.PutUint32(f[start+len(frameMagic):], uint32(len(body)))
	sum := sha256.Sum256(body)
	return append(f, sum[:frameSum]...)
}

// maxFrame bounds what a length field can make the reader allocate.
const maxFrame = 256 << 20

// readFrames returns the offset after the last whole frame, and
// io.ErrUnexpectedEOF where the file ends within one.
func readFrames(name string, yield func(*Batch) error) (good int64, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	r := bufio.NewReaderSize(f, 1<<20)
	for {
		var head [len(frameMagic) + 4]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			if err == io.EOF {
				return good, nil
			}
			return good, err
		}
		n := int64(binary.BigEndian.Uint32(head[len(frameMagic):]))
		rest := st.Size() - good - int64(len(head))
		switch magic := string(head[:len(frameMagic)]); {
		case magic != frameMagic && magic[:3] == frameMagic[:3] && magic[3] > frameMagic[3] && magic[3] <= '9':
			return good, fmt.Errorf("%s: the batch at byte %d is of format %s: %w", name, good, magic, errNewer)
		case magic != frameMagic || n > maxFrame:
			return good, fmt.Errorf("%s: no batch of format %s at byte %d: %w", name, frameMagic, good, ErrMirror)
		case n+frameSum > rest:
			return good, io.ErrUnexpectedEOF
		}
		buf := make([]byte, n+frameSum)
		if _, err := io.ReadFull(r, buf); err != nil {
			return good, err
		}
		sum := sha256.Sum256(buf[:n])
		if string(sum[:frameSum]) != string(buf[n:]) {
			return good, fmt.Errorf("%s: the batch at byte %d is altered: %w", name, good, ErrMirror)
		}
		b, err := decodeFrame(buf[:n])
		if err != nil {
			return good, fmt.Errorf("%s: the batch at byte %d: %w", name, good, err)
		}
		if err := yield(b); err != nil {
			return good, err
		}
		good += int64(len(head)) + n + frameSum
	}
}

// cursor takes fields off a frame's body.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) bytes(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.bad = true
		return nil
	}
	out := c.b[:n:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor) uint(width int) int64 {
	n := int64(0)
	for _, x := range c.bytes(width) {
		n = n<<8 | int64(x)
	}
	if n < 0 {
		c.bad = true
		return 0
	}
	return n
}

func decodeFrame(body []byte) (*Batch, error) {
	c := cursor{b: body}
	b := &Batch{First: c.uint(8)}
	leaves, keys := c.uint(4), c.uint(4)
	b.Head.Note = c.bytes(int(c.uint(4)))
	for i := int64(0); i < leaves && !c.bad; i++ {
		b.Entries = append(b.Entries, c.bytes(int(c.uint(2))))
		b.Payloads = append(b.Payloads, c.bytes(int(c.uint(4))))
	}
	for i := int64(0); i < keys && !c.bad; i++ {
		id := c.uint(8)
		b.Keys = append(b.Keys, KeyRow{id, c.bytes(int(c.uint(4)))})
	}
	if c.bad || len(c.b) > 0 {
		return nil, ErrMirror
	}
	return b, nil
}
