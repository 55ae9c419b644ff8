// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
)

// bundled is a ledger with records, index-roots among them, and what was
// recorded when.
type bundled struct {
	*house
	t        *testing.T
	recorded []time.Time // of each leaf; zero of an index-root
	payments []time.Time // when each of the payments was recorded
	kept     []byte      // a checkpoint after half of them
}

func newBundled(t *testing.T) *bundled {
	h := newHouse(t, ledger.CreateOptions{})
	b := &bundled{house: h, t: t}
	for i := range 40 {
		if i%9 == 4 {
			if _, err := h.l.ProveSubject(t.Context(), "file", "nobody", nil); err != nil {
				t.Fatal(err)
			}
		}
		if i == 20 {
			b.kept = h.l.Head().Note
		}
		if i%5 == 0 {
			time.Sleep(2 * time.Millisecond) // so that times differ
		}
		h.append(document("payment.received", fmt.Sprintf("file/%d", i%7), fmt.Sprint(i), payment(i), nil))
	}
	for lf, err := range h.l.Leaves(t.Context(), h.l.Head(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		at := time.Time{}
		if lf.Entry != nil {
			at = lf.Entry.Recorded
			if strings.HasPrefix(lf.Entry.Type, "org.lendlog.payment") {
				b.payments = append(b.payments, at)
			}
		}
		b.recorded = append(b.recorded, at)
	}
	return b
}

func (b *bundled) write(o ledger.Bundling) []byte {
	b.t.Helper()
	var out bytes.Buffer
	if err := b.l.WriteBundle(b.t.Context(), &out, o, nil); err != nil {
		b.t.Fatal(err)
	}
	return out.Bytes()
}

// verify returns the report and the indexes of the records of a bundle.
func (b *bundled) verify(file []byte) (proof.Report, []int64) {
	b.t.Helper()
	var indexes []int64
	r, err := proof.VerifyBundle(b.l.Trust(), bytes.NewReader(file), nil, func(rec *proof.Record) error {
		indexes = append(indexes, rec.Index)
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return r, indexes
}

func (b *bundled) want(file []byte, want proof.Verdict, check string) []int64 {
	b.t.Helper()
	r, indexes := b.verify(file)
	says := slices.ContainsFunc(r.Checks, func(c proof.Check) bool {
		return strings.Contains(fmt.Sprintf("%s %s %s", c.Name, c.Result, c.Text), check)
	})
	if r.Verdict != want || !says {
		b.t.Errorf("want %v with %q: %v, %v", want, check, r.Verdict, r.Checks)
	}
	return indexes
}

// A period has exactly the records that were recorded in it, whatever it is.
func TestBundlePeriods(t *testing.T) {
	b := newBundled(t)
	var times []time.Time
	for _, at := range b.payments {
		times = append(times, at, at.Add(time.Millisecond))
	}
	first, last := b.recorded[0], b.payments[len(b.payments)-1]
	times = append(times, time.Time{}, time.Time{}, first, first.Add(-time.Hour), last.Add(time.Hour))
	rng := rand.New(rand.NewPCG(1, 2))
	half, err := b.l.Trust().OpenCheckpoint(b.kept)
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		o := ledger.Bundling{From: times[rng.IntN(len(times))], To: times[rng.IntN(len(times))]}
		if !o.From.IsZero() && !o.To.IsZero() && !o.From.Before(o.To) {
			continue
		}
		if rng.IntN(5) > 0 {
			o.Pointers = []string{}
		}
		size := len(b.recorded)
		if rng.IntN(3) == 0 {
			o.Checkpoint, size = b.kept, int(half.Size)
		}
		var want []int64
		over := o.To.IsZero()
		for i, at := range b.recorded[:size] {
			switch {
			case at.IsZero():
			case !o.To.IsZero() && !at.Before(o.To):
				over = true
			case !at.Before(o.From):
				want = append(want, int64(i))
			}
		}
		verdict, says := proof.Valid, "range pass"
		if !over {
			verdict, says = proof.Incomplete, "may not have been over"
		}
		var got []int64
		for _, i := range b.want(b.write(o), verdict, says) {
			if at := b.recorded[i]; !at.IsZero() && !at.Before(o.From) && (o.To.IsZero() || at.Before(o.To)) {
				got = append(got, i)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%v to %v: records %v, want %v", o.From, o.To, got, want)
		}
	}
}

// edits returns what somebody may make of a bundle by moving lines about.
func edits(file []byte) map[string][]byte {
	lines := bytes.SplitAfter(file, []byte("\n"))
	lines = lines[:len(lines)-1]
	out := map[string][]byte{}
	for i := range lines {
		put := func(how string, with ...[]byte) {
			edited := slices.Concat(lines[:i], with, lines[i+1:])
			out[fmt.Sprint(how, " line ", i)] = bytes.Join(edited, nil)
			// An honest count, so that the last line does not give it away.
			records := 0
			for _, l := range edited {
				if bytes.HasPrefix(l, []byte(`{"index"`)) {
					records++
				}
			}
			if len(edited) > 0 && bytes.HasPrefix(edited[len(edited)-1], []byte(`{"end"`)) {
				edited[len(edited)-1] = fmt.Appendf(nil, "{\"end\":%d}\n", records)
				out[fmt.Sprint(how, " line ", i, ", counted")] = bytes.Join(edited, nil)
			}
		}
		if bytes.HasPrefix(lines[i], []byte(`{"schema"`)) {
			continue // one that is lacking makes it INCOMPLETE
		}
		put("without")
		if i > 0 {
			put("twice", lines[i], lines[i])
		}
		if i > 0 && i < len(lines)-1 && !bytes.HasPrefix(lines[i+1], []byte(`{"schema"`)) {
			out[fmt.Sprint("swapped line ", i)] = bytes.Join(slices.Concat(lines[:i], [][]byte{lines[i+1], lines[i]}, lines[i+2:]), nil)
		}
	}
	return out
}

// Whatever is left out, added, swapped or altered, a bundle of a period or a
// sample is not VALID any more.
func TestBundlesAreWhole(t *testing.T) {
	b := newBundled(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for name, o := range map[string]ledger.Bundling{
		"period": {From: b.payments[15], To: b.payments[30], Pointers: []string{"/id", "/subject"}},
		"end":    {From: b.payments[25], Pointers: []string{"/id", "/data/amount"}},
		"sample": {Sample: &proof.Sample{Seed: "2026-11-30/42", Count: 7}, Pointers: []string{"/id", "/subject"}},
		"kept":   {Sample: &proof.Sample{Seed: "7", Count: 5, Start: 3, End: 19}, Checkpoint: b.kept, Pointers: []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			file := b.write(o)
			b.want(file, proof.Valid, "pass")
			for how, edited := range edits(file) {
				r, err := proof.VerifyBundle(b.l.Trust(), bytes.NewReader(edited), nil, nil)
				if err == nil && r.Verdict != proof.Invalid {
					t.Errorf("%s: %v", how, r.Verdict)
				}
			}
			// A byte: the times of a period may be others between the same records, and
			// another sample may draw the same ones.
			head := bytes.IndexByte(file, '\n')
			free := max(bytes.Index(file[:head], []byte(`"from":`)), bytes.Index(file[:head], []byte(`"sample":`)))
			for range 300 {
				at := rng.IntN(len(file))
				if free >= 0 && at >= free && at < head {
					continue
				}
				edited := bytes.Clone(file)
				edited[at] ^= 1 << rng.IntN(8)
				r, err := proof.VerifyBundle(b.l.Trust(), bytes.NewReader(edited), nil, nil)
				if err == nil && r.Verdict == proof.Valid {
					t.Errorf("byte %d, %q for %q, is VALID", at, edited[at], file[at])
				}
			}
			for cut := rng.IntN(50); cut < len(file); cut += 1 + rng.IntN(300) {
				r, err := proof.VerifyBundle(b.l.Trust(), bytes.NewReader(file[:cut]), nil, nil)
				if err == nil && r.Verdict == proof.Valid {
					t.Errorf("cut off at %d it is VALID", cut)
				}
			}
		})
	}
}

// A period that claims to begin or end elsewhere than it does is found out.
func TestBundlePeriodLies(t *testing.T) {
	b := newBundled(t)
	file := string(b.write(ledger.Bundling{From: b.payments[10], To: b.payments[30]}))
	stamp := func(i int) string { return b.payments[i].Format(record.TimeLayout) }
	for _, x := range []struct{ from, to, says string }{
		{`"from":"` + stamp(10), `"from":"` + stamp(0), "range fail"},
		{`"from":"` + stamp(10), `"from":"` + b.payments[20].Add(time.Millisecond).Format(record.TimeLayout), "recorded before the period"},
		{`"to":"` + stamp(30), `"to":"` + b.payments[39].Add(time.Hour).Format(record.TimeLayout), "before the period does"},
		{`"to":"` + stamp(30), `"to":"` + stamp(20), "behind the record that ends the period"},
		{`"to":"` + stamp(30) + `"`, `"to":null`, "format fail"},
		{`"from":"` + stamp(10) + `",`, "", "format fail"},
	} {
		if !strings.Contains(file, x.from) {
			t.Fatalf("there is no %s", x.from)
		}
		b.want([]byte(strings.Replace(file, x.from, x.to, 1)), proof.Invalid, x.says)
	}
}

// A sample has what the seed draws, and nobody who makes it can swap a record
// for another that he likes better, with a proof of its own.
func TestBundleSample(t *testing.T) {
	b := newBundled(t)
	s := &proof.Sample{Seed: "from a die", Count: 6}
	file := b.write(ledger.Bundling{Sample: s, Pointers: []string{}})
	drawn := b.want(file, proof.Valid, `6 leaves, drawn by the seed "from a die"`)
	all := bytes.SplitAfter(b.write(ledger.Bundling{Sample: &proof.Sample{Seed: "all", Count: 1000}, Pointers: []string{}}), []byte("\n"))
	if n := len(b.want(bytes.Join(all, nil), proof.Valid, "sample pass")); n != len(b.recorded) {
		t.Errorf("of a sample of all, %d records of %d", n, len(b.recorded))
	}
	lines := bytes.SplitAfter(file, []byte("\n"))
	for other := range b.recorded {
		if slices.Contains(drawn, int64(other)) {
			continue
		}
		swapped := slices.Clone(lines)
		swapped[1] = all[1+other]
		slices.SortFunc(swapped[1:7], func(x, y []byte) int { return indexOf(t, x) - indexOf(t, y) })
		b.want(bytes.Join(swapped, nil), proof.Invalid, "sample fail")
	}
}

func indexOf(t *testing.T, line []byte) (n int) {
	t.Helper()
	if _, err := fmt.Sscanf(string(line), `{"index":%d,`, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A case file has what a search finds.
func TestBundleQuery(t *testing.T) {
	b := newBundled(t)
	f, err := index.ParseFilter("subject=file/3")
	if err != nil {
		t.Fatal(err)
	}
	got := b.want(b.write(ledger.Bundling{Filter: f}), proof.Valid, "query note found by")
	page, err := b.l.Search(t.Context(), ledger.Query{Filter: f, Oldest: true, Limit: 1000})
	if err != nil || !slices.Equal(got, page.Indexes) || len(got) < 5 {
		t.Errorf("records %v, want %v, %v", got, page.Indexes, err)
	}
	older := b.want(b.write(ledger.Bundling{Filter: f, Checkpoint: b.kept}), proof.Valid, "query note")
	if len(older) == 0 || len(older) >= len(got) || !slices.Equal(older, got[:len(older)]) {
		t.Errorf("under the older checkpoint there are %v, and %v now", older, got)
	}
}

// What is found and what is due in a case file is so by the records under its
// checkpoint, as of the last of them.
func TestBundleQueryOfStories(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	at := h.append(document("decision.made", "file/1", "d", `{"outcome":"declined"}`, map[string]any{"time": "2020-01-02T00:00:00Z"})).Receipt.Index
	kept := h.l.Head().Note
	h.append(document("adverse-action.noticed", "file/1", "n", `{"decisionRef":"d"}`, nil))
	h.append(document("record.corrected", "file/1", "c", `{"target":"d","members":[{"pointer":"/data/reasonCodes","value":"[\"debt-to-income\"]"}]}`, nil))
	for text, want := range map[string][2][]int64{
		"due=breached":            {{at}, nil},
		"due=met-late":            {nil, {at}},
		"finding=decline-reasons": {{at}, nil},
		"finding=decline-reasons due=any type=decision.made": {{at}, nil},
	} {
		for i, checkpoint := range [][]byte{kept, nil} {
			var out bytes.Buffer
			if err := h.l.WriteBundle(t.Context(), &out, ledger.Bundling{Filter: filter(t, text), Checkpoint: checkpoint}, nil); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			var got []int64
			for line := range bytes.Lines(out.Bytes()) {
				if bytes.HasPrefix(line, []byte(`{"index":`)) {
					got = append(got, int64(indexOf(t, line)))
				}
			}
			if !slices.Equal(got, want[i]) {
				t.Errorf("%s: the bundle has records %v, want %v", text, got, want[i])
			}
		}
	}
}

// What cannot be asked for is refused before anything is written.
func TestBundleRefusals(t *testing.T) {
	b := newBundled(t)
	other := ledgertest.New(t)
	for name, o := range map[string]ledger.Bundling{
		"another ledger's checkpoint": {Checkpoint: other.Head().Note},
		"no checkpoint":               {Checkpoint: []byte("x")},
		"no time":                     {From: b.payments[9], To: b.payments[9]},
		"no seed":                     {Sample: &proof.Sample{Count: 1}},
		"no sample":                   {Sample: &proof.Sample{Seed: "x"}},
		"too large a sample":          {Sample: &proof.Sample{Seed: "x", Count: proof.MaxSample + 1}},
		"beyond the end":              {Sample: &proof.Sample{Seed: "x", Count: 1, End: 1 << 40}},
		"no range":                    {Sample: &proof.Sample{Seed: "x", Count: 1, Start: 9, End: 9}},
	} {
		var out bytes.Buffer
		err := b.l.WriteBundle(t.Context(), &out, o, nil)
		if err == nil || out.Len() > 0 {
			t.Errorf("%s: %v, and %d bytes were written", name, err, out.Len())
		}
		if strings.Contains(name, "checkpoint") != errors.Is(err, ledger.ErrNotOurs) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
