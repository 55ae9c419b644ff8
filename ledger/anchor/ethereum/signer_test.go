// SPDX-License-Identifier: Apache-2.0

package ethereum

import (
	"context"
	"crypto/ecdsa"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/accounts/keystore"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/lendlog/lendlog/contracts"
)

func unsigned() *types.DynamicFeeTx {
	return &types.DynamicFeeTx{
		ChainID: big.NewInt(1337), Nonce: 3, To: &contracts.AnchorDeployment.Address, Data: []byte("call"),
		Gas: 90_000, GasTipCap: big.NewInt(1), GasFeeCap: big.NewInt(2), Value: new(big.Int),
	}
}

// keyFiles writes a keystore with a password.
func keyFiles(t *testing.T) Config {
	t.Helper()
	dir := t.TempDir()
	sealed, err := keystore.EncryptKey(&keystore.Key{Address: addressOf(lender), PrivateKey: lender}, "correct horse", keystore.LightScryptN, keystore.LightScryptP)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Chain: 1, RPC: []string{"http://127.0.0.1:1"}, Key: Key{Keystore: filepath.Join(dir, "key.json"), Password: filepath.Join(dir, "password.txt")}}
	for file, b := range map[string][]byte{c.Key.Keystore: sealed, c.Key.Password: []byte("correct horse\n")} {
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func TestKeystore(t *testing.T) {
	c := keyFiles(t)
	s, err := NewSigner(c)
	if err != nil {
		t.Fatal(err)
	}
	if s.Address() != addressOf(lender) {
		t.Errorf("the account is %v", s.Address())
	}
	if _, err := Sign(t.Context(), s, types.NewTx(unsigned())); err != nil {
		t.Error(err)
	}
	for _, file := range []string{c.Key.Keystore, c.Key.Password} {
		for _, mode := range []os.FileMode{0o640, 0o604} {
			if err := os.Chmod(file, mode); err != nil {
				t.Fatal(err)
			}
			if _, err := NewSigner(c); err == nil || !strings.Contains(err.Error(), "chmod 600") {
				t.Errorf("%s with mode %o: %v", filepath.Base(file), mode, err)
			}
		}
		if err := os.Chmod(file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(c.Key.Password, []byte("wrong horse"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewSigner(c); err == nil || strings.Contains(err.Error(), "horse") {
		t.Errorf("with a wrong password: %v", err)
	}
	if err := os.Remove(c.Key.Keystore); err != nil {
		t.Fatal(err)
	}
	if _, err := NewSigner(c); err == nil {
		t.Error("without a key a signer is opened")
	}
}

func TestEnvKey(t *testing.T) {
	c := Config{Chain: 1337, RPC: []string{"http://127.0.0.1:1"}, Key: Key{Env: "TEST_ENV_KEY"}}
	if _, err := NewSigner(c); err == nil {
		t.Error("without a variable a signer is opened")
	}
	t.Setenv("TEST_ENV_KEY", "0x"+hex.EncodeToString(crypto.FromECDSA(lender)))
	if s, err := NewSigner(c); err != nil || s.Address() != addressOf(lender) {
		t.Errorf("%v, %v", s, err)
	}
	t.Setenv("TEST_ENV_KEY", "5ecret")
	if _, err := NewSigner(c); err == nil || strings.Contains(err.Error(), "5ecret") {
		t.Errorf("%v", err)
	}
	c.Key = Key{}
	if _, err := NewSigner(c); err == nil {
		t.Error("without a key a signer is opened")
	}
}

// forger signs something else than it is given.
type forger struct {
	key    *ecdsa.PrivateKey
	change func(*types.DynamicFeeTx)
}

func (f forger) Address() common.Address { return addressOf(lender) }

func (f forger) Sign(context.Context, *types.Transaction) (*types.Transaction, error) {
	tx := unsigned()
	f.change(tx)
	return types.SignNewTx(f.key, types.LatestSignerForChainID(tx.ChainID), tx)
}

// What a signer returns is used only when it is what it was given, and its
// account's.
func TestSign(t *testing.T) {
	for name, change := range map[string]func(*types.DynamicFeeTx){
		"chain": func(x *types.DynamicFeeTx) { x.ChainID = big.NewInt(1) },
		"nonce": func(x *types.DynamicFeeTx) { x.Nonce++ },
		"to":    func(x *types.DynamicFeeTx) { x.To = &common.Address{} },
		"none":  func(x *types.DynamicFeeTx) { x.To = nil },
		"data":  func(x *types.DynamicFeeTx) { x.Data = nil },
		"gas":   func(x *types.DynamicFeeTx) { x.Gas++ },
		"tip":   func(x *types.DynamicFeeTx) { x.GasTipCap = big.NewInt(2) },
		"fee":   func(x *types.DynamicFeeTx) { x.GasFeeCap = big.NewInt(3) },
		"value": func(x *types.DynamicFeeTx) { x.Value = big.NewInt(1) },
		"list":  func(x *types.DynamicFeeTx) { x.AccessList = types.AccessList{{}} },
	} {
		if _, err := Sign(t.Context(), forger{lender, change}, types.NewTx(unsigned())); err == nil {
			t.Errorf("a transaction with another %s is taken", name)
		}
	}
	nothing := func(*types.DynamicFeeTx) {}
	if _, err := Sign(t.Context(), forger{stranger, nothing}, types.NewTx(unsigned())); err == nil {
		t.Error("a signature of another account is taken")
	}
	if _, err := Sign(t.Context(), forger{lender, nothing}, types.NewTx(unsigned())); err != nil {
		t.Error(err)
	}
}

// web3signer answers eth_signTransaction with the lender's key.
func web3signer(t *testing.T, answer func(raw []byte) any) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var req struct {
			ID     json.RawMessage `json:"id"`
			Method string          `json:"method"`
			Params []struct {
				From                               common.Address
				To                                 *common.Address
				Gas, Nonce                         hexutil.Uint64
				MaxFeePerGas, MaxPriorityFeePerGas *hexutil.Big
				Value, ChainID                     *hexutil.Big
				Data                               hexutil.Bytes
			} `json:"params"`
		}
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil || req.Method != "eth_signTransaction" || len(req.Params) != 1 {
			t.Errorf("%s: %v", req.Method, err)
			return
		}
		p := req.Params[0]
		if p.From != addressOf(lender) {
			t.Errorf("from %v", p.From)
		}
		tx, err := types.SignNewTx(lender, types.LatestSignerForChainID(p.ChainID.ToInt()), &types.DynamicFeeTx{
			ChainID: p.ChainID.ToInt(), Nonce: uint64(p.Nonce), To: p.To, Data: p.Data, Gas: uint64(p.Gas),
			GasTipCap: p.MaxPriorityFeePerGas.ToInt(), GasFeeCap: p.MaxFeePerGas.ToInt(), Value: p.Value.ToInt(),
		})
		if err != nil {
			t.Error(err)
		}
		raw, _ := tx.MarshalBinary()
		_ = json.NewEncoder(w).Encode(map[string]any{"jsonrpc": "2.0", "id": req.ID, "result": answer(raw)})
	}))
	t.Cleanup(s.Close)
	return s
}

func TestWeb3Signer(t *testing.T) {
	for name, x := range map[string]struct {
		answer func(raw []byte) any
		ok     bool
	}{
		"bytes":       {func(raw []byte) any { return hexutil.Bytes(raw) }, true},
		"object":      {func(raw []byte) any { return map[string]any{"raw": hexutil.Bytes(raw), "tx": nil} }, true},
		"nothing":     {func(raw []byte) any { return nil }, false},
		"a number":    {func(raw []byte) any { return 7 }, false},
		"cut":         {func(raw []byte) any { return hexutil.Bytes(raw[:len(raw)-1]) }, false},
		"a signature": {func(raw []byte) any { return hexutil.Bytes(raw[len(raw)-65:]) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := Config{Chain: 1337, RPC: []string{"http://127.0.0.1:1"}, Timeout: 5 * time.Minute, Key: Key{
				Web3Signer: web3signer(t, x.answer).URL + "/secret-path", Address: addressOf(lender).Hex(),
			}}
			s, err := NewSigner(c)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Sign(t.Context(), s, types.NewTx(unsigned())); x.ok != (err == nil) || strings.Contains(fmt.Sprint(err), "secret-path") {
				t.Errorf("%v", err)
			}
		})
	}
}
