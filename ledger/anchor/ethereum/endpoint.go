// SPDX-License-Identifier: Apache-2.0

package ethereum

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/lendlog/lendlog/contracts"
)

const (
	// maxAnswer bounds an answer of an endpoint. The receipts of a full block of
	// 60 million gas come to half of that at most.
	maxAnswer = 64 << 20
	// recheck is how long an endpoint is believed to be of the right chain.
	recheck = 10 * time.Minute
	// minRest and maxRest are how long an endpoint that failed is asked only where
	// the others are too few.
	minRest, maxRest = time.Second, time.Minute
)

// An endpoint is one of a network's.
type endpoint struct {
	name    string
	conf    *settings
	secrets []string // parts of its address
	client  *ethclient.Client
	http    *http.Client

	// Guarded by Network.mu.
	checked  time.Time // when it was found to be of this chain
	rest     time.Time // until when it rests
	failures int       // without a success between them
	failing  string
}

func newEndpoint(conf *settings, u *url.URL) (*endpoint, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 4
	client := &http.Client{
		Transport: bounded{transport},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("it redirects: name the address that it leads to")
		},
	}
	c, err := rpc.DialOptions(context.Background(), u.String(), rpc.WithHTTPClient(client))
	if err != nil {
		return nil, errors.New("couldn't use its address")
	}
	return &endpoint{name: u.Host, conf: conf, secrets: secretsOf(u), client: ethclient.NewClient(c), http: client}, nil
}

func (e *endpoint) close() {
	e.client.Close()
	e.http.CloseIdleConnections()
}

// bounded bounds answers.
type bounded struct{ *http.Transport }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.Transport.RoundTrip(r)
	if err == nil {
		resp.Body = &boundedBody{resp.Body, maxAnswer}
	}
	return resp, err
}

type boundedBody struct {
	io.ReadCloser
	left int
}

var errTooLong = fmt.Errorf("it answered with more than %d MiB", maxAnswer>>20)

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// secretsOf are the parts of an address that must not be shown, the longest
// first as far as one holds another.
func secretsOf(u *url.URL) []string {
	secrets := []string{u.RequestURI(), u.EscapedPath(), u.Path, u.RawQuery}
	if u.User != nil {
		password, _ := u.User.Password()
		secrets = append(secrets, u.User.String(), password, u.User.Username())
	}
	secrets = append(secrets, strings.Split(u.Path, "/")...)
	for _, values := range u.Query() {
		secrets = append(secrets, values...)
	}
	return secrets
}

// masked is what a stranger said, without what must not be shown, short, and on
// one line.
func masked(text string, secrets []string) string {
	for _, secret := range secrets {
		if len(secret) > 3 {
			text = strings.ReplaceAll(text, secret, "…")
		}
	}
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0xfffd {
			return ' '
		}
		return r
	}, text)
	if r := []rune(text); len(r) > 200 {
		text = string(r[:200]) + "…"
	}
	return text
}

// A refusal is a JSON-RPC error: an answer, though not what was asked for. It
// has the code and the data of rpc.Error and rpc.DataError.
type refusal struct {
	message string
	code    int
	data    any
}

func (r *refusal) Error() string          { return fmt.Sprintf("it says %q (%d)", r.message, r.code) }
func (r *refusal) ErrorCode() int         { return r.code }
func (r *refusal) ErrorData() interface{} { return r.data }

// A lie is an answer that contradicts itself, or what is known.
type lie struct{ what string }

func (l lie) Error() string { return "it " + l.what }

// do asks within the time for one call. No error has the endpoint's address.
func (e *endpoint) do(ctx context.Context, ask func(context.Context, *ethclient.Client) error) error {
	call, cancel := context.WithTimeout(ctx, e.conf.Timeout)
	defer cancel()
	err := ask(call, e.client)
	if err == nil || errors.Is(err, ErrNotFound) {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return e.mask(call, err)
}

func (e *endpoint) mask(call context.Context, err error) error {
	var (
		said      rpc.Error
		data      rpc.DataError
		status    rpc.HTTPError
		transport *url.Error
		syntax    *json.SyntaxError
		shape     *json.UnmarshalTypeError
		timeout   net.Error
		wrong     lie
		refused   *refusal
	)
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.As(err, &wrong):
		return wrong
	case errors.Is(err, errTooLong):
		return errTooLong
	case errors.As(err, &said):
		r := &refusal{message: masked(said.Error(), e.secrets), code: said.ErrorCode()}
		if errors.As(err, &data) {
			r.data = data.ErrorData()
		}
		return r
	case errors.As(err, &status):
		return fmt.Errorf("it answered with HTTP status %d", status.StatusCode)
	case call.Err() != nil, errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("it didn't answer within %v", e.conf.Timeout)
	case errors.As(err, &syntax), errors.As(err, &shape), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it didn't answer with JSON-RPC")
	case errors.As(err, &transport):
		return errors.New(masked(transport.Err.Error(), e.secrets))
	}
	return errors.New(masked(err.Error(), e.secrets))
}

