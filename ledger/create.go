// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/keeper"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/term"
	"github.com/lendlog/lendlog/ledger/tree"
	"github.com/lendlog/lendlog/ledger/vault"
)

// Paths are the directories of a ledger. What is lost or taken together with
// the store protects it less, so Keys, Vault, Head and Mirror belong on other
// volumes.
type Paths struct {
	Store  string `json:"store,omitempty"`  // the Badger database
	Keys   string `json:"keys,omitempty"`   // the ledger's own keys
	Vault  string `json:"vault,omitempty"`  // the bucket keys
	Head   string `json:"head,omitempty"`   // the last published checkpoint, and the lock
	Mirror string `json:"mirror,omitempty"` // the copy that repair reads
}

// absolute makes what is named independent of the working directory.
func (p Paths) absolute() (_ Paths, err error) {
	for _, path := range []*string{&p.Store, &p.Keys, &p.Vault, &p.Head, &p.Mirror} {
		if *path == "" {
			continue
		}
		if *path, err = filepath.Abs(*path); err != nil {
			return Paths{}, err
		}
	}
	return p, nil
}

// withDefaults puts what is not named into dir.
func (p Paths) withDefaults(dir string) (Paths, error) {
	for _, f := range []struct {
		path *string
		name string
	}{{&p.Store, "store"}, {&p.Keys, "keys"}, {&p.Vault, "vault"}, {&p.Head, "head"}, {&p.Mirror, "mirror"}} {
		if *f.path == "" {
			*f.path = filepath.Join(dir, f.name)
		}
	}
	return p.absolute()
}

// Warnings says which of the paths share a volume with the store.
func (p Paths) Warnings() []string {
	var shared []string
	for _, f := range []struct{ path, what string }{
		{p.Keys, "keys"}, {p.Vault, "vault"}, {p.Head, "head file"}, {p.Mirror, "mirror"},
	} {
		if store.SameVolume(p.Store, f.path) {
			shared = append(shared, f.what)
		}
	}
	if shared == nil {
		return nil
	}
	return []string{"on the same volume as the store: " + strings.Join(shared, ", ") + "; what takes one takes all of them"}
}

// config is D/lendlog.json: where the parts of the ledger are. It holds no
// secret, and nothing that the genesis record does not pin matters to proofs.
// On disk a part that lies in D is not named, so that a copy of D is a ledger
// of its own.
type config struct {
	V         string `json:"v"`
	Origin    string `json:"origin"`
	PublicLog bool   `json:"publicLog"`
	Paths     Paths  `json:"paths"`
}

const (
	configFile   = "lendlog.json"
	configFormat = "lendlog-dir/1"
	trustFile    = "trust.json"
)

// CreateOptions are the parameters of a new ledger. Origin is required; the
// others have defaults. They stand in the genesis record and cannot be
// changed.
type CreateOptions struct {
	Origin          string
	Paths           Paths         // default: subdirectories of the ledger's directory
	PublicLog       bool          // tiles may be read by anybody
	LateAfter       time.Duration // a live record older than this is late; default 24 h
	WitnessInterval time.Duration // longest promised time between witnessed checkpoints; default 24 h
	Now             func() time.Time
	// Signer is the command that holds the checkpoint key and signs with it (see
	// package signer); "" for a key in Paths.Keys.
	Signer string
	// VaultCommand is the command that keeps the vault's key (see package keeper);
	// "" for a key in Paths.Keys.
	VaultCommand string
	// Catalogue holds the types that the ledger begins with; default
	// record.Builtin. The ledger's own must be among them.
	Catalogue *record.Catalogue
}

