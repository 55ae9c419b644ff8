// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/lendlog/lendlog/api"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger"
)

func newServe(c *console.Console) *cobra.Command {
	var dir, listen, logFormat string
	var remote bool
	cmd := &cobra.Command{
		Use:   "serve --dir DIR",
		Short: "Open a ledger and serve it over HTTP",
		Long: `Open a ledger and serve it over HTTP until SIGINT or SIGTERM: then it takes no
more requests, finishes those under way, commits what waits and closes the ledger.
A second signal ends it at once; what was acknowledged is safe in either case.

There is no access control yet: whoever reaches the address can read every record
and submit new ones. So only loopback addresses are served unless --allow-remote
says that something in front of it decides who may come in.

With --json, one line once it listens: {"url", "origin", "records"}. The log goes
to standard error.`,
		Example: `  lendlog serve --dir ledger
  lendlog serve --dir ledger --listen 127.0.0.1:9000 --log json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			logger, err := newLogger(c, logFormat)
			if err != nil {
				return err
			}
			reachable, err := checkListen(listen, remote)
			if err != nil {
				return err
			}
			if reachable {
				c.Warnf("%s can be reached from other machines, without access control: whoever reaches it can read every record and submit new ones", listen)
			}
			return serve(cmd.Context(), c, dir, listen, reachable, logger)
		},
	}
	dirFlag(cmd, &dir)
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "address to listen on; port 0 takes any free one")
	cmd.Flags().BoolVar(&remote, "allow-remote", false, "serve addresses that others can reach, without access control")
	cmd.Flags().StringVar(&logFormat, "log", "text", "form of the log: text or json")
	return cmd
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
	return true, usagef("%s can be reached from other machines, and there is no access control yet: whoever reaches it could read every record and submit new ones; listen on 127.0.0.1, or add --allow-remote when something in front of it decides who may come in", listen)
}

// serve runs the ledger and the server together: when one ends, the other
// does. The sequencer outlives the server, so that every request that was
// taken is answered.
func serve(ctx context.Context, c *console.Console, dir, listen string, reachable bool, logger *slog.Logger) (err error) {
	if _, _, err := ledger.Locate(dir); err != nil {
		return usagef("%w", err)
	}
	progress := c.Progress()
	l, err := access.Open(ctx, dir, ledger.Options{Logger: logger, Progress: progress.Set})
	progress.Done()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	server, err := api.New(api.Config{Ledger: l, Logger: logger, Registry: registry, Remote: reachable, Version: version})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return usagef("couldn't listen on %s: %w; choose another with --listen", listen, errors.Unwrap(err))
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
	if reachable {
		c.Warnf("there is no access control yet: whoever reaches this address reads every record and submits new ones")
	} else {
		c.Notef("There is no access control yet, so only this machine can reach it.")
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
	began := time.Now()
	if err := group.Wait(); err != nil {
		return err
	}
	logger.Info("stopped", "after", time.Since(began).Round(time.Second), "records", l.Head().Size)
	return nil
}
