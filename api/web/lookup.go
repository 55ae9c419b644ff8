// SPDX-License-Identifier: Apache-2.0

package web

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

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
		at, err := c.Leaf(v.ctx(), hash)
		var none *client.Problem
		switch {
		case err == nil:
			return fmt.Sprintf("records/%d", at), "", nil
		case !errors.As(err, &none) || none.Status != http.StatusNotFound:
			return "", "", err
		}
	}
	if f, err := index.ParseFilter(text); err == nil && len(f.Terms()) > 0 || meansFilter.MatchString(text) {
		return "", text, nil
	}
	if !strings.ContainsAny(text, " \t") && strings.Contains(text, "/") {
		if kind, _, _ := strings.Cut(text, "/"); slices.Contains(kinds, kind) {
			return strings.TrimPrefix(v.subjectURL(text), v.URL("")), "", nil
		}
	}
	return v.lookUpWord(c, text)
}

// meansFilter is how a filter begins, also one that can't be read: whoever typed it is
// told so, and not that there is no party who is called like it.
var meansFilter = regexp.MustCompile(`^(not\s+)?[A-Za-z][A-Za-z0-9._-]*\s*((!=|<=|>=|=|<|>)\s*[^\s=]|(!=|<=|>=|<|>)\s*$)`)

// kinds of subjects, those that people look for first.
var kinds = []string{"file", "line", "case", "party", "staff", "model", "policy", "portfolio", "feed", "ledger"}

// errPurposeless: to look something up tells what is sealed, and nobody has said for
// what purpose.
var errPurposeless = errors.New("nobody has said for what purpose they look")

// lookUpWord looks for a subject, an event and a party that is called so, in turn.
func (v *visit) lookUpWord(c *client.Client, word string) (to, filter string, err error) {
	if !v.Opens() {
		return "", "", errPurposeless
	}
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
	who := v.owner()
	if found, ok := v.known.get(who); ok {
		return found, nil
	}
	page, err := c.OpenSearchPage(v.ctx(), client.Search{Filter: notOwn}, "", searchRows)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, r := range page.Records {
		source := attribute(r, "/source")
		if s := quoted(source); source != "" && !slices.Contains(found, s) {
			found = append(found, s)
		}
	}
	v.known.put(who, found)
	return found, nil
}

// notOwn is a filter for what others submitted: of a ledger in use the newest records
// are its own, of looks.
const notOwn = "submitter!=ledger"

// knownSources are the sources that each key was shown, for a while: there are few,
// and to read them takes a page of records.
type knownSources struct {
	mu sync.Mutex // guards of
	of map[string]sourcesAt
}

type sourcesAt struct {
	found []string
	at    time.Time
}

// knownFor is how long sources are known, and knownKeys of how many keys.
const (
	knownFor  = 10 * time.Minute
	knownKeys = 256
)

func (k *knownSources) get(who string) ([]string, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, ok := k.of[who]
	return s.found, ok && time.Since(s.at) < knownFor
}

func (k *knownSources) put(who string, found []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.of == nil || len(k.of) >= knownKeys {
		k.of = map[string]sourcesAt{}
	}
	k.of[who] = sourcesAt{found, time.Now()}
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
