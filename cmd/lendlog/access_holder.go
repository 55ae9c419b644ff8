// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/api/keys"
	"github.com/lendlog/lendlog/api/signin"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	grants "github.com/lendlog/lendlog/ledger/access"
)

// A holder is who something is granted to in the place of a key: a certificate in a
// file, or a person by the name that an issuer has for them.
type holder struct{ certificate, issuer, subject string }

func (h *holder) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&h.certificate, "certificate", "", "file with the certificate by which a system comes, in PEM")
	f.StringVar(&h.issuer, "oidc-issuer", "", "OpenID provider by which a person comes, as it names itself")
	f.StringVar(&h.subject, "oidc-subject", "", "the provider's name for that person, its claim sub")
	_ = cmd.MarkFlagFilename("certificate")
	cmd.MarkFlagsRequiredTogether("oidc-issuer", "oidc-subject")
	for _, name := range []string{"oidc-issuer", "out", "for"} {
		cmd.MarkFlagsMutuallyExclusive("certificate", name)
	}
	for _, name := range []string{"out", "for"} {
		cmd.MarkFlagsMutuallyExclusive("oidc-issuer", name)
	}
}

// named reports whether there is one.
func (h *holder) named() bool { return h.certificate != "" || h.issuer != "" }

// grant says to whom what is granted, and who that is in words.
func (h *holder) grant(t grants.Terms) (g grants.Grant, who string, err error) {
	if h.certificate == "" {
		if err := signin.CheckIssuer(h.issuer); err != nil {
			return g, "", usagef("--oidc-issuer: %w", err)
		}
		return grants.Grant{Means: grants.ByOIDC, Issuer: h.issuer, Person: h.subject, Terms: t}, h.subject + " of " + h.issuer, nil
	}
	c, err := readCertificate(h.certificate)
	if err != nil {
		return g, "", err
	}
	return grants.Grant{Means: grants.ByCertificate, Certificate: keys.Pin(c), Terms: t}, "the certificate of " + c.Subject.String() + ", by its public key", nil
}

// readCertificate reads the first certificate of a file.
func readCertificate(file string) (*x509.Certificate, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, usagef("--certificate: %s holds no certificate in PEM", file)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, usagef("--certificate: %s: %w", file, err)
	}
	if time.Now().After(c.NotAfter) {
		return nil, usagef("--certificate: %s ended on %s; take the one that is used", file, c.NotAfter.UTC().Format(time.DateOnly))
	}
	return c, nil
}

// grantTo grants something to a holder. There is no key to show.
func grantTo(ctx context.Context, c *console.Console, l access.Ledger, g grants.Grant, who string) error {
	id, index, err := l.GrantTo(ctx, g)
	if err != nil {
		return fmt.Errorf("couldn't grant it: %w", err)
	}
	c.Printf("Granted %s to %s, as %s, in record %d.\n", g.Role, console.Clean(who), id, index)
	return c.Emit(granted{ID: id, Role: g.Role, Index: index})
}

// comesBy says in words who may use a grant, "" for whoever has its key.
func comesBy(g client.Grant) string {
	switch {
	case g.Certificate != "":
		return "certificate " + g.Certificate[:16] + "…"
	case g.Person != "":
		return g.Person + " of " + g.Issuer
	}
	return g.Means
}
