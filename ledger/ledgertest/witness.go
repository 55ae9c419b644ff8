// SPDX-License-Identifier: Apache-2.0

package ledgertest

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/ledger/tree"
)

// A Witness is a C2SP witness (tlog-witness) that serves HTTP. It is stricter
// than one has to be: a request that breaks a rule of the specification fails
// the test.
type Witness struct {
	URL string // submission prefix
	Key string // verifier key of its cosignatures
	ID  string // how they begin: "— NAME "

	t    testing.TB
	name string
	key  *tree.CosignKey

	mu    sync.Mutex // guards all below
	logs  []note.Verifier
	head  tree.Checkpoint
	asked int
	now   func() time.Time
	fault http.HandlerFunc
}

// NewWitness starts a witness of logs with these verifier keys. Its key comes
// from a seed: two of one seed have one key.
func NewWitness(t testing.TB, name string, seed byte, logs ...string) *Witness {
	t.Helper()
	secret, _, err := note.GenerateKey(bytes.NewReader(append(make([]byte, ed25519.SeedSize-1), seed)), name)
	if err != nil {
		t.Fatal(err)
	}
	key, err := tree.NewCosignKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	w := &Witness{t: t, name: name, key: key, now: time.Now, ID: "— " + name + " ", Key: key.VerifierKey()}
	for _, l := range logs {
		v, err := note.NewVerifier(l)
		if err != nil {
			t.Fatal(err)
		}
		w.logs = append(w.logs, v)
	}
	s := httptest.NewServer(w)
	t.Cleanup(s.Close)
	w.URL = s.URL
	return w
}

// Line is the line of the witness in a C2SP tlog-policy.
func (w *Witness) Line() string {
	return fmt.Sprintf("witness %s %s %s\n", w.name, w.Key, w.URL)
}

// Policy returns a C2SP tlog-policy of so many out of these witnesses.
func Policy(quorum int, witnesses ...*Witness) []byte {
	var lines, names string
	for _, w := range witnesses {
		lines += w.Line()
		names += " " + w.name
	}
	return fmt.Appendf(nil, "%sgroup all-of-them %d%s\nquorum all-of-them\n", lines, quorum, names)
}

// Fail has f answer instead of the witness; nil has the witness answer again.
func (w *Witness) Fail(f http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = f
}

// Clock sets the clock of the witness.
func (w *Witness) Clock(now func() time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = now
}

// Head returns what the witness cosigned last, and how often it was asked.
func (w *Witness) Head() (head tree.Checkpoint, asked int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.head, w.asked
}

// Believe has the witness take a checkpoint for the one that it cosigned last.
func (w *Witness) Believe(head tree.Checkpoint) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.head = head
}

// Cosign returns the signature line of the witness under a checkpoint at a time.
func (w *Witness) Cosign(cp tree.Checkpoint, at time.Time) string {
	return w.key.Cosign(cp, at)
}

// ServeHTTP answers add-checkpoint.
func (w *Witness) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	w.mu.Lock()
	w.asked++
	fault := w.fault
	w.mu.Unlock()
	if fault != nil {
		fault(rw, r)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.Method != http.MethodPost || r.URL.Path != "/add-checkpoint" {
		w.t.Errorf("the witness is asked %s %s", r.Method, r.URL.Path)
	}
	old, proof, signed, err := parseAddCheckpoint(body)
	if err != nil {
		w.t.Errorf("the witness is asked with %q: %v", body, err)
		rw.WriteHeader(http.StatusBadRequest)
		return
	}
	origin, _, _ := strings.Cut(string(signed), "\n")
	known := false
	for _, l := range w.logs {
		known = known || l.Name() == origin
	}
	if !known {
		rw.WriteHeader(http.StatusNotFound)
		return
	}
	cp, _, err := tree.OpenCheckpoint(signed, note.VerifierList(w.logs...))
	switch {
	case err != nil:
		rw.WriteHeader(http.StatusForbidden)
	case old > cp.Size:
		w.t.Errorf("the witness is asked to go from %d to %d", old, cp.Size)
		rw.WriteHeader(http.StatusBadRequest)
	case old != w.head.Size || old == cp.Size && old > 0 && cp.Root != w.head.Root:
		rw.Header().Set("Content-Type", "text/x.tlog.size")
		rw.WriteHeader(http.StatusConflict)
		fmt.Fprintf(rw, "%d\n", w.head.Size)
	case old > 0 && tree.VerifyConsistency(proof, old, cp.Size, w.head.Root, cp.Root) != nil:
		rw.WriteHeader(http.StatusUnprocessableEntity)
	default:
		w.head = cp
		fmt.Fprint(rw, w.Cosign(cp, w.now()))
	}
}

func parseAddCheckpoint(body []byte) (old int64, proof []tree.Hash, signed []byte, err error) {
	head, rest, ok := strings.Cut(string(body), "\n\n")
	lines := strings.Split(head, "\n")
	text, isOld := strings.CutPrefix(lines[0], "old ")
	if old, err = strconv.ParseInt(text, 10, 64); !ok || !isOld || err != nil || old < 0 || strconv.FormatInt(old, 10) != text {
		return 0, nil, nil, errors.New("no old size, or no empty line")
	}
	if len(lines) > 64 || old == 0 && len(lines) > 1 {
		return 0, nil, nil, errors.New("too long a proof")
	}
	for _, l := range lines[1:] {
		b, err := base64.StdEncoding.Strict().DecodeString(l)
		if err != nil || len(b) != 32 {
			return 0, nil, nil, errors.New("a line of the proof is no hash")
		}
		proof = append(proof, tree.Hash(b))
	}
	return old, proof, []byte(rest), nil
}
