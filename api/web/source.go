// SPDX-License-Identifier: Apache-2.0

package web

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lendlog/lendlog/ledger/record"
)

// sourceFile has in Chinese what the table of rules says in English of where a rule
// comes from, part by part. What it lacks is a citation, which stands as it is.
//
//go:embed sources.json
var sourceFile []byte

func readSources() (map[string]string, error) {
	var all map[string]string
	if err := json.Unmarshal(sourceFile, &all); err != nil {
		return nil, fmt.Errorf("couldn't read the sources: %w", err)
	}
	return all, nil
}

// A cited is a part of where a rule comes from.
type cited struct{ Text, Lang string }

// sourceParts stand between the parts of a source.
const sourceParts = "; "

// cite says where a rule comes from in the visitor's language, as far as it is no
// citation.
func (v *visit) cite(source string) (parts []cited) {
	for part := range strings.SplitSeq(source, sourceParts) {
		one := cited{part, htmlLang[record.English]}
		if said := v.cites[part]; said != "" && v.lang == record.Chinese {
			one = cited{said, htmlLang[record.Chinese]}
		}
		parts = append(parts, one)
	}
	return parts
}
