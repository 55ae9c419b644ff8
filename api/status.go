// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"
	"time"

	"github.com/lendlog/lendlog/ledger/anchor/witness"
)

// statusDoc says how the ledger does. Figures of seconds are what its genesis
// record promises.
type statusDoc struct {
	Size            int64          `json:"size"`
	Recorded        time.Time      `json:"recorded"`
	Now             time.Time      `json:"now"` // of the server's clock
	Refusing        string         `json:"refusing,omitempty"`
	LateAfter       int64          `json:"lateAfterSeconds"`
	WitnessInterval int64          `json:"witnessIntervalSeconds"`
	Witnessing      *witnessingDoc `json:"witnessing,omitempty"`
}

// witnessingDoc is how the witnesses do that the server asks.
type witnessingDoc struct {
	Size      int64        `json:"size"`
	At        time.Time    `json:"at,omitzero"`
	Overdue   bool         `json:"overdue"`
	Witnesses []witnessDoc `json:"witnesses"`
}

type witnessDoc struct {
	Name     string    `json:"name"`
	At       time.Time `json:"at,omitzero"`
	Cosigned int64     `json:"cosigned"`
	Failures int64     `json:"failures"`
	Failing  string    `json:"failing,omitempty"`
}

func newWitnessingDoc(s witness.Status) *witnessingDoc {
	d := &witnessingDoc{Size: s.Size, At: s.At, Overdue: s.Overdue, Witnesses: []witnessDoc{}}
	for _, w := range s.Witnesses {
		d.Witnesses = append(d.Witnesses, witnessDoc(w))
	}
	return d
}

// getStatus answers GET /v1/status.
func (s *Server) getStatus(c *call) error {
	head, info := s.ledger.Head(), s.ledger.Info()
	d := statusDoc{
		Size: head.Size, Recorded: head.Recorded, Now: time.Now().UTC(),
		LateAfter: int64(info.LateAfter / time.Second), WitnessInterval: int64(info.WitnessInterval / time.Second),
	}
	if why := s.refusing(); why != nil {
		d.Refusing = problemOf(why).Title
	}
	if s.conf.Witnesses != nil {
		d.Witnessing = newWitnessingDoc(s.conf.Witnesses.Status())
	}
	return c.json(http.StatusOK, d)
}

// refusing returns why events are not taken, nil while they are.
func (s *Server) refusing() error {
	if s.isStopping() {
		return errStopping
	}
	return s.ledger.Writable()
}
