// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"

	"github.com/lendlog/lendlog/ledger/access"
)

// Mount has a console answer whatever is asked below /console/, and sends who asks
// for / there. It is no part of the API: it decides itself whom it answers, and
// sets its own headers. Mount comes before the first request.
func (s *Server) Mount(console http.Handler) {
	s.engine.Any("/console/*path", s.handle(route{name: "console", needs: access.Public, query: anyQuery, handler: func(c *call) error {
		console.ServeHTTP(c.Writer, c.Request)
		return nil
	}}))
	start := s.handle(route{name: "console", needs: access.Public, handler: func(c *call) error {
		// Relative: the server may lie below a path.
		c.Header("Location", "console/")
		c.Status(http.StatusSeeOther)
		return nil
	}})
	s.engine.GET("/", start)
	s.engine.HEAD("/", start)
}
