// SPDX-License-Identifier: Apache-2.0

package portable

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/rlp"

	"github.com/lendlog/lendlog/ledger/ledgertest/scale"
	"github.com/lendlog/lendlog/ledger/proof"
)

// An item is one of RLP, which a liar may write as they like.
type item struct {
	bytes []byte
	items []item
	list  bool
	form  int // how its length is written: 0 as it has to be
}

func decoded(t *testing.T, b []byte) item {
	t.Helper()
	kind, content, _, err := rlp.Split(b)
	if err != nil {
		t.Fatal(err)
	}
	if kind != rlp.List {
		return item{bytes: content}
	}
	out := item{list: true}
	for len(content) > 0 {
		_, _, rest, err := rlp.Split(content)
		if err != nil {
			t.Fatal(err)
		}
		out.items = append(out.items, decoded(t, content[:len(content)-len(rest)]))
		content = rest
	}
	return out
}

func (it item) encoded() []byte {
	content, base := it.bytes, byte(0x80)
	if it.list {
		content, base = nil, 0xc0
		for _, i := range it.items {
			content = append(content, i.encoded()...)
		}
	}
	n := len(content)
	size := []byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	short := bytes.TrimLeft(size, "\x00")
	switch {
	case it.form == 1: // zeros in front of the length
		return slices.Concat([]byte{base + 55 + 4}, size, content)
	case it.form == 2 && n > 0: // a length of its own where none has to be
		return slices.Concat([]byte{base + 55 + byte(len(short))}, short, content)
	case it.form == 3: // longer than what follows
		return slices.Concat([]byte{base + 55 + 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, content)
	case it.form == 4 && n < 55:
		return append([]byte{base + byte(n) + 1}, content...)
	case it.form == 0 && !it.list && n == 1 && content[0] < 0x80:
		return content
	case n <= 55:
		return append([]byte{base + byte(n)}, content...)
	}
	return slices.Concat([]byte{base + 55 + byte(len(short))}, short, content)
}

// all returns the item and all in it.
func (it *item) all() []*item {
	out := []*item{it}
	for i := range it.items {
		out = append(out, it.items[i].all()...)
	}
	return out
}

// bend changes an item, or something in it.
func bend(rng *rand.Rand, it *item) {
	all := it.all()
	at := all[rng.IntN(len(all))]
	switch rng.IntN(9) {
	case 0:
		at.form = 1 + rng.IntN(4)
	case 1:
		at.list = !at.list
	case 2:
		at.bytes = append([]byte{0}, at.bytes...)
	case 3:
		at.bytes = append(slices.Clone(at.bytes), byte(rng.IntN(256)))
	case 4:
		at.bytes = at.bytes[:max(0, len(at.bytes)-1)]
	case 5:
		if len(at.bytes) > 0 {
			at.bytes = bytes.Clone(at.bytes)
			at.bytes[rng.IntN(len(at.bytes))] ^= 1 << rng.IntN(8)
		}
	case 6:
		at.items = append(slices.Clone(at.items), item{bytes: []byte{byte(rng.IntN(256))}, list: rng.IntN(2) == 0})
	case 7:
		if n := len(at.items); n > 0 {
			at.items = slices.Delete(slices.Clone(at.items), n-1, n)
		}
	case 8:
		other := all[rng.IntN(len(all))]
		at.bytes, at.list = bytes.Clone(other.bytes), other.list
	}
}

// rehashed makes evidence whose first anchor is bent in its header, its nodes, its
// receipt and its places, as whoever mines blocks could: all hashes are right
// again, unless they were bent.
func rehashed(t *testing.T, doc []byte, seed uint64) job {
	t.Helper()
	rng := rand.New(rand.NewPCG(0xa17c, seed))
	e, err := proof.ParseEvidence(doc)
	if err != nil {
		t.Fatal(err)
	}
	p := e.Anchored[1].Anchor.Chain
	header := decoded(t, p.Header)
	var nodes []item
	for _, n := range p.Nodes {
		nodes = append(nodes, decoded(t, n))
	}
	leaf := &nodes[len(nodes)-1].items[1]
	receipt := decoded(t, leaf.bytes[1:])
	kind := leaf.bytes[:1]
	var raw []byte // of the receipt
	for range 1 + rng.IntN(2) {
		switch rng.IntN(12) {
		case 0, 1:
			bend(rng, &header)
		case 2, 3, 4:
			bend(rng, &nodes[rng.IntN(len(nodes))])
		case 5, 6:
			bend(rng, &receipt)
		case 7:
			bend(rng, &receipt.items[min(3, len(receipt.items)-1)])
		case 8:
			kind = [][]byte{nil, {0}, {0x7f}, {0x80}, {2, 2}}[rng.IntN(5)]
		case 9:
			p.Index = []uint64{0, 1, 2, 127, 128, 1 << 32, 1<<53 - 1}[rng.IntN(7)]
		case 10:
			p.Log = []int{0, 1, 2, 1 << 40}[rng.IntN(4)]
		case 11: // an extension before all, with a path or without
			nodes = slices.Insert(nodes, 0, item{list: true, items: []item{{bytes: [][]byte{{0x00}, {0x10}, {}, {0x11, 0x23}}[rng.IntN(4)]}, {bytes: make([]byte, 32)}}})
		}
	}
	raw = append(slices.Clone(kind), receipt.encoded()...)
	last := &nodes[len(nodes)-1]
	if len(last.items) == 2 && rng.IntN(8) > 0 {
		last.items[1].bytes = raw
	}
	p.Nodes = make([][]byte, len(nodes))
	for i := len(nodes) - 1; i >= 0; i-- {
		p.Nodes[i] = nodes[i].encoded()
		above := &header
		if i > 0 {
			above = &nodes[i-1]
		}
		for k := range above.items { // the one place that held a hash of the one below
			if it := &above.items[k]; i == 0 && k == 5 || i > 0 && len(it.bytes) == 32 && (len(above.items) == 2 || k == key(p.Index)) {
				it.bytes = crypto.Keccak256(p.Nodes[i])
			}
		}
	}
	p.Header = header.encoded()
	e.Anchored = e.Anchored[1:]
	return job{name: fmt.Sprintf("bent anchor %d", seed), Document: e.Bytes(), Trust: published(t, "trust.json")}
}

// key is the first half-byte of the key of a transaction.
func key(index uint64) int {
	b, err := rlp.EncodeToBytes(index)
	if err != nil {
		panic(err)
	}
	return int(b[0] >> 4)
}

// Anchors that somebody made up with right hashes are judged alike.
func TestBentAnchors(t *testing.T) { bentAnchors(t, scale.Of(60, 150)) }

func bentAnchors(t *testing.T, n int) {
	doc := published(t, "valid-anchored-unasked.json")
	jobs := make([]job, n)
	for i := range jobs {
		jobs[i] = rehashed(t, doc, uint64(i))
	}
	valid := 0
	for _, a := range compare(t, jobs) {
		if a.Verdict == "VALID" {
			valid++
		}
	}
	if valid < n/50 || valid > n/2 {
		t.Errorf("%d of %d are VALID: they are bent too much or too little", valid, n)
	}
}

// Section 8 and 16: what a policy says of chains, and what counts under it.
func TestChains(t *testing.T) {
	policy, doc := string(published(t, "trust-blocks.json")), published(t, "valid-anchored.json")
	edges := []edge{{job{name: "as it is", Trust: []byte(policy), Document: doc}, "VALID", ""}}
	add := func(verdict, check, old, new string) {
		t.Helper()
		if !strings.Contains(policy, old) {
			t.Fatalf("the policy has no %s", old)
		}
		edges = append(edges, edge{job{name: old + " → " + new, Trust: []byte(strings.Replace(policy, old, new, 1)), Document: doc}, verdict, check})
	}
	for _, c := range []struct{ verdict, check, old, new string }{
		{"VALID", "", `"testnet": true`, `"testnet": false`},
		{badCall, "", `"testnet": true`, `"testnet": 1`},
		{badCall, "", `"testnet": true`, `"testnet": null`},
		{"VALID", "", `"name": "Hoodi",`, ``},
		{"VALID", "", `"name": "Hoodi",`, `"name": "",`},
		{badCall, "", `"name": "Hoodi",`, `"name": 1,`},
		{badCall, "", `"id": 560048,`, ``},
		{badCall, "", `"id": 560048,`, `"id": 0,`},
		{badCall, "", `"id": 560048,`, `"id": "560048",`},
		{"INCOMPLETE", "anchors", `"id": 560048,`, `"id": 560049,`},
		{badCall, "", `"contract": "0x`, `"contract": "0X`},
		{badCall, "", `"contract": "0xc5`, `"contract": "0xC5`},
		{badCall, "", `"contract": "0x`, `"contract": "`},
		{badCall, "", `"contract": "0xc5`, `"contract": "0x`},
		{badCall, "", `"publishers": [`, `"publishers": [], "x": [`},
		{badCall, "", `"publishers": [`, `"publishers": [], "blocks": [`},
		{badCall, "", `"address": "`, `"Address": "`},
		{badCall, "", `"to": 1099511627776`, `"to": 0`},
		{"VALID", "", `"to": 1099511627776`, `"to": 3`},
		{"INCOMPLETE", "anchors", `"to": 1099511627776`, `"to": 2`},
		{"VALID", "", `"to": 1099511627776`, `"from": 5`},
		{"INCOMPLETE", "anchors", `"to": 1099511627776`, `"from": 6`},
		{badCall, "", `"to": 1099511627776`, `"from": 6, "to": 5`},
		{badCall, "", `"blocks": [`, `"blocks": [], "x": [`},
		{badCall, "", `"number": 300`, `"number": -1`},
		{"VALID", "", `"number": 300`, `"number": 300, "time": 1`},
		{"VALID", "", `"number": 300`, `"number": 300, "time": 1099511627775`},
		{badCall, "", `"number": 300`, `"number": 300, "time": 1099511627776`},
		{badCall, "", `"number": 300`, `"number": 300, "time": 0`},
		{badCall, "", `"number": 300`, `"number": 300, "time": null`},
		{badCall, "", `"number": 300`, `"Number": 300`},
		{"VALID", "", `"number": 500`, `"number": 501`},
		{"INVALID", "anchors", `"hash": "0xac`, `"hash": "0xad`},
		{badCall, "", `"hash": "0x`, `"hash": "`},
		{badCall, "", `"chains": [`, `"chains": [7,`},
		{badCall, "", `"chains": [`, `"chains": {}, "x": [`},
	} {
		add(c.verdict, c.check, c.old, c.new)
	}
	hold(t, edges)
}

// Bounds and forms of the section.
func TestAnchorsSection(t *testing.T) {
	doc := string(published(t, "valid-anchored.json"))
	var edges []edge
	add := func(verdict, check, old, new string) {
		t.Helper()
		if !strings.Contains(doc, old) {
			t.Fatalf("the file has no %s", old)
		}
		edges = append(edges, edge{job{name: head(old + " → " + new), Trust: published(t, "trust-blocks.json"), Document: []byte(strings.Replace(doc, old, new, 1))}, verdict, check})
	}
	long := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for _, c := range []struct{ verdict, check, old, new string }{
		{"INVALID", "format", `"header": "`, `"header": "\n`},
		{"INVALID", "format", `"header": "`, `"Header": "`},
		{"INVALID", "anchors", `"header": "`, `"header": "` + long(3)},
		{"INVALID", "format", `"header": "`, `"header": "` + long(2046)},
		{"INVALID", "anchors", `"receipt": [`, `"receipt": ["",`},
		{"INVALID", "anchors", `"receipt": [`, `"receipt": ["` + long(65536) + `",`},
		{"INVALID", "format", `"receipt": [`, `"receipt": ["` + long(65537) + `",`},
		{"INVALID", "anchors", `"receipt": [`, `"receipt": [` + strings.Repeat(`"",`, 16)},
		{"INVALID", "format", `"receipt": [`, `"receipt": [` + strings.Repeat(`"",`, 17)},
		{"INVALID", "format", `"receipt": [`, `"receipt": [0,`},
		{"INVALID", "format", `"transaction": 1`, `"transaction": -1`},
		{"INVALID", "format", `"transaction": 1`, `"transaction": null`},
		{"INVALID", "anchors", `"transaction": 1`, `"transaction": 9007199254740991`},
		{"INVALID", "format", `"log": 0`, `"log": "0"`},
		{"INVALID", "anchors", `"log": 0`, `"log": 9007199254740991`},
		{"VALID", "", `"log": 0`, `"finality": null, "log": 0`},
		{"VALID", "", `"id": 560048`, `"id": 0`},
		{"INVALID", "format", `"id": 560048`, `"id": -1`},
		{"INVALID", "format", `"anchors": [`, `"anchors": {}, "x": [`},
		{"INVALID", "format", `"anchors": [`, `"anchors": null, "x": [`},
	} {
		add(c.verdict, c.check, c.old, c.new)
	}
	hold(t, edges)
}
