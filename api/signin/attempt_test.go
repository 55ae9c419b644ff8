// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"testing"
	"time"
)

func TestReplayedCallback(t *testing.T) {
	h := newHouse(t, "secret")
	h.provider.Reuse = true // the provider isn't what stops it
	b := h.browser()
	at := h.underway(b)
	stolen := b.Jar.Cookies(at)
	if got := h.visit(b, at.String()); got != "in by aaaaaaaa" {
		t.Fatal(got)
	}
	if got := h.visit(b, at.String()); got != "stale" {
		t.Errorf("again, from the same browser: %q", got)
	}
	b.Jar.SetCookies(at, stolen)
	if got := h.visit(b, at.String()); got != "stale" || h.provider.Redeemed.Load() != 1 {
		t.Errorf("with the cookie put back: %q", got)
	}
	// After a start nothing of before counts.
	h.open()
	b.Jar.SetCookies(at, stolen)
	if got := h.visit(b, at.String()); got != "stale" || h.provider.Redeemed.Load() != 1 {
		t.Errorf("with another process: %q", got)
	}
}

// A code that the provider has taken already is refused by it.
func TestReplayedCode(t *testing.T) {
	h := newHouse(t, "secret")
	at := h.underway(h.browser())
	if got := h.visit(h.browser(), at.String()); got != "stale" {
		t.Fatalf("from another browser: %q", got)
	}
	b := h.browser()
	mine := h.underway(b)
	if got := h.visit(b, mine.String()); got != "in by aaaaaaaa" {
		t.Fatal(got)
	}
	next := h.underway(b)
	if got := h.visit(b, with(next, "code", mine.Query().Get("code"))); got != "stale" {
		t.Errorf("a code that was used: %q", got)
	}
}

func TestStateOfAnotherBrowser(t *testing.T) {
	h := newHouse(t, "")
	mine, theirs := h.browser(), h.browser()
	h.underway(mine)
	other := h.underway(theirs)
	// Somebody has me come in as themselves.
	if got := h.visit(mine, other.String()); got != "stale" {
		t.Errorf("with the state of another browser: %q", got)
	}
	at := h.underway(mine)
	if got := h.visit(mine, with(at, "state", "x")); got != "stale" {
		t.Errorf("with a state that was made up: %q", got)
	}
	at = h.underway(mine)
	if got := h.visit(mine, with(at, "state", "")); got != "stale" {
		t.Errorf("without a state: %q", got)
	}
	// A code of theirs, with my state: the verifier of PKCE is another.
	at = h.underway(mine)
	if got := h.visit(mine, with(at, "code", h.underway(theirs).Query().Get("code"))); got != "stale" {
		t.Errorf("with the code of another browser: %q", got)
	}
	if at = h.underway(mine); h.visit(mine, at.String()) != "in by aaaaaaaa" {
		t.Error("it doesn't work after that")
	}
}

func TestLate(t *testing.T) {
	h := newHouse(t, "")
	b := h.browser()
	at := h.underway(b)
	begun := time.Now()
	h.now = func() time.Time { return begun.Add(lifetime + time.Second) }
	if got := h.visit(b, at.String()); got != "stale" || h.provider.Redeemed.Load() != 0 {
		t.Errorf("after %v: %q", lifetime, got)
	}
}

// Attempts that came to nothing take no memory, and those that were used only while
// they are fresh.
func TestSpentAttempts(t *testing.T) {
	var s attempts
	now := time.Now()
	first, second := newAttempt(now, ""), newAttempt(now, "")
	if !s.take(first, now) || s.take(first, now) || !s.take(second, now) {
		t.Error("an attempt is taken twice, or not once")
	}
	s.drop(second)
	if !s.take(second, now) {
		t.Error("one that came to nothing is used up")
	}
	if !s.take(newAttempt(now.Add(lifetime), ""), now.Add(lifetime)) || len(s.used) != 1 {
		t.Errorf("%d are kept", len(s.used))
	}
}
