// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

const origin = "ledger.test/engine"

// A house is a ledger in a directory, running while l is not nil.
type house struct {
	t    *testing.T
	dir  string
	opt  ledger.Options
	l    *ledger.Ledger
	stop context.CancelFunc
	done chan error
}

// newHouse makes a ledger and runs it. At the end of the test it is closed
// and audited from bytes.
func newHouse(t *testing.T, o ledger.CreateOptions) *house {
	t.Helper()
	o.Origin = origin
	h := &house{t: t, dir: filepath.Join(t.TempDir(), "ledger")}
	if err := ledger.Create(t.Context(), h.dir, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if h.l != nil {
			if err := h.close(); err != nil {
				t.Error(err)
			}
		}
		ledgertest.Check(t, h.dir)
	})
	h.run()
	return h
}

func (h *house) open() error {
	l, err := ledger.Open(context.Background(), h.dir, h.opt)
	if err == nil {
		h.l = l
	}
	return err
}

func (h *house) start() {
	ctx, stop := context.WithCancel(context.Background())
	h.stop, h.done = stop, make(chan error, 1)
	go func() { h.done <- h.l.Run(ctx) }()
}

func (h *house) run() {
	h.t.Helper()
	if err := h.open(); err != nil {
		h.t.Fatal(err)
	}
	h.start()
}

// close ends the ledger and returns why it ended.
func (h *house) close() error {
	h.stop()
	err := <-h.done
	err = errors.Join(err, h.l.Close())
	h.l = nil
	return err
}

func (h *house) reopen() {
	h.t.Helper()
	if err := h.close(); err != nil {
		h.t.Fatal(err)
	}
	h.run()
}

// begun is the business time of all events, so that the same event can be
// made again.
var begun = time.Now().UTC().Format(time.RFC3339)

// document returns an event as JSON. Members of more replace or add to it; a
// nil one is left out.
func document(typ, subject, id, data string, more map[string]any) []byte {
	doc := map[string]any{
		"specversion": "1.0", "id": id, "source": "urn:test:core", "type": "org.lendlog." + typ + ".v1",
		"subject": subject, "time": begun, "party": "customer-" + subject,
		"data": json.RawMessage(data),
	}
	for k, v := range more {
		if v == nil {
			delete(doc, k)
		} else {
			doc[k] = v
		}
	}
	b, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	return b
}

func (h *house) event(doc []byte) *record.Event {
	h.t.Helper()
	ev, err := record.ParseEvent(doc, h.l.Catalogue())
	if err != nil {
		h.t.Fatal(err)
	}
	return ev
}

// append appends one event that must be accepted.
func (h *house) append(doc []byte) *ledger.Result {
	h.t.Helper()
	r, err := h.l.Append(h.t.Context(), h.event(doc), "key-1")
	if err != nil {
		h.t.Fatal(err)
	}
	h.checkReceipt(doc, r)
	return r
}

// appendAll appends events that must be accepted, some dozens in a commit.
func (h *house) appendAll(docs ...[]byte) (results []*ledger.Result) {
	h.t.Helper()
	for some := range slices.Chunk(docs, 32) {
		var pending []*ledger.Pending
		for _, doc := range some {
			p, err := h.l.Enqueue(h.t.Context(), h.event(doc), "key-1")
			if err != nil {
				h.t.Fatal(err)
			}
			pending = append(pending, p)
		}
		for i, p := range pending {
			r, err := p.Wait(h.t.Context())
			if err != nil {
				h.t.Fatal(err)
			}
			h.checkReceipt(some[i], r)
			results = append(results, r)
		}
	}
	return results
}

// checkReceipt verifies a receipt as its submitter would.
func (h *house) checkReceipt(doc []byte, r *ledger.Result) {
	h.t.Helper()
	rc := *r.Receipt
	if err := h.l.AddProof(h.t.Context(), &rc); err != nil {
		h.t.Fatal(err)
	}
	if report := proof.VerifyReceipt(h.l.Trust(), &rc, h.event(doc)); report.Verdict != proof.Valid {
		h.t.Fatalf("the receipt of record %d: %+v", rc.Index, report.Checks)
	}
}

