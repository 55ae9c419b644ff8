// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/url"
	"strings"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/tree"
)

// A key that is granted with fields opens some sealed members only. That holds
// wherever the ledger opens anything, because its scope goes with the context of
// the call (ledger.Within). Here is what is to be said of it besides.

// headerFields says in every answer to a key with fields which they are, so that
// whoever needs all is told before they have opened a part of it.
const headerFields = "Lendlog-Fields"

// narrow gives the call the scope of its key.
func (c *call) narrow() {
	if c.key == nil || !c.key.Scoped() {
		return
	}
	c.Request = c.Request.WithContext(ledger.Within(c.ctx(), c.key.Fields))
	var fields []string
	for _, f := range c.key.Fields {
		fields = append(fields, strings.ReplaceAll((&url.URL{Path: f}).EscapedPath(), ",", "%2C"))
	}
	c.Header(headerFields, strings.Join(fields, ","))
}

// opens returns an error unless a call may open all sealed members of some
// pointers, where nil is whatever there is: one that may not is told, instead of
// being given less than it asked for.
func (c *call) opens(pointers []string) error {
	if c.key == nil || !c.key.Scoped() {
		return nil
	}
	if pointers == nil {
		return faultf(kindForbidden, "this key opens %s only: name in disclose which of them, or none", strings.Join(c.key.Fields, ", "))
	}
	for i, p := range pointers {
		if !c.key.Opens(p) {
			return faultf(kindForbidden, "number %d of the pointers in disclose is not among those that this key opens: %s", i+1, strings.Join(c.key.Fields, ", "))
		}
	}
	return nil
}

// A disclosureDoc is one sealed member with its proof, in place of a seed.
type disclosureDoc struct {
	Disclosure string      `json:"disclosure"`
	Proof      []tree.Hash `json:"proof"`
}

func newDisclosureDocs(members []proof.SealedMember) (docs []disclosureDoc) {
	for _, m := range members {
		docs = append(docs, disclosureDoc{string(m.Disclosure), list(m.Proof)})
	}
	return docs
}
