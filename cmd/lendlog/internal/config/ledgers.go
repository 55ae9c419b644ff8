// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// listKey is the key of the list of ledgers, and maxLedgers how many it may have.
const (
	listKey    = "ledgers"
	maxLedgers = 1000
)

// ledgerName is what may stand in URLs.
var ledgerName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// dropOnly takes the settings of an only ledger away, which nobody may have made
// where the file names several.
func (c *Config) dropOnly() error {
	only := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(Ledger).Flags(only)
	for _, s := range c.Settings {
		if only.Lookup(s.Name) != nil && s.Source != Default {
			return fmt.Errorf("%s: the file names ledgers, so %s belongs to each of them there", s.Source, s.Name)
		}
	}
	c.Settings = slices.DeleteFunc(c.Settings, func(s Setting) bool { return only.Lookup(s.Name) != nil })
	return nil
}

// addLedgers reads the list of ledgers.
func (c *Config) addLedgers(top section, list *yaml.Node) error {
	switch n := len(list.Content); {
	case list.Kind != yaml.SequenceNode || n == 0:
		return top.fail(list, "ledgers: it is a list of ledgers, each with its name and its settings")
	case n > maxLedgers:
		return top.fail(list, "ledgers: there are more than %d", maxLedgers)
	}
	seen := map[string]int{} // lines, by what no two ledgers may share
	for _, node := range list.Content {
		l, settings, err := readLedger(top.path, node)
		if err != nil {
			return err
		}
		for _, shared := range []string{"name: " + l.Name, "dir: " + filepath.Clean(l.Dir)} {
			if line := seen[shared]; line != 0 {
				return top.fail(node, "%s: the ledger in line %d has the same", shared, line)
			}
			seen[shared] = node.Line
		}
		for _, s := range settings {
			s.Name = listKey + "." + l.Name + "." + s.Name
			c.Settings = append(c.Settings, s)
		}
		c.Ledgers = append(c.Ledgers, l)
	}
	return nil
}

// readLedger reads one ledger of several. The environment says nothing of it.
func readLedger(path string, n *yaml.Node) (l Ledger, settings []Setting, err error) {
	s, err := readSection(path, n)
	if err != nil {
		return l, nil, err
	}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	l.itemFlags(flags)
	if err := s.check(flags); err != nil {
		return l, nil, err
	}
	settings, err = s.settings(flags, func(string) (string, bool) { return "", false })
	switch {
	case err != nil:
		return l, nil, err
	case !ledgerName.MatchString(l.Name):
		return l, nil, s.fail(n, "name: a ledger has a name of 1 to 63 of a-z, 0-9 and -, which does not begin with -")
	case l.Dir == "":
		return l, nil, s.fail(n, "dir: a ledger has a directory")
	}
	return l, settings, nil
}
