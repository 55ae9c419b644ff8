// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/api/certificate"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/config"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/cosigner"
)

func newWitnessing(c *console.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "witness",
		Short: "Cosign somebody else's ledger after replaying it",
		Long: `Run a witness (C2SP tlog-witness) of other people's ledgers, as a regulator, an auditor
or another lender. It remembers the newest checkpoint of each ledger that it cosigned
and cosigns only what continues it. Before that it reads every record that is new and
derives the map of all subjects again, so that no index-root under its cosignatures
leaves a record out of a subject, which other witnesses do not look at.

Entries hold no personal value; sealed members it cannot open, and is not shown.`,
		Example: `  lendlog witness init --dir witness --name witness.regulator.example/1
  lendlog witness run --dir witness --ledger trust.json,https://ledger.bank.example/log`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usagef("say what the witness is to do; see `lendlog witness --help`")
		},
	}
	cmd.AddCommand(newWitnessInit(c), newWitnessRun(c))
	return cmd
}

func newWitnessInit(c *console.Console) *cobra.Command {
	var dir, name, url string
	cmd := &cobra.Command{
		Use:   "init --dir DIR --name NAME",
		Short: "Make the key of a new witness",
		Long: `Make a directory with a new Ed25519 key, DIR/witness.key, which only its owner can
read. The name stands before every cosignature, and is a URL without a scheme, such as
witness.regulator.example/1.

It prints the verifier key; the line for the lender's file of witnesses, with the URL
at which others will reach this witness (--url); and what auditors have to ask for in
their trust file. Give the key to both by a way that they trust.

With --json: {"key", "policy"}.`,
		Example: `  lendlog witness init --dir witness --name witness.regulator.example/1
  lendlog witness init --dir witness --name witness.regulator.example/1 \
    --url https://witness.regulator.example`,
		Args: takes(),
		RunE: func(*cobra.Command, []string) error {
			if _, err := cosigner.Create(dir, name); err != nil {
				return usagef("couldn't make a witness: %w", err)
			}
			key, err := cosigner.Key(dir)
			if err != nil {
				return err
			}
			policy := cosigner.PolicyLine(key, url)
			c.Printf("The key of this witness:\n  %s\n", key.VerifierKey())
			c.Printf("For the lender's file of `lendlog serve --witnesses`, above its line with quorum:\n  %s\n", policy)
			c.Printf("For the trust file of whoever verifies:\n  lendlog trust --trust TRUST --quorum N --witness %s\n", key.VerifierKey())
			return c.Emit(struct {
				Key    string `json:"key"`
				Policy string `json:"policy"`
			}{key.VerifierKey(), policy})
		},
	}
	f := cmd.Flags()
	f.StringVar(&dir, "dir", "", "directory of the witness, which must not have a key yet")
	f.StringVar(&name, "name", "", "name of the witness, such as witness.regulator.example/1")
	f.StringVar(&url, "url", "https://witness.example", "URL at which ledgers reach it")
	for _, name := range []string{"dir", "name"} {
		_ = cmd.MarkFlagRequired(name)
	}
	_ = cmd.MarkFlagDirname("dir")
	return cmd
}

