// SPDX-License-Identifier: Apache-2.0

package ethereum

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/lendlog/lendlog/contracts"
)

// Mainnet is the id of the chain whose ether has a price.
const Mainnet = 1

// A Config is the part of an anchors file that says on which chain and how
// checkpoints are anchored. Its zero values stand for the defaults.
type Config struct {
	// Chain is the id of the chain (EIP-155), Network what people call it.
	Chain   uint64 `yaml:"chain"`
	Network string `yaml:"network"`
	// Testnet is shown wherever an anchor is: a testnet ends one day.
	Testnet bool `yaml:"testnet"`
	// Strict has the contract be a StrictAnchor, which is sent the proof that each
	// checkpoint continues the one before, and refuses a fork.
	Strict bool `yaml:"strict"`
	// Contract is the address of the contract, and Code the Keccak-256 of its code:
	// by default those of contracts.AnchorDeployment, or of
	// contracts.StrictAnchorDeployment where Strict is set.
	Contract string `yaml:"contract"`
	Code     string `yaml:"code"`
	// Block is one that tells this chain from others of the same id.
	Block Pin `yaml:"block"`
	// RPC are the HTTP addresses of the endpoints, each at a host of its own. They
	// may hold API keys, and are shown nowhere.
	RPC []string `yaml:"rpc"`
	// Agree is how many endpoints have to agree on what is final: by default the
	// majority.
	Agree int `yaml:"agree"`
	// Finality is "finalized", the default, or how many blocks have to follow.
	Finality string `yaml:"finality"`
	// Timeout bounds one call of an endpoint: 15 s by default.
	Timeout time.Duration `yaml:"timeout"`

	Key  Key  `yaml:"key"`
	Fees Fees `yaml:"fees"`

	// Undeployed takes a chain where the contract is not: to deploy it.
	Undeployed bool `yaml:"-"`
}

// A Pin is a block of a chain. Without a hash nothing is pinned.
type Pin struct {
	Number uint64 `yaml:"number"`
	Hash   string `yaml:"hash"`
}

// A Key says where the key of the sender is. Exactly one of Keystore, Env and
// Web3Signer is set, or none where nothing is sent.
type Key struct {
	// Keystore is a Web3 secret storage file of version 3, Password a file with its
	// password in the first line. Nobody but their owner may be able to read them.
	Keystore string `yaml:"keystore"`
	Password string `yaml:"password"`
	// Env is a variable of the environment that has the key in hex: for development,
	// and refused on Mainnet.
	Env string `yaml:"env"`
	// Web3Signer is the URL of a signer with eth_signTransaction, Address the
	// account there.
	Web3Signer string `yaml:"web3signer"`
	Address    string `yaml:"address"`
}

// Fees bound what is spent.
type Fees struct {
	// MaxFeeGwei is the ceiling of what a unit of gas costs in all, 50 by default,
	// and MaxTipGwei of what the proposer of a block gets of it, 2 by default.
	MaxFeeGwei float64 `yaml:"maxFeeGwei"`
	MaxTipGwei float64 `yaml:"maxTipGwei"`
	// MaxGas is the ceiling of a transaction's gas limit: 500,000 by default.
	MaxGas uint64 `yaml:"maxGas"`
	// DailyWei is what may be spent in a day (UTC, of the chain), in decimal:
	// 0.05 ether by default.
	DailyWei string `yaml:"dailyWei"`
	// BumpBlocks is after how many blocks a transaction that is not in one is sent
	// again for more: 5 by default.
	BumpBlocks uint64 `yaml:"bumpBlocks"`
}

// settings are a configuration that was read, with its defaults.
type settings struct {
	Config
	contract common.Address
	code     common.Hash
	pin      common.Hash // zero: none
	rpc      []*url.URL
	depth    uint64 // blocks that have to follow; 0: the finalized tag
	maxFee   *big.Int
	maxTip   *big.Int
	daily    *big.Int
}

