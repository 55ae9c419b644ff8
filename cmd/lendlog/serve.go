// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/lendlog/lendlog/api"
	"github.com/lendlog/lendlog/api/certificate"
	"github.com/lendlog/lendlog/api/host"
	"github.com/lendlog/lendlog/api/signin"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/config"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/redact"
)

func newServe(c *console.Console) *cobra.Command {
	var s serving
	cmd := &cobra.Command{
		Use:   "serve --dir DIR | --config FILE",
		Short: "Open a ledger and serve it over HTTP",
		Long: `Open a ledger and serve it over HTTP until SIGINT or SIGTERM: then it takes no
more requests, finishes those under way, commits what waits and closes the ledger.
A second signal ends it at once; what was acknowledged is safe in either case.

With --config, what no flag says is read from a YAML file whose keys are the names of
the flags, and from the environment, which outweighs the file: LENDLOG_ and the name,
such as LENDLOG_ADMIN_LISTEN. "lendlog config show" shows what holds and why.

A ledger that has granted a key (see "lendlog access") demands keys of everybody. One
that has granted none is open: whoever reaches the address can read every record and
submit new ones. So only loopback addresses are served unless --allow-remote is given,
which takes a ledger that demands keys. What passes is encrypted with --tls-cert and
--tls-key; they are read again when the files change, and upon SIGHUP. Without them put
something in front of it that speaks TLS. With --tls-client-ca, a certificate that a
client shows has to come from these roots.

With --admin-listen, metrics, health and profiles (/metrics, /livez, /readyz,
/debug/pprof) are served at another address, without a key and without any record.

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

Once a day (--audit-every) the server audits its ledger beside its work, slowly, and
has the ledger record what came out; where it fails, the log, /metrics, /readyz and the
console say so. It does not open what is sealed: "lendlog audit --deep" does.

A browser that opens the address finds the console: search, timelines, records and
their proofs, in English and Chinese. Of a ledger that demands keys one signs in there
with a key, or, with --oidc-issuer, by an OpenID provider, which has to know this
server as the client --oidc-client-id, and sends people back to --external-url with
/console/signin/oidc/callback behind it; who of them may do what, grants say
("lendlog access grant --oidc-subject"). --console=false leaves the console out.

Several ledgers are served where the file of --config has a list of "ledgers", each
below /ledgers/NAME/ as if it were alone, but without a console, and shown only to
those with a key of it, unless it is public. One that does not open, or stops, leaves
the others alone; "lendlog ledgers" lists them, and closes and opens each, by the
socket of --control.

With --json, one line once it listens: {"url", "origin", "records", "admin"}, of
several {"url", "ledgers": [{"name", "dir", "state", "reason"}], "admin"}. The log goes
to standard error.`,
		Example: `  lendlog serve --dir ledger
  lendlog serve --dir ledger --listen 127.0.0.1:9000 --log json
  lendlog serve --config lendlog.yaml
  lendlog serve --dir ledger --external-url https://ledger.bank.example \
    --oidc-issuer https://login.bank.example --oidc-client-id lendlog --oidc-secret-file oidc.secret
  lendlog serve --dir ledger --listen 0.0.0.0:8443 --allow-remote --tls-cert cert.pem --tls-key key.pem
  lendlog serve --dir ledger --witnesses witnesses.policy
  lendlog serve --dir ledger --anchors anchors.yaml
  lendlog serve --dir ledger --witnesses witnesses.policy --without-quorum witness-outage`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.prepare(c); err != nil {
				return err
			}
			return s.run(cmd.Context(), c)
		},
	}
	s.flags(cmd)
	return cmd
}

// serving is what to serve, and how.
type serving struct {
	file   string // of the settings; "" for none
	server config.Server
	only   config.Ledger // where the file names no ledgers
	config *config.Config

	// What prepare makes of that.
	logger      *slog.Logger
	reachable   bool                     // by other machines
	certificate *certificate.Certificate // nil without TLS
	signIn      *signin.Config           // but for what is of a ledger; nil without a provider
	ledgers     []*hosted                // one, but where the file names several
}

// flags adds the settings, and has those made that the command line leaves alone.
func (s *serving) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.file, "config", "", "YAML file with what no flag and no environment variable says")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
	s.server.Flags(f)
	s.only.Flags(f)
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) (err error) {
		s.config, err = config.Load(cmd.LocalNonPersistentFlags(), s.file, os.LookupEnv)
		return err
	}
}

