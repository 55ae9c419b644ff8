// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"regexp"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/lendlog/lendlog/api"
	"github.com/lendlog/lendlog/api/keys"
	"github.com/lendlog/lendlog/api/session"
	"github.com/lendlog/lendlog/api/web"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/anchor"
	witnessing "github.com/lendlog/lendlog/ledger/anchor/witness"
)

func newServe(c *console.Console) *cobra.Command {
	var o serving
	var logFormat string
	var remote bool
	cmd := &cobra.Command{
		Use:   "serve --dir DIR",
		Short: "Open a ledger and serve it over HTTP",
		Long: `Open a ledger and serve it over HTTP until SIGINT or SIGTERM: then it takes no
more requests, finishes those under way, commits what waits and closes the ledger.
A second signal ends it at once; what was acknowledged is safe in either case.

A ledger that has granted a key (see "lendlog access") demands keys of everybody. One
that has granted none is open: whoever reaches the address can read every record and
submit new ones. So only loopback addresses are served unless --allow-remote is given,
which takes a ledger that demands keys. What passes is not encrypted: put something in
front of it that speaks TLS.

With --witnesses, the C2SP witnesses of a policy file (c2sp.org/tlog-policy: lines of
witness NAME KEY URL, group and quorum) are asked to cosign the newest checkpoint,
after it was published; no event waits for them. What a quorum cosigned is kept in
DIR/witnessed, served, and put into evidence. When none has for longer than the genesis
record promises, the log, /metrics and /readyz say so. After a start, events are taken
once a quorum has cosigned what the ledger has, so that a ledger that was rolled back
takes none; until then it only answers. --without-quorum takes events at once and
records that with a code for the reason, such as witness-outage.

With --anchors, checkpoints are anchored outside, in the contracts and by the
time-stamp authorities that the file names (docs/anchors.md): no event waits for that,
and none is refused because it fails. Where there are witnesses, only what they
cosigned is anchored. "lendlog anchor status" shows how it goes.

A browser that opens the address finds the console: search, timelines, records and
their proofs, in English and Chinese. Of a ledger that demands keys one signs in there
with a key; --console=false leaves it out.

With --json, one line once it listens: {"url", "origin", "records"}. The log goes
to standard error.`,
		Example: `  lendlog serve --dir ledger
  lendlog serve --dir ledger --listen 127.0.0.1:9000 --log json
  lendlog serve --dir ledger --witnesses witnesses.policy
  lendlog serve --dir ledger --anchors anchors.yaml
  lendlog serve --dir ledger --witnesses witnesses.policy --without-quorum witness-outage`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			logger, err := newLogger(c, logFormat)
			if err != nil {
				return err
			}
			reachable, err := checkListen(o.listen, remote)
			if err != nil {
				return err
			}
			o.reachable, o.logger = reachable, logger
			if err := o.readPolicy(); err != nil {
				return err
			}
			if o.anchorsFile != "" {
				if o.anchors, err = readAnchors(o.anchorsFile); err != nil {
					return err
				}
			}
			return serve(cmd.Context(), c, o)
		},
	}
	dirFlag(cmd, &o.dir)
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:8080", "address to listen on; port 0 takes any free one")
	f.BoolVar(&remote, "allow-remote", false, "serve addresses that others can reach, of a ledger that demands keys")
	f.StringVar(&logFormat, "log", "text", "form of the log: text or json")
	f.StringVar(&o.policyFile, "witnesses", "", "C2SP tlog-policy of the witnesses to ask, each with its URL")
	_ = cmd.MarkFlagFilename("witnesses")
	f.DurationVar(&o.every, "witness-every", 30*time.Second, "pause between two checkpoints that witnesses are asked for")
	f.StringVar(&o.override, "without-quorum", "", "take events although no quorum of the witnesses has answered yet, and record it with this reason")
	f.StringVar(&o.anchorsFile, "anchors", "", "file that says where checkpoints are anchored")
	_ = cmd.MarkFlagFilename("anchors")
	f.BoolVar(&o.console, "console", true, "serve the console for browsers at /console/")
	return cmd
}

// serving says what to serve, and how.
type serving struct {
	dir, listen string
	reachable   bool // by other machines
	logger      *slog.Logger

	policyFile string
	policy     *witnessing.Policy // nil for no witnesses
	every      time.Duration
	override   string // the reason for not waiting for a quorum; "" to wait

	anchorsFile string
	anchors     *anchorsFile // nil for none

	console bool
}

// reasonCode is what the schema of the record of an override takes.
var reasonCode = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// readPolicy reads the policy of witnesses.
func (o *serving) readPolicy() error {
	switch {
	case o.policyFile == "" && o.override != "":
		return usagef("--without-quorum goes with --witnesses")
	case o.override != "" && !reasonCode.MatchString(o.override):
		return usagef("--without-quorum takes a code such as witness-outage, which stands openly in the ledger")
	case o.policyFile == "":
		return nil
	case o.every < time.Second:
		return usagef("--witness-every is at least 1s: each checkpoint costs the ledger a leaf, and its witnesses a request")
	}
	b, err := os.ReadFile(o.policyFile)
	if err != nil {
		return err
	}
	if o.policy, err = witnessing.ParsePolicy(b); err != nil {
		return usagef("%s: %w", o.policyFile, err)
	}
	return nil
}

// witnesses returns the group that is to be run beside the ledger, nil for none.
func (o *serving) witnesses(l *ledger.Ledger) (*witnessing.Group, error) {
	if o.policy == nil {
		return nil, nil
	}
	l.Hold(ledger.ErrUnwitnessed)
	return witnessing.New(witnessing.Config{Ledger: l, Policy: o.policy, Logger: o.logger, Every: o.every})
}

