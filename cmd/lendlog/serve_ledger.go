// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lendlog/lendlog/api"
	"github.com/lendlog/lendlog/api/host"
	"github.com/lendlog/lendlog/api/keys"
	"github.com/lendlog/lendlog/api/signin"
	"github.com/lendlog/lendlog/api/web"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/config"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/anchor"
	witnessing "github.com/lendlog/lendlog/ledger/anchor/witness"
	"github.com/lendlog/lendlog/ledger/selfaudit"
)

// A hosted ledger is one that is to be served, with what its settings name.
type hosted struct {
	config.Ledger
	policy  *witnessing.Policy // nil for no witnesses
	anchors *anchorsFile       // nil for none
}

// reasonCode is what the schema of the record of an override takes.
var reasonCode = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// prepare checks the settings of a ledger, and reads the files that they name.
func (h *hosted) prepare() (err error) {
	if _, _, err := ledger.Locate(h.Dir); err != nil {
		return usagef("%w", err)
	}
	if h.AuditEvery != 0 && h.AuditEvery < time.Minute {
		return usagef("--audit-every is at least 1m, or 0 for none: each audit reads the whole ledger")
	}
	if err := h.readPolicy(); err != nil {
		return err
	}
	if h.Anchors != "" {
		h.anchors, err = readAnchors(h.Anchors)
	}
	return err
}

// readPolicy reads the policy of witnesses.
func (h *hosted) readPolicy() error {
	switch {
	case h.Witnesses == "" && h.WithoutQuorum != "":
		return usagef("--without-quorum goes with --witnesses")
	case h.WithoutQuorum != "" && !reasonCode.MatchString(h.WithoutQuorum):
		return usagef("--without-quorum takes a code such as witness-outage, which stands openly in the ledger")
	case h.Witnesses == "":
		return nil
	case h.WitnessEvery < time.Second:
		return usagef("--witness-every is at least 1s: each checkpoint costs the ledger a leaf, and its witnesses a request")
	}
	b, err := os.ReadFile(h.Witnesses)
	if err != nil {
		return err
	}
	if h.policy, err = witnessing.ParsePolicy(b); err != nil {
		return usagef("%s: %w", h.Witnesses, err)
	}
	return nil
}

// An openLedger is a ledger that was opened to be served, and what runs beside it.
type openLedger struct {
	*ledger.Ledger
	hosted    *hosted
	keys      *keys.Keys
	witnesses *witnessing.Group  // nil for none
	anchors   *anchor.Group      // nil for none
	audits    *selfaudit.Auditor // nil for none
	server    *api.Server
	signIn    *signin.SignIn // nil for none
	console   *web.Console   // nil for none
	closing   []func() error // in the order in which they were opened
}

// open opens a ledger and makes the server of it, by a configuration to which what is
// the ledger's is added. Whoever gets no error closes it.
func (h *hosted) open(ctx context.Context, c *console.Console, conf api.Config) (_ *openLedger, err error) {
	o := &openLedger{hosted: h}
	defer func() {
		if err != nil {
			err = errors.Join(err, o.Close())
		}
	}()
	progress := c.Progress()
	options := ledger.Options{Logger: conf.Logger, Progress: progress.Set}
	if h.Passphrase != "" {
		options.Passphrase = func() (string, error) { return access.ReadPassphrase(h.Passphrase) }
	}
	o.Ledger, err = access.Open(ctx, h.Dir, options)
	progress.Done()
	if err != nil {
		return nil, err
	}
	o.closing = append(o.closing, o.Ledger.Close)
	if o.keys, err = keys.Open(ctx, h.Dir, o.Ledger, conf.Logger); err != nil {
		return nil, coded{exitStore, err}
	}
	if err := h.checkKeys(conf, o.keys.Demanded()); err != nil {
		return nil, err
	}
	if err := o.gather(conf.Logger); err != nil {
		return nil, err
	}
	conf.Ledger, conf.Keys, conf.Witnesses, conf.Anchors, conf.Audits = o.Ledger, o.keys, o.witnesses, o.anchors, o.audits
	o.server, err = api.New(conf)
	if err != nil {
		return nil, err
	}
	missing, err := o.Unregistered()
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		conf.Logger.Info("the ledger does not take all types that come with this program; lendlog types add --builtin registers them", "types", len(missing))
	}
	return o, nil
}

