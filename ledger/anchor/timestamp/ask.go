// SPDX-License-Identifier: Apache-2.0

package timestamp

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"time"

	rfc3161 "github.com/digitorus/timestamp"

	"github.com/lendlog/lendlog/ledger/proof/timestamp"
)

const (
	// maxAnswer bounds the answer of an authority: a token with some certificates.
	maxAnswer = 64 << 10
	timeout   = 15 * time.Second
	// Skew is how far the clock of an authority may be from that of the ledger.
	Skew = 2 * time.Minute
)

// stamp has the authority stamp a text, and verifies what it answers.
func (a *authority) stamp(ctx context.Context, client *http.Client, text []byte, now func() time.Time) (token, error) {
	nonce, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 64))
	if err != nil {
		return token{}, err
	}
	digest := sha256.Sum256(text)
	request, err := (&rfc3161.Request{HashAlgorithm: crypto.SHA256, HashedMessage: digest[:], Certificates: true, Nonce: nonce}).Marshal()
	if err != nil {
		return token{}, err
	}
	answer, err := a.post(ctx, client, request)
	if err != nil {
		return token{}, err
	}
	return a.verify(answer, text, nonce, now())
}

func (a *authority) post(ctx context.Context, client *http.Client, request []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url, bytes.NewReader(request))
	if err != nil {
		return nil, errors.New("its URL can't be used")
	}
	req.Header.Set("Content-Type", "application/timestamp-query")
	req.Header.Set("User-Agent", "lendlog")
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("it could not be reached: %w", cause(err))
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	media, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	switch {
	case err != nil:
		return nil, fmt.Errorf("its answer broke off: %w", cause(err))
	case len(answer) > maxAnswer:
		return nil, fmt.Errorf("it answers with more than %d KiB", maxAnswer>>10)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("it answers %d", resp.StatusCode)
	case !strings.EqualFold(strings.TrimSpace(media), "application/timestamp-reply"):
		return nil, errors.New("it answers with something else than application/timestamp-reply; see whether the URL is that for time stamps")
	}
	return answer, nil
}

// cause drops the URL, which may hold credentials, from an error of the client.
func cause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// parsing is held while a library parses that counts in a global variable how
// deeply it is nested.
var parsing sync.Mutex

// verify takes the token out of an answer that is one to the request.
func (a *authority) verify(answer, text []byte, nonce *big.Int, now time.Time) (_ token, err error) {
	parsing.Lock()
	defer parsing.Unlock()
	defer func() {
		if recover() != nil { // the library reads beyond the end of some answers
			err = errors.New("it did not stamp: its answer can't be read")
		}
	}()
	ts, err := rfc3161.ParseResponse(answer)
	switch {
	case err != nil:
		return token{}, fmt.Errorf("it did not stamp: %.200w", err)
	case ts.Nonce == nil || ts.Nonce.Cmp(nonce) != 0:
		return token{}, errors.New("its stamp is no answer to the request: the nonce is another one")
	}
	stamp, err := timestamp.Verify(ts.RawToken, text, a.roots)
	if err != nil {
		return token{}, fmt.Errorf("its stamp does not verify: %w", err)
	}
	if off := now.Sub(stamp.Time); off.Abs() > Skew {
		return token{}, fmt.Errorf("its clock is %v away from that of the ledger; see which of the two is wrong", off.Abs().Round(time.Second))
	}
	return token{a.name, ts.RawToken, stamp.Time}, nil
}