const decision = `{"outcome": "declined", "decisionMode": "automated", "reasonCodes": ["debt-to-income"],
	"reasons": [{"code": "debt-to-income", "text": "Monthly debt of Marta Beispiel is too high"}]}`

func payment(n int) string {
	return fmt.Sprintf(`{"paymentId": "P-%d", "amount": {"amount": "%d.00", "currency": "EUR"}}`, n, n)
}

func TestCreateAndOpen(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{LateAfter: time.Hour})
	info := h.l.Info()
	if info.Origin != origin || info.LateAfter != time.Hour || len(info.VerifierKeys) != 1 {
		t.Errorf("info: %+v", info)
	}
	b, err := os.ReadFile(filepath.Join(h.dir, "trust.json"))
	if err != nil {
		t.Fatal(err)
	}
	trust, err := proof.ParseTrust(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(trust, h.l.Trust()); diff != "" {
		t.Errorf("trust file (-file +ledger):\n%s", diff)
	}
	r, err := h.l.Record(t.Context(), 0)
	if err != nil || r.Leaf.Entry.Type != record.TypeGenesis || tree.LeafHash(r.Entry) != info.Genesis {
		t.Errorf("record 0: %+v, %v", r, err)
	}
	before := h.l.Head()
	h.reopen()
	if after := h.l.Head(); after.Size != before.Size || after.Root != before.Root {
		t.Errorf("opening and closing grew the ledger from %d to %d", before.Size, after.Size)
	}
}

// A genesis record of a newer format, another ledger or other keys is named
// for what it is.
func TestGenesisOfAnother(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	r, err := h.l.Record(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	if err := h.open(); err != nil {
		t.Fatal(err)
	}
	if err := h.l.TakeParams(r.Entry); err != nil {
		t.Fatal(err)
	}
	key, _ := r.Leaf.Entry.Open.Get("vrfKey")
	for _, tt := range []struct{ old, new, want string }{
		{`"format":"lendlog/1"`, `"format":"lendlog/2"`, `is of format "lendlog/2" and this program knows lendlog/1`},
		{`"origin":"` + origin, `"origin":"another.ledger`, "another"},
		{key.Str, strings.Repeat("A", 42) + "E=", "keys"},
		{`"type":"org.lendlog.genesis.v1"`, `"type":"org.lendlog.genesis.v2"`, "not a genesis record"},
	} {
		entry := bytes.Replace(r.Entry, []byte(tt.old), []byte(tt.new), 1)
		if bytes.Equal(entry, r.Entry) {
			t.Fatalf("the genesis record lacks %s", tt.old)
		}
		if err := h.l.TakeParams(entry); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want an error about %q", tt.new, err, tt.want)
		}
	}
	h.start()
}

// A ledger is created once, and only on purpose.
func TestCreateRefuses(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	if err := ledger.Create(t.Context(), h.dir, ledger.CreateOptions{Origin: origin}); err == nil {
		t.Error("made a ledger over another")
	}
	for _, bad := range []string{"", "with space", "plus+sign", "line\nbreak", strings.Repeat("x", 256)} {
		dir := filepath.Join(t.TempDir(), "l")
		if err := ledger.Create(t.Context(), dir, ledger.CreateOptions{Origin: bad}); err == nil {
			t.Errorf("took the origin %q", bad)
		}
	}
	empty := t.TempDir()
	if _, err := ledger.Open(t.Context(), empty, ledger.Options{}); err == nil || !strings.Contains(err.Error(), "lendlog init") {
		t.Errorf("opened an empty directory: %v", err)
	}
	if names, _ := os.ReadDir(empty); len(names) > 0 {
		t.Error("opening an empty directory left something in it")
	}
}

