// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// algorithms are those by which an ID token may be signed, whatever a provider says
// that it uses: none that takes a shared secret, and not none.
var algorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA}

// pause is how long a provider that failed is not asked for again.
const pause = 3 * time.Second

// A provider is one that has said where it is to be reached.
type provider struct {
	issuer, client string
	http           *http.Client
	oauth          oauth2.Config
	verifier       *oidc.IDTokenVerifier
	signs          bool // its answers say whose they are (RFC 9207)
}

// find returns the provider, and asks for what it says of itself until it was once
// answered.
func (s *SignIn) find() (*provider, error) {
	s.asking.Lock()
	defer s.asking.Unlock()
	if s.provider != nil {
		return s.provider, nil
	}
	if now := s.conf.now(); s.failed == nil || !now.Before(s.next) {
		s.provider, s.failed = s.discover()
		s.next = s.conf.now().Add(pause)
	}
	return s.provider, s.failed
}

// discover asks for what the provider says of itself. It is for all that sign in, so
// it doesn't end with whoever comes first.
func (s *SignIn) discover() (*provider, error) {
	ctx := oidc.ClientContext(context.Background(), s.http)
	found, err := oidc.NewProvider(ctx, s.conf.Issuer)
	if err != nil {
		return nil, undiscovered(err)
	}
	var says struct {
		Authorization string   `json:"authorization_endpoint"`
		Token         string   `json:"token_endpoint"`
		Keys          string   `json:"jwks_uri"`
		Methods       []string `json:"token_endpoint_auth_methods_supported"`
		Signs         bool     `json:"authorization_response_iss_parameter_supported"`
	}
	if err := found.Claims(&says); err != nil {
		return nil, errors.New("what the provider says of itself can't be read")
	}
	for name, at := range map[string]string{"authorization_endpoint": says.Authorization, "token_endpoint": says.Token, "jwks_uri": says.Keys} {
		if u, err := url.Parse(at); err != nil || u.Host == "" || !s.reach.allows(u) {
			return nil, fmt.Errorf("the %s of the provider is no https URL", name)
		}
	}
	p := &provider{
		issuer: s.conf.Issuer, client: s.conf.Client, http: s.http, signs: says.Signs,
		verifier: found.Verifier(&oidc.Config{ClientID: s.conf.Client, SupportedSigningAlgs: algorithms, Now: s.conf.now}),
		oauth: oauth2.Config{
			ClientID: s.conf.Client, ClientSecret: s.conf.Secret, RedirectURL: s.conf.Redirect,
			Scopes: []string{oidc.ScopeOpenID}, Endpoint: found.Endpoint(),
		},
	}
	// Left to find out, oauth2 would send a code twice.
	p.oauth.Endpoint.AuthStyle = oauth2.AuthStyleInHeader // what a provider takes that doesn't say
	if s.conf.Secret == "" || len(says.Methods) > 0 && !slices.Contains(says.Methods, "client_secret_basic") {
		p.oauth.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return p, nil
}

// undiscovered says why a provider can't be used, without what it answered.
func undiscovered(err error) error {
	var other *oidc.IssuerMismatchError
	var failed *url.Error
	switch {
	case errors.As(err, &other):
		return fmt.Errorf("the provider calls itself %q; name it so, letter by letter", other.Discovered)
	case errors.As(err, &failed):
		return unreached(failed)
	}
	return errors.New("the provider has no configuration below /.well-known/openid-configuration that can be read")
}

// unreached says that a provider can't be reached. The address is left out, which is
// the provider's to choose.
func unreached(err *url.Error) error {
	return fmt.Errorf("couldn't reach the provider: %w", err.Err)
}

// ask returns the address at which the provider asks a person who they are.
func (p *provider) ask(state, verifier, nonce string) string {
	return p.oauth.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier), oidc.Nonce(nonce))
}
