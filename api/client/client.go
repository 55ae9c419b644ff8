// SPDX-License-Identifier: Apache-2.0

// Package client is the SDK of a lender's systems and of whoever reads a
// ledger: it submits events to a server and reads records from it, and does
// not believe a word of what the server answers.
//
//	c, err := client.Dial(ctx, "https://ledger.bank.example", client.WithTrust(trust))
//	result, err := c.Submit(ctx, event)
//
// # What is checked
//
// A receipt is accepted when every digest in it, recomputed from the event
// that was sent, is the one in the entry, and when the entry lies under a
// signed checkpoint. A record that is read is handed on when its entry lies
// under a signed checkpoint and every sealed member that is shown hashes to
// the entry's seal. A checkpoint is accepted when a key of the trust policy
// signed it, or one that such a key announced in the ledger (docs/formats.md,
// section 20), and it is consistent with every checkpoint seen before: a ledger
// that was rolled back or forked is found out, also one that shows each of its
// readers another history, as soon as one client has seen two of them. With
// [WithMemory] that holds over runs. An answer that fails any of this is a
// [*LieError], which carries the evidence.
//
// What rests on the server's word is said where it is handed out: the time of
// recording, the submitter, and that a timeline has no more records.
//
// # What is retried
//
// A broken connection, 429 and 5xx are tried again, with growing pauses and
// for as long as Retry-After says, a bounded number of times. That is safe for
// submissions, because source and id are the event's identity: sent twice, it
// is recorded once. Anything else that a server refuses is a [*Problem] and is
// not tried again.
package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

// A Client talks to the server of one ledger. Its methods may be called
// concurrently.
type Client struct {
	base      string // without a slash at the end
	http      *http.Client
	trust     atomic.Pointer[proof.Trust]
	announced func(context.Context, *proof.Evidence) error // nil for nobody who has to know
	firstUse  bool
	witnessed bool // receipts are upgraded before Submit returns
	memory    Memory
	key       access.Key  // zero for none
	keyErr    error       // why what was given is no key
	tls       *tls.Config // nil for as always
	purpose   string      // of looks; "" for none
	caseID    string      // for which it is looked; "" for none
	retries   int
	stall     time.Duration // after which a silent stream is given up
	sleep     func(context.Context, time.Duration) error
	builtin   *record.Catalogue
	schemas   sync.Map // of [32]byte to *record.Schema, checked by their hash

	newest   atomic.Pointer[Checkpoint]
	turn     chan struct{}              // one at a time holds a checkpoint against the newest
	keys     sync.Mutex                 // held while the policy follows
	accepted map[string]tree.Checkpoint // notes that need no second check; owned by whose turn it is
}

// An Option changes how a [Client] works.
type Option func(*Client)

// WithTrust pins the ledger: only checkpoints that this policy trusts are
// accepted. The default is to take the policy from the server the first time,
// which proves no more than the operator's word; see [Client.FirstUse].
func WithTrust(t *proof.Trust) Option { return func(c *Client) { c.trust.Store(t) } }

// WithAnnounced has f told before a key is believed that is not in the policy, and that
// a key of the policy announced in the ledger. The evidence shows it to
// [proof.Trust.Announced]. Where f fails the key is not believed. The default is to
// believe it for as long as the Client lives.
func WithAnnounced(f func(context.Context, *proof.Evidence) error) Option {
	return func(c *Client) { c.announced = f }
}

// WithMemory remembers the newest checkpoint between runs, so that a ledger
// that was rolled back or forked in between is found out. The default is to
// remember it as long as the Client lives.
func WithMemory(m Memory) Option { return func(c *Client) { c.memory = m } }

// WithHTTPClient sends requests through h, whose Timeout must be 0: a stream
// has no end. The default is a client of its own that follows no redirects.
func WithHTTPClient(h *http.Client) Option { return func(c *Client) { c.http = h } }

// WithKey shows a key of the ledger with every request, in a header and nowhere
// else. It is sent over https only, or to the machine itself: else, or when the
// key is malformed, Dial fails with ErrKey. The default is to show none, which is
// enough for a ledger that demands no keys, and of one that does for checkpoints
// and proofs.
func WithKey(key string) Option {
	return func(c *Client) { c.key, c.keyErr = access.ParseKey(key) }
}

// WithTLS makes connections as that says: with the certificate of the client, which
// may take the place of a key, and the roots that the server's has to come from. A
// certificate goes over https only: else Dial fails with ErrKey. It is for the default
// client, and not for one of [WithHTTPClient].
func WithTLS(c *tls.Config) Option { return func(to *Client) { to.tls = c } }

// WithPurpose says with every request what is looked for, by a code such as
// complaint or audit; see [Purpose]. The default is to say nothing, which a ledger
// that demands keys records as for what the key was granted for, or as unstated.
func WithPurpose(code string) Option { return func(c *Client) { c.purpose = code } }

// WithCase says with every request that it is made for a restricted case, by its
// id: looks are then recorded in the case, and nowhere else. It takes a key that
// may see restricted records.
func WithCase(id string) Option { return func(c *Client) { c.caseID = id } }

// WithRetries sets how many times in a row a request is tried again that
// failed without an answer or with one that says to come back. The default is
// 8, which takes about half a minute unless the server asks for more.
func WithRetries(n int) Option { return func(c *Client) { c.retries = n } }

// ErrURL: what was given to Dial is not the URL of a server.
var ErrURL = errors.New("the server is not a URL such as https://ledger.bank.example")

// ErrKey: the key that was given is none, or would be sent in the clear.
var ErrKey = errors.New("the key can't be used")

