// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/record"
)

// patience is how long the server may take for an answer.
const patience = 20 * time.Second

// server asks the server whether it is well, whether it serves this ledger, and
// whether it takes all types of this program.
func (c *checkup) server(ctx context.Context) {
	if c.Server == nil {
		c.skip("server", "none was named with --server")
		c.skip("types", "a server tells which types it does not take: name it with --server")
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c.ready(ctx)
	trust, err := os.ReadFile(filepath.Join(c.Dir, "trust.json"))
	if err != nil {
		c.fail("server", "`lendlog trust --dir` prints it again", "the ledger's trust file can't be read: %v", err)
		return
	}
	l, err := c.Server(ctx, trust)
	if err != nil {
		c.fail("server", "start it, name it right, or mend what it says; another ledger there is one to find out about", "%v", err)
		return
	}
	defer l.Close()
	c.ok("server", "it answers, and serves this ledger")
	c.types(ctx, l.Catalogue)
}

// ready asks whether events are taken.
func (c *checkup) ready(ctx context.Context) {
	const remedy = "do what it says; see docs/operators.md"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(c.URL, "/")+"/readyz", nil)
	if err != nil {
		c.fail("readiness", "name a server such as https://ledger.bank.example", "that is no URL")
		return
	}
	// Nobody else is asked, whatever the server says.
	direct := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := direct.Do(req)
	if err != nil {
		c.fail("readiness", "start the server, or name it right", "%v", err)
		return
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 16<<10))
	text := strings.TrimSpace(string(b))
	switch {
	case err != nil:
		c.fail("readiness", remedy, "%v", err)
	case resp.StatusCode != http.StatusOK:
		c.fail("readiness", remedy, "events are not taken: %s", text)
	case text != "ok":
		c.warn("readiness", remedy, "events are taken, but: %s", strings.TrimSpace(strings.TrimPrefix(text, "ok")))
	default:
		c.ok("readiness", "events are taken")
	}
}

// types tells which types of this program the ledger does not take.
func (c *checkup) types(ctx context.Context, catalogue func(context.Context) (*record.Catalogue, error)) {
	var refused *client.Problem
	have, err := catalogue(ctx)
	if errors.As(err, &refused) {
		c.skip("types", "the server shows them to who has a key: name one with --key-file")
		return
	}
	builtin, wrong := record.Builtin()
	if err = errors.Join(err, wrong); err != nil {
		c.fail("types", "see the server's log", "%v", err)
		return
	}
	missing := 0
	for _, s := range builtin.All() {
		if _, ok := have.Hash(s.Hash); !ok {
			missing++
		}
	}
	if missing > 0 {
		c.warn("types", "`lendlog types add --builtin` registers them", "the ledger does not take %d types of this program", missing)
		return
	}
	c.ok("types", "the ledger takes all types of this program")
}
