// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"

	"github.com/lendlog/lendlog/ledger/access"
)

// A route is one way in. Its name is its operationId in openapi.yaml and its
// label in metrics and logs.
type route struct {
	method, path, name string
	// needs is the permission that a call has to have. What also needs another,
	// for a part of what it can answer, looks at that itself.
	needs   access.Permission
	query   []string // the parameters it knows; others are refused
	handler func(*call) error
}

// anyQuery is for what is refused anyway.
var anyQuery = []string{"*"}

// routes is the API. That each row names a permission the compiler sees to.
func (s *Server) routes() []route {
	const get, post = http.MethodGet, http.MethodPost
	read := s.gates.reads.through
	return []route{
		{post, "/v1/records", "submitRecords", access.RecordsSubmit, []string{"receipt"}, s.submit},
		{get, "/v1/records", "findRecords", access.RecordsSearch, []string{"filter", "order", "as-of", "view", "limit", "cursor"}, s.findRecords},
		{post, "/v1/searches", "postSearch", access.RecordsSearch, nil, read(s.postSearch)},
		{get, "/v1/searches/:id", "getSearch", access.RecordsSearch, []string{"limit", "cursor"}, s.getSearch},
		{get, "/v1/records/:index", "getRecord", access.RecordsRead, nil, read(s.getRecord)},
		{get, "/v1/records/:index/proof", "getProof", access.Public, []string{"size"}, read(s.getProof)},
		{get, "/v1/records/:index/evidence", "getEvidence", access.LogRead, []string{"disclose"}, read(s.getEvidence)},
		{get, "/v1/records/:index/findings", "getFindings", access.RecordsRead, nil, read(s.getFindings)},
		{get, "/v1/leaves/:hash", "getLeaf", access.LogRead, nil, read(s.getLeaf)},
		{get, "/v1/subjects/:kind/:id", "getSubject", access.RecordsRead, []string{"from", "limit"}, read(s.getSubject)},
		{get, "/v1/subjects/:kind/:id/evidence", "getSubjectEvidence", access.RecordsRead, []string{"disclose"}, s.gates.bulk.through(s.getSubjectEvidence)},
		{post, "/v1/bundles", "postBundle", access.RecordsExport, nil, s.gates.bundles.through(s.postBundle)},
		{post, "/v1/periods", "closePeriod", access.PeriodsClose, nil, s.gates.scans.through(s.closePeriod)},
		{get, "/v1/due", "getDue", access.RecordsRead, []string{"as-of", "zone", "state", "within", "subject", "id", "limit", "skip"}, s.getDue},
		{get, "/v1/status", "getStatus", access.AnchorsRead, nil, read(s.getStatus)},
		{get, "/v1/feeds", "getFeeds", access.RecordsSearch, nil, read(s.getFeeds)},
		{get, "/v1/findings", "listFindings", access.RecordsRead, []string{"rule", "limit", "skip"}, s.listFindings},
		{get, "/v1/stats", "getStats", access.StatsRead, []string{"from", "to", "product"}, s.getStats},
		{get, "/v1/events", "getEvents", access.LogRead, []string{"from", "view"}, s.getEvents},
		{get, "/v1/checkpoint", "getCheckpoint", access.Public, nil, read(s.getCheckpoint)},
		{get, "/v1/checkpoints", "listCheckpoints", access.Public, []string{"from", "before", "limit"}, read(s.listCheckpoints)},
		{get, "/v1/checkpoints/newest", "newestCheckpoint", access.Public, nil, read(s.newestCheckpoint)},
		{get, "/v1/anchors", "listAnchors", access.AnchorsRead, nil, read(s.listAnchors)},
		{get, "/v1/anchors/archive", "listArchivedAnchors", access.Public, []string{"from", "before", "limit"}, read(s.listArchivedAnchors)},
		{post, "/v1/anchors/now", "anchorNow", access.AnchorsManage, nil, read(s.anchorNow)},
		{post, "/v1/anchors/resume", "resumeAnchors", access.AnchorsManage, nil, read(s.resumeAnchors)},
		{get, "/v1/consistency", "getConsistency", access.Public, []string{"from", "to"}, read(s.getConsistency)},
		{get, "/v1/trust", "getTrust", access.Public, []string{"submitters"}, read(s.getTrust)},
		{post, "/v1/verify", "verify", access.Public, nil, s.gates.documents.through(s.verify)},
		{get, "/v1/types", "listTypes", access.TypesRead, nil, read(s.listTypes)},
		{post, "/v1/types", "addType", access.TypesWrite, []string{"dry-run"}, s.gates.bulk.through(s.addType)},
		{get, "/v1/types/:type", "getType", access.TypesRead, nil, read(s.getType)},
		{get, "/v1/access/grants", "listGrants", access.AccessManage, nil, read(s.listGrants)},
		{post, "/v1/access/grants", "postGrant", access.AccessManage, nil, read(s.postGrant)},
		{post, "/v1/access/grants/:id/revoke", "revokeGrant", access.AccessManage, nil, read(s.revokeGrant)},
		{get, "/v1/access/submitter-keys", "listSubmitterKeys", access.AccessManage, nil, read(s.listSubmitterKeys)},
		{post, "/v1/access/submitter-keys", "postSubmitterKey", access.AccessManage, nil, read(s.postSubmitterKey)},
		{get, "/v1/access/looks", "getLooks", access.RecordsRead, looking, s.gates.bulk.through(s.getLooks)},
		{post, "/v1/access/looks", "postLooks", access.RecordsRead, nil, s.gates.bulk.through(s.postLooks)},
		{post, "/v1/access/exports", "postExport", access.RecordsExport, nil, read(s.postExport)},
		{get, "/v1/schemas/:hash", "getSchema", access.TypesRead, nil, read(s.getSchema)},

		{get, "/log/checkpoint", "logCheckpoint", access.Public, nil, read(s.logCheckpoint)},
		{get, "/log/tile/entries/*path", "logEntries", s.tiles(), nil, read(s.logEntries)},
		{get, "/log/tile/:level/*path", "logTile", s.tiles(), nil, read(s.logTile)},

		{get, "/livez", "livez", access.Public, nil, s.livez},
		{get, "/readyz", "readyz", access.Public, nil, s.readyz},
		{get, "/metrics", "metrics", access.MetricsRead, nil, s.serveMetrics},
		{get, "/openapi.yaml", "openapi", access.Public, nil, s.openapi},
	}
}
