// SPDX-License-Identifier: Apache-2.0

package vault

import (
	"cmp"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/ledger/signer"
)

// signerExt ends the name of a file that names a command in the place of a key.
const signerExt = ".signer"

// A CheckpointKey signs checkpoints: with a key of the keys directory, or by a
// command that has the key.
type CheckpointKey struct {
	note.Signer
	Verifier string // C2SP verifier key
	Command  string // that signs; "" where the key itself is at hand
	File     string // in the keys directory; "" where it was not written yet

	text string // of the file
}

// NewCheckpointKey makes a key of a ledger.
func NewCheckpointKey(origin string) (*CheckpointKey, error) {
	secret, _, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return nil, err
	}
	return parseCheckpointKey(secret)
}

// ExternalCheckpointKey is one whose signatures a command makes, which is asked
// for its key. The command is split at spaces.
func ExternalCheckpointKey(origin, command string) (*CheckpointKey, error) {
	p, err := signer.New(command)
	if err != nil {
		return nil, err
	}
	public, err := p.Public()
	if err != nil {
		return nil, err
	}
	verifier, err := note.NewEd25519VerifierKey(origin, public)
	if err != nil {
		return nil, err
	}
	return external(verifier, command, p)
}

// SignedBy has a command sign in the place of the first checkpoint key of keys that
// were not written yet, and returns its verifier key.
func (k *Keys) SignedBy(origin, command string) (verifier string, err error) {
	first, err := ExternalCheckpointKey(origin, command)
	if err != nil {
		return "", err
	}
	k.Checkpoints = []*CheckpointKey{first}
	return first.Verifier, nil
}

func external(verifier, command string, p *signer.Signer) (*CheckpointKey, error) {
	v, err := note.NewVerifier(verifier)
	if err != nil {
		return nil, err
	}
	return &CheckpointKey{Signer: verified{p, v}, Verifier: verifier, Command: command, text: verifier + "\n" + command}, nil
}

// Close ends the command, where there is one.
func (k *CheckpointKey) Close() error {
	if v, ok := k.Signer.(verified); ok {
		return v.process.Close()
	}
	return nil
}

// verified is a signer that hands out no signature but a right one: what a command
// answers is not believed.
type verified struct {
	process *signer.Signer
	note.Verifier
}

// Sign implements note.Signer.
func (s verified) Sign(msg []byte) ([]byte, error) {
	sig, err := s.process.Sign(msg)
	if err != nil {
		return nil, err
	}
	if !s.Verify(msg, sig) {
		_ = s.process.Close() // it may be an answer behind
		return nil, errors.New("the command that signs checkpoints answers with a signature that is not one of its key")
	}
	return sig, nil
}

// parseCheckpointKey reads a signer key.
func parseCheckpointKey(secret string) (*CheckpointKey, error) {
	s, err := note.NewSigner(secret)
	if err != nil {
		return nil, err
	}
	// "PRIVATE+KEY+<name>+<hash>+<base64 of 0x01 ‖ seed>"
	parts := strings.SplitN(strings.TrimPrefix(secret, "PRIVATE+KEY+"), "+", 3)
	seed, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(seed) != 1+ed25519.SeedSize {
		return nil, errors.New("it is not an Ed25519 key")
	}
	verifier, err := note.NewEd25519VerifierKey(s.Name(), ed25519.NewKeyFromSeed(seed[1:]).Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	return &CheckpointKey{Signer: s, Verifier: verifier, text: secret}, nil
}

// fileName is that of a key which was not written yet.
func (k *CheckpointKey) fileName(first bool) string {
	name := "checkpoint"
	if !first {
		name = fmt.Sprintf("checkpoint-%08x", k.KeyHash())
	}
	if k.Command != "" {
		return name + signerExt
	}
	return name + ".key"
}

// AddCheckpoint writes a key that takes over into the directory that the keys were
// read from. It is durable once this returns nil, and signs nothing before the
// ledger has announced it.
func (k *Keys) AddCheckpoint(c *CheckpointKey) error {
	name := c.fileName(false)
	if err := k.files.create(name, c.text); err != nil {
		return err
	}
	c.File = name
	k.Checkpoints = append(k.Checkpoints, c)
	return nil
}

// checkpoints reads the checkpoint keys, the first one first.
func (f files) checkpoints() (list []*CheckpointKey, err error) {
	names, err := f.names()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		stem, ext := strings.TrimSuffix(name, filepath.Ext(name)), filepath.Ext(name)
		if stem != "checkpoint" && !strings.HasPrefix(stem, "checkpoint-") {
			continue
		}
		text, err := f.read(name)
		if err != nil {
			return nil, err
		}
		path := filepath.Join(f.dir, name)
		var key *CheckpointKey
		if ext == signerExt {
			verifier, command, _ := strings.Cut(text, "\n")
			p, perr := signer.New(command)
			if perr != nil {
				return nil, fmt.Errorf("%s: %w", path, perr)
			}
			if key, err = external(verifier, command, p); err != nil {
				return nil, fmt.Errorf("%s does not begin with a verifier key; put this ledger's own keys back", path)
			}
		} else if key, err = parseCheckpointKey(text); err != nil {
			return nil, fmt.Errorf("%s is not a note signer key; put this ledger's own keys back", path)
		}
		key.File = name
		list = append(list, key)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("couldn't read a key; put this ledger's own keys back: %s holds no checkpoint key", f.dir)
	}
	first := func(k *CheckpointKey) int { return len(strings.TrimSuffix(k.File, filepath.Ext(k.File))) }
	slices.SortStableFunc(list, func(a, b *CheckpointKey) int { return cmp.Compare(first(a), first(b)) })
	return list, nil
}
