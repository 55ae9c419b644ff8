// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/api"
	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger"
	cosigning "github.com/lendlog/lendlog/ledger/anchor/witness"
	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/mpt"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
	"github.com/lendlog/lendlog/ledger/vault"
)

// What a cheating operator can try (docs/auditors.md, section 10), each as a
// test with a server that lies in that way: a real ledger with its own keys,
// whose answers, clock, keys or records the operator has changed. The victims
// are the program as it is installed, the SDK, and witnesses. Every test takes
// the same steps without the lie too, and wants no complaint.

// An operator serves a ledger whose keys they have, and may lie.
type operator struct {
	t      *testing.T
	url    string
	ledger *ledgertest.Ledger // that is served

	mu      sync.Mutex // guards what follows
	handler http.Handler
	lie     func(path string, answer []byte) (status int, instead []byte)
}

// operate serves a new ledger. clock is that of the operator; nil is a right
// one.
func operate(t *testing.T, clock func() time.Time) *operator {
	t.Helper()
	o := &operator{t: t}
	o.serve(ledgertest.Start(t, ledgertest.Create(t, ledger.CreateOptions{Now: clock}), ledger.Options{Now: clock}))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.mu.Lock()
		handler, lie := o.handler, o.lie
		o.mu.Unlock()
		truth := httptest.NewRecorder()
		handler.ServeHTTP(truth, r)
		status, body := truth.Code, truth.Body.Bytes()
		if lie != nil && status == http.StatusOK {
			status, body = lie(r.URL.Path, body)
		}
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}))
	t.Cleanup(s.Close)
	o.url = s.URL
	return o
}

// serve has the server answer from a ledger.
func (o *operator) serve(l *ledgertest.Ledger) {
	o.t.Helper()
	a, err := api.New(api.Config{Ledger: l.Ledger, Version: "test"})
	if err != nil {
		o.t.Fatal(err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ledger, o.handler = l, a.Handler()
}

// tell has the server answer with lies.
func (o *operator) tell(lie func(path string, answer []byte) (status int, instead []byte)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lie = lie
}

// restart ends the ledger in good order and serves the one in dir.
func (o *operator) restart(dir string) {
	o.t.Helper()
	o.ledger.Stop()
	o.serve(ledgertest.Start(o.t, dir, ledger.Options{}))
}

// copied ends the ledger, which ends it with an index-root, copies it, and
// serves it again.
func (o *operator) copied() (dir string) {
	o.t.Helper()
	dir = o.t.TempDir()
	o.ledger.Stop()
	if err := copyFiles(dir, o.ledger.Dir); err != nil {
		o.t.Fatal(err)
	}
	o.restart(o.ledger.Dir)
	return dir
}

// forge replaces the ledger by one with other records, signed with its keys,
// and serves it.
func (o *operator) forge(l ledgertest.Lie) ledgertest.Forged {
	o.t.Helper()
	o.ledger.Stop()
	f := ledgertest.Forge(o.t, ledgertest.Parts(o.t, o.ledger.Dir), l)
	dir := filepath.Dir(f.Store)
	for _, part := range []string{"keys", "vault", "lendlog.json"} {
		if err := copyFiles(filepath.Join(dir, part), filepath.Join(o.ledger.Dir, part)); err != nil {
			o.t.Fatal(err)
		}
	}
	o.serve(ledgertest.Start(o.t, dir, ledger.Options{}))
	return f
}

// copyFiles copies a file or a directory. What is in it stays private, for the
// program refuses keys that others can read.
func copyFiles(to, from string) error {
	return filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		at, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, at), 0o700)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, at), b, 0o600)
	})
}

