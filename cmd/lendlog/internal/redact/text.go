// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"regexp"
	"strings"
)

// gone stands where a secret was.
const gone = "…"

// key finds an API key, or what was meant to be one, where it does not belong.
var key = regexp.MustCompile(`(?i)ll_[0-9a-z]{8}_[0-9a-z_]+`)

const keyGone = "ll_" + gone

// Keys takes API keys out of what is printed: what is not understood is repeated to
// whoever typed it, and may be one.
func Keys(s string) string { return key.ReplaceAllString(s, keyGone) }

// secrets are what a secret looks like, and what is left of it. A key of a ledger
// begins with ll_, also where somebody printed its bytes in another way.
var secrets = []struct {
	pattern *regexp.Regexp
	left    string
}{
	{regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)`), gone},
	{regexp.MustCompile(`PRIVATE\+KEY\+\S+`), gone}, // of a signed note
	{key, keyGone},
	{regexp.MustCompile(`(?i)6c6c5f[0-9a-f]{16,}`), gone},                                // %x
	{regexp.MustCompile(`(bGxf|[GWm2]xsX|sbF[89])[0-9A-Za-z+/_=-]{16,}`), gone},          // base64, wherever it begins
	{regexp.MustCompile(`\b108[ ,]+108[ ,]+95([ ,]+\d{1,3})+`), gone},                    // %d, %v
	{regexp.MustCompile(`(?i)0x6c, ?0x6c, ?0x5f(, ?0x[0-9a-f]{1,2})+`), gone},            // %#v
	{regexp.MustCompile(`\beyJ[0-9A-Za-z_-]+\.[0-9A-Za-z_-]+(\.[0-9A-Za-z_-]*)?`), gone}, // a JSON web token
	{regexp.MustCompile(`(?i)\b([a-z][a-z0-9+.-]*://)[^\s/"'<>?#]*@`), "$1" + gone + "@"},
	{regexp.MustCompile(`(?i)\b([a-z][a-z0-9+.-]*://[^\s/"'<>?#]+)[/?#][^\s"'<>]+`), "$1/" + gone},
	{regexp.MustCompile(`(?i)\b(bearer|basic|digest|negotiate) +[^\s",;\]]+`), "$1 " + gone},
	{regexp.MustCompile(`(?i)\b((?:proxy-)?authorization|(?:set-)?cookie)("?\s*[:=]\s*)(?:\[[^\]]*\]|"[^"]*"|[^\r\n]+)`), "$1$2" + gone},
	{regexp.MustCompile(`(?i)\b([a-z_-]*(?:passphrase|password|passwd|secret|token|api[_-]?key))("?\s*[:=]\s*)("(?:[^"\\]|\\.)*"|[^\s"]+)`), "$1$2" + gone},
}

// shortest is that of all that is looked for, and shortestBare that of what has no
// character in it but letters and digits.
const (
	shortest     = 8
	shortestBare = 20
)

// Text takes out of a text what is secret, or looks like it: keys, also of other
// sorts, passwords behind their name, what authorizes a request, and of a URL all
// but its scheme and host, since chains' endpoints have keys in their paths.
func Text(s string) string {
	if len(s) < shortest || len(s) < shortestBare && !strings.ContainsAny(s, " _:=+.") {
		return s
	}
	for _, secret := range secrets {
		s = secret.pattern.ReplaceAllString(s, secret.left)
	}
	return s
}
