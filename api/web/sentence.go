// SPDX-License-Identifier: Apache-2.0

package web

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/story"
)

// sentenceFile has for each type what its records say, in each language.
//
// In a sentence {name} stands for a member of the data, {on} for the day on which
// it happened, {name.first} for the first item of a list, and {name/on} for the
// first of several that is known. What stands in
// square brackets is left out where a member in it is not known; where one outside
// of them is not known, the title of the type stands for the whole sentence.
//
//go:embed sentences.json
var sentenceFile []byte

// sentences are the sentences by type, without what lendlog's own types have in
// common, and language.
type sentences map[string]map[string]phrase

func readSentences() (sentences, error) {
	var texts map[string]map[string]string
	if err := json.Unmarshal(sentenceFile, &texts); err != nil {
		return nil, fmt.Errorf("couldn't read the sentences: %w", err)
	}
	all := sentences{}
	for typ, byLang := range texts {
		all[typ] = map[string]phrase{}
		for lang, text := range byLang {
			p, rest, err := parsePhrase(text)
			if err == nil && rest != "" {
				err = fmt.Errorf("a bracket ends that did not begin")
			}
			if err != nil {
				return nil, fmt.Errorf("the sentence of %s in %s: %w", typ, lang, err)
			}
			all[typ][lang] = p
		}
	}
	return all, nil
}

// A phrase is a part of a sentence.
type phrase []piece

// A piece is a text, a member or what is left out where something is not known.
type piece struct {
	text, member string
	within       phrase
}

// parsePhrase reads up to the bracket that ends the phrase.
func parsePhrase(text string) (p phrase, rest string, err error) {
	for {
		at := strings.IndexAny(text, "[]{")
		if at < 0 {
			return append(p, piece{text: text}), "", nil
		}
		p = append(p, piece{text: text[:at]})
		switch text[at] {
		case ']':
			return p, text[at:], nil
		case '{':
			name, after, ok := strings.Cut(text[at+1:], "}")
			if !ok || name == "" {
				return nil, "", fmt.Errorf("a member does not end")
			}
			p, text = append(p, piece{member: name}), after
		case '[':
			within, after, err := parsePhrase(text[at+1:])
			if err != nil {
				return nil, "", err
			}
			if !strings.HasPrefix(after, "]") {
				return nil, "", fmt.Errorf("a bracket does not end")
			}
			p, text = append(p, piece{within: within}), after[1:]
		}
	}
}

// say fills a phrase in; false where a member of it is not known.
func (p phrase) say(of func(member string) string) (string, bool) {
	var b strings.Builder
	for _, part := range p {
		switch {
		case part.member != "":
			v := ""
			for name := range strings.SplitSeq(part.member, "/") {
				v = cmp.Or(v, of(name))
			}
			if v == "" {
				return "", false
			}
			b.WriteString(v)
		case part.within != nil:
			if text, ok := part.within.say(of); ok {
				b.WriteString(text)
			}
		default:
			b.WriteString(part.text)
		}
	}
	return b.String(), true
}

// sentence says what a record says. Of r are read its type, its time and its data,
// whatever of it is known; schema is nil where it is not.
func (v *visit) sentence(r *story.Record, schema *record.Schema) string {
	labels := v.labels(schema)
	of := func(member string) string {
		if member == "on" {
			if r.Time.IsZero() {
				return ""
			}
			return day(v.lang, r.Time)
		}
		name, first := strings.CutSuffix(member, ".first")
		value, _ := r.Data.Get(name)
		if first {
			if len(value.Items) == 0 {
				return ""
			}
			value = value.Items[0]
		}
		return labels.text(name, value)
	}
	text, ok := v.sentences[shortType(r.Type)][v.lang].say(of)
	if !ok || text == "" {
		text = cmp.Or(labels.Title, r.Type)
		if on := of("on"); on != "" {
			text, _ = v.sentences["*"][v.lang].say(func(member string) string {
				return map[string]string{"title": text, "on": on}[member]
			})
		}
	}
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

// shortType drops what all of lendlog's own types have in common:
// org.lendlog.decision.made.v1 is decision.made.
func shortType(typ string) string {
	if s, ok := strings.CutPrefix(typ, "org.lendlog."); ok {
		return strings.TrimSuffix(s, ".v1")
	}
	return typ
}