// payment is an event of the one submitter that the tests have.
func payment(t *testing.T, subject, id string) canon.Value {
	t.Helper()
	v, err := canon.Parse(fmt.Appendf(nil, `{"specversion":"1.0","id":%q,"source":"urn:lender:core","type":"org.lendlog.payment.received.v1","subject":%q,
		"party":"P-1","time":"2026-03-01T10:00:00Z","data":{"amount":{"amount":"1290.17","currency":"EUR"},"method":"transfer"}}`, id, subject), canon.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// record appends an event in the name of a submitter, and returns its receipt.
func (o *operator) record(event canon.Value, submitter string) *proof.Receipt {
	o.t.Helper()
	ev, err := record.ParseEvent(event.Bytes(), o.ledger.Catalogue())
	if err != nil {
		o.t.Fatal(err)
	}
	r, err := o.ledger.Append(o.t.Context(), ev, submitter)
	if err == nil {
		err = o.ledger.AddProof(o.t.Context(), r.Receipt)
	}
	if err != nil {
		o.t.Fatal(err)
	}
	return r.Receipt
}

// paid records payments of a subject.
func (o *operator) paid(subject string, ids ...string) (receipts []*proof.Receipt) {
	o.t.Helper()
	for _, id := range ids {
		receipts = append(receipts, o.record(payment(o.t, subject, id), "key-1"))
	}
	return receipts
}

// says returns what the server answers.
func (o *operator) says(path string, args ...any) []byte {
	o.t.Helper()
	resp, err := http.Get(o.url + fmt.Sprintf(path, args...))
	if err != nil {
		o.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		o.t.Fatalf("%s: %d %v\n%s", path, resp.StatusCode, err, b)
	}
	return b
}

// A person has what everybody may have: a trust file from before the first
// lie, and the files that they were handed since.
type person struct {
	t   *testing.T
	dir string
}

func newPerson(t *testing.T, trust *proof.Trust) *person {
	t.Helper()
	p := &person{t: t, dir: t.TempDir()}
	p.keep("trust.json", trust.Bytes())
	return p
}

// keep saves a file.
func (p *person) keep(name string, data []byte) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, data, 0o600)); err != nil {
		p.t.Fatal(err)
	}
}

// lendlog runs the program, and wants its exit code and, unless it is "", that
// it says something.
func (p *person) lendlog(code int, says string, args ...string) {
	p.t.Helper()
	cmd := exec.Command("lendlog", args...)
	cmd.Dir = p.dir
	out, err := cmd.CombinedOutput()
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		p.t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != code || !strings.Contains(string(out), says) {
		p.t.Errorf("lendlog %s: exit code %d, want %d and %q:\n%s", strings.Join(args, " "), got, code, says, out)
	}
}

// verify verifies a file under the trust file.
func (p *person) verify(code int, says string, file string, more ...string) {
	p.t.Helper()
	p.lendlog(code, says, append(append([]string{"verify", "--trust", "trust.json"}, more...), file)...)
}

// monitor makes a round of monitoring, which goes on from the last one.
func (p *person) monitor(o *operator, code int, says string, more ...string) {
	p.t.Helper()
	p.lendlog(code, says, append([]string{"monitor", "--server", o.url, "--trust", "trust.json", "--state", "watch", "--once"}, more...)...)
}

// dial is a program with the SDK, which remembers what it saw.
func (p *person) dial(o *operator) (*client.Client, error) {
	p.t.Helper()
	b, err := os.ReadFile(filepath.Join(p.dir, "trust.json"))
	if err != nil {
		p.t.Fatal(err)
	}
	trust, err := proof.ParseTrust(b)
	if err != nil {
		p.t.Fatal(err)
	}
	return client.Dial(p.t.Context(), o.url, client.WithTrust(trust), client.WithMemory(client.File(filepath.Join(p.dir, "newest"))))
}

// honest wants that the SDK finds nothing.
func honest(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("of an honest operator the SDK says: %v", err)
	}
}

// caught wants that the SDK finds a lie, and returns its evidence.
func caught(t *testing.T, err error, says string) *client.LieError {
	t.Helper()
	var lie *client.LieError
	if !errors.As(err, &lie) || !strings.Contains(lie.Error(), says) {
		t.Fatalf("the SDK says %v, want a lie about %q", err, says)
	}
	return lie
}

