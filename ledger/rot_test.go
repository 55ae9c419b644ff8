// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/fsck"
	"github.com/lendlog/lendlog/ledger/keeper/keepertest"
	"github.com/lendlog/lendlog/ledger/ledgertest/scale"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/signer/signertest"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/tree"
)

// A ledger whose files rot answers rightly or refuses, and says what to do; it
// never answers with less. What follows breaks files of copies of a ledger,
// one at a time, and holds all that the ledger then says against what was
// acknowledged.
//
// Each case runs in a process of its own kind, because Badger ends the process
// on some damage: to die is no refusal.

// An injury is one thing done to one file of a ledger.
type injury struct {
	Base string // which ledger: a directory
	File string // relative to it
	Kind string // "flip", "cut", "empty", "remove", "old"
	At   int64  // the bit that is flipped, the length to which is cut
	Old  string // file that takes its place
	Mend bool   // whether what is refused is mended, as the refusal says
}

func (i injury) String() string {
	return fmt.Sprintf("%s: %s %s at %d", filepath.Base(i.Base), i.Kind, i.File, i.At)
}

// What became of a ledger with an injury.
type outcome struct {
	Wrong   string // what must not be; empty when all is well
	Refused string // the first refusal; empty when nothing was refused
}

// acknowledged is what the ledger's clients hold.
type acknowledged struct {
	Docs    [][]byte
	Entries [][]byte
	Indexes []int64
	Lines   map[string]int64 // records of each subject
	Head    ledger.Head
}

const (
	ackFile   = "acknowledged.json"
	workerEnv = "LENDLOG_ROT_WORKER"
	seedEnv   = "LENDLOG_SEED"
)

// workers are what this program does instead of testing when a variable of the
// environment says so.
var workers = map[string]func(dir string){
	workerEnv: rotWorker,
	signerEnv: func(string) { signertest.Main(os.Args[1:], os.Stdin, os.Stdout) },
}

func TestMain(m *testing.M) {
	keepertest.Main()
	for env, work := range workers {
		if dir := os.Getenv(env); dir != "" {
			work(dir)
			return
		}
	}
	os.Exit(m.Run())
}

// rotWorker examines the injuries that it reads, one JSON document a line.
func rotWorker(scratch string) {
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for n := 0; ; n++ {
		var i injury
		if err := in.Decode(&i); err != nil {
			return
		}
		dir := filepath.Join(scratch, strconv.Itoa(n))
		o := examine(i, dir)
		_ = os.RemoveAll(dir)
		_ = out.Encode(o)
	}
}

// remedy is what a refusal has to name.
var remedy = regexp.MustCompile("lendlog repair|put .* back|restore|docs/operators.md|open it again")

// rotOptions spare each copy its 64 MiB of ballast.
var rotOptions = ledger.Options{MinFree: 8 << 20}

// errWrong marks what must never be.
var errWrong = errors.New("WRONG")

func examine(i injury, dir string) (o outcome) {
	ack, err := readAcknowledged(i.Base)
	if err == nil {
		err = copyLedger(dir, i.Base)
	}
	if err == nil {
		err = i.apply(dir)
	}
	if err != nil {
		return outcome{Wrong: "the test can't go on: " + err.Error()}
	}
	judge := func(err error) bool { // whether it is a refusal
		switch {
		case err == nil:
			return false
		case errors.Is(err, errWrong):
			o.Wrong = err.Error()
		case !remedy.MatchString(err.Error()):
			o.Wrong = "a refusal without a remedy: " + err.Error()
		case o.Refused == "":
			o.Refused = err.Error()
		}
		return true
	}
	// Twice, because what is not noticed is written on.
	if !judge(ack.use(dir, true)) {
		judge(ack.use(dir, false))
	}
	if o.Wrong != "" || o.Refused == "" || !i.Mend {
		return o
	}
	if strings.HasPrefix(i.File, "mirror/") && i.Kind == "flip" {
		if err := audited(dir); err != nil {
			o.Wrong = err.Error()
			return o
		}
	}
	if !strings.HasPrefix(i.File, "store/") {
		// The store is whole: to put the file back has to be enough.
		if err := restore(dir, i); err != nil {
			return outcome{Wrong: "the test can't go on: " + err.Error()}
		}
	} else if _, err := ledger.Repair(context.Background(), dir, rotOptions); err != nil {
		o.Wrong = fmt.Sprintf("refused (%s), and repair fails: %v", o.Refused, err)
		return o
	}
	if err := ack.use(dir, true); err != nil {
		o.Wrong = fmt.Sprintf("refused (%s), and after the repair: %v", o.Refused, err)
		return o
	}
	return o
}

