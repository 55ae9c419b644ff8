// SPDX-License-Identifier: Apache-2.0

package timestamp

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/lendlog/lendlog/ledger/anchor"
)

// stateFormat names the form of the file.
const stateFormat = "lendlog-stamps/1"

// A state is what a target remembers: a JSON document that is replaced whole. It
// is no part of the ledger.
type state struct {
	Format string `json:"v"`
	Under  *under `json:"under,omitempty"`
	Next   string `json:"next,omitempty"` // signed checkpoint that comes after it
	Final  final  `json:"final"`
}

// under is the checkpoint that is being stamped.
type under struct {
	Note   string  `json:"checkpoint"` // signed
	Tokens []token `json:"tokens,omitempty"`
	Whole  bool    `json:"whole,omitempty"` // there are enough, and no more are asked for

	head anchor.Head
}

// A token is the stamp of an authority, verified.
type token struct {
	Authority string    `json:"authority"` // its name
	Token     []byte    `json:"token"`     // base64 DER
	Time      time.Time `json:"time"`
}

// final is the newest checkpoint of which all is done.
type final struct {
	Size int64     `json:"size"`
	Time time.Time `json:"time"`
}

func (s state) bytes() ([]byte, error) {
	s.Format = stateFormat
	b, err := json.MarshalIndent(s, "", " ")
	return append(b, '\n'), err
}

// parseState reads a state of a ledger.
func parseState(b []byte, origin string) (s state, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return state{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return state{}, errors.New("something follows the document")
	}
	if s.Format != stateFormat {
		return state{}, errors.New("it is of another format than " + stateFormat)
	}
	if s.Final.Size < 0 {
		return state{}, errors.New("its final size is below zero")
	}
	if s.Next != "" {
		if _, err := parseHead([]byte(s.Next), origin); err != nil {
			return state{}, err
		}
		if s.Under == nil {
			return state{}, errors.New("a checkpoint comes next after none")
		}
	}
	if u := s.Under; u != nil {
		if u.head, err = parseHead([]byte(u.Note), origin); err != nil {
			return state{}, err
		}
		for _, k := range u.Tokens {
			if len(k.Token) == 0 {
				return state{}, errors.New("it has an empty token")
			}
		}
		if u.Whole && len(u.Tokens) == 0 {
			return state{}, errors.New("it is whole without a token")
		}
	}
	return s, nil
}
