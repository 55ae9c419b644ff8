// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/debug"
	runtimemetrics "runtime/metrics"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/record"
)

// memoryBound is what all clients together can make a server hold, however
// they behave, beyond what it holds without them. docs/operators.md gives it.
const memoryBound = 1536 << 20

// largest is an event of id n, all of one subject, that takes about as much
// memory as one can: as many values as its schema lets through.
func largest(n int) string {
	const amount = `{"amount":"1","currency":"EUR"}`
	payment := `{"dueDate":"2026-01-01","principal":` + amount + `,"interest":` + amount + `,"fees":` + amount + `}`
	return fmt.Sprintf(`{"specversion":"1.0","id":"c-%d","source":"urn:lender:origination","type":"org.lendlog.contract.signed.v1",`+
		`"subject":"file/A-1","time":"2026-02-03T09:30:00Z","data":{"contractId":"C-1","principal":%s,"schedule":[%s%s]}}`,
		n, amount, strings.Repeat(payment+",", 599), payment)
}

// What each sort of hostile client makes the server hold, measured, times how
// many of them there may be. The sum is what an operator has to have.
func TestMemoryIsBounded(t *testing.T) {
	s := attacked(t, func(l *limits) { l.header, l.request, l.answer = time.Hour, time.Hour, time.Hour })
	for n := range 100 {
		s.ledger.Submit(ledgertest.Event{Document: []byte(largest(n)), Submitter: anonymous})
	}
	sum := int64(0)
	account := func(sort string, each, most int64) {
		t.Logf("%-12s %3d x %6d KiB = %4d MiB", sort, most, each>>10, each*most>>20)
		sum += each * most
	}
	// holding tells what is held once that is as much as the attack is for.
	holding := func(attack string, base, least int64) int64 {
		ledgertest.Until(t, "the attack of "+attack, func() bool { return held()-base >= least })
		return max(least, settled()-base)
	}

	// A timeline of large records whose reader stops at its beginning.
	base := settled()
	gone := func() { // but for the one that s keeps
		ledgertest.Until(t, "that the clients have gone", func() bool { return s.crowd.n.Load() <= 1 })
	}
	var peers []*peer
	for range 4 {
		p := s.peer()
		_ = p.SetReadBuffer(4096)
		p.send("GET /v1/subjects/file/A-1?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if _, err := p.lines.Peek(1); err != nil {
			t.Fatal(err)
		}
		peers = append(peers, p)
	}
	account("reads", holding("reads", base, 0)/4, defaultLimits.reads)
	for _, p := range peers {
		_ = p.Close()
	}
	gone()

	// Followers who stop reading.
	base = settled()
	peers = peers[:0]
	for range 4 {
		p := s.peer()
		_ = p.SetReadBuffer(4096)
		p.send(fmt.Sprintf("GET /v1/events?from=%d HTTP/1.1\r\nHost: localhost\r\n\r\n", s.ledger.Head().Size-100))
		if _, err := p.lines.Peek(1); err != nil {
			t.Fatal(err)
		}
		peers = append(peers, p)
	}
	account("followers", holding("followers", base, 0)/4, defaultLimits.followers)
	for _, p := range peers {
		_ = p.Close()
	}
	gone()

	// A connection with all the headers that it may send, and with an event
	// but for its last byte.
	base = settled()
	var flood strings.Builder
	for i := 0; flood.Len() < maxHeader-4096-300; i++ {
		fmt.Fprintf(&flood, "%x:\r\n", i)
	}
	peers = peers[:0]
	for range 32 {
		p := s.peer()
		p.send(fmt.Sprintf("POST /v1/records HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\n%sContent-Length: %d\r\n\r\n%s",
			typeEvent, flood.String(), record.MaxEvent, strings.Repeat(" ", record.MaxEvent-1)))
		peers = append(peers, p)
	}
	account("connections", holding("connections", base, 32*record.MaxEvent)/32, int64(defaultLimits.conns))
	for _, p := range peers {
		_ = p.Close()
	}
	gone()

	// Batches and documents to verify with as many values as may be.
	each := map[string]int64{}
	for path, bodies := range map[string][]string{
		"/v1/verify": {
			"[" + strings.Repeat("0,", 8<<20-2) + "0]",
			`{"v":"lendlog-evidence/1","checkpoint":"","genesis":{"entry":"","proof":[]},"records":[],"schemas":["` + strings.Repeat(`","`, 500_000) + `"]}`,
		},
		"/v1/records": {
			"[" + strings.Repeat("["+strings.Repeat("0,", 100_000)+"0],", 20) + "0]",
			"[" + strings.Repeat(largest(0)+",", 60) + "0]",
		},
	} {
		media := map[string]string{"/v1/verify": typeJSON, "/v1/records": typeBatch}[path]
		for _, body := range bodies {
			each[path] = max(each[path], peak(func() {
				p := s.peer()
				go p.send(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", path, media, len(body), body))
				resp, err := http.ReadResponse(p.lines, nil)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = p.Close()
			}))
		}
	}
	account("bulk", each["/v1/records"], defaultLimits.bulk)
	account("documents", each["/v1/verify"], defaultLimits.documents)

	// An event with as many values; while it is read, its lists are there twice.
	base = settled()
	var parsed []canon.Value
	for range 8 {
		v, err := canon.Parse([]byte("["+strings.Repeat("0,", record.MaxValues-2)+"0]"), canon.Limits{Values: record.MaxValues})
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, v)
	}
	one := 9 * (settled() - base) / 4 / int64(len(parsed))
	runtime.KeepAlive(parsed)
	account("events", one+record.MaxEvent, defaultLimits.events)

	// A stream full of events whose answers nobody takes. It comes last, because
	// Badger's tables in memory grow with what it records.
	base = settled()
	var stream sync.WaitGroup
	var read atomic.Int64
	release := make(chan struct{})
	stream.Go(func() {
		number := int64(0)
		if err := s.pipe(t.Context(), &call{open: true}, func() (line, error) {
			select {
			case <-release:
				return line{}, io.EOF
			default:
				number = read.Add(1)
				return line{number: number, text: []byte(largest(1000 + int(number)))}, nil
			}
		}, func(outcome, bool) error { <-release; return nil }); err != nil {
			t.Error(err)
		}
	})
	full := inFlightBytes / weigh([]byte(largest(1)))
	ledgertest.Until(t, "that the stream is full", func() bool { return read.Load() >= full })
	account("streams", holding("streams", base, full*int64(len(largest(1))))+2*maxLine, defaultLimits.streams)
	close(release)
	stream.Wait()

	if sum > memoryBound {
		t.Errorf("clients can make the server hold %d MiB, want at most %d", sum>>20, memoryBound>>20)
	}
}

// settled is what is held once nothing is about to be let go.
func settled() int64 {
	least := held()
	for range 10 {
		time.Sleep(10 * time.Millisecond)
		least = min(least, held())
	}
	return least
}

// peak is what f makes live at most, as often as the garbage collector can tell.
func peak(f func()) int64 {
	defer debug.SetGCPercent(debug.SetGCPercent(25))
	runtime.GC()
	live := func() int64 {
		sample := []runtimemetrics.Sample{{Name: "/gc/heap/live:bytes"}}
		runtimemetrics.Read(sample)
		return int64(sample[0].Value.Uint64())
	}
	base := live()
	most, done := base, make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		for {
			most = max(most, live())
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	f()
	close(done)
	watching.Wait()
	return most - base
}