// dialRetries takes less than a second.
const dialRetries = 2

// Dial returns a client of the server at a URL, such as
// "https://ledger.bank.example". The server has to show first that its ledger
// begins with the record that the policy pins, and that it goes on from the
// checkpoint that is remembered; else the error is a [*LieError]. A server that
// cannot be reached is given up sooner than later on.
func Dial(ctx context.Context, server string, options ...Option) (*Client, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, ErrURL
	}
	builtin, err := record.Builtin()
	if err != nil {
		return nil, err
	}
	c := &Client{
		base: strings.TrimRight(u.String(), "/"), retries: 8, stall: 20 * time.Second, sleep: sleep,
		builtin: builtin, turn: make(chan struct{}, 1), accepted: map[string]tree.Checkpoint{},
	}
	c.newest.Store(&Checkpoint{})
	for _, o := range options {
		o(c)
	}
	switch host := u.Hostname(); {
	case c.keyErr != nil:
		return nil, fmt.Errorf("%w: %w", ErrKey, c.keyErr)
	case c.tls != nil && c.tls.Certificates != nil && u.Scheme != "https":
		return nil, fmt.Errorf("%w: a certificate is shown over https only; name the server so", ErrKey)
	case !c.key.IsZero() && u.Scheme != "https" && !isLoopback(host):
		return nil, fmt.Errorf("%w: over http others could read it on its way; put TLS in front of the server and name it with https", ErrKey)
	}
	if c.http == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.TLSClientConfig = c.tls.Clone()
		c.http = &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	// Who is not there at the beginning is more likely not there at all.
	retries := c.retries
	c.retries = min(retries, dialRetries)
	defer func() { c.retries = retries }()
	if c.firstUse = c.Trust() == nil; c.firstUse {
		t, err := c.fetchTrust(ctx, "/v1/trust")
		if err != nil {
			return nil, err
		}
		c.trust.Store(t)
	}
	if err := c.recall(ctx); err != nil {
		return nil, err
	}
	if err := c.identify(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback() || strings.EqualFold(host, "localhost")
}

// HasKey reports whether the client shows a key.
func (c *Client) HasKey() bool { return !c.key.IsZero() }

// Close lets go of connections that are not in use. A client may be used again
// after it, and need not be closed.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Trust returns the policy that the client verifies with, which has the keys that the
// ledger announced and the client met. It must not be changed.
func (c *Client) Trust() *proof.Trust { return c.trust.Load() }

// FirstUse reports whether the policy was not pinned but taken from the server
// when it was dialled. What then verifies is what this operator signed, and no
// more. Keep Trust().Bytes(), compare its genesis hash with what others hold,
// and pin it the next time.
func (c *Client) FirstUse() bool { return c.firstUse }

// SubmitterTrust returns the policy of the client with the public keys of submitters
// that the server says the ledger has records of: it asks for their signatures.
func (c *Client) SubmitterTrust(ctx context.Context) (*proof.Trust, error) {
	said, err := c.fetchTrust(ctx, "/v1/trust?submitters=true")
	if err != nil {
		return nil, err
	}
	t := *c.Trust()
	t.Submitters = said.Submitters
	return &t, nil
}

func (c *Client) fetchTrust(ctx context.Context, path string) (*proof.Trust, error) {
	b, err := c.get(ctx, path, maxSmall)
	if err != nil {
		return nil, err
	}
	t, err := proof.ParseTrust(b)
	if err != nil {
		return nil, lie(-1, "its trust policy cannot be read: %w", err)
	}
	return t, nil
}

// identify has the server show that it holds the ledger of the policy, and goes
// on from the checkpoint that is remembered.
func (c *Client) identify(ctx context.Context) error {
	if c.Newest().Note != nil {
		if _, err := c.Checkpoint(ctx); err != nil {
			return err
		}
	}
	_, err := c.Prove(ctx, 0, []string{})
	var refused *Problem
	if !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized && refused.Status != http.StatusForbidden {
		return err
	}
	// Whoever has no key, or one that does not read the log, is shown a proof.
	p, cp, err := c.place(ctx, 0)
	if err != nil {
		return err
	}
	if err := tree.VerifyInclusion(p, 0, cp.Size, c.Trust().Genesis, cp.Root); err != nil {
		return lie(0, "it is another ledger, which does not begin with the record that the policy pins: %w", err).with(cp.Note)
	}
	return nil
}

// A LieError says that an answer of the server does not verify. It is
// evidence: of tampering, of another ledger in the place of the one that is
// meant, or of a proxy that garbles. It holds nothing of what was submitted.
type LieError struct {
	What  string // what does not hold, in plain words
	Index int64  // of the record it is about, -1 for none
	// Checkpoints are signed notes that contradict each other, the older one
	// first, or the one that the answer was held against. Two notes of one
	// ledger with keys of the policy that no consistency proof connects
	// convict its operator: keep them.
	Checkpoints [][]byte
	Err         error // why; nil when What says all
}

// Error implements error.
func (e *LieError) Error() string {
	if e.Index >= 0 {
		return fmt.Sprintf("the server's answer does not verify: record %d: %s", e.Index, e.What)
	}
	return "the server's answer does not verify: " + e.What
}

// Unwrap returns Err.
func (e *LieError) Unwrap() error { return e.Err }

func lie(index int64, format string, args ...any) *LieError {
	err := fmt.Errorf(format, args...)
	return &LieError{What: err.Error(), Index: index, Err: errors.Unwrap(err)}
}

// with adds signed notes as evidence.
func (e *LieError) with(notes ...[]byte) *LieError {
	e.Checkpoints = append(e.Checkpoints, notes...)
	return e
}
