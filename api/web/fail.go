// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/lendlog/lendlog/api/client"
)

// A fault is why there is no page. Its words are error.<name> and
// error.<name>.remedy.
type fault struct {
	status int
	name   string
}

func (f *fault) Error() string { return "the page is not shown: " + f.name }

var (
	errSignIn      = &fault{http.StatusUnauthorized, "signin"}
	errLacks       = &fault{http.StatusForbidden, "lacks"}
	errScope       = &fault{http.StatusForbidden, "scope"}
	errCrossOrigin = &fault{http.StatusForbidden, "cross"}
	errLed         = &fault{http.StatusForbidden, "led"}
	errMissing     = &fault{http.StatusNotFound, "missing"}
	errForm        = &fault{http.StatusBadRequest, "form"}
	errPurpose     = &fault{http.StatusBadRequest, "purpose"}
	errTooMany     = &fault{http.StatusUnprocessableEntity, "many"}
	errCounting    = &fault{http.StatusServiceUnavailable, "counting"}
	errBusy        = &fault{http.StatusServiceUnavailable, "busy"}
	errRate        = &fault{http.StatusTooManyRequests, "rate"}
	errLie         = &fault{http.StatusInternalServerError, "lie"}
	errDefect      = &fault{http.StatusInternalServerError, "defect"}
)

// A wrongField is a field of a form that can't be read: the name of its words, and of
// those that say how it is written.
type wrongField struct{ name, remedy string }

func (f wrongField) Error() string { return "a field can't be read: " + f.name }
func (f wrongField) Unwrap() error { return errForm }

// wrong says of a field how it is written, by error.write.<how>.
func wrong(name, how string) error { return wrongField{name, "error.write." + how} }

// faultOf returns the fault that an error stands for, and what the ledger says
// of it, which holds no value of a record.
func faultOf(err error) (f *fault, detail string) {
	var p *client.Problem
	var lie *client.LieError
	switch {
	case errors.As(err, &f):
		return f, ""
	case errors.As(err, &lie):
		return errLie, lie.Error()
	case !errors.As(err, &p):
		return errDefect, ""
	}
	switch {
	case p.Status == http.StatusUnauthorized:
		return errSignIn, ""
	case p.Status == http.StatusForbidden:
		return errLacks, p.Detail
	case p.Status == http.StatusNotFound:
		return errMissing, ""
	case p.Status == http.StatusTooManyRequests:
		return errRate, ""
	case p.Type == "urn:lendlog:problem:counting":
		return errCounting, p.Detail
	case p.Status == http.StatusServiceUnavailable:
		return errBusy, p.Detail
	case p.Status == statusGone: // the page took longer than the visitor's connection
		return errBusy, ""
	case p.Status >= http.StatusInternalServerError:
		return errDefect, ""
	}
	return errForm, p.Error()
}

// fail answers with the page for an error. Who has no session is asked to sign
// in first, and comes back to where they wanted to go.
func (v *visit) fail(err error) {
	f, detail := faultOf(err)
	if f == errDefect && v.r.Context().Err() == nil || f == errLie {
		v.defect(err)
	}
	if f == errSignIn && v.r.Method == http.MethodGet {
		_ = v.redirect("signin?next=" + url.QueryEscape(v.here()))
		return
	}
	if f == errLacks && v.Scoped() && v.May(v.page.needs) {
		f = errScope // the role may, and the key opens too little
	}
	v.status = f.status
	if f == errCounting {
		v.w.Header().Set("Refresh", "5")
	}
	p := errorPage{Name: f.name, Detail: detail}
	var field wrongField
	if errors.As(err, &field) {
		p.Field, p.Remedy = v.say(field.name), v.say(field.remedy)
	}
	if err := v.renderAs("error", p); err != nil {
		v.defect(err)
		http.Error(v.w, "the page could not be made", http.StatusInternalServerError)
	}
}

// Scoped reports whether the visitor's key opens some sealed members only.
func (v *visit) Scoped() bool { return v.Key() != nil && v.Key().Scoped() }

// opens are the pointers of the sealed members that the visitor's key opens, nil for
// all that there are.
func (v *visit) opens() []string {
	if !v.Scoped() {
		return nil
	}
	return v.Key().Fields
}

// statusGone is what the API answers whoever went away, or waited too long.
const statusGone = 499

type errorPage struct{ Name, Detail, Field, Remedy string }
