// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/lendlog/lendlog/ledger/access"
)

// Pin is what a grant names a certificate by: SHA-256 of its SubjectPublicKeyInfo. So
// one that is renewed with its key goes on, and nobody else's of the same name counts,
// whoever issued it.
func Pin(c *x509.Certificate) [32]byte { return sha256.Sum256(c.RawSubjectPublicKeyInfo) }

// FindCertificate returns the key of a certificate, nil unless it is accepted now.
// Whoever asks has made sure that its private key is held by who comes with it, and
// that it holds itself.
func (k *Keys) FindCertificate(c *x509.Certificate) *Key {
	return k.find(holder{certificate: Pin(c)})
}

// FindPerson returns the key of a person by the name that an issuer has for them, nil
// unless it is accepted now. Whoever asks has made sure that the issuer says so.
func (k *Keys) FindPerson(issuer, person string) *Key {
	return k.find(holder{issuer: issuer, person: person})
}

// A holder is who comes by other means than a key. None of it is a secret, so it is
// compared as anything else.
type holder struct {
	certificate    [32]byte
	issuer, person string
}

func holderOf(g *access.Grant) holder { return holder{g.Certificate, g.Issuer, g.Person} }

func (k *Keys) find(h holder) *Key { return k.state.Load().held(h, k.now()) }

// held returns the key of a holder, nil unless it is accepted.
func (s *state) held(h holder, now time.Time) *Key {
	s.index.Do(func() {
		s.holders = map[holder]*Key{}
		for id, key := range s.keys {
			of := holderOf(&key.Grant)
			if key.Means == access.ByKey || !key.Revoked.IsZero() {
				continue
			}
			// One that has expired makes room for another.
			if other := s.holders[of]; other == nil || s.granted[other.ID].At.Before(s.granted[id].At) {
				s.holders[of] = key
			}
		}
	})
	if key := s.holders[h]; key != nil && !key.Over(now) {
		return key
	}
	return nil
}

// free returns an error where whoever a grant is for has one already: two would leave
// open which of them counts.
func (s *state) free(g *access.Grant, now time.Time) error {
	if g.Means == access.ByKey {
		return nil
	}
	if held := s.held(holderOf(g), now); held != nil {
		return fmt.Errorf("%w: the grant %s is of the same certificate or person; revoke it first", ErrTerms, held.ID)
	}
	return nil
}

// GrantTo grants something to whoever comes by the certificate or as the person that
// a grant names, whose id and hash are made here. No key comes of it.
func (k *Keys) GrantTo(ctx context.Context, g access.Grant, grantor string) (id string, index int64, err error) {
	// The hash is that of a key which nobody has: by it the digest in the ledger tells
	// nobody who guesses them whose grant it is.
	r := k.fresh().Request()
	g.ID, g.Hash = r.ID, r.Hash
	index, err = k.Add(ctx, g, grantor)
	return g.ID, index, err
}