// prepare checks the settings, and reads all that they name but the ledgers.
func (s *serving) prepare(c *console.Console) (err error) {
	if s.logger, err = newLogger(c, s.server.Log, s.server.LogLevel); err != nil {
		return err
	}
	if err := s.prepareListening(); err != nil {
		return err
	}
	if err := s.prepareSignIn(); err != nil {
		return err
	}
	for _, l := range s.config.Ledgers {
		s.ledgers = append(s.ledgers, &hosted{Ledger: l}) // each is prepared when it is opened
	}
	switch {
	case s.several() && s.signIn != nil:
		return usagef("--oidc-issuer is for the console, which a server of several ledgers does not have")
	case s.several():
		return nil
	case s.only.Dir == "":
		return usagef("--dir is required; it names the directory of a ledger, as dir does in the file of --config")
	}
	only := &hosted{Ledger: s.only}
	s.ledgers = []*hosted{only}
	return only.prepare()
}

// several reports whether the file names ledgers, each to be served below its name.
func (s *serving) several() bool { return s.config.Ledgers != nil }

// conf is how any server of this process answers.
func (s *serving) conf(registry *prometheus.Registry) api.Config {
	conf := api.Config{Logger: s.logger, Registry: registry, Remote: s.reachable, Version: version}
	if s.certificate != nil {
		conf.TLS, conf.Warnings, conf.Certificate = s.certificate.Config(), s.certificate.Warnings, s.certificate
	}
	return conf
}

// measure makes the registry of what the process measures.
func (s *serving) measure() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if s.certificate != nil {
		registry.MustRegister(s.certificate.Metrics()...)
	}
	return registry
}

// newLogger makes a logger that lets no secret through.
func newLogger(c *console.Console, format, least string) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(least)); err != nil {
		return nil, usagef("--log-level takes debug, info, warn or error")
	}
	if c.Quiet {
		level = max(level, slog.LevelWarn)
	}
	o := &slog.HandlerOptions{Level: level}
	switch format {
	case "text":
		return slog.New(redact.New(slog.NewTextHandler(c.Err, o))), nil
	case "json":
		return slog.New(redact.New(slog.NewJSONHandler(c.Err, o))), nil
	}
	return nil, usagef("--log takes text or json")
}

// run serves until ctx ends. The sequencer outlives the server, so that every
// request that was taken is answered.
func (s *serving) run(ctx context.Context, c *console.Console) (err error) {
	if s.several() {
		return s.runSeveral(ctx, c)
	}
	control, err := s.listenControl()
	if err != nil {
		return err
	}
	if control != nil {
		defer control.Close()
	}
	registry := s.measure()
	l, err := s.ledgers[0].open(ctx, c, s.conf(registry))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if err := l.mount(s); err != nil {
		return err
	}
	listener, err := listen("--listen", s.server.Listen)
	if err != nil {
		return err
	}
	aside, err := s.listenAside(registry, l.server.Handler())
	if err == nil {
		err = s.announce(c, l, listener.Addr(), aside)
	}
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	began := time.Now()
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, serving := errgroup.WithContext(ctx)
	group.Go(func() error { return l.run(running) })
	group.Go(func() error {
		defer stop()
		return l.server.Serve(serving, listener)
	})
	group.Go(func() error { return l.beside(serving, c) })
	if control != nil {
		group.Go(func() error { return host.ControlOne(serving, control, l.rotate) })
	}
	group.Go(func() error { return renew(serving, s.certificate) })
	group.Go(func() error { return aside.run(running) })
	if err := group.Wait(); err != nil {
		return err
	}
	s.logger.Info("stopped", "after", time.Since(began).Round(time.Second), "records", l.Head().Size)
	return nil
}

// announce says where the ledger is served, and what somebody has to know of that.
func (s *serving) announce(c *console.Console, l *openLedger, at net.Addr, aside *aside) error {
	url := scheme(s.certificate) + at.String()
	origin, records := l.Info().Origin, l.Head().Size
	c.Printf("Serving %s (%s records) on %s\n", origin, console.Count(records), url)
	s.announceListening(c, aside)
	if !l.keys.Demanded() {
		c.Notef("The ledger demands no keys, so only this machine can reach it; lendlog access grant grants one.")
	}
	return c.Emit(struct {
		URL     string `json:"url"`
		Origin  string `json:"origin"`
		Records int64  `json:"records"`
		Admin   string `json:"admin,omitempty"`
	}{url, origin, records, aside.url()})
}

// announceListening says what holds of the listeners, whatever is served.
func (s *serving) announceListening(c *console.Console, aside *aside) {
	if aside != nil {
		c.Printf("Metrics, health and profiles on %s\n", aside.url())
	}
	if s.reachable && s.certificate == nil {
		c.Warnf("%s can be reached from other machines, and what passes is not encrypted: keys and records can be read on their way unless something in front of it speaks TLS", s.server.Listen)
	}
}
