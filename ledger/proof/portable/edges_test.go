// SPDX-License-Identifier: Apache-2.0

package portable

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"filippo.io/edwards25519"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/mpt"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

// A edge is a job of which docs/formats.md says how it ends.
type edge struct {
	job
	verdict, check string
}

func hold(t *testing.T, edges []edge) {
	t.Helper()
	jobs := make([]job, len(edges))
	for i, e := range edges {
		jobs[i] = e.job
	}
	for i, a := range compare(t, jobs) {
		if e := edges[i]; a.Verdict != e.verdict || e.check != "" && !strings.Contains(a.deciding(), e.check+" ") {
			t.Errorf("%s is %s (%s)%s, want %s by %q", e.name, a.Verdict, a.deciding(), a.texts(), e.verdict, e.check)
		}
	}
}

// Section 1.
func TestJSON(t *testing.T) {
	wide := func(n int) string {
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprintf(`"m%d":0`, i)
		}
		return "{" + strings.Join(names, ",") + "}"
	}
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	plain := string(published(t, "valid-plain.json"))
	var edges []edge
	for _, value := range []string{
		`0`, `-1`, `9007199254740991`, `-9007199254740991`, `""`, `"\u0000\ud83d\ude00\ud83d\uDE00"`, "\"\U0001F600\u2028\x7f\"", `"\/\b\f"`, `[]`, `{}`, ` [ 1 , {"a" : null } ] `,
		`true`, `null`, `{"a":1,"A":2}`, `{"__proto__":1,"constructor":{}}`, deep(31), wide(1024), `"` + strings.Repeat(`\n`, 1<<16) + `"`, `"\uFFFF\uffff"`, "\"\uFFFE\"",
	} {
		edges = append(edges, edge{job{name: "later: " + head(value), Document: []byte(strings.Replace(plain, `"v":`, `"later": `+value+`, "v":`, 1))}, "INCOMPLETE", "sections"})
	}
	for _, value := range []string{
		`-0`, `01`, `-01`, `1.0`, `1e2`, `1E2`, `+1`, `.5`, `1.`, `0x10`, `1_000`, `9007199254740992`, `-9007199254740992`, `18446744073709551616`, strings.Repeat("9", 1<<17), `NaN`, `Infinity`, `-Infinity`,
		`True`, `nul`, `nulll`, `undefined`, `'a'`, `"\ud800"`, `"\udc00\ud800"`, `"\ud800\ud800"`, `"\ud83dx\ude00"`, `"\x41"`, `"\u00G0"`, `"\u 041"`, `"\u+041"`, `"\u41"`, `"\U00000041"`, "\"\x00\"", "\"\n\"", "\"\t\"",
		"\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xed\xa0\xbd\xed\xb8\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xff\"", `[1,]`, `[,1]`, `[1 2]`, `{"a":1,}`, `{"a"}`, `{a:1}`, `{"a":1 "b":2}`, `{"a":1,"\u0061":2}`, `[`, `{`, `"`, `]`,
		"\f1", "\v1", "\u00a01", "\ufeff1", `/**/1`, "", deep(32), deep(1 << 16), strings.Repeat("[", 1<<20), strings.Repeat(`{"a":`, 1<<16), wide(1025), `"` + strings.Repeat("a", 1<<20), `"\`, `"\u`, `٣`, `1٣`,
	} {
		edges = append(edges, edge{job{name: "later: " + head(value), Document: []byte(strings.Replace(plain, `"v":`, `"later": `+value+`, "v":`, 1))}, unread, ""})
	}
	for _, doc := range []string{
		"", " ", "null", "0", `"lendlog-evidence/1"`, "[]", "{}", `{"v":null}`, `{"v":["lendlog-evidence/1"]}`, `{"v":"lendlog-evidence/2"}`, `{"v":"lendlog-trust/1"}`, "\ufeff" + plain, plain + "{}", plain + "\x00", plain[:len(plain)-2],
		`{"v":"lendlog-evidence/1 "}`, `{"V":"lendlog-evidence/1"}`,
	} {
		edges = append(edges, edge{job{name: "document: " + head(doc), Document: []byte(doc)}, unread, ""})
	}
	for _, doc := range []string{`{"v":"lendlog-evidence/1"}`, `{"v":"lendlog-receipt/1"}`} {
		edges = append(edges, edge{job{name: doc, Document: []byte(doc)}, "INVALID", "format"})
	}
	for i := range edges {
		edges[i].Trust = published(t, "trust.json")
	}
	hold(t, edges)
}

func head(s string) string {
	return fmt.Sprintf("%.40q", s)
}

