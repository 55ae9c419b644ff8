// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/ledgertest/scale"
)

// attacked is a server whose ledger is audited once the test has ended, with
// limits narrowed by narrow, if not nil.
func attacked(t *testing.T, narrow func(*limits)) *testServer {
	t.Helper()
	dir := ledgertest.Create(t, ledger.CreateOptions{})
	t.Cleanup(func() { ledgertest.Check(t, dir) }) // the server and the ledger have stopped by then
	l := defaultLimits
	if narrow != nil {
		narrow(&l)
	}
	return serveLedger(t, ledgertest.Start(t, dir, ledger.Options{}), func(c *Config) { c.limits = &l })
}

// A peer is a client that speaks to the socket itself.
type peer struct {
	*net.TCPConn
	t     testing.TB
	lines *bufio.Reader
}

func (s *testServer) peer() *peer {
	s.t.Helper()
	u, err := url.Parse(s.url)
	if err != nil {
		s.t.Fatal(err)
	}
	c, err := net.Dial("tcp", u.Host)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	return &peer{c.(*net.TCPConn), s.t, bufio.NewReader(c)}
}

// send writes as much as the server takes before it hangs up.
func (p *peer) send(text string) { _, _ = io.WriteString(p, text) }

// receive reads one answer. ok is false when the server hung up instead.
func (p *peer) receive(method string) (a answer, ok bool) {
	p.t.Helper()
	resp, err := http.ReadResponse(p.lines, &http.Request{Method: method})
	if err != nil {
		return answer{}, false
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, body}, true
}

// exchange sends a text and reads one answer.
func (s *testServer) exchange(text string) (answer, bool) {
	s.t.Helper()
	p := s.peer()
	p.send(text)
	method, _, _ := strings.Cut(text, " ")
	return p.receive(method)
}

// wantClear fails the test unless an answer of the API is a problem with a
// remedy that is as openapi.yaml says and repeats nothing.
func (s *testServer) wantClear(name string, a answer) problem {
	s.t.Helper()
	if a.header.Get("Content-Type") != "application/problem+json" {
		s.t.Errorf("%s: answered %d %s: %.200s", name, a.status, a.header.Get("Content-Type"), a.body)
		return problem{}
	}
	p := decode[problem](s.t, a.body)
	s.wantClearProblem(name, p)
	return p
}

func (s *testServer) wantClearProblem(name string, p problem) {
	s.t.Helper()
	if p.Status < 400 || p.Status >= 500 && p.Status != 503 || p.Detail == "" {
		s.t.Errorf("%s: the problem is %+v", name, p)
	}
	for _, e := range p.Errors {
		if e.Code == "" || e.Detail == "" {
			s.t.Errorf("%s: the problem says %+v of a place", name, e)
		}
	}
	if text, _ := json.Marshal(p); bytes.Contains(text, []byte(marker)) {
		s.t.Errorf("%s: the problem repeats a value: %s", name, text)
	}
}

