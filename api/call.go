// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/lendlog/lendlog/api/keys"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/canon"
)

// A call is one request and its answer.
type call struct {
	*gin.Context
	id    string // request id
	route *route
	begun time.Time

	open bool      // the ledger demands no keys
	key  *keys.Key // that the call came with; nil for none, and where none is needed
	// until is when the certificate by which it came ends; zero for none.
	until time.Time
}

// handle makes a route a gin handler: it is all that happens around every
// call, in order.
func (s *Server) handle(r route) gin.HandlerFunc {
	return func(g *gin.Context) {
		c := s.newCall(g, &r)
		if err := s.guarded(c); err != nil {
			s.fail(c, err)
		}
		s.done(c, g.Writer.Status())
	}
}

// newCall begins a call, with what every answer has.
func (s *Server) newCall(g *gin.Context, r *route) *call {
	c := &call{Context: g, id: requestID(g.GetHeader("X-Request-Id")), route: r, begun: time.Now()}
	// A deadline of the request before stays on the connection otherwise.
	c.deadline(c.begun.Add(s.limits.request), s.limits.answer)
	h := g.Writer.Header()
	h.Set("X-Request-Id", c.id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	// What is chunked may have had a length too, which net/http drops: to whoever went by
	// it on the way here, what follows on the connection is another's (RFC 9112, 6.1).
	if s.crowded() || len(g.Request.TransferEncoding) > 0 {
		h.Set("Connection", "close")
	}
	return c
}

// errPanic stands for whatever a handler panicked with, which is logged and
// never shown.
var errPanic = errors.New("a handler panicked")

// rescue, deferred, turns a panic into errPanic: an event that the program
// cannot take must not take it down with it.
func (s *Server) rescue(ctx context.Context, err *error, attrs ...any) {
	switch v := recover(); v {
	case nil:
	case http.ErrAbortHandler:
		panic(v)
	default:
		// The value may hold what was submitted; its place does not.
		s.log.ErrorContext(ctx, "a handler panicked", append(attrs, slog.String("stack", string(debug.Stack())))...)
		*err = errPanic
	}
}

// guarded runs the handler of a call.
func (s *Server) guarded(c *call) (err error) {
	defer s.rescue(c.ctx(), &err, slog.String("route", c.route.name), slog.String("request", c.id))
	if !s.conf.Remote && !Loopback(c.Request.Host) {
		return errHost
	}
	if c.Request.ProtoMajor > 1 {
		leave, err := s.gates.multiplexed.enter(c.ctx())
		if err != nil {
			return err
		}
		defer leave()
	}
	if err := s.admit(c); err != nil {
		return err
	}
	if err := c.checkQuery(); err != nil {
		return err
	}
	if s.share != nil {
		leave, err := s.share.enter(c.ctx())
		if err != nil {
			return err
		}
		defer leave()
	}
	return c.route.handler(c)
}

// Loopback reports whether a Host header names this machine. A web page
// whose own name is made to resolve to a loopback address would otherwise read
// the ledger with its visitor's browser.
func Loopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.IsLoopback() || strings.EqualFold(host, "localhost")
}

// fail answers a call with the problem that an error stands for.
func (s *Server) fail(c *call, err error) {
	p := problemOf(err)
	if isDefect(err) && !errors.Is(err, errPanic) {
		s.log.ErrorContext(c.ctx(), "a request failed", slog.String("route", c.route.name),
			slog.String("request", c.id), slog.Any("error", err))
	}
	if c.Writer.Written() {
		// Too late for a problem. Cutting the connection keeps the client
		// from taking what it has for the whole.
		s.done(c, p.Status)
		panic(http.ErrAbortHandler)
	}
	p.write(c)
}

// done logs and measures a call.
func (s *Server) done(c *call, status int) {
	took := time.Since(c.begun)
	s.metrics.requests.WithLabelValues(c.route.name, strconv.Itoa(status)).Observe(took.Seconds())
	attrs := []any{
		slog.String("method", knownMethod(c.Request.Method)), slog.String("route", c.route.name), slog.Int("status", status),
		slog.Int("bytes", max(c.Writer.Size(), 0)), slog.Duration("took", took), slog.String("request", c.id),
	}
	if c.key != nil {
		attrs = append(attrs, slog.String("key", c.key.ID))
	}
	s.log.InfoContext(c.ctx(), "request", attrs...)
}

// knownMethod keeps what a client invents out of the log.
func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

// requestID takes over an id of 1 to 64 letters, digits, dots, hyphens and
// underscores, and makes one otherwise.
func requestID(given string) string {
	if isWord(given) {
		return given
	}
	return rand.Text()
}

