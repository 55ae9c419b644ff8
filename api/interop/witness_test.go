// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/torchwood"
	f_note "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/witness/persistence/inmemory"
	"github.com/transparency-dev/witness/witness"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A tower is a witness of transparency-dev that serves HTTP.
type tower struct {
	t    *testing.T
	name string
	key  string // C2SP verifier key of its cosignatures
	url  string
	seen int64 // size of the last checkpoint it cosigned
}

// watch starts a witness that knows the ledger of a verifier key.
func watch(t *testing.T, name, key string) *tower {
	secret, public, err := note.GenerateKey(nil, name)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := f_note.NewSignerForCosignatureV1(secret)
	if err != nil {
		t.Fatal(err)
	}
	cosigns, err := f_note.VKeyToCosignatureV1(public)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(key)
	if err != nil {
		t.Fatal(err)
	}
	w, err := witness.New(t.Context(), witness.Opts{
		Persistence:    inmemory.New(),
		Signers:        []note.Signer{signer},
		VerifierForLog: func(_ context.Context, o string) (note.Verifier, bool, error) { return v, o == origin, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(witness.NewHTTPHandler(w).AddCheckpoint))
	t.Cleanup(s.Close)
	return &tower{t: t, name: name, key: cosigns, url: s.URL}
}

// ask sends the newest checkpoint of a ledger with the proof that it continues
// the one the witness cosigned before, and returns the status, the checkpoint
// and the lines of the cosignature.
func (w *tower) ask(l *ledger) (status int, checkpoint, lines []byte) {
	w.t.Helper()
	checkpoint, size := l.checkpoint()
	var c struct {
		Proof []string `json:"proof"`
	}
	if err := json.Unmarshal(l.get(fmt.Sprintf("/v1/consistency?from=%d&to=%d", w.seen, size)), &c); err != nil {
		w.t.Fatal(err)
	}
	body := fmt.Sprintf("old %d\n", w.seen)
	for _, h := range c.Proof {
		body += h + "\n"
	}
	body += "\n" + string(checkpoint)
	resp, err := http.Post(w.url+"/add-checkpoint", "text/plain", strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return resp.StatusCode, checkpoint, nil
	}
	if lines, err = io.ReadAll(resp.Body); err != nil {
		w.t.Fatal(err)
	}
	w.seen = size
	return resp.StatusCode, checkpoint, lines
}

// Two witnesses cosign the ledger as it grows, a policy of both takes what both
// cosigned and nothing less, and neither cosigns a fork.
func TestWitnesses(t *testing.T) {
	l := create(t)
	l.serve()
	one, two := watch(t, "witness.one.example", l.key), watch(t, "witness.two.example", l.key)
	policy, err := torchwood.ParsePolicy(fmt.Appendf(nil, "log %s\nwitness one %s\nwitness two %s\ngroup both all one two\nquorum both\n", l.key, one.key, two.key))
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		l.submit(10)
		status, checkpoint, first := one.ask(l)
		if status != http.StatusOK {
			t.Fatalf("the first witness answers %d", status)
		}
		if _, _, err := torchwood.VerifyCheckpoint(slices.Concat(checkpoint, first), policy); err == nil {
			t.Error("the cosignature of one passes for that of two")
		}
		status, _, second := two.ask(l)
		if status != http.StatusOK {
			t.Fatalf("the second witness answers %d", status)
		}
		both := slices.Concat(checkpoint, first, second)
		cp, _, err := torchwood.VerifyCheckpoint(both, policy)
		if err != nil {
			t.Fatal(err)
		}
		// A record under the cosigned checkpoint is proved to whoever has the policy.
		index := cp.N / 2
		proof := string(l.get(fmt.Sprintf("/v1/records/%d/proof", index)))
		head, _, found := strings.Cut(proof, "\n\n")
		if !found {
			t.Fatalf("the proof is %q", proof)
		}
		var r struct {
			Entry string `json:"entry"`
		}
		if err := json.Unmarshal(l.get(fmt.Sprintf("/v1/records/%d", index)), &r); err != nil {
			t.Fatal(err)
		}
		if err := torchwood.VerifyProof(policy, tlog.RecordHash([]byte(r.Entry)), []byte(head+"\n\n"+string(both))); err != nil {
			t.Errorf("record %d: %v", index, err)
		}
	}
	fork := l.fork()
	for _, w := range []*tower{one, two} {
		if status, _, _ := w.ask(fork); status != http.StatusConflict && status != http.StatusUnprocessableEntity {
			t.Errorf("%s answers a fork with %d", w.name, status)
		}
	}
	// The true one goes on.
	l.submit(1)
	for _, w := range []*tower{one, two} {
		if status, _, _ := w.ask(l); status != http.StatusOK {
			t.Errorf("%s answers the ledger with %d after it saw a fork", w.name, status)
		}
	}
}

// A served ledger asks two witnesses itself. What it serves as the log's
// checkpoint satisfies a policy of both, receipts are upgraded, and once they
// know a fork's other history, they cosign it no more, and it takes no events.
func TestServeAsksWitnesses(t *testing.T) {
	l := create(t)
	one, two := watch(t, "witness.one.example", l.key), watch(t, "witness.two.example", l.key)
	lines := fmt.Sprintf("witness one %s %s\nwitness two %s %s\ngroup both all one two\nquorum both\n", one.key, one.url, two.key, two.url)
	file := filepath.Join(t.TempDir(), "witnesses.policy")
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	policy, err := torchwood.ParsePolicy([]byte("log " + l.key + "\n" + lines))
	if err != nil {
		t.Fatal(err)
	}
	flags := []string{"--witnesses", file, "--witness-every", "1s"}
	l.serve(flags...)
	cosigned := func(from int64) (cp torchwood.Checkpoint, signed []byte) {
		t.Helper()
		for range 24000 {
			signed = l.get("/log/checkpoint")
			cp, _, err := torchwood.VerifyCheckpoint(signed, policy)
			if err == nil && cp.N >= from {
				return cp, signed
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatal("the witnesses do not cosign")
		return torchwood.Checkpoint{}, nil
	}
	// /log/checkpoint is the newest that both cosigned, /v1/checkpoint the newest.
	newest := func() int64 {
		t.Helper()
		text, _, _ := strings.Cut(string(l.get("/v1/checkpoint")), "\n\n")
		cp, err := torchwood.ParseCheckpoint(text + "\n")
		if err != nil {
			t.Fatal(err)
		}
		return cp.N
	}
	for range 3 {
		before, _ := cosigned(1)
		l.submit(10)
		if size := newest(); size <= before.N {
			t.Fatalf("the ledger has %d leaves, and had %d before more were submitted", size, before.N)
		}
		cp, signed := cosigned(newest())
		index := cp.N - 2
		var r struct {
			Entry string `json:"entry"`
		}
		if err := json.Unmarshal(l.get(fmt.Sprintf("/v1/records/%d", index)), &r); err != nil {
			t.Fatal(err)
		}
		var p struct {
			Proof []tlog.Hash `json:"proof"`
		}
		if err := json.Unmarshal(l.getJSON(fmt.Sprintf("/v1/records/%d/proof?size=%d", index, cp.N)), &p); err != nil {
			t.Fatal(err)
		}
		proof := torchwood.FormatProof(index, p.Proof, signed)
		if err := torchwood.VerifyProof(policy, tlog.RecordHash([]byte(r.Entry)), proof); err != nil {
			t.Errorf("record %d: %v", index, err)
		}
	}
	l.stop()
	// A copy from before, which grows, does not get their cosignatures, and so
	// takes no events.
	l.goBack(flags...)
	// The true one goes on.
	l.serve(flags...)
	cosigned(newest())
}

// goBack serves a copy of the ledger from before, with witnesses that know more,
// and wants it to take no events.
func (l *ledger) goBack(flags ...string) {
	l.t.Helper()
	old := &ledger{t: l.t, dir: filepath.Join(l.t.TempDir(), "ledger"), key: l.key}
	l.copy(l.young, old.dir)
	old.serve(flags...)
	defer old.stop()
	for range 100 {
		resp, err := http.Get(old.url + "/readyz")
		if err != nil {
			l.t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusServiceUnavailable {
			l.t.Fatalf("a ledger that was rolled back takes events: %s", resp.Status)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// unused are two addresses that nobody listens at, nor will for asking for any port,
// which Linux gives from 32768 on.
func unused(t *testing.T) (out []string) {
	t.Helper()
	for range 1000 {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(12000)))
		if err != nil {
			continue
		}
		defer ln.Close() // only then, or it is the next one too
		if out = append(out, ln.Addr().String()); len(out) == 2 {
			return out
		}
	}
	t.Fatal("of the ports from 20000 to 31999 no two are free")
	return nil
}

// A served ledger has a witness of transparency-dev and one of lendlog's own
// cosign, which replays the ledger from its tiles before. Together they satisfy a
// policy of both, and neither cosigns a copy from before that went another way.
func TestOwnWitness(t *testing.T) {
	l := create(t)
	one := watch(t, "witness.one.example", l.key)
	addresses := unused(t)
	dir := filepath.Join(t.TempDir(), "witness")
	var made struct{ Key, Policy string }
	if err := json.Unmarshal(l.run("witness", "init", "--json", "--dir", dir, "--name", "own.example/1", "--url", "http://"+addresses[0]), &made); err != nil {
		t.Fatal(err)
	}
	own := exec.Command(filepath.Join(bin, "lendlog"), "witness", "run", "--dir", dir, "--listen", addresses[0],
		"--ledger", filepath.Join(l.dir, "trust.json")+",http://"+addresses[1]+"/log")
	var log bytes.Buffer
	own.Stderr = &log
	if err := own.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		_ = own.Process.Signal(syscall.SIGTERM)
		if err := own.Wait(); err != nil {
			t.Errorf("lendlog witness: %v\n%s", err, &log)
		}
	}
	t.Cleanup(stop)
	lines := fmt.Sprintf("witness one %s %s\n%s\ngroup both all one own.example/1\nquorum both\n", one.key, one.url, made.Policy)
	policy, err := torchwood.ParsePolicy([]byte("log " + l.key + "\n" + lines))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "witnesses.policy")
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := []string{"--witnesses", file, "--witness-every", "1s", "--listen", addresses[1]}
	l.serve(flags...)
	cosigned := func(from int64) {
		t.Helper()
		for range 24000 {
			if cp, _, err := torchwood.VerifyCheckpoint(l.get("/log/checkpoint"), policy); err == nil && cp.N >= from {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Fatalf("the witnesses do not cosign\n%s", &log)
	}
	cosigned(1)
	for range 2 {
		l.submit(30)
		text, _, _ := strings.Cut(string(l.get("/v1/checkpoint")), "\n\n")
		cp, err := torchwood.ParseCheckpoint(text + "\n")
		if err != nil {
			t.Fatal(err)
		}
		cosigned(cp.N)
	}
	// What monitors of C2SP witnesses look for is there.
	resp, err := http.Get(fmt.Sprintf("http://%s/%x/checkpoint", addresses[0], sha256.Sum256([]byte(origin))))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	signed, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := torchwood.ParsePolicy([]byte("log " + l.key + "\n" + made.Policy + "\nquorum own.example/1\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := torchwood.VerifyCheckpoint(signed, alone); err != nil {
		t.Errorf("%v of %q", err, signed)
	}
	l.stop()

	l.goBack(flags...)
	l.serve(flags...)
	cosigned(1)
	stop()
}
