// SPDX-License-Identifier: Apache-2.0

package borrower_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/borrower"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/story"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := "testdata/" + name
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// What a borrower is given is read here, and changes here: it is their own, and
// nobody else's.
func TestTable(t *testing.T) {
	builtin, err := record.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for typ, members := range borrower.Given() {
		s, ok := builtin.Type(story.Type(typ))
		if !ok {
			t.Fatalf("there is no type %s", typ)
		}
		for _, name := range members {
			m, ok := s.Member(name)
			if !ok || !m.Open && m.Group != record.GroupParty {
				t.Errorf("%s of %s is not the borrower's", name, typ)
			}
			how := "sealed"
			if m.Open {
				how = "open"
			}
			fmt.Fprintf(&b, "%s %s %s\n", typ, name, how)
		}
	}
	golden(t, "table.golden", b.Bytes())
}

// A house is a ledger with one file in it.
type house struct {
	*ledgertest.Ledger
	t *testing.T
	n int
}

func (h *house) submit(typ, party string, data canon.Value) int64 {
	h.t.Helper()
	h.n++
	members := []canon.Member{
		{Name: "specversion", Value: canon.Text("1.0")}, {Name: "id", Value: canon.Text(fmt.Sprintf("hidden-id-%d", h.n))},
		{Name: "source", Value: canon.Text("urn:hidden:source")}, {Name: "type", Value: canon.Text(typ)},
		{Name: "subject", Value: canon.Text("file/A")}, {Name: "time", Value: canon.Text("2026-03-01T10:00:00Z")}, {Name: "data", Value: data},
	}
	if party != "" {
		members = append(members, canon.Member{Name: "party", Value: canon.Text(party)})
	}
	ev, err := record.NewEvent(canon.Map(members...), h.Catalogue())
	if err != nil {
		h.t.Fatalf("%s: %v", typ, err)
	}
	r, err := h.Append(h.t.Context(), ev, "key-1")
	if err != nil {
		h.t.Fatal(err)
	}
	return r.Receipt.Index
}

func (h *house) json(typ, party, data string) int64 {
	h.t.Helper()
	v, err := canon.Parse([]byte(data), canon.Limits{})
	if err != nil {
		h.t.Fatal(err)
	}
	return h.submit(story.Type(typ), party, v)
}

// cut makes the receipt, and holds it against the verifier.
func (h *house) cut(party string) (*proof.Evidence, error) {
	h.t.Helper()
	whole, err := h.ProveSubject(h.t.Context(), "file", "A", func(p string) bool { return slices.Contains(borrower.Pointers(), p) })
	if err != nil {
		h.t.Fatal(err)
	}
	cut, err := borrower.Cut(whole, party)
	if err != nil {
		return nil, err
	}
	read, err := proof.ParseEvidence(cut.Bytes())
	if err != nil {
		h.t.Fatal(err)
	}
	if r := proof.Verify(h.Trust(), read); r.Verdict != proof.Valid {
		h.t.Errorf("the receipt is %v: %+v", r.Verdict, r.Checks)
	}
	return read, nil
}

// indexes returns the records of evidence.
func indexes(e *proof.Evidence) (all []int64) {
	for _, r := range e.Records {
		all = append(all, r.Index)
	}
	return all
}

