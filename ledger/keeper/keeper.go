// SPDX-License-Identifier: Apache-2.0

// Package keeper has a command of the operator's wrap and unwrap keys under one that
// lendlog does not have. It is asked and answers as package command has it, and each
// line is a JSON object:
//
//	{"do":"key"}
//	    →  {"key":NAME}           what it calls the key to wrap under from now on
//	{"do":"wrap","key":NAME,"origin":…,"id":…,"purpose":…,"plain":BASE64}
//	    →  {"wrapped":BASE64}     these 32 bytes, encrypted
//	{"do":"unwrap","key":NAME,"origin":…,"id":…,"purpose":…,"wrapped":BASE64}
//	    →  {"plain":BASE64}       the 32 bytes
//	anything
//	    →  {"error":TEXT}         why it can't, or won't
//
// A request says what it is for, and nothing of a person: the origin of the ledger,
// which of its keys it is, and why it is asked for, so that whoever keeps the key can
// write that down, and refuse it. What is wrapped should open only for the origin and
// the id that it was wrapped for, so that nobody asks for one key under the name of
// another. A name is 1 to 256 printable characters without spaces, and what is
// wrapped at most 4,096 bytes. Base64 is the standard one with padding; who reads a
// line passes over members that it does not know.
//
// What is wrapped is taken only once it was unwrapped again: nothing is ever
// encrypted under a key that does not come back.
package keeper

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/lendlog/lendlog/ledger/command"
	"github.com/lendlog/lendlog/ledger/seal"
)

// What a keeper is asked for.
const (
	DoKey    = "key"
	DoWrap   = "wrap"
	DoUnwrap = "unwrap"
)

// Why it is asked.
const (
	ForOpening    = "open"    // a ledger is opened
	ForAudit      = "audit"   // a ledger is audited
	ForGrowth     = "grow"    // there are keys of new persons
	ForRotation   = "rotate"  // another key takes over
	ForTrial      = "try"     // of a key that protects nothing: does the keeper answer?
	ForConfirming = "confirm" // what was just wrapped comes back
)

// Bounds of what a keeper answers.
const (
	maxName    = 256
	maxWrapped = 4096
)

// A Use is what a key is asked for.
type Use struct {
	Origin  string `json:"origin,omitempty"` // of the ledger
	ID      string `json:"id,omitempty"`     // of the key among those of the ledger
	Purpose string `json:"purpose,omitempty"`
}

// A Request is a question.
type Request struct {
	Do  string `json:"do"`
	Key string `json:"key,omitempty"` // as the keeper calls it
	Use
	Plain   []byte `json:"plain,omitempty"`
	Wrapped []byte `json:"wrapped,omitempty"`
}

// An Answer has one of its members.
type Answer struct {
	Key     string `json:"key,omitempty"`
	Plain   []byte `json:"plain,omitempty"`
	Wrapped []byte `json:"wrapped,omitempty"`
	Error   string `json:"error,omitempty"`
}

// A Keeper is a command that wraps and unwraps. It may be asked by several
// goroutines.
type Keeper struct{ process *command.Process }

// New returns the keeper of a command, which is split at spaces, and starts nothing
// yet.
func New(line string) (*Keeper, error) {
	p, err := command.New("keeper", line)
	if err != nil {
		return nil, err
	}
	return &Keeper{p}, nil
}

// Close ends the process, until it is asked again.
func (k *Keeper) Close() error { return k.process.Close() }

// Key asks for the name of the key to wrap under from now on.
func (k *Keeper) Key() (name string, err error) {
	err = k.ask(Request{Do: DoKey}, func(a Answer) error {
		if name = a.Key; !IsName(name) {
			return fmt.Errorf("answers with no name of a key, of 1 to %d printable characters without spaces", maxName)
		}
		return nil
	})
	return name, err
}

// IsName reports whether a key can be called that.
func IsName(name string) bool {
	return name != "" && len(name) <= maxName && !strings.ContainsFunc(name, func(r rune) bool { return r == ' ' || !unicode.IsPrint(r) })
}

// Wrap has a key wrapped under the one of that name, and makes sure that it comes
// back.
func (k *Keeper) Wrap(name string, of Use, key seal.Key) (wrapped []byte, err error) {
	err = k.ask(Request{Do: DoWrap, Key: name, Use: of, Plain: key[:]}, func(a Answer) error {
		if wrapped = a.Wrapped; len(wrapped) == 0 || len(wrapped) > maxWrapped {
			return fmt.Errorf("answers with no wrapped key, of 1 to %d bytes", maxWrapped)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	of.Purpose = ForConfirming
	back, err := k.Unwrap(name, of, wrapped)
	if err == nil && back != key {
		err = errors.Join(errors.New("the keeper unwraps another key than it wrapped"), k.Close())
	}
	return wrapped, err
}

// Unwrap has a key unwrapped. That it is the right one, whoever asks finds out by
// what it opens.
func (k *Keeper) Unwrap(name string, of Use, wrapped []byte) (key seal.Key, err error) {
	err = k.ask(Request{Do: DoUnwrap, Key: name, Use: of, Wrapped: wrapped}, func(a Answer) error {
		if len(a.Plain) != len(key) {
			return fmt.Errorf("answers with no key, of %d bytes", len(key))
		}
		key = seal.Key(a.Plain)
		return nil
	})
	return key, err
}

// Try has a key wrapped that protects nothing, and unwrapped.
func (k *Keeper) Try(name, origin string) error {
	_, err := k.Wrap(name, Use{origin, "trial", ForTrial}, seal.NewKey())
	return err
}

func (k *Keeper) ask(r Request, read func(Answer) error) error {
	question, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return k.process.Ask(string(question), func(line string) error {
		var a Answer
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			return errors.New("answers no JSON object of the protocol") // whose text may hold a key
		}
		if a.Error != "" {
			return command.Refusal(a.Error)
		}
		return read(a)
	})
}
