// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/tree"
)

// words yields the texts and long numbers in a value, but for what is too short to
// be found by chance only.
func words(v canon.Value, yield func(string)) {
	switch v.Kind {
	case canon.String:
		if len(v.Str) >= 6 {
			yield(v.Str)
		}
	case canon.Array:
		for _, item := range v.Items {
			words(item, yield)
		}
	case canon.Object:
		for _, m := range v.Members {
			words(m.Value, yield)
		}
	}
}

// A kept is what of a ledger a scoped key must not be shown.
type kept struct {
	values   map[string]string // a sealed value, and where it is
	subjects []string
	indexes  []int64 // of what was submitted
}

// keep reads the whole ledger, and returns what is sealed in it but for some fields,
// as far as it does not stand in the clear too.
func keep(t *testing.T, l *ledger.Ledger, fields []string) kept {
	t.Helper()
	var open bytes.Buffer
	k := kept{values: map[string]string{}}
	subjects := map[string]bool{}
	for i := range l.Head().Size {
		r, err := l.Record(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		open.Write(r.Entry)
		if e := r.Leaf.Entry; e == nil || strings.HasPrefix(e.Submitter, "ledger") {
			continue
		}
		k.indexes = append(k.indexes, i)
		for _, m := range r.Members {
			switch {
			case m.Open || !m.Present:
			case slices.Contains(fields, m.Pointer) && (r.Leaf.Entry.Type != record.TypeRestricted || slices.Contains(fields, "/type")):
				open.Write(m.Value.Bytes())
			default:
				words(m.Value, func(s string) { k.values[s] = fmt.Sprintf("%s of record %d", m.Pointer, i) })
			}
			if m.Pointer == "/subject" {
				subjects[m.Value.Str] = true
			}
		}
		for group, seed := range r.Seeds {
			k.values[base64.StdEncoding.EncodeToString(seed[:])] = fmt.Sprintf("the seed of %s of record %d", group, i)
		}
	}
	open.Write(openapiYAML) // has examples
	for _, s := range l.Catalogue().Every() {
		open.Write(s.Text)
		for _, lang := range []string{record.English, record.Chinese} {
			b, err := json.Marshal(s.Labels(lang))
			if err != nil {
				t.Fatal(err)
			}
			open.Write(b)
		}
	}
	maps.DeleteFunc(k.values, func(s, _ string) bool { return bytes.Contains(open.Bytes(), []byte(s)) })
	k.subjects = slices.Sorted(maps.Keys(subjects))
	return k
}

// shows fails the test where an answer holds anything that is kept, and was not in
// the question.
func (k kept) shows(t *testing.T, question string, a answer) {
	t.Helper()
	text := string(a.body)
	for name, values := range a.header {
		text += "\n" + name + ": " + strings.Join(values, ",")
	}
	for value, where := range k.values {
		if strings.Contains(text, value) && !strings.Contains(question, value) {
			t.Errorf("%s is answered %d with %s: %q", question, a.status, where, value)
			return
		}
	}
}

// A key that is granted with fields is shown, wherever anything is opened, nothing of
// any other sealed member: everything that there is is asked for in every way, and
// all bytes of all answers are searched for every other sealed value of the ledger.
func TestScopeHoldsEverywhere(t *testing.T) {
	g := serveGuarded(t, ledger.CreateOptions{}, nil)
	g.ledger.Submit(ledgertest.NewEvents(7).Take(40)...)
	for role, fields := range map[access.Role][]string{access.Regulator: {"/data/amount"}, access.Auditor: {"/data/amount", "/subject"}, access.Compliance: {"/data/amount", "/type"}} {
		key := as(g.grant(t, access.Terms{Role: role, Fields: fields, Expires: time.Now().Add(time.Hour).Truncate(time.Second)}))
		k := keep(t, g.ledger.Ledger, fields)
		if len(k.values) < 100 || len(k.subjects) < 3 || len(k.indexes) < 30 {
			t.Fatalf("the ledger keeps %d values of %d subjects in %d records", len(k.values), len(k.subjects), len(k.indexes))
		}
		g.askEverything(t, k, key)
	}
}

func (g *guarded) askEverything(t *testing.T, k kept, key []string) {
	t.Helper()
	ask := func(path string) answer {
		a := g.get(path, key...)
		k.shows(t, "GET "+path, a)
		return a
	}
	post := func(path, body string) answer {
		a := g.do(http.MethodPost, path, strings.NewReader(body), append(slices.Clone(key), "Content-Type", typeJSON)...)
		k.shows(t, "POST "+path+" "+body, a)
		return a
	}
	for _, r := range g.routes() {
		k.shows(t, r.method+" "+r.path, g.ask(r, key...))
	}
	for _, i := range k.indexes {
		for _, of := range []string{"", "/findings", "/proof", "/evidence", "/evidence?disclose=all", "/evidence?disclose=none", "/evidence?disclose=/data/amount", "/evidence?disclose=/party", "/evidence?disclose=/data/amount,/id"} {
			ask(fmt.Sprintf("/v1/records/%d%s", i, of))
		}
	}
	for _, s := range k.subjects {
		kind, id, _ := strings.Cut(s, "/")
		path := "/v1/subjects/" + kind + "/" + url.PathEscape(id)
		for _, of := range []string{"", "?from=2&limit=1", "/evidence", "/evidence?disclose=none", "/evidence?disclose=/data/amount,/subject", "/evidence?disclose=/party"} {
			ask(path + of)
		}
	}
	for _, path := range []string{"/v1/due?subject=" + url.QueryEscape(k.subjects[0]), "/v1/due?limit=1000", "/v1/stats", "/v1/records?limit=1000", "/v1/records?limit=1000&filter=type=restricted"} {
		ask(path)
	}
	for _, filter := range []string{"", "type=payment.received", "type=payment.received amount.amount>1", "party=party-0001", "officer=staff-001", "finding=any", "due=any", "subject=" + k.subjects[0], "source=urn:lender:origination", "type=restricted", "not type=restricted"} {
		body, err := json.Marshal(map[string]string{"filter": filter})
		if err != nil {
			t.Fatal(err)
		}
		if a := post("/v1/searches", string(body)); a.status == http.StatusCreated {
			ask(decode[struct{ Path string }](t, a.body).Path + "?limit=1000")
		}
	}
	for _, body := range []string{
		`{}`, `{"disclose":[]}`, `{"disclose":["/data/amount"]}`, `{"disclose":["/data/amount","/party"]}`,
		`{"sample":{"seed":"1","count":20},"disclose":["/data/amount"]}`, `{"filter":"type=payment.received","disclose":["/data/amount"]}`,
		`{"filter":"party=party-0001","disclose":["/data/amount"]}`, `{"filter":"finding=any","disclose":["/data/amount"]}`,
	} {
		post("/v1/bundles", body)
	}
	for _, view := range []string{fmt.Sprintf("?from=%d", k.indexes[0]), fmt.Sprintf("?from=%d&view=entry", k.indexes[0])} {
		f := g.follow(view, key...)
		all := f.records(len(k.indexes))
		f.cancel()
		k.shows(t, "GET /v1/events"+view, answer{body: []byte(strings.Join(all, "\n"))})
	}
}

// What is in the scope of a key is shown, and proved without what is not.
func TestScopeShowsWhatItNames(t *testing.T) {
	g := serveGuarded(t, ledger.CreateOptions{}, nil)
	g.ledger.Submit(ledgertest.NewEvents(7).Take(100)...)
	expires := time.Now().Add(time.Hour).Truncate(time.Second)
	key := as(g.grant(t, access.Terms{Role: access.Regulator, Fields: []string{"/data/amount", "/subject"}, Expires: expires}))
	full := as(g.of[access.Regulator])
	trust := g.trust()
	shown := 0
	for i := range g.ledger.Head().Size {
		a := g.get(fmt.Sprintf("/v1/records/%d", i), key...)
		if a.status != http.StatusOK {
			continue
		}
		d := decode[recordDoc](t, a.body)
		whole := decode[recordDoc](t, g.want(g.get(fmt.Sprintf("/v1/records/%d", i), full...), http.StatusOK).body)
		if len(d.Seeds) != 0 || whole.Disclosures != nil {
			t.Fatalf("record %d comes with %d seeds", i, len(d.Seeds))
		}
		if d.Schema == nil {
			continue
		}
		schema, ok := g.ledger.Schema([32]byte(d.Schema))
		if !ok {
			t.Fatal("the schema is none")
		}
		leaf, err := record.ParseLeaf([]byte(d.Entry))
		if err != nil {
			t.Fatal(err)
		}
		pointers := schema.Pointers()
		for _, m := range d.Disclosures {
			x, err := seal.ParseDisclosure([]byte(m.Disclosure))
			if err != nil {
				t.Fatal(err)
			}
			at := slices.Index(pointers, x.Pointer)
			if err := tree.VerifyInclusion(m.Proof, int64(at), int64(len(pointers)), tree.LeafHash([]byte(m.Disclosure)), tree.Hash(leaf.Entry.Sealed)); err != nil {
				t.Fatalf("record %d: %s: %v", i, x.Pointer, err)
			}
			if x.Pointer == "/data/amount" && x.Present {
				shown++
			}
		}
		for _, m := range whole.Members {
			if sealed := !m.Open && m.Pointer != "/data/amount" && m.Pointer != "/subject"; sealed == slices.ContainsFunc(d.Members, func(x memberDoc) bool { return x.Pointer == m.Pointer }) {
				t.Errorf("record %d: whether %s is shown is wrong", i, m.Pointer)
			}
		}
	}
	if shown < 5 {
		t.Errorf("%d amounts are shown", shown)
	}
	// Evidence of them verifies by itself.
	at := decode[searchDoc](t, g.want(g.get("/v1/records?limit=1&filter=type=payment.received", key...), http.StatusOK).body).Records[0].Index
	a := g.want(g.get(fmt.Sprintf("/v1/records/%d/evidence?disclose=/data/amount,/subject", at), key...), http.StatusOK)
	if report, err := proof.VerifyDocument(trust, a.body, nil); err != nil || report.Verdict != proof.Valid {
		t.Errorf("evidence is %v, %v", report, err)
	}
	// A search by it finds what the search of others finds.
	find := func(headers []string) (indexes []int64) {
		headers = append(slices.Clone(headers), "Content-Type", typeJSON)
		body := `{"filter":"type=payment.received amount.amount>300"}`
		path := decode[struct{ Path string }](t, g.want(g.do(http.MethodPost, "/v1/searches", strings.NewReader(body), headers...), http.StatusCreated).body).Path
		for _, r := range decode[searchDoc](t, g.want(g.get(path+"?limit=1000", headers...), http.StatusOK).body).Records {
			indexes = append(indexes, r.Index)
		}
		return indexes
	}
	if got, want := find(key), find(full); len(want) == 0 || !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
}

// Whoever asks for what is out of scope is told so, and not given less.
func TestScopeRefuses(t *testing.T) {
	g := serveGuarded(t, ledger.CreateOptions{}, nil)
	g.ledger.Submit(ledgertest.NewEvents(7).Take(160)...)
	expires := time.Now().Add(time.Hour).Truncate(time.Second)
	key := as(g.grant(t, access.Terms{Role: access.Regulator, Fields: []string{"/data/amount"}, Expires: expires}))
	first := int64(-1)
	var restricted int64
	for i := range g.ledger.Head().Size {
		r, err := g.ledger.Record(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		switch e := r.Leaf.Entry; {
		case e == nil:
		case e.Type == record.TypeRestricted:
			restricted = i
		case first < 0 && e.Type == "org.lendlog.payment.received.v1":
			first = i
		}
	}
	if first < 0 || restricted == 0 {
		t.Fatal("the ledger has no payment, or nothing restricted")
	}
	for path, k := range map[string]kind{
		fmt.Sprintf("/v1/records/%d/evidence", first):                              kindForbidden,
		fmt.Sprintf("/v1/records/%d/evidence?disclose=/data/amount,/party", first): kindForbidden,
		fmt.Sprintf("/v1/records/%d", restricted):                                  kindForbidden,
		"/v1/stats":                     kindForbidden,
		"/v1/due":                       kindForbidden,
		"/v1/due?subject=file/F-000001": kindForbidden,
		"/v1/subjects/file/F-000001":    kindForbidden,
		"/v1/subjects/file/none":        kindForbidden, // whether it is there does not show
		"/v1/subjects/file/none/evidence?disclose=none": kindForbidden,
		"/v1/records?filter=finding=any":                kindFilter,
	} {
		g.wantProblem(g.get(path, key...), k)
	}
	for _, filter := range []string{"party=party-0001", "officer=staff-001", "due=any", "subject=file/F-000001", "source=urn:lender:origination", "id=x source=y", "not party=party-0001", "valueDate=2026-03-04"} {
		body, err := json.Marshal(map[string]string{"filter": filter})
		if err != nil {
			t.Fatal(err)
		}
		g.wantProblem(g.do(http.MethodPost, "/v1/searches", bytes.NewReader(body), append(slices.Clone(key), "Content-Type", typeJSON)...), kindFilter)
	}
	g.wantProblem(g.do(http.MethodPost, "/v1/bundles", strings.NewReader(`{}`), append(slices.Clone(key), "Content-Type", typeJSON)...), kindForbidden)
	// Who has seen a record whole is not told that this is the same.
	tag := g.get(fmt.Sprintf("/v1/records/%d", first), as(g.of[access.Regulator])...).header.Get("ETag")
	if a := g.get(fmt.Sprintf("/v1/records/%d", first), append(slices.Clone(key), "If-None-Match", tag)...); a.status != http.StatusOK {
		t.Errorf("it is answered %d", a.status)
	}
	// What is said of a record that is not read whole would be false.
	d := decode[struct{ Judged bool }](t, g.want(g.get(fmt.Sprintf("/v1/records/%d/findings", first), key...), http.StatusOK).body)
	if d.Judged {
		t.Error("a part of a story was judged")
	}
}
