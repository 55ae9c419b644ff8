// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
)

// A submitter whose public keys stand in the log signs its events. A key counts
// from the index of the record that adds it to the index of the one that retires
// it; both lie in batches without events, so of every event it stands in the log
// which keys may sign it.

// What becomes of a submitter's key.
const (
	added   = "added"
	retired = "retired"
)

// A SubmitterChange is what is done with the keys of a submitter, at once: others
// are retired when one is added, or the other way round, or neither.
type SubmitterChange struct {
	Submitter string           // the id that entries name
	Add       crypto.PublicKey // as of a proof.SubmitterKey; nil adds none
	Retire    []string         // thumbprints
	Reason    string           // a code for why they are retired; "" for none
	By        string           // the id of a grant, or Local
}

var (
	submitterID = regexp.MustCompile(`^[!-~]{1,64}$`)
	plainCode   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
)

// Check says in plain words what is wrong with a change, whatever keys there are.
func (c *SubmitterChange) Check() error {
	switch {
	case !submitterID.MatchString(c.Submitter):
		return errors.New("the id of a submitter is 1 to 64 printable ASCII characters without space: that of its grant")
	case c.Submitter == ownSubmitter:
		return fmt.Errorf("%s is the submitter of the ledger's own records, which are not signed", ownSubmitter)
	case c.Add == nil && len(c.Retire) == 0:
		return errors.New("no key is named that is to be added or retired")
	case c.Reason != "" && !plainCode.MatchString(c.Reason):
		return errors.New("why a key is retired is a code such as rotated or stolen, which stands openly in the ledger")
	case c.Reason != "" && len(c.Retire) == 0:
		return errors.New("a reason is given for retiring keys, and none is retired")
	}
	return nil
}

