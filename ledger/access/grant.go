// SPDX-License-Identifier: Apache-2.0

package access

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lendlog/lendlog/ledger/canon"
)

// Bounds of a grant and of a file of them.
const (
	MaxSources = 32
	MaxSource  = 256 // bytes, as of the source of an event
	MaxLabel   = 128 // bytes
	MaxRate    = 1_000_000
	MaxGrants  = 4096
	maxFile    = MaxGrants * (MaxSources*6*MaxSource + 4096) // bytes: no grant takes more
)

// Terms are what a key is granted for.
type Terms struct {
	Role Role
	// Sources are what the key may submit events of: a source that is one of
	// them, or goes on after one of them with : / ? or #. Without any it submits
	// nothing.
	Sources []string
	Label   string    // what the key is for, such as origination; no person's name
	Expires time.Time // from when on it is refused, in whole seconds; zero for never
	Rate    int64     // requests a minute; 0 for the server's default
}

// A Grant is what is kept of a key.
type Grant struct {
	ID   string
	Hash [32]byte // of the key
	Terms
	Used time.Time // the day on which it was last used; zero for never
}

// Check returns what is wrong with terms, or nil.
func (t *Terms) Check() error {
	if _, err := ParseRole(string(t.Role)); err != nil {
		return err
	}
	if len(t.Sources) > 0 && !t.Role.May(RecordsSubmit) {
		return fmt.Errorf("the role %s submits nothing: it is granted without sources", t.Role)
	}
	if len(t.Sources) == 0 && t.Role == Submitter {
		return errors.New("a submitter is granted with the sources of its events, each a prefix of whole parts such as urn:lender:origination")
	}
	if len(t.Sources) > MaxSources {
		return fmt.Errorf("a key has at most %d sources", MaxSources)
	}
	for i, s := range t.Sources {
		if s == "" || !plain(s, MaxSource) {
			return fmt.Errorf("source %d is not 1 to %d bytes of UTF-8 without control characters", i+1, MaxSource)
		}
		if i > 0 && s <= t.Sources[i-1] {
			return errors.New("the sources are not sorted, or one stands twice")
		}
	}
	if !plain(t.Label, MaxLabel) {
		return fmt.Errorf("the label is not at most %d bytes of UTF-8 without control characters", MaxLabel)
	}
	if t.Rate < 0 || t.Rate > MaxRate {
		return fmt.Errorf("the rate is 1 to %d requests a minute, or 0 for the server's own", MaxRate)
	}
	if !t.Expires.Equal(t.Expires.Truncate(time.Second)) || t.Expires.Year() > 9999 {
		return errors.New("the expiry is a time in whole seconds")
	}
	return nil
}

func plain(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 })
}

// Covers reports whether events of a source may be submitted.
func (t *Terms) Covers(source string) bool {
	for _, prefix := range t.Sources {
		rest, ok := strings.CutPrefix(source, prefix)
		// What stands behind a host, up to an @, would make another host of it.
		if _, host, is := strings.Cut(prefix, "://"); is && !strings.ContainsAny(host, "/?#") {
			if end := strings.IndexAny(rest+"/", "/?#"); strings.Contains(rest[:end], "@") {
				continue
			}
		}
		// A prefix of a part would let urn:lender:card speak for
		// urn:lender:cards.
		if ok && (rest == "" || strings.ContainsRune(":/?#", rune(rest[0])) || strings.ContainsRune(":/?#", rune(prefix[len(prefix)-1]))) {
			return true
		}
	}
	return false
}

// Expired reports whether the time of the key is over.
func (t *Terms) Expired(now time.Time) bool { return !t.Expires.IsZero() && !now.Before(t.Expires) }

// document is the grant as canonical JSON, but for when it was used.
func (g *Grant) document() canon.Value {
	members := []canon.Member{
		{Name: "id", Value: canon.Text(g.ID)},
		{Name: "hash", Value: canon.Text(hex.EncodeToString(g.Hash[:]))},
		{Name: "role", Value: canon.Text(string(g.Role))},
	}
	if len(g.Sources) > 0 {
		members = append(members, canon.Member{Name: "sources", Value: canon.Texts(g.Sources...)})
	}
	if g.Label != "" {
		members = append(members, canon.Member{Name: "label", Value: canon.Text(g.Label)})
	}
	if !g.Expires.IsZero() {
		members = append(members, canon.Member{Name: "expires", Value: canon.Text(g.Expires.UTC().Format(time.RFC3339))})
	}
	if g.Rate != 0 {
		members = append(members, canon.Member{Name: "rate", Value: canon.Number(g.Rate)})
	}
	return canon.Map(members...)
}

