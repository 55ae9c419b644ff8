// SPDX-License-Identifier: Apache-2.0

package proof

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/tree"
)

// KeyChangeFormat is the version of statements of a new key.
const KeyChangeFormat = "lendlog/key-change/1"

// maxKeyChange bounds a statement: five lines and a few signatures.
const maxKeyChange = 8192

// A KeyChange says that a ledger has a new checkpoint key. It is signed as a note
// by a key before it and by the new one (docs/formats.md, section 20).
type KeyChange struct {
	Origin string
	Key    string // verifier key of the new one
	From   int64  // size of the first checkpoint that it signs
	Until  int64  // size of the last checkpoint that those before it sign
}

// text is what is signed. Its first line is no origin of a ledger that anybody
// has, and its third no size, so it is never taken for a checkpoint.
func (c KeyChange) text() string {
	return fmt.Sprintf("%s\n%s\n%s\n%d\n%d\n", KeyChangeFormat, c.Origin, c.Key, c.From, c.Until)
}

// Sign returns the statement. The signers are a key before the new one, and the
// new one, which so shows that its holder has it.
func (c KeyChange) Sign(before, now note.Signer) (string, error) {
	signed, err := note.Sign(&note.Note{Text: c.text()}, before, now)
	return string(signed), err
}

// parseKeyChange reads the text of a statement in its one form.
func parseKeyChange(text string) (c KeyChange, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 6 {
		return c, errors.New("it is not of five lines")
	}
	c.Origin, c.Key = lines[1], lines[2]
	var bad [2]error
	c.From, bad[0] = strconv.ParseInt(lines[3], 10, 64)
	c.Until, bad[1] = strconv.ParseInt(lines[4], 10, 64)
	if errors.Join(bad[:]...) != nil || c.From < 1 || c.Until < c.From || c.Until > canon.MaxInt || c.text() != text {
		return c, fmt.Errorf("it is not %s in its one form", KeyChangeFormat)
	}
	return c, nil
}

// After returns the policy as it is once the key of a statement was announced:
// with that key from its size on, and those before it up to theirs. A key that
// may sign the size from which the new one signs, and the new one, have to have
// signed the statement. Of a key that the policy names already it is t.
func (t *Trust) After(statement string) (*Trust, KeyChange, error) {
	fail := func(format string, args ...any) (*Trust, KeyChange, error) {
		return nil, KeyChange{}, fmt.Errorf("the statement of a new key: "+format, args...)
	}
	if len(statement) > maxKeyChange {
		return fail("it has more than %d bytes", maxKeyChange)
	}
	text, _, _ := strings.Cut(statement, "\n\n")
	c, err := parseKeyChange(text + "\n")
	if err != nil {
		return fail("%w", err)
	}
	fresh, err := note.NewVerifier(c.Key)
	if err != nil || c.Origin != t.Origin || fresh.Name() != t.Origin {
		return fail("it is of another ledger, or its key is not a verifier key")
	}
	known := []note.Verifier{fresh}
	for _, k := range t.Keys {
		v, err := note.NewVerifier(k.Key)
		if err != nil {
			return fail("the policy's key is not a verifier key: %w", err)
		}
		if v.KeyHash() == fresh.KeyHash() {
			return t, c, nil
		}
		if k.May(c.From) && !slices.ContainsFunc(known, func(o note.Verifier) bool { return o.KeyHash() == v.KeyHash() }) {
			known = append(known, v)
		}
	}
	n, err := tree.OpenNote([]byte(statement), note.VerifierList(known...))
	if err != nil || n.Text != c.text() {
		return fail("it is not signed as it has to be")
	}
	byFresh := slices.ContainsFunc(n.Sigs, func(s note.Signature) bool { return s.Hash == fresh.KeyHash() })
	if !byFresh || len(n.Sigs) < 2 {
		return fail("the new key, and one before it that may sign checkpoint %d, have to have signed it", c.From)
	}
	later := *t
	later.Keys = slices.Clone(t.Keys)
	for i := range later.Keys {
		if k := &later.Keys[i]; k.From <= c.Until && (k.To == 0 || k.To > c.Until) {
			k.To = c.Until
		}
	}
	later.Keys = append(later.Keys, TrustedKey{Key: c.Key, From: c.From})
	return &later, c, nil
}

// May reports whether the key may sign a checkpoint of that size.
func (k TrustedKey) May(size int64) bool { return size >= k.From && (k.To == 0 || size <= k.To) }

// Announced returns the policy with the keys that records of a file announce, one
// after the other, each under a key that may. That the records are in the log is
// not looked at: what counts is who signed their statements.
func (t *Trust) Announced(records []Record) (later *Trust, last int64) {
	later, last = t, -1
	records = slices.SortedFunc(slices.Values(records), func(a, b Record) int { return cmp.Compare(a.Index, b.Index) })
	for _, r := range records {
		leaf, err := record.ParseLeaf(r.Entry)
		if err != nil || leaf.Entry == nil || leaf.Entry.Type != record.TypeKeyChanged {
			continue
		}
		statement, ok := leaf.Entry.Open.Get("statement")
		if !ok || statement.Kind != canon.String {
			continue // of another key than a checkpoint key
		}
		if next, c, err := later.After(statement.Str); err == nil && next != later && c.From == r.Index+1 {
			later, last = next, r.Index
		}
	}
	return later, last
}

// following returns the policy under which evidence is verified: t, or, where the
// checkpoint fails under that and passes with the keys that the file announces,
// the one with these, and the record that announces the last of them; else -1.
func (t *Trust) following(e *Evidence) (*Trust, int64) {
	if _, err := t.openHead(e.Checkpoint); err == nil {
		return t, -1
	}
	later, last := t.Announced(e.Records)
	if _, err := later.openHead(e.Checkpoint); last < 0 || err != nil {
		return t, -1
	}
	return later, last
}
