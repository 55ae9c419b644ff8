// SPDX-License-Identifier: Apache-2.0

//go:build long

package browser

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/api/web"
	"github.com/lendlog/lendlog/ledger/access"
)

// A screen is a page of the console, as somebody with a role sees it.
type screen struct {
	Name string      `json:"name"`
	Path string      `json:"path"`
	As   access.Role `json:"as,omitempty"`
}

// A picture is one that is taken of a screen.
type picture struct {
	screen
	Width  int    `json:"width"`
	Height int    `json:"height"`
	Scheme string `json:"scheme"`
	Lang   string `json:"lang"`
	Verify string `json:"verify,omitempty"` // file that is given to the page first
}

// A vector is a published file, and what a verifier has to say of it.
type vector struct {
	Document string `json:"document"`
	Trust    string `json:"trust"`
	Event    string `json:"event,omitempty"`
	Schema   string `json:"schema,omitempty"`
	Against  string `json:"against,omitempty"`
	Verdict  string `json:"verdict"`
	Check    string `json:"check,omitempty"`
	Why      string `json:"why"`
}

// A plan is what run.mjs does.
type plan struct {
	URL      string                 `json:"url"`
	Chromium string                 `json:"chromium"`
	Keys     map[access.Role]string `json:"keys"`
	Screens  []screen               `json:"screens"`
	Vectors  []vector               `json:"vectors"`
	Evidence string                 `json:"evidence"`
	Saved    string                 `json:"saved"`
	Examples map[string]string      `json:"examples"`
	Trusts   []asking               `json:"trusts"`
	Pictures []picture              `json:"pictures"`
	Into     string                 `json:"into"`
}

// visitors are who looks at screens: the first one who may.
var visitors = []access.Role{access.Compliance, access.Auditor, access.Admin, access.PrivacyOfficer, access.Monitor, access.Submitter}

// newcomer is an auditor who has not said for what they look.
const newcomer = access.Role("newcomer")

// Every screen and form looks as it should in a browser and on paper, goes with a
// keyboard alone and without JavaScript, reports nothing and asks nobody else; saved
// searches stay in the browser; and the page that verifies says of every published
// vector what it is. LENDLOG_PICTURES names a directory for pictures of the main
// screens; those in Chinese need a font that has it.
func TestConsoleLong(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("the console cannot be tested in a browser: install chromium")
	}
	install := exec.Command("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	l := newLedger(t)
	p := plan{URL: l.url, Chromium: chromium, Keys: l.keys, Vectors: vectors(t), Evidence: l.evidence, Saved: l.saved, Examples: l.examples, Trusts: l.trusts, Screens: screens(t, l)}
	if p.Into = os.Getenv("LENDLOG_PICTURES"); p.Into != "" {
		p.Pictures = pictures(p.Screens, l.evidence)
	}
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "plan.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", "run.mjs", file)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "done: ") {
			t.Log(lines.Text())
		} else {
			t.Error(lines.Text())
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the browser's part: %v", err)
	}
}

// screens are all pages of the console, each with an example of what its path
// leaves open, and as somebody who may see it.
func screens(t *testing.T, l *ledger) (all []screen) {
	t.Helper()
	for _, s := range web.Screens() {
		path := s.Path
		for hole, value := range l.examples {
			path = strings.ReplaceAll(path, hole, value)
		}
		if strings.Contains(path, "{") {
			t.Errorf("%s: browser_long_test.go has no example of %s", s.Name, path)
			continue
		}
		out := screen{Name: s.Name, Path: path}
		if s.Needs != access.Public {
			i := slices.IndexFunc(visitors, func(r access.Role) bool { return r.May(s.Needs) })
			out.As = visitors[i]
		}
		all = append(all, out)
	}
	for _, s := range slices.Clone(all) { // who has not said for what they look is asked
		if s.Name == "timeline" || s.Name == "search" {
			s.Name, s.As = s.Name+"-closed", newcomer
			all = append(all, s)
		}
	}
	if len(all) < 5 {
		t.Fatalf("the console has %d screens", len(all))
	}
	return all
}

// pictured are the screens that there are pictures of, and shown those in the README:
// their pictures are copied to docs/images.
var (
	pictured = []string{"search", "search-closed", "timeline", "timeline-closed", "record", "verify", "health", "checkpoints", "reports", "due", "findings", "looks", "examination", "admin", "signin"}
	shown    = []string{"timeline", "record", "reports", "verify"}
)

func pictures(all []screen, evidence string) (out []picture) {
	for _, s := range all {
		if slices.Contains(shown, s.Name) {
			one := picture{screen: s, Width: 1280, Height: 900, Scheme: "light", Lang: "en"}
			switch s.Name {
			case "timeline":
				one.Height = 1420 // down to what came late
			case "verify":
				one.Verify, one.Height = evidence, 1100
			}
			out = append(out, one)
		}
		if !slices.Contains(pictured, s.Name) {
			continue
		}
		for _, like := range []picture{
			{Width: 1920, Height: 1080, Scheme: "light", Lang: "en"},
			{Width: 1280, Height: 900, Scheme: "dark", Lang: "zh"},
			{Width: 360, Height: 780, Scheme: "dark", Lang: "zh"},
			{Width: 360, Height: 780, Scheme: "light", Lang: "en"},
		} {
			like.screen = s
			like.Name = fmt.Sprintf("%s-%s-%s-%d", s.Name, like.Lang, like.Scheme, like.Width)
			out = append(out, like)
		}
	}
	return out
}

// vectors are the published ones. Where a trust file asks for time stamps, what
// runs in a browser says that it cannot verify those.
func vectors(t *testing.T) (out []vector) {
	t.Helper()
	dir, err := filepath.Abs("../../../ledger/proof/testdata/vectors")
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var all []struct{ File, Trust, Event, Schema, Against, Verdict, Check, Why string }
	if err := json.Unmarshal(read("manifest.json"), &all); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string {
		if name == "" {
			return ""
		}
		return filepath.Join(dir, name)
	}
	for _, v := range all {
		if v.Verdict == "REFUSED" {
			continue // of a trust file that is none the page says no verdict
		}
		if strings.Contains(string(read(v.Trust)), `"stamps"`) {
			v.Verdict, v.Check = "INCOMPLETE", "policy"
		}
		out = append(out, vector{at(v.File), at(v.Trust), at(v.Event), at(v.Schema), at(v.Against), v.Verdict, v.Check, v.Why})
	}
	if len(out) < 100 {
		t.Fatalf("there are %d vectors", len(out))
	}
	return out
}

// patience is for what comes by itself.
const patience = 2 * time.Minute
