// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/record"
)

func TestOpenAPIIsValid(t *testing.T) {
	if err := spec().Validate(context.Background()); err != nil {
		t.Error(err)
	}
}

// The route table and openapi.yaml name the same operations with the same
// query parameters.
func TestRoutesAreDescribed(t *testing.T) {
	type operation struct {
		Path, Name string
		Query      []string
	}
	table := map[string]operation{}
	for _, r := range (&Server{}).routes() {
		path := regexp.MustCompile(`[:*]([a-z]+)`).ReplaceAllString(r.path, "{$1}")
		query := slices.Sorted(slices.Values(r.query))
		table[r.method+" "+path] = operation{path, r.name, query}
	}
	described := map[string]operation{}
	for path, item := range spec().Paths.Map() {
		for method, op := range item.Operations() {
			var query, inPath []string
			for _, p := range slices.Concat(item.Parameters, op.Parameters) {
				switch p.Value.In {
				case openapi3.ParameterInQuery:
					query = append(query, p.Value.Name)
				case openapi3.ParameterInPath:
					inPath = append(inPath, p.Value.Name)
				}
			}
			slices.Sort(query)
			described[method+" "+path] = operation{path, op.OperationID, query}
			for _, name := range inPath {
				if !strings.Contains(path, "{"+name+"}") {
					t.Errorf("%s has no parameter %s", path, name)
				}
			}
		}
	}
	if diff := cmp.Diff(described, table); diff != "" {
		t.Errorf("openapi.yaml (-) and the route table (+) differ:\n%s", diff)
	}
}

// openapi.yaml lists every kind of problem with its status, in words and in
// the schema.
func TestProblemsAreDescribed(t *testing.T) {
	var listed []string
	for _, v := range spec().Components.Schemas["Problem"].Value.Properties["type"].Value.Enum {
		listed = append(listed, strings.TrimPrefix(v.(string), "urn:lendlog:problem:"))
	}
	slices.Sort(listed)
	inWords := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| ([0-9]{3}) \\|").FindAllStringSubmatch(spec().Info.Description, -1) {
		inWords[m[1]+" "+m[2]] = true
	}
	source, err := os.ReadFile("problem.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range regexp.MustCompile(`= kind\{"([a-z-]+)", ([0-9]{3}), `).FindAllStringSubmatch(string(source), -1) {
		names = append(names, m[1])
		if !inWords[m[1]+" "+m[2]] {
			t.Errorf("the description lacks %s (%s)", m[1], m[2])
		}
	}
	slices.Sort(names)
	if diff := cmp.Diff(listed, names); diff != "" {
		t.Errorf("the schema Problem (-) and problem.go (+) differ:\n%s", diff)
	}
	if len(inWords) != len(names) {
		t.Errorf("the description lists %v", slices.Sorted(maps.Keys(inWords)))
	}
}

// The limits and the example that openapi.yaml gives are those of the code.
func TestLimitsAreDescribed(t *testing.T) {
	limits, ok := spec().Info.Extensions["x-limits"].(map[string]any)
	if !ok {
		t.Fatal("x-limits is missing")
	}
	got := map[string]int64{}
	for name, v := range limits {
		got[name] = int64(v.(float64))
	}
	want := map[string]int64{
		"eventBytes": record.MaxEvent, "batchBytes": maxBatch, "batchEvents": maxBatchEvents,
		"verifyBytes": maxVerify, "timelineRecords": timelineMax, "searchRecords": searchMax, "searches": maxSearches,
		"eventValues": record.MaxValues, "verifyValues": maxVerifyValues, "headerBytes": maxHeader,
		"connections": int64(defaultLimits.conns), "streams": defaultLimits.streams, "bulk": defaultLimits.bulk,
		"scans": defaultLimits.scans, "followers": defaultLimits.followers, "dueItems": dueMax,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the limits (-want +got):\n%s", diff)
	}
}

func TestExampleIsAccepted(t *testing.T) {
	example, err := json.Marshal(spec().Paths.Find("/v1/records").Post.RequestBody.Value.Content[typeEvent].Example)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, ledger.CreateOptions{}, nil)
	s.verifyReceipt(s.submit(string(example)), string(example))
}

func TestDescriptionIsServed(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	a := s.want(s.get("/openapi.yaml"), http.StatusOK)
	if !bytes.Equal(a.body, openapiYAML) {
		t.Error("what is served is not openapi.yaml")
	}
}

func TestWrongPathsAndMethods(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	for _, path := range []string{"/", "/v1", "/v1/searches", "/v1/records/1/", "/v1/subjects/file", "/v1/subjects/file/a/b", "/v2/records", "/LIVEZ", "//livez"} {
		want := kindNotFound
		if path == "/v1/searches" {
			want = kindMethod
		}
		s.wantProblem(s.get(path), want)
	}
	for _, r := range s.routes() {
		path := regexp.MustCompile(`[:*][a-z]+`).ReplaceAllString(r.path, "1")
		a := s.do(http.MethodDelete, path, nil)
		s.wantProblem(a, kindMethod)
		if !strings.Contains(a.header.Get("Allow"), r.method) {
			t.Errorf("%s: Allow is %q, without %s", r.path, a.header.Get("Allow"), r.method)
		}
	}
}

