// SPDX-License-Identifier: Apache-2.0

// Package keepertest is a keeper of a vault's key in a process of its own, for tests:
// an honest one, which can be made to misbehave.
package keepertest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/keeper"
	"github.com/lendlog/lendlog/ledger/keeper/custody"
)

// Env has a test program that calls Main keep keys instead of testing.
const Env = "KEEPERTEST"

// The conducts of a keeper, of which a file in its directory holds one; without it
// the keeper is honest.
const (
	Silent   = "silent"   // answers nothing
	Garbage  = "garbage"  // answers nonsense
	Dies     = "dies"     // ends
	Refuses  = "refuses"  // says no
	Forgets  = "forgets"  // wraps what it can't unwrap
	Confuses = "confuses" // unwraps to something else
)

const conductFile = "conduct"

// Main answers as the keeper of a directory, where the environment says so, and ends
// the program then. A test program calls it before anything else.
func Main() {
	if os.Getenv(Env) == "" || len(os.Args) != 2 {
		return
	}
	dir := os.Args[1]
	c, err := custody.Open(custody.Config{Dir: dir, Log: filepath.Join(dir, "log"), Now: time.Now})
	if err == nil {
		err = serve(c, dir, os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serve(c *custody.Custody, dir string, in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<10)
	for lines.Scan() {
		conduct, _ := os.ReadFile(filepath.Join(dir, conductFile))
		a := c.Answer(lines.Bytes())
		switch {
		case string(conduct) == Silent:
			time.Sleep(time.Hour) // a select without end is a deadlock, which ends it
		case string(conduct) == Garbage:
			if _, err := out.Write([]byte("{\"plain\":\"c2VjcmV0\"\n")); err != nil {
				return err
			}
			continue
		case string(conduct) == Dies:
			return nil
		case string(conduct) == Refuses:
			a = keeper.Answer{Error: "not after five\x1b[2J"}
		case string(conduct) == Forgets && a.Wrapped != nil:
			a.Wrapped[len(a.Wrapped)-1] ^= 1
		case string(conduct) == Confuses && a.Plain != nil:
			a.Plain[0] ^= 1
		}
		b, err := json.Marshal(a)
		if err == nil {
			_, err = out.Write(append(b, '\n'))
		}
		if err != nil {
			return err
		}
	}
	return lines.Err()
}

// A Keeper is one of a test.
type Keeper struct {
	t       testing.TB
	Dir     string
	Command string
}

// New makes a keeper with one key, of a test program that calls Main.
func New(t testing.TB) *Keeper {
	t.Helper()
	t.Setenv(Env, "1")
	k := &Keeper{t: t, Dir: filepath.Join(t.TempDir(), "keeper")}
	k.Command = os.Args[0] + " " + k.Dir
	k.Add()
	return k
}

// Add has it wrap under another key from now on.
func (k *Keeper) Add() {
	k.t.Helper()
	if _, _, err := custody.Add(k.Dir); err != nil {
		k.t.Fatal(err)
	}
}

// Behave has it behave like that from now on; "" for honestly.
func (k *Keeper) Behave(conduct string) {
	k.t.Helper()
	file := filepath.Join(k.Dir, conductFile)
	err := os.WriteFile(file, []byte(conduct), 0o600)
	if conduct == "" {
		err = os.Remove(file)
	}
	if err != nil {
		k.t.Fatal(err)
	}
}

// Log returns what it wrote down, as "do purpose id answer", and forgets it.
func (k *Keeper) Log() (lines []string) {
	k.t.Helper()
	b, err := os.ReadFile(filepath.Join(k.Dir, "log"))
	if err == nil {
		err = os.Truncate(filepath.Join(k.Dir, "log"), 0)
	}
	if err != nil {
		k.t.Fatal(err)
	}
	for text := range bytes.Lines(b) {
		var l struct{ Do, Purpose, ID, Answer string }
		if err := json.Unmarshal(text, &l); err != nil {
			k.t.Fatal(err)
		}
		lines = append(lines, strings.Join(strings.Fields(strings.Join([]string{l.Do, l.Purpose, l.ID, l.Answer}, " ")), " "))
	}
	return lines
}
