// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"time"

	"github.com/lendlog/lendlog/api/keys"
)

// insider is where a context has the key of [As].
type insider struct{}

// As returns a context for requests that are handed to Handler within this
// process, by whoever has made sure that their sender holds a key, as the console
// does of those who signed in. Such a request may what the key may, for as long as
// the key is good, and shows none. No request that comes over a network has such a
// context.
func As(ctx context.Context, k *keys.Key) context.Context {
	return context.WithValue(ctx, insider{}, k)
}

// shown returns the key by which a request comes, and until when at most that lets it
// in; or why not, as presented does.
func (s *Server) shown(r *http.Request) (k *keys.Key, until time.Time, err error) {
	k, ok := r.Context().Value(insider{}).(*keys.Key)
	switch {
	case !ok:
		return s.presented(r)
	case k == nil || s.conf.Keys.Get(k.ID) != k:
		return nil, until, errKey
	}
	return k, until, nil
}
