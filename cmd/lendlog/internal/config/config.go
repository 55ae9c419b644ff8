// SPDX-License-Identifier: Apache-2.0

// Package config makes the settings of a server: from flags, from the environment,
// and from one YAML file, whose keys are the names of the flags.
//
// A flag outweighs the environment (LENDLOG_ and the name, in capitals, with _ for
// -), and that the file. Nothing in the file is passed over: an unknown key, one
// that stands twice, or a value of the wrong kind is an error that names the line.
// Names of files in it are relative to its directory.
package config

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"github.com/spf13/pflag"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/redact"
)

// A Setting is one that was made, or left at its default.
type Setting struct {
	Name   string `json:"name"` // of its flag; ledgers.NAME.dir and the like of several ledgers
	Value  string `json:"value"`
	Source string `json:"source"` // such as --listen, LENDLOG_LISTEN, lendlog.yaml:3 or default
}

// hidden stands for the value of a secret.
const hidden = "(secret)"

// userinfo is what of a URL can be a password.
var userinfo = regexp.MustCompile(`://[^/?#\s]*@`)

// Default is the source of what nobody set.
const Default = "default"

// A Config is what was set.
type Config struct {
	Settings []Setting
	// Ledgers are those that the file names; nil where it names none, and the
	// settings of one stand beside those of the server.
	Ledgers []Ledger
}

// notSettings are flags of a command that no file and no environment makes.
var notSettings = map[string]bool{"config": true, "help": true}

// Load makes the settings of flags that were parsed and that the command line left
// alone: from the environment, and from the file at path unless that is "". Those of
// a ledger of which the file names several stand in its items and nowhere else.
func Load(flags *pflag.FlagSet, path string, environment Environment) (*Config, error) {
	var top section
	if path != "" {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if top, err = parse(path, b); err != nil {
			return nil, err
		}
	}
	return load(flags, top, environment)
}

// An Environment looks a variable up, as os.LookupEnv does.
type Environment func(variable string) (value string, ok bool)

// load is Load of a file that was read.
func load(flags *pflag.FlagSet, top section, environment Environment) (c *Config, err error) {
	if err := top.check(flags, listKey); err != nil {
		return nil, err
	}
	c = &Config{}
	if c.Settings, err = top.settings(flags, environment); err != nil {
		return nil, err
	}
	if list, ok := top.keys[listKey]; ok {
		if err := c.dropOnly(); err != nil {
			return nil, err
		}
		if err := c.addLedgers(top, list.value); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// settings makes the settings of a section that was checked, and lists them.
func (s section) settings(flags *pflag.FlagSet, environment Environment) (all []Setting, err error) {
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		if notSettings[f.Name] {
			return
		}
		source, err := s.set(flags, f, environment)
		errs = append(errs, err)
		value := f.Value.String()
		if isSecret(f) && value != "" {
			value = hidden
		}
		// A secret may stand where none belongs.
		value = userinfo.ReplaceAllString(redact.Keys(value), "://"+hidden+"@")
		all = append(all, Setting{f.Name, value, source})
	})
	return all, errors.Join(errs...)
}

// set makes one setting and returns its source.
func (s section) set(flags *pflag.FlagSet, f *pflag.Flag, environment Environment) (source string, err error) {
	variable := Variable(f.Name)
	value, inEnvironment := environment(variable)
	item, inFile := s.keys[f.Name]
	switch {
	case f.Changed:
		return "--" + f.Name, nil
	case inEnvironment:
		return variable, wrong(variable, f, flags.Set(f.Name, value))
	case inFile:
		return s.place(item.at), wrong(s.place(item.at)+": "+f.Name, f, s.setNode(f, item.value))
	}
	return Default, nil
}

// wrong tells what can't be a value, unless err is nil.
func wrong(where string, f *pflag.Flag, err error) error {
	var invalid *pflag.InvalidValueError
	switch {
	case err == nil:
		return nil
	case isSecret(f):
		return fmt.Errorf("%s: it can't be read", where)
	case errors.As(err, &invalid):
		err = invalid.Unwrap()
	}
	return fmt.Errorf("%s: %w", where, err)
}

// Variable is the name of the environment variable of a setting.
func Variable(name string) string {
	return "LENDLOG_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}
