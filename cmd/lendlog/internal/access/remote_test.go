// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/api"
	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/rule"
)

// newRemote serves a new ledger. stop ends the server and the ledger.
func newRemote(t *testing.T) (l *ledgertest.Ledger, remote Ledger, url string, stop func()) {
	t.Helper()
	l = ledgertest.New(t)
	s, err := api.New(api.Config{Ledger: l.Ledger})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(srv.Close)
	remote, err = Remote(t.Context(), srv.URL, l.Trust().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return l, remote, srv.URL, func() {
		t.Helper()
		if err := remote.Close(); err != nil {
			t.Error(err)
		}
		srv.Close()
		l.Stop()
	}
}

func generated(n int) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for i, ev := range ledgertest.NewEvents(5).Take(n) {
			if !yield(Event{Number: int64(10 * i), Document: ev.Document}, nil) {
				return
			}
		}
	}
}

// TestRemoteIsLikeLocal wants a ledger to look alike from both sides.
func TestRemoteIsLikeLocal(t *testing.T) {
	l, remote, _, stop := newRemote(t)
	var subjects []string
	n := int64(0)
	for out, err := range remote.Submit(t.Context(), generated(300), SubmitOptions{Proofs: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if out.Event.Number != 10*n {
			t.Fatalf("outcome %d is of event %d", n, out.Event.Number)
		}
		n++
		if out.Refused != nil {
			continue // a conflict
		}
		ev, err := record.ParseEvent(out.Event.Document, l.Catalogue())
		if err != nil {
			t.Fatal(err)
		}
		if r := proof.VerifyReceipt(l.Trust(), out.Receipt, ev); r.Verdict != proof.Valid {
			t.Fatalf("the receipt of record %d is %v", out.Receipt.Index, r.Checks)
		}
		if !slices.Contains(subjects, ev.Subject) {
			subjects = append(subjects, ev.Subject)
		}
	}
	if n != 300 {
		t.Errorf("%d outcomes, want 300", n)
	}
	size := l.Head().Size
	type timeline struct {
		Count   int64
		Records []*Record
		Report  *rule.Report
	}
	findings := 0
	look := func(l Ledger) (records []*Record, timelines []timeline) {
		for i := range size {
			r, err := l.Record(t.Context(), i)
			if err != nil {
				t.Fatal(err)
			}
			r.Proof, r.Checkpoint = nil, "" // the tree has grown since
			records = append(records, r)
		}
		for _, s := range subjects {
			kind, id, _ := strings.Cut(s, "/")
			r, count, err := l.Timeline(t.Context(), kind, id, 1, 1000)
			if err != nil {
				t.Fatal(err)
			}
			report, err := Judge(s, r)
			if err != nil {
				t.Fatal(err)
			}
			timelines = append(timelines, timeline{count, r, report})
			// One record alone is told the same.
			last, err := l.Record(t.Context(), r[count-1].Index)
			if err != nil {
				t.Fatal(err)
			}
			judged, err := JudgeOne(t.Context(), l, last)
			if err != nil || !judged {
				t.Fatalf("record %d was judged: %v, %v", last.Index, judged, err)
			}
			if diff := cmp.Diff(r[count-1].Findings, last.Findings); diff != "" {
				t.Errorf("findings of record %d differ:\n%s", last.Index, diff)
			}
			findings += len(report.Findings)
		}
		e, err := l.Prove(t.Context(), size-1, []string{"/id", "/subject"})
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, &Record{Entry: fmt.Sprintf("%s", e.Records[0].Disclosures)})
		var p *PointerError
		if _, err := l.Prove(t.Context(), size-1, []string{"/data/nosuch"}); !errors.As(err, &p) || p.Pointer != "/data/nosuch" {
			t.Errorf("disclosing what there is not gave %v", err)
		}
		if _, err := l.Record(t.Context(), 1<<40); !errors.Is(err, ErrNotFound) {
			t.Errorf("a record that there is not gave %v", err)
		}
		if _, _, err := l.Timeline(t.Context(), "line", "nosuch", 1, 10); !errors.Is(err, ErrNotFound) {
			t.Errorf("a subject that there is not gave %v", err)
		}
		for out, err := range l.Submit(t.Context(), documents(`{`, `{"specversion":"1.0"}`), SubmitOptions{}) {
			var v record.Violations
			if err != nil || !errors.As(out.Refused, &v) {
				t.Errorf("what is no event gave %v, %v", out.Refused, err)
			}
		}
		return records, timelines
	}
	farRecords, farTimelines := look(remote)
	stop()
	local, err := Local(t.Context(), l.Dir, ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	records, timelines := look(local)
	if findings == 0 {
		t.Error("nothing was found in events that know nothing of each other")
	}
	bySchema := cmp.Comparer(func(a, b *record.Schema) bool { return a == b || a != nil && b != nil && a.Hash == b.Hash })
	if diff := cmp.Diff(records, farRecords, bySchema); diff != "" {
		t.Errorf("records differ (-local +remote):\n%s", diff)
	}
	if diff := cmp.Diff(timelines, farTimelines, bySchema); diff != "" {
		t.Errorf("timelines differ (-local +remote):\n%s", diff)
	}
	if err := local.Close(); err != nil {
		t.Error(err)
	}
}

func documents(all ...string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for _, d := range all {
			if !yield(Event{Document: []byte(d)}, nil) {
				return
			}
		}
	}
}

