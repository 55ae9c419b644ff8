// SPDX-License-Identifier: Apache-2.0

package web

import (
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/lendlog/lendlog/ledger/record"
)

// The languages of the console, the default first.
var (
	languages    = []string{record.English, record.Chinese}
	htmlLang     = map[string]string{record.English: "en", record.Chinese: "zh-Hans"}
	languageName = map[string]string{record.English: "English", record.Chinese: "中文"}

	matcher = language.NewMatcher([]language.Tag{language.English, language.SimplifiedChinese})
)

//go:embed words
var wordFiles embed.FS

// words are the texts of the console in one language, by their names. They lie in
// words/<language>/<page>.json, and each is called after its file.
//
// A {name} in a text stands for a value that goes with it. A text with a stroke
// has two forms: the first is for {n} of one, as in "{n} record|{n} records".
type words map[string]string

func readWords(lang string) (words, error) {
	dir := "words/" + lang
	files, err := wordFiles.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("couldn't list the words: %w", err)
	}
	all := words{}
	for _, f := range files {
		b, err := wordFiles.ReadFile(path.Join(dir, f.Name()))
		if err != nil {
			return nil, fmt.Errorf("couldn't read the words: %w", err)
		}
		var texts map[string]string
		if err := json.Unmarshal(b, &texts); err != nil {
			return nil, fmt.Errorf("couldn't read %s/%s: %w", dir, f.Name(), err)
		}
		prefix := strings.TrimSuffix(f.Name(), ".json") + "."
		for name, text := range texts {
			if !strings.HasPrefix(name, prefix) {
				return nil, fmt.Errorf("%s/%s has %s, which does not begin with %s", dir, f.Name(), name, prefix)
			}
			all[name] = text
		}
	}
	return all, nil
}

// say returns a text with its values, which are given as names and values in
// turn.
func (w words) say(name string, values ...any) (string, error) {
	text, ok := w[name]
	if !ok {
		return "", fmt.Errorf("there is no text %s", name)
	}
	if len(values)%2 != 0 {
		return "", fmt.Errorf("the text %s is given a name without a value", name)
	}
	first, rest, forms := strings.Cut(text, "|")
	pairs := make([]string, 0, len(values))
	for i := 0; i < len(values); i += 2 {
		hole := fmt.Sprintf("{%v}", values[i])
		if !strings.Contains(text, hole) {
			return "", fmt.Errorf("the text %s has no %s", name, hole)
		}
		value := shown(values[i+1])
		if forms && hole == "{n}" {
			if text = rest; value == "1" {
				text = first
			}
		}
		pairs = append(pairs, hole, value)
	}
	for _, hole := range holes(text) {
		if !contains(pairs, hole) {
			return "", fmt.Errorf("the text %s lacks a value for %s", name, hole)
		}
	}
	return strings.NewReplacer(pairs...).Replace(text), nil
}

func contains(pairs []string, hole string) bool {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i] == hole {
			return true
		}
	}
	return false
}

// holes are the {names} in a text.
func holes(text string) (found []string) {
	for {
		_, rest, ok := strings.Cut(text, "{")
		if !ok {
			return found
		}
		name, rest, ok := strings.Cut(rest, "}")
		if !ok {
			return found
		}
		found, text = append(found, "{"+name+"}"), rest
	}
}

// shown writes a value as people read it.
func shown(value any) string {
	switch n := value.(type) {
	case int:
		return grouped(int64(n))
	case int64:
		return grouped(n)
	}
	return fmt.Sprint(value)
}

// grouped writes a number with commas.
func grouped(n int64) string { return groupedAmount(strconv.FormatInt(n, 10)) }

// day and moment write times of UTC as people read them.
func day(lang string, t time.Time) string {
	if lang == record.Chinese {
		return t.UTC().Format("2006年1月2日")
	}
	return t.UTC().Format("2 January 2006")
}

func moment(lang string, t time.Time) string { return day(lang, t) + t.UTC().Format(" 15:04:05 UTC") }

const languageCookie = "lendlog-lang"

// chooseLanguage chooses that of a page: what the visitor asks for, which is
// remembered, or asked for before, or what their browser prefers. secure has it
// remembered for https only.
func chooseLanguage(w http.ResponseWriter, r *http.Request, secure bool) string {
	if asked := r.URL.Query().Get("lang"); htmlLang[asked] != "" {
		http.SetCookie(w, &http.Cookie{Name: languageCookie, Value: asked, Path: "/", MaxAge: 365 * 24 * 3600, Secure: secure, HttpOnly: true, SameSite: http.SameSiteLaxMode})
		return asked
	}
	if c, err := r.Cookie(languageCookie); err == nil && htmlLang[c.Value] != "" {
		return c.Value
	}
	_, at := language.MatchStrings(matcher, r.Header.Get("Accept-Language"))
	return languages[at]
}
