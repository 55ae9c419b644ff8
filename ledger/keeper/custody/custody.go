// SPDX-License-Identifier: Apache-2.0

// Package custody is a keeper of vaults' keys (see package keeper) out of files: for
// another user than the ledger's, or another machine, where nobody has what the
// ledger has. Of every request it writes down what it was for before it answers, and
// one that cannot be written down is not answered.
//
// The directory holds the keys, 0001.key, 0002.key and so on, each base64 of 32
// bytes, of which the last one wraps and all unwrap; and while it holds a file called
// refuse, everything is refused.
//
// What is wrapped is nonce(12) ‖ AES-256-GCM, whose authenticated context is the
// origin and the id that it is wrapped for.
package custody

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lendlog/lendlog/ledger/keeper"
	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/store"
)

// refuseFile has everything refused while it is there.
const refuseFile = "refuse"

// maxRequest bounds a line.
const maxRequest = 64 << 10

// Add makes another key in dir, which wraps from then on, and returns its name and
// its file.
func Add(dir string) (name, file string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", "", err
	}
	there, err := files(dir)
	if err != nil {
		return "", "", err
	}
	number := 1 // those before may have been destroyed
	if len(there) > 0 {
		last, err := strconv.Atoi(strings.TrimSuffix(filepath.Base(there[len(there)-1]), ".key"))
		if number = last + 1; err != nil || number > maxNumber {
			return "", "", fmt.Errorf("%s is the last key that can be there", there[len(there)-1])
		}
	}
	key := seal.NewKey()
	file = filepath.Join(dir, fmt.Sprintf("%04d.key", number))
	return nameOf(key), file, store.WriteFile(file, []byte(base64.StdEncoding.EncodeToString(key[:])+"\n"), 0o600)
}

// maxNumber is the greatest number of a key.
const maxNumber = 9999

// files returns the files of keys, in their order.
func files(dir string) ([]string, error) {
	names, err := filepath.Glob(filepath.Join(dir, "[0-9][0-9][0-9][0-9].key"))
	slices.Sort(names)
	return names, err
}

// nameOf is what a key is called: a hash, by which nobody learns it.
func nameOf(key seal.Key) string {
	sum := sha256.Sum256(append([]byte("lendlog/keeper-key"), key[:]...))
	return hex.EncodeToString(sum[:8])
}

// Config says what is kept, and for whom.
type Config struct {
	Dir     string
	Log     string   // file to which every request is written
	Origins []string // of the ledgers that may ask; none for all
	From    string   // who asks, as far as it is known: a line of the log has it
	Now     func() time.Time
}

// A Custody answers for the keys of a directory.
type Custody struct {
	conf    Config
	keys    map[string]seal.Key
	current string
	log     *os.File
}

// Open reads the keys, which must be readable by their owner only.
func Open(conf Config) (*Custody, error) {
	c := &Custody{conf: conf, keys: map[string]seal.Key{}}
	names, err := files(conf.Dir)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s holds no key; make one with `lendlog keeper new`", conf.Dir)
	}
	for _, name := range names {
		key, err := read(name)
		if err != nil {
			return nil, err
		}
		c.current = nameOf(key)
		c.keys[c.current] = key
	}
	c.log, err = os.OpenFile(conf.Log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	return c, err
}

func read(file string) (key seal.Key, err error) {
	st, err := os.Stat(file)
	if err != nil {
		return key, err
	}
	if st.Mode().Perm()&0o077 != 0 {
		return key, fmt.Errorf("%s can be read by others; run chmod 600 on it", file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return key, err
	}
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(b) != len(key) {
		return key, fmt.Errorf("%s is not 32 bytes in base64", file)
	}
	return seal.Key(b), nil
}

// Close closes the log.
func (c *Custody) Close() error { return c.log.Close() }

// line is a line of the log.
type line struct {
	Time string `json:"time"`
	Do   string `json:"do"`
	keeper.Use
	Key    string `json:"key,omitempty"`
	From   string `json:"from,omitempty"`
	Answer string `json:"answer"` // given, or refused
	Why    string `json:"why,omitempty"`
}

// Serve answers what is asked on in, until that ends.
func (c *Custody) Serve(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxRequest)
	for lines.Scan() {
		answer, err := json.Marshal(c.Answer(lines.Bytes()))
		if err == nil {
			_, err = out.Write(append(answer, '\n'))
		}
		if err != nil {
			return err
		}
	}
	return lines.Err()
}

// Answer answers a line, once it is in the log.
func (c *Custody) Answer(question []byte) keeper.Answer {
	var r keeper.Request
	var a keeper.Answer
	err := json.Unmarshal(question, &r)
	if err != nil {
		r, err = keeper.Request{}, errors.New("the request can't be read")
	} else {
		a, err = c.answer(r)
	}
	l := line{Time: c.conf.Now().UTC().Format(time.RFC3339Nano), Do: r.Do, Use: r.Use, Key: r.Key, From: c.conf.From, Answer: "given"}
	if err != nil {
		a = keeper.Answer{Error: err.Error()}
		l.Answer, l.Why = "refused", a.Error
	}
	if err := c.note(l); err != nil {
		return keeper.Answer{Error: "the request can't be written down, so it is not answered"}
	}
	return a
}

// note writes a line to the log, durably.
func (c *Custody) note(l line) error {
	b, err := json.Marshal(l)
	if err == nil {
		_, err = c.log.Write(append(b, '\n'))
	}
	if err == nil {
		err = c.log.Sync()
	}
	return err
}

func (c *Custody) answer(r keeper.Request) (keeper.Answer, error) {
	if _, err := os.Lstat(filepath.Join(c.conf.Dir, refuseFile)); !errors.Is(err, os.ErrNotExist) {
		return keeper.Answer{}, errors.New("whoever keeps the key refuses all requests for now")
	}
	if r.Do == keeper.DoKey {
		return keeper.Answer{Key: c.current}, nil
	}
	if r.Do != keeper.DoWrap && r.Do != keeper.DoUnwrap {
		return keeper.Answer{}, errors.New("the request is none that is known")
	}
	if len(c.conf.Origins) > 0 && !slices.Contains(c.conf.Origins, r.Origin) {
		return keeper.Answer{}, errors.New("the key is not kept for this ledger")
	}
	key, ok := c.keys[r.Key]
	if !ok {
		return keeper.Answer{}, errors.New("there is no key of this name")
	}
	context := []byte("lendlog/keeper\x00" + r.Origin + "\x00" + r.ID)
	if r.Do == keeper.DoWrap {
		if len(r.Plain) != len(seal.Key{}) {
			return keeper.Answer{}, errors.New("what is to be wrapped is not a key of 32 bytes")
		}
		return keeper.Answer{Wrapped: key.Encrypt(nil, r.Plain, context)}, nil
	}
	plain, err := key.Decrypt(r.Wrapped, context)
	if err != nil {
		return keeper.Answer{}, errors.New("it was not wrapped under this key for this ledger and id, or it was altered")
	}
	return keeper.Answer{Plain: plain}, nil
}