// Section 8. What is no policy is a wrong call.
func TestTrust(t *testing.T) {
	policy := string(published(t, "trust-submitters.json"))
	doc := published(t, "valid-signed.json")
	edges := []edge{{job{name: "as it is", Trust: []byte(policy)}, "VALID", ""}}
	for _, c := range []struct{ old, new, verdict, check string }{
		{`"v":`, `"later": 1, "v":`, badCall, ""},
		{`"v":`, `"maxAgeSeconds": null, "v":`, "INCOMPLETE", "policy"},
		{`"v":`, `"chains": null, "v":`, badCall, ""},
		{`"v":`, `"chains": [], "v":`, badCall, ""},
		{`lendlog-trust/1`, `lendlog-trust/2`, badCall, ""},
		{`"from": 1,`, ``, "VALID", ""},
		{`"from": 1,`, `"from": 0,`, "VALID", ""},
		{`"from": 1,`, `"from": 5,`, "VALID", ""},
		{`"from": 1,`, `"from": 6,`, "INVALID", "checkpoint"},
		{`"from": 1,`, `"from": -1,`, badCall, ""},
		{`"from": 1,`, `"from": null,`, badCall, ""},
		{`"from": 1,`, `"From": 1,`, badCall, ""},
		{`1099511627776`, `5`, "VALID", ""},
		{`1099511627776`, `4`, "INVALID", "checkpoint"},
		{`1099511627776`, `1`, "INVALID", "checkpoint"},
		{`1099511627776`, `0`, badCall, ""},
		{`"from": 1`, `"from": 1099511627777`, badCall, ""},
		{`+af6ed9f6+`, `+AF6ED9F6+`, "VALID", ""},
		{`+af6ed9f6+`, `+af6ed9f7+`, badCall, ""},
		{`golden+af6ed9f6+A`, `golden+af6ed9f6+C`, badCall, ""},
		{`"keys": [`, `"keys": [{"key":"ledger.example/other+af6ed9f6+Acps7tqv26INIy2EVlkb5656nOenNS1G1cg5ZqJiDFfz"},`, badCall, ""},
		{`"keys": [`, `"keys": [{"key":"ledger.example/golden+af6ed9f6+Acps7tqv26INIy2EVlkb5656nOenNS1G1cg5ZqJiDFfz", "to": 2},`, "VALID", ""},
		{`ledger.example/golden",`, `ledger example/golden",`, badCall, ""},
		{`ZnI/dD1UlQOixXOUQ7dYTqy17NXlqn0qfcD7KOi1tGk=`, `AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=`, badCall, ""},
		{`ZnI/dD1UlQOixXOUQ7dYTqy17NXlqn0qfcD7KOi1tGk=`, `7f///////////////////////////////////////38=`, badCall, ""}, // P
		{`ZnI/dD1UlQOixXOUQ7dYTqy17NXlqn0qfcD7KOi1tGk=`, `AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=`, badCall, ""}, // odd
		{`ZnI/dD1UlQOixXOUQ7dYTqy17NXlqn0qfcD7KOi1tGk=`, `7P///////////////////////////////////////38=`, badCall, ""}, // s = -1, of which y is 0
		{`ZnI/dD1UlQOixXOUQ7dYTqy17NXlqn0qfcD7KOi1tGk=`, `4vKuCmq8TnGohKlhxQBRX1jjC2qlgt2Ntqb5RZXmlF0=`, "", ""},      // perhaps one
		{`X5Rre5MpA82q3aPVXvxZdQg8HtKcMm4yWLY5f4ndCrk=`, `X5Rre5MpA82q3aPVXvxZdQg8HtKcMm4yWLY5f4ndCrl=`, badCall, ""},
		{`"crv": "Ed25519",`, `"crv": "Ed25519", "kid": 1, "use": "sig", "alg": "x", "key_ops": [],`, "VALID", ""},
		{`"crv": "Ed25519",`, `"crv": "Ed25519", "d": "x",`, badCall, ""},
		{`"crv": "Ed25519",`, `"crv": "Ed25519", "y": "x",`, badCall, ""},
		{`"crv": "Ed25519",`, `"crv": "Ed448",`, badCall, ""},
		{`"crv": "Ed25519",`, `"crv": "P-256",`, badCall, ""},
		{`"crv": "P-256",`, `"crv": "P-384",`, badCall, ""},
		{`"kty": "EC",`, `"kty": "RSA",`, badCall, ""},
		{`7le0"`, `7le1"`, badCall, ""}, // bits that are of no byte
		{`7le0"`, `7le0="`, badCall, ""},
		{`99DC29E"`, `99DC29I"`, badCall, ""}, // not on the curve
		{`"x": "wKuW`, `"x": "AAAA`, badCall, ""},
		{`"submitters": [`, `"submitters": [], "x": [`, badCall, ""},
	} {
		if strings.Count(policy, c.old) == 0 {
			t.Fatalf("the policy has no %s", c.old)
		}
		edges = append(edges, edge{job{name: c.new, Trust: []byte(strings.Replace(policy, c.old, c.new, 1))}, c.verdict, c.check})
	}
	edges = append(edges, edge{job{name: "long", Trust: append([]byte(policy), bytes.Repeat([]byte(" "), 1<<20)...)}, badCall, ""})
	for i := range edges {
		edges[i].Document = doc
		if edges[i].verdict == "" {
			edges[i].verdict = reference(t, edges[i].job).Verdict
		}
	}
	hold(t, edges)
}

// Section 6: which lines stand below a checkpoint.
func TestCheckpoints(t *testing.T) {
	doc, err := proof.ParseEvidence(published(t, "valid-plain.json"))
	if err != nil {
		t.Fatal(err)
	}
	text, own, _ := strings.Cut(string(doc.Checkpoint), "\n\n")
	text += "\n"
	name, sig, _ := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(own, "— "), "\n"), " ")
	raw, err := base64.StdEncoding.DecodeString(sig)
	if err != nil {
		t.Fatal(err)
	}
	line := func(name, sig string) string { return "— " + name + " " + sig + "\n" }
	other := func(n int) string {
		return base64.StdEncoding.EncodeToString(append([]byte{1, 2, 3, byte(n)}, raw[4:]...))
	}
	wrong := bytes.Clone(raw)
	wrong[40] ^= 1
	bad := line(name, base64.StdEncoding.EncodeToString(wrong))
	unusedBits := strings.TrimSuffix(sig, "=")
	unusedBits = unusedBits[:len(unusedBits)-1] + string(unusedBits[len(unusedBits)-1]+1) + "="
	many := func(n int) (out string) {
		for i := range n {
			out += line("other", other(i))
		}
		return out
	}
	resign := func(text string) string {
		key := ed25519.NewKeyFromSeed(label("checkpoint key"))
		return text + "\n" + line(name, base64.StdEncoding.EncodeToString(append(raw[:4:4], ed25519.Sign(key, []byte(text))...)))
	}
	root := strings.Split(text, "\n")[2]
	var edges []edge
	for note, verdict := range map[string]string{
		text + "\n" + own:                                             "VALID",
		text + "\n" + own + own:                                       "VALID",
		text + "\n" + own + bad:                                       "VALID", // a key signs once
		text + "\n" + bad + own:                                       "INVALID",
		text + "\n" + line("other", sig) + own:                        "VALID",
		text + "\n" + line(name, other(0)) + own:                      "VALID",
		text + "\n" + line("other", sig):                              "INVALID",
		text + "\n" + line("other", unusedBits) + own:                 "VALID",
		text + "\n" + line(name, unusedBits):                          "INVALID",
		text + "\n" + own + line(name, unusedBits):                    "VALID",
		text + "\n" + line("a+b", sig) + own:                          "INVALID",
		text + "\n" + line("a\u00a0b", sig) + own:                     "INVALID",
		text + "\n" + line("a\u0085b", sig) + own:                     "INVALID",
		text + "\n" + line("a\u3000b", sig) + own:                     "INVALID",
		text + "\n" + line("a\ufeffb", sig) + own:                     "VALID",
		text + "\n" + line("a\u200bb", sig) + own:                     "VALID",
		text + "\n" + line("a\x1fb", sig) + own:                       "INVALID",
		text + "\n" + line("a\x7fb", sig) + own:                       "VALID",
		text + "\n" + line("", sig) + own:                             "INVALID",
		text + "\n" + line("other", "") + own:                         "INVALID",
		text + "\n" + line("other", "AQIDBA==") + own:                 "INVALID", // an id without a signature
		text + "\n" + line("other", "AQIDBAU=") + own:                 "VALID",
		text + "\n" + line("other", "AQIDBAU") + own:                  "INVALID",
		text + "\n" + line("other", "AQIDBAU==") + own:                "INVALID",
		text + "\n" + line("other", "AQIDBAUG==") + own:               "INVALID",
		text + "\n" + line("other", "AQID BAU=") + own:                "INVALID",
		text + "\n" + line("other", "AQIDBAU=x") + own:                "INVALID",
		text + "\n" + line("other", "====") + own:                     "INVALID",
		text + "\n" + strings.Replace(own, "— ", "- ", 1):             "INVALID",
		text + "\n" + strings.Replace(own, "— ", "—", 1):              "INVALID",
		text + "\n" + strings.Replace(own, "\n", " \n", 1):            "INVALID",
		text + "\n" + strings.Replace(own, "\n", "\r\n", 1):           "INVALID",
		text + "\n" + strings.TrimSuffix(own, "\n"):                   "INVALID",
		text + "\n" + own + "\n":                                      "INVALID",
		text + "\n\n" + own:                                           "INVALID",
		text + own:                                                    "INVALID",
		"\n" + text + "\n" + own:                                      "INVALID",
		text + "\n":                                                   "INVALID",
		text + "\n" + many(99) + own:                                  "VALID",
		text + "\n" + many(100) + own:                                 "INVALID",
		"":                                                            "INVALID",
		"\n\n":                                                        "INVALID",
		"\n\n\n":                                                      "INVALID",
		resign(text):                                                  "VALID",
		resign("\n5\n" + root + "\n"):                                 "INVALID",
		resign(name + "\n05\n" + root + "\n"):                         "INVALID",
		resign(name + "\n+5\n" + root + "\n"):                         "INVALID",
		resign(name + "\n5 \n" + root + "\n"):                         "INVALID",
		resign(name + "\n0\n" + root + "\n"):                          "INVALID",
		resign(name + "\n-5\n" + root + "\n"):                         "INVALID",
		resign(name + "\n\u0665\n" + root + "\n"):                     "INVALID",
		resign(name + "\n9223372036854775807\n" + root + "\n"):        "INVALID",
		resign(name + "\n9223372036854775808\n" + root + "\n"):        "INVALID",
		resign(name + "\n5\n" + strings.TrimSuffix(root, "=") + "\n"): "INVALID",
		resign(name + "\n5\n" + root + "\n\n"):                        "INVALID",
		resign(name + "\n5\n" + root + "\nextension\n"):               "INVALID",
		resign(name + "\n5\n"):                                        "INVALID",
	} {
		doc.Checkpoint = []byte(note)
		edges = append(edges, edge{job{name: fmt.Sprintf("%.90q", note), Document: doc.Bytes(), Trust: published(t, "trust.json")}, verdict, ""})
	}
	hold(t, edges)
}

