// SPDX-License-Identifier: Apache-2.0

package web

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

// labels are what people call a type, its members and their words, in one
// language.
type labels struct {
	record.Labels
	lang string
}

// labelled keeps the labels of schemas, which never change.
var labelled sync.Map // of labelKey to labels

type labelKey struct {
	schema [32]byte
	lang   string
}

// labels returns those of a schema; none for nil.
func (v *visit) labels(s *record.Schema) labels {
	if s == nil {
		return labels{lang: v.lang}
	}
	key := labelKey{s.Hash, v.lang}
	if l, ok := labelled.Load(key); ok {
		return l.(labels)
	}
	l := labels{s.Labels(v.lang), v.lang}
	labelled.Store(key, l)
	return l
}

// member is what people call a member; its name where it has no label.
func (l labels) member(name string) string {
	if label := l.Members[name]; label != "" {
		return label
	}
	return name
}

// isDay and isMoment are the forms of days and times in events.
var (
	isDay    = regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)
	isMoment = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d`)
	isAmount = regexp.MustCompile(`^-?\d+(\.\d+)?$`)
)

// text is a value as people read it: the label of a word, an amount with its
// currency, a day. It is "" of what takes more than a phrase.
func (l labels) text(member string, v canon.Value) string {
	switch v.Kind {
	case canon.String:
		return l.word(member, v.Str)
	case canon.Int:
		if word := l.Words[member][strconv.FormatInt(v.Int, 10)]; word != "" {
			return word
		}
		return grouped(v.Int)
	case canon.Bool:
		return yes[l.lang][v.IsTrue()]
	case canon.Array:
		parts := make([]string, 0, len(v.Items))
		for _, item := range v.Items {
			part := l.text(member, item)
			if part == "" {
				return ""
			}
			parts = append(parts, part)
		}
		return strings.Join(parts, map[string]string{record.English: ", ", record.Chinese: "、"}[l.lang])
	case canon.Object:
		return l.object(member, v)
	}
	return ""
}

// stamp is a day, or a time, within a text.
var stamp = regexp.MustCompile(`\b\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?\b`)

// sentenceOf is what a rule says as people read it: its days and times are written as
// elsewhere, to the fraction of a second that it tells apart, and it ends.
func (v *visit) sentenceOf(english, chinese string) string {
	text := stamp.ReplaceAllStringFunc(v.text(english, chinese), func(s string) string {
		if t, err := time.Parse(time.DateOnly, s); err == nil {
			return day(v.lang, t)
		}
		if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
			return day(v.lang, t) + t.UTC().Format(" 15:04:05.999999999 UTC")
		}
		return s
	})
	return text + map[string]string{record.English: ".", record.Chinese: "。"}[v.lang]
}

// full is a value as people read it, whatever it takes.
func (l labels) full(member string, v canon.Value) string {
	if text := l.text(member, v); text != "" || v.Kind != canon.Array && v.Kind != canon.Object {
		return text
	}
	var parts []string
	for _, item := range v.Items {
		parts = append(parts, l.full(member, item))
	}
	for _, m := range v.Members {
		parts = append(parts, m.Name+" "+l.full(m.Name, m.Value))
	}
	separator := ", "
	if v.Kind == canon.Array {
		separator = "; "
	}
	return strings.Join(parts, separator)
}

// coded reports whether a value is a word of a code list that has a label.
func (l labels) coded(member string, v canon.Value) bool {
	text := v.Str
	if v.Kind == canon.Int {
		text = strconv.FormatInt(v.Int, 10)
	}
	label := cmp.Or(l.Words[member][text], l.Codes[member][text])
	return label != "" && label != text
}

func (l labels) word(member, s string) string {
	if word := cmp.Or(l.Words[member][s], l.Codes[member][s]); word != "" {
		return word
	}
	switch {
	case l.Codes[member] != nil && record.IsLendersOwn(member, s):
		return s + own[l.lang]

	case isDay.MatchString(s):
		if t, err := time.Parse(time.DateOnly, s); err == nil {
			return day(l.lang, t)
		}
	case isMoment.MatchString(s):
		if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
			return day(l.lang, t)
		}
	}
	return s
}

// object is an amount of money, or a reason with its code and text.
func (l labels) object(member string, v canon.Value) string {
	amount, has := v.Get("amount")
	currency, money := v.Get("currency")
	if has && money && amount.Kind == canon.String {
		return groupedAmount(amount.Str) + " " + currency.Str
	}
	code, has := v.Get("code")
	if !has || code.Kind != canon.String {
		return ""
	}
	text, _ := v.Get("text")
	if text.Str == "" {
		return l.word(member, code.Str)
	}
	// The text says what a code of the lender's own means.
	return strings.TrimSuffix(l.word(member, code.Str), own[l.lang]) + " (" + text.Str + ")"
}

// own stands behind a code that only the lender knows.
var own = map[string]string{record.English: " (the lender's own code)", record.Chinese: "（机构自有代码）"}

var yes = map[string]map[bool]string{record.English: {true: "yes", false: "no"}, record.Chinese: {true: "是", false: "否"}}

// groupedAmount writes the decimal of an amount with commas.
func groupedAmount(s string) string {
	if !isAmount.MatchString(s) {
		return s
	}
	whole, fraction, has := strings.Cut(s, ".")
	for at := len(whole) - 3; at > 0 && whole[at-1] != '-'; at -= 3 {
		whole = whole[:at] + "," + whole[at:]
	}
	if has {
		return whole + "." + fraction
	}
	return whole
}
