// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"maps"
	"slices"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/access"
)

// The states of a grant.
const (
	Active  = "active"
	Expired = "expired"
	Revoked = "revoked"
	Lost    = "lost" // recorded, but not in the file: nobody can use it
)

// A Status is what there is to know of a grant.
type Status struct {
	ledger.Granted
	State string
	// Row is what the file has of it; zero where it has nothing.
	Row access.Grant
}

// List returns all grants that there ever were, in the order of their ids.
func (k *Keys) List() []Status {
	st, now := k.state.Load(), k.now()
	var all []Status
	for _, id := range slices.Sorted(maps.Keys(st.granted)) {
		s := Status{Granted: st.granted[id], State: Lost}
		key := st.keys[id]
		switch {
		case !s.Granted.Revoked.IsZero() || key != nil && !key.Grant.Revoked.IsZero():
			s.State = Revoked
		case key != nil && key.Expired(now):
			s.State = Expired
		case key != nil:
			s.State = Active
		}
		if key != nil {
			s.Row = key.current()
		}
		all = append(all, s)
	}
	return all
}
