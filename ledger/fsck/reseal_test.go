// SPDX-License-Identifier: Apache-2.0

package fsck_test

import (
	"slices"
	"testing"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/fsck"
	"github.com/lendlog/lendlog/ledger/ledgertest"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/vault"
)

// A part is one group of a payload, opened.
type part struct {
	name    string
	key     seal.PartyKey
	seed    seal.Seed
	members canon.Value
}

// set makes a member of the group have a value.
func (p *part) set(pointer string, v canon.Value) {
	members := slices.DeleteFunc(slices.Clone(p.members.Members), func(m canon.Member) bool { return m.Name == pointer })
	p.members = canon.Map(append(members, canon.Member{Name: pointer, Value: v})...)
}

// partyKeys opens all party keys of a ledger.
func partyKeys(t *testing.T, p fsck.Parts) map[int64]seal.PartyKey {
	t.Helper()
	keys, err := vault.ReadKeys(p.Keys)
	if err != nil {
		t.Fatal(err)
	}
	v, err := keys.OpenVault(p.Vault, ledgertest.Origin, "test")
	if err != nil {
		t.Fatal(err)
	}
	out := map[int64]seal.PartyKey{}
	for f := range store.ReadMirror(p.Mirror) {
		for _, row := range f.Batch.Keys {
			b, err := v.Bucket(row.ID / seal.BucketSize)
			if err != nil {
				t.Fatal(err)
			}
			if out[row.ID], err = seal.Unwrap(row.ID, row.Row, b.Key); err != nil {
				t.Fatal(err)
			}
		}
	}
	return out
}

// reseal opens a payload, lets it be edited, encrypts it again, and, where that
// is wanted, commits the entry to what is in it now.
func reseal(t *testing.T, keys map[int64]seal.PartyKey, it *ledgertest.Item, commit bool, edit func([]part) []part) {
	t.Helper()
	groups, err := seal.ParsePayload(it.Payload)
	if err != nil {
		t.Fatal(err)
	}
	var parts []part
	for _, g := range groups {
		seed, members, err := g.Open(keys[g.KeyID].Key, it.Entry.Event)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, part{g.Name, keys[g.KeyID], seed, canon.Map(members...)})
	}
	parts = edit(parts)
	it.Payload = []byte{}
	for _, p := range parts {
		it.Payload = seal.AppendGroup(it.Payload, p.name, p.key, it.Entry.Event, p.seed, p.members)
	}
	if !commit {
		return
	}
	cat, err := record.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	s, ok := cat.Hash(it.Entry.Schema)
	if !ok {
		t.Fatal("the record has no schema that is built in")
	}
	var all []seal.Disclosure
	for _, ptr := range s.Pointers() {
		name, _ := s.Group(ptr)
		d := seal.Disclosure{Pointer: ptr}
		for _, p := range parts {
			if v, present := p.members.Get(ptr); p.name == name {
				d = seal.Disclose(p.seed, ptr, v, present)
			}
		}
		all = append(all, d)
	}
	it.Entry.Sealed = seal.Small(all).Root()
}

// What an operator with all keys seals is held against its schema, its entry
// and its subject.
func TestSealedLies(t *testing.T) {
	p := copyOf(t)
	index := payment(t, p)
	keys := partyKeys(t, p)
	for _, tc := range []struct {
		name   string
		commit bool // the entry commits to it
		edit   func([]part) []part
		check  string
	}{
		{"nothing changed", true, func(p []part) []part { return p }, ""},
		{"a value that the entry does not commit to", false, func(p []part) []part {
			p[0].set("/id", canon.Text("another"))
			return p
		}, fsck.Seals},
		{"a seed of its own", false, func(p []part) []part {
			p[0].seed[0] ^= 1
			return p
		}, fsck.Seals},
		{"another id", true, func(p []part) []part {
			p[0].set("/id", canon.Text("another"))
			return p
		}, fsck.Events},
		{"another subject", true, func(p []part) []part {
			p[0].set("/subject", canon.Text("file/another"))
			return p
		}, fsck.Terms},
		{"other causes", true, func(p []part) []part {
			p[0].set("/causationid", canon.Text("unheard-of"))
			return p
		}, fsck.Refs},
		{"data that the schema refuses", true, func(p []part) []part {
			p[0].set("/data/valueDate", canon.Text("yesterday"))
			return p
		}, fsck.Events},
		{"an extension in the place of an attribute", true, func(p []part) []part {
			p[0].set("/extensions", canon.Map(canon.Member{Name: "subject", Value: canon.Text("file/another")}))
			return p
		}, fsck.Events},
		{"an extension in the place of an attribute that is absent", true, func(p []part) []part {
			p[0].set("/extensions", canon.Map(canon.Member{Name: "parent", Value: canon.Text("file/another")}))
			return p
		}, fsck.Events},
		{"an attribute that is null", true, func(p []part) []part {
			p[0].set("/parent", canon.Value{})
			return p
		}, fsck.Events},
		{"an attribute that is a number", true, func(p []part) []part {
			p[0].set("/sequence", canon.Number(1))
			return p
		}, fsck.Events},
		{"extensions without any", true, func(p []part) []part {
			p[0].set("/extensions", canon.Map())
			return p
		}, fsck.Events},
		{"an extension in the place of data", true, func(p []part) []part {
			p[0].set("/extensions", canon.Map(canon.Member{Name: "data", Value: canon.Map()}))
			return p
		}, fsck.Events},
		{"a member that the schema does not know", true, func(p []part) []part {
			p[0].set("/data/unheardOf", canon.Number(1))
			return p
		}, fsck.Payloads},
		{"a group that the schema does not know", true, func(p []part) []part {
			return append(p, part{"unheardOf", p[0].key, p[0].seed, canon.Map()})
		}, fsck.Payloads},
		{"a member in two groups", true, func(p []part) []part {
			id, _ := p[0].members.Get("/id")
			return append(p, part{"unheardOf", p[0].key, p[0].seed, canon.Map(canon.Member{Name: "/id", Value: id})})
		}, fsck.Payloads},
		{"a group twice", true, func(p []part) []part { return append(p, p[0]) }, fsck.Payloads},
		{"no group", true, func([]part) []part { return nil }, fsck.Payloads},
		{"a group under the key of somebody else", true, func(p []part) []part {
			for _, k := range keys {
				if k.ID != p[0].key.ID {
					p[0].key = k
					return p
				}
			}
			return p
		}, fsck.Payloads},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			done := false
			f := ledgertest.Forge(t, p, ledgertest.Lie{Before: func(it *ledgertest.Item) {
				if it.Index == index {
					reseal(t, keys, it, tc.commit, tc.edit)
					done = true
				}
			}})
			if !done {
				t.Fatal("nothing was resealed")
			}
			r := audit(t, f.Parts, fsck.Options{Deep: true})
			if tc.check == "" {
				if r.Verdict != proof.Valid {
					t.Errorf("want VALID:\n%s", text(r))
				}
				return
			}
			if _, ok := find(r, tc.check, index); !ok || r.Verdict != proof.Invalid {
				t.Errorf("want a finding of %s:\n%s", tc.check, text(r))
			}
			if r := audit(t, f.Parts, fsck.Options{}); r.Verdict != proof.Valid {
				t.Errorf("a shallow audit opens no payload:\n%s", text(r))
			}
		})
	}
}
