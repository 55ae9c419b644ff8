// SPDX-License-Identifier: Apache-2.0

package story

import (
	"math/big"
	"strings"

	"github.com/lendlog/lendlog/ledger/canon"
)

// maxDecimal is how long a decimal string may be; corrected values are checked
// by nobody before they come here.
const maxDecimal = 40

// A Decimal is an exact decimal number: digits, of which the last scale stand
// behind the point. The zero Decimal is 0. One is never changed once made, so
// that copies may share their digits.
type Decimal struct {
	digits big.Int
	scale  int
}

// ParseDecimal reads a decimal string as records have it:
// -?(0|[1-9][0-9]*)(\.[0-9]+)?, of at most 40 characters.
func ParseDecimal(s string) (d Decimal, ok bool) {
	if len(s) > maxDecimal {
		return Decimal{}, false
	}
	whole, fraction, pointed := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	if !digits(whole) || pointed && !digits(fraction) || len(whole) > 1 && whole[0] == '0' {
		return Decimal{}, false
	}
	d.scale = len(fraction)
	d.digits.SetString(whole+fraction, 10)
	if s[0] == '-' {
		d.digits.Neg(&d.digits)
	}
	return d, true
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// Whole returns the Decimal of an integer.
func Whole(n int64) (d Decimal) {
	d.digits.SetInt64(n)
	return d
}

// decimalOf reads a decimal string or an integer.
func decimalOf(v canon.Value) (Decimal, bool) {
	switch v.Kind {
	case canon.Int:
		return Whole(v.Int), true
	case canon.String:
		return ParseDecimal(v.Str)
	}
	return Decimal{}, false
}

// at returns the digits of d with so many behind the point, which must not be
// fewer than it has. The result must not be changed.
func (d *Decimal) at(scale int) *big.Int {
	if scale == d.scale {
		return &d.digits
	}
	n := big.NewInt(10)
	n.Exp(n, big.NewInt(int64(scale-d.scale)), nil)
	return n.Mul(n, &d.digits)
}

// Add returns d + e.
func (d Decimal) Add(e Decimal) (sum Decimal) {
	sum.scale = max(d.scale, e.scale)
	sum.digits.Add(d.at(sum.scale), e.at(sum.scale))
	return sum
}

// Neg returns -d.
func (d Decimal) Neg() (n Decimal) {
	n.scale = d.scale
	n.digits.Neg(&d.digits)
	return n
}

// Mul returns d × e.
func (d Decimal) Mul(e Decimal) (p Decimal) {
	p.scale = d.scale + e.scale
	p.digits.Mul(&d.digits, &e.digits)
	return p
}

// Round returns d with at most so many digits behind the point, half away from
// zero.
func (d Decimal) Round(scale int) (r Decimal) {
	if d.scale <= scale {
		return d
	}
	unit := big.NewInt(10)
	unit.Exp(unit, big.NewInt(int64(d.scale-scale)), nil)
	half := new(big.Int).Rsh(unit, 1)
	if d.digits.Sign() < 0 {
		half.Neg(half)
	}
	r.scale = scale
	r.digits.Quo(half.Add(half, &d.digits), unit)
	return r
}

// Cmp returns -1, 0 or 1 as d is smaller than e, as large, or larger.
func (d Decimal) Cmp(e Decimal) int {
	scale := max(d.scale, e.scale)
	return d.at(scale).Cmp(e.at(scale))
}

// Sign returns -1, 0 or 1.
func (d Decimal) Sign() int { return d.digits.Sign() }

// Scale returns how many digits stand behind the point.
func (d Decimal) Scale() int { return d.scale }

// String returns d with all its digits.
func (d Decimal) String() string {
	var abs big.Int
	s := abs.Abs(&d.digits).String()
	if missing := d.scale + 1 - len(s); missing > 0 {
		s = strings.Repeat("0", missing) + s
	}
	if d.scale > 0 {
		s = s[:len(s)-d.scale] + "." + s[len(s)-d.scale:]
	}
	if d.Sign() < 0 {
		s = "-" + s
	}
	return s
}

// A Money is an amount of one currency. Amounts of two have no sum and no
// order.
type Money struct {
	Amount   Decimal
	Currency string // ISO 4217
}

// MoneyOf reads {"amount": decimal, "currency": code}.
func MoneyOf(v canon.Value) (Money, bool) {
	amount, _ := v.Get("amount")
	currency, _ := v.Get("currency")
	d, ok := decimalOf(amount)
	return Money{d, currency.Str}, ok && amount.Kind == canon.String && currency.Str != ""
}

// String returns the amount and its currency.
func (m Money) String() string { return m.Amount.String() + " " + m.Currency }