// use opens the ledger, holds it against what was acknowledged, may write to
// it, and closes it. Its error is a refusal, or errWrong.
func (a *acknowledged) use(dir string, write bool) (err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	l, err := ledger.Open(ctx, dir, rotOptions)
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	defer func() {
		cancel()
		err = errors.Join(err, <-done, l.Close())
	}()
	if err = a.read(ctx, l); write {
		err = errors.Join(err, a.write(ctx, l))
	}
	return err
}

func (a *acknowledged) read(ctx context.Context, l *ledger.Ledger) error {
	head := l.Head()
	if head.Size < a.Head.Size {
		return fmt.Errorf("%w: %d records of %d are left", errWrong, head.Size, a.Head.Size)
	}
	var errs []error
	refused := func(err error) { errs = append(errs, err) }
	p, err := l.ConsistencyProof(ctx, a.Head.Size, head.Size)
	if err != nil {
		refused(err)
	} else if err := tree.VerifyConsistency(p, a.Head.Size, head.Size, a.Head.Root, head.Root); err != nil {
		return fmt.Errorf("%w: %w", errWrong, err)
	}
	for i, index := range a.Indexes {
		r, err := l.Record(ctx, index)
		if err != nil {
			refused(err)
			continue
		}
		ev, err := record.ParseEvent(a.Docs[i], l.Catalogue())
		if err != nil {
			return fmt.Errorf("%w: %w", errWrong, err)
		}
		if !bytes.Equal(r.Entry, a.Entries[i]) || !bytes.Equal(r.Document(), ev.Document().Bytes()) || len(r.Unreadable) > 0 {
			return fmt.Errorf("%w: record %d is not what was acknowledged", errWrong, index)
		}
		p, err := l.InclusionProof(ctx, index, head.Size)
		if err != nil {
			refused(err)
		} else if err := tree.VerifyInclusion(p, index, head.Size, tree.LeafHash(r.Entry), head.Root); err != nil {
			return fmt.Errorf("%w: %w", errWrong, err)
		}
	}
	for subject, n := range a.Lines {
		kind, id, _ := strings.Cut(subject, "/")
		line, err := l.Timeline(ctx, kind, id, 1, 1<<20)
		if err != nil {
			if errors.Is(err, ledger.ErrNotFound) {
				return fmt.Errorf("%w: %s: %w", errWrong, subject, err)
			}
			refused(err)
		} else if line.Count < n || int64(len(line.Records)) != line.Count {
			return fmt.Errorf("%w: %s has %d records, of which %d are shown, want %d", errWrong, subject, line.Count, len(line.Records), n)
		}
	}
	for n := int64(0); n*tree.Width < head.Size; n++ {
		if _, err := l.EntryBundle(ctx, n, int(min(tree.Width, head.Size-n*tree.Width))); err != nil {
			refused(err)
		}
	}
	return errors.Join(errs...)
}

