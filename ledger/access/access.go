// SPDX-License-Identifier: Apache-2.0

// Package access says who may do what with a ledger: the roles and their
// permissions, the API keys that carry a role, and the file in which a server
// keeps the grants of its keys.
//
// A key is shown once, when it is granted. What is kept of it is a hash, in a
// [Grant], and the ledger has a record of every grant with the grant's digest:
// so neither the file nor whoever can write it makes a key that the ledger does
// not know of. A key that is to be replaced is granted a successor, and revoked
// once that is in use; both hold in between.
//
// The package does no I/O; api/keys keeps the file.
package access

import (
	"fmt"
	"slices"
	"strings"
)

// A Role is what a key may do, by a name.
type Role string

// The roles. There is no role that may do everything, and no other way in: who
// administers a server opens nothing that is sealed.
const (
	Submitter      Role = "submitter"       // a system of the lender's that records what happens
	Monitor        Role = "monitor"         // whoever watches the log, and opens nothing in it
	Auditor        Role = "auditor"         // examines records and takes evidence along
	Regulator      Role = "regulator"       // as an auditor, for a supervisory authority
	Compliance     Role = "compliance"      // searches, reports, and records what it found
	PrivacyOfficer Role = "privacy-officer" // finds what there is of a person
	Admin          Role = "admin"           // grants keys and says what the ledger takes
)

// A Permission is one thing that a role may do. The zero Permission is nobody's.
type Permission string

// The permissions. Public is that of what anybody may ask who reaches the
// server, with or without a key.
const (
	Public         Permission = "public"
	RecordsSubmit  Permission = "records:submit"  // record events of the key's sources
	RecordsRead    Permission = "records:read"    // see records with what is sealed in them
	RecordsSearch  Permission = "records:search"  // search by whatever can be searched, persons included
	RecordsExport  Permission = "records:export"  // take evidence of many records along
	RestrictedRead Permission = "restricted:read" // see restricted records, where a permission to read is held too
	LogRead        Permission = "log:read"        // see entries and hashes, which hold nothing sealed
	StatsRead      Permission = "stats:read"      // see sums over the whole ledger
	TypesRead      Permission = "types:read"      // see what may be recorded
	TypesWrite     Permission = "types:write"     // say what may be recorded
	PeriodsClose   Permission = "periods:close"   // close periods
	AnchorsRead    Permission = "anchors:read"    // see how anchoring goes
	AnchorsManage  Permission = "anchors:manage"  // have a checkpoint anchored now, and say that an alarm was looked into
	AccessManage   Permission = "access:manage"   // grant, list and revoke keys
	MetricsRead    Permission = "metrics:read"    // see how the server does
)

// matrix is the whole of who may do what. testdata/matrix.golden shows it.
var matrix = []struct {
	permission Permission
	roles      []Role
}{
	{RecordsSubmit, []Role{Submitter, Compliance, PrivacyOfficer}},
	{RecordsRead, []Role{Auditor, Regulator, Compliance, PrivacyOfficer}},
	{RecordsSearch, []Role{Auditor, Regulator, Compliance, PrivacyOfficer}},
	{RecordsExport, []Role{Auditor, Regulator, Compliance}},
	{RestrictedRead, []Role{Auditor, Regulator, Compliance}},
	{LogRead, []Role{Monitor, Auditor, Regulator, Compliance, PrivacyOfficer}},
	{StatsRead, []Role{Auditor, Regulator, Compliance}},
	{TypesRead, []Role{Submitter, Monitor, Auditor, Regulator, Compliance, PrivacyOfficer, Admin}},
	{TypesWrite, []Role{Admin}},
	{PeriodsClose, []Role{Compliance, Admin}},
	{AnchorsRead, []Role{Monitor, Auditor, Regulator, Compliance, PrivacyOfficer, Admin}},
	{AnchorsManage, []Role{Admin}},
	{AccessManage, []Role{Admin}},
	{MetricsRead, []Role{Monitor, Admin}},
}

// Roles returns all roles.
func Roles() []Role {
	return []Role{Submitter, Monitor, Auditor, Regulator, Compliance, PrivacyOfficer, Admin}
}

// Permissions returns all permissions but Public.
func Permissions() []Permission {
	all := make([]Permission, len(matrix))
	for i, row := range matrix {
		all[i] = row.permission
	}
	return all
}

// ParseRole returns the role of a name.
func ParseRole(name string) (Role, error) {
	if r := Role(name); slices.Contains(Roles(), r) {
		return r, nil
	}
	var names []string
	for _, r := range Roles() {
		names = append(names, string(r))
	}
	return "", fmt.Errorf("the role is one of %s", strings.Join(names, ", "))
}

// May reports whether a role has a permission. Nobody has to have Public, and
// nobody has what is not in the matrix.
func (r Role) May(p Permission) bool {
	for _, row := range matrix {
		if row.permission == p {
			return slices.Contains(row.roles, r)
		}
	}
	return p == Public
}