// ChangeSubmitterKeys records that keys of a submitter are added and retired. From
// then on its events have to be signed, with one that counts; once none does they
// need not be, and then they may not. What holds already is not recorded again. It
// returns all keys that the submitter ever had. ErrNoSubmitterKey and ErrRetired are
// about a key that is named. The ledger must be running.
func (l *Ledger) ChangeSubmitterKeys(ctx context.Context, c SubmitterChange) ([]proof.SubmitterKey, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	_, err := l.rotation(ctx, record.TypeSubmitterKey, func(clock *clock) (done Rotated, refused, failed error) {
		refused, failed = l.changeSubmitter(&c, clock)
		return done, refused, failed
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't change the keys of submitter %s: %w", c.Submitter, err)
	}
	return slices.DeleteFunc(l.SubmitterKeys(), func(k proof.SubmitterKey) bool { return k.ID != c.Submitter }), nil
}

// SubmitterKeys returns all keys of submitters that the ledger has a record of, in
// the order of these, with the ranges in which they count.
func (l *Ledger) SubmitterKeys() []proof.SubmitterKey {
	return slices.Clone(l.known.Load().submitters)
}

func (l *Ledger) changeSubmitter(c *SubmitterChange, clock *clock) (refused, failed error) {
	next, events, err := l.submitterEvents(c)
	if err != nil || len(events) == 0 {
		return err, nil
	}
	batch := make([]*Pending, 0, len(events))
	for _, ev := range events {
		p, err := l.prepare(context.Background(), ev, ownSubmitter)
		if err != nil {
			for _, p := range batch {
				l.keyring.giveBack(p.keys)
			}
			return err, nil
		}
		batch = append(batch, p)
	}
	return l.commitKeys(next, clock, batch...)
}

// submitterEvents returns the records that a change takes, and what holds with them.
func (l *Ledger) submitterEvents(c *SubmitterChange) (next *signing, events []*record.Event, err error) {
	next = l.signing
	change := func(what string, key crypto.PublicKey) error {
		name := proof.Thumbprint(key)
		data := []canon.Member{
			{Name: "submitter", Value: canon.Text(c.Submitter)},
			{Name: "change", Value: canon.Text(what)},
			{Name: "jwk", Value: proof.JWK(key)},
			{Name: "by", Value: canon.Text(c.By)},
		}
		if what == retired && c.Reason != "" {
			data = append(data, canon.Member{Name: "reason", Value: canon.Text(c.Reason)})
		}
		ev, err := l.own(ownEvent{
			typ: record.TypeSubmitterKey, subject: keySubject,
			id: "submitter/" + c.Submitter + "/" + name + "/" + what, data: canon.Map(data...),
		})
		if err != nil {
			return err
		}
		if next, err = next.withSubmitter(l.state.edge.Size+int64(len(events)), ev.Data); err != nil {
			return fmt.Errorf("the key %s %w", name, err)
		}
		events = append(events, ev)
		return nil
	}
	if c.Add != nil {
		name := proof.Thumbprint(c.Add)
		switch i := next.submitter(c.Submitter, name); {
		case slices.Contains(c.Retire, name):
			return nil, nil, errors.New("one key is both added and retired")
		case i >= 0 && next.submitters[i].Until != 0:
			return nil, nil, fmt.Errorf("the key %s: %w", name, ErrRetired)
		case i < 0:
			if err := change(added, c.Add); err != nil {
				return nil, nil, err
			}
		}
	}
	for _, name := range c.Retire {
		i := next.submitter(c.Submitter, name)
		if i < 0 {
			return nil, nil, fmt.Errorf("the key %s of this submitter: %w", name, ErrNoSubmitterKey)
		}
		if k := next.submitters[i]; k.Until == 0 {
			if err := change(retired, k.Key); err != nil {
				return nil, nil, err
			}
		}
	}
	return next, events, nil
}

// submitter returns where the key of that thumbprint stands, -1 for nowhere.
func (s *signing) submitter(id, thumbprint string) int {
	return slices.IndexFunc(s.submitters, func(k proof.SubmitterKey) bool {
		return k.ID == id && proof.Thumbprint(k.Key) == thumbprint
	})
}

// withSubmitter returns what holds once the record with that index and these open
// members is committed. What its error says follows the name of the key.
func (s *signing) withSubmitter(index int64, open canon.Value) (*signing, error) {
	jwk, _ := open.Get("jwk")
	id, _ := open.Get("submitter")
	change, _ := open.Get("change")
	key, err := proof.ParseJWK(jwk)
	if err != nil {
		return nil, fmt.Errorf("can't be read: %w", err)
	}
	next := &signing{s.policy, s.records, slices.Clone(s.submitters)}
	switch i := s.submitter(id.Str, proof.Thumbprint(key)); {
	case change.Str == added && i < 0:
		next.submitters = append(next.submitters, proof.SubmitterKey{ID: id.Str, Key: key, From: index})
	case change.Str == retired && i >= 0 && s.submitters[i].Until == 0:
		next.submitters[i].Until = index
	default:
		return nil, errors.New("can't be " + change.Str + " after the records before")
	}
	return next, nil
}

// signed returns nil where an event may be taken for its signature: any of a
// submitter that never had a key, one that a key that counts has signed, and one
// that is not signed where none counts.
func (s *signing) signed(ev *record.Event, origin, submitter string) error {
	if submitter == ownSubmitter {
		return nil
	}
	var counting []proof.SubmitterKey
	had := false
	for _, k := range s.submitters {
		if k.ID != submitter {
			continue
		}
		had = true
		if k.Until == 0 {
			counting = append(counting, k)
		}
	}
	wrong := func(code, format string, args ...any) error {
		return record.Violations{{Pointer: "/signature", Code: code, Message: fmt.Sprintf(format, args...)}}
	}
	switch {
	case !had, len(counting) == 0 && ev.Signature == "":
		return nil
	case len(counting) == 0:
		return wrong(record.CodeSignature, "is of a submitter whose keys are all retired, so nobody could verify it; leave it out, or have an administrator announce the key that made it (lendlog keys rotate submitter --id %s)", submitter)
	case ev.Signature == "":
		return wrong(record.CodeRequired, "is missing: submitter %s signs its events, since record %d; sign it with the key %s", submitter, counting[0].From, thumbprints(counting))
	}
	// Whatever the index will be, these count there.
	if err := proof.SignedBy(counting, counting[len(counting)-1].From, ev.Document(), ev.Signature, origin, submitter); err != nil {
		return wrong(record.CodeSignature, "does not verify: %v; sign it as submitter %s, for the ledger %s, with the key %s, or have an administrator announce the key that made it", err, submitter, origin, thumbprints(counting))
	}
	return nil
}

// thumbprints names keys in a message.
func thumbprints(keys []proof.SubmitterKey) (names string) {
	for i, k := range keys {
		if i > 0 {
			names += " or "
		}
		names += proof.Thumbprint(k.Key)
	}
	return names
}
