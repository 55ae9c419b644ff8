// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/tls"
	"crypto/x509"
	"os"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/api/client"
)

// credentials are what a command shows to a server, and by which it knows one, each in
// a file.
type credentials struct{ key, cert, certKey, roots string }

func (s *credentials) flags(cmd *cobra.Command) {
	keyFlag(cmd, &s.key)
	f := cmd.Flags()
	f.StringVar(&s.cert, "client-cert", "", "certificate to come by, in PEM, to which the ledger has granted something; what LENDLOG_KEY holds is not shown then")
	f.StringVar(&s.certKey, "client-key", "", "private key of that certificate")
	f.StringVar(&s.roots, "ca", "", "certificates that the server's has to come from, in PEM (default: those of the system)")
	for _, name := range []string{"client-cert", "client-key", "ca"} {
		_ = cmd.MarkFlagFilename(name)
	}
	cmd.MarkFlagsRequiredTogether("client-cert", "client-key")
}

// notWith has none of them go with a flag.
func (s *credentials) notWith(cmd *cobra.Command, flag string) {
	for _, name := range []string{"key-file", "client-cert", "ca"} {
		cmd.MarkFlagsMutuallyExclusive(flag, name)
	}
}

// options returns what a client is made with.
func (s *credentials) options() (options []client.Option, err error) {
	key, err := s.readKey()
	if err != nil {
		return nil, err
	}
	if key != "" {
		options = append(options, client.WithKey(key))
	}
	config, err := s.tls()
	if err != nil {
		return nil, err
	}
	if config != nil {
		options = append(options, client.WithTLS(config))
	}
	return options, nil
}

// readKey returns the key to show, "" for none. One that the environment holds goes
// with no certificate that was named: a server takes one of them.
func (s *credentials) readKey() (string, error) {
	if s.cert != "" && s.key == "" {
		return "", nil
	}
	return readKey(s.key)
}

// tls returns how connections are made, nil for as always.
func (s *credentials) tls() (*tls.Config, error) {
	if s.cert == "" && s.roots == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.cert != "" {
		cert, err := os.ReadFile(s.cert)
		if err != nil {
			return nil, err
		}
		key, err := readPrivate(s.certKey)
		if err != nil {
			return nil, err
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, usagef("--client-cert and --client-key: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	if s.roots != "" {
		b, err := os.ReadFile(s.roots)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(b) {
			return nil, usagef("--ca: %s holds no certificate in PEM", s.roots)
		}
	}
	return config, nil
}
