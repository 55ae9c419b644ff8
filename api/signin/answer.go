// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"errors"
	"net/url"
)

// An answer is what a browser comes back from a provider with.
type answer struct {
	state, code string
	issuer      string // who says so; "" where it doesn't say
	failure     string // why there is no code
}

// readAnswer reads the query of a request. What stands twice has no meaning.
func readAnswer(query string) (a answer, err error) {
	q, err := url.ParseQuery(query)
	if err != nil || len(query) > maxAnswer {
		return a, &Refusal{Reason: Mismatched, err: errors.New("the provider's answer can't be read")}
	}
	for name, to := range map[string]*string{"state": &a.state, "code": &a.code, "iss": &a.issuer, "error": &a.failure} {
		switch v := q[name]; {
		case len(v) > 1:
			return a, &Refusal{Reason: Mismatched, err: errors.New("the provider's answer says " + name + " twice")}
		case len(v) == 1:
			*to = v[0]
		}
	}
	return a, nil
}

const maxAnswer = 8 << 10 // bytes

// sent returns an error unless an answer is the provider's own, and has a code. That
// of another, which was mixed up with it, says so (RFC 9207).
func (p *provider) sent(a answer) error {
	switch {
	case a.issuer != p.issuer && (a.issuer != "" || p.signs):
		return &Refusal{Reason: Mismatched, err: errors.New("the answer isn't from the provider that was asked")}
	case a.failure == "access_denied":
		return &Refusal{Reason: Declined}
	case a.failure != "":
		return &Refusal{Reason: Declined, err: errors.New("the provider answers " + word(a.failure))}
	case a.code == "":
		return &Refusal{Reason: Mismatched, err: errors.New("the provider's answer has no code")}
	}
	return nil
}

// word repeats a code of an error (RFC 6749), and nothing else.
func word(s string) string {
	if len(s) > 64 {
		return "an error"
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && r != '_' {
			return "an error"
		}
	}
	return s
}
