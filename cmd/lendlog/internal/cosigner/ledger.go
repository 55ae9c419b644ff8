// SPDX-License-Identifier: Apache-2.0

package cosigner

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/replay"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/tree"
)

// The files of a ledger's directory, beside the refusals.
const (
	newestFile  = "newest.txt"   // the newest cosigned checkpoint
	archiveFile = "cosigned.txt" // all of them, as ledger/store.Witnessed keeps them
	mapFile     = "map"
	trustFile   = "trust.json"
)

// maxUncovered is how many leaves may stand behind the last index-root of a
// checkpoint. Those that a ledger has cosigned while it grows end with one, and
// a claim of completeness needs that. But a ledger that was killed asks, before
// it may append anything, for the very head that it has, and has an index-root
// after 65,536 leaves and a batch at the latest.
const maxUncovered = 1<<16 + 1<<12

// maxTree is more leaves than any ledger has; tlog's indexes overflow far above.
const maxTree = 1 << 48

// maxExamined bounds the checkpoints that are remembered to have been examined.
const maxExamined = 1024

// A cosigned checkpoint is the newest of a ledger.
type cosigned struct {
	tree.Checkpoint
	signed []byte // with the cosignature; nil when nothing was cosigned yet
	at     time.Time
}

// A ledger is one that the witness knows. It has cosigned what newest says and
// nothing that newest does not continue.
type ledger struct {
	trust  *proof.Trust
	pinned []byte // the trust file
	key    *tree.CosignKey
	source *source
	dir    string
	log    *slog.Logger
	now    func() time.Time
	write  func(path string, data []byte, mode os.FileMode) error // store.WriteFile
	count  func(*Refusal)

	mu      sync.Mutex // guards all below
	newest  cosigned
	job     *job     // under way; nil for none
	refused *Refusal // the last one
	broken  error    // why the last cosignature could not be kept; nil when it could
	seen    progress
	// examined are checkpoints that came with a wrong proof, of which the tiles
	// have shown whether it is the ledger that is wrong: once for each.
	examined map[tree.Checkpoint]bool

	archive  *store.Witnessed
	archived int64 // size of its last checkpoint; -1 for none

	memory *memory        // owned by the job under way
	jobs   sync.WaitGroup // the goroutine of the job under way
}

// progress is how far the replay has come.
type progress struct {
	Size     int64  // leaves
	Subjects int    // that they are about
	LastRoot int64  // index of the last index-root; -1 for none
	Map      []byte // hash of the map
}

// openLedger takes up what is kept of a ledger in a directory, which is made
// where it is absent.
func openLedger(l *ledger, limit int) (_ *ledger, err error) {
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return nil, err
	}
	l.examined = map[tree.Checkpoint]bool{}
	l.write, l.newest.Checkpoint = store.WriteFile, tree.Checkpoint{Origin: l.trust.Origin, Root: tree.EmptyRoot}
	path := filepath.Join(l.dir, newestFile)
	if b, err := os.ReadFile(path); err == nil {
		if l.newest, err = l.open(b); err != nil {
			return nil, fmt.Errorf("%s is not what this witness cosigned last of %s: %w; put the file back from a copy. Without it the witness would cosign a second history", path, l.trust.Origin, err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if l.archive, err = store.OpenWitnessed(filepath.Join(l.dir, archiveFile)); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = l.archive.Close()
		}
	}()
	if err := l.hold(path); err != nil {
		return nil, err
	}
	if err := l.pin(); err != nil {
		return nil, err
	}
	var lost int64
	if l.memory, lost, err = openMemory(filepath.Join(l.dir, mapFile), l.trust, limit); err != nil {
		return nil, err
	}
	if lost > 0 {
		l.log.Warn("a part of the map that was kept is of no use and is made anew from the tiles", "origin", l.trust.Origin, "bytes", lost, "kept", l.memory.Size())
	}
	l.look()
	return l, nil
}

// open verifies a checkpoint that this witness cosigned.
func (l *ledger) open(signed []byte) (cosigned, error) {
	cp, err := l.trust.OpenCheckpoint(signed)
	if err != nil {
		return cosigned{}, err
	}
	_, n, err := tree.OpenCheckpoint(signed, note.VerifierList(l.key))
	if err != nil {
		return cosigned{}, err
	}
	at, err := tree.CosignedAt(n.Sigs[0])
	return cosigned{cp, signed, at}, err
}

