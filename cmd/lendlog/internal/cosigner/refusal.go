// SPDX-License-Identifier: Apache-2.0

package cosigner

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/replay"
	"github.com/lendlog/lendlog/ledger/store"
)

// The kinds of refusals, by their stable names.
const (
	Lie       = "lie"       // a leaf that cannot stand where it stands
	Fork      = "fork"      // two signed checkpoints of two histories
	Uncovered = "uncovered" // no index-root at the end, nor near it
)

// A Refusal says why a checkpoint that the ledger signed was not cosigned.
type Refusal struct {
	Kind string
	Size int64  // of the checkpoint
	Text string // why, in plain words

	checkpoint []byte // signed
	other      []byte // that it contradicts, signed; nil for none
	fault      *replay.Fault
	leaf       []byte // that the fault is of
	proof      []byte // C2SP tlog-proof that it lies under the checkpoint; nil when there is none
}

// Error implements error.
func (r *Refusal) Error() string { return r.Kind + ": " + r.Text }

// lie makes a refusal of a leaf that cannot stand where it stands.
func (l *ledger) lie(ctx context.Context, f *forest, fault *replay.Fault, leaf, signed []byte) *Refusal {
	r := &Refusal{Kind: Lie, Size: f.Size, Text: fault.Error(), checkpoint: signed, fault: fault, leaf: leaf}
	if p, err := tlog.ProveRecord(f.Size, fault.Index, f.hashes(ctx)); err == nil {
		r.proof = torchwood.FormatProof(fault.Index, p, signed)
	}
	return r
}

const (
	refusedDir = "refused"
	// maxRefused bounds the refusals that are kept of a ledger. One that lies on
	// and on adds nothing.
	maxRefused = 100
)

// accuse notes a refusal, and keeps what shows it, once each. mu is held.
func (l *ledger) accuse(r *Refusal) {
	l.refused = r
	l.count(r)
	dir, fresh, err := l.keep(r)
	switch {
	case err != nil:
		l.log.Error("a checkpoint was refused, and what shows why could not be kept", "origin", l.trust.Origin, "kind", r.Kind, "size", r.Size, "why", proof.Printable(r.Text), "error", err)
	case fresh: // said once
		l.log.Error("a checkpoint was refused", "origin", l.trust.Origin, "kind", r.Kind, "size", r.Size, "why", proof.Printable(r.Text), "evidence", dir)
	}
}

// name is the same for what is the same lie.
func (r *Refusal) name() string {
	if r.fault != nil {
		return fmt.Sprintf("%s-%d", r.Kind, r.fault.Index)
	}
	sum := sha256.Sum256(r.checkpoint)
	return fmt.Sprintf("%s-%d-%x", r.Kind, r.Size, sum[:4])
}

// keep writes a refusal into a directory of its own, durably, unless it is
// there, which fresh reports, or there are too many.
func (l *ledger) keep(r *Refusal) (dir string, fresh bool, err error) {
	parent := filepath.Join(l.dir, refusedDir)
	dir = filepath.Join(parent, r.name())
	if _, err := os.Stat(filepath.Join(dir, readmeFile)); err == nil {
		return dir, false, nil
	}
	if list, err := os.ReadDir(parent); err == nil && len(list) >= maxRefused {
		return "", false, fmt.Errorf("%d refusals are kept already", len(list))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", false, err
	}
	b, err := json.MarshalIndent(refusalDoc{r.Kind, r.Size, r.Text, l.now().UTC().Format("2006-01-02T15:04:05Z")}, "", "  ")
	if err != nil {
		return "", false, err
	}
	for _, x := range []struct {
		name string
		data []byte
	}{
		{"checkpoint.txt", r.checkpoint}, {"other.txt", r.other}, {"newest.txt", l.newest.signed}, {"trust.json", l.pinned},
		{"leaf.json", r.leaf}, {"leaf.tlog-proof", r.proof}, {"refusal.json", append(b, '\n')},
		{readmeFile, []byte(r.readme(l.source.prefix))}, // last: with it, all is there
	} {
		if x.data == nil {
			continue
		}
		if err := l.write(filepath.Join(dir, x.name), x.data, 0o600); err != nil {
			return "", false, err
		}
	}
	return dir, true, errors.Join(store.SyncDir(parent), store.SyncDir(l.dir))
}

const readmeFile = "README.txt"

type refusalDoc struct {
	Kind string `json:"kind"`
	Size int64  `json:"size"` // of the checkpoint
	Text string `json:"text"`
	Time string `json:"time"` // when it was first refused, by the witness' clock
}

// readme says in plain words what the files show, and how anybody sees it.
func (r *Refusal) readme(prefix string) string {
	s := "REFUSED: " + r.Kind + "\n\n" + proof.Printable(r.Text) + "\n\ncheckpoint.txt is signed by the ledger's key and was not cosigned; newest.txt, where it is\nthere, is what this witness had cosigned last. The tiles were read at\n" + prefix + "\n\n"
	switch r.Kind {
	case Fork:
		s += "other.txt is signed by the same key. One log cannot have both trees: there is no proof\nthat the larger one continues the smaller. An audit of whatever the ledger shows, held\nagainst both, says INVALID, check outside (exit code 3):\n"
	case Lie:
		s += "leaf.json is the leaf, byte for byte, and leaf.tlog-proof a C2SP proof that it lies under\nthe checkpoint: the ledger's key signed for it. That it is wrong where it stands is seen by\nwhoever reads the log up to it, as an audit does (INVALID, exit code 3):\n"
	case Uncovered:
		s += "That is not a lie. The ledger has to append an index-root, as lendlog does by itself, and\nask again. An audit shows the leaves:\n"
	}
	audit := "    lendlog audit --server URL --trust trust.json --checkpoint checkpoint.txt"
	if r.other != nil {
		audit += " --checkpoint other.txt"
	}
	return s + "\n" + audit + "\n"
}

// refusals returns the names of the refusals that are kept.
func (l *ledger) refusals() ([]string, error) {
	list, err := os.ReadDir(filepath.Join(l.dir, refusedDir))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	names := []string{}
	for _, d := range list {
		names = append(names, d.Name())
	}
	return names, err
}
