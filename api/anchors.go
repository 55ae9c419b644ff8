// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lendlog/lendlog/ledger/anchor"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

// targetDoc is how anchoring in a place goes.
type targetDoc struct {
	Name      string         `json:"name"`
	Kind      string         `json:"kind"`
	Testnet   bool           `json:"testnet"`
	State     string         `json:"state"`
	Size      int64          `json:"size"`
	Final     int64          `json:"final"`
	FinalTime string         `json:"finalTime,omitempty"`
	Waiting   string         `json:"waiting,omitempty"`
	Stale     bool           `json:"stale"`
	Degraded  string         `json:"degraded,omitempty"`
	Failing   string         `json:"failing,omitempty"`
	Alarms    []string       `json:"alarms"`
	Details   map[string]any `json:"details"`
}

// TargetDocument returns the JSON form of a status, as GET /v1/anchors has it.
func TargetDocument(s anchor.PlaceStatus) any {
	moment := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format(record.TimeLayout)
	}
	d := targetDoc{
		Name: s.Name, Kind: s.Kind, Testnet: s.Testnet, State: s.State, Size: s.Size,
		Final: s.Final, FinalTime: moment(s.FinalTime), Waiting: moment(s.Waiting), Stale: s.Stale,
		Degraded: s.Degraded, Failing: s.Failing, Alarms: s.Alarms, Details: s.Details,
	}
	if d.Alarms == nil {
		d.Alarms = []string{}
	}
	if d.Details == nil {
		d.Details = map[string]any{}
	}
	return d
}

// maxAnchorCall bounds what is posted.
const maxAnchorCall = 1024

// listAnchors answers GET /v1/anchors with how anchoring goes.
func (s *Server) listAnchors(c *call) error {
	return s.targets(c, http.StatusOK)
}

func (s *Server) targets(c *call, status int) error {
	docs := []any{}
	if s.conf.Anchors != nil {
		for _, p := range s.conf.Anchors.Status() {
			docs = append(docs, TargetDocument(p))
		}
	}
	return c.json(status, struct {
		Targets []any `json:"targets"`
	}{docs})
}

// How many anchors of the archive are listed at a time, and bytes of them, but for
// the last one.
const (
	archivedPage  = 100
	archivedMax   = 1000
	archivedBytes = 1 << 20
)

// listArchivedAnchors answers GET /v1/anchors/archive with anchors as evidence
// carries them.
func (s *Server) listArchivedAnchors(c *call) error {
	p, err := c.archivePage(archivedPage, archivedMax)
	if err != nil {
		return err
	}
	count := s.ledger.AnchoredCount()
	at, step := int(min(p.from, math.MaxInt32)), 1
	if p.back {
		at, step = int(min(p.before, int64(count)))-1, -1
	}
	docs, bytes := []json.RawMessage{}, 0
	for ; at >= 0 && at < count && len(docs) < p.limit && bytes < archivedBytes; at += step {
		page, next := s.ledger.AnchoredPage(at, 1)
		if len(page) == 0 || next != at+1 { // it is altered
			continue
		}
		docs = append(docs, page[0].Value().Bytes())
		bytes += len(docs[len(docs)-1])
	}
	var more *int
	switch rest := at + 1; {
	case p.back && rest > 0:
		more = &rest
	case !p.back && at < count:
		more = &at
	}
	return c.json(http.StatusOK, struct {
		Anchors []json.RawMessage `json:"anchors"`
		Next    *int              `json:"next,omitempty"`
	}{docs, more})
}

// anchorNow answers POST /v1/anchors/now: the newest checkpoint is anchored
// without waiting until it is due. It answers before that is done.
func (s *Server) anchorNow(c *call) error {
	return s.anchorCall(c, (*anchor.Group).Now)
}

// resumeAnchors answers POST /v1/anchors/resume: what stopped a target is taken as
// settled.
func (s *Server) resumeAnchors(c *call) error {
	return s.anchorCall(c, (*anchor.Group).Resume)
}

