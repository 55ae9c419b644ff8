// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

// A room gives what is read without one, refuses the same, and keeps what it read
// until it is reset.
func TestRoomLeaves(t *testing.T) {
	leaves := goldenLeaves(t)
	var room record.Room
	for range 3 {
		var got []record.Leaf
		names := slices.Sorted(maps.Keys(leaves))
		for range 40 { // more than fit into what it takes at once
			for _, name := range names {
				b := leafBytes(leaves[name])
				leaf, err := room.ParseLeaf(b)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, leaf)
				_, refused := record.ParseLeaf(b[:len(b)-9])
				if _, err := room.ParseLeaf(b[:len(b)-9]); err == nil || err.Error() != refused.Error() {
					t.Errorf("of a leaf that is cut short: %v, want %v", err, refused)
				}
			}
		}
		for i, leaf := range got {
			name := names[i%len(names)]
			if diff := cmp.Diff(string(leafBytes(leaves[name])), string(leafBytes(leaf))); diff != "" {
				t.Fatalf("%s: %s", name, diff)
			}
		}
		room.Reset()
	}
}

// Wherever they come from, the members of a document are in canonical order.
func TestDocument(t *testing.T) {
	cat, err := record.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	s, ok := cat.Type("org.lendlog.payment.received.v1")
	if !ok {
		t.Fatal("there is no such type")
	}
	text := func(name string) canon.Member { return canon.Member{Name: name, Value: canon.Text(name)} }
	e := &record.Entry{Time: "2026-01-31T10:02:00+01:00", Type: s.Type, Open: canon.Map(text("jurisdiction"), text("legalEntity"))}
	for _, sealed := range [][]canon.Member{
		nil,
		{text("/id")},
		{text("/causationid"), text("/data/amount"), text("/data/method"), text("/id"), text("/source"), text("/subject")},
		{text("/data/z"), {Name: "/extensions", Value: canon.Map(text("a"), text("dataschema"), text("zz"))}, text("/subject")},
		{text("/data/kind"), text("/refs"), text("/submitter"), text("/time"), text("/type")},
	} {
		doc := s.Document(e, sealed)
		if _, err := canon.ParseCanonical(doc.Bytes(), canon.Limits{}); err != nil {
			t.Errorf("%s: %v", doc.Bytes(), err)
		}
		data, _ := doc.Get("data")
		n := len(e.Open.Members)
		for _, m := range sealed {
			if len(m.Name) > 6 && m.Name[:6] == "/data/" {
				n++
				if v, _ := data.Get(m.Name[6:]); v.Str != m.Name {
					t.Errorf("%s is not in data", m.Name)
				}
			}
		}
		if at, _ := doc.Get("time"); at.Str != e.Time || len(data.Members) != n {
			t.Errorf("%s", doc.Bytes())
		}
	}
}

// A room reads the events that are read without one, and refuses the same.
func TestRoomEvents(t *testing.T) {
	cat, err := record.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	s, _ := cat.Type("org.lendlog.payment.received.v1")
	e := &record.Entry{Time: "2026-01-31T10:02:00+01:00", Type: s.Type, Open: texts("jurisdiction", "DE-BE")}
	envelope := texts("/id", "e1", "/source", "urn:x", "/subject", "file/1").Members
	party := canon.Member{Name: "/party", Value: canon.Text("p1")}
	method := canon.Member{Name: "/data/method", Value: canon.Text("card")}
	var room record.Room
	for _, sealed := range [][]canon.Member{
		append([]canon.Member{method}, envelope...),
		append([]canon.Member{{Name: "/data/method", Value: canon.Text("a b")}}, envelope...),
		{method, envelope[0], party, envelope[1], envelope[2]},
		append([]canon.Member{method}, envelope...),
		{method},
	} {
		want, refused := s.Event(s.Document(e, sealed))
		got, err := room.Event(s, e, sealed)
		if fmt.Sprint(err) != fmt.Sprint(refused) {
			t.Errorf("%v, want %v", err, refused)
		}
		if err == nil && (got.Party != want.Party || string(got.Document().Bytes()) != string(want.Document().Bytes())) {
			t.Errorf("%s, want %s", got.Document().Bytes(), want.Document().Bytes())
		}
	}
}
