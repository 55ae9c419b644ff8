// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/client"
	"golang.org/x/mod/sumdb/note"
)

// fsck runs Tessera's checker of whole logs and returns what it says, for it ends
// with 0 whatever it finds. A worker of it that finds something takes no more
// work, and without any it would wait for ever: hence so many.
func fsck(t *testing.T, key, url string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(bin, "fsck"), "--storage_url", url+"/log/", "--public_key", file, "--ui=false", "--N=64").CombinedOutput()
	if err != nil {
		t.Fatalf("fsck: %v\n%s", err, out)
	}
	return string(out)
}

// Tessera's fsck reads every entry and tile, and finds nothing wrong; where a
// byte of an entry is another, or the key, it does.
func TestTesseraFsck(t *testing.T) {
	l := create(t)
	l.serve()
	l.submit(60)
	if said := fsck(t, l.key, l.url); strings.Contains(said, "failed") || !strings.Contains(said, "Successfully fsck'd") {
		t.Errorf("it says\n%s", said)
	}
	if said := fsck(t, create(t).key, l.url); !strings.Contains(said, "fsck failed") {
		t.Errorf("of another key it says\n%s", said)
	}
	if said := fsck(t, l.key, lying(t, l.url, "/log/tile/entries/", flip)); !strings.Contains(said, "fsck failed") {
		t.Errorf("of an altered entry it says\n%s", said)
	}
	if said := fsck(t, l.key, lying(t, l.url, "/log/tile/0/", flip)); !strings.Contains(said, "fsck failed") {
		t.Errorf("of an altered tile it says\n%s", said)
	}
}

// lying serves what is served elsewhere, with a change to what lies under a path.
func lying(t *testing.T, at, under string, change func(body []byte) []byte) string {
	to, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, under) {
			proxy.ServeHTTP(w, r)
			return
		}
		r.Header.Del("Accept-Encoding")
		rec := httptest.NewRecorder()
		proxy.ServeHTTP(rec, r)
		w.WriteHeader(rec.Code)
		_, _ = w.Write(change(rec.Body.Bytes()))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func flip(body []byte) []byte {
	body[len(body)-1] ^= 1
	return body
}

func cut(body []byte) []byte { return body[:len(body)/2] }

// hammer runs Tessera's hammer in read-only mode until the ledger grew by 500
// leaves, which are submitted meanwhile, or the hammer gives up.
func (l *ledger) hammer(url string) (said string, err error) {
	l.t.Helper()
	cmd := exec.CommandContext(l.t.Context(), filepath.Join(bin, "hammer"), "--log_public_key", l.key, "--log_url", url+"/log/",
		"--num_writers=0", "--max_read_ops=400", "--leaf_write_goal=500", "--max_runtime=15m", "--show_ui=false", "--alsologtostderr", "-v=1")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			return out.String(), err
		case <-time.After(time.Second):
			l.submit(10)
		}
	}
}

// Tessera's hammer reads entries at random and from end to end, holds each new
// checkpoint against the one before by a proof out of the tiles, and has nothing
// to object to; where entries are cut or tiles altered, it has. What an entry
// says it does not look at: that is what fsck does.
func TestTesseraHammer(t *testing.T) {
	l := create(t)
	l.serve()
	l.submit(60)
	// Lines of its log that begin so are warnings, errors and the last words.
	objects := regexp.MustCompile(`(?m)^[WEF]\d{4} `)
	said, err := l.hammer(l.url)
	before, _, reached := strings.Cut(said, "Reached tree size goal") // then it cancels what is under way, and warns of that
	if err != nil || objects.MatchString(before) || !reached {
		t.Errorf("hammer: %v\n%s", err, said)
	}
	if said, _ := l.hammer(lying(t, l.url, "/log/tile/entries/", cut)); !objects.MatchString(said) {
		t.Errorf("of cut entries it says\n%s", said)
	}
	if said, err := l.hammer(lying(t, l.url, "/log/tile/0/", flip)); err == nil || !objects.MatchString(said) {
		t.Errorf("of altered tiles it says %v\n%s", err, said)
	}
}

// Tessera's client follows the log, takes each new checkpoint only with a proof
// that it continues the one before, and proves entries out of tiles; a log that
// is another one it refuses.
func TestTesseraClient(t *testing.T) {
	l := create(t)
	l.serve()
	v, err := note.NewVerifier(l.key)
	if err != nil {
		t.Fatal(err)
	}
	fetcher := func(at string) *client.HTTPFetcher {
		root, err := url.Parse(at + "/log/")
		if err != nil {
			t.Fatal(err)
		}
		f, err := client.NewHTTPFetcher(root, nil)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f := fetcher(l.url)
	ctx := t.Context()
	tracker, err := client.NewLogStateTracker(ctx, f.ReadTile, nil, v, origin, client.UnilateralConsensus(f.ReadCheckpoint))
	if err != nil {
		t.Fatal(err)
	}
	seen := [][]byte{}
	for range 4 {
		l.submit(15)
		before := tracker.Latest().Size
		_, _, signed, err := tracker.Update(ctx)
		if err != nil {
			t.Fatal(err)
		}
		cp := tracker.Latest()
		if cp.Size <= before {
			t.Fatalf("the tree has %d leaves after %d", cp.Size, before)
		}
		seen = append(seen, signed)
		builder, err := client.NewProofBuilder(ctx, cp.Size, f.ReadTile)
		if err != nil {
			t.Fatal(err)
		}
		for _, index := range []uint64{0, 255, 256, cp.Size / 2, cp.Size - 1} {
			bundle, err := client.GetEntryBundle(ctx, f.ReadEntryBundle, index/256, cp.Size)
			if err != nil {
				t.Fatal(err)
			}
			hashes, err := builder.InclusionProof(ctx, index)
			if err != nil {
				t.Fatal(err)
			}
			leaf := rfc6962.DefaultHasher.HashLeaf(bundle.Entries[index%256])
			if err := proof.VerifyInclusion(rfc6962.DefaultHasher, index, cp.Size, leaf, hashes, cp.Hash); err != nil {
				t.Errorf("entry %d of %d: %v", index, cp.Size, err)
			}
		}
	}
	// Whoever saw the ledger knows its fork.
	fork := l.fork()
	ff := fetcher(fork.url)
	for i, signed := range seen[:2] {
		followed, err := client.NewLogStateTracker(ctx, ff.ReadTile, signed, v, origin, client.UnilateralConsensus(ff.ReadCheckpoint))
		if err != nil {
			t.Fatal(err)
		}
		_, _, _, err = followed.Update(ctx)
		var lie client.ErrInconsistency
		if !errors.As(err, &lie) {
			t.Errorf("after checkpoint %d the fork is taken: %v", i, err)
		}
	}
}