func (s *Server) anchorCall(c *call, do func(*anchor.Group, string) error) error {
	media, err := c.media(typeJSON)
	if err != nil {
		return err
	}
	if media != typeJSON {
		return unsupported("the name of a target is JSON", typeJSON)
	}
	body, err := c.body(maxAnchorCall)
	if err != nil {
		return err
	}
	v, err := canon.Parse(body, canon.Limits{})
	if err != nil {
		return unreadable("", err)
	}
	name, named := v.Get("target")
	if v.Kind != canon.Object || len(v.Members) > 1 || len(v.Members) == 1 && !named || named && name.Kind != canon.String {
		return faultf(kindUnreadable, `name a target, such as {"target": "hoodi"}, or write {} for all of them`)
	}
	if s.conf.Anchors == nil {
		return faultf(kindNotFound, "this server anchors nowhere; it is started with lendlog serve --anchors FILE")
	}
	if err := do(s.conf.Anchors, name.Str); errors.Is(err, anchor.ErrNoTarget) {
		return faultf(kindNotFound, "the server anchors in no target of that name; GET /v1/anchors lists them")
	} else if err != nil {
		return err
	}
	return s.targets(c, http.StatusAccepted)
}

// anchoring shows how anchoring goes.
type anchoring struct {
	group *anchor.Group

	info, records, at, waiting, stale *prometheus.Desc
	anchors, blocks, failures         *prometheus.Desc
	failing, degraded, alarms, detail *prometheus.Desc
}

func newAnchoring(g *anchor.Group) *anchoring {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, append([]string{"target"}, labels...), nil)
	}
	return &anchoring{
		group:    g,
		info:     desc("lendlog_anchor_info", "A place where checkpoints are anchored; always 1.", "kind", "testnet"),
		records:  desc("lendlog_anchored_records", "Leaves under the newest checkpoint that has a final anchor there."),
		at:       desc("lendlog_anchored_timestamp_seconds", "When that was anchored, by the clock of the place; 0 before there is one."),
		waiting:  desc("lendlog_anchor_waiting_seconds", "How long the oldest record has been waiting that no final anchor there covers; 0 when there is none."),
		stale:    desc("lendlog_anchor_stale", "1 while it waits for longer than the operator said; 0 while it does not."),
		anchors:  desc("lendlog_anchors_total", "Anchors that became final, were archived and recorded, since the start."),
		blocks:   desc("lendlog_anchor_blocks_total", "Blocks of the chain that were recorded, since the start."),
		failures: desc("lendlog_anchor_failures_total", "Attempts that failed, since the start."),
		failing:  desc("lendlog_anchor_failing", "1 when the last attempt failed."),
		degraded: desc("lendlog_anchor_degraded", "1 while something keeps anchors from being made or from becoming final; GET /v1/anchors says what."),
		alarms:   desc("lendlog_anchor_alarms", "Contradictions that an operator has to look into; GET /v1/anchors says which."),
		detail:   desc("lendlog_anchor_detail", "Further figures of a place, by name.", "name"),
	}
}

// Describe implements [prometheus.Collector].
func (a *anchoring) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{a.info, a.records, a.at, a.waiting, a.stale, a.anchors, a.blocks, a.failures, a.failing, a.degraded, a.alarms, a.detail} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (a *anchoring) Collect(ch chan<- prometheus.Metric) {
	for _, s := range a.group.Status() {
		send := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(d, kind, v, append([]string{s.Name}, labels...)...)
		}
		testnet := "false"
		if s.Testnet {
			testnet = "true"
		}
		var at, waiting float64
		if !s.FinalTime.IsZero() {
			at = float64(s.FinalTime.Unix())
		}
		if !s.Waiting.IsZero() {
			waiting = time.Since(s.Waiting).Seconds()
		}
		send(a.info, prometheus.GaugeValue, 1, s.Kind, testnet)
		send(a.records, prometheus.GaugeValue, float64(s.Final))
		send(a.at, prometheus.GaugeValue, at)
		send(a.waiting, prometheus.GaugeValue, waiting)
		send(a.stale, prometheus.GaugeValue, flag(s.Stale))
		send(a.anchors, prometheus.CounterValue, float64(s.Anchors))
		send(a.blocks, prometheus.CounterValue, float64(s.Blocks))
		send(a.failures, prometheus.CounterValue, float64(s.Failures))
		send(a.failing, prometheus.GaugeValue, flag(s.Failing != ""))
		send(a.degraded, prometheus.GaugeValue, flag(s.Degraded != ""))
		send(a.alarms, prometheus.GaugeValue, float64(len(s.Alarms)))
		for name, v := range s.Details {
			if n, ok := number(v); ok {
				send(a.detail, prometheus.GaugeValue, n, name)
			}
		}
	}
}

// number returns a figure of a status, where it is one.
func number(v any) (float64, bool) {
	switch n := v.(type) {
	case int:
		return float64(n), true
	case int64:
		return float64(n), true
	case uint64:
		return float64(n), true
	case float64:
		return n, true
	case bool:
		return flag(n), true
	}
	return 0, false
}
