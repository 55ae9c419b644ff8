// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/anchor/witness"
)

// How many cosigned checkpoints are listed at a time.
const (
	witnessedPage = 100
	witnessedMax  = 1000
)

// witnessedDoc is a checkpoint with the cosignatures of witnesses.
type witnessedDoc struct {
	Size       int64  `json:"size"`
	Checkpoint string `json:"checkpoint"`
}

// listCheckpoints answers GET /v1/checkpoints with checkpoints of the archive,
// one of each size.
func (s *Server) listCheckpoints(c *call) error {
	p, err := c.archivePage(witnessedPage, witnessedMax)
	if err != nil {
		return err
	}
	next, size := s.ledger.WitnessedAfter, p.from-1
	if p.back {
		next, size = func(size int64) (ledger.WitnessedHead, bool) { return s.ledger.WitnessedBefore(size - 1) }, p.before
	}
	docs := []witnessedDoc{}
	for w, ok := next(size); ok && len(docs) < p.limit; w, ok = next(w.Size) {
		docs = append(docs, witnessedDoc{w.Size, string(w.Note)})
	}
	return c.json(http.StatusOK, struct {
		Checkpoints []witnessedDoc `json:"checkpoints"`
	}{docs})
}

// newestCheckpoint answers GET /v1/checkpoints/newest with the newest
// checkpoint that witnesses cosigned.
func (s *Server) newestCheckpoint(c *call) error {
	w, ok := s.ledger.Witnessed()
	if !ok {
		return faultf(kindNotFound, "no witness has cosigned a checkpoint of this ledger yet; GET /v1/checkpoint is the newest that there is")
	}
	c.bytes(http.StatusOK, typeText, w.Note)
	return nil
}

// logCheckpoint answers GET /log/checkpoint. Readers of C2SP tlog-tiles whose
// policy asks for witnesses get what they need here and nowhere else, so where
// there are witnesses it is the newest checkpoint that a quorum cosigned.
func (s *Server) logCheckpoint(c *call) error {
	if s.conf.Witnesses != nil {
		if signed := s.conf.Witnesses.Newest(); signed != nil {
			c.bytes(http.StatusOK, typeText, signed)
			return nil
		}
	}
	return s.getCheckpoint(c)
}

// An archivePage is a part of an archive: what comes from a number on, or, where
// back is set, what comes before one, the last first.
type archivePage struct {
	from, before int64
	back         bool
	limit        int
}

// archivePage reads the query of a list of an archive.
func (c *call) archivePage(limit, most int64) (p archivePage, err error) {
	if p.from, err = c.number("from", 0, 0); err != nil {
		return p, err
	}
	if _, p.back = c.GetQuery("before"); p.back {
		if _, both := c.GetQuery("from"); both {
			return p, badRequest("the query parameters from and before exclude each other")
		}
		if p.before, err = c.number("before", 0, 0); err != nil {
			return p, err
		}
	}
	n, err := c.number("limit", 1, limit)
	if err == nil && n > most {
		err = badRequest("the query parameter limit is at most %d; read on with from, or before", most)
	}
	p.limit = int(n)
	return p, err
}

// witnessing shows how witnessing goes.
type witnessing struct {
	group *witness.Group

	records, at, age                *prometheus.Desc
	promise, overdue                *prometheus.Desc
	cosignatures, failures, failing *prometheus.Desc
}

func newWitnessing(g *witness.Group) *witnessing {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &witnessing{
		group:        g,
		records:      desc("lendlog_witnessed_records", "Leaves under the newest checkpoint that a quorum of witnesses cosigned."),
		at:           desc("lendlog_witnessed_timestamp_seconds", "When that quorum was complete, by the witnesses' clocks; 0 before there is one."),
		age:          desc("lendlog_witnessed_age_seconds", "Time since then; absent before there is one."),
		promise:      desc("lendlog_witnessed_promise_seconds", "The longest time between two such checkpoints that the genesis record promises."),
		overdue:      desc("lendlog_witnessed_overdue", "1 while the newest is older than promised, or there is none; 0 while it is not."),
		cosignatures: desc("lendlog_witness_cosignatures_total", "Checkpoints that a witness cosigned.", "witness"),
		failures:     desc("lendlog_witness_failures_total", "How often a witness was asked in vain.", "witness"),
		failing:      desc("lendlog_witness_failing", "1 when a witness was asked in vain the last time.", "witness"),
	}
}

// Describe implements [prometheus.Collector].
func (w *witnessing) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{w.records, w.at, w.age, w.promise, w.overdue, w.cosignatures, w.failures, w.failing} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (w *witnessing) Collect(ch chan<- prometheus.Metric) {
	s := w.group.Status()
	send := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, v, labels...)
	}
	at := 0.0
	if !s.At.IsZero() {
		at = float64(s.At.Unix())
		send(w.age, prometheus.GaugeValue, time.Since(s.At).Seconds())
	}
	send(w.records, prometheus.GaugeValue, float64(s.Size))
	send(w.at, prometheus.GaugeValue, at)
	send(w.promise, prometheus.GaugeValue, s.Promise.Seconds())
	send(w.overdue, prometheus.GaugeValue, flag(s.Overdue))
	for _, one := range s.Witnesses {
		send(w.cosignatures, prometheus.CounterValue, float64(one.Cosigned), one.Name)
		send(w.failures, prometheus.CounterValue, float64(one.Failures), one.Name)
		send(w.failing, prometheus.GaugeValue, flag(one.Failing != ""), one.Name)
	}
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
