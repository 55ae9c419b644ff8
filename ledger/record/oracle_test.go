// SPDX-License-Identifier: Apache-2.0

package record_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
)

// An oracle is an independent validator of the same schema.
type oracle struct{ schema *jsonschema.Schema }

var (
	decimalText = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)
	minusZero   = regexp.MustCompile(`^-0(\.0*)?$`)
	timeText    = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)
)

// newOracle compiles text. It fails only where ParseSchema lets something
// through that is no JSON Schema.
func newOracle(text []byte) (*oracle, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	check := func(name string, ok func(string) bool) {
		c.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(v any) error {
			if s, isString := v.(string); isString && !ok(s) {
				return errors.New("no " + name)
			}
			return nil
		}})
	}
	check("decimal", func(s string) bool {
		return len(s) <= 40 && decimalText.MatchString(s) && !minusZero.MatchString(s)
	})
	check("date-time", func(s string) bool {
		_, err := time.Parse(time.RFC3339Nano, s)
		return err == nil && timeText.MatchString(s)
	})
	const url = "urn:test:schema"
	if err := c.AddResource(url, doc); err != nil {
		return nil, err
	}
	s, err := c.Compile(url)
	return &oracle{s}, err
}

func (o *oracle) valid(t testing.TB, data canon.Value) bool {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return o.schema.Validate(doc) == nil
}

// compare fails the test when the two verdicts on data differ.
func compare(t testing.TB, s *record.Schema, o *oracle, data canon.Value) bool {
	t.Helper()
	vs := s.Check(data)
	if want := o.valid(t, data); (len(vs) == 0) != want {
		t.Fatalf("%s\nof the data %s\nthe oracle says valid: %t, Check says %v", s.Text, data.Bytes(), want, vs)
	}
	return len(vs) == 0
}

func TestBuiltinSchemasAgreeWithOracle(t *testing.T) {
	for _, s := range builtin(t).All() {
		t.Run(s.Type, func(t *testing.T) {
			o, err := newOracle(s.Text)
			if err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(1, 2))
			valid := 0
			for _, e := range s.Examples {
				if !compare(t, s, o, e) {
					t.Errorf("an example is not valid: %s", e.Bytes())
				}
				for range 400 {
					if compare(t, s, o, mutate(rng, e)) {
						valid++
					}
				}
			}
			if most := 400 * len(s.Examples); valid == most || valid == 0 && len(s.Members) > 0 {
				t.Errorf("%d of %d mutations are valid: this test tests nothing", valid, most)
			}
		})
	}
}

func TestGeneratedSchemasAgreeWithOracle(t *testing.T) {
	rng := rand.New(rand.NewPCG(2020, 12))
	schemas, valid, invalid := 0, 0, 0
	for range 1500 {
		text := randomSchema(rng).Bytes()
		s, err := record.ParseSchema(text)
		if err != nil {
			t.Fatalf("%s\nis refused: %v", text, err)
		}
		o, err := newOracle(text)
		if err != nil {
			t.Fatalf("%s\nis refused by the oracle: %v", text, err)
		}
		schemas++
		doc, _ := canon.Parse(text, canon.Limits{})
		for range 40 {
			if compare(t, s, o, generate(rng, doc, doc, 6)) {
				valid++
			} else {
				invalid++
			}
		}
	}
	t.Logf("%d schemas, %d valid values, %d invalid ones", schemas, valid, invalid)
	if valid < 1000 || invalid < 1000 {
		t.Error("one of the verdicts hardly occurs: this test tests little")
	}
}

// Every string that is one character away from a date, a time or a decimal.
func TestFormatsAgreeWithOracle(t *testing.T) {
	for _, format := range []string{"date", "date-time", "decimal"} {
		text := `{"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:lendlog:schema:com.example.format.v1",
			"type": "object", "x-subject": "file", "additionalProperties": false,
			"properties": {"a": {"type": "string", "format": "` + format + `", "x-open": true}}}`
		s := mustParse(t, text)
		o, err := newOracle(s.Text)
		if err != nil {
			t.Fatal(err)
		}
		try := func(a string) bool {
			return compare(t, s, o, canon.Map(canon.Member{Name: "a", Value: canon.Text(a)}))
		}
		valid := 0
		for _, a := range strangeStrings {
			if !try(a) {
				continue
			}
			valid++
			for i := range len(a) + 1 {
				for _, c := range "0123459:.,+-TtZz eé\n" {
					try(a[:i] + string(c) + a[i:])
					if i < len(a) {
						try(a[:i] + string(c) + a[i+1:])
					}
				}
				if i < len(a) {
					try(a[:i] + a[i+1:])
				}
			}
		}
		if valid < 4 {
			t.Errorf("%d strings are a %s: this test tests little", valid, format)
		}
	}
}

