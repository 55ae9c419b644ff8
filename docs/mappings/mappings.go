// SPDX-License-Identifier: Apache-2.0

// Package mappings holds the mappings that come with lendlog. The command,
// the demo and the tests read the very files that the documentation shows.
package mappings

import (
	"embed"
	"io/fs"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// extension is what follows the name of a mapping in the name of its file.
const extension = ".yaml"

// Names returns the names of the mappings, sorted.
func Names() []string {
	var names []string
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		panic("internal error: the embedded mappings cannot be listed: " + err.Error())
	}
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), extension))
	}
	return names
}

// Read returns the text of a mapping by its name. The error is
// fs.ErrNotExist when there is none.
func Read(name string) ([]byte, error) { return files.ReadFile(name + extension) }
