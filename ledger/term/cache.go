// SPDX-License-Identifier: Apache-2.0

package term

import "sync"

// A Cache remembers terms, because computing one costs more than sealing a
// whole event. Its methods may be called concurrently.
type Cache struct {
	key  *PrivateKey
	most int        // subjects in one generation
	mu   sync.Mutex // guards the two generations below, of which the older one is dropped
	now  map[string]Term
	old  map[string]Term
}

// NewCache returns a cache of the key's terms, of at most twice as many
// subjects as a generation has.
func NewCache(key *PrivateKey, generation int) *Cache {
	return &Cache{key: key, most: generation, now: map[string]Term{}}
}

// Term returns what the key's Term returns.
func (c *Cache) Term(kind, id string) Term {
	subject := kind + "/" + id // a kind has no slash
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
		c.old, c.now = c.now, make(map[string]Term, c.most)
	}
	c.now[subject] = t
	return t
}