func isWord(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// ctx returns the context of the request. gin's own is pooled and never ends.
func (c *call) ctx() context.Context { return c.Request.Context() }

// deadline bounds reading the request, and writing the answer a little later.
// A recorder in a test has none.
func (c *call) deadline(t time.Time, later time.Duration) {
	rc := http.NewResponseController(c.Writer)
	_ = rc.SetReadDeadline(t)
	_ = rc.SetWriteDeadline(t.Add(later))
}

// param returns a decoded path parameter.
func (c *call) param(name string) (string, error) {
	s, err := url.PathUnescape(c.Param(name))
	if err != nil {
		return "", badRequest("the path parameter %s is not percent-encoded as RFC 3986 says", name)
	}
	return s, nil
}

// subject reads the subject of a path.
func (c *call) subject() (kind, id string, err error) {
	if kind, err = c.param("kind"); err != nil {
		return "", "", err
	}
	if id, err = c.param("id"); err != nil {
		return "", "", err
	}
	if kind == "" || id == "" || strings.Contains(kind, "/") {
		return "", "", ledger.ErrNotFound // a subject has one path
	}
	if kind == "case" {
		// Whether there is one must not show either.
		err = c.may(access.RestrictedRead)
	}
	return kind, id, err
}

// checkQuery refuses parameters that the route does not know, or that stand
// twice: a filter that is silently ignored gives a wrong answer.
func (c *call) checkQuery() error {
	if c.Request.URL.RawQuery == "" || slices.Equal(c.route.query, anyQuery) {
		return nil
	}
	q, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return badRequest("the query is not percent-encoded as RFC 3986 says")
	}
	known := "it takes none"
	if len(c.route.query) > 0 {
		known = "it takes " + strings.Join(c.route.query, ", ")
	}
	for name, values := range q {
		switch {
		case !slices.Contains(c.route.query, name):
			if !isWord(name) {
				name = "(one that is not a word)"
			}
			return badRequest("there is no query parameter %s here; %s", name, known)
		case len(values) > 1:
			return badRequest("the query parameter %s stands twice; give it once", name)
		}
	}
	return nil
}

// number returns a query parameter of at least least, or the default when it
// is absent.
func (c *call) number(name string, least, otherwise int64) (int64, error) {
	s, ok := c.GetQuery(name)
	if !ok {
		return otherwise, nil
	}
	n, err := parseNumber(s)
	if err != nil || n < least {
		return 0, badRequest("the query parameter %s is a whole number of at least %d", name, least)
	}
	return n, nil
}

// mostSkipped is how many of a list can be left out.
const mostSkipped = 1_000_000

// skip returns how many of a list are to be left out.
func (c *call) skip() (int, error) {
	n, err := c.number("skip", 0, 0)
	if err == nil && n > mostSkipped {
		err = badRequest("the query parameter skip is at most %d", mostSkipped)
	}
	return int(n), err
}

// parseNumber accepts decimal digits in their shortest form.
func parseNumber(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != s {
		return 0, errors.New("not a number")
	}
	return n, nil
}

// index returns the path parameter of that name.
func (c *call) index() (int64, error) {
	n, err := parseNumber(c.Param("index"))
	if err != nil {
		return 0, badRequest("the index of a record is a whole number, 0 or more")
	}
	return n, nil
}

// media returns the media type of the body, "" when it is not given. It
// refuses a body that is compressed, or in another encoding than UTF-8.
func (c *call) media(accepted ...string) (string, error) {
	if e := c.GetHeader("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return "", unsupported("the body is compressed; send it as it is", accepted...)
	}
	given := c.GetHeader("Content-Type")
	if given == "" {
		return "", nil
	}
	media, params, err := mime.ParseMediaType(given)
	if err != nil {
		return "", unsupported("the Content-Type cannot be read", accepted...)
	}
	if cs, ok := params["charset"]; ok && !strings.EqualFold(cs, "utf-8") {
		return "", unsupported("JSON is UTF-8; send it as such", accepted...)
	}
	return media, nil
}

// body reads the whole body of at most limit bytes.
func (c *call) body(limit int64) ([]byte, error) {
	if c.Request.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	b, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, limit))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, tooLarge(limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, errSlow
	case err != nil:
		return nil, badRequest("the body could not be read to its end")
	}
	return b, c.still()
}

// small reads a small JSON object.
func (c *call) small(limit int64, what string) (v canon.Value, err error) {
	media, err := c.media(typeJSON)
	if err != nil {
		return v, err
	}
	if media != typeJSON {
		return v, unsupported(what+" is JSON", typeJSON)
	}
	body, err := c.body(limit)
	if err != nil {
		return v, err
	}
	if v, err = canon.Parse(body, canon.Limits{}); err != nil {
		return v, unreadable("", err)
	}
	if v.Kind != canon.Object {
		return v, faultf(kindUnreadable, "%s is a JSON object", what)
	}
	return v, nil
}

// json answers with a JSON document.
func (c *call) json(status int, v any) error {
	b, err := encode(v)
	if err != nil {
		return err
	}
	c.bytes(status, "application/json", b)
	return nil
}

// locate says at which path of the API something lies.
func (s *Server) locate(c *call, path string) { c.Header("Location", s.conf.Base+path) }

// locateRecord says where a record lies.
func (s *Server) locateRecord(c *call, index int64) {
	s.locate(c, fmt.Sprintf("/v1/records/%d", index))
}

// bytes answers with a document.
func (c *call) bytes(status int, contentType string, b []byte) {
	c.Data(status, contentType, b)
}

// encode writes JSON as people read it: < and > as they are.
func encode(v any) ([]byte, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("couldn't encode the answer: %w", err)
	}
	return []byte(b.String()), nil
}
