// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/tree"
	"github.com/lendlog/lendlog/ledger/vault"
)

// A ledger begins with one checkpoint key, which its genesis record names. Another
// one is announced by a record, under a checkpoint that both sign; both sign for a
// while, and then the new one alone. So of every size it stands in the log which
// keys sign it, and a crash at any moment leaves a ledger that knows it.

// keySubject is the subject of all records of new keys.
const keySubject = "ledger/keys"

// What a new key is for.
const (
	forCheckpoints = "checkpoint"
	forVault       = "vault"
	forSubmitter   = "submitter" // whose own it is
)

// A KeyRecord is a record that announces a key.
type KeyRecord struct {
	Index   int64
	Purpose string // checkpoint or vault
	Key     string // its public part, or what commits to it
}

// provisional is a signing that believes every checkpoint key at hand. By it a
// ledger is opened as far as the records that say which of them it is to believe.
func provisional(origin string, keys vault.Keys) *signing {
	t := &proof.Trust{Origin: origin}
	for _, k := range keys.Checkpoints {
		t.Keys = append(t.Keys, proof.TrustedKey{Key: k.Verifier})
	}
	return &signing{policy: t}
}

// A signing is which keys sign which sizes and which events, and the records that
// say so.
type signing struct {
	policy     *proof.Trust
	records    []KeyRecord
	submitters []proof.SubmitterKey // in the order of the records that add them
}

// with returns what holds once a record is committed.
func (s *signing) with(r KeyRecord, policy *proof.Trust) *signing {
	return &signing{policy, append(slices.Clone(s.records), r), s.submitters}
}

// openNote verifies one of our own checkpoints.
func (l *Ledger) openNote(signed []byte) (tree.Checkpoint, error) {
	return l.known.Load().policy.OpenCheckpoint(signed)
}

// signCheckpoint signs a checkpoint with the keys that may sign its size. One that is
// not at hand any more signs nothing, but for the last one.
func (l *Ledger) signCheckpoint(cp tree.Checkpoint) ([]byte, error) {
	signers, err := l.signers(cp.Size)
	if err != nil {
		return nil, err
	}
	return cp.Sign(signers...)
}

// signers returns the keys that sign checkpoints of a size, the newest last.
func (l *Ledger) signers(size int64) (list []note.Signer, err error) {
	keys := l.signing.policy.Keys
	for i, k := range keys {
		if !k.May(size) {
			continue
		}
		held := l.checkpointKey(k.Key)
		switch last := i == len(keys)-1; {
		case held != nil:
			list = append(list, held)
		case last:
			return nil, fmt.Errorf("the checkpoint key %s is not in %s; put it back", keyID(k.Key), l.conf.Paths.Keys)
		}
	}
	return list, nil
}

// checkpointKey returns the key of a verifier key, nil where it is not at hand.
func (l *Ledger) checkpointKey(verifier string) *vault.CheckpointKey {
	for _, k := range l.keys.Checkpoints {
		if k.Verifier == verifier {
			return k
		}
	}
	return nil
}

// keyID is the part of a verifier key that names it.
func keyID(verifier string) string {
	parts := strings.SplitN(verifier, "+", 3)
	return parts[min(1, len(parts)-1)]
}

// founding is the policy that believes the keys of the genesis record.
func (l *Ledger) founding() *proof.Trust {
	t := &proof.Trust{Origin: l.conf.Origin, Genesis: l.params.genesis, VRF: l.keys.VRF.Public()}
	for _, k := range l.params.checkpointKeys {
		t.Keys = append(t.Keys, proof.TrustedKey{Key: k})
	}
	return t
}

// readKeys learns from the records which keys sign which sizes, and holds the
// ledger's own checkpoints against that: the store's, and the published one.
func (l *Ledger) readKeys(ctx context.Context, notes ...[]byte) error {
	known := &signing{policy: l.founding()}
	err := l.eachOf(ctx, keySubject, func(index int64, lf leaf) error {
		switch lf.Entry.Type {
		case record.TypeSubmitterKey:
			later, err := known.withSubmitter(index, lf.Entry.Open)
			if err != nil {
				return fmt.Errorf("the submitter's key in record %d %w: %w", index, err, ErrDamaged)
			}
			known = later
			return nil
		case record.TypeKeyChanged:
		default:
			return nil
		}
		text := func(name string) string { v, _ := lf.Entry.Open.Get(name); return v.Str }
		r, later := KeyRecord{Index: index, Purpose: text("purpose"), Key: text("key")}, known.policy
		if r.Purpose == forCheckpoints {
			var c proof.KeyChange
			var err error
			if later, c, err = known.policy.After(text("statement")); err != nil || later == known.policy || c.From != index+1 || c.Key != r.Key {
				return fmt.Errorf("the new key in record %d is not announced as it has to be: %w", index, errors.Join(err, ErrDamaged))
			}
		}
		known = known.with(r, later)
		return nil
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	l.signing = known
	l.known.Store(known)
	for _, signed := range notes {
		if _, err := l.openNote(signed); err != nil {
			return fmt.Errorf("a checkpoint of the ledger is signed with a key in %s that no record announces, or that may not sign it: %w", l.conf.Paths.Keys, err)
		}
	}
	if _, err := l.signers(l.state.head.Size + 1); err != nil {
		return err
	}
	return l.keepTrustFile()
}

// keepTrustFile has the trust file in the ledger's directory name the keys that
// there are. One that names them is left as it is, and so is all else in it.
func (l *Ledger) keepTrustFile() error {
	now := l.Trust()
	if len(now.Keys) == len(l.params.checkpointKeys) {
		return nil // no key was ever announced
	}
	path := filepath.Join(l.dir, trustFile)
	if b, err := os.ReadFile(path); err == nil {
		t, err := proof.ParseTrust(b)
		if err != nil || t.Genesis != now.Genesis {
			l.opt.Logger.Warn("the trust file in the ledger's directory is not this ledger's, and is left as it is", "path", path)
			return nil
		}
		t.Keys = now.Keys
		if string(t.Bytes()) == string(b) || len(t.Unsupported) > 0 {
			return nil
		}
		now = t
	}
	return store.WriteFile(path, now.Bytes(), 0o644)
}

// KeyRecords returns the records that announce keys, in their order.
func (l *Ledger) KeyRecords() []KeyRecord { return l.known.Load().records }
