// SPDX-License-Identifier: Apache-2.0

package ethereum

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
)

// A Network is a chain as several endpoints tell of it, none of which is
// believed more than it has to be. An endpoint is used after it was found to be
// of this chain, with the contract on it. One that fails rests, and another one
// is read from. It is safe for concurrent use. No error of it holds more of the
// address of an endpoint than its host.
type Network struct {
	settings
	endpoints []*endpoint

	mu      sync.Mutex // guards reading, and what endpoints say that it does
	reading int        // the endpoint that is read from
}

// ErrNotFound: the chain has no such block, transaction or receipt, as far as
// who was asked knows.
var ErrNotFound = ethereum.NotFound

// ErrDisagree: fewer endpoints agree than have to.
var ErrDisagree = errors.New("the endpoints don't agree")

// DialNetwork returns the network of a configuration, which needs no key. As many
// endpoints as have to agree must answer, and be of this chain.
func DialNetwork(ctx context.Context, c Config) (*Network, error) {
	n, err := newNetwork(c)
	if err != nil {
		return nil, err
	}
	said := ask(ctx, n, func(context.Context, *endpoint) (struct{}, error) { return struct{}{}, nil })
	if _, err := agreed(n, said, func(struct{}) bool { return true }); err != nil {
		n.Close()
		return nil, fmt.Errorf("couldn't reach chain %d: %w", n.Chain, err)
	}
	return n, nil
}

// newNetwork speaks to nobody yet.
func newNetwork(c Config) (*Network, error) {
	s, err := c.settings()
	if err != nil {
		return nil, err
	}
	n := &Network{settings: s}
	for _, u := range s.rpc {
		e, err := newEndpoint(&n.settings, u)
		if err != nil {
			return nil, fmt.Errorf("rpc: %s: %w", u.Host, err)
		}
		n.endpoints = append(n.endpoints, e)
	}
	return n, nil
}

// Close gives back connections.
func (n *Network) Close() {
	for _, e := range n.endpoints {
		e.close()
	}
}

// Contract is the address of the contract.
func (n *Network) Contract() common.Address { return n.contract }

// An Endpoint is how one of a network's does.
type Endpoint struct {
	Name    string // its host: the rest may be secret
	Failing string // why it is not used, "" while it is
}

// Endpoints tells how they do, in the order of the configuration.
func (n *Network) Endpoints() []Endpoint {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := make([]Endpoint, len(n.endpoints))
	for i, e := range n.endpoints {
		out[i] = Endpoint{e.name, e.failing}
	}
	return out
}

// use asks an endpoint, after it was found to be of this chain.
func use[T any](ctx context.Context, n *Network, e *endpoint, f func(context.Context, *endpoint) (T, error)) (out T, err error) {
	n.mu.Lock()
	known := !e.checked.IsZero() && time.Since(e.checked) < recheck && e.failures == 0
	n.mu.Unlock()
	if !known {
		if err = e.check(ctx); err == nil {
			n.mu.Lock()
			e.checked = time.Now()
			n.mu.Unlock()
		} else if errors.Is(err, ErrNotFound) {
			err = lie{fmt.Sprintf("doesn't know block %d, which is pinned: it is on another network, or not in step yet", n.Block.Number)}
		}
	}
	if err == nil {
		out, err = guarded(ctx, e, f)
	}
	if ctx.Err() != nil {
		return out, ctx.Err()
	}
	n.note(e, err)
	if err != nil {
		err = fmt.Errorf("%s: %w", e.name, err)
	}
	return out, err
}

// guarded asks an endpoint. That an answer makes the client of the chain panic is
// the endpoint's failure.
func guarded[T any](ctx context.Context, e *endpoint, f func(context.Context, *endpoint) (T, error)) (out T, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = lie{fmt.Sprintf("gave an answer that can't be taken: %s", masked(fmt.Sprint(v), e.secrets))}
		}
	}()
	return f(ctx, e)
}