// nested is a value in that many arrays.
func nested(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

// Every document that two programs could read differently, or that costs more
// than it should, is refused in every mode, at its place.
func TestHostileDocuments(t *testing.T) {
	s := attacked(t, nil)
	with := func(old, new string) string {
		if !strings.Contains(decision(1), old) {
			t.Fatalf("no %s in the event", old)
		}
		return strings.Replace(decision(1), old, new, 1)
	}
	data := func(value string) string { return with(`"declined"`, value) }
	var members strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&members, `"m%d":0,`, i)
	}
	docs := map[string]struct{ doc, pointer string }{
		"10,000 members":            {with(`"data":{`, `"data":{`+members.String()), "/data"},
		"10,000 attributes":         {with(`"data":`, members.String()+`"data":`), ""},
		"10,000 deep":               {data(nested(10_000)), ""},
		"100,000 deep, not closed":  {data(strings.Repeat("[", 100_000)), ""},
		"10,000 deep objects":       {data(strings.Repeat(`{"a":`, 10_000) + "0" + strings.Repeat("}", 10_000)), ""},
		"33 deep":                   {data(nested(31)), ""},
		"duplicate attribute":       {with(`"party":`, `"id":"`+marker+`","party":`), "/id"},
		"duplicate member":          {with(`"outcome":`, `"outcome":"`+marker+`","outcome":`), "/data/outcome"},
		"duplicate after unescape":  {with(`"outcome":`, `"outcom\u0065":"approved","outcome":`), "/data/outcome"},
		"attribute in capitals":     {with(`"party":`, `"Party":`), "/Party"},
		"both cases":                {with(`"party":`, `"PARTY":"`+marker+`","party":`), "/PARTY"},
		"Kelvin sign":               {with(`"outcome"`, "\"decision\u212Aode\":\"x\",\"outcome\""), "/data/decision\u212Aode"},
		"member in capitals":        {with(`"outcome"`, `"Outcome"`), "/data/Outcome"},
		"__proto__":                 {with(`"outcome"`, `"__proto__":{"a":1},"outcome"`), "/data/__proto__"},
		"invalid UTF-8":             {data("\"\xff" + marker + "\""), "/data/outcome"},
		"overlong UTF-8":            {data("\"\xc0\xaf\""), "/data/outcome"},
		"surrogate in UTF-8":        {data("\"\xed\xa0\x80\""), "/data/outcome"},
		"invalid UTF-8 in a name":   {with(`"outcome"`, "\"out\xffcome\""), "/data"},
		"lone high surrogate":       {data(`"\ud800"`), "/data/outcome"},
		"lone low surrogate":        {data(`"\udc00x"`), "/data/outcome"},
		"swapped surrogates":        {data(`"\udc00\ud800"`), "/data/outcome"},
		"lone surrogate in a name":  {with(`"outcome"`, `"\ud800"`), "/data"},
		"2^53":                      {data("9007199254740992"), "/data/outcome"},
		"2^53+1":                    {data("9007199254740993"), "/data/outcome"},
		"-2^53-1":                   {data("-9007199254740993"), "/data/outcome"},
		"2^64":                      {data("18446744073709551616"), "/data/outcome"},
		"a number of 100,000":       {data(strings.Repeat("9", 100_000)), "/data/outcome"},
		"NaN":                       {data("NaN"), "/data/outcome"},
		"Infinity":                  {data("-Infinity"), "/data/outcome"},
		"-0":                        {data("-0"), "/data/outcome"},
		"-0.0":                      {data("-0.0"), "/data/outcome"},
		"1e400":                     {data("1e400"), "/data/outcome"},
		"1.0":                       {data("1.0"), "/data/outcome"},
		"leading zero":              {data("01"), "/data/outcome"},
		"plus":                      {data("+1"), "/data/outcome"},
		"hexadecimal":               {data("0x1"), "/data"},
		"byte order mark":           {"\ufeff" + decision(1), ""},
		"UTF-16":                    {"\xff\xfe{\x00}\x00", ""},
		"comment":                   {with(`"party":`, `/* `+marker+` */"party":`), ""},
		"trailing comma":            {with(`"id":"d-1",`, `"id":"d-1",,`), ""},
		"single quotes":             {`{'id':'` + marker + `'}`, ""},
		"NUL behind":                {decision(1) + "\x00", ""},
		"second document":           {decision(1) + decision(2), ""},
		"not an object":             {`"` + marker + `"`, ""},
		"null":                      {"null", ""},
		"nothing":                   {"{}", "/type"},
		"control character":         {data("\"a\tb\""), "/data/outcome"},
		"DEL in an attribute":       {with(`"party-1"`, `"party-1\u007f"`), "/party"},
		"the ledger's own type":     {with("org.lendlog.decision.made.v1", "org.lendlog.genesis.v1"), "/type"},
		"an index-root":             {with("org.lendlog.decision.made.v1", "org.lendlog.index-root.v1"), "/type"},
		"the outer restricted type": {with("org.lendlog.decision.made.v1", "org.lendlog.restricted.v1"), "/type"},
		"the ledger's own kind":     {with("file/A-1", "ledger/x"), "/subject"},
		"late":                      {with(`"party":`, `"capture":"late","party":`), "/capture"},
		"data_base64":               {with(`"party":`, `"data_base64":"e30=","party":`), "/data_base64"},
	}
	size := s.ledger.Head().Size
	for name, d := range docs {
		answers := map[string]problem{"structured": s.wantClear(name, s.post(typeEvent, d.doc))}
		if l := s.stream("", strings.ReplaceAll(d.doc, "\n", " ")); l[0].Problem != nil {
			answers["stream"] = *l[0].Problem
		}
		switch a := s.post(typeBatch, "["+d.doc+"]"); a.status {
		case http.StatusOK:
			for _, l := range decode[[]answerLine](t, a.body) {
				if l.Problem != nil {
					answers["batch"] = *l.Problem
				}
			}
		default:
			s.wantProblem(a, kindUnreadable)
			s.wantClear(name, a)
		}
		for mode, p := range answers {
			s.wantClearProblem(name+", "+mode, p)
			if p.Type != "urn:lendlog:problem:"+kindInvalid.name {
				t.Errorf("%s, %s: the problem is %s", name, mode, p.Type)
			}
			if d.pointer != "" && !slices.ContainsFunc(p.Errors, func(e fieldError) bool { return strings.HasPrefix(e.Pointer, d.pointer) }) {
				t.Errorf("%s, %s: want the place %s, got %+v", name, mode, d.pointer, p.Errors)
			}
		}
		if len(answers) < 2 {
			t.Errorf("%s: the stream took it", name)
		}
	}
	// What reads documents to verify is the same reader.
	for name, doc := range map[string]string{
		"deep": nested(10_000), "twice": `{"v":"` + marker + `","v":"lendlog-evidence/1"}`, "number": `{"v":1e400}`,
		"case": `{"V":"lendlog-evidence/1"}`, "values": "[" + strings.Repeat("0,", maxVerifyValues) + "0]",
		"UTF-8": "{\"v\":\"\xff\"}", "trust": `{"evidence":{},"trust":{"v":"` + marker + `"}}`,
	} {
		a := s.do(http.MethodPost, "/v1/verify", strings.NewReader(doc), "Content-Type", typeJSON)
		if s.want(a, kindUnreadable.status); true {
			s.wantClear("verify "+name, a)
		}
	}
	if got := s.ledger.Head().Size; got != size {
		t.Errorf("%d records came of it", got-size)
	}
	s.wantNothingLogged()
}

// wantNothingLogged fails the test when a value that was sent stands in the
// log, or a control character, or a line that is no JSON.
func (s *testServer) wantNothingLogged() {
	s.t.Helper()
	log := s.log.String()
	if strings.Contains(log, marker) || strings.Contains(string(s.get("/metrics").body), marker) {
		s.t.Error("a value stands in the log or in the metrics")
	}
	for line := range strings.Lines(log) {
		if !json.Valid([]byte(line)) {
			s.t.Errorf("in the log stands %q", line)
		}
	}
}

