// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"strings"

	"github.com/lendlog/lendlog/ledger/access"
)

// A page is one way into the console. Its template, if it has one, is
// templates/<name>.html, and its words begin with its name.
type page struct {
	method string // "" is GET
	path   string // below /console/, as of http.ServeMux
	name   string
	// needs is the permission without which the page is neither served nor shown
	// in the navigation. What is public needs no sign-in.
	needs access.Permission
	nav   bool // stands in the navigation, as <name>.nav, in the order of the table
	opens bool // shows what is sealed, so it asks for what purpose before
	whole bool // is made of all that is sealed, so a key for some members is refused
	// handler answers, most often with visit.render, or returns why it does not.
	handler func(*visit) error
}

// pages is the console.
func pages() []page {
	const post = http.MethodPost
	return []page{
		{path: "{$}", name: "home", needs: access.Public, handler: home},
		{path: "signin", name: "signin", needs: access.Public, handler: signIn},
		{method: post, path: "signin", name: "signin", needs: access.Public, handler: enter},
		{method: post, path: "signout", name: "signout", needs: access.Public, handler: signOut},
		{path: "search", name: "search", needs: access.RecordsSearch, nav: true, handler: showSearch},
		{method: post, path: "search", name: "search", needs: access.RecordsSearch, handler: postSearch},
		{path: "search/export", name: "export", needs: access.RecordsExport, opens: true, handler: exportSearch},
		{path: "records/{index}", name: "record", needs: access.LogRead, handler: showRecord},
		{method: post, path: "records/{index}/open", name: "record", needs: access.RecordsRead, handler: openSealed},
		{path: "records/{index}/evidence", name: "record-evidence", needs: access.LogRead, handler: recordEvidence},
		{path: "subjects/{kind}/{id}", name: "timeline", needs: access.RecordsRead, opens: true, handler: showSubject},
		{path: "subjects/{kind}/{id}/evidence", name: "subject-evidence", needs: access.RecordsRead, opens: true, handler: subjectEvidence},
		{path: "reports", name: "reports", needs: access.StatsRead, nav: true, whole: true, handler: showReports},
		{path: "reports/{figure}", name: "figure", needs: access.StatsRead, whole: true, handler: figureCSV},
		{path: "due", name: "due", needs: access.RecordsRead, nav: true, opens: true, whole: true, handler: showDue},
		{path: "findings", name: "findings", needs: access.RecordsRead, nav: true, opens: true, whole: true, handler: showFindings},
		{path: "looks", name: "looks", needs: access.RecordsRead, nav: true, opens: true, whole: true, handler: showLooks},
		{method: post, path: "looks", name: "looks", needs: access.RecordsRead, opens: true, whole: true, handler: looksAt},
		{path: "examination", name: "examination", needs: access.RecordsExport, nav: true, opens: true, handler: showExamination},
		{method: post, path: "examination/notes", name: "examination", needs: access.RecordsSubmit, opens: true, handler: takeNote},
		{method: post, path: "examination/marks", name: "examination", needs: access.RecordsSubmit, opens: true, handler: takeMark},
		{method: post, path: "examination/bundle", name: "examination", needs: access.RecordsExport, opens: true, handler: sampleBundle},
		{path: "admin", name: "admin", needs: access.AccessManage, nav: true, handler: showAdmin},
		{method: post, path: "admin/grants", name: "admin", needs: access.AccessManage, handler: grantKey},
		{method: post, path: "admin/revoke", name: "admin", needs: access.AccessManage, handler: revokeKey},
		{method: post, path: "admin/anchors", name: "admin", needs: access.AnchorsManage, handler: anchorTargets},
		{method: post, path: "purpose", name: "purpose", needs: access.LogRead, handler: setPurpose},
		{path: "verify", name: "verify", needs: access.Public, nav: true, handler: verifyPage},
		{method: post, path: "verify", name: "verify", needs: access.Public, handler: verifyPosted},
		{path: "verify.html", name: "saved", needs: access.Public, handler: savedVerifier},
		{path: "health", name: "health", needs: access.AnchorsRead, nav: true, handler: health},
		{path: "checkpoints", name: "checkpoints", needs: access.Public, nav: true, handler: checkpoints},
	}
}

func (p *page) pattern() string {
	method := p.method
	if method == "" {
		method = http.MethodGet
	}
	return method + " " + root + strings.TrimPrefix(p.path, "/")
}