// Of a file that has a record of every type, of the borrower and of another party,
// nothing is given but what the table says: no other member, no other record, and
// no value of either is in the bytes.
func TestNothingElseIsGiven(t *testing.T) {
	h := &house{Ledger: ledgertest.New(t), t: t}
	given := map[string][]string{}
	for typ, members := range borrower.Given() {
		given[story.Type(typ)] = members
	}
	var mine []int64
	for _, s := range h.Catalogue().All() {
		if s.Own || s.Restricted || !s.GoesWith("file") {
			continue
		}
		i := h.submit(s.Type, "P-borrower", s.Examples[0])
		if given[s.Type] != nil {
			mine = append(mine, i)
		}
		h.submit(s.Type, "Q-another", s.Examples[len(s.Examples)-1])
	}
	e, err := h.cut("P-borrower")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(mine, indexes(e)); diff != "" {
		t.Errorf("the records (-want +got):\n%s", diff)
	}
	file := string(e.Bytes())
	var shown strings.Builder // what may be found in the file
	for _, r := range e.Records {
		shown.Write(r.Entry)
		leaf, err := record.ParseLeaf(r.Entry)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range r.Disclosures {
			d, err := seal.ParseDisclosure(m.Disclosure)
			if err != nil {
				t.Fatal(err)
			}
			if name := strings.TrimPrefix(d.Pointer, "/data/"); !slices.Contains(given[leaf.Entry.Type], name) && d.Pointer != "/party" && d.Pointer != "/subject" {
				t.Errorf("%s of %s is disclosed", d.Pointer, leaf.Entry.Type)
			}
			shown.Write(d.Value.Bytes())
		}
	}
	for _, text := range e.Schemas {
		shown.Write(text) // with its examples
	}
	looked := 0
	all, err := h.IndexesOf(t.Context(), "file", "A", 1, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		r, err := h.Record(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range r.Members {
			for _, value := range leaves(m.Value) {
				if m.Open || !m.Present || len(value) < 4 || strings.Contains(shown.String(), value) {
					continue
				}
				if looked++; has(file, value) {
					t.Errorf("%s of record %d is in the file: %s", m.Pointer, i, value)
				}
			}
		}
		for _, d := range salts(t, r.Seeds, r.Schema) {
			if slices.ContainsFunc(e.Records, func(x proof.Record) bool { return x.Index == i }) {
				continue
			}
			if strings.Contains(file, d) {
				t.Errorf("a salt of record %d is in the file", i)
			}
		}
	}
	if looked < 300 || strings.Contains(file, "hidden-") || strings.Contains(file, "urn:hidden") || strings.Contains(file, "Q-another") {
		t.Errorf("%d values were looked for; or an id, a source or another party is in the file", looked)
	}
}

// has reports whether a text has a value: a short one only by itself, for digits and a few
// letters are in any time or hash by chance.
func has(text, value string) bool {
	if len(value) >= 10 {
		return strings.Contains(text, value)
	}
	return regexp.MustCompile(`(^|[^\w+/.-])` + regexp.QuoteMeta(value) + `($|[^\w+/=.-])`).MatchString(text)
}

// leaves returns the texts and numbers of a value.
func leaves(v canon.Value) (all []string) {
	switch v.Kind {
	case canon.Array:
		for _, item := range v.Items {
			all = append(all, leaves(item)...)
		}
	case canon.Object:
		for _, m := range v.Members {
			all = append(all, leaves(m.Value)...)
		}
	case canon.String:
		all = []string{v.Str}
	default:
		all = []string{string(v.Bytes())}
	}
	return all
}

// salts returns the salts of all members of a record, as disclosures write them.
func salts(t *testing.T, seeds map[string]seal.Seed, s *record.Schema) (all []string) {
	t.Helper()
	for _, ptr := range s.Pointers() {
		group, _ := s.Group(ptr)
		d := seal.Disclose(seeds[group], ptr, canon.Value{}, false)
		var parts []string
		if err := json.Unmarshal(d.Bytes(), &parts); err != nil {
			t.Fatal(err)
		}
		all = append(all, parts[0])
	}
	return all
}

// Whose a receipt is, and what of it holds.
func TestCut(t *testing.T) {
	h := &house{Ledger: ledgertest.New(t), t: t}
	if _, err := h.cut(""); !errors.Is(err, borrower.ErrNothing) {
		t.Errorf("of an empty file: %v", err)
	}
	received := h.json("application.received", "P", `{"applicationId":"A-1","channel":"web","loanAmount":{"amount":"100.00","currency":"EUR"}}`)
	h.json("score.computed", "P", `{"modelId":"m"}`)
	h.json("decision.made", "P", `{"outcome":"approved","use":"shadow"}`)
	voided := h.json("decision.made", "P", `{"outcome":"approved"}`)
	h.json("record.voided", "P", fmt.Sprintf(`{"target":"hidden-id-%d","requesterId":"S-hidden"}`, h.n))
	declined := h.json("decision.made", "P", `{"outcome":"declined","reasons":[{"code":"a","text":"Too <much> debt"}],"officerId":"S-hidden"}`)
	corrected := h.json("record.corrected", "P", fmt.Sprintf(`{"target":"hidden-id-%d","members":[{"pointer":"/data/reasons","value":"[{\"code\":\"b\",\"text\":\"Too little income\"}]"}],"reason":"hidden-why"}`, h.n))
	inner := h.json("record.corrected", "P", fmt.Sprintf(`{"target":"hidden-id-%d","members":[{"pointer":"/data/grade","value":"\"hidden-grade\""}]}`, h.n-1))
	others := h.json("adverse-action.noticed", "Q", `{"principalReasons":[{"code":"income","text":"Your income"}],"sentAt":"2026-03-02T09:00:00Z"}`)
	mine, err := h.cut("")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{received, declined, corrected, inner}, indexes(mine)); diff != "" || slices.Contains(indexes(mine), voided) {
		t.Errorf("the borrower's (-want +got):\n%s", diff)
	}
	if file := string(mine.Bytes()); strings.Contains(file, "hidden") || !strings.Contains(file, "Too little income") {
		t.Errorf("what a correction says is not what is given: %s", file)
	}
	theirs, err := h.cut("Q")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{others}, indexes(theirs)); diff != "" {
		t.Errorf("the co-applicant's (-want +got):\n%s", diff)
	}
	if _, err := h.cut("nobody"); !errors.Is(err, borrower.ErrNothing) {
		t.Errorf("nobody's: %v", err)
	}

	for lang, words := range map[string][]string{
		record.English: {"Your lending decision", "declined", "Too &lt;much&gt; debt", "Too little income", "100.00 EUR", "what it corrects is not part of this receipt", "lendlog-verify --trust trust.json A.json"},
		record.Chinese: {"您的信贷决定", "拒绝", "Too &lt;much&gt; debt", "向谁反映"},
	} {
		var page bytes.Buffer
		if err := borrower.WritePage(&page, "A.json", mine.Bytes(), lang); err != nil {
			t.Fatal(err)
		}
		for _, w := range words {
			if !strings.Contains(page.String(), w) {
				t.Errorf("the page in %s lacks %q:\n%s", lang, w, page.String())
			}
		}
		for _, w := range []string{"hidden", "<script", "http://", "https://"} {
			if strings.Contains(page.String(), w) {
				t.Errorf("the page in %s has %q", lang, w)
			}
		}
	}
	if err := borrower.WritePage(&bytes.Buffer{}, "A.json", mine.Bytes(), "fr"); err == nil {
		t.Error("there is a page in a language without words")
	}
	words := borrower.Phrases()
	for name := range words[record.English] {
		if words[record.Chinese][name] == "" || len(words[record.English]) != len(words[record.Chinese]) {
			t.Errorf("%s is not said in both languages", name)
		}
	}
}
