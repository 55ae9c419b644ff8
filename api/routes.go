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
	read := s.gates.reads.through
	return []route{
		{post, "/v1/records", "submitRecords", []string{"receipt"}, s.submit},
		{get, "/v1/records", "findRecords", []string{"filter", "order", "as-of", "limit", "cursor"}, s.findRecords},
		{post, "/v1/searches", "postSearch", nil, read(s.postSearch)},
		{get, "/v1/searches/:id", "getSearch", []string{"limit", "cursor"}, s.getSearch},
		{get, "/v1/records/:index", "getRecord", nil, read(s.getRecord)},
		{get, "/v1/records/:index/proof", "getProof", []string{"size"}, read(s.getProof)},
		{get, "/v1/records/:index/evidence", "getEvidence", []string{"disclose"}, read(s.getEvidence)},
		{get, "/v1/records/:index/findings", "getFindings", nil, read(s.getFindings)},
		{get, "/v1/subjects/:kind/:id", "getSubject", []string{"from", "limit"}, read(s.getSubject)},
		{get, "/v1/subjects/:kind/:id/evidence", "getSubjectEvidence", []string{"disclose"}, s.gates.bulk.through(s.getSubjectEvidence)},
		{post, "/v1/bundles", "postBundle", nil, s.gates.bundles.through(s.postBundle)},
		{post, "/v1/periods", "closePeriod", nil, s.gates.scans.through(s.closePeriod)},
		{get, "/v1/due", "getDue", []string{"as-of", "zone", "state", "within", "subject", "id", "limit"}, s.getDue},
		{get, "/v1/stats", "getStats", nil, s.getStats},
		{get, "/v1/events", "getEvents", []string{"from", "view"}, s.getEvents},
		{get, "/v1/checkpoint", "getCheckpoint", nil, read(s.getCheckpoint)},
		{get, "/v1/checkpoints", "listCheckpoints", []string{"from", "limit"}, read(s.listCheckpoints)},
		{get, "/v1/checkpoints/newest", "newestCheckpoint", nil, read(s.newestCheckpoint)},
		{get, "/v1/anchors", "listAnchors", nil, read(s.listAnchors)},
		{get, "/v1/anchors/archive", "listArchivedAnchors", []string{"from", "limit"}, read(s.listArchivedAnchors)},
		{post, "/v1/anchors/now", "anchorNow", nil, read(s.anchorNow)},
		{post, "/v1/anchors/resume", "resumeAnchors", nil, read(s.resumeAnchors)},
		{get, "/v1/consistency", "getConsistency", []string{"from", "to"}, read(s.getConsistency)},
		{get, "/v1/trust", "getTrust", nil, read(s.getTrust)},
		{post, "/v1/verify", "verify", nil, s.gates.bulk.through(s.verify)},
		{get, "/v1/types", "listTypes", nil, read(s.listTypes)},
		{post, "/v1/types", "addType", []string{"dry-run"}, s.gates.bulk.through(s.addType)},
		{get, "/v1/types/:type", "getType", nil, read(s.getType)},
		{get, "/v1/schemas/:hash", "getSchema", nil, read(s.getSchema)},

		{get, "/log/checkpoint", "logCheckpoint", nil, read(s.logCheckpoint)},
		{get, "/log/tile/entries/*path", "logEntries", nil, read(s.logEntries)},
		{get, "/log/tile/:level/*path", "logTile", nil, read(s.logTile)},

		{get, "/livez", "livez", nil, s.livez},
		{get, "/readyz", "readyz", nil, s.readyz},
		{get, "/metrics", "metrics", nil, s.serveMetrics},
		{get, "/openapi.yaml", "openapi", nil, s.openapi},
	}
}
