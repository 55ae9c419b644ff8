// SPDX-License-Identifier: Apache-2.0

//go:build long

package portable

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A browser says of every published vector, of bundles, and of what is made of
// them what ledger/proof says.
func TestChromiumLong(t *testing.T) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("verify.mjs cannot be tested in a browser: install chromium")
	}
	var jobs []job
	all := manifest(t)
	for _, v := range all {
		jobs = append(jobs, v.job(t))
	}
	for _, name := range bundles {
		jobs = append(jobs, job{name: name, Document: beside(t, name), Trust: beside(t, "trust.json")})
	}
	for seed := range uint64(200) {
		jobs = append(jobs, mutant(t, all, seed), mutantBundle(t, seed), lie(t, seed), lyingBundle(t, seed))
	}

	type result struct {
		Browser string
		Answers []answer
	}
	results := make(chan result, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "chromium_test.html") })
	mux.HandleFunc("GET /verify.mjs", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		http.ServeFile(w, r, "verify.mjs")
	})
	mux.HandleFunc("GET /jobs", func(w http.ResponseWriter, _ *http.Request) {
		if err := json.NewEncoder(w).Encode(jobs); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("POST /answers", func(_ http.ResponseWriter, r *http.Request) {
		var got result
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		results <- got
	})
	server := httptest.NewServer(mux)
	defer server.Close()

	profile, err := os.MkdirTemp("", "chromium")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(profile)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	// It asks nobody but the server.
	cmd := exec.CommandContext(ctx, path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr",
		"--remote-debugging-port=0", "--user-data-dir="+profile, server.URL)
	var log bytes.Buffer
	cmd.Stderr = &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that its children end with it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var got result
	select {
	case got = <-results:
		cancel()
		<-ended
	case err := <-ended:
		t.Fatalf("the browser ended before it had answered: %v\n%s", err, &log)
	}

	if len(got.Answers) != len(jobs) || !strings.Contains(got.Browser, "Chrome/") {
		t.Fatalf("%s gives %d answers of %d", got.Browser, len(got.Answers), len(jobs))
	}
	want := make([]answer, len(jobs))
	for i, j := range jobs {
		want[i] = reference(t, j)
		agree(t, "the browser", j, got.Answers[i], want[i])
	}
	t.Log(got.Browser)
	tally(t, want, 20)
}
