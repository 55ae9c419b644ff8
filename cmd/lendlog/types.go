// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

// findType takes a type by its full name or by its short one, such as
// decision.made.
func findType(cat *record.Catalogue, name string) (*record.Schema, error) {
	if s, ok := cat.Type(name); ok {
		return s, nil
	}
	var found []*record.Schema
	for _, s := range cat.All() {
		if access.ShortType(s.Type) == name {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		return nil, usagef("there is no type %q; `lendlog types` lists them", name)
	}
	return found[0], nil
}

func newTypes(c *console.Console) *cobra.Command {
	var own bool
	cmd := &cobra.Command{
		Use:   "types",
		Short: "List the record types",
		Long: `List the record types that can be submitted. "types show" tells what one of them
holds, with an event that is ready to be submitted.

With --json, one line per type: {"type", "title", "description", "subjects",
"restricted", "own"}.`,
		Example: `  lendlog types
  lendlog types show decision.made`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			cat, err := record.Builtin()
			if err != nil {
				return err
			}
			var rows [][]string
			for _, s := range cat.All() {
				if s.Own != own {
					continue
				}
				title := s.Title
				if s.Restricted {
					title += " (restricted: its very type is sealed)"
				}
				rows = append(rows, []string{s.Type, strings.Join(s.SubjectKinds, ", "), title})
				err := c.Emit(struct {
					Type        string   `json:"type"`
					Title       string   `json:"title"`
					Description string   `json:"description"`
					Subjects    []string `json:"subjects"`
					Restricted  bool     `json:"restricted"`
					Own         bool     `json:"own"`
				}{s.Type, s.Title, s.Description, s.SubjectKinds, s.Restricted, s.Own})
				if err != nil {
					return err
				}
			}
			c.Table([]string{"TYPE", "SUBJECT", "TITLE"}, rows)
			return nil
		},
	}
	cmd.Flags().BoolVar(&own, "own", false, "list the types that only the ledger itself can append")
	cmd.AddCommand(newTypesShow(c))
	return cmd
}

func newTypesShow(c *console.Console) *cobra.Command {
	var example bool
	cmd := &cobra.Command{
		Use:   "show TYPE",
		Short: "Show what a record type holds, with an example",
		Long: `Show a record type: what it is for, its members, and an event that is ready to
be submitted. TYPE is a full name or a short one, such as decision.made.

An open member stands in the entry for every reader of the log. A sealed one is
committed to by a salted hash and kept, encrypted, under the key of its group. FORM
is a JSON type, or a form that the schema defines and the example shows.

With --json: the schema's own bytes.`,
		Example: `  lendlog types show decision.made
  lendlog types show decision.made --example > event.json
  lendlog types show org.lendlog.decision.made.v1 --json`,
		Args: takes("TYPE"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			cat, err := record.Builtin()
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			var names []string
			for _, s := range cat.All() {
				names = append(names, s.Type+"\t"+s.Title)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			cat, err := record.Builtin()
			if err != nil {
				return err
			}
			s, err := findType(cat, args[0])
			if err != nil {
				return err
			}
			if example {
				if s.Own {
					return usagef("%s can't be submitted: only the ledger itself appends it", s.Type)
				}
				return writeExample(c, s)
			}
			if c.JSON {
				_, err := c.Out.Write(append(bytes.TrimSpace(s.Text), '\n'))
				return err
			}
			c.Printf("%s\n%s. %s\n", s.Type, c.Paint(console.Strong, s.Title), s.Description)
			c.Printf("Subject: %s\n", kinds(s))
			if s.Restricted {
				c.Printf("Restricted: type, schema, submitter, refs and time are sealed too.\n")
			}
			if s.Own {
				c.Printf("Only the ledger itself appends it.\n")
			}
			c.Printf("\n")
			text, err := canon.Parse(s.Text, canon.Limits{})
			if err != nil {
				return err
			}
			properties, _ := text.Get("properties")
			var rows [][]string
			for _, m := range s.Members {
				property, _ := properties.Get(m.Name)
				need, sealed := "", "sealed: "+m.Group
				if m.Required {
					need = "required"
				}
				if m.Open {
					sealed = "open"
				}
				rows = append(rows, []string{m.Name, need, sealed, form(property), m.Description + choice(property)})
			}
			c.Table([]string{"MEMBER OF DATA", "", "READABLE", "FORM", "WHAT IT IS"}, rows)
			if s.Own || len(s.Examples) == 0 {
				return nil
			}
			c.Printf("\nAn event, ready for `lendlog submit`:\n")
			return writeExample(c, s)
		},
	}
	cmd.Flags().BoolVar(&example, "example", false, "print the event alone, to be edited and submitted")
	return cmd
}

// form names how a member is written: as its schema's definition of that name
// says, or by its JSON type.
func form(property canon.Value) string {
	if ref, ok := property.Get("$ref"); ok {
		return ref.Str[strings.LastIndexByte(ref.Str, '/')+1:]
	}
	if items, ok := property.Get("items"); ok {
		return "list of " + form(items)
	}
	t, _ := property.Get("type")
	return t.Str
}

// choice lists the words that a member may be.
func choice(property canon.Value) string {
	enum, ok := property.Get("enum")
	if !ok {
		return ""
	}
	words := make([]string, len(enum.Items))
	for i, w := range enum.Items {
		words[i] = w.Str
	}
	return " One of " + strings.Join(words, ", ") + "."
}

// writeExample prints an event of the type as it would stand in a file.
func writeExample(c *console.Console, s *record.Schema) error {
	var b bytes.Buffer
	if err := json.Indent(&b, exampleEvent(s).Bytes(), "", "  "); err != nil {
		return err
	}
	_, err := c.Out.Write(append(b.Bytes(), '\n'))
	return err
}

func kinds(s *record.Schema) string {
	named := make([]string, len(s.SubjectKinds))
	for i, k := range s.SubjectKinds {
		if k == "*" {
			return "any kind, such as file/A-2026-000117"
		}
		named[i] = fmt.Sprintf("%s/<id>", k)
	}
	return strings.Join(named, " or ")
}

// exampleEvent puts the schema's first example into an event, its members in
// the order in which a person would write them.
func exampleEvent(s *record.Schema) canon.Value {
	kind := s.SubjectKinds[0]
	if kind == "*" {
		kind = "file"
	}
	return canon.Value{Kind: canon.Object, Members: []canon.Member{
		{Name: "specversion", Value: canon.Text("1.0")},
		{Name: "id", Value: canon.Text("example/" + access.ShortType(s.Type))}, // one ledger takes them all
		{Name: "source", Value: canon.Text("urn:example:core-banking")},
		{Name: "type", Value: canon.Text(s.Type)},
		{Name: "subject", Value: canon.Text(kind + "/A-2026-000117")},
		{Name: "party", Value: canon.Text("C-4711")},
		{Name: "time", Value: canon.Text("2026-03-02T09:30:00+01:00")},
		{Name: "data", Value: s.Examples[0]},
	}}
}
