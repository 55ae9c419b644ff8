// SPDX-License-Identifier: Apache-2.0

package api

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
)

// The keys of a submitter are announced and retired over the API, and its events
// are held against them.
func TestSubmitterKeys(t *testing.T) {
	g := serveGuarded(t, ledger.CreateOptions{}, nil)
	admin, mine := append(as(g.of[access.Admin]), "Content-Type", typeJSON), as(g.of[access.Submitter])
	who := idOf(t, g.of[access.Submitter])
	post := func(body string) answer {
		return g.do(http.MethodPost, "/v1/access/submitter-keys", strings.NewReader(body), admin...)
	}
	key := func(name string) (ed25519.PrivateKey, string, string) {
		seed := sha256.Sum256([]byte(name))
		k := ed25519.NewKeyFromSeed(seed[:])
		return k, string(proof.JWK(k.Public()).Bytes()), proof.Thumbprint(k.Public())
	}
	first, jwk, name := key("first")
	_, other, otherName := key("second")
	listed := func(a answer) []submitterKeyDoc {
		return decode[struct{ Keys []submitterKeyDoc }](t, g.want(a, http.StatusOK).body).Keys
	}
	if all := listed(g.get("/v1/access/submitter-keys", admin...)); len(all) != 0 {
		t.Errorf("%+v are listed", all)
	}
	for _, wrong := range []string{
		``, `[]`, `{}`, `{"submitter":1}`, `{"submitter":"` + who + `"}`, `{"submitter":"a b","jwk":` + jwk + `}`, `{"submitter":"ledger","jwk":` + jwk + `}`,
		`{"submitter":"` + who + `","jwk":{"kty":"RSA"}}`, `{"submitter":"` + who + `","jwk":` + strings.Replace(jwk, "{", `{"d":"AAAA",`, 1) + `}`,
		`{"submitter":"` + who + `","retire":[1]}`, `{"submitter":"` + who + `","jwk":` + jwk + `,"reason":"in words"}`, `{"submitter":"` + who + `","jwk":` + jwk + `,"by":"x"}`,
	} {
		g.wantProblem(post(wrong), kindUnreadable)
	}
	g.wantProblem(post(`{"submitter":"`+who+`","retire":["`+name+`"]}`), kindNotFound)

	added := listed(post(`{"submitter":"` + who + `","jwk":` + jwk + `}`))
	if len(added) != 1 || added[0].Key != name || added[0].Submitter != who || added[0].Until != 0 {
		t.Fatalf("%+v are there", added)
	}
	r, err := g.ledger.Record(t.Context(), added[0].From)
	if err != nil || !strings.Contains(string(r.Entry), `"by":"`+idOf(t, g.of[access.Admin])+`"`) {
		t.Errorf("the record is %v, %v", r, err)
	}
	refused := func(a answer, code string) {
		t.Helper()
		p := g.wantProblem(a, kindInvalid)
		if len(p.Errors) != 1 || p.Errors[0].Pointer != "/signature" || p.Errors[0].Code != code {
			t.Errorf("want %s of /signature, got %+v", code, p.Errors)
		}
	}
	signed := func(n int, origin string) string {
		v, err := canon.Parse([]byte(decision(n)), canon.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		signature, err := proof.SignEvent(v, origin, who, first)
		if err != nil {
			t.Fatal(err)
		}
		return string(canon.Map(append(v.Members, canon.Member{Name: "signature", Value: canon.Text(signature)})...).Bytes())
	}
	refused(g.post(typeEvent, decision(1), mine...), record.CodeRequired)
	refused(g.post(typeEvent, signed(1, "another.example/1"), mine...), record.CodeSignature)
	g.want(g.post(typeEvent, signed(1, ledgertest.Origin), mine...), http.StatusCreated)
	// Of a stream one line is refused, and the others are taken.
	a := g.want(g.post(typeStream, decision(2)+"\n"+signed(3, ledgertest.Origin)+"\n", mine...), http.StatusOK)
	if s := string(a.body); !strings.Contains(s, `"pointer":"/signature"`) || !strings.Contains(s, `"accepted":1,`) {
		t.Errorf("the stream ends with %s", s)
	}

	// The policy that asks for signatures says so; the other does not.
	trust, err := proof.ParseTrust(g.want(g.get("/v1/trust?submitters=true"), http.StatusOK).body)
	if err != nil || len(trust.Submitters) != 1 || trust.Submitters[0].From != added[0].From {
		t.Errorf("the policy has the keys %+v: %v", trust.Submitters, err)
	}
	if trust, err = proof.ParseTrust(g.want(g.get("/v1/trust"), http.StatusOK).body); err != nil || len(trust.Submitters) != 0 {
		t.Errorf("the policy has the keys %+v: %v", trust.Submitters, err)
	}
	g.wantProblem(g.get("/v1/trust?submitters=some"), kindBadRequest)

	all := listed(post(fmt.Sprintf(`{"submitter":%q,"jwk":%s,"retire":[%q],"reason":"stolen"}`, who, other, name)))
	if len(all) != 2 || all[0].Until != all[1].From+1 || all[1].Key != otherName {
		t.Errorf("%+v are there", all)
	}
	refused(g.post(typeEvent, signed(4, ledgertest.Origin), mine...), record.CodeSignature)
	g.wantProblem(post(`{"submitter":"`+who+`","jwk":`+jwk+`}`), kindRetired)
}
