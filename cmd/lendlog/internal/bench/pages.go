// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lendlog/lendlog/ledger/lifecycle"
)

const (
	pageVisits = 40                    // of each page that is measured, or fewer of a small ledger
	pageLimit  = 200                   // milliseconds, of the slowest
	countWait  = 24 * time.Hour        // for the server to count its ledger
	countPause = 50 * time.Millisecond // between two looks whether it has
	sampleSize = 16                    // records that are asked about
)

// measureConsole measures the pages of the console over a book of whole credit
// files, served by a process of its own, once it has counted the ledger.
func (b *bench) measureConsole() error {
	book, err := lifecycle.New(lifecycle.Config{Loans: int(b.Records), Seed: b.Seed, Window: bookWindow})
	if err != nil {
		return err
	}
	dir, err := b.create("console")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(b.dir, "console.ndjson")
	defer os.Remove(name)
	if err := b.writeEvents(name, documents(book), b.Records); err != nil {
		return err
	}
	fill, err := b.serve(dir)
	if err != nil {
		return err
	}
	err = sendStream(b.ctx, fill.address, name, b.Records, new(latencies), new(progressed).report(func(n int64) { b.Progress("filling a ledger", n, b.Records) }))
	if err := errors.Join(err, fill.stop()); err != nil {
		return fmt.Errorf("couldn't fill a ledger: %w", err)
	}
	s, err := b.serve(dir)
	if err != nil {
		return err
	}
	v := &visitor{base: "http://" + s.address, server: s, rng: rand.New(rand.NewPCG(b.Seed, 4))}
	err = b.visit(v)
	return errors.Join(err, s.stop())
}

// report calls a function with the sum of what it is told.
func (p *progressed) report(to func(sum int64)) func(int64) {
	return func(n int64) { to(p.add(n)) }
}

// visit measures the count and then each page.
func (b *bench) visit(v *visitor) error {
	counted := Result{Path: "console-count", What: "reading the ledger once after a start, for statistics, obligations and findings"}
	begun := time.Now()
	for ready := false; !ready; {
		var err error
		if ready, err = v.counted(b.ctx, b.Progress); err != nil {
			return err
		}
		if time.Since(begun) > countWait {
			return errors.New("the server doesn't come to the end of counting its ledger")
		}
		if err := pause(b.ctx, countPause); err != nil {
			return err
		}
	}
	counted.over(v.size, time.Since(begun))
	counted.CPU = micros(processCPU(v.server.cmd.Process.Pid)-v.server.cpu) / float64(v.size)
	counted.Memory = v.server.peak()
	b.add("console", counted)
	for range sampleSize {
		if err := v.sample(b.ctx); err != nil {
			return fmt.Errorf("couldn't read a record to look for: %w", err)
		}
	}
	visits := int(min(pageVisits, max(4, b.Records/1000)))
	for i, p := range v.pages() {
		// A ledger without keys does not show every page. The first visit also reads what
		// a server keeps.
		switch err := v.get(b.ctx, p, 0); {
		case errors.Is(err, statusError(http.StatusForbidden)):
			continue
		case err != nil:
			return fmt.Errorf("the page %s: %w", p.name, err)
		}
		r := Result{Path: "console: " + p.name, What: "a page of the console, " + p.what}
		var waits latencies
		before := processCPU(v.server.cmd.Process.Pid)
		begun := time.Now()
		for n := range visits {
			asked := time.Now()
			if err := v.get(b.ctx, p, n); err != nil {
				return fmt.Errorf("the page %s: %w", p.name, err)
			}
			waits.add(time.Since(asked))
		}
		r.Records, r.Seconds = v.size, time.Since(begun).Seconds()
		r.Request = millis(processCPU(v.server.cmd.Process.Pid)-before) / float64(visits)
		r.latency(&waits)
		r.want(r.P99 <= pageLimit, "p99 ≤ %d ms", pageLimit)
		b.add("console", r)
		b.Progress("console", int64(i+1), int64(len(v.pages())))
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// A consolePage is a page to measure: where it is, by a sample of a record, or what is
// typed into the box of the search.
type consolePage struct {
	name, what string
	path       func(s *sampled) string
	typed      func(s *sampled) string
}

// sampled is a record that pages are asked about.
type sampled struct {
	index                    int64
	id, subject, party, hash string
}

func at(path string) func(*sampled) string { return func(*sampled) string { return path } }

// A visitor asks for pages, as a browser does.
type visitor struct {
	base    string
	server  *server
	rng     *rand.Rand
	size    int64
	samples []*sampled
}

func (v *visitor) pages() []consolePage {
	subject := func(s *sampled) string {
		kind, id, _ := strings.Cut(s.subject, "/")
		return "subjects/" + url.PathEscape(kind) + "/" + url.PathEscape(id)
	}
	filter := func(f string) func(*sampled) string { return at("search?filter=" + url.QueryEscape(f)) }
	return []consolePage{
		{name: "home", what: "where it sends a visitor", path: at("")},
		{name: "search", what: "the newest records and examples", path: at("search")},
		{name: "search type", what: "50 records of a common type", path: filter("type=decision.made")},
		{name: "search none", what: "a search that finds nothing", path: filter("reasonCodes=nobody-has-this")},
		{name: "search export", what: "not the records, but their beginning as CSV", path: at("search/export?filter=" + url.QueryEscape("type=complaint.opened index<2000"))},
		{name: "lookup index", what: "a record by its index", typed: func(s *sampled) string { return fmt.Sprint(s.index) }},
		{name: "lookup hash", what: "a record by the hash of its leaf", typed: func(s *sampled) string { return s.hash }},
		{name: "lookup id", what: "a record by the id of its event", typed: func(s *sampled) string { return s.id }},
		{name: "lookup subject", what: "a subject by its id without its kind", typed: func(s *sampled) string { _, id, _ := strings.Cut(s.subject, "/"); return id }},
		{name: "lookup party", what: "the records of a person, by a filter", typed: func(s *sampled) string { return `party="` + s.party + `"` }},
		{name: "lookup word", what: "a person by their id alone", typed: func(s *sampled) string { return s.party }},
		{name: "record", what: "one record, proved", path: func(s *sampled) string { return fmt.Sprintf("records/%d", s.index) }},
		{name: "record evidence", what: "its evidence", path: func(s *sampled) string { return fmt.Sprintf("records/%d/evidence", s.index) }},
		{name: "timeline", what: "the story of a subject, judged", path: subject},
		{name: "timeline evidence", what: "its evidence", path: func(s *sampled) string { return subject(s) + "/evidence" }},
		{name: "reports", what: "all figures", path: at("reports")},
		{name: "reports scope", what: "the figures of a year and a product", path: at("reports?from=2025-01&to=2025-12&product=personal")},
		{name: "reports csv", what: "the numbers of a figure", path: at("reports/decisions")},
		{name: "due", what: "what is owed", path: at("due")},
		{name: "due all", what: "what is owed and was", path: at("due?state=breached&state=open&state=met&state=met-late")},
		{name: "findings", what: "what the rules find", path: at("findings")},
		{name: "looks", what: "who looked", path: at("looks")},
		{name: "examination", what: "files and samples for an examiner", path: at("examination")},
		{name: "admin", what: "grants", path: at("admin")},
		{name: "verify", what: "the verifier", path: at("verify")},
		{name: "verify saved", what: "the verifier to be saved", path: at("verify.html")},
		{name: "health", what: "how the ledger is", path: at("health")},
		{name: "checkpoints", what: "checkpoints", path: at("checkpoints")},
	}
}

// get asks for a page, and follows where it leads.
func (v *visitor) get(ctx context.Context, p consolePage, n int) error {
	s := v.samples[n%len(v.samples)]
	method, at, body := http.MethodGet, "", io.Reader(http.NoBody)
	if p.typed != nil {
		method, at, body = http.MethodPost, "search", strings.NewReader(url.Values{"q": {p.typed(s)}}.Encode())
	} else {
		at = p.path(s)
	}
	_, err := v.ask(ctx, method, "/console/"+at, body)
	return err
}

// ask sends a request, and returns what was answered after it was led elsewhere.
func (v *visitor) ask(ctx context.Context, method, path string, body io.Reader) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, v.base+path, body)
	if err != nil {
		return nil, err
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = statusError(resp.StatusCode)
	}
	return b, err
}