// Validate reports what cannot be meant.
func (c Config) Validate() error {
	_, err := c.settings()
	return err
}

// Relative has relative names of key files be below a directory: that of the
// file that the configuration is in.
func (c *Config) Relative(dir string) {
	for _, name := range []*string{&c.Key.Keystore, &c.Key.Password} {
		if *name != "" && !filepath.IsAbs(*name) {
			*name = filepath.Join(dir, *name)
		}
	}
}

func (c Config) settings() (s settings, err error) {
	s.Config = c
	if c.Chain == 0 || c.Chain > math.MaxInt64 {
		return s, errors.New("chain: name the id of the chain, such as 560048 of Hoodi")
	}
	if c.Chain == Mainnet && c.Testnet {
		return s, errors.New("testnet: chain 1 is none")
	}
	ours, other := contracts.AnchorDeployment, contracts.StrictAnchorDeployment
	if c.Strict {
		ours, other = other, ours
	}
	s.contract, s.code = ours.Address, ours.CodeHash
	if c.Contract != "" {
		if s.contract, err = parseAddress(c.Contract); err != nil {
			return s, fmt.Errorf("contract: %w", err)
		}
	}
	if c.Code != "" {
		if s.code, err = parseHash(c.Code); err != nil {
			return s, fmt.Errorf("code: %w", err)
		}
	}
	switch wrong := s.contract == other.Address || s.code == other.CodeHash; {
	case wrong && c.Strict:
		return s, errors.New("strict: contract or code is that of Anchor, which takes no proofs; leave out strict, or contract and code")
	case wrong:
		return s, errors.New("contract: StrictAnchor wants proofs; add strict: true, or use Anchor")
	}
	switch {
	case c.Block.Hash != "":
		if s.pin, err = parseHash(c.Block.Hash); err != nil {
			return s, fmt.Errorf("block.hash: %w", err)
		}
	case c.Block.Number != 0:
		return s, errors.New("block.hash: name the hash of the block, or leave out block")
	}
	if err := s.endpoints(); err != nil {
		return s, err
	}
	switch c.Finality {
	case "", "finalized":
	default:
		if s.depth, err = strconv.ParseUint(c.Finality, 10, 32); err != nil || s.depth == 0 {
			return s, errors.New(`finality: write "finalized", or how many blocks have to follow, from 1 on`)
		}
	}
	if c.Timeout < 0 {
		return s, errors.New("timeout: name a time above 0, such as 15s")
	}
	if c.Timeout == 0 {
		s.Timeout = 15 * time.Second
	}
	if err := c.Key.validate(c.Chain); err != nil {
		return s, fmt.Errorf("key: %w", err)
	}
	return s, s.fees()
}

func (s *settings) endpoints() error {
	if len(s.RPC) == 0 || len(s.RPC) > 16 {
		return errors.New("rpc: name 1 to 16 endpoints of the chain")
	}
	hosts := map[string]bool{}
	for i, text := range s.RPC {
		u, err := parseURL(text)
		if err != nil {
			return fmt.Errorf("rpc: number %d %w", i+1, err)
		}
		if hosts[u.Host] {
			return fmt.Errorf("rpc: number %d is at the host of another one, whose agreement says nothing; leave one out", i+1)
		}
		hosts[u.Host] = true
		s.rpc = append(s.rpc, u)
	}
	switch {
	case s.Agree == 0:
		s.Agree = len(s.RPC)/2 + 1
	case s.Agree < 0 || s.Agree > len(s.RPC):
		return fmt.Errorf("agree: name how many of the %d endpoints have to agree", len(s.RPC))
	}
	return nil
}

