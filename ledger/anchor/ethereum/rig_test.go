// SPDX-License-Identifier: Apache-2.0

package ethereum_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/contracts"
	"github.com/lendlog/lendlog/ledger/anchor"
	"github.com/lendlog/lendlog/ledger/anchor/ethereum"
	"github.com/lendlog/lendlog/ledger/anchor/ethereum/ethtest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/proof/chain"
	"github.com/lendlog/lendlog/ledger/tree"
)

// logKey signs checkpoints, which no anchor looks at.
var logKey = func() note.Signer {
	skey, _, err := note.GenerateKey(fixed{}, origin)
	if err != nil {
		panic(err)
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		panic(err)
	}
	return s
}()

type fixed struct{}

func (fixed) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func signedHead(cp tree.Checkpoint) anchor.Head {
	signed, err := cp.Sign(logKey)
	if err != nil {
		panic(err)
	}
	return anchor.Head{Checkpoint: cp, Note: signed}
}

// A rig is a service before a chain, with endpoints that can be made to lie, and
// what a group would do with it.
type rig struct {
	*ethereum.Service
	t       *testing.T
	chain   *ethtest.Chain
	proxies []*ethtest.Proxy
	conf    ethereum.Config
	opt     ethereum.Options
	log     *memlog
	origin  string
	archive []proof.Anchored
	alarms  []string // that are to be
	reused  bool     // a nonce may be used twice
}

// newRig deploys the contract unless it is there, and opens a service that asks
// so many endpoints.
func newRig(t *testing.T, c *ethtest.Chain, endpoints int) *rig {
	t.Helper()
	code, err := c.Client.CodeAt(t.Context(), contracts.AnchorDeployment.Address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(code) == 0 {
		c.Deploy(&contracts.AnchorMetaData)
		c.Mine(1)
	}
	r := &rig{t: t, chain: c, log: newLog(200, 200), origin: origin}
	var urls []string
	for range endpoints {
		p := ethtest.NewProxy(t, c.URL)
		r.proxies = append(r.proxies, p)
		urls = append(urls, p.URL)
	}
	r.conf = keyed(t, config(c, urls...), "lender")
	r.conf.Fees.MaxFeeGwei = 20
	r.conf.Fees.DailyWei = ethtest.Ether(10).String()
	r.opt = ethereum.Options{Name: "test", Dir: t.TempDir(), Origin: origin, ConsistencyProof: r.log.prove}
	t.Cleanup(func() {
		if r.Service != nil {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	r.open()
	return r
}

// open opens the service again, which knows nothing but what is on disk.
func (r *rig) open() {
	r.t.Helper()
	if r.Service != nil {
		if err := r.Close(); err != nil {
			r.t.Fatal(err)
		}
		r.Service = nil
	}
	s, err := ethereum.Open(r.conf, r.opt)
	if err != nil {
		r.t.Fatal(err)
	}
	r.Service = s
}

// each sets a fault of all endpoints.
func (r *rig) each(method string, f ethtest.Fault) {
	for _, p := range r.proxies {
		p.Set(method, f)
	}
}

func (r *rig) clear() {
	for _, p := range r.proxies {
		p.Clear()
	}
}

func (r *rig) submit(size int64) {
	r.t.Helper()
	cp := tree.Checkpoint{Origin: r.origin, Size: size, Root: r.log.root(size)}
	if err := r.Submit(r.t.Context(), signedHead(cp)); err != nil {
		r.t.Fatal(err)
	}
}

// poll polls once. What is final is archived.
func (r *rig) poll() error {
	r.t.Helper()
	f, err := r.Poll(r.t.Context())
	if f == nil {
		return err
	}
	_, event, verr := f.Anchor.Chain.Verify()
	if verr != nil {
		r.t.Fatalf("a final anchor is broken: %v", verr)
	}
	if event.Size != uint64(f.Head.Size) || tree.Hash(event.Root) != f.Head.Root || event.OriginHash != sha256.Sum256([]byte(r.origin)) ||
		event.By != chain.Address(r.Address()) || int64(event.Time) != f.Time.Unix() {
		r.t.Fatalf("the anchor of %d records is of an event of %d", f.Head.Size, event.Size)
	}
	r.archive = append(r.archive, proof.Anchored{Checkpoint: f.Head.Note, Anchor: f.Anchor})
	if err := r.Done(f.ID); err != nil {
		r.t.Fatal(err)
	}
	return err
}

// in polls until the service is in a state, without a new block.
func (r *rig) in(state string) {
	r.t.Helper()
	var err error
	for range 10 {
		if err = r.poll(); r.Status().State == state {
			return
		}
	}
	r.t.Fatalf("it is %s, and not %s: %v, %+v", r.Status().State, state, err, r.Status())
}

// settle makes blocks until a checkpoint of so many records is final.
func (r *rig) settle(size int64) {
	r.t.Helper()
	var err error
	for range 300 {
		if err = r.poll(); r.Status().Final >= size && r.Status().State == "final" {
			return
		}
		r.chain.Mine(1)
	}
	r.t.Fatalf("%d records are not anchored: %v, %+v", size, err, r.Status())
}

// degraded polls until the service says that nothing goes on, and why.
func (r *rig) degraded(why string) {
	r.t.Helper()
	for range 5 {
		_ = r.poll()
		if strings.Contains(r.Status().Degraded, why) {
			return
		}
	}
	r.t.Fatalf("want %q, got %+v", why, r.Status())
}

// alarm expects an alarm.
func (r *rig) alarm(text string) {
	r.t.Helper()
	for _, a := range r.Status().Alarms {
		if strings.Contains(a, text) {
			r.alarms = append(r.alarms, a)
			return
		}
	}
	r.t.Fatalf("no alarm says %q: %q", text, r.Status().Alarms)
}

// end holds what was sent, and what is on the chain, against what is archived,
// and expects no other alarms than those that were.
func (r *rig) end(findings ...string) {
	r.t.Helper()
	for _, a := range r.Status().Alarms {
		if !slices.Contains(r.alarms, a) {
			r.t.Errorf("alarm: %s", a)
		}
	}
	if !r.reused {
		for _, p := range r.proxies {
			ethtest.OneAnchorPerNonce(r.t, p.Sent())
		}
	}
	r.clear()
	a := ethereum.Audit{
		Publisher: r.Address(), Head: tree.Checkpoint{Origin: r.origin, Size: r.log.size, Root: r.log.root(r.log.size)},
		ConsistencyProof: r.log.prove,
	}
	n := dial(r.t, config(r.chain, r.chain.URL))
	report, err := a.Run(r.t.Context(), n)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := report.Archived(r.archive); err != nil {
		r.t.Fatal(err)
	}
	if got := found(report); !slices.Equal(got, findings) || !report.Complete {
		r.t.Errorf("complete %v, findings %+v", report.Complete, report.Findings)
	}
}

// sent are the transactions of the service, each once.
func (r *rig) sent() (out []common.Hash) {
	for _, p := range r.proxies {
		for _, tx := range p.Sent() {
			if !slices.Contains(out, tx.Hash()) {
				out = append(out, tx.Hash())
			}
		}
	}
	return out
}

// rename has the service anchor another ledger, which has no anchors yet.
func (r *rig) rename(n int) {
	r.t.Helper()
	r.clear()
	r.origin = fmt.Sprintf("anchor.test/%d", 1000+n)
	r.opt.Origin, r.opt.Name, r.archive = r.origin, fmt.Sprintf("test-%d", n), nil
	r.open()
}

// short bounds what an endpoint that stalls takes.
const short = 300 * time.Millisecond
