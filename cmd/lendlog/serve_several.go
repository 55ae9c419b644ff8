// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/lendlog/lendlog/api"
	"github.com/lendlog/lendlog/api/host"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
)

// runSeveral serves several ledgers until ctx ends.
func (s *serving) runSeveral(ctx context.Context, c *console.Console) (err error) {
	registry := s.measure()
	base := s.conf(registry)
	conf := host.Config{Logger: s.logger, Remote: s.reachable, Version: version, TLS: base.TLS, Warnings: base.Warnings}
	for _, l := range s.ledgers {
		conf.Ledgers = append(conf.Ledgers, host.Ledger{
			Name: l.Name, Dir: l.Dir, Public: l.Public,
			Open: func(ctx context.Context, conf api.Config) (host.Opened, error) {
				conf.Certificate = s.certificate
				return l.openHosted(ctx, c, conf)
			},
		})
	}
	h, err := host.New(conf)
	if err != nil {
		return usagef("%w", err)
	}
	control, err := s.listenControl()
	if err != nil {
		return err
	}
	if control != nil {
		defer control.Close()
	}
	listener, err := listen("--listen", s.server.Listen)
	if err != nil {
		return err
	}
	h.OpenAll(ctx)
	defer func() { err = errors.Join(err, h.Close()) }()
	aside, err := s.listenAside(prometheus.Gatherers{registry, h.Metrics()}, h.Health())
	if err == nil {
		err = s.announceSeveral(c, h, listener.Addr(), aside)
	}
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	began := time.Now()
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, serving := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer stop()
		return h.Serve(serving, listener)
	})
	if control != nil {
		group.Go(func() error { return h.Control(serving, control) })
	}
	group.Go(func() error { return renew(serving, s.certificate) })
	group.Go(func() error { return aside.run(running) })
	if err := group.Wait(); err != nil {
		return err
	}
	s.logger.Info("stopped", "after", time.Since(began).Round(time.Second))
	return nil
}

// openHosted prepares and opens a ledger for a host.
func (h *hosted) openHosted(ctx context.Context, c *console.Console, conf api.Config) (host.Opened, error) {
	if err := h.prepare(); err != nil {
		return host.Opened{}, err
	}
	conf.Registry = prometheus.NewRegistry()
	l, err := h.open(ctx, c, conf)
	if err != nil {
		return host.Opened{}, err
	}
	return host.Opened{
		Server: l.server, Registry: conf.Registry, Run: l.run, Close: l.Close, Rotate: l.rotate,
		Beside: func(ctx context.Context) error { return l.beside(ctx, c) },
	}, nil
}

// listenControl makes the socket of --control, nil for none.
func (s *serving) listenControl() (net.Listener, error) {
	if s.server.Control == "" {
		return nil, nil
	}
	control, err := host.ListenControl(s.server.Control)
	if err != nil {
		return nil, usagef("--control: %w", err)
	}
	return control, nil
}

// announceSeveral says where which ledgers are served.
func (s *serving) announceSeveral(c *console.Console, h *host.Host, at net.Addr, aside *aside) error {
	url := scheme(s.certificate) + at.String()
	all := h.Ledgers()
	for _, l := range all {
		if l.State == host.Open {
			c.Printf("Serving %s at %s/ledgers/%s\n", l.Name, url, l.Name)
		} else {
			c.Warnf("%s is not served: %s", l.Name, l.Reason)
		}
	}
	s.announceListening(c, aside)
	return c.Emit(struct {
		URL     string        `json:"url"`
		Ledgers []host.Status `json:"ledgers"`
		Admin   string        `json:"admin,omitempty"`
	}{url, all, aside.url()})
}
