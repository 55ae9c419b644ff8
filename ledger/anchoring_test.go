// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

// Anchors and blocks are recorded once, with what is known of them, and are no
// reason for another anchor.
func TestRecordAnchor(t *testing.T) {
	l := ledgertest.New(t)
	h, err := l.IndexedHead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first, at, err := l.NextToAnchor(t.Context(), 0)
	if err != nil || first != 0 || at.IsZero() {
		t.Errorf("the first record that is worth an anchor is %d of %v: %v", first, at, err)
	}
	time0 := time.Date(2026, 11, 30, 5, 0, 12, 0, time.FixedZone("", 3600))
	onChain := ledger.AnchorRecord{
		Target: "hoodi", ID: "0xabc", Size: h.Size, Root: h.Root, At: time0, Testnet: true, Contract: [20]byte{0xc5, 19: 1},
		Block: &ledger.ChainBlock{Chain: 560048, Number: 1700421, Hash: [32]byte{0x9b, 31: 2}},
	}
	stamped := ledger.AnchorRecord{Target: "stamps", ID: "1", Size: h.Size, Root: h.Root, At: time0, Stamps: [][32]byte{{1}, {2}}}
	block := ledger.BlockRecord{Target: "hoodi", ChainBlock: ledger.ChainBlock{Chain: 560048, Number: 1700400, Hash: [32]byte{3}}, At: time0}
	for _, tt := range []struct {
		name, subject string
		record        func() (int64, error)
		want          string
	}{
		{"an anchor on a chain", "ledger/anchors", func() (int64, error) { return l.RecordAnchor(t.Context(), onChain) },
			`"at":"2026-11-30T04:00:12.000Z","block":1700421,"blockHash":"0x9b00000000000000000000000000000000000000000000000000000000000002","chain":560048,"contract":"0xc500000000000000000000000000000000000001"`},
		{"time stamps", "ledger/anchors", func() (int64, error) { return l.RecordAnchor(t.Context(), stamped) },
			`"stamps":["AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="],"target":"stamps"}`},
		{"a block", "ledger/chains", func() (int64, error) { return l.RecordBlock(t.Context(), block) },
			`{"at":"2026-11-30T04:00:12.000Z","block":1700400,"blockHash":"0x0300000000000000000000000000000000000000000000000000000000000000","chain":560048,"target":"hoodi"}`},
	} {
		index, err := tt.record()
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		size := l.Head().Size
		if again, err := tt.record(); err != nil || again != index || l.Head().Size != size {
			t.Errorf("%s is recorded in %d, and again in %d: %v", tt.name, index, again, err)
		}
		r, err := l.Record(t.Context(), index)
		if err != nil {
			t.Fatal(err)
		}
		if open := string(r.Leaf.Entry.Open.Bytes()); !strings.Contains(open, tt.want) || !strings.Contains(string(r.Document()), tt.subject) {
			t.Errorf("%s: the record shows %s", tt.name, open)
		}
	}
	// What was recorded of them is no reason for another anchor; an event is.
	size := l.Head().Size
	if next, _, err := l.NextToAnchor(t.Context(), h.Size); err != nil || next != size {
		t.Errorf("after records of anchors and blocks %d is worth one: %v", next, err)
	}
	l.Submit(ledgertest.NewEvents(1).Take(1)...)
	next, recorded, err := l.NextToAnchor(t.Context(), h.Size)
	if r, rerr := l.Record(t.Context(), size); err != nil || rerr != nil || next != size || !recorded.Equal(r.Leaf.Entry.Recorded) {
		t.Errorf("record %d of %v is worth an anchor: %v, %v", next, recorded, err, rerr)
	}
	// Nothing of it may be submitted.
	for _, ev := range []string{
		`{"specversion":"1.0","id":"1","source":"urn:test","type":"org.lendlog.anchor.final.v1","subject":"ledger/anchors","time":"2026-01-01T00:00:00Z","data":{"target":"x","size":1,"root":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","at":"2026-01-01T00:00:00Z"}}`,
		`{"specversion":"1.0","id":"1","source":"urn:test","type":"org.lendlog.access.occurred.v1","subject":"ledger/chains","time":"2026-01-01T00:00:00Z","data":{"actorKind":"system","purpose":"servicing","count":1}}`,
		`{"specversion":"1.0","id":"1","source":"urn:test","type":"org.lendlog.access.occurred.v1","subject":"ledger/anchors","time":"2026-01-01T00:00:00Z","data":{"actorKind":"system","purpose":"servicing","count":1}}`,
	} {
		parsed, err := record.ParseEvent([]byte(ev), l.Catalogue())
		if err == nil {
			_, err = l.Append(t.Context(), parsed, "test")
		}
		if err == nil || errors.Is(err, ledger.ErrStopped) {
			t.Errorf("it takes %s: %v", ev, err)
		}
	}
	ledgertest.Check(t, l.Stopped())
}

// While appends wait for witnesses no anchor is recorded, and an error says so.
func TestRecordAnchorWaits(t *testing.T) {
	l := ledgertest.New(t)
	l.Hold(ledger.ErrUnwitnessed)
	a := ledger.AnchorRecord{Target: "stamps", ID: "1", Size: 1, Root: tree.EmptyRoot, At: time.Now(), Stamps: [][32]byte{{1}}}
	if _, err := l.RecordAnchor(t.Context(), a); !errors.Is(err, ledger.ErrUnwitnessed) {
		t.Errorf("it says %v", err)
	}
	l.Release()
	if _, err := l.RecordAnchor(t.Context(), a); err != nil {
		t.Error(err)
	}
	ledgertest.Check(t, l.Stopped())
}
