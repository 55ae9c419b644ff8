// SPDX-License-Identifier: Apache-2.0

package web

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/access"
)

// An adminPage is who has access, what may be recorded, and where checkpoints are
// anchored.
type adminPage struct {
	Grants  []client.Grant
	Types   []adminType
	Targets []client.Target
	Own     string // id of the key that the visitor came with
	Form    grantForm
	Granted *grantedKey // just now; it is shown this once
	Done    string      // what was done, as admin.done.<Done>
	Record  int64       // of that
}

// Roles are all that there are.
func (p *adminPage) Roles() []access.Role { return access.Roles() }

// Tone is the colour of a grant's state.
func (p *adminPage) Tone(state string) string {
	switch state {
	case "active":
		return "good"
	case "lost":
		return "bad"
	}
	return ""
}

// An adminType is a record type that the ledger takes.
type adminType struct{ Name, Title, Schema string }

// A grantForm is what a key is asked for with, as it was typed.
type grantForm struct {
	Role, Label, Sources, Expires, Rate string
	Purpose, Basis, Fields              string
	Once                                string // its token, with which it grants one key
	Wrong                               string // why it is refused, in the words of the ledger
}

// A grantedKey is a key that is shown once.
type grantedKey struct {
	ID, Key string
	Role    access.Role
	Record  int64
}

func showAdmin(v *visit) error { return v.admin(&adminPage{}) }

// admin completes the page and renders it.
func (v *visit) admin(p *adminPage) error {
	l, err := v.ledger()
	if err != nil {
		return err
	}
	if !v.open {
		if p.Grants, err = l.Grants(v.ctx()); err != nil {
			return err
		}
		slices.SortStableFunc(p.Grants, func(a, b client.Grant) int {
			return slices.Index(grantStates, a.State) - slices.Index(grantStates, b.State)
		})
		p.Own = v.Key().ID
		p.Form.Once = v.once.issue(p.Own)
	}
	types, err := l.Types(v.ctx())
	if err != nil {
		return err
	}
	for _, t := range types {
		one := adminType{Name: t.Type, Schema: fmt.Sprintf("%x", t.Schema)}
		if s, err := l.Schema(v.ctx(), [32]byte(t.Schema)); err == nil {
			one.Title = v.labels(s).Title
		}
		p.Types = append(p.Types, one)
	}
	if p.Targets, err = l.Targets(v.ctx()); err != nil {
		return err
	}
	return v.render(p)
}

// grantStates are the states of grants, in the order in which they are listed.
var grantStates = []string{"active", "lost", "expired", "revoked"}

// grantKey grants a key and shows it, once: the answer is not kept by a browser,
// and the key stands in no address.
func grantKey(v *visit) error {
	if err := v.form(); err != nil {
		return err
	}
	f := v.r.PostForm
	form := grantForm{Role: f.Get("role"), Label: f.Get("label"), Sources: f.Get("sources"), Expires: f.Get("expires"), Rate: f.Get("rate"), Purpose: f.Get("purpose"), Basis: f.Get("basis"), Fields: f.Get("fields")}
	terms, unread := form.terms()
	err := terms.Check()
	past := !terms.Expires.IsZero() && !terms.Expires.After(time.Now())
	if unread != "" || err != nil || past {
		switch {
		case unread != "":
			form.Wrong = v.say("admin.grant.unread", "field", v.say(unread))
		case err != nil:
			form.Wrong = err.Error()
		default:
			form.Wrong = v.say("admin.grant.past")
		}
		v.status = http.StatusBadRequest
		return v.admin(&adminPage{Form: form})
	}
	if v.Key() == nil || !v.once.take(f.Get("once"), v.Key().ID) {
		form.Wrong = v.say("admin.grant.again")
		v.status = http.StatusConflict
		return v.admin(&adminPage{Form: form})
	}
	l, err := v.ledger()
	if err != nil {
		return err
	}
	key, index, err := l.Grant(v.ctx(), terms)
	if err != nil {
		return err
	}
	return v.admin(&adminPage{Granted: &grantedKey{key.ID(), key.Reveal(), terms.Role, index}})
}

// terms reads the form, and returns the name of the words of a field that can't be read.
func (f *grantForm) terms() (t access.Terms, unread string) {
	t = access.Terms{Role: access.Role(f.Role), Label: strings.TrimSpace(f.Label), Purpose: strings.TrimSpace(f.Purpose), Basis: strings.TrimSpace(f.Basis)}
	lines := func(text string) []string { return slices.Compact(slices.Sorted(slices.Values(strings.Fields(text)))) }
	t.Sources, t.Fields = lines(f.Sources), lines(f.Fields)
	if f.Expires != "" {
		day, err := time.Parse(time.DateOnly, f.Expires)
		if err != nil {
			return t, "admin.last"
		}
		t.Expires = day.AddDate(0, 0, 1) // the day itself is good
	}
	if f.Rate != "" {
		n, err := strconv.ParseInt(f.Rate, 10, 64)
		if err != nil {
			return t, "admin.rate"
		}
		t.Rate = n
	}
	return t, ""
}

// revokeKey revokes a key, with a reason.
func revokeKey(v *visit) error {
	if err := v.form(); err != nil {
		return err
	}
	reason := v.r.PostForm.Get("reason")
	if reason != "" && !purposeCode.MatchString(reason) {
		return wrong("admin.reason", "code")
	}
	l, err := v.ledger()
	if err != nil {
		return err
	}
	index, err := l.Revoke(v.ctx(), v.r.PostForm.Get("id"), reason)
	if err != nil {
		return err
	}
	if v.Key() != nil && v.Key().Over(time.Now()) {
		return errSignIn // one's own
	}
	return v.admin(&adminPage{Done: "revoked", Record: index})
}

// anchorTargets has checkpoints anchored now, or takes what stopped an anchor as
// settled.
func anchorTargets(v *visit) error {
	if err := v.form(); err != nil {
		return err
	}
	l, err := v.ledger()
	if err != nil {
		return err
	}
	do, done := l.AnchorNow, "anchored"
	if v.r.PostForm.Get("do") == "resume" {
		do, done = l.ResumeAnchors, "resumed"
	}
	if _, err := do(v.ctx(), v.r.PostForm.Get("target")); err != nil {
		return err
	}
	return v.admin(&adminPage{Done: done})
}
