// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"testing"
)

// The CloudEvents SDK for JavaScript submits in both of its modes, and whoever
// sends an event again gets its first place.
func TestCloudEventsJavaScript(t *testing.T) {
	install := exec.Command("npm", "ci", "--no-audit", "--no-fund")
	install.Dir = "cloudevents"
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	l := create(t)
	l.serve()
	submit := func() (indexes []int64) {
		t.Helper()
		cmd := exec.Command("node", "submit.mjs", l.url)
		cmd.Dir = "cloudevents"
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("node: %v\n%s", err, &errs)
		}
		for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
			var answer struct{ Mode, Body string }
			var receipt struct {
				V     string `json:"v"`
				Index int64  `json:"index"`
			}
			if json.Unmarshal(lines.Bytes(), &answer) != nil || json.Unmarshal([]byte(answer.Body), &receipt) != nil || receipt.V != "lendlog-receipt/1" {
				t.Fatalf("it is answered with %s", lines.Text())
			}
			indexes = append(indexes, receipt.Index)
		}
		return indexes
	}
	size := l.size()
	first, again := submit(), submit()
	if len(first) != 2 || first[0] != size || first[1] != size+1 {
		t.Errorf("the events are at %v, and the ledger had %d records", first, size)
	}
	if len(again) != 2 || again[0] != first[0] || again[1] != first[1] {
		t.Errorf("sent again they are at %v, first at %v", again, first)
	}
	// What was sent in either mode is the same.
	for i, index := range first {
		var shown struct {
			Members []struct {
				Pointer string `json:"pointer"`
				Value   any    `json:"value"`
			} `json:"members"`
		}
		if err := json.Unmarshal(l.get(fmt.Sprintf("/v1/records/%d", index)), &shown); err != nil {
			t.Fatal(err)
		}
		members := map[string]any{}
		for _, m := range shown.Members {
			members[m.Pointer] = m.Value
		}
		if members["/party"] != "王小明" || members["/subject"] != "file/A-1/ü" || members["/data/outcome"] != "declined" {
			t.Errorf("event %d is recorded with %v", i, members)
		}
	}
}
