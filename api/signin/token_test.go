// SPDX-License-Identifier: Apache-2.0

package signin

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/api/signin/oidctest"
)

func TestTokens(t *testing.T) {
	h := newHouse(t, "a secret")
	other := oidctest.NewKey()
	for name, c := range map[string]struct {
		change func(*oidctest.Token)
		want   string
	}{
		"as it is":            {func(*oidctest.Token) {}, "in by aaaaaaaa"},
		"wrong audience":      {func(t *oidctest.Token) { t.Claims["aud"] = "other" }, "mismatched"},
		"no audience":         {func(t *oidctest.Token) { delete(t.Claims, "aud") }, "mismatched"},
		"two audiences":       {func(t *oidctest.Token) { t.Claims["aud"] = []string{"lendlog", "other"} }, "in by aaaaaaaa"},
		"for another client":  {func(t *oidctest.Token) { t.Claims["aud"], t.Claims["azp"] = []string{"lendlog", "other"}, "other" }, "mismatched"},
		"two, for nobody":     {func(t *oidctest.Token) { t.Claims["aud"] = []string{"lendlog", "other"}; delete(t.Claims, "azp") }, "mismatched"},
		"wrong issuer":        {func(t *oidctest.Token) { t.Claims["iss"] = "https://other.example" }, "mismatched"},
		"issuer with a slash": {func(t *oidctest.Token) { t.Claims["iss"] = h.provider.URL + "/" }, "mismatched"},
		"expired":             {func(t *oidctest.Token) { t.Claims["exp"] = time.Now().Add(-time.Second).Unix() }, "mismatched"},
		"no expiry":           {func(t *oidctest.Token) { delete(t.Claims, "exp") }, "mismatched"},
		"not yet":             {func(t *oidctest.Token) { t.Claims["nbf"] = time.Now().Add(time.Hour).Unix() }, "mismatched"},
		"changed nonce":       {func(t *oidctest.Token) { t.Claims["nonce"] = "x" }, "mismatched"},
		"no nonce":            {func(t *oidctest.Token) { delete(t.Claims, "nonce") }, "mismatched"},
		"nobody":              {func(t *oidctest.Token) { t.Claims["sub"] = "" }, "mismatched"},
		"a number":            {func(t *oidctest.Token) { t.Claims["sub"] = 7777777 }, "mismatched"},
		"a very long name":    {func(t *oidctest.Token) { t.Claims["sub"] = strings.Repeat("x", 300) }, "mismatched"},
		"another name":        {func(t *oidctest.Token) { t.Claims["sub"] = "STAFF-7" }, "unknown " + h.provider.URL + " STAFF-7"},
		"alg none":            {func(t *oidctest.Token) { t.Header["alg"], t.Sign = "none", func([]byte) []byte { return nil } }, "mismatched"},
		"none, still signed":  {func(t *oidctest.Token) { t.Header["alg"] = "none" }, "mismatched"},
		"HS256 by the secret": {func(t *oidctest.Token) { t.Header["alg"], t.Sign = "HS256", oidctest.Shared("a secret") }, "mismatched"},
		"HS256 by a public key": {func(t *oidctest.Token) {
			t.Header["alg"], t.Sign = "HS256", oidctest.Shared(string(x509.MarshalPKCS1PublicKey(&other.PublicKey)))
		}, "mismatched"},
		"by a stranger":     {func(t *oidctest.Token) { t.Sign = oidctest.By(other) }, "mismatched"},
		"by an unknown key": {func(t *oidctest.Token) { t.Header["kid"], t.Sign = "other", oidctest.By(other) }, "mismatched"},
		"a key of its own":  {func(t *oidctest.Token) { t.Header["jku"], t.Sign = "https://other.example/keys", oidctest.By(other) }, "mismatched"},
	} {
		t.Run(name, func(t *testing.T) {
			h := *h
			h.t = t
			h.provider.Token = c.change
			h.want(c.want)
		})
	}
	if strings.Contains(h.log.String(), "7777777") {
		t.Error("the log holds the name of a person")
	}
}

func TestKeysOfTheProviderChange(t *testing.T) {
	h := newHouse(t, "")
	h.want("in by aaaaaaaa")
	h.provider.Rotate()
	h.want("in by aaaaaaaa")
}
