// SPDX-License-Identifier: Apache-2.0

package ethtest

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
)

// An AnvilChain is Foundry's development chain, a program of others: its pool has
// other rules and its errors other words than geth's, and what it reorganizes
// away is lost. What is final is 64 blocks behind. Its rules are about Osaka's.
type AnvilChain struct{ *Chain }

// Anvil starts one, without the contracts but with the factory.
func Anvil(t testing.TB, args ...string) AnvilChain {
	t.Helper()
	url := start(t, "anvil", regexp.MustCompile(`Listening on (127\.0\.0\.1:\d+)`), append([]string{"--no-mining", "--host", "127.0.0.1", "--port", "0"}, args...)...)
	var c AnvilChain
	c.Chain = newChain(t, url, func(n int) { c.Call(nil, "anvil_mine", hexutil.Uint64(n)) })
	for _, a := range []string{Address(Lender).Hex(), Address(Stranger).Hex()} {
		c.Call(nil, "anvil_setBalance", a, (*hexutil.Big)(Ether(1000)))
	}
	return c
}

// Reorg replaces the newest blocks by empty ones.
func (c AnvilChain) Reorg(depth uint64) {
	c.t.Helper()
	c.Call(nil, "anvil_reorg", depth, []any{})
}

// Drop evicts a transaction from the pool.
func (c AnvilChain) Drop(tx *types.Transaction) {
	c.t.Helper()
	c.Call(nil, "anvil_dropTransaction", tx.Hash())
}

// SetBaseFee says what the next block's base fee is.
func (c AnvilChain) SetBaseFee(wei *big.Int) {
	c.t.Helper()
	c.Call(nil, "anvil_setNextBlockBaseFeePerGas", (*hexutil.Big)(wei))
}

// A GethChain is a geth of its own, with the rules that geth has for development.
// It makes a block for each transaction by itself, and Mine makes others. What is
// final is the last block whose number is a multiple of 32.
type GethChain struct{ *Chain }

// GethDev starts one, without the contracts but with the factory. dir keeps the
// chain; "" is memory.
func GethDev(t testing.TB, dir string) GethChain {
	t.Helper()
	args := []string{
		"--dev", "--http", "--http.addr", "127.0.0.1", "--http.port", "0", "--http.api", "eth,net,web3,debug,dev,testing,txpool",
		"--ipcdisable", "--nodiscover", "--maxpeers", "0", "--port", "0",
	}
	if dir != "" {
		args = append(args, "--datadir", dir)
	}
	url := start(t, "geth", regexp.MustCompile(`HTTP server started\s+endpoint=(127\.0\.0\.1:\d+)`), args...)
	dev, err := crypto.HexToECDSA("b71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291")
	if err != nil {
		t.Fatal(err)
	}
	var c GethChain
	c.Chain = newChain(t, url, func(n int) {
		for range n {
			c.give(dev, Address(dev), nil)
		}
	})
	for _, k := range []*ecdsa.PrivateKey{Lender, Stranger} {
		if b, err := c.Client.BalanceAt(context.Background(), Address(k), nil); err != nil || b.Sign() == 0 {
			c.give(dev, Address(k), Ether(1000))
		}
	}
	return c
}

// InitGeth makes a directory for GethDev, of a chain that begins otherwise than
// geth's own for development, such as a permissioned one.
func InitGeth(t testing.TB, dir string, genesis *core.Genesis) {
	t.Helper()
	b, err := json.Marshal(genesis)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "genesis.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(install(t, "geth"), "--datadir", dir, "init", file).CombinedOutput(); err != nil {
		t.Fatalf("geth init: %v\n%s", err, out)
	}
}

// give makes a block of a transaction. The pool is a moment behind when blocks
// were taken back.
func (c GethChain) give(from *ecdsa.PrivateKey, to common.Address, wei *big.Int) {
	c.t.Helper()
	var err error
	for range 12_000 { // two minutes
		var nonce uint64
		if nonce, err = c.Client.NonceAt(context.Background(), Address(from), nil); err != nil {
			c.t.Fatal(err)
		}
		tx := c.Sign(from, nonce, to, wei, nil)
		if err = c.Client.SendTransaction(context.Background(), tx); err == nil {
			c.Receipt(tx.Hash())
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.t.Fatal(err)
}

// SetHead takes blocks back, with what is final.
func (c GethChain) SetHead(number uint64) {
	c.t.Helper()
	c.Call(nil, "debug_setHead", hexutil.Uint64(number))
}

// start runs a chain until the test ends, and finds in what it says where it
// listens.
func start(t testing.TB, program string, listening *regexp.Regexp, args ...string) (url string) {
	t.Helper()
	path := install(t, program)
	cmd := exec.Command(path, args...)
	r, w := io.Pipe()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		err := cmd.Wait()
		w.CloseWithError(io.EOF)
		ended <- err
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	found := make(chan string, 1)
	var said []byte // until it listens
	go func() {
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			if m := listening.FindSubmatch(lines.Bytes()); m != nil {
				found <- string(m[1])
				break
			}
			said = append(append(said, lines.Bytes()...), '\n')
		}
		close(found)
		_, _ = io.Copy(io.Discard, r)
	}()
	select {
	case at := <-found:
		if at == "" {
			t.Fatalf("%s ended before it listened:\n%s", program, said)
		}
		return "http://" + at
	case <-time.After(2 * time.Minute):
		t.Fatalf("%s does not listen", program)
		return ""
	}
}

var installed sync.Map // program: func() error

// install has scripts/chains.sh install a program, once.
func install(t testing.TB, program string) (path string) {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(here), "../../../..")
	once, _ := installed.LoadOrStore(program, sync.OnceValues(func() ([]byte, error) {
		return exec.Command(filepath.Join(root, "scripts/chains.sh"), program).CombinedOutput()
	}))
	if out, err := once.(func() ([]byte, error))(); err != nil {
		t.Fatalf("scripts/chains.sh %s: %v\n%s", program, err, out)
	}
	return filepath.Join(root, ".tmp/chains", program)
}
