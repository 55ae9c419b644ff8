// SPDX-License-Identifier: Apache-2.0

package cosigner

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strconv"

	"github.com/lendlog/lendlog/ledger/tree"
)

const (
	// maxRequest bounds the body of a request: a proof, and a checkpoint with
	// the signatures of all who may have cosigned it already.
	maxRequest = 64 << 10
	// maxProof is how many hashes a client may send.
	maxProof = 63
)

// A request is the body of add-checkpoint (C2SP tlog-witness).
type request struct {
	old    int64 // size of the checkpoint that the proof begins at
	proof  []tree.Hash
	signed []byte // the checkpoint, a signed note
}

// parseRequest takes a body apart. It accepts only what bytes would write; the
// checkpoint is taken as it is.
func parseRequest(b []byte) (q request, err error) {
	line := func() (string, bool) {
		head, rest, ok := bytes.Cut(b, []byte("\n"))
		b = rest
		return string(head), ok
	}
	first, ok := line()
	if q.old, err = strconv.ParseInt(string(bytes.TrimPrefix([]byte(first), []byte("old "))), 10, 64); !ok || err != nil || q.old < 0 || first != "old "+strconv.FormatInt(q.old, 10) {
		return request{}, errors.New("the first line is not: old SIZE")
	}
	for {
		text, ok := line()
		if !ok {
			return request{}, errors.New("no empty line stands before the checkpoint")
		}
		if text == "" {
			break
		}
		h, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil || len(h) != len(tree.Hash{}) || len(text) != base64.StdEncoding.EncodedLen(len(h)) {
			return request{}, errors.New("a line of the proof is not a base64 SHA-256 hash")
		}
		if len(q.proof) == maxProof {
			return request{}, errors.New("the proof has more than 63 lines")
		}
		q.proof = append(q.proof, tree.Hash(h))
	}
	q.signed = b
	return q, nil
}
