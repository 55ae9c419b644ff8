// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"time"

	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/anchor/witness"
)

// statusDoc says how the ledger does. Figures of seconds are what its genesis
// record promises.
type statusDoc struct {
	Size            int64           `json:"size"`
	Recorded        time.Time       `json:"recorded"`
	Now             time.Time       `json:"now"` // of the server's clock
	Refusing        string          `json:"refusing,omitempty"`
	LateAfter       int64           `json:"lateAfterSeconds"`
	WitnessInterval int64           `json:"witnessIntervalSeconds"`
	Witnessing      *witnessingDoc  `json:"witnessing,omitempty"`
	Audit           *auditDoc       `json:"audit,omitempty"`
	Certificate     *certificateDoc `json:"certificate,omitempty"`
}

// auditDoc is how the audits of the ledger by its own server and operator go.
type auditDoc struct {
	Every   int64       `json:"everySeconds,omitempty"` // 0 where the server makes none
	Running bool        `json:"running"`
	Done    int64       `json:"done,omitempty"`
	Overdue bool        `json:"overdue"`
	Trouble string      `json:"trouble,omitempty"`
	Last    *auditedDoc `json:"last,omitempty"`
}

type auditedDoc struct {
	At       time.Time `json:"at"`
	Size     int64     `json:"size"`
	Verdict  string    `json:"verdict"`
	Auditor  string    `json:"auditor"`
	Deep     bool      `json:"deep"`
	Failed   []string  `json:"failed,omitempty"`
	Findings int64     `json:"findings,omitempty"`
	Record   int64     `json:"record,omitempty"` // 0, which is the first record's, for none
}

// auditing says how the audits go, nil where there is nothing to say.
func (s *Server) auditing(ctx context.Context) (*auditDoc, error) {
	if s.conf.Audits != nil {
		now := s.conf.Audits.Status()
		d := &auditDoc{Every: int64(now.Every / time.Second), Running: now.Running, Overdue: now.Overdue(time.Now()), Trouble: now.Trouble, Last: newAuditedDoc(now.Last)}
		if now.Running {
			d.Done = now.Done
		}
		return d, nil
	}
	last, ok, err := s.ledger.LastAudit(ctx)
	if err != nil || !ok {
		return nil, err
	}
	return &auditDoc{Last: newAuditedDoc(&last)}, nil
}

func newAuditedDoc(a *ledger.Audited) *auditedDoc {
	if a == nil {
		return nil
	}
	return &auditedDoc{a.At.UTC(), a.Size, a.Verdict, a.By, a.Deep, a.Failed, a.Findings, a.Index}
}

// certificateDoc is how long what the server shows in TLS still holds.
type certificateDoc struct {
	Expires time.Time `json:"expires"`
	Roots   time.Time `json:"clientRootsExpire,omitzero"`
	Refused bool      `json:"refused"`
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
	if s.conf.Certificate != nil {
		now := certificateDoc(s.conf.Certificate.Status())
		d.Certificate = &now
	}
	var err error
	if d.Audit, err = s.auditing(c.ctx()); err != nil {
		return err
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
