// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/lendlog/lendlog/api/session"
	"github.com/lendlog/lendlog/api/signin"
	"github.com/lendlog/lendlog/api/web"
)

// callback is where a provider sends people back to, behind the URL of the server.
const callback = "/console/signin/oidc/callback"

// prepareSignIn checks the settings by which people sign in, and reads the secret.
func (s *serving) prepareSignIn() (err error) {
	o := s.server
	switch {
	case o.OIDCIssuer == "" && (o.OIDCClientID != "" || o.OIDCSecretFile != ""):
		return usagef("--oidc-client-id and --oidc-secret-file go with --oidc-issuer")
	case o.OIDCIssuer == "":
		return nil
	case !o.Console:
		return usagef("--oidc-issuer is for the console, which --console=false leaves out")
	case o.ExternalURL == "" || o.OIDCClientID == "":
		return usagef("--oidc-issuer goes with --external-url and --oidc-client-id: the provider has to know who asks, and where people come back to")
	}
	conf := &signin.Config{
		Issuer: o.OIDCIssuer, Client: o.OIDCClientID, Redirect: strings.TrimSuffix(o.ExternalURL, "/") + callback, Logger: s.logger,
	}
	if o.OIDCSecretFile != "" {
		if conf.Secret, err = readSecret(o.OIDCSecretFile); err != nil {
			return err
		}
	}
	if err := conf.Check(); err != nil {
		return usagef("people can't sign in by the provider: %w", err)
	}
	s.signIn = conf
	return nil
}

// mount has the server of a ledger show the console too.
func (o *openLedger) mount(s *serving) (err error) {
	if !s.server.Console {
		return nil
	}
	if s.signIn != nil {
		conf := *s.signIn
		conf.Find = o.keys.FindPerson
		if o.signIn, err = signin.New(conf); err != nil {
			return err
		}
	}
	console, err := web.New(web.Config{
		API: o.server.Handler(), Keys: o.keys, Origin: o.Info().Origin, Logger: s.logger, SignIn: o.signIn,
		// Who reaches it from elsewhere does so over TLS, which may end before it.
		Sessions: session.New(session.Config{Secure: s.reachable || s.certificate != nil || strings.HasPrefix(s.server.ExternalURL, "https://")}),
	})
	if err != nil {
		return err
	}
	o.console = console
	o.server.Mount(console)
	return nil
}
