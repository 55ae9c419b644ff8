// SPDX-License-Identifier: Apache-2.0

package api

import (
	_ "embed"
	"fmt"
	"net/http"
	"time"
)

const typeText = "text/plain; charset=utf-8"

// livez answers as long as the process can answer anything.
func (s *Server) livez(c *call) error {
	c.bytes(http.StatusOK, typeText, []byte("ok\n"))
	return nil
}

// readyz answers whether events are taken. Reading goes on when they are not.
func (s *Server) readyz(c *call) error {
	if why := s.refusing(); why != nil {
		return faultf(kindNotReady, "%s; reading and verifying go on", problemOf(why).Title)
	}
	// Events are taken all the same: an append never waits for a witness.
	text := "ok\n"
	if g := s.conf.Witnesses; g != nil {
		if status := g.Status(); status.Overdue {
			text += fmt.Sprintf("no quorum of the witnesses has cosigned within the promised %v; see lendlog_witness_failing and the log\n", status.Promise)
		}
	}
	if a := s.conf.Audits; a != nil {
		if status := a.Status(); status.Failed() {
			text += "the last audit of the ledger FAILED; see GET /v1/status and the log, and run lendlog audit\n"
		} else if status.Trouble != "" || status.Overdue(time.Now()) {
			text += "the ledger's own audit comes to no end; see GET /v1/status and the log\n"
		}
	}
	if g := s.conf.Anchors; g != nil {
		for _, p := range g.Status() {
			if p.Stale || p.Degraded != "" || len(p.Alarms) > 0 {
				name := p.Name
				if p.Testnet {
					name += " (testnet)"
				}
				text += fmt.Sprintf("anchoring in %s is degraded; see GET /v1/anchors and the log\n", name)
			}
		}
	}
	c.bytes(http.StatusOK, typeText, []byte(text+s.warnings()))
	return nil
}

// warnings are the lines that the configuration tells besides.
func (s *Server) warnings() (text string) {
	if s.conf.Warnings != nil {
		for _, w := range s.conf.Warnings() {
			text += w + "\n"
		}
	}
	return text
}

//go:embed openapi.yaml
var openapiYAML []byte

// openapi answers with the description of this API.
func (s *Server) openapi(c *call) error {
	c.Header("Cache-Control", "public, max-age=300")
	c.bytes(http.StatusOK, "application/yaml", openapiYAML)
	return nil
}
