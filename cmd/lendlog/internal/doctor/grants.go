// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lendlog/lendlog/api/keys"
	grants "github.com/lendlog/lendlog/ledger/access"
)

// ending is how long before its end a key is told of.
const ending = 30 * 24 * time.Hour

// grants looks at the keys that are accepted.
func (c *checkup) grants() {
	path := filepath.Join(c.Dir, keys.File)
	st, err := os.Stat(path)
	if missing(err) {
		c.ok("access", "there is no file of grants: the ledger demands no keys, or accepts none")
		return
	}
	var b []byte
	if err == nil {
		b, err = os.ReadFile(path)
	}
	var all []grants.Grant
	if err == nil {
		all, err = grants.ParseFile(b)
	}
	switch {
	case err != nil:
		c.fail("access", "put a copy of "+keys.File+" back, or move it away and grant new keys", "%v", err)
		return
	case st.Mode().Perm()&0o077 != 0:
		c.fail("access", "chmod 600 "+path, "%s can be read by others", path)
		return
	}
	c.ok("access", "%d keys are in the file of grants, which only its owner can read", len(all))
	c.lives(all)
}

// lives tells which keys end soon, and which nobody uses.
func (c *checkup) lives(all []grants.Grant) {
	var over, soon, unused []string
	for _, g := range all {
		switch {
		case g.Expired(c.Now()):
			over = append(over, g.ID)
		case g.Expired(c.Now().Add(ending)):
			soon = append(soon, g.ID)
		}
		if g.Used.IsZero() && !g.Expired(c.Now()) {
			unused = append(unused, g.ID)
		}
	}
	tell := func(check, remedy, what string, ids []string) {
		if len(ids) > 0 {
			c.warn(check, remedy, "%s: %s", what, strings.Join(ids, ", "))
		}
	}
	tell("keys that end", "grant their holders others before", "they expire within 30 days", soon)
	tell("keys that ended", "`lendlog access revoke` takes them out of the file", "they have expired", over)
	tell("keys unused", "`lendlog access revoke` those that nobody needs", "they were never used", unused)
}
