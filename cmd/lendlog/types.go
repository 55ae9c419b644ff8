// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

// catalogue returns the types that the ledger takes or, when none is named,
// those that come with the program.
func (t *target) catalogue(ctx context.Context, c *console.Console) (cat *record.Catalogue, err error) {
	if !t.named() {
		return record.Builtin()
	}
	err = t.with(ctx, c, func(l access.Ledger) error {
		cat, err = l.Catalogue(ctx)
		return err
	})
	return cat, err
}

// findType takes a type by its full name or by its short one, such as
// decision.made, which is that of its newest version.
func findType(cat *record.Catalogue, name string) (*record.Schema, error) {
	if s, ok := cat.Type(name); ok {
		return s, nil
	}
	var found *record.Schema
	for _, s := range cat.All() { // sorted by their names
		if access.ShortType(s.Type) == name {
			found = s
		}
	}
	if found == nil {
		return nil, usagef("there is no type %q; `lendlog types` lists them, with --dir or --server those of a ledger", name)
	}
	return found, nil
}

func newTypes(c *console.Console) *cobra.Command {
	var t target
	var own, markdown bool
	cmd := &cobra.Command{
		Use:   "types",
		Short: "List the record types, show one, or add a lender's own",
		Long: `List the record types that can be submitted: those that come with lendlog or,
with --dir or --server, those that a ledger takes. "types show" tells what one of
them holds, with an event that is ready to be submitted. "types add" registers a
lender's own.

With --json, one line per type: {"type", "title", "description", "subjects",
"restricted", "own"}.`,
		Example: `  lendlog types
  lendlog types --dir ledger
  lendlog types show decision.made
  lendlog types add loan-reviewed.json --dir ledger`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if markdown {
				return writeTypesPage(c.Out)
			}
			cat, err := t.catalogue(cmd.Context(), c)
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
				rows = append(rows, []string{s.Type, someKinds(s.SubjectKinds), title})
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
	t.flags(cmd)
	cmd.Flags().BoolVar(&own, "own", false, "list the types that only the ledger itself can append")
	cmd.Flags().BoolVar(&markdown, "markdown", false, "write docs/types.md: all that comes with lendlog, in English and Chinese")
	for _, other := range []string{"own", "dir", "server"} {
		cmd.MarkFlagsMutuallyExclusive("markdown", other)
	}
	cmd.AddCommand(newTypesShow(c), newTypesAdd(c))
	return cmd
}

// someKinds keeps a list of types narrow: "types show" has all kinds of subjects.
func someKinds(all []string) string {
	if len(all) <= 4 {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:3], ", "), len(all)-3)
}

func newTypesShow(c *console.Console) *cobra.Command {
	var t target
	var example bool
	cmd := &cobra.Command{
		Use:   "show TYPE",
		Short: "Show what a record type holds, with an example",
		Long: `Show a record type: what it is for, its members, and an event that is ready to
be submitted. TYPE is a full name or a short one, such as decision.made. It is one
that comes with lendlog or, with --dir or --server, one that a ledger takes.

An open member stands in the entry for every reader of the log. A sealed one is
committed to by a salted hash and kept, encrypted, under the key of its group. FORM
is a JSON type, or a form that the schema defines and the example shows.

With --json: the schema's own bytes.`,
		Example: `  lendlog types show decision.made
  lendlog types show decision.made --example > event.json
  lendlog types show com.example.loan.reviewed.v1 --dir ledger --json`,
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
		RunE: func(cmd *cobra.Command, args []string) error {
			cat, err := t.catalogue(cmd.Context(), c)
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
				if len(s.Examples) == 0 {
					return usagef("the schema of %s has no example", s.Type)
				}
				return writeExample(c, s)
			}
			if c.JSON {
				_, err := c.Out.Write(append(bytes.TrimSpace(s.Text), '\n'))
				return err
			}
			return showType(c, s)
		},
	}
	t.flags(cmd)
	cmd.Flags().BoolVar(&example, "example", false, "print the event alone, to be edited and submitted")
	return cmd
}

func showType(c *console.Console, s *record.Schema) error {
	c.Printf("%s\n%s. %s\n", s.Type, c.Paint(console.Strong, console.Clean(s.Title)), console.Clean(s.Description))
	c.Printf("Subject: %s\n", kinds(s))
	if s.Source != "" {
		c.Printf("Source: %s\n", console.Clean(s.Source))
	}
	if s.Restricted {
		c.Printf("Restricted: type, schema, submitter, refs and time are sealed too.\n")
	}
	if s.Own {
		c.Printf("Only the ledger itself appends it.\n")
	}
	c.Printf("\n")
	properties, err := properties(s)
	if err != nil {
		return err
	}
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
		rows = append(rows, []string{m.Name, need, sealed, form(property), console.Clean(cmp.Or(m.Description, m.Title) + choice(property))})
	}
	c.Table([]string{"MEMBER OF DATA", "", "READABLE", "FORM", "WHAT IT IS"}, rows)
	if s.Own || len(s.Examples) == 0 {
		return nil
	}
	c.Printf("\nAn event, ready for `lendlog submit`:\n")
	return writeExample(c, s)
}

// properties returns the schemas of the members of data.
func properties(s *record.Schema) (canon.Value, error) {
	text, err := canon.Parse(s.Text, canon.Limits{})
	if err != nil {
		return canon.Value{}, err
	}
	p, _ := text.Get("properties")
	return p, nil
}

