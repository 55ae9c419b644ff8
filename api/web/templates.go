// SPDX-License-Identifier: Apache-2.0

package web

import (
	"embed"
	"fmt"
	"html/template"
	"path"
	"strings"
	"text/template/parse"
	"time"
)

// templateFiles are the layout, the templates of pages, and in parts what several
// of them show.
//
//go:embed templates
var templateFiles embed.FS

// templates are those of the pages by language and name. Each is executed as
// "layout", and defines "title" and "content".
type templates map[string]map[string]*template.Template

// parse reads all templates. It refuses one that asks for a text that there is
// not.
func (c *Console) parse() (templates, error) {
	files, err := templateFiles.ReadDir("templates")
	if err != nil {
		return nil, fmt.Errorf("couldn't list the templates: %w", err)
	}
	all := templates{}
	c.texts = map[string]words{}
	for _, lang := range languages {
		texts, err := readWords(lang)
		if err != nil {
			return nil, err
		}
		c.texts[lang] = texts
		layout, err := template.New("layout").Funcs(c.funcs(lang, texts)).ParseFS(templateFiles, "templates/layout.html", "templates/parts/*.html")
		if err != nil {
			return nil, fmt.Errorf("couldn't read the layout: %w", err)
		}
		all[lang] = map[string]*template.Template{}
		for _, f := range files {
			name, ok := strings.CutSuffix(f.Name(), ".html")
			if !ok || name == "layout" {
				continue
			}
			t := template.Must(layout.Clone())
			if _, err := t.ParseFS(templateFiles, path.Join("templates", f.Name())); err != nil {
				return nil, fmt.Errorf("couldn't read the template of %s: %w", name, err)
			}
			if err := texts.cover(t); err != nil {
				return nil, fmt.Errorf("the template of %s: %w", name, err)
			}
			all[lang][name] = t
		}
	}
	return all, nil
}

// funcs are what templates may call.
func (c *Console) funcs(lang string, texts words) template.FuncMap {
	return template.FuncMap{
		"t":         texts.say, // a text: t "search.found" "n" .Count
		"tell":      func(w wording) (string, error) { return texts.tell(lang, w) },
		"url":       func(parts ...any) string { return c.URL(fmt.Sprint(parts...)) },
		"subject":   func(subject string) string { return c.subjectURL(subject) },
		"asset":     func(name string) (string, error) { return c.asset(name) },
		"captioned": func(caption string, rows []foundRow) captioned { return captioned{caption, rows} },
		"on":        func(p *timelineView, r *timelineRow) onPage { return onPage{r, p.Shows(r)} },
		"number":    grouped,
		"day":       func(t time.Time) string { return day(lang, t) },
		"moment":    func(t time.Time) string { return moment(lang, t) },
		"iso":       func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	}
}

// cover returns an error unless there is every text that a template asks for by
// a name that stands in it.
func (w words) cover(t *template.Template) (err error) {
	for _, part := range t.Templates() {
		if part.Tree == nil {
			continue
		}
		walk(part.Tree.Root, func(n parse.Node) {
			call, ok := n.(*parse.CommandNode)
			if !ok || len(call.Args) < 2 || err != nil {
				return
			}
			if f, ok := call.Args[0].(*parse.IdentifierNode); !ok || f.Ident != "t" {
				return
			}
			if name, ok := call.Args[1].(*parse.StringNode); ok && w[name.Text] == "" {
				err = fmt.Errorf("there is no text %s", name.Text)
			}
		})
	}
	return err
}

// walk calls f with every node of a template.
func walk(n parse.Node, f func(parse.Node)) {
	f(n)
	branch := func(b *parse.BranchNode) {
		walk(b.Pipe, f)
		walk(b.List, f)
		if b.ElseList != nil {
			walk(b.ElseList, f)
		}
	}
	switch n := n.(type) {
	case *parse.ListNode:
		for _, child := range n.Nodes {
			walk(child, f)
		}
	case *parse.ActionNode:
		walk(n.Pipe, f)
	case *parse.PipeNode:
		for _, cmd := range n.Cmds {
			walk(cmd, f)
		}
	case *parse.CommandNode:
		for _, arg := range n.Args {
			walk(arg, f)
		}
	case *parse.TemplateNode:
		if n.Pipe != nil {
			walk(n.Pipe, f)
		}
	case *parse.IfNode:
		branch(&n.BranchNode)
	case *parse.RangeNode:
		branch(&n.BranchNode)
	case *parse.WithNode:
		branch(&n.BranchNode)
	}
}