// Line breaks and control characters in every attribute, member and header:
// none gets into a header of the answer, the log, or an attribute of a record.
func TestControlCharacters(t *testing.T) {
	s := attacked(t, nil)
	event := strings.Replace(decision(1), `"party":`, `"parent":"line/1","sequence":"7","causationid":"x","traceparent":"y","datacontenttype":"application/json","dataschema":"z:","party":`, 1)
	fields := decode[map[string]any](t, []byte(event))
	bad := []string{
		"\r\nX-Injected: " + marker, "\n", "\r", "\x00", "\x1b[2J", "\x7f", "\u0085", "\u2028", "\u2029",
	}
	for name, value := range fields {
		text, ok := value.(string)
		if !ok {
			continue
		}
		for _, b := range bad {
			fields[name] = text + b + text
			doc, err := json.Marshal(fields)
			if err != nil {
				t.Fatal(err)
			}
			where := fmt.Sprintf("%s with %q", name, b)
			p := s.wantClear(where, s.post(typeEvent, string(doc)))
			if len(p.Errors) == 0 || !strings.HasPrefix(p.Errors[0].Pointer, "/"+name) {
				t.Errorf("%s: the problem names %+v", where, p.Errors)
			}
			// The binary mode carries them percent-encoded.
			headers := []string{"Content-Type", typeJSON}
			for f, v := range fields {
				if v, ok := v.(string); ok && f != "datacontenttype" { // which is no header of its own
					headers = append(headers, "ce-"+f, url.PathEscape(v))
				}
			}
			if name == "datacontenttype" {
				continue
			}
			body := `{"outcome":"declined","decisionMode":"automated"}`
			a := s.do(http.MethodPost, "/v1/records", strings.NewReader(body), headers...)
			s.wantClear(where+", binary", a)
			if a.header.Get("X-Injected") != "" {
				t.Errorf("%s: a header was injected", where)
			}
		}
		fields[name] = text
	}
	// Wherever a request can carry them besides.
	for _, b := range bad {
		e := url.PathEscape(b)
		for _, path := range []string{
			"/v1/subjects/file/" + e, "/v1/subjects/" + e + "/x", "/v1/records/" + e, "/v1/types/" + e, "/v1/schemas/" + e,
			"/v1/records/0/evidence?disclose=" + url.QueryEscape(b), "/v1/records/0/proof?size=" + url.QueryEscape(b),
			"/v1/consistency?from=0&" + url.QueryEscape(b) + "=1", "/log/tile/" + e + "/000", "/log/tile/entries/" + e, "/" + e,
		} {
			a := s.get(path)
			s.wantClear(path, a)
			if a.header.Get("X-Injected") != "" {
				t.Errorf("%s: a header was injected", path)
			}
		}
		// Raw in a header they end it, or the request.
		a, ok := s.exchange("GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a" + b + "\r\nConnection: close\r\n\r\n")
		if ok && a.status == http.StatusOK && strings.Contains(a.header.Get("X-Request-Id"), b) {
			t.Errorf("%q was taken over into an answer", b)
		}
	}
	s.wantNothingLogged()
}

