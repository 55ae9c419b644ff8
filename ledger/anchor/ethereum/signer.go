// SPDX-License-Identifier: Apache-2.0

package ethereum

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"strings"

	"github.com/ethereum/go-ethereum/accounts/keystore"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/ethclient"
)

// A Signer signs with the key of one account.
type Signer interface {
	Address() common.Address
	// Sign returns the transaction with a signature for its chain. What it returns
	// is not believed: see Sign of this package.
	Sign(ctx context.Context, tx *types.Transaction) (*types.Transaction, error)
}

// NewSigner opens the key that a configuration names. It refuses files that
// others can read. No error of it holds a secret.
func NewSigner(c Config) (Signer, error) {
	s, err := c.settings()
	if err != nil {
		return nil, err
	}
	var out Signer
	switch k := s.Key; {
	case k.Keystore != "":
		out, err = openKeystore(k.Keystore, k.Password)
	case k.Env != "":
		out, err = envKey(k.Env)
	case k.Web3Signer != "":
		out, err = newRemote(&s)
	default:
		err = errors.New("name a keystore, an env or a web3signer")
	}
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	return out, nil
}

// Sign has a transaction signed, and verifies that the signature is of the
// signer's account, for the transaction's chain, and over every field as it was.
func Sign(ctx context.Context, s Signer, tx *types.Transaction) (*types.Transaction, error) {
	signed, err := s.Sign(ctx, tx)
	if err != nil {
		return nil, fmt.Errorf("couldn't have the transaction signed: %w", err)
	}
	rules := types.LatestSignerForChainID(tx.ChainId())
	// The hash that is signed is over every field but the signature's own.
	if signed.Type() != tx.Type() || rules.Hash(signed) != rules.Hash(tx) {
		return nil, errors.New("couldn't have the transaction signed: the signer changed it")
	}
	from, err := types.Sender(rules, signed)
	if err != nil {
		return nil, errors.New("couldn't have the transaction signed: the signer gave no signature")
	}
	if from != s.Address() {
		return nil, fmt.Errorf("couldn't have the transaction signed: the signature is of %v, and not of %v", from, s.Address())
	}
	return signed, nil
}

// held is a key in memory.
type held struct{ key *ecdsa.PrivateKey }

func (h held) Address() common.Address { return crypto.PubkeyToAddress(h.key.PublicKey) }

func (h held) Sign(_ context.Context, tx *types.Transaction) (*types.Transaction, error) {
	return types.SignTx(tx, types.LatestSignerForChainID(tx.ChainId()), h.key)
}

func openKeystore(file, passwordFile string) (Signer, error) {
	sealed, err := readSecret(file)
	if err != nil {
		return nil, err
	}
	password, err := readSecret(passwordFile)
	if err != nil {
		return nil, err
	}
	line, _, _ := bytes.Cut(password, []byte("\n"))
	key, err := keystore.DecryptKey(sealed, strings.TrimSuffix(string(line), "\r"))
	if err != nil {
		return nil, fmt.Errorf("%s doesn't open with the password in %s: %w", file, passwordFile, err)
	}
	return held{key.PrivateKey}, nil
}

// maxSecret bounds a file with a key or a password.
const maxSecret = 64 << 10

// readSecret reads a file that only its owner can read.
func readSecret(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the key: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("couldn't read the key: %w", err)
	}
	if st.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s can be read by others; run chmod 600 on it", name)
	}
	if !st.Mode().IsRegular() || st.Size() > maxSecret {
		return nil, fmt.Errorf("%s is no file of at most %d KiB", name, maxSecret>>10)
	}
	b := make([]byte, st.Size())
	n, err := f.ReadAt(b, 0)
	if n < len(b) {
		return nil, fmt.Errorf("couldn't read the key: %w", err)
	}
	return b, nil
}

func envKey(name string) (Signer, error) {
	text, ok := os.LookupEnv(name)
	if !ok {
		return nil, fmt.Errorf("the environment has no %s", name)
	}
	key, err := crypto.HexToECDSA(strings.TrimPrefix(strings.TrimSpace(text), "0x"))
	if err != nil {
		return nil, fmt.Errorf("%s in the environment is no key: write 64 hex digits", name)
	}
	return held{key}, nil
}

// remote is a key that a web3signer has.
type remote struct {
	*endpoint
	address common.Address
}

func newRemote(s *settings) (Signer, error) {
	u, err := url.Parse(s.Key.Web3Signer)
	if err != nil {
		return nil, errors.New("web3signer: it is no URL")
	}
	e, err := newEndpoint(s, u)
	if err != nil {
		return nil, fmt.Errorf("web3signer: %w", err)
	}
	return &remote{e, common.HexToAddress(s.Key.Address)}, nil
}

func (r *remote) Address() common.Address { return r.address }

func (r *remote) Sign(ctx context.Context, tx *types.Transaction) (*types.Transaction, error) {
	hex := func(n *big.Int) *hexutil.Big { return (*hexutil.Big)(n) }
	args := map[string]any{
		"from": r.address, "to": tx.To(), "value": hex(tx.Value()), "data": hexutil.Bytes(tx.Data()),
		"nonce": hexutil.Uint64(tx.Nonce()), "gas": hexutil.Uint64(tx.Gas()), "chainId": hex(tx.ChainId()),
		"maxFeePerGas": hex(tx.GasFeeCap()), "maxPriorityFeePerGas": hex(tx.GasTipCap()),
	}
	var out json.RawMessage
	err := r.do(ctx, func(ctx context.Context, c *ethclient.Client) error {
		return c.Client().CallContext(ctx, &out, "eth_signTransaction", args)
	})
	if err != nil {
		return nil, fmt.Errorf("web3signer %s: %w", r.name, err)
	}
	// Web3signer answers with the signed transaction, nodes with an object.
	var raw hexutil.Bytes
	if json.Unmarshal(out, &raw) != nil {
		var object struct{ Raw hexutil.Bytes }
		if json.Unmarshal(out, &object) != nil {
			return nil, fmt.Errorf("web3signer %s: it didn't answer with a transaction", r.name)
		}
		raw = object.Raw
	}
	signed := new(types.Transaction)
	if err := signed.UnmarshalBinary(raw); err != nil {
		return nil, fmt.Errorf("web3signer %s: it didn't answer with a transaction", r.name)
	}
	return signed, nil
}
