// SPDX-License-Identifier: Apache-2.0

package cosigner

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"path/filepath"
	"time"

	"github.com/lendlog/lendlog/ledger/mpt"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/replay"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/term"
	"github.com/lendlog/lendlog/ledger/tree"
)

// A memory is a replay that lasts from one run to the next, in a file:
//
//	"lendlog-witness-map/1\n" and then frames, each
//	length(4) ‖ body ‖ SHA-256(sum of the frame before, 32 zero bytes for the first ‖ body)
//	body = more(1) ‖ size(8) ‖ last index-root + 1 (8) ‖ recorded, ms since 1970 (8)
//	       ‖ number of subtrees(1) ‖ their roots(32 each)
//	       ‖ hash of the map(32)
//	       ‖ length(4) ‖ signed checkpoint under which the leaves were read
//	       ‖ subjects that changed: term(32) ‖ number of records(8) ‖ leaf hash of the last(32)
//
// Numbers are big-endian. A frame with more = 1 is a part of what the next ones
// end, and its hash of the map is 32 zero bytes.
//
// All of it can be had again from the ledger's tiles, so what is torn or damaged
// is cut off, and the replay goes on from the last whole frame.
type memory struct {
	*replay.Replay
	// under is the signed checkpoint of whose tree all leaves were shown to be;
	// nil when there is none yet.
	under []byte

	path    string
	file    *os.File
	end     int64               // of the last whole frame
	sum     [sha256.Size]byte   // of it
	changed map[term.Term]value // since then
	size    int64               // of the replay then
}

type value = [replay.ValueSize]byte

const (
	mapMagic = "lendlog-witness-map/1\n"
	// maxChanged is how many subjects may have changed before a frame is written.
	maxChanged = 1 << 16
	rowSize    = len(term.Term{}) + replay.ValueSize
	maxFrame   = maxChanged*rowSize + maxRequest + 4096
)

// A frame is one of a memory.
type frame struct {
	more  bool
	mark  replay.Mark
	root  mpt.Hash // of the map
	under []byte
	rows  []byte
}

func (f *frame) bytes() []byte {
	b := make([]byte, 1, 256+len(f.under)+len(f.rows))
	if f.more {
		b[0] = 1
	}
	b = binary.BigEndian.AppendUint64(b, uint64(f.mark.Size))
	b = binary.BigEndian.AppendUint64(b, uint64(f.mark.LastRoot+1))
	b = binary.BigEndian.AppendUint64(b, uint64(f.mark.Recorded.UnixMilli()))
	b = append(b, byte(len(f.mark.Roots)))
	for _, h := range f.mark.Roots {
		b = append(b, h[:]...)
	}
	b = append(b, f.root[:]...)
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(f.under))), f.under...)
	return append(b, f.rows...)
}

// parseFrame takes the body of a frame apart. It accepts only what bytes would
// write.
func parseFrame(b []byte) (f frame, err error) {
	take := func(n int) []byte {
		if err != nil || n > len(b) {
			err = io.ErrUnexpectedEOF
			return make([]byte, max(n, 0))
		}
		head := b[:n]
		b = b[n:]
		return head
	}
	number := func() int64 { return int64(binary.BigEndian.Uint64(take(8))) }
	more := take(1)[0]
	f.more = more == 1
	f.mark.Size, f.mark.LastRoot = number(), number()-1
	f.mark.Recorded = time.UnixMilli(number()).UTC()
	n := int(take(1)[0])
	if err == nil && (more > 1 || f.mark.Size < 0 || f.mark.LastRoot < -1 || f.mark.LastRoot >= f.mark.Size || n != bits.OnesCount64(uint64(f.mark.Size))) {
		return frame{}, errors.New("it is no frame of a map")
	}
	for range n {
		f.mark.Roots = append(f.mark.Roots, tree.Hash(take(32)))
	}
	f.root = mpt.Hash(take(32))
	size := binary.BigEndian.Uint32(take(4))
	if size > maxRequest {
		return frame{}, errors.New("it is no frame of a map")
	}
	if f.under = take(int(size)); err != nil {
		return frame{}, err
	}
	if f.rows = b; len(f.rows)%rowSize != 0 {
		return frame{}, io.ErrUnexpectedEOF
	}
	return f, nil
}

// openMemory takes up the memory in a file, which need not be there. lost says
// how many bytes of it were of no use.
func openMemory(path string, trust *proof.Trust, limit int) (m *memory, lost int64, err error) {
	m = &memory{path: path, changed: map[term.Term]value{}}
	if m.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, 0, err
	}
	defer func() {
		if err != nil {
			_ = m.file.Close()
		}
	}()
	info, err := m.file.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !m.read(trust, limit) {
		// What the frames say together is not so: begin anew.
		m.Replay, m.under, m.end, m.sum, m.size = replay.New(trust.Genesis, limit), nil, 0, [sha256.Size]byte{}, 0
	}
	lost = info.Size() - m.end
	if m.end == 0 {
		if err := m.write([]byte(mapMagic)); err != nil {
			return nil, 0, err
		}
		return m, lost, store.SyncDir(filepath.Dir(path))
	}
	if live := int64(m.Len()) * int64(rowSize); m.end > 2*live+int64(maxFrame) {
		return m, lost, m.compact()
	}
	return m, lost, nil
}

