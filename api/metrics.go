// SPDX-License-Identifier: Apache-2.0

package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lendlog/lendlog/ledger"
)

// metrics are what /metrics shows of one server. No label holds anything that
// a client chose: routes and statuses come from this package's own tables.
type metrics struct {
	requests  *prometheus.HistogramVec // by route and status
	appends   prometheus.Histogram
	events    *prometheus.CounterVec // by outcome
	streams   prometheus.Gauge
	followers prometheus.Gauge
	show      http.Handler
}

// The outcomes of an event. Each is shown from the start, at zero.
const (
	outcomeAccepted = "accepted"
	outcomeRepeated = "repeated"
	outcomeRefused  = "refused"  // it is not one that can be recorded
	outcomeConflict = "conflict" // another content under a known identity
	outcomeFailed   = "failed"   // no fault of the event; sending it again is right
)

func newMetrics(conf Config) *metrics {
	m := &metrics{
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "lendlog_http_request_seconds",
			Help:    "How long requests took, streams to their end, by route and status.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
		}, []string{"route", "status"}),
		appends: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "lendlog_append_seconds",
			Help:    "How long an event took from being queued to being durable and published.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lendlog_events_total",
			Help: "Submitted events by what became of them.",
		}, []string{"outcome"}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "lendlog_streams",
			Help: "Streams of events that are open now.",
		}),
		followers: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "lendlog_followers",
			Help: "Clients that follow what is published now.",
		}),
		show: promhttp.HandlerFor(conf.Registry, promhttp.HandlerOpts{}),
	}
	for _, o := range []string{outcomeAccepted, outcomeRepeated, outcomeRefused, outcomeConflict, outcomeFailed} {
		m.events.WithLabelValues(o)
	}
	return m
}

// register registers the metrics. It fails when one of them is registered already.
func (m *metrics) register(conf Config) error {
	l := conf.Ledger
	gauge := func(name, help string, read func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read)
	}
	for _, c := range []prometheus.Collector{
		m.requests, m.appends, m.events, m.streams, m.followers,
		gauge("lendlog_records", "Leaves of the ledger under its newest checkpoint.", func() float64 {
			return float64(l.Head().Size)
		}),
		gauge("lendlog_last_record_timestamp_seconds", "When the newest record was recorded, by the ledger's clock.", func() float64 {
			return float64(l.Head().Recorded.UnixMilli()) / 1000
		}),
		gauge("lendlog_last_record_age_seconds", "Time since the newest record was recorded.", func() float64 {
			return time.Since(l.Head().Recorded).Seconds()
		}),
		gauge("lendlog_writable", "1 while the ledger takes events, 0 while it does not.", func() float64 {
			return flag(l.Writable() == nil)
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "lendlog_build_info", Help: "The version of the program; always 1.",
			ConstLabels: prometheus.Labels{"version": conf.Version},
		}, func() float64 { return 1 }),
	} {
		if err := conf.Registry.Register(c); err != nil {
			return err
		}
	}
	if conf.Witnesses != nil {
		if err := conf.Registry.Register(newWitnessing(conf.Witnesses)); err != nil {
			return err
		}
	}
	if conf.Anchors != nil {
		if err := conf.Registry.Register(newAnchoring(conf.Anchors)); err != nil {
			return err
		}
	}
	if conf.Audits != nil {
		for _, c := range conf.Audits.Metrics() {
			if err := conf.Registry.Register(c); err != nil {
				return err
			}
		}
	}
	return nil
}

// count counts what became of an event.
func (m *metrics) count(result *ledger.Result, err error) {
	m.events.WithLabelValues(outcomeOf(result, err)).Inc()
}

func outcomeOf(result *ledger.Result, err error) string {
	var conflict *ledger.ConflictError
	switch {
	case err == nil && result.Repeated:
		return outcomeRepeated
	case err == nil:
		return outcomeAccepted
	case errors.As(err, &conflict):
		return outcomeConflict
	case problemOf(err).Status < http.StatusInternalServerError && !isGone(err):
		return outcomeRefused
	}
	return outcomeFailed
}

// serveMetrics answers GET /metrics.
func (s *Server) serveMetrics(c *call) error {
	s.metrics.show.ServeHTTP(c.Writer, c.Request)
	return nil
}
