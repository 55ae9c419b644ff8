// SPDX-License-Identifier: Apache-2.0

package web

import (
	"encoding/base64"
	"errors"
	"math"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/tree"
)

// A checkpointsPage is what the ledger has shown to the outside.
type checkpointsPage struct {
	Newest        cosigned // which nobody needs to have cosigned
	Growth        *growth  // nil where it is not known
	Cosigned      []cosigned
	OlderCosigned int64 // size before which there are more, 0 for none
	Targets       []client.Target
	Anchors       []anchored
	OlderAnchors  int // number before which there are more, 0 for none
}

// cosigned is a checkpoint with who cosigned it. The ledger verified their
// cosignatures when it took them; here they are only read.
type cosigned struct {
	Size int64
	Root string // base64
	Note string
	By   []cosignature
}

type cosignature struct {
	Name string
	At   time.Time
}

// cosignedPage and anchoredPage are how many are listed at a time.
const (
	cosignedPage = 20
	anchoredPage = 20
)

func checkpoints(v *visit) error {
	c, err := v.ledger()
	if err != nil {
		return err
	}
	newest, err := c.Checkpoint(v.ctx())
	if err != nil {
		return err
	}
	page := &checkpointsPage{Newest: newCosigned(newest)}
	if page.Growth, err = v.growth(c, newest.Size); err != nil {
		return err
	}
	before, err := v.before("before")
	if err != nil {
		return err
	}
	list, err := c.CosignedBefore(v.ctx(), before, cosignedPage)
	if err != nil {
		return err
	}
	for _, cp := range list {
		page.Cosigned = append(page.Cosigned, newCosigned(cp))
	}
	if len(list) == cosignedPage {
		page.OlderCosigned = list[len(list)-1].Size
	}
	if err := v.anchors(c, page); err != nil {
		return err
	}
	return v.render(page)
}

// before reads the query parameter that says where a list goes on.
func (v *visit) before(name string) (int64, error) {
	s := v.r.URL.Query().Get(name)
	if s == "" {
		return math.MaxInt64, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 {
		return 0, errMissing
	}
	return n, nil
}

func newCosigned(cp client.Checkpoint) cosigned {
	out := cosigned{Size: cp.Size, Root: base64.StdEncoding.EncodeToString(cp.Root[:]), Note: string(cp.Note)}
	_, err := note.Open(cp.Note, note.VerifierList())
	var unknown *note.UnverifiedNoteError
	if !errors.As(err, &unknown) {
		return out
	}
	for _, s := range unknown.Note.UnverifiedSigs {
		if at, err := tree.CosignedAt(s); err == nil { // the ledger's own signature has no time
			out.By = append(out.By, cosignature{s.Name, at})
		}
	}
	return out
}

// At is when the first witness had cosigned, zero for none.
func (c cosigned) At() (first time.Time) {
	for _, s := range c.By {
		if first.IsZero() || s.At.Before(first) {
			first = s.At
		}
	}
	return first
}