// Section 6: which Ed25519 keys and signatures there are.
func TestEd25519(t *testing.T) {
	doc, err := proof.ParseEvidence(published(t, "valid-plain.json"))
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(string(doc.Checkpoint), "\n\n")
	text += "\n"
	var origin = "ledger.example/golden"
	var edges []edge
	add := func(name string, key, sig []byte, verdict string) {
		public := append([]byte{1}, key...)
		id := sha256.Sum256(append([]byte(origin+"\n"), public...))
		doc.Checkpoint = []byte(text + "\n— " + origin + " " + base64.StdEncoding.EncodeToString(append(id[:4:4], sig...)) + "\n")
		trust, err := proof.ParseTrust(published(t, "trust.json"))
		if err != nil {
			t.Fatal(err)
		}
		trust.Keys = []proof.TrustedKey{{Key: fmt.Sprintf("%s+%x+%s", origin, id[:4], base64.StdEncoding.EncodeToString(public))}}
		edges = append(edges, edge{job{name: name, Document: doc.Bytes(), Trust: trust.Bytes()}, verdict, ""})
	}
	key := ed25519.NewKeyFromSeed(label("checkpoint key"))
	public, sig := key.Public().(ed25519.PublicKey), ed25519.Sign(key, []byte(text))
	add("as it is", public, sig, "VALID")
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	plusOrder := func(sig []byte, times int64) []byte {
		s := new(big.Int).SetBytes(reversed(sig[32:]))
		s.Add(s, new(big.Int).Mul(order, big.NewInt(times)))
		return append(sig[:32:32], reversed(s.FillBytes(make([]byte, 32)))...)
	}
	add("s plus the order", public, plusOrder(sig, 1), "INVALID")
	add("s plus 14 times the order", public, plusOrder(sig, 14), "INVALID")
	negated := bytes.Clone(public)
	negated[31] ^= 0x80
	add("the key negated", negated, sig, "INVALID")
	for _, n := range []int{0, 1, 63, 65} {
		add(fmt.Sprintf("%d bytes", n), public, append(bytes.Clone(sig), 0)[:n], "INVALID")
	}
	// Keys of small order, under which anybody can sign. A policy with one is
	// not stopped; but all verifiers have to say the same.
	for _, encoded := range []string{
		"0100000000000000000000000000000000000000000000000000000000000000", // the identity
		"0100000000000000000000000000000000000000000000000000000000000080", // with a sign that 0 has not
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // y = P + 1
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // order 2
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"0000000000000000000000000000000000000000000000000000000000000000", // order 4
		"0000000000000000000000000000000000000000000000000000000000000080",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // y = P
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // order 8
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	} {
		a, err := hex.DecodeString(encoded)
		if err != nil {
			t.Fatal(err)
		}
		sig := signUnderSmallOrder(t, a, []byte(text))
		add("key "+encoded, a, sig, "VALID")
		add("key "+encoded+", s plus the order", a, plusOrder(sig, 1), "INVALID")
	}
	// R is compared byte for byte: the identity spelled as y = P + 1 is not it.
	identity, _ := hex.DecodeString("0100000000000000000000000000000000000000000000000000000000000000")
	other, _ := hex.DecodeString("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")
	add("R in its one spelling", identity, append(bytes.Clone(identity), make([]byte, 32)...), "VALID")
	add("R in another spelling", identity, append(bytes.Clone(other), make([]byte, 32)...), "INVALID")
	// No point has y = 2.
	add("no key", append([]byte{2}, make([]byte, 31)...), sig, "INVALID")
	// A component of small order in R shows without a cofactor in the equation.
	two, _ := hex.DecodeString("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")
	add("R with a component of small order", public, withSmallOrder(t, key, two, []byte(text)), "INVALID")
	hold(t, edges)
	for _, e := range edges {
		if e.verdict == "VALID" {
			return
		}
	}
	t.Error("no key is accepted")
}

