// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/access"
	"github.com/lendlog/lendlog/ledger/index"
	"github.com/lendlog/lendlog/ledger/tree"
)

// lookUp finds out what was typed into the box: the page that it means, or else the
// filter. That is an index, a subject, the hash of a leaf, a filter, or a word: the
// id of a subject without its kind, of an event or of a party.
func (v *visit) lookUp(c *client.Client, text string) (to, filter string, err error) {
	if n, err := strconv.ParseInt(strings.TrimPrefix(text, "#"), 10, 64); err == nil && n >= 0 && n < c.Newest().Size {
		return fmt.Sprintf("records/%d", n), "", nil
	}
	if hash, ok := parseHash(text); ok && v.May(access.LogRead) {
		at, err := v.leaves.find(v.ctx(), c, hash)
		if err != nil {
			return "", "", err
		}
		if at >= 0 {
			return fmt.Sprintf("records/%d", at), "", nil
		}
	}
	if f, err := index.ParseFilter(text); err == nil && len(f.Terms()) > 0 {
		return "", text, nil
	}
	if !strings.ContainsAny(text, " \t") && strings.Contains(text, "/") {
		if kind, _, _ := strings.Cut(text, "/"); slices.Contains(kinds, kind) {
			return strings.TrimPrefix(v.subjectURL(text), v.URL("")), "", nil
		}
	}
	return v.lookUpWord(c, text)
}

// kinds of subjects, those that people look for first.
var kinds = []string{"file", "line", "case", "party", "staff", "model", "policy", "portfolio", "feed", "ledger"}

// lookUpWord looks for a subject, an event and a party that is called so, in turn.
func (v *visit) lookUpWord(c *client.Client, word string) (to, filter string, err error) {
	named := make([]string, len(kinds))
	for i, kind := range kinds {
		named[i] = quoted(kind + "/" + word)
	}
	sources, err := v.sources(c)
	if err != nil {
		return "", "", err
	}
	filters := []string{"subject=" + strings.Join(named, ",")}
	if len(sources) > 0 {
		filters = append(filters, "id="+quoted(word)+" source="+strings.Join(sources, ","))
	}
	for i, f := range filters {
		r, err := v.first(c, f)
		switch {
		case err != nil:
			return "", "", err
		case r == nil:
		case i == 0 && r.Event != nil:
			return strings.TrimPrefix(v.subjectURL(r.Event.Subject), v.URL("")), "", nil
		default:
			return fmt.Sprintf("records/%d", r.Index), "", nil
		}
	}
	return "", "party=" + quoted(word), nil
}

// first returns the newest record that a filter wants, nil for none.
func (v *visit) first(c *client.Client, filter string) (*client.Record, error) {
	for r, err := range c.Search(v.ctx(), client.Search{Filter: filter, Page: 1}) {
		var refused *client.Problem
		if errors.As(err, &refused) && refused.Status == http.StatusBadRequest {
			return nil, nil // no name of anything
		}
		if err != nil {
			return nil, err
		}
		return r.Record, nil
	}
	return nil, nil
}

// sources are those of the newest events, quoted: an event is known by its id and
// its source, of which people know the id.
func (v *visit) sources(c *client.Client) ([]string, error) {
	page, err := c.OpenSearchPage(v.ctx(), client.Search{}, "", searchRows)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, r := range page.Records {
		if r.Event == nil {
			continue
		}
		if s := quoted(r.Event.Source); !slices.Contains(found, s) {
			found = append(found, s)
		}
	}
	return found, nil
}

// quoted writes a value of a filter.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// parseHash reads the hash of a leaf, in hexadecimal or base64.
func parseHash(s string) (h tree.Hash, ok bool) {
	b, err := hex.DecodeString(s)
	if err != nil {
		b, err = base64.StdEncoding.DecodeString(s)
	}
	if err != nil || len(b) != len(h) {
		return h, false
	}
	return tree.Hash(b), true
}

// leaves are the first bytes of the hashes of all leaves, in their order: eight
// bytes a record, read from the tiles of the log as far as it has grown since they
// were last asked for. The hash is looked for from one end to the other, which takes
// a millisecond for a million.
type leaves struct {
	mu       sync.Mutex // guards all below
	prefixes []uint64
}

// find returns the index of the leaf with a hash, -1 for none.
func (l *leaves) find(ctx context.Context, c *client.Client, hash tree.Hash) (int64, error) {
	cp, err := c.Checkpoint(ctx)
	if err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	log := c.Log()
	for n := int64(len(l.prefixes)); n < cp.Size; n = int64(len(l.prefixes)) {
		tile := n / tree.Width
		width := min(tree.Width, cp.Size-tile*tree.Width)
		b, err := log.HashTile(ctx, 0, tile, int(width))
		if err != nil {
			return 0, err
		}
		for i := n % tree.Width; i < width; i++ {
			l.prefixes = append(l.prefixes, binary.BigEndian.Uint64(b[i*int64(len(hash)):]))
		}
	}
	// That it is the record with this hash, and not one that begins like it, its
	// page shows.
	return int64(slices.Index(l.prefixes, binary.BigEndian.Uint64(hash[:]))), nil
}
