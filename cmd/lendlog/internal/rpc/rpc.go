// SPDX-License-Identifier: Apache-2.0

// Package rpc asks endpoints of chains, by JSON-RPC over HTTP, whether a chain has
// a block and it is final there. It believes none of them alone where several are
// given.
package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/proof/chain"
)

// timeout bounds one question, and maxAnswer what is read of its answer: a block
// names the hashes of its transactions, of which there are thousands.
const (
	timeout   = 20 * time.Second
	maxAnswer = 8 << 20
)

// client follows no redirects: an endpoint does not choose whom else to ask.
var client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// Endpoints are asked for blocks, each of its own chain.
type Endpoints struct {
	URLs  []string // http or https; may hold a key, and is never shown but for its host
	Agree int      // how many of a chain's have to say the same; 0 for all
}

// Check returns an error where these are no endpoints.
func (e Endpoints) Check() error {
	for _, s := range e.URLs {
		if u, err := url.Parse(s); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return errors.New("an endpoint is the URL of a JSON-RPC service, such as https://rpc.example.org")
		}
	}
	if e.Agree < 0 || e.Agree > len(e.URLs) {
		return fmt.Errorf("%d endpoints can't agree where %d are named", e.Agree, len(e.URLs))
	}
	return nil
}

// Confirm asks all endpoints of a chain whether it has a block, and it is final.
// It returns nil where as many as have to say so; an error that is
// proof.ErrOtherBlock where as many say that another one is final at this height;
// else why neither is known.
func (e Endpoints) Confirm(ctx context.Context, chainID uint64, b chain.Block) error {
	var of, same, other int
	var why []string
	for _, u := range e.URLs {
		id, err := number(ctx, u, "eth_chainId")
		if err == nil && id != chainID {
			continue
		}
		of++
		if err == nil {
			var got chain.Block
			if got, err = final(ctx, u, b.Number); err == nil {
				if got.Hash == b.Hash && got.Time == b.Time {
					same++
				} else {
					other++
				}
				continue
			}
		}
		why = append(why, fmt.Sprintf("%s: %v", host(u), err))
	}
	need := e.Agree
	if need == 0 {
		need = of
	}
	switch {
	case same >= need && same > 0 && other == 0:
		return nil
	case other >= need && other > 0 && same == 0:
		return fmt.Errorf("%w, as %d of %d endpoints say", proof.ErrOtherBlock, other, of)
	case of == 0:
		return fmt.Errorf("none of the endpoints is of chain %d; name one that is with --rpc", chainID)
	}
	words := fmt.Sprintf("%d of %d endpoints of chain %d say that block %d with the hash %s and its time is final, %d that another one is, and %d have to agree", same, of, chainID, b.Number, b.Hash, other, need)
	if len(why) > 0 {
		words += ": " + strings.Join(why, "; ")
	}
	return errors.New(words)
}

// final returns the block of that number, once it is final.
func final(ctx context.Context, endpoint string, n uint64) (chain.Block, error) {
	last, err := block(ctx, endpoint, "finalized")
	if err != nil {
		return chain.Block{}, fmt.Errorf("couldn't learn what is final: %w", err)
	}
	if last.Number < n {
		return chain.Block{}, fmt.Errorf("block %d is not final yet: %d is", n, last.Number)
	}
	got, err := block(ctx, endpoint, hex(n))
	if err == nil && got.Number != n {
		err = fmt.Errorf("it answered with block %d", got.Number)
	}
	return got, err
}

func hex(n uint64) string { return "0x" + strconv.FormatUint(n, 16) }

// block asks for a block by its number or its tag.
func block(ctx context.Context, endpoint, which string) (b chain.Block, err error) {
	var got struct{ Number, Hash, Timestamp string }
	if err := call(ctx, endpoint, &got, "eth_getBlockByNumber", which, false); err != nil {
		return b, err
	}
	if b.Number, err = parse(got.Number); err != nil {
		return b, err
	}
	if b.Time, err = parse(got.Timestamp); err != nil {
		return b, err
	}
	b.Hash, err = chain.ParseHash(strings.ToLower(got.Hash))
	return b, err
}

func number(ctx context.Context, endpoint, method string) (uint64, error) {
	var s string
	if err := call(ctx, endpoint, &s, method); err != nil {
		return 0, err
	}
	return parse(s)
}

func parse(s string) (uint64, error) {
	digits, ok := strings.CutPrefix(s, "0x")
	n, err := strconv.ParseUint(digits, 16, 64)
	if !ok || err != nil {
		return 0, errors.New("the answer is no number")
	}
	return n, nil
}

// call makes one call. Its errors hold nothing of the URL.
func call(ctx context.Context, endpoint string, result any, method string, params ...any) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": append([]any{}, params...)})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(body))
	if err != nil {
		return errors.New("the URL can't be used")
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		var of *url.Error
		if errors.As(err, &of) {
			err = of.Err
		}
		return fmt.Errorf("no answer: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	var answer struct {
		Result json.RawMessage
		Error  *struct {
			Code    int
			Message string
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("the answer broke off: %w", err)
	case len(b) > maxAnswer:
		return fmt.Errorf("the answer has more than %d MiB", maxAnswer>>20)
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("the answer is %s", resp.Status)
	case json.Unmarshal(b, &answer) != nil:
		return errors.New("the answer is not JSON-RPC")
	case answer.Error != nil:
		return fmt.Errorf("error %d: %s", answer.Error.Code, answer.Error.Message)
	case len(answer.Result) == 0 || string(answer.Result) == "null":
		return errors.New("it does not have that block")
	case json.Unmarshal(answer.Result, result) != nil:
		return errors.New("the answer is not what was asked for")
	}
	return nil
}

// host names an endpoint without the key that its path or query may hold.
func host(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "an endpoint"
	}
	return u.Host
}
