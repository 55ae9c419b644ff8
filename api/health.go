// SPDX-License-Identifier: Apache-2.0

package api

import (
	_ "embed"
	"net/http"
)

const typeText = "text/plain; charset=utf-8"

// livez answers as long as the process can answer anything.
func (s *Server) livez(c *call) error {
	c.bytes(http.StatusOK, typeText, []byte("ok\n"))
	return nil
}

// readyz answers whether events are taken. Reading goes on when they are not.
func (s *Server) readyz(c *call) error {
	why := error(errStopping)
	if !s.isStopping() {
		why = s.ledger.Writable()
	}
	if why != nil {
		return faultf(kindNotReady, "%s; reading and verifying go on", problemOf(why).Title)
	}
	c.bytes(http.StatusOK, typeText, []byte("ok\n"))
	return nil
}

//go:embed openapi.yaml
var openapiYAML []byte

// openapi answers with the description of this API.
func (s *Server) openapi(c *call) error {
	c.Header("Cache-Control", "public, max-age=300")
	c.bytes(http.StatusOK, "application/yaml", openapiYAML)
	return nil
}