// note has an endpoint rest that failed. A refusal is none: it works.
func (n *Network) note(e *endpoint, err error) {
	var r *refusal
	n.mu.Lock()
	defer n.mu.Unlock()
	if err == nil || errors.Is(err, ErrNotFound) || errors.As(err, &r) && !e.checked.IsZero() {
		e.failures, e.failing, e.rest = 0, "", time.Time{}
		return
	}
	e.failures++
	e.failing = err.Error()
	e.checked = time.Time{}
	e.rest = time.Now().Add(min(minRest<<min(e.failures-1, 10), maxRest))
}

// turn has another endpoint be read from.
func (n *Network) turn() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.reading = (n.reading + 1) % len(n.endpoints)
}

// order returns the endpoints, the one that is read from first, those that rest
// last, and how many do not rest.
func (n *Network) order() (out []*endpoint, awake int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	var resting []*endpoint
	for i := range n.endpoints {
		e := n.endpoints[(n.reading+i)%len(n.endpoints)]
		if now.Before(e.rest) {
			resting = append(resting, e)
		} else {
			out = append(out, e)
		}
	}
	return append(out, resting...), len(out)
}

// read asks one endpoint after the other until one answers. A refusal is an
// answer where all that answer refuse.
func read[T any](ctx context.Context, n *Network, f func(context.Context, *endpoint) (T, error)) (out T, err error) {
	endpoints, _ := n.order()
	var refused, failed error
	for _, e := range endpoints {
		out, err = use(ctx, n, e, f)
		if err == nil {
			n.mu.Lock()
			n.reading = slices.Index(n.endpoints, e)
			n.mu.Unlock()
			return out, nil
		}
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		var r *refusal
		if errors.As(err, &r) || errors.Is(err, ErrNotFound) {
			if refused == nil || RevertOf(err) != nil {
				refused = err
			}
			continue
		}
		failed = errors.Join(failed, err)
	}
	if refused != nil {
		return out, refused
	}
	return out, failed
}

// said is what an endpoint answered.
type said[T any] struct {
	from  *endpoint
	value T
	err   error
}

// ask asks all endpoints at once. Those that rest are asked only where the
// others are too few to agree.
func ask[T any](ctx context.Context, n *Network, f func(context.Context, *endpoint) (T, error)) []said[T] {
	endpoints, awake := n.order()
	if awake >= n.Agree {
		endpoints = endpoints[:awake]
	}
	out := make([]said[T], len(endpoints))
	var wait sync.WaitGroup
	for i, e := range endpoints {
		wait.Go(func() {
			v, err := use(ctx, n, e, f)
			out[i] = said[T]{e, v, err}
		})
	}
	wait.Wait()
	return out
}

// agreed returns the value whose key as many endpoints gave as have to.
func agreed[T any, K comparable](n *Network, answers []said[T], key func(T) K) (out T, err error) {
	var none T
	enough := false
	count := map[K]int{}
	var why error
	for _, a := range answers {
		if a.err != nil {
			why = errors.Join(why, a.err)
			continue
		}
		k := key(a.value)
		count[k]++
		if count[k] == n.Agree { // two values can come so far where less than a majority has to agree
			if enough {
				return none, fmt.Errorf("%w: %d say one thing, and %d another", ErrDisagree, n.Agree, n.Agree)
			}
			out, enough = a.value, true
		}
	}
	switch {
	case enough:
		return out, nil
	case len(count) > 1:
		return none, errors.Join(fmt.Errorf("%w: %d of %d have to, and they give %d different answers", ErrDisagree, n.Agree, len(n.endpoints), len(count)), why)
	}
	return none, errors.Join(fmt.Errorf("%d of %d endpoints have to answer", n.Agree, len(n.endpoints)), why)
}

// reached returns the greatest value that as many endpoints reach as have to
// agree, so that those who lie, where they are fewer, neither raise nor lower it
// beyond what the others say.
func reached[T any](n *Network, answers []said[T], compare func(a, b T) int) (out T, err error) {
	var values []T
	var why error
	for _, a := range answers {
		if a.err == nil {
			values = append(values, a.value)
		} else {
			why = errors.Join(why, a.err)
		}
	}
	if len(values) < n.Agree {
		return out, errors.Join(fmt.Errorf("%d of %d endpoints have to answer", n.Agree, len(n.endpoints)), why)
	}
	slices.SortStableFunc(values, compare)
	return values[len(values)-n.Agree], nil
}
