// SPDX-License-Identifier: Apache-2.0

package portable

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/tree"
)

// golden bundles, of a ledger of six leaves.
var bundles = []string{"bundle-period.ndjson", "bundle-sample.ndjson", "bundle-query.ndjson"}

// beside reads a golden file that is no test vector.
func beside(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A bundle is what is wrong with it, for all verifiers.
func TestBundles(t *testing.T) {
	period, sample, query := string(beside(t, bundles[0])), string(beside(t, bundles[1])), string(beside(t, bundles[2]))
	long := func(n int) string { return strings.Repeat(" ", n) }
	line := func(file string, n int) string { return strings.SplitAfter(file, "\n")[n] }
	var first struct{ Period struct{ Before []string } }
	if err := json.Unmarshal([]byte(line(period, 0)), &first); err != nil {
		t.Fatal(err)
	}
	trust := string(beside(t, "trust.json"))
	var edges []edge
	add := func(verdict, check, name, file, old, new string) {
		t.Helper()
		if !strings.Contains(file, old) {
			t.Fatalf("%s: there is no %s", name, old)
		}
		edges = append(edges, edge{job{name: name, Document: []byte(strings.Replace(file, old, new, 1)), Trust: []byte(trust)}, verdict, check})
	}
	const valid, invalid, incomplete, format = "VALID", "INVALID", "INCOMPLETE", "format"
	for i, file := range []string{period, sample, query} {
		add(valid, "", bundles[i], file, "", "")
		add(invalid, "checkpoint", "a checkpoint that nobody signed", file, "— ", "– ")
		add(invalid, format, "another version", file, "lendlog-bundle/1", "lendlog-bundle/2")
		add(invalid, format, "no end", file, line(file, strings.Count(file, "\n")-1), "")
		add(invalid, format, "cut in a line", file, file[len(file)-3:], "")
		add(invalid, format, "more behind", file, file[len(file)-3:], file[len(file)-3:]+"{}\n")
		add(invalid, format, "the end of a line behind", file, file[len(file)-3:], file[len(file)-3:]+"\n")
		add(invalid, format, "a space behind", file, file[len(file)-3:], file[len(file)-3:]+" ")
		add(invalid, format, "the end twice", file, file[len(file)-3:], file[len(file)-3:]+line(file, strings.Count(file, "\n")-1))
		add(invalid, format, "another count", file, `{"end":`, `{"end":1`)
		add(invalid, format, "a count that is none", file, `{"end":`, `{"end":-`)
		add(invalid, format, "an end with more in it", file, `{"end":`, `{"x":1,"end":`)
		add(invalid, format, "a schema with more in it", file, `{"schema":`, `{"x":1,"schema":`)
		add(invalid, format, "a schema twice", file, `{"schema":`, line(file, slices.IndexFunc(strings.Split(file, "\n"), func(l string) bool { return strings.HasPrefix(l, `{"schema"`) }))+`{"schema":`)
		add(invalid, format, "a schema that is no text", file, `{"schema":`, "{\"schema\":1}\n{\"schema\":")
		add(invalid, format, "a first line with more in it", file, `"checkpoint":`, `"x":1,"checkpoint":`)
		add(invalid, format, "two members of one name", file, `"checkpoint":`, `"checkpoint":"","checkpoint":`)
		add(invalid, format, "no genesis", file, `"genesis":`, `"genesi":`)
		add(invalid, format, "an empty line", file, "\n", "\n\n")
		add(invalid, format, "a line that is a list", file, "\n", "\n[]\n")
		add(invalid, format, "a line that is not UTF-8", file, "\n", "\n{\"\xff\":1}\n")
		add(invalid, format, "a record with more in it", file, `{"index":`, `{"x":1,"index":`)
		add(invalid, "entry", "an entry that is none", file, `{"index":1,"entry":"{\"capture\"`, `{"index":1,"entry":"{ \"capture\"`)
		add(valid, "", "a line as long as may be", file, "\n", long(4<<20-len(line(file, 0)))+"\n")
		add(invalid, format, "a longer line", file, "\n", long(4<<20-len(line(file, 0))+1)+"\n")
		add(valid, "", "white space", file, `,"checkpoint"`, " ,\r\t\"checkpoint\"")
		add(valid, "", "a schema that nobody needs and nobody can read", file, "\n", "\n{\"schema\":\"of a later profile\"}\n")
		add(incomplete, "schema", "no schema", file, line(file, slices.IndexFunc(strings.Split(file, "\n"), func(l string) bool { return strings.HasPrefix(l, `{"schema"`) })), "")
	}

	add(invalid, format, "two claims", query, `"query":`, `"sample":{"seed":"x","count":1,"start":0,"end":1},"query":`)
	add(invalid, format, "no claim", query, `,"query":{"filter":"subject=file/L-1"}`, "")
	add(invalid, format, "a filter that is no text", query, `"subject=file/L-1"`, "1")
	add(invalid, format, "records out of order", query, `{"index":1`, `{"index":3`)
	add(invalid, format, "no proof", query, `"proof":`, `"prof":`)
	add(invalid, "inclusion", "a record of elsewhere", query, `{"index":2`, `{"index":3`)

	add(invalid, format, "another start", period, `"start":1`, `"start":2`)
	add(invalid, format, "a start of the same number of trees", period, `"start":1`, `"start":4`)
	add(invalid, format, "a start behind the end", period, `"start":1`, `"start":8`)
	add(invalid, format, "an earlier end", period, `"end":6,`, `"end":5,`)
	add(invalid, format, "a later end", period, `"end":6,`, `"end":7,`)
	add(invalid, format, "the largest end", period, `"end":6,`, `"end":9007199254740991,`)
	add(invalid, format, "an end before the start", period, `"end":6,`, `"end":1,`)
	add(invalid, format, "a hash that is none", period, `"before":["`, `"before":["A`)
	add(invalid, "range", "another hash before", period, `"before":["`+first.Period.Before[0], `"before":["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=`)
	add(invalid, format, "more hashes before", period, `"before":[`, `"before":["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",`)
	add(invalid, "range", "a hash behind that is none of it", period, `"after":[`, `"after":["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="`)
	add(invalid, format, "no hashes behind", period, `"after":[]`, `"afte":[]`)
	add(invalid, format, "a record with a proof", period, `{"index":3,`, `{"index":3,"proof":[],`)
	add(invalid, "range", "an altered record", period, `{"index":3,"entry":"{\"capture\":\"live\"`, `{"index":3,"entry":"{\"capture\":\"late\"`)
	add(invalid, format, "a record left out", period, line(period, 1), "")
	add(invalid, format, "the last record left out", period, line(period, strings.Count(period, "\n")-2), "")
	for _, x := range []struct{ verdict, check, from, to string }{
		{valid, "", "2026-01-31T09:02:00.000Z", "2026-01-31T09:05:00.000Z"},
		{valid, "", "2026-01-31T09:02:00.123Z", "2026-01-31T09:05:00.123Z"},
		{invalid, "range", "2026-01-31T09:02:00.000Z", "2026-01-31T09:02:00.001Z"},
		{invalid, "range", "2026-01-31T09:02:00.124Z", "2026-01-31T09:03:00.000Z"},
		{incomplete, "range", "2026-01-31T09:02:00.000Z", "2026-01-31T09:05:00.124Z"},
		{incomplete, "range", "2026-01-31T09:02:00.000Z", "9999-12-31T23:59:59.999Z"},
		{valid, "", "2026-01-31T09:02:00.000Z", ""},
		{invalid, "range", "2026-01-31T09:01:00.123Z", ""},
		{invalid, "range", "0000-01-01T00:00:00.000Z", ""},
		{invalid, format, "0001-01-01T00:00:00.000Z", ""},
		{invalid, "range", "0001-01-01T00:00:00.001Z", ""},
		{invalid, format, "", "2026-01-31T09:05:00.000Z"}, // then it has to begin with the first
		{invalid, format, "2026-01-31T09:05:00.000Z", "2026-01-31T09:05:00.000Z"},
		{invalid, format, "2026-01-31T09:06:00.000Z", "2026-01-31T09:05:00.000Z"},
		{invalid, format, "2026-01-31T09:02:00Z", "2026-01-31T09:05:00.000Z"},
		{invalid, format, "2026-01-31T09:02:00.00Z", "2026-01-31T09:05:00.000Z"},
		{invalid, format, "2026-01-31T10:02:00.000+01:00", "2026-01-31T09:05:00.000Z"},
		{invalid, format, "2026-02-29T09:02:00.000Z", "2026-03-31T09:05:00.000Z"},
		{invalid, format, "2026-01-31T09:02:60.000Z", "2026-01-31T09:05:00.000Z"},
		{invalid, format, "2026-01-31T09:02:00,000Z", "2026-01-31T09:05:00.000Z"},
		{invalid, format, "2026-01-31t09:02:00.000Z", "2026-01-31T09:05:00.000Z"},
	} {
		times := ""
		if x.from != "" {
			times = `"from":"` + x.from + `",`
		}
		if times += `"start":1`; x.to != "" {
			times += `,"to":"` + x.to + `"`
		}
		add(x.verdict, x.check, "from "+x.from+" to "+x.to, period, `"from":"2026-01-31T09:02:00.000Z","start":1,"to":"2026-01-31T09:05:00.000Z"`, times)
	}

	for _, x := range []struct{ check, old, new string }{
		{format, `"count":2`, `"count":0`},
		{format, `"count":2`, `"count":10001`},
		{"sample", `"count":2`, `"count":10000`},
		{format, `"end":6`, `"end":7`},
		{format, `"start":0`, `"start":6`},
		{format, `"start":0`, `"start":-1`},
		{format, `"seed":"4 5 6"`, `"seed":""`},
		{format, `"seed":"4 5 6"`, `"seed":"` + strings.Repeat("é", 513) + `"`},
		{format, `"seed":"4 5 6"`, `"seed":5`},
		{"sample", `"seed":"4 5 6"`, `"seed":"4 5 7"`},
		{"sample", `"seed":"4 5 6"`, `"seed":"` + strings.Repeat("é", 512) + `"`},
	} {
		add(invalid, x.check, "a sample with "+clip([]byte(x.new)), sample, x.old, x.new)
	}

	asks := bytes.Replace([]byte(trust), []byte(`"v":`), []byte(`"maxAgeSeconds": 60, "v":`), 1)
	edges = append(edges,
		edge{job{name: "a policy that asks for what is reserved", Document: []byte(period), Trust: asks}, incomplete, "policy"},
		edge{job{name: "a policy that asks for what is reserved, of a bundle that is cut off", Document: []byte(line(period, 0)), Trust: asks}, invalid, "policy"})
	hold(t, edges)

	// What is held against a bundle is a wrong call.
	receipt := published(t, "receipt-valid-against.json")
	jobs := []job{
		{name: "a receipt against it", Document: []byte(period), Trust: []byte(trust), Against: [][]byte{receipt}},
		{name: "an event", Document: []byte(period), Trust: []byte(trust), Event: published(t, "event.json"), Schema: published(t, "decided.schema.json")},
		{name: "another format", Document: []byte(strings.Replace(period, `{"v"`, `{ "v"`, 1)), Trust: []byte(trust)},
	}
	for i, a := range compare(t, jobs) {
		if a.Verdict != unread {
			t.Errorf("%s is %s", jobs[i].name, a.Verdict)
		}
	}
}

// mutantBundle is a golden bundle of which a line or two are changed, or left
// out, or stand elsewhere.
func mutantBundle(t *testing.T, seed uint64) job {
	t.Helper()
	rng := rand.New(rand.NewPCG(0xb01d, seed))
	name := bundles[rng.IntN(len(bundles))]
	lines := bytes.SplitAfter(beside(t, name), []byte("\n"))
	lines = lines[:len(lines)-1]
	for range 1 + rng.IntN(2) {
		i, k := rng.IntN(len(lines)), rng.IntN(len(lines))
		switch rng.IntN(10) {
		case 0:
			lines[i], lines[k] = lines[k], lines[i]
		case 1:
			lines = slices.Insert(lines, i, lines[k])
		case 2:
			lines = slices.Delete(lines, i, i+1)
		case 3:
			lines[i] = bytes.Clone(lines[i])
			lines[i][rng.IntN(len(lines[i]))] ^= 1 << rng.IntN(8)
		default:
			if v, err := canon.Parse(lines[i], canon.Limits{}); err == nil {
				mutate(rng, &v)
				// In the first line the version comes first.
				at, of := slices.IndexFunc(v.Members, func(m canon.Member) bool { return m.Name == "v" }), v.Members
				if at > 0 {
					v.Members = append([]canon.Member{of[at]}, slices.Delete(slices.Clone(of), at, at+1)...)
				}
				lines[i] = append(plainly(v), '\n')
			}
		}
		if len(lines) == 0 {
			break
		}
	}
	trust := []string{"trust.json", "trust.json", "trust-submitters.json", "trust-witnesses.json"}[rng.IntN(4)]
	return job{name: fmt.Sprintf("mutant %d of %s", seed, name), Document: bytes.Join(lines, nil), Trust: beside(t, trust)}
}

// plainly writes a value with its members in the order in which they are.
func plainly(v canon.Value) []byte {
	if v.Kind != canon.Object {
		return v.Bytes()
	}
	out := []byte("{")
	for i, m := range v.Members {
		if i > 0 {
			out = append(out, ',')
		}
		name, _ := json.Marshal(m.Name)
		out = append(append(append(out, name...), ':'), m.Value.Bytes()...)
	}
	return append(out, '}')
}

// lyingBundle makes a bundle of a ledger whose operator wrote what no ledger
// writes, of a period or sample that may be as it says.
func lyingBundle(t *testing.T, seed uint64) job {
	t.Helper()
	rng := rand.New(rand.NewPCG(0xb11e, seed))
	j := lie(t, seed)
	j.name = fmt.Sprintf("bundle of %s, seed %d", j.name, seed)
	e, err := proof.ParseEvidence(j.Document)
	if err != nil || len(e.Records) != 5 { // something is not shown, or it is none
		return j
	}
	slices.SortFunc(e.Records, func(a, b proof.Record) int { return int(a.Index - b.Index) })
	var edge tree.Edge
	var leaves []tree.Hash
	for _, r := range e.Records {
		leaves = append(leaves, tree.LeafHash(r.Entry))
		edge.Append(leaves[len(leaves)-1])
	}
	view := tree.View{Edge: edge}
	start := int64(rng.IntN(4))
	end := start + 1 + rng.Int64N(5-start)
	head := &proof.Bundle{Checkpoint: e.Checkpoint, Genesis: e.Genesis}
	moment := func(i int64) time.Time { // near the time of a record
		return time.Date(2026, 1, 31, 9, int(i), 0, int(123*time.Millisecond), time.UTC).Add(time.Duration(rng.IntN(3)-1) * time.Millisecond)
	}
	switch rng.IntN(3) {
	case 0:
		head.Sample = &proof.Sample{Seed: fmt.Sprint(seed), Count: 1 + rng.Int64N(4), Start: start, End: end}
		cp, err := policyOf(t, j.Trust).OpenCheckpoint(e.Checkpoint)
		if err == nil {
			drawn := head.Sample.Draw(cp.Text())
			e.Records = slices.DeleteFunc(e.Records, func(r proof.Record) bool { return !slices.Contains(drawn, r.Index) })
		}
		if rng.IntN(6) == 0 && len(e.Records) > 0 {
			e.Records = e.Records[1:]
		}
	case 1:
		head.Query = &proof.Query{Filter: "type=x"}
	default:
		p := &proof.Period{Start: start, End: end}
		if start > 0 || rng.IntN(2) == 0 {
			p.From = moment(start + 1)
		}
		if end < 5 || rng.IntN(2) == 0 {
			p.To = moment(end - 1)
		}
		if !p.From.IsZero() && !p.To.IsZero() && !p.From.Before(p.To) {
			p.To = p.From.Add(time.Duration(1+rng.IntN(2)) * time.Minute)
		}
		if p.Before, err = view.Prefix(start); err != nil {
			t.Fatal(err)
		}
		if p.After, err = view.ProveConsistency(end, 5); err != nil {
			t.Fatal(err)
		}
		head.Period = p
		e.Records = e.Records[start:end]
	}
	var out bytes.Buffer
	w, err := proof.NewBundleWriter(&out, head)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range e.Records {
		var schema []byte
		if i < len(e.Schemas) { // all of them come before long
			schema = e.Schemas[i]
		}
		if err := w.Add(r, schema); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	j.Document = out.Bytes()
	return j
}

func policyOf(t *testing.T, policy []byte) *proof.Trust {
	t.Helper()
	p, err := proof.ParseTrust(policy)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// All verifiers say the same of bundles that were damaged, or that an operator
// signs who writes what no ledger writes.
func TestBundleMutations(t *testing.T) { bundleMutations(t, 100) }

func bundleMutations(t *testing.T, n int) {
	jobs := make([]job, n)
	for i := range jobs {
		jobs[i] = mutantBundle(t, uint64(i))
	}
	tally(t, compare(t, jobs), n/200)
}

func TestBundleLies(t *testing.T) { bundleLies(t, 60) }

func bundleLies(t *testing.T, n int) {
	jobs := make([]job, n)
	for i := range jobs {
		jobs[i] = lyingBundle(t, uint64(i))
	}
	tally(t, compare(t, jobs), n/100)
}

// The anchors of a bundle cover the whole tree of its checkpoint.
func TestAnchoredBundles(t *testing.T) {
	var jobs []job
	for _, v := range manifest(t) {
		e, err := proof.ParseEvidence(published(t, v.File))
		if err != nil || len(e.Anchored) == 0 {
			continue
		}
		slices.SortFunc(e.Records, func(a, b proof.Record) int { return int(a.Index - b.Index) })
		var out bytes.Buffer
		w, err := proof.NewBundleWriter(&out, &proof.Bundle{Checkpoint: e.Checkpoint, Genesis: e.Genesis, Anchored: e.Anchored, Query: &proof.Query{}})
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range e.Records {
			var schema []byte
			if i < len(e.Schemas) {
				schema = e.Schemas[i]
			}
			if err := w.Add(r, schema); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		for _, trust := range []string{v.Trust, "trust.json", "trust-witnesses.json"} {
			jobs = append(jobs, job{name: v.File + " as a bundle under " + trust, Document: out.Bytes(), Trust: published(t, trust)})
		}
		jobs = append(jobs, job{name: v.File + " as a bundle with more in an anchor", Trust: published(t, v.Trust),
			Document: bytes.Replace(out.Bytes(), []byte(`"anchors":[{`), []byte(`"anchors":[{"x":1,`), 1)})
	}
	if len(jobs) < 40 {
		t.Fatalf("there are %d bundles with anchors", len(jobs))
	}
	verdicts := map[string]int{}
	for _, a := range compare(t, jobs) {
		verdicts[a.Verdict]++
	}
	if t.Log(verdicts); verdicts["VALID"] == 0 || verdicts["INVALID"] == 0 || verdicts["INCOMPLETE"] == 0 {
		t.Errorf("the bundles are %v", verdicts)
	}
}
