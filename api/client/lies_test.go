// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/canon"
)

// flip changes one character of a base64 text.
func flip(s string) string {
	c := "A"
	if s[4] == 'A' {
		c = "B"
	}
	return s[:4] + c + s[5:]
}

// entryWith changes the entry of a receipt or record.
func entryWith(t *testing.T, v map[string]any, old, new string) {
	t.Helper()
	e := v["entry"].(string)
	if !strings.Contains(e, old) {
		t.Errorf("there is no %s to lie about in %s", old, e)
	}
	v["entry"] = strings.Replace(e, old, new, 1)
}

func memberOf(t *testing.T, v map[string]any, pointer string) map[string]any {
	t.Helper()
	for _, m := range v["members"].([]any) {
		if m := m.(map[string]any); m["pointer"] == pointer {
			return m
		}
	}
	t.Errorf("there is no %s to lie about", pointer)
	return map[string]any{}
}

func TestLiesAboutReceipts(t *testing.T) {
	s := serve(t)
	c := s.dial()
	decision := eventOf(t, "org.lendlog.decision.made.v1")
	var others [][]byte // receipts of other events
	for _, ev := range events(0, 3) {
		r, err := c.Submit(t.Context(), ev)
		if err != nil {
			t.Fatal(err)
		}
		others = append(others, r.Receipt.Bytes())
	}
	if _, err := c.Submit(t.Context(), decision); err != nil {
		t.Fatal(err)
	}
	forger := forge(t, s.ledger.Info().Origin)

	for _, x := range []struct {
		name string
		lie  func(body []byte) []byte
		says string
	}{
		{"open member", func(b []byte) []byte {
			return edit(t, b, func(v map[string]any) { entryWith(t, v, `"decisionMode":"assisted"`, `"decisionMode":"manual"`) })
		}, "open members"},
		{"seal", func(b []byte) []byte {
			return edit(t, b, func(v map[string]any) {
				_, rest, _ := strings.Cut(v["entry"].(string), `"sealed":"`)
				entryWith(t, v, rest[:44], flip(rest[:44]))
			})
		}, "sealed members"},
		{"seed", func(b []byte) []byte {
			return edit(t, b, func(v map[string]any) {
				seeds := v["seeds"].(map[string]any)
				seeds["party"] = flip(seeds["party"].(string))
			})
		}, "sealed members"},
		{"no seed", func(b []byte) []byte {
			return edit(t, b, func(v map[string]any) { delete(v["seeds"].(map[string]any), "party") })
		}, "seed"},
		{"capture", func(b []byte) []byte {
			return edit(t, b, func(v map[string]any) {
				e := v["entry"].(string)
				was := e[strings.Index(e, `"capture":`):strings.Index(e, `,"event"`)]
				entryWith(t, v, was, `"capture":"import"`)
			})
		}, "captured"},
		{"type", func(b []byte) []byte {
			return edit(t, b, func(v map[string]any) { entryWith(t, v, "decision.made", "contract.signed") })
		}, ""},
		{"recorded", func(b []byte) []byte { // nothing to recompute it from, but the tree
			return edit(t, b, func(v map[string]any) { entryWith(t, v, `"recorded":"20`, `"recorded":"19`) })
		}, "not at this place"},
		{"index", func(b []byte) []byte {
			return edit(t, b, func(v map[string]any) { v["index"] = 1 })
		}, "not at this place"},
		{"another event", func([]byte) []byte { return others[1] }, ""},
		{"proof", func(b []byte) []byte {
			return edit(t, b, func(v map[string]any) {
				p := v["proof"].([]any)
				p[0] = flip(p[0].(string))
			})
		}, "not at this place"},
		{"no proof", func(b []byte) []byte {
			return edit(t, b, func(v map[string]any) { delete(v, "proof") })
		}, "not at this place"},
		{"forged signature", func(b []byte) []byte {
			return edit(t, b, func(v map[string]any) { v["checkpoint"] = forger(v["checkpoint"].(string)) })
		}, "no signature of a known key"},
		{"altered checkpoint", func(b []byte) []byte {
			return edit(t, b, func(v map[string]any) {
				v["checkpoint"] = strings.Replace(v["checkpoint"].(string), "\n", "\n1", 1)
			})
		}, "signature"},
		{"no checkpoint", func(b []byte) []byte {
			return edit(t, b, func(v map[string]any) { v["checkpoint"] = "" })
		}, "checkpoint"},
		{"version", func(b []byte) []byte { return replace(t, b, "lendlog-receipt/1", "lendlog-receipt/2") }, "cannot be read"},
		{"unknown member", func(b []byte) []byte {
			return edit(t, b, func(v map[string]any) { v["more"] = 1 })
		}, "cannot be read"},
		{"garbage", func([]byte) []byte { return []byte("<html>welcome</html>") }, "cannot be read"},
		{"nothing", func([]byte) []byte { return nil }, "cannot be read"},
		{"huge", func(b []byte) []byte { return append(b, bytes.Repeat([]byte(" "), 5<<20)...) }, "more than"},
	} {
		t.Run(x.name, func(t *testing.T) {
			told := false
			lie := func(r *http.Request, _ *http.Response, b []byte) []byte {
				if r.URL.Path != "/v1/records" {
					return b
				}
				told = true
				return x.lie(b)
			}
			s.lie.Store(&lie)
			before := s.requests.Load()
			_, err := c.Submit(t.Context(), decision)
			wantLie(t, err, x.says)
			if !told {
				t.Error("nothing was altered")
			}
			// At most a consistency proof or a schema besides.
			if n := s.requests.Load() - before; n > 2 {
				t.Errorf("a lie was asked for %d times", n)
			}
		})
	}
}

