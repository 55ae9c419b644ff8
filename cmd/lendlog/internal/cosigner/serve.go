// SPDX-License-Identifier: Apache-2.0

package cosigner

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/lendlog/lendlog/ledger/tree"
)

const (
	typeText = "text/plain; charset=utf-8"
	typeJSON = "application/json"
	// maxReading is how many bodies may be read at once, which their senders may
	// do slowly, and maxWaiting how many of those that were read may wait for an
	// answer.
	maxReading = 1024
	maxWaiting = 64
)

// mount makes the routes.
func (w *Witness) mount() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("POST /add-checkpoint", w.addCheckpoint)
	m.HandleFunc("GET /{$}", w.describe)
	m.HandleFunc("GET /view/{origin...}", w.about((*ledger).view))
	m.HandleFunc("GET /cosigned/{origin...}", w.about((*ledger).showArchive))
	m.HandleFunc("GET /refused/{origin...}", w.about((*ledger).showRefused))
	for _, l := range w.ledgers {
		m.HandleFunc("GET /"+id(l.trust.Origin)+"/checkpoint", l.showNewest)
	}
	m.Handle("GET /metrics", promhttp.HandlerFor(w.conf.Registry, promhttp.HandlerOpts{}))
	m.HandleFunc("GET /healthz", w.health)
	return m
}

func (w *Witness) addCheckpoint(rw http.ResponseWriter, r *http.Request) {
	body, ok := []byte(nil), false
	if !within(w.reading, func() { body, ok = readBody(rw, r) }) {
		w.reply(rw, crowded)
		return
	}
	if !ok {
		w.reply(rw, refuse(http.StatusBadRequest, "the body could not be read, or has more than %d KiB", maxRequest>>10))
		return
	}
	a := crowded
	within(w.waiting, func() { a = w.add(r.Context(), body) })
	w.reply(rw, a)
}

var crowded = answer{http.StatusServiceUnavailable, "too many ask at once\n", retryBusy}

// within does something if there is a place for it, and reports whether there
// was.
func within(places chan struct{}, do func()) bool {
	select {
	case places <- struct{}{}:
		defer func() { <-places }()
		do()
		return true
	default:
		return false
	}
}

func readBody(rw http.ResponseWriter, r *http.Request) (body []byte, ok bool) {
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxRequest))
	return body, err == nil
}

func (w *Witness) reply(rw http.ResponseWriter, a answer) {
	w.metrics.requests.WithLabelValues(strconv.Itoa(a.status)).Inc()
	h := rw.Header()
	h.Set("Content-Type", typeText)
	if a.status == http.StatusConflict {
		h.Set("Content-Type", typeSize)
	}
	if a.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(a.retry/time.Second)))
	}
	h.Set("X-Content-Type-Options", "nosniff")
	rw.WriteHeader(a.status)
	_, _ = io.WriteString(rw, a.body)
}

func writeJSON(rw http.ResponseWriter, v any) {
	rw.Header().Set("Content-Type", typeJSON)
	e := json.NewEncoder(rw)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(v)
}

type linkDoc struct {
	Origin   string `json:"origin"`
	View     string `json:"view"`
	Cosigned string `json:"cosigned"`
	Refused  string `json:"refused"`
	Newest   string `json:"newest"`
}

// describe answers GET / with who this is, and where what it saw is.
func (w *Witness) describe(rw http.ResponseWriter, _ *http.Request) {
	links := []linkDoc{}
	for _, l := range w.ledgers {
		o := l.trust.Origin
		links = append(links, linkDoc{o, "/view/" + o, "/cosigned/" + o, "/refused/" + o, "/" + id(o) + "/checkpoint"})
	}
	writeJSON(rw, struct {
		Name    string    `json:"name"`
		Key     string    `json:"key"`
		Submit  string    `json:"submit"`
		Ledgers []linkDoc `json:"ledgers"`
	}{w.key.Name(), w.key.VerifierKey(), "/add-checkpoint", links})
}