// A panel is two witnesses, of which people ask for both.
type panel struct {
	t   *testing.T
	all []*ledgertest.Witness
}

func newPanel(o *operator) *panel {
	o.t.Helper()
	key := o.ledger.Info().VerifierKeys[0]
	return &panel{o.t, []*ledgertest.Witness{
		ledgertest.NewWitness(o.t, "witness.regulator.example", 1, key), ledgertest.NewWitness(o.t, "witness.peer.example", 2, key),
	}}
}

// trust is the trust file of who believes the panel.
func (p *panel) trust(o *operator) *proof.Trust {
	t := o.ledger.Trust()
	t.Witnesses = &proof.Witnesses{Quorum: len(p.all)}
	for _, w := range p.all {
		t.Witnesses.Keys = append(t.Witnesses.Keys, w.Key)
	}
	return t
}

// cosign asks the panel to cosign the newest checkpoint, and reports whether it
// did.
func (p *panel) cosign(l *ledgertest.Ledger) bool {
	p.t.Helper()
	policy, err := cosigning.ParsePolicy(ledgertest.Policy(len(p.all), p.all...))
	if err != nil {
		p.t.Fatal(err)
	}
	g, err := cosigning.New(cosigning.Config{Ledger: l.Ledger, Policy: policy, Every: time.Millisecond})
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			p.t.Error(err)
		}
	}()
	cosigned := false
	ledgertest.Until(p.t, "that the panel cosigns or refuses", func() bool {
		w, ok := l.Witnessed()
		cosigned = ok && w.Size == l.Head().Size
		return cosigned || !slices.ContainsFunc(g.Status().Witnesses, func(w cosigning.WitnessStatus) bool { return w.Failing == "" })
	})
	return cosigned
}

// asks returns the status with which a witness answers to a checkpoint that is
// the first that it is shown.
func (p *panel) asks(note []byte) int {
	p.t.Helper()
	resp, err := http.Post(p.all[0].URL+"/add-checkpoint", "text/plain", strings.NewReader("old 0\n\n"+string(note)))
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// edited returns a JSON document with changes.
func edited(t *testing.T, doc []byte, f func(map[string]any)) []byte {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		t.Errorf("there is nothing to lie about in %s", doc)
		return doc
	}
	f(v)
	out, err := json.Marshal(v)
	if err != nil {
		t.Error(err)
	}
	return out
}

// The operator keeps two histories, and shows each of two people another.
//
// Nobody notices alone. Two people who compare do, at once, with a file of
// each: their monitors and their SDKs. With witnesses in the trust file nobody
// has to compare, for the second history is never cosigned.
func TestCheatFork(t *testing.T) {
	o := operate(t, nil)
	anna, ben := newPerson(t, o.ledger.Trust()), newPerson(t, o.ledger.Trust())
	w := newPanel(o)
	careful := newPerson(t, w.trust(o))
	o.paid("file/A", "p-1")
	if !w.cosign(o.ledger) {
		t.Fatal("the witnesses don't cosign an honest ledger")
	}
	second := o.copied()

	// Both are shown one history.
	index := o.paid("file/A", "p-2")[0].Index
	if !w.cosign(o.ledger) {
		t.Fatal("the witnesses don't cosign an honest ledger")
	}
	anna.keep("p-2.json", o.says("/v1/records/%d/evidence", index))
	anna.verify(0, "VALID", "p-2.json")
	careful.keep("p-2.json", o.says("/v1/records/%d/evidence", index))
	careful.verify(0, "VALID", "p-2.json")
	_, err := anna.dial(o)
	honest(t, err)
	ben.keep("from-anna/p-2.json", o.says("/v1/records/%d/evidence", index))
	ben.keep("newest", o.says("/v1/checkpoint"))
	o.paid("file/B", "p-3")
	ben.monitor(o, 0, "stands by 1 of what was kept", "--receipts", "from-anna")
	_, err = ben.dial(o)
	honest(t, err)

	// Another is shown the second, in which there is another payment.
	o.restart(second)
	carl := newPerson(t, o.ledger.Trust())
	index = o.paid("file/A", "p-9")[0].Index
	o.paid("file/B", "p-3", "p-4", "p-5")
	carl.keep("p-9.json", o.says("/v1/records/%d/evidence", index))
	carl.verify(0, "VALID", "p-9.json")
	carl.monitor(o, 0, "")
	_, err = carl.dial(o)
	honest(t, err)

	carl.keep("from-anna/p-2.json", mustRead(t, anna.dir, "p-2.json"))
	carl.monitor(o, 3, "LIE fork", "--receipts", "from-anna")
	_, err = anna.dial(o) // it remembers the first history
	notes := caught(t, err, "forked").Checkpoints
	if len(notes) != 2 {
		t.Fatalf("%d checkpoints convict", len(notes))
	}
	for _, signed := range notes {
		if _, err := o.ledger.Trust().OpenCheckpoint(signed); err != nil {
			t.Errorf("a checkpoint that convicts is not signed: %v", err)
		}
	}
	if w.cosign(o.ledger) {
		t.Error("the witnesses cosigned the second history")
	}
	careful.keep("p-9.json", o.says("/v1/records/%d/evidence", index))
	careful.verify(4, "? witnesses", "p-9.json")
}

