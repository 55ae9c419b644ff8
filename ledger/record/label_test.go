// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

type labelFile struct {
	Title, Description string
	Members            map[string]string
	Words              map[string]map[string]map[string]string
}

func readLabels(t *testing.T, name string) (l labelFile, ok bool) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("labels", name+".json"))
	if err != nil {
		return l, false
	}
	if err := json.Unmarshal(text, &l); err != nil {
		t.Fatalf("%s.json: %v", name, err)
	}
	return l, true
}

// Every type, member and word has a label in both languages, its own or a
// shared one, and no label is of something that is not there.
func TestLabels(t *testing.T) {
	shared, _ := readLabels(t, "shared")
	usedMember := make(map[string]bool)  // of the shared ones
	usedWord := make(map[[2]string]bool) // of the shared ones
	both := func(w map[string]string) bool {
		return len(w) == 2 && w[record.English] != "" && w[record.Chinese] != ""
	}
	types := map[string]bool{"shared": true, "stages": true, "codes": true}
	for _, s := range builtin(t).All() {
		types[s.Type] = true
		own, ok := readLabels(t, s.Type)
		if !ok {
			t.Errorf("labels/%s.json is missing", s.Type)
			continue
		}
		if own.Title == "" {
			t.Errorf("%s: /title is missing", s.Type)
		}
		for _, m := range s.Members {
			label, ok := own.Members[m.Name]
			if !ok {
				label = shared.Members[m.Name]
				usedMember[m.Name] = true
			}
			if label == "" {
				t.Errorf("%s: /members/%s is missing", s.Type, m.Name)
			}
			for _, w := range s.Words(m.Name) {
				label, ok := own.Words[m.Name][w]
				if !ok {
					label = shared.Words[m.Name][w]
					usedWord[[2]string{m.Name, w}] = true
				}
				if !both(label) {
					t.Errorf("%s: /words/%s/%s is missing in one of en and zh", s.Type, m.Name, w)
				}
			}
		}
		for name := range own.Members {
			if _, ok := s.Member(name); !ok {
				t.Errorf("%s: /members/%s is of no member", s.Type, name)
			}
		}
		for name, words := range own.Words {
			for w := range words {
				if !slices.Contains(s.Words(name), w) {
					t.Errorf("%s: /words/%s/%s is in no code list", s.Type, name, w)
				}
			}
		}
	}
	for name := range shared.Members {
		if !usedMember[name] {
			t.Errorf("shared: /members/%s is used by no type", name)
		}
	}
	for name, words := range shared.Words {
		for w := range words {
			if !usedWord[[2]string{name, w}] {
				t.Errorf("shared: /words/%s/%s is used by no type", name, w)
			}
		}
	}
	files, err := filepath.Glob("labels/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !types[strings.TrimSuffix(filepath.Base(f), ".json")] {
			t.Errorf("%s is of no type", f)
		}
	}
}