// A statusError is another status than 200.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("the server answered with status %d", int(e)) }

// counted reports whether the server has counted its ledger.
func (v *visitor) counted(ctx context.Context, progress func(string, int64, int64)) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.base+"/v1/stats", http.NoBody)
	if err != nil {
		return false, err
	}
	req.Header.Set("Prefer", "wait=0")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	var d struct {
		Size   int64  `json:"size"`
		Detail string `json:"detail"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&d); err != nil {
		return false, err
	}
	var done, total int64
	switch _, err := fmt.Sscanf(d.Detail, "%d of %d records", &done, &total); {
	case resp.StatusCode == http.StatusOK:
		v.size = d.Size
		return true, nil
	case resp.StatusCode != http.StatusServiceUnavailable || err != nil:
		return false, statusError(resp.StatusCode)
	}
	progress("counting", done, total)
	return false, nil
}

// sample takes a random record of somebody's file.
func (v *visitor) sample(ctx context.Context) error {
	for range 1000 {
		index := v.rng.Int64N(v.size)
		b, err := v.ask(ctx, http.MethodGet, fmt.Sprintf("/v1/records/%d", index), http.NoBody)
		if err != nil {
			return err
		}
		var d struct {
			Leaf    []byte `json:"leaf"`
			Members []struct {
				Pointer string          `json:"pointer"`
				Value   json.RawMessage `json:"value"`
			} `json:"members"`
		}
		if err := json.Unmarshal(b, &d); err != nil {
			return err
		}
		r := &sampled{index: index, hash: hex.EncodeToString(d.Leaf)}
		for _, m := range d.Members {
			if to := map[string]*string{"/id": &r.id, "/subject": &r.subject, "/party": &r.party}[m.Pointer]; to != nil && m.Value != nil {
				if err := json.Unmarshal(m.Value, to); err != nil {
					return err
				}
			}
		}
		if strings.HasPrefix(r.subject, "file/") && r.party != "" && r.id != "" {
			v.samples = append(v.samples, r)
			return nil
		}
	}
	return errors.New("there is none of a file")
}

// slowest returns the page with the largest p99, nil where none was measured.
func (r *Report) slowest() (page *Result) {
	for i := range r.Results {
		x := &r.Results[i]
		if strings.HasPrefix(x.Path, "console: ") && (page == nil || x.P99 > page.P99) {
			page = x
		}
	}
	return page
}
