// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"fmt"
	"strings"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
)

// columns is how wide the story is told.
const columns = 100

const margin = "   "

// tell prints a paragraph.
func (s *story) tell(format string, args ...any) {
	s.Printf("%s\n", wrap(margin, margin, fmt.Sprintf(format, args...)))
}

// say prints a paragraph behind a word.
func (s *story) say(word, format string, args ...any) {
	lead := fmt.Sprintf("%s%-10s ", margin+margin, word)
	s.Printf("%s\n", wrap(lead, strings.Repeat(" ", len(lead)), fmt.Sprintf(format, args...)))
}

// wrap breaks a text into lines. The first begins with lead, the others with
// rest.
func wrap(lead, rest, text string) string {
	var b strings.Builder
	line := lead
	empty := true
	for _, word := range strings.Fields(console.Clean(text)) {
		if !empty && console.Width(line)+1+console.Width(word) > columns {
			b.WriteString(line + "\n")
			line, empty = rest, true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	return b.String() + line
}