// forge returns a function that signs the text of a note with another key of
// the same name.
func forge(t *testing.T, name string) func(string) string {
	t.Helper()
	secret, _, err := note.GenerateKey(nil, name)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	return func(signed string) string {
		text, _, _ := strings.Cut(signed, "\n\n")
		forged, err := note.Sign(&note.Note{Text: text + "\n"}, signer)
		if err != nil {
			t.Error(err)
		}
		return string(forged)
	}
}

// A server that answers a conflict with the record that was there first.
func TestConflictPassedOff(t *testing.T) {
	s := serve(t)
	c := s.dial()
	ev := events(0, 1)[0]
	first, err := c.Submit(t.Context(), ev)
	if err != nil {
		t.Fatal(err)
	}
	lie := func(_ *http.Request, resp *http.Response, b []byte) []byte {
		if resp.StatusCode != http.StatusConflict {
			return b
		}
		resp.StatusCode = http.StatusOK
		return first.Receipt.Bytes()
	}
	s.lie.Store(&lie)
	_, err = c.Submit(t.Context(), with(mustParse(t, ev), "note", canon.Text("another content")).Bytes())
	wantLie(t, err, "sealed members")
}

func TestLiesAboutRecords(t *testing.T) {
	s := serve(t)
	c := s.dial()
	decision := eventOf(t, "org.lendlog.decision.made.v1")
	r, err := c.Submit(t.Context(), decision)
	if err != nil {
		t.Fatal(err)
	}
	at := r.Receipt.Index
	secret, err := c.Submit(t.Context(), restricted(t))
	if err != nil {
		t.Fatal(err)
	}
	stale := string(s.ledger.Head().Note)
	if _, err := c.Submit(t.Context(), events(0, 1)[0]); err != nil {
		t.Fatal(err)
	}
	get := func(index int64) string {
		resp, err := http.Get(fmt.Sprintf("%s/v1/records/%d", s.url, index))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var b bytes.Buffer
		if _, err := b.ReadFrom(resp.Body); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	other := get(1)
	doc := func(f func(map[string]any)) func([]byte) []byte {
		return func(b []byte) []byte { return edit(t, b, f) }
	}
	for _, x := range []struct {
		name  string
		index int64
		lie   func([]byte) []byte
		says  string
	}{
		{"sealed value", at, doc(func(v map[string]any) { memberOf(t, v, "/id")["value"] = "another" }), "sealed members"},
		{"sealed value hidden", at, doc(func(v map[string]any) { memberOf(t, v, "/id")["present"] = false }), "sealed members"},
		{"sealed value invented", at, doc(func(v map[string]any) {
			m := memberOf(t, v, "/parent")
			m["present"], m["value"] = true, "file/another"
		}), "sealed members"},
		{"sealed member left out", at, doc(func(v map[string]any) { v["members"] = v["members"].([]any)[1:] }), "missing"},
		{"sealed member twice", at, doc(func(v map[string]any) {
			m := v["members"].([]any)
			v["members"] = append(m, m[0])
		}), "twice"},
		{"sealed member of no schema", at, doc(func(v map[string]any) {
			v["members"] = append(v["members"].([]any), map[string]any{"pointer": "/data/nosuch", "open": false, "present": true, "value": 1})
		}), "does not have"},
		{"seed", at, doc(func(v map[string]any) {
			seeds := v["seeds"].(map[string]any)
			seeds["party"] = flip(seeds["party"].(string))
		}), "sealed members"},
		{"open member", at, doc(func(v map[string]any) { memberOf(t, v, "/data/decisionMode")["value"] = "manual" }), "open member"},
		{"open member left out", at, doc(func(v map[string]any) {
			m := v["members"].([]any)
			v["members"] = m[:len(m)-1]
		}), "open members"},
		{"entry", at, doc(func(v map[string]any) { entryWith(t, v, `"seq":1`, `"seq":2`) }), "not at this place"},
		{"another record", at, func([]byte) []byte { return []byte(other) }, "in its place"},
		{"another record under the index", at, func([]byte) []byte {
			return edit(t, []byte(other), func(v map[string]any) { v["index"] = at })
		}, "not at this place"},
		{"rollback", at, doc(func(v map[string]any) { v["checkpoint"] = stale }), "rolled back"},
		{"garbage", at, func([]byte) []byte { return []byte("[]") }, "cannot be read"},
		{"sealed schema", secret.Receipt.Index, doc(func(v map[string]any) {
			v["schema"] = base64.StdEncoding.EncodeToString(make([]byte, 32))
		}), ""},
		{"no schema", secret.Receipt.Index, doc(func(v map[string]any) { delete(v, "schema") }), "schema"},
		{"sealed type", secret.Receipt.Index, doc(func(v map[string]any) { memberOf(t, v, "/type")["value"] = "another" }), "sealed members"},
		{"unreadable yet shown", at, doc(func(v map[string]any) {
			v["unreadable"] = []string{"party"}
			memberOf(t, v, "/data/decisionMode")["value"] = "manual"
		}), "open member"},
		{"index-root with members", secret.Receipt.Index, doc(func(v map[string]any) { v["entry"] = "{}" }), ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			lie := func(r *http.Request, resp *http.Response, b []byte) []byte {
				if r.URL.Path != fmt.Sprintf("/v1/records/%d", x.index) {
					return b
				}
				return x.lie(b)
			}
			s.lie.Store(&lie)
			_, err := c.Record(t.Context(), x.index)
			if x.name == "sealed schema" { // which does not exist
				if err == nil {
					t.Error("it is believed")
				}
				return
			}
			wantLie(t, err, x.says)
		})
	}
}

