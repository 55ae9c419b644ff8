// SPDX-License-Identifier: Apache-2.0

package lifecycle

// A place is a jurisdiction in which the synthetic lender has a company.
type place struct {
	code     string
	entity   string // an LEI with right check digits, of nobody
	source   string
	currency string
	locale   string
	regions  []string
	bureaus  []string
	offset   int64 // hours that local time is ahead of UTC

	// What a unit of the currency is worth: the tables of amounts and of
	// incomes are multiplied by these.
	amounts, incomes int64

	rates      quantiles // nominal yearly rates, in hundredths of a percent
	chargeOff  int64     // days past due after which a loan is charged off
	fiveTier   bool      // loans are classified in five classes
	notices    []string  // channels of notices
	templateID string    // of a notice of decline
}

const sourcePrefix = "urn:lendlog:synthetic:"

var unitedStates = &place{
	code: "US", entity: withCheckDigits("SYNTHETICLENDER0US"), source: sourcePrefix + withCheckDigits("SYNTHETICLENDER0US"), currency: "USD", locale: "en-US",
	regions: []string{"US-CA", "US-TX", "US-FL", "US-NY", "US-OH", "US-WA"}, bureaus: []string{"synthetic-bureau-1", "synthetic-bureau-2", "synthetic-bureau-3"},
	offset: -6, amounts: 1, incomes: 1,
	rates: quantiles{599, 749, 899, 1049, 1199, 1399, 1599, 1899, 2299}, chargeOff: 180,
	notices: []string{"mail", "email"}, templateID: "decline-consumer-us",
}

var europe = &place{
	code: "EU", entity: withCheckDigits("SYNTHETICLENDER0EU"), source: sourcePrefix + withCheckDigits("SYNTHETICLENDER0EU"), currency: "EUR", locale: "en-IE",
	regions: []string{"DE-BE", "DE-BY", "FR-IDF", "ES-MD", "IE", "NL-NH"}, bureaus: []string{"synthetic-bureau-4"},
	offset: 1, amounts: 1, incomes: 1,
	rates: quantiles{299, 399, 449, 499, 599, 699, 849, 1099}, chargeOff: 360,
	notices: []string{"mail", "email", "web"}, templateID: "decline-consumer-eu",
}

var china = &place{
	code: "CN", entity: withCheckDigits("SYNTHETICLENDER0CN"), source: sourcePrefix + withCheckDigits("SYNTHETICLENDER0CN"), currency: "CNY", locale: "zh-Hans-CN",
	regions: []string{"CN-SH", "CN-GD", "CN-BJ", "CN-ZJ", "CN-SC"}, bureaus: []string{"synthetic-credit-reference-centre"},
	offset: 8, amounts: 4, incomes: 3,
	rates: quantiles{435, 520, 680, 790, 960, 1180, 1440, 1780}, chargeOff: 360, fiveTier: true,
	notices: []string{"mobile", "mail"}, templateID: "decline-consumer-cn",
}

var places = []share[*place]{{450, unitedStates}, {300, europe}, {250, china}}

// A product is what is lent.
type product struct {
	code       string
	amounts    quantiles // in units of the currency, before the place's multiple
	terms      []share[int]
	purposes   []string
	collateral bool
	ends       bool // it is paid back as its schedule says; others are refinanced or sold long before
}

var (
	instalmentLoan = &product{
		code: "instalment-loan", amounts: quantiles{1000, 2500, 4000, 5500, 7000, 9000, 11000, 14000, 18000, 24000, 40000},
		terms:    []share[int]{{100, 6}, {300, 12}, {150, 18}, {250, 24}, {150, 36}, {50, 48}},
		purposes: []string{"debt consolidation", "home improvement", "medical", "moving", "education", "other"},
		ends:     true,
	}
	carLoan = &product{
		code: "car-loan", amounts: quantiles{5000, 9000, 12000, 15000, 18000, 21000, 25000, 30000, 36000, 45000, 70000},
		terms:    []share[int]{{300, 24}, {450, 36}, {250, 48}},
		purposes: []string{"car"}, collateral: true, ends: true,
	}
	homeLoan = &product{
		code: "home-loan", amounts: quantiles{60000, 110000, 140000, 170000, 200000, 235000, 270000, 320000, 400000, 520000, 900000},
		terms:    []share[int]{{150, 120}, {250, 180}, {250, 240}, {350, 360}},
		purposes: []string{"home purchase", "refinancing"}, collateral: true,
	}
)

var products = []share[*product]{{740, instalmentLoan}, {220, carLoan}, {40, homeLoan}}
