// SPDX-License-Identifier: Apache-2.0

package access

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
)

// What is shown to use a grant. An API key is the zero means, because the grants
// that are older than the others do not name it.
const (
	ByKey         = ""
	ByCertificate = "certificate" // of TLS
	ByOIDC        = "oidc"        // a person, of whom an OpenID provider says who they are
)

// MaxPerson bounds an issuer, and its name for a person, in bytes.
const MaxPerson = 256

// A Grant is what is kept of who may come, and for what. Of Certificate, and Issuer
// with Person, it has what its means calls for, and nothing else.
type Grant struct {
	ID          string
	Means       string   // ByKey, ByCertificate or ByOIDC
	Hash        [32]byte // of the key; of one that nobody has, where another means is shown
	Certificate [32]byte // SHA-256 of the SubjectPublicKeyInfo
	Issuer      string   // URL of the provider
	Person      string   // the provider's sub
	Terms
	Used    time.Time // the day on which it was last used; zero for never
	Revoked time.Time // the day on which it was revoked; zero while it is not
}

// Check returns what is wrong with a grant, or nil.
func (g *Grant) Check() error {
	var of Grant // what the means calls for
	lacks := g.Hash == [32]byte{}
	switch g.Means {
	case ByKey:
	case ByCertificate:
		of.Certificate = g.Certificate
		lacks = lacks || of.Certificate == [32]byte{}
	case ByOIDC:
		of.Issuer, of.Person = g.Issuer, g.Person
		lacks = lacks || of.Issuer == "" || of.Person == ""
	default:
		return errors.New("the means is none that is known")
	}
	switch {
	case !ValidID(g.ID):
		return errors.New("the id is none")
	case of.Certificate != g.Certificate || of.Issuer != g.Issuer || of.Person != g.Person:
		return errors.New("it names what its means does not call for")
	case lacks:
		return errors.New("it lacks what its means calls for")
	case !plain(g.Issuer, MaxPerson) || !plain(g.Person, MaxPerson):
		return fmt.Errorf("issuer and person are at most %d bytes of UTF-8 each, without control characters", MaxPerson)
	}
	return g.Terms.Check()
}

// document is the grant as canonical JSON, but for the days of its use and end.
func (g *Grant) document() canon.Value {
	var members []canon.Member
	text := func(name, s string) {
		if s != "" {
			members = append(members, canon.Member{Name: name, Value: canon.Text(s)})
		}
	}
	texts := func(name string, list []string) {
		if len(list) > 0 {
			members = append(members, canon.Member{Name: name, Value: canon.Texts(list...)})
		}
	}
	hash := func(name string, h [32]byte) {
		if h != [32]byte{} {
			text(name, hex.EncodeToString(h[:]))
		}
	}
	text("id", g.ID)
	text("means", g.Means)
	hash("hash", g.Hash)
	hash("certificate", g.Certificate)
	text("issuer", g.Issuer)
	text("person", g.Person)
	text("role", string(g.Role))
	texts("sources", g.Sources)
	text("label", g.Label)
	if !g.Expires.IsZero() {
		text("expires", g.Expires.UTC().Format(time.RFC3339))
	}
	if g.Rate != 0 {
		members = append(members, canon.Member{Name: "rate", Value: canon.Number(g.Rate)})
	}
	text("purpose", g.Purpose)
	text("basis", g.Basis)
	texts("fields", g.Fields)
	return canon.Map(members...)
}

// Digest is what the ledger records of a grant: SHA-256 of its canonical JSON
// but for the days of its last use and its end. It can't be guessed, also by whoever
// guesses a person, because the hash of a key is in it.
func (g *Grant) Digest() [32]byte { return sha256.Sum256(g.document().Bytes()) }
