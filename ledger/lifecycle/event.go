// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"encoding/hex"
	"slices"
	"strconv"
	"time"
)

// An event is one of a story while the story is being told: its members can
// still be changed, which is how faults are planted.
type event struct {
	id      string
	typ     string // without org.lendlog. and .v1
	at      int64  // Unix milliseconds
	cause   string // id of the event that it follows from
	members []member
}

type member struct {
	name string
	value
}

// A value is what a member of data holds. Amounts and times are kept as
// numbers, so that a fault can add a cent or a day.
type value struct {
	kind kind
	n    int64
	s    string
}

type kind uint8

const (
	kindText    kind = iota
	kindJSON         // s, as it is
	kindMoney        // n hundredths of the story's currency
	kindDecimal      // n hundredths
	kindInt          // n
	kindDay          // n days since 1970
	kindMoment       // n Unix milliseconds
	kindLocal        // n Unix milliseconds, in the story's local time
)

func text(s string) value     { return value{kind: kindText, s: s} }
func json(s string) value     { return value{kind: kindJSON, s: s} }
func money(cents int64) value { return value{kind: kindMoney, n: cents} }
func percent(n int64) value   { return value{kind: kindDecimal, n: n} }
func number(n int64) value    { return value{kind: kindInt, n: n} }
func date(day int64) value    { return value{kind: kindDay, n: day} }
func moment(ms int64) value   { return value{kind: kindMoment, n: ms} }
func local(ms int64) value    { return value{kind: kindLocal, n: ms} }
func truth(b bool) value      { return json(strconv.FormatBool(b)) }

// texts is a list of strings.
func texts(of ...string) value {
	b := []byte{'['}
	for i, s := range of {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, s)
	}
	return json(string(append(b, ']')))
}

// set gives a member its value, whether it had one or not.
func (e *event) set(name string, v value) *event {
	for i := range e.members {
		if e.members[i].name == name {
			e.members[i].value = v
			return e
		}
	}
	e.members = append(e.members, member{name, v})
	return e
}

// add gives a member that the event doesn't have yet its value.
func (e *event) add(name string, v value) *event {
	e.members = append(e.members, member{name, v})
	return e
}

// unset takes a member away.
func (e *event) unset(name string) {
	e.members = slices.DeleteFunc(e.members, func(m member) bool { return m.name == name })
}

// get returns the place of a member's value, or nil.
func (e *event) get(name string) *value {
	for i := range e.members {
		if e.members[i].name == name {
			return &e.members[i].value
		}
	}
	return nil
}

// day returns the day on which an event happened.
func (e *event) day() int64 { return e.at / dayMillis }

const dayMillis = 24 * 60 * 60 * 1000

// appendDocument appends an event as a CloudEvents document.
func (s *story) appendDocument(b []byte, e *event) []byte {
	b = append(append(b, `{"specversion":"1.0","id":"`...), e.id...)
	b = append(append(b, `","source":"`...), s.place.source...)
	b = append(append(append(b, `","type":"org.lendlog.`...), e.typ...), ".v1"...)
	b = append(append(b, `","subject":"`...), s.subject...)
	if s.party != "" {
		b = append(append(b, `","party":"`...), s.party...)
	}
	b = appendMoment(append(b, `","time":"`...), e.at)
	if e.cause != "" {
		b = append(append(b, `","causationid":"`...), e.cause...)
	}
	if !s.live {
		b = append(b, `","capture":"import`...)
	}
	b = append(b, `","datacontenttype":"application/json","data":{`...)
	for i := range e.members {
		m := &e.members[i]
		b = append(append(append(b, '"'), m.name...), `":`...)
		b = append(s.appendValue(b, m.value), ',')
	}
	b = append(append(b, `"jurisdiction":"`...), s.jurisdiction...)
	return append(append(append(b, `","legalEntity":"`...), s.place.entity...), `"}}`...)
}