func TestRemoteSubmitEndsEarly(t *testing.T) {
	_, remote, _, _ := newRemote(t)
	for range remote.Submit(t.Context(), generated(300), SubmitOptions{}) {
		break
	}
	bad := errors.New("the file ends here")
	n := 0
	var last error
	for _, err := range remote.Submit(t.Context(), func(yield func(Event, error) bool) {
		for ev := range payments(5) {
			if !yield(ev, nil) {
				return
			}
		}
		yield(Event{}, bad)
	}, SubmitOptions{}) {
		if last = err; err == nil {
			n++
		}
	}
	if n != 5 || !errors.Is(last, bad) {
		t.Errorf("%d outcomes, then %v", n, last)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range remote.Submit(ctx, payments(5), SubmitOptions{}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}

func TestRemoteErrors(t *testing.T) {
	l, remote, url, stop := newRemote(t)
	other := ledgertest.New(t)
	for _, x := range []struct {
		url   string
		trust []byte
		want  error
	}{
		{url, nil, nil}, // the server's own is believed
		{url, other.Trust().Bytes(), ErrUntrusted},
		{url, []byte("{}"), ErrUsage},
		{"nonsense", nil, ErrUsage},
	} {
		r, err := Remote(t.Context(), x.url, x.trust)
		if !errors.Is(err, x.want) {
			t.Errorf("%s with %.20s gave %v, want %v", x.url, x.trust, err, x.want)
		}
		if err == nil {
			_ = r.Close()
		}
	}
	var conflict error
	for out, err := range remote.Submit(t.Context(), documents(
		`{"specversion":"1.0","id":"p","source":"urn:test","type":"org.lendlog.payment.received.v1","subject":"line/1","time":"2026-03-01T10:00:00Z","data":{}}`,
		`{"specversion":"1.0","id":"p","source":"urn:test","type":"org.lendlog.payment.received.v1","subject":"line/2","time":"2026-03-01T10:00:00Z","data":{}}`,
	), SubmitOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		conflict = out.Refused
	}
	if conflict == nil || !strings.Contains(conflict.Error(), fmt.Sprintf("record %d", l.Head().Size-2)) {
		t.Errorf("a conflict gave %v", conflict)
	}
	stop()
	_, err := classifiedRecord(t, url)
	if !errors.Is(err, ErrNetwork) {
		t.Errorf("a server that is gone gave %v", err)
	}
	for _, x := range []struct {
		status int
		want   error
	}{{404, ErrNotFound}, {429, ErrNetwork}, {503, ErrNetwork}, {507, ErrNetwork}} {
		if err := classify(&client.Problem{Status: x.status}); !errors.Is(err, x.want) {
			t.Errorf("%d gave %v", x.status, err)
		}
	}
	p := &client.Problem{Status: http.StatusForbidden}
	if err := classify(p); err != error(p) {
		t.Errorf("403 gave %v", err)
	}
}

// classifiedRecord asks a server once.
func classifiedRecord(t *testing.T, url string) (*client.Client, error) {
	t.Helper()
	c, err := client.Dial(t.Context(), url, client.WithRetries(0))
	return c, classify(err)
}
