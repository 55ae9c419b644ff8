// SPDX-License-Identifier: Apache-2.0

// Package signertest is a command that signs, for tests: an honest one, and some
// that are not.
package signertest

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// The conducts of a signer, of which it takes one as its first argument; the second
// is what its key is made of. The third, where there is one, is a file: while it is
// there the signer is not honest.
const (
	Honest  = "honest"
	Silent  = "silent"  // answers nothing
	Lying   = "lying"   // signs something else
	Garbage = "garbage" // answers nonsense
	Endless = "endless" // answers a line without end
	Dies    = "dies"
	Refuses = "refuses"
	Behind  = "behind" // answers once too often, so that it is an answer behind
)

// Key returns the key of a signer.
func Key(of string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(of))
	return ed25519.NewKeyFromSeed(seed[:])
}

// Main answers questions until there are no more.
func Main(args []string, in io.Reader, out io.Writer) {
	conduct, key := args[0], Key(args[1])
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		now := conduct
		if len(args) > 2 {
			if _, err := os.Stat(args[2]); err != nil {
				now = Honest
			}
		}
		verb, text, _ := strings.Cut(lines.Text(), " ")
		msg, _ := base64.StdEncoding.DecodeString(text)
		answer := ed25519.Sign(key, msg)
		if verb == "public" {
			answer = key.Public().(ed25519.PublicKey)
		}
		ok := "ok " + base64.StdEncoding.EncodeToString(answer) + "\n"
		switch {
		case now == Honest || verb == "public":
			fmt.Fprint(out, ok)
		case now == Silent:
			time.Sleep(time.Hour) // a select without end is a deadlock, which ends it
		case now == Lying:
			fmt.Fprintf(out, "ok %s\n", base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte("something else"))))
		case now == Garbage:
			fmt.Fprint(out, "what?\n")
		case now == Endless:
			for {
				if _, err := out.Write(bytes.Repeat([]byte("a"), 1<<12)); err != nil {
					return
				}
			}
		case now == Dies:
			return
		case now == Refuses:
			fmt.Fprint(out, "error the slot is locked\x1b[2J\n")
		case now == Behind:
			fmt.Fprint(out, ok+ok)
		}
	}
}
