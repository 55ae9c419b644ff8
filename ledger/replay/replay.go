// SPDX-License-Identifier: Apache-2.0

// Package replay derives from the leaves of a log, in their order, what has to
// follow from them: the chains of subjects and the map of all of them, to which
// the index-roots commit. It shares no code with the engine that wrote the log,
// so that a mistake there is not repeated here, and does no I/O.
//
// An audit goes on past what it finds, and uses [Subjects] alone. A [Replay]
// ends at the first leaf that cannot stand where it stands.
package replay

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/lendlog/lendlog/ledger/mpt"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/term"
	"github.com/lendlog/lendlog/ledger/tree"
)

// Subjects is the map of all subjects: from a term to be64 of the number of its
// records ‖ leaf hash of the last one. The zero Subjects has none.
type Subjects struct{ mpt.Tree }

// ValueSize is the length of a value of the map.
const ValueSize = 8 + len(tree.Hash{})

// Extend makes an entry the last one of its subject, whatever it says of that.
// It returns how many the subject had before, and whether the entry names the
// last of them as the one before it.
func (s *Subjects) Extend(e *record.Entry, leaf tree.Hash) (before int64, linked bool) {
	before, linked = s.before(e)
	s.Set(e.Term[:], append(binary.BigEndian.AppendUint64(make([]byte, 0, ValueSize), uint64(e.Seq)), leaf[:]...))
	return before, linked
}

func (s *Subjects) before(e *record.Entry) (n int64, linked bool) {
	var last tree.Hash
	if v, ok := s.Get(e.Term[:]); ok {
		n, last = int64(binary.BigEndian.Uint64(v)), tree.Hash(v[8:])
	}
	return n, e.Prev == last
}

// A Fault is a leaf that cannot stand where it stands. If the leaf lies under a
// signed checkpoint, whoever signed that has signed a lie.
type Fault struct {
	Index int64
	Text  string // what does not hold, in plain words
}

// Error implements error.
func (f *Fault) Error() string { return fmt.Sprintf("leaf %d: %s", f.Index, f.Text) }

// ErrSubjects: the log has more subjects than a replay may hold in memory.
var ErrSubjects = errors.New("the log has more subjects than were allowed for")

// A Mark is how far a replay has come, without its map.
type Mark struct {
	Size     int64       // leaves
	Roots    []tree.Hash // of the complete subtrees, as [tree.NewPrefix] takes them
	LastRoot int64       // index of the last index-root; -1 for none
	Recorded time.Time   // of the last entry
}

// A Replay is one under way.
type Replay struct {
	Subjects
	genesis  tree.Hash
	limit    int
	tree     tree.Prefix
	lastRoot int64
	recorded time.Time
}

// New returns the replay of a log that begins with the leaf of a hash. It takes
// no more than limit subjects.
func New(genesis tree.Hash, limit int) *Replay {
	return &Replay{genesis: genesis, limit: limit, lastRoot: -1}
}

// Resume has a replay go on from a mark. Its map is to hold what it did then.
func (r *Replay) Resume(m Mark) error {
	p, err := tree.NewPrefix(m.Size, m.Roots)
	if err != nil {
		return err
	}
	if m.LastRoot < -1 || m.LastRoot >= m.Size {
		return fmt.Errorf("leaf %d is no index-root of the first %d", m.LastRoot, m.Size)
	}
	r.tree, r.lastRoot, r.recorded = p, m.LastRoot, m.Recorded
	return nil
}

// Mark returns how far it has come.
func (r *Replay) Mark() Mark {
	return Mark{r.tree.Size(), r.tree.Roots(), r.lastRoot, r.recorded}
}

// Size returns how many leaves it has seen, and Root the root of their tree.
func (r *Replay) Size() int64     { return r.tree.Size() }
func (r *Replay) Root() tree.Hash { return r.tree.Root() }

// LastRoot returns the index of the last index-root, -1 for none.
func (r *Replay) LastRoot() int64 { return r.lastRoot }

// Append takes the next leaf. When the leaf changed a subject it returns the
// term. An error is a [*Fault] or [ErrSubjects], and then nothing has changed.
func (r *Replay) Append(leaf []byte) (changed *term.Term, err error) {
	index := r.tree.Size()
	bad := func(format string, args ...any) error { return &Fault{index, fmt.Sprintf(format, args...)} }
	hash := tree.LeafHash(leaf)
	l, err := record.ParseLeaf(leaf)
	switch e := l.Entry; {
	case err != nil:
		return nil, bad("its bytes are no entry of format %s: %v", record.Format, err)
	case index == 0 && hash != r.genesis:
		return nil, bad("the ledger begins with another record than the trust file pins")
	case l.IndexRoot != nil && l.IndexRoot.Covers != index:
		return nil, bad("the index-root says that it covers %d leaves", l.IndexRoot.Covers)
	case l.IndexRoot != nil && l.IndexRoot.Root != r.Hash():
		return nil, bad("the index-root does not commit to the map of the records before it")
	case l.IndexRoot != nil:
		r.lastRoot = index
		r.tree.Append(hash)
		return nil, nil
	case (e.Type == record.TypeGenesis) != (index == 0):
		return nil, bad("a genesis record stands at leaf 0 and nowhere else")
	case e.Recorded.Before(r.recorded):
		return nil, bad("it is recorded %v before the record before it", r.recorded.Sub(e.Recorded))
	case len(e.Refs) > 0 && e.Refs[len(e.Refs)-1] >= index:
		return nil, bad("it says that it follows from record %d, which is not before it", e.Refs[len(e.Refs)-1])
	}
	e := l.Entry
	switch before, linked := r.before(e); {
	case e.Seq != before+1:
		return nil, bad("it says that it is number %d of its subject, which has %d before it", e.Seq, before)
	case !linked:
		return nil, bad("its prev is not the hash of number %d of its subject", before)
	case before == 0 && r.Len() >= r.limit:
		return nil, ErrSubjects
	}
	r.Extend(e, hash)
	r.recorded = e.Recorded
	r.tree.Append(hash)
	return (*term.Term)(&e.Term), nil
}