func TestLabelsOfDecision(t *testing.T) {
	s := schemaOf(t, "org.lendlog.decision.made.v1")
	en, zh := s.Labels(record.English), s.Labels(record.Chinese)
	for _, tt := range []struct{ got, want string }{
		{en.Title, s.Title},
		{en.Description, s.Description},
		{en.Members["outcome"], "Outcome"},
		{en.Words["outcome"]["referred"], "referred"},
		{zh.Title, "作出授信决定"},
		{zh.Members["outcome"], "结果"},
		{zh.Members["jurisdiction"], "法域"}, // a shared one
		{zh.Words["outcome"]["declined"], "拒绝"},
		{zh.Words["use"]["live"], "正式使用"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
	if !slices.Equal(slices.Sorted(maps.Keys(en.Members)), slices.Sorted(maps.Keys(zh.Members))) || len(zh.Members) != len(s.Members) {
		t.Error("not every member has a label")
	}
}

// A lender's own type is called what its schema says, in any language.
func TestLabelsOfAnotherType(t *testing.T) {
	s := mustParse(t, testSchema)
	l := s.Labels(record.Chinese)
	if l.Title != s.Title || l.Members["amount"] != "Amount" || l.Words["state"]["good"] != "good" {
		t.Errorf("labels %+v", l)
	}
}

// The words of a member are those of all lists in it, once each.
func TestWords(t *testing.T) {
	s := mustParse(t, testSchema)
	if got := s.Words("state"); !slices.Equal(got, []string{"good", "bad"}) {
		t.Errorf("words %q", got)
	}
	if got := s.Words("nothing"); got != nil {
		t.Errorf("words %q of a member that is not there", got)
	}
	if got := s.Words("v"); got != nil {
		t.Errorf("words %q of a constant", got)
	}
}

// Every type is in one stage, and every stage has titles and types.
func TestStages(t *testing.T) {
	stages, err := record.Stages()
	if err != nil {
		t.Fatal(err)
	}
	in := make(map[string]int)
	for _, s := range stages {
		if len(s.Types) == 0 || s.Title[record.English] == "" || s.Title[record.Chinese] == "" {
			t.Errorf("the stage %v lacks types or a title", s.Title)
		}
		for _, typ := range s.Types {
			in[typ.Type]++
		}
	}
	for _, s := range builtin(t).All() {
		if n := in[s.Type]; n != 1 {
			t.Errorf("%s is in %d stages; put its first word into one of labels/stages.json", s.Type, n)
		}
	}
}

// Every well-known code has a label in both languages, and is of a member of some
// type that comes with lendlog; of each member there is one book.
func TestCodes(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("labels", "codes.json"))
	if err != nil {
		t.Fatal(err)
	}
	var books []struct {
		Members []string
		Own     bool
		Words   map[string]map[string]string
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&books); err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, s := range builtin(t).All() {
		for _, m := range s.Members {
			there[m.Name] = true
		}
	}
	seen := map[string]bool{}
	for _, b := range books {
		for _, m := range b.Members {
			if seen[m] || !there[m] {
				t.Errorf("the codes of %s stand twice, or no type has the member", m)
			}
			seen[m] = true
		}
		if len(b.Words) == 0 {
			t.Errorf("%v have no codes", b.Members)
		}
		for code, labels := range b.Words {
			if len(labels) != 2 || labels[record.English] == "" || labels[record.Chinese] == "" {
				t.Errorf("%s of %v has the labels %v", code, b.Members, labels)
			}
		}
	}
	decision, _ := builtin(t).Type("org.lendlog.decision.made.v1")
	for lang, want := range map[string]string{record.English: "debt in relation to income", record.Chinese: "债务收入比"} {
		if got := decision.Labels(lang).Codes["reasonCodes"]["debt-to-income"]; got != want {
			t.Errorf("in %s it is %q", lang, got)
		}
	}
	for code, own := range map[string]bool{"debt-to-income": false, "house-rule-7": true, "two words": false} {
		if record.IsLendersOwn("reasonCodes", code) != own {
			t.Errorf("%s is the lender's own: %v", code, !own)
		}
	}
	if record.IsLendersOwn("purpose", "exam-2026") {
		t.Error("what people look for is no code of the lender")
	}
}

// The codes of the examples in the schemas are well known where others are told to be
// the lender's own.
func TestCodesOfExamples(t *testing.T) {
	for _, s := range builtin(t).All() {
		for _, e := range s.Examples {
			for _, m := range e.Members {
				values := []canon.Value{m.Value}
				if m.Value.Kind == canon.Array {
					values = m.Value.Items
				}
				for _, v := range values {
					if code, ok := v.Get("code"); ok {
						v = code
					}
					if v.Kind == canon.String && record.IsLendersOwn(m.Name, v.Str) && !slices.Contains(s.Words(m.Name), v.Str) {
						t.Errorf("%s: the code %s of %s has no label", s.Type, v.Str, m.Name)
					}
				}
			}
		}
	}
}
