// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"bytes"
	"errors"
	"regexp"
	"testing"
	"time"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/proof"
)

func TestWriteBundle(t *testing.T) {
	s := serve(t)
	c := s.dial()
	for _, ev := range events(0, 5) {
		if _, err := c.Submit(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
	}
	kept := c.Newest()
	for _, ev := range events(5, 5) {
		if _, err := c.Submit(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
	}
	for name, b := range map[string]client.Bundling{
		"all":    {},
		"period": {From: time.Now().Add(-time.Hour).Truncate(time.Millisecond), To: time.Now().Add(time.Hour).Truncate(time.Second), Pointers: []string{}},
		"sample": {Sample: &proof.Sample{Seed: "x", Count: 4}, Pointers: []string{"/subject"}},
		"kept":   {Sample: &proof.Sample{Seed: "x", Count: 4, Start: 1, End: kept.Size}, Checkpoint: kept.Note},
		"filter": {Filter: "type=payment.received"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := c.WriteBundle(t.Context(), &out, b); err != nil {
				t.Fatal(err)
			}
			if r, err := proof.VerifyBundle(c.Trust(), &out, nil, nil); err != nil || r.Verdict == proof.Invalid {
				t.Errorf("%v, %v", r.Checks, err)
			}
			broken := errors.New("the disk is full")
			if err := c.WriteBundle(t.Context(), brokenWriter{broken}, b); !errors.Is(err, broken) {
				t.Errorf("what cannot be written ends with %v", err)
			}
		})
	}
	var p *client.Problem
	if err := c.WriteBundle(t.Context(), &bytes.Buffer{}, client.Bundling{Filter: "nonsense"}); !errors.As(err, &p) {
		t.Errorf("a wrong filter is %v", err)
	}
	if err := c.WriteBundle(t.Context(), &bytes.Buffer{}, client.Bundling{From: time.Unix(0, 1)}); err == nil {
		t.Error("a nanosecond is no moment of the ledger")
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

func TestLiesInBundles(t *testing.T) {
	s := serve(t)
	c := s.dial()
	old := s.ledger.Head().Note
	bundle := func(b client.Bundling) []byte {
		t.Helper()
		var out bytes.Buffer
		if err := c.WriteBundle(t.Context(), &out, b); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	for _, ev := range events(0, 5) {
		if _, err := c.Submit(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
	}
	none := []string{}
	all := bundle(client.Bundling{Pointers: none})
	shown := bundle(client.Bundling{})
	another := bundle(client.Bundling{From: time.Now().Add(-time.Hour).Truncate(time.Second), Pointers: none})
	sample := client.Bundling{Sample: &proof.Sample{Seed: "1", Count: 3}, Pointers: none}
	drawn := bundle(client.Bundling{Sample: &proof.Sample{Seed: "2", Count: 3}, Pointers: none})
	fewer := bundle(client.Bundling{Sample: &proof.Sample{Seed: "1", Count: 2}, Pointers: none})
	stale := bundle(client.Bundling{Checkpoint: old, Pointers: none})
	narrow := bundle(client.Bundling{Sample: &proof.Sample{Seed: "1", Count: 3, End: 5}, Pointers: none})
	found := bundle(client.Bundling{Filter: "type=decision.made", Pointers: none})
	lines := bytes.SplitAfter(all, []byte("\n"))
	disclosed := regexp.MustCompile(`"disclosures":\[.+?\}\]`)
	named := disclosed.ReplaceAll(bundle(client.Bundling{Pointers: []string{"/subject"}}), []byte(`"disclosures":[]`))
	for _, x := range []struct {
		name, says string
		ask        client.Bundling
		answer     []byte
	}{
		{"a record left out", "format", client.Bundling{Pointers: none}, bytes.Join(append(append([][]byte{}, lines[:4]...), lines[5:]...), nil)},
		{"cut off", "cut off", client.Bundling{Pointers: none}, all[:len(all)/2]},
		{"an altered record", "range", client.Bundling{Pointers: none}, append(bytes.Clone(all[:len(all)/2]), bytes.Replace(all[len(all)/2:], []byte(`\"capture\":\"live\"`), []byte(`\"capture\":\"late\"`), 1)...)},
		{"another period", "something else", client.Bundling{Pointers: none}, another},
		{"another claim", "something else", client.Bundling{Pointers: none}, drawn},
		{"another seed", "something else", sample, drawn},
		{"a smaller sample", "something else", sample, fewer},
		{"a sample of fewer", "something else", sample, narrow},
		{"another filter", "something else", client.Bundling{Filter: "type=payment.received", Pointers: none}, found},
		{"no case file", "something else", client.Bundling{Filter: "type=payment.received", Pointers: none}, all},
		{"more than asked for", "discloses more", client.Bundling{Pointers: none}, shown},
		{"a subject that was not asked for", "discloses more", client.Bundling{Pointers: none}, named},
		{"another checkpoint", "another checkpoint", client.Bundling{Checkpoint: old, Pointers: none}, all},
		{"an old answer", "", client.Bundling{Pointers: none}, stale},
		{"no bundle", "no bundle", client.Bundling{Pointers: none}, []byte("{}\n")},
	} {
		t.Run(x.name, func(t *testing.T) {
			lie := func(n int, _ string) []string {
				if n > 1 {
					return nil
				}
				return []string{string(x.answer)}
			}
			s.line.Store(&lie)
			wantLie(t, c.WriteBundle(t.Context(), &bytes.Buffer{}, x.ask), x.says)
		})
	}
}

// A connection that breaks is no lie, and what was written is not taken for the
// whole.
func TestBundleCutOff(t *testing.T) {
	s := serve(t)
	c := s.dial()
	broken := func(n int, line string) []string {
		if n > 5 {
			return []string{cut}
		}
		return []string{line}
	}
	s.line.Store(&broken)
	var lie *client.LieError
	if err := c.WriteBundle(t.Context(), &bytes.Buffer{}, client.Bundling{}); !errors.Is(err, client.ErrUnreachable) || errors.As(err, &lie) {
		t.Errorf("a bundle that was cut off: %v", err)
	}
}