// What arrives at the socket: a request that is not understood in one way only
// is refused or ends the connection, and what lies behind it is never taken for
// a request of another meaning.
func TestHostileRequests(t *testing.T) {
	s := attacked(t, nil)
	size := s.ledger.Head().Size
	event := decision(1)
	post := func(headers, body string) string {
		return "POST /v1/records HTTP/1.1\r\nHost: localhost\r\nContent-Type: " + typeEvent + "\r\n" + headers + "\r\n" + body
	}
	get := func(target, version, headers string) string {
		return "GET " + target + " " + version + "\r\n" + headers + "\r\n"
	}
	chunk := func(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }
	const host = "Host: localhost\r\n"
	hidden := post("Content-Length: "+fmt.Sprint(len(event))+"\r\n", event)
	tests := map[string]struct {
		text string
		// Each of these statuses may be the answer, 0 for none.
		want []int
	}{
		"HTTP/1.0":               {get("/livez", "HTTP/1.0", host), []int{200}},
		"HTTP/1.0 without Host":  {get("/livez", "HTTP/1.0", ""), []int{421}},
		"HTTP/1.1 without Host":  {get("/livez", "HTTP/1.1", ""), []int{400}},
		"HTTP/0.9":               {"GET /livez\r\n\r\n", []int{400}},
		"HTTP/1.2":               {get("/livez", "HTTP/1.2", host), []int{200, 400, 505}},
		"HTTP/2 preface":         {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []int{400, 421, 505}},
		"HTTP/9.9":               {get("/livez", "HTTP/9.9", host), []int{505}},
		"no HTTP":                {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", []int{400}},
		"nothing":                {"\r\n\r\n\r\n\r\n", []int{400}},
		"two Hosts":              {get("/livez", "HTTP/1.1", host+"Host: evil.example\r\n"), []int{400}},
		"other Host":             {get("/livez", "HTTP/1.1", "Host: evil.example\r\n"), []int{421}},
		"Host with a path":       {get("/livez", "HTTP/1.1", "Host: localhost/evil\r\n"), []int{400, 421}},
		"Host with a user":       {get("/livez", "HTTP/1.1", "Host: localhost@evil.example\r\n"), []int{400, 421}},
		"Host with a zone":       {get("/livez", "HTTP/1.1", "Host: [::1%25evil.example]\r\n"), []int{200, 400, 421}},
		"Host, forwarded":        {get("/livez", "HTTP/1.1", "Host: evil.example\r\nX-Forwarded-Host: localhost\r\nForwarded: host=localhost\r\n"), []int{421}},
		"absolute URI":           {get("http://localhost/livez", "HTTP/1.1", "Host: evil.example\r\n"), []int{200}},
		"absolute URI elsewhere": {get("http://evil.example/livez", "HTTP/1.1", host), []int{421}},
		"absolute URI, file":     {get("file:///etc/passwd", "HTTP/1.1", host), []int{400, 404, 421}},
		"asterisk":               {"OPTIONS * HTTP/1.1\r\n" + host + "\r\n", []int{404, 405}},
		"CONNECT":                {"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n", []int{400, 404, 405, 421}},
		"TRACE":                  {"TRACE /livez HTTP/1.1\r\n" + host + "X-Secret: " + marker + "\r\n\r\n", []int{405}},
		"invented method":        {marker + " /livez HTTP/1.1\r\n" + host + "\r\n", []int{405}},
		"method of no token":     {"GE(T /livez HTTP/1.1\r\n" + host + "\r\n", []int{400}},
		"space in the target":    {get("/livez /x", "HTTP/1.1", host), []int{400}},
		"no target":              {"GET  HTTP/1.1\r\n" + host + "\r\n", []int{400}},
		"dots":                   {get("/v1/../livez", "HTTP/1.1", host), []int{404}},
		"dots in percent":        {get("/v1/%2e%2e/livez", "HTTP/1.1", host), []int{404}},
		"up and out":             {get("/log/tile/entries/../../../../etc/passwd", "HTTP/1.1", host), []int{404}},
		"slashes":                {get("//livez", "HTTP/1.1", host), []int{404}},
		"slash behind":           {get("/livez/", "HTTP/1.1", host), []int{404}},
		"escaped slash":          {get("/v1%2frecords/0", "HTTP/1.1", host), []int{404}},
		"backslash":              {get(`/v1\records\0`, "HTTP/1.1", host), []int{400, 404}},
		"semicolon":              {get("/livez;x=1", "HTTP/1.1", host), []int{404}},
		"NUL in the path":        {get("/livez%00", "HTTP/1.1", host), []int{404}},
		"half a percent":         {get("/v1/records/%zz", "HTTP/1.1", host), []int{400}},
		"other digits":           {get("/v1/records/%D9%A1", "HTTP/1.1", host), []int{400}},
		"index beyond int64":     {get("/v1/records/9223372036854775808", "HTTP/1.1", host), []int{400}},
		"index at its end":       {get("/v1/records/9223372036854775807", "HTTP/1.1", host), []int{404}},
		"index below 0":          {get("/v1/records/-1", "HTTP/1.1", host), []int{400}},
		"timeline at its end":    {get("/v1/subjects/ledger/ledger.test.example%2F2026?from=9223372036854775807&limit=1000", "HTTP/1.1", host), []int{200}},
		"timeline too long":      {get("/v1/subjects/file/x?limit=9223372036854775807", "HTTP/1.1", host), []int{400}},
		"proof at its end":       {get("/v1/records/0/proof?size=9223372036854775807", "HTTP/1.1", host), []int{404}},
		"consistency at its end": {get("/v1/consistency?from=9223372036854775806&to=9223372036854775807", "HTTP/1.1", host), []int{404}},
		"tile at its end":        {get("/log/tile/0/x999/x999/x999/x999/x999/x999/999", "HTTP/1.1", host), []int{404}},
		"method override":        {get("/v1/records/0?_method=DELETE", "HTTP/1.1", host+"X-HTTP-Method-Override: DELETE\r\n"), []int{400}},

		"bare LF":                 {"GET /livez HTTP/1.1\nHost: localhost\n\n", []int{200, 400}},
		"space before the colon":  {get("/livez", "HTTP/1.1", host+"Content-Length : 5\r\n"), []int{400}},
		"folded header":           {get("/livez", "HTTP/1.1", host+"X-A: a\r\n b\r\n"), []int{200, 400}},
		"NUL in a header":         {get("/livez", "HTTP/1.1", host+"X-A: a\x00b\r\n"), []int{400}},
		"header without a name":   {get("/livez", "HTTP/1.1", host+": a\r\n"), []int{400}},
		"header without a colon":  {get("/livez", "HTTP/1.1", host+marker+"\r\n"), []int{400}},
		"long header":             {get("/livez", "HTTP/1.1", host+"X-A: "+strings.Repeat("a", 2*maxHeader)+"\r\n"), []int{431, 0}},
		"header flood":            {get("/livez", "HTTP/1.1", host+strings.Repeat("a:\r\n", maxHeader)), []int{431, 0}},
		"long target":             {get("/"+strings.Repeat("a", 2*maxHeader), "HTTP/1.1", host), []int{431, 0}},
		"long request id":         {get("/livez", "HTTP/1.1", host+"X-Request-Id: "+strings.Repeat("a", 1000)+"\r\n"), []int{200}},
		"another expectation":     {post("Content-Length: 1\r\nExpect: 200-maybe\r\n", "x"), []int{417}},
		"upgrade to h2c":          {get("/livez", "HTTP/1.1", host+"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"), []int{200}},
		"upgrade to a web socket": {get("/v1/verify", "HTTP/1.1", host+"Connection: Upgrade\r\nUpgrade: websocket\r\n"), []int{405}},

		"negative length":         {post("Content-Length: -1\r\n", event), []int{400}},
		"signed length":           {post("Content-Length: +5\r\n", event), []int{400}},
		"hexadecimal length":      {post("Content-Length: 0x5\r\n", event), []int{400}},
		"length beyond int64":     {post("Content-Length: 99999999999999999999\r\n", event), []int{400}},
		"two lengths":             {post("Content-Length: 5\r\nContent-Length: 6\r\n", event), []int{400}},
		"lengths in a list":       {post("Content-Length: 5, 6\r\n", event), []int{400}},
		"unknown coding":          {post("Transfer-Encoding: gzip, chunked\r\n", event), []int{501}},
		"obfuscated coding":       {post("Transfer-Encoding: xchunked\r\n", event), []int{501}},
		"coding with a tab":       {post("Transfer-Encoding:\tchunked\v\r\n", event), []int{400, 501}},
		"two codings":             {post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", event), []int{400, 501}},
		"coding in HTTP/1.0":      {"POST /v1/records HTTP/1.0\r\n" + host + "Content-Type: " + typeEvent + "\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk("{}") + "0\r\n\r\n", []int{400, 422, 501}},
		"no length, no coding":    {post("", ""), []int{422}},
		"chunk without a size":    {post("Transfer-Encoding: chunked\r\n", "\r\n{}\r\n0\r\n\r\n"), []int{400}},
		"chunk of endless size":   {post("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\n{}\r\n0\r\n\r\n"), []int{400}},
		"chunk of negative size":  {post("Transfer-Encoding: chunked\r\n", "-2\r\n{}\r\n0\r\n\r\n"), []int{400}},
		"chunk with a long line":  {post("Transfer-Encoding: chunked\r\n", "2;"+strings.Repeat("x", 64<<10)+"\r\n{}\r\n0\r\n\r\n"), []int{400}},
		"chunk extensions":        {post("Transfer-Encoding: chunked\r\n", strings.Repeat("1;"+strings.Repeat("x", 2000)+"\r\n \r\n", 500)+"0\r\n\r\n"), []int{400, 422}},
		"chunk not ended":         {post("Transfer-Encoding: chunked\r\n", "2\r\n{}x\r\n0\r\n\r\n"), []int{400}},
		"trailers":                {post("Transfer-Encoding: chunked\r\nTrailer: Ce-Id\r\n", chunk("{}")+"0\r\nCe-Id: x\r\n\r\n"), []int{422}},
		"trailer flood":           {post("Transfer-Encoding: chunked\r\n", chunk("{}")+"0\r\n"+strings.Repeat("a:\r\n", maxHeader)+"\r\n"), []int{400, 422}},
		"coding beats length":     {post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", "0\r\n\r\n"), []int{400, 422}},
		"more than the length":    {post("Content-Length: 2\r\n", "{}"+marker), []int{422}},
		"a body for GET":          {get("/livez", "HTTP/1.1", host+"Content-Length: 200000\r\n") + strings.Repeat("x", 200_000), []int{200}},
		"a request in the length": {post("Content-Length: "+fmt.Sprint(len(hidden))+"\r\n", hidden), []int{422}},
		"a request in a chunk":    {post("Transfer-Encoding: chunked\r\n", chunk(hidden)+"0\r\n\r\n"), []int{422}},
	}
	for name, tt := range tests {
		a, ok := s.exchange(tt.text)
		if !ok {
			a.status = 0
		}
		if !slices.Contains(tt.want, a.status) {
			t.Errorf("%s: answered %d, want one of %v: %.300s", name, a.status, tt.want, a.body)
		}
		if bytes.Contains(a.body, []byte(marker)) {
			t.Errorf("%s: the answer repeats what was sent: %s", name, a.body)
		}
		if a.status >= 400 && a.header.Get("X-Request-Id") != "" { // what net/http itself refuses is plain text
			s.wantClear(name, a)
		}
	}
	if got := s.ledger.Head().Size; got != size {
		t.Errorf("%d records came of it", got-size)
	}
	s.wantNothingLogged()
}

// Requests that are sent all at once are answered one after another, each for
// itself, and nothing behind the last is, which one that is chunked always is.
func TestPipelining(t *testing.T) {
	s := attacked(t, nil)
	p := s.peer()
	var text strings.Builder
	const requests = 20
	for n := range requests {
		body := decision(n)
		fmt.Fprintf(&text, "POST /v1/records HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nX-Request-Id: n-%d\r\n", typeEvent, n)
		if n < requests-1 {
			fmt.Fprintf(&text, "Content-Length: %d\r\n\r\n%s", len(body), body)
		} else {
			fmt.Fprintf(&text, "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
		}
	}
	p.send(text.String())
	for n := range requests {
		a, ok := p.receive(http.MethodPost)
		if !ok || a.status != http.StatusCreated || a.header.Get("X-Request-Id") != fmt.Sprintf("n-%d", n) {
			t.Fatalf("request %d was answered %d: %.200s", n, a.status, a.body)
		}
		s.verifyReceipt(s.receipt(a), decision(n))
	}
	// What is chunked may have had a length too, by which somebody on the way here went.
	for _, length := range []string{"", "Content-Length: 4\r\n"} {
		p = s.peer()
		p.send("POST /v1/verify HTTP/1.1\r\nHost: localhost\r\n" + length + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
		if a, ok := p.receive(http.MethodPost); !ok || a.status < 400 {
			t.Errorf("what is chunked is answered %d", a.status)
		}
		if a, ok := p.receive(http.MethodGet); ok {
			t.Errorf("behind what is chunked %d was answered", a.status)
		}
	}
	// A stream is the last request of its connection: what comes with it is
	// its own, or nothing.
	p = s.peer()
	p.send("POST /v1/records HTTP/1.1\r\nHost: localhost\r\nContent-Type: " + typeStream + "\r\nContent-Length: 2\r\n\r\nx\n" +
		"POST /v1/records HTTP/1.1\r\nHost: localhost\r\nContent-Type: " + typeEvent + "\r\nContent-Length: " + fmt.Sprint(len(decision(99))) + "\r\n\r\n" + decision(99))
	if a, ok := p.receive(http.MethodPost); !ok || len(parseLines(t, a.body)) != 2 {
		t.Errorf("the stream was answered %s", a.body)
	}
	if a, ok := p.receive(http.MethodPost); ok {
		t.Errorf("behind a stream %d was answered", a.status)
	}
	s.want(s.post(typeEvent, decision(99)), http.StatusCreated)
}

// A hundred megabytes are refused before they are read, or without being kept.
func TestHugeEvents(t *testing.T) {
	s := attacked(t, nil)
	const huge = 100 << 20
	// The length alone is enough.
	a, ok := s.exchange(fmt.Sprintf("POST /v1/records HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", typeEvent, huge))
	if !ok {
		t.Fatal("not answered")
	}
	s.wantProblem(a, kindTooLarge)

	before := allocated()
	for _, media := range []string{typeEvent, typeBatch} {
		p := s.peer()
		go func() {
			p.send("POST /v1/records HTTP/1.1\r\nHost: localhost\r\nContent-Type: " + media + "\r\nTransfer-Encoding: chunked\r\n\r\n")
			piece := fmt.Sprintf("%x\r\n%s\r\n", 1<<20, strings.Repeat("[", 1<<20))
			for range huge >> 20 {
				if _, err := io.WriteString(p, piece); err != nil {
					return
				}
			}
		}()
		if a, ok := p.receive(http.MethodPost); ok {
			s.wantProblem(a, kindTooLarge)
		} else if media == typeEvent {
			t.Error("the server hung up without a word")
		}
	}
	// In a stream it is one line among others.
	lines := io.MultiReader(strings.NewReader(decision(1)+"\n"), io.LimitReader(endless('['), huge), strings.NewReader("\n"+decision(2)))
	got := parseLines(t, s.want(s.do(http.MethodPost, "/v1/records", lines, "Content-Type", typeStream), http.StatusOK).body)
	if len(got) != 4 || got[0].Status != 201 || got[1].Status != 413 || got[2].Status != 201 {
		t.Errorf("the lines were answered %+v", got)
	}
	if n := allocated() - before; n > 256<<20 {
		t.Errorf("it allocated %d MiB", n>>20)
	}
}

type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

// A compressed body is refused, and one that hides its compression is no JSON.
func TestGzipBombs(t *testing.T) {
	s := attacked(t, nil)
	var bomb bytes.Buffer
	z, _ := gzip.NewWriterLevel(&bomb, gzip.BestCompression)
	if _, err := io.Copy(z, io.LimitReader(endless(' '), 100<<20)); err != nil {
		t.Fatal(err)
	}
	_ = z.Close()
	before := allocated()
	for _, media := range []string{typeEvent, typeBatch, typeStream} {
		for _, encoding := range []string{"gzip", "GZIP", "x-gzip", "deflate", "br", "identity, gzip", "gzip, gzip"} {
			s.wantProblem(s.post(media, bomb.String(), "Content-Encoding", encoding), kindMediaType)
		}
	}
	s.wantProblem(s.do(http.MethodPost, "/v1/verify", bytes.NewReader(bomb.Bytes()), "Content-Type", typeJSON, "Content-Encoding", "gzip"), kindMediaType)
	s.wantClear("hidden", s.post(typeEvent, bomb.String()))
	s.wantProblem(s.post(typeBatch, bomb.String()), kindUnreadable)
	for _, l := range s.stream("", bomb.String()) {
		if !l.Summary {
			s.wantClearProblem("hidden in a stream", *l.Problem)
		}
	}
	if n := allocated() - before; n > 64<<20 {
		t.Errorf("it allocated %d MiB", n>>20)
	}
}

// allocated is what was ever allocated.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// held is what is in use.
func held() int64 {
	runtime.GC()
	runtime.GC() // what pools keep survives one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// A million tiny lines in one stream are answered one by one, and nothing is
// kept of them.
func TestMillionTinyEvents(t *testing.T) {
	lines := scale.Of(50_000, 1_000_000)
	s := attacked(t, nil)
	p := s.peer()
	before := held()
	go func() {
		p.send("POST /v1/records HTTP/1.1\r\nHost: localhost\r\nContent-Type: " + typeStream + "\r\nTransfer-Encoding: chunked\r\n\r\n")
		const piece = 10_000
		text := fmt.Sprintf("%x\r\n%s\r\n", 2*piece, strings.Repeat("0\n", piece))
		for range lines / piece {
			p.send(text)
		}
		p.send("0\r\n\r\n")
	}()
	resp, err := http.ReadResponse(p.lines, &http.Request{Method: http.MethodPost})
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(resp.Body)
	for n := 1; n <= lines; n++ {
		line, err := r.ReadSlice('\n')
		if err != nil {
			t.Fatalf("line %d: %v", n, err)
		}
		if want := fmt.Sprintf(`{"line":%d,"status":422,`, n); !bytes.HasPrefix(line, []byte(want)) {
			t.Fatalf("line %d was answered %s", n, line)
		}
		if n == lines/2 {
			if grown := held() - before; grown > 32<<20 {
				t.Errorf("in the middle of it %d MiB are held", grown>>20)
			}
		}
	}
	line, _ := r.ReadBytes('\n')
	if last := decode[answerLine](t, line); !last.Summary || last.Refused != int64(lines) {
		t.Errorf("the summary is %s", line)
	}
}

// A client that sends a byte at a time is hung up on, in every part of a
// request, and whoever waits behind it is served all the same.
func TestSlowLoris(t *testing.T) {
	s := attacked(t, func(l *limits) {
		l.header, l.idle = 3*time.Second, time.Second // an honest client keeps to them too
		l.request, l.line = 300*time.Millisecond, 300*time.Millisecond
	})
	body := decision(1)
	head := "POST /v1/records HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
	for name, c := range map[string]struct{ at, once, slowly string }{
		"nothing at all":      {"", "", ""},
		"request line":        {"", "", "GET /livez HTTP/1.1\r\n"},
		"headers":             {"", "GET /livez HTTP/1.1\r\nHost: localhost\r\n", strings.Repeat("X-A: b\r\n", 1000)},
		"body":                {"body", head + typeEvent + "\r\nContent-Length: 10000\r\n\r\n", body},
		"chunks":              {"body", head + typeEvent + "\r\nTransfer-Encoding: chunked\r\n\r\n", strings.Repeat("1\r\n \r\n", 1000)},
		"batch":               {"body", head + typeBatch + "\r\nContent-Length: 10000\r\n\r\n", "[" + body},
		"document to verify":  {"body", "POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10000\r\n\r\n", strings.Repeat(" ", 1000)},
		"body of a GET":       {"", "GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000\r\n\r\n", strings.Repeat(" ", 1000)},
		"line of a stream":    {"stream", head + typeStream + "\r\nContent-Length: 10000\r\n\r\n", body},
		"stream says nothing": {"stream", head + typeStream + "\r\nContent-Length: 10000\r\n\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := s.peer()
			p.send(c.once)
			var sending sync.WaitGroup
			hungUp := make(chan struct{})
			sending.Go(func() {
				// Never done before the server has enough of it.
				for i := 0; ; i++ {
					b := " "
					if i < len(c.slowly) {
						b = c.slowly[i : i+1]
					}
					if c.slowly != "" {
						p.send(b)
					}
					select {
					case <-hungUp:
						return
					case <-time.After(5 * time.Millisecond):
					}
				}
			})
			answered, _ := io.ReadAll(p.lines) // until the server hangs up
			close(hungUp)
			sending.Wait()
			switch resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answered)), nil); {
			case c.at == "":
			case err != nil:
				t.Errorf("it was hung up on without a word: %v", err)
			case c.at == "stream":
				b, _ := io.ReadAll(resp.Body)
				lines := parseLines(t, b)
				if last := lines[len(lines)-1]; !last.Summary || last.Problem == nil || last.Problem.Type != "urn:lendlog:problem:"+kindSlow.name {
					t.Errorf("the stream ended with %s", last.raw)
				}
			default:
				b, _ := io.ReadAll(resp.Body)
				s.wantProblem(answer{resp.StatusCode, resp.Header, b}, kindSlow)
			}
			s.want(s.get("/livez"), http.StatusOK)
		})
	}
	s.streamsEnd()
	noGoroutines(t, "submitStream")
}

// Streams that are cut anywhere, in every way: what was answered is recorded,
// nothing is recorded twice or by half, and the rest can be sent again.
func TestCutStreams(t *testing.T) {
	s := attacked(t, nil)
	rng := rand.New(rand.NewPCG(3, 6))
	const rounds, events = 40, 30
	answered := map[string]bool{}
	for round := range rounds {
		var text strings.Builder
		for n := range events {
			text.WriteString(decision(round*events+n) + "\n")
		}
		head := fmt.Sprintf("POST /v1/records HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", typeStream, text.Len())
		all := head + text.String()
		how, cut := rng.IntN(4), rng.IntN(len(all))
		if how == 1 {
			cut = len(head) + rng.IntN(text.Len())
		}
		p := s.peer()
		p.send(all[:cut])
		switch how {
		case 0: // at once
		case 1: // after some answers
			if resp, err := http.ReadResponse(p.lines, nil); err == nil {
				r := bufio.NewReader(resp.Body)
				for range rng.IntN(strings.Count(all[len(head):cut], "\n") + 1) {
					line, err := r.ReadBytes('\n')
					if err != nil {
						t.Fatalf("a line that was sent is not answered: %v", err)
					}
					if l := decode[answerLine](t, line); l.Status == 201 {
						answered[decision(round*events+int(l.Line)-1)] = true
					}
				}
			}
		case 2: // half closed: the rest of the answers is still taken
			_ = p.CloseWrite()
			b, _ := io.ReadAll(p.lines)
			if bytes.Contains(b, []byte(`"summary":true`)) && !bytes.Contains(b, []byte(`"problem"`)) {
				t.Error("a stream that was cut off ended like a whole one")
			}
		case 3: // reset
			_ = p.SetLinger(0)
		}
		_ = p.Close()
	}
	s.streamsEnd()
	var again []string
	for n := range rounds * events {
		again = append(again, decision(n))
	}
	lines := s.stream("", again...)
	last := lines[len(lines)-1]
	if !last.Summary || last.Accepted+last.Repeated != rounds*events || last.Repeated < int64(len(answered)) {
		t.Errorf("%d were answered before, and the summary is %s", len(answered), last.raw)
	}
	for i, l := range lines[:len(lines)-1] {
		if answered[again[i]] && l.Status != http.StatusOK {
			t.Errorf("event %d, which was acknowledged, is %d when it is sent again", i, l.Status)
		}
	}
	noGoroutines(t, "submitStream")
}

// A client that shuts its half of a connection down still gets its answer.
func TestHalfClosed(t *testing.T) {
	s := attacked(t, nil)
	for n, media := range []string{typeEvent, typeBatch, typeStream} {
		body := decision(n)
		if media == typeBatch {
			body = "[" + body + "]"
		}
		p := s.peer()
		p.send(fmt.Sprintf("POST /v1/records HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", media, len(body), body))
		_ = p.CloseWrite()
		// net/http takes a closed half for a client that has gone, so a single
		// event may go unanswered; it is recorded once in any case.
		if a, ok := p.receive(http.MethodPost); ok && a.status >= 400 && a.status != kindGone.status {
			t.Errorf("%s was answered %d %s", media, a.status, a.body)
		}
		if a := s.post(typeEvent, decision(n)); a.status != http.StatusOK && a.status != http.StatusCreated {
			t.Errorf("%s: sent again it is %d", media, a.status)
		}
		s.want(s.post(typeEvent, decision(n)), http.StatusOK)
	}
}

// A hundred clients submit under one identity at once. The same event: one
// record, and all learn its index. A different one each: one record, one
// conflict recorded, and ninety-nine are told which record they are up against.
func TestOneIdentityAtOnce(t *testing.T) {
	const clients = 100
	for name, event := range map[string]func(n int) string{
		"identical":   func(int) string { return decision(1) },
		"conflicting": func(n int) string { return strings.Replace(decision(1), "1200.50", fmt.Sprintf("%d.00", n), 1) },
	} {
		t.Run(name, func(t *testing.T) {
			s := attacked(t, func(l *limits) { l.patience = time.Hour }) // all of them are served
			size := s.ledger.Head().Size
			answers := make([]answer, clients)
			var together sync.WaitGroup
			for n := range clients {
				together.Go(func() {
					switch n % 3 {
					case 0:
						answers[n] = s.post(typeEvent, event(n))
					case 1:
						answers[n] = s.post(typeBatch, "["+event(n)+"]")
					default:
						answers[n] = s.post(typeStream, event(n))
					}
				})
			}
			together.Wait()
			statuses, indexes := map[int]int{}, map[int64]bool{}
			for n, a := range answers {
				var l answerLine
				switch n % 3 {
				case 0:
					l.Status = a.status
					if a.status < 400 {
						l.Index = s.receipt(a).Index
					} else if p := decode[problem](t, a.body); p.Index != nil {
						l.Index = *p.Index
					}
				case 1:
					l = decode[[]answerLine](t, a.body)[0]
				default:
					l = parseLines(t, a.body)[0]
				}
				if l.Problem != nil && l.Problem.Index != nil {
					l.Index = *l.Problem.Index
				}
				statuses[l.Status]++
				indexes[l.Index] = true
			}
			conflicts, records := 0, int64(1)
			if name == "conflicting" {
				conflicts, records = clients-1, 2
			}
			if statuses[201] != 1 || statuses[200]+statuses[409] != clients-1 || statuses[409] != conflicts {
				t.Errorf("answered %v", statuses)
			}
			if got := s.ledger.Head().Size - size; len(indexes) != 1 || got != records {
				t.Errorf("%d records, and the indexes %v", got, indexes)
			}
		})
	}
}

// No web page can submit or read by way of its visitor's browser: what a page
// may send unasked is refused, and what it has to ask for is not granted.
func TestBrowsersAreKeptOut(t *testing.T) {
	s := attacked(t, nil)
	size := s.ledger.Head().Size
	for _, media := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain; x=application/cloudevents+json", ""} {
		for _, path := range []string{"/v1/records", "/v1/verify"} {
			headers := []string{"Origin", "https://evil.example"}
			if media != "" {
				headers = append(headers, "Content-Type", media)
			}
			s.wantProblem(s.do(http.MethodPost, path, strings.NewReader(decision(1)), headers...), kindMediaType)
		}
	}
	for _, path := range []string{"/v1/records", "/v1/verify", "/v1/records/0"} {
		a := s.do(http.MethodOptions, path, nil, "Origin", "https://evil.example",
			"Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type")
		s.wantProblem(a, kindMethod)
		for name := range a.header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s grants %s", path, name)
			}
		}
	}
	if got := s.ledger.Head().Size; got != size {
		t.Errorf("%d records came of it", got-size)
	}
}

