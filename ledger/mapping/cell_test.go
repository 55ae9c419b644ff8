// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"math/big"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestDecimal(t *testing.T) {
	us := number{point: "."}
	grouped := number{group: ",", point: "."}
	german := number{group: ".", point: ","}
	swiss := number{group: "'", point: "."}
	dollars := number{group: ",", point: ".", prefix: "$"}
	percent := number{point: ".", suffix: "%"}
	spread := number{point: ".", exponent: true}
	for _, tc := range []struct {
		format number
		cell   string
		want   string // "" is refused
	}{
		{us, "0", "0"},
		{us, "35000.0", "35000.0"},
		{us, "007.50", "7.50"},
		{us, ".5", "0.5"},
		{us, "-.5", "-0.5"},
		{us, " 12 ", "12"},
		{us, "\u00a012", "12"},
		{us, "-159", "-159"},
		{us, "-0.00", "0.00"},
		{us, "-0", "0"},
		{us, "9007199254740993.000000000000000001", "9007199254740993.000000000000000001"},
		{us, strings.Repeat("9", 40), strings.Repeat("9", 40)},
		{us, strings.Repeat("9", 41), ""},
		{us, strings.Repeat("0", 60) + "1", "1"},
		{us, "5.", ""},
		{us, ".", ""},
		{us, "-", ""},
		{us, "--5", ""},
		{us, "+5", ""},
		{us, "1,000", ""},
		{us, "1 000", ""},
		{us, "1e5", ""},
		{us, "0x10", ""},
		{us, "NaN", ""},
		{us, "١٢", ""},
		{us, "1.2.3", ""},
		{us, "5-", ""},
		{grouped, "1,234,567.89", "1234567.89"},
		{grouped, "1234.5", "1234.5"},
		{grouped, "12,34,567", "1234567"}, // as in India
		{grouped, "1,23", ""},
		{grouped, "12,345,67,890", ""},
		{grouped, ",123", ""},
		{grouped, "1234,567", ""},
		{grouped, "1,234,", ""},
		{grouped, "1.234,56", ""},
		{grouped, "0,123", "123"},
		{german, "1.234.567,89", "1234567.89"},
		{german, "-12,5", "-12.5"},
		{german, "12.5", ""},
		{swiss, "1'234.50", "1234.50"},
		{dollars, "$1,234.50", "1234.50"},
		{dollars, "-$5", "-5"},
		{dollars, "$-5", "-5"},
		{dollars, "-$-5", ""},
		{dollars, "5", ""},
		{percent, "-1%", "-1"},
		{percent, "4.87 %", "4.87"},
		{percent, "4.87", ""},
		{percent, "%", ""},
		{spread, "1.00E+05", "100000"},
		{spread, "1.5e3", "1500"},
		{spread, "-1.2345E2", "-123.45"},
		{spread, "12E-3", "0.012"},
		{spread, "1E-40", ""},
		{spread, "1E39", "1" + strings.Repeat("0", 39)},
		{spread, "1E40", ""},
		{spread, "1E999999999", ""},
		{spread, "1E99999999999999999999", ""},
		{spread, "1E", ""},
		{spread, "E5", ""},
		{spread, "1E1E1", ""},
		{spread, "1E1.5", ""},
		{spread, "7", "7"},
	} {
		got, ok := tc.format.decimal(tc.cell)
		if !ok {
			got = ""
		}
		if got != tc.want || ok != (tc.want != "") {
			t.Errorf("%+v: %q became %q, %v; want %q", tc.format, tc.cell, got, ok, tc.want)
		}
	}
}