// indexKeyCommitment is what the genesis record says of the index key.
func indexKeyCommitment(key [32]byte) string {
	sum := sha256.Sum256(append([]byte("lendlog/index-key"), key[:]...))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Create makes a new ledger in dir, which must be empty or absent: its keys,
// its genesis record as leaf 0, the schemas of its catalogue, and the trust
// file D/trust.json. It never touches an existing ledger.
func Create(ctx context.Context, dir string, o CreateOptions) (err error) {
	if err := tree.ValidOrigin(o.Origin); err != nil {
		return err
	}
	if o.LateAfter == 0 {
		o.LateAfter = 24 * time.Hour
	}
	if o.WitnessInterval == 0 {
		o.WitnessInterval = 24 * time.Hour
	}
	if o.LateAfter < time.Second || o.WitnessInterval < time.Second {
		return errors.New("the limits of the genesis record are at least one second")
	}
	conf := config{V: configFormat, Origin: o.Origin, PublicLog: o.PublicLog}
	given, err := o.Paths.absolute()
	if err != nil {
		return err
	}
	if conf.Paths, err = given.withDefaults(dir); err != nil {
		return err
	}
	parts := []string{conf.Paths.Store, conf.Paths.Keys, conf.Paths.Vault, conf.Paths.Head, conf.Paths.Mirror}
	for _, d := range parts {
		names, err := os.ReadDir(d)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		if len(names) > 0 {
			return fmt.Errorf("%s is not empty: a ledger is created once, and never over another; name another directory, or empty this one if it holds only what an interrupted `lendlog init` left", d)
		}
	}
	for _, d := range append([]string{dir}, parts...) {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return err
		}
	}
	keys, verifier, err := vault.GenerateKeys(o.Origin)
	if err == nil && o.Signer != "" {
		verifier, err = keys.SignedBy(o.Origin, o.Signer)
	}
	if err == nil && o.VaultCommand != "" {
		err = keys.KeptBy(o.Origin, o.VaultCommand)
	}
	if err != nil {
		return err
	}
	opt := Options{Now: o.Now}.withDefaults()
	l, err := newLedger(opt, dir, conf, keys)
	if err != nil {
		return err
	}
	if o.Catalogue != nil {
		l.catalogue.Store(o.Catalogue)
	}
	if err := l.enoughSpace(); err != nil {
		return err
	}
	if err := keys.Write(conf.Paths.Keys); err != nil {
		return err
	}
	if l.headFile, err = store.LockHead(conf.Paths.Head); err != nil {
		return err
	}
	if l.store, err = store.Open(conf.Paths.Store, true, opt.Logger); err != nil {
		return errors.Join(err, l.headFile.Close())
	}
	if l.mirror, err = store.OpenMirror(conf.Paths.Mirror); err != nil {
		return errors.Join(err, l.store.Close(), l.headFile.Close())
	}
	if l.witnessed, err = store.OpenWitnessed(filepath.Join(dir, witnessedFile)); err != nil {
		return errors.Join(err, l.mirror.Close(), l.store.Close(), l.headFile.Close())
	}
	if l.anchored, err = store.OpenAnchored(filepath.Join(dir, anchoredFile)); err != nil {
		return errors.Join(err, l.witnessed.Close(), l.mirror.Close(), l.store.Close(), l.headFile.Close())
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	l.tiles = newTileCache(l.store)
	v, err := keys.OpenVault(conf.Paths.Vault, conf.Origin, keeper.ForOpening)
	if err != nil {
		return err
	}
	if _, err = l.openKeyring(v); err != nil {
		return err
	}
	l.state.head.IndexRoot = -1
	l.show(&published{root: tree.EmptyRoot, head: l.state.head})
	l.params.lateAfter = o.LateAfter

	genesis := canon.Map(
		canon.Member{Name: "origin", Value: canon.Text(o.Origin)},
		canon.Member{Name: "format", Value: canon.Text(record.Format)},
		canon.Member{Name: "hash", Value: canon.Text("sha256")},
		canon.Member{Name: "map", Value: canon.Text("torchwood-mpt")},
		canon.Member{Name: "checkpointKeys", Value: canon.Texts(verifier)},
		canon.Member{Name: "vrfKey", Value: canon.Text(base64Of(keys.VRF.Public()))},
		canon.Member{Name: "indexKeyCommitment", Value: canon.Text(indexKeyCommitment(keys.Index))},
		canon.Member{Name: "shard", Value: canon.Map(
			canon.Member{Name: "number", Value: canon.Number(1)},
			canon.Member{Name: "of", Value: canon.Number(1)},
			canon.Member{Name: "rule", Value: canon.Text("all subjects")},
		)},
		canon.Member{Name: "witnessIntervalSeconds", Value: canon.Number(int64(o.WitnessInterval / time.Second))},
		canon.Member{Name: "lateAfterSeconds", Value: canon.Number(int64(o.LateAfter / time.Second))},
	)
	clock := newClock(opt.Now)
	if err := l.appendOwn(ctx, clock, ownEvent{typ: record.TypeGenesis, subject: "ledger/" + o.Origin, id: "genesis", data: genesis}); err != nil {
		return err
	}
	if err := l.readParams(); err != nil {
		return err
	}
	l.signing = &signing{policy: l.founding()}
	l.known.Store(l.signing)
	if err := l.registerAll(ctx, clock); err != nil {
		return err
	}
	if err := l.commitIndexRoot(); err != nil {
		return err
	}
	conf.Paths = given
	text, err := json.MarshalIndent(conf, "", "  ")
	if err != nil {
		return err
	}
	if err := store.WriteFile(filepath.Join(dir, trustFile), l.Trust().Bytes(), 0o644); err != nil {
		return err
	}
	// Last, because without it the directory is not a ledger.
	return store.WriteFile(filepath.Join(dir, configFile), append(text, '\n'), 0o600)
}

func base64Of(b [32]byte) string { return base64.StdEncoding.EncodeToString(b[:]) }

// newLedger sets up what needs no store.
func newLedger(opt Options, dir string, conf config, keys vault.Keys) (*Ledger, error) {
	catalogue, err := record.Builtin()
	if err != nil {
		return nil, err
	}
	l := &Ledger{
		opt: opt, dir: dir, conf: conf, keys: keys, signing: provisional(conf.Origin, keys),
		ballast:     store.NewBallast(conf.Paths.Store),
		terms:       term.NewCache(keys.VRF, termsPerGeneration),
		registering: semaphore.NewWeighted(1),
		counting:    semaphore.NewWeighted(1),
		queue:       make(chan *Pending, 4*batchRecords),
		questions:   make(chan question),
		rotations:   make(chan rotation),
		budget:      semaphore.NewWeighted(inFlight),
		stopped:     make(chan struct{}),
		do:          func(_ string, f func() error) error { return f() },
	}
	l.catalogue.Store(catalogue)
	l.known.Store(l.signing)
	return l, nil
}

// ownEvent is an event of the ledger itself.
type ownEvent struct {
	typ, subject, id string
	data             canon.Value
}

// OwnSubmitter is the submitter of the ledger's own records.
const OwnSubmitter = "ledger"

const ownSubmitter = OwnSubmitter

// ownPrefix stands before the origin in the source of the ledger's own records.
const ownPrefix = "urn:lendlog:ledger:"

func (l *Ledger) ownSource() string { return ownPrefix + l.conf.Origin }

func (l *Ledger) own(o ownEvent) (*record.Event, error) {
	return record.NewOwnEvent(canon.Map(
		canon.Member{Name: "specversion", Value: canon.Text("1.0")},
		canon.Member{Name: "source", Value: canon.Text(l.ownSource())},
		canon.Member{Name: "id", Value: canon.Text(o.id)},
		canon.Member{Name: "type", Value: canon.Text(o.typ)},
		canon.Member{Name: "subject", Value: canon.Text(o.subject)},
		canon.Member{Name: "time", Value: canon.Text(l.opt.Now().UTC().Format(record.TimeLayout))},
		canon.Member{Name: "data", Value: o.data},
	), l.Catalogue())
}

// appendOwn commits events of the ledger itself. It may be called only by
// whoever owns the state.
func (l *Ledger) appendOwn(ctx context.Context, clock *clock, events ...ownEvent) error {
	for len(events) > 0 {
		n := min(len(events), 16) // schemas are long
		var batch []*Pending
		for _, o := range events[:n] {
			ev, err := l.own(o)
			if err != nil {
				return err
			}
			p, err := l.prepare(ctx, ev, ownSubmitter)
			if err != nil {
				return err
			}
			batch = append(batch, p)
		}
		if err := l.commit(batch, clock); err != nil {
			return err
		}
		for _, p := range batch {
			if p.err != nil {
				return p.err
			}
		}
		events = events[n:]
	}
	return nil
}

// conflictSubject is the subject of all conflicting submissions.
const conflictSubject = "ledger/conflicts"

// Locate returns what D/lendlog.json says of the ledger in dir, without
// opening it: its origin and where its parts are.
func Locate(dir string) (origin string, paths Paths, err error) {
	c, err := readConfig(dir)
	return c.Origin, c.Paths, err
}

// Archives returns where the checkpoints of the ledger in dir that witnesses
// cosigned are kept, and its anchors. Neither need be there.
func Archives(dir string) (witnessed, anchored string) {
	return filepath.Join(dir, witnessedFile), filepath.Join(dir, anchoredFile)
}