func mustRead(t *testing.T, path ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The operator puts an older copy back.
//
// Whoever has seen more notices at the next look, with the checkpoint that they
// saw: a monitor (every minute), a program with the SDK, an audit that is given
// a kept checkpoint, a witness.
func TestCheatRollback(t *testing.T) {
	o := operate(t, nil)
	anna := newPerson(t, o.ledger.Trust())
	w := newPanel(o)
	o.paid("file/A", "p-1")
	older := o.copied()
	look := func(monitor, audit int) error {
		anna.monitor(o, monitor, map[int]string{0: "records", 3: "LIE rollback"}[monitor])
		if audit >= 0 {
			anna.lendlog(audit, map[int]string{0: "is of this history", 3: "outside"}[audit], "audit", "--server", o.url, "--trust", "trust.json", "--checkpoint", "kept.txt")
		}
		_, err := anna.dial(o)
		return err
	}
	honest(t, look(0, -1))
	o.paid("file/A", "p-2", "p-3")
	anna.keep("kept.txt", o.says("/v1/checkpoint"))
	honest(t, look(0, 0))
	if !w.cosign(o.ledger) {
		t.Error("the witnesses don't cosign an honest ledger")
	}

	o.restart(older)
	caught(t, look(3, 3), "rolled back")
	if w.cosign(o.ledger) {
		t.Error("the witnesses cosigned the older copy")
	}
}

// An omission is a ledger whose operator signed, in one of its index-roots, a
// map that lacks the last record of a subject.
type omission struct {
	receipts []*proof.Receipt // of all records of file/A
	short    []byte           // evidence of "all" of them
}

// omit has the operator make an omission, and serve it.
func omit(o *operator) omission {
	o.t.Helper()
	x := omission{receipts: o.paid("file/A", "p-1", "p-2", "p-3")}
	left := x.receipts[2].Index
	o.copied() // for the index-root
	root := o.ledger.Head().Size - 1
	o.paid("file/B", "p-4")

	var subjects mpt.Tree
	f := o.forge(ledgertest.Lie{After: func(it *ledgertest.Item) {
		switch e := it.Entry; {
		case e != nil && it.Index < root && it.Index != left:
			leaf := tree.LeafHash(e.Bytes())
			subjects.Set(e.Term[:], append(binary.BigEndian.AppendUint64(nil, uint64(e.Seq)), leaf[:]...))
		case it.Index == root:
			it.Root.Root = subjects.Hash()
		}
	}})

	// The evidence is that of the server, cut down to what the map says.
	e, err := o.ledger.ProveSubject(o.t.Context(), "file", "A", nil)
	if err != nil {
		o.t.Fatal(err)
	}
	under := tree.Small{}
	for _, entry := range f.Entries[:root+1] {
		under.Leaves = append(under.Leaves, tree.LeafHash(entry))
	}
	keys, err := vault.ReadKeys(f.Keys)
	if err != nil {
		o.t.Fatal(err)
	}
	signer, err := keys.Signer()
	if err != nil {
		o.t.Fatal(err)
	}
	if e.Checkpoint, err = (tree.Checkpoint{Origin: ledgertest.Origin, Size: root + 1, Root: under.Root()}).Sign(signer); err != nil {
		o.t.Fatal(err)
	}
	e.Genesis.Proof = under.Prove(0)
	term := keys.VRF.Term("file", "A")
	_, _, e.Complete[0].Map = subjects.ProveLookup(term[:])
	e.Records = append(e.Records[:2], proof.Record{Index: root, Entry: f.Entries[root]})
	for i := range e.Records {
		e.Records[i].Proof = under.Prove(int(e.Records[i].Index))
	}
	x.short = e.Bytes()
	return x
}

// The operator leaves a record out of "all records" of a loan.
//
// Left out of the file alone, anybody sees it at once. Where the operator has
// signed a map without it too, the file is VALID by itself, and whoever holds
// the receipt of the record convicts, with the two files.
func TestCheatOmission(t *testing.T) {
	o := operate(t, nil)
	anna := newPerson(t, o.ledger.Trust())
	receipts := o.paid("file/A", "p-1", "p-2", "p-3")
	last := string(receipts[2].Entry)
	anna.keep("receipt.json", receipts[2].Bytes())
	anna.keep("all.json", o.says("/v1/subjects/file/A/evidence"))
	anna.verify(0, "these are all 3 records of file/A", "all.json")
	anna.verify(0, "VALID", "all.json", "--against", "receipt.json")

	o.tell(func(path string, b []byte) (int, []byte) {
		return http.StatusOK, edited(t, b, func(v map[string]any) {
			v["records"] = slices.DeleteFunc(v["records"].([]any), func(r any) bool { return r.(map[string]any)["entry"] == last })
		})
	})
	anna.keep("cut.json", o.says("/v1/subjects/file/A/evidence"))
	anna.verify(3, "✗ complete", "cut.json")

	signed := operate(t, nil)
	ben := newPerson(t, signed.ledger.Trust())
	x := omit(signed)
	ben.keep("receipt-2.json", x.receipts[1].Bytes())
	ben.keep("receipt-3.json", x.receipts[2].Bytes())
	ben.keep("short.json", x.short)
	ben.verify(0, "these are all 2 records of file/A", "short.json")
	ben.verify(0, "VALID", "short.json", "--against", "receipt-2.json")
	ben.verify(3, "✗ receipt", "short.json", "--against", "receipt-3.json")
}

// The operator signs a map that is not that of the records.
//
// What rests on it is VALID to whoever reads nothing else. Whoever replays the
// log finds it, with the entries and the signed checkpoint: an audit of the
// server, or the next deep round of a monitor.
func TestCheatMapRoot(t *testing.T) {
	o := operate(t, nil)
	anna := newPerson(t, o.ledger.Trust())
	replay := func(code int, says, lie string) {
		anna.lendlog(code, says, "audit", "--server", o.url, "--trust", "trust.json")
		anna.monitor(o, code, lie, "--deep", "1")
	}
	o.paid("file/C", "p-0")
	replay(0, "VALID", "derived again")

	x := omit(o)
	anna.keep("short.json", x.short)
	anna.verify(0, "VALID", "short.json")
	replay(3, "index-root", "LIE audit")
}

// The operator shows the state before the newest record.
//
// To somebody who holds nothing it is VALID, as of its checkpoint. Whoever
// holds the receipt of the record is told that the file doesn't reach so far,
// at once; their monitor finds that the ledger hides it, in its next round; and
// the program that submitted it is not shown less than it was.
func TestCheatNewest(t *testing.T) {
	o := operate(t, nil)
	anna := newPerson(t, o.ledger.Trust())
	o.paid("file/A", "p-1")
	lender, err := anna.dial(o)
	honest(t, err)
	before := o.says("/v1/subjects/file/A/evidence")
	result, err := lender.Submit(t.Context(), payment(t, "file/A", "p-2").Bytes())
	honest(t, err)
	anna.keep("receipts/receipt.json", result.Receipt.Bytes())
	anna.keep("all.json", o.says("/v1/subjects/file/A/evidence"))
	anna.verify(0, "VALID", "all.json", "--against", "receipts/receipt.json")
	anna.monitor(o, 0, "stands by 1 of what was kept", "--receipts", "receipts")
	_, err = lender.ProveSubject(t.Context(), "file", "A", nil)
	honest(t, err)

	o.tell(func(path string, b []byte) (int, []byte) {
		switch path {
		case "/v1/subjects/file/A/evidence":
			return http.StatusOK, before
		case fmt.Sprintf("/v1/records/%d/evidence", result.Receipt.Index):
			return http.StatusNotFound, []byte(`{"status":404,"title":"There is no such thing here"}`)
		}
		return http.StatusOK, b
	})
	anna.keep("all.json", o.says("/v1/subjects/file/A/evidence"))
	anna.verify(0, "VALID", "all.json")
	anna.verify(4, "? receipt", "all.json", "--against", "receipts/receipt.json")
	anna.monitor(o, 3, "LIE gone", "--receipts", "receipts")
	_, err = lender.ProveSubject(t.Context(), "file", "A", nil)
	caught(t, err, "rolled back")
}

// The operator logs a record of a subject under a second term, so that it is in
// the log and not among the subject's.
//
// A term has one proof, so whoever holds the receipt and asks for evidence of
// the record with its subject disclosed sees it at once; and so does a deep
// audit, with the ledger's keys. Without the record in hand nobody misses it.
func TestCheatTerm(t *testing.T) {
	o := operate(t, nil)
	anna := newPerson(t, o.ledger.Trust())
	receipts := o.paid("file/A", "p-1", "p-2")
	index := receipts[1].Index
	o.copied() // for the index-root behind them
	look := func(code int, says string) {
		anna.keep("p-2.json", o.says("/v1/records/%d/evidence", index))
		anna.verify(code, says, "p-2.json")
		anna.lendlog(code, map[int]string{0: "VALID", 3: "✗ terms"}[code], "audit", "--deep", "--dir", o.copied(), "--trust", "trust.json")
	}
	look(0, "VALID")
	anna.keep("all.json", o.says("/v1/subjects/file/A/evidence"))
	anna.verify(0, "these are all 2 records", "all.json")

	f := o.forge(ledgertest.Lie{Before: func(it *ledgertest.Item) {
		if it.Index == index {
			it.Entry.Term[0] ^= 1
		}
	}})
	anna.keep("all.json", o.says("/v1/subjects/file/A/evidence"))
	anna.verify(0, "the only record of file/A", "all.json")
	// The receipt doesn't show the term to be another's, nor convicts.
	receipt := receipts[1]
	receipt.Entry = f.Entries[index]
	if err := o.ledger.AddProof(t.Context(), receipt); err != nil {
		t.Fatal(err)
	}
	anna.keep("receipt.json", receipt.Bytes())
	anna.keep("event.json", payment(t, "file/A", "p-2").Bytes())
	anna.verify(0, "VALID", "receipt.json", "--event", "event.json")
	anna.verify(4, "? receipt", "all.json", "--against", "receipt.json")
	// The evidence of the record does, for not even the operator has a proof of
	// the term.
	look(3, "✗ subject")
	o.tell(func(_ string, b []byte) (int, []byte) {
		return http.StatusOK, edited(t, b, func(v map[string]any) { delete(v["records"].([]any)[0].(map[string]any), "subject") })
	})
	anna.keep("p-2.json", o.says("/v1/records/%d/evidence", index))
	anna.verify(4, "? subject", "p-2.json")
}

// The operator shows two people two values of one sealed member.
//
// Only one of them was committed to, and whoever is shown the other sees it at
// once: in evidence, and in what the SDK reads.
func TestCheatSealed(t *testing.T) {
	o := operate(t, nil)
	anna, ben := newPerson(t, o.ledger.Trust()), newPerson(t, o.ledger.Trust())
	index := o.paid("file/A", "p-1")[0].Index
	look := func(p *person, code int, says string) error {
		p.keep("p-1.json", o.says("/v1/records/%d/evidence", index))
		p.verify(code, says, "p-1.json")
		c, err := p.dial(o)
		honest(t, err)
		_, err = c.Record(t.Context(), index)
		return err
	}
	honest(t, look(anna, 0, "1290.17"))
	o.tell(func(path string, b []byte) (int, []byte) {
		if !bytes.Contains(b, []byte("1290.17")) {
			return http.StatusOK, b
		}
		return http.StatusOK, bytes.ReplaceAll(b, []byte("1290.17"), []byte("2290.17"))
	})
	caught(t, look(ben, 3, "✗ disclosure"), "sealed members")
}

// The operator logs a record in the name of a submitter.
//
// With the submitter's key in the trust file the evidence of the whole event is
// INVALID where the signature is the operator's own, and INCOMPLETE where there
// is none, at once. Without such keys it is VALID, and says whose claim that is.
func TestCheatSubmitter(t *testing.T) {
	o := operate(t, nil)
	mine, theirs := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32)), ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))
	trust := o.ledger.Trust()
	easy := newPerson(t, trust)
	trust.Submitters = []proof.SubmitterKey{{ID: "key-1", Key: mine.Public()}}
	anna := newPerson(t, trust)
	submit := func(id string, key ed25519.PrivateKey) string {
		event := payment(t, "file/A", id)
		if key != nil {
			signature, err := proof.SignEvent(event, ledgertest.Origin, "key-1", key)
			if err != nil {
				t.Fatal(err)
			}
			event.Members = append(event.Members, canon.Member{Name: "signature", Value: canon.Text(signature)})
		}
		r := o.record(event, "key-1")
		for _, p := range []*person{anna, easy} {
			p.keep(id+".json", o.says("/v1/records/%d/evidence", r.Index))
		}
		return id + ".json"
	}
	anna.verify(0, "VALID", submit("p-1", mine))
	forged, unsigned := submit("p-2", theirs), submit("p-3", nil)
	anna.verify(3, "✗ submitter", forged)
	anna.verify(4, "? submitter", unsigned)
	easy.verify(0, "who submitted is the operator's claim", forged)
}

