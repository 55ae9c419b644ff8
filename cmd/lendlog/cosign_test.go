// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/cosigner"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/ledgertest/scale"
	"github.com/lendlog/lendlog/ledger/tree"
)

// A witness that is killed at random moments, while it replays, writes or
// answers, has always cosigned at least what it answered with, and only one
// history.
func TestWitnessKilled(t *testing.T) {
	bin := build(t)
	w := newWitness(t, bin)
	s := w.start()
	dir := filepath.Join(t.TempDir(), "witness")
	if _, err := cosigner.Create(dir, "witness.test/1"); err != nil {
		t.Fatal(err)
	}
	address, err := ledgertest.Address()
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + address
	get := func(url string) (int, []byte) {
		t.Helper()
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, b
	}
	newest := fmt.Sprintf("%s/%x/checkpoint", url, sha256.Sum256([]byte(w.trust.Origin)))

	var acked, cosigned int64
	rounds := scale.Of(6, 15)
	for round := range rounds {
		cmd := exec.Command(bin, "witness", "run", "--json", "--dir", dir, "--ledger", filepath.Join(w.dir, "trust.json")+","+s.url+"/log", "--listen", strings.TrimPrefix(url, "http://"))
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		if err := json.NewDecoder(out).Decode(&struct{}{}); err != nil {
			t.Fatalf("the witness doesn't start: %v\n%s", err, &errs)
		}
		cosigned = 0
		if status, b := get(newest); status == http.StatusOK {
			text, _, _ := tree.SplitNote(b)
			cp, err := tree.ParseCheckpoint(text)
			if err != nil {
				t.Fatal(err)
			}
			cosigned = cp.Size
		}
		if cosigned < acked {
			t.Fatalf("round %d: it has cosigned %d leaves, and answered that it had %d", round, cosigned, acked)
		}
		for i := range 20 {
			event := fmt.Sprintf(`{"specversion":"1.0","id":"k-%d-%d","source":"urn:test","type":"org.lendlog.payment.received.v1","subject":"line/%d","party":"C-1","time":"2026-03-01T10:00:00Z","data":{"amount":{"amount":"10.00","currency":"EUR"}}}`, round, i, i)
			resp, err := http.Post(s.url+"/v1/records", "application/cloudevents+json", strings.NewReader(event))
			if err != nil {
				t.Fatal(err)
			}
			if _ = resp.Body.Close(); resp.StatusCode != http.StatusCreated {
				t.Fatal(resp.Status)
			}
		}
		_, signed := get(s.url + "/v1/checkpoint")
		text, _, _ := tree.SplitNote(signed)
		cp, err := tree.ParseCheckpoint(text)
		if err != nil {
			t.Fatal(err)
		}
		_, doc := get(fmt.Sprintf("%s/v1/consistency?from=%d&to=%d", s.url, cosigned, cp.Size))
		var proof struct{ Proof [][]byte }
		if err := json.Unmarshal(doc, &proof); err != nil {
			t.Fatal(err)
		}
		body := fmt.Sprintf("old %d\n", cosigned)
		for _, h := range proof.Proof {
			body += base64.StdEncoding.EncodeToString(h) + "\n"
		}
		answered := make(chan int64, 1)
		go func() {
			resp, err := http.Post(url+"/add-checkpoint", "text/plain", strings.NewReader(body+"\n"+string(signed)))
			if err != nil {
				answered <- 0 // it was killed
				return
			}
			defer resp.Body.Close()
			b, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != http.StatusOK {
				t.Errorf("round %d: it answers %d %s", round, resp.StatusCode, b)
			}
			if bytes.HasSuffix(b, []byte("\n")) && resp.StatusCode == http.StatusOK {
				answered <- cp.Size
				return
			}
			answered <- 0
		}()
		if round < rounds-1 {
			time.Sleep(time.Duration(w.random.Int64N(int64(20 * time.Millisecond))))
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		acked = max(acked, <-answered)
	}
	if acked == 0 {
		t.Fatal("nothing was cosigned")
	}
	// All that it cosigned is of the ledger's history.
	archive, err := os.ReadFile(filepath.Join(dir, "ledgers", fmt.Sprintf("%x", sha256.Sum256([]byte(w.trust.Origin))), "cosigned.txt"))
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"audit", "--server", s.url, "--trust", filepath.Join(w.dir, "trust.json")}
	notes := strings.SplitAfter(string(archive), "\n\n"+w.trust.Origin)
	for i := range notes {
		note := strings.TrimSuffix(w.trust.Origin+notes[i], "\n\n"+w.trust.Origin) + "\n"
		if i == 0 {
			note = strings.TrimPrefix(note, w.trust.Origin)
		}
		name := filepath.Join(t.TempDir(), "note.txt")
		if err := os.WriteFile(name, []byte(strings.TrimRight(note, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--checkpoint", name)
	}
	if out, err := exec.Command(bin, args...).CombinedOutput(); err != nil || !bytes.Contains(out, fmt.Appendf(nil, "what was brought from outside (%d) is of this history", len(notes))) {
		t.Errorf("of %d cosigned checkpoints the audit says %v\n%s", len(notes), err, out)
	}
}
