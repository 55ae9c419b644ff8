// SPDX-License-Identifier: Apache-2.0

// Package second is a second verifier, written from docs/formats.md and the
// specifications that it names: that the page is enough is shown by nothing
// else. It uses no package of lendlog, reads the golden files of ledger/proof,
// and is only a test.
package second

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/gtank/ristretto255"
	"golang.org/x/crypto/sha3"
)

const (
	valid      = "VALID"
	invalid    = "INVALID"
	incomplete = "INCOMPLETE"
)

// A refusal ends a verification; it is thrown and caught in judge.
type refusal struct{ verdict, why string }

func check(ok bool, why string, args ...any) {
	if !ok {
		panic(refusal{invalid, fmt.Sprintf(why, args...)})
	}
}

func need(ok bool, why string) {
	if !ok {
		panic(refusal{incomplete, why})
	}
}

func judge(f func()) (verdict, why string) {
	defer func() {
		if r := recover(); r != nil {
			ref, ok := r.(refusal)
			if !ok {
				panic(r)
			}
			verdict, why = ref.verdict, ref.why
		}
	}()
	f()
	return valid, ""
}

// Section 1: the JSON profile.

type object = map[string]any

var integer = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)

func parse(b []byte) any {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	left := 2_097_152
	v, err := value(d, 32, &left)
	check(err == nil, "JSON: %v", err)
	_, err = d.Token()
	check(err == io.EOF, "more than one JSON value")
	check(utf8.Valid(b), "UTF-8")
	for _, e := range escapes.FindAll(b, -1) {
		check(len(e) != len(`\ud800`), "a lone surrogate")
	}
	return v
}

// escapes matches a pair of surrogates, one that is alone, or any other escape.
var escapes = regexp.MustCompile(`\\(?:u[dD][89aAbB]..\\u[dD][c-fC-F]..|u[dD][89a-fA-F]..|.)`)

// value reads tokens, because json.Unmarshal lets duplicate members through. It
// reads so many levels more, and takes the values off those that are left.
func value(d *json.Decoder, levels int, left *int) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	if *left--; *left < 0 {
		return nil, errors.New("too many values")
	}
	if _, ok := t.(json.Delim); ok && levels == 0 {
		return nil, errors.New("nested too deep")
	}
	switch t {
	case json.Delim('{'):
		o := object{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			if _, twice := o[name.(string)]; twice {
				return nil, errors.New("duplicate member")
			}
			if o[name.(string)], err = value(d, levels-1, left); err != nil {
				return nil, err
			}
			if len(o) > 1024 {
				return nil, errors.New("too many members")
			}
		}
		_, err = d.Token()
		return o, err
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := value(d, levels-1, left)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = d.Token()
		return list, err
	}
	if n, ok := t.(json.Number); ok {
		i, err := strconv.ParseInt(n.String(), 10, 64)
		if err != nil || !integer.MatchString(n.String()) || i > 1<<53-1 || i < -(1<<53-1) {
			return nil, errors.New("not an integer in its shortest spelling")
		}
	}
	return t, nil
}

func canonical(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return v.String()
	case string:
		var b strings.Builder
		b.WriteByte('"')
		for _, r := range v {
			switch i := strings.IndexRune("\"\\\b\t\n\f\r", r); {
			case i >= 0:
				b.WriteString(`\` + `"\btnfr`[i:i+1])
			case r < ' ':
				fmt.Fprintf(&b, `\u%04x`, r)
			default:
				b.WriteRune(r)
			}
		}
		return b.String() + `"`
	case []any:
		var items []string
		for _, item := range v {
			items = append(items, canonical(item))
		}
		return "[" + strings.Join(items, ",") + "]"
	}
	o := v.(object)
	var names []string
	for name := range o {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		return slices.Compare(utf16.Encode([]rune(names[i])), utf16.Encode([]rune(names[j]))) < 0
	})
	for i, name := range names {
		names[i] = canonical(name) + ":" + canonical(o[name])
	}
	return "{" + strings.Join(names, ",") + "}"
}

func parseCanonical(b []byte) any {
	v := parse(b)
	check(canonical(v) == string(b), "not canonical: %s", b)
	return v
}

// get takes a member out of an object; what is left at the end is unknown.
func get[T any](o object, name string) T {
	v, ok := o[name].(T)
	check(ok, "member %s is missing or of another type", name)
	delete(o, name)
	return v
}

func has(o object, name string) bool { _, ok := o[name]; return ok }

func done(o object) { check(len(o) == 0, "unknown members: %v", o) }

func number(o object, name string) int64 {
	n, _ := get[json.Number](o, name).Int64()
	return n
}

func unbase64(s string, size int) []byte {
	b, err := base64.StdEncoding.DecodeString(s)
	check(err == nil && len(b) == size && base64.StdEncoding.EncodeToString(b) == s, "not %d bytes in base64: %q", size, s)
	return b
}

// Section 2: leaves.

func leafHash(b []byte) []byte { h := sha256.Sum256(append([]byte{0}, b...)); return h[:] }

func nodeHash(l, r []byte) []byte {
	h := sha256.Sum256(slices.Concat([]byte{1}, l, r))
	return h[:]
}

// included verifies as RFC 9162, section 2.1.3.2 says.
func included(leaf []byte, index, size int64, proof [][]byte, root []byte) bool {
	if index < 0 || index >= size {
		return false
	}
	fn, sn, r := index, size-1, leaf
	for _, p := range proof {
		if sn == 0 {
			return false
		}
		if fn&1 == 1 || fn == sn {
			r = nodeHash(p, r)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		} else {
			r = nodeHash(r, p)
		}
		fn, sn = fn>>1, sn>>1
	}
	return sn == 0 && bytes.Equal(r, root)
}

func hashes(v []any) [][]byte {
	check(len(v) <= 63, "too many hashes")
	var out [][]byte
	for _, item := range v {
		s, ok := item.(string)
		check(ok, "a hash is a string")
		out = append(out, unbase64(s, 32))
	}
	return out
}

const (
	typeGenesis    = "org.lendlog.genesis.v1"
	typeRestricted = "org.lendlog.restricted.v1"
	typeIndexRoot  = "org.lendlog.index-root.v1"
	typeKeyChanged = "org.lendlog.key.changed.v1"
)