// read takes up all whole frames that lead to one without more. It reports
// whether the map is what the last one says.
func (m *memory) read(trust *proof.Trust, limit int) bool {
	m.Replay = replay.New(trust.Genesis, limit)
	r := bufio.NewReaderSize(m.file, 1<<20)
	magic := make([]byte, len(mapMagic))
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != mapMagic {
		return false
	}
	m.end = int64(len(mapMagic))
	at, sum := m.end, m.sum
	var head [4]byte
	var last frame
	for {
		if _, err := io.ReadFull(r, head[:]); err != nil {
			break
		}
		n := binary.BigEndian.Uint32(head[:])
		if n > uint32(maxFrame) {
			break
		}
		b := make([]byte, int(n)+sha256.Size)
		if _, err := io.ReadFull(r, b); err != nil {
			break
		}
		body := b[:n]
		if sum = chain(sum, body); !bytes.Equal(sum[:], b[n:]) {
			break
		}
		f, err := parseFrame(body)
		if err != nil {
			return false // it has its sum: nobody wrote that
		}
		at += int64(4 + len(b))
		for rows := f.rows; len(rows) > 0; rows = rows[rowSize:] {
			m.Set(rows[:32], rows[32:rowSize])
		}
		last, m.end, m.sum = f, at, sum
	}
	switch {
	case last.more:
		return false // a file gets its name when it is whole
	case last.under == nil:
		return m.end == int64(len(mapMagic))
	}
	cp, err := trust.OpenCheckpoint(last.under)
	if err != nil || cp.Size < last.mark.Size || m.Hash() != last.root || m.Resume(last.mark) != nil || m.Len() > limit {
		return false
	}
	m.under, m.size = bytes.Clone(last.under), last.mark.Size
	return true
}

func chain(sum [sha256.Size]byte, body []byte) [sha256.Size]byte {
	h := sha256.New()
	h.Write(sum[:])
	h.Write(body)
	return [sha256.Size]byte(h.Sum(nil))
}

// append takes the next leaf. It writes nothing.
func (m *memory) append(leaf []byte) error {
	t, err := m.Append(leaf)
	if err != nil || t == nil {
		return err
	}
	v, _ := m.Get(t[:])
	m.changed[*t] = value(v)
	return nil
}

// full reports whether enough has changed for a frame.
func (m *memory) full() bool { return len(m.changed) >= maxChanged }

// flush makes durable what was taken, read under a signed checkpoint.
func (m *memory) flush(under []byte) error {
	if m.Size() == m.size && bytes.Equal(m.under, under) {
		return nil
	}
	f := frame{mark: m.Mark(), root: m.Hash(), under: under, rows: make([]byte, 0, len(m.changed)*rowSize)}
	for t, v := range m.changed {
		f.rows = append(append(f.rows, t[:]...), v[:]...)
	}
	if err := m.add(&f); err != nil {
		return fmt.Errorf("couldn't keep the map: %w", err)
	}
	m.under, m.size = bytes.Clone(under), m.Size()
	clear(m.changed)
	return nil
}

// add writes a frame.
func (m *memory) add(f *frame) error {
	body := f.bytes()
	sum := chain(m.sum, body)
	b := binary.BigEndian.AppendUint32(make([]byte, 0, len(body)+4+sha256.Size), uint32(len(body)))
	if err := m.write(append(append(b, body...), sum[:]...)); err != nil {
		return err
	}
	m.sum = sum
	return nil
}

// write writes behind the last whole frame, durably. What a write that failed
// left there goes.
func (m *memory) write(b []byte) error {
	if err := m.file.Truncate(m.end); err != nil {
		return err
	}
	if _, err := m.file.WriteAt(b, m.end); err != nil {
		return err
	}
	if err := m.file.Sync(); err != nil {
		return err
	}
	m.end += int64(len(b))
	return nil
}

// compact writes the file anew, each subject once.
func (m *memory) compact() (err error) {
	old := *m
	temp := m.path + ".new"
	if m.file, err = os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
		return err
	}
	m.end, m.sum = 0, [sha256.Size]byte{}
	f := frame{more: true, mark: m.Mark(), under: m.under}
	err = m.write([]byte(mapMagic))
	m.Scan(nil, func(key, val []byte) bool {
		if f.rows = append(append(f.rows, key...), val...); len(f.rows) == maxChanged*rowSize && err == nil {
			err = m.add(&f)
			f.rows = f.rows[:0]
		}
		return err == nil
	})
	if f.more, f.root = false, m.Hash(); err == nil {
		err = m.add(&f)
	}
	if err == nil {
		err = os.Rename(temp, m.path)
	}
	if err != nil {
		_ = m.file.Close()
		_ = os.Remove(temp)
		m.file, m.end, m.sum = old.file, old.end, old.sum
		return fmt.Errorf("couldn't write the map anew: %w", err)
	}
	return errors.Join(old.file.Close(), store.SyncDir(filepath.Dir(m.path)))
}

// Close closes the file.
func (m *memory) Close() error { return m.file.Close() }
