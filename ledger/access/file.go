// SPDX-License-Identifier: Apache-2.0

package access

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
)

// Bounds of a file of grants.
const (
	MaxGrants = 4096
	maxFile   = MaxGrants * (6*(MaxSources*MaxSource+MaxFields*MaxField+2*MaxPerson) + 4096) // bytes: no grant takes more
)

// The formats of the file (docs/formats.md, sections 17 and 19), one canonical
// JSON document and a line feed:
//
//	{"grants":[{"expires","hash","id","label","rate","role","sources","used"}],"v":"lendlog-access/1"}
//
// id, hash (64 hexadecimal digits) and role are always there, the others where
// they have a value; expires is RFC 3339 in UTC, used a day. Grants are sorted by
// their ids. The second format adds means, certificate (64 hexadecimal digits),
// issuer, person, purpose, basis, fields, and revoked, a day.
//
// A file is of the first where it can be: programs that know no other read it.
const (
	firstFormat  = "lendlog-access/1"
	secondFormat = "lendlog-access/2"
)

// FileBytes writes grants, which are sorted by their ids.
func FileBytes(grants []Grant) []byte {
	format := firstFormat
	list := canon.Value{Kind: canon.Array}
	for i := range grants {
		g := &grants[i]
		d := g.document()
		day := func(name string, at time.Time) {
			if !at.IsZero() {
				d = canon.Map(append(d.Members, canon.Member{Name: name, Value: canon.Text(at.UTC().Format(time.DateOnly))})...)
			}
		}
		day("used", g.Used)
		day("revoked", g.Revoked)
		if slices.ContainsFunc(d.Members, func(m canon.Member) bool { return slices.Contains(second, m.Name) }) {
			format = secondFormat
		}
		list.Items = append(list.Items, d)
	}
	return append(canon.Map(
		canon.Member{Name: "v", Value: canon.Text(format)},
		canon.Member{Name: "grants", Value: list},
	).Bytes(), '\n')
}

// second are the members that only the second format has.
var second = []string{"means", "certificate", "issuer", "person", "purpose", "basis", "fields", "revoked"}

// ParseFile reads what FileBytes wrote, and nothing else.
func ParseFile(b []byte) ([]Grant, error) {
	if len(b) > maxFile {
		return nil, fmt.Errorf("the file of grants has more than %d bytes", maxFile)
	}
	v, err := canon.Parse(b, canon.Limits{})
	if err != nil {
		return nil, fmt.Errorf("the file of grants can't be read: %w", err)
	}
	if format, _ := v.Get("v"); format.Str != firstFormat && format.Str != secondFormat {
		return nil, fmt.Errorf("the file of grants is of neither format, %s or %s: use the program that wrote it", firstFormat, secondFormat)
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
	texts := func(name string) (list []string) {
		m, _ := v.Get(name)
		for _, item := range m.Items {
			list = append(list, item.Str)
		}
		return list
	}
	g.ID, g.Means, g.Issuer, g.Person = text("id"), text("means"), text("issuer"), text("person")
	g.Role, g.Label, g.Purpose, g.Basis = Role(text("role")), text("label"), text("purpose"), text("basis")
	g.Sources, g.Fields = texts("sources"), texts("fields")
	rate, _ := v.Get("rate")
	g.Rate = rate.Int
	for name, h := range map[string]*[32]byte{"hash": &g.Hash, "certificate": &g.Certificate} {
		if b, err := hex.DecodeString(text(name)); err == nil && len(b) == len(h) {
			*h = [32]byte(b)
		}
	}
	if s := text("expires"); s != "" {
		if g.Expires, err = time.Parse(time.RFC3339, s); err != nil {
			return g, errors.New("its expiry is no time")
		}
	}
	for name, day := range map[string]*time.Time{"used": &g.Used, "revoked": &g.Revoked} {
		if s := text(name); s != "" {
			if *day, err = time.Parse(time.DateOnly, s); err != nil {
				return g, fmt.Errorf("its member %s is no day", name)
			}
		}
	}
	return g, g.Check()
}
