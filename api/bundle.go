// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/look"
	"github.com/lendlog/lendlog/ledger/proof"
)

const maxBundling = 64 << 10 // bytes of what is asked for

// postBundle answers POST /v1/bundles with evidence of many records, line by
// line. It keeps nothing. What fails after the first line cuts the connection,
// and the file lacks its last line then.
func (s *Server) postBundle(c *call) error {
	media, err := c.media(typeJSON)
	if err != nil {
		return err
	}
	if media != typeJSON {
		return unsupported("what a bundle is to be of is JSON", typeJSON)
	}
	body, err := c.body(maxBundling)
	if err != nil {
		return err
	}
	b, err := readBundling(body)
	if err == nil {
		err = c.opens(b.Pointers)
	}
	if err != nil {
		return err
	}
	_, err = scan(s, c, "ask for less of it, or use lendlog bundle on a copy of the ledger", func(ctx context.Context) (struct{}, error) {
		c.Header("Content-Type", typeStream)
		w := bufio.NewWriterSize(patientWriter{c, http.NewResponseController(c.Writer), s.limits.request}, 32<<10)
		b.Opening = func(spans look.Spans) error { return s.opensBundle(c, b, spans) }
		err := s.ledger.WriteBundle(ctx, w, *b, nil)
		if err != nil && !c.Writer.Written() {
			c.Writer.Header().Del("Content-Type") // it becomes a problem
		}
		if err == nil {
			err = w.Flush()
		}
		return struct{}{}, err
	})
	return err
}

// readBundling reads what a bundle is to be of.
func readBundling(body []byte) (*ledger.Bundling, error) {
	v, err := canon.Parse(body, canon.Limits{})
	if err != nil {
		return nil, unreadable("", err)
	}
	if v.Kind != canon.Object {
		return nil, faultf(kindUnreadable, `what a bundle is to be of is an object such as {"from": "2026-01-01T00:00:00Z", "to": "2026-04-01T00:00:00Z"}`)
	}
	b := &ledger.Bundling{}
	claims := map[string]bool{}
	for _, m := range v.Members {
		wrong := func(what string) error { return faultf(kindUnreadable, "/%s is not %s", m.Name, what) }
		switch m.Name {
		case "from", "to":
			t, err := time.Parse(time.RFC3339, m.Value.Str)
			year := t.UTC().Year()
			if m.Value.Kind != canon.String || err != nil || t.Nanosecond()%1e6 != 0 || year < 1970 || year > 9999 {
				return nil, wrong("a time from 1970 to 9999 such as 2026-01-01T00:00:00Z, to the millisecond")
			}
			claims["period"] = true
			if m.Name == "from" {
				b.From = t
			} else {
				b.To = t
			}
		case "sample":
			claims["sample"] = true
			if b.Sample, err = readSample(m.Value); err != nil {
				return nil, err
			}
		case "filter":
			if m.Value.Kind != canon.String {
				return nil, wrong("a string")
			}
			claims["filter"] = true
			if b.Filter, err = index.ParseFilter(m.Value.Str); err != nil {
				return nil, err
			}
		case "checkpoint":
			if m.Value.Kind != canon.String {
				return nil, wrong("a string: a signed checkpoint")
			}
			b.Checkpoint = []byte(m.Value.Str)
		case "disclose":
			if m.Value.Kind != canon.Array {
				return nil, wrong("an array of JSON Pointers; leave it out to disclose all")
			}
			b.Pointers = []string{}
			for _, p := range m.Value.Items {
				if p.Kind != canon.String || !strings.HasPrefix(p.Str, "/") {
					return nil, wrong("an array of JSON Pointers, such as /data/amount")
				}
				b.Pointers = append(b.Pointers, p.Str)
			}
		default:
			return nil, faultf(kindUnreadable, "there is a member that is not known here; a bundle takes from and to, sample, or filter, and checkpoint and disclose")
		}
	}
	if len(claims) > 1 {
		return nil, faultf(kindUnreadable, "a bundle is of a period (from, to), of a sample, or of what a filter finds; ask for one of them")
	}
	if !b.From.IsZero() && !b.To.IsZero() && !b.From.Before(b.To) {
		return nil, faultf(kindUnreadable, "/to is not after /from")
	}
	return b, nil
}

func readSample(v canon.Value) (*proof.Sample, error) {
	s := &proof.Sample{}
	bad := faultf(kindUnreadable, `/sample is not an object such as {"seed": "what you threw", "count": 25}, with start and end where the sample is not of all records; a seed has at most 1,024 bytes, and a count is at most %d`, proof.MaxSample)
	for _, m := range v.Members {
		switch {
		case m.Name == "seed" && m.Value.Kind == canon.String:
			s.Seed = m.Value.Str
		case m.Name == "count" && m.Value.Kind == canon.Int:
			s.Count = m.Value.Int
		case m.Name == "start" && m.Value.Kind == canon.Int:
			s.Start = m.Value.Int
		case m.Name == "end" && m.Value.Kind == canon.Int && m.Value.Int > 0:
			s.End = m.Value.Int
		default:
			return nil, bad
		}
	}
	if v.Kind != canon.Object || s.Seed == "" || len(s.Seed) > 1024 || s.Count < 1 || s.Count > proof.MaxSample || s.Start < 0 {
		return nil, bad
	}
	return s, nil
}
