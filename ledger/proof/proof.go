// SPDX-License-Identifier: Apache-2.0

// Package proof is what a stranger needs to check a ledger offline: the trust
// policy that says whom they believe, the evidence and receipts they were
// given, and the verifier. It does no I/O and trusts no byte it reads.
//
// A verdict is one of three. [Valid]: every check that the policy asks for
// was made and passed. [Invalid]: a check failed, which is evidence of
// tampering, and the report names it. [Incomplete]: nothing failed, but a
// check that the policy asks for could not be made.
//
// The formats are specified in docs/formats.md, sections 7 to 11.
package proof

import (
	"encoding/base64"
	"fmt"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/tree"
)

// object takes members out of a JSON object, remembers the first error, and
// knows whether any were left over.
type object struct {
	canon.Value
	at    string // JSON Pointer of the object
	taken map[string]bool
	err   *error // shared by all objects of a document
}

func open(v canon.Value, at string, err *error) *object {
	o := &object{Value: v, at: at, taken: map[string]bool{}, err: err}
	if v.Kind != canon.Object {
		o.fail("", "is not an object")
	}
	return o
}

func (o *object) fail(name, reason string) {
	if *o.err == nil {
		at := o.at
		if name != "" {
			at = canon.Pointer(at, clip(name))
		}
		if at == "" {
			at = "the document"
		}
		*o.err = fmt.Errorf("%s %s", at, reason)
	}
}

func (o *object) take(name string, kind canon.Kind) (canon.Value, bool) {
	o.taken[name] = true
	v, ok := o.Get(name)
	if ok && v.Kind != kind {
		o.fail(name, "is not of type "+kind.String())
		return canon.Value{}, false
	}
	return v, ok
}

func (o *object) need(name string, kind canon.Kind) canon.Value {
	v, ok := o.take(name, kind)
	if !ok {
		o.fail(name, "is missing")
	}
	return v
}

func (o *object) text(name string) string { return o.need(name, canon.String).Str }

func (o *object) number(name string) int64 {
	v := o.need(name, canon.Int)
	if v.Int < 0 {
		o.fail(name, "is negative")
	}
	return v.Int
}

func (o *object) bytes(name string, size int) []byte {
	b, ok := decode(base64.StdEncoding, o.text(name), size)
	if !ok {
		o.fail(name, fmt.Sprintf("is not %d bytes in base64", size))
	}
	return b
}

// blob reads up to most bytes.
func (o *object) blob(name string, most int) []byte {
	s := o.text(name)
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) > most || len(s) != base64.StdEncoding.EncodedLen(len(b)) {
		o.fail(name, fmt.Sprintf("is not at most %d bytes in base64", most))
	}
	return b
}

// decode reads base64 of which there is one spelling: Go's decoder skips line
// breaks even when it is strict. It always returns size bytes.
func decode(enc *base64.Encoding, s string, size int) ([]byte, bool) {
	b, err := enc.Strict().DecodeString(s)
	if err != nil || len(b) != size || len(s) != enc.EncodedLen(size) {
		return make([]byte, size), false
	}
	return b, true
}

func decode32(s string) ([32]byte, bool) {
	b, ok := decode(base64.StdEncoding, s, 32)
	return [32]byte(b), ok
}

// hashes reads an array of hashes; a proof has at most 63.
func (o *object) hashes(name string) []tree.Hash {
	v := o.need(name, canon.Array)
	if len(v.Items) > 63 {
		o.fail(name, "has more than 63 hashes")
		return nil
	}
	out := make([]tree.Hash, 0, len(v.Items))
	for _, item := range v.Items {
		h, ok := decode32(item.Str)
		if item.Kind != canon.String || !ok {
			o.fail(name, "is not a list of base64 SHA-256 hashes")
			return nil
		}
		out = append(out, h)
	}
	return out
}

// end refuses members that nobody took.
func (o *object) end() {
	for _, m := range o.Members {
		if !o.taken[m.Name] {
			o.fail(m.Name, "is not a member of this format")
		}
	}
}

// version reads "v".
func (o *object) version(want string) {
	if got := o.text("v"); got != want {
		o.fail("v", "is not "+want+"; this program knows no other version")
	}
}

// parse reads a document and hands its object to read.
func parse(b []byte, most int, read func(*object)) error {
	if len(b) > most {
		return fmt.Errorf("the document has more than %d MiB", most>>20)
	}
	v, err := canon.Parse(b, canon.Limits{})
	if err != nil {
		return err
	}
	var bad error
	read(open(v, "", &bad))
	return bad
}

func encodeHashes(hashes []tree.Hash) canon.Value {
	v := canon.Value{Kind: canon.Array}
	for _, h := range hashes {
		v.Items = append(v.Items, canon.Text(base64.StdEncoding.EncodeToString(h[:])))
	}
	return v
}

// indent writes a value with one member or item a line, for people.
func indent(dst []byte, v canon.Value, prefix string) []byte {
	switch {
	case v.Kind == canon.Object && len(v.Members) > 0:
		dst = append(dst, '{')
		for i, m := range v.Members {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(append(append(dst, '\n'), prefix...), ' ', ' ')
			dst = append(canon.AppendString(dst, m.Name), ':', ' ')
			dst = indent(dst, m.Value, prefix+"  ")
		}
		return append(append(append(dst, '\n'), prefix...), '}')
	case v.Kind == canon.Array && len(v.Items) > 0:
		dst = append(dst, '[')
		for i, item := range v.Items {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(append(append(dst, '\n'), prefix...), ' ', ' ')
			dst = indent(dst, item, prefix+"  ")
		}
		return append(append(append(dst, '\n'), prefix...), ']')
	}
	return v.Append(dst)
}

func document(members ...canon.Member) []byte {
	return append(indent(nil, canon.Value{Kind: canon.Object, Members: members}, ""), '\n')
}

func member(name string, v canon.Value) canon.Member { return canon.Member{Name: name, Value: v} }

// KindOf tells whether a document is EvidenceFormat or ReceiptFormat. It looks
// no further than at the member that says so.
func KindOf(b []byte) (string, error) {
	kind := ""
	err := parse(b, maxEvidence, func(o *object) {
		switch v, _ := o.Get("v"); {
		case v.Kind == canon.String && (v.Str == EvidenceFormat || v.Str == ReceiptFormat):
			kind = v.Str
		default:
			o.fail("", "is neither evidence nor a receipt that this program knows: its member v is not "+EvidenceFormat+" or "+ReceiptFormat)
		}
	})
	if err != nil {
		return "", err
	}
	return kind, nil
}
