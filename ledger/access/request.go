// SPDX-License-Identifier: Apache-2.0

package access

import (
	"errors"
	"strings"
)

// A Request is what of a key may be shown to anybody: its id and its hash. Whoever
// made a key for themselves sends its request to each ledger that is to take it, and
// so none of those who grant it ever sees the key. It is written like a key, behind
// another prefix:
//
//	llr_<id>_<hash>_<checksum>
//
// of which hash is 52 characters of base32.
type Request struct {
	ID   string
	Hash [32]byte
}

const (
	requestPrefix = "llr_"
	requestLength = len(requestPrefix) + idLength + 1 + 52 + 1 + 8
)

// ErrRequest: what was given is no request for a key.
var ErrRequest = errors.New("the request is malformed: it is llr_, 8 characters, _, 52 characters, _, and 8 hexadecimal digits that check the rest, as lendlog access key new prints it; a key itself is never sent")

// Request returns what a ledger has to know of the key to grant it.
func (k Key) Request() Request { return Request{ID: k.ID(), Hash: k.Hash()} }

// String writes the request.
func (r Request) String() string {
	text := requestPrefix + r.ID + "_" + base32Lower.EncodeToString(r.Hash[:])
	return text + "_" + checksum(text)
}

// ParseRequest reads a request, exactly as it was written. The error is ErrRequest
// and holds nothing of it, because it may be a key.
func ParseRequest(s string) (r Request, err error) {
	parts := strings.Split(strings.TrimPrefix(s, requestPrefix), "_")
	if len(s) != requestLength || len(parts) != 3 || !ValidID(parts[0]) {
		return Request{}, ErrRequest
	}
	hash, err := base32Lower.DecodeString(parts[1])
	if err != nil || len(hash) != len(r.Hash) {
		return Request{}, ErrRequest
	}
	r = Request{ID: parts[0], Hash: [32]byte(hash)}
	// Whatever is spelled in another way shows here.
	if r.String() != s {
		return Request{}, ErrRequest
	}
	return r, nil
}
