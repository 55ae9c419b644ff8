// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
)

//go:embed schemas/org.lendlog.*.json
var schemas embed.FS

//go:embed schemas/defs.json
var sharedDefinitions []byte

// Builtin returns the catalogue of the types that come with lendlog: what
// LENDING calls for, and the ledger's own. They are compiled once per process.
//
// A file in schemas holds one type and refers to definitions that stand once,
// in schemas/defs.json. Its text is composed of both, so that it can be read
// alone: before the line of its examples it gets a "$defs" of exactly the
// definitions that it uses, itself or through others, in the order and in the
// very bytes of defs.json, one a line. The text is composed and not encoded
// anew, because people read it where it is served, registered and carried by
// evidence. Its hash stands in entries: a definition that a published type uses
// must never change.
func Builtin() (*Catalogue, error) { return builtin() }

// comesWith reports whether a type comes with lendlog, be it in the ledger or
// not.
func comesWith(typ string) bool {
	c, err := Builtin()
	if err != nil {
		return false
	}
	_, ok := c.Type(typ)
	return ok
}

var builtin = sync.OnceValues(func() (*Catalogue, error) {
	return compileAll(schemas, sharedDefinitions)
})

func compileAll(files fs.FS, shared []byte) (*Catalogue, error) {
	defs, err := readDefinitions(shared)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the shared definitions: %w", err)
	}
	names, err := fs.Glob(files, "schemas/org.lendlog.*.json")
	if err != nil {
		return nil, fmt.Errorf("couldn't list the embedded schemas: %w", err)
	}
	patterns := make(map[string]*pattern)
	c := &Catalogue{types: make(map[string]*Schema), byID: make(map[[32]byte]*Schema)}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("couldn't read the embedded %s: %w", name, err)
		}
		if text, err = compose(text, defs); err != nil {
			return nil, fmt.Errorf("couldn't compose the embedded %s: %w", name, err)
		}
		s, err := parseSchema(text, patterns)
		if err != nil {
			return nil, fmt.Errorf("couldn't compile the embedded %s: %w", name, err)
		}
		if name != "schemas/"+s.Type+".json" {
			return nil, fmt.Errorf("the embedded %s is of type %s: name the file after its type", name, s.Type)
		}
		c.put(s)
	}
	c.sort()
	return c, nil
}

// A definition is one that schemas share.
type definition struct {
	name string
	text []byte // verbatim
}

// readDefinitions keeps order and bytes of the definitions.
func readDefinitions(shared []byte) ([]definition, error) {
	d := json.NewDecoder(bytes.NewReader(shared))
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	var defs []definition
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var text json.RawMessage
		if err := d.Decode(&text); err != nil {
			return nil, err
		}
		defs = append(defs, definition{name: fmt.Sprint(name), text: text})
	}
	return defs, nil
}

// compose puts the definitions that text uses before its examples.
func compose(text []byte, defs []definition) ([]byte, error) {
	const examples = "\n  \"examples\": ["
	before, after, ok := bytes.Cut(text, []byte(examples))
	if !ok || bytes.Contains(after, []byte(examples)) || bytes.Contains(before, []byte(`"$defs": `)) {
		return nil, errors.New(`it must have one line that begins with "examples", indented by two spaces, and no "$defs" of its own`)
	}
	used := make(map[string]bool)
	var use func(text []byte)
	use = func(text []byte) {
		for {
			_, rest, ok := bytes.Cut(text, []byte(`"#/$defs/`))
			if !ok {
				return
			}
			var name []byte
			name, text, _ = bytes.Cut(rest, []byte(`"`))
			i := slices.IndexFunc(defs, func(d definition) bool { return d.name == string(name) })
			if i >= 0 && !used[defs[i].name] {
				used[defs[i].name] = true
				use(defs[i].text)
			}
		}
	}
	use(before)
	var lines []string
	for _, d := range defs {
		if used[d.name] {
			lines = append(lines, fmt.Sprintf("    %q: %s", d.name, d.text))
		}
	}
	if lines == nil {
		return text, nil
	}
	return fmt.Appendf(nil, "%s\n  \"$defs\": {\n%s\n  },%s%s", before, strings.Join(lines, ",\n"), examples, after), nil
}