// hold holds the newest checkpoint against the archive. A cosignature that did
// not get there before the process ended is put there now.
func (l *ledger) hold(path string) error {
	l.archived = -1
	if n := l.archive.Count(); n > 0 {
		b, err := l.archive.Note(n - 1)
		if err != nil {
			return err
		}
		c, err := l.open(b)
		if err != nil {
			return fmt.Errorf("the end of %s is not what this witness cosigned of %s: %w; put the file back from a copy, or move it away", filepath.Join(l.dir, archiveFile), l.trust.Origin, err)
		}
		if l.archived = c.Size; l.archived == l.newest.Size && c.Root != l.newest.Root {
			return fmt.Errorf("%s and the archive beside it hold two histories of %s: put both back from a copy of one time", path, l.trust.Origin)
		}
	}
	switch {
	case l.archived > l.newest.Size || l.archived >= 0 && l.newest.signed == nil:
		return fmt.Errorf("%s is older than the end of the archive beside it, of %d leaves: it was lost or rolled back; put the newest one back, which is the last note of the archive", path, l.archived)
	case l.newest.signed != nil:
		return l.file()
	}
	return nil
}

// pin keeps the trust file. One that names another first record is of another
// ledger.
func (l *ledger) pin() error {
	path := filepath.Join(l.dir, trustFile)
	if b, err := os.ReadFile(path); err == nil {
		if was, err := proof.ParseTrust(b); err == nil && was.Genesis != l.trust.Genesis {
			return usagef("the trust file of %s pins another first record than the one in %s: it is of another ledger", l.trust.Origin, path)
		}
	}
	return l.write(path, l.pinned, 0o600)
}

// file puts the newest checkpoint into the archive, which has one of each size.
func (l *ledger) file() error {
	if l.archived >= l.newest.Size {
		return nil
	}
	if err := l.archive.Append(l.newest.signed); err != nil {
		return err
	}
	l.archived = l.newest.Size
	return nil
}

// close waits for the job under way to end.
func (l *ledger) close() error {
	l.jobs.Wait()
	return errors.Join(l.archive.Close(), l.memory.Close())
}

// id names a ledger in paths and URLs (C2SP tlog-witness).
func id(origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return hex.EncodeToString(sum[:])
}

// look notes how far the replay has come, for others to see.
func (l *ledger) look() {
	root := l.memory.Hash()
	p := progress{l.memory.Size(), l.memory.Len(), l.memory.LastRoot(), root[:]}
	l.mu.Lock()
	l.seen = p
	l.mu.Unlock()
}

// A job is a checkpoint that is replayed. It goes on when whoever asked for it
// has gone.
type job struct {
	done chan struct{} // closed at the end
	line string        // of the cosignature; both are set before
	err  error
}

// An answer is one to add-checkpoint.
type answer struct {
	status int
	body   string
	// retry is when it is worth asking again; 0 says nothing.
	retry time.Duration
}

const (
	retryBusy = 3 * time.Second // while a checkpoint is replayed
	typeSize  = "text/x.tlog.size"
)

func refuse(status int, format string, args ...any) answer {
	return answer{status: status, body: fmt.Sprintf(format, args...) + "\n"}
}

// add answers a request whose checkpoint is of this ledger's origin. ctx bounds
// how long it waits, and run how long a replay goes on.
func (l *ledger) add(ctx, run context.Context, q request) answer {
	cp, err := l.trust.OpenCheckpoint(q.signed)
	switch {
	case err != nil:
		return refuse(http.StatusForbidden, "%v", err)
	case q.old > cp.Size:
		return refuse(http.StatusBadRequest, "the old size is larger than that of the checkpoint")
	case cp.Size > maxTree:
		return refuse(http.StatusForbidden, "no ledger has %d leaves", cp.Size)
	}
	if q.signed, err = l.own(cp, q.signed); err != nil {
		return refuse(http.StatusForbidden, "%v", err)
	}
	for {
		a, j, mine := l.step(run, q, cp)
		if j == nil {
			return a
		}
		select {
		case <-j.done:
			if mine {
				return j.answer()
			}
		case <-ctx.Done():
			return answer{http.StatusServiceUnavailable, "a checkpoint is being replayed; it will be cosigned when that is done\n", retryBusy}
		}
	}
}

