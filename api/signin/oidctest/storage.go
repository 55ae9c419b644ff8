// SPDX-License-Identifier: Apache-2.0

package oidctest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// storage is what the provider keeps: in memory, requests for people and the codes
// that came of them.
type storage struct {
	op.Storage // what is not below nobody asks for
	p          *Provider
}

var errUnknown = errors.New("there is no such thing")

func (s storage) Health(context.Context) error { return nil }

func (s storage) CreateAuthRequest(_ context.Context, r *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	q := &request{AuthRequest: r, id: rand.Text(), begun: time.Now()}
	s.p.requests[q.id] = q
	return q, nil
}

func (s storage) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	if q := s.p.requests[id]; q != nil {
		return q, nil
	}
	return nil, errUnknown
}

func (s storage) SaveAuthCode(_ context.Context, id, code string) error {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.p.codes[code] = id
	return nil
}

func (s storage) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	s.p.mu.Lock()
	id := s.p.codes[code]
	s.p.mu.Unlock()
	return s.AuthRequestByID(ctx, id)
}

func (s storage) DeleteAuthRequest(_ context.Context, id string) error {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	if !s.p.Reuse {
		delete(s.p.requests, id)
	}
	return nil
}

func (s storage) CreateAccessToken(context.Context, op.TokenRequest) (string, time.Time, error) {
	return rand.Text(), time.Now().Add(time.Minute), nil
}

func (s storage) SigningKey(context.Context) (op.SigningKey, error) {
	return signing{s.p.key.Load()}, nil
}

func (s storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.RS256}, nil
}

func (s storage) KeySet(context.Context) ([]op.Key, error) {
	return []op.Key{public{signing{s.p.key.Load()}}}, nil
}

func (s storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if id != s.p.Client.ID {
		return nil, errUnknown
	}
	return known{s.p.Client}, nil
}

func (s storage) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	if id != s.p.Client.ID || secret != s.p.Client.Secret {
		return errUnknown
	}
	return nil
}

func (s storage) SetUserinfoFromScopes(_ context.Context, of *oidc.UserInfo, person, _ string, _ []string) error {
	of.Subject = person
	return nil
}

func (s storage) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return nil, nil
}

// A request is that somebody be signed in.
type request struct {
	*oidc.AuthRequest
	id, person string
	begun      time.Time
}

func (r *request) GetID() string                      { return r.id }
func (r *request) GetACR() string                     { return "" }
func (r *request) GetAMR() []string                   { return nil }
func (r *request) GetAudience() []string              { return []string{r.ClientID} }
func (r *request) GetAuthTime() time.Time             { return r.begun }
func (r *request) GetClientID() string                { return r.ClientID }
func (r *request) GetNonce() string                   { return r.Nonce }
func (r *request) GetRedirectURI() string             { return r.RedirectURI }
func (r *request) GetResponseType() oidc.ResponseType { return r.ResponseType }
func (r *request) GetResponseMode() oidc.ResponseMode { return r.ResponseMode }
func (r *request) GetScopes() []string                { return r.Scopes }
func (r *request) GetState() string                   { return r.State }
func (r *request) GetSubject() string                 { return r.person }
func (r *request) Done() bool                         { return r.person != "" }
func (r *request) GetCodeChallenge() *oidc.CodeChallenge {
	if r.CodeChallenge == "" {
		return nil
	}
	return &oidc.CodeChallenge{Challenge: r.CodeChallenge, Method: r.CodeChallengeMethod}
}

// A known is a client.
type known struct{ Client }

func (c known) GetID() string                                                { return c.ID }
func (c known) RedirectURIs() []string                                       { return []string{c.Redirect} }
func (c known) PostLogoutRedirectURIs() []string                             { return nil }
func (c known) ApplicationType() op.ApplicationType                          { return op.ApplicationTypeWeb }
func (c known) ResponseTypes() []oidc.ResponseType                           { return []oidc.ResponseType{oidc.ResponseTypeCode} }
func (c known) GrantTypes() []oidc.GrantType                                 { return []oidc.GrantType{oidc.GrantTypeCode} }
func (c known) LoginURL(id string) string                                    { return "/login?id=" + id }
func (c known) AccessTokenType() op.AccessTokenType                          { return op.AccessTokenTypeBearer }
func (c known) IDTokenLifetime() time.Duration                               { return time.Minute }
func (c known) DevMode() bool                                                { return true } // http, on this machine
func (c known) IsScopeAllowed(string) bool                                   { return false }
func (c known) IDTokenUserinfoClaimsAssertion() bool                         { return false }
func (c known) ClockSkew() time.Duration                                     { return 0 }
func (c known) RestrictAdditionalIdTokenScopes() func([]string) []string     { return all }
func (c known) RestrictAdditionalAccessTokenScopes() func([]string) []string { return all }

func all(scopes []string) []string { return scopes }

func (c known) AuthMethod() oidc.AuthMethod {
	if c.Secret == "" {
		return oidc.AuthMethodNone
	}
	return oidc.AuthMethodBasic
}

// A signing is a key to sign with, named by what it is.
type signing struct{ key *rsa.PrivateKey }

func (k signing) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k signing) Key() any                                    { return k.key }
func (k signing) ID() string {
	h := sha256.Sum256(k.key.N.Bytes())
	return hex.EncodeToString(h[:8])
}

// A public is its public half.
type public struct{ signing }

func (k public) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (k public) Use() string                        { return "sig" }
func (k public) Key() any                           { return &k.key.PublicKey }
