// SPDX-License-Identifier: Apache-2.0

package ethereum

import (
	"context"
	"errors"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core/types"
)

// A Signer signs with the key of one account.
type Signer interface {
	Address() common.Address
	// Sign returns the transaction with a signature for its chain. What it returns
	// is not believed: see Sign of this package.
	Sign(ctx context.Context, tx *types.Transaction) (*types.Transaction, error)
}

// NewSigner opens the key that a configuration names. It refuses files that
// others can read.
func NewSigner(c Config) (Signer, error) { return nil, errors.New("not built yet") }

// Sign has a transaction signed, and verifies that the signature is of the
// signer's account, for the transaction's chain, and over every field as it was.
func Sign(ctx context.Context, s Signer, tx *types.Transaction) (*types.Transaction, error) {
	return nil, errors.New("not built yet")
}
