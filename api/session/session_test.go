// SPDX-License-Identifier: Apache-2.0

package session_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/lendlog/lendlog/api/keys"
	"github.com/lendlog/lendlog/api/session"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

// A house is a ledger with one granted key, and sessions with a clock that
// stands still.
type house struct {
	*session.Sessions
	t    *testing.T
	keys *keys.Keys
	key  *keys.Key
	now  time.Time
}

func newHouse(t *testing.T, conf session.Config) *house {
	t.Helper()
	l := ledgertest.New(t)
	held, err := keys.Open(t.Context(), l.Dir, l.Ledger, nil)
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, keys: held, now: time.Now()}
	granted, _, err := held.Grant(t.Context(), access.Terms{Role: access.Auditor}, ledger.Local)
	if err != nil {
		t.Fatal(err)
	}
	h.key = held.Get(granted.ID())
	conf.Now = func() time.Time { return h.now }
	h.Sessions = session.New(conf)
	return h
}

// signIn returns the cookie of a new session, begun by a request with the
// given ones.
func (h *house) signIn(with ...*http.Cookie) *http.Cookie {
	h.t.Helper()
	w := httptest.NewRecorder()
	h.Begin(w, request(with...), h.key)
	set := w.Result().Cookies()
	if len(set) != 1 {
		h.t.Fatalf("%d cookies are set", len(set))
	}
	return set[0]
}

func request(with ...*http.Cookie) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/console/", nil)
	for _, c := range with {
		r.AddCookie(c)
	}
	return r
}

func (h *house) holds(c *http.Cookie) bool { return h.Find(request(c)) != nil }

func TestCookie(t *testing.T) {
	for _, secure := range []bool{false, true} {
		h := newHouse(t, session.Config{Secure: secure})
		c := h.signIn()
		name := map[bool]string{false: "lendlog", true: "__Host-lendlog"}[secure]
		if c.Name != name || c.Secure != secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 0 || len(c.Value) < 26 {
			t.Errorf("the cookie is %v", c)
		}
		if s := h.Find(request(c)); s == nil || s.Key != h.key {
			t.Error("who signed in is not known again")
		}
		if other := h.signIn(); other.Value == c.Value {
			t.Error("two sessions have one token")
		}
	}
}

func TestOthersAreNobody(t *testing.T) {
	h := newHouse(t, session.Config{})
	c := h.signIn()
	for name, with := range map[string][]*http.Cookie{
		"none":         nil,
		"empty":        {{Name: c.Name}},
		"another":      {{Name: c.Name, Value: "AAAAAAAAAAAAAAAAAAAAAAAAAA"}},
		"another name": {{Name: "__Host-lendlog", Value: c.Value}},
		"two":          {c, {Name: c.Name, Value: "x"}},
	} {
		if h.Find(request(with...)) != nil {
			t.Errorf("%s: it is somebody", name)
		}
	}
}

// Whoever plants a cookie in a browser holds no session once its user signs
// in, be it one of theirs that was good or a token that they made up.
func TestFixation(t *testing.T) {
	h := newHouse(t, session.Config{})
	planted := h.signIn()
	mine := h.signIn(planted)
	if mine.Value == planted.Value || h.holds(planted) || !h.holds(mine) {
		t.Error("a planted session goes on")
	}
	made := &http.Cookie{Name: mine.Name, Value: "made-up-by-somebody-else-00"}
	if got := h.signIn(made); got.Value == made.Value || h.holds(made) {
		t.Error("a planted token is taken over")
	}
}

func TestEnds(t *testing.T) {
	h := newHouse(t, session.Config{Idle: time.Minute, Longest: 10 * time.Minute})
	t.Run("idle", func(t *testing.T) {
		c := h.signIn()
		h.now = h.now.Add(time.Minute - 1)
		if !h.holds(c) {
			t.Fatal("it ended too soon")
		}
		h.now = h.now.Add(time.Minute)
		if h.holds(c) {
			t.Error("it goes on although nobody used it")
		}
	})
	t.Run("longest", func(t *testing.T) {
		c := h.signIn()
		for range 10 {
			if !h.holds(c) {
				t.Fatal("it ended too soon")
			}
			h.now = h.now.Add(time.Minute - 1)
		}
		h.now = h.now.Add(10)
		if h.holds(c) {
			t.Error("it goes on for ever")
		}
	})
	t.Run("signed out", func(t *testing.T) {
		c := h.signIn()
		w := httptest.NewRecorder()
		h.End(w, request(c))
		if set := w.Result().Cookies(); h.holds(c) || len(set) != 1 || set[0].MaxAge >= 0 || set[0].Name != c.Name {
			t.Error("signing out leaves something")
		}
	})
	t.Run("revoked", func(t *testing.T) {
		c := h.signIn()
		if _, err := h.keys.Revoke(t.Context(), h.key.ID, ledger.Local, "left"); err != nil {
			t.Fatal(err)
		}
		if h.holds(c) {
			t.Error("the session outlives its key")
		}
	})
}

func TestMost(t *testing.T) {
	h := newHouse(t, session.Config{})
	first := h.signIn()
	h.now = h.now.Add(time.Second)
	second := h.signIn()
	for range 4095 {
		h.now = h.now.Add(time.Millisecond)
		h.signIn()
	}
	if h.holds(first) || !h.holds(second) {
		t.Error("not the oldest session made room")
	}
}

func TestPurpose(t *testing.T) {
	h := newHouse(t, session.Config{})
	c := h.signIn()
	h.Find(request(c)).SetPurpose("exam-2026")
	if got := h.Find(request(c)).Purpose(); got != "exam-2026" {
		t.Errorf("the purpose is %q", got)
	}
	if got := h.Find(request(h.signIn())).Purpose(); got != "" {
		t.Errorf("the purpose of another session is %q", got)
	}
}
