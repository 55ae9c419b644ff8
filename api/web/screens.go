// SPDX-License-Identifier: Apache-2.0

package web

import (
	"io/fs"
	"strings"

	"github.com/lendlog/lendlog/ledger/access"
)

// A Screen is a page that one can look at.
type Screen struct {
	Name  string
	Path  string            // with what it leaves open in braces, as of http.ServeMux
	Needs access.Permission // to see it
}

// Screens returns all of them. A page without a template answers with a file, and
// is none.
func Screens() (all []Screen) {
	for _, p := range pages() {
		_, err := fs.Stat(templateFiles, "templates/"+p.name+".html")
		if p.method == "" && err == nil {
			all = append(all, Screen{p.name, root + strings.TrimSuffix(p.path, "{$}"), p.needs})
		}
	}
	return all
}
