// SPDX-License-Identifier: Apache-2.0

package term

import (
	"crypto/sha256"
	"sync"
)

// A Cache remembers terms, because computing one costs more than sealing a
// whole event. Its methods may be called concurrently.
type Cache struct {
	key  *PrivateKey
	most int        // subjects in one generation
	mu   sync.Mutex // guards the two generations below, of which the older one is dropped
	now  generation
	old  generation
}

// A generation has terms by the hashes of their subjects: of a million of them the
// garbage collector has no pointer to follow.
type generation map[[sha256.Size]byte]Term

// NewCache returns a cache of the key's terms, of at most twice as many
// subjects as a generation has.
func NewCache(key *PrivateKey, most int) *Cache {
	return &Cache{key: key, most: most, now: generation{}}
}

// Term returns what the key's Term returns.
func (c *Cache) Term(kind, id string) Term {
	var room [128]byte
	subject := sha256.Sum256(append(append(append(room[:0], kind...), '/'), id...)) // a kind has no slash
	c.mu.Lock()
	t, ok := c.now[subject]
	if !ok {
		t, ok = c.old[subject]
	}
	c.mu.Unlock()
	if ok {
		return t
	}
	t = c.key.Term(kind, id)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.now) >= c.most {
		c.old, c.now = c.now, generation{} // which grows bit by bit, for others wait
	}
	c.now[subject] = t
	return t
}
