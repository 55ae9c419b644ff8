// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// A Prefix is what it takes to go on with a tree without its leaves: the roots
// of the complete subtrees that it falls into, the largest first. They are as
// many as its size has binary ones. Whoever appends leaves to a Prefix learns
// the root of the greater tree while holding a few hashes. The zero Prefix is
// the empty tree.
type Prefix struct {
	size  int64
	roots []Hash
}

// NewPrefix returns the prefix of a size with the roots of its subtrees.
// Whether they are right shows in the root of the tree alone.
func NewPrefix(size int64, roots []Hash) (Prefix, error) {
	if size < 0 || size > maxSize || bits.OnesCount64(uint64(size)) != len(roots) {
		return Prefix{}, fmt.Errorf("a tree of %d leaves does not fall into %d complete subtrees", size, len(roots))
	}
	return Prefix{size, append([]Hash(nil), roots...)}, nil
}

// Size returns the number of leaves.
func (p *Prefix) Size() int64 { return p.size }

// Roots returns the roots of the subtrees, for NewPrefix.
func (p *Prefix) Roots() []Hash { return append([]Hash(nil), p.roots...) }

// Append adds a leaf.
func (p *Prefix) Append(leaf Hash) {
	// A subtree is complete with its neighbour as a carry ends an addition.
	for n := p.size; n&1 == 1; n >>= 1 {
		last := len(p.roots) - 1
		leaf = tlog.NodeHash(p.roots[last], leaf)
		p.roots = p.roots[:last]
	}
	p.roots = append(p.roots, leaf)
	p.size++
}

// Root returns the root of the tree.
func (p *Prefix) Root() Hash {
	if p.size == 0 {
		return EmptyRoot
	}
	root := p.roots[len(p.roots)-1]
	for i := len(p.roots) - 2; i >= 0; i-- {
		root = tlog.NodeHash(p.roots[i], root)
	}
	return root
}

// Prefix returns the roots of the complete subtrees of the first size leaves,
// for NewPrefix.
func (v View) Prefix(size int64) ([]Hash, error) {
	if size < 0 || size > v.Size {
		return nil, ErrBeyond
	}
	roots := []Hash{}
	for done := int64(0); done < size; {
		level := bits.Len64(uint64(size-done)) - 1
		h, err := v.Node(level, done>>level)
		if err != nil {
			return nil, err
		}
		roots = append(roots, h)
		done += 1 << level
	}
	return roots, nil
}
