// SPDX-License-Identifier: Apache-2.0

package ethereum_test

import (
	"context"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/lendlog/lendlog/contracts"
	"github.com/lendlog/lendlog/ledger/anchor/ethereum"
	"github.com/lendlog/lendlog/ledger/anchor/ethereum/ethtest"
)

// mining is a proxy that makes a block of each transaction that it is sent.
func mining(t *testing.T, c *ethtest.Chain) *ethtest.Proxy {
	t.Helper()
	p := ethtest.NewProxy(t, c.URL)
	p.Set("eth_sendRawTransaction", func(_ context.Context, _ ethtest.Call, next func() ethtest.Reply) ethtest.Reply {
		r := next()
		c.Mine(1)
		return r
	})
	return p
}

// keyed is a configuration with a key of ethtest in the environment.
func keyed(t *testing.T, c ethereum.Config, name string) ethereum.Config {
	t.Helper()
	t.Setenv("LENDLOG_TEST_KEY", hex.EncodeToString(crypto.FromECDSA(ethtest.Key(name))))
	c.Key.Env = "LENDLOG_TEST_KEY"
	return c
}

// deploying returns what Deploy needs.
func deploying(t *testing.T, c *ethtest.Chain, url, key string) (*ethereum.Network, ethereum.Signer) {
	t.Helper()
	conf := keyed(t, config(c, url), key)
	conf.Undeployed = true
	s, err := ethereum.NewSigner(conf)
	if err != nil {
		t.Fatal(err)
	}
	return dial(t, conf), s
}

// Each contract comes to its address, once, whoever deploys it.
func TestDeploy(t *testing.T) {
	ethtest.EachRules(t, func(t *testing.T, s *ethtest.SimulatedChain) {
		p := mining(t, s.Chain)
		n, signer := deploying(t, s.Chain, p.URL, "lender")
		for strict, want := range map[bool]contracts.Deployment{false: contracts.AnchorDeployment, true: contracts.StrictAnchorDeployment} {
			d, err := ethereum.Deploy(t.Context(), n, signer, strict)
			if err != nil {
				t.Fatal(err)
			}
			if d.Deployment != want || d.Already || d.Elsewhere || d.Tx == (common.Hash{}) || d.Wei.Sign() <= 0 {
				t.Errorf("%+v", d)
			}
			if code, err := s.Client.CodeAt(t.Context(), want.Address, nil); err != nil || crypto.Keccak256Hash(code) != want.CodeHash {
				t.Errorf("it is not there: %v", err)
			}
			if d, err = ethereum.Deploy(t.Context(), n, signer, strict); err != nil || !d.Already || d.Tx != (common.Hash{}) {
				t.Errorf("again: %+v, %v", d, err)
			}
		}
	})
}

// Where the factory is not, the contract comes to another address, which has to
// be named from then on.
func TestDeployElsewhere(t *testing.T) {
	other := func(g *core.Genesis) { g.Alloc[contracts.Factory] = types.Account{Code: []byte{1}} }
	for name, change := range map[string]func(*core.Genesis){"none": ethtest.NoFactory, "another": other} {
		t.Run(name, func(t *testing.T) {
			s := ethtest.Simulated(t, ethtest.Amsterdam, change)
			p := mining(t, s.Chain)
			n, signer := deploying(t, s.Chain, p.URL, "lender")
			d, err := ethereum.Deploy(t.Context(), n, signer, false)
			if err != nil {
				t.Fatal(err)
			}
			if !d.Elsewhere || d.Address == contracts.AnchorDeployment.Address || d.CodeHash != contracts.AnchorDeployment.CodeHash {
				t.Errorf("%+v", d)
			}
			conf := config(s.Chain, p.URL)
			conf.Contract = d.Address.Hex()
			again, err := ethereum.Deploy(t.Context(), dial(t, conf), signer, false)
			if err != nil || !again.Already || !again.Elsewhere || again.Address != d.Address {
				t.Errorf("again: %+v, %v", again, err)
			}
		})
	}
}

func TestDeployRefuses(t *testing.T) {
	code := func(at common.Address) func(*core.Genesis) {
		return func(g *core.Genesis) { g.Alloc[at] = types.Account{Code: []byte{1}} }
	}
	for name, c := range map[string]struct {
		change func(*core.Genesis)
		key    string
		fault  func(*ethtest.SimulatedChain, *ethtest.Proxy)
		want   string
	}{
		"other code": {code(contracts.AnchorDeployment.Address), "lender", nil, "other code"},
		"no ether":   {func(*core.Genesis) {}, "poor", nil, "insufficient funds"},
		"too dear":   {ethtest.BaseFee(1e11), "lender", nil, "fees.maxFeeGwei"},
		"not sent": {func(*core.Genesis) {}, "lender", func(_ *ethtest.SimulatedChain, p *ethtest.Proxy) {
			p.Set("eth_sendRawTransaction", ethtest.Fail(-32000, "no"))
		}, "no endpoint takes"},
		"not mined": {func(*core.Genesis) {}, "lender", func(_ *ethtest.SimulatedChain, p *ethtest.Proxy) { p.Set("eth_sendRawTransaction", nil) }, "to deploy again is safe"},
		"another under way": {func(*core.Genesis) {}, "lender", func(s *ethtest.SimulatedChain, _ *ethtest.Proxy) {
			if err := s.Client.SendTransaction(context.Background(), s.Sign(ethtest.Lender, 0, ethtest.Address(ethtest.Stranger), nil, nil)); err != nil {
				panic(err)
			}
			s.Pending()
		}, "under way"},
	} {
		t.Run(name, func(t *testing.T) {
			s := ethtest.Simulated(t, ethtest.Osaka, c.change)
			p := mining(t, s.Chain)
			n, signer := deploying(t, s.Chain, p.URL, c.key)
			if c.fault != nil {
				c.fault(s, p)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if name == "not mined" { // it waits until the caller gives up
				p.Set("eth_getTransactionReceipt", func(_ context.Context, _ ethtest.Call, next func() ethtest.Reply) ethtest.Reply {
					defer cancel()
					return next()
				})
			}
			if _, err := ethereum.Deploy(ctx, n, signer, false); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want %q, got %v", c.want, err)
			}
		})
	}
}
