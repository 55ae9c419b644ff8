// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/url"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// maxSubject bounds the name for a person (OpenID Connect Core, section 2).
const maxSubject = 255 // bytes

// redeem takes a code to the provider, and returns its name for the person. Nothing
// else is kept of what it hands out.
func (p *provider) redeem(ctx context.Context, code, verifier, nonce string) (subject string, err error) {
	ctx = oidc.ClientContext(ctx, p.http)
	token, err := p.oauth.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return "", unredeemed(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := p.verifier.Verify(ctx, raw)
	if err != nil {
		return "", unverified(err)
	}
	var claims struct {
		AuthorizedParty string `json:"azp"`
	}
	if err := id.Claims(&claims); err != nil {
		return "", mismatched("its ID token can't be read")
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) != 1:
		return "", mismatched("its ID token is for another sign-in")
	// OpenID Connect Core, section 3.1.3.7.
	case claims.AuthorizedParty != p.client && (claims.AuthorizedParty != "" || len(id.Audience) > 1):
		return "", mismatched("its ID token was given to another client")
	case id.Subject == "" || len(id.Subject) > maxSubject:
		return "", mismatched("its name for a person is none, or too long")
	}
	return id.Subject, nil
}

func mismatched(why string) *Refusal {
	return &Refusal{Reason: Mismatched, err: errors.New("the provider can't be believed: " + why)}
}

// unredeemed says why there is no token, without what the provider answered, which
// could hold anything.
func unredeemed(err error) *Refusal {
	var refused *oauth2.RetrieveError
	var failed *url.Error
	switch {
	case errors.As(err, &refused) && refused.ErrorCode == "invalid_grant":
		return &Refusal{Reason: Stale, err: errors.New("the provider doesn't take its code, or not any more")}
	case errors.As(err, &refused) && refused.ErrorCode != "":
		return &Refusal{Reason: Unavailable, err: errors.New("the provider gives no token: " + word(refused.ErrorCode))}
	case errors.As(err, &failed):
		return &Refusal{Reason: Unavailable, err: unreached(failed)}
	}
	return &Refusal{Reason: Unavailable, err: errors.New("the provider gives no token that can be read")}
}

// unverified says what is wrong with an ID token, without what is in it.
func unverified(err error) *Refusal {
	var expired *oidc.TokenExpiredError
	var failed *url.Error
	switch {
	case errors.As(err, &expired):
		return mismatched("its ID token has expired; compare the clocks")
	case errors.As(err, &failed):
		return &Refusal{Reason: Unavailable, err: unreached(failed)}
	}
	return mismatched("its ID token isn't its own, or not for this server")
}