func (s *settings) fees() error {
	f := &s.Fees
	if f.MaxFeeGwei == 0 {
		f.MaxFeeGwei = 50
	}
	if f.MaxTipGwei == 0 {
		f.MaxTipGwei = min(2, f.MaxFeeGwei)
	}
	for name, gwei := range map[string]float64{"maxFeeGwei": f.MaxFeeGwei, "maxTipGwei": f.MaxTipGwei} {
		if !(gwei >= 1e-9 && gwei <= 1e6) {
			return fmt.Errorf("fees.%s: name 0.000000001 to 1000000 gwei", name)
		}
	}
	if f.MaxTipGwei > f.MaxFeeGwei {
		return errors.New("fees.maxTipGwei: it is a part of maxFeeGwei, and cannot be more")
	}
	s.maxFee, s.maxTip = gwei(f.MaxFeeGwei), gwei(f.MaxTipGwei)
	if f.MaxGas == 0 {
		f.MaxGas = 500_000
	}
	if f.MaxGas < 21_000 || f.MaxGas > 16_777_216 {
		return errors.New("fees.maxGas: name 21000 to 16777216, which no transaction may exceed (EIP-7825)")
	}
	if f.DailyWei == "" {
		f.DailyWei = "50000000000000000"
	}
	var ok bool
	if s.daily, ok = parseWei(f.DailyWei); !ok {
		return errors.New("fees.dailyWei: name an amount of wei in decimal, such as 50000000000000000")
	}
	if f.BumpBlocks == 0 {
		f.BumpBlocks = 5
	}
	return nil
}

func (k Key) validate(chain uint64) error {
	if k == (Key{}) {
		return nil
	}
	n := 0
	for _, where := range []string{k.Keystore, k.Env, k.Web3Signer} {
		if where != "" {
			n++
		}
	}
	switch {
	case n != 1:
		return errors.New("name one of keystore, env and web3signer")
	case (k.Keystore == "") != (k.Password == ""):
		return errors.New("keystore and password belong together: name the file with the password")
	case k.Env != "" && !envName.MatchString(k.Env):
		return errors.New("env: name the variable of the environment that has the key, and not the key itself")
	case k.Env != "" && chain == Mainnet:
		return errors.New("env is for development: use keystore or web3signer on chain 1")
	case (k.Web3Signer == "") != (k.Address == ""):
		return errors.New("web3signer and address belong together: name the account of the signer")
	}
	if k.Web3Signer != "" {
		if _, err := parseURL(k.Web3Signer); err != nil {
			return fmt.Errorf("web3signer: it %w", err)
		}
		if _, err := parseAddress(k.Address); err != nil {
			return fmt.Errorf("address: %w", err)
		}
	}
	return nil
}

// parseURL does not repeat what it refuses, for there may be a secret in it.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Fragment != "" {
		return nil, errors.New("is no URL such as https://rpc.example/key")
	}
	return u, nil
}

var (
	hexAddress = regexp.MustCompile(`^0x[0-9a-fA-F]{40}$`)
	hexHash    = regexp.MustCompile(`^0x[0-9a-f]{64}$`)
	decimal    = regexp.MustCompile(`^[0-9]{1,30}$`)
	envName    = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)
)

// parseAddress takes an address in lower case, or with the checksum of EIP-55.
func parseAddress(text string) (common.Address, error) {
	if !hexAddress.MatchString(text) {
		return common.Address{}, errors.New("it is no address: write 0x and 40 hex digits")
	}
	a := common.HexToAddress(text)
	if text != strings.ToLower(text) && text != a.Hex() {
		return common.Address{}, errors.New("the checksum of the address is wrong, so that a letter of it may be: copy it again")
	}
	return a, nil
}

func parseHash(text string) (common.Hash, error) {
	if !hexHash.MatchString(text) {
		return common.Hash{}, errors.New("it is no hash: write 0x and 64 hex digits in lower case")
	}
	return common.HexToHash(text), nil
}

func parseWei(text string) (*big.Int, bool) {
	if !decimal.MatchString(text) {
		return nil, false
	}
	return new(big.Int).SetString(text, 10)
}

func gwei(n float64) *big.Int { return big.NewInt(int64(math.Round(n * 1e9))) }
