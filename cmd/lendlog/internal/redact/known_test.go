// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// methods are those of a logger, and of slog, by how many arguments stand before the
// attributes; makers make an attribute of their first argument.
var (
	methods = map[string]int{
		"Debug": 1, "Info": 1, "Warn": 1, "Error": 1, "DebugContext": 2, "InfoContext": 2, "WarnContext": 2, "ErrorContext": 2, "Log": 3,
	}
	makers = map[string]bool{"String": true, "Any": true, "Int": true, "Int64": true, "Uint64": true, "Float64": true, "Bool": true, "Time": true, "Duration": true}
)

// Every attribute that some part of the program logs is known: whoever adds one has
// to say here that it may be logged.
func TestEveryAttributeIsKnown(t *testing.T) {
	root := "../../../.."
	used := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." && len(d.Name()) > 2 || d.Name() == "node_modules" || d.Name() == "interop"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for name := range attributes(file) {
			used[name] = true
			if !known[name] {
				t.Errorf("%s logs %q, which is not known here: add it, if it never holds what was submitted or chosen by a client", path, name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(used) < 20 {
		t.Errorf("only %d attributes were found", len(used))
	}
	for name := range known {
		if !used[name] {
			t.Errorf("nobody logs %q", name)
		}
	}
}

// attributes are the names of those that a file logs.
func attributes(file *ast.File) map[string]bool {
	names := map[string]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == "slog" {
			if makers[sel.Sel.Name] && len(call.Args) == 2 {
				add(names, call.Args[0])
			}
			return true
		}
		before, ok := methods[sel.Sel.Name]
		if ok && isLogger(sel.X) && len(call.Args) > before {
			for i := before; i < len(call.Args); i++ {
				if add(names, call.Args[i]) {
					i++ // its value
				}
			}
		}
		return true
	})
	return names
}

// isLogger reports whether an expression ends in what loggers are called here.
func isLogger(x ast.Expr) bool {
	name := ""
	switch x := x.(type) {
	case *ast.Ident:
		name = x.Name
	case *ast.SelectorExpr:
		name = x.Sel.Name
	}
	return strings.EqualFold(name, "log") || strings.EqualFold(name, "logger")
}

// add adds the name that a literal is.
func add(names map[string]bool, x ast.Expr) bool {
	lit, ok := x.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return false
	}
	name, err := strconv.Unquote(lit.Value)
	if err == nil {
		names[name] = true
	}
	return err == nil
}
