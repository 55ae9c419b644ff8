// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/signer/signertest"
)

// signerEnv has this program sign instead of testing.
const signerEnv = "SIGNERTEST"

// signerCommand is a command that signs, with that conduct while the file is there.
func signerCommand(t *testing.T, conduct, key string) (command, file string) {
	t.Helper()
	t.Setenv(signerEnv, "1")
	file = filepath.Join(t.TempDir(), "misbehave")
	return strings.Join([]string{os.Args[0], conduct, key, file}, " "), file
}

// A checkpoint key is held by a command. Whatever that does instead of signing
// fails the batch and nothing else, and no signature is taken that is not right.
func TestExternalSigner(t *testing.T) {
	for _, conduct := range []string{signertest.Lying, signertest.Garbage, signertest.Dies, signertest.Refuses} {
		t.Run(conduct, func(t *testing.T) {
			command, file := signerCommand(t, conduct, "key")
			h := newHouse(t, ledger.CreateOptions{Signer: command})
			if files, err := os.ReadDir(h.keysDir()); err != nil || len(files) != 4 {
				t.Fatalf("%d files of keys: %v", len(files), err)
			}
			if _, err := os.Lstat(filepath.Join(h.keysDir(), "checkpoint.key")); err == nil {
				t.Error("the ledger has a checkpoint key of its own")
			}
			r := h.pays(0, 2)
			before := h.l.Head()
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			doc := document("payment.received", "file/A", "p-2", payment(2), nil)
			if _, err := h.l.Append(t.Context(), h.event(doc), "key-1"); !errors.Is(err, ledger.ErrSigner) {
				t.Fatalf("a batch that could not be signed ends with %v", err)
			}
			if err := h.l.Writable(); err != nil || h.l.Head().Size != before.Size {
				t.Errorf("the ledger has %d records after %d, and takes none: %v", h.l.Head().Size, before.Size, err)
			}
			verdict(t, h.l.Trust(), h.evidence(r.Receipt.Index), proof.Valid, "")
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			if h.append(doc).Repeated {
				t.Error("the batch that was not signed was written")
			}
			h.reopen()
			h.pays(3, 1)
		})
	}
}

// One that answers a question too many is an answer behind, which shows at once.
func TestExternalSignerBehind(t *testing.T) {
	command, file := signerCommand(t, signertest.Behind, "key")
	h := newHouse(t, ledger.CreateOptions{Signer: command})
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h.pays(0, 1) // which leaves an answer over
	doc := document("payment.received", "file/A", "p-1", payment(1), nil)
	if _, err := h.l.Append(t.Context(), h.event(doc), "key-1"); !errors.Is(err, ledger.ErrSigner) {
		t.Fatalf("an answer to the question before is taken: %v", err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	h.pays(1, 2)
}

// A key moves from a file to a command, and on to another one.
func TestRotateToSigner(t *testing.T) {
	h := newHouse(t, ledger.CreateOptions{})
	h.pays(0, 1)
	command, file := signerCommand(t, signertest.Refuses, "key")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := h.l.RotateCheckpoint(t.Context(), command, 1); !errors.Is(err, ledger.ErrSigner) {
		t.Fatalf("a key that does not sign is announced: %v", err)
	}
	h.pays(1, 1)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := h.l.RotateCheckpoint(t.Context(), command, 1); err != nil {
		t.Fatal(err)
	}
	h.pays(2, 3)
	if _, err := h.l.RotateCheckpoint(t.Context(), command, 1); err == nil || !strings.Contains(err.Error(), "is one of the ledger's already") {
		t.Errorf("the same key is announced twice: %v", err)
	}
	h.reopen()
	h.pays(5, 1)
	h.rotate(0)
	h.reopen()
	verdict(t, h.l.Trust(), h.evidence(h.pays(6, 1).Receipt.Index), proof.Valid, "")
}