func reversed(b []byte) []byte {
	out := bytes.Clone(b)
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

func scalar(t *testing.T, b []byte) *edwards25519.Scalar {
	t.Helper()
	s, err := edwards25519.NewScalar().SetUniformBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// signUnderSmallOrder finds a signature of a key that anybody has: one whose
// challenge the order of the key divides.
func signUnderSmallOrder(t *testing.T, key, text []byte) []byte {
	t.Helper()
	for n := range 1000 {
		seed := sha512.Sum512(fmt.Append(nil, n))
		s := scalar(t, seed[:])
		sig := append(new(edwards25519.Point).ScalarBaseMult(s).Bytes(), s.Bytes()...)
		if ed25519.Verify(key, text, sig) {
			return sig
		}
	}
	t.Fatalf("no signature verifies under %x", key)
	return nil
}

// withSmallOrder signs with an R to which a point of small order is added.
func withSmallOrder(t *testing.T, key ed25519.PrivateKey, point, text []byte) []byte {
	t.Helper()
	h := sha512.Sum512(key.Seed())
	a, err := edwards25519.NewScalar().SetBytesWithClamping(h[:32])
	if err != nil {
		t.Fatal(err)
	}
	small, err := new(edwards25519.Point).SetBytes(point)
	if err != nil {
		t.Fatal(err)
	}
	seed := sha512.Sum512([]byte("nonce"))
	r := scalar(t, seed[:])
	encoded := new(edwards25519.Point).Add(new(edwards25519.Point).ScalarBaseMult(r), small).Bytes()
	k := sha512.Sum512(append(append(bytes.Clone(encoded), key.Public().(ed25519.PublicKey)...), text...))
	return append(encoded, edwards25519.NewScalar().MultiplyAdd(scalar(t, k[:]), a, r).Bytes()...)
}

// emptySchema is of a type that needs no data.
const emptySchema = `{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$id": "urn:lendlog:schema:com.example.nothing.said.v1",
  "title": "Nothing said", "description": "A type whose data may be empty.",
  "type": "object", "x-subject": "file",
  "properties": {"why": {"type": "string", "maxLength": 9, "x-key": "party"}},
  "additionalProperties": false
}`

// Section 11: the event is put together with its data, be that empty, and
// signed by ES256 too.
func TestSignatures(t *testing.T) {
	o := newOperator(t, published(t, "trust-submitters.json"))
	schema, err := record.ParseSchema([]byte(emptySchema))
	if err != nil {
		t.Fatal(err)
	}
	p256, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), label("second submitter key"))
	if err != nil {
		t.Fatal(err)
	}
	const kid = "branches"
	event := canon.Map(
		canon.Member{Name: "specversion", Value: canon.Text("1.0")}, canon.Member{Name: "id", Value: canon.Text("N-1")},
		canon.Member{Name: "source", Value: canon.Text("//core.bank.example")}, canon.Member{Name: "subject", Value: canon.Text("file/L-1")},
		canon.Member{Name: "type", Value: canon.Text(schema.Type)}, canon.Member{Name: "time", Value: canon.Text("2026-01-31T10:01:00Z")},
		canon.Member{Name: "tenant", Value: canon.Number(7)}, canon.Member{Name: "data", Value: canon.Map()},
	)
	without := canon.Map()
	for _, m := range event.Members {
		if m.Name != "data" {
			without.Members = append(without.Members, m)
		}
	}
	sign := func(of canon.Value) string {
		s, err := proof.SignEvent(of, o.trust.Origin, kid, p256)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	good := sign(event)
	headed := func(header string) string { // a header signed by the key, whatever it says
		head := base64.RawURLEncoding.EncodeToString([]byte(header))
		digest := sha256.Sum256([]byte(head + "." + base64.RawURLEncoding.EncodeToString(event.Bytes())))
		der, err := p256.Sign(rand.Reader, digest[:], crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		r, s := split(t, der)
		return head + ".." + base64.RawURLEncoding.EncodeToString(append(r, s...))
	}
	head, tail, _ := strings.Cut(good, "..")
	raw, err := base64.RawURLEncoding.DecodeString(tail)
	if err != nil {
		t.Fatal(err)
	}
	order := elliptic.P256().Params().N
	with := func(r, s *big.Int) string {
		return head + ".." + base64.RawURLEncoding.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
	}
	r, s := new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])
	var edges []edge
	for _, c := range []struct{ name, signature, verdict string }{
		{"ES256 over data {}", good, "VALID"},
		{"over an event without data", sign(without), "INVALID"},
		{"the other s", with(r, new(big.Int).Sub(order, s)), "VALID"}, // ECDSA has two
		{"r 0", with(new(big.Int), s), "INVALID"},
		{"s 0", with(r, new(big.Int)), "INVALID"},
		{"both 0", with(new(big.Int), new(big.Int)), "INVALID"},
		{"r the order", with(order, s), "INVALID"},
		{"s the order", with(r, order), "INVALID"},
		{"r and s changed", with(s, r), "INVALID"},
		{"none", "", "INCOMPLETE"},
		{"padded", good + "==", "INVALID"},
		{"a line break", good + "\n", "INVALID"},
		{"unused bits", good[:len(good)-1] + string(good[len(good)-1]+1), "INVALID"},
		{"standard base64", head + ".." + base64.RawStdEncoding.EncodeToString(raw[:63]) + "/", "INVALID"},
		{"63 bytes", head + ".." + base64.RawURLEncoding.EncodeToString(raw[:63]), "INVALID"},
		{"attached", head + ".e30." + tail, "INVALID"},
		{"four parts", good + ".", "INVALID"},
		{"one part", head, "INVALID"},
		{"two parts", head + "." + tail, "INVALID"},
		{"dots", "..", "INVALID"},
		{"header with spaces", headed(`{ "origin":"ledger.example/golden", "kid":"branches","alg":"ES256"}`), "VALID"},
		{"header with another member", headed(`{"alg":"ES256","kid":"branches","origin":"ledger.example/golden","typ":"JWS"}`), "INVALID"},
		{"header without origin", headed(`{"alg":"ES256","kid":"branches"}`), "INVALID"},
		{"header twice", headed(`{"alg":"ES256","alg":"ES256","kid":"branches","origin":"ledger.example/golden"}`), "INVALID"},
		{"another alg", headed(`{"alg":"EdDSA","kid":"branches","origin":"ledger.example/golden"}`), "INVALID"},
		{"alg none", headed(`{"alg":"none","kid":"branches","origin":"ledger.example/golden"}`), "INVALID"},
		{"alg a number", headed(`{"alg":1,"kid":"branches","origin":"ledger.example/golden"}`), "INVALID"},
		{"another kid", headed(`{"alg":"ES256","kid":"core-banking","origin":"ledger.example/golden"}`), "INVALID"},
		{"another origin", headed(`{"alg":"ES256","kid":"branches","origin":"ledger.example/other"}`), "INVALID"},
		{"header no object", headed(`[]`), "INVALID"},
		{"header no JSON", headed(`{`), "INVALID"},
	} {
		values := map[string]canon.Value{
			"/id": canon.Text("N-1"), "/source": canon.Text("//core.bank.example"), "/subject": canon.Text("file/L-1"),
			"/extensions": canon.Map(canon.Member{Name: "tenant", Value: canon.Number(7)}),
		}
		if c.signature != "" {
			values["/signature"] = canon.Text(c.signature)
		}
		doc, trust := o.one(t, schema, kid, values)
		edges = append(edges, edge{job{name: c.name, Document: doc, Trust: trust}, c.verdict, "submitter"})
		if c.verdict == "VALID" {
			edges[len(edges)-1].check = ""
		}
	}
	hold(t, edges)
}

func split(t *testing.T, der []byte) (r, s []byte) {
	t.Helper()
	// SEQUENCE of two INTEGERs.
	integer := func(b []byte) ([]byte, []byte) {
		n := int(b[1])
		return new(big.Int).SetBytes(b[2 : 2+n]).FillBytes(make([]byte, 32)), b[2+n:]
	}
	r, rest := integer(der[2:])
	s, _ = integer(rest)
	return r, s
}

