// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lendlog/lendlog/api/certificate"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/admin"
)

// prepareListening checks who can reach the addresses, and reads the certificate.
func (s *serving) prepareListening() (err error) {
	o := s.server
	if s.reachable, err = reachable("--listen", o.Listen); err != nil {
		return err
	}
	if s.reachable && !o.AllowRemote {
		return usagef("%s can be reached from other machines: listen on 127.0.0.1, or add --allow-remote, which takes a ledger that demands keys, and --tls-cert or something in front of it that speaks TLS", o.Listen)
	}
	if o.AdminListen != "" {
		if remote, err := reachable("--admin-listen", o.AdminListen); err != nil {
			return err
		} else if remote && !o.AdminAllowRemote {
			return usagef("%s can be reached from other machines, and shows metrics and profiles to whoever asks: take 127.0.0.1, or add --admin-allow-remote", o.AdminListen)
		}
	}
	s.certificate, err = openCertificate(certificate.Files{Cert: o.TLSCert, Key: o.TLSKey, Clients: o.TLSClientCA}, s.logger)
	return err
}

// openCertificate reads the certificate that flags name, nil for none.
func openCertificate(files certificate.Files, log *slog.Logger) (*certificate.Certificate, error) {
	switch {
	case files == certificate.Files{}:
		return nil, nil
	case files.Clients != "" && (files.Cert == "" || files.Key == ""):
		return nil, usagef("--tls-client-ca goes with --tls-cert and --tls-key")
	case files.Cert == "" || files.Key == "":
		return nil, usagef("--tls-cert and --tls-key go together")
	}
	c, err := certificate.Open(files, log)
	if err != nil {
		return nil, usagef("couldn't speak TLS: %w", err)
	}
	return c, nil
}

// reachable tells whether other machines can reach the address that a flag has.
func reachable(flag, listen string) (bool, error) {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false, usagef("%s takes HOST:PORT, such as 127.0.0.1:8080", flag)
	}
	ip := net.ParseIP(host)
	return host != "localhost" && (ip == nil || !ip.IsLoopback()), nil
}

// listen listens at the address that a flag has.
func listen(flag, address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, usagef("couldn't listen on %s: %w; choose another with %s", address, errors.Unwrap(err), flag)
	}
	return listener, nil
}

// scheme is that of the URL of a server with that certificate, nil for none.
func scheme(c *certificate.Certificate) string {
	if c != nil {
		return "https://"
	}
	return "http://"
}

// renew reads a certificate again when it changes, and upon SIGHUP, until ctx
// ends.
func renew(ctx context.Context, c *certificate.Certificate) error {
	if c == nil {
		return nil
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGHUP)
	defer signal.Stop(told)
	return c.Run(ctx, told)
}

// An aside is the second listener, nil for none.
type aside struct {
	net.Listener
	conf admin.Config
}

// listenAside listens at --admin-listen.
func (s *serving) listenAside(metrics prometheus.Gatherer, health http.Handler) (*aside, error) {
	if s.server.AdminListen == "" {
		return nil, nil
	}
	ln, err := listen("--admin-listen", s.server.AdminListen)
	if err != nil {
		return nil, err
	}
	return &aside{ln, admin.Config{Metrics: metrics, Health: health, Remote: s.server.AdminAllowRemote, Logger: s.logger}}, nil
}

func (a *aside) url() string {
	if a == nil {
		return ""
	}
	return "http://" + a.Addr().String()
}

func (a *aside) run(ctx context.Context) error {
	if a == nil {
		return nil
	}
	return admin.Serve(ctx, a.Listener, a.conf)
}
