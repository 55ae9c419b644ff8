// SPDX-License-Identifier: Apache-2.0

package ethereum

import (
	"context"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/anchor"
)

var (
	_ anchor.Observer = (*Service)(nil)
	_ anchor.Resumer  = (*Service)(nil)
)

// Observe returns the newest block that is final, as enough endpoints agree.
func (s *Service) Observe(ctx context.Context) (ledger.ChainBlock, time.Time, error) {
	b, err := s.network.FinalBlock(ctx)
	if err != nil {
		return ledger.ChainBlock{}, time.Time{}, err
	}
	return ledger.ChainBlock{Chain: s.network.Chain, Number: b.Number, Hash: b.Hash}, time.Unix(int64(b.Time), 0).UTC(), nil
}
