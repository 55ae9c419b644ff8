// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/lendlog/lendlog/ledger/spelling"
)

// maxFile bounds a file.
const maxFile = 1 << 20

// A section is a mapping of a file: the settings of the server, or of a ledger.
// The zero section is that of no file.
type section struct {
	path string // of the file, as it was named
	keys map[string]item
}

// An item is a key of a section.
type item struct{ at, value *yaml.Node }

func (s section) place(n *yaml.Node) string { return fmt.Sprintf("%s:%d", s.path, n.Line) }

func (s section) fail(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%s: %w", s.place(n), fmt.Errorf(format, args...))
}

// parse reads a file.
func parse(path string, b []byte) (section, error) {
	var root yaml.Node
	if err := Document(b, maxFile, &root); err != nil {
		return section{}, fmt.Errorf("%s: %w", path, err)
	}
	if root.Kind == 0 {
		return section{path: path}, nil
	}
	return readSection(path, root.Content[0])
}

// readSection reads the keys of a mapping. What yaml decodes into a node it does
// not look at for keys that stand twice.
func readSection(path string, n *yaml.Node) (section, error) {
	s := section{path: path, keys: map[string]item{}}
	if n.Kind != yaml.MappingNode {
		return s, s.fail(n, "here are settings, such as listen: 127.0.0.1:8080")
	}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			return s, s.fail(key, "a key is the name of a setting")
		}
		if first, twice := s.keys[key.Value]; twice {
			return s, s.fail(key, "%s stands here a second time; the first is in line %d", key.Value, first.at.Line)
		}
		s.keys[key.Value] = item{key, value}
	}
	return s, nil
}

// check returns an error where a key is no setting, or its value is not of the kind
// that it takes; others are keys that may stand beside the settings.
func (s section) check(flags *pflag.FlagSet, others ...string) error {
	names := others
	flags.VisitAll(func(f *pflag.Flag) {
		if !notSettings[f.Name] {
			names = append(names, f.Name)
		}
	})
	inOrder := slices.SortedFunc(maps.Values(s.keys), func(a, b item) int { return a.at.Line - b.at.Line })
	var errs []error
	for _, item := range inOrder {
		name := item.at.Value
		if !slices.Contains(names, name) {
			errs = append(errs, s.fail(item.at, "there is no setting %s here; did you mean %s?", name, spelling.Near(name, names, 1)[0]))
		} else if f := flags.Lookup(name); f != nil {
			if err := fits(f, item.value); err != nil {
				errs = append(errs, s.fail(item.value, "%s: %w", name, err))
			}
		}
	}
	return errors.Join(errs...)
}

// A kind is what YAML calls a value, and how a person is told.
type kind struct{ tag, want string }

var kinds = map[string]kind{
	"bool":     {"!!bool", "it is true or false"},
	"int":      {"!!int", "it is a whole number"},
	"int64":    {"!!int", "it is a whole number"},
	"uint":     {"!!int", "it is a whole number"},
	"uint64":   {"!!int", "it is a whole number"},
	"duration": {"!!str", "it is a time with its unit, such as 30s"},
}

// text is the kind of all others.
var text = kind{"!!str", "it is text; what looks like a number or a truth value is put into quotes"}

func kindOf(f *pflag.Flag) kind {
	if k, ok := kinds[f.Value.Type()]; ok {
		return k
	}
	return text
}

// fits returns an error unless a value is of the kind that a setting takes.
func fits(f *pflag.Flag, n *yaml.Node) error {
	if _, many := f.Value.(pflag.SliceValue); many {
		if n.Kind != yaml.SequenceNode {
			return errors.New("it is a list, such as [one, two]")
		}
		for _, item := range n.Content {
			if item.Kind != yaml.ScalarNode || item.ShortTag() != text.tag {
				return errors.New("it is a list of texts")
			}
		}
		return nil
	}
	if k := kindOf(f); n.Kind != yaml.ScalarNode || n.ShortTag() != k.tag {
		return errors.New(k.want)
	}
	return nil
}

// setNode makes a setting of a value that fits.
func (s section) setNode(f *pflag.Flag, n *yaml.Node) error {
	full := func(value string) string {
		if isPath(f) && value != "" && !filepath.IsAbs(value) {
			return filepath.Join(filepath.Dir(s.path), value)
		}
		return value
	}
	f.Changed = true
	if many, ok := f.Value.(pflag.SliceValue); ok {
		values := make([]string, len(n.Content))
		for i, item := range n.Content {
			values[i] = full(item.Value)
		}
		return many.Replace(values)
	}
	return f.Value.Set(full(n.Value))
}
