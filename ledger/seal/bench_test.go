// SPDX-License-Identifier: Apache-2.0

package seal_test

import (
	"testing"

	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
)

// payment is the commonest event there is, about 800 bytes.
const payment = `{"specversion":"1.0","id":"c59bbf1e0b5310fed0f36b9292f26f8e","source":"urn:lender:5493001KJTIIGC8Y1R12:core-0","type":"org.lendlog.payment.received.v1","subject":"file/f-2rqjn839a0l01","party":"party-3vl4nexp86at8","time":"2026-01-05T08:00:03.387Z","causationid":"urn:lender:5493001KJTIIGC8Y1R12:core-0#864412a0b7012300041fcebb59a8f7bf","data":{"paymentId":"P-YQX9377NK6AA","amount":{"amount":"898.09","currency":"EUR"},"principal":{"amount":"808.28","currency":"EUR"},"interest":{"amount":"89.81","currency":"EUR"},"fees":{"amount":"0.00","currency":"EUR"},"balance":{"amount":"32331.27","currency":"EUR"},"valueDate":"2026-06-15","method":"card","period":"2026-04","jurisdiction":"DE-BE","legalEntity":"5493001KJTIIGC8Y1R12"}}`

func paymentEvent(b *testing.B) *record.Event {
	b.Helper()
	cat, err := record.Builtin()
	if err != nil {
		b.Fatal(err)
	}
	ev, err := record.ParseEvent([]byte(payment), cat)
	if err != nil {
		b.Fatal(err)
	}
	return ev
}

// BenchmarkSeal makes the disclosures of an event and the root over them.
func BenchmarkSeal(b *testing.B) {
	ev := paymentEvent(b)
	seeds := map[string]seal.Seed{}
	for _, g := range ev.Schema.Groups() {
		seeds[g.Name] = seal.Seed{1}
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = seal.Small(seal.Disclosures(ev, nil, seeds)).Root()
	}
}

// BenchmarkEncrypt makes one group of a payload of all that an event holds.
func BenchmarkEncrypt(b *testing.B) {
	ev := paymentEvent(b)
	key := seal.PartyKey{ID: 1, Key: seal.NewKey(), Owner: "party:P-1"}
	var payload []byte
	b.SetBytes(int64(len(payment)))
	b.ReportAllocs()
	for b.Loop() {
		payload = seal.AppendGroup(payload[:0], record.GroupParty, key, [32]byte{1}, seal.Seed{1}, ev.Data)
	}
}

// BenchmarkOpen opens such a payload, as who reads one record does, and as who reads
// all of them.
func BenchmarkOpen(b *testing.B) {
	ev := paymentEvent(b)
	key := seal.PartyKey{ID: 1, Key: seal.NewKey(), Owner: "party:P-1"}
	payload := seal.AppendGroup(nil, record.GroupParty, key, [32]byte{1}, seal.Seed{1}, ev.Data)
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			groups, err := seal.ParsePayload(payload)
			if err != nil {
				b.Fatal(err)
			}
			if _, _, err := groups[0].Open(key.Key, [32]byte{1}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("room", func(b *testing.B) {
		var room seal.Room
		b.ReportAllocs()
		for b.Loop() {
			room.Reset()
			groups, err := room.Parse(payload)
			if err != nil {
				b.Fatal(err)
			}
			if _, _, err := room.Open(groups[0], key.Key, [32]byte{1}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkIdentity(b *testing.B) {
	key := seal.NewKey()
	b.ReportAllocs()
	for b.Loop() {
		seal.Identity(key, "urn:lender:5493001KJTIIGC8Y1R12:core-0", "c59bbf1e0b5310fed0f36b9292f26f8e")
	}
}
