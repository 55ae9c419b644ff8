// SPDX-License-Identifier: Apache-2.0

package term

import (
	"bytes"
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"

	"filippo.io/mostly-harmless/vrf-r255"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// vector is the test vector of C2SP vrf-r255, as far as it can be seen from
// outside of the library.
var vector = struct{ sk, pk, alpha, h, pi, beta string }{
	sk:    "3431c2b03533e280b23232e280b34e2c3132c2b03238e280b23131e280b34500",
	pk:    "54136cd90d99fbd1d4e855d9556efea87ba0337f2a6ce22028d0f5726fcb854e",
	alpha: "633273702e6f72672f7672662d72323535", // c2sp.org/vrf-r255
	h:     "f245308737c2a888ba56448c8cdbce9d063b57b147e063ce36c580194ef31a63",
	pi: "0a97d961262fb549b4175c5117860f42ae44a123f93c476c439eddd1c0cff926" + // Gamma
		"5c805525233e2284dbed45e593b8eea3" + // c
		"1d5ca9734d72bcbba9738d5237f955f3b2422351149d1312503b6441a47c940c", // s
	beta: "dd653f0879b48c3ef69e13551239bec4cbcc1c18fe8894de2e9e1c790e182736" +
		"03bf1c6c25d7a797aeff3c43fd32b974d3fcbd4bcce916007097922a3ea3a794",
}

func vectorKey(t testing.TB) *PrivateKey {
	t.Helper()
	k, err := ParsePrivateKey(unhex(t, vector.sk))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestVector(t *testing.T) {
	k := vectorKey(t)
	alpha := unhex(t, vector.alpha)
	want := Term(unhex(t, vector.beta))
	if k.Public() != PublicKey(unhex(t, vector.pk)) {
		t.Errorf("the public key is %x, want %s", k.Public(), vector.pk)
	}
	if !bytes.Equal(k.Bytes(), unhex(t, vector.sk)) {
		t.Errorf("the private key is %x, want %s", k.Bytes(), vector.sk)
	}
	if h := k.element(alpha).Bytes(); !bytes.Equal(h, unhex(t, vector.h)) {
		t.Errorf("H is %x, want %s", h, vector.h)
	}
	if got := k.output(alpha); got != want {
		t.Errorf("output is %x, want %x", got, want)
	}
	got, proof := k.prove(alpha)
	if got != want || !bytes.Equal(proof, unhex(t, vector.pi)) {
		t.Errorf("prove gives %x with %x, want %x with %s", got, proof, want, vector.pi)
	}
	got, err := verify(k.Public(), alpha, unhex(t, vector.pi))
	if err != nil || got != want {
		t.Errorf("verify gives %x, %v, want %x", got, err, want)
	}
}

// The input, byte for byte.
func TestInput(t *testing.T) {
	tests := []struct{ kind, id, want string }{
		{"file", "L-1", "\x00\x0clendlog/term" + "\x00\x04file" + "\x00\x03L-1"},
		{"", "", "\x00\x0clendlog/term" + "\x00\x00" + "\x00\x00"},
		{"fileL", "-1", "\x00\x0clendlog/term" + "\x00\x05fileL" + "\x00\x02-1"},
		{"party", strings.Repeat("é", 128), "\x00\x0clendlog/term" + "\x00\x05party" + "\x01\x00" + strings.Repeat("\xc3\xa9", 128)},
		{"file", strings.Repeat("x", 65535), "\x00\x0clendlog/term" + "\x00\x04file" + "\xff\xff" + strings.Repeat("x", 65535)},
	}
	for _, tt := range tests {
		got, err := input(tt.kind, tt.id)
		if err != nil || string(got) != tt.want {
			t.Errorf("input(%.10q, %.10q) = %q, %v, want %q", tt.kind, tt.id, got, err, tt.want)
		}
	}
}

// A term of the format, fixed for ever: the key of the vector, file/L-1.
func TestGoldenTerm(t *testing.T) {
	const want = "b70413ec4e91c468d98b3c3862da81a71887153c6f516f565ccc997d64eb6440"
	if got := vectorKey(t).Term("file", "L-1"); hex.EncodeToString(got[:]) != want {
		t.Errorf("the term of file/L-1 is %x, want %s", got, want)
	}
}

func TestTooLong(t *testing.T) {
	k := vectorKey(t)
	long := strings.Repeat("x", 65536)
	_, proof := k.Prove("", "")
	if len(proof) != ProofSize {
		t.Fatalf("a proof has %d bytes, want %d", len(proof), ProofSize)
	}
	for _, s := range [][2]string{{long, "1"}, {"file", long}, {long, long}} {
		if got := k.Term(s[0], s[1]); got != (Term{}) {
			t.Errorf("a subject too long has the term %x", got)
		}
		if got, proof := k.Prove(s[0], s[1]); got != (Term{}) || proof != nil {
			t.Errorf("a subject too long has the term %x and proof %x", got, proof)
		}
		if _, err := Verify(k.Public(), s[0], s[1], proof); err == nil {
			t.Error("a subject too long verifies")
		}
	}
}

// Term is Prove without the proof, and Verify undoes Prove, for keys and
// subjects at random.
func TestTermProveVerify(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	random := func(n int) string {
		b := make([]byte, r.IntN(n))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return string(b)
	}
	seen := map[Term]bool{}
	for range 20 {
		k := GenerateKey()
		same, err := ParsePrivateKey(k.Bytes())
		if err != nil || same.Public() != k.Public() {
			t.Fatalf("a key read back has the public key %x, %v, want %x", same.Public(), err, k.Public())
		}
		if public, err := ParsePublicKey(k.public[:]); err != nil || public != k.Public() {
			t.Fatalf("a public key read back is %x, %v, want %x", public, err, k.Public())
		}
		for range 10 {
			kind, id := random(12), random(300)
			want := same.Term(kind, id)
			got, proof := k.Prove(kind, id)
			if got != want {
				t.Fatalf("Prove gives the term %x, Term %x", got, want)
			}
			alpha, err := input(kind, id)
			if err != nil {
				t.Fatal(err)
			}
			if beta := k.vrf.Prove(alpha).Hash(); Term(beta[:Size]) != want {
				t.Fatalf("the library gives the output %x, Term %x", beta, want)
			}
			got, err = Verify(k.Public(), kind, id, proof)
			if err != nil || got != want {
				t.Fatalf("Verify gives the term %x, %v, want %x", got, err, want)
			}
			if seen[got] {
				t.Fatalf("two subjects have the term %x", got)
			}
			seen[got] = true
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	k := vectorKey(t)
	term, proof := k.Prove("file", "L-1")
	for bit := range 8 * len(proof) {
		bad := bytes.Clone(proof)
		bad[bit/8] ^= 1 << (bit % 8)
		if got, err := Verify(k.Public(), "file", "L-1", bad); err == nil || got != (Term{}) {
			t.Errorf("with bit %d of the proof flipped: %x, %v", bit, got, err)
		}
	}
	_, other := k.Prove("file", "L-2")
	zero := make([]byte, ProofSize)
	noncanonical := bytes.Clone(proof) // s + the group's order
	carry := 0
	for i, b := range unhex(t, "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010") {
		sum := int(noncanonical[48+i]) + int(b) + carry
		noncanonical[48+i], carry = byte(sum), sum>>8
	}
	identity, err := vrf.NewPrivateKey(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	alpha, err := input("file", "L-1")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name     string
		public   PublicKey
		kind, id string
		proof    []byte
	}{
		{"another id", k.Public(), "file", "L-2", proof},
		{"another kind", k.Public(), "line", "L-1", proof},
		{"the border of kind and id moved", k.Public(), "fileL", "-1", proof},
		{"kind and id swapped", k.Public(), "L-1", "file", proof},
		{"another subject's proof", k.Public(), "file", "L-1", other},
		{"another key", GenerateKey().Public(), "file", "L-1", proof},
		{"no key", PublicKey{}, "file", "L-1", proof},
		{"a key that is no element", PublicKey{1}, "file", "L-1", proof},
		{"no key and a proof under it", PublicKey{}, "file", "L-1", identity.Prove(alpha).Bytes()},
		{"a proof of zeros", k.Public(), "file", "L-1", zero},
		{"s beyond the group's order", k.Public(), "file", "L-1", noncanonical},
		{"no proof", k.Public(), "file", "L-1", nil},
		{"a proof cut short", k.Public(), "file", "L-1", proof[:79]},
		{"a proof with a tail", k.Public(), "file", "L-1", append(bytes.Clone(proof), 0)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := Verify(tt.public, tt.kind, tt.id, tt.proof); err == nil || got != (Term{}) {
				t.Errorf("Verify gives %x, %v", got, err)
			}
		})
	}
	if got, err := Verify(k.Public(), "file", "L-1", proof); err != nil || got != term {
		t.Errorf("the proof all were made from: %x, %v", got, err)
	}
}

func TestParseRefuses(t *testing.T) {
	order := "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"
	private := map[string]string{
		"nothing":          "",
		"31 bytes":         vector.sk[:62],
		"33 bytes":         vector.sk + "00",
		"zero":             strings.Repeat("00", 32),
		"the order":        order,
		"more than it":     strings.Repeat("ff", 32),
		"high bit flipped": vector.sk[:62] + "80",
	}
	for name, s := range private {
		if _, err := ParsePrivateKey(unhex(t, s)); err == nil {
			t.Errorf("private key: %s is accepted", name)
		}
	}
	public := map[string]string{
		"nothing":           "",
		"31 bytes":          vector.pk[:62],
		"33 bytes":          vector.pk + "00",
		"the identity":      strings.Repeat("00", 32),
		"a negative number": "01" + strings.Repeat("00", 31),
		"more than the field": "edffffffffffffffffffffffffffffff" +
			"ffffffffffffffffffffffffffffff7f",
		"high bit flipped": vector.pk[:62] + "ce",
		"no square root":   "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371", // RFC 9496, A.2
	}
	for name, s := range public {
		if _, err := ParsePublicKey(unhex(t, s)); err == nil {
			t.Errorf("public key: %s is accepted", name)
		}
	}
}

// Only the bytes of Prove verify: nobody can make another proof of the term
// without the private key, and with it none of another term.
func FuzzVerify(f *testing.F) {
	k := vectorKey(f)
	for _, id := range []string{"", "L-1", "Müller"} {
		_, proof := k.Prove("file", id)
		f.Add("file", id, proof)
	}
	f.Add("file", "L-1", []byte{})
	f.Add("file", "L-1", make([]byte, ProofSize))
	f.Fuzz(func(t *testing.T, kind, id string, proof []byte) {
		got, err := Verify(k.Public(), kind, id, proof)
		if err != nil {
			return
		}
		if want, only := k.Prove(kind, id); got != want || !bytes.Equal(proof, only) {
			t.Fatalf("%x verifies %x as the term of %q %q", proof, got, kind, id)
		}
	})
}

// What an event of a known subject takes.
func BenchmarkCached(b *testing.B) {
	c := NewCache(GenerateKey(), 1)
	c.Term("file", "A-2026-000117")
	b.ReportAllocs()
	for b.Loop() {
		c.Term("file", "A-2026-000117")
	}
}

func BenchmarkTerm(b *testing.B) {
	k := vectorKey(b)
	b.ReportAllocs()
	for b.Loop() {
		k.Term("file", "L-2024-000123")
	}
}

func BenchmarkProve(b *testing.B) {
	k := vectorKey(b)
	b.ReportAllocs()
	for b.Loop() {
		k.Prove("file", "L-2024-000123")
	}
}

func BenchmarkVerify(b *testing.B) {
	k := vectorKey(b)
	_, proof := k.Prove("file", "L-2024-000123")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Verify(k.Public(), "file", "L-2024-000123", proof); err != nil {
			b.Fatal(err)
		}
	}
}
