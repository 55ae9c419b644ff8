// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/tree"
)

// minute is a time within the day on which the golden records were recorded,
// which was a minute after another from 9:00 on.
func minute(n int) time.Time { return time.Date(2026, 1, 31, 9, n, 0, 0, time.UTC) }

func (w *world) view() tree.View {
	var e tree.Edge
	for _, l := range w.leaves {
		e.Append(tree.LeafHash(l))
	}
	return tree.View{Edge: e}
}

// bundle writes the records of evidence, with the schema of each before it.
func (w *world) bundle(head *proof.Bundle, e *proof.Evidence) []byte {
	w.t.Helper()
	head.Checkpoint, head.Genesis = e.Checkpoint, e.Genesis
	var out bytes.Buffer
	b, err := proof.NewBundleWriter(&out, head)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, rec := range e.Records {
		var schema []byte
		if len(rec.Disclosures) > 0 {
			schema = w.records[int(rec.Index)].event.Schema.Text
		}
		if err := b.Add(rec, schema); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := b.Close(); err != nil {
		w.t.Fatal(err)
	}
	return out.Bytes()
}

// period makes a bundle of the leaves from start up to end.
func (w *world) period(from, to time.Time, start, end int64, pointers map[int][]string) []byte {
	w.t.Helper()
	p := &proof.Period{From: from, To: to, Start: start, End: end}
	var err error
	if p.Before, err = w.view().Prefix(start); err != nil {
		w.t.Fatal(err)
	}
	if p.After, err = w.view().ProveConsistency(end, int64(len(w.leaves))); err != nil {
		w.t.Fatal(err)
	}
	all := map[int][]string{}
	for i := start; i < end; i++ {
		all[int(i)] = pointers[int(i)]
	}
	return w.bundle(&proof.Bundle{Period: p}, w.evidence(all))
}

// bundles are the golden bundles of a world that went on: of the period in
// which records 2 and 3 were recorded, and the index-root 4, after 1 and before
// 5; a sample; and what a search found.
func (w *world) bundles() map[string][]byte {
	return map[string][]byte{
		"bundle-period.ndjson": w.period(minute(2), minute(5), 1, 6, map[int][]string{2: shown}),
		"bundle-sample.ndjson": w.bundle(&proof.Bundle{Sample: &proof.Sample{Seed: "4 5 6", Count: 2, End: 6}}, w.evidence(map[int][]string{1: nil, 2: shown})),
		"bundle-query.ndjson":  w.bundle(&proof.Bundle{Query: &proof.Query{Filter: "subject=file/L-1"}}, w.evidence(map[int][]string{1: shown, 2: nil})),
	}
}

func (w *world) verifyBundle(file []byte) proof.Report {
	w.t.Helper()
	r, err := proof.VerifyBundle(&w.trust, bytes.NewReader(file), nil, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func TestGoldenBundles(t *testing.T) {
	w := later(t)
	for name, file := range w.bundles() {
		golden(t, name, file)
		r := w.verifyBundle(read(t, "testdata/"+name))
		if r.Verdict != proof.Valid {
			t.Errorf("%s: %v %v", name, r.Verdict, r.Checks)
		}
	}
}

// What a seed draws never changes: somebody holds it.
func TestDraw(t *testing.T) {
	for _, x := range []struct {
		s    proof.Sample
		want []int64
	}{
		{proof.Sample{Seed: "1", Count: 1, End: 1}, []int64{0}},
		{proof.Sample{Seed: "1", Count: 5, Start: 4, End: 7}, []int64{4, 5, 6}},
		{proof.Sample{Seed: "1", Count: 5, End: 1000}, []int64{85, 134, 612, 658, 966}},
		{proof.Sample{Seed: "2", Count: 5, End: 1000}, []int64{13, 498, 526, 635, 783}},
		{proof.Sample{Seed: "1", Count: 3, Start: 1 << 40, End: 1 << 41}, []int64{1741878255405, 2122395345498, 2135679823950}},
		{proof.Sample{Seed: "1", Count: 3, End: 1<<61 + 1}, []int64{299533292341817416, 564895631857475367, 752507880445239893}},
	} {
		got := x.s.Draw("ledger.example/golden\n1000\nroot\n")
		if diff := cmp.Diff(x.want, got); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", x.s, diff)
		}
		for _, i := range got {
			if i < x.s.Start || i >= x.s.End {
				t.Errorf("%+v draws %d", x.s, i)
			}
		}
	}
	// Each of seven leaves is drawn about as often.
	drawn := make([]int, 7)
	for seed := range 7000 {
		for _, i := range (&proof.Sample{Seed: fmt.Sprint(seed), Count: 1, End: 7}).Draw("x") {
			drawn[i]++
		}
	}
	for i, n := range drawn {
		if n < 880 || n > 1120 { // four standard deviations, of fixed seeds
			t.Errorf("leaf %d was drawn %d times of 7,000: %v", i, n, drawn)
		}
	}
}

// What an operator may claim of a period, and what is said to it.
func TestBundlePeriod(t *testing.T) {
	w := later(t)
	for name, x := range map[string]struct {
		file    []byte
		verdict proof.Verdict
		check   string
		words   string
	}{
		"all":                {w.period(time.Time{}, time.Time{}, 0, 6, nil), proof.Valid, "range", "6 leaves, recorded from the beginning up to the checkpoint"},
		"from the beginning": {w.period(time.Time{}, minute(3), 0, 4, nil), proof.Valid, "range", "3 leaves"},
		"before the ledger":  {w.period(minute(-9), minute(1), 0, 2, nil), proof.Valid, "range", "1 leaves"},
		"nothing in it":      {w.period(minute(3).Add(time.Second), minute(3).Add(2*time.Second), 3, 6, nil), proof.Valid, "range", "1 leaves"},
		"not over":           {w.period(minute(2), minute(9), 1, 6, nil), proof.Incomplete, "range", "later checkpoint"},
		"no record before":   {w.period(minute(2), minute(5), 2, 6, nil), proof.Invalid, "range", "begin with the record before"},
		"two before":         {w.period(minute(2), minute(5), 0, 6, nil), proof.Invalid, "range", "recorded before the period"},
		"no record behind":   {w.period(minute(2), minute(5), 1, 5, nil), proof.Invalid, "range", "ends before the period does"},
		"two behind":         {w.period(minute(1), minute(2), 0, 4, nil), proof.Invalid, "range", "behind the record that ends"},
	} {
		t.Run(name, func(t *testing.T) { wantVerdict(t, w.verifyBundle(x.file), x.verdict, x.check, x.words) })
	}
	file := string(w.bundles()["bundle-period.ndjson"])
	for name, x := range map[string]struct{ old, new, check, words string }{
		"another start":       {`"start":1`, `"start":2`, "format", "record 2 should follow"},
		"another end":         {`"end":6,`, `"end":5,`, "format", "beyond /period/end"},
		"a later end":         {`"end":6,`, `"end":7,`, "format", "beyond the 6 records"},
		"an earlier one":      {`"before":["`, `"before":["A`, "format", "before"},
		"another count":       {`{"end":5}`, `{"end":4}`, "format", "number of the records"},
		"no end":              {"{\"end\":5}\n", "", "format", "cut off"},
		"more behind":         {"{\"end\":5}\n", "{\"end\":5}\n{}\n", "format", "follows the last line"},
		"a line that is none": {`{"end":5}`, `{"end":5,"x":1}`, "format", "x is not a member"},
		"a proof":             {`{"index":3,`, `{"index":3,"proof":[],`, "format", "proof is not a member"},
		"another version":     {`lendlog-bundle/1`, `lendlog-bundle/2`, "format", "knows no other version"},
		"two claims":          {`"period":`, `"query":{"filter":""},"period":`, "format", "exactly one of"},
		"no claim":            {`"period":`, `"perioc":`, "format", "is not a member"},
		"an altered record":   {`"index":3,"entry":"{\"capture\":\"live\"`, `"index":3,"entry":"{\"capture\":\"late\"`, "range", "left out, added or altered"},
		"time runs back":      {`"from":"2026-01-31T09:02`, `"from":"2026-01-31T09:06`, "format", "ends before it begins"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(file, x.old) {
				t.Fatalf("the file has no %s", x.old)
			}
			wantVerdict(t, w.verifyBundle([]byte(strings.Replace(file, x.old, x.new, 1))), proof.Invalid, x.check, x.words)
		})
	}
}

func TestBundleSample(t *testing.T) {
	w := later(t)
	drawn := (&proof.Sample{Seed: "4 5 6", Count: 2, End: 6}).Draw(checkpointText(t, w))
	pick := func(s proof.Sample, from ...int) []byte {
		of := map[int][]string{}
		for _, i := range from {
			of[i] = nil
		}
		return w.bundle(&proof.Bundle{Sample: &s}, w.evidence(of))
	}
	a, b := int(drawn[0]), int(drawn[1])
	other := 0
	for other == a || other == b {
		other++
	}
	s := proof.Sample{Seed: "4 5 6", Count: 2, End: 6}
	wantVerdict(t, w.verifyBundle(pick(s, a, b)), proof.Valid, "sample", `drawn by the seed "4 5 6"`)
	wantVerdict(t, w.verifyBundle(pick(s, a)), proof.Invalid, "sample", "left out")
	wantVerdict(t, w.verifyBundle(pick(s, b)), proof.Invalid, "sample", "left out")
	wantVerdict(t, w.verifyBundle(pick(s, a, b, other)), proof.Invalid, "sample", "not drawn")
	s.Seed = "4 5 7"
	if r := w.verifyBundle(pick(s, a, b)); r.Verdict != proof.Invalid {
		t.Errorf("another seed draws the same of six: %v", r.Checks)
	}
	for _, s := range []proof.Sample{{Seed: "x", Count: 1, End: 7}, {Seed: "x", Count: 1, End: 1 << 50}} {
		wantVerdict(t, w.verifyBundle(pick(s, a)), proof.Invalid, "format", "beyond the 6 records")
	}
}

func checkpointText(t *testing.T, w *world) string {
	t.Helper()
	cp, err := w.trust.OpenCheckpoint(w.checkpoint())
	if err != nil {
		t.Fatal(err)
	}
	return cp.Text()
}

// What cannot be read is an error, and no verdict.
func TestBundleErrors(t *testing.T) {
	w := later(t)
	file := w.bundles()["bundle-period.ndjson"]
	broken := errors.New("the disk is gone")
	for name, in := range map[string]io.Reader{
		"broken":   io.MultiReader(bytes.NewReader(file[:len(file)/2]), iotest.ErrReader(broken)),
		"evidence": bytes.NewReader(read(t, "testdata/evidence.json")),
		"empty":    strings.NewReader(""),
	} {
		if r, err := proof.VerifyBundle(&w.trust, in, nil, nil); err == nil || name == "broken" && !errors.Is(err, broken) {
			t.Errorf("%s: %v, %v", name, r.Verdict, err)
		}
	}
	// Whoever looks at the records may end it.
	if _, err := proof.VerifyBundle(&w.trust, bytes.NewReader(file), nil, func(*proof.Record) error { return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	if !proof.IsBundle(bufio.NewReader(bytes.NewReader(file))) || proof.IsBundle(bufio.NewReader(strings.NewReader("{}"))) {
		t.Error("what a bundle is, is not known")
	}
	// A line that never ends, and one that is one too large.
	endless := io.MultiReader(strings.NewReader(`{"v":"lendlog-bundle/1","checkpoint":"`), &zeros{})
	r, err := proof.VerifyBundle(&w.trust, endless, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantVerdict(t, r, proof.Invalid, "format", "line 1 has more than 4 MiB")
}

// zeros is a file without an end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = '0'
	}
	return len(b), nil
}

// A file of which every line is one that may stand there is given up all the
// same, before it fills a disk.
func TestEndlessBundle(t *testing.T) {
	w := later(t)
	for name, head := range map[string]*proof.Bundle{
		"sample": {Sample: &proof.Sample{Seed: "4 5 6", Count: 2, End: 6}},
		"query":  {Query: &proof.Query{Filter: "subject=file/L-1"}},
	} {
		first, _, _ := bytes.Cut(w.bundle(head, w.evidence(map[int][]string{1: nil})), []byte("\n"))
		for kind, line := range map[string]func(n int) string{
			"records": func(n int) string { return fmt.Sprintf(`{"index":%d,"entry":"{}","proof":[],"disclosures":[]}`, n) },
			"schemas": func(int) string { return `{"schema":"{}"}` },
		} {
			t.Run(name+" of "+kind, func(t *testing.T) {
				in := io.MultiReader(bytes.NewReader(first), &lines{line: line})
				r, err := proof.VerifyBundle(&w.trust, in, nil, nil)
				if err != nil {
					t.Fatal(err)
				}
				wantVerdict(t, r, proof.Invalid, "format", map[string]string{"records": "more than there can be", "schemas": "twice"}[kind])
			})
		}
	}
}

// lines is a file of numbered lines without an end.
type lines struct {
	line func(n int) string
	n    int
	left []byte
}

func (l *lines) Read(b []byte) (int, error) {
	if len(l.left) == 0 {
		l.left = []byte("\n" + l.line(l.n))
		l.n++
	}
	n := copy(b, l.left)
	l.left = l.left[n:]
	return n, nil
}

// Schemas whose patterns take hundreds of times their size are not kept with
// them.
func TestBundleOfPatterns(t *testing.T) {
	w := later(t)
	first, _, _ := bytes.Cut(w.bundles()["bundle-query.ndjson"], []byte("\n"))
	in := io.MultiReader(bytes.NewReader(first), io.LimitReader(&lines{line: func(n int) string {
		text := fmt.Sprintf(`{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"urn:lendlog:schema:a.b%d.v1","title":"t",`+
			`"description":"d","type":"object","x-subject":"file","additionalProperties":false,"properties":{`, n)
		for i := range 8 {
			text += fmt.Sprintf(`"a%d":{"type":"string","title":"t","description":"d","pattern":"^[b-y%d]{1000}$","x-key":"party"},`, i, 8*n+i)
		}
		line, err := json.Marshal(map[string]string{"schema": strings.TrimSuffix(text, ",") + "}}"})
		if err != nil {
			t.Error(err)
		}
		return string(line)
	}}, 128<<10))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	in = io.MultiReader(in, readerFunc(func() {
		runtime.GC()
		runtime.ReadMemStats(&after)
	}))
	r, err := proof.VerifyBundle(&w.trust, in, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantVerdict(t, r, proof.Invalid, "format", "cut off")
	if after.HeapAlloc > before.HeapAlloc+4<<20 {
		t.Errorf("schemas of 128 KiB take %d KiB", (after.HeapAlloc-before.HeapAlloc)>>10)
	}
}

// A readerFunc is an empty file that calls the function when it is read.
type readerFunc func()

func (f readerFunc) Read([]byte) (int, error) { f(); return 0, io.EOF }

// FuzzVerifyBundle wants no bundle to be VALID that has other leaves than the
// golden ledger, and every report to be printable.
func FuzzVerifyBundle(f *testing.F) {
	w := later(f)
	leaves := map[string]bool{}
	for _, l := range w.leaves {
		leaves[string(l)] = true
	}
	for _, file := range w.bundles() {
		f.Add(file)
	}
	f.Add(w.period(time.Time{}, time.Time{}, 0, 6, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		var entries []string
		r, err := proof.VerifyBundle(&w.trust, bytes.NewReader(b), nil, func(rec *proof.Record) error {
			entries = append(entries, string(rec.Entry))
			return nil
		})
		if err != nil {
			return
		}
		printable(t, r)
		for _, e := range entries {
			if r.Verdict == proof.Valid && !leaves[e] {
				t.Errorf("VALID with an entry that is not in the ledger: %s", e)
			}
		}
	})
}