func TestAppendIsDurableAndProvable(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	var results []*ledger.Result
	var docs [][]byte
	for i := range 40 {
		doc := document("payment.received", fmt.Sprintf("file/A-%d", i%7), fmt.Sprintf("e-%d", i), payment(i), nil)
		docs = append(docs, doc)
		results = append(results, h.append(doc))
	}
	h.reopen()
	for i, r := range results {
		got, err := h.l.Record(t.Context(), r.Receipt.Index)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Entry, r.Receipt.Entry) || got.Leaf.Entry.Seq != int64(i/7+1) {
			t.Fatalf("record %d is not what was acknowledged", r.Receipt.Index)
		}
		if want := h.event(docs[i]).Document().Bytes(); !bytes.Equal(got.Document(), want) {
			t.Fatalf("record %d gives back another event:\n%s\n%s", r.Receipt.Index, got.Document(), want)
		}
		h.checkReceipt(docs[i], r)
	}
}

// Every published checkpoint is consistent with every later one.
func TestHeadsOnlyGrow(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	var heads []ledger.Head
	for i := range 30 {
		heads = append(heads, h.l.Head())
		h.append(document("payment.received", "file/A", fmt.Sprint(i), payment(i), nil))
		if i%10 == 5 {
			h.reopen()
		}
	}
	heads = append(heads, h.l.Head())
	for i, old := range heads {
		for _, newer := range heads[i:] {
			p, err := h.l.ConsistencyProof(t.Context(), old.Size, newer.Size)
			if err != nil {
				t.Fatal(err)
			}
			if err := tree.VerifyConsistency(p, old.Size, newer.Size, old.Root, newer.Root); err != nil {
				t.Fatal(err)
			}
			if newer.Recorded.Before(old.Recorded) {
				t.Fatalf("the clock went back from %v to %v", old.Recorded, newer.Recorded)
			}
		}
	}
}

func TestRepeatIsAnsweredAndNotAppended(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	doc := document("decision.made", "file/A", "1", decision, nil)
	first := h.append(doc)
	for range 2 {
		size := h.l.Head().Size
		again := h.append(doc)
		if !again.Repeated || again.Receipt.Index != first.Receipt.Index || !bytes.Equal(again.Receipt.Entry, first.Receipt.Entry) {
			t.Errorf("a repeat was answered with record %d, repeated %v", again.Receipt.Index, again.Repeated)
		}
		if h.l.Head().Size != size {
			t.Error("a repeat appended something")
		}
		h.reopen()
	}
	// The same source and id in two spellings of one document.
	spelled := bytes.Replace(doc, []byte(`"party"`), []byte(`  "party"`), 1)
	if again := h.append(spelled); !again.Repeated {
		t.Error("white space made another event")
	}
}

func TestConflictIsRefusedAndRecordedOnce(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	first := h.append(document("decision.made", "file/A", "1", decision, nil))
	for i := range 3 {
		other := document("decision.made", "file/A", "1", `{"outcome": "approved"}`, map[string]any{"party": fmt.Sprint("p", i)})
		_, err := h.l.Append(t.Context(), h.event(other), "key-1")
		var conflict *ledger.ConflictError
		if !errors.As(err, &conflict) || conflict.Index != first.Receipt.Index {
			t.Fatalf("got %v, want a conflict with record %d", err, first.Receipt.Index)
		}
	}
	line, err := h.l.Timeline(t.Context(), "ledger", "conflicts", 1, 10)
	if err != nil || line.Count != 1 {
		t.Fatalf("%+v conflicts are recorded, want 1 (%v)", line, err)
	}
	if e := line.Records[0].Leaf.Entry; e.Type != record.TypeConflicted || e.Submitter != "ledger" {
		t.Errorf("the conflict is recorded as %+v", e)
	}
	whole, err := h.l.Timeline(t.Context(), "file", "A", 1, 10)
	if err != nil || whole.Count != 1 {
		t.Errorf("the refused event is in its subject's chain: %+v, %v", whole, err)
	}
}

