// SPDX-License-Identifier: Apache-2.0

package web

import (
	"go/ast"
	"go/parser"
	"go/token"
	"html/template"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/look"
	"github.com/lendlog/lendlog/ledger/record"
)

func wordsOf(t testing.TB, lang string) words {
	t.Helper()
	w, err := readWords(lang)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// What is said in one language is said in the other, with the same values.
func TestWordsMatch(t *testing.T) {
	en, zh := wordsOf(t, record.English), wordsOf(t, record.Chinese)
	filled := func(text string) []string {
		all := holes(text)
		slices.Sort(all)
		return slices.Compact(all)
	}
	for name, text := range en {
		other, ok := zh[name]
		if !ok {
			t.Errorf("%s is not said in Chinese", name)
			continue
		}
		if !slices.Equal(filled(text), filled(other)) {
			t.Errorf("%s has %v in English and %v in Chinese", name, filled(text), filled(other))
		}
		if strings.TrimSpace(text) == "" || strings.TrimSpace(other) == "" {
			t.Errorf("%s says nothing", name)
		}
	}
	for name := range zh {
		if _, ok := en[name]; !ok {
			t.Errorf("%s is not said in English", name)
		}
	}
}

// Nothing is said in words that nobody asks for.
func TestWordsAreUsed(t *testing.T) {
	var asked strings.Builder
	err := fs.WalkDir(templateFiles, "templates", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := templateFiles.ReadFile(name)
		asked.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var made, joined []*regexp.Regexp // names that are put together, by templates and by Go
	for _, m := range regexp.MustCompile(`\(printf "([^"]+)"`).FindAllStringSubmatch(asked.String(), -1) {
		made = append(made, regexp.MustCompile("^"+strings.ReplaceAll(regexp.QuoteMeta(m[1]), "%s", "[^.]+")+"$"))
	}
	for _, m := range regexp.MustCompile(`\.Named "([^"]+)"`).FindAllStringSubmatch(asked.String(), -1) {
		joined = append(joined, regexp.MustCompile("^"+regexp.QuoteMeta(m[1])+`\.[^.]+$`))
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range sources {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(name, "_test.go") {
			asked.Write(b)
			joined = append(joined, joinedIn(t, name)...)
		}
	}
	// What Go puts together is of a form that stands there, and has each of its parts in
	// quotes, if only as a part.
	parts := map[string]bool{look.Read: true, look.Follow: true}
	for _, m := range regexp.MustCompile(`"([a-z0-9.]+)"`).FindAllStringSubmatch(asked.String(), -1) {
		for part := range strings.SplitSeq(m[1], ".") {
			parts[part] = true
		}
	}
	together := func(name string) bool {
		if !matches(joined, name) {
			return false
		}
		for part := range strings.SplitSeq(name, ".") {
			if !parts[part] {
				return false
			}
		}
		return true
	}
	for name := range wordsOf(t, record.English) {
		if !strings.Contains(asked.String(), `"`+name+`"`) && !together(name) && !matches(made, name) {
			t.Errorf("nobody asks for %s", name)
		}
	}
}

func matches(forms []*regexp.Regexp, name string) bool {
	return slices.ContainsFunc(forms, func(re *regexp.Regexp) bool { return re.MatchString(name) })
}

// joinedIn returns the forms of texts that a file puts together of what stands in quotes
// and what does not.
func joinedIn(t *testing.T, file string) (forms []*regexp.Regexp) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var form func(ast.Expr) string
	form = func(e ast.Expr) string {
		switch e := e.(type) {
		case *ast.BinaryExpr:
			return form(e.X) + form(e.Y)
		case *ast.BasicLit:
			text, _ := strconv.Unquote(e.Value)
			return regexp.QuoteMeta(text)
		}
		return "[^.]+"
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if e, ok := n.(*ast.BinaryExpr); ok && e.Op == token.ADD {
			if text := form(e); !strings.HasPrefix(text, "[^.]+") {
				forms = append(forms, regexp.MustCompile("^"+text+"$"))
			}
			return false
		}
		return true
	})
	return forms
}

func TestSay(t *testing.T) {
	w := words{"a.plain": "Plain", "a.of": "{a} of {b}", "a.n": "{n} record|{n} records"}
	for _, tc := range []struct {
		want, name string
		values     []any
	}{
		{"Plain", "a.plain", nil},
		{"x of 12,345", "a.of", []any{"a", "x", "b", 12345}},
		{"1 record", "a.n", []any{"n", 1}},
		{"0 records", "a.n", []any{"n", int64(0)}},
		{"-1,234,567 records", "a.n", []any{"n", -1234567}},
	} {
		if got, err := w.say(tc.name, tc.values...); err != nil || got != tc.want {
			t.Errorf("%s says %q, %v, want %q", tc.name, got, err, tc.want)
		}
	}
	for name, values := range map[string][]any{"a.none": nil, "a.of": {"a", "x"}, "a.plain": {"a", "x"}, "a.n": {"n"}} {
		if got, err := w.say(name, values...); err == nil {
			t.Errorf("%s with %v says %q", name, values, got)
		}
	}
}

// A template that asks for a text that there is not is found before anybody
// looks at it.
func TestUnknownWords(t *testing.T) {
	w := words{"a.there": "There"}
	for text, good := range map[string]bool{
		`{{t "a.there"}}`:                         true,
		`{{if true}}{{else}}{{t "a.not"}}{{end}}`: false,
		`{{range $i, $x := .}}{{with $x}}{{printf "%s" (t "a.not")}}{{end}}{{end}}`: false,
		`{{define "part"}}{{t "a.not"}}{{end}}{{template "part" .}}`:                false,
	} {
		tpl, err := template.New("x").Funcs(template.FuncMap{"t": w.say}).Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.cover(tpl); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestChooseLanguage(t *testing.T) {
	for _, tc := range []struct{ asked, cookie, accept, want string }{
		{"", "", "", "en"},
		{"", "", "zh-CN,zh;q=0.9,en;q=0.8", "zh"},
		{"", "", "fr,en;q=0.2", "en"},
		{"", "", "fr, zh-Hans;q=0.5, en;q=0.2", "zh"},
		{"", "", "\xff;q=x", "en"},
		{"", "zh", "en", "zh"},
		{"", "tlh", "zh", "zh"},
		{"en", "zh", "zh", "en"},
		{"tlh", "", "zh", "zh"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/console/?lang="+tc.asked, nil)
		r.Header.Set("Accept-Language", tc.accept)
		if tc.cookie != "" {
			r.AddCookie(&http.Cookie{Name: languageCookie, Value: tc.cookie})
		}
		w := httptest.NewRecorder()
		if got := chooseLanguage(w, r, false); got != tc.want {
			t.Errorf("%+v: %s", tc, got)
		}
		if set := len(w.Result().Cookies()) > 0; set != (htmlLang[tc.asked] != "") {
			t.Errorf("%+v: a cookie is set: %v", tc, set)
		}
	}
}

func TestTimesAreRead(t *testing.T) {
	at := time.Date(2026, 3, 2, 7, 8, 9, 0, time.FixedZone("", 8*3600))
	if got := moment(record.English, at); got != "1 March 2026 23:08:09 UTC" {
		t.Error(got)
	}
	if got := day(record.Chinese, at); got != "2026年3月1日" {
		t.Error(got)
	}
}
