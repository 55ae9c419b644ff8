// SPDX-License-Identifier: Apache-2.0

// Package doctor looks a ledger over, beside the process that holds it or without
// one, and tells what is wrong or will be, each with what to do about it. It changes
// nothing, and asks nobody but the one server that it is given, and the command that
// keeps the vault's key whether it answers.
//
// It looks at what is cheap to look at. That the records are what they should be only
// an audit shows.
package doctor

import (
	"context"
	"fmt"
	"time"

	"github.com/lendlog/lendlog/api/certificate"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/tree"
)

// A State is how what was looked at does.
type State string

// The states.
const (
	OK   State = "OK"
	Warn State = "WARN" // it works, and somebody should look at it
	Fail State = "FAIL" // it does not work, or will not when it is opened again
	Skip State = "SKIP" // it could not be looked at
)

// A Result is what one look found.
type Result struct {
	Check  string `json:"check"`
	State  State  `json:"state"`
	Text   string `json:"text"`
	Remedy string `json:"remedy,omitempty"` // what to do; of OK and SKIP none
}

// Options say what to look at.
type Options struct {
	Dir string // of the ledger
	// Server reaches the server that was named; nil where none was.
	Server func(ctx context.Context, trust []byte) (access.Ledger, error)
	URL    string // of that server
	// Configured says that settings were named, and Settings what is wrong with
	// them; nil for nothing.
	Configured  bool
	Settings    error
	Certificate *certificate.Certificate // that the settings name; nil for none
	Version     string                   // of this program
	Now         func() time.Time
}

// A checkup is one look over a ledger.
type checkup struct {
	Options
	results []Result

	paths     ledger.Paths
	held      bool
	published *tree.Checkpoint // nil where there is none that can be believed
	at        time.Time        // when it was published
}

func (c *checkup) add(check string, state State, remedy, format string, args ...any) {
	c.results = append(c.results, Result{check, state, fmt.Sprintf(format, args...), remedy})
}

func (c *checkup) ok(check, format string, args ...any)   { c.add(check, OK, "", format, args...) }
func (c *checkup) skip(check, format string, args ...any) { c.add(check, Skip, "", format, args...) }
func (c *checkup) warn(check, remedy, format string, args ...any) {
	c.add(check, Warn, remedy, format, args...)
}

func (c *checkup) fail(check, remedy, format string, args ...any) {
	c.add(check, Fail, remedy, format, args...)
}

// Run looks everything over, and returns what it found in an order that is always
// the same.
func Run(ctx context.Context, o Options) []Result {
	c := &checkup{Options: o}
	began, wall := time.Now(), o.Now().Round(0)
	c.ok("version", "this is lendlog %s", o.Version)
	c.settings()
	origin, paths, err := ledger.Locate(o.Dir)
	if err != nil {
		c.fail("ledger", "name the directory of a ledger with --dir, or put lendlog.json back as docs/operators.md says", "%v", err)
		return c.results
	}
	c.paths = paths
	c.hold(origin)
	c.places()
	c.secrets(origin)
	c.state()
	c.outside()
	c.grants()
	c.machine()
	c.server(ctx)
	c.clock(o.Now().Round(0).Sub(wall) - time.Since(began))
	return c.results
}

// settings tells whether the settings are good, and how long the certificate that
// they name holds.
func (c *checkup) settings() {
	switch {
	case !c.Configured:
		c.skip("settings", "no file of settings was named with --config")
		return
	case c.Settings != nil:
		c.fail("settings", "mend what is named; `lendlog config show` tells where each setting comes from", "%v", c.Settings)
		return
	}
	c.ok("settings", "the settings are good, and the files that they name can be read")
	if c.Certificate == nil {
		c.skip("certificate", "the settings name none")
		return
	}
	leaf := c.Certificate.Leaf()
	names := append([]string{}, leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	left := days(leaf.NotAfter.Sub(c.Now()))
	switch {
	case len(names) == 0:
		c.fail("certificate", "have one made with the names by which clients reach the server (subjectAltName)", "the certificate names no host, so no client accepts it")
	case c.Certificate.Warnings() != nil:
		c.warn("certificate", "renew it; the server takes the new files by itself", "the certificate of %q expires in %d days", names, left)
	default:
		c.ok("certificate", "the certificate of %q holds for %d days", names, left)
	}
}

func days(d time.Duration) int { return int(d / (24 * time.Hour)) }
