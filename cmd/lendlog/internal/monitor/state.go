// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/store"
)

// The files of a state directory, beside the lock and the evidence.
const (
	stateFile   = "newest.json"
	genesisFile = "genesis.evidence.json"
	keysFile    = "keys.evidence.json" // which shows who announced keys that the trust file lacks
	// daysDir keeps the last checkpoint of each day (UTC) on which one came,
	// YYYY-MM-DD.txt, to compare with what others hold.
	daysDir = "days"
	// cosignedFile is the newest checkpoint that a quorum of the trust file's
	// witnesses was seen to have cosigned.
	cosignedFile = "cosigned.txt"
)

const stateFormat = "lendlog-monitor/1"

// seen is what a monitor knows from one run to the next. As it has the member
// checkpoint, `lendlog audit --checkpoint` takes the file.
type seen struct {
	V          string    `json:"v"`
	Checkpoint string    `json:"checkpoint"` // the newest that was accepted, signed
	Seen       time.Time `json:"seen"`       // when it was accepted
	Shown      time.Time `json:"shown"`      // when it was last the server's newest
	Began      time.Time `json:"began"`      // when the first was accepted
	// Witnessed is by when a quorum of the trust file's witnesses had cosigned the
	// newest checkpoint that one was seen to have; absent until there is one.
	Witnessed *time.Time `json:"witnessed,omitempty"`
	Promise   int64      `json:"promiseSeconds,omitempty"` // that the genesis record gives, once that was read
	New       *newcomer  `json:"new,omitempty"`            // whose time is still to be looked at
	Stalled   bool       `json:"stalled,omitempty"`        // it was told that this checkpoint is too old
}

// A newcomer is a record that was not there yet at a time.
type newcomer struct {
	First int64     `json:"first"`
	After time.Time `json:"after"`
}

func parseSeen(b []byte) (s seen, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return s, errors.New("it goes on after its end")
	}
	switch {
	case s.V != stateFormat:
		return s, fmt.Errorf("it is of format %q, not %s", s.V, stateFormat)
	case s.Promise < 0 || s.Promise > 1<<31:
		return s, errors.New("promiseSeconds is no number of seconds")
	case s.New != nil && s.New.First < 0:
		return s, errors.New("new names no record")
	}
	return s, nil
}

// state is seen on disk. It implements client.Memory: a checkpoint is on disk
// before anything is made of it.
type state struct {
	seen
	dir   string
	trust *proof.Trust
	now   func() time.Time
	size  int64 // of Checkpoint
	// under is the newest checkpoint when evidence of the first record was asked
	// for last: it may be under an older one, which witnesses cosigned.
	under string
}

func loadState(dir string, trust *proof.Trust, now func() time.Time) (*state, error) {
	s := &state{dir: dir, trust: trust, now: now}
	b, err := os.ReadFile(s.path(stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	if s.seen, err = parseSeen(b); err != nil {
		return nil, fmt.Errorf("couldn't read %s: %w; put it back from a copy, or begin in another directory and keep this one", s.path(stateFile), err)
	}
	if b, err := os.ReadFile(s.path(keysFile)); err == nil {
		e, err := proof.ParseEvidence(b)
		if err != nil {
			return nil, fmt.Errorf("couldn't read %s: %w; put it back from a copy, or remove it and give a trust file of today", s.path(keysFile), err)
		}
		s.trust, _ = trust.Announced(e.Records)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	cp, err := s.trust.OpenCheckpoint([]byte(s.Checkpoint))
	if err != nil {
		return nil, fmt.Errorf("%s is of a ledger that the trust file does not name: %w", s.path(stateFile), err)
	}
	s.size = cp.Size
	if b, err := os.ReadFile(s.path(genesisFile)); err == nil {
		if e, err := proof.ParseEvidence(b); err == nil {
			s.under = string(e.Checkpoint)
		}
	}
	return s, nil
}

// announced follows what evidence shows to be announced, and keeps it.
func (s *state) announced(e *proof.Evidence) error {
	later, _ := s.trust.Announced(e.Records)
	if err := store.WriteFile(s.path(keysFile), e.Bytes(), 0o600); err != nil {
		return err
	}
	s.trust = later
	return nil
}

func (s *state) path(name string) string { return filepath.Join(s.dir, name) }

func (s *state) bytes() ([]byte, error) {
	b, err := json.MarshalIndent(s.seen, "", "  ")
	return append(b, '\n'), err
}

func (s *state) write() error {
	b, err := s.bytes()
	if err != nil {
		return err
	}
	return store.WriteFile(s.path(stateFile), b, 0o600)
}

// Load implements client.Memory.
func (s *state) Load(context.Context) ([]byte, error) {
	if s.Checkpoint == "" {
		return nil, nil
	}
	return []byte(s.Checkpoint), nil
}

// Save implements client.Memory.
func (s *state) Save(_ context.Context, note []byte) error {
	cp, err := s.trust.OpenCheckpoint(note)
	if err != nil {
		return err
	}
	now := s.now().UTC()
	if s.Checkpoint != "" && s.New == nil && cp.Size > s.size {
		s.New = &newcomer{s.size, s.Shown}
	}
	if s.Checkpoint == "" {
		s.Began = now
	}
	s.V, s.Checkpoint, s.size = stateFormat, string(note), cp.Size
	s.Seen, s.Shown = now, now
	if s.trust.Witnesses == nil {
		s.Stalled = false
	}
	if err := s.write(); err != nil {
		return err
	}
	if err := os.MkdirAll(s.path(daysDir), 0o700); err != nil {
		return err
	}
	return store.WriteFile(filepath.Join(s.path(daysDir), now.Format(time.DateOnly)+".txt"), note, 0o600)
}

// shown notes that a checkpoint of a size is the server's newest now.
func (s *state) shown(size int64) error {
	if size != s.size {
		return nil // it has grown since
	}
	s.Shown = s.now().UTC()
	return s.write()
}

func (s *state) evidenceOf(note []byte) bool { return s.under == string(note) }

// begins keeps evidence of the first record, asked for under a checkpoint.
func (s *state) begins(e *proof.Evidence, newest []byte, promise int64) error {
	if err := store.WriteFile(s.path(genesisFile), e.Bytes(), 0o600); err != nil {
		return err
	}
	s.under = string(newest)
	if s.Promise == promise {
		return nil
	}
	s.Promise = promise
	return s.write()
}

// clocked notes that the times of all records below an index were looked at.
func (s *state) clocked(index int64) error {
	if index >= s.size {
		s.New = nil
	} else {
		s.New.First = index
	}
	return s.write()
}

func (s *state) stall() error {
	if s.Stalled {
		return nil
	}
	s.Stalled = true
	return s.write()
}

// cosigned notes by when a quorum had cosigned a checkpoint.
func (s *state) cosigned(note []byte, at time.Time) error {
	if s.Witnessed != nil && !at.After(*s.Witnessed) {
		return nil
	}
	if err := store.WriteFile(s.path(cosignedFile), note, 0o600); err != nil {
		return err
	}
	at = at.UTC()
	s.Witnessed, s.Stalled = &at, false
	return s.write()
}
