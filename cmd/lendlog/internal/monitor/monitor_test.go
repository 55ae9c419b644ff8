// SPDX-License-Identifier: Apache-2.0

package monitor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/monitor"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/anchor/witness"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/tree"
)

// An honest ledger is followed over growth, receipts and restarts of both, and
// nothing is found.
func TestHonest(t *testing.T) {
	s := serve(t)
	w := watch(t, s)
	w.conf.Deep = 2
	w.restart()
	first := w.round()
	if first.Event != "round" || first.Size != s.ledger.Head().Size || !first.Deep {
		t.Errorf("the first round is %+v", first)
	}
	for i := range 4 {
		for _, r := range s.record(3) {
			keep(t, w.receipts, receiptName(r), r.Bytes())
		}
		keep(t, w.receipts, fmt.Sprintf("another-monitor-%d.txt", i), s.ledger.Head().Note)
		if i%2 == 0 {
			s.restart(s.ledger.Dir)
		} else {
			w.restart()
		}
		e := w.round()
		if e.Grown < 3 || e.Kept != 4*(i+1) || e.Size != s.ledger.Head().Size {
			t.Errorf("round %d is %+v", i, e)
		}
		w.round()
	}
	days, err := filepath.Glob(filepath.Join(w.conf.State, "days", "*.txt"))
	if err != nil || len(days) == 0 {
		t.Fatal("no checkpoint was kept for the day")
	}
	b, err := os.ReadFile(days[len(days)-1])
	if err != nil || !bytes.Equal(b, s.ledger.Head().Note) {
		t.Errorf("kept for the day is %q, %v", b, err)
	}
	if left, err := os.ReadDir(filepath.Join(w.conf.State, "evidence")); err != nil || len(left) > 0 {
		t.Errorf("there is evidence against an honest ledger: %v %v", left, err)
	}
}

// Another history under the same keys is found as soon as it is shown, also
// when the monitor was away in between.
func TestFork(t *testing.T) {
	for _, away := range []bool{false, true} {
		s := serve(t)
		w := watch(t, s)
		w.round()
		other := s.branch()
		s.record(5)
		w.round()
		s.restart(other)
		s.record(20)
		if away {
			w.restart()
		}
		e := w.lie(monitor.Fork, "forked")
		notes := e.notes()
		if len(notes) != 2 {
			t.Fatalf("the evidence has %d checkpoints", len(notes))
		}
		var answer struct{ Proof [][]byte }
		if err := json.Unmarshal(e.read("answer.consistency.json"), &answer); err != nil {
			t.Fatal(err)
		}
		var hashes []tree.Hash
		for _, h := range answer.Proof {
			hashes = append(hashes, tree.Hash(h))
		}
		if len(hashes) == 0 || tree.VerifyConsistency(hashes, notes[0].Size, notes[1].Size, notes[0].Root, notes[1].Root) == nil {
			t.Error("what was answered is no false proof of consistency")
		}
		if e.follow("INVALID") == 0 {
			t.Error("nothing shows offline that a checkpoint was signed")
		}
		// It is the same against the other history.
		s.restart(s.ledger.Dir)
		w.lie(monitor.Fork, "forked")
	}
}

// Whoever follows evidence against a server that demands keys is told so, and no key.
func TestEvidenceUnderKey(t *testing.T) {
	s := serve(t)
	w := watch(t, s)
	w.conf.Key = access.NewKey().Reveal()
	w.restart()
	w.round()
	other := s.branch()
	s.record(5)
	w.round()
	s.restart(other)
	s.record(20)
	readme := string(w.lie(monitor.Fork, "forked").read("README.txt"))
	if !strings.Contains(readme, "--key-file") || strings.Contains(readme, w.conf.Key) {
		t.Errorf("it says\n%s", readme)
	}
}

// Two checkpoints of one size with different roots need no proof.
func TestForkOfOneSize(t *testing.T) {
	s := serve(t)
	w := watch(t, s)
	other := s.branch()
	s.record(5)
	w.round()
	s.restart(other)
	s.record(5)
	e := w.lie(monitor.Fork, "forked")
	notes := e.notes()
	if len(notes) != 2 || notes[0].Size != notes[1].Size || notes[0].Root == notes[1].Root {
		t.Fatalf("the evidence is %+v", notes)
	}
	e.follow("INVALID")
}

