// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

func builtin(t testing.TB) *record.Catalogue {
	t.Helper()
	c, err := record.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func schemaOf(t testing.TB, name string) *record.Schema {
	t.Helper()
	s, ok := builtin(t).Type(name)
	if !ok {
		t.Fatalf("no schema of %s", name)
	}
	return s
}

func TestBuiltinSchemasAreComplete(t *testing.T) {
	for _, s := range builtin(t).All() {
		t.Run(s.Type, func(t *testing.T) {
			if s.Hash != sha256.Sum256(s.Text) {
				t.Error("the hash is not that of the text")
			}
			if s.Title == "" || s.Description == "" || len(s.Examples) == 0 {
				t.Error("it lacks a title, a description or an example")
			}
			shown := make(map[string]bool)
			for _, e := range s.Examples {
				for _, m := range e.Members {
					shown[m.Name] = true
				}
			}
			for _, m := range s.Members {
				if m.Title == "" || m.Description == "" {
					t.Errorf("%s lacks a title or a description", m.Name)
				}
				if !shown[m.Name] {
					t.Errorf("no example shows %s", m.Name)
				}
				// What was looked at tells of persons.
				if s.Own && !m.Open && s.Type != record.TypeAccessOccurred && s.Type != record.TypeCaseAccessed {
					t.Errorf("%s is not open, though the ledger itself writes it", m.Name)
				}
			}
			for _, name := range []string{"jurisdiction", "legalEntity"} {
				if m, ok := s.Member(name); !s.Own && (!ok || m.Open == s.Restricted) {
					t.Errorf("%s is not an open member", name)
				}
			}
		})
	}
}

func TestOpenMembersOfDecision(t *testing.T) {
	var open []string
	for _, m := range schemaOf(t, "org.lendlog.decision.made.v1").Members {
		if m.Open {
			open = append(open, m.Name)
		}
	}
	want := []string{
		"decisionMode", "jurisdiction", "legalEntity", "modelHash", "modelId", "modelVersion", "outcome",
		"policyHash", "policyId", "policyVersion", "reasonCodes", "use",
	}
	if diff := cmp.Diff(want, open); diff != "" {
		t.Errorf("open members (-want +got):\n%s", diff)
	}
}

// The pointers and their groups are part of the format: the place of each
// among the disclosures is its place in this list.
func TestPointersGolden(t *testing.T) {
	for _, tt := range []struct {
		typ  string
		want []string // pointer, group, party
	}{
		{"org.lendlog.decision.made.v1", []string{
			"/causationid party",
			"/data/decidedAmount party",
			"/data/decidedRate party",
			"/data/explanationRef party",
			"/data/grade party",
			"/data/inputs party",
			"/data/installment party",
			"/data/officerId staff /data/officerId",
			"/data/overrideOf party",
			"/data/reasons party",
			"/data/termMonths party",
			"/data/verificationStatus party",
			"/extensions party",
			"/id party",
			"/parent party",
			"/party party",
			"/sequence party",
			"/signature party",
			"/source party",
			"/subject party",
		}},
		{"org.lendlog.case.opened.v1", []string{
			"/causationid party",
			"/data/acknowledgement institution",
			"/data/assigneeId staff /data/assigneeId",
			"/data/caseKind institution",
			"/data/dueAt institution",
			"/data/jurisdiction institution",
			"/data/legalEntity institution",
			"/data/narrative party",
			"/data/openedAt institution",
			"/data/relatedSubjects party",
			"/data/reporterId reporter /data/reporterId",
			"/data/reporterStatement reporter /data/reporterId",
			"/data/trigger party",
			"/extensions party",
			"/id party",
			"/parent party",
			"/party party",
			"/refs institution",
			"/sequence party",
			"/signature party",
			"/source party",
			"/subject party",
			"/submitter institution",
			"/time institution",
			"/type institution",
		}},
	} {
		t.Run(tt.typ, func(t *testing.T) {
			s := schemaOf(t, tt.typ)
			var got []string
			for _, p := range s.Pointers() {
				group, party := s.Group(p)
				got = append(got, strings.TrimSpace(p+" "+group+" "+party))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("pointers (-want +got):\n%s", diff)
			}
			if !slices.IsSorted(s.Pointers()) {
				t.Error("the pointers are not sorted")
			}
		})
	}
}

// Where the leaf lies that names the schema must not depend on the schema.
func TestSealedTypeIsLast(t *testing.T) {
	n := 0
	for _, s := range builtin(t).All() {
		if p := s.Pointers(); s.Restricted {
			n++
			if p[len(p)-1] != "/type" {
				t.Errorf("%s: the last sealed member is %s", s.Type, p[len(p)-1])
			}
		} else if slices.Contains(p, "/type") {
			t.Errorf("%s seals its type and is not restricted", s.Type)
		}
	}
	if n == 0 {
		t.Error("no type is restricted")
	}
}

func TestSealedType(t *testing.T) {
	s := schemaOf(t, "org.lendlog.case.opened.v1")
	name, hash, err := record.ParseSealedType(s.SealedType())
	if err != nil || name != s.Type || hash != s.Hash {
		t.Errorf("SealedType is read as %q, %x, %v", name, hash, err)
	}
	text := base64.StdEncoding.EncodeToString(s.Hash[:])
	for _, bad := range []string{
		`null`, `"org.lendlog.case.opened.v1"`, `[]`, `{}`, `{"name":"a"}`, `{"schema":"` + text + `"}`,
		`{"name":1,"schema":"` + text + `"}`, `{"name":"a","schema":1}`, `{"name":"a","schema":"AA=="}`,
		`{"name":"a","schema":"` + text[:43] + `"}`, `{"name":"a","schema":"` + text[:20] + `\n` + text[20:] + `"}`,
		`{"name":"a","schema":"` + text + `","x":1}`, `{"Name":"a","schema":"` + text + `"}`,
	} {
		v, err := canon.Parse([]byte(bad), canon.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if name, _, err := record.ParseSealedType(v); err == nil {
			t.Errorf("%s is read as the type %q", bad, name)
		}
	}
}

// Every sealed member is in exactly one group, that which Group names.
func TestGroups(t *testing.T) {
	cat, err := record.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range cat.All() {
		seen := make([]bool, len(s.Pointers()))
		for i, g := range s.Groups() {
			if i > 0 && s.Groups()[i-1].Name >= g.Name {
				t.Errorf("%s: the groups are out of order", s.Type)
			}
			if !slices.IsSorted(g.Members) {
				t.Errorf("%s: the members of %s are out of order", s.Type, g.Name)
			}
			for _, m := range g.Members {
				name, party := s.Group(s.Pointers()[m])
				if seen[m] || name != g.Name || party != g.Party && party != "" {
					t.Errorf("%s: %s is in group %s", s.Type, s.Pointers()[m], g.Name)
				}
				seen[m] = true
			}
		}
		if slices.Contains(seen, false) {
			t.Errorf("%s: a sealed member is in no group", s.Type)
		}
	}
}

// What is open or unknown is under no key.
func TestGroupOfWhatIsNotSealed(t *testing.T) {
	s := schemaOf(t, "org.lendlog.decision.made.v1")
	for _, p := range []string{"", "/", "/data", "/data/outcome", "/data/unknown", "/time", "/type", "/refs"} {
		if group, party := s.Group(p); group != "" || party != "" {
			t.Errorf("Group(%q) = %q, %q", p, group, party)
		}
	}
	if _, ok := s.Member("Outcome"); ok {
		t.Error("Member finds a name in another case")
	}
}

func TestCorrectionsSeparateTwoMembersOfStaff(t *testing.T) {
	for _, typ := range []string{"org.lendlog.record.corrected.v1", "org.lendlog.record.voided.v1"} {
		s := schemaOf(t, typ)
		a, _ := s.Group("/data/requesterId")
		b, _ := s.Group("/data/approverId")
		if a != "staff.requester" || b != "staff.approver" {
			t.Errorf("%s keeps requester and approver under %q and %q", typ, a, b)
		}
		for _, kind := range []string{"file", "line", "party", "ledger"} {
			if !s.GoesWith(kind) {
				t.Errorf("%s does not go with a %s", typ, kind)
			}
		}
	}
}

func TestCatalogueWith(t *testing.T) {
	base := builtin(t)
	first := mustParse(t, testSchema)
	one, err := base.With(first)
	if err != nil {
		t.Fatal(err)
	}
	second := mustParse(t, strings.Replace(testSchema, "A test.", "A test, described better.", 1))
	two, err := one.With(second)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := base.Type(first.Type); ok {
		t.Error("With has changed its receiver")
	}
	if s, _ := one.Type(first.Type); s != first {
		t.Error("the schema is not in the new catalogue")
	}
	if s, _ := two.Type(first.Type); s != second {
		t.Error("the later schema does not hold")
	}
	for _, s := range []*record.Schema{first, second} {
		if got, _ := two.Hash(s.Hash); got != s {
			t.Error("a schema cannot be found by its hash")
		}
	}
	if _, ok := one.Hash(second.Hash); ok {
		t.Error("a schema is found before it was registered")
	}
	if n := len(base.All()); len(one.All()) != n+1 || len(two.All()) != n+1 {
		t.Errorf("catalogues of %d, %d and %d types", n, len(one.All()), len(two.All()))
	}
	byType := func(a, b *record.Schema) int { return strings.Compare(a.Type, b.Type) }
	if !slices.IsSortedFunc(two.All(), byType) {
		t.Error("All is not sorted by type")
	}
	own := mustParse(t, strings.Replace(testSchema, `"x-subject"`, `"x-own": true, "x-subject"`, 1))
	if _, err := one.With(own); err == nil {
		t.Error("a lender's type becomes the ledger's own")
	}
	if _, err := base.With(own); err != nil {
		t.Errorf("a new type of the ledger's own: %v", err)
	}
}

// Every member of every example carries its weight: with a value of another
// type, or beside a member that is not known, the example is refused, and the
// violation names the place.
func TestMutatedExamples(t *testing.T) {
	replace := func(v canon.Value, name string, with *canon.Value) canon.Value {
		m := make(map[string]canon.Value)
		for _, x := range v.Members {
			m[x.Name] = x.Value
		}
		delete(m, name)
		if with != nil {
			m[name] = *with
		}
		var members []canon.Member
		for _, n := range slices.Sorted(maps.Keys(m)) {
			members = append(members, canon.Member{Name: n, Value: m[n]})
		}
		return canon.Map(members...)
	}
	wrong := func(v canon.Value) canon.Value {
		if v.Kind == canon.Bool {
			return canon.Text("true")
		}
		return canon.Flag(true)
	}
	for _, s := range builtin(t).All() {
		for _, e := range s.Examples {
			expect := func(what string, data canon.Value, pointer, code string) {
				t.Helper()
				vs := s.Check(data)
				if len(vs) != 1 || vs[0].Pointer != pointer || vs[0].Code != code {
					t.Errorf("%s, %s: got %v, want %s at %s", s.Type, what, vs, code, pointer)
				}
			}
			text, null, list := canon.Text("x"), canon.Value{}, canon.List(canon.Value{})
			expect("null for data", canon.Value{}, "/data", record.CodeType)
			expect("an array for data", canon.List(e), "/data", record.CodeType)
			expect("an unknown member", replace(e, "unknownMember", &text), "/data/unknownMember", record.CodeUnknown)
			for _, m := range s.Members {
				v, ok := e.Get(m.Name)
				if !ok {
					continue
				}
				at := "/data/" + m.Name
				bad := wrong(v)
				expect("another type", replace(e, m.Name, &bad), at, record.CodeType)
				expect("null", replace(e, m.Name, &null), at, record.CodeType)
				renamed := replace(replace(e, m.Name, nil), strings.ToUpper(m.Name)+"x", &v)
				if vs := s.Check(renamed); len(vs) == 0 {
					t.Errorf("%s: a member in capitals passes for %s", s.Type, m.Name)
				}
				if m.Required {
					expect("absent", replace(e, m.Name, nil), at, record.CodeRequired)
				} else if vs := s.Check(replace(e, m.Name, nil)); vs != nil {
					t.Errorf("%s without %s: %v", s.Type, m.Name, vs)
				}
				switch v.Kind {
				case canon.Array:
					expect("null in a list", replace(e, m.Name, &list), at+"/0", record.CodeType)
				case canon.Object:
					for _, inner := range v.Members {
						bad := replace(v, inner.Name, &null)
						expect("null in an object", replace(e, m.Name, &bad), at+"/"+inner.Name, record.CodeType)
					}
				}
			}
		}
	}
}
