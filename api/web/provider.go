// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"net/http"
	"regexp"

	"github.com/lendlog/lendlog/api"
	"github.com/lendlog/lendlog/api/signin"
)

// providerPages are those by which people sign in by a provider, of a console that has
// one. Their paths are registered there.
func providerPages() []page {
	return []page{
		{path: "signin/oidc", name: "provider", handler: toProvider},
		{path: "signin/oidc/callback", name: "provider", handler: fromProvider},
	}
}

// toProvider sends a visitor to the provider. Where to go then is not for another site
// to say.
func toProvider(v *visit) error {
	next := v.r.URL.Query().Get("next")
	if api.LedHere(v.r) {
		next = ""
	}
	return v.unlessRefused(v.conf.SignIn.Start(v.w, v.r, next))
}

// fromProvider begins a session for whoever the provider sends back.
func fromProvider(v *visit) error {
	k, next, err := v.conf.SignIn.Finish(v.w, v.r)
	if err != nil {
		return v.unlessRefused(err)
	}
	v.sessions.Begin(v.w, v.r, k)
	v.conf.Keys.Touch(v.r.Context(), k)
	return v.redirect(next)
}

// refusalStatus are the statuses of pages that tell why nobody signed in.
var refusalStatus = map[signin.Reason]int{
	signin.Unavailable: http.StatusServiceUnavailable,
	signin.Declined:    http.StatusForbidden,
	signin.Stale:       http.StatusBadRequest,
	signin.Mismatched:  http.StatusBadGateway,
	signin.Unknown:     http.StatusForbidden,
}

// unlessRefused shows why nobody signed in, and what to do.
func (v *visit) unlessRefused(err error) error {
	refusal, ok := errors.AsType[*signin.Refusal](err)
	if !ok {
		return err
	}
	v.status = refusalStatus[refusal.Reason]
	v.r.URL.RawQuery = "" // the page links to itself, and need not repeat a code
	shown := refusalPage{Refusal: refusal}
	if ofShell.MatchString(refusal.Issuer) && ofShell.MatchString(refusal.Subject) {
		shown.Command = "lendlog access grant --role auditor --oidc-issuer '" + refusal.Issuer + "' --oidc-subject '" + refusal.Subject + "'"
	}
	return v.render(shown)
}

// A refusalPage is what is shown to somebody who wasn't signed in.
type refusalPage struct {
	*signin.Refusal
	Command string // by which an admin grants somebody unknown a role; "" for none
}

// ofShell is what means nothing else to a shell between quotes: the command is sent to
// an admin, by somebody of whom nothing is known.
var ofShell = regexp.MustCompile(`^[A-Za-z0-9._:/@|+=~-]+$`)

// Provider reports whether people can sign in by a provider.
func (v *view) Provider() bool { return v.conf.SignIn != nil }
