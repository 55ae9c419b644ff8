// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// A Checkpoint is the head of a tree as C2SP tlog-checkpoint writes it: three
// lines and no extension lines.
//
//	origin
//	size in decimal
//	root in standard base64
type Checkpoint struct {
	Origin string
	Size   int64
	Root   Hash
}

// Text returns the signed text of the checkpoint.
func (c Checkpoint) Text() string {
	return c.Origin + "\n" + strconv.FormatInt(c.Size, 10) + "\n" + base64.StdEncoding.EncodeToString(c.Root[:]) + "\n"
}

// ParseCheckpoint reads the text of a checkpoint, without its signatures. It
// accepts only what Text would write.
func ParseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" || lines[0] == "" {
		return Checkpoint{}, errors.New("a checkpoint has three lines: origin, size and root")
	}
	c := Checkpoint{Origin: lines[0]}
	var err error
	if c.Size, err = strconv.ParseInt(lines[1], 10, 64); err != nil || c.Size < 0 {
		return Checkpoint{}, errors.New("the size of the checkpoint is not a number")
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != len(c.Root) {
		return Checkpoint{}, errors.New("the root of the checkpoint is not a base64 SHA-256 hash")
	}
	copy(c.Root[:], root)
	if c.Text() != text {
		return Checkpoint{}, errors.New("the checkpoint is not written in its one form")
	}
	return c, nil
}

// Sign returns the checkpoint as a C2SP signed note with one signature line
// per signer.
func (c Checkpoint) Sign(signers ...note.Signer) ([]byte, error) {
	return note.Sign(&note.Note{Text: c.Text()}, signers...)
}

// ErrUnsigned is returned when no signature of a known key stands on a note.
var ErrUnsigned = errors.New("the checkpoint bears no signature of a known key")

// OpenCheckpoint verifies a signed checkpoint against the known keys, as OpenNote
// does. It returns the checkpoint and the verified note.
func OpenCheckpoint(signed []byte, known note.Verifiers) (Checkpoint, *note.Note, error) {
	n, err := OpenNote(signed, known)
	if err != nil {
		return Checkpoint{}, nil, err
	}
	c, err := ParseCheckpoint(n.Text)
	if err != nil {
		return Checkpoint{}, nil, err
	}
	return c, n, nil
}

// OpenNote verifies a signed note, such as a checkpoint, against the known keys:
// at least one of them must have signed, and a signature that claims to be of a
// known key must be right and in canonical base64.
func OpenNote(signed []byte, known note.Verifiers) (*note.Note, error) {
	n, err := note.Open(signed, known)
	if err != nil {
		var unverified *note.UnverifiedNoteError
		var invalid *note.InvalidSignatureError
		switch {
		case errors.As(err, &unverified):
			return nil, ErrUnsigned
		case errors.As(err, &invalid):
			return nil, fmt.Errorf("the signature of %s on the checkpoint is wrong", invalid.Name)
		}
		return nil, fmt.Errorf("the checkpoint is not a signed note: %w", err)
	}
	for _, s := range n.Sigs {
		// note's decoder lets unused bits through; one signature would then
		// have several spellings.
		if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
			return nil, fmt.Errorf("the signature of %s on the checkpoint is not canonical base64", s.Name)
		}
	}
	return n, nil
}

// ValidOrigin reports why a string cannot be the origin of a ledger. An
// origin is a schema-less URL such as "ledger.bank.example/2026": it names
// the checkpoint key too, so it has no space and no plus sign.
func ValidOrigin(origin string) error {
	if origin == "" || len(origin) > 255 {
		return errors.New("an origin has 1 to 255 characters")
	}
	for _, r := range origin {
		if r <= ' ' || r == '+' || r >= 0x7f {
			return errors.New("an origin is printable ASCII without spaces and plus signs, such as ledger.bank.example/2026")
		}
	}
	return nil
}