var (
	recordedForm = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
	timeForm     = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$`)
	printable    = regexp.MustCompile(`^[!-~]+$`)
)

type entry struct {
	capture, recorded, submitter, time, typ string
	index                                   int64
	open                                    object
	prev, schema, sealed, term              []byte
	refs                                    []int64
	seq                                     int64
}

// parseLeaf returns nil for an index-root.
func parseLeaf(b []byte, index int64) *entry {
	check(len(b) <= 65535, "an entry of %d bytes", len(b))
	o, ok := parseCanonical(b).(object)
	check(ok, "a leaf is an object")
	check(get[string](o, "v") == "lendlog/1", "another version")
	e := &entry{typ: get[string](o, "type")}
	if e.typ == typeIndexRoot {
		check(number(o, "covers") == index, "covers")
		unbase64(get[string](o, "root"), 32)
		done(o)
		return nil
	}
	e.capture, e.recorded = get[string](o, "capture"), get[string](o, "recorded")
	check(slices.Contains([]string{"live", "late", "import"}, e.capture), "capture")
	_, err := time.Parse(time.RFC3339, e.recorded)
	check(err == nil && recordedForm.MatchString(e.recorded), "recorded")
	unbase64(get[string](o, "event"), 32)
	e.open = get[object](o, "open")
	e.schema, e.sealed, e.term = unbase64(get[string](o, "schema"), 32), unbase64(get[string](o, "sealed"), 32), unbase64(get[string](o, "term"), 32)
	e.seq = number(o, "seq")
	check(e.seq >= 1, "seq")
	if e.seq > 1 {
		e.prev = unbase64(get[string](o, "prev"), 32)
	}
	if e.typ == typeRestricted {
		check(len(e.open) == 0, "open members of a restricted record")
		done(o)
		return e
	}
	check(printable.MatchString(e.typ) && len(e.typ) <= 128, "type")
	e.submitter, e.time = get[string](o, "submitter"), get[string](o, "time")
	check(printable.MatchString(e.submitter) && len(e.submitter) <= 64, "submitter")
	check(timeForm.MatchString(e.time), "time")
	if has(o, "refs") {
		for _, r := range get[[]any](o, "refs") {
			n, err := r.(json.Number).Int64()
			check(err == nil && n >= 0 && n < index && (len(e.refs) == 0 || n > e.refs[len(e.refs)-1]), "refs")
			e.refs = append(e.refs, n)
		}
		check(len(e.refs) > 0, "empty refs")
	}
	done(o)
	return e
}

// Section 3: sealed members.

// attributes are the pointers that every type seals.
var attributes = strings.Fields("/causationid /extensions /id /parent /party /sequence /signature /source /subject")

type schema struct {
	typ        string
	restricted bool
	open       map[string]bool
	groups     map[string]string // of every sealable pointer
	pointers   []string
}

func parseSchema(text []byte) schema {
	o := parse(text).(object)
	s := schema{typ: strings.TrimPrefix(o["$id"].(string), "urn:lendlog:schema:"), open: map[string]bool{}, groups: map[string]string{}}
	s.restricted, _ = o["x-restricted"].(bool)
	for _, p := range attributes {
		s.groups[p] = "party"
	}
	if s.restricted {
		for _, p := range strings.Fields("/refs /submitter /time /type") {
			s.groups[p] = "institution"
		}
	}
	for name, m := range o["properties"].(object) {
		m := m.(object)
		switch key := m["x-key"].(type) {
		case nil:
			s.open[name] = true
		case string:
			s.groups["/data/"+name] = key
		case object:
			s.groups["/data/"+name] = key["group"].(string)
		}
	}
	for p := range s.groups {
		s.pointers = append(s.pointers, p)
	}
	slices.Sort(s.pointers)
	return s
}

// disclose verifies disclosures and returns the values by pointer, nil for
// members that are absent.
func disclose(e *entry, list []any, schemas map[string][]byte) (schema, map[string]any) {
	values := map[string]any{}
	type opened struct {
		bytes []byte
		proof [][]byte
	}
	all := map[string]opened{}
	for _, item := range list {
		o := item.(object)
		b := []byte(get[string](o, "disclosure"))
		d, ok := parseCanonical(b).([]any)
		check(ok && (len(d) == 2 || len(d) == 3), "a disclosure has two or three items")
		salt, ok1 := d[0].(string)
		pointer, ok2 := d[1].(string)
		check(ok1 && ok2, "salt and pointer are strings")
		unbase64(salt, 16)
		_, twice := all[pointer]
		check(!twice, "%s twice", pointer)
		all[pointer] = opened{b, hashes(get[[]any](o, "proof"))}
		done(o)
		values[pointer] = nil
		if len(d) == 3 {
			check(d[2] != nil, "null")
			values[pointer] = d[2]
		}
	}
	hash, typ := e.schema, e.typ
	if e.typ == typeRestricted {
		is, shown := values["/type"]
		need(shown, "/type")
		o, ok := is.(object)
		check(ok && len(o) == 2, "/type")
		name, ok1 := o["name"].(string)
		inner, ok2 := o["schema"].(string)
		check(ok1 && ok2, "/type")
		typ, hash = name, unbase64(inner, 32)
	}
	text, ok := schemas[string(hash)]
	need(ok, "schema")
	s := parseSchema(text)
	check(s.typ == typ && s.restricted == (e.typ == typeRestricted), "the schema is of another type")
	for name := range e.open {
		check(s.open[name], "%s is not open", name)
	}
	for pointer, v := range values {
		switch pointer {
		case "/extensions":
			o, ok := v.(object)
			check(ok || v == nil, "/extensions")
			for name := range o {
				check(!slices.Contains(attributes, "/"+name) && !slices.Contains(strings.Fields("specversion type time data data_base64"), name), "an extension with a place of its own")
			}
		case "/refs":
			_, ok := v.([]any)
			check(ok || v == nil, "/refs")
		case "/type": // read above, and of another record it has no place
		case "/id", "/source", "/subject", "/submitter", "/time":
			_, ok := v.(string)
			check(ok, "%s", pointer)
		default:
			_, ok := v.(string)
			check(ok || v == nil || strings.HasPrefix(pointer, "/data/"), "%s", pointer)
		}
	}
	for pointer, d := range all {
		at, ok := slices.BinarySearch(s.pointers, pointer)
		check(ok && included(leafHash(d.bytes), int64(at), int64(len(s.pointers)), d.proof, e.sealed), "%s is not what was committed", pointer)
	}
	return s, values
}

// sealed computes the root over all disclosures from seeds and values.
func sealed(s schema, values map[string]any, seeds map[string][]byte) []byte {
	var leaves [][]byte
	for _, p := range s.pointers {
		seed, ok := seeds[s.groups[p]]
		need(ok, "a seed")
		salt := sha256.Sum256(append(slices.Clone(seed), p...))
		d := []any{base64.StdEncoding.EncodeToString(salt[:16]), p}
		if v, ok := values[p]; ok {
			d = append(d, v)
		}
		leaves = append(leaves, leafHash([]byte(canonical(d))))
	}
	return root(leaves)
}

func root(leaves [][]byte) []byte {
	if len(leaves) == 1 {
		return leaves[0]
	}
	k := 1
	for 2*k < len(leaves) {
		k *= 2
	}
	return nodeHash(root(leaves[:k]), root(leaves[k:]))
}

// Section 4: terms.

func part(s string) string { return string(binary.BigEndian.AppendUint16(nil, uint16(len(s)))) + s }

// termOf verifies a proof of C2SP vrf-r255 and returns the term it proves.
func termOf(public []byte, subject string, proof []byte) []byte {
	kind, id, ok := strings.Cut(subject, "/")
	check(ok && kind != "" && id != "" && max(len(kind), len(id)) <= 65535, "subject")
	const suite = "\xffc2sp.org/vrf-r255"
	hash := func(parts ...[]byte) []byte {
		h := sha512.Sum512(bytes.Join(parts, nil))
		return h[:]
	}
	element := func(b []byte) *ristretto255.Element {
		e, err := ristretto255.NewIdentityElement().SetCanonicalBytes(b)
		check(err == nil, "not an element")
		return e
	}
	scalar := func(b []byte) *ristretto255.Scalar {
		s, err := ristretto255.NewScalar().SetCanonicalBytes(b)
		check(err == nil, "not a scalar")
		return s
	}
	check(!bytes.Equal(public, make([]byte, 32)), "the identity")
	y, gamma := element(public), element(proof[:32])
	c, s := scalar(append(slices.Clone(proof[32:48]), make([]byte, 16)...)), scalar(proof[48:])
	alpha := part("lendlog/term") + part(kind) + part(id)
	h, err := ristretto255.NewIdentityElement().SetUniformBytes(hash([]byte(suite+"\x82"), public, []byte(alpha)))
	check(err == nil, "hash to curve")
	minus := ristretto255.NewScalar().Negate(c)
	mul := func(e *ristretto255.Element, s *ristretto255.Scalar) *ristretto255.Element {
		return ristretto255.NewIdentityElement().ScalarMult(s, e)
	}
	add := func(a, b *ristretto255.Element) []byte { return ristretto255.NewIdentityElement().Add(a, b).Bytes() }
	u := add(ristretto255.NewIdentityElement().ScalarBaseMult(s), mul(y, minus))
	v := add(mul(h, s), mul(gamma, minus))
	again := hash([]byte(suite+"\x02"), public, h.Bytes(), proof[:32], u, v, []byte{0})
	check(bytes.Equal(again[:16], proof[32:48]), "the proof of the subject")
	return hash([]byte(suite+"\x03"), proof[:32], []byte{0})[:32]
}

// Sections 6 and 8: checkpoints and the trust policy.

type key struct {
	name     string
	hash     []byte
	public   ed25519.PublicKey
	from, to int64
}

type trust struct {
	origin       string
	genesis, vrf []byte
	keys         []key
	submitters   map[string][]submitterKey
	witnesses    []key // from and to mean nothing
	quorum       int   // 0 where no witnesses are asked for
	tolerance    int64 // seconds
	chains       []chainOf
	reserved     bool
}

// A submitterKey may sign events whose records have the indexes from to until.
type submitterKey struct {
	jwk         object
	from, until int64
}

// A head is a checkpoint, with the seconds at which witnesses cosigned it.
type head struct {
	size  int64
	root  []byte
	times []int64
}

// readKey reads the verifier key of a ledger, which may sign all sizes.
func readKey(text, origin string) key {
	parts := strings.SplitN(text, "+", 3)
	check(len(parts) == 3, "verifier key")
	b, err := base64.StdEncoding.DecodeString(parts[2])
	check(err == nil && len(b) == 33 && b[0] == 1, "an Ed25519 verifier key")
	h := sha256.Sum256([]byte(parts[0] + "\n" + string(b)))
	check(fmt.Sprintf("%x", h[:4]) == strings.ToLower(parts[1]) && parts[0] == origin, "key hash and name")
	return key{parts[0], h[:4], b[1:], 0, 1<<63 - 1}
}

func parseTrust(b []byte) trust {
	o := parse(b).(object)
	check(get[string](o, "v") == "lendlog-trust/1", "version")
	t := trust{origin: get[string](o, "origin"), genesis: unbase64(get[string](o, "genesis"), 32), vrf: unbase64(get[string](o, "vrf"), 32)}
	for _, item := range get[[]any](o, "keys") {
		ko := item.(object)
		k := readKey(get[string](ko, "key"), t.origin)
		if has(ko, "from") {
			k.from = number(ko, "from")
		}
		if has(ko, "to") {
			k.to = number(ko, "to")
		}
		done(ko)
		t.keys = append(t.keys, k)
	}
	if has(o, "submitters") {
		t.submitters = map[string][]submitterKey{}
		for _, item := range get[[]any](o, "submitters") {
			s := item.(object)
			id := get[string](s, "id")
			k := submitterKey{jwk: get[object](s, "jwk"), until: 1<<63 - 1}
			if has(s, "from") {
				k.from = number(s, "from")
			}
			if has(s, "until") {
				k.until = number(s, "until")
				check(k.until >= 1, "until")
			}
			check(k.from >= 0 && k.from <= k.until, "the range of a submitter's key")
			t.submitters[id] = append(t.submitters[id], k)
			done(s)
		}
	}
	if has(o, "witnesses") {
		w := get[object](o, "witnesses")
		distinct := map[string]bool{}
		for _, item := range get[[]any](w, "keys") {
			parts := strings.SplitN(item.(string), "+", 3)
			check(len(parts) == 3, "verifier key of a witness")
			b := unbase64(parts[2], 33)
			h := sha256.Sum256([]byte(parts[0] + "\n" + string(b)))
			check(b[0] == 4 && parts[0] != "" && fmt.Sprintf("%x", h[:4]) == strings.ToLower(parts[1]), "verifier key of a witness")
			t.witnesses = append(t.witnesses, key{name: parts[0], hash: h[:4], public: b[1:]})
			distinct[string(b[1:])] = true
		}
		t.quorum, t.tolerance = int(number(w, "quorum")), 300
		check(t.quorum >= 1 && t.quorum <= len(distinct), "quorum")
		if has(w, "toleranceSeconds") {
			t.tolerance = number(w, "toleranceSeconds")
			check(t.tolerance >= 1, "tolerance")
		}
		done(w)
	}
	if has(o, "chains") {
		for _, item := range get[[]any](o, "chains") {
			t.chains = append(t.chains, parseChain(item.(object)))
		}
		check(len(t.chains) > 0, "chains")
	}
	for _, name := range []string{"stamps", "maxAgeSeconds"} { // which this verifier cannot check
		t.reserved = t.reserved || has(o, name)
		delete(o, name)
	}
	if t.tolerance == 0 {
		t.tolerance = 300
	}
	done(o)
	return t
}

// A signature is a line below a signed note.
type signature struct {
	name, text string
	b          []byte // key id and signature
}

// noteOf takes a signed note (C2SP signed-note) apart.
func noteOf(note string) (text string, lines []signature) {
	i := strings.LastIndex(note, "\n\n")
	check(i >= 0 && strings.HasSuffix(note, "\n"), "not a signed note")
	for _, line := range strings.Split(strings.TrimSuffix(note[i+2:], "\n"), "\n") {
		line, ok := strings.CutPrefix(line, "— ")
		name, sig, ok2 := strings.Cut(line, " ")
		check(ok && ok2, "signature line")
		b, err := base64.StdEncoding.DecodeString(sig)
		check(err == nil && len(b) >= 5, "signature line")
		lines = append(lines, signature{name, sig, b})
	}
	return note[:i+1], lines
}

// of reports whether a line claims to be of a key, and then verifies it.
func (s signature) of(k key, text string) bool {
	if s.name != k.name || !bytes.Equal(s.b[:4], k.hash) {
		return false
	}
	check(ed25519.Verify(k.public, []byte(text), s.b[4:]) && base64.StdEncoding.EncodeToString(s.b) == s.text, "the signature is wrong")
	return true
}

// open verifies a signed note that holds a checkpoint.
func (t trust) open(note string) (h head) {
	var size int64
	var root []byte
	cosigned := map[string]bool{}
	inRange := false
	text, signatures := noteOf(note)
	for _, s := range signatures {
		name, sig, b := s.name, s.text, s.b
		for _, k := range t.keys {
			if !s.of(k, text) {
				continue
			}
			lines := strings.Split(text, "\n")
			check(len(lines) == 4 && lines[0] == t.origin, "a checkpoint of this ledger")
			var err error
			size, err = strconv.ParseInt(lines[1], 10, 64)
			check(err == nil && strconv.FormatInt(size, 10) == lines[1] && size >= 0, "size")
			root = unbase64(lines[2], 32)
			inRange = inRange || size >= k.from && size <= k.to
		}
		for _, w := range t.witnesses {
			if name != w.name || !bytes.Equal(b[:4], w.hash) {
				continue
			}
			check(len(b) == 4+8+64 && base64.StdEncoding.EncodeToString(b) == sig, "cosignature")
			at := binary.BigEndian.Uint64(b[4:])
			check(at < 1<<40 && ed25519.Verify(w.public, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at, text), b[12:]), "the cosignature is wrong")
			if !cosigned[string(w.public)] {
				h.times = append(h.times, int64(at))
			}
			cosigned[string(w.public)] = true
		}
	}
	check(inRange, "no key of the policy signed this size")
	slices.Sort(h.times)
	h.size, h.root = size, root
	return h
}

// prefix verifies as RFC 9162, section 2.1.4.2 says that the smaller of two
// trees is a prefix of the larger.
func prefix(older, newer head, proof [][]byte) bool {
	if older.size == newer.size || older.size == 0 {
		return len(proof) == 0 && (older.size == 0 || bytes.Equal(older.root, newer.root))
	}
	if older.size&(older.size-1) == 0 {
		proof = append([][]byte{older.root}, proof...)
	}
	if len(proof) == 0 {
		return false
	}
	fn, sn := older.size-1, newer.size-1
	for fn&1 == 1 {
		fn, sn = fn>>1, sn>>1
	}
	fr, sr := proof[0], proof[0]
	for _, c := range proof[1:] {
		if sn == 0 {
			return false
		}
		if fn&1 == 1 || fn == sn {
			fr, sr = nodeHash(c, fr), nodeHash(c, sr)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		} else {
			sr = nodeHash(sr, c)
		}
		fn, sn = fn>>1, sn>>1
	}
	return sn == 0 && bytes.Equal(fr, older.root) && bytes.Equal(sr, newer.root)
}

// Section 16: anchors.

// A chainOf is what a policy says of a contract on a chain.
type chainOf struct {
	id         int64
	contract   string
	publishers []object // address, from, to
	blocks     map[int64][]string
	times      map[string]int64 // by hash
}

func parseChain(o object) chainOf {
	c := chainOf{id: number(o, "id"), contract: hexadecimal(get[string](o, "contract"), 20), blocks: map[int64][]string{}, times: map[string]int64{}}
	check(c.id > 0, "id of a chain")
	delete(o, "name")
	if has(o, "testnet") {
		get[bool](o, "testnet")
	}
	for _, item := range get[[]any](o, "publishers") {
		p := item.(object)
		of := object{"address": hexadecimal(get[string](p, "address"), 20), "from": int64(0), "to": int64(1<<63 - 1)}
		for _, name := range []string{"from", "to"} {
			if has(p, name) {
				of[name] = number(p, name)
			}
		}
		done(p)
		c.publishers = append(c.publishers, of)
	}
	check(len(c.publishers) > 0, "publishers")
	if has(o, "blocks") {
		for _, item := range get[[]any](o, "blocks") {
			b := item.(object)
			n := number(b, "number")
			hash := hexadecimal(get[string](b, "hash"), 32)
			c.blocks[n] = append(c.blocks[n], hash)
			if has(b, "time") {
				c.times[hash] = number(b, "time")
			}
			done(b)
		}
	}
	done(o)
	return c
}

func hexadecimal(s string, size int) string {
	check(regexp.MustCompile(fmt.Sprintf("^0x[0-9a-f]{%d}$", 2*size)).MatchString(s), "hexadecimal digits")
	return s
}

func upTo(s string, size int) []byte {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	check(err == nil && len(b) <= size && base64.StdEncoding.EncodeToString(b) == s, "base64")
	return b
}

// Section 20: new checkpoint keys.

var keyChange = regexp.MustCompile(`^lendlog/key-change/1\n([^\n]*)\n([^\n]*)\n([1-9][0-9]*)\n([1-9][0-9]*)\n$`)

// after returns the policy once the key of a statement was announced.
func (t trust) after(statement string, index int64) trust {
	text, signatures := noteOf(statement)
	m := keyChange.FindStringSubmatch(text)
	check(m != nil && len(statement) <= 8192 && m[1] == t.origin, "a statement of this ledger")
	fresh := readKey(m[2], t.origin)
	from, err := strconv.ParseInt(m[3], 10, 64)
	until, err2 := strconv.ParseInt(m[4], 10, 64)
	check(err == nil && err2 == nil && from <= until && until < 1<<53 && from == index+1, "the sizes of a statement")
	fresh.from = from
	byFresh, byOld := false, false
	later := t
	later.keys = nil
	for _, k := range t.keys {
		check(!bytes.Equal(k.hash, fresh.hash), "the policy has the key")
		for _, s := range signatures {
			byOld = byOld || from >= k.from && from <= k.to && s.of(k, text)
		}
		if k.from <= until {
			k.to = min(k.to, until)
		}
		later.keys = append(later.keys, k)
	}
	for _, s := range signatures {
		byFresh = s.of(fresh, text) || byFresh
	}
	check(byFresh && byOld, "who signed a statement")
	later.keys = append(later.keys, fresh)
	return later
}

// following returns the policy under which a file is verified, and whether that is
// another one, which has the keys that the file announces.
func (t trust) following(checkpoint string, records []any) (trust, bool) {
	if v, _ := judge(func() { t.open(checkpoint) }); v == valid {
		return t, false
	}
	at := func(r any) int64 {
		n, _ := r.(object)["index"].(json.Number).Int64()
		return n
	}
	later := t
	for _, r := range slices.SortedStableFunc(slices.Values(records), func(a, b any) int { return cmp.Compare(at(a), at(b)) }) {
		_, _ = judge(func() {
			e := parseLeaf([]byte(r.(object)["entry"].(string)), at(r))
			check(e != nil && e.typ == typeKeyChanged, "another record")
			statement, ok := e.open["statement"].(string)
			check(ok, "no statement")
			later = later.after(statement, at(r))
		})
	}
	v, _ := judge(func() { later.open(checkpoint) })
	if v != valid {
		return t, false
	}
	return later, true
}

// An anchor is a checkpoint in a block of a chain of the policy.
type anchor struct {
	size, time int64
	confirmed  bool
}

func keccak(b []byte) string {
	d := sha3.NewLegacyKeccak256()
	d.Write(b)
	return string(d.Sum(nil))
}

// rlp reads one item: a string, or a list of items as []any.
func rlp(b string) (v any, rest string) {
	check(b != "", "RLP is cut off")
	first := int(b[0])
	if first < 0x80 {
		return b[:1], b[1:]
	}
	base := 0x80
	if first >= 0xc0 {
		base = 0xc0
	}
	size := first - base
	b = b[1:]
	if size > 55 {
		n := size - 55
		check(len(b) >= n && b[0] != 0, "the length of RLP")
		told := new(big.Int).SetBytes([]byte(b[:n]))
		b = b[n:]
		check(told.Cmp(big.NewInt(55)) > 0 && told.Cmp(big.NewInt(int64(len(b)))) <= 0, "the length of RLP")
		size = int(told.Int64())
	}
	check(size <= len(b), "RLP is cut off")
	content, rest := b[:size], b[size:]
	if base == 0x80 {
		check(size != 1 || content[0] >= 0x80, "RLP in its shortest form")
		return content, rest
	}
	items := []any{}
	for content != "" {
		var item any
		item, content = rlp(content)
		items = append(items, item)
	}
	return items, rest
}

// shallow is rlp of a list that is not read further than to its items.
func shallow(b string) (items []any) {
	v, rest := rlp(b)
	check(rest == "", "something behind RLP")
	return v.([]any)
}

func bytesOf(v any, size int) string {
	s := v.(string)
	check(len(s) == size, "so many bytes")
	return s
}

func integerOf(v any, bits int) int64 {
	s := v.(string)
	check(len(s) <= 8 && (s == "" || s[0] != 0), "an integer")
	n := new(big.Int).SetBytes([]byte(s))
	check(n.BitLen() <= bits, "an integer that is not too large")
	return n.Int64()
}

func halfBytes(s string) string {
	out := ""
	for i := range len(s) {
		out += string([]byte{s[i] >> 4, s[i] & 15})
	}
	return out
}

// onChain verifies that a contract logged a head, and says whether the policy
// knows the contract and the publisher.
func (t trust) onChain(h head, o object) (anchor, bool) {
	id, contract := number(o, "id"), hexadecimal(get[string](o, "contract"), 20)
	header := upTo(get[string](o, "header"), 2048)
	index, at := number(o, "transaction"), number(o, "log")
	list := get[[]any](o, "receipt")
	check(len(list) > 0 && len(list) <= 19, "nodes")
	delete(o, "finality")
	done(o)

	items := shallow(string(header))
	check(len(items) >= 15, "items of a header")
	bytesOf(items[0], 32)
	hash, want := keccak(header), bytesOf(items[5], 32)
	block, seconds := integerOf(items[8], 53), integerOf(items[11], 40)

	be := binary.BigEndian.AppendUint64(nil, uint64(index))
	path := strings.TrimLeft(string(be), "\x00")
	if len(path) != 1 || path[0] >= 0x80 {
		path = string([]byte{0x80 + byte(len(path))}) + path
	}
	path = halfBytes(path)
	receipt, found := "", false
	for _, item := range list {
		node := upTo(item.(string), 1<<16)
		check(!found && keccak(node) == want, "the hash of a node")
		switch items := shallow(string(node)); len(items) {
		case 17:
			for i, v := range items {
				check(v == "" || i < 16 && len(v.(string)) == 32, "a branch")
			}
			check(path != "", "the end of the path")
			want, path = bytesOf(items[path[0]], 32), path[1:]
		case 2:
			part := halfBytes(items[0].(string))
			check(part != "" && part[0] <= 3 && (part[0]&1 == 1 || part[1] == 0), "the flag of a path")
			leaf := part[0] >= 2
			part = part[2-part[0]&1:]
			check(strings.HasPrefix(path, part) && (leaf || part != ""), "the path")
			if path = path[len(part):]; !leaf {
				want = bytesOf(items[1], 32)
				break
			}
			check(path == "", "the path")
			receipt, found = items[1].(string), true
		default:
			check(false, "a node")
		}
	}
	check(found && receipt != "", "a leaf")
	if receipt[0] <= 0x7f {
		receipt = receipt[1:]
	}
	items = shallow(receipt)
	check(len(items) >= 4 && items[0] == "\x01", "the receipt")
	logs := items[3].([]any)
	check(at < int64(len(logs)), "the log")
	log := logs[at].([]any)
	check(len(log) == 3 && fmt.Sprintf("0x%x", bytesOf(log[0], 20)) == contract, "the contract")
	words, data := log[1].([]any), bytesOf(log[2], 160)
	check(len(words) == 4, "topics")
	word := func(i int) string { return bytesOf(words[i], 32) }
	check(word(0) == keccak([]byte("Anchored(address,bytes32,uint64,bytes32,uint64,uint64,bytes32,bytes24)")), "the event")
	zeros := word(1)[:12] + word(3)[:24] + data[32:56] + data[64:88] + data[152:]
	check(strings.Trim(zeros, "\x00") == "", "padding")
	of := sha256.Sum256([]byte(t.origin))
	check(word(2) == string(of[:]) && word(3)[24:] == string(binary.BigEndian.AppendUint64(nil, uint64(h.size))) && data[:32] == string(h.root), "another checkpoint")

	for _, c := range t.chains {
		if c.id != id || c.contract != contract {
			continue
		}
		for _, p := range c.publishers {
			if p["address"] == fmt.Sprintf("0x%x", word(1)[12:]) && p["from"].(int64) <= h.size && h.size <= p["to"].(int64) {
				known := c.blocks[block]
				confirmed := slices.Contains(known, fmt.Sprintf("0x%x", hash))
				check(confirmed || len(known) == 0, "another block")
				return anchor{h.size, seconds, confirmed}, true
			}
		}
	}
	return anchor{}, false
}

// milliseconds returns a time of recording in milliseconds since 1970.
func milliseconds(recorded string) int64 {
	at, err := time.Parse(time.RFC3339, recorded)
	check(err == nil, "recorded")
	return at.UnixMilli()
}

// Section 7 and 10: evidence.

// verified is what a file of evidence was found to hold.
type verified struct {
	size     int64
	root     []byte
	entries  map[int64]*entry
	leaves   map[int64][]byte
	subjects map[string]string // of claims of completeness, by term
	mapped   []byte            // root of the map in the last leaf; nil when that is not in the file
}

func verify(t trust, doc []byte) verified {
	o := parse(doc).(object)
	check(get[string](o, "v") == "lendlog-evidence/1", "version")
	records := get[[]any](o, "records")
	signed := get[string](o, "checkpoint")
	t, announced := t.following(signed, records)
	own := t.open(signed)
	size, root := own.size, own.root
	heads, cosigned := []head{own}, len(own.times) >= t.quorum
	if has(o, "witnesses") {
		list := get[[]any](o, "witnesses")
		check(len(list) > 0 && len(list) <= 2048, "none or too many witnessed checkpoints")
		for _, item := range list {
			w := item.(object)
			h := t.open(get[string](w, "checkpoint"))
			older, newer := h, own
			if older.size > newer.size {
				older, newer = newer, older
			}
			check(prefix(older, newer, hashes(get[[]any](w, "proof"))), "a witnessed checkpoint is of another tree")
			done(w)
			heads = append(heads, h)
			cosigned = cosigned || h.size >= own.size && len(h.times) >= t.quorum
		}
	}
	var anchors []anchor
	if has(o, "anchors") {
		list := get[[]any](o, "anchors")
		check(len(list) > 0 && len(list) <= 2048, "none or too many anchors")
		for _, item := range list {
			a := item.(object)
			h := t.open(get[string](a, "checkpoint"))
			older, newer := h, own
			if older.size > newer.size {
				older, newer = newer, older
			}
			check(prefix(older, newer, hashes(get[[]any](a, "proof"))), "an anchored checkpoint is of another tree")
			check(has(a, "chain") != has(a, "stamp"), "an anchor of one kind")
			if has(a, "chain") {
				if found, ok := t.onChain(h, get[object](a, "chain")); ok {
					anchors = append(anchors, found)
				}
			} else {
				upTo(get[string](a, "stamp"), 1<<16)
			}
			done(a)
		}
	}
	g := get[object](o, "genesis")
	first := []byte(get[string](g, "entry"))
	check(bytes.Equal(leafHash(first), t.genesis) && included(t.genesis, 0, size, hashes(get[[]any](g, "proof")), root), "genesis")
	done(g)
	ge := parseLeaf(first, 0)
	check(ge != nil && ge.typ == typeGenesis && ge.open["origin"] == t.origin &&
		ge.open["vrfKey"] == base64.StdEncoding.EncodeToString(t.vrf), "the policy is of another ledger")
	schemas := map[string][]byte{}
	for _, s := range get[[]any](o, "schemas") {
		h := sha256.Sum256([]byte(s.(string)))
		schemas[string(h[:])] = []byte(s.(string))
	}
	check(len(records) > 0, "no record")
	missing := ""
	if announced {
		missing = "the new key in the trust file"
	}
	file := verified{size: size, root: root, entries: map[int64]*entry{}, leaves: map[int64][]byte{}, subjects: map[string]string{}}
	var claims []object
	if has(o, "completeness") {
		for _, c := range get[[]any](o, "completeness") {
			claims = append(claims, c.(object))
		}
		check(len(claims) > 0 && len(claims) <= 1024, "none or too many claims")
	}
	lookups := map[string][]byte{}
	for _, c := range claims {
		subject := get[string](c, "subject")
		of := string(termOf(t.vrf, subject, unbase64(get[string](c, "proof"), 80)))
		check(file.subjects[of] == "", "claimed twice")
		text := get[string](c, "map")
		lookup, err := base64.StdEncoding.Strict().DecodeString(text)
		check(err == nil && len(lookup) <= 16<<10 && base64.StdEncoding.EncodeToString(lookup) == text, "base64")
		file.subjects[of], lookups[of] = subject, lookup
		done(c)
	}
	for _, r := range records {
		// A check that cannot be made must not hide one that fails.
		if v, why := judge(func() { verifyRecord(t, r.(object), &file, schemas) }); v == incomplete {
			missing = why
		} else {
			check(v == valid, "%s", why)
		}
	}
	entries, leaves := file.entries, file.leaves
	for i, a := range entries {
		for j, b := range entries {
			if i >= j {
				continue
			}
			check(a.recorded <= b.recorded, "recorded")
			if bytes.Equal(a.term, b.term) {
				check(a.seq < b.seq && (a.seq+1 < b.seq || bytes.Equal(b.prev, leaves[i])), "chain")
			}
		}
	}
	for of, lookup := range lookups {
		if file.mapped == nil {
			missing = "the last index-root"
			break
		}
		var chain []*entry
		for _, e := range entries {
			if string(e.term) == of {
				chain = append(chain, e)
			}
		}
		slices.SortFunc(chain, func(a, b *entry) int { return cmp.Compare(a.index, b.index) })
		var value []byte
		for i, e := range chain {
			check(e.seq == int64(i)+1, "a record of the subject is missing")
			value = append(binary.BigEndian.AppendUint64(nil, uint64(i+1)), leaves[e.index]...)
		}
		mapHas(file.mapped, []byte(of), value, lookup)
	}
	for i, e := range entries {
		if e.typ == typeKeyChanged {
			continue
		}
		after, before := int64(-1), int64(-1)
		for _, h := range heads {
			switch n := len(h.times); {
			case t.quorum == 0 || n < t.quorum:
			case h.size <= i:
				after = max(after, h.times[n-t.quorum])
			case before < 0 || h.times[t.quorum-1] < before:
				before = h.times[t.quorum-1]
			}
		}
		at := milliseconds(e.recorded)
		check(after < 0 || at >= 1000*(after-t.tolerance), "dated back")
		check(before < 0 || at <= 1000*(before+t.tolerance), "dated forward")
		if t.quorum > 0 && (after < 0 || before < 0) {
			missing = "a witnessed checkpoint before or after"
		}
	}
	for i := range leaves {
		if len(t.chains) == 0 {
			break
		}
		if e, ok := entries[i]; ok && e.typ == typeKeyChanged {
			continue
		}
		before := int64(-1)
		for _, a := range anchors {
			if a.size > i && a.confirmed && (before < 0 || a.time < before) {
				before = a.time
			}
		}
		if before < 0 {
			missing = "an anchor"
		} else if e, ok := entries[i]; ok {
			check(milliseconds(e.recorded) <= 1000*(before+t.tolerance), "anchored before")
		}
	}
	for i, e := range entries {
		if e.typ != "org.lendlog.chain.observed.v1" {
			continue
		}
		for _, c := range t.chains {
			if fmt.Sprint(e.open["chain"]) != fmt.Sprint(c.id) {
				continue
			}
			block, err := strconv.ParseInt(fmt.Sprint(e.open["block"]), 10, 64)
			hash, ok := e.open["blockHash"].(string)
			if err != nil || !ok || !regexp.MustCompile("^0x[0-9a-f]{64}$").MatchString(hash) {
				continue
			}
			known := c.blocks[block]
			check(len(known) == 0 || slices.Contains(known, hash), "another block")
			for j, later := range entries {
				if at, ok := c.times[hash]; ok && len(known) > 0 && j >= i {
					check(milliseconds(later.recorded) >= 1000*(at-t.tolerance), "before the block")
				}
			}
		}
	}
	need(cosigned, "a quorum of witnesses")
	need(missing == "", missing)
	need(len(o) == 0, "unknown sections")
	need(!t.reserved, "the policy")
	return file
}

// mapHas verifies what section 7 says of a lookup; value is nil for a key that
// is missing.
func mapHas(root, key, value, proof []byte) {
	varint := func() uint64 {
		n, w := binary.Uvarint(proof)
		check(w > 0 && len(binary.AppendUvarint(nil, n)) == w, "a varint")
		proof = proof[w:]
		return n
	}
	bytesOf := func(n uint64) []byte {
		check(n <= uint64(len(proof)), "the proof is short")
		b := proof[:n]
		proof = proof[n:]
		return b
	}
	hash := func(parts ...[]byte) []byte {
		h := sha256.Sum256(bytes.Join(parts, nil))
		return h[:]
	}
	length := func(b []byte) []byte { return binary.AppendUvarint(nil, uint64(len(b))) }
	if empty := hash(); value == nil && bytes.Equal(root, empty) {
		check(len(proof) == 0, "the empty map")
		return
	}
	at := key
	if value == nil {
		at = bytesOf(varint())
		value = bytesOf(varint())
		check(!bytes.Equal(at, key), "the key is there")
	}
	// Behind its end a key goes on with a zero byte, and then with ones.
	bit := func(k []byte, n uint64) byte {
		switch i := n / 8; {
		case i < uint64(len(k)):
			return k[i] >> (7 - n%8) & 1
		case i == uint64(len(k)):
			return 0
		}
		return 1
	}
	h := hash([]byte{0}, length(at), at, length(value), value)
	for last := ^uint64(0); len(proof) > 0; {
		n := varint()
		check(n < last && bit(at, n) == bit(key, n), "a step")
		last = n
		left, right := h, bytesOf(32)
		if bit(key, n) == 1 {
			left, right = right, left
		}
		h = hash([]byte{1}, binary.AppendUvarint(nil, n), left, right)
	}
	check(bytes.Equal(h, root), "the map")
}

// against holds a receipt against evidence.
func against(t trust, file verified, doc []byte) {
	o := parse(doc).(object)
	check(get[string](o, "v") == "lendlog-receipt/1", "version")
	h := t.open(get[string](o, "checkpoint"))
	size, root := h.size, h.root
	index, b := number(o, "index"), []byte(get[string](o, "entry"))
	e := parseLeaf(b, index)
	check(e != nil, "an index-root")
	need(has(o, "proof"), "proof")
	check(included(leafHash(b), index, size, hashes(get[[]any](o, "proof")), root), "inclusion")
	check(size != file.size || bytes.Equal(root, file.root), "two trees of one size")
	if leaf, ok := file.leaves[index]; ok {
		check(bytes.Equal(leaf, leafHash(b)), "another record in its place")
		return
	}
	need(file.subjects[string(e.term)] != "", "nothing is claimed of its subject")
	need(file.mapped != nil && index < file.size-1, "it came later")
	check(false, "it was left out")
}

func verifyRecord(t trust, r object, file *verified, schemas map[string][]byte) {
	index, b := number(r, "index"), []byte(get[string](r, "entry"))
	e := parseLeaf(b, index)
	check(included(leafHash(b), index, file.size, hashes(get[[]any](r, "proof")), file.root), "inclusion")
	list := get[[]any](r, "disclosures")
	file.leaves[index] = leafHash(b)
	if e == nil {
		check(len(list) == 0, "an index-root discloses nothing")
		if index == file.size-1 {
			file.mapped = unbase64(get[string](parse(b).(object), "root"), 32)
		}
		done(r)
		return
	}
	e.index = index
	file.entries[index] = e
	var s schema
	values := map[string]any{}
	missing := ""
	if len(list) > 0 {
		v, why := judge(func() { s, values = disclose(e, list, schemas) })
		check(v != invalid, "%s", why)
		missing = why
	}
	shown, isShown := values["/subject"]
	if has(r, "subject") {
		sub := get[object](r, "subject")
		name := get[string](sub, "subject")
		check(!isShown || shown == name, "another subject is disclosed")
		check(bytes.Equal(termOf(t.vrf, name, unbase64(get[string](sub, "proof"), 80)), e.term), "another subject's record")
		done(sub)
		isShown = false
	}
	if claimed := file.subjects[string(e.term)]; claimed != "" && isShown {
		check(shown == claimed, "another subject is claimed")
		isShown = false
	}
	done(r)
	if isShown {
		missing = "the subject's proof"
	}
	if t.submitters != nil && e.typ != "org.lendlog.chain.observed.v1" && e.typ != typeKeyChanged {
		need(len(s.pointers) > 0 && len(values) == len(s.pointers), "all members")
		signed(t, index, e, s, values)
	}
	need(missing == "", missing)
}

// Section 11: the submitter's signature.

func signed(t trust, index int64, e *entry, s schema, values map[string]any) {
	at, id := e.time, e.submitter
	if e.typ == typeRestricted {
		at, id = values["/time"].(string), values["/submitter"].(string)
	}
	data := object{}
	event := object{"specversion": "1.0", "type": s.typ, "time": at, "data": data}
	for name, v := range e.open {
		data[name] = v
	}
	for p, v := range values {
		name, isData := strings.CutPrefix(p, "/data/")
		switch {
		case v == nil:
		case isData:
			data[name] = v
		case p == "/extensions":
			for name, v := range v.(object) {
				event[name] = v
			}
		case p != "/signature" && s.groups[p] == "party":
			event[p[1:]] = v
		}
	}
	signature, ok := values["/signature"].(string)
	need(ok, "no signature")
	need(len(t.submitters[id]) > 0, "no key of the submitter")
	header, sig, ok := strings.Cut(signature, "..")
	raw, err := base64.RawURLEncoding.DecodeString(sig)
	check(ok && err == nil && len(raw) == 64 && base64.RawURLEncoding.EncodeToString(raw) == sig, "JWS")
	h, err := base64.RawURLEncoding.DecodeString(header)
	check(err == nil, "JWS")
	o := parse(h).(object)
	alg := get[string](o, "alg")
	check(get[string](o, "kid") == id && get[string](o, "origin") == t.origin, "kid or origin")
	done(o)
	input := []byte(header + "." + base64.RawURLEncoding.EncodeToString([]byte(canonical(event))))
	good := false
	for _, k := range t.submitters[id] {
		if index < k.from || index > k.until {
			continue
		}
		jwk := k.jwk
		coordinate := func(name string) []byte {
			b, err := base64.RawURLEncoding.DecodeString(jwk[name].(string))
			check(err == nil && len(b) == 32, "JWK")
			return b
		}
		switch alg + "/" + jwk["kty"].(string) + "/" + jwk["crv"].(string) {
		case "EdDSA/OKP/Ed25519":
			good = good || ed25519.Verify(coordinate("x"), input, raw)
		case "ES256/EC/P-256":
			k, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, coordinate("x"), coordinate("y")))
			check(err == nil, "JWK")
			d := sha256.Sum256(input)
			good = good || ecdsa.Verify(k, d[:], new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:]))
		}
	}
	check(good, "the submitter's signature is wrong")
}

// Section 9: receipts.

func verifyReceipt(t trust, doc, eventDoc, schemaText []byte) {
	o := parse(doc).(object)
	check(get[string](o, "v") == "lendlog-receipt/1", "version")
	h := t.open(get[string](o, "checkpoint"))
	index, b := number(o, "index"), []byte(get[string](o, "entry"))
	e := parseLeaf(b, index)
	check(e != nil, "an index-root")
	need(has(o, "proof"), "proof")
	check(included(leafHash(b), index, h.size, hashes(get[[]any](o, "proof")), h.root), "inclusion")
	cosigned := len(h.times) >= t.quorum
	if t.quorum > 0 && cosigned {
		check(milliseconds(e.recorded) <= 1000*(h.times[t.quorum-1]+t.tolerance), "dated forward")
	}
	seeds := map[string][]byte{}
	for group, v := range get[object](o, "seeds") {
		seeds[group] = unbase64(v.(string), 32)
	}
	s := parseSchema(schemaText)
	digest := sha256.Sum256(schemaText)
	event := parse(eventDoc).(object)
	values, open, extensions := map[string]any{}, object{}, object{}
	for name, v := range event["data"].(object) {
		if s.open[name] {
			open[name] = v
		} else {
			values["/data/"+name] = v
		}
	}
	for name, v := range event {
		switch {
		case slices.Contains([]string{"specversion", "data", "time", "type"}, name):
		case slices.Contains(attributes, "/"+name):
			values["/"+name] = v
		default:
			extensions[name] = v
		}
	}
	if len(extensions) > 0 {
		values["/extensions"] = extensions
	}
	check(event["type"] == s.typ && (event["capture"] == "import") == (e.capture == "import"), "type or capture")
	if s.restricted {
		check(e.typ == typeRestricted, "written openly")
		need(has(o, "restricted"), "restricted")
		x := get[object](o, "restricted")
		values["/submitter"], values["/time"] = get[string](x, "submitter"), event["time"]
		values["/type"] = object{"name": event["type"], "schema": base64.StdEncoding.EncodeToString(digest[:])}
		if refs := get[[]any](x, "refs"); len(refs) > 0 {
			values["/refs"] = refs
		}
		done(x)
	} else {
		check(e.typ == s.typ && e.time == event["time"] && canonical(e.open) == canonical(open), "type, time or open")
		need(bytes.Equal(e.schema, digest[:]), "schema")
	}
	done(o)
	for group := range seeds {
		check(slices.Contains(slices.Collect(maps.Values(s.groups)), group), "a seed of no group")
	}
	check(bytes.Equal(sealed(s, values, seeds), e.sealed), "sealed")
	if t.submitters != nil {
		signed(t, index, e, s, values)
	}
	need(cosigned, "a quorum of witnesses")
	need(len(t.chains) == 0, "anchors")
	need(!t.reserved, "the policy")
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func want(t *testing.T, name, verdict string, f func()) {
	t.Helper()
	if got, why := judge(f); got != verdict {
		t.Errorf("%s is %s (%s), want %s", name, got, why, verdict)
	}
}

func TestEvidence(t *testing.T) {
	plain, signedOnly := parseTrust(read(t, "trust.json")), parseTrust(read(t, "trust-submitters.json"))
	for name, withKeys := range map[string]string{
		"evidence.json": incomplete, "evidence-plain.json": incomplete, "evidence-signed.json": incomplete, "evidence-restricted.json": incomplete,
	} {
		want(t, name, valid, func() { verify(plain, read(t, name)) })
		want(t, name, withKeys, func() { verify(signedOnly, read(t, name)) })
	}
	// Of evidence-signed.json the second record is signed and disclosed whole.
	o := parse(read(t, "evidence-signed.json")).(object)
	o["records"] = o["records"].([]any)[1:]
	one := []byte(canonical(o))
	want(t, "the signed record", valid, func() { verify(signedOnly, one) })
	other := bytes.Replace(one, []byte("..bPN"), []byte("..cPN"), 1)
	if bytes.Equal(one, other) {
		t.Fatal("the signature is another than this test expects")
	}
	want(t, "another signature", invalid, func() { verify(signedOnly, other) })
	o["later"] = true
	want(t, "a section", incomplete, func() { verify(plain, []byte(canonical(o))) })
}

func TestReceipts(t *testing.T) {
	p := parseTrust(read(t, "trust.json"))
	event, restricted := read(t, "event.json"), read(t, "event-restricted.json")
	decided, noted := read(t, "decided.schema.json"), read(t, "noted.schema.json")
	want(t, "receipt.json", valid, func() { verifyReceipt(p, read(t, "receipt.json"), event, decided) })
	want(t, "receipt-restricted.json", valid, func() { verifyReceipt(p, read(t, "receipt-restricted.json"), restricted, noted) })
	other := bytes.Replace(event, []byte("12000.00"), []byte("12000.01"), 1)
	want(t, "a receipt of another event", invalid, func() { verifyReceipt(p, read(t, "receipt.json"), other, decided) })
}

// Of every test vector both verifiers say what the manifest says.
func TestVectors(t *testing.T) {
	var manifest []struct{ File, Trust, Event, Schema, Against, Verdict, Check, Why string }
	if err := json.Unmarshal(read(t, "vectors/manifest.json"), &manifest); err != nil {
		t.Fatal(err)
	}
	for _, v := range manifest {
		file := func(name string) []byte { return read(t, "vectors/"+name) }
		var p trust
		doc, kind := file(v.File), ""
		if refused, _ := strict(func() { p = parseTrust(file(v.Trust)) }); refused != valid {
			if v.Verdict != "REFUSED" {
				t.Errorf("the policy of %s is refused", v.File)
			}
			continue
		}
		judge(func() { kind, _ = parse(doc).(object)["v"].(string) })
		verdict, why := "UNREAD", ""
		switch kind {
		case "lendlog-evidence/1":
			verdict, why = strict(func() {
				if found := verify(p, doc); v.Against != "" {
					against(p, found, file(v.Against))
				}
			})
		case "lendlog-receipt/1":
			verdict, why = strict(func() { verifyReceipt(p, doc, file(v.Event), file(v.Schema)) })
		}
		if strings.Contains(v.Trust, "stamps") {
			v.Verdict = incomplete // for this verifier cannot verify time stamps
		}
		if verdict != v.Verdict {
			t.Errorf("%s is %s (%s), want %s: %s", v.File, verdict, why, v.Verdict, v.Why)
		}
	}
	if len(manifest) < 70 {
		t.Errorf("there are %d vectors", len(manifest))
	}
}

// strict is judge for a document that may have a value of a wrong type, which
// shows as a panic.
func strict(f func()) (verdict, why string) {
	defer func() {
		if r := recover(); r != nil {
			verdict, why = invalid, fmt.Sprint(r)
		}
	}()
	return judge(f)
}

// Most bits are tried by the first verifier; here every seventh.
func TestBits(t *testing.T) {
	p, doc := parseTrust(read(t, "trust.json")), read(t, "evidence.json")
	for bit := 0; bit < len(doc)*8; bit += 7 {
		changed := bytes.Clone(doc)
		changed[bit/8] ^= 1 << (bit % 8)
		func() {
			defer func() { _ = recover() }() // a wrong type of JSON value
			if v, _ := judge(func() { verify(p, changed) }); v == valid {
				t.Errorf("VALID with bit %d changed", bit)
			}
		}()
	}
}

// A verifier that shared code with the first would share its errors.
func TestImports(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "second_test.go", nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range f.Imports {
		path, _ := strconv.Unquote(i.Path.Value)
		if strings.Contains(path, ".") && path != "github.com/gtank/ristretto255" && path != "golang.org/x/crypto/sha3" {
			t.Errorf("the second verifier imports %s", path)
		}
	}
	if len(f.Imports) == 0 {
		t.Error("no imports were found")
	}
}
