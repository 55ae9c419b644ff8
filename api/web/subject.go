// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/url"
	"strings"
)

// A subject is one that a page names.
type subject struct {
	Name string // <kind>/<id>; "" when it can't be read any more
	Path string // of its timeline, below /console/
}

func newSubject(name string) subject {
	kind, id, _ := strings.Cut(name, "/")
	return subject{name, "subjects/" + url.PathEscape(kind) + "/" + url.PathEscape(id)}
}