func (j *job) answer() answer {
	var r *Refusal
	switch {
	case j.err == nil:
		return answer{status: http.StatusOK, body: j.line}
	case errors.As(j.err, &r):
		return refuse(http.StatusForbidden, "refused: %s", r.Text)
	case errors.Is(j.err, errOlder):
		return answer{http.StatusServiceUnavailable, j.err.Error() + "\n", retryBusy}
	case errors.Is(j.err, ErrUnavailable), errors.Is(j.err, context.Canceled):
		return refuse(http.StatusServiceUnavailable, "%v", j.err)
	}
	return refuse(http.StatusInternalServerError, "the checkpoint could not be cosigned; the log of the witness says why")
}

// step answers a request, or returns the job that has to end first and whether
// it is that of the request.
func (l *ledger) step(run context.Context, q request, cp tree.Checkpoint) (a answer, j *job, mine bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.job != nil {
		return answer{}, l.job, false
	}
	known := answer{status: http.StatusConflict, body: fmt.Sprintf("%d\n", l.newest.Size)}
	var work func(context.Context) (string, error)
	switch have := l.newest; {
	case q.old != have.Size:
		return known, nil, false
	case cp.Size == have.Size && cp.Root != have.Root:
		if have.signed != nil {
			l.accuse(&Refusal{Kind: Fork, Size: cp.Size, Text: fmt.Sprintf("the ledger signed two trees of %d leaves", cp.Size), checkpoint: q.signed, other: have.signed})
		}
		return known, nil, false
	case tree.VerifyConsistency(q.proof, have.Size, cp.Size, have.Root, cp.Root) != nil:
		// It may be the proof that is wrong, or the ledger: the tiles say which.
		a = refuse(http.StatusUnprocessableEntity, "the consistency proof does not lead from the tree of %d leaves to that of %d", have.Size, cp.Size)
		if l.examined[cp] {
			return a, nil, false
		}
		work = func(ctx context.Context) (string, error) {
			err := l.examine(ctx, cp, q.signed, have.Size, have.Root, have.signed)
			if !errors.Is(err, ErrUnavailable) {
				l.mu.Lock()
				defer l.mu.Unlock()
				if len(l.examined) == maxExamined {
					clear(l.examined)
				}
				l.examined[cp] = true
			}
			return "", err
		}
	case have.signed != nil && cp.Size == have.Size:
		line, err := l.cosign(cp, q.signed)
		return (&job{line: line, err: l.failed(err)}).answer(), nil, false
	default:
		work = func(ctx context.Context) (string, error) {
			if err := l.replay(ctx, cp, q.signed); err != nil {
				return "", err
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			return l.cosign(cp, q.signed)
		}
	}
	l.job = &job{done: make(chan struct{})}
	l.jobs.Add(1)
	go l.do(run, l.job, work)
	if a.status != 0 {
		return a, nil, false
	}
	return answer{}, l.job, true
}

// do does the work of a job.
func (l *ledger) do(ctx context.Context, j *job, work func(context.Context) (string, error)) {
	defer l.jobs.Done()
	line, err := work(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	j.line, j.err = line, l.failed(err)
	l.job = nil
	close(j.done)
}

// failed tells what went wrong, and returns the error. mu is held.
func (l *ledger) failed(err error) error {
	var r *Refusal
	switch {
	case err == nil:
		l.broken = nil
	case errors.As(err, &r):
		l.accuse(r)
	case errors.Is(err, errOlder), errors.Is(err, context.Canceled):
	case errors.Is(err, ErrUnavailable):
		l.log.Warn("a checkpoint could not be replayed", "origin", l.trust.Origin, "error", proof.Printable(err.Error()))
	default:
		l.broken = err
		l.log.Error("a checkpoint could not be cosigned", "origin", l.trust.Origin, "error", err)
	}
	return err
}

// errOlder: a checkpoint that is older than what was replayed already.
var errOlder = errors.New("a larger checkpoint was replayed already; ask for the newest")

// replay takes all leaves up to a checkpoint into the map, as long as what they
// say holds. What it took before an error is kept: it is signed.
func (l *ledger) replay(ctx context.Context, cp tree.Checkpoint, signed []byte) error {
	m := l.memory
	if m.under != nil {
		if err := l.examine(ctx, cp, signed, m.Size(), m.Root(), m.under); err != nil {
			return err
		}
	}
	if m.Size() > cp.Size {
		return errOlder
	}
	f := l.source.forest(cp)
	err := f.each(ctx, m.Size(), func(leaf []byte) error {
		err := m.append(leaf)
		if fault := (*replay.Fault)(nil); errors.As(err, &fault) {
			return l.lie(ctx, f, fault, leaf, signed)
		}
		if err == nil && m.full() {
			err = m.flush(signed)
			l.look()
		}
		return err
	})
	if kept := m.flush(signed); kept != nil {
		return errors.Join(kept, err)
	}
	l.look()
	switch {
	case errors.Is(err, replay.ErrSubjects):
		return fmt.Errorf("%w: %d; start it with a larger --max-subjects, which takes 131 bytes of memory each", err, m.Len())
	case err != nil:
		return err
	case m.Root() != cp.Root: // its leaves were held against the tree one by one
		return unavailable("the leaves do not give the root that was signed")
	}
	if r := l.uncovered(cp.Size, m.LastRoot(), signed); r != nil {
		return r
	}
	return nil
}

// uncovered refuses a checkpoint that ends too far behind the last index-root.
func (l *ledger) uncovered(size, lastRoot int64, signed []byte) *Refusal {
	if size-1-lastRoot <= maxUncovered {
		return nil
	}
	return &Refusal{Kind: Uncovered, Size: size, checkpoint: signed,
		Text: fmt.Sprintf("the last index-root of the %d leaves is %d: without one at the end nobody can be shown that records are complete", size, lastRoot)}
}

// examine has the tiles show whether a checkpoint and a tree that is known, of
// which other is a signed checkpoint or was shown to be a part, are of one
// history. An error is a [*Refusal] or [ErrUnavailable].
func (l *ledger) examine(ctx context.Context, cp tree.Checkpoint, signed []byte, size int64, root tree.Hash, other []byte) error {
	f := l.source.forest(cp)
	if size > cp.Size {
		under, err := l.trust.OpenCheckpoint(other)
		if err != nil {
			return err // it was verified
		}
		f, size, root = l.source.forest(under), cp.Size, cp.Root
	}
	ok, err := f.continues(ctx, size, root)
	if err != nil || ok {
		return err
	}
	return &Refusal{Kind: Fork, Size: cp.Size, checkpoint: signed, other: other,
		Text: fmt.Sprintf("the tree of %d leaves that the ledger signed is of another history than what it signed before", cp.Size)}
}

// cosign cosigns a checkpoint, which has been replayed, keeps that, and returns
// the line of the cosignature. mu is held.
func (l *ledger) cosign(cp tree.Checkpoint, signed []byte) (line string, err error) {
	at := l.now().UTC().Truncate(time.Second)
	if at.Before(l.newest.at) {
		return "", fmt.Errorf("the clock of this witness has gone back: it is %s, and was %s", at.Format(time.RFC3339), l.newest.at.Format(time.RFC3339))
	}
	line = l.key.Cosign(cp, at)
	c := cosigned{cp, append(bytes.Clone(signed), line...), at}
	if bytes.Equal(c.signed, l.newest.signed) {
		return line, l.file() // whoever asks again and again costs no write
	}
	if err := l.write(filepath.Join(l.dir, newestFile), c.signed, 0o600); err != nil {
		return "", err
	}
	if l.newest = c; l.archived < cp.Size {
		l.log.Info("cosigned", "origin", cp.Origin, "size", cp.Size)
	}
	return line, l.file()
}

// own returns a checkpoint with the verified signatures of the ledger's keys
// alone: anybody could add lines to it.
func (l *ledger) own(cp tree.Checkpoint, signed []byte) ([]byte, error) {
	var keys []note.Verifier
	for _, k := range l.trust.Keys {
		v, err := note.NewVerifier(k.Key)
		if err != nil {
			return nil, err // it was read before
		}
		if !slices.ContainsFunc(keys, func(o note.Verifier) bool { return o.KeyHash() == v.KeyHash() }) {
			keys = append(keys, v)
		}
	}
	_, n, err := tree.OpenCheckpoint(signed, note.VerifierList(keys...))
	if err != nil {
		return nil, err
	}
	b := []byte(cp.Text() + "\n")
	for _, s := range n.Sigs {
		b = append(b, "— "+s.Name+" "+s.Base64+"\n"...)
	}
	return b, nil
}