func TestHead(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	for _, path := range []string{"/v1/records/0", "/log/checkpoint", "/livez"} {
		a := s.want(s.do(http.MethodHead, path, nil), http.StatusOK)
		if len(a.body) > 0 || a.header.Get("Content-Type") == "" {
			t.Errorf("HEAD %s: %d bytes of type %q", path, len(a.body), a.header.Get("Content-Type"))
		}
	}
}

func TestUnknownQueryParameters(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	for path, says := range map[string]string{
		"/v1/records/0?verbose=1":           "verbose",
		"/v1/records/0/proof?sise=3":        "it takes size",
		"/v1/records/0/proof?size=1&size=1": "stands twice",
		"/v1/checkpoint?":                   "",
		"/v1/checkpoint?%zz":                "percent-encoded",
		"/v1/checkpoint?a%20b=c":            "not a word",
		"/livez?x":                          "takes none",
	} {
		a := s.get(path)
		if says == "" {
			s.want(a, http.StatusOK)
			continue
		}
		if p := s.wantProblem(a, kindBadRequest); !strings.Contains(p.Detail, says) {
			t.Errorf("%s: %q doesn't say %q", path, p.Detail, says)
		}
	}
}

func TestRequestIDs(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	for given, kept := range map[string]bool{"abc-1_2.X": true, strings.Repeat("a", 64): true, strings.Repeat("a", 65): false, "a b": false, "ä": false} {
		a := s.get("/v1/nothing", "X-Request-Id", given)
		p := s.wantProblem(a, kindNotFound)
		if got := a.header.Get("X-Request-Id"); (got == given) != kept || got == "" || p.Instance != got {
			t.Errorf("%q was answered with %q, the problem with %q", given, got, p.Instance)
		}
	}
}

// A handler that panics is answered as a defect of the server, and what it
// panicked with shows nowhere.
func TestPanics(t *testing.T) {
	s := serve(t, ledger.CreateOptions{}, nil)
	s.engine.GET("/panic", s.handle(route{name: "panic", needs: access.Public, handler: func(*call) error { panic(marker) }}))
	s.engine.GET("/panic-in-stream", s.handle(route{name: "panicInStream", needs: access.Public, handler: func(c *call) error {
		return s.pipe(c.ctx(), c, func() (line, error) { panic(marker) }, func(outcome, bool) error { return nil })
	}}))
	for _, path := range []string{"/panic", "/panic-in-stream"} {
		resp, err := http.Get(s.url + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusInternalServerError {
			t.Errorf("%s: status %d", path, resp.StatusCode)
		}
	}
	if log := s.log.String(); strings.Contains(log, marker) || strings.Count(log, "a handler panicked") != 2 {
		t.Errorf("the log says %s", log)
	}
}

// A server of this machine alone does not answer to the names of others.
func TestHosts(t *testing.T) {
	for _, remote := range []bool{false, true} {
		t.Run(fmt.Sprint(remote), func(t *testing.T) {
			s := serve(t, ledger.CreateOptions{}, func(c *Config) { c.Remote = remote })
			for host, local := range map[string]bool{
				"localhost": true, "LocalHost:1": true, "127.0.0.1": true, "127.9.9.9:80": true, "[::1]": true, "[::1]:80": true,
				"evil.example": false, "evil.example:80": false, "localhost.evil.example": false, "10.0.0.1": false, "0.0.0.0": false, "127.0.0.1.evil.example:1": false,
			} {
				req := request(t, s.url+"/v1/records/0", "Accept", "*/*")
				req.Host = host
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if err != nil {
					t.Fatal(err)
				}
				if a := (answer{resp.StatusCode, resp.Header, body}); local || remote {
					s.want(a, http.StatusOK)
				} else {
					s.wantProblem(a, kindWrongHost)
				}
			}
		})
	}
	http.DefaultClient.CloseIdleConnections()
}

// openapi.yaml says of every operation which permission it needs, and how one
// that lacks it is answered.
func TestPermissionsAreDescribed(t *testing.T) {
	known := append(access.Permissions(), access.Public)
	for _, r := range (&Server{}).routes() {
		if !slices.Contains(known, r.needs) {
			t.Errorf("%s needs %q, which no role can have", r.name, r.needs)
		}
		path := regexp.MustCompile(`[:*]([a-z]+)`).ReplaceAllString(r.path, "{$1}")
		op := spec().Paths.Find(path).GetOperation(r.method)
		needs, said := op.Extensions["x-permission"].(string)
		if !said {
			needs = string(access.Public)
		}
		if needs != string(r.needs) {
			t.Errorf("%s needs %s, and is said to need %s", r.name, r.needs, needs)
		}
		for _, status := range []int{401, 403, 429} {
			if op.Responses.Status(status) != nil != said {
				t.Errorf("%s: status %d is described: %v", r.name, status, !said)
			}
		}
		if op.Security != nil != said {
			t.Errorf("%s: security is described: %v", r.name, !said)
		}
	}
	var roles []access.Role
	for _, v := range spec().Components.Schemas["Role"].Value.Enum {
		roles = append(roles, access.Role(v.(string)))
	}
	if diff := cmp.Diff(access.Roles(), roles); diff != "" {
		t.Errorf("the roles (-want +described):\n%s", diff)
	}
}
