// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"regexp"

	"github.com/lendlog/lendlog/ledger/access"
)

// maxForm bounds what is posted, in bytes.
const maxForm = 64 << 10

// form reads what was posted.
func (v *visit) form() error {
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
	if err := v.r.ParseForm(); err != nil {
		return errForm
	}
	return nil
}

// home sends visitors to where most begin.
func home(v *visit) error {
	switch {
	case v.session == nil && !v.open:
		return v.redirect("signin")
	case v.May(access.RecordsSearch):
		return v.redirect("search")
	}
	return v.render(nil)
}

// A signInPage is the form for a key.
type signInPage struct {
	Next    string // where to go then, below /console/
	Refused bool   // what was given is no key of the ledger
}

func signIn(v *visit) error {
	if v.open {
		return v.redirect("")
	}
	return v.render(signInPage{Next: v.r.URL.Query().Get("next")})
}

// enter begins a session for whoever shows a key. Why a key is refused it does
// not tell.
func enter(v *visit) error {
	if err := v.form(); err != nil {
		return err
	}
	next := v.r.PostForm.Get("next")
	k := v.conf.Keys.Find(v.r.PostForm.Get("key"))
	if k == nil {
		v.status = http.StatusUnauthorized
		return v.render(signInPage{Next: next, Refused: true})
	}
	v.sessions.Begin(v.w, v.r, k)
	v.conf.Keys.Touch(v.r.Context(), k)
	return v.redirect(next)
}

func signOut(v *visit) error {
	v.sessions.End(v.w, v.r)
	return v.redirect("signin")
}

// purposeCode is what a purpose is: it stands openly in the ledger.
var purposeCode = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// setPurpose says for what the visitor looks at records from now on.
func setPurpose(v *visit) error {
	if err := v.form(); err != nil {
		return err
	}
	if err := v.state(v.r.PostForm.Get("purpose")); err != nil {
		return err
	}
	return v.redirect(v.r.PostForm.Get("next"))
}

// state sets the purpose of the session; "" for none.
func (v *visit) state(code string) error {
	if code != "" && !purposeCode.MatchString(code) {
		return errPurpose
	}
	if v.session != nil {
		v.session.SetPurpose(code)
	}
	return nil
}