func TestInteger(t *testing.T) {
	months := number{point: ".", suffix: " months"}
	plain := number{point: "."}
	for _, tc := range []struct {
		format number
		cell   string
		want   int64
		ok     bool
	}{
		{months, " 36 months", 36, true},
		{months, "36", 0, false},
		{plain, "675.0", 675, true},
		{plain, "675.5", 0, false},
		{plain, "-2", -2, true},
		{plain, "9007199254740991", 1<<53 - 1, true},
		{plain, "-9007199254740991", -(1<<53 - 1), true},
		{plain, "9007199254740992", 0, false},
		{plain, "99999999999999999999", 0, false},
	} {
		got, ok := tc.format.integer(tc.cell)
		if ok != tc.ok || got != tc.want {
			t.Errorf("%q became %d, %v; want %d, %v", tc.cell, got, ok, tc.want, tc.ok)
		}
	}
}

var canonicalDecimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)

// FuzzDecimal holds the conversion against exact rational numbers.
func FuzzDecimal(f *testing.F) {
	for _, s := range []string{"0", "-1%", "1,234.50", "35000.0", "1.00E+05", "-.5", "$-5", "1.5E-40", "12,34,567", "--1", "1e1e1"} {
		f.Add(s, s)
	}
	plain := regexp.MustCompile(`^-?[0-9]*(\.[0-9]+)?([Ee][-+]?[0-9]+)?$`)
	format := number{group: ",", point: ".", exponent: true}
	f.Fuzz(func(t *testing.T, cell, other string) {
		got, ok := format.decimal(cell)
		if !ok {
			return
		}
		if !canonicalDecimal.MatchString(got) || len(got) > maxDecimal || strings.HasPrefix(got, "-") && strings.Trim(got, "-0.") == "" {
			t.Fatalf("%q became %q, which is not in the form of a record", cell, got)
		}
		bare := strings.ReplaceAll(strings.Trim(cell, blank), ",", "")
		if !plain.MatchString(bare) {
			t.Fatalf("%q was accepted", cell)
		}
		want, ok := new(big.Rat).SetString(bare)
		value, too := new(big.Rat).SetString(got)
		if !ok || !too || want.Cmp(value) != 0 {
			t.Fatalf("%q became %q: another number", cell, got)
		}
		if second, ok := format.decimal(other); ok {
			b, _ := new(big.Rat).SetString(second)
			if compare(got, second) != value.Cmp(b) || compare(second, got) != b.Cmp(value) {
				t.Fatalf("compare(%q, %q) = %d", got, second, compare(got, second))
			}
		}
	})
}

