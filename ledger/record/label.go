// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/lendlog/lendlog/ledger/canon"
)

// Labels are what people call a type, its members and the words of its code
// lists. They are no part of a schema, so that a better word never changes a
// hash.
type Labels struct {
	Title       string                       `json:"title"`
	Description string                       `json:"description"`
	Members     map[string]string            `json:"members"` // of every member
	Words       map[string]map[string]string `json:"words"`   // member → word of its code lists → label, for members that have lists
	// Codes are those of members without a list that are well known: member → code →
	// label. A lender may use others.
	Codes map[string]map[string]string `json:"-"`
}

// The languages of labels.
const (
	English = "en"
	Chinese = "zh"
)

// Labels returns the labels of the type in English or in Chinese. Where there is
// none, as in a lender's own type, the schema's own title or word stands for it.
func (s *Schema) Labels(lang string) Labels {
	own, builtin := labels()[s.Type]
	var shared labelFile
	if builtin {
		shared = labels()[sharedLabels]
	}
	title := func(english string, chinese ...string) string {
		if lang == Chinese {
			english = cmp.Or(append(chinese, english)...)
		}
		return english
	}
	l := Labels{
		Title: title(s.Title, own.Title), Description: title(s.Description, own.Description),
		Members: make(map[string]string, len(s.Members)), Words: make(map[string]map[string]string),
	}
	for _, m := range s.Members {
		l.Members[m.Name] = title(m.Title, own.Members[m.Name], shared.Members[m.Name])
		words := make(map[string]string)
		for _, w := range s.Words(m.Name) {
			words[w] = cmp.Or(own.Words[m.Name][w][lang], shared.Words[m.Name][w][lang], w)
		}
		if len(words) > 0 {
			l.Words[m.Name] = words
		}
		if codes := CodesOf(m.Name, lang); builtin && codes != nil {
			if l.Codes == nil {
				l.Codes = make(map[string]map[string]string)
			}
			l.Codes[m.Name] = codes
		}
	}
	return l
}

// CodesOf returns the labels of the well-known codes of a member, by code; nil where
// there are none. They must not be changed.
func CodesOf(member, lang string) map[string]string { return codes()[member].words[lang] }

// IsLendersOwn reports whether a value of a member is a code that the lender made
// up: one of a member that has well-known codes, of which it is none.
func IsLendersOwn(member, value string) bool {
	book := codes()[member]
	_, known := book.words[English][value]
	return book.own && !known && isCode(value)
}

// isCode reports whether a text has the form of codes, as schemas/defs.json defines it.
func isCode(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	return s != "" && len(s) <= 64 && strings.Contains(letters, s[:1]) && strings.Trim(s, letters+"._-") == ""
}

// A codeBook is the well-known codes of a member.
type codeBook struct {
	own   bool                         // other codes are the lender's own, and are told to be
	words map[string]map[string]string // language → code → label
}

//go:embed labels/codes.json
var codeFile []byte

// codes are the well-known codes, by member, read once.
func codes() map[string]codeBook {
	readCodes.Do(func() {
		var books []struct {
			Members []string                     `json:"members"`
			Own     bool                         `json:"own"`
			Words   map[string]map[string]string `json:"words"`
		}
		if err := json.Unmarshal(codeFile, &books); err != nil {
			panic("record: couldn't read the embedded codes: " + err.Error())
		}
		codesByMember = make(map[string]codeBook)
		for _, b := range books {
			book := codeBook{own: b.Own, words: map[string]map[string]string{English: {}, Chinese: {}}}
			for code, labels := range b.Words {
				for lang, label := range labels {
					book.words[lang][code] = label
				}
			}
			for _, m := range b.Members {
				codesByMember[m] = book
			}
		}
	})
	return codesByMember
}

// Words returns the words of the code lists of a member and of what is in it,
// in the order of the schema; integers are in decimal.
func (s *Schema) Words(member string) []string {
	k := s.root.property(member)
	if k == nil {
		return nil
	}
	var words []string
	seen := make(map[string]bool)
	k.words(func(w string) {
		if !seen[w] {
			seen[w] = true
			words = append(words, w)
		}
	})
	return words
}

func (k *check) words(tell func(string)) {
	if k == nil {
		return
	}
	for _, e := range k.enum {
		switch {
		case k.constant:
		case e.Kind == canon.Int:
			tell(strconv.FormatInt(e.Int, 10))
		default:
			tell(e.Str)
		}
	}
	k.items.words(tell)
	for _, p := range k.properties {
		p.check.words(tell)
	}
	k.rest.words(tell)
}

// labelFile is a file of labels: that of one type, or the shared one, which
// holds what types have in common. English titles are those of the schema.
type labelFile struct {
	Title       string                                  `json:"title"` // in Chinese, as are the next two
	Description string                                  `json:"description"`
	Members     map[string]string                       `json:"members"`
	Words       map[string]map[string]map[string]string `json:"words"` // member → word → language → label
}

const sharedLabels = "shared"

//go:embed labels/org.lendlog.*.json labels/shared.json
var labelFiles embed.FS

//go:embed labels/stages.json
var stageFile []byte

// A Stage is a part of lending, with the types that come with lendlog for it.
type Stage struct {
	Title map[string]string // by language
	Types []*Schema         // sorted by type
}

// Stages groups the types that come with lendlog in the order of a loan's life.
// A type is in one stage, or in none if no stage names its first word.
func Stages() ([]Stage, error) {
	builtin, err := Builtin()
	if err != nil {
		return nil, err
	}
	var list []struct {
		English string   `json:"en"`
		Chinese string   `json:"zh"`
		Types   []string `json:"types"` // first words
	}
	if err := json.Unmarshal(stageFile, &list); err != nil {
		return nil, fmt.Errorf("couldn't read the embedded stages: %w", err)
	}
	stages := make([]Stage, len(list))
	for i, l := range list {
		stages[i].Title = map[string]string{English: l.English, Chinese: l.Chinese}
		for _, s := range builtin.All() {
			if word, _, _ := strings.Cut(strings.TrimPrefix(s.Type, builtinPrefix), "."); slices.Contains(l.Types, word) {
				stages[i].Types = append(stages[i].Types, s)
			}
		}
	}
	return stages, nil
}

// labels returns the files of labels by name, read once. It is a function with
// a variable beside it, and no sync.OnceValue in a variable, so that a program
// that shows no label, the offline verifier, does not hold them.
func labels() map[string]labelFile {
	readLabels.Do(func() {
		files, err := labelFiles.ReadDir("labels")
		if err != nil {
			panic("record: couldn't list the embedded labels: " + err.Error())
		}
		labelsByName = make(map[string]labelFile, len(files))
		for _, f := range files {
			text, err := labelFiles.ReadFile("labels/" + f.Name())
			if err != nil {
				panic("record: couldn't read the embedded labels: " + err.Error())
			}
			var l labelFile
			d := json.NewDecoder(bytes.NewReader(text))
			d.DisallowUnknownFields()
			if err := d.Decode(&l); err != nil {
				panic(fmt.Sprintf("record: couldn't read the embedded labels/%s: %v", f.Name(), err))
			}
			labelsByName[strings.TrimSuffix(f.Name(), ".json")] = l
		}
	})
	return labelsByName
}

var (
	readLabels, readCodes sync.Once
	labelsByName          map[string]labelFile
	codesByMember         map[string]codeBook
)
