// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"strings"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/story"
	"github.com/lendlog/lendlog/ledger/tree"
)

// Stories implements Ledger.
func (l *local) Stories(ctx context.Context, sel ledger.Selection, progress func(step string, done, total int64)) (string, iter.Seq2[*story.Story, error], error) {
	head := l.Head()
	return string(head.Note), l.Ledger.Stories(ctx, head, sel, func(done, total int64) { progress("reading the ledger", done, total) }), nil
}

// Stories implements Ledger. It hashes the whole log and counts the records of
// each subject in it, so that the server can leave none out. A key that opens some
// fields only is refused before it has looked at anything, as where the server reads
// all stories.
func (r *remote) Stories(ctx context.Context, sel ledger.Selection, progress func(step string, done, total int64)) (string, iter.Seq2[*story.Story, error], error) {
	if err := r.whole(ctx); err != nil {
		return "", nil, err
	}
	cp, err := r.Checkpoint(ctx)
	if err != nil {
		return "", nil, classify(err)
	}
	return string(cp.Note), func(yield func(*story.Story, error) bool) {
		found, err := r.triggers(ctx, cp, sel, func(done int64) { progress("reading the log", done, cp.Size) })
		if err != nil {
			yield(nil, classify(err))
			return
		}
		for i, t := range found {
			progress("reading subjects", int64(i), int64(len(found)))
			s, err := r.story(ctx, cp, t)
			if !yield(s, classify(err)) || err != nil {
				return
			}
		}
	}, nil
}

// whole refuses a key that does not open all that is sealed.
func (r *remote) whole(ctx context.Context) error {
	fields, err := r.Fields(ctx)
	if err == nil && fields != nil {
		return fmt.Errorf("this key opens %s only, and that takes all that is sealed: use one that was granted without fields", strings.Join(fields, ", "))
	}
	return classify(err)
}

// a trigger is the first record of a subject that a selection is triggered by.
type trigger struct {
	index int64
	count int64 // of the records of the subject under the checkpoint
}

// garbled is what a server ends with whose log is not the one that it signed.
func garbled(format string, args ...any) error {
	return &classed{ErrUntrusted, fmt.Errorf("the server's log is not the one that it signed: "+format, args...)}
}

// triggers reads and verifies the whole log.
func (r *remote) triggers(ctx context.Context, cp client.Checkpoint, sel ledger.Selection, progress func(done int64)) ([]trigger, error) {
	var edge tree.Edge
	var found []trigger
	var terms [][32]byte // of those found
	called := map[[32]byte]bool{}
	counts := map[[32]byte]int64{}
	log := r.Log()
	for edge.Size < cp.Size {
		progress(edge.Size)
		width := min(tree.Width, cp.Size-edge.Size)
		bundle, err := log.EntryBundle(ctx, edge.Size/tree.Width, int(width))
		if err != nil {
			return nil, err
		}
		for end := edge.Size + width; edge.Size < end; {
			if len(bundle) < 2 || len(bundle)-2 < int(binary.BigEndian.Uint16(bundle)) {
				return nil, garbled("what should hold record %d is cut short", edge.Size)
			}
			var entry []byte
			length := 2 + int(binary.BigEndian.Uint16(bundle))
			entry, bundle = bundle[2:length], bundle[length:]
			leaf, err := record.ParseLeaf(entry)
			if err != nil {
				return nil, garbled("record %d: %w", edge.Size, err)
			}
			if e := leaf.Entry; e != nil {
				counts[e.Term]++
				if sel.Triggers(e.Type) && !called[e.Term] {
					called[e.Term] = true
					found, terms = append(found, trigger{index: edge.Size}), append(terms, e.Term)
				}
			}
			edge.Append(tree.LeafHash(entry))
		}
	}
	root, err := tree.View{Edge: edge}.RootAt(cp.Size)
	if err != nil || root != cp.Root {
		return nil, garbled("it hashes to another root")
	}
	for i := range found {
		found[i].count = counts[terms[i]]
	}
	return found, nil
}

// timelineStep is how many records of a subject are asked for at a time.
const timelineStep = 256

// story reads the story of the subject of a record.
func (r *remote) story(ctx context.Context, cp client.Checkpoint, t trigger) (*story.Story, error) {
	rec, err := r.Client.Record(ctx, t.index)
	if err != nil {
		return nil, err
	}
	subject := show(rec).Subject
	kind, id, ok := strings.Cut(subject, "/")
	if !ok {
		return nil, fmt.Errorf("the subject of record %d cannot be read any more, so a server cannot be asked for it: ask on its machine, with --dir", t.index)
	}
	var records []story.Record
	for from := int64(1); from <= t.count; from += timelineStep {
		page, err := r.Client.Timeline(ctx, kind, id, from, min(timelineStep, t.count-from+1))
		if err != nil {
			return nil, err
		}
		for _, rec := range page.Records {
			if rec.Index >= cp.Size {
				return nil, garbled("the timeline that has record %d is another", t.index)
			}
			if told, ok := rec.Story(); ok && rec.Leaf.Entry.Type != record.TypeRestricted {
				records = append(records, told)
			}
		}
		if int64(len(page.Records)) != min(timelineStep, t.count-from+1) {
			return nil, garbled("the timeline that has record %d lacks some", t.index)
		}
	}
	return story.New(subject, records), nil
}