// mountConsole has the server show the console too.
func (o *serving) mountConsole(server *api.Server, held *keys.Keys, origin string) error {
	pages, err := web.New(web.Config{
		API: server.Handler(), Keys: held, Origin: origin, Logger: o.logger,
		// Who reaches it from elsewhere does so over TLS, which ends before it.
		Sessions: session.New(session.Config{Secure: o.reachable}),
	})
	if err != nil {
		return err
	}
	server.Mount(pages)
	return nil
}

func newLogger(c *console.Console, format string) (*slog.Logger, error) {
	o := &slog.HandlerOptions{Level: slog.LevelInfo}
	if c.Quiet {
		o.Level = slog.LevelWarn
	}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(c.Err, o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(c.Err, o)), nil
	}
	return nil, usagef("--log takes text or json")
}

// checkListen tells whether other machines can reach an address, which it
// refuses unless that is allowed.
func checkListen(listen string, remote bool) (reachable bool, err error) {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false, usagef("--listen takes HOST:PORT, such as 127.0.0.1:8080")
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return false, nil
	}
	if remote {
		return true, nil
	}
	return true, usagef("%s can be reached from other machines: listen on 127.0.0.1, or add --allow-remote, which takes a ledger that demands keys and something in front of it that speaks TLS", listen)
}

// serve runs the ledger and the server together: when one ends, the other
// does. The sequencer outlives the server, so that every request that was
// taken is answered.
func serve(ctx context.Context, c *console.Console, o serving) (err error) {
	logger := o.logger
	if _, _, err := ledger.Locate(o.dir); err != nil {
		return usagef("%w", err)
	}
	progress := c.Progress()
	l, err := access.Open(ctx, o.dir, ledger.Options{Logger: logger, Progress: progress.Set})
	progress.Done()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	held, err := keys.Open(ctx, o.dir, l, logger)
	if err != nil {
		return coded{exitStore, err}
	}
	if o.reachable && !held.Demanded() {
		return usagef("%s can be reached from other machines, and the ledger demands no keys: whoever reaches it could read every record and submit new ones; grant the first key with `lendlog access grant --role admin --dir %s`, or listen on 127.0.0.1", o.listen, o.dir)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	witnesses, err := o.witnesses(l)
	if err != nil {
		return err
	}
	var anchors *anchor.Group
	if o.anchors != nil {
		var newest func() []byte
		if witnesses != nil {
			newest = witnesses.Newest
		}
		var closing func() error
		anchors, closing, err = o.anchors.group(l, o.dir, logger, newest)
		defer func() { err = errors.Join(err, closing()) }()
		if err != nil {
			return err
		}
	}
	server, err := api.New(api.Config{Ledger: l, Logger: logger, Registry: registry, Remote: o.reachable, Version: version, Witnesses: witnesses, Anchors: anchors, Keys: held})
	if err != nil {
		return err
	}
	if o.console {
		if err := o.mountConsole(server, held, l.Info().Origin); err != nil {
			return err
		}
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return usagef("couldn't listen on %s: %w; choose another with --listen", o.listen, errors.Unwrap(err))
	}

	missing, err := l.Unregistered()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	url := "http://" + listener.Addr().String()
	info, head := l.Info(), l.Head()
	c.Printf("Serving %s (%s records) on %s\n", info.Origin, console.Count(head.Size), url)
	if len(missing) > 0 {
		logger.Info("the ledger does not take all types that come with this program; lendlog types add --builtin registers them", "types", len(missing))
	}
	if o.reachable {
		c.Warnf("%s can be reached from other machines, and what passes is not encrypted: keys and records can be read on their way unless something in front of it speaks TLS", o.listen)
	}
	if !held.Demanded() {
		c.Notef("The ledger demands no keys, so only this machine can reach it; lendlog access grant grants one.")
	}
	if err := c.Emit(struct {
		URL     string `json:"url"`
		Origin  string `json:"origin"`
		Records int64  `json:"records"`
	}{url, info.Origin, head.Size}); err != nil {
		return errors.Join(err, listener.Close())
	}

	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, serving := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := l.Run(running); err != nil {
			return coded{exitStore, fmt.Errorf("the ledger has stopped: %w; start it again: opening finds out what was committed", err)}
		}
		return nil
	})
	group.Go(func() error {
		defer stop()
		return server.Serve(serving, listener)
	})
	if witnesses != nil {
		group.Go(func() error { return witnesses.Run(serving) })
		group.Go(func() error { return o.wait(serving, c, l) })
	}
	if anchors != nil {
		group.Go(func() error { return anchors.Run(serving) })
	}
	began := time.Now()
	if err := group.Wait(); err != nil {
		return err
	}
	logger.Info("stopped", "after", time.Since(began).Round(time.Second), "records", l.Head().Size)
	return nil
}

// wait tells the operator that events are taken once a quorum of the witnesses
// has answered, or records that they do not want to wait for that.
func (o *serving) wait(ctx context.Context, c *console.Console, l *ledger.Ledger) error {
	if o.override == "" {
		c.Notef("Events are taken once a quorum of the witnesses has cosigned what the ledger has.")
		return nil
	}
	if err := l.Override(ctx, o.override); err != nil && ctx.Err() == nil {
		return err
	}
	c.Warnf("events are taken without a quorum of the witnesses; the ledger has a record of that")
	return nil
}
