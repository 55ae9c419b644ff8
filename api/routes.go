// SPDX-License-Identifier: Apache-2.0

package api

import "net/http"

// A route is one way in. Its name is its operationId in openapi.yaml and its
// label in metrics and logs.
type route struct {
	method, path, name string
	query              []string // the parameters it knows; others are refused
	handler            func(*call) error
}

// anyQuery is for what is refused anyway.
var anyQuery = []string{"*"}

// routes is the API.
func (s *Server) routes() []route {
	const get, post = http.MethodGet, http.MethodPost
	return []route{
		{post, "/v1/records", "submitRecords", []string{"receipt"}, s.submit},
		{get, "/v1/records/:index", "getRecord", nil, s.getRecord},
		{get, "/v1/records/:index/proof", "getProof", []string{"size"}, s.getProof},
		{get, "/v1/records/:index/evidence", "getEvidence", []string{"disclose"}, s.getEvidence},
		{get, "/v1/subjects/:kind/:id", "getSubject", []string{"from", "limit"}, s.getSubject},
		{get, "/v1/checkpoint", "getCheckpoint", nil, s.getCheckpoint},
		{get, "/v1/consistency", "getConsistency", []string{"from", "to"}, s.getConsistency},
		{get, "/v1/trust", "getTrust", nil, s.getTrust},
		{post, "/v1/verify", "verify", nil, s.verify},
		{get, "/v1/types", "listTypes", nil, s.listTypes},
		{get, "/v1/types/:type", "getType", nil, s.getType},
		{get, "/v1/schemas/:hash", "getSchema", nil, s.getSchema},

		{get, "/log/checkpoint", "logCheckpoint", nil, s.getCheckpoint},
		{get, "/log/tile/entries/*path", "logEntries", nil, s.logEntries},
		{get, "/log/tile/:level/*path", "logTile", nil, s.logTile},

		{get, "/livez", "livez", nil, s.livez},
		{get, "/readyz", "readyz", nil, s.readyz},
		{get, "/metrics", "metrics", nil, s.serveMetrics},
		{get, "/openapi.yaml", "openapi", nil, s.openapi},
	}
}