// checkKeys returns an error where a ledger has to demand keys, and does not.
func (h *hosted) checkKeys(conf api.Config, demanded bool) error {
	why := "it can be reached from other machines, and whoever reaches it could read every record and submit new ones"
	switch {
	case demanded || !conf.Remote && !conf.Hidden:
		return nil
	case conf.Hidden:
		why = "of several ledgers each is shown only to those who have a key of it"
	}
	return usagef("the ledger demands no keys: %s; grant the first key with `lendlog access grant --role admin --dir %s`, or serve it alone on 127.0.0.1", why, h.Dir)
}

// gather makes the groups of witnesses and of anchors, and the auditor.
func (o *openLedger) gather(logger *slog.Logger) (err error) {
	var newest func() []byte // what was cosigned, where somebody cosigns
	if o.hosted.policy != nil {
		o.Hold(ledger.ErrUnwitnessed)
		o.witnesses, err = witnessing.New(witnessing.Config{Ledger: o.Ledger, Policy: o.hosted.policy, Logger: logger, Every: o.hosted.WitnessEvery})
		if err != nil {
			return err
		}
		newest = o.witnesses.Newest
	}
	if o.hosted.AuditEvery > 0 {
		if o.audits, err = selfaudit.New(selfaudit.Config{Ledger: o.Ledger, Logger: logger, Every: o.hosted.AuditEvery, Newest: newest}); err != nil {
			return err
		}
	}
	if o.hosted.anchors != nil {
		var closing func() error
		o.anchors, closing, err = o.hosted.anchors.group(o.Ledger, o.hosted.Dir, logger, newest)
		o.closing = append(o.closing, closing)
	}
	return err
}

// rotate rotates one of the ledger's own keys while it goes on.
func (o *openLedger) rotate(ctx context.Context, r host.Rotation) (host.Rotated, error) {
	done, err := rotate(ctx, o.Ledger, r)
	if err == nil && o.console != nil {
		o.console.Forget() // whose client was told the keys before
	}
	return done, err
}

// run runs the sequencer. It has to run until the server has ended.
func (o *openLedger) run(ctx context.Context) error {
	if err := o.Run(ctx); err != nil {
		return coded{exitStore, fmt.Errorf("the ledger has stopped: %w; start it again: opening finds out what was committed", err)}
	}
	return nil
}

// beside runs what runs beside the ledger until ctx ends.
func (o *openLedger) beside(ctx context.Context, c *console.Console) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return o.server.WatchFeeds(ctx) })
	if o.audits != nil {
		group.Go(func() error { return o.audits.Run(ctx) })
	}
	group.Go(func() error { return o.server.Run(ctx) })
	if o.witnesses != nil {
		group.Go(func() error { return o.witnesses.Run(ctx) })
		group.Go(func() error { return o.wait(ctx, c) })
	}
	if o.signIn != nil {
		group.Go(func() error { o.signIn.Probe(ctx); return nil })
	}
	if o.anchors != nil {
		group.Go(func() error { return o.anchors.Run(ctx) })
	}
	return group.Wait()
}

// wait tells the operator that events are taken once a quorum of the witnesses
// has answered, or records that they do not want to wait for that.
func (o *openLedger) wait(ctx context.Context, c *console.Console) error {
	if o.hosted.WithoutQuorum == "" {
		c.Notef("Events are taken once a quorum of the witnesses has cosigned what the ledger has.")
		return nil
	}
	if err := o.Override(ctx, o.hosted.WithoutQuorum); err != nil && ctx.Err() == nil {
		return err
	}
	c.Warnf("events are taken without a quorum of the witnesses; the ledger has a record of that")
	return nil
}

// Close closes the ledger and what was opened with it.
func (o *openLedger) Close() (err error) {
	for i := len(o.closing) - 1; i >= 0; i-- {
		err = errors.Join(err, o.closing[i]())
	}
	o.closing = nil
	return err
}
