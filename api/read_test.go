// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/tree"
)

// verifyRecord does what getRecord in openapi.yaml tells a client to do.
func (s *testServer) verifyRecord(d recordDoc, trust *proof.Trust) {
	s.t.Helper()
	cp, err := trust.OpenCheckpoint([]byte(d.Checkpoint))
	if err != nil {
		s.t.Fatal(err)
	}
	if d.Leaf != tree.LeafHash([]byte(d.Entry)) {
		s.t.Errorf("record %d: the leaf is not its hash", d.Index)
	}
	if err := tree.VerifyInclusion(d.Proof, d.Index, cp.Size, d.Leaf, cp.Root); err != nil {
		s.t.Errorf("record %d: %v", d.Index, err)
	}
	leaf, err := record.ParseLeaf([]byte(d.Entry))
	if err != nil {
		s.t.Fatal(err)
	}
	if diff := cmp.Diff(d.Entry, string(d.Parsed)); diff != "" {
		s.t.Errorf("record %d: parsed is not the entry:\n%s", d.Index, diff)
	}
	if leaf.IndexRoot != nil {
		if len(d.Members)+len(d.Seeds)+len(d.Schema) > 0 {
			s.t.Errorf("index-root %d has members", d.Index)
		}
		return
	}
	text := s.want(s.get("/v1/schemas/"+hex.EncodeToString(d.Schema)), http.StatusOK).body
	schema, err := record.ParseSchema(text)
	if err != nil {
		s.t.Fatal(err)
	}
	members := map[string]memberDoc{}
	for _, m := range d.Members {
		members[m.Pointer] = m
	}
	want := leaf.Entry.Schema
	if leaf.Entry.Type == record.TypeRestricted {
		want = [32]byte(decode[struct{ Schema []byte }](s.t, members["/type"].Value).Schema)
	}
	if schema.Hash != want {
		s.t.Errorf("record %d: the schema is another than its entry's", d.Index)
	}
	var small tree.Small
	for _, ptr := range schema.Pointers() {
		m, ok := members[ptr]
		if !ok || m.Open || m.Present != (m.Value != nil) {
			s.t.Fatalf("record %d: member %s is %+v", d.Index, ptr, m)
		}
		var v canon.Value
		if m.Present {
			if v, err = canon.Parse(m.Value, canon.Limits{}); err != nil {
				s.t.Fatal(err)
			}
		}
		small.Leaves = append(small.Leaves, seal.Disclose(seal.Seed(d.Seeds[m.Group]), ptr, v, m.Present).Hash())
	}
	if small.Root() != tree.Hash(leaf.Entry.Sealed) {
		s.t.Errorf("record %d: its members are not what the entry committed to", d.Index)
	}
	open := 0
	for _, m := range d.Members {
		if m.Open {
			open++
			v, ok := leaf.Entry.Open.Get(strings.TrimPrefix(m.Pointer, "/data/"))
			if !ok || string(v.Bytes()) != string(m.Value) {
				s.t.Errorf("record %d: the open member %s is not the entry's", d.Index, m.Pointer)
			}
		}
	}
	if open != len(leaf.Entry.Open.Members) {
		s.t.Errorf("record %d: %d open members, want %d", d.Index, open, len(leaf.Entry.Open.Members))
	}
}

// Every record of a ledger, of whatever type, can be verified from what the
// server answers.
func TestRecordsVerify(t *testing.T) {
	l := ledgertest.New(t)
	l.Submit(ledgertest.NewEvents(3).Take(300)...)
	s := serveLedger(t, l, nil)
	trust := s.trust()
	types := map[string]bool{}
	for i := range l.Head().Size {
		d := decode[recordDoc](t, s.want(s.get(fmt.Sprintf("/v1/records/%d", i)), http.StatusOK).body)
		s.verifyRecord(d, trust)
		types[decode[struct{ Type string }](t, d.Parsed).Type] = true
	}
	for _, typ := range []string{record.TypeGenesis, record.TypeIndexRoot, record.TypeRestricted, record.TypeSchemaRegistered, record.TypeConflicted} {
		if !types[typ] {
			t.Errorf("no record of type %s was looked at", typ)
		}
	}
	s.wantProblem(s.get(fmt.Sprintf("/v1/records/%d", l.Head().Size)), kindNotFound)
	for _, index := range []string{"-1", "01", "1.0", "x", "9223372036854775808", "%31"} {
		s.wantProblem(s.get("/v1/records/"+index), kindBadRequest)
	}
}

