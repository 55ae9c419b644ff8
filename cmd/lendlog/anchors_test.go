// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger/anchor/ethereum"
	"github.com/lendlog/lendlog/ledger/ledgertest"
)

// anchorsExample is the file that docs/anchors.md shows, with the roots of two
// authorities beside it.
func anchorsExample(t testing.TB) (text, dir string) {
	t.Helper()
	page, err := os.ReadFile("../../docs/anchors.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```yaml\n")
	text, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("docs/anchors.md shows no file")
	}
	dir = t.TempDir()
	for _, name := range []string{"one", "two"} {
		root, err := os.ReadFile(ledgertest.NewTSA(t, name).Roots)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".pem"), root, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return text, dir
}

func TestAnchorsFile(t *testing.T) {
	text, dir := anchorsExample(t)
	f, err := parseAnchors([]byte(text), dir)
	if err != nil {
		t.Fatal(err)
	}
	chain, stamps := f.Targets[0], f.Targets[1]
	if chain.Name != "hoodi" || chain.Every != 15*time.Minute || chain.Records != 10000 || chain.Stale != time.Hour || *chain.Observe != time.Hour ||
		chain.Poll != 10*time.Second || !chain.Ethereum.Testnet || chain.Ethereum.Key.Keystore != filepath.Join(dir, "key.json") {
		t.Errorf("the target on a chain is %+v, %+v", chain, chain.Ethereum)
	}
	if stamps.Every != time.Hour || stamps.Stale != 4*time.Hour || stamps.Observe != nil || len(stamps.Timestamp.Authorities) != 2 {
		t.Errorf("the target of time stamps is %+v", stamps)
	}
	replace := func(old, new string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("the example has no %s", old)
		}
		return strings.Replace(text, old, new, 1)
	}
	for name, tt := range map[string]struct{ text, want string }{
		"nothing":               {"", "name at least one"},
		"no targets":            {"targets: []\n", "name at least one"},
		"too many":              {"targets:\n" + strings.Repeat("  - name: x\n", 17), "at most 16"},
		"too large":             {text + strings.Repeat("# more\n", 10<<10), "64 KiB"},
		"another key":           {replace("every: 15m", "evry: 15m"), "field evry not found"},
		"another key inside":    {replace("agree: 2", "agre: 2"), "field agre not found"},
		"two documents":         {text + "---\ntargets: []\n", "more than one document"},
		"no name":               {replace("name: hoodi", `name: ""`), "number 1: name"},
		"a name that is a path": {replace("name: hoodi", "name: ../hoodi"), "number 1: name"},
		"one name twice":        {replace("name: stamps", "name: hoodi"), "two are named hoodi"},
		"neither":               {"targets:\n  - name: x\n", "either ethereum or timestamp"},
		"both":                  {replace("    timestamp:\n", "    ethereum: {chain: 1, rpc: [http://127.0.0.1]}\n    timestamp:\n"), "either ethereum or timestamp"},
		"often":                 {replace("every: 15m", "every: 10ms"), "every: it is at least 1s"},
		"a time without a unit": {replace("every: 15m", "every: 15"), "cannot unmarshal"},
		"negative":              {replace("records: 10000", "records: -1"), "records"},
		"stale at once":         {replace("stale: 1h", "stale: 1m"), "stale: it is not below every"},
		"observing often":       {replace("observe: 1h", "observe: 1ms"), "observe: it is at least 1s"},
		"observing authorities": {replace("    every: 1h", "    observe: 1h"), "only a chain has blocks"},
		"of the chain":          {replace("chain: 560048", "chain: 0"), "hoodi: ethereum: chain"},
		"of the authorities":    {replace("roots: two.pem", "roots: none.pem"), "stamps: timestamp: authorities: number 2"},
	} {
		if _, err := parseAnchors([]byte(tt.text), dir); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

// What is read of a file can be meant, and is the same when it is read again.
func FuzzAnchorsFile(f *testing.F) {
	text, dir := anchorsExample(f)
	f.Add(text)
	f.Add("targets:\n  - {name: x, ethereum: {chain: 5, rpc: [http://127.0.0.1]}, every: 1h}\n")
	f.Fuzz(func(t *testing.T, text string) {
		file, err := parseAnchors([]byte(text), dir)
		if err != nil {
			return
		}
		for i := range file.Targets {
			target := &file.Targets[i]
			if target.Every < time.Second || target.Stale < target.Every || target.Poll <= 0 || (target.Ethereum == nil) == (target.Timestamp == nil) {
				t.Fatalf("it takes %+v", target)
			}
			if err := target.validate(dir); err != nil {
				t.Fatalf("what was taken is refused: %v", err)
			}
		}
	})
}

// The costs that docs/anchors.md tells are those that were measured.
func TestAnchorCosts(t *testing.T) {
	file, err := os.Open("../../contracts/testdata/gas.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	gas := map[string]int{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		n, what, _ := strings.Cut(lines.Text(), " ")
		if gas[what], err = strconv.Atoi(n); err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile("../../docs/anchors.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| ([0-9]+[mh]) \| ([0-9]+) \|`).FindAllStringSubmatch(string(page), -1)
	if len(rows) < 4 {
		t.Fatalf("the table has %d rows", len(rows))
	}
	for _, row := range rows {
		every, err := time.ParseDuration(row[1])
		if err != nil {
			t.Fatal(err)
		}
		n := int(24 * time.Hour / every)
		osaka, amsterdam := n*gas["osaka Anchor next"], n*gas["amsterdam Anchor next"]
		want := fmt.Sprintf("| %s | %d | %d | %.6f ether | %d | %.6f ether |", row[1], n, osaka, float64(osaka)/1e9, amsterdam, float64(amsterdam)/1e9)
		if !strings.Contains(string(page), want) {
			t.Errorf("it has no row %s", want)
		}
	}
	for _, want := range []string{
		fmt.Sprintf("costs %d gas (Osaka) or %d (Amsterdam)", gas["osaka Anchor first"], gas["amsterdam Anchor first"]),
		fmt.Sprintf("the contract %d or %d, once", gas["osaka Anchor deploy"], gas["amsterdam Anchor deploy"]),
		fmt.Sprintf("with 11 hashes costs %d gas (Osaka) or %d (Amsterdam)", gas["osaka StrictAnchor next 11"], gas["amsterdam StrictAnchor next 11"]),
		fmt.Sprintf("with 21 %d or %d", gas["osaka StrictAnchor next 21"], gas["amsterdam StrictAnchor next 21"]),
		fmt.Sprintf("with 31 %d or %d", gas["osaka StrictAnchor next 31"], gas["amsterdam StrictAnchor next 31"]),
		fmt.Sprintf("costs %d or %d, and the strict contract %d or %d, once", gas["osaka StrictAnchor first"], gas["amsterdam StrictAnchor first"],
			gas["osaka StrictAnchor deploy"], gas["amsterdam StrictAnchor deploy"]),
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("it does not say: %s", want)
		}
	}
}

// What an audit of a chain prints claims nothing of anchors that are not there.
func TestPrintAudit(t *testing.T) {
	two := []ethereum.AuditedAnchor{{Size: 3}, {Size: 4}}
	for name, tt := range map[string]struct {
		anchors     []ethereum.AuditedAnchor
		says, never string
	}{
		"none": {nil, "There are none, by the contract's own commitment: is that the account", "continues"},
		"one":  {two[:1], "This is the only anchor that there is, by the contract's own commitment.\nThe ledger continues it.\n", "all 1"},
		"two":  {two, "These are all 2 anchors that there are, by the contract's own commitment.\nThe ledger continues each of them.\n", "only"},
	} {
		var out strings.Builder
		c := console.New(strings.NewReader(""), &out, io.Discard)
		if err := printAudit(c, &ethereum.AuditReport{Anchors: tt.anchors, Complete: true}); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); !strings.Contains(got, tt.says) || strings.Contains(got, tt.never) {
			t.Errorf("%s: it says\n%s", name, got)
		}
	}
}

// Whoever waits for an anchor for too long is told what it waits for, also when the time
// ends in the middle of a question.
func TestSettledInTime(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	asked := 0
	err := settled(ctx, console.New(nil, io.Discard, io.Discard), "", func() ([]client.Target, error) {
		if asked++; asked == 1 {
			return []client.Target{{Name: "stamps", Kind: "timestamp", State: "sent", Degraded: "it answers 503"}}, nil
		}
		cancel()
		return nil, fmt.Errorf("the question: %w", ctx.Err())
	})
	if err == nil || asked != 2 || !strings.HasPrefix(err.Error(), "nothing is final yet: stamps is sent: it answers 503") {
		t.Errorf("asked %d times: %v", asked, err)
	}
	broken := errors.New("broken")
	err = settled(t.Context(), console.New(nil, io.Discard, io.Discard), "", func() ([]client.Target, error) { return nil, broken })
	if !errors.Is(err, broken) {
		t.Errorf("it is said as %v", err)
	}
}
