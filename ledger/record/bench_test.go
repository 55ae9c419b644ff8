// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

// payment is an entry of the commonest type.
func payment() *record.Entry {
	return &record.Entry{
		Capture: record.Live, Event: [32]byte{1}, Prev: [32]byte{2}, Schema: [32]byte{3}, Sealed: [32]byte{4}, Term: [32]byte{5},
		Open: canon.Map(
			canon.Member{Name: "jurisdiction", Value: canon.Text("DE-BE")},
			canon.Member{Name: "legalEntity", Value: canon.Text("5493001KJTIIGC8Y1R12")},
		),
		Recorded: time.Date(2026, 1, 5, 8, 0, 4, 120e6, time.UTC), Refs: []int64{123456}, Seq: 17,
		Submitter: "core-banking", Time: "2026-01-05T08:00:03.387Z", Type: "org.lendlog.payment.received.v1",
	}
}

func BenchmarkEntryBytes(b *testing.B) {
	e := payment()
	b.SetBytes(int64(len(e.Bytes())))
	b.ReportAllocs()
	for b.Loop() {
		_ = e.Bytes()
	}
}

func BenchmarkParseLeaf(b *testing.B) {
	entry := payment().Bytes()
	b.SetBytes(int64(len(entry)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := record.ParseLeaf(entry); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseLeafRoom(b *testing.B) {
	entry := payment().Bytes()
	var room record.Room
	b.SetBytes(int64(len(entry)))
	b.ReportAllocs()
	for b.Loop() {
		room.Reset()
		if _, err := room.ParseLeaf(entry); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEvent puts an event of a record together and validates it.
func BenchmarkEvent(b *testing.B) {
	cat, err := record.Builtin()
	if err != nil {
		b.Fatal(err)
	}
	s, _ := cat.Type("org.lendlog.payment.received.v1")
	e := payment()
	sealed := []canon.Member{}
	for _, m := range s.Examples[0].Members {
		if decl, _ := s.Member(m.Name); !decl.Open {
			sealed = append(sealed, canon.Member{Name: "/data/" + m.Name, Value: m.Value})
		}
	}
	for _, name := range []string{"/id", "/party", "/source"} {
		sealed = append(sealed, canon.Member{Name: name, Value: canon.Text("urn:lender:5493001KJTIIGC8Y1R12")})
	}
	sealed = append(sealed, canon.Member{Name: "/subject", Value: canon.Text("file/f-2rqjn839a0l01")})
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Event(s.Document(e, sealed)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("room", func(b *testing.B) {
		var room record.Room
		b.ReportAllocs()
		for b.Loop() {
			if _, err := room.Event(s, e, sealed); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// Every opening and every command compiles the built-in types.
func BenchmarkBuiltin(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if err := record.CompileBuiltin(); err != nil {
			b.Fatal(err)
		}
	}
}
