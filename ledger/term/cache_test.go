// SPDX-License-Identifier: Apache-2.0

package term

import (
	"fmt"
	"sync"
	"testing"
)

// A cache gives the terms of its key, remembered or not, to everybody at once,
// and stays within its bound.
func TestCache(t *testing.T) {
	key := GenerateKey()
	const generation = 8
	c := NewCache(key, generation)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 40 {
				for _, id := range []string{"often", fmt.Sprint(i)} {
					if got, want := c.Term("file", id), key.Term("file", id); got != want {
						t.Errorf("file/%s: %x, want %x", id, got, want)
					}
				}
			}
		})
	}
	wg.Wait()
	if n := len(c.now) + len(c.old); n > 2*generation {
		t.Errorf("%d terms are kept, want at most %d", n, 2*generation)
	}
	if c.Term("file", "a") == c.Term("line", "a") {
		t.Error("two kinds share a term")
	}
}
