// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	grants "github.com/lendlog/lendlog/ledger/access"
)

// keyVariable holds the key where no file is named.
const keyVariable = "LENDLOG_KEY"

// keyFlag adds --key-file. There is no flag for a key itself: what stands in a
// command line is seen by everybody on the machine, and kept in histories.
func keyFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "key-file", "", "file with the key to show to the server (default: what "+keyVariable+" holds)")
	_ = cmd.MarkFlagFilename("key-file")
}

// readKey returns the key to show to a server, "" for none. A file that others
// can read is refused. No error holds anything of the key.
func readKey(file string) (string, error) {
	if file == "" {
		shown := os.Getenv(keyVariable)
		if shown == "" {
			return "", nil
		}
		if _, err := grants.ParseKey(shown); err != nil {
			return "", usagef("%s: %w", keyVariable, err)
		}
		return shown, nil
	}
	shown, err := readSecret(file)
	if err != nil {
		return "", err
	}
	if _, err := grants.ParseKey(shown); err != nil {
		return "", usagef("%s: %w", file, err)
	}
	return shown, nil
}

// readSecret reads a file that holds a secret and white space around it.
func readSecret(file string) (string, error) {
	b, err := readPrivate(file)
	return strings.TrimSpace(string(b)), err
}

// readPrivate reads a small file that nobody else may be able to read.
func readPrivate(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Mode().IsRegular() && st.Mode().Perm()&0o077 != 0 {
		return nil, usagef("%s can be read by others; run chmod 600 on it, and replace what it holds if somebody may have", file)
	}
	b, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		return nil, fmt.Errorf("couldn't read %s: %w", file, err)
	}
	return b, nil
}

// A keySink takes a key that is shown once: a file of its own, or the output.
type keySink struct {
	name string
	f    *os.File // nil for the output
}

// openSink makes the file, so that no key is granted that could not be kept.
func openSink(name string) (*keySink, error) {
	if name == "" || name == "-" {
		return &keySink{}, nil
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, usagef("--out %s is there already, and a key is never written over another: name a new file", name)
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't make a file for the key: %w", err)
	}
	return &keySink{name, f}, nil
}

// drop takes the file away again.
func (s *keySink) drop() {
	if s.f != nil {
		_ = s.f.Close()
		_ = os.Remove(s.name)
	}
}

// keep writes the key into the file, if there is one.
func (s *keySink) keep(key grants.Key) error {
	if s.f == nil {
		return nil
	}
	_, err := s.f.WriteString(key.Reveal() + "\n")
	if err == nil {
		err = s.f.Sync()
	}
	if cerr := s.f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("couldn't write the key %s, which is lost; revoke it and grant another: %w", key.ID(), err)
	}
	return nil
}
