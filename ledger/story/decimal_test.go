// SPDX-License-Identifier: Apache-2.0

package story_test

import (
	"math/big"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/story"
)

func decimal(t testing.TB, s string) story.Decimal {
	t.Helper()
	d, ok := story.ParseDecimal(s)
	if !ok {
		t.Fatalf("%s is no decimal", s)
	}
	return d
}

func TestParseDecimalRefuses(t *testing.T) {
	for _, s := range []string{"", "-", ".", ".5", "5.", "05", "-05", "+1", "1e3", "1,5", " 1", "1 ", "0x1", "--1", "1.-2", "١", strings.Repeat("1", 41)} {
		if d, ok := story.ParseDecimal(s); ok {
			t.Errorf("%q was taken for %v", s, d)
		}
	}
}

func TestRound(t *testing.T) {
	for _, x := range []struct {
		in    string
		scale int
		want  string
	}{
		{"1.005", 2, "1.01"}, {"-1.005", 2, "-1.01"}, {"1.0049", 2, "1.00"}, {"-1.0049", 2, "-1.00"},
		{"2.5", 0, "3"}, {"7", 2, "7"}, {"7.10", 2, "7.10"}, {"0.004", 2, "0.00"},
	} {
		if got := decimal(t, x.in).Round(x.scale).String(); got != x.want {
			t.Errorf("%s is %s to %d places, want %s", x.in, got, x.scale, x.want)
		}
	}
}

func TestMoneyOf(t *testing.T) {
	for in, want := range map[string]string{
		`{"amount":"-1.50","currency":"EUR"}`: "-1.50 EUR",
		`{"amount":"1.50"}`:                   "",
		`{"currency":"EUR"}`:                  "",
		`{"amount":1,"currency":"EUR"}`:       "",
		`{"amount":"x","currency":"EUR"}`:     "",
		`"1.50"`:                              "",
	} {
		v, err := canon.Parse([]byte(in), canon.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		m, ok := story.MoneyOf(v)
		if ok != (want != "") || ok && m.String() != want {
			t.Errorf("%s is %v, %v", in, m, ok)
		}
	}
}

// FuzzDecimal holds the arithmetic against that of big.Rat.
func FuzzDecimal(f *testing.F) {
	for _, x := range [][2]string{{"0", "-0.0"}, {"12000.00", "0.5"}, {"-7", "7.000"}, {strings.Repeat("9", 40), "0." + strings.Repeat("1", 38)}, {"1.", "x"}} {
		f.Add(x[0], x[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		d, ok := story.ParseDecimal(a)
		e, ok2 := story.ParseDecimal(b)
		if !ok || !ok2 {
			return
		}
		x, _ := new(big.Rat).SetString(a)
		y, _ := new(big.Rat).SetString(b)
		rat := func(d story.Decimal) *big.Rat {
			r, ok := new(big.Rat).SetString(d.String())
			if !ok {
				t.Fatalf("%s is no number", d)
			}
			return r
		}
		if rat(d).Cmp(x) != 0 || d.Sign() != x.Sign() || d.Cmp(e) != x.Cmp(y) {
			t.Errorf("%s was read as %s, and compares with %s as %d", a, d, b, d.Cmp(e))
		}
		if got := rat(d.Add(e)); got.Cmp(new(big.Rat).Add(x, y)) != 0 {
			t.Errorf("%s + %s gave %s", a, b, got)
		}
		if got := rat(d.Mul(e)); got.Cmp(new(big.Rat).Mul(x, y)) != 0 {
			t.Errorf("%s × %s gave %s", a, b, got)
		}
		if got := rat(d.Neg()); got.Cmp(new(big.Rat).Neg(x)) != 0 {
			t.Errorf("-%s gave %s", a, got)
		}
	})
}