// one makes evidence of one record of a schema behind the genesis record of the
// test vectors, disclosed whole, and its policy.
func (o *operator) one(t *testing.T, schema *record.Schema, submitter string, values map[string]canon.Value) (doc, policy []byte) {
	t.Helper()
	e, err := proof.ParseEvidence(published(t, "valid-all.json"))
	if err != nil {
		t.Fatal(err)
	}
	e.Records, e.Schemas = e.Records[:2], [][]byte{schema.Text}
	r := &e.Records[1]
	set(&r.Entry, "type", canon.Text(schema.Type))
	set(&r.Entry, "open", canon.Map())
	set(&r.Entry, "time", canon.Text("2026-01-31T10:01:00Z"))
	set(&r.Entry, "submitter", canon.Text(submitter))
	set(&r.Entry, "schema", hash(schema.Hash))
	r.Disclosures = nil
	for _, p := range schema.Pointers() {
		items := []canon.Value{canon.Text("AAAAAAAAAAAAAAAAAAAAAA=="), canon.Text(p)}
		if v, ok := values[p]; ok {
			items = append(items, v)
		}
		r.Disclosures = append(r.Disclosures, proof.SealedMember{Disclosure: canon.List(items...).Bytes()})
	}
	seal(r)
	o.publish(e)
	// Of the genesis record nothing is shown: nobody signed it.
	whole := e.Records
	e.Genesis = proof.Genesis{Entry: whole[0].Entry, Proof: whole[0].Proof}
	trust := *o.trust
	trust.Genesis = tree.LeafHash(whole[0].Entry)
	e.Records = whole[1:]
	return e.Bytes(), trust.Bytes()
}

// Section 9: what else a receipt may hold.
func TestReceipts(t *testing.T) {
	plain, restricted := vector{}, vector{}
	for _, v := range manifest(t) {
		switch v.File {
		case "valid-receipt.json":
			plain = v
		case "valid-receipt-restricted.json":
			restricted = v
		}
	}
	var edges []edge
	add := func(v vector, old, new string, withEvent bool, verdict, check string) {
		j := v.job(t)
		j.name = fmt.Sprintf("%s, %s for %s, with event: %v", v.File, new, old, withEvent)
		if !bytes.Contains(j.Document, []byte(old)) {
			t.Fatalf("%s has no %s", v.File, old)
		}
		j.Document = bytes.Replace(j.Document, []byte(old), []byte(new), 1)
		if !withEvent {
			j.Event, j.Schema = nil, nil
		}
		edges = append(edges, edge{j, verdict, check})
	}
	const zeros = `"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="`
	for _, with := range []bool{true, false} {
		ifWith := func(with bool, verdict string) string {
			if with {
				return verdict
			}
			return "VALID"
		}
		add(plain, `"v":`, `"v":`, with, "VALID", "")
		add(plain, `"seeds": {`, `"seeds": {"institution": `+zeros+`, `, with, ifWith(with, "INVALID"), "")
		add(plain, `"seeds": {`, `"seeds": {"": `+zeros+`, `, with, ifWith(with, "INVALID"), "")
		add(plain, `"staff": "`, `"Staff": "`, with, ifWith(with, "INCOMPLETE"), "")
		add(plain, `"v":`, `"restricted": {"submitter": "x", "refs": []}, "v":`, with, "INVALID", "format")
		add(plain, `"v":`, `"restricted": null, "v":`, with, "INVALID", "format")
		add(plain, `"proof": [`, `"proof": [], "x": [`, with, "INVALID", "format")
		add(restricted, `"v":`, `"v":`, with, "VALID", "")
		add(restricted, `"refs": [`, `"refs": [1, `, with, ifWith(with, "INVALID"), "")
		add(restricted, `"refs": [`, `"refs": [2, 2, `, with, ifWith(with, "INVALID"), "")
		add(restricted, `"refs": [`, `"refs": [-1, `, with, "INVALID", "format")
		add(restricted, `"refs": [`, `"refs": ["2", `, with, "INVALID", "format")
		add(restricted, `"submitter": "core-banking"`, `"submitter": "core-bankinG"`, with, ifWith(with, "INVALID"), "")
		add(restricted, `"seeds": {`, `"seeds": {"staff": `+zeros+`, `, with, ifWith(with, "INVALID"), "")
	}
	// The event may be written in other ways, but not be another.
	withEvent := func(v vector, old, new, verdict, check string) {
		j := v.job(t)
		j.name = fmt.Sprintf("%s, %s for %s in the event", v.File, new, old)
		if !bytes.Contains(j.Event, []byte(old)) {
			t.Fatalf("the event of %s has no %s", v.File, old)
		}
		j.Event = bytes.Replace(j.Event, []byte(old), []byte(new), 1)
		edges = append(edges, edge{j, verdict, check})
	}
	withEvent(plain, `{`, " {\n", "VALID", "")
	withEvent(plain, `"id":`, `"parent":null,"later":null,"id":`, "VALID", "")
	withEvent(plain, `"id":`, `"later":"x","id":`, "INVALID", "event")
	withEvent(plain, `"id":`, `"capture":"import","id":`, "INVALID", "event")
	withEvent(plain, `"id":`, `"capture":"live","id":`, "INVALID", "event")
	withEvent(plain, `"D-2"`, `"D-3"`, "INVALID", "event")
	withEvent(plain, `12000.00`, `12000.01`, "INVALID", "event")
	withEvent(plain, `"approved"`, `"declined"`, "INVALID", "event")
	withEvent(plain, `10:02:00+01:00`, `09:02:00+00:00`, "INVALID", "event")
	withEvent(plain, `"specversion":"1.0"`, `"specversion":"1.1"`, badCall, "")
	withEvent(plain, `"data":`, `"data":null,"Data":`, badCall, "")
	withEvent(plain, `"data":`, `"data_base64":"e30=","data":`, badCall, "")
	withEvent(plain, `"outcome"`, `"result":1,"outcome"`, badCall, "")
	withEvent(plain, `"outcome"`, `"reasons":null,"outcome"`, badCall, "")
	withEvent(plain, `"file/L-1"`, `null`, badCall, "")
	withEvent(plain, `"file/L-1"`, `7`, badCall, "")
	withEvent(plain, `decided.v1`, `decided.v2`, badCall, "")
	withEvent(plain, `{`, `[{`, badCall, "")
	withEvent(restricted, `one font`, `two fonts`, "INVALID", "event")
	withEvent(restricted, `10:03:00`, `10:03:01`, "INVALID", "event")
	// The only record of a ledger needs no proof.
	o := newOperator(t, published(t, "trust.json"))
	e, err := proof.ParseEvidence(published(t, "valid-all.json"))
	if err != nil {
		t.Fatal(err)
	}
	e.Records = e.Records[:1]
	doc, trust := o.publish(e)
	edges = append(edges, edge{job{name: "evidence of a ledger of one record", Document: doc, Trust: trust}, "VALID", ""})
	rc := proof.Receipt{Entry: e.Records[0].Entry, Checkpoint: e.Checkpoint}
	edges = append(edges, edge{job{name: "receipt of it without proof", Document: rc.Bytes(), Trust: trust}, "VALID", ""},
		edge{job{name: "held against it", Document: doc, Trust: trust, Against: [][]byte{rc.Bytes()}}, "VALID", ""},
		edge{job{name: "a receipt against a receipt", Document: rc.Bytes(), Trust: trust, Against: [][]byte{rc.Bytes()}}, unread, ""},
		edge{job{name: "evidence against evidence", Document: doc, Trust: trust, Against: [][]byte{doc}}, badCall, ""},
		edge{job{name: "evidence with an event", Document: doc, Trust: trust, Event: published(t, "event.json"), Schema: published(t, "decided.schema.json")}, unread, ""})
	rc.Proof = []tree.Hash{}
	edges = append(edges, edge{job{name: "receipt of it with an empty proof", Document: rc.Bytes(), Trust: trust}, "VALID", ""})
	rc.Proof = []tree.Hash{{}}
	edges = append(edges, edge{job{name: "receipt of it with a proof", Document: rc.Bytes(), Trust: trust}, "INVALID", "inclusion"})
	hold(t, edges)
}