// The operator's clock is slow, so that records are dated back.
//
// With witnesses in the trust file evidence of the record is INVALID, at once,
// beyond the tolerance of five minutes. A monitor, which saw the ledger without
// the record, finds it in its next round.
func TestCheatClock(t *testing.T) {
	for _, x := range []struct {
		name            string
		slow            time.Duration
		verdict, round  int
		says, monitored string
	}{
		{"right", 0, 0, 0, "VALID", "records"},
		{"slow within the tolerance", 4 * time.Minute, 0, 0, "VALID", "records"},
		{"slow", 2 * time.Hour, 3, 8, "✗ time", "BROKEN PROMISE clock"},
	} {
		t.Run(x.name, func(t *testing.T) {
			o := operate(t, func() time.Time { return time.Now().Add(-x.slow) })
			w := newPanel(o)
			careful, anna := newPerson(t, w.trust(o)), newPerson(t, o.ledger.Trust())
			o.paid("file/A", "p-1")
			if !w.cosign(o.ledger) {
				t.Fatal("the witnesses don't cosign what is consistent")
			}
			anna.monitor(o, 0, "records")
			index := o.paid("file/A", "p-2")[0].Index
			if !w.cosign(o.ledger) {
				t.Fatal("the witnesses don't cosign what is consistent")
			}
			for _, p := range []*person{careful, anna} {
				p.keep("p-2.json", o.says("/v1/records/%d/evidence", index))
			}
			careful.verify(x.verdict, x.says, "p-2.json")
			anna.verify(0, "when it was recorded is the operator's clock", "p-2.json")
			anna.monitor(o, x.round, x.monitored)
		})
	}
}

