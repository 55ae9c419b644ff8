// SPDX-License-Identifier: Apache-2.0

// Package signer has a command of the operator's sign, which holds a key that
// lendlog does not. It is asked and answers as package command has it:
//
//	public                →  ok BASE64      the Ed25519 public key, 32 bytes
//	sign BASE64           →  ok BASE64      the signature of these bytes, 64 bytes
//	anything              →  error TEXT     why it can't
//
// Base64 is the standard one with padding. No answer is believed: whoever asks
// verifies it.
package signer

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/lendlog/lendlog/ledger/command"
)

// A Signer is a command that signs. It may be asked by several goroutines.
type Signer struct{ process *command.Process }

// New returns the signer of a command, which is split at spaces, and starts
// nothing yet.
func New(line string) (*Signer, error) {
	p, err := command.New("signer", line)
	if err != nil {
		return nil, err
	}
	return &Signer{p}, nil
}

// Public asks for the public key.
func (s *Signer) Public() (ed25519.PublicKey, error) {
	return s.ask("public", ed25519.PublicKeySize)
}

// Sign asks for a signature of msg.
func (s *Signer) Sign(msg []byte) ([]byte, error) {
	return s.ask("sign "+base64.StdEncoding.EncodeToString(msg), ed25519.SignatureSize)
}

// Close ends the process.
func (s *Signer) Close() error { return s.process.Close() }

// ask asks one thing, to which the answer has size bytes.
func (s *Signer) ask(question string, size int) (b []byte, err error) {
	err = s.process.Ask(question, func(answer string) error {
		if text, ok := strings.CutPrefix(answer, "error "); ok {
			return command.Refusal(text)
		}
		text, ok := strings.CutPrefix(answer, "ok ")
		var err error
		if b, err = base64.StdEncoding.DecodeString(text); !ok || err != nil || len(b) != size {
			return fmt.Errorf("answers neither ok and %d bytes in base64, nor error and why", size)
		}
		return nil
	})
	return b, err
}