// A server that answers one question out of one history, and the next out of
// another, is found out within a round.
func TestForkInOneRound(t *testing.T) {
	s := serve(t)
	w := watch(t, s)
	w.round()
	other := s.branch()
	s.record(5)
	fork := s.ledger.Head().Note
	s.restart(other)
	s.record(5)
	s.tell(of("/v1/checkpoint", func([]byte) []byte { return fork }))
	w.lie(monitor.Fork, "forked").follow("INVALID")
}

// An older copy is found between rounds, and between runs.
func TestRollback(t *testing.T) {
	for _, away := range []bool{false, true} {
		s := serve(t)
		w := watch(t, s)
		w.round()
		older := s.branch()
		s.record(5)
		w.round()
		s.restart(older)
		if away {
			w.restart()
		}
		e := w.lie(monitor.Rollback, "rolled back")
		if notes := e.notes(); len(notes) != 2 || notes[0].Size >= notes[1].Size {
			t.Errorf("the evidence is %+v", notes)
		}
		e.follow("INVALID")
		// It is not forgotten.
		w.restart()
		w.lie(monitor.Rollback, "rolled back")
	}
}

// What the monitor never saw itself, receipts bind the ledger to.
func TestReceipts(t *testing.T) {
	t.Run("another record", func(t *testing.T) {
		s := serve(t)
		w := watch(t, s)
		other := s.branch()
		r := s.record(1)[0]
		s.restart(other)
		s.record(5)
		keep(t, w.receipts, "mine 1.json", r.Bytes())
		e := w.lie(monitor.Altered, "another than the ledger gave mine 1.json for")
		if !bytes.Equal(e.read("kept-mine 1.json"), r.Bytes()) {
			t.Error("the receipt was not saved")
		}
		// The README quotes the name for a shell, which follow is not.
		if err := os.Remove(filepath.Join(w.receipts, "mine 1.json")); err != nil {
			t.Fatal(err)
		}
		keep(t, w.receipts, "mine.json", r.Bytes())
		w.lie(monitor.Altered, "").follow("VALID", "VALID", "INVALID")
	})
	t.Run("gone", func(t *testing.T) {
		s := serve(t)
		w := watch(t, s)
		r := s.record(3)[1]
		keep(t, w.receipts, "mine.json", r.Bytes())
		w.round()
		s.tell(func(path string, status int, b []byte) (int, []byte) {
			if path == fmt.Sprintf("/v1/records/%d/evidence", r.Index) {
				return http.StatusNotFound, []byte(`{"status":404,"title":"There is no such thing here"}`)
			}
			return status, b
		})
		e := w.lie(monitor.Gone, fmt.Sprintf("it has no record %d", r.Index))
		if !strings.Contains(string(e.read("answers.ndjson")), `"status":404,"body":"{\"status\":404`) {
			t.Error("the answer was not saved")
		}
		// The log still has it.
		e.follow("VALID", "VALID")
	})
	t.Run("rolled back", func(t *testing.T) {
		s := serve(t)
		w := watch(t, s)
		older := s.branch()
		r := s.record(30)[29]
		s.restart(older)
		keep(t, w.receipts, "mine.json", r.Bytes())
		w.lie(monitor.Rollback, "mine.json is signed for").follow("INVALID")
	})
	t.Run("another history that has the record", func(t *testing.T) {
		s := serve(t)
		w := watch(t, s)
		r := s.record(1)[0]
		other := s.branch()
		s.record(4)
		e, err := s.ledger.Prove(t.Context(), r.Index, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Proof, r.Checkpoint = e.Records[0].Proof, e.Checkpoint
		s.restart(other)
		s.record(10)
		keep(t, w.receipts, "mine.json", r.Bytes())
		w.lie(monitor.Fork, "forked").follow("INVALID")
	})
	t.Run("a checkpoint of somebody else's", func(t *testing.T) {
		s := serve(t)
		w := watch(t, s)
		other := s.branch()
		s.record(4)
		theirs := s.ledger.Head().Note
		s.restart(other)
		s.record(10)
		keep(t, w.receipts, "theirs.txt", append(theirs, '\n'))
		w.lie(monitor.Fork, "forked").follow("INVALID")
	})
	t.Run("what cannot be checked", func(t *testing.T) {
		s := serve(t)
		w := watch(t, s)
		r := s.record(2)[1]
		good := r.Bytes()
		r.Entry = bytes.Replace(r.Entry, []byte(`"recorded":"20`), []byte(`"recorded":"19`), 1)
		keep(t, w.receipts, "altered.json", r.Bytes())
		keep(t, w.receipts, "good.json", good)
		keep(t, w.receipts, "noise.txt", []byte("hello\n"))
		keep(t, w.receipts, "other.txt", ledgertest.New(t).Head().Note)
		r.Proof = nil
		keep(t, w.receipts, "unproved.json", r.Bytes())
		keep(t, w.receipts, ".hidden", nil)
		got, err := w.monitor.Round(t.Context())
		if err != nil || got.Unchecked != 4 || len(w.events) != 5 || w.events[4].Kept != 1 {
			t.Errorf("%v %+v %+v", err, got, w.events)
		}
	})
}

// A ledger that begins with another record is another ledger.
func TestGenesis(t *testing.T) {
	s := serve(t)
	w := watch(t, s)
	swapped := of("/v1/records/0/evidence", func(b []byte) []byte {
		return edit(t, b, func(v map[string]any) {
			g := v["genesis"].(map[string]any)
			g["entry"] = strings.Replace(g["entry"].(string), `"lateAfterSeconds":86400`, `"lateAfterSeconds":1`, 1)
		})
	})
	s.tell(swapped)
	w.lie(monitor.Genesis, "genesis").follow("INVALID") // at first contact
	s.tell(nil)
	w.round()
	s.tell(swapped)
	w.lie(monitor.Genesis, "genesis").follow("INVALID")
}

// A checkpoint of a key that is not pinned is refused, and nothing is made of it.
func TestUnknownKey(t *testing.T) {
	s := serve(t)
	w := watch(t, s)
	w.round()
	s.record(2)
	secret, _, err := note.GenerateKey(nil, s.ledger.Info().Origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	s.tell(of("/v1/checkpoint", func(b []byte) []byte {
		text, _, _ := strings.Cut(string(b), "\n\n")
		forged, err := note.Sign(&note.Note{Text: text + "\n"}, signer)
		if err != nil {
			t.Error(err)
		}
		return forged
	}))
	e := w.lie(monitor.Signature, "no signature of a known key")
	if _, err := e.trust.OpenCheckpoint(e.read("checkpoint-refused.txt")); !errors.Is(err, tree.ErrUnsigned) {
		t.Errorf("the refused checkpoint: %v", err)
	}
	e.follow("VALID")
	s.tell(nil)
	w.round()

	// A whole other ledger in its place.
	s.use(ledgertest.New(t), false)
	w.lie(monitor.Signature, "").follow("VALID")
}

func TestGarbage(t *testing.T) {
	page := func([]byte) []byte { return []byte("<html>\xff welcome</html>") }
	for _, x := range []struct{ path, kind string }{
		{"/v1/records/0/evidence", monitor.Answer},
		{"/v1/checkpoint", monitor.Signature},
		{"/v1/consistency", monitor.Answer},
	} {
		t.Run(x.path, func(t *testing.T) {
			s := serve(t)
			w := watch(t, s)
			w.round()
			s.record(2)
			s.tell(of(x.path, page))
			e := w.lie(x.kind, "")
			var last struct {
				Base64 []byte `json:"bodyBase64"`
			}
			lines := bytes.Split(bytes.TrimSpace(e.read("answers.ndjson")), []byte("\n"))
			if err := json.Unmarshal(lines[len(lines)-1], &last); err != nil || !bytes.Equal(last.Base64, page(nil)) {
				t.Errorf("saved was %s, %v", lines[len(lines)-1], err)
			}
			s.tell(nil)
			w.round()
		})
	}
}

// A server that is away is no liar, unless it comes back as another.
func TestGoneAndBack(t *testing.T) {
	s := serve(t)
	w := watch(t, s)
	s.goAway(true)
	away := func() {
		t.Helper()
		w.events = nil
		if _, err := w.monitor.Round(t.Context()); !errors.Is(err, monitor.ErrUnanswered) || len(w.events) != 1 || w.events[0].Event != "unanswered" {
			t.Fatalf("%v %+v", err, w.events)
		}
	}
	away() // at first contact
	s.goAway(false)
	w.round()
	older := s.branch()
	s.record(3)
	w.round()
	s.goAway(true)
	away()
	s.goAway(false)
	s.tell(func(string, int, []byte) (int, []byte) { return http.StatusServiceUnavailable, []byte("busy") })
	away()
	s.tell(of("/v1/checkpoint", func(b []byte) []byte { return b }))
	w.round()
	w.conf.Patience = 1 // nanosecond
	w.restart()
	away()
	w.conf.Patience = 0
	w.restart()
	s.restart(older)
	w.lie(monitor.Rollback, "rolled back")
}

// A ledger that stands still for longer than it promised is told once, also
// while it does not answer, until it goes on.
func TestStalled(t *testing.T) {
	s := serve(t)
	w := watch(t, s)
	w.round()
	w.ahead = 23 * time.Hour
	w.round()
	late := func(events ...string) *monitor.Finding {
		t.Helper()
		w.events = nil
		r, err := w.monitor.Round(t.Context())
		if err != nil && !errors.Is(err, monitor.ErrUnanswered) || len(r.Broken) != 1 || r.Broken[0].Kind != monitor.Stalled {
			t.Fatalf("%v %+v", err, r)
		}
		for i, e := range events {
			if i >= len(w.events) || w.events[i].Event != e || len(w.events) != len(events) {
				t.Fatalf("told was %+v, want %v", w.events, events)
			}
		}
		return r.Broken[0]
	}
	w.ahead = 25 * time.Hour
	if w.evidence(late("broken-promise", "round")).follow() != 1 {
		t.Error("nothing shows that the checkpoint was signed")
	}
	late("round")
	w.restart()
	late("round")
	s.goAway(true)
	late("unanswered")
	s.goAway(false)
	s.record(1)
	w.events = nil
	// It goes on, and what it records now is not of tomorrow.
	if r, err := w.monitor.Round(t.Context()); err != nil || len(r.Broken) != 1 || r.Broken[0].Kind != monitor.Clock {
		t.Fatalf("%v %+v", err, r)
	}
	w.round()
	s.goAway(true)
	w.ahead += 25 * time.Hour
	late("unanswered", "broken-promise")
}

// Where the trust file asks for witnesses, the promise goes by their clocks: a
// ledger that grows and is not cosigned breaks it, and one that is cosigned and
// does not grow keeps it.
func TestWitnesses(t *testing.T) {
	s := serve(t)
	key := s.ledger.Info().VerifierKeys[0]
	one, two := ledgertest.NewWitness(t, "witness.example/1", 1, key), ledgertest.NewWitness(t, "witness.example/2", 2, key)
	policy, err := witness.ParsePolicy(ledgertest.Policy(2, one, two))
	if err != nil {
		t.Fatal(err)
	}
	// cosign has the newest checkpoint cosigned.
	cosign := func() {
		t.Helper()
		g, err := witness.New(witness.Config{Ledger: s.ledger.Ledger, Policy: policy, Every: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- g.Run(ctx) }()
		ledgertest.Until(t, "the cosigned checkpoint", func() bool {
			select {
			case err := <-done:
				t.Fatal(err)
			default:
			}
			w, ok := s.ledger.Witnessed()
			return ok && w.Size == s.ledger.Head().Size
		})
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	w := watch(t, s)
	trust := s.ledger.Trust()
	trust.Witnesses = &proof.Witnesses{Quorum: 2, Keys: []string{one.Key, two.Key}}
	w.conf.Trust = trust.Bytes()
	w.restart()
	w.round() // nothing is cosigned yet
	s.record(2)
	cosign()
	w.round()
	s.record(2)
	w.round()
	w.restart()
	w.ahead = 25 * time.Hour
	stalled := func() *monitor.Finding {
		t.Helper()
		r, err := w.monitor.Round(t.Context())
		if err != nil || len(r.Broken) == 0 || r.Broken[len(r.Broken)-1].Kind != monitor.Stalled {
			t.Fatalf("%v %+v", err, r)
		}
		return r.Broken[len(r.Broken)-1]
	}
	e := w.evidence(stalled())
	e.follow("INCOMPLETE") // nobody cosigned anything before the first record
	if cp, at, err := e.trust.OpenWitnessed(e.read("cosigned.txt")); err != nil || cp.Size >= s.ledger.Head().Size || time.Since(at) > time.Hour {
		t.Errorf("the cosigned checkpoint: %v", err)
	}
	if !strings.Contains(string(e.read("README.txt")), "or INCOMPLETE for want of") {
		t.Error("the README does not say what its verifier says")
	}
	if again := stalled(); again.Dir != "" {
		t.Error("it is told again")
	}
	w.ahead = 0
	cosign()
	w.round()

	// Another archive, or an altered one, is found out.
	s.tell(of("/v1/checkpoints/newest", func(b []byte) []byte {
		return bytes.Replace(b, []byte("\n\n"), []byte("\nx\n\n"), 1)
	}))
	w.lie(monitor.Signature, "")
	s.tell(nil)
	w.round()
}

// A monitor follows a key that the ledger announced under the one that it was given,
// over restarts, and tells so once.
func TestFollowsKeys(t *testing.T) {
	s := serve(t)
	w := watch(t, s)
	w.round()
	if _, err := s.ledger.RotateCheckpoint(t.Context(), "", 1); err != nil {
		t.Fatal(err)
	}
	s.record(3)
	w.events = nil
	if r, err := w.monitor.Round(t.Context()); err != nil || len(r.Broken) > 0 || len(w.events) != 2 || w.events[0].Event != "keys" {
		t.Fatalf("%v %+v", err, w.events)
	}
	w.round()
	w.restart()
	s.record(1)
	w.round()
	// Whoever is shown a lie of later is given the key that was followed, and why.
	s.tell(of("/v1/checkpoint", func(b []byte) []byte { return bytes.Replace(b, []byte("\n\n"), []byte("\nx\n\n"), 1) }))
	e := w.lie(monitor.Signature, "")
	if len(e.trust.Keys) != 2 || len(e.read("keys.evidence.json")) == 0 {
		t.Errorf("its trust file has %d keys", len(e.trust.Keys))
	}
}

// A record that is dated before the ledger was seen without it was dated back,
// though the tree and the ledger's own clock are right.
func TestClock(t *testing.T) {
	for _, x := range []struct {
		name  string
		ahead [2]time.Duration // of the monitor's clock: without the record, and with it
		says  string
	}{
		{"dated back", [2]time.Duration{10 * time.Minute, 11 * time.Minute}, "dated back"},
		{"dated ahead", [2]time.Duration{-11 * time.Minute, -10 * time.Minute}, "dated ahead"},
		{"within the tolerance", [2]time.Duration{4 * time.Minute, -4 * time.Minute}, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := serve(t)
			w := watch(t, s)
			w.round()
			s.restart(s.ledger.Dir) // closing appends an index-root, which has no time
			w.round()
			w.ahead = x.ahead[0]
			w.round()
			s.record(1)
			w.ahead = x.ahead[1]
			if x.says == "" {
				w.round()
				return
			}
			w.events = nil
			r, err := w.monitor.Round(t.Context())
			if err != nil || len(r.Broken) != 1 || r.Broken[0].Kind != monitor.Clock || !strings.Contains(r.Broken[0].Text, x.says) {
				t.Fatalf("%v %+v", err, r)
			}
			w.evidence(r.Broken[0]).follow("VALID", "VALID")
			w.round() // it was told
		})
	}
}

// The time of what came is looked at even when that was not to be had at first.
func TestClockLater(t *testing.T) {
	s := serve(t)
	w := watch(t, s)
	w.ahead = 10 * time.Minute
	w.round()
	at := s.record(1)[0].Index
	s.tell(func(path string, status int, b []byte) (int, []byte) {
		if path == fmt.Sprintf("/v1/records/%d/evidence", at) {
			return http.StatusInternalServerError, nil
		}
		return status, b
	})
	if _, err := w.monitor.Round(t.Context()); !errors.Is(err, monitor.ErrUnanswered) {
		t.Fatal(err)
	}
	s.record(1)
	if _, err := w.monitor.Round(t.Context()); !errors.Is(err, monitor.ErrUnanswered) {
		t.Fatal(err)
	}
	w.restart()
	s.tell(nil)
	r, err := w.monitor.Round(t.Context())
	if err != nil || len(r.Broken) != 1 || !strings.Contains(r.Broken[0].Text, fmt.Sprintf("record %d says", at)) {
		t.Fatalf("%v %+v", err, r)
	}
}

// What was accepted is on disk at once: a monitor that ends in the middle of a
// round finds the rollback all the same.
func TestSeenIsKept(t *testing.T) {
	s := serve(t)
	w := watch(t, s)
	w.round()
	older := s.branch()
	s.record(3)
	size := s.ledger.Head().Size
	w.conf.Transport = trips(func(r *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if r.URL.Path == "/v1/consistency" {
			s.goAway(true) // and whatever else it asks is not answered
		}
		return resp, err
	})
	w.restart()
	if _, err := w.monitor.Round(t.Context()); !errors.Is(err, monitor.ErrUnanswered) {
		t.Fatal(err)
	}
	w.conf.Transport = nil
	w.restart()
	s.goAway(false)
	s.restart(older)
	notes := w.lie(monitor.Rollback, "rolled back").notes()
	if notes[len(notes)-1].Size < size {
		t.Errorf("of %d records it remembers %+v", size, notes)
	}
}

type trips func(*http.Request) (*http.Response, error)

func (f trips) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// What no checkpoint shows, deriving the log again does.
func TestDeep(t *testing.T) {
	s := serve(t)
	w := watch(t, s)
	s.record(10)
	w.conf.Deep = 2
	w.restart()
	s.tell(func(path string, status int, b []byte) (int, []byte) {
		if strings.HasPrefix(path, "/log/tile/entries/") {
			b = bytes.Replace(b, []byte(`"type":"org.lendlog.genesis.v1"`), []byte(`"type":"org.lendlog.genesis.v2"`), 1)
		}
		return status, b
	})
	e := w.lie(monitor.Audit, "derived again")
	if !strings.Contains(string(e.read("audit.txt")), "INVALID") || !bytes.Contains(e.read("audit.json"), []byte(`"verdict":"INVALID"`)) {
		t.Error("the audit was not saved")
	}
	e.follow("INVALID")
	if e := w.round(); e.Deep { // not in every round
		t.Errorf("%+v", e)
	}
	w.lie(monitor.Audit, "")

	// Of a server that keeps its tiles to itself it cannot be said.
	s.tell(nil)
	s.use(s.ledger, true)
	w.restart()
	w.events = nil
	r, err := w.monitor.Round(t.Context())
	if err != nil || r.Unchecked != 1 || len(w.events) != 2 || w.events[0].Event != "unchecked" || w.events[1].Deep {
		t.Errorf("%v %+v", err, w.events)
	}
}

// Run goes on until the first lie, or until it is told to stop.
func TestRun(t *testing.T) {
	s := serve(t)
	w := watch(t, s)
	older := s.branch()
	s.record(1)
	ctx, cancel := context.WithCancel(t.Context())
	rounds := 0
	w.conf.Wait = func(ctx context.Context, d time.Duration) error {
		if d != time.Minute {
			t.Errorf("it waits %v", d)
		}
		switch rounds++; rounds {
		case 2:
			s.goAway(true)
		case 4:
			s.goAway(false)
			s.restart(older)
		}
		return ctx.Err()
	}
	w.restart()
	err := w.monitor.Run(ctx)
	var f *monitor.Finding
	if !errors.As(err, &f) || f.Kind != monitor.Rollback || rounds != 4 {
		t.Errorf("after %d rounds: %v", rounds, err)
	}
	var told []string
	for _, e := range w.events {
		told = append(told, e.Event)
	}
	if got := strings.Join(told, " "); got != "round round unanswered unanswered lie" {
		t.Errorf("told was %s", got)
	}
	cancel()
	if err := w.monitor.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("it ends with %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	s := serve(t)
	w := watch(t, s)
	w.round()
	try := func(says string, f func(*monitor.Config)) {
		t.Helper()
		c := w.conf
		f(&c)
		m, err := monitor.Open(c)
		if err == nil {
			_ = m.Close()
		}
		if !errors.Is(err, monitor.ErrUsage) || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want a wrong call: %s", err, says)
		}
	}
	try("another monitor", func(*monitor.Config) {})
	if err := w.monitor.Close(); err != nil {
		t.Fatal(err)
	}
	try("trust policy", func(c *monitor.Config) { c.Trust = []byte("{}") })
	try("the trust file does not name", func(c *monitor.Config) { c.Trust = ledgertest.New(t).Trust().Bytes() })
	keep(t, w.conf.State, "newest.json", []byte("{}"))
	try("newest.json", func(*monitor.Config) {})
	w.conf.Server, w.conf.State = "nonsense", t.TempDir()
	w.open()
	if _, err := w.monitor.Round(t.Context()); !errors.Is(err, monitor.ErrUsage) {
		t.Errorf("a server that is none: %v", err)
	}
}
