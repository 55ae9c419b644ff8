// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"context"
	"errors"
	"log/slog"
)

// A Reason is why somebody was not signed in.
type Reason string

// The reasons. What each means to a person, and what they can do, is for whoever
// shows it to say.
const (
	Unavailable Reason = "unavailable" // the provider doesn't answer, or not as it should; later it may
	Declined    Reason = "declined"    // the provider says no, or the person did there
	Stale       Reason = "stale"       // it wasn't begun in this browser, or too long ago, or is used up; beginning again helps
	Mismatched  Reason = "mismatched"  // what came back isn't from the provider, or not for this server
	Unknown     Reason = "unknown"     // the ledger grants this person nothing
)

// A Refusal is the error of a sign-in that came to nothing. It holds no token and
// no code.
type Refusal struct {
	Reason Reason
	// Issuer and Subject are what the provider calls somebody who is Unknown. They
	// are for that person, who may have an admin grant them something, and for nobody
	// else: not for a log.
	Issuer, Subject string

	err error // for the operator; nil when the reason says all
}

// Error implements error.
func (r *Refusal) Error() string {
	if r.err == nil {
		return "nobody was signed in: " + string(r.Reason)
	}
	return "nobody was signed in: " + r.err.Error()
}

// Unwrap returns what is for the operator.
func (r *Refusal) Unwrap() error { return r.err }

// refused logs and returns the refusal of an error, which is of the provider where it
// is no refusal yet.
func (s *SignIn) refused(ctx context.Context, err error) *Refusal {
	r, ok := errors.AsType[*Refusal](err)
	if !ok {
		r = &Refusal{Reason: Unavailable, err: err}
	}
	attrs := []any{slog.String("reason", string(r.Reason))}
	if r.err != nil {
		attrs = append(attrs, slog.Any("error", r.err))
	}
	s.log.WarnContext(ctx, "somebody couldn't sign in by the provider", attrs...)
	return r
}