// Sections 2 and 3: entries and disclosures at their limits.
func TestLeaves(t *testing.T) {
	o := newOperator(t, published(t, "trust.json"))
	deep := func(n int) canon.Value {
		v := canon.Number(1)
		for range n {
			v = canon.List(v)
		}
		return v
	}
	wide := func(n int) canon.Value {
		v := canon.Map()
		for i := range n {
			v.Members = append(v.Members, canon.Member{Name: fmt.Sprintf("m%04d", i), Value: canon.Number(1)})
		}
		return v
	}
	var edges []edge
	add := func(name string, change func(r *proof.Record), verdict, check string) {
		e, err := proof.ParseEvidence(published(t, "valid-all.json"))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			e.Records[i].Disclosures, e.Records[i].Subject = nil, nil
		}
		change(&e.Records[3])
		seal(&e.Records[3])
		doc, trust := o.publish(e)
		edges = append(edges, edge{job{name: name, Document: doc, Trust: trust}, verdict, check})
	}
	bare := func(name string, v canon.Value) func(r *proof.Record) {
		return func(r *proof.Record) {
			r.Disclosures, r.Subject = nil, nil
			set(&r.Entry, "type", canon.Text("com.example.loan.decided.v1"))
			set(&r.Entry, "submitter", canon.Text("x"))
			set(&r.Entry, "time", canon.Text("2026-01-31T10:03:00Z"))
			set(&r.Entry, name, v)
		}
	}
	open := func(v canon.Value) func(r *proof.Record) {
		return bare("open", canon.Map(canon.Member{Name: "a", Value: v}))
	}
	add("open of 32 levels", open(deep(30)), "VALID", "")
	add("open of 33 levels", open(deep(31)), "INVALID", "entry")
	add("1,024 members", open(wide(1024)), "VALID", "")
	add("1,025 members", open(wide(1025)), "INVALID", "entry")
	padding := func(total int) func(r *proof.Record) {
		return func(r *proof.Record) {
			open(canon.Text(""))(r)
			open(canon.Text(strings.Repeat("a", total-len(r.Entry))))(r)
		}
	}
	add("65,535 bytes", padding(65535), "VALID", "")
	add("65,536 bytes", padding(65536), "INVALID", "entry")
	for text, verdict := range map[string]string{
		"2024-02-29T10:02:00Z": "VALID", "2026-02-29T10:02:00Z": "INVALID", "2100-02-29T10:02:00Z": "INVALID", "2000-02-29T10:02:00Z": "VALID",
		"0000-01-01T00:00:00Z": "VALID", "9999-12-31T23:59:59.999999999+23:59": "VALID", "2026-01-31T10:02:00-00:00": "VALID", "2026-01-31T10:02:00+24:00": "INVALID",
		"2026-01-31T10:02:00+23:60": "INVALID", "2026-01-31T10:02:60Z": "INVALID", "2026-01-31T10:60:00Z": "INVALID", "2026-01-31T24:00:00Z": "INVALID", "2026-13-01T00:00:00Z": "INVALID",
		"2026-01-00T00:00:00Z": "INVALID", "2026-01-31t10:02:00Z": "INVALID", "2026-01-31T10:02:00z": "INVALID", "2026-01-31 10:02:00Z": "INVALID", "2026-01-31T10:02:00": "INVALID",
		"2026-01-31T10:02:00.Z": "INVALID", "2026-01-31T10:02:00.0123456789Z": "INVALID", "2026-01-31T10:02:00,5Z": "INVALID", "2026-01-31T10:02:00+0100": "INVALID", "2026-01-31T10:02:00Z\n": "INVALID",
		"2026-01-31T10:02:00\u0660Z": "INVALID", "٢026-01-31T10:02:00Z": "INVALID", "12026-01-31T10:02:00Z": "INVALID", "2026-1-31T10:02:00Z": "INVALID", "": "INVALID",
	} {
		check := map[string]string{"INVALID": "entry"}[verdict]
		add("time "+text, bare("time", canon.Text(text)), verdict, check)
	}
	for text, verdict := range map[string]string{
		"x": "VALID", "~": "VALID", strings.Repeat("a", 64): "VALID", strings.Repeat("a", 65): "INVALID", "": "INVALID", "a b": "INVALID", "\x7f": "INVALID", "é": "INVALID", "a\n": "INVALID",
	} {
		add("submitter "+text, bare("submitter", canon.Text(text)), verdict, "")
	}
	for text, verdict := range map[string]string{
		"anything": "VALID", strings.Repeat("a", 128): "VALID", strings.Repeat("a", 129): "INVALID", "": "INVALID", "a b": "INVALID", "org.lendlog.restricted.v1": "INVALID", "org.lendlog.index-root.v1": "INVALID",
	} {
		add("type "+text, bare("type", canon.Text(text)), verdict, "")
	}
	for name, c := range map[string]struct {
		v       canon.Value
		verdict string
	}{
		"refs":  {canon.List(canon.Number(0), canon.Number(2)), "VALID"},
		"refs ": {canon.List(), "INVALID"}, "refs  ": {canon.List(canon.Number(3)), "INVALID"}, "refs   ": {canon.List(canon.Number(1), canon.Number(1)), "INVALID"},
		"seq": {canon.Number(0), "INVALID"}, "capture": {canon.Text("Live"), "INVALID"}, "v": {canon.Text("lendlog/2"), "INVALID"}, "open": {canon.List(), "INVALID"}, "prev": {hash([32]byte{}), "INVALID"},
		"recorded": {canon.Text("2026-01-31T09:03:00.12Z"), "INVALID"}, "recorded ": {canon.Text("2026-01-31T09:03:00.1234Z"), "INVALID"}, "recorded  ": {canon.Text("2026-01-31T09:03:00+00:00"), "INVALID"},
		"recorded   ": {canon.Text("2026-01-31T09:03:00.999Z"), "VALID"}, "recorded    ": {canon.Text("2026-01-31T09:03:0.1234Z"), "INVALID"},
	} {
		add(name+string(c.v.Bytes()), bare(strings.TrimSpace(name), c.v), c.verdict, "")
	}
	disclose := func(pointer string, v *canon.Value) func(r *proof.Record) {
		return func(r *proof.Record) {
			for i, d := range r.Disclosures {
				if bytes.Contains(d.Disclosure, []byte(`,"`+pointer+`"`)) {
					items := []canon.Value{canon.Text("AAAAAAAAAAAAAAAAAAAAAA=="), canon.Text(pointer)}
					if v != nil {
						items = append(items, *v)
					}
					r.Disclosures[i].Disclosure = canon.List(items...).Bytes()
				}
			}
		}
	}
	value := func(v canon.Value) *canon.Value { return &v }
	member := func(name string, v canon.Value) *canon.Value {
		return value(canon.Map(canon.Member{Name: name, Value: v}))
	}
	for _, name := range strings.Fields("causationid data data_base64 id parent party sequence signature source specversion subject time type") {
		add("/extensions with "+name, disclose("/extensions", member(name, canon.Text("x"))), "INVALID", "disclosure")
	}
	for _, c := range []struct {
		pointer string
		v       *canon.Value
		verdict string
	}{
		{"/type", nil, "INVALID"}, {"/submitter", nil, "INVALID"}, {"/time", nil, "INVALID"}, {"/id", nil, "INVALID"}, {"/source", nil, "INVALID"}, {"/subject", nil, "INVALID"},
		{"/refs", nil, "VALID"}, {"/refs", value(canon.List()), "VALID"}, {"/refs", value(canon.List(canon.Text("x"))), "VALID"}, {"/refs", value(canon.Number(1)), "INVALID"},
		{"/extensions", value(canon.Map()), "VALID"}, {"/extensions", member("refs", canon.Text("x")), "VALID"}, {"/extensions", member("extensions", canon.Map()), "VALID"},
		{"/extensions", value(canon.List()), "INVALID"}, {"/extensions", member("submitter", canon.Text("x")), "VALID"},
		{"/party", value(canon.Text("")), "VALID"}, {"/party", value(canon.Flag(true)), "INVALID"}, {"/data/kind", value(deep(30)), "VALID"}, {"/data/kind", value(deep(31)), "VALID"}, {"/data/kind", value(deep(32)), "INVALID"},
		{"/time", value(canon.Text("whenever")), "VALID"}, {"/type", member("name", canon.Text("x")), "INVALID"}, {"/data/kind", value(canon.Value{}), "INVALID"},
	} {
		name := c.pointer + " absent"
		if c.v != nil {
			name = c.pointer + " " + string(c.v.Bytes())
		}
		add(name, disclose(c.pointer, c.v), c.verdict, map[string]string{"INVALID": "disclosure"}[c.verdict])
	}
	hold(t, edges)
}

