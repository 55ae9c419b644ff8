// SPDX-License-Identifier: Apache-2.0

package witness

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/tree"
)

const (
	// maxAnswer bounds the answer of a witness, which is a line or two.
	maxAnswer = 16 << 10
	// Skew is how far the clock of a witness may be from that of the ledger.
	// Evidence is verified with a tolerance that is larger.
	Skew = 2 * time.Minute
	// A witness that failed is left in peace for a second, then for twice as
	// long each time, up to maxBackoff; one that says how long, for so long, up
	// to maxRetryAfter.
	minBackoff    = time.Second
	maxBackoff    = 5 * time.Minute
	maxRetryAfter = time.Hour
)

// Errors that an operator has to look into: something contradicts the ledger.
var (
	// ErrAhead: the witness cosigned a larger tree of this ledger than there is.
	ErrAhead = errors.New("the witness cosigned more records than the ledger has: the ledger was rolled back, or another one runs under its name and key; put the newest store back before anything is appended")
	// ErrForked: the witness cosigned a tree that the ledger does not continue.
	ErrForked = errors.New("the witness cosigned a tree that this ledger does not continue: there are two histories of the ledger; find out who made the other before anything is appended")
)

// An asked is a witness with what is known of it. It belongs to the goroutine
// that asks.
type asked struct {
	Witness
	client *http.Client
	known  int64 // size of the tree that it cosigned last, as far as it said

	failures int       // in a row
	rest     time.Time // not asked before
}

// A cosignature is what a witness answered.
type cosignature struct {
	sig note.Signature
	at  time.Time
}

// A skewError says that the clock of a witness is far from that of the ledger.
type skewError struct {
	off time.Duration // of the ledger's clock; negative when it is behind
}

func (e *skewError) Error() string {
	return fmt.Sprintf("the clock of the witness is %v away from that of the ledger; see which of the two is wrong", e.off.Abs().Round(time.Second))
}

// prover proves that a tree is a prefix of another.
type prover func(ctx context.Context, from, to int64) ([]tree.Hash, error)

// ask has the witness cosign a checkpoint (C2SP tlog-witness add-checkpoint).
// A witness that knows another size than was thought is asked once more.
func (w *asked) ask(ctx context.Context, head ledger.Head, prove prover, now func() time.Time) (cosignature, error) {
	for again := false; ; again = true {
		if w.known > head.Size {
			w.known = 0 // so that it has to say it again
			return cosignature{}, ErrAhead
		}
		var proof []tree.Hash
		if w.known > 0 && w.known < head.Size {
			var err error
			if proof, err = prove(ctx, w.known, head.Size); err != nil {
				return cosignature{}, err
			}
		}
		status, header, body, err := w.post(ctx, addCheckpoint(w.known, proof, head.Note))
		switch {
		case err != nil:
			return cosignature{}, err
		case status == http.StatusOK:
			c, err := w.verify(head.Note, body, now())
			if err == nil || errors.As(err, new(*skewError)) {
				w.known = head.Size
			}
			return c, err
		case status != http.StatusConflict:
			return cosignature{}, refusal(status, header, body)
		}
		size, err := parseSize(header.Get("Content-Type"), body)
		switch {
		case err != nil:
			return cosignature{}, err
		case size == w.known && size == head.Size:
			return cosignature{}, ErrForked // of the same size and another root
		case size == w.known || again:
			return cosignature{}, errors.New("the witness does not stand by the size that it says it cosigned")
		}
		w.known = size
	}
}

// addCheckpoint is the body of a request.
func addCheckpoint(old int64, proof []tree.Hash, signed []byte) []byte {
	b := fmt.Appendf(nil, "old %d\n", old)
	for _, h := range proof {
		b = append(base64.StdEncoding.AppendEncode(b, h[:]), '\n')
	}
	return append(append(b, '\n'), signed...)
}

