// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/vault"
)

// MaxOverlap bounds for how many records the checkpoint keys before a new one go
// on to sign.
const MaxOverlap = 1 << 40

// A Rotated is a key that took over.
type Rotated struct {
	Index int64  // of the record that announces it
	Key   string // its public part, or what commits to it
	File  string // in the directory of keys

	// Of a checkpoint key:
	Until   int64    // the size of the last checkpoint that the keys before it sign
	Retired []string // these
}

// A rotation is something that the sequencer does with the keys, which are its
// alone. failed is an unknown outcome, as of commit.
type rotation struct {
	perform func(*clock) (done Rotated, refused, failed error)
	answer  chan<- rotationAnswer // takes one without waiting
}

type rotationAnswer struct {
	done Rotated
	err  error
}

// RotateCheckpoint gives the ledger another checkpoint key: one of its own, or
// where command is not "" one that this command signs with. It is on disk before
// it is announced. From the checkpoint on that covers its record the keys before
// it go on to sign for overlap more records, for those whose trust files do not
// name the new one yet; then they are over, for ever, and their files may be
// destroyed. A key that was made and not announced, because that was interrupted,
// is taken. The ledger must be running.
func (l *Ledger) RotateCheckpoint(ctx context.Context, command string, overlap int64) (Rotated, error) {
	if overlap < 0 || overlap > MaxOverlap {
		return Rotated{}, fmt.Errorf("the keys before a new one sign for 0 to %d records more", int64(MaxOverlap))
	}
	l.rotating.Lock()
	defer l.rotating.Unlock()
	done, err := l.rotation(ctx, record.TypeKeyChanged, func(c *clock) (Rotated, error, error) { return l.rotateCheckpoint(c, command, overlap) })
	if err != nil {
		return Rotated{}, fmt.Errorf("couldn't give the ledger another checkpoint key: %w", err)
	}
	return done, l.keepTrustFile()
}

// A Custody says who has a new key of the vault. The zero value is whoever has the
// one before.
type Custody struct {
	Command string // keeps it (see package keeper)
	File    bool   // it is in a file of the directory of keys
}

// RotateVault encrypts the bucket keys under another key than before, whoever has
// either. The new one is on disk, or what it is called where a command keeps it, and
// what commits to it in the log, before a file of the vault is encrypted under it;
// the old one is gone from the directory of keys once all are. Where that was
// interrupted, the ledger opens with both, and this goes on. The ledger must be
// running, and takes events meanwhile; no key is made for new persons.
func (l *Ledger) RotateVault(ctx context.Context, to Custody) (Rotated, error) {
	l.rotating.Lock()
	defer l.rotating.Unlock()
	done, err := l.rotateVault(ctx, to)
	if err != nil {
		return Rotated{}, fmt.Errorf("couldn't give the vault another key; run it again: %w", err)
	}
	return done, nil
}

// recordsKeys returns an error where the ledger has no type to record a new key with.
func (l *Ledger) recordsKeys(typ string) error {
	if _, ok := l.Catalogue().Type(typ); !ok {
		return errors.New("the ledger has no type to record a new key with, because an older program made it: run `lendlog types add --builtin` first")
	}
	return nil
}

// rotation has the sequencer perform something with the keys, of which records have
// a type.
func (l *Ledger) rotation(ctx context.Context, typ string, perform func(*clock) (Rotated, error, error)) (Rotated, error) {
	if err := l.recordsKeys(typ); err != nil {
		return Rotated{}, err
	}
	answer := make(chan rotationAnswer, 1)
	select {
	case l.rotations <- rotation{perform, answer}:
	case <-l.stopped:
		return Rotated{}, ErrStopped
	case <-ctx.Done():
		return Rotated{}, ctx.Err()
	}
	a := <-answer // the sequencer has taken it
	return a.done, a.err
}

// rotate performs a rotation. Only the owner of the state may call it.
func (l *Ledger) rotate(r rotation, clock *clock) error {
	if held := l.held.Load(); held != nil {
		r.answer <- rotationAnswer{err: *held}
		return nil
	}
	done, refused, failed := r.perform(clock)
	if failed != nil {
		refused = ErrStopped
	}
	r.answer <- rotationAnswer{done, refused}
	return failed
}

// commitKeys commits the records of keys, in a batch of their own: so the first
// checkpoint that covers one alone has the next size. It is signed as next says.
func (l *Ledger) commitKeys(next *signing, clock *clock, batch ...*Pending) (refused, failed error) {
	before := l.signing
	l.signing = next
	if failed = l.commit(batch, clock); failed != nil {
		return nil, failed
	}
	for _, p := range batch {
		if p.err != nil {
			l.signing = before
			return p.err, nil // as all others of the batch are
		}
	}
	l.known.Store(next)
	return nil, nil
}

func (l *Ledger) rotateCheckpoint(clock *clock, command string, overlap int64) (done Rotated, refused, failed error) {
	key, err := l.newCheckpointKey(command)
	if err != nil {
		return done, err, nil
	}
	before := l.signing.policy
	p, c, statement, err := l.announcement(key, overlap)
	if err != nil {
		return done, err, nil
	}
	later, _, err := before.After(statement)
	if err != nil {
		l.keyring.giveBack(p.keys)
		return done, err, nil
	}
	done = Rotated{Index: c.From - 1, Key: c.Key, File: key.File, Until: c.Until}
	for _, k := range before.Keys {
		if k.May(c.From) {
			done.Retired = append(done.Retired, k.Key)
		}
	}
	refused, failed = l.commitKeys(l.signing.with(KeyRecord{done.Index, forCheckpoints, c.Key}, later), clock, p)
	return done, refused, failed
}

