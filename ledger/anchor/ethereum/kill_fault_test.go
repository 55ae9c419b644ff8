// SPDX-License-Identifier: Apache-2.0

package ethereum_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/lendlog/lendlog/contracts"
	"github.com/lendlog/lendlog/ledger/anchor/ethereum"
	"github.com/lendlog/lendlog/ledger/anchor/ethereum/ethtest"
	"github.com/lendlog/lendlog/ledger/ledgertest/scale"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/tree"
)

// victimEnv has a process be the victim of TestServiceKilled instead of testing.
const victimEnv = "LENDLOG_TEST_VICTIM"

func TestMain(m *testing.M) {
	if conf, ok := os.LookupEnv(victimEnv); ok {
		if err := newVictim(conf).run(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A victim anchors one checkpoint after the other until it is killed, or, when it
// is to finish, until the last one is archived.
type victim struct {
	Chain  uint64
	RPC    []string
	Dir    string
	Finish bool
	Die    string // kills itself when an anchor is "final", or "archived" and not done
}

// die is a kill -9 at one place of the program.
func (v victim) die(at string) {
	if v.Die == at {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

func newVictim(conf string) (v victim) {
	if err := json.Unmarshal([]byte(conf), &v); err != nil {
		panic(err)
	}
	return v
}

// victimLeaves is of how many records the ledger of a victim is.
const victimLeaves = 4000

func (v victim) run() error {
	log := newLog(victimLeaves, victimLeaves)
	c := ethereum.Config{Chain: v.Chain, Network: "test", Testnet: true, RPC: v.RPC, Key: ethereum.Key{Env: "LENDLOG_TEST_KEY"}}
	c.Fees.DailyWei = ethtest.Ether(100).String()
	s, err := ethereum.Open(c, ethereum.Options{
		Name: "victim", Dir: v.Dir, Origin: origin, ConsistencyProof: log.prove,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	archive, err := os.OpenFile(filepath.Join(v.Dir, "archive"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := archive.WriteString("\n"); err != nil { // it ends a line that was cut by a kill
		return err
	}
	ctx := context.Background()
	r := rand.New(rand.NewPCG(uint64(os.Getpid()), 0))
	var said string
	for {
		f, err := s.Poll(ctx)
		if err != nil && err.Error() != said {
			said = err.Error()
			fmt.Fprintln(os.Stderr, said)
		}
		if f != nil {
			v.die("final")
			line, err := json.Marshal(archived{ID: f.ID, Size: f.Head.Size, Anchor: proof.Anchored{Checkpoint: f.Head.Note, Anchor: f.Anchor}})
			if err != nil {
				return err
			}
			if _, err := archive.Write(append(line, '\n')); err != nil {
				return err
			}
			if err := archive.Sync(); err != nil {
				return err
			}
			v.die("archived")
			if err := s.Done(f.ID); err != nil {
				return err
			}
		}
		st := s.Status()
		idle := st.State == "final" || st.State == "idle"
		if idle && v.Finish {
			return json.NewEncoder(os.Stdout).Encode(map[string]any{"size": st.Final, "alarms": st.Alarms})
		}
		if !v.Finish && (idle || r.IntN(10) == 0) { // or a newer one waits too
			size := max(st.Size, st.Final) + 1 + r.Int64N(3)
			cp := tree.Checkpoint{Origin: origin, Size: size, Root: log.root(size)}
			if err := s.Submit(ctx, signedHead(cp)); err != nil {
				return err
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// archived is a line of a victim's archive.
type archived struct {
	ID     string
	Size   int64
	Anchor proof.Anchored
}

// A process is killed for real, at any time and at every place where it counts,
// while blocks are made and taken back: there are never two things at one nonce,
// and each anchor that is on the chain is archived in the end. LENDLOG_KILLS says
// how often.
func TestServiceKilled(t *testing.T) {
	kills, err := strconv.Atoi(cmp.Or(os.Getenv("LENDLOG_KILLS"), strconv.Itoa(scale.Of(10, 60))))
	if err != nil || kills < 1 {
		t.Fatal("LENDLOG_KILLS is not a number from 1 on")
	}
	s := ethtest.Simulated(t, ethtest.Osaka)
	s.Deploy(&contracts.AnchorMetaData)
	s.Mine(1)
	k := &killer{t: t, chain: s, v: victim{Chain: s.ID.Uint64(), Dir: t.TempDir()}}
	for range 2 {
		p := ethtest.NewProxy(t, s.URL)
		k.proxies = append(k.proxies, p)
		k.v.RPC = append(k.v.RPC, p.URL)
	}
	stop := k.mine()
	defer stop()

	struck := map[string]int{}
	for n := range kills {
		what := k.strike(n)
		struck[what]++
		if n%3 == 0 {
			k.reorg(uint64(1+rand.IntN(2)), rand.IntN(2) == 0)
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	k.finish()
	stop()
	t.Logf("killed %d times: %v; %d transactions were sent", kills, struck, len(k.sent()))
}

type killer struct {
	t       *testing.T
	v       victim
	proxies []*ethtest.Proxy

	mu    sync.Mutex // guards the making of blocks
	chain *ethtest.SimulatedChain
}

// mine makes a block every now and then.
func (k *killer) mine() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			k.mu.Lock()
			k.chain.Mine(1)
			k.mu.Unlock()
			time.Sleep(10 * time.Millisecond)
		}
	}()
	return func() { cancel(); <-done }
}

func (k *killer) reorg(depth uint64, lost bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.chain.Reorg(depth, lost)
	k.chain.Mine(int(depth) + 1)
}

func (k *killer) start(finish bool, die string) (cmd *exec.Cmd, out *bytes.Buffer) {
	k.t.Helper()
	k.v.Finish, k.v.Die = finish, die
	conf, err := json.Marshal(k.v)
	if err != nil {
		k.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		k.t.Fatal(err)
	}
	cmd, out = exec.Command(self), new(bytes.Buffer)
	cmd.Env = append(os.Environ(), victimEnv+"="+string(conf), "LENDLOG_TEST_KEY="+hex.EncodeToString(crypto.FromECDSA(ethtest.Lender)))
	cmd.Stdout = out
	cmd.Stderr = &tail{}
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	return cmd, out
}

// places are where a process is killed: at a call, before or after the chain has
// it, or where it does it itself.
var places = []struct {
	method string
	after  bool
}{
	{"", false}, // at any time
	{"final", true},
	{"archived", true},
	{"eth_sendRawTransaction", false},
	{"eth_sendRawTransaction", true},
	{"eth_getTransactionReceipt", false},
	{"eth_getTransactionReceipt", true},
	{"eth_getBlockReceipts", true},
	{"eth_estimateGas", true},
	{"eth_getBalance", true}, // the last question before it signs
}

// strike runs a victim and kills it.
func (k *killer) strike(n int) string {
	k.t.Helper()
	place := places[n%len(places)]
	die := ""
	if place.method == "final" || place.method == "archived" {
		die = place.method
	}
	cmd, _ := k.start(false, die)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	kill := sync.OnceFunc(func() { _ = cmd.Process.Kill() })
	switch {
	case die != "":
	case place.method == "":
		time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond)
		kill()
	default:
		at := 1 + rand.IntN(3)
		var mu sync.Mutex
		for _, p := range k.proxies {
			p.Set(place.method, func(ctx context.Context, c ethtest.Call, next func() ethtest.Reply) ethtest.Reply {
				mu.Lock()
				at--
				now := at == 0
				mu.Unlock()
				if !now {
					return next()
				}
				if place.after {
					r := next()
					kill()
					return r
				}
				kill()
				return ethtest.Drop(ctx, c, next)
			})
		}
	}
	select {
	case err := <-ended:
		if cmd.ProcessState.ExitCode() >= 0 {
			k.t.Fatalf("the process ended by itself: %v\n%s", err, cmd.Stderr)
		}
	case <-time.After(5 * time.Minute):
		kill()
		<-ended
		k.t.Fatalf("there is no call of %s\n%s", place.method, cmd.Stderr)
	}
	for _, p := range k.proxies {
		p.Clear()
	}
	when := "before"
	if place.after {
		when = "after"
	}
	return strings.TrimSpace(when + " " + cmp.Or(place.method, "anything"))
}

func (k *killer) sent() (out []*types.Transaction) {
	for _, p := range k.proxies {
		out = append(out, p.Sent()...)
	}
	return out
}

// finish has a last process archive what is under way, and holds everything
// against the chain.
func (k *killer) finish() {
	k.t.Helper()
	cmd, out := k.start(true, "")
	slow := time.AfterFunc(5*time.Minute, func() { _ = cmd.Process.Signal(syscall.SIGQUIT) }) // it prints where it hangs
	err := cmd.Wait()
	if slow.Stop(); err != nil {
		k.t.Fatalf("it doesn't finish: %v\n%s", err, cmd.Stderr)
	}
	var said struct {
		Size   int64
		Alarms []string
	}
	if err := json.Unmarshal(out.Bytes(), &said); err != nil {
		k.t.Fatal(err)
	}
	if len(said.Alarms) > 0 {
		k.t.Errorf("alarms: %q", said.Alarms)
	}
	ethtest.OneAnchorPerNonce(k.t, k.sent())
	b, err := os.ReadFile(filepath.Join(k.v.Dir, "archive"))
	if err != nil {
		k.t.Fatal(err)
	}
	var archive []proof.Anchored
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		var a archived
		if json.Unmarshal(lines.Bytes(), &a) == nil { // or it was killed in the midst of it
			archive = append(archive, a.Anchor)
		}
	}
	k.mu.Lock()
	k.chain.Mine(5)
	k.mu.Unlock()
	log := newLog(victimLeaves, victimLeaves)
	n := dial(k.t, config(k.chain.Chain, k.chain.URL))
	r, err := ethereum.Audit{Publisher: ethtest.Address(ethtest.Lender), Head: log.head(), ConsistencyProof: log.prove}.Run(k.t.Context(), n)
	if err != nil {
		k.t.Fatal(err)
	}
	if err := r.Archived(archive); err != nil {
		k.t.Fatal(err)
	}
	if len(r.Findings) > 0 || !r.Complete {
		k.t.Errorf("complete %v, %+v", r.Complete, r.Findings)
	}
	if all := sizes(r); len(all) == 0 || all[len(all)-1] != said.Size {
		k.t.Errorf("it says that %d records are anchored, and the chain has %v", said.Size, all)
	}
	k.t.Logf("%d anchors are on the chain and archived", len(r.Anchors))
}

// tail keeps the end of what a process says.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	t.b = t.b[max(0, len(t.b)-8<<10):]
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b)
}