func (w *asked) post(ctx context.Context, body []byte) (status int, header http.Header, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL+"/add-checkpoint", bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	req.Header.Set("User-Agent", "lendlog")
	resp, err := w.client.Do(req)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("the witness could not be reached: %w", err)
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return 0, nil, nil, fmt.Errorf("the answer of the witness broke off: %w", err)
	case len(answer) > maxAnswer:
		return 0, nil, nil, fmt.Errorf("the witness answers with more than %d KiB", maxAnswer>>10)
	}
	return resp.StatusCode, resp.Header, answer, nil
}

// verify takes the cosignature of this witness out of its answer. Lines of
// other keys are passed over. With a *skewError it returns the cosignature too.
func (w *asked) verify(signed, answer []byte, now time.Time) (cosignature, error) {
	_, n, err := tree.OpenCheckpoint(append(bytes.Clone(signed), answer...), note.VerifierList(w.Key))
	switch {
	case errors.Is(err, tree.ErrUnsigned):
		return cosignature{}, errors.New("the witness answers without a cosignature of its key")
	case err != nil:
		return cosignature{}, fmt.Errorf("the witness answers with something else than its cosignature: %w", err)
	}
	at, err := tree.CosignedAt(n.Sigs[0])
	if err != nil {
		return cosignature{}, err
	}
	c := cosignature{n.Sigs[0], at}
	if off := now.Sub(at); off.Abs() > Skew {
		return c, &skewError{off}
	}
	return c, nil
}

// parseSize reads the answer to a request with another size than the witness
// knows.
func parseSize(contentType string, body []byte) (int64, error) {
	text, ok := strings.CutSuffix(string(body), "\n")
	size, err := strconv.ParseInt(text, 10, 64)
	if media, _, _ := strings.Cut(contentType, ";"); media != "text/x.tlog.size" || !ok || err != nil || size < 0 || strconv.FormatInt(size, 10) != text {
		return 0, errors.New("the witness answers 409 without the size that it cosigned")
	}
	return size, nil
}

// A refused is an answer other than 200 and 409.
type refused struct {
	status int
	after  time.Duration // not to be asked before; 0 where the witness says nothing
	says   string        // why, in the words of the witness, printable; "" where it says nothing
}

func (r *refused) Error() string {
	s := fmt.Sprintf("the witness answers %d", r.status)
	switch r.status {
	case http.StatusForbidden:
		s += ": it knows the ledger's origin with another key, or refuses what the ledger signed; in the first case have the key of `lendlog trust` registered there"
	case http.StatusNotFound:
		s += ": it does not know the ledger, or the URL is not its submission prefix; have the origin and the key of `lendlog trust` registered there"
	}
	if r.says != "" {
		s += fmt.Sprintf("; it says %q", r.says)
	}
	return s
}

// maxSays bounds the words of a witness, in bytes.
const maxSays = 300

func refusal(status int, header http.Header, body []byte) error {
	if status == http.StatusUnprocessableEntity {
		return ErrForked
	}
	r := &refused{status: status}
	if media, _, _ := strings.Cut(header.Get("Content-Type"), ";"); media == "text/plain" {
		line, _, _ := bytes.Cut(body[:min(len(body), maxSays)], []byte("\n"))
		r.says = proof.Printable(strings.ToValidUTF8(string(line), ""))
	}
	if n, err := strconv.Atoi(header.Get("Retry-After")); err == nil && n > 0 {
		r.after = min(time.Duration(n)*time.Second, maxRetryAfter)
	}
	return r
}

// failed says how long the witness is left in peace after an error.
func (w *asked) failed(err error) time.Duration {
	w.failures++
	var r *refused
	if errors.As(err, &r) && r.after > 0 {
		return r.after
	}
	return backoff(w.failures, rand.Float64())
}

// backoff is the pause after so many failures in a row, spread by a number
// from 0 to 1 so that ledgers do not come back all at once.
func backoff(failures int, spread float64) time.Duration {
	d := maxBackoff
	if failures < 20 {
		d = min(d, minBackoff<<(failures-1))
	}
	return time.Duration(float64(d) * (0.5 + spread/2))
}
