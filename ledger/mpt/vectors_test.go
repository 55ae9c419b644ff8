// SPDX-License-Identifier: Apache-2.0

package mpt_test

import (
	"bytes"
	"encoding/hex"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lendlog/lendlog/ledger/mpt"
)

// vectorLines yields the lines of a vector file, joined where they continue,
// as the first word and the others.
func vectorLines(t *testing.T, name string, yield func(word string, args []string)) {
	t.Helper()
	file, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(strings.ReplaceAll(string(file), "\\\n", " ")) {
		fields := strings.Fields(line)
		if len(fields) > 0 && !strings.HasPrefix(fields[0], "#") {
			yield(fields[0], fields[1:])
		}
	}
}

// unhex decodes words that are one hex string; ” and - are the empty one.
func unhex(t *testing.T, words ...string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Trim(strings.Join(words, ""), "'-"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVectorsTreeHash(t *testing.T) {
	pairs := map[string][]byte{}
	trees := 0
	vectorLines(t, "treehash.txt", func(word string, args []string) {
		switch word {
		case "kv":
			pairs[string(unhex(t, args[0]))] = unhex(t, args[1])
		case "hash":
			trees++
			got := mpt.TreeHash(func(yield func(k, v []byte) bool) {
				for k, v := range pairs {
					if !yield([]byte(k), v) {
						return
					}
				}
			})
			if want := mpt.Hash(unhex(t, args...)); got != want {
				t.Errorf("tree %d of %d pairs has hash %x, want %x", trees, len(pairs), got, want)
			}
			clear(pairs)
		default:
			t.Fatalf("unknown line %q", word)
		}
	})
	if trees != 32 {
		t.Errorf("saw %d trees, want 32", trees)
	}
}

func TestVectorsVerify(t *testing.T) {
	var (
		snap, hash              mpt.Hash
		key, val, prefix, proof []byte
		ok                      bool
		lookups, prefixes       int
	)
	vectorLines(t, "verify.txt", func(word string, args []string) {
		switch word {
		case "snap":
			snap = mpt.Hash(unhex(t, args...))
		case "hash":
			hash = mpt.Hash(unhex(t, args...))
		case "key":
			key = unhex(t, args...)
		case "prefix":
			prefix = unhex(t, args...)
		case "proof":
			proof = unhex(t, args...)
		case "val":
			val, ok = unhex(t, args...), args[0] != "-"
		case "verify":
			lookups++
			if err := mpt.VerifyLookup(snap, key, val, ok, proof); (err == nil) != (args[0] == "true") {
				t.Errorf("lookup %d: want %s, got %v", lookups, args[0], err)
			}
		case "verifyprefix":
			prefixes++
			if err := mpt.VerifyPrefix(snap, prefix, hash, proof); (err == nil) != (args[0] == "true") {
				t.Errorf("prefix %d: want %s, got %v", prefixes, args[0], err)
			}
		default:
			t.Fatalf("unknown line %q", word)
		}
	})
	if lookups != 103 || prefixes != 18 {
		t.Errorf("saw %d lookups and %d prefixes, want 103 and 18", lookups, prefixes)
	}
}

func TestVectorsPrefix(t *testing.T) {
	var (
		tree           = new(mpt.Tree)
		pairs          = map[string]string{}
		fresh          = true
		snap, hash     mpt.Hash
		prefix         []byte
		trees, queries int
	)
	vectorLines(t, "prefix.txt", func(word string, args []string) {
		switch word {
		case "kv":
			if fresh {
				tree, fresh = new(mpt.Tree), false
				clear(pairs)
			}
			k, v := unhex(t, args[0]), unhex(t, args[1])
			tree.Set(k, v)
			pairs[string(k)] = string(v)
		case "snap":
			trees++
			fresh = true
			snap = mpt.Hash(unhex(t, args...))
			if got := tree.Hash(); got != snap {
				t.Errorf("tree %d has hash %x, want %x", trees, got, snap)
			}
		case "prefix":
			prefix = unhex(t, args...)
		case "hash":
			hash = mpt.Hash(unhex(t, args...))
		case "proof":
			queries++
			proof := unhex(t, args...)
			gotHash, gotProof := tree.ProvePrefix(prefix)
			if gotHash != hash || !bytes.Equal(gotProof, proof) {
				t.Errorf("tree %d, prefix %x: got\n%x %x, want\n%x %x", trees, prefix, gotHash, gotProof, hash, proof)
			}
			if err := mpt.VerifyPrefix(snap, prefix, hash, proof); err != nil {
				t.Errorf("tree %d, prefix %x: %v", trees, prefix, err)
			}
			var got []string
			subtree := mpt.TreeHash(func(yield func(k, v []byte) bool) {
				tree.Scan(prefix, func(k, v []byte) bool {
					got = append(got, string(k))
					if pairs[string(k)] != string(v) {
						t.Errorf("tree %d, prefix %x: wrong value of %x", trees, prefix, k)
					}
					return yield(k, v)
				})
			})
			if subtree != hash {
				t.Errorf("tree %d, prefix %x: the pairs scanned have hash %x, want %x", trees, prefix, subtree, hash)
			}
			want := slices.SortedFunc(maps.Keys(pairs), compareKeys)
			want = slices.DeleteFunc(want, func(k string) bool { return !mpt.HasPrefix([]byte(k), prefix) })
			if diff := cmp.Diff(want, got); len(want)+len(got) > 0 && diff != "" {
				t.Errorf("tree %d, prefix %x: scan differs (-want +got):\n%s", trees, prefix, diff)
			}
		default:
			t.Fatalf("unknown line %q", word)
		}
	})
	if trees != 17 || queries != 876 {
		t.Errorf("saw %d trees and %d queries, want 17 and 876", trees, queries)
	}
}
