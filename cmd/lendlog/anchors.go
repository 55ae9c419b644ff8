// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/config"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/anchor"
	"github.com/lendlog/lendlog/ledger/anchor/ethereum"
	"github.com/lendlog/lendlog/ledger/anchor/timestamp"
)

// maxAnchors bounds an anchors file, and maxTargets the targets in it.
const (
	maxAnchors = 64 << 10
	maxTargets = 16
)

// anchorsFile is what --anchors names.
type anchorsFile struct {
	Targets []anchorTarget `yaml:"targets"`
}

// An anchorTarget is one of the file. One of Ethereum and Timestamp is there.
type anchorTarget struct {
	Name      string            `yaml:"name"`
	Ethereum  *ethereum.Config  `yaml:"ethereum"`
	Timestamp *timestamp.Config `yaml:"timestamp"`
	Every     time.Duration     `yaml:"every"`
	Records   int64             `yaml:"records"`
	Stale     time.Duration     `yaml:"stale"`
	Observe   *time.Duration    `yaml:"observe"` // 1 h where there is a chain; 0 for never
	Poll      time.Duration     `yaml:"poll"`
}

var targetName = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// readAnchors reads an anchors file. Names of files in it are relative to its
// directory.
func readAnchors(path string) (*anchorsFile, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	f, err := parseAnchors(b, filepath.Dir(path))
	if err != nil {
		return nil, usagef("%s: %w", path, err)
	}
	return f, nil
}

func parseAnchors(b []byte, dir string) (*anchorsFile, error) {
	var f anchorsFile
	if err := config.Document(b, maxAnchors, &f); err != nil {
		return nil, err
	}
	switch n := len(f.Targets); {
	case n == 0:
		return nil, errors.New("targets: name at least one")
	case n > maxTargets:
		return nil, fmt.Errorf("targets: name at most %d", maxTargets)
	}
	names := map[string]bool{}
	for i := range f.Targets {
		t := &f.Targets[i]
		if !targetName.MatchString(t.Name) {
			return nil, fmt.Errorf("targets: number %d: name: it takes 1 to 32 of a-z, 0-9 and -", i+1)
		}
		if names[t.Name] {
			return nil, fmt.Errorf("targets: two are named %s", t.Name)
		}
		names[t.Name] = true
		if err := t.validate(dir); err != nil {
			return nil, fmt.Errorf("%s: %w", t.Name, err)
		}
	}
	return &f, nil
}

// validate reports what cannot be meant, and sets what is left out.
func (t *anchorTarget) validate(dir string) error {
	if t.Every == 0 {
		t.Every = 15 * time.Minute
	}
	if t.Stale == 0 {
		t.Stale = 4 * t.Every
	}
	if t.Poll == 0 {
		t.Poll = min(10*time.Second, t.Every)
	}
	switch {
	case (t.Ethereum == nil) == (t.Timestamp == nil):
		return errors.New("say either ethereum or timestamp")
	case t.Every < time.Second:
		return errors.New("every: it is at least 1s")
	case t.Records < 0:
		return errors.New("records: it is not below 0")
	case t.Stale < t.Every:
		return errors.New("stale: it is not below every")
	case t.Poll < 10*time.Millisecond:
		return errors.New("poll: it is at least 10ms")
	case t.Observe != nil && t.Ethereum == nil:
		return errors.New("observe: only a chain has blocks")
	case t.Observe != nil && *t.Observe != 0 && *t.Observe < time.Second:
		return errors.New("observe: it is at least 1s, or 0 for never")
	}
	if t.Ethereum != nil {
		if t.Observe == nil {
			hour := time.Hour
			t.Observe = &hour
		}
		t.Ethereum.Relative(dir)
		if err := t.Ethereum.Validate(); err != nil {
			return fmt.Errorf("ethereum: %w", err)
		}
		return nil
	}
	t.Timestamp.Relative(dir)
	if err := t.Timestamp.Validate(); err != nil {
		return fmt.Errorf("timestamp: %w", err)
	}
	return nil
}

// anchorsDir is where what is remembered of anchors lies in a ledger's directory.
func anchorsDir(dir string) string { return filepath.Join(dir, "anchors") }

// open opens all targets for a ledger in a directory. closing closes them, after
// who uses them has ended; it is never nil.
func (f *anchorsFile) open(l *ledger.Ledger, dir string, logger *slog.Logger) (places []anchor.Place, closing func() error, err error) {
	closing = func() (err error) {
		for _, p := range places {
			err = errors.Join(err, p.Target.Close())
		}
		return err
	}
	for _, t := range f.Targets {
		p := anchor.Place{Every: t.Every, Records: t.Records, Stale: t.Stale, Poll: t.Poll}
		if t.Ethereum != nil {
			p.Kind, p.Testnet, p.Observe = "ethereum", t.Ethereum.Testnet, *t.Observe
			p.Target, err = ethereum.Open(*t.Ethereum, ethereum.Options{
				Name: t.Name, Dir: anchorsDir(dir), Origin: l.Info().Origin, Logger: logger, ConsistencyProof: l.ConsistencyProof,
			})
		} else {
			p.Kind = "timestamp"
			p.Target, err = timestamp.Open(*t.Timestamp, timestamp.Options{Name: t.Name, Dir: anchorsDir(dir), Origin: l.Info().Origin})
		}
		if err != nil {
			return nil, closing, fmt.Errorf("couldn't anchor in %s: %w", t.Name, err)
		}
		places = append(places, p)
	}
	return places, closing, nil
}

// group returns the group that anchors a ledger in all targets. newest is nil
// where there are no witnesses.
func (f *anchorsFile) group(l *ledger.Ledger, dir string, logger *slog.Logger, newest func() []byte) (*anchor.Group, func() error, error) {
	places, closing, err := f.open(l, dir, logger)
	if err != nil {
		return nil, closing, err
	}
	g, err := anchor.New(anchor.Config{Ledger: l, Places: places, Newest: newest, Logger: logger})
	return g, closing, err
}
