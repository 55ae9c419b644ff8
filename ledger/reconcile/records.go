// SPDX-License-Identifier: Apache-2.0

package reconcile

import (
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/lendlog/lendlog/ledger/story"
)

// Reversals says how the other side shows a payment that was taken back.
type Reversals string

// How a payment that was taken back shows.
const (
	// Posted: as two items, the payment on its day, and its amount taken back,
	// negative and under the same key, on the day of the reversal. So a general
	// ledger shows it, which strikes nothing out.
	Posted Reversals = "posted"
	// Netted: as what is left of the payment, and not at all where nothing is.
	Netted Reversals = "netted"
	// Ignored: as the payment alone.
	Ignored Reversals = "ignored"
)

// ParseReversals reads one of the words; "" is posted.
func ParseReversals(s string) (Reversals, error) {
	switch r := Reversals(s); r {
	case "":
		return Posted, nil
	case Posted, Netted, Ignored:
		return r, nil
	}
	return "", errors.New("reversals are posted, netted or ignored")
}

// Records says which records of a ledger are items. It is the selection of the
// stories that Items reads.
type Records struct {
	Sources   []Source
	Reversals Reversals
	Zone      *time.Location // of the days of records that have a time and no day; nil is UTC
}

// A Source is a type of records that are items.
type Source struct {
	Type string // by its full name
	// Key, Amount and Date are JSON Pointers. Key is /id or a member of data,
	// Amount a member that holds money, Date /time or a member that holds a
	// day; without that the day is that of /time.
	Key, Amount, Date string
	Negate            bool // the other side has these with the other sign
}

// Payments are the records that are compared unless others are named.
var Payments = []Source{{Type: typePayment, Key: "/data/paymentId", Amount: "/data/amount", Date: "/data/valueDate"}}

var (
	typePayment  = story.Type("payment.received")
	typeReversed = story.Type("payment.reversed")
)

// Triggers implements ledger.Selection.
func (rs *Records) Triggers(typ string) bool {
	return slices.ContainsFunc(rs.Sources, func(s Source) bool { return s.Type == typ }) || typ == typeReversed && rs.reverses() != nil
}

// Reads implements ledger.Selection.
func (rs *Records) Reads(typ string) bool { return rs.Triggers(typ) }

// Member implements ledger.Selection.
func (rs *Records) Member(name string) bool {
	for _, s := range rs.Sources {
		for _, pointer := range []string{s.Key, s.Amount, s.Date} {
			if pointer == "/data/"+name {
				return true
			}
		}
	}
	return rs.reverses() != nil && (name == "paymentRef" || name == "amount" || name == "valueDate")
}

// reverses returns how payments are read, nil where their reversals play no
// part.
func (rs *Records) reverses() *Source {
	for i := range rs.Sources {
		if rs.Sources[i].Type == typePayment && rs.Reversals != Ignored {
			return &rs.Sources[i]
		}
	}
	return nil
}

// Items returns the items of a subject, as corrected and without what was
// voided.
func (rs *Records) Items(s *story.Story) iter.Seq[Item] {
	return func(yield func(Item) bool) {
		reversed := map[int64]story.Decimal{} // of payments, where they are netted
		if payments := rs.reverses(); payments != nil {
			for _, r := range s.OfType(typeReversed) {
				it, payment := rs.reversal(s, r, payments)
				if rs.Reversals != Netted {
					if !yield(it) {
						return
					}
				} else if d, ok := story.ParseDecimal(it.Amount); ok && payment != nil {
					reversed[payment.Index] = reversed[payment.Index].Add(d)
				}
			}
		}
		for i := range rs.Sources {
			source := &rs.Sources[i]
			for _, r := range s.OfType(source.Type) {
				it := rs.item(r, source)
				if back, ok := reversed[r.Index]; ok && source.Type == typePayment {
					d, _ := story.ParseDecimal(it.Amount)
					rest := d.Add(back)
					if rest.Sign() == 0 {
						continue
					}
					it.Amount = rest.String()
				}
				if !yield(it) {
					return
				}
			}
		}
	}
}

// item reads a record.
func (rs *Records) item(r *story.Record, source *Source) Item {
	it := Item{Key: r.ID, Date: rs.day(r, source.Date), Place: r.Index}
	if name, ok := strings.CutPrefix(source.Key, "/data/"); ok {
		it.Key = r.Text(name)
	}
	if m, ok := r.Money(strings.TrimPrefix(source.Amount, "/data/")); ok {
		it.Amount, it.Currency = m.Amount.String(), m.Currency
	}
	if source.Negate {
		it.Amount = negated(it.Amount)
	}
	it.Unreadable = r.Partial && (it.Key == "" || it.Amount == "")
	return it
}

// reversal reads a reversal under the key of its payment, nil where the subject
// has none that it names.
func (rs *Records) reversal(s *story.Story, r *story.Record, payments *Source) (Item, *story.Record) {
	it := rs.item(r, &Source{Key: "/data/paymentRef", Amount: "/data/amount", Date: "/data/valueDate", Negate: !payments.Negate})
	payment := s.Named(r, it.Key)
	if payment == nil || payment.Type != typePayment {
		return it, nil
	}
	paid := rs.item(payment, payments)
	it.Key, it.Unreadable = paid.Key, it.Unreadable || paid.Unreadable
	if it.Amount == "" && !r.Partial {
		it.Amount, it.Currency = negated(paid.Amount), paid.Currency
	}
	return it, payment
}

// day returns the day of a record.
func (rs *Records) day(r *story.Record, pointer string) string {
	if name, ok := strings.CutPrefix(pointer, "/data/"); ok {
		if d := r.Text(name); len(d) >= len(time.DateOnly) {
			return d[:len(time.DateOnly)]
		}
	}
	zone := rs.Zone
	if zone == nil {
		zone = time.UTC
	}
	return r.At.In(zone).Format(time.DateOnly)
}