// However often and from wherever one event comes, there is one record of it.
func TestConcurrentSubmittersOfOneIdentity(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	const clients, events = 24, 20
	var wg sync.WaitGroup
	var mu sync.Mutex
	fresh, indexes := map[int]int{}, map[int]map[int64]bool{}
	docs := make([][]byte, events)
	for n := range docs {
		docs[n] = document("payment.received", fmt.Sprintf("file/%d", n%3), fmt.Sprint(n), payment(n), nil)
		indexes[n] = map[int64]bool{}
	}
	for c := range clients {
		wg.Go(func() {
			for n := range events {
				n = (n + c) % events
				r, err := h.l.Append(context.Background(), h.event(docs[n]), "key-1")
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				indexes[n][r.Receipt.Index] = true
				if !r.Repeated {
					fresh[n]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for n := range events {
		if fresh[n] != 1 || len(indexes[n]) != 1 {
			t.Errorf("event %d: %d times new, at indexes %v", n, fresh[n], indexes[n])
		}
	}
}

// Nothing that was submitted stands in an entry unless its schema opens it.
func TestEntriesHoldNoSealedValue(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	marked := func(doc []byte) []byte {
		for _, s := range []string{"customer-", "Marta Beispiel", "urn:test:core"} {
			if !bytes.Contains(doc, []byte(s)) {
				t.Fatalf("the test's event lacks %q", s)
			}
		}
		return doc
	}
	h.append(marked(document("decision.made", "file/A-4711", "event-4711", decision, map[string]any{"extone": "secret-extension", "sequence": "seq-77"})))
	h.append(document("case.opened", "case/C-1", "case-event-1",
		`{"caseKind": "suspicious-report", "narrative": "about file/A-4711", "reporterId": "whistle-9", "assigneeId": "staff-8"}`,
		map[string]any{"party": "customer-4711"}))
	secrets := []string{
		"Marta", "Beispiel", "customer-", "-4711", "urn:test", "event-", "secret-extension", "seq-77", "case-event", "C-1",
		"suspicious", "whistle", "staff-8",
	}
	err := h.eachEntry(func(i int64, entry []byte) {
		for _, s := range secrets {
			if bytes.Contains(entry, []byte(s)) && !bytes.Contains(entry, []byte(`"type":"org.lendlog.schema.registered.v1"`)) {
				t.Errorf("the entry of record %d shows %q: %s", i, s, entry)
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// eachEntry reads all tiles, as anybody who may read the log can.
func (h *house) eachEntry(yield func(int64, []byte)) error {
	size := h.l.Head().Size
	index := int64(0)
	for n := int64(0); index < size; n++ {
		bundle, err := h.l.EntryBundle(context.Background(), n, int(min(size-index, tree.Width)))
		if err != nil {
			return err
		}
		for len(bundle) > 0 {
			n := int(bundle[0])<<8 | int(bundle[1])
			yield(index, bundle[2:2+n])
			bundle = bundle[2+n:]
			index++
		}
	}
	return nil
}

func TestCaptureIsSetByTheLedger(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{LateAfter: time.Hour})
	ago := func(d time.Duration) string { return time.Now().Add(-d).UTC().Format(time.RFC3339) }
	for i, tt := range []struct {
		name    string
		time    string
		capture any
		want    string
	}{
		{"fresh", ago(time.Minute), nil, record.Live},
		{"said to be live", ago(time.Minute), "live", record.Live},
		{"after the limit", ago(2 * time.Hour), nil, record.Late},
		{"after the limit, said to be live", ago(2 * time.Hour), "live", record.Late},
		{"old books", ago(20 * 365 * 24 * time.Hour), "import", record.Import},
		{"a fresh import stays one", ago(time.Minute), "import", record.Import},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := h.append(document("payment.received", "file/A", fmt.Sprint(i), payment(i), map[string]any{"time": tt.time, "capture": tt.capture}))
			got, err := h.l.Record(t.Context(), r.Receipt.Index)
			if err != nil || got.Leaf.Entry.Capture != tt.want {
				t.Errorf("captured as %v (%v), want %s", got.Leaf.Entry.Capture, err, tt.want)
			}
		})
	}
}

func TestRefsAreResolvedAtCommit(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	a := h.append(document("application.received", "file/A", "a", `{"applicationId": "A"}`, nil))
	b := h.append(document("application.received", "file/B", "b", `{"applicationId": "B"}`, map[string]any{"source": "urn:other"}))
	h.append(document("case.opened", "case/1", "secret", `{"caseKind": "fraud"}`, nil))
	r := h.append(document("decision.made", "file/A", "d", decision, map[string]any{"causationid": "urn:other#b a nowhere secret a"}))
	got, err := h.l.Record(t.Context(), r.Receipt.Index)
	if err != nil {
		t.Fatal(err)
	}
	want := []int64{a.Receipt.Index, b.Receipt.Index}
	if diff := cmp.Diff(want, got.Leaf.Entry.Refs); diff != "" {
		t.Errorf("refs (-want +got): an unknown event and a restricted record must leave none\n%s", diff)
	}
	for _, m := range got.Members {
		if m.Pointer == "/causationid" && m.Value.Str != "urn:other#b a nowhere secret a" {
			t.Errorf("the sealed causationid is %q", m.Value.Str)
		}
	}
}

// What a restricted record says is sealed, and comes back to whoever has the
// keys; its own refs may name any record.
func TestRestrictedRecord(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	a := h.append(document("decision.made", "file/A", "a", decision, nil))
	doc := document("case.opened", "case/C-1", "c", `{"caseKind": "fraud", "narrative": "file/A lied"}`, map[string]any{"causationid": "a"})
	r := h.append(doc)
	got, err := h.l.Record(t.Context(), r.Receipt.Index)
	if err != nil {
		t.Fatal(err)
	}
	e := got.Leaf.Entry
	if e.Type != record.TypeRestricted || e.Submitter != "" || e.Time != "" || len(e.Refs) > 0 || len(e.Open.Members) > 0 {
		t.Errorf("the entry shows what it is: %s", got.Entry)
	}
	shown := map[string]string{}
	for _, m := range got.Members {
		if m.Present {
			shown[m.Pointer] = string(m.Value.Bytes())
		}
	}
	for ptr, want := range map[string]string{
		"/type": string(got.Schema.SealedType().Bytes()), "/submitter": `"key-1"`, "/refs": fmt.Sprintf("[%d]", a.Receipt.Index),
		"/data/caseKind": `"fraud"`, "/data/narrative": `"file/A lied"`, "/subject": `"case/C-1"`,
	} {
		if shown[ptr] != want {
			t.Errorf("%s opens to %s, want %s", ptr, shown[ptr], want)
		}
	}
	h.reopen()
	if again := h.append(doc); !again.Repeated || again.Receipt.Index != r.Receipt.Index {
		t.Error("a restricted event sent again was appended twice")
	}
}

// A borrower who holds their receipts, their loan's id and every byte of the
// log cannot tell a restricted report on them from one on somebody else: two
// ledgers that differ only in whom the report is about look alike, but for
// what is random or keyed in every entry.
func TestRestrictedReportsAreIndistinguishable(t *testing.T) {
	type seen struct {
		shape  [][]string // of every entry: members and the lengths of their values
		linked []string   // values of the report that stand anywhere else
	}
	look := func(about string) seen {
		h := newHouse(t, ledger.CreateOptions{})
		now := time.Now().UTC().Format(time.RFC3339)
		fixed := map[string]any{"time": now, "party": "customer-of-" + about[5:]}
		for _, file := range []string{"file/AAAA", "file/BBBB"} {
			h.append(document("application.received", file, "app-"+file, `{"applicationId": "`+file[5:]+`"}`, map[string]any{"time": now}))
			h.append(document("decision.made", file, "dec-"+file, decision, map[string]any{"time": now, "causationid": "app-" + file}))
		}
		report := h.append(document("case.opened", "case/C-1", "report", fmt.Sprintf(
			`{"caseKind": "suspicious-report", "trigger": "analyst", "narrative": "suspicion", "relatedSubjects": [%q]}`, about),
			map[string]any{"time": now, "party": fixed["party"], "parent": about, "causationid": "dec-" + about}))
		// The borrower goes on with their loan after the report.
		h.append(document("payment.received", "file/AAAA", "pay", payment(1), map[string]any{"time": now, "causationid": "report"}))

		var s seen
		members := map[string]map[int64]string{} // of every other entry, by name
		var entry map[string]json.RawMessage
		err := h.eachEntry(func(i int64, b []byte) {
			var doc map[string]json.RawMessage
			if err := json.Unmarshal(b, &doc); err != nil {
				t.Fatal(err)
			}
			if i == report.Receipt.Index {
				entry = doc
			}
			shape := []string{}
			for name, v := range doc {
				shape = append(shape, fmt.Sprintf("%s %d", name, len(v)))
				if members[name] == nil {
					members[name] = map[int64]string{}
				}
				members[name][i] = string(v)
			}
			slices.Sort(shape)
			s.shape = append(s.shape, shape)
		})
		if err != nil {
			t.Fatal(err)
		}
		for name, v := range entry {
			for other, values := range members {
				for i, w := range values {
					// A hash of the report that stands in another entry would
					// link the two. What all restricted records share does not,
					// nor does the clock.
					if i != report.Receipt.Index && string(v) == w && len(v) == len(`"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="`) && name != "schema" {
						s.linked = append(s.linked, fmt.Sprintf("%s of the report is %s of record %d", name, other, i))
					}
				}
			}
		}
		// What the borrower can do with their own receipts and ids: their
		// subject's timeline has no trace of the report, and no term of
		// theirs, under whatever kind, is the report's.
		for _, kind := range []string{"file", "case", "party", "line"} {
			if term := h.l.Term(kind, about[5:]); string(entry["term"]) == `"`+base64.StdEncoding.EncodeToString(term[:])+`"` {
				s.linked = append(s.linked, "the term of "+kind+"/"+about[5:]+" is the report's")
			}
		}
		line, err := h.l.Timeline(t.Context(), "file", "AAAA", 1, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range line.Records {
			if r.Index == report.Receipt.Index || slices.Contains(r.Leaf.Entry.Refs, report.Receipt.Index) {
				s.linked = append(s.linked, fmt.Sprintf("record %d of the borrower's loan names the report", r.Index))
			}
		}
		return s
	}
	onMe, onAnother := look("file/AAAA"), look("file/BBBB")
	if diff := cmp.Diff(onMe.shape, onAnother.shape); diff != "" {
		t.Errorf("the two logs differ in shape (-about me +about another):\n%s", diff)
	}
	for _, s := range slices.Concat(onMe.linked, onAnother.linked) {
		t.Error(s)
	}
}

func TestProve(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	doc := document("decision.made", "file/A/1 2", "1", decision, nil)
	r := h.append(doc)
	for _, tt := range []struct {
		name     string
		disclose func(string) bool
		shows    []string
	}{
		{"all", nil, []string{"/subject", "/data/reasons", "/party"}},
		{"one", func(p string) bool { return p == "/data/reasons" }, []string{"/data/reasons"}},
		{"none", func(string) bool { return false }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, err := h.l.Prove(t.Context(), r.Receipt.Index, tt.disclose)
			if err != nil {
				t.Fatal(err)
			}
			read, err := proof.ParseEvidence(e.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			report := proof.Verify(h.l.Trust(), read)
			if report.Verdict != proof.Valid {
				t.Fatalf("%+v", report.Checks)
			}
			for _, ptr := range tt.shows {
				if !slices.ContainsFunc(report.Shown, func(s proof.Shown) bool { return s.What == ptr }) {
					t.Errorf("the evidence does not show %s", ptr)
				}
			}
			if tt.disclose != nil && bytes.Contains(e.Bytes(), []byte("customer-")) {
				t.Error("the evidence shows what was not disclosed")
			}
		})
	}
	// One member of a restricted record can be shown alone, with the schema
	// that places it.
	c := h.append(document("case.opened", "case/C-1", "c", `{"caseKind": "fraud", "narrative": "a story"}`, nil))
	e, err := h.l.Prove(t.Context(), c.Receipt.Index, func(p string) bool { return p == "/data/caseKind" })
	if err != nil {
		t.Fatal(err)
	}
	if report := proof.Verify(h.l.Trust(), e); report.Verdict != proof.Valid || bytes.Contains(e.Bytes(), []byte("a story")) {
		t.Errorf("one member of a restricted record: %+v", report.Checks)
	}
	// The ledger's own records can be proved as well, index-roots included.
	for i := range h.l.Head().Size {
		e, err := h.l.Prove(t.Context(), i, nil)
		if err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
		if report := proof.Verify(h.l.Trust(), e); report.Verdict != proof.Valid {
			t.Fatalf("record %d: %+v", i, report.Checks)
		}
	}
}

func TestNotFound(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	size := h.l.Head().Size
	for _, tt := range []struct {
		name string
		err  func() error
	}{
		{"record at the end", func() error { _, err := h.l.Record(t.Context(), size); return err }},
		{"record below zero", func() error { _, err := h.l.Record(t.Context(), -1); return err }},
		{"unknown subject", func() error { _, err := h.l.Timeline(t.Context(), "file", "nobody", 1, 9); return err }},
		{"proof beyond the end", func() error { _, err := h.l.InclusionProof(t.Context(), 0, size+1); return err }},
		{"consistency beyond the end", func() error { _, err := h.l.ConsistencyProof(t.Context(), 1, size+1); return err }},
		{"tile beyond the end", func() error { _, err := h.l.HashTile(t.Context(), 0, 1<<40, 1); return err }},
		{"wider tile than there is", func() error { _, err := h.l.HashTile(t.Context(), 0, 0, 256); return err }},
		{"bundle beyond the end", func() error { _, err := h.l.EntryBundle(t.Context(), 1<<40, 1); return err }},
		{"bundle whose first index overflows", func() error { _, err := h.l.EntryBundle(t.Context(), 1<<56, 1); return err }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.err(); !errors.Is(err, ledger.ErrNotFound) {
				t.Errorf("got %v, want ErrNotFound", err)
			}
		})
	}
}

// A wall clock that cannot be trusted stops appends and nothing else.
func TestClock(t *testing.T) {
	for _, tt := range []struct {
		name         string
		start, later time.Duration // of the wall clock against the true one
		want         error
	}{
		{"right", 0, 0, nil},
		{"a little off", 0, 2 * time.Second, nil},
		{"jumped forward", 0, time.Hour, ledger.ErrClock},
		{"jumped back", 0, -time.Hour, ledger.ErrClock},
		{"jumped back before the last record", time.Hour, -time.Hour, ledger.ErrClock},
		{"fast from the start", time.Hour, time.Hour, nil},
		{"behind the last record from the start", -time.Hour, -time.Hour, ledger.ErrClock},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := newHouse(t, ledger.CreateOptions{})
			h.append(document("payment.received", "file/A", "0", payment(1), nil))
			if err := h.close(); err != nil {
				t.Fatal(err)
			}
			var offset atomic.Int64
			offset.Store(int64(tt.start))
			h.opt.Now = func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
			h.run()
			if tt.start != tt.later { // the clock has been read before it moves
				h.append(document("payment.received", "file/A", "1", payment(1), nil))
			}
			offset.Store(int64(tt.later))
			for i := range 2 {
				_, err := h.l.Append(t.Context(), h.event(document("payment.received", "file/A", fmt.Sprint("later", i), payment(1), nil)), "key-1")
				if !errors.Is(err, tt.want) {
					t.Fatalf("got %v, want %v", err, tt.want)
				}
				if err := h.l.Writable(); !errors.Is(err, tt.want) {
					t.Errorf("writable: %v, want %v", err, tt.want)
				}
			}
			if _, err := h.l.Record(t.Context(), 0); err != nil {
				t.Errorf("reads stopped as well: %v", err)
			}
		})
	}
}

func TestNoSpaceStopsAppendsOnly(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	h.opt.MinFree = 1 << 62
	h.run()
	doc := document("payment.received", "file/A", "1", payment(1), nil)
	if _, err := h.l.Append(t.Context(), h.event(doc), "key-1"); !errors.Is(err, ledger.ErrNoSpace) {
		t.Errorf("got %v, want ErrNoSpace", err)
	}
	if err := h.l.Writable(); !errors.Is(err, ledger.ErrNoSpace) {
		t.Errorf("writable: %v", err)
	}
	if _, err := h.l.Record(t.Context(), 0); err != nil {
		t.Errorf("reads stopped as well: %v", err)
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	h.opt.MinFree = 0
	h.run()
	h.append(doc)
}

func TestOwnTypesAreReserved(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	doc := document("genesis", "ledger/x", "1", `{}`, nil)
	if _, err := record.ParseEvent(doc, h.l.Catalogue()); err == nil {
		t.Error("a genesis record can be submitted")
	}
}

// Another ledger's checkpoint key, VRF key, store or head file does not go
// unnoticed.
func TestForeignPartsAreRefused(t *testing.T) {
	for _, part := range []string{"keys/checkpoint.key", "keys/vrf.key", "keys/index.key", "keys/vault.key", "head/checkpoint", "vault/00000000.vault"} {
		t.Run(strings.ReplaceAll(part, "/", " "), func(t *testing.T) {
			h, other := newHouse(t, ledger.CreateOptions{}), newHouse(t, ledger.CreateOptions{})
			for _, x := range []*house{h, other} {
				x.append(document("payment.received", "file/A", "1", payment(1), nil))
				if err := x.close(); err != nil {
					t.Fatal(err)
				}
			}
			path := filepath.Join(h.dir, part)
			own, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			foreign, err := os.ReadFile(filepath.Join(other.dir, part))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, foreign, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := h.open(); err == nil {
				t.Errorf("opened with another ledger's %s", part)
			}
			if err := os.WriteFile(path, own, 0o600); err != nil {
				t.Fatal(err)
			}
			h.run()
		})
	}
}

func TestSecretsReadableByOthersAreRefused(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(h.dir, "keys", "vrf.key")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := h.open(); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("opened with a key that others can read: %v", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	if _, err := ledger.Open(t.Context(), h.dir, ledger.Options{}); !errors.Is(err, ledger.ErrHeld) {
		t.Errorf("opened twice: %v", err)
	}
}

// An index-root comes when the ledger closes and after so many records, and
// always speaks of the map before it.
func TestIndexRoots(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	for i := range 3 {
		h.append(document("payment.received", fmt.Sprintf("file/%d", i), fmt.Sprint(i), payment(i), nil))
		h.reopen()
	}
	roots := 0
	err := h.eachEntry(func(i int64, b []byte) {
		lf, err := record.ParseLeaf(b)
		if err != nil {
			t.Fatal(err)
		}
		if lf.IndexRoot != nil {
			roots++
			if lf.IndexRoot.Covers != i {
				t.Errorf("the index-root at %d covers %d", i, lf.IndexRoot.Covers)
			}
		}
	})
	if err != nil || roots != 4 {
		t.Errorf("%d index-roots, want 4 (%v)", roots, err)
	}
}

// What is enqueued when the ledger is told to stop is committed or refused,
// never left hanging.
func TestStopAnswersEverybody(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	var wg sync.WaitGroup
	accepted := make([]bool, 400)
	for i := range accepted {
		ev := h.event(document("payment.received", "file/A", fmt.Sprint(i), payment(i), nil))
		wg.Go(func() {
			_, err := h.l.Append(context.Background(), ev, "key-1")
			switch {
			case err == nil:
				accepted[i] = true
			case !errors.Is(err, ledger.ErrStopped):
				t.Error(err)
			}
		})
		if i == len(accepted)/2 {
			h.stop()
		}
	}
	wg.Wait()
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	h.run()
	count := int64(0)
	if line, err := h.l.Timeline(t.Context(), "file", "A", 1, 1); err == nil {
		count = line.Count
	}
	n := int64(0)
	for _, ok := range accepted {
		if ok {
			n++
		}
	}
	if n > count {
		t.Errorf("%d were acknowledged, %d are there", n, count)
	}
}

// Signatures that a verifier does not know do not disturb it, and the
// ledger's own verifies with the key it names.
func TestCheckpointIsASignedNote(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	v, err := note.NewVerifier(h.l.Info().VerifierKeys[0])
	if err != nil {
		t.Fatal(err)
	}
	head := h.l.Head()
	cp, _, err := tree.OpenCheckpoint(head.Note, note.VerifierList(v))
	if err != nil || cp.Size != head.Size || cp.Root != head.Root || cp.Origin != origin {
		t.Errorf("checkpoint %+v, %v", cp, err)
	}
}
