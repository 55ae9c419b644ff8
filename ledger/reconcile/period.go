// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"errors"
	"strings"
	"time"
)

// A Period is the days from one to another, both included, as YYYY-MM-DD. What
// is "" is open.
type Period struct {
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
}

// ParsePeriod reads a year, a month, a day, or two of these with .. between,
// one of which may be left out. "" is all time.
func ParsePeriod(s string) (Period, error) {
	from, to, ranged := strings.Cut(s, "..")
	if !ranged {
		to = from
	}
	p := Period{}
	var err error
	if from != "" {
		if p.From, _, err = days(from); err != nil {
			return Period{}, err
		}
	}
	if to != "" {
		if _, p.To, err = days(to); err != nil {
			return Period{}, err
		}
	}
	if p.From != "" && p.To != "" && p.From > p.To {
		return Period{}, errors.New("a period ends no earlier than it begins")
	}
	return p, nil
}

// days returns the first and last day of a year, a month or a day.
func days(s string) (first, last string, err error) {
	for _, form := range []struct {
		layout        string
		years, months int
	}{{"2006", 1, 0}, {"2006-01", 0, 1}, {time.DateOnly, 0, 0}} {
		t, err := time.Parse(form.layout, s)
		if err != nil || len(s) != len(form.layout) {
			continue
		}
		end := t
		if form.years+form.months > 0 {
			end = t.AddDate(form.years, form.months, -1)
		}
		return t.Format(time.DateOnly), end.Format(time.DateOnly), nil
	}
	return "", "", errors.New("a period is a year, a month or a day, such as 2026-03, or two of them, such as 2026-03-01..2026-03-15")
}

// Contains reports whether a day lies in the period.
func (p Period) Contains(day string) bool {
	return p.From <= day && (p.To == "" || day <= p.To)
}

// Times returns when the period begins and ends in a zone; what is open is the
// zero time.
func (p Period) Times(zone *time.Location) (from, to time.Time) {
	if t, err := time.ParseInLocation(time.DateOnly, p.From, zone); err == nil {
		from = t
	}
	if t, err := time.ParseInLocation(time.DateOnly, p.To, zone); err == nil {
		to = t.AddDate(0, 0, 1)
	}
	return from, to
}

// String returns the period as ParsePeriod reads it.
func (p Period) String() string {
	if p.From == p.To {
		return p.From
	}
	return p.From + ".." + p.To
}
