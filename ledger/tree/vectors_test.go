// SPDX-License-Identifier: Apache-2.0

package tree_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"

	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/lendlog/lendlog/ledger/tree"
)

// A vector is a file of the test vectors of github.com/transparency-dev/merkle.
// Of a number that is no int64 the verifiers are given the bits.
type vector struct {
	LeafIdx, TreeSize uint64 // inclusion
	Size1, Size2      uint64 // consistency
	Start, End, Size  uint64 // subtrees
	LeafHash, Root    []byte
	Root1, Root2      []byte
	Proof             [][]byte
	WantErr           bool
}

// hash is a value of a vector. Those that are not 32 bytes long become hashes
// that are equal when they are, so that every vector is put to the verifiers.
func hash(b []byte) tree.Hash {
	if len(b) == len(tree.Hash{}) {
		return tree.Hash(b)
	}
	return tree.LeafHash(b)
}

func (v vector) verify(kind string) error {
	proof := make([]tree.Hash, len(v.Proof))
	for i, h := range v.Proof {
		proof[i] = hash(h)
	}
	switch kind {
	case "inclusion":
		return tree.VerifyInclusion(proof, int64(v.LeafIdx), int64(v.TreeSize), hash(v.LeafHash), hash(v.Root))
	case "consistency":
		return tree.VerifyConsistency(proof, int64(v.Size1), int64(v.Size2), hash(v.Root1), hash(v.Root2))
	case "subtreeinclusion":
		return tree.VerifySubtreeInclusion(proof, int64(v.LeafIdx), int64(v.Start), int64(v.End), hash(v.LeafHash), hash(v.Root))
	case "subtreeconsistency":
		return tree.VerifySubtreeConsistency(proof, int64(v.Start), int64(v.End), int64(v.Size), hash(v.Root1), hash(v.Root2))
	}
	panic("no vectors are of kind " + kind)
}

// accepted are the vectors that ask for an error and get none, and why.
var accepted = map[string]string{
	"inclusion/single-entry/empty-root-and-leaf.json":                 "root and leaf are no hashes, which a Hash always is; but they are equal",
	"subtreeinclusion/single-entry/empty-root-and-leaf.json":          "the same",
	"subtreeinclusion/single-entry/empty-root-and-leaf-subtree.json":  "the same",
	"consistency/additional/size1-is-zero-and-size2-is-not-zero.json": "the empty tree is a prefix of every tree, as C2SP witnesses hold",
}

func TestVectors(t *testing.T) {
	if string(rfc6962.DefaultHasher.EmptyRoot()) != string(tree.EmptyRoot[:]) {
		t.Error("the empty tree has another root")
	}
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/transparency-dev/merkle").Output()
	if err != nil {
		t.Fatalf("couldn't find the vectors: %v", err)
	}
	testdata := os.DirFS(path.Join(strings.TrimSpace(string(dir)), "testdata"))
	got, want := map[string]int{}, map[string]int{
		"inclusion": 98, "consistency": 98, "subtreeinclusion": 204, "subtreeconsistency": 107, // 507
	}
	for kind, n := range want {
		err := fs.WalkDir(testdata, kind, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			got[kind]++
			file, err := fs.ReadFile(testdata, name)
			if err != nil {
				return err
			}
			var v vector
			if err := json.Unmarshal(file, &v); err != nil {
				return err
			}
			_, except := accepted[name]
			if err := v.verify(kind); (err != nil) != (v.WantErr && !except) {
				t.Errorf("%s: error wanted: %v, excepted: %v, got: %v", name, v.WantErr, except, err)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if got[kind] != n {
			t.Errorf("saw %d vectors of kind %s, want %d", got[kind], kind, n)
		}
	}
}
