// SPDX-License-Identifier: Apache-2.0

package rule

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Page returns the built-in table as docs/rules.md.
func Page() ([]byte, error) {
	t, err := Builtin()
	if err != nil {
		return nil, err
	}
	var doc struct{ Rules []map[string]yaml.Node }
	if err := yaml.Unmarshal(builtin, &doc); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString(`# Rules
<!-- Made of ledger/rule/rules.yaml by go test ./ledger/rule -run TestRulesPage -update. Do not edit. -->

What the ledger checks on its own, from the records of one subject. It is a reading of the rules for people who know them, not legal advice, and not all that a lender has to keep to.

- A broken rule is **never a reason to refuse** an event: the breach belongs in the ledger. A finding says what was expected and what was found. It is computed whenever it is asked for, with ` + "`lendlog show`, `lendlog timeline` and `GET /v1/subjects/{kind}/{id}`" + `, kept nowhere, and proves nothing by itself: the records do. A client computes findings itself from the records that it verified.
- A story is **judged as a whole** or not at all: of a part of it, or of more than 10,000 records (a server: of what fills its memory, some two thousand), there are no findings.
- **Corrections** hold from the beginning: a record that was voided is not judged, one that was corrected as corrected. Where a correction itself was erased, nothing is said of the story.
- **Times** are business times, as corrected. What is of the same time is in order.
- **A rule abstains** where it lacks what it needs, and that is counted: *absent*, a member is not there; *unreadable*, it was erased; *elsewhere*, the record that it is held against is none of this subject, or this one follows by ` + "`causationid`" + ` from one of another; *currencies*, amounts of several; *imported*, history may have begun before what was imported; *unsettled*, another record makes the sum a different one.
- **Amounts** are exact, and never compared or added across currencies. Rates are in percent.
- Every rule has cases in ` + "`ledger/rule/testdata/cases.yaml`" + `: a breach that is found and a near miss that is not.

## Checks

| check | holds when |
|---|---|
`)
	for _, k := range new(Rule).kinds() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", k.name, k.says)
	}
	b.WriteString("\n## Rules\n\n| rule | records | check | source |\n|---|---|---|---|\n")
	for i, r := range t.Rules {
		name, _ := r.check()
		of := "`" + strings.Join(r.Of, "`, `") + "`"
		if when, ok := doc.Rules[i]["when"]; ok {
			of += " with `" + flow(&when) + "`"
		}
		check := doc.Rules[i][name]
		fmt.Fprintf(&b, "| **%s** %s · %s | %s | %s `%s` | %s |\n", r.ID, r.Title.EN, r.Title.ZH, of, name, flow(&check), r.Source)
	}
	return b.Bytes(), nil
}

// flow writes a node in one line.
func flow(n *yaml.Node) string {
	var parts []string
	switch n.Kind {
	case yaml.AliasNode:
		return flow(n.Alias)
	case yaml.MappingNode:
		for pair := range slices.Chunk(n.Content, 2) {
			parts = append(parts, pair[0].Value+": "+flow(pair[1]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case yaml.SequenceNode:
		for _, item := range n.Content {
			parts = append(parts, flow(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return n.Value
}
