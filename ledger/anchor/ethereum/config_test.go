// SPDX-License-Identifier: Apache-2.0

package ethereum

import (
	"bytes"
	"math/big"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"go.yaml.in/yaml/v3"

	"github.com/lendlog/lendlog/contracts"
)

const wholeConfig = `
chain: 560048
network: hoodi
testnet: true
contract: "0xC5712a6f61429062C84b8E3074d047E53233c1DD"
code: "0x85441343b9e5c454a33cc9b632330ec32d1dda79e3c290bee4d44f7b1bdb5680"
block: {number: 12, hash: "0x00000000000000000000000000000000000000000000000000000000000000ff"}
rpc: ["https://a.example/v3/key", "https://user:password@b.example", "http://127.0.0.1:8545"]
agree: 2
finality: 12
timeout: 3s
key: {keystore: key.json, password: password.txt}
fees: {maxFeeGwei: 12.5, maxTipGwei: 0.000000001, maxGas: 90000, dailyWei: "123456789012345678901", bumpBlocks: 7}
`

func readConfig(t *testing.T, text string) (c Config, err error) {
	t.Helper()
	d := yaml.NewDecoder(bytes.NewReader([]byte(text)))
	d.KnownFields(true)
	return c, d.Decode(&c)
}

func TestConfig(t *testing.T) {
	c, err := readConfig(t, wholeConfig)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.settings()
	if err != nil {
		t.Fatal(err)
	}
	daily, _ := new(big.Int).SetString("123456789012345678901", 10)
	if s.contract != contracts.AnchorDeployment.Address || s.code != contracts.AnchorDeployment.CodeHash || s.pin != (common.Hash{31: 0xff}) ||
		len(s.rpc) != 3 || s.Agree != 2 || s.depth != 12 || s.Timeout != 3*time.Second || s.maxFee.Int64() != 12_500_000_000 ||
		s.maxTip.Int64() != 1 || s.daily.Cmp(daily) != 0 || s.Fees.MaxGas != 90_000 || s.Fees.BumpBlocks != 7 {
		t.Errorf("%+v", s)
	}
	c.Relative("/etc/lendlog")
	if c.Key.Keystore != filepath.Join("/etc/lendlog", "key.json") || c.Key.Password != "/etc/lendlog/password.txt" {
		t.Errorf("%+v", c.Key)
	}
	few, err := Config{Chain: 5, RPC: []string{"https://a.example", "https://b.example", "https://c.example"}}.settings()
	if err != nil {
		t.Fatal(err)
	}
	if few.Agree != 2 || few.depth != 0 || few.Timeout != 15*time.Second || few.contract != contracts.AnchorDeployment.Address ||
		few.maxFee.Int64() != 50e9 || few.maxTip.Int64() != 2e9 || few.Fees.MaxGas != 500_000 || few.daily.Int64() != 5e16 || few.Fees.BumpBlocks != 5 {
		t.Errorf("%+v", few)
	}
}

func TestConfigRefuses(t *testing.T) {
	for name, x := range map[string]struct{ old, new, say string }{
		"no chain":             {"chain: 560048", "", "chain"},
		"mainnet as a testnet": {"chain: 560048", "chain: 1", "testnet"},
		"address":              {"C5712a6f61429062C84b8E3074d047E53233c1DD", "C5712a", "contract"},
		"checksum":             {"C5712a6f61429062C84b8E3074d047E53233c1DD", "c5712a6f61429062C84b8E3074d047E53233c1DD", "checksum"},
		"strict":               {"C5712a6f61429062C84b8E3074d047E53233c1DD", contracts.StrictAnchorDeployment.Address.Hex()[2:], "add strict: true"},
		"code of strict":       {contracts.AnchorDeployment.CodeHash.Hex(), contracts.StrictAnchorDeployment.CodeHash.Hex(), "add strict: true"},
		"strict of another":    {"testnet: true", "testnet: true\nstrict: true", "takes no proofs"},
		"code":                 {"0x8544", "0x85G4", "code"},
		"pin":                  {`, hash: "0x00000000000000000000000000000000000000000000000000000000000000ff"`, "", "block.hash"},
		"no endpoint":          {`["https://a.example/v3/key", "https://user:password@b.example", "http://127.0.0.1:8545"]`, "[]", "rpc"},
		"one host":             {"user:password@b.example", "a.example/v3/other", "host"},
		"websocket":            {"http://127", "ws://127", "rpc"},
		"too many agree":       {"agree: 2", "agree: 4", "agree"},
		"negative agree":       {"agree: 2", "agree: -1", "agree"},
		"finality":             {"finality: 12", "finality: latest", "finality"},
		"no finality":          {"finality: 12", "finality: 0", "finality"},
		"timeout":              {"timeout: 3s", "timeout: -3s", "timeout"},
		"two keys":             {"key: {", "key: {env: X, ", "one of"},
		"no password":          {", password: password.txt", "", "password"},
		"no account":           {"keystore: key.json, password: password.txt", "web3signer: http://s.example", "address"},
		"a key for its name":   {"keystore: key.json, password: password.txt", "env: " + strings.Repeat("abcdef01", 8), "not the key itself"},
		"tip over fee":         {"maxTipGwei: 0.000000001", "maxTipGwei: 13", "maxTipGwei"},
		"negative fee":         {"maxFeeGwei: 12.5", "maxFeeGwei: -1", "maxFeeGwei"},
		"no number":            {"maxFeeGwei: 12.5", "maxFeeGwei: .nan", "maxFeeGwei"},
		"gas":                  {"maxGas: 90000", "maxGas: 20999", "maxGas"},
		"wei":                  {`"123456789012345678901"`, `"1e18"`, "dailyWei"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(wholeConfig, x.old, x.new, 1)
			if text == wholeConfig {
				t.Fatal("nothing changed")
			}
			c, err := readConfig(t, text)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Validate(); err == nil || !strings.Contains(err.Error(), x.say) || strings.Contains(err.Error(), "v3/key") || strings.Contains(err.Error(), "abcdef01") {
				t.Errorf("%v", err)
			}
		})
	}
	main := Config{Chain: 1, RPC: []string{"https://a.example"}, Key: Key{Env: "X"}}
	if err := main.Validate(); err == nil || !strings.Contains(err.Error(), "development") {
		t.Errorf("a key in the environment for chain 1: %v", err)
	}
	if _, err := readConfig(t, wholeConfig+"extra: 1\n"); err == nil {
		t.Error("an unknown member is read")
	}
}
