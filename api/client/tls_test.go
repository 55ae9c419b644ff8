// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/lendlog/lendlog/api/certificate/certtest"
	"github.com/lendlog/lendlog/api/client"
)

// A client knows a server by the roots that it is given, and comes by its certificate.
func TestTLS(t *testing.T) {
	s := serve(t)
	authority := certtest.New(t, "authority")
	var came []string
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.VerifiedChains) == 1 {
			came = append(came, r.TLS.VerifiedChains[0][0].Subject.CommonName)
		}
		(*s.handler.Load()).ServeHTTP(w, r)
	}))
	front.TLS = &tls.Config{
		Certificates: []tls.Certificate{authority.Issue(t, "server", 2*time.Hour)},
		ClientAuth:   tls.VerifyClientCertIfGiven, ClientCAs: authority.Pool(),
	}
	front.StartTLS()
	t.Cleanup(front.Close)
	if _, err := client.Dial(t.Context(), front.URL, client.WithRetries(0)); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("a server that nobody vouches for: %v", err)
	}
	config := &tls.Config{RootCAs: authority.Pool()}
	if _, err := client.Dial(t.Context(), front.URL, client.WithTLS(config)); err != nil || len(came) > 0 {
		t.Errorf("by the root: %v, by %q", err, came)
	}
	config.Certificates = []tls.Certificate{authority.Issue(t, "machine", 2*time.Hour)}
	c, err := client.Dial(t.Context(), front.URL, client.WithTLS(config))
	if err != nil || len(came) == 0 || came[0] != "machine" {
		t.Fatalf("with a certificate: %v, by %q", err, came)
	}
	c.Close()
	if _, err := client.Dial(t.Context(), s.url, client.WithTLS(config)); !errors.Is(err, client.ErrKey) {
		t.Errorf("a certificate over http: %v", err)
	}
}
