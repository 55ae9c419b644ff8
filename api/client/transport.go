// SPDX-License-Identifier: Apache-2.0

package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// ErrUnreachable: the server could not be reached, or broke off, as often as
// it was tried.
var ErrUnreachable = errors.New("couldn't get an answer from the server")

// A Problem is what a server refuses a request with (RFC 9457). It is the
// server's word and not verified.
type Problem struct {
	Type     string `json:"type"` // stable, such as urn:lendlog:problem:conflict
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Instance string `json:"instance"` // id of the request, for the operator
	// Errors lists what is wrong with an event, by its place in it.
	Errors []FieldError `json:"errors"`
	// Index is the record that a conflict is with: another event was accepted
	// under the same source and id.
	Index *int64 `json:"index"`
}

// A FieldError says what is wrong with one place of a document.
type FieldError struct {
	Pointer string `json:"pointer"` // JSON Pointer
	Code    string `json:"code"`
	Detail  string `json:"detail"`
}

// Error implements error.
func (p *Problem) Error() string {
	s := fmt.Sprintf("%s (%d)", cmp.Or(p.Title, http.StatusText(p.Status), "the server refused"), p.Status)
	if p.Detail != "" {
		s += ": " + p.Detail
	}
	for _, e := range p.Errors {
		s += fmt.Sprintf("; %s %s", cmp.Or(e.Pointer, "the document"), e.Detail)
	}
	return s
}

// temporary reports whether the same request may fare better later.
func (p *Problem) temporary() bool {
	return p.Status == http.StatusTooManyRequests || p.Status >= 500
}

const (
	typeEvent  = "application/cloudevents+json"
	typeStream = "application/x-ndjson"
	typeJSON   = "application/json"
)

// Bounds on what is read of an answer: a server that goes on and on is a
// lying one.
const (
	maxProblem = 1 << 20
	maxSmall   = 4 << 20  // checkpoints, proofs, trust, schemas
	maxLarge   = 64 << 20 // records, evidence, timelines, tiles
)

const (
	attemptTimeout = 75 * time.Second // more than the server's own
	firstPause     = 100 * time.Millisecond
	longestPause   = 10 * time.Second
	longestWait    = 2 * time.Minute // that Retry-After may ask for
)

// A request is what is sent, once or more.
type request struct {
	method, path        string // with its query
	contentType, accept string
	body                []byte
	timeout             time.Duration // of an attempt; 0 for the default
}

// an attemptError is a failure after which the request may be sent again.
type attemptError struct {
	err  error
	wait time.Duration // at least; 0 for any
}

func (e *attemptError) Error() string { return e.err.Error() }
func (e *attemptError) Unwrap() error { return e.err }

// get reads a document of at most limit bytes.
func (c *Client) get(ctx context.Context, path string, limit int64) ([]byte, error) {
	_, b, err := c.do(ctx, request{method: http.MethodGet, path: path, accept: "*/*"}, limit)
	return b, err
}

// do sends a request until it is answered, and returns the body of a good
// answer.
func (c *Client) do(ctx context.Context, r request, limit int64) (status int, body []byte, err error) {
	for attempt := 0; ; attempt++ {
		status, body, err = c.attempt(ctx, r, limit)
		var again *attemptError
		if !errors.As(err, &again) {
			return status, body, err
		}
		if err := c.pause(ctx, attempt, again); err != nil {
			return 0, nil, err
		}
	}
}

// pause waits before the attempt after the given one, or returns why there is
// none.
func (c *Client) pause(ctx context.Context, attempt int, failed *attemptError) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if attempt >= c.retries {
		return onlyOnce(failed)
	}
	d := longestPause
	if attempt < 10 {
		d = min(firstPause<<attempt, longestPause)
	}
	d = d/2 + rand.N(d/2+1) // apart from others who failed at the same time
	return c.sleep(ctx, max(d, min(failed.wait, longestWait)))
}

// onlyOnce gives what a request that is not sent again ends with.
func onlyOnce(err error) error {
	var again *attemptError
	var p *Problem
	switch {
	case !errors.As(err, &again):
		return err
	case errors.As(again.err, &p):
		return p
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, again.err)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) attempt(ctx context.Context, r request, limit int64) (int, []byte, error) {
	attempt, cancel := context.WithTimeout(ctx, cmp.Or(r.timeout, attemptTimeout))
	defer cancel()
	resp, err := c.send(attempt, r, bytes.NewReader(r.body))
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return 0, nil, broken(ctx, err)
	case int64(len(b)) > limit:
		return 0, nil, lie(-1, "it has more than %d bytes", limit)
	}
	return resp.StatusCode, b, nil
}

// send sends a request once and returns the answer when it is a good one.
func (c *Client) send(ctx context.Context, r request, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, body)
	if err != nil {
		return nil, errors.New("couldn't make a request: its path is no URL")
	}
	if r.method == http.MethodGet {
		req.Body = http.NoBody
	}
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	if !c.key.IsZero() {
		req.Header.Set("Authorization", "Bearer "+c.key.Reveal())
	}
	if purpose := c.purposeOf(ctx); purpose != "" {
		req.Header.Set("Lendlog-Purpose", purpose)
	}
	if c.caseID != "" {
		req.Header.Set("Lendlog-Case", c.caseID)
	}
	req.Header.Set("Accept", r.accept)
	askRecent(ctx, req.Header)
	req.Header.Set("Accept-Encoding", "identity") // a compressing proxy would hold lines back
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, broken(ctx, err)
	}
	switch resp.StatusCode {
	case http.StatusOK, http.StatusCreated, http.StatusAccepted:
		return resp, nil
	}
	defer resp.Body.Close()
	p := &Problem{}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	if err != nil || json.Unmarshal(b, p) != nil {
		p = &Problem{} // a proxy's page, say
	}
	p.Status = resp.StatusCode
	if p.temporary() {
		return nil, &attemptError{p, retryAfter(resp.Header.Get("Retry-After"))}
	}
	return nil, p
}

// broken gives the error of a connection that failed, which may be tried
// again, or that of a context that ended, which may not. The URL is left out:
// it may name a subject.
func broken(ctx context.Context, err error) error {
	if ctxErr := ctx.Err(); ctxErr != nil && !errors.Is(ctxErr, context.DeadlineExceeded) {
		return ctxErr
	}
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	return &attemptError{err: err}
}

// retryAfter reads the header Retry-After: seconds, or a date.
func retryAfter(header string) time.Duration {
	if n, err := strconv.Atoi(header); err == nil && n >= 0 {
		return min(time.Duration(n), longestWait/time.Second) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}
