// SPDX-License-Identifier: Apache-2.0

package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/look"
	"github.com/lendlog/lendlog/ledger/record"
)

const maxExported = 32 << 10 // bytes of what is stated of an export

// postExport answers POST /v1/access/exports: it records that whoever asks has
// exported records, and answers with the event and the receipt, which go into the
// manifest. So an export takes a key that may export, and none that may submit.
func (s *Server) postExport(c *call) error {
	if !c.watched() {
		return faultf(kindNotFound, "this ledger demands no keys, so whoever exports records that as any other event, with POST /v1/records")
	}
	v, err := c.small(maxExported, "what is stated of an export")
	if err != nil {
		return err
	}
	stated, subject, err := readExport(v)
	if err != nil {
		return err
	}
	if subject != "" {
		kind, id, _ := strings.Cut(subject, "/")
		if _, err := s.ledger.IndexesOf(c.ctx(), kind, id, 1, 0); err != nil {
			return err
		}
		subject = look.Chain(subject)
	} else {
		subject = look.Exports
	}
	k, err := s.newLook(c, look.Export)
	if err != nil {
		return err
	}
	ev, result, err := s.ledger.RecordExport(c.ctx(), k, subject, stated)
	switch {
	case errors.Is(err, look.ErrStated):
		return unreadable("/data", err)
	case errors.As(err, new(record.Violations)):
		return err
	case err != nil:
		return &unrecorded{err}
	}
	if err := s.ledger.AddProof(c.ctx(), result.Receipt); err != nil {
		return err
	}
	c.Header("Location", fmt.Sprintf("/v1/records/%d", result.Receipt.Index))
	c.bytes(http.StatusCreated, typeJSON, append(canon.Map(
		canon.Member{Name: "event", Value: ev.Document()},
		canon.Member{Name: "receipt", Value: canon.Text(string(result.Receipt.Bytes()))},
	).Bytes(), '\n'))
	return nil
}

// readExport reads what is stated of an export, and the subject that it is of, if
// it is of one.
func readExport(v canon.Value) (stated canon.Value, subject string, err error) {
	wrong := faultf(kindUnreadable, `what is stated of an export is an object such as {"data": {"content": ["lendlog-export/1 sha256:…"], "count": 12, …}}, with the subject where it is of one that is no case`)
	for _, m := range v.Members {
		switch {
		case m.Name == "data" && m.Value.Kind == canon.Object:
			stated = m.Value
		case m.Name == "subject" && m.Value.Kind == canon.String && !strings.HasPrefix(m.Value.Str, "case/"):
			subject = m.Value.Str
		default:
			return stated, "", wrong
		}
	}
	content, _ := stated.Get("content")
	if len(content.Items) != 1 {
		return stated, "", wrong
	}
	return stated, subject, nil
}
