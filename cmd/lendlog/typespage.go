// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lendlog/lendlog/ledger/record"
)

// everywhere are the members that nearly every type has: the page tells of them
// once.
var everywhere = []string{"jurisdiction", "legalEntity"}

// writeTypesPage writes docs/types.md: the types that come with lendlog, by
// stage of lending.
func writeTypesPage(w io.Writer) error {
	stages, err := record.Stages()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	b.WriteString(`# Record types
<!-- Made by ` + "`lendlog types --markdown`" + `. Do not edit: the texts are those of ledger/record/schemas and ledger/record/labels. -->

What can be recorded, as it comes with lendlog; a lender's own types join them with ` + "`lendlog types add`" + `. Full names are ` + "`org.lendlog.<name>.v1`" + `, or of the version that is named. ` + "`lendlog types show NAME`" + ` prints an event that is ready to be submitted.

A member of ` + "`data`" + ` is **open**, in the clear in the log and never personal, or sealed under the key of the group that is named. A member with a star is required. Besides those listed, every type has the open members ` + "`jurisdiction`" + ` (ISO 3166, whose law the record falls under, 法域) and ` + "`legalEntity`" + ` (ISO 17442 LEI of the lender's entity, 法人主体), but for the ledger's own types; restricted types seal them.

`)
	for _, stage := range stages {
		fmt.Fprintf(&b, "- %s · %s: ", stage.Title[record.English], stage.Title[record.Chinese])
		for i, s := range stage.Types {
			if i > 0 {
				b.WriteString(", ")
			}
			name := pageName(s)
			fmt.Fprintf(&b, "[%s](#%s)", name, strings.ReplaceAll(name, ".", ""))
		}
		b.WriteString("\n")
	}
	for _, stage := range stages {
		fmt.Fprintf(&b, "\n## %s · %s\n", stage.Title[record.English], stage.Title[record.Chinese])
		for _, s := range stage.Types {
			if err := writeTypeSection(&b, s); err != nil {
				return err
			}
		}
	}
	_, err = w.Write(b.Bytes())
	return err
}

// pageName is the short name of a type, with its version unless that is the first.
func pageName(s *record.Schema) string {
	return strings.TrimSuffix(strings.TrimPrefix(s.Type, "org.lendlog."), ".v1")
}

func writeTypeSection(b *bytes.Buffer, s *record.Schema) error {
	en, zh := s.Labels(record.English), s.Labels(record.Chinese)
	description := en.Description
	if zh.Description != description {
		description += " " + zh.Description
	}
	fmt.Fprintf(b, "\n### %s\n**%s** · **%s**. %s\n", pageName(s), markdown(en.Title), markdown(zh.Title), markdown(description))
	notes := []string{"Subject: " + markdown(strings.Join(s.SubjectKinds, ", "))}
	if s.Restricted {
		notes = append(notes, "Restricted: its very type is sealed")
	}
	if s.Source != "" {
		notes = append(notes, "Source: "+markdown(s.Source))
	}
	fmt.Fprintf(b, "\n%s.\n", strings.Join(notes, ". "))
	properties, err := properties(s)
	if err != nil {
		return err
	}
	head := false
	for _, m := range s.Members {
		if slices.Contains(everywhere, m.Name) {
			continue
		}
		if !head {
			head = true
			b.WriteString("\n| member | 中文 | form | readable | what it is |\n|---|---|---|---|---|\n")
		}
		property, _ := properties.Get(m.Name)
		star, readable, source := "", m.Group, ""
		if m.Required {
			star = "\\*"
		}
		if m.Open {
			readable = "**open**"
		}
		if m.Source != "" {
			source = " [" + m.Source + "]"
		}
		fmt.Fprintf(b, "| `%s`%s | %s | %s | %s | %s |\n", m.Name, star, markdown(zh.Members[m.Name]), form(property), readable,
			markdown(m.Description+source)+words(s, m.Name, en, zh))
	}
	if len(s.Examples) > 0 && !s.Own {
		fmt.Fprintf(b, "\n```json\n%s\n```\n", s.Examples[0].Bytes())
	}
	return nil
}

// words lists the code list of a member with its labels.
func words(s *record.Schema, member string, en, zh record.Labels) string {
	var b strings.Builder
	for i, w := range s.Words(member) {
		if i == 0 {
			b.WriteString("<br>")
		} else {
			b.WriteString(", ")
		}
		label := zh.Words[member][w]
		if english := en.Words[member][w]; english != w && english != strings.ReplaceAll(w, "-", " ") {
			label = english + " " + label
		}
		fmt.Fprintf(&b, "`%s` %s", w, markdown(label))
	}
	return b.String()
}

// markdown keeps text from meaning something in a table of Markdown.
func markdown(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`, "\n", " ").Replace(s)
}
