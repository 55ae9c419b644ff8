// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/crypto"

	"github.com/lendlog/lendlog/contracts"
	"github.com/lendlog/lendlog/ledger/anchor/ethereum/ethtest"
	"github.com/lendlog/lendlog/ledger/proof/chain"
)

// A target gets the contract that it anchors in.
func TestAnchorDeploy(t *testing.T) {
	s := ethtest.Simulated(t, ethtest.Osaka)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				s.Mine(1)
				time.Sleep(10 * time.Millisecond)
			}
		}
	}()
	t.Cleanup(func() { close(stop); <-stopped })
	t.Setenv("LENDLOG_TEST_KEY", hex.EncodeToString(crypto.FromECDSA(ethtest.Lender)))
	for strict, want := range map[bool]contracts.Deployment{false: contracts.AnchorDeployment, true: contracts.StrictAnchorDeployment} {
		file := filepath.Join(t.TempDir(), "anchors.yaml")
		text := fmt.Sprintf("targets:\n  - {name: x, ethereum: {chain: %v, strict: %v, rpc: [%q], finality: 1, key: {env: LENDLOG_TEST_KEY}}}\n", s.ID, strict, s.URL)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		if code := run([]string{"anchor", "deploy", "x", "--anchors", file}, strings.NewReader(""), &out, &errs); code != 0 || !strings.Contains(out.String(), chain.Address(want.Address).String()) {
			t.Errorf("strict %v: exit code %d, %q, %q", strict, code, out.String(), errs.String())
		}
		if code, err := s.Client.CodeAt(t.Context(), want.Address, nil); err != nil || crypto.Keccak256Hash(code) != want.CodeHash {
			t.Errorf("strict %v: it is not there: %v", strict, err)
		}
	}
}
