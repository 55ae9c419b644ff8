// SPDX-License-Identifier: Apache-2.0

package access

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/story"
)

// decided selects the stories that have a decision, and all of them.
type decided struct{}

func (decided) Triggers(typ string) bool { return typ == story.Type("decision.made") }
func (decided) Reads(string) bool        { return true }
func (decided) Member(string) bool       { return true }

// tell reads stories, as the indexes of their records by subject.
func tell(t *testing.T, l Ledger) (map[string][]int64, error) {
	t.Helper()
	_, stories, err := l.Stories(t.Context(), decided{}, func(string, int64, int64) {})
	if err != nil {
		return nil, err
	}
	told := map[string][]int64{}
	for s, err := range stories {
		if err != nil {
			return told, err
		}
		for _, r := range s.Records {
			told[s.Subject] = append(told[s.Subject], r.Index)
		}
	}
	return told, nil
}

// between puts a proxy before a server that changes what it answers below a
// path.
func between(t *testing.T, l *ledgertest.Ledger, server, path string, change func([]byte) []byte) Ledger {
	t.Helper()
	at, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(at); r.Out.Header.Set("Accept-Encoding", "identity") },
		ModifyResponse: func(r *http.Response) error {
			if !strings.HasPrefix(r.Request.URL.Path, path) || r.StatusCode != http.StatusOK {
				return nil
			}
			b, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			b = change(b)
			r.Header.Set("Content-Length", strconv.Itoa(len(b)))
			r.ContentLength, r.Body = int64(len(b)), io.NopCloser(bytes.NewReader(b))
			return nil
		},
	}
	srv := httptest.NewServer(proxy)
	t.Cleanup(srv.Close)
	remote, err := Remote(t.Context(), srv.URL, l.Trust().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return remote
}

// TestStories wants the same stories from both sides, and none from a server
// that keeps some back.
func TestStories(t *testing.T) {
	l, remote, server, stop := newRemote(t)
	for _, err := range remote.Submit(t.Context(), generated(400), SubmitOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	want, err := tell(t, &local{Ledger: l.Ledger})
	if err != nil {
		t.Fatal(err)
	}
	if len(want) < 5 || len(slices.Concat(slices.Collect(maps.Values(want))...)) < 2*len(want) {
		t.Fatalf("too few stories to tell anything: %v", want)
	}
	got, err := tell(t, remote)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stories (-local +remote):\n%s", diff)
	}

	hidden := []byte(`"type":"org.lendlog.decision.made.v1"`)
	for _, c := range []struct {
		name, path string
		change     func([]byte) []byte
	}{
		{"a decision looks like something else in the log", "/log/tile/entries/", func(b []byte) []byte {
			return bytes.Replace(b, hidden, []byte(`"type":"org.lendlog.decision.mode.v1"`), 1)
		}},
		{"the log is cut short", "/log/tile/entries/", func(b []byte) []byte { return b[:len(b)-1] }},
		{"entries are left out of the log", "/log/tile/entries/", func([]byte) []byte { return nil }},
		{"the last record of a subject is kept back", "/v1/subjects/", func(b []byte) []byte {
			var page map[string]json.RawMessage
			var records []json.RawMessage
			var count int64
			if err := errors.Join(json.Unmarshal(b, &page), json.Unmarshal(page["records"], &records), json.Unmarshal(page["count"], &count)); err != nil {
				t.Error(err)
				return b
			}
			if len(records) > 1 {
				records, count = records[:len(records)-1], count-1
			}
			page["records"], _ = json.Marshal(records)
			page["count"], _ = json.Marshal(count)
			b, _ = json.Marshal(page)
			return b
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			liar := between(t, l, server, c.path, c.change)
			if told, err := tell(t, liar); !errors.Is(err, ErrUntrusted) {
				t.Errorf("the answer was believed: %d stories, %v", len(told), err)
			}
			if err := liar.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	stop()
}
