// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/proof"
)

// A kept is a file that binds the ledger: it holds a checkpoint, and a receipt
// a record besides.
type kept struct {
	name       string
	data       []byte
	checkpoint client.Checkpoint
	receipt    *proof.Receipt // nil when there is none
}

// maxKept bounds a file that was kept, which may be large evidence.
const maxKept = 64 << 20

// readKept reads the files that the ledger has to stand by. What is no such
// file is told and passed over.
func (r *round) readKept(ctx context.Context) (list []kept) {
	if r.conf.Receipts == "" {
		return nil
	}
	files, err := os.ReadDir(r.conf.Receipts)
	if err != nil {
		r.unchecked(ctx, "the receipts were not checked: %v", err)
		return nil
	}
	for _, f := range files {
		if f.IsDir() || strings.HasPrefix(f.Name(), ".") {
			continue
		}
		k, err := readKept(filepath.Join(r.conf.Receipts, f.Name()), r.trust)
		if err != nil {
			r.unchecked(ctx, "%s was not checked: %v", f.Name(), err)
			continue
		}
		list = append(list, k)
	}
	return list
}

func readKept(path string, trust *proof.Trust) (k kept, err error) {
	k.name = filepath.Base(path)
	if info, err := os.Stat(path); err != nil {
		return k, err
	} else if info.Size() > maxKept {
		return k, fmt.Errorf("it has more than %d MiB", maxKept>>20)
	}
	if k.data, err = os.ReadFile(path); err != nil {
		return k, err
	}
	return k, k.parse(trust)
}

// parse takes data apart. What it keeps is signed: without an inclusion proof
// the record of a receipt is not.
func (k *kept) parse(trust *proof.Trust) (err error) {
	kind, _ := proof.KindOf(k.data)
	switch kind {
	case proof.ReceiptFormat:
		if k.receipt, err = proof.ParseReceipt(k.data); err != nil {
			return err
		}
		k.checkpoint.Note = k.receipt.Checkpoint
		for _, c := range proof.VerifyReceipt(trust, k.receipt, nil).Checks {
			if c.Result == proof.Fail || c.Name == "inclusion" && c.Result == proof.Missing {
				return fmt.Errorf("%s: %s", c.Name, c.Text)
			}
		}
	case proof.EvidenceFormat:
		e, err := proof.ParseEvidence(k.data)
		if err != nil {
			return err
		}
		k.checkpoint.Note = e.Checkpoint
	default:
		// Shells and editors add and drop line ends; a note has exactly one.
		k.checkpoint.Note = append(bytes.TrimRight(k.data, "\r\n"), '\n')
		if !bytes.Contains(k.checkpoint.Note, []byte("\n\n")) {
			return errors.New("it is neither a receipt nor evidence nor a signed checkpoint")
		}
	}
	k.checkpoint.Checkpoint, err = trust.OpenCheckpoint(k.checkpoint.Note)
	return err
}

// stands has the server stand by what was kept.
func (r *round) stands(ctx context.Context, k kept) error {
	mine := file{"kept-" + k.name, k.data}
	if k.checkpoint.Size > r.newest.Size {
		f := &Finding{Kind: Rollback, files: []file{mine}, Text: fmt.Sprintf("%s is signed for %d records, and the newest checkpoint has %d: the ledger was rolled back",
			k.name, k.checkpoint.Size, r.newest.Size)}
		f.add(r.trust, k.checkpoint.Note, r.newest.Note)
		return f
	}
	if k.receipt != nil {
		if err := r.record(ctx, k, mine); err != nil {
			return err
		}
	}
	if r.continued[string(k.checkpoint.Note)] {
		return nil
	}
	if _, err := r.client.Consistency(ctx, k.checkpoint, r.newest); err != nil {
		return with(r.judge(err, Answer), mine)
	}
	// Whatever continues the newest continues this too.
	r.continued[string(k.checkpoint.Note)] = true
	return nil
}

// record has the server show the record of a receipt, byte for byte.
func (r *round) record(ctx context.Context, k kept, mine file) error {
	e, err := r.client.Prove(ctx, k.receipt.Index, []string{})
	if err != nil {
		return with(r.refused(err, k.receipt.Index, Answer), mine)
	}
	if bytes.Equal(e.Records[0].Entry, k.receipt.Entry) {
		return nil
	}
	f := &Finding{Kind: Altered, files: []file{mine}, Text: fmt.Sprintf("record %d is another than the ledger gave %s for", k.receipt.Index, k.name)}
	f.add(r.trust, k.checkpoint.Note, e.Checkpoint)
	return f
}