func (a *acknowledged) write(ctx context.Context, l *ledger.Ledger) error {
	var errs []error
	size := l.Head().Size
	pending := make([]*ledger.Pending, len(a.Docs))
	for i, doc := range a.Docs {
		ev, err := record.ParseEvent(doc, l.Catalogue())
		if err != nil {
			return fmt.Errorf("%w: %w", errWrong, err)
		}
		if pending[i], err = l.Enqueue(ctx, ev, "key-1"); err != nil {
			return err
		}
	}
	for i, p := range pending {
		r, err := p.Wait(ctx)
		switch {
		case err != nil && errors.As(err, new(*ledger.ConflictError)):
			return fmt.Errorf("%w: event %d is said to be in conflict with itself", errWrong, i)
		case err != nil:
			errs = append(errs, err)
		case !r.Repeated || r.Receipt.Index != a.Indexes[i]:
			return fmt.Errorf("%w: event %d is record %d now, repeated %v, and was %d", errWrong, i, r.Receipt.Index, r.Repeated, a.Indexes[i])
		}
	}
	if now := l.Head().Size; now != size {
		return fmt.Errorf("%w: repeats let the ledger grow from %d to %d", errWrong, size, now)
	}
	for i := range 2 {
		doc := document("payment.received", fmt.Sprintf("file/later-%d", i%2), fmt.Sprintf("later-%d-%d", size, i), payment(i),
			map[string]any{"causationid": strconv.Itoa(i)})
		ev, err := record.ParseEvent(doc, l.Catalogue())
		if err != nil {
			return fmt.Errorf("%w: %w", errWrong, err)
		}
		r, err := l.Append(ctx, ev, "key-1")
		if err != nil {
			errs = append(errs, err)
			continue
		}
		lf, err := record.ParseLeaf(r.Receipt.Entry)
		if err != nil || !slices.Equal(lf.Entry.Refs, a.Indexes[i:i+1]) {
			return fmt.Errorf("%w: record %d follows from %v, want %d (%v)", errWrong, r.Receipt.Index, lf.Entry.Refs, a.Indexes[i], err)
		}
	}
	if err := l.Compact(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (i injury) apply(dir string) error {
	path := filepath.Join(dir, i.File)
	switch i.Kind {
	case "flip":
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		var b [1]byte
		if _, err := f.ReadAt(b[:], i.At/8); err != nil {
			return errors.Join(err, f.Close())
		}
		b[0] ^= 1 << (i.At % 8)
		_, err = f.WriteAt(b[:], i.At/8)
		return errors.Join(err, f.Close())
	case "cut", "empty":
		return os.Truncate(path, i.At)
	case "remove":
		return os.Remove(path)
	case "old":
		return copyFile(path, i.Old)
	}
	return errors.New("no such injury: " + i.Kind)
}

// audited returns an error when the audit finds nothing wrong with the mirror.
func audited(dir string) error {
	_, p, err := ledger.Locate(dir)
	if err != nil {
		return err
	}
	parts := fsck.Parts{Store: p.Store, Keys: p.Keys, Vault: p.Vault, Head: p.Head, Mirror: p.Mirror}
	report, err := fsck.Disk(context.Background(), parts, fsck.Options{Deep: true})
	if err == nil && !slices.ContainsFunc(report.Checks, func(c fsck.Check) bool { return c.Name == fsck.Mirror && c.Result == proof.Fail }) {
		err = fmt.Errorf("the audit of a rotten mirror: %v", report.Verdict)
	}
	return err
}

// restore puts back a file that lay outside the store, as the refusal says.
func restore(dir string, i injury) error {
	return copyFile(filepath.Join(dir, i.File), filepath.Join(i.Base, i.File))
}

func readAcknowledged(base string) (*acknowledged, error) {
	b, err := os.ReadFile(filepath.Join(base, ackFile))
	if err != nil {
		return nil, err
	}
	var a acknowledged
	return &a, json.Unmarshal(b, &a)
}

// copyLedger copies the files of a ledger, open or not.
func copyLedger(to, from string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		if d.Name() == "ballast" { // holds nothing, and much of it
			return nil
		}
		return copyFile(filepath.Join(to, rel), path)
	})
}

// copyFile copies a file and leaves its holes: Badger makes files far larger
// than what it writes to them.
func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	size, err := in.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = out.Truncate(size)
	for _, e := range extents(in, size) {
		if err == nil {
			_, err = out.Seek(e.from, io.SeekStart)
		}
		if err == nil {
			_, err = io.Copy(out, io.NewSectionReader(in, e.from, e.to-e.from))
		}
	}
	return errors.Join(err, out.Close())
}

type extent struct{ from, to int64 }

// extents returns where a file has no holes.
func extents(f *os.File, size int64) (found []extent) {
	const seekData, seekHole = 3, 4
	for at := int64(0); at < size; {
		from, err := f.Seek(at, seekData)
		if err != nil {
			break // nothing but a hole is left
		}
		to, err := f.Seek(from, seekHole)
		if err != nil {
			to = size
		}
		found = append(found, extent{from, to})
		at = to
	}
	return found
}

// rotten is a ledger in three states, whose copies are broken: closed in good
// order, killed with records in a memtable's log, and as it was before.
type rotten struct{ closed, killed, old string }