// The operator begins another ledger under the same name and with the same keys.
//
// The trust file pins the first record, so whoever has it sees that at once, at
// first contact too.
func TestCheatGenesis(t *testing.T) {
	o := operate(t, nil)
	trust := o.ledger.Trust()
	index := o.paid("file/A", "p-1")[0].Index
	look := func(p *person, code int, says, lie string) error {
		p.keep("p-1.json", o.says("/v1/records/%d/evidence", index))
		p.verify(code, says, "p-1.json")
		p.monitor(o, code, lie)
		_, err := p.dial(o)
		return err
	}
	seen, fresh := newPerson(t, trust), newPerson(t, trust)
	honest(t, look(seen, 0, "VALID", "records"))
	o.forge(ledgertest.Lie{Before: func(it *ledgertest.Item) {
		if it.Index == 0 {
			members := slices.Clone(it.Entry.Open.Members)
			for i := range members {
				if members[i].Name == "lateAfterSeconds" {
					members[i].Value = canon.Number(1)
				}
			}
			it.Entry.Open = canon.Map(members...)
		}
	}})
	caught(t, look(fresh, 3, "✗ genesis", "LIE genesis"), "")
	caught(t, look(seen, 3, "✗ genesis", "LIE"), "")
}

// The operator signs with a new key that was never announced.
//
// The trust file names the keys, so nothing of it is VALID to whoever has it,
// at once, until they change the trust file themselves. A witness cosigns
// nothing of it.
func TestCheatKey(t *testing.T) {
	o := operate(t, nil)
	trust := o.ledger.Trust()
	anna := newPerson(t, trust)
	w := newPanel(o)
	index := o.paid("file/A", "p-1")[0].Index
	look := func(p *person, code int, says, lie string) error {
		p.keep("p-1.json", o.says("/v1/records/%d/evidence", index))
		p.verify(code, says, "p-1.json")
		p.monitor(o, code, lie)
		_, err := p.dial(o)
		return err
	}
	honest(t, look(anna, 0, "VALID", "records"))

	secret, public, err := note.GenerateKey(nil, ledgertest.Origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	resign := func(signed string) string {
		text, _, ok := strings.Cut(signed, "\n\n")
		again, err := note.Sign(&note.Note{Text: text + "\n"}, signer)
		if err != nil || !ok {
			t.Errorf("there is no checkpoint to sign in %q: %v", signed, err)
		}
		return string(again)
	}
	o.tell(func(_ string, b []byte) (int, []byte) {
		switch {
		case bytes.HasPrefix(b, []byte(ledgertest.Origin+"\n")):
			b = []byte(resign(string(b)))
		case bytes.Contains(b, []byte(`"checkpoint"`)):
			b = edited(t, b, func(v map[string]any) { v["checkpoint"] = resign(v["checkpoint"].(string)) })
		}
		return http.StatusOK, b
	})
	if status := w.asks(o.says("/v1/checkpoint")); status != http.StatusForbidden {
		t.Errorf("a witness answers %d to a key that it does not know", status)
	}
	caught(t, look(anna, 3, "✗ checkpoint", "LIE checkpoint"), "no signature of a known key")
	trust.Keys = append(trust.Keys, proof.TrustedKey{Key: public})
	honest(t, look(newPerson(t, trust), 0, "VALID", "records"))
	o.tell(nil)
	if status := w.asks(o.says("/v1/checkpoint")); status != http.StatusOK {
		t.Errorf("a witness answers %d to the key that it knows", status)
	}
}