func TestUnchangedRecords(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	r := s.submit(decision(1))
	path := fmt.Sprintf("/v1/records/%d", r.Index)
	a := s.want(s.get(path), http.StatusOK)
	tag := a.header.Get("ETag")
	leaf := tree.LeafHash(r.Entry)
	if tag != `W/"`+hex.EncodeToString(leaf[:])+`"` {
		t.Errorf("the entity tag is %s", tag)
	}
	s.submit(decision(2)) // moves the checkpoint, not the record
	for _, match := range []string{tag, strings.TrimPrefix(tag, "W/"), `"x", ` + tag, "*"} {
		if a := s.want(s.get(path, "If-None-Match", match), http.StatusNotModified); len(a.body) > 0 || a.header.Get("ETag") != tag {
			t.Errorf("If-None-Match %s: %s %q", match, a.header.Get("ETag"), a.body)
		}
	}
	s.want(s.get(path, "If-None-Match", `"x"`), http.StatusOK)
}

func TestProof(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	trust := s.trust()
	r := s.submit(decision(1))
	s.submit(decision(2))
	path := fmt.Sprintf("/v1/records/%d/proof", r.Index)
	check := func(hashes []tree.Hash, checkpoint []byte) {
		t.Helper()
		cp, err := trust.OpenCheckpoint(checkpoint)
		if err != nil {
			t.Fatal(err)
		}
		if err := tree.VerifyInclusion(hashes, r.Index, cp.Size, tree.LeafHash(r.Entry), cp.Root); err != nil {
			t.Error(err)
		}
	}
	for _, accept := range []string{"", "*/*", "text/plain", "text/plain, application/json", "image/png"} {
		a := s.want(s.get(path, "Accept", accept), http.StatusOK)
		p, err := tree.ParseLogProof(a.body)
		if err != nil || p.Index != r.Index || a.header.Get("Content-Type") != typeText {
			t.Fatalf("Accept %q: %v, %s", accept, err, a.body)
		}
		check(p.Hashes, p.Checkpoint)
	}
	type document struct {
		Index, Size int64
		Proof       []tree.Hash
		Checkpoint  string
	}
	d := decode[document](t, s.want(s.get(path, "Accept", typeJSON), http.StatusOK).body)
	check(d.Proof, []byte(d.Checkpoint))
	old := decode[document](t, s.want(s.get(fmt.Sprintf("%s?size=%d", path, r.Index+1), "Accept", typeJSON), http.StatusOK).body)
	cp, err := trust.OpenCheckpoint(r.Checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.VerifyInclusion(old.Proof, r.Index, cp.Size, tree.LeafHash(r.Entry), cp.Root); err != nil || old.Checkpoint != "" {
		t.Errorf("under the receipt's checkpoint: %v, %q", err, old.Checkpoint)
	}
	s.want(s.get(fmt.Sprintf("%s?size=%d", path, d.Size)), http.StatusOK)
	for query, k := range map[string]kind{
		fmt.Sprintf("?size=%d", r.Index+1): kindBadRequest, // no checkpoint of that size is kept
		"?size=0":                          kindBadRequest,
		"?size=x":                          kindBadRequest,
		"?size=1":                          kindNotFound, // the record lies behind it
		fmt.Sprintf("?size=%d", d.Size+1):  kindNotFound,
	} {
		s.wantProblem(s.get(path+query), k)
	}
}

// verdict posts a document to /v1/verify and returns the verdict.
func (s *testServer) verdict(doc []byte) string {
	s.t.Helper()
	a := s.want(s.do(http.MethodPost, "/v1/verify", bytes.NewReader(doc), "Content-Type", typeJSON), http.StatusOK)
	return decode[struct{ Verdict string }](s.t, a.body).Verdict
}

func TestEvidence(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	trust := s.trust()
	indexRoot := s.ledger.Head().Size - 1 // creating a ledger ends with one
	plain := s.submit(decision(1)).Index
	restricted := s.submit(`{"specversion":"1.0","id":"c-1","source":"urn:lender:compliance","type":"org.lendlog.case.opened.v1",` +
		`"subject":"case/K-1","time":"2026-02-03T09:30:00Z","data":{"caseKind":"fraud","narrative":"seven payments"}}`).Index
	shown := func(index int64, query string) []string {
		t.Helper()
		a := s.want(s.get(fmt.Sprintf("/v1/records/%d/evidence%s", index, query)), http.StatusOK)
		e, err := proof.ParseEvidence(a.body)
		if err != nil {
			t.Fatal(err)
		}
		if r := proof.Verify(trust, e); r.Verdict != proof.Valid {
			t.Errorf("%d%s is %v: %+v", index, query, r.Verdict, r.Checks)
		}
		if got := s.verdict(a.body); got != "VALID" {
			t.Errorf("the server says that %d%s is %s", index, query, got)
		}
		pointers := []string{}
		for _, d := range e.Records[0].Disclosures {
			x, err := seal.ParseDisclosure(d.Disclosure)
			if err != nil {
				t.Fatal(err)
			}
			pointers = append(pointers, x.Pointer)
		}
		if (e.Records[0].Subject != nil) != slices.Contains(pointers, "/subject") {
			t.Errorf("%d%s: the subject is proved: %v", index, query, e.Records[0].Subject != nil)
		}
		return pointers
	}
	all := func(typ string) []string {
		schema, _ := s.ledger.Catalogue().Type(typ)
		return schema.Pointers()
	}
	for _, c := range []struct {
		index int64
		query string
		want  []string
	}{
		{plain, "", all("org.lendlog.decision.made.v1")},
		{plain, "?disclose=all", all("org.lendlog.decision.made.v1")},
		{plain, "?disclose=none", []string{}},
		{plain, "?disclose=/data/decidedAmount,/subject", []string{"/data/decidedAmount", "/subject"}},
		{plain, "?disclose=%2Fparty", []string{"/party"}},
		{restricted, "", all("org.lendlog.case.opened.v1")},
		{restricted, "?disclose=/data/narrative", []string{"/data/narrative", "/type"}},
		{restricted, "?disclose=none", []string{}},
		{indexRoot, "", []string{}},
		{0, "?disclose=/id", []string{"/id"}},
	} {
		if diff := cmp.Diff(c.want, shown(c.index, c.query)); diff != "" {
			t.Errorf("%d%s shows (-want +got):\n%s", c.index, c.query, diff)
		}
	}
	for _, query := range []string{"?disclose=", "?disclose=/data/outcome", "?disclose=/data/nothing", "?disclose=all,/party", "?disclose=/party,", "?disclose=party"} {
		s.wantProblem(s.get(fmt.Sprintf("/v1/records/%d/evidence%s", plain, query)), kindBadRequest)
	}
	s.wantProblem(s.get(fmt.Sprintf("/v1/records/%d/evidence?disclose=/id", indexRoot)), kindBadRequest)
	s.wantProblem(s.get("/v1/records/1000/evidence"), kindNotFound)
	s.wantProblem(s.get("/v1/records/1000/evidence?disclose=/id"), kindNotFound)
}

type timelineDoc struct {
	Subject     string
	Count, Size int64
	Checkpoint  string
	Records     []recordDoc
}

func TestSubjects(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	trust := s.trust()
	const subject = "file/A/2026 +1%2F?"
	path := "/v1/subjects/file/" + url.PathEscape("A/2026 +1%2F?")
	var want []int64
	for n := range 7 {
		ev := strings.Replace(decision(n), fmt.Sprintf("file/A-%d", n), subject, 1)
		want = append(want, s.submit(ev).Index)
		s.submit(decision(100 + n)) // others in between
	}
	read := func(query string) (d timelineDoc, got []int64) {
		t.Helper()
		d = decode[timelineDoc](t, s.want(s.get(path+query), http.StatusOK).body)
		cp, err := trust.OpenCheckpoint([]byte(d.Checkpoint))
		if err != nil || cp.Size != d.Size || d.Subject != subject || d.Count != 7 {
			t.Errorf("%s: %v, size %d of %d, %q, %d records", query, err, d.Size, cp.Size, d.Subject, d.Count)
		}
		for _, r := range d.Records {
			r.Checkpoint = d.Checkpoint
			s.verifyRecord(r, trust)
			got = append(got, r.Index)
		}
		return d, got
	}
	for query, span := range map[string][2]int{
		"": {0, 7}, "?from=1&limit=7": {0, 7}, "?limit=2": {0, 2}, "?from=3&limit=2": {2, 4}, "?from=7": {6, 7}, "?from=8": {7, 7}, "?limit=1000": {0, 7},
	} {
		if _, got := read(query); !slices.Equal(got, want[span[0]:span[1]]) {
			t.Errorf("%s gives records %v, want %v", query, got, want[span[0]:span[1]])
		}
	}
	// Each record names the one before.
	d, _ := read("")
	for i, r := range d.Records {
		e := decode[struct {
			Seq  int64
			Prev tree.Hash
		}](t, r.Parsed)
		if e.Seq != int64(i)+1 || i > 0 && e.Prev != d.Records[i-1].Leaf {
			t.Errorf("record %d has seq %d and does not follow the one before", i+1, e.Seq)
		}
	}
	for query, k := range map[string]kind{"?from=0": kindBadRequest, "?limit=0": kindBadRequest, "?limit=1001": kindBadRequest, "?from=": kindBadRequest, "?from=1.0": kindBadRequest} {
		s.wantProblem(s.get(path+query), k)
	}
	for _, p := range []string{"/v1/subjects/file/nobody", "/v1/subjects/line/A%2F2026%20+1%252F%3F", "/v1/subjects/nothing/x", "/v1/subjects/file%2FA/2026%20+1%252F%3F", "/v1/subjects/file/A%2F2026%20%2B1%2F%3F"} {
		s.wantProblem(s.get(p), kindNotFound)
	}
}

func TestConsistency(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	trust := s.trust()
	type document struct {
		From, To   int64
		Proof      []tree.Hash
		Checkpoint string
	}
	first, err := trust.OpenCheckpoint(s.get("/v1/checkpoint").body)
	if err != nil {
		t.Fatal(err)
	}
	for n := range 5 {
		s.submit(decision(n))
	}
	get := func(query string) document {
		t.Helper()
		return decode[document](t, s.want(s.get("/v1/consistency"+query), http.StatusOK).body)
	}
	d := get(fmt.Sprintf("?from=%d", first.Size))
	newest, err := trust.OpenCheckpoint([]byte(d.Checkpoint))
	if err != nil || newest.Size != first.Size+5 {
		t.Fatalf("the newest checkpoint: %v, of size %d", err, newest.Size)
	}
	if err := tree.VerifyConsistency(d.Proof, first.Size, newest.Size, first.Root, newest.Root); err != nil {
		t.Error(err)
	}
	if d := get("?from=0&to=3"); len(d.Proof) != 0 || d.Checkpoint != "" {
		t.Errorf("from the empty tree: %+v", d)
	}
	if d := get(fmt.Sprintf("?from=%d&to=%d", newest.Size, newest.Size)); len(d.Proof) != 0 {
		t.Errorf("between equal sizes: %+v", d)
	}
	for query, k := range map[string]kind{
		"": kindBadRequest, "?to=3": kindBadRequest, "?from=4&to=3": kindBadRequest, "?from=x": kindBadRequest, "?from=1&to=-1": kindBadRequest,
		fmt.Sprintf("?from=1&to=%d", newest.Size+1): kindNotFound,
		fmt.Sprintf("?from=%d", newest.Size+1):      kindBadRequest,
	} {
		s.wantProblem(s.get("/v1/consistency"+query), k)
	}
}

func TestVerify(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	strangers := ledgertest.New(t).Trust().Bytes()
	receipt := s.want(s.post(typeEvent, decision(1)), http.StatusCreated).body
	evidence := s.want(s.get(fmt.Sprintf("/v1/records/%d/evidence", s.ledger.Head().Size-1)), http.StatusOK).body
	altered := bytes.Replace(evidence, []byte("1200.50"), []byte("1200.51"), 1)
	trust := s.get("/v1/trust").body
	with := func(doc, trust []byte) []byte { return fmt.Appendf(nil, `{"evidence":%s,"trust":%s}`, doc, trust) }
	deep := bytes.Replace(evidence, []byte("{"), []byte(`{"later":`+strings.Repeat("[", 31)+strings.Repeat("]", 31)+`,`), 1)
	size := s.ledger.Head().Size
	for name, c := range map[string]struct {
		doc  []byte
		want string
	}{
		"evidence":                    {evidence, "VALID"},
		"evidence in a member":        {fmt.Appendf(nil, `{"evidence":%s}`, evidence), "VALID"},
		"evidence and its trust":      {with(evidence, trust), "VALID"},
		"evidence and another trust":  {with(evidence, strangers), "INVALID"},
		"evidence altered":            {altered, "INVALID"},
		"evidence with a new section": {bytes.Replace(evidence, []byte("{"), []byte(`{"later":[],`), 1), "INCOMPLETE"},
		"evidence as deep as can be":  {with(deep, trust), "INCOMPLETE"},
		"evidence, more demanded":     {with(evidence, bytes.Replace(trust, []byte("{"), []byte(`{"maxAgeSeconds":60,`), 1)), "INCOMPLETE"},
		"receipt":                     {receipt, "VALID"},
		"receipt and its trust":       {with(receipt, trust), "VALID"},
		"receipt and another trust":   {with(receipt, strangers), "INVALID"},
		"missing members":             {[]byte(`{"v":"lendlog-evidence/1"}`), "INVALID"},
		"a strange member":            {bytes.Replace(receipt, []byte("{"), []byte(`{"`+strings.Repeat("x", 1<<20)+`":1,`), 1), "INVALID"},
	} {
		if got := s.verdict(c.doc); got != c.want {
			t.Errorf("%s is %s, want %s", name, got, c.want)
		}
	}
	malformed := s.want(s.do(http.MethodPost, "/v1/verify", strings.NewReader(`{"v":"lendlog-receipt/1"}`), "Content-Type", typeJSON), http.StatusOK)
	checks := decode[struct {
		Checks []struct{ Name, Result string }
	}](t, malformed.body).Checks
	if len(checks) != 1 || checks[0].Name != "format" || checks[0].Result != "fail" {
		t.Errorf("a malformed receipt fails at %s", malformed.body)
	}
	for name, doc := range map[string]string{
		"nothing":          "",
		"no JSON":          "x",
		"neither":          `{"v":"lendlog-trust/1"}`,
		"no version":       `{}`,
		"an array":         `[]`,
		"a later version":  `{"v":"lendlog-evidence/2"}`,
		"bad trust":        string(with(evidence, []byte(`{"v":"lendlog-trust/1"}`))),
		"no trust":         string(with(evidence, []byte(`null`))),
		"unknown member":   `{"evidence":` + string(evidence) + `,"thrust":{}}`,
		"a strange member": `{"evidence":{},"trust":{"` + strings.Repeat("x", 1<<20) + `":1}}`,
		"nested":           `{"evidence":{"evidence":{}}}`,
		"too many values":  `{"v":"lendlog-evidence/1","records":[` + strings.Repeat("0,", maxVerify/32) + `0]}`,
	} {
		a := s.do(http.MethodPost, "/v1/verify", strings.NewReader(doc), "Content-Type", typeJSON)
		if a.status != http.StatusUnprocessableEntity || len(a.body) > 2000 {
			t.Errorf("%s: status %d, %.2000s", name, a.status, a.body)
		}
	}
	long := `{"v":"` + strings.Repeat("a", maxVerify) + `"}`
	s.wantProblem(s.do(http.MethodPost, "/v1/verify", strings.NewReader(long), "Content-Type", typeJSON), kindTooLarge)
	if s.ledger.Head().Size != size {
		t.Error("verifying appended something")
	}
}

func TestTypesAndSchemas(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	types := decode[struct{ Types []typeDoc }](t, s.want(s.get("/v1/types"), http.StatusOK).body).Types
	if want := s.ledger.Catalogue().All(); len(types) != len(want) {
		t.Fatalf("%d types, want %d", len(types), len(want))
	}
	for i, want := range s.ledger.Catalogue().All() {
		if diff := cmp.Diff(newTypeDoc(want), types[i]); diff != "" {
			t.Errorf("type %d (-want +got):\n%s", i, diff)
		}
		d := decode[struct {
			typeDoc
			Members  []struct{ Name, Group string }
			Sealed   []string
			Examples []json.RawMessage
		}](t, s.want(s.get("/v1/types/"+want.Type), http.StatusOK).body)
		if len(d.Members) != len(want.Members) || !slices.Equal(d.Sealed, want.Pointers()) || len(d.Examples) != len(want.Examples) {
			t.Errorf("%s has %d members, %d sealed pointers and %d examples", want.Type, len(d.Members), len(d.Sealed), len(d.Examples))
		}
		path := "/v1/schemas/" + hex.EncodeToString(d.Schema)
		a := s.want(s.get(path), http.StatusOK)
		if !bytes.Equal(a.body, want.Text) {
			t.Errorf("the schema of %s is not served in its bytes", want.Type)
		}
		s.want(s.get(path, "If-None-Match", a.header.Get("ETag")), http.StatusNotModified)
	}
	s.wantProblem(s.get("/v1/types/org.lendlog.nothing.v1"), kindNotFound)
	s.wantProblem(s.get("/v1/schemas/"+strings.Repeat("0", 64)), kindNotFound)
	for _, hash := range []string{strings.Repeat("0", 63), strings.Repeat("A", 64), strings.Repeat("g", 64), base64.RawURLEncoding.EncodeToString(types[0].Schema)} {
		s.wantProblem(s.get("/v1/schemas/"+hash), kindBadRequest)
	}
}

// The checkpoint is the same at both of its paths, signed by the key of the
// trust policy, and never behind what was acknowledged.
func TestCheckpoint(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	trust := s.trust()
	for n := range 3 {
		r := s.submit(decision(n))
		a, b := s.want(s.get("/v1/checkpoint"), http.StatusOK), s.want(s.get("/log/checkpoint"), http.StatusOK)
		cp, err := trust.OpenCheckpoint(a.body)
		if err != nil || cp.Size <= r.Index || !bytes.Equal(a.body, b.body) {
			t.Errorf("after record %d: %v, size %d", r.Index, err, cp.Size)
		}
	}
	v, err := note.NewVerifier(trust.Keys[0].Key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := note.Open(s.get("/log/checkpoint").body, note.VerifierList(v)); err != nil {
		t.Error(err)
	}
}