// strangeStrings are values that some pattern, format, enum or length is particular
// about.
var strangeStrings = []string{
	"", "a", "b", "ab", "é", "日本", "😀😀", "aaaaaaaaaa", "A1", "EUR", "eur", "EURO", "EUR\n", "US", "US-CA", "DE-BE", "-",
	"0", "-0", "-0.00", "0.0", "-0.01", "1.", ".1", "01", "1e3", "1.5", "-12345.678", "+1", "١", strings.Repeat("9", 40), strings.Repeat("9", 41),
	"2026-01-31", "2026-02-29", "2024-02-29", "1900-02-29", "2000-02-29", "0000-01-01", "2026-13-01", "2026-00-10", "2026-1-01", "20260131", "2026-04-31", "2026-01-00",
	"2026-01-31T09:30:00Z", "2026-01-31T09:30:00z", "2026-01-31t09:30:00Z", "2026-01-31 09:30:00Z", "2026-01-31T09:30:00", "2026-01-31T9:30:00Z",
	"2026-01-31T24:00:00Z", "2026-01-31T23:59:60Z", "2026-01-31T23:60:59Z", "2026-01-31T09:30:00+01:00", "2026-01-31T09:30:00-23:59", "2026-01-31T09:30:00+24:00",
	"2026-01-31T09:30:00+01:60", "2026-01-31T09:30:00+0100", "2026-01-31T09:30:00-00:00", "2026-01-31T09:30:00.Z", "2026-01-31T09:30:00.1Z",
	"2026-01-31T09:30:00,1Z", "2026-01-31T09:30:00.123456789Z", "2026-01-31T09:30:00.1234567890Z", "2026-02-30T09:30:00Z", "2026-01-31T09:30Z",
	"2026-01", "2026-13", "approved", "Approved", "declined", "live", "5493001KJTIIGC8Y1R12", "5493001KJTIIGC8Y1R1X",
	"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "x y", "a\u2028b", "\u0000",
}

var strangeIntegers = []int64{0, 1, -1, 2, 3, 4, 5, 10, 11, 100, canon.MaxInt, -canon.MaxInt}

func pick[T any](rng *rand.Rand, list []T) T { return list[rng.IntN(len(list))] }

// strange returns a value of any type.
func strange(rng *rand.Rand) canon.Value {
	switch rng.IntN(8) {
	case 0:
		return canon.Value{}
	case 1:
		return canon.Flag(rng.IntN(2) == 0)
	case 2:
		return canon.Number(pick(rng, strangeIntegers))
	case 3:
		return canon.List(strange(rng))
	case 4:
		return canon.List()
	case 5:
		return canon.Map(canon.Member{Name: pick(rng, []string{"a", "amount", "x"}), Value: strange(rng)})
	default:
		return canon.Text(pick(rng, strangeStrings))
	}
}

// mutate returns v with one change somewhere inside.
func mutate(rng *rand.Rand, v canon.Value) canon.Value {
	if v.Kind == canon.Object && rng.IntN(8) > 0 {
		m := slices.Clone(v.Members)
		switch i := rng.IntN(len(m) + 1); {
		case i == len(m):
			name := pick(rng, []string{"a", "zz", "Amount", "amount ", "outcomeX", "😀"})
			if _, ok := v.Get(name); ok {
				return v
			}
			return canon.Map(append(m, canon.Member{Name: name, Value: strange(rng)})...)
		case rng.IntN(3) == 0:
			return canon.Map(slices.Delete(m, i, i+1)...)
		default:
			m[i].Value = mutate(rng, m[i].Value)
			return canon.Map(m...)
		}
	}
	if v.Kind == canon.Array && rng.IntN(4) > 0 {
		items := slices.Clone(v.Items)
		switch i := rng.IntN(len(items) + 1); {
		case i == len(items):
			for range rng.IntN(20) {
				items = append(items, pick(rng, append(slices.Clone(v.Items), strange(rng))))
			}
			return canon.List(items...)
		default:
			items[i] = mutate(rng, items[i])
			return canon.List(items...)
		}
	}
	if v.Kind == canon.String && rng.IntN(2) == 0 {
		return canon.Text(pick(rng, strangeStrings))
	}
	return strange(rng)
}

var patterns = []string{
	`^[A-Z]{3}$`, `^$`, `^a*$`, `^(?:a|b)+$`, `^[0-9]{4}-(?:0[1-9]|1[0-2])$`, `^[^\n]{0,4}$`, `^\d+(?:\.\d+)?$`, `^[A-Z]{2}(?:-[A-Z0-9]{1,3})?$`, `^é?$`, `^\w-\w$`,
}

