// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/url"
	"strings"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/record"
)

// A searchForm is what a search is put together from without knowing the language
// of filters.
type searchForm struct {
	Filter   string // what is searched for already
	Types    []typeGroup
	Captures []string
	Outcomes []word
}

// A typeGroup is the types of one stage of lending.
type typeGroup struct {
	Title string
	Types []word
}

// A word is what a filter says, and what people call it.
type word struct{ Value, Label string }

// newSearchForm has the types that come with lendlog. A type of the lender's own is
// searched for by its name.
func newSearchForm(v *visit, filter string) searchForm {
	f := searchForm{Filter: filter, Captures: []string{record.Live, record.Late, record.Import}}
	stages, err := record.Stages()
	if err != nil {
		v.defect(err)
		return f
	}
	for _, stage := range stages {
		g := typeGroup{Title: stage.Title[v.lang]}
		for _, s := range stage.Types {
			if s.Restricted { // it is not found by its type
				continue
			}
			labels := v.labels(s)
			g.Types = append(g.Types, word{shortType(s.Type), labels.Title})
			if s.Type == "org.lendlog.decision.made.v1" {
				for _, w := range s.Words("outcome") {
					f.Outcomes = append(f.Outcomes, word{w, labels.word("outcome", w)})
				}
			}
		}
		if len(g.Types) > 0 {
			f.Types = append(f.Types, g)
		}
	}
	return f
}

// formTerms are the fields of the form, each with the beginning of its term.
var formTerms = []struct{ field, term string }{
	{"type", "type="}, {"from", "time>="}, {"to", "time<="}, {"outcome", "outcome="},
	{"reason", "reasonCodes="}, {"product", "product="}, {"capture", "capture="},
}

// formFilter is the filter that the fields of the form make.
func formFilter(form url.Values) string {
	var terms []string
	for _, f := range formTerms {
		if value := strings.TrimSpace(form.Get(f.field)); value != "" {
			terms = append(terms, f.term+quoted(value))
		}
	}
	return strings.Join(terms, " ")
}

// An example is something that can be typed into the box, and is there. Its words
// are search.example.<Name>.
type example struct{ Name, Value string }

// examples are of the newest records, which are shown below them, and what belongs to
// every ledger. Nobody asked to see those records, so nothing in them is opened.
func (v *visit) examples(c *client.Client, p *searchPage) error {
	newest, err := c.OpenSearchPage(v.ctx(), client.Search{Filter: "type!=access.occurred", Entries: true}, "", recentRows)
	if err != nil {
		return err
	}
	if p.Recent, err = v.foundRows(c, newest.Records); err != nil {
		return err
	}
	if len(newest.Records) > 0 {
		p.Examples = []example{{"hash", leafOf(newest.Records[0].Entry)}}
		if at := p.Recent[0].At; !at.IsZero() {
			p.Examples = append(p.Examples, example{"month", "time=" + at.Format("2006-01")})
		}
	}
	p.Examples = append(p.Examples,
		example{"declined", "type=decision.made outcome=declined"},
		example{"payments", "type=payment.received"},
		example{"corrected", "type=record.corrected,record.voided"})
	return nil
}

// recentRows is how many of the newest records are shown to begin with.
const recentRows = 10
