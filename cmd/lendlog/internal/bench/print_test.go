// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
)

func TestPrint(t *testing.T) {
	r := Report{Records: 50_000, Version: "v1", Results: []Result{
		{Path: "engine", What: "numbered", Records: 50_000, Rate: 41_234.5, P50: 1.25, P99: 9, Disk: 2850, CPU: 21, Memory: 300 << 20, Raw: 80_000, Ratio: 0.515,
			Targets: []Target{{"≥ 40000/s", true}}},
		{Path: "growth", What: "grew", Records: 50_000, Growth: 1.75, Targets: []Target{{"≤ 1.5×", false}, {"≤ 2 GiB", true}}},
	}}
	var out bytes.Buffer
	c := console.New(nil, &out, nil)
	c.Color = true
	r.Print(c)
	for _, line := range []string{
		"engine   50,000  41234    1.25    9.00    2850      21           -        -  300     80000       0.52×  ≥ 40000/s met",
		"growth   50,000      -       -       -       -       -           -        -    -         -  grew 1.75×  ≤ 1.5× missed, ≤ 2 GiB met",
		"growth      grew",
	} {
		if !strings.Contains(out.String(), line+"\n") {
			t.Errorf("no line %q in\n%s", line, &out)
		}
	}
}
