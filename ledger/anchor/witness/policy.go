// SPDX-License-Identifier: Apache-2.0

package witness

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/ledger/tree"
)

// maxPolicy bounds a policy file, and maxWitnesses the witnesses in it: all of
// their cosignatures have to go on one note.
const (
	maxPolicy    = 64 << 10
	maxWitnesses = 32
)

// A Policy says which witnesses there are, and which of them together are a
// quorum. It is never changed.
type Policy struct {
	Witnesses []Witness
	quorum    torchwood.Policy
}

// A Witness is one of a policy.
type Witness struct {
	Name string // in the policy
	Key  *tree.Cosigner
	URL  string // submission prefix, without a slash at the end
}

// ParsePolicy reads a C2SP tlog-policy. Every witness has a URL, and each adds
// to the quorum once: two with one key, and a name that stands in two groups,
// are errors. Lines of logs are passed over, for the ledger is the log.
func ParsePolicy(b []byte) (*Policy, error) {
	p := &Policy{}
	fail := func(line int, format string, args ...any) (*Policy, error) {
		return nil, fmt.Errorf("line %d of the witness policy %s", line+1, fmt.Sprintf(format, args...))
	}
	if len(b) > maxPolicy {
		return nil, fmt.Errorf("the witness policy has more than %d KiB", maxPolicy>>10)
	}
	var rest bytes.Buffer // what torchwood reads
	keys := map[[32]byte]string{}
	listed := map[string]bool{}
	asks := false // for a quorum
	for i, line := range strings.Split(string(b), "\n") {
		if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return fail(i, "has a control character")
		}
		words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' })
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if strings.Contains(line, "#") {
			return fail(i, "has a # inside, which torchwood and C2SP do not read alike: write comments on lines of their own")
		}
		switch words[0] {
		case "log":
			continue
		case "witness":
			if len(words) != 4 {
				return fail(i, "is not: witness NAME KEY URL")
			}
			key, err := tree.NewCosigner(words[2])
			if err != nil {
				return fail(i, "has no key of a witness: %v", err)
			}
			u, err := url.Parse(words[3])
			if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
				return fail(i, "has no URL such as https://witness.example/prefix of a witness")
			}
			if other, twice := keys[key.Key()]; twice {
				return fail(i, "has the key of %s: they are one witness, and count once; leave one of them out", other)
			}
			if words[1] == "none" {
				return fail(i, "names a witness none, which stands for no quorum")
			}
			keys[key.Key()] = words[1]
			p.Witnesses = append(p.Witnesses, Witness{words[1], key, strings.TrimRight(u.String(), "/")})
		case "group":
			for _, name := range words[min(3, len(words)):] {
				if listed[name] {
					return fail(i, "names %s, which is in a group already: a witness adds to the quorum in one way only", name)
				}
				listed[name] = true
			}
		case "quorum":
			asks = true
			if len(words) == 2 && words[1] == "none" {
				return fail(i, "asks for no quorum; leave the policy out to do without witnesses")
			}
		}
		rest.WriteString(strings.Join(words, " ") + "\n")
	}
	if len(p.Witnesses) > maxWitnesses {
		return nil, fmt.Errorf("the witness policy has more than %d witnesses", maxWitnesses)
	}
	var err error
	if p.quorum, err = torchwood.ParsePolicy(rest.Bytes()); err != nil {
		if !asks && len(p.Witnesses) > 0 {
			return nil, errors.New("the witness policy asks for no quorum: end it with a line such as quorum NAME, which names a witness or a group")
		}
		return nil, fmt.Errorf("the witness policy can't be read: %w", err)
	}
	if len(p.Witnesses) == 0 {
		return nil, errors.New("the witness policy names no witness")
	}
	return p, nil
}

// Verifier implements [note.Verifiers].
func (p *Policy) Verifier(name string, hash uint32) (note.Verifier, error) {
	for _, w := range p.Witnesses {
		if w.Key.Name() == name && w.Key.KeyHash() == hash {
			return w.Key, nil
		}
	}
	return nil, &note.UnknownVerifierError{Name: name, KeyHash: hash}
}

// Quorum returns when the cosignatures of a note, which were verified, had
// become a quorum: the time of the last one that it took.
func (p *Policy) Quorum(sigs []note.Signature) (at time.Time, ok bool) {
	type cosignature struct {
		at  time.Time
		sig note.Signature
	}
	var all []cosignature
	for _, s := range sigs {
		if at, err := tree.CosignedAt(s); err == nil {
			all = append(all, cosignature{at, s})
		}
	}
	slices.SortStableFunc(all, func(a, b cosignature) int { return cmp.Compare(a.at.Unix(), b.at.Unix()) })
	var given []note.Signature
	for _, c := range all {
		if given = append(given, c.sig); p.quorum.Check("", given) == nil {
			return c.at, true
		}
	}
	return time.Time{}, false
}

// Cosigned returns when a checkpoint, a signed note of the ledger, had the
// cosignatures of a quorum. It does not look at the signature of the ledger.
func (p *Policy) Cosigned(signed []byte) (at time.Time, ok bool) {
	_, n, err := tree.OpenCheckpoint(signed, p)
	if err != nil {
		return time.Time{}, false
	}
	return p.Quorum(n.Sigs)
}