// What is left of a record whose party was erased cannot be held against its
// seal, so none of it is shown.
func TestUnreadable(t *testing.T) {
	s := serve(t)
	c := s.dial()
	r, err := c.Submit(t.Context(), eventOf(t, "org.lendlog.decision.made.v1"))
	if err != nil {
		t.Fatal(err)
	}
	lie := func(r *http.Request, _ *http.Response, b []byte) []byte {
		if !strings.HasPrefix(r.URL.Path, "/v1/records/") {
			return b
		}
		return edit(t, b, func(v map[string]any) {
			v["unreadable"] = []string{"party"}
			memberOf(t, v, "/data/officerId")["value"] = "somebody else"
		})
	}
	s.lie.Store(&lie)
	got, err := c.Record(t.Context(), r.Receipt.Index)
	if err != nil {
		t.Fatal(err)
	}
	if got.Event != nil || len(got.Sealed) > 0 || len(got.Unreadable) != 1 {
		t.Errorf("of an erased record are shown %v", got.Sealed)
	}
}

func TestLiesAboutTimelines(t *testing.T) {
	s := serve(t)
	c := s.dial()
	payment := mustParse(t, eventOf(t, "org.lendlog.payment.received.v1"))
	for i := range 3 {
		for _, subject := range []string{"file/mine", "file/other"} {
			ev := with(with(payment, "subject", canon.Text(subject)), "id", canon.Text(fmt.Sprint(subject, i)))
			if _, err := c.Submit(t.Context(), ev.Bytes()); err != nil {
				t.Fatal(err)
			}
		}
	}
	records := func(v map[string]any) []any { return v["records"].([]any) }
	fetch := func(path string) map[string]any {
		resp, err := http.Get(s.url + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var v map[string]any
		if err := json.NewDecoder(resp.Body).Decode(&v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	other := fetch("/v1/subjects/file/other")
	first := int64(records(fetch("/v1/subjects/file/mine"))[0].(map[string]any)["index"].(float64))
	for _, x := range []struct {
		name string
		lie  func(map[string]any)
		says string
	}{
		{"one left out", func(v map[string]any) { v["records"] = append(records(v)[:1:1], records(v)[2:]...) }, "should have"},
		{"one left out and counted so", func(v map[string]any) {
			v["records"], v["count"] = append(records(v)[:1:1], records(v)[2:]...), 2
		}, "not number 2"},
		{"the first left out", func(v map[string]any) { v["records"], v["count"] = records(v)[1:], 2 }, "not number 1"},
		{"order", func(v map[string]any) { r := records(v); r[0], r[1] = r[1], r[0] }, "not number 1"},
		{"one twice", func(v map[string]any) { r := records(v); r[1] = r[0] }, "not number 2"},
		{"one of another subject", func(v map[string]any) { records(v)[1] = records(other)[1] }, "another subject"},
		{"one of another subject, erased", func(v map[string]any) {
			r := records(other)[1].(map[string]any)
			r["unreadable"] = []string{"party"}
			records(v)[1] = r
		}, "does not follow"},
		{"another subject", func(v map[string]any) {
			for k := range v {
				v[k] = fetch("/v1/subjects/file/other")[k]
			}
		}, "another subject"},
		{"more than asked for", func(v map[string]any) { v["records"] = append(records(v), records(v)[0]) }, "should have"},
		{"null", func(v map[string]any) { records(v)[0] = nil }, "cannot be read"},
	} {
		t.Run(x.name, func(t *testing.T) {
			on := true
			lie := func(r *http.Request, _ *http.Response, b []byte) []byte {
				if !on || r.URL.Path != "/v1/subjects/file/mine" {
					return b
				}
				on = false // a lie may look at the truth
				return edit(t, b, x.lie)
			}
			s.lie.Store(&lie)
			_, err := c.Timeline(t.Context(), "file", "mine", 1, 100)
			wantLie(t, err, x.says)
		})
	}
	// A chain of erased records says nothing of its subject but by the VRF.
	lie := func(r *http.Request, _ *http.Response, b []byte) []byte {
		if r.URL.Path != "/v1/subjects/file/mine" {
			return b
		}
		return edit(t, b, func(v map[string]any) {
			v["records"] = records(other)
			for _, r := range records(v) {
				r.(map[string]any)["unreadable"] = []string{"party"}
			}
		})
	}
	s.lie.Store(&lie)
	_, err := c.Timeline(t.Context(), "file", "mine", 1, 100)
	wantLie(t, err, "not shown to be a record of the subject")

	lie = func(r *http.Request, _ *http.Response, b []byte) []byte {
		if !strings.HasSuffix(r.URL.Path, "/evidence") {
			return b
		}
		return edit(t, b, func(v map[string]any) { delete(v["records"].([]any)[0].(map[string]any), "subject") })
	}
	s.lie.Store(&lie)
	_, err = c.Timeline(t.Context(), "file", "mine", 1, 100)
	wantLie(t, err, "subject")

	// Evidence.
	swap := fetch(fmt.Sprintf("/v1/records/%d/evidence", first+1))
	for _, x := range []struct {
		name     string
		pointers []string
		lie      func(map[string]any)
		says     string
	}{
		{"another record", nil, func(v map[string]any) { v["records"] = swap["records"] }, "another record"},
		{"another record under the index", nil, func(v map[string]any) {
			r := swap["records"].([]any)[0].(map[string]any)
			r["index"] = first
			v["records"] = []any{r}
		}, "inclusion"},
		{"more than asked for", []string{"/id"}, func(v map[string]any) {
			for k, x := range fetch(fmt.Sprintf("/v1/records/%d/evidence?disclose=/id,/source", first)) {
				v[k] = x
			}
		}, "asked for"},
		{"less than asked for", nil, func(v map[string]any) { v["schemas"] = []any{} }, "schema"},
		{"nothing", []string{"/id"}, func(v map[string]any) { v["records"].([]any)[0].(map[string]any)["disclosures"] = []any{} }, "asked for"},
		{"genesis", nil, func(v map[string]any) {
			g := v["genesis"].(map[string]any)
			g["entry"] = v["records"].([]any)[0].(map[string]any)["entry"]
		}, "genesis"},
	} {
		t.Run("evidence: "+x.name, func(t *testing.T) {
			on := true
			lie := func(r *http.Request, _ *http.Response, b []byte) []byte {
				if !on {
					return b
				}
				on = false
				return edit(t, b, x.lie)
			}
			s.lie.Store(&lie)
			_, err := c.Prove(t.Context(), first, x.pointers)
			wantLie(t, err, x.says)
		})
	}
}

func TestLiesAboutCompleteness(t *testing.T) {
	s := serve(t)
	c := s.dial()
	submit := func(n int) {
		t.Helper()
		doc := fmt.Sprintf(`{"specversion":"1.0","id":"p-%d","source":"urn:lender","type":"org.lendlog.payment.received.v1","subject":"file/mine",`+
			`"time":"2026-02-03T09:30:00Z","data":{"amount":{"amount":"1.00","currency":"EUR"}}}`, n)
		if _, err := c.Submit(t.Context(), []byte(doc)); err != nil {
			t.Fatal(err)
		}
	}
	submit(1)
	submit(2)
	const kind, id = "file", "mine"
	old, err := c.ProveSubject(t.Context(), kind, id, []string{})
	if err != nil {
		t.Fatal(err)
	}
	absent, err := c.ProveSubject(t.Context(), kind, "nobody", nil)
	if err != nil || len(absent.Records) != 1 {
		t.Fatal(absent, err)
	}
	submit(3)
	for _, x := range []struct {
		name string
		lie  func(b []byte) []byte
		says string
	}{
		{"a record left out", func(b []byte) []byte {
			return edit(t, b, func(v map[string]any) { v["records"] = v["records"].([]any)[1:] })
		}, "complete"},
		{"no index-root", func(b []byte) []byte {
			return edit(t, b, func(v map[string]any) {
				all := v["records"].([]any)
				v["records"] = all[:len(all)-1]
			})
		}, "complete"},
		{"no claim", func(b []byte) []byte {
			return edit(t, b, func(v map[string]any) { delete(v, "completeness") })
		}, "claims nothing"},
		{"another subject", func([]byte) []byte { return absent.Bytes() }, "claims nothing"},
		{"an old answer", func([]byte) []byte { return old.Bytes() }, ""},
		{"more than asked for", func(b []byte) []byte {
			e, err := s.ledger.ProveSubject(t.Context(), kind, id, nil)
			if err != nil {
				t.Fatal(err)
			}
			return e.Bytes()
		}, "asked for"},
	} {
		t.Run(x.name, func(t *testing.T) {
			lie := func(r *http.Request, _ *http.Response, b []byte) []byte {
				if !strings.HasPrefix(r.URL.Path, "/v1/subjects/") {
					return b
				}
				return x.lie(b)
			}
			s.lie.Store(&lie)
			_, err := c.ProveSubject(t.Context(), kind, id, []string{"/id"})
			wantLie(t, err, x.says)
		})
	}
}

func TestLiesAboutCheckpoints(t *testing.T) {
	s := serve(t)
	c := s.dial()
	stale := s.ledger.Head().Note
	for _, ev := range events(0, 5) {
		if _, err := c.Submit(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
	}
	forger := forge(t, s.ledger.Info().Origin)
	for _, x := range []struct {
		name, says string
		path       string
		lie        func(b []byte) []byte
	}{
		{"stale", "rolled back", "/v1/checkpoint", func([]byte) []byte { return stale }},
		{"forged", "no signature of a known key", "/v1/checkpoint", func(b []byte) []byte { return []byte(forger(string(b))) }},
		{"garbage", "signed note", "/v1/checkpoint", func([]byte) []byte { return []byte("hello") }},
		{"huge", "more than", "/v1/checkpoint", func([]byte) []byte { return make([]byte, 5<<20) }},
		{"no consistency", "forked", "/v1/consistency", func([]byte) []byte { return []byte(`{"proof":[]}`) }},
		{"garbled consistency", "cannot be read", "/v1/consistency", func([]byte) []byte { return []byte(`{"proof":["QQ=="]}`) }},
		{"endless consistency", "cannot be read", "/v1/consistency", func([]byte) []byte {
			return []byte(`{"proof":[` + strings.Repeat(`"`+base64.StdEncoding.EncodeToString(make([]byte, 32))+`",`, 64) + `""]}`)
		}},
	} {
		t.Run(x.name, func(t *testing.T) {
			s.record(events(int(s.ledger.Head().Size)*3, 1)) // something new
			told := false
			lie := func(r *http.Request, _ *http.Response, b []byte) []byte {
				if r.URL.Path != x.path {
					return b
				}
				told = true
				return x.lie(b)
			}
			s.lie.Store(&lie)
			before := c.Newest()
			_, err := c.Checkpoint(t.Context())
			wantLie(t, err, x.says)
			if !told || c.Newest().Size != before.Size {
				t.Error("nothing was altered, or the newest checkpoint changed")
			}
		})
	}
}

func TestLiesInStreams(t *testing.T) {
	s := serve(t)
	c := s.dial()
	if _, err := c.Submit(t.Context(), events(0, 1)[0]); err != nil {
		t.Fatal(err)
	}
	docs := events(0, 20) // the first is a repeat
	keep := ""
	line := func(at int, f func(string) []string) func(int, string) []string {
		return func(n int, l string) []string {
			if n == at {
				return f(l)
			}
			return []string{l}
		}
	}
	change := func(at int, f func(map[string]any)) func(int, string) []string {
		return line(at, func(l string) []string { return []string{string(edit(t, []byte(l), f)) + "\n"} })
	}
	for _, x := range []struct {
		name string
		lie  func(int, string) []string
		says string
	}{
		{"omitted line", line(5, func(string) []string { return nil }), "answer 5 is to event 6"},
		{"duplicated line", line(5, func(l string) []string { return []string{l, l} }), "answer 6 is to event 5"},
		{"order", func(n int, l string) []string {
			switch n {
			case 5:
				keep = l
				return nil
			case 6:
				return []string{l, keep}
			}
			return []string{l}
		}, "answer 5 is to event 6"},
		{"swapped receipts", func(n int, l string) []string {
			switch n {
			case 5:
				keep = l
				return nil
			case 6:
				return []string{strings.Replace(l, `"line":6`, `"line":5`, 1), strings.Replace(keep, `"line":5`, `"line":6`, 1)}
			}
			return []string{l}
		}, ""},
		{"last line omitted", line(20, func(string) []string { return nil }), "its summary counts"},
		{"last line omitted and counted so", func(n int, l string) []string {
			switch n {
			case 20:
				return nil
			case 21:
				return []string{string(edit(t, []byte(l), func(v map[string]any) { v["repeated"] = 19 })) + "\n"}
			}
			return []string{l}
		}, "unanswered"},
		{"answers after all", line(21, func(l string) []string {
			return []string{strings.Replace(keep, `"line":5`, `"line":21`, 1), l}
		}), "was not sent"},
		{"entry", change(5, func(v map[string]any) {
			_, rest, _ := strings.Cut(v["entry"].(string), `"sealed":"`)
			entryWith(t, v, rest[:44], flip(rest[:44]))
		}), "sealed members"},
		{"seed", change(5, func(v map[string]any) { v["seeds"] = map[string]any{"party": "QQ=="} }), "seed"},
		{"an index-root", change(5, func(v map[string]any) {
			v["entry"] = `{"covers":1,"root":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","type":"org.lendlog.index-root.v1","v":"lendlog/1"}`
		}), "not of an entry"},
		{"neither", change(5, func(v map[string]any) { v["status"] = 302 }), "neither"},
		{"another status", change(5, func(v map[string]any) {
			v["status"], v["problem"] = 422, map[string]any{"status": 409}
		}), "neither"},
		{"garbage", line(5, func(string) []string { return []string{"<html>\n"} }), "line 5"},
		{"huge", line(5, func(l string) []string { return []string{strings.Repeat("x", 3<<20), "\n"} }), "more than"},
		{"wrong counts", change(21, func(v map[string]any) { v["refused"] = 1 }), "its summary counts"},
		{"no checkpoint", change(21, func(v map[string]any) { v["checkpoint"] = "" }), "checkpoint"},
	} {
		for _, proofs := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, proofs %v", x.name, proofs), func(t *testing.T) {
				s.line.Store(nil)
				truth, err := stream(t, c, docs, client.StreamOptions{Proofs: proofs})
				if err != nil || len(truth) != len(docs) {
					t.Fatalf("%d outcomes: %v", len(truth), err)
				}
				s.line.Store(&x.lie)
				got, err := stream(t, c, docs, client.StreamOptions{Proofs: proofs})
				wantLie(t, err, x.says)
				for i, o := range got { // what was handed out is true
					if o.Result == nil || !bytes.Equal(o.Result.Receipt.Entry, truth[i].Result.Receipt.Entry) {
						t.Errorf("outcome %d is a lie", i)
					}
				}
			})
		}
	}
	index := change(5, func(v map[string]any) { v["index"] = 2 })
	s.line.Store(&index)
	_, err := stream(t, c, docs, client.StreamOptions{Proofs: true})
	wantLie(t, err, "not at this place")
	got, err := stream(t, c, docs, client.StreamOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s.line.Store(nil)
	wantLie(t, c.Complete(t.Context(), got[4].Result.Receipt), "not at this place")
	if err := c.Complete(t.Context(), got[5].Result.Receipt); err != nil {
		t.Error(err)
	}
	// What is no event has no receipt.
	passed := change(1, func(v map[string]any) {
		delete(v, "problem")
		r := got[5].Result.Receipt
		v["status"], v["index"], v["entry"] = 201, r.Index, string(r.Entry)
	})
	s.line.Store(&passed)
	_, err = stream(t, c, [][]byte{[]byte("{")}, client.StreamOptions{})
	wantLie(t, err, "not one of the schema")
	// Of new events the indexes grow.
	shrink := func(n int, l string) []string {
		if n < 3 {
			return []string{l}
		}
		return []string{string(edit(t, []byte(l), func(v map[string]any) { v["index"] = 3 })) + "\n"}
	}
	s.line.Store(&shrink)
	_, err = stream(t, c, events(20, 10), client.StreamOptions{})
	wantLie(t, err, "sent after that of record")
	beyond := func(n int, l string) []string {
		if n != 2 {
			return []string{l}
		}
		return []string{string(edit(t, []byte(l), func(v map[string]any) { v["index"] = 1 << 40 })) + "\n"}
	}
	s.line.Store(&beyond)
	_, err = stream(t, c, docs, client.StreamOptions{})
	wantLie(t, err, "covers")
	proofs := func(n int, l string) []string { // not asked for, not verified, not handed out
		if strings.Contains(l, "summary") {
			return []string{l}
		}
		return []string{string(edit(t, []byte(l), func(v map[string]any) {
			v["proof"], v["checkpoint"] = []string{}, "nonsense"
		})) + "\n"}
	}
	s.line.Store(&proofs)
	got, err = stream(t, c, docs, client.StreamOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range got {
		if o.Result.Receipt.Proof != nil || o.Result.Receipt.Checkpoint != nil {
			t.Fatal("a proof that nobody verified is handed out")
		}
	}
}