// Digest is what the ledger records of a grant: SHA-256 of its canonical JSON
// but for the day of its last use. It can't be guessed, because the hash of the
// key is in it.
func (g *Grant) Digest() [32]byte { return sha256.Sum256(g.document().Bytes()) }

// fileFormat is that of the file (docs/formats.md, section 17), one canonical JSON document and a line feed:
//
//	{"grants":[{"expires","hash","id","label","rate","role","sources","used"}],"v":"lendlog-access/1"}
//
// id, hash (64 hexadecimal digits) and role are always there, the others where
// they have a value; expires is RFC 3339 in UTC, used a day. Grants are sorted by
// their ids.
const fileFormat = "lendlog-access/1"

// FileBytes writes grants, which are sorted by their ids.
func FileBytes(grants []Grant) []byte {
	list := canon.Value{Kind: canon.Array}
	for i := range grants {
		d := grants[i].document()
		if used := grants[i].Used; !used.IsZero() {
			d = canon.Map(append(d.Members, canon.Member{Name: "used", Value: canon.Text(used.UTC().Format(time.DateOnly))})...)
		}
		list.Items = append(list.Items, d)
	}
	return append(canon.Map(
		canon.Member{Name: "v", Value: canon.Text(fileFormat)},
		canon.Member{Name: "grants", Value: list},
	).Bytes(), '\n')
}

// ParseFile reads what FileBytes wrote, and nothing else.
func ParseFile(b []byte) ([]Grant, error) {
	if len(b) > maxFile {
		return nil, fmt.Errorf("the file of grants has more than %d bytes", maxFile)
	}
	v, err := canon.Parse(b, canon.Limits{})
	if err != nil {
		return nil, fmt.Errorf("the file of grants can't be read: %w", err)
	}
	if format, _ := v.Get("v"); format.Str != fileFormat {
		return nil, fmt.Errorf("the file of grants is not of the format %s: use the program that wrote it", fileFormat)
	}
	list, _ := v.Get("grants")
	if len(list.Items) > MaxGrants {
		return nil, fmt.Errorf("the file of grants has more than %d", MaxGrants)
	}
	var grants []Grant
	for i, item := range list.Items {
		g, err := parseGrant(item)
		if err != nil {
			return nil, fmt.Errorf("grant %d of the file: %w", i+1, err)
		}
		if i > 0 && g.ID <= grants[i-1].ID {
			return nil, fmt.Errorf("grant %d of the file is out of order", i+1)
		}
		grants = append(grants, g)
	}
	// Whatever is unknown, or spelled in another way, shows here.
	if !bytes.Equal(FileBytes(grants), b) {
		return nil, errors.New("the file of grants is not as a server writes it")
	}
	return grants, nil
}

func parseGrant(v canon.Value) (g Grant, err error) {
	text := func(name string) string { m, _ := v.Get(name); return m.Str }
	g.ID, g.Role, g.Label = text("id"), Role(text("role")), text("label")
	hash, err := hex.DecodeString(text("hash"))
	if err != nil || len(hash) != len(g.Hash) || !ValidID(g.ID) {
		return g, errors.New("its id or hash is none")
	}
	g.Hash = [32]byte(hash)
	sources, _ := v.Get("sources")
	for _, s := range sources.Items {
		g.Sources = append(g.Sources, s.Str)
	}
	rate, _ := v.Get("rate")
	g.Rate = rate.Int
	if s := text("expires"); s != "" {
		if g.Expires, err = time.Parse(time.RFC3339, s); err != nil {
			return g, errors.New("its expiry is no time")
		}
	}
	if s := text("used"); s != "" {
		if g.Used, err = time.Parse(time.DateOnly, s); err != nil {
			return g, errors.New("its last use is no day")
		}
	}
	return g, g.Check()
}
