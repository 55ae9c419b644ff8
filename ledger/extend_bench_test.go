// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/tree"
)

// BenchmarkExtend derives what follows from batches of entries of new records
// of 100,000 subjects, and makes it the state.
func BenchmarkExtend(b *testing.B) {
	const subjects = 100_000
	hash := func(kind byte, n int) [32]byte {
		return sha256.Sum256(binary.BigEndian.AppendUint64([]byte{kind}, uint64(n)))
	}
	for _, batch := range []int{1, 256, 1024} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			s := &state{head: store.Head{IndexRoot: -1}}
			next := 0
			leaves, payloads := make([]leaf, batch), make([][]byte, batch)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				b.StopTimer()
				chains := map[[32]byte]chain{}
				for i := range leaves {
					e := &record.Entry{
						Capture: record.Live, Event: hash('e', next), Open: canon.Map(), Schema: hash('s', 0), Sealed: hash('d', next),
						Recorded: time.UnixMilli(int64(next)).UTC(), Submitter: "core", Term: hash('t', next*7919%subjects),
						Time: "2026-01-05T08:00:03.387Z", Type: "org.lendlog.payment.received.v1",
					}
					c, ok := chains[e.Term]
					if !ok {
						c = s.chain(e.Term)
					}
					e.Seq, e.Prev = c.count+1, c.last
					leaves[i] = leaf{record.Leaf{Entry: e}, e.Bytes()}
					chains[e.Term] = chain{e.Seq, tree.LeafHash(leaves[i].bytes)}
					next++
				}
				b.StartTimer()
				x, err := s.extend(leaves, payloads)
				if err != nil {
					b.Fatal(err)
				}
				s.adopt(x)
			}
			b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