func newWitnessRun(c *console.Console) *cobra.Command {
	var conf cosigner.Config
	var known []string
	var files certificate.Files
	var listen, logFormat, logLevel string
	var remote bool
	cmd := &cobra.Command{
		Use:   "run --dir DIR --ledger TRUST,URL[,KEYFILE]",
		Short: "Cosign checkpoints until it is stopped",
		Long: `Answer requests to cosign until SIGINT or SIGTERM. Each ledger is named by its trust
file, pinned outside of it, and the URL below which its tiles are, with a comma between
them: for lendlog that is the server's URL and /log. A ledger that demands keys and is
no public log (lendlog init --public-log) shows its tiles to a key of the role monitor,
whose file is named after another comma.

The first checkpoint of a large ledger takes a while to be replayed. Until then whoever
asks is answered 503 and asks again; it goes on meanwhile, and when the witness was
stopped, from where it was. What it knows of a ledger is in DIR/ledgers, on disk before
a cosignature leaves. Never put back an older copy of that, and never run two witnesses
with one key: either could cosign two histories.

What a ledger signed that is not of the history that was cosigned, or not what follows
from its records, is refused: it is logged at level error, counted in /metrics, and
kept in DIR/ledgers/ID/refused with what shows it.

  POST /add-checkpoint    C2SP tlog-witness
  GET  /                  name, key and ledgers
  GET  /view/ORIGIN       the newest cosigned checkpoint, and how far was replayed
  GET  /cosigned/ORIGIN   all cosigned checkpoints, the oldest first
  GET  /refused/ORIGIN    what was refused, and what shows it
  GET  /metrics, /healthz

Whoever reaches the address can read all that, which is public, and ask; nothing is
cosigned but what a ledger's key signed. Only loopback addresses are served unless
--allow-remote is given. What passes is encrypted with --tls-cert and --tls-key, which
are read again when the files change, and upon SIGHUP; without them put what speaks TLS
in front of it.

With --json, one line once it listens: {"url", "name", "ledgers"}. The log goes to
standard error.`,
		Example: `  lendlog witness run --dir witness --ledger trust.json,https://ledger.bank.example/log
  lendlog witness run --dir witness --listen 127.0.0.1:9100 --log json \
    --ledger a.json,https://ledger.a.example/log --ledger b.json,https://ledger.b.example/log`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if conf.Logger, err = newLogger(c, logFormat, logLevel); err != nil {
				return err
			}
			if remotely, err := reachable("--listen", listen); err != nil {
				return err
			} else if remotely && !remote {
				return usagef("%s can be reached from other machines; add --allow-remote if it should be", listen)
			}
			for _, k := range known {
				parts := strings.Split(k, ",")
				if len(parts) < 2 || len(parts) > 3 {
					return usagef("--ledger takes TRUST,URL or TRUST,URL,KEYFILE, such as trust.json,https://ledger.bank.example/log,monitor.key")
				}
				known := cosigner.Ledger{Tiles: parts[1]}
				if known.Trust, err = os.ReadFile(parts[0]); err != nil {
					return err
				}
				if len(parts) == 3 {
					if known.Key, err = readKey(parts[2]); err != nil {
						return err
					}
				}
				conf.Ledgers = append(conf.Ledgers, known)
			}
			if conf.MaxSubjects < 1 {
				return usagef("--max-subjects is a number from 1 on")
			}
			cert, err := openCertificate(files, conf.Logger)
			if err != nil {
				return err
			}
			return runWitness(cmd.Context(), c, conf, listen, cert)
		},
	}
	f := cmd.Flags()
	f.StringVar(&conf.Dir, "dir", "", "directory of the witness, made by lendlog witness init")
	f.StringArrayVar(&known, "ledger", nil, "TRUST,URL[,KEYFILE]: trust file, URL of the tiles, key to show; may be given several times")
	f.StringVar(&listen, "listen", "127.0.0.1:8090", "address to listen on; port 0 takes any free one")
	f.BoolVar(&remote, "allow-remote", false, "serve addresses that others can reach")
	config.CertificateFlags(f, &files.Cert, &files.Key)
	f.IntVar(&conf.MaxSubjects, "max-subjects", 10_000_000, "most subjects that a ledger may have, each 131 bytes of memory")
	f.StringVar(&logFormat, "log", "text", "form of the log: text or json")
	f.StringVar(&logLevel, "log-level", "info", "least level that is logged: debug, info, warn or error")
	for _, name := range []string{"dir", "ledger"} {
		_ = cmd.MarkFlagRequired(name)
	}
	_ = cmd.MarkFlagDirname("dir")
	return cmd
}

func runWitness(ctx context.Context, c *console.Console, conf cosigner.Config, address string, cert *certificate.Certificate) (err error) {
	conf.Registry = prometheus.NewRegistry()
	conf.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if cert != nil {
		conf.TLS = cert.Config()
		conf.Registry.MustRegister(cert.Metrics()...)
	}
	w, err := cosigner.Open(conf)
	switch {
	case errors.Is(err, cosigner.ErrUsage):
		return coded{exitUsage, err}
	case err != nil:
		return coded{exitStore, err}
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	listener, err := listen("--listen", address)
	if err != nil {
		return err
	}
	url := scheme(cert) + listener.Addr().String()
	c.Printf("Witness %s of %d %s on %s\n", w.Name(), len(conf.Ledgers), plural(len(conf.Ledgers), "ledger", "ledgers"), url)
	if err := c.Emit(struct {
		URL     string `json:"url"`
		Name    string `json:"name"`
		Ledgers int    `json:"ledgers"`
	}{url, w.Name(), len(conf.Ledgers)}); err != nil {
		return errors.Join(err, listener.Close())
	}
	renewing, stop := context.WithCancel(ctx)
	renewed := make(chan error, 1)
	go func() { renewed <- renew(renewing, cert) }()
	defer func() { stop(); err = errors.Join(err, <-renewed) }()
	return w.Serve(ctx, listener)
}
