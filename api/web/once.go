// SPDX-License-Identifier: Apache-2.0

package web

import (
	"crypto/rand"
	"slices"
	"sync"
)

// onceMost is how many forms are remembered that were shown and not sent: of more,
// those that were shown first have to be sent twice.
const onceMost = 1024

// once remembers forms that may be sent once: a browser that loads their answer
// again sends them again.
type once struct {
	mu     sync.Mutex // guards all below
	tokens []string   // those not sent yet, the one that was shown first in front
	owners map[string]string
}

// issue returns the token of a form that is shown to an owner.
func (o *once) issue(owner string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.owners == nil {
		o.owners = map[string]string{}
	}
	if len(o.tokens) == onceMost {
		delete(o.owners, o.tokens[0])
		o.tokens = slices.Delete(o.tokens, 0, 1)
	}
	token := rand.Text()
	o.tokens, o.owners[token] = append(o.tokens, token), owner
	return token
}

// take reports whether a form was shown to an owner and not sent yet. After that it
// is sent.
func (o *once) take(token, owner string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if of, ok := o.owners[token]; !ok || of != owner {
		return false
	}
	delete(o.owners, token)
	o.tokens = slices.DeleteFunc(o.tokens, func(t string) bool { return t == token })
	return true
}