// Sections 5 and 7: proofs in maps that no ledger makes, but an operator can
// commit to.
func TestMaps(t *testing.T) {
	o := newOperator(t, published(t, "trust.json"))
	of, _ := o.vrf.Prove("file", "L-9")
	node := func(bit []byte, left, right []byte) []byte {
		h := sha256.Sum256(append(append(append([]byte{1}, bit...), left...), right...))
		return h[:]
	}
	leaf := func(key, val string) []byte {
		h := sha256.Sum256([]byte("\x00" + string(uvarint(len(key))) + key + string(uvarint(len(val))) + val))
		return h[:]
	}
	pair := func(key, val string) []byte {
		return []byte(string(uvarint(len(key))) + key + string(uvarint(len(val))) + val)
	}
	sibling := bytes.Repeat([]byte{7}, 32)
	var edges []edge
	add := func(name string, root, lookup []byte, verdict string) {
		e, err := proof.ParseEvidence(published(t, "valid-all.json"))
		if err != nil {
			t.Fatal(err)
		}
		for i := range e.Records {
			e.Records[i].Disclosures, e.Records[i].Subject = nil, nil
		}
		set(&e.Records[4].Entry, "root", hash([32]byte(root)))
		o.claim(e, &mpt.Tree{}, "file", "L-9")
		e.Complete[0].Map = lookup
		doc, trust := o.publish(e)
		edges = append(edges, edge{job{name: name, Document: doc, Trust: trust}, verdict, map[string]string{"INVALID": "complete"}[verdict]})
	}
	key := string(of[:])
	empty := sha256.Sum256(nil)
	add("empty", empty[:], nil, "VALID")
	add("empty with a proof", empty[:], []byte{0, 0}, "INVALID")
	add("not empty without a proof", leaf("a", "b"), nil, "INVALID")
	add("one other", leaf("a", "b"), pair("a", "b"), "VALID")
	add("an empty key", leaf("", ""), pair("", ""), "VALID")
	add("the key itself", leaf(key, "b"), pair(key, "b"), "INVALID")
	add("cut off", leaf("a", "b"), pair("a", "b")[:3], "INVALID")
	add("a length that is too long", leaf("a", "b"), []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0}, "INVALID")
	add("a length of 65 bits", leaf("a", "b"), []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0}, "INVALID")
	add("a length that never ends", leaf("a", "b"), bytes.Repeat([]byte{0x80}, 100), "INVALID")
	add("a length in two bytes", leaf("a", "b"), []byte{0x81, 0, 'a', 1, 'b'}, "INVALID")
	// Behind its last bit a key goes on with eight bits 0 and then bits 1.
	step := func(bit uint64) []byte { return append(uvarint64(bit), sibling...) }
	for _, c := range []struct {
		bit       uint64
		side, own int // of the sought key, and of an own key of 33 bytes of which the last is as given
		last      byte
		verdict   string
	}{
		{256, 0, 0, 0x00, "VALID"}, {256, 0, 1, 0x80, "INVALID"}, {263, 0, 0, 0x02, "VALID"}, {264, 1, 0, 0x00, "INVALID"}, {272, 1, 1, 0x00, "VALID"}, {1 << 40, 1, 1, 0x00, "VALID"}, {1<<63 + 5, 1, 1, 0, "VALID"}, {1<<64 - 2, 1, 1, 0, "VALID"},
		{1<<64 - 1, 1, 1, 0, "INVALID"},
	} {
		other := key + string(c.last)
		h := leaf(other, "v")
		if c.side == 0 {
			h = node(uvarint64(c.bit), h, sibling)
		} else {
			h = node(uvarint64(c.bit), sibling, h)
		}
		add(fmt.Sprintf("bit %d beside a key that ends in %x", c.bit, c.last), h, append(pair(other, "v"), step(c.bit)...), c.verdict)
	}
	// Bits fall.
	low, high := node(uvarint64(3), leaf("x", "v"), sibling), []byte(nil)
	side := func(k string, bit int) int { return int(k[bit/8]) >> (7 - bit%8) & 1 }
	near := []byte(key)
	near[31] ^= 1
	inner := func(h []byte, bit int) []byte {
		if side(key, bit) == 0 {
			return node(uvarint64(uint64(bit)), h, sibling)
		}
		return node(uvarint64(uint64(bit)), sibling, h)
	}
	high = inner(inner(leaf(string(near), "v"), 9), 3)
	add("bits that fall", high, append(append(pair(string(near), "v"), step(9)...), step(3)...), "VALID")
	add("bits that rise", inner(inner(leaf(string(near), "v"), 3), 9), append(append(pair(string(near), "v"), step(3)...), step(9)...), "INVALID")
	add("a bit twice", inner(inner(leaf(string(near), "v"), 3), 3), append(append(pair(string(near), "v"), step(3)...), step(3)...), "INVALID")
	add("the bit where they differ", inner(leaf(string(near), "v"), 255), append(pair(string(near), "v"), step(255)...), "INVALID")
	add("half a step", high, append(append(pair(string(near), "v"), step(9)...), step(3)[:20]...), "INVALID")
	add("another root", low, append(append(pair(string(near), "v"), step(9)...), step(3)...), "INVALID")
	hold(t, edges)
}

