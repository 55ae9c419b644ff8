// SPDX-License-Identifier: Apache-2.0

package web

import (
	"math"
	"strconv"
	"strings"

	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/stats"
)

// Named writes a code of the ledger: in words where there are any for it, as
// itself where it is a lender's own.
func (v *visit) Named(kind, code string) string {
	switch code {
	case stats.Unknown:
		return v.say("reports.unknown")
	case stats.Other:
		return v.say("reports.other")
	}
	for _, name := range []string{"reports." + kind + "." + code, kind + "." + code} {
		if text, ok := v.texts[v.lang][name]; ok {
			return text
		}
	}
	if member, ok := codedKinds[kind]; ok {
		switch label := record.CodesOf(member, v.lang)[code]; {
		case label != "":
			return label
		case record.IsLendersOwn(member, code):
			return code + own[v.lang]
		}
	}
	return code
}

// codedKinds are the kinds whose codes are those of a member.
var codedKinds = map[string]string{"reason": "reasonCodes", "product": "product"}

// direction writes from what to what a decision was overridden.
func (v *visit) direction(code string) string {
	from, to, ok := strings.Cut(code, " to ")
	if !ok {
		return v.Named("outcome", code)
	}
	return v.say("reports.direction", "from", v.Named("outcome", from), "to", v.Named("outcome", to))
}

// monthNames are the rows of months.
func (v *visit) monthNames(months []string) []string {
	out := make([]string, len(months))
	for i, m := range months {
		out[i] = v.Named("month", m)
	}
	return out
}

// units of time, the largest first. Their words are reports.unit.<name> and
// reports.lasting.<name>.
var units = []struct {
	name    string
	seconds int64
}{{"days", 86400}, {"hours", 3600}, {"minutes", 60}, {"seconds", 1}}

// unitOf returns the largest unit of which there are two at least in a time, and
// how many seconds it has.
func unitOf(seconds int64) (size float64, name string) {
	for _, u := range units {
		if seconds >= 2*u.seconds {
			return float64(u.seconds), u.name
		}
	}
	return 1, "seconds"
}

// lasting writes a time in its two largest units.
func (v *visit) lasting(seconds int64) string {
	var parts []string
	for _, u := range units {
		n := seconds / u.seconds
		seconds %= u.seconds
		if n > 0 || u.seconds == 1 && len(parts) == 0 {
			parts = append(parts, v.say("reports.lasting."+u.name, "n", n))
		} else if len(parts) == 1 {
			break
		}
		if len(parts) == 2 {
			break
		}
	}
	return strings.Join(parts, " ")
}

// plain writes a number with as many places as it has, up to one.
func plain(x float64) string { return strconv.FormatFloat(math.Round(10*x)/10, 'f', -1, 64) }