// When as many requests of a sort are under way as the server takes, further
// ones are told to come again, and the others go on.
func TestBusy(t *testing.T) {
	s := attacked(t, func(l *limits) { l.streams, l.bulk, l.documents, l.events, l.reads, l.patience = 1, 1, 1, 1, 1, 0 })
	send := map[string]func() answer{
		"streams": func() answer { return s.post(typeStream, decision(1)) },
		"bulk":    func() answer { return s.post(typeBatch, "["+decision(1)+"]") },
		"verify": func() answer {
			return s.do(http.MethodPost, "/v1/verify", strings.NewReader("{}"), "Content-Type", typeJSON)
		},
		"events": func() answer { return s.post(typeEvent, decision(1)) },
		"binary": func() answer { return s.binaryMode(decision(1)) },
		"reads":  func() answer { return s.get("/v1/records/0") },
		"search": func() answer { return s.get("/v1/records?filter=type%3Ddecision.made") },
		"judged": func() answer { return s.get("/v1/records?filter=finding%3Dany") },
		"tiles":  func() answer { return s.get("/log/tile/entries/000.p/1") },
		"health": func() answer { return s.get("/livez") },
	}
	for name, c := range map[string]struct {
		gate gate
		busy []string
	}{
		"streams": {s.gates.streams, []string{"streams"}},
		"bulk":    {s.gates.bulk, []string{"bulk", "judged"}},
		"verify":  {s.gates.documents, []string{"verify"}},
		"events":  {s.gates.events, []string{"events", "binary"}},
		"reads":   {s.gates.reads, []string{"reads", "tiles", "search"}},
	} {
		leave, err := c.gate.enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for kind, f := range send {
			a := f()
			if busy := a.status == http.StatusServiceUnavailable; busy != slices.Contains(c.busy, kind) {
				t.Errorf("while %s are full, %s is answered %d", name, kind, a.status)
			} else if busy {
				s.wantProblem(a, kindBusy)
				if a.header.Get("Retry-After") == "" {
					t.Error("the answer has no Retry-After")
				}
			}
		}
		leave()
		for _, kind := range c.busy {
			if a := send[kind](); a.status == http.StatusServiceUnavailable {
				t.Errorf("%s is busy for ever", kind)
			}
		}
	}
}

