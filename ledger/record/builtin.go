// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
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
	c := &Catalogue{types: make(map[string]*Schema), byID: make(map[[32]byte]*Schema)}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("couldn't read the embedded %s: %w", name, err)
		}
		if text, err = compose(text, defs); err != nil {
			return nil, fmt.Errorf("couldn't compose the embedded %s: %w", name, err)
		}
		s, err := ParseSchema(text)
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
		defs = append(defs, definition{fmt.Sprint(name), text})
	}
	return defs, nil
}

// compose puts the definitions that text uses before its examples.
func compose(text []byte, defs []definition) ([]byte, error) {
	const examples = "\n  \"examples\": ["
	if bytes.Count(text, []byte(examples)) != 1 || bytes.Contains(text, []byte(`"$defs": `)) {
		return nil, errors.New(`it must have a line that begins with "examples", indented by two spaces, and no "$defs" of its own`)
	}
	used := make([]bool, len(defs))
	var use func(text []byte)
	use = func(text []byte) {
		for i, d := range defs {
			if !used[i] && bytes.Contains(text, []byte(`"#/$defs/`+d.name+`"`)) {
				used[i] = true
				use(d.text)
			}
		}
	}
	use(text)
	var lines []string
	for i, d := range defs {
		if used[i] {
			lines = append(lines, fmt.Sprintf("    %q: %s", d.name, d.text))
		}
	}
	if lines == nil {
		return text, nil
	}
	before, after, _ := bytes.Cut(text, []byte(examples))
	return fmt.Appendf(nil, "%s\n  \"$defs\": {\n%s\n  },%s%s", before, strings.Join(lines, ",\n"), examples, after), nil
}
