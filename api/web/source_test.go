// SPDX-License-Identifier: Apache-2.0

package web

import (
	"regexp"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/rule"
)

// citation is how a law or a rule of an authority is cited, the same in every language.
var citation = regexp.MustCompile(`^(FCRA section [0-9]+( \(15 U\.S\.C\. [0-9a-z]+\))?|GDPR article [0-9()]+|Regulation [A-Z], (12 CFR|official interpretation) [0-9a-z.()-]+|HMDA action taken( [0-9])?, Regulation C 12 CFR [0-9a-z.()]+|[0-9]+ CFR [0-9.]+)$`)

// Where a rule comes from is said in both languages, but for citations; and nothing is
// translated that no rule says.
func TestSources(t *testing.T) {
	table, err := rule.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	cites, err := readSources()
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, r := range table.Rules {
		for part := range strings.SplitSeq(r.Source, sourceParts) {
			if used[part] = true; cites[part] == "" && !citation.MatchString(part) {
				t.Errorf("%s: nobody says in Chinese: %s", r.ID, part)
			}
		}
	}
	for part := range cites {
		if !used[part] {
			t.Errorf("no rule comes from %s", part)
		}
	}
	v := &visit{Console: &Console{cites: cites}, lang: record.Chinese}
	got := v.cite("31 CFR 1020.220; authority to lend")
	if want := []cited{{"31 CFR 1020.220", "en"}, {"放贷权限", "zh-Hans"}}; len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("it cites %v", got)
	}
}
