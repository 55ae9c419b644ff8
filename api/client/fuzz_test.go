// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/lendlog/lendlog/ledger/record"
)

func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"line":1,"status":201,"index":22,"leaf":"AA==","entry":"{}","seeds":{"party":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},"proof":["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="],"checkpoint":"x","restricted":{"submitter":"a","refs":[1]}}`,
		`{"line":2,"status":422,"problem":{"type":"urn:lendlog:problem:invalid-event","status":422,"errors":[{"pointer":"/time"}],"index":7}}`,
		`{"summary":true,"accepted":1,"repeated":0,"refused":1,"checkpoint":"x"}`,
		`{"seeds":{"party":"QQ=="}}`, `{"proof":["QQ=="]}`, `null`, `[]`, `{"line":1e3}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parseAnswer(b)
		if err != nil {
			return
		}
		if a.Problem != nil && a.Problem.Error() == "" {
			t.Error("a problem says nothing")
		}
		r, err := a.receipt()
		if err != nil {
			return
		}
		if len(r.Seeds) != len(a.Seeds) || len(r.Proof) > 63 {
			t.Errorf("the receipt has %d seeds of %d, %d hashes", len(r.Seeds), len(a.Seeds), len(r.Proof))
		}
	})
}

// FuzzReadLine wants every line whole, however it comes, and nothing that was
// cut off.
func FuzzReadLine(f *testing.F) {
	f.Add([]byte("a\nbc\n"), 16)
	f.Add([]byte("a long line that goes beyond the buffer\ncut"), 16)
	f.Add(bytes.Repeat([]byte("x"), maxAnswer+100), 16)
	f.Add([]byte("\n\n"), 1)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		r := bufio.NewReaderSize(bytes.NewReader(b), max(16, min(size, 1<<16)))
		var got []byte
		for {
			line, err := readLine(r)
			if errors.Is(err, errLongLine) {
				if len(b) <= maxAnswer {
					t.Errorf("a line of at most %d bytes is too long", len(b))
				}
				return
			}
			if err != nil {
				break
			}
			if bytes.IndexByte(line, '\n') != len(line)-1 {
				t.Errorf("%q is no line", line)
			}
			got = append(got, line...)
		}
		if want := b[:bytes.LastIndexByte(b, '\n')+1]; !bytes.Equal(got, want) {
			t.Errorf("the lines are %q, want %q", got, want)
		}
	})
}

// FuzzUnseal wants no record whose members were not committed to.
func FuzzUnseal(f *testing.F) {
	cat, err := record.Builtin()
	if err != nil {
		f.Fatal(err)
	}
	schema, ok := cat.Type("org.lendlog.payment.received.v1")
	if !ok {
		f.Fatal("there are no payments")
	}
	entry := &record.Entry{Type: schema.Type, Schema: schema.Hash}
	for _, seed := range []string{
		`{"members":[{"pointer":"/id","open":false,"present":true,"value":"x"}],"seeds":{"party":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}`,
		`{"members":[{"pointer":"/data/x","open":true,"present":true,"value":1}],"seeds":{}}`,
		`{"members":[{"pointer":"/id"},{"pointer":"/id"}],"seeds":null,"unreadable":["party"]}`,
		`{"members":[null],"proof":[]}`, `{}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d := &recordDoc{}
		if json.Unmarshal(b, d) != nil {
			return
		}
		r := &Record{Leaf: record.Leaf{Entry: entry}, Schema: schema}
		_ = r.checkOpen(d)
		if r.unseal(d) == nil { // it would have to hash to zero
			t.Error("members are believed that nobody committed to")
		}
	})
}

// FuzzMessages wants every event that is written to be read as it was, whatever
// stands around it, and no other input to give more than it has.
func FuzzMessages(f *testing.F) {
	for _, seed := range []string{
		"event: checkpoint\ndata: {}\n\n", ":\n\nid: 7\r\nevent: record\r\ndata: a\r\ndata: b\r\n\r\n", "data\n\n", "data:\n: x\ndata: y\n\n",
		"event: x\n\ndata: cut off\n", "retry: 1\nunknown\n\n\n", "\r\r\n", "data: \x00\n\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		read := func(b []byte) (all []message) {
			for m := newMessages(bytes.NewReader(b)); ; {
				e, err := m.next()
				if err != nil {
					return all
				}
				if e.name != "" {
					all = append(all, e)
				}
			}
		}
		size := 0
		var again bytes.Buffer
		all := read(b)
		for _, e := range all {
			size += len(e.data)
			again.WriteString(":\nevent: " + e.name + "\r\n")
			for line := range bytes.SplitSeq(e.data, []byte("\n")) {
				again.WriteString("data: " + string(line) + "\r\n: in between\n")
			}
			again.WriteString("\n")
		}
		if size > len(b) {
			t.Errorf("%d bytes were read out of %d", size, len(b))
		}
		second := read(again.Bytes())
		if len(second) != len(all) {
			t.Fatalf("%d events were read as %d", len(all), len(second))
		}
		for i, e := range all {
			if second[i].name != e.name || !bytes.Equal(second[i].data, e.data) {
				t.Errorf("%q was read as %q", e, second[i])
			}
		}
	})
}