// about finds the ledger that a path ends with.
func (w *Witness) about(show func(*ledger, http.ResponseWriter, *http.Request)) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		if l := w.of(r.PathValue("origin")); l != nil {
			show(l, rw, r)
			return
		}
		http.Error(rw, "this witness does not know the ledger", http.StatusNotFound)
	}
}

// A viewDoc is what the witness has seen of a ledger.
type viewDoc struct {
	Origin     string      `json:"origin"`
	Size       int64       `json:"size"`                 // of the newest cosigned checkpoint; 0 before there is one
	Time       string      `json:"time,omitempty"`       // of its cosignature
	Checkpoint string      `json:"checkpoint,omitempty"` // signed and cosigned
	Replayed   replayedDoc `json:"replayed"`
	Replaying  bool        `json:"replaying"` // a checkpoint is being replayed now
	Refused    *refusalNow `json:"refused,omitempty"`
}

// A replayedDoc is how far the log was read and derived again, which may be
// further than what was cosigned.
type replayedDoc struct {
	Leaves   int64  `json:"leaves"`
	Subjects int    `json:"subjects"`
	LastRoot int64  `json:"lastIndexRoot"` // -1 for none
	Map      string `json:"map"`           // base64 of its hash
}

// A refusalNow is the last refusal since the witness was started.
type refusalNow struct {
	Kind string `json:"kind"`
	Size int64  `json:"size"`
	Text string `json:"text"`
}

func (l *ledger) view(rw http.ResponseWriter, _ *http.Request) {
	l.mu.Lock()
	d := viewDoc{
		Origin: l.trust.Origin, Size: l.newest.Size, Checkpoint: string(l.newest.signed), Replaying: l.job != nil,
		Replayed: replayedDoc{l.seen.Size, l.seen.Subjects, l.seen.LastRoot, base64.StdEncoding.EncodeToString(l.seen.Map)},
	}
	if l.newest.signed != nil {
		d.Time = l.newest.at.Format(time.RFC3339)
	}
	if r := l.refused; r != nil {
		d.Refused = &refusalNow{r.Kind, r.Size, r.Text}
	}
	l.mu.Unlock()
	writeJSON(rw, d)
}

// showNewest answers with the newest cosigned checkpoint, where C2SP monitors
// look for it.
func (l *ledger) showNewest(rw http.ResponseWriter, _ *http.Request) {
	l.mu.Lock()
	signed := l.newest.signed
	l.mu.Unlock()
	if signed == nil {
		http.Error(rw, "nothing of this ledger was cosigned yet", http.StatusNotFound)
		return
	}
	rw.Header().Set("Content-Type", typeText)
	_, _ = rw.Write(signed)
}

// showArchive answers with all cosigned checkpoints, the oldest first.
func (l *ledger) showArchive(rw http.ResponseWriter, r *http.Request) {
	f, err := os.Open(filepath.Join(l.dir, archiveFile))
	if err != nil {
		http.Error(rw, "nothing of this ledger was cosigned yet", http.StatusNotFound)
		return
	}
	defer f.Close()
	rw.Header().Set("Content-Type", typeText)
	http.ServeContent(rw, r, "", time.Time{}, f)
}