func TestDates(t *testing.T) {
	for _, tc := range []struct{ format, cell, want string }{
		{"YYYY-MM-DD", "2016-04-01", "2016-04-01T00:00:00+08:00"},
		{"YYYY-MM-DD", " 2016-04-01", "2016-04-01T00:00:00+08:00"},
		{"YYYYMMDD", "20160229", "2016-02-29T00:00:00+08:00"},
		{"YYYYMMDD", "20150229", ""},
		{"YYYY-MM-DD", "2016-13-01", ""},
		{"YYYY-MM-DD", "2016-00-01", ""},
		{"YYYY-MM-DD", "2016-01-00", ""},
		{"YYYY-MM-DD", "0000-01-01", ""},
		{"YYYY-MM-DD", "2016-4-1", ""},
		{"YYYY-MM-DD", "2016-04-01T00:00:00", ""},
		{"YYYY-MM-DD", "16-04-01", ""},
		{"YYYY-MM-DD", "2016/04/01", ""},
		{"DD.MM.YYYY", "31.12.1999", "1999-12-31T00:00:00+08:00"},
		{"D/M/YYYY", "1/4/2016", "2016-04-01T00:00:00+08:00"},
		{"D/M/YYYY", "01/12/2016", "2016-12-01T00:00:00+08:00"},
		{"D/M/YYYY", "001/4/2016", ""},
		{"DD-MON-YYYY", "01-APR-2016", "2016-04-01T00:00:00+08:00"},
		{"MON-YYYY", "Apr-2016", "2016-04-01T00:00:00+08:00"},
		{"MON-YYYY", "Avr-2016", ""},
		{"YYYY-MM", "2005-09", "2005-09-01T00:00:00+08:00"},
		{"YYYY-MM-DDThh:mm:ss", "2016-04-01T23:59:59", "2016-04-01T23:59:59+08:00"},
		{"YYYY-MM-DD hh:mm", "2016-04-01 24:00", ""},
		{"YYYY-MM-DD hh:mm", "2016-04-01 23:60", ""},
		{"YYYY-MM-DD hh:mm:ss", "2016-12-31 23:59:60", ""},
		{"YYYY-MM-DD hh:mm:ss.F", "2016-04-01 09:30:00.120", "2016-04-01T09:30:00.120+08:00"},
		{"YYYY-MM-DD hh:mm:ss.F", "2016-04-01 09:30:00.1234567890", ""},
		{"YYYY-MM-DDThh:mm:ssZ", "2016-04-01T09:30:00Z", "2016-04-01T09:30:00Z"},
		{"YYYY-MM-DDThh:mm:ss Z", "2016-04-01T09:30:00 -0500", "2016-04-01T09:30:00-05:00"},
		{"YYYY-MM-DDThh:mm:ss.FZ", "2016-04-01T09:30:00.5+05:30", "2016-04-01T09:30:00.5+05:30"},
		{"YYYY-MM-DDThh:mm:ssZ", "2016-04-01T09:30:00+25:00", ""},
		{"YYYY-MM-DDThh:mm:ssZ", "2016-04-01T09:30:00", ""},
		{"YYYY-MM-DDThh:mm:ssZ", "2016-04-01T09:30:00UTC", ""},
	} {
		l, err := parseLayout(tc.format)
		if err != nil {
			t.Errorf("%s: %v", tc.format, err)
			continue
		}
		m, ok := l.parse(tc.cell)
		got := ""
		if ok {
			got = m.time("+08:00")
		}
		if got != tc.want {
			t.Errorf("%s: %q became %q, want %q", tc.format, tc.cell, got, tc.want)
		}
	}
	for _, format := range []string{"", "YYYY", "MM-DD", "YY-MM-DD", "YYYY-MM-DD-DD", "YYYY-MM-M", "dd.mm.yyyy", "YYYY-MM hh:mm",
		"YYYY-MM-DD hh", "YYYY-MM-DD hh:mm.F", "YYYYDM", "YYYY-MM-DD Z", "YYYY1MM", "YYYY-MM-DD\n", "YYYYé-MM"} {
		if _, err := parseLayout(format); err == nil {
			t.Errorf("the format %q is accepted", format)
		}
	}
}

// FuzzDate holds the conversion against package time.
func FuzzDate(f *testing.F) {
	for _, s := range []string{"2016-04-01T09:30:00Z", "2016-02-30T09:30:00+08:00", "2016-04-01T09:30:00.123-05:00", "0000-01-01T00:00:00Z", "20160401", "1/4/2016", "Apr-2016"} {
		f.Add("YYYY-MM-DDThh:mm:ssZ", s)
	}
	f.Add("D/M/YYYY", "1/4/2016")
	f.Add("DD-MON-YYYY", "01-apr-2016")
	f.Fuzz(func(t *testing.T, format, cell string) {
		l, err := parseLayout(format)
		if err != nil {
			return
		}
		if strings.Join(l, "") != format {
			t.Fatalf("%q was taken apart into %q", format, l)
		}
		m, ok := l.parse(cell)
		if !ok {
			return
		}
		if _, err := time.Parse(time.DateOnly, m.date()); err != nil {
			t.Fatalf("%s: %q became %q: %v", format, cell, m.date(), err)
		}
		if _, err := time.Parse("2006-01", m.yearMonth()); err != nil {
			t.Fatalf("%s: %q became %q: %v", format, cell, m.yearMonth(), err)
		}
		if _, err := time.Parse(time.RFC3339, m.time("Z")); err != nil {
			t.Fatalf("%s: %q became %q: %v", format, cell, m.time("Z"), err)
		}
	})
}