func newRotten(t *testing.T) rotten {
	t.Helper()
	root := t.TempDir()
	r := rotten{filepath.Join(root, "closed"), filepath.Join(root, "killed"), filepath.Join(root, "old")}
	h := newHouse(t, ledger.CreateOptions{})
	a := &acknowledged{Lines: map[string]int64{}}
	add := func(doc []byte) {
		res := h.append(doc)
		a.Docs = append(a.Docs, doc)
		a.Entries = append(a.Entries, res.Receipt.Entry)
		a.Indexes = append(a.Indexes, res.Receipt.Index)
		var d struct{ Subject string }
		if err := json.Unmarshal(doc, &d); err != nil {
			t.Fatal(err)
		}
		a.Lines[d.Subject]++
	}
	more := func(n int) {
		for range n {
			i := len(a.Docs)
			add(document("payment.received", fmt.Sprintf("file/%d", i%7), strconv.Itoa(i), payment(i), map[string]any{"party": fmt.Sprint("p-", i%11)}))
		}
	}
	save := func(to string) {
		a.Head = h.l.Head()
		if h.l != nil && to != r.killed {
			if err := h.close(); err != nil {
				t.Fatal(err)
			}
			defer h.run()
		}
		if err := copyLedger(to, h.dir); err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(to, ackFile), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	more(20)
	add(document("case.opened", "case/1", "secret", `{"caseKind": "fraud", "narrative": "a story"}`, nil))
	h.reopen()
	more(200) // past the first full tile
	if err := h.l.Compact(); err != nil {
		t.Fatal(err)
	}
	save(r.old)
	more(20)
	h.reopen()
	more(20)
	save(r.closed)
	more(40)
	save(r.killed)
	return r
}

// files are the files of a ledger that can rot, but for the keys.
func (r rotten) files(t *testing.T, base string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(base, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(base, path)
		switch {
		case err != nil || d.IsDir():
		case strings.HasPrefix(rel, "keys"), rel == ackFile, rel == "trust.json", d.Name() == "lock", d.Name() == "LOCK", d.Name() == "ballast":
		default:
			names = append(names, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// written returns the extents of a file that hold anything.
func written(t *testing.T, path string) (found []extent, size int64) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if size, err = f.Seek(0, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	for _, e := range extents(f, size) {
		b := make([]byte, e.to-e.from)
		if _, err := f.ReadAt(b, e.from); err != nil {
			t.Fatal(err)
		}
		if n := int64(len(bytes.TrimRight(b, "\x00"))); n > 0 {
			found = append(found, extent{e.from, e.from + n})
		}
	}
	return found, size
}

// injuries makes so many flips and cuts of every file, and all the rest.
func (r rotten) injuries(t *testing.T, rnd *rand.Rand, flips, cuts int) (all []injury) {
	t.Helper()
	for _, base := range []string{r.closed, r.killed} {
		for _, name := range r.files(t, base) {
			found, size := written(t, filepath.Join(base, name))
			var sum int64
			for _, e := range found {
				sum += e.to - e.from
			}
			at := func(n int64) int64 { // the n-th written byte
				for _, e := range found {
					if n < e.to-e.from {
						return e.from + n
					}
					n -= e.to - e.from
				}
				return size - 1
			}
			for range flips {
				b := rnd.Int64N(size) // somewhere, also where nothing was written
				if sum > 0 && rnd.IntN(20) > 0 {
					b = at(rnd.Int64N(sum))
				}
				all = append(all, injury{Base: base, File: name, Kind: "flip", At: 8*b + rnd.Int64N(8)})
			}
			for n := range cuts {
				to := rnd.Int64N(size)
				if sum > 0 && n%4 > 0 {
					to = at(rnd.Int64N(sum))
				}
				all = append(all, injury{Base: base, File: name, Kind: "cut", At: to})
			}
			all = append(all, injury{Base: base, File: name, Kind: "empty"}, injury{Base: base, File: name, Kind: "remove"})
			for _, old := range r.files(t, r.old) {
				if filepath.Dir(old) == filepath.Dir(name) && filepath.Ext(old) == filepath.Ext(name) {
					all = append(all, injury{Base: base, File: name, Kind: "old", Old: filepath.Join(r.old, old)})
				}
			}
		}
	}
	return all
}

// seed returns the seed of a test, which is printed when it fails; with
// LENDLOG_SEED it is that of a run before.
func seed(t *testing.T) *rand.Rand {
	t.Helper()
	n := rand.Uint64()
	if s := os.Getenv(seedEnv); s != "" {
		var err error
		if n, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%s=%d", seedEnv, n)
	return rand.New(rand.NewPCG(n, 0))
}

// A worker is a process that examines injuries.
type worker struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr bytes.Buffer
	left   int // injuries until another takes its place: Badger leaks what it can't open
}

func newWorker(scratch string) (*worker, error) {
	w := &worker{cmd: exec.Command(os.Args[0]), left: 100}
	w.cmd.Env = append(os.Environ(), workerEnv+"="+scratch)
	w.cmd.Stderr = &w.stderr
	var err error
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.out = bufio.NewReader(out)
	return w, w.cmd.Start()
}

// examine returns false when the process died or hangs.
func (w *worker) examine(i injury) (o outcome, alive bool) {
	b, err := json.Marshal(i)
	if err != nil {
		return outcome{Wrong: err.Error()}, true
	}
	_, _ = w.in.Write(append(b, '\n'))
	slow := time.AfterFunc(5*time.Minute, func() { _ = w.cmd.Process.Signal(syscall.SIGQUIT) }) // it prints where it hangs
	line, err := w.out.ReadBytes('\n')
	if slow.Stop(); err != nil {
		_ = w.cmd.Wait()
		text := w.stderr.String()
		return outcome{Wrong: "the process died or hung: " + text[:min(len(text), 20000)]}, false
	}
	if err := json.Unmarshal(line, &o); err != nil {
		o.Wrong = err.Error()
	}
	return o, true
}

func (w *worker) close() {
	_ = w.in.Close()
	_ = w.cmd.Wait()
}

// suffer examines all injuries, one in so many with the mending, and reports
// what must not be.
func suffer(t *testing.T, all []injury, mend int) {
	t.Helper()
	var mu sync.Mutex
	count := map[string]int{}
	wrong := 0
	next := make(chan injury)
	var wg sync.WaitGroup
	for n := range 2 {
		scratch := t.TempDir()
		wg.Go(func() {
			var w *worker
			for i := range next {
				if w == nil {
					var err error
					if w, err = newWorker(filepath.Join(scratch, fmt.Sprint(n, rand.Uint32()))); err != nil {
						t.Error(err)
						return
					}
				}
				o, alive := w.examine(i)
				if w.left--; !alive {
					w = nil
				} else if w.left == 0 {
					w.close()
					w = nil
				}
				mu.Lock()
				what := "right"
				switch {
				case o.Wrong != "":
					what = "wrong"
					if wrong++; wrong <= 40 {
						t.Errorf("%v: %s", i, o.Wrong)
					}
				case o.Refused != "":
					what = "refused"
				}
				count[fmt.Sprintf("%-7s %s %s", i.Kind, filepath.Ext("x/"+i.File), what)]++
				mu.Unlock()
			}
			if w != nil {
				w.close()
			}
		})
	}
	for n, i := range all {
		i.Mend = n%mend == 0
		next <- i
	}
	close(next)
	wg.Wait()
	for _, k := range slices.Sorted(maps.Keys(count)) {
		t.Logf("%6d %s", count[k], k)
	}
}

// What rotted in the store does not get into a new mirror.
func TestRotIsNotMirrored(t *testing.T) {
	for _, tt := range []struct {
		name string
		rot  func(*store.Raw, int64, func([]byte) []byte) error
	}{{"entry", (*store.Raw).EditEntry}, {"payload", (*store.Raw).EditPayload}} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t, ledger.CreateOptions{})
			var docs [][]byte
			for i := range 300 {
				docs = append(docs, document("payment.received", "file/A", fmt.Sprint(i), payment(i), nil))
			}
			middle := h.appendAll(docs...)[100].Receipt.Index
			if err := h.close(); err != nil {
				t.Fatal(err)
			}
			mirror := snapshot(t, h, "mirror")
			remove(t, h, "mirror")
			raw, err := store.OpenRaw(filepath.Join(h.dir, "store"))
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(tt.rot(raw, middle, func(b []byte) []byte { b[len(b)/2] ^= 1; return b }), raw.Close()); err != nil {
				t.Fatal(err)
			}
			if err := h.open(); !errors.Is(err, ledger.ErrDamaged) {
				t.Errorf("a new mirror was written from a rotten store: %v", err)
			}
			replace(t, h, "mirror", mirror)
			if _, err := ledger.Repair(t.Context(), h.dir, ledger.Options{}); err != nil {
				t.Fatal(err)
			}
			h.run()
		})
	}
}

// A payload that rots is damaged; it is never said to be erased.
func TestRotIsNoErasure(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	r := h.append(document("payment.received", "file/A", "1", payment(1), nil))
	index := r.Receipt.Index
	payload, err := h.l.Payload(index)
	if err != nil {
		t.Fatal(err)
	}
	rnd := seed(t)
	for range 200 {
		bit := rnd.IntN(8 * min(64, len(payload))) // where it says which keys open it
		flip := func(b []byte) []byte { b[bit/8] ^= 1 << (bit % 8); return b }
		if err := h.l.EditPayload(index, flip); err != nil {
			t.Fatal(err)
		}
		if _, err := h.l.Record(t.Context(), index); !errors.Is(err, ledger.ErrDamaged) {
			t.Errorf("bit %d: %v", bit, err)
		}
		if err := h.l.EditPayload(index, flip); err != nil {
			t.Fatal(err)
		}
	}
}

// Each file of two ledgers is broken in some thirty ways; in the short form, in some
// ways that chance picks.
func TestRot(t *testing.T) {
	r, rnd := newRotten(t), seed(t)
	all := r.injuries(t, rnd, scale.Of(3, 14), 2)
	if !scale.Long {
		rnd.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
		all = all[:min(len(all), 100)]
	}
	suffer(t, all, 5)
}