// header asks for a header. It is what it hashes to.
func (e *endpoint) header(ctx context.Context, method string, arg any) (*types.Header, error) {
	h := new(types.Header)
	err := e.do(ctx, func(ctx context.Context, c *ethclient.Client) error {
		var raw json.RawMessage
		if err := c.Client().CallContext(ctx, &raw, method, arg, false); err != nil {
			return err
		}
		if len(raw) == 0 || string(raw) == "null" {
			return ErrNotFound
		}
		var claim struct {
			Hash common.Hash `json:"hash"`
		}
		if err := json.Unmarshal(raw, &claim); err != nil {
			return lie{"answered with no header"}
		}
		if err := json.Unmarshal(raw, h); err != nil {
			return lie{"answered with no header that this program knows"}
		}
		if h.Hash() != claim.Hash {
			return lie{"gave a header that doesn't come to its hash: the chain has rules that this program doesn't know, and a newer one is needed, or the endpoint lies"}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return h, nil
}

func (e *endpoint) byNumber(ctx context.Context, number uint64) (*types.Header, error) {
	h, err := e.header(ctx, "eth_getBlockByNumber", hexNumber(number))
	if err == nil && (!h.Number.IsUint64() || h.Number.Uint64() != number) {
		return nil, lie{"gave another block than it was asked for"}
	}
	return h, err
}

func (e *endpoint) byHash(ctx context.Context, hash common.Hash) (*types.Header, error) {
	h, err := e.header(ctx, "eth_getBlockByHash", hash)
	if err == nil && h.Hash() != hash {
		return nil, lie{"gave another block than it was asked for"}
	}
	return h, err
}

// latest is the newest header.
func (e *endpoint) latest(ctx context.Context) (*types.Header, error) {
	return e.header(ctx, "eth_getBlockByNumber", "latest")
}

// final is the newest header that is final.
func (e *endpoint) final(ctx context.Context) (*types.Header, error) {
	if e.conf.depth == 0 {
		return e.header(ctx, "eth_getBlockByNumber", "finalized")
	}
	h, err := e.latest(ctx)
	if err != nil {
		return nil, err
	}
	n := h.Number.Uint64()
	return e.byNumber(ctx, n-min(n, e.conf.depth))
}

// check holds the endpoint against all that is pinned.
func (e *endpoint) check(ctx context.Context) error {
	return e.do(ctx, func(ctx context.Context, c *ethclient.Client) error {
		id, err := c.ChainID(ctx)
		if err != nil {
			return err
		}
		if !id.IsUint64() || id.Uint64() != e.conf.Chain {
			return lie{fmt.Sprintf("is on chain %v, and not on %d", id, e.conf.Chain)}
		}
		if e.conf.pin != (common.Hash{}) {
			h, err := e.byNumber(ctx, e.conf.Block.Number)
			if err != nil {
				return fmt.Errorf("block %d, which is pinned: %w", e.conf.Block.Number, err)
			}
			if h.Hash() != e.conf.pin {
				return lie{fmt.Sprintf("is on another network of this chain id: its block %d is %v", e.conf.Block.Number, h.Hash())}
			}
		}
		if e.conf.Undeployed {
			return nil
		}
		code, err := c.CodeAt(ctx, e.conf.contract, nil)
		if err != nil {
			return err
		}
		if len(code) == 0 {
			return lie{fmt.Sprintf("has no contract at %v: deploy it, or name the address where it is", e.conf.contract)}
		}
		if hash := crypto.Keccak256Hash(code); hash != e.conf.code {
			return lie{fmt.Sprintf("has a contract at %v that is another one: its code hashes to %v", e.conf.contract, hash)}
		}
		return nil
	})
}

// RevertOf returns the reason for which the contract refused a call:
// *contracts.AnchorForked, *contracts.AnchorShrunk, *contracts.AnchorEmptyTree or
// *contracts.StrictAnchorInconsistent; nil when it gave none.
func RevertOf(err error) any {
	var r *refusal
	if !errors.As(err, &r) {
		return nil
	}
	text, _ := r.data.(string)
	data := common.FromHex(text)
	if len(data) < 4 {
		return nil
	}
	if reason, err := contracts.NewAnchor().UnpackError(data); err == nil {
		return reason
	}
	if reason, err := contracts.NewStrictAnchor().UnpackError(data); err == nil {
		return reason
	}
	return nil
}
