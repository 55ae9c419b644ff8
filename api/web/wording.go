// SPDX-License-Identifier: Apache-2.0

package web

import "time"

// A wording is a text that is chosen in Go and said by a template, with tell, in
// the language of the page: its name among the words, and its values as words.say
// takes them. A value may be a time, or a wording itself.
type wording struct {
	name   string
	values []any
}

// tell says a wording, and nothing for the zero one.
func (w words) tell(lang string, p wording) (string, error) {
	if p.name == "" {
		return "", nil
	}
	values := make([]any, len(p.values))
	for i, value := range p.values {
		switch value := value.(type) {
		case time.Time:
			values[i] = moment(lang, value)
		case wording:
			text, err := w.tell(lang, value)
			if err != nil {
				return "", err
			}
			values[i] = text
		default:
			values[i] = value
		}
	}
	return w.say(p.name, values...)
}