func newTypesAdd(c *console.Console) *cobra.Command {
	var t target
	var builtin, dryRun bool
	cmd := &cobra.Command{
		Use:   "add FILE",
		Short: "Register a lender's own schema",
		Long: `Register a lender's own record type. FILE is its JSON Schema; begin with that of
another type, "lendlog types show TYPE --json". Its "$id" is urn:lendlog:schema: and
the type's name, such as com.example.loan.reviewed.v1. Every member of data is
either "x-open": true, then it cannot hold personal data, or sealed under the key
group in "x-key". What is wrong with it is said with its place in FILE. From then on
events of the type are taken; the schema stands in the ledger, byte for byte.

A schema of a type that is there replaces the current one; records of the old one
stay as they are, can be read and verify. It may add and drop members and accept
more or less. It never opens a member that was sealed, nor changes its key group, a
member's JSON type, or whether the type is restricted: give the type another version
in its name for that. The current schema again appends nothing.

--builtin registers the types that come with this program and that the ledger,
which an older one made, lacks. Nothing else does.

With --json, one line per schema: {"type", "sha256", "index", "repeated"}, with
--dry-run {"type", "sha256"}, or {"refused": {"type", "errors": [{"pointer", "code",
"message"}]}}.`,
		Example: `  lendlog types add loan-reviewed.json --dry-run
  lendlog types add loan-reviewed.json --dir ledger
  lendlog types add --builtin --server http://127.0.0.1:8080`,
		Args: func(cmd *cobra.Command, args []string) error {
			if builtin {
				return takes()(cmd, args)
			}
			return takes("FILE")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if builtin {
				return t.with(ctx, c, func(l access.Ledger) error { return addBuiltin(ctx, c, l, dryRun) })
			}
			text, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			s, err := record.ParseSchema(text)
			if err != nil {
				return refuseType(c, args[0], "", err)
			}
			if dryRun && !t.named() {
				cat, err := record.Builtin()
				if err != nil {
					return err
				}
				return checkType(c, s, args[0], cat.Admit(s))
			}
			return t.with(ctx, c, func(l access.Ledger) error {
				if dryRun {
					return checkType(c, s, args[0], l.CheckSchema(ctx, s))
				}
				return addType(ctx, c, l, s, args[0])
			})
		},
	}
	t.flags(cmd)
	cmd.Flags().BoolVar(&builtin, "builtin", false, "register what comes with this program and the ledger lacks")
	cmd.Flags().BoolVarP(&dryRun, "dry-run", "n", false, "check and register nothing; FILE alone needs no ledger")
	return cmd
}

// addBuiltin registers the types that came with newer programs than the one
// that made the ledger.
func addBuiltin(ctx context.Context, c *console.Console, l access.Ledger, dryRun bool) error {
	brought, err := record.Builtin()
	if err != nil {
		return err
	}
	cat, err := l.Catalogue(ctx)
	if err != nil {
		return err
	}
	n := 0
	for _, s := range brought.All() {
		if _, ok := cat.Hash(s.Hash); ok {
			continue
		}
		n++
		if dryRun {
			err = checkType(c, s, s.Type, l.CheckSchema(ctx, s))
		} else {
			err = addType(ctx, c, l, s, s.Type)
		}
		if err != nil {
			return err
		}
	}
	if n == 0 {
		c.Printf("The ledger holds all types that come with this program.\n")
	}
	return nil
}

// An addedType is the JSON form of a schema that was registered, or could be.
type addedType struct {
	Type     string `json:"type"`
	SHA256   string `json:"sha256"`
	Index    *int64 `json:"index,omitempty"`
	Repeated *bool  `json:"repeated,omitempty"`
}

func addType(ctx context.Context, c *console.Console, l access.Ledger, s *record.Schema, name string) error {
	r, err := l.Register(ctx, s)
	if err != nil {
		return refuseType(c, name, s.Type, err)
	}
	again := ""
	if r.Repeated {
		again = " (registered before, nothing was appended)"
	}
	c.Printf("%s: record %d, schema %x%s\n", s.Type, r.Index, s.Hash, again)
	return c.Emit(addedType{s.Type, hex.EncodeToString(s.Hash[:]), &r.Index, &r.Repeated})
}

func checkType(c *console.Console, s *record.Schema, name string, err error) error {
	if err != nil {
		return refuseType(c, name, s.Type, err)
	}
	c.Printf("%s can be registered, schema %x\n", s.Type, s.Hash)
	return c.Emit(addedType{Type: s.Type, SHA256: hex.EncodeToString(s.Hash[:])})
}

// refuseType says what is wrong with a schema, each thing with its place.
func refuseType(c *console.Console, name, typ string, err error) error {
	var violations record.Violations
	if !errors.As(err, &violations) {
		return err
	}
	refused := struct {
		Type   string             `json:"type,omitempty"`
		Errors []refusalViolation `json:"errors"`
	}{Type: typ}
	for _, v := range violations {
		c.Printf("%s: %s %s\n", name, c.Paint(console.Bad, v.Pointer), console.Clean(v.Message))
		refused.Errors = append(refused.Errors, refusalViolation{v.Pointer, v.Code, v.Message})
	}
	if c.JSON {
		return errors.Join(c.Emit(map[string]any{"refused": refused}), exit(exitFailed))
	}
	return fmt.Errorf("%s was not registered; put right what is said above", name)
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