// randomSchema returns a schema within the profile.
func randomSchema(rng *rand.Rand) canon.Value {
	set := func(name string, v canon.Value) canon.Member { return canon.Member{Name: name, Value: v} }
	var sub func(depth int) canon.Value
	object := func(depth int) []canon.Member {
		var props []canon.Member
		var required []canon.Value
		for _, name := range []string{"a", "amount", "ﬁ", "😀", "x"} {
			if depth == 3 && name > "z" || rng.IntN(2) == 0 {
				continue
			}
			p := sub(depth - 1)
			if depth == 3 {
				p = canon.Map(append(p.Members, set("x-key", canon.Text("party")))...)
			}
			props = append(props, set(name, p))
			if rng.IntN(3) == 0 {
				required = append(required, canon.Text(name))
			}
		}
		rest := canon.Flag(false)
		if depth < 3 && rng.IntN(3) == 0 {
			rest = sub(depth - 1)
		}
		m := []canon.Member{set("type", canon.Text("object")), set("additionalProperties", rest)}
		if len(props) > 0 {
			m = append(m, set("properties", canon.Map(props...)))
		}
		if len(required) > 0 {
			m = append(m, set("required", canon.List(required...)))
		}
		return m
	}
	maybe := func(m []canon.Member, name string, v canon.Value) []canon.Member {
		if rng.IntN(3) == 0 {
			return append(m, set(name, v))
		}
		return m
	}
	sub = func(depth int) canon.Value {
		small := func() canon.Value { return canon.Number(rng.Int64N(5)) }
		kind := rng.IntN(7)
		if depth == 0 {
			kind = rng.IntN(4)
		}
		var m []canon.Member
		switch kind {
		case 0, 1:
			m = append(m, set("type", canon.Text("string")))
			switch rng.IntN(5) {
			case 0:
				m = append(m, set("enum", canon.Texts("approved", "declined", "é", "")))
			case 1:
				m = append(m, set("const", canon.Text(pick(rng, strangeStrings))))
			case 2:
				m = append(m, set("format", canon.Text(pick(rng, []string{"date", "date-time", "decimal"}))))
			}
			m = maybe(m, "minLength", small())
			m = maybe(m, "maxLength", small())
			m = maybe(m, "pattern", canon.Text(pick(rng, patterns)))
		case 2:
			m = append(m, set("type", canon.Text("integer")))
			if rng.IntN(4) == 0 {
				m = append(m, set("enum", canon.List(canon.Number(0), canon.Number(5), canon.Number(-1))))
			} else {
				m = maybe(m, "const", canon.Number(pick(rng, strangeIntegers)))
			}
			m = maybe(m, "minimum", canon.Number(pick(rng, strangeIntegers)))
			m = maybe(m, "maximum", canon.Number(pick(rng, strangeIntegers)))
		case 3:
			m = append(m, set("type", canon.Text("boolean")))
		case 4:
			m = append(m, set("type", canon.Text("array")), set("items", sub(depth-1)))
			m = maybe(m, "minItems", small())
			m = maybe(m, "maxItems", small())
		case 5:
			m = object(depth)
		case 6:
			return canon.Map(set("$ref", canon.Text("#/$defs/"+pick(rng, []string{"one", "two"}))))
		}
		return canon.Map(m...)
	}
	top := append(object(3),
		set("$schema", canon.Text("https://json-schema.org/draft/2020-12/schema")),
		set("$id", canon.Text("urn:lendlog:schema:com.example.generated.v1")),
		set("x-subject", canon.Text("file")),
		set("$defs", canon.Map(set("one", sub(0)), set("two", canon.Map(object(1)...)))))
	return canon.Map(top...)
}

// generate returns a value that schema mostly allows; doc is the whole schema.
func generate(rng *rand.Rand, doc, schema canon.Value, depth int) canon.Value {
	if depth == 0 || rng.IntN(25) == 0 {
		return strange(rng)
	}
	if ref, ok := schema.Get("$ref"); ok {
		defs, _ := doc.Get("$defs")
		d, _ := defs.Get(strings.TrimPrefix(ref.Str, "#/$defs/"))
		return generate(rng, doc, d, depth)
	}
	if enum, ok := schema.Get("enum"); ok && rng.IntN(4) > 0 {
		return pick(rng, enum.Items)
	}
	if value, ok := schema.Get("const"); ok && rng.IntN(4) > 0 {
		return value
	}
	switch kind, _ := schema.Get("type"); kind.Str {
	case "string":
		return canon.Text(pick(rng, strangeStrings))
	case "integer":
		return canon.Number(pick(rng, strangeIntegers))
	case "boolean":
		return canon.Flag(rng.IntN(2) == 0)
	case "array":
		items, _ := schema.Get("items")
		list := canon.List()
		for range rng.IntN(5) {
			list.Items = append(list.Items, generate(rng, doc, items, depth-1))
		}
		return list
	default:
		props, _ := schema.Get("properties")
		var m []canon.Member
		for _, p := range props.Members {
			if rng.IntN(6) > 0 {
				m = append(m, canon.Member{Name: p.Name, Value: generate(rng, doc, p.Value, depth-1)})
			}
		}
		rest, _ := schema.Get("additionalProperties")
		for _, name := range []string{"", "b", "😁", "ﬂ"} {
			if rng.IntN(3) == 0 && rest.Kind == canon.Object || rng.IntN(60) == 0 {
				m = append(m, canon.Member{Name: name, Value: generate(rng, doc, rest, depth-1)})
			}
		}
		return canon.Map(m...)
	}
}