// showRefused answers with what was refused, and the checkpoints that show it.
func (l *ledger) showRefused(rw http.ResponseWriter, _ *http.Request) {
	type doc struct {
		refusalDoc
		Checkpoint string `json:"checkpoint"`
		Other      string `json:"other,omitempty"`
		Leaf       string `json:"leaf,omitempty"`  // base64 of its bytes
		Proof      string `json:"proof,omitempty"` // C2SP tlog-proof of it
	}
	names, err := l.refusals()
	docs := []doc{}
	for _, name := range names {
		var d doc
		read := func(file string) []byte {
			b, readErr := os.ReadFile(filepath.Join(l.dir, refusedDir, name, file))
			if readErr != nil && !errors.Is(readErr, fs.ErrNotExist) {
				err = errors.Join(err, readErr)
			}
			return b
		}
		if json.Unmarshal(read("refusal.json"), &d.refusalDoc) != nil {
			continue // it was cut off, and is kept again when it is refused again
		}
		d.Checkpoint, d.Other, d.Proof = string(read("checkpoint.txt")), string(read("other.txt")), string(read("leaf.tlog-proof"))
		d.Leaf = base64.StdEncoding.EncodeToString(read("leaf.json"))
		docs = append(docs, d)
	}
	if err != nil {
		http.Error(rw, "what was refused could not be read", http.StatusInternalServerError)
		return
	}
	writeJSON(rw, struct {
		Refused []doc `json:"refused"`
	}{docs})
}

// health answers whether checkpoints can be cosigned, as far as that rests with
// the witness.
func (w *Witness) health(rw http.ResponseWriter, _ *http.Request) {
	for _, l := range w.ledgers {
		l.mu.Lock()
		err := l.broken
		l.mu.Unlock()
		if err != nil {
			http.Error(rw, "the last checkpoint of "+l.trust.Origin+" could not be cosigned; the log says why", http.StatusServiceUnavailable)
			return
		}
	}
	rw.Header().Set("Content-Type", typeText)
	_, _ = io.WriteString(rw, "ok\n")
}

// metrics are what /metrics shows. Their labels come from trust files and from
// this package.
type metrics struct {
	witness  *Witness
	requests *prometheus.CounterVec // by status
	refusals *prometheus.CounterVec // by origin and kind

	cosigned, at, replayed, subjects, replaying *prometheus.Desc
}

func newMetrics(w *Witness) *metrics {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("lendlog_cosigner_"+name, help, []string{"origin"}, nil)
	}
	return &metrics{
		witness:   w,
		requests:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lendlog_cosigner_requests_total", Help: "Requests to cosign a checkpoint, by the status of the answer."}, []string{"status"}),
		refusals:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lendlog_cosigner_refusals_total", Help: "Signed checkpoints that were refused for what they show, by kind: lie, fork, uncovered."}, []string{"origin", "kind"}),
		cosigned:  desc("cosigned_records", "Leaves under the newest checkpoint that was cosigned."),
		at:        desc("cosigned_timestamp_seconds", "When that was; 0 before there is one."),
		replayed:  desc("replayed_records", "Leaves that were read and derived again."),
		subjects:  desc("subjects", "Subjects in the map, each 131 bytes of memory."),
		replaying: desc("replaying", "1 while a checkpoint is replayed."),
	}
}

// Describe implements [prometheus.Collector].
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	m.requests.Describe(ch)
	m.refusals.Describe(ch)
	for _, d := range []*prometheus.Desc{m.cosigned, m.at, m.replayed, m.subjects, m.replaying} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	m.requests.Collect(ch)
	m.refusals.Collect(ch)
	for _, l := range m.witness.ledgers {
		l.mu.Lock()
		newest, seen, busy := l.newest, l.seen, l.job != nil
		l.mu.Unlock()
		send := func(d *prometheus.Desc, v float64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, l.trust.Origin)
		}
		send(m.cosigned, float64(newest.Size))
		if newest.signed != nil {
			send(m.at, float64(newest.at.Unix()))
		} else {
			send(m.at, 0)
		}
		send(m.replayed, float64(seen.Size))
		send(m.subjects, float64(seen.Subjects))
		if busy {
			send(m.replaying, 1)
		} else {
			send(m.replaying, 0)
		}
	}
}

// PolicyLine is the line of the witness in the lender's C2SP tlog-policy.
func PolicyLine(key *tree.CosignKey, url string) string {
	return "witness " + key.Name() + " " + key.VerifierKey() + " " + url
}
