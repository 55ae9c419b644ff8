// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
)

// proofHeader begins every file of C2SP tlog-proof version 1.
const proofHeader = "c2sp.org/tlog-proof@v1"

// A LogProof is a C2SP tlog-proof: an index, an inclusion proof, and the
// signed checkpoint it leads to.
type LogProof struct {
	Extra      []byte // unauthenticated; nil for none
	Index      int64
	Hashes     []Hash
	Checkpoint []byte // a signed note, verbatim
}

// Format returns the proof as a .tlog-proof file.
func (p LogProof) Format() []byte {
	var b strings.Builder
	b.WriteString(proofHeader + "\n")
	if p.Extra != nil {
		b.WriteString("extra " + base64.StdEncoding.EncodeToString(p.Extra) + "\n")
	}
	b.WriteString("index " + strconv.FormatInt(p.Index, 10) + "\n")
	for _, h := range p.Hashes {
		b.WriteString(base64.StdEncoding.EncodeToString(h[:]) + "\n")
	}
	b.WriteString("\n")
	b.Write(p.Checkpoint)
	return []byte(b.String())
}

// ParseLogProof reads a .tlog-proof file. It accepts only what Format would
// write, and checks no signature and no hash.
func ParseLogProof(file []byte) (LogProof, error) {
	head, checkpoint, ok := strings.Cut(string(file), "\n\n")
	if !ok {
		return LogProof{}, errors.New("a tlog-proof has an empty line before its checkpoint")
	}
	lines := strings.Split(head, "\n")
	if lines[0] != proofHeader {
		return LogProof{}, errors.New("a tlog-proof begins with " + proofHeader)
	}
	lines = lines[1:]
	p := LogProof{Checkpoint: []byte(checkpoint)}
	strict := base64.StdEncoding.Strict()
	if len(lines) > 0 && strings.HasPrefix(lines[0], "extra ") {
		extra, err := strict.DecodeString(lines[0][len("extra "):])
		if err != nil {
			return LogProof{}, errors.New("the extra line of the tlog-proof is not base64")
		}
		p.Extra = append([]byte{}, extra...)
		lines = lines[1:]
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") {
		return LogProof{}, errors.New("a tlog-proof has an index line")
	}
	var err error
	if p.Index, err = strconv.ParseInt(lines[0][len("index "):], 10, 64); err != nil || p.Index < 0 {
		return LogProof{}, errors.New("the index of the tlog-proof is not a number")
	}
	for _, line := range lines[1:] {
		h, err := strict.DecodeString(line)
		if err != nil || len(h) != len(Hash{}) || len(p.Hashes) == 63 {
			return LogProof{}, errors.New("a tlog-proof has at most 63 base64 SHA-256 hashes")
		}
		p.Hashes = append(p.Hashes, Hash(h))
	}
	if string(p.Format()) != string(file) {
		return LogProof{}, errors.New("the tlog-proof is not written in its one form")
	}
	return p, nil
}
