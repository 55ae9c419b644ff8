// SPDX-License-Identifier: Apache-2.0

package contracts

import (
	"bufio"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/gas.txt anew")

// gasTolerance is the share by which gas may differ from the snapshot: another
// release of go-ethereum may price a rule set that is not final otherwise.
const gasTolerance = 0.01

// What each thing costs under each rule set is what testdata/gas.txt says.
// The names ending in numbers have proofs of so many hashes.
func TestGas(t *testing.T) {
	got := map[string]uint64{}
	for rules, config := range ruleSets {
		c := newChain(t, config)
		set := func(what string, gas uint64) { got[rules+" "+what] = gas }

		anchor, gas := c.deploy(&AnchorMetaData, AnchorDeployment)
		set("Anchor deploy", gas)
		l := newLedger("gas.example")
		set("Anchor first", anchor.anchored(lender, l, 0, 1000).GasUsed)
		set("Anchor next", anchor.anchored(lender, l, 1000, 2000).GasUsed)
		set("Anchor repeat", anchor.anchored(lender, l, 2000, 2000).GasUsed)

		strict, gas := c.deploy(&StrictAnchorMetaData, StrictAnchorDeployment)
		set("StrictAnchor deploy", gas)
		for k := 10; k <= 30; k += 10 {
			n := uint64(1) << k
			l := newLedger(fmt.Sprintf("gas%d.example", k))
			set("StrictAnchor first", strict.anchored(lender, l, 0, n-1).GasUsed)
			set(fmt.Sprintf("StrictAnchor next %02d", len(l.consistency(n-1, n))), strict.anchored(lender, l, n-1, n).GasUsed)
		}

		// Of the library what a contract pays that calls it, decoding included.
		m := newMachine(t, "Proofs", config)
		for _, k := range []int{0, 10, 20, 30} {
			n := uint64(1) << k
			in := inclusionOf(n/3, n)
			_, gas, err := m.call("inclusion", in.first, in.from, in.size, in.root, hashes(in.proof))
			if err != nil {
				t.Fatal(err)
			}
			set(fmt.Sprintf("RFC6962 inclusion %02d", len(in.proof)), gas)
			if k == 0 {
				continue
			}
			con := consistencyOf(n-1, n)
			_, gas, err = m.call("consistency", con.from, con.first, con.size, con.root, hashes(con.proof))
			if err != nil {
				t.Fatal(err)
			}
			set(fmt.Sprintf("RFC6962 consistency %02d", len(con.proof)), gas)
		}
	}
	const name = "testdata/gas.txt"
	if *update {
		var b strings.Builder
		for _, what := range slices.Sorted(maps.Keys(got)) {
			fmt.Fprintf(&b, "%d %s\n", got[what], what)
		}
		if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		number, what, _ := strings.Cut(lines.Text(), " ")
		var want uint64
		if _, err := fmt.Sscan(number, &want); err != nil {
			t.Fatalf("%s: %q: %v", name, lines.Text(), err)
		}
		if off := float64(got[what])/float64(want) - 1; off < -gasTolerance || off > gasTolerance {
			t.Errorf("%s costs %d, and %d in %s; if it is meant to, run this test with -update", what, got[what], want, name)
		}
		delete(got, what)
	}
	for what, gas := range got {
		t.Errorf("%s costs %d, and is not in %s; run this test with -update", what, gas, name)
	}
}
