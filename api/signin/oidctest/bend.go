// SPDX-License-Identifier: Apache-2.0

package oidctest

import (
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
)

// A Token is an ID token before it is signed.
type Token struct {
	Header, Claims map[string]any
	// Sign makes the signature; nil for the provider's own.
	Sign func(signed []byte) []byte
}

// Shared signs with a secret that is shared, by HS256.
func Shared(secret string) func([]byte) []byte {
	return func(signed []byte) []byte {
		m := hmac.New(sha256.New, []byte(secret))
		m.Write(signed)
		return m.Sum(nil)
	}
}

// By signs with a key, by RS256.
func By(key *rsa.PrivateKey) func([]byte) []byte {
	return func(signed []byte) []byte {
		digest := sha256.Sum256(signed)
		b, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
		if err != nil {
			panic(err)
		}
		return b
	}
}

// bend changes an answer as the provider is told to.
func (p *Provider) bend(path string, a *httptest.ResponseRecorder) []byte {
	body := a.Body.Bytes()
	if at, err := url.Parse(a.Header().Get("Location")); err == nil && p.Answer != nil && strings.HasPrefix(at.String(), p.Client.Redirect) {
		q := at.Query()
		p.Answer(q)
		at.RawQuery = q.Encode()
		a.Header().Set("Location", at.String())
	}
	var doc map[string]any
	if json.Unmarshal(body, &doc) != nil {
		return body
	}
	switch id, _ := doc["id_token"].(string); {
	case strings.HasPrefix(path, "/.well-known/") && p.Discovery != nil:
		p.Discovery(doc)
	case id != "" && p.Token != nil:
		doc["id_token"] = p.sign(id)
	default:
		return body
	}
	return marshal(doc)
}

// sign signs an ID token anew, as it was changed.
func (p *Provider) sign(id string) string {
	parts := strings.Split(id, ".")
	t := Token{Sign: By(p.key.Load())}
	for i, to := range []*map[string]any{&t.Header, &t.Claims} {
		b, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(b, to) != nil {
			panic("the provider made an ID token that is none")
		}
	}
	p.Token(&t)
	signed := base64.RawURLEncoding.EncodeToString(marshal(t.Header)) + "." + base64.RawURLEncoding.EncodeToString(marshal(t.Claims))
	return signed + "." + base64.RawURLEncoding.EncodeToString(t.Sign([]byte(signed)))
}

func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