func (s *story) appendValue(b []byte, v value) []byte {
	switch v.kind {
	case kindText:
		return appendText(b, v.s)
	case kindJSON:
		return append(b, v.s...)
	case kindMoney:
		return appendMoney(b, v.n, s.place.currency)
	case kindDecimal:
		return append(appendHundredths(append(b, '"'), v.n), '"')
	case kindDay:
		return append(appendDay(append(b, '"'), v.n), '"')
	case kindMoment:
		return append(appendMoment(append(b, '"'), v.n), '"')
	case kindLocal:
		zone := time.FixedZone("", int(s.place.offset)*3600)
		return append(time.UnixMilli(v.n).In(zone).AppendFormat(append(b, '"'), time.RFC3339), '"')
	}
	return strconv.AppendInt(b, v.n, 10)
}

// appendText appends a string of this package, in which nothing has to be
// escaped but quotes.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}

func appendMoney(b []byte, cents int64, currency string) []byte {
	b = appendHundredths(append(b, `{"amount":"`...), cents)
	return append(append(append(b, `","currency":"`...), currency...), `"}`...)
}

func appendHundredths(b []byte, n int64) []byte {
	if n < 0 {
		b, n = append(b, '-'), -n
	}
	b = append(strconv.AppendInt(b, n/100, 10), '.')
	return append(b, byte('0'+n/10%10), byte('0'+n%10))
}

func appendDay(b []byte, day int64) []byte {
	y, m, d := time.Unix(day*86400, 0).UTC().Date()
	b = strconv.AppendInt(b, int64(y), 10)
	return append(b, '-', byte('0'+m/10), byte('0'+m%10), '-', byte('0'+d/10), byte('0'+d%10))
}

func appendMoment(b []byte, ms int64) []byte {
	return time.UnixMilli(ms).UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
}

// dayOf returns the number of a day.
func dayOf(year int, month time.Month, day int) int64 {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / 86400
}

// month returns the month of a day, YYYY-MM.
func month(day int64) string { return string(appendDay(nil, day)[:7]) }

// later returns the day so many months after another; what would be the 29th
// or later is the 28th, which every month has.
func later(day int64, months int) int64 {
	y, m, d := time.Unix(day*86400, 0).UTC().Date()
	return dayOf(y, m+time.Month(months), min(d, 28))
}

// uuid returns an RFC 9562 UUID of version 7: the time of an event, and chance.
func uuid(ms int64, d *draw) string {
	var b [16]byte
	a, c := d.next(), d.next()
	for i := range 8 {
		b[i], b[8+i] = byte(a>>(8*i)), byte(c>>(8*i))
	}
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	b[6], b[8] = b[6]&0x0f|0x70, b[8]&0x3f|0x80
	var s [36]byte
	hex.Encode(s[:8], b[:4])
	hex.Encode(s[9:13], b[4:6])
	hex.Encode(s[14:18], b[6:8])
	hex.Encode(s[19:23], b[8:10])
	hex.Encode(s[24:], b[10:])
	s[8], s[13], s[18], s[23] = '-', '-', '-', '-'
	return string(s[:])
}

// hash returns what looks like a SHA-256.
func (d *draw) hash() value {
	var b [32]byte
	for i := 0; i < len(b); i += 8 {
		x := d.next()
		for j := range 8 {
			b[i+j] = byte(x >> (8 * j))
		}
	}
	return text(hex.EncodeToString(b[:]))
}

// alphabet is that of Crockford's base 32.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// base32 writes a number in thirteen characters.
func base32(x uint64) string {
	var b [13]byte
	for i := range b {
		b[len(b)-1-i] = alphabet[x&31]
		x >>= 5
	}
	return string(b[:])
}

// token returns a prefix and n random letters and digits, at most twelve.
func (d *draw) token(prefix string, n int) value {
	return text(prefix + base32(d.next())[13-n:])
}
