// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template/parse"
	"unicode"
)

// void are the elements of HTML that have no end.
var void = []string{"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}

// An element is one of a page.
type element struct {
	name  string
	attrs map[string]string
	text  string // within it, from its begin to its end
	drawn bool   // it is within an svg
}

// elements reads a page whose elements end in the order in which they begin.
func elements(page string) (all []*element, err error) {
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.Entity = false, xml.HTMLEntity
	var open []*element
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			if len(open) > 0 {
				return nil, fmt.Errorf("%s does not end", open[len(open)-1].name)
			}
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := &element{name: token.Name.Local, attrs: map[string]string{}}
			e.drawn = slices.ContainsFunc(open, func(o *element) bool { return o.name == "svg" })
			for _, a := range token.Attr {
				if _, twice := e.attrs[a.Name.Local]; twice {
					return nil, fmt.Errorf("%s has %s twice", e.name, a.Name.Local)
				}
				e.attrs[a.Name.Local] = a.Value
			}
			e.drawn = slices.ContainsFunc(open, func(o *element) bool { return o.name == "svg" })
			all = append(all, e)
			if !slices.Contains(void, e.name) {
				open = append(open, e)
			}
		case xml.EndElement:
			if slices.Contains(void, token.Name.Local) {
				continue // the decoder ends what ends with "/>"
			}
			if len(open) == 0 || open[len(open)-1].name != token.Name.Local {
				return nil, fmt.Errorf("%s ends what did not begin", token.Name.Local)
			}
			open = open[:len(open)-1]
		case xml.CharData:
			for _, e := range open {
				e.text += string(token)
			}
		}
	}
}

// wantWellFormed fails the test unless a page is well-formed, loads and does
// nothing that stands in itself, and can be used with a keyboard and a screen
// reader as far as that shows in its markup.
func wantWellFormed(t testing.TB, p shownPage, lang string) {
	t.Helper()
	all, err := elements(p.body)
	if err != nil {
		t.Errorf("%s: %v:\n%s", p.path, err, p.body)
		return
	}
	count, ids, labelled := map[string]int{}, map[string]bool{}, map[string]bool{}
	for _, e := range all {
		if !e.drawn { // a drawing has titles of its own
			count[e.name]++
		}
		if id, ok := e.attrs["id"]; ok {
			if ids[id] {
				t.Errorf("%s: two elements have the id %s", p.path, id)
			}
			ids[id] = true
		}
		if e.name == "label" {
			labelled[e.attrs["for"]] = true
		}
	}
	for _, name := range []string{"title", "h1", "main"} {
		if count[name] != 1 {
			t.Errorf("%s has %d elements %s", p.path, count[name], name)
		}
	}
	for _, e := range all {
		fail := func(what string) { t.Errorf("%s: a %s %s: %v", p.path, e.name, what, e.attrs) }
		for name := range e.attrs {
			if name == "style" || strings.HasPrefix(name, "on") {
				fail("has style or code of its own")
			}
		}
		named := strings.TrimSpace(e.text) != "" || e.attrs["aria-label"] != ""
		switch e.name {
		case "html":
			if e.attrs["lang"] != htmlLang[lang] {
				fail("is in another language")
			}
		case "style", "iframe", "object", "embed", "base":
			fail("is there")
		case "script":
			if e.attrs["src"] == "" || strings.TrimSpace(e.text) != "" {
				fail("stands in the page")
			}
		case "a", "button", "summary", "title", "h1", "h2", "h3", "caption", "legend":
			if !named {
				fail("says nothing")
			}
		case "input", "select", "textarea":
			if e.attrs["type"] != "hidden" && !labelled[e.attrs["id"]] && e.attrs["aria-label"] == "" {
				fail("has no label")
			}
		case "img":
			if _, ok := e.attrs["alt"]; !ok {
				fail("has no alt")
			}
		case "th":
			if e.attrs["scope"] == "" {
				fail("has no scope")
			}
		}
		for _, refers := range []string{"aria-describedby", "aria-labelledby", "for"} {
			if id, ok := e.attrs[refers]; ok && !ids[id] {
				fail("refers to what is not there")
			}
		}
	}
}

// Whatever people read stands in words, so that it is there in both languages.
func TestTemplatesHaveNoText(t *testing.T) {
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		t.Fatal(err)
	}
	parts, err := fs.Glob(templateFiles, "templates/parts/*.html")
	if err != nil {
		t.Fatal(err)
	}
	read := regexp.MustCompile(`\s(title|alt|placeholder|aria-label|data-label|value|content)="([^"]*)"`)
	for _, name := range append(names, parts...) {
		b, err := templateFiles.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		tree := parse.New(name)
		tree.Mode = parse.SkipFuncCheck
		trees := map[string]*parse.Tree{}
		if _, err := tree.Parse(string(b), "", "", trees); err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		for _, tr := range trees {
			walk(tr.Root, func(n parse.Node) {
				switch n := n.(type) {
				case *parse.TextNode:
					text.Write(n.Text)
				case *parse.ActionNode:
					text.WriteString("\x00") // what is put in
				}
			})
			text.WriteString("\n")
		}
		bare := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(text.String(), " ")
		if at := strings.IndexFunc(bare, unicode.IsLetter); at >= 0 {
			t.Errorf("%s has the text %q", name, strings.Fields(bare[at:])[0])
		}
		for _, m := range read.FindAllStringSubmatch(text.String(), -1) {
			if m[1] == "content" || m[1] == "value" {
				continue // of meta elements, and of what a form sends
			}
			if strings.IndexFunc(m[2], unicode.IsLetter) >= 0 {
				t.Errorf("%s has the text %q in %s", name, m[2], m[1])
			}
		}
	}
}
