// SPDX-License-Identifier: Apache-2.0

package rule_test

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/rule"
	"github.com/lendlog/lendlog/ledger/story"
)

func builtin(t testing.TB) *rule.Table {
	t.Helper()
	table, err := rule.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// A testCase is a story and what one rule says of it.
type testCase struct {
	Name    string
	Subject string                 // file/1 unless it says otherwise
	Story   []map[string]yaml.Node // each of one type, with its data
	At      [][]int64              // the findings: numbers of records, the one at fault first
	Skips   map[rule.Why]int       // checks that could not be made
	Says    string                 // what the first finding says in English
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// cases reads testdata/cases.yaml. There, record n is of hour n unless $at
// says otherwise, its event id is e<n>, and "5 EUR" is an amount of money. The
// data has to pass its schema, but for what $as-is is said of.
func cases(t testing.TB) map[string][]testCase {
	t.Helper()
	b, err := os.ReadFile("testdata/cases.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	var all map[string][]testCase
	if err := d.Decode(&all); err != nil {
		t.Fatal(err)
	}
	return all
}

func (c *testCase) build(t testing.TB, cat *record.Catalogue) *story.Story {
	t.Helper()
	var records []story.Record
	subject := c.Subject
	if subject == "" {
		subject = "file/1"
	}
	kind, _, _ := strings.Cut(subject, "/")
	for i, one := range c.Story {
		n := int64(i + 1)
		for suffix, node := range one {
			r := story.Record{
				Index: n, Seq: n, Type: story.Type(suffix), Source: "urn:a", ID: fmt.Sprintf("e%d", n),
				Time: noon.Add(time.Duration(n) * time.Hour), Capture: "live",
			}
			asIs := false
			var members []canon.Member
			for j := 0; j < len(node.Content); j += 2 {
				name, v := node.Content[j].Value, value(t, node.Content[j+1])
				switch name {
				case "$at":
					r.Time = noon.Add(time.Duration(v.Int) * time.Hour)
				case "$capture":
					r.Capture = v.Str
				case "$partial":
					r.Partial = true
				case "$refs":
					r.Refs = []int64{v.Int}
				case "$as-is":
					asIs = true
				default:
					members = append(members, canon.Member{Name: name, Value: v})
				}
			}
			r.Data = canon.Map(members...)
			s, ok := cat.Type(r.Type)
			if !ok || !s.GoesWith(kind) {
				t.Fatalf("%s: %s is no type of a %s", c.Name, r.Type, kind)
			}
			if v := s.Check(r.Data); len(v) > 0 && !asIs && !r.Partial {
				t.Fatalf("%s: record %d: %v", c.Name, n, v)
			}
			records = append(records, r)
		}
	}
	return story.New(subject, records)
}

var amount = regexp.MustCompile(`^(-?[0-9.]+) ([A-Z]{3})$`)

func value(t testing.TB, n *yaml.Node) canon.Value {
	t.Helper()
	switch n.Kind {
	case yaml.SequenceNode:
		v := canon.Value{Kind: canon.Array}
		for _, item := range n.Content {
			v.Items = append(v.Items, value(t, item))
		}
		return v
	case yaml.MappingNode:
		var members []canon.Member
		for i := 0; i < len(n.Content); i += 2 {
			members = append(members, canon.Member{Name: n.Content[i].Value, Value: value(t, n.Content[i+1])})
		}
		return canon.Map(members...)
	}
	if m := amount.FindStringSubmatch(n.Value); m != nil {
		return canon.Map(canon.Member{Name: "amount", Value: canon.Text(m[1])}, canon.Member{Name: "currency", Value: canon.Text(m[2])})
	}
	if n.Tag == "!!int" || n.Tag == "!!bool" {
		v, err := canon.Parse([]byte(n.Value), canon.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	return canon.Text(n.Value)
}

func catalogue(t testing.TB) *record.Catalogue {
	t.Helper()
	cat, err := record.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return cat
}

// verdict is what one rule says of a story, without its words.
func verdict(r rule.Rule, s *story.Story) string {
	report := (&rule.Table{Rules: []rule.Rule{r}}).Judge(s)
	at := [][]int64{}
	for _, f := range report.Findings {
		at = append(at, f.Records)
	}
	return fmt.Sprint(at, report.Checked, report.Unchecked)
}

func TestCases(t *testing.T) {
	cat := catalogue(t)
	all := cases(t)
	for _, r := range builtin(t).Rules {
		planted, missed := false, false
		for _, c := range all[r.ID] {
			told := c.build(t, cat)
			report := (&rule.Table{Rules: []rule.Rule{r}}).Judge(told)
			var at [][]int64
			for _, f := range report.Findings {
				at = append(at, f.Records)
				if f.Rule != r.ID || f.Source == "" || strings.ContainsAny(f.Text.EN+f.Text.ZH, "{}") {
					t.Errorf("%s: %s: finding %+v", r.ID, c.Name, f)
				}
				for _, index := range f.Records {
					if typ := told.Record(index).Type; !r.About(typ) {
						t.Errorf("%s: %s: a finding is about a %s, and the rule says that none is", r.ID, c.Name, typ)
					}
				}
			}
			if !reflect.DeepEqual(at, c.At) {
				t.Errorf("%s: %s: found at %v, want %v", r.ID, c.Name, at, c.At)
			}
			if len(report.Unchecked) != len(c.Skips) || len(c.Skips) > 0 && !reflect.DeepEqual(report.Unchecked, c.Skips) {
				t.Errorf("%s: %s: could not check %v, want %v", r.ID, c.Name, report.Unchecked, c.Skips)
			}
			if c.Says != "" && (len(report.Findings) == 0 || report.Findings[0].Text.EN != c.Says) {
				t.Errorf("%s: %s: says %+v, want %s", r.ID, c.Name, report.Findings, c.Says)
			}
			planted = planted || len(at) > 0
			missed = missed || len(at) == 0 && report.Checked > 0
		}
		if !planted || !missed {
			t.Errorf("%s: it needs a planted fault, has one: %v, and a near miss, has one: %v", r.ID, planted, missed)
		}
	}
	for id := range all {
		if _, ok := builtin(t).Rule(id); !ok {
			t.Errorf("there are cases of %s, which is no rule", id)
		}
	}
}

// TestMutations changes every field of every rule that has a say, each in all
// ways in which it could be mistaken: another comparison, a limit one more or
// less, a member or type that is another or left out. Some case of the rule
// has to be judged otherwise then.
func TestMutations(t *testing.T) {
	cat := catalogue(t)
	all := cases(t)
	mutations := 0
	for _, r := range builtin(t).Rules {
		var stories []*story.Story
		var want []string
		for _, c := range all[r.ID] {
			s := c.build(t, cat)
			stories, want = append(stories, s), append(want, verdict(r, s))
		}
		mutate(reflect.ValueOf(&r).Elem(), "", func(what string) {
			mutations++
			for i, s := range stories {
				if verdict(r, s) != want[i] {
					return
				}
			}
			t.Errorf("%s: no case notices%s", r.ID, what)
		})
	}
	if mutations < 400 {
		t.Errorf("only %d mutations were made", mutations)
	}
}

// elsewhere is no member, type or value of anything.
const elsewhere = "elsewhere"

// mutate changes what can be reached from v, one thing at a time, calls try
// after each change, and undoes it.
func mutate(v reflect.Value, path string, try func(what string)) {
	set := func(with any, what string) {
		old := reflect.ValueOf(v.Interface())
		v.Set(reflect.ValueOf(with).Convert(v.Type()))
		try(path + what)
		v.Set(old)
	}
	switch x := v.Interface().(type) {
	case rule.Text:
		return
	case rule.Is:
		for _, is := range []rule.Is{"<", "<=", "=", ">=", ">"} {
			if is != x {
				set(is, fmt.Sprintf(" %s as %s", x, is))
			}
		}
		return
	case rule.Conditions:
		for name, values := range x {
			without := rule.Conditions{}
			for n, v := range x {
				if n != name {
					without[n] = v
				}
			}
			set(without, " without "+name)
			for i := range values {
				others := slices.Clone(values)
				others[i] = elsewhere
				without[name] = others
				set(without, fmt.Sprintf(" %s without %s", name, values[i]))
			}
		}
		if strings.HasSuffix(path, " Missing") {
			with := rule.Conditions{}
			if x != nil {
				with = nil
			}
			set(with, " the other way")
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() && v.Elem().Kind() == reflect.Struct {
			// Rules may share a check.
			old := v.Interface()
			own := reflect.New(v.Elem().Type())
			own.Elem().Set(v.Elem())
			v.Set(own)
			mutate(v.Elem(), path, try)
			v.Set(reflect.ValueOf(old))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; name != "ID" && name != "Source" {
				mutate(v.Field(i), path+" "+name, try)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			old := v.Interface()
			own := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
			reflect.Copy(own, v)
			v.Set(own)
			mutate(v.Index(i), fmt.Sprintf("%s %d", path, i), try)
			v.Set(reflect.ValueOf(old))
			if v.Index(i).Kind() != reflect.String && v.Len() > 1 {
				v.Set(reflect.AppendSlice(own.Slice(0, i), own.Slice(i+1, own.Len())))
				try(fmt.Sprintf("%s without number %d", path, i))
				v.Set(reflect.ValueOf(old))
			}
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			old := v.Interface()
			own := reflect.MakeMap(v.Type())
			for _, o := range v.MapKeys() {
				own.SetMapIndex(o, v.MapIndex(o))
			}
			one := reflect.New(v.Type().Elem()).Elem()
			one.Set(v.MapIndex(k))
			v.Set(own)
			mutate(one, fmt.Sprintf("%s %s", path, k), func(what string) {
				own.SetMapIndex(k, one)
				try(what)
			})
			v.Set(reflect.ValueOf(old))
		}
	case reflect.Bool:
		set(!v.Bool(), " flipped")
	case reflect.Int, reflect.Int64:
		set(v.Int()+1, " one more")
		set(v.Int()-1, " one less")
	case reflect.String:
		s := v.String()
		if s == "" {
			return
		}
		set(elsewhere, " "+s+" as another")
		if strings.HasSuffix(s, "?") {
			set(strings.TrimSuffix(s, "?"), " "+s+" as required")
		}
		if rest, ok := strings.CutPrefix(s, "-"); ok {
			set(rest, " "+s+" as added")
		}
		if strings.Trim(s, "0123456789") == "" {
			set(s+"1", " "+s+" as another number")
		}
	}
}

// TestTableKnowsTheCatalogue wants every type and member that the table names
// to exist, the ones of conditions included.
func TestTableKnowsTheCatalogue(t *testing.T) {
	cat := catalogue(t)
	for _, r := range builtin(t).Rules {
		named := 0
		r.Names(func(typ string, members ...string) {
			named++
			s, ok := cat.Type(story.Type(typ))
			if !ok {
				t.Errorf("%s: there is no type %s", r.ID, typ)
				return
			}
			for _, name := range members {
				if _, ok := s.Member(name); !ok {
					t.Errorf("%s: %s has no member %s", r.ID, typ, name)
				}
			}
		})
		if named == 0 {
			t.Errorf("%s names nothing", r.ID)
		}
		if strings.Contains(r.Title.EN+r.Says.EN, "immutable") || r.Title.EN == "" || r.Title.ZH == "" || r.Says.EN == "" || r.Says.ZH == "" || r.Source == "" {
			t.Errorf("%s lacks words", r.ID)
		}
		for _, place := range []string{"{expected}", "{found}"} {
			if strings.Contains(r.Says.EN, place) != strings.Contains(r.Says.ZH, place) {
				t.Errorf("%s says %s in one language only", r.ID, place)
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"no YAML":       "{",
		"another field": "rules: [{id: a, of: [x], once: {}, colour: red}]",
		"no id":         "rules: [{of: [x], once: {}}]",
		"no check":      "rules: [{id: a, of: [x]}]",
		"two checks":    "rules: [{id: a, of: [x], once: {}, fits: {}}]",
		"no type":       "rules: [{id: a, once: {}}]",
		"one id twice":  "rules: [{id: a, of: [x], once: {}}, {id: a, of: [x], once: {}}]",
	} {
		if _, err := rule.Parse([]byte(text)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	b, err := os.ReadFile("rules.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("rules: [{id: a, of: [loan.disbursed], within: {member: amount, is: '<', limit: [{}]}}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		table, err := rule.Parse(text)
		if err == nil {
			table.Judge(story.New("file/1", nil))
		}
	})
}
