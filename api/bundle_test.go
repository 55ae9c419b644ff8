// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
)

func (s *testServer) askBundle(contentType, body string) answer {
	s.t.Helper()
	return s.do(http.MethodPost, "/v1/bundles", strings.NewReader(body), "Content-Type", contentType)
}

// bundle posts what a bundle is to be of, and returns the report on it.
func (s *testServer) bundle(body string) (file []byte, r proof.Report) {
	s.t.Helper()
	a := s.want(s.askBundle(typeJSON, body), http.StatusOK)
	r, err := proof.VerifyBundle(s.trust(), bytes.NewReader(a.body), nil, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return a.body, r
}

func TestBundles(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	for n := range 20 {
		s.submit(decision(n))
	}
	note := string(s.ledger.Head().Note)
	kept, err := json.Marshal(note)
	if err != nil {
		t.Fatal(err)
	}
	s.submit(decision(20))
	for body, want := range map[string]proof.Verdict{
		`{}`: proof.Valid,
		`{"from":"2020-01-01T00:00:00Z","disclose":["/subject"]}`:                                                         proof.Valid,
		`{"to":"2020-01-01T00:00:00+08:00"}`:                                                                              proof.Valid,
		`{"to":"2999-01-01T00:00:00.5Z","disclose":[]}`:                                                                   proof.Incomplete,
		`{"sample":{"seed":"1","count":3},"disclose":[]}`:                                                                 proof.Valid,
		`{"sample":{"seed":"1","count":3,"start":2,"end":9},"checkpoint":` + string(kept) + `}`:                           proof.Valid,
		`{"filter":"type=decision.made"}`:                                                                                 proof.Valid,
		`{"filter":"party=P-1 type=decision.made","disclose":["/subject","/nonsense"],"checkpoint":` + string(kept) + `}`: proof.Valid,
	} {
		file, r := s.bundle(body)
		if r.Verdict != want {
			t.Errorf("%s: %v %v", body, r.Verdict, r.Checks)
		}
		if strings.Contains(body, "checkpoint") && !bytes.Contains(file, kept) {
			t.Errorf("%s: it is under another checkpoint", body)
		}
	}
	s.wantNoDefect(`"route":"postBundle"`)
}

func TestBundleBodies(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	other, err := json.Marshal(string(ledgertest.New(t).Head().Note))
	if err != nil {
		t.Fatal(err)
	}
	for body, says := range map[string]string{
		`[]`:                                 "an object such as",
		`{"from":"2026-01-01"}`:              "/from is not a time",
		`{"to":"2026-01-01T00:00:00.0001Z"}`: "to the millisecond",
		`{"from":1}`:                         "/from is not a time",
		`{"from":"2026-01-01T00:00:00Z","to":"2026-01-01T00:00:00Z"}`:   "/to is not after /from",
		`{"sample":{"seed":"1","count":3},"filter":""}`:                 "ask for one of them",
		`{"sample":{"seed":"1","count":3},"to":"2026-01-01T00:00:00Z"}`: "ask for one of them",
		`{"sample":{"seed":"","count":3}}`:                              "/sample is not",
		`{"sample":{"seed":"1","count":0}}`:                             "/sample is not",
		`{"sample":{"seed":"1","count":10001}}`:                         "at most 10000",
		`{"sample":{"seed":"1","count":1,"end":0}}`:                     "/sample is not",
		`{"sample":{"seed":"1","count":1,"start":-1}}`:                  "/sample is not",
		`{"sample":{"seed":"1","count":1,"x":1}}`:                       "/sample is not",
		`{"sample":"1"}`: "/sample is not",
		`{"sample":{"seed":"1","count":1,"end":9999}}`:                      "leaves up to 9999",
		`{"sample":{"seed":"1","count":1,"start":5,"end":5}}`:               "ends before it begins",
		`{"sample":{"seed":"` + strings.Repeat("x", 1025) + `","count":1}}`: "1,024 bytes",
		`{"disclose":"all"}`:                   "/disclose is not",
		`{"disclose":["subject"]}`:             "/disclose is not",
		`{"checkpoint":1}`:                     "/checkpoint is not",
		`{"checkpoint":"x"}`:                   "not one of this ledger",
		`{"checkpoint":` + string(other) + `}`: "not one of this ledger",
		`{"period":{}}`:                        "not known here",
	} {
		p := s.wantProblem(s.askBundle(typeJSON, body), kindUnreadable)
		if !strings.Contains(p.Detail, says) {
			t.Errorf("%.80s: %q doesn't say %q", body, p.Detail, says)
		}
	}
	s.wantProblem(s.askBundle(typeJSON, `{`), kindUnreadable)
	s.wantProblem(s.askBundle(typeJSON, `{"filter":"nonsense"}`), kindFilter)
	s.wantProblem(s.askBundle(typeJSON, `{"filter":"`+strings.Repeat("x", maxBundling)+`"}`), kindTooLarge)
	s.wantProblem(s.askBundle(typeStream, `{}`), kindMediaType)
	s.wantNoDefect(`"route":"postBundle"`)
}
