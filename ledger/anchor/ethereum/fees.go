// SPDX-License-Identifier: Apache-2.0

package ethereum

import (
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/core/types"
)

// minTip is what a proposer is offered at least, in wei: below it the default of
// a miner leaves a transaction out, while its pool keeps it.
const minTip = 1_000_000

// degraded is why nothing goes on for now, with a remedy. It is no failure of
// the program's, and passes.
type degraded struct{ why string }

func (d degraded) Error() string { return d.why }

func degrade(format string, args ...any) error { return degraded{fmt.Sprintf(format, args...)} }

// firstFees are those of a first attempt: the median tip, and room for the base
// fee to double, below the ceilings. The tip is half of its ceiling at most, for a
// bump has to raise it too, also where it is the base fee that rose.
func (s *settings) firstFees(p Price) (tip, fee *big.Int, err error) {
	most := new(big.Int).Rsh(s.maxTip, 1)
	tip = lesser(greater(p.Tip, big.NewInt(minTip)), greater(most, lesser(big.NewInt(minTip), s.maxTip)))
	now := new(big.Int).Add(p.Base, tip)
	if now.Cmp(s.maxFee) > 0 {
		return nil, nil, degrade("a unit of gas costs %s gwei, which is over fees.maxFeeGwei: it is waited for less; raise the ceiling to go on", inGwei(now))
	}
	return tip, lesser(new(big.Int).Add(now, p.Base), s.maxFee), nil
}

// bumpedFees are those of an attempt that replaces another one: both at least an
// eighth more, since pools refuse less than a tenth, and what a first attempt
// would have now.
func (s *settings) bumpedFees(p Price, before *types.Transaction) (tip, fee *big.Int, err error) {
	leastTip, leastFee := eighthMore(before.GasTipCap()), eighthMore(before.GasFeeCap())
	if leastTip.Cmp(s.maxTip) > 0 || leastFee.Cmp(s.maxFee) > 0 {
		return nil, nil, degrade("the transaction is in no block, and to offer an eighth more than %s gwei, %s of it a tip, is over fees.maxFeeGwei or fees.maxTipGwei: it is waited for; raise the ceilings to go on", inGwei(before.GasFeeCap()), inGwei(before.GasTipCap()))
	}
	tip = lesser(greater(p.Tip, leastTip), s.maxTip)
	fee = new(big.Int).Lsh(p.Base, 1)
	fee = lesser(greater(fee.Add(fee, tip), leastFee), s.maxFee)
	return tip, fee, nil
}

// withGas is a gas limit with a fifth more than what was estimated.
func (s *settings) withGas(estimate uint64) (uint64, error) {
	if estimate > s.Fees.MaxGas {
		return 0, degrade("the transaction needs %d gas, which is over fees.maxGas: raise it to go on", estimate)
	}
	return min(estimate+estimate/5, s.Fees.MaxGas), nil
}

func eighthMore(n *big.Int) *big.Int {
	more := new(big.Int).Add(n, big.NewInt(7))
	return more.Add(more.Rsh(more, 3), n)
}

func greater(a, b *big.Int) *big.Int {
	if a.Cmp(b) > 0 {
		return a
	}
	return b
}

func lesser(a, b *big.Int) *big.Int {
	if a.Cmp(b) < 0 {
		return a
	}
	return b
}

// inGwei writes wei as gwei, without zeros at the end.
func inGwei(wei *big.Int) string {
	f, _ := new(big.Rat).SetFrac(wei, big.NewInt(1e9)).Float64()
	return fmt.Sprintf("%g", f)
}
