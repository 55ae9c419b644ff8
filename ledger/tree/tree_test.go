// SPDX-License-Identifier: Apache-2.0

package tree_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/lendlog/lendlog/ledger/tree"
)

// tiles holds full tiles, as a store does.
type tiles map[string]tree.Tile

func (s tiles) put(t *testing.T, full []tree.FullTile) {
	t.Helper()
	for _, f := range full {
		key := fmt.Sprint(f.Level, "/", f.N)
		if _, twice := s[key]; twice {
			t.Errorf("tile %s is full twice", key)
		}
		if len(f.Tile.Hashes()) != tree.Width {
			t.Errorf("tile %s is full with %d hashes", key, len(f.Tile.Hashes()))
		}
		s[key] = f.Tile
	}
}

var errNoTile = errors.New("no such tile")

func (s tiles) ReadTile(level int, n int64) (tree.Tile, error) {
	t, ok := s[fmt.Sprint(level, "/", n)]
	if !ok {
		return tree.Tile{}, errNoTile
	}
	return t, nil
}

// around are the sizes at which a tile, or a tile of tiles, becomes full.
var around = []int{1, 2, 3, 255, 256, 257, 511, 512, 513, 65279, 65535, 65536, 65537, 65792, 66000}

// A tree in tiles has the roots and proofs of RFC 6962 at every size, whether
// it grew leaf by leaf, in batches, or was rebuilt.
func TestTiles(t *testing.T) {
	leaves := numberedLeaves(66000)
	full := tiles{}
	var edge tree.Edge
	if root, err := (tree.View{Full: full}).RootAt(0); err != nil || root != tree.EmptyRoot {
		t.Errorf("the empty tree has the root %v, %v", root, err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	snapshots := map[int]tree.Edge{}
	for i := 0; i < len(around); i++ {
		for int(edge.Size) < around[i] {
			// One by one as far as the next size is near, else in batches.
			if n := around[i] - int(edge.Size); n < 4 {
				full.put(t, edge.Append(leaves[edge.Size]))
			} else {
				full.put(t, edge.AppendAll(leaves[edge.Size:int(edge.Size)+1+random.IntN(n)]))
			}
		}
		snapshots[around[i]] = edge
	}
	if want := 66000/256 + 1; len(full) != want {
		t.Errorf("%d full tiles, want %d", len(full), want)
	}
	for _, size := range around {
		rebuilt, err := tree.RebuildEdge(int64(size), full, leaves[size-size%tree.Width:size])
		if err != nil {
			t.Fatal(err)
		}
		small := tree.Small{Leaves: leaves[:size]}
		root := small.Root()
		for name, view := range map[string]tree.View{"grown": {Edge: snapshots[size], Full: full}, "rebuilt": {Edge: rebuilt, Full: full}} {
			if got, err := view.RootAt(int64(size)); err != nil || got != root {
				t.Fatalf("%s to %d: root %v, %v; want %v", name, size, got, err, root)
			}
			indexes := []int{0, size / 2, size - 1, random.IntN(size)}
			for _, index := range indexes {
				proof, err := view.ProveInclusion(int64(index), int64(size))
				if err != nil || !slices.Equal(proof, small.Prove(index)) {
					t.Errorf("%s to %d: another proof of %d, %v", name, size, index, err)
				}
				if err := tree.VerifyInclusion(proof, int64(index), int64(size), leaves[index], root); err != nil {
					t.Errorf("%s to %d: %d: %v", name, size, index, err)
				}
				if leaf, err := view.Leaf(int64(index)); err != nil || leaf != leaves[index] {
					t.Errorf("%s to %d: leaf %d is %v, %v", name, size, index, leaf, err)
				}
				// Of the tree as it was, the proofs are given too.
				old := int64(index + 1)
				oldRoot, err := view.RootAt(old)
				if err != nil || oldRoot != (tree.Small{Leaves: leaves[:old]}).Root() {
					t.Errorf("%s to %d: another root at %d, %v", name, size, old, err)
				}
				proof, err = view.ProveConsistency(old, int64(size))
				if err != nil {
					t.Error(err)
				}
				if err := tree.VerifyConsistency(proof, old, int64(size), oldRoot, root); err != nil {
					t.Errorf("%s: %d to %d: %v", name, old, size, err)
				}
			}
		}
	}
}

// What is not in the tree is refused, and a tile that cannot be read is not
// taken for one that is not there.
func TestBeyond(t *testing.T) {
	leaves := numberedLeaves(600)
	full := tiles{}
	var edge tree.Edge
	full.put(t, edge.AppendAll(leaves))
	view := tree.View{Edge: edge, Full: full}
	beyond := map[string]func(v tree.View) error{
		"a leaf":               func(v tree.View) error { _, err := v.Leaf(600); return err },
		"a node":               func(v tree.View) error { _, err := v.Node(9, 1); return err },
		"a tile":               func(v tree.View) error { _, err := v.Tile(0, 3); return err },
		"a tile level":         func(v tree.View) error { _, err := v.Tile(2, 0); return err },
		"a root":               func(v tree.View) error { _, err := v.RootAt(601); return err },
		"a negative root":      func(v tree.View) error { _, err := v.RootAt(-1); return err },
		"an index":             func(v tree.View) error { _, err := v.ProveInclusion(600, 600); return err },
		"a negative index":     func(v tree.View) error { _, err := v.ProveInclusion(-1, 600); return err },
		"a size":               func(v tree.View) error { _, err := v.ProveInclusion(1, 601); return err },
		"an index of an older": func(v tree.View) error { _, err := v.ProveInclusion(300, 300); return err },
		"consistency":          func(v tree.View) error { _, err := v.ProveConsistency(1, 601); return err },
		"backwards":            func(v tree.View) error { _, err := v.ProveConsistency(5, 4); return err },
		"negative":             func(v tree.View) error { _, err := v.ProveConsistency(-1, 4); return err },
	}
	for name, f := range beyond {
		if err := f(view); !errors.Is(err, tree.ErrBeyond) {
			t.Errorf("%s: %v", name, err)
		}
	}
	delete(full, "0/1")
	for name, f := range map[string]func(v tree.View) error{
		"a leaf":      func(v tree.View) error { _, err := v.Leaf(256); return err },
		"a proof":     func(v tree.View) error { _, err := v.ProveInclusion(256, 600); return err },
		"consistency": func(v tree.View) error { _, err := v.ProveConsistency(300, 600); return err },
		"a root":      func(v tree.View) error { _, err := v.RootAt(300); return err },
		"rebuilding":  func(tree.View) error { _, err := tree.RebuildEdge(600, full, leaves[512:]); return err },
	} {
		if err := f(view); !errors.Is(err, errNoTile) {
			t.Errorf("%s without its tile: %v", name, err)
		}
	}
	if _, err := tree.RebuildEdge(600, full, leaves[513:]); err == nil {
		t.Error("an edge is rebuilt from too few leaves")
	}
}

// A copy of an edge does not see what is appended to the original.
func TestSnapshot(t *testing.T) {
	leaves := numberedLeaves(1200)
	full := tiles{}
	var edge tree.Edge
	var snapshots []tree.Edge
	for _, l := range leaves {
		snapshots = append(snapshots, edge)
		full.put(t, edge.Append(l))
	}
	for size, s := range snapshots {
		root, err := (tree.View{Edge: s, Full: full}).RootAt(int64(size))
		if err != nil || root != (tree.Small{Leaves: leaves[:size]}).Root() {
			t.Fatalf("the snapshot of %d has another root, %v", size, err)
		}
	}
}

// Clones of an edge grow apart.
func TestClone(t *testing.T) {
	var a tree.Edge
	for i := range 300 {
		a.Append(tree.LeafHash([]byte{byte(i), byte(i >> 8)}))
	}
	b := a.Clone()
	for _, e := range []struct {
		edge *tree.Edge
		leaf byte
	}{{&a, 1}, {&b, 2}, {&a, 3}, {&b, 4}} {
		e.edge.Append(tree.LeafHash([]byte{e.leaf}))
	}
	for _, e := range []struct {
		edge   tree.Edge
		leaves [2]byte
	}{{a, [2]byte{1, 3}}, {b, [2]byte{2, 4}}} {
		for i, leaf := range e.leaves {
			got, err := tree.View{Edge: e.edge}.Leaf(300 + int64(i))
			if err != nil || got != tree.LeafHash([]byte{leaf}) {
				t.Errorf("leaf %d: %v", 300+i, err)
			}
		}
	}
}

func TestSmallIsRFC6962(t *testing.T) {
	leaves := numberedLeaves(40)
	for size := 1; size <= len(leaves); size++ {
		small := tree.Small{Leaves: leaves[:size]}
		want, err := tlog.TreeHash(int64(size), storedHashes(t, leaves[:size]))
		if err != nil || small.Root() != want {
			t.Fatalf("the root of %d leaves is %v, want %v, %v", size, small.Root(), want, err)
		}
		for i := range size {
			if err := tree.VerifyInclusion(small.Prove(i), int64(i), int64(size), leaves[i], want); err != nil {
				t.Errorf("leaf %d of %d: %v", i, size, err)
			}
		}
	}
}

func TestOpenCheckpoint(t *testing.T) {
	signer, verifier := noteKey(t, 1)
	stranger, _ := noteKey(t, 2)
	known := note.VerifierList(verifier)
	want := tree.Checkpoint{Origin: "ledger.example/1", Size: 7, Root: tree.LeafHash(nil)}
	signed, err := want.Sign(signer, stranger)
	if err != nil {
		t.Fatal(err)
	}
	got, n, err := tree.OpenCheckpoint(signed, known)
	if err != nil || got != want || len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 1 {
		t.Errorf("opened %+v, %+v, %v", got, n, err)
	}
	only, err := want.Sign(stranger)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := tree.OpenCheckpoint(only, known); !errors.Is(err, tree.ErrUnsigned) {
		t.Errorf("signed by a stranger: %v", err)
	}
	for name, text := range map[string]string{
		"one line more":    want.Text() + "more\n",
		"one line less":    strings.Join(strings.SplitAfter(want.Text(), "\n")[:2], ""),
		"a leading zero":   strings.Replace(want.Text(), "\n7\n", "\n07\n", 1),
		"a negative size":  strings.Replace(want.Text(), "\n7\n", "\n-7\n", 1),
		"no origin":        strings.Replace(want.Text(), want.Origin, "", 1),
		"a short root":     strings.Replace(want.Text(), "=\n", "\n", 1),
		"more than 64 bit": strings.Replace(want.Text(), "\n7\n", "\n9223372036854775808\n", 1),
	} {
		signed, err := note.Sign(&note.Note{Text: text}, signer)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := tree.OpenCheckpoint(signed, known); err == nil {
			t.Errorf("a checkpoint with %s is accepted", name)
		}
	}
}

func TestValidOrigin(t *testing.T) {
	for origin, ok := range map[string]bool{
		"ledger.bank.example/2026": true, "x": true, strings.Repeat("x", 255): true,
		"": false, strings.Repeat("x", 256): false, "a b": false, "a+b": false, "a\nb": false, "bänk": false, "a\x7f": false,
	} {
		if err := tree.ValidOrigin(origin); (err == nil) != ok {
			t.Errorf("%q: %v", origin, err)
		}
	}
}