func uvarint(n int) []byte { return uvarint64(uint64(n)) }

func uvarint64(n uint64) []byte {
	var out []byte
	for ; n >= 0x80; n >>= 7 {
		out = append(out, byte(n)|0x80)
	}
	return append(out, byte(n))
}

// Section 4: of each term there is one proof for each nonce.
func TestTerms(t *testing.T) {
	o := newOperator(t, published(t, "trust.json"))
	_, good := o.vrf.Prove("file", "L-1")
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	field := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	plus := func(b []byte, n *big.Int) []byte {
		sum := new(big.Int).Add(new(big.Int).SetBytes(reversed(b)), n)
		return reversed(sum.FillBytes(make([]byte, 32)))
	}
	gamma, c, s := good[:32], good[32:48], good[48:]
	var edges []edge
	for _, tt := range []struct {
		name    string
		proof   [][]byte
		verdict string
	}{
		{"as it is", [][]byte{gamma, c, s}, "VALID"},
		{"s plus the order", [][]byte{gamma, c, plus(s, order)}, "INVALID"},
		{"gamma as another number", [][]byte{plus(gamma, field), c, s}, "INVALID"},
		{"gamma negated", [][]byte{reversed(new(big.Int).Sub(field, new(big.Int).SetBytes(reversed(gamma))).FillBytes(make([]byte, 32))), c, s}, "INVALID"},
		{"gamma with a high bit", [][]byte{plus(gamma, new(big.Int).Lsh(big.NewInt(1), 255)), c, s}, "INVALID"},
		{"gamma zero", [][]byte{make([]byte, 32), c, s}, "INVALID"},
		{"gamma 1", [][]byte{append([]byte{1}, make([]byte, 31)...), c, s}, "INVALID"},
		{"another c", [][]byte{gamma, append([]byte{c[0] ^ 1}, c[1:]...), s}, "INVALID"},
		{"zeros", [][]byte{make([]byte, 80)}, "INVALID"},
		{"79 bytes", [][]byte{gamma, c, s[:31]}, "INVALID"},
		{"81 bytes", [][]byte{gamma, c, s, {0}}, "INVALID"},
	} {
		e, err := proof.ParseEvidence(published(t, "valid-some.json"))
		if err != nil {
			t.Fatal(err)
		}
		e.Records[0].Subject.Proof = bytes.Join(tt.proof, nil)
		edges = append(edges, edge{job{name: tt.name, Document: e.Bytes(), Trust: published(t, "trust.json")}, tt.verdict, ""})
	}
	for subject, verdict := range map[string]string{
		"file/L-1": "VALID", "file/L-1 ": "INVALID", "file//L-1": "INVALID", "fileL-1": "INVALID", "/file/L-1": "INVALID", "file/": "INVALID", "": "INVALID", "/": "INVALID",
	} {
		e, err := proof.ParseEvidence(published(t, "valid-plain.json"))
		if err != nil {
			t.Fatal(err)
		}
		e.Records[0].Subject = &proof.Subject{Subject: subject, Proof: good}
		edges = append(edges, edge{job{name: "subject " + subject, Document: e.Bytes(), Trust: published(t, "trust.json")}, verdict, ""})
	}
	// What is disclosed is the subject in whose chain the record stands, be that
	// proved by itself or by a claim.
	for subject, verdict := range map[string]string{"case/C-1": "VALID", "case/C-2": "INVALID"} {
		for _, claimed := range []bool{false, true} {
			e, err := proof.ParseEvidence(published(t, "valid-all.json"))
			if err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				e.Records[i].Disclosures, e.Records[i].Subject = nil, nil
			}
			r := &e.Records[3]
			for i, d := range r.Disclosures {
				r.Disclosures[i].Disclosure = bytes.Replace(d.Disclosure, []byte(`"/subject","case/C-1"`), []byte(`"/subject","`+subject+`"`), 1)
			}
			seal(r)
			m := o.index(e)
			if claimed {
				r.Subject = nil
				o.claim(e, m, "case", "C-1")
			}
			doc, trust := o.publish(e)
			check := map[string]string{"INVALID": "subject"}[verdict]
			edges = append(edges, edge{job{name: fmt.Sprintf("disclosed %s, claimed: %v", subject, claimed), Document: doc, Trust: trust}, verdict, check})
		}
	}
	for subject, verdict := range map[string]string{
		strings.Repeat("k", 65535) + "/" + strings.Repeat("é", 32767): "VALID", strings.Repeat("k", 65536) + "/i": "INVALID", "k/" + strings.Repeat("é", 32768): "INVALID", "a/b/c": "VALID",
	} {
		kind, id, _ := strings.Cut(subject, "/")
		of, p := o.vrf.Prove(kind, id)
		if p == nil {
			p = good
		}
		e, err := proof.ParseEvidence(published(t, "valid-all.json"))
		if err != nil {
			t.Fatal(err)
		}
		for i := range e.Records {
			e.Records[i].Disclosures, e.Records[i].Subject = nil, nil
		}
		set(&e.Records[3].Entry, "term", hash(of))
		e.Records[3].Subject = &proof.Subject{Subject: subject, Proof: p}
		doc, trust := o.publish(e)
		edges = append(edges, edge{job{name: fmt.Sprintf("subject %.20s of %d bytes", subject, len(subject)), Document: doc, Trust: trust}, verdict, ""})
	}
	hold(t, edges)
}

// The VRF is that of C2SP, whose test vector is of another key and input than
// the terms of the published files.
func TestVRF(t *testing.T) {
	args := []string{
		"54136cd90d99fbd1d4e855d9556efea87ba0337f2a6ce22028d0f5726fcb854e", "633273702e6f72672f7672662d72323535",
		"0a97d961262fb549b4175c5117860f42ae44a123f93c476c439eddd1c0cff9265c805525233e2284dbed45e593b8eea31d5ca9734d72bcbba9738d5237f955f3b2422351149d1312503b6441a47c940c",
	}
	const beta = "dd653f0879b48c3ef69e13551239bec4cbcc1c18fe8894de2e9e1c790e18273603bf1c6c25d7a797aeff3c43fd32b974d3fcbd4bcce916007097922a3ea3a794"
	code := map[string][]string{
		"verify.mjs": {"node", "--input-type=module", "-e", `import { vrfVerify } from "./verify.mjs";
			const [key, alpha, proof] = process.argv.slice(1).map((s) => new Uint8Array(Buffer.from(s, "hex")));
			console.log(Buffer.from(vrfVerify(key, alpha, proof)).toString("hex"));`},
		"verify.py": {"python3", "-B", "-c", "import sys, verify\nprint(verify.vrf_verify(*map(bytes.fromhex, sys.argv[1:])).hex())"},
	}
	for _, v := range verifiers(t) {
		out, err := run(t, append(code[v.name], args...)...)
		if err != nil || strings.TrimSpace(out) != beta {
			t.Errorf("%s: %s, %v", v.name, out, err)
		}
	}
}