// Whoever waits for its turn gets it, and whoever goes away waits no longer.
func TestTurns(t *testing.T) {
	s := attacked(t, func(l *limits) { l.streams, l.patience = 1, time.Hour })
	first := s.dialogue()
	first.send(decision(1) + "\n")
	first.receive()
	second := make(chan answer, 1)
	go func() { second <- s.post(typeStream, decision(2)) }()
	_ = first.body.Close()
	first.receive()
	first.end()
	s.want(<-second, http.StatusOK)

	if _, err := s.gates.streams.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	gone := s.peer()
	gone.send("POST /v1/records HTTP/1.1\r\nHost: localhost\r\nContent-Type: " + typeStream + "\r\nContent-Length: 0\r\n\r\n")
	_ = gone.Close()
	noGoroutines(t, "gate.enter")
}

// No more connections are open than may be, those that are too many wait, and
// when it is crowded connections are not kept.
func TestConnectionLimit(t *testing.T) {
	const most = 4
	s := attacked(t, func(l *limits) { l.conns = most })
	const ask = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
	var peers []*peer
	for n := range most / 2 {
		p := s.peer()
		p.send(ask)
		p.receive(http.MethodGet)
		p.send(ask)
		if a, ok := p.receive(http.MethodGet); !ok || a.status != http.StatusOK {
			t.Fatalf("connection %d is not kept", n+1)
		}
		peers = append(peers, p)
	}
	crowded := s.peer()
	crowded.send(ask)
	if a, ok := crowded.receive(http.MethodGet); !ok || a.status != http.StatusOK {
		t.Errorf("in a crowd the answer is %d", a.status)
	}
	if _, err := crowded.lines.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("in a crowd a connection is kept: %v", err)
	}
	ledgertest.Until(t, "that it has gone", func() bool { return s.crowd.n.Load() == most/2 })
	for range most - most/2 {
		p := s.peer()
		p.send("GET /livez HTTP/1.1\r\n") // and no more
		peers = append(peers, p)
	}
	ledgertest.Until(t, "that all are connected", func() bool { return s.crowd.n.Load() >= most })
	waiting := s.peer()
	waiting.send(ask)
	for range 20 {
		if n := s.crowd.n.Load(); n > most {
			t.Fatalf("%d connections are open", n)
		}
		time.Sleep(time.Millisecond)
	}
	_ = peers[0].Close()
	if a, ok := waiting.receive(http.MethodGet); !ok || a.status != http.StatusOK {
		t.Errorf("who waited was answered %d", a.status)
	}
	for _, p := range append(peers, waiting) {
		_ = p.Close()
	}
}