// newCheckpointKey returns a key that is on disk and was never announced.
func (l *Ledger) newCheckpointKey(command string) (k *vault.CheckpointKey, err error) {
	announced := func(verifier string) bool {
		return slices.ContainsFunc(l.signing.policy.Keys, func(k proof.TrustedKey) bool { return k.Key == verifier })
	}
	for _, k := range l.keys.Checkpoints {
		if k.Command == command && !announced(k.Verifier) {
			return k, nil
		}
	}
	if command == "" {
		k, err = vault.NewCheckpointKey(l.conf.Origin)
	} else {
		k, err = vault.ExternalCheckpointKey(l.conf.Origin, command)
	}
	if err != nil {
		return nil, err
	}
	if announced(k.Verifier) {
		return nil, errors.Join(fmt.Errorf("the key %s of this command is one of the ledger's already; have it make another one", keyID(k.Verifier)), k.Close())
	}
	return k, l.do(stepKey, func() error { return l.keys.AddCheckpoint(k) })
}

// announcement prepares the record of a checkpoint key, with its statement.
func (l *Ledger) announcement(key *vault.CheckpointKey, overlap int64) (p *Pending, c proof.KeyChange, statement string, err error) {
	from := l.state.edge.Size + 1
	c = proof.KeyChange{Origin: l.conf.Origin, Key: key.Verifier, From: from, Until: from + overlap}
	signers, err := l.signers(from)
	if err != nil {
		return nil, c, "", err
	}
	if statement, err = c.Sign(signers[len(signers)-1], key); err != nil {
		return nil, c, "", fmt.Errorf("%w: %w", ErrSigner, err)
	}
	p, err = l.keyChanged(forCheckpoints, keyID(c.Key), c.Key,
		canon.Member{Name: "from", Value: canon.Number(c.From)},
		canon.Member{Name: "until", Value: canon.Number(c.Until)},
		canon.Member{Name: "statement", Value: canon.Text(statement)},
	)
	return p, c, statement, err
}

// keyChanged prepares the record of a key, of which there is one for each id.
func (l *Ledger) keyChanged(purpose, id, key string, more ...canon.Member) (*Pending, error) {
	ev, err := l.own(ownEvent{
		typ: record.TypeKeyChanged, subject: keySubject, id: purpose + "/" + id,
		data: canon.Map(append([]canon.Member{
			{Name: "purpose", Value: canon.Text(purpose)},
			{Name: "key", Value: canon.Text(key)},
		}, more...)...),
	})
	if err != nil {
		return nil, err
	}
	return l.prepare(context.Background(), ev, ownSubmitter)
}

// rotateVault may be called with rotating held.
func (l *Ledger) rotateVault(ctx context.Context, to Custody) (done Rotated, err error) {
	select {
	case <-l.stopped:
		return done, ErrStopped // and somebody else may hold the keys soon
	default:
	}
	if err := l.recordsKeys(record.TypeKeyChanged); err != nil {
		return done, err
	}
	next := l.keys.VaultNext
	if next == nil {
		if next, err = l.newVaultKey(to); err == nil {
			err = l.keys.BeginVault(next, l.do)
		}
		if err != nil {
			return done, err
		}
	} else if to.File && next.Command != "" || to.Command != "" && to.Command != next.Command {
		return done, fmt.Errorf("the key in %s is taking over, which has to be finished before: without saying whose the new key is to be", next.File)
	}
	done, err = l.rotation(ctx, record.TypeKeyChanged, func(c *clock) (Rotated, error, error) { return l.announceVault(c, next.Commitment()) })
	if err != nil {
		return done, err
	}
	// The sequencer goes on, for the bucket keys stay what they are.
	l.keyring.growing.Lock()
	defer l.keyring.growing.Unlock()
	done.File, err = l.keys.FinishVault(l.keyring.vault, l.do)
	return done, err
}

// newVaultKey makes a key for the vault, or learns which one a command keeps now.
func (l *Ledger) newVaultKey(to Custody) (*vault.Key, error) {
	before := l.keys.Vault
	if to.Command == "" && !to.File {
		to.Command = before.Command
	}
	if to.Command == "" {
		return vault.NewKey(), nil
	}
	next, err := vault.KeptKey(l.conf.Origin, to.Command)
	if err == nil && before.Command != "" && next.Name == before.Name {
		err = fmt.Errorf("the command still calls the vault's key %.64q: have whoever keeps it make another one", next.Name)
	}
	return next, err
}

// announceVault commits the record of the vault's key, unless the last one of the
// vault is that. Only the owner of the state may call it.
func (l *Ledger) announceVault(clock *clock, key string) (done Rotated, refused, failed error) {
	done.Key = key
	id, last := key, true
	for _, r := range slices.Backward(l.signing.records) {
		switch {
		case r.Purpose != forVault:
			continue
		case r.Key == key && last:
			done.Index = r.Index
			return done, nil, nil
		case r.Key == key: // one that a command keeps can come back
			id = fmt.Sprintf("%s/%d", key, l.state.edge.Size)
		}
		last = false
	}
	p, err := l.keyChanged(forVault, id, key)
	if err != nil {
		return done, err, nil
	}
	done.Index = l.state.edge.Size
	refused, failed = l.commitKeys(l.signing.with(KeyRecord{done.Index, forVault, key}, l.signing.policy), clock, p)
	return done, refused, failed
}
