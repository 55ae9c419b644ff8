// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/lendlog/lendlog/ledger/record"
)

// typeSchema is the media type of a schema.
const typeSchema = "application/schema+json"

// A typeDoc is a record type in a list; see getType for one with its members.
type typeDoc struct {
	Type        string   `json:"type"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	Subjects    []string `json:"subjects"`
	Restricted  bool     `json:"restricted"`
	Own         bool     `json:"own"`
	Schema      []byte   `json:"schema"`
}

func newTypeDoc(s *record.Schema) typeDoc {
	return typeDoc{s.Type, s.Title, s.Description, s.SubjectKinds, s.Restricted, s.Own, s.Hash[:]}
}

// listTypes answers GET /v1/types.
func (s *Server) listTypes(c *call) error {
	d := struct {
		Types []typeDoc `json:"types"`
	}{Types: []typeDoc{}}
	for _, t := range s.ledger.Catalogue().All() {
		d.Types = append(d.Types, newTypeDoc(t))
	}
	return c.json(http.StatusOK, d)
}

// A schemaError says what is wrong with a schema that is to be registered.
type schemaError struct{ record.Violations }

// addType registers a lender's own schema, or one of those that come with the
// program: POST /v1/types.
func (s *Server) addType(c *call) error {
	if s.isStopping() {
		return errStopping
	}
	dry := false
	if v, ok := c.GetQuery("dry-run"); ok {
		if dry = v == "true"; !dry {
			return badRequest("the query parameter dry-run is true, or absent")
		}
	}
	switch media, err := c.media(typeSchema, typeJSON); {
	case err != nil:
		return err
	case media != typeSchema && media != typeJSON:
		return unsupported("a schema is JSON", typeSchema, typeJSON)
	}
	body, err := c.body(record.MaxSchema)
	if err != nil {
		return err
	}
	d := struct {
		typeDoc
		Index *int64 `json:"index,omitempty"` // of the record that registers it
	}{}
	schema, err := record.ParseSchema(body)
	status := http.StatusOK
	if err == nil && dry {
		err = s.ledger.Catalogue().Admit(schema)
	} else if err == nil {
		r, registerErr := s.ledger.Register(c.ctx(), schema)
		err, d.Index = registerErr, &r.Index
		if !r.Repeated {
			status = http.StatusCreated
		}
	}
	var violations record.Violations
	switch {
	case errors.As(err, &violations):
		return schemaError{violations}
	case err != nil:
		return err
	}
	d.typeDoc = newTypeDoc(schema)
	if d.Index != nil {
		s.locateRecord(c, *d.Index)
	}
	return c.json(status, d)
}

// getType answers GET /v1/types/{type}.
func (s *Server) getType(c *call) error {
	t, ok := s.ledger.Catalogue().Type(c.Param("type"))
	if !ok {
		return faultf(kindNotFound, "the ledger has no such type; GET /v1/types lists them")
	}
	type member struct {
		Name        string `json:"name"`
		Title       string `json:"title"`
		Description string `json:"description"`
		Required    bool   `json:"required"`
		Open        bool   `json:"open"`
		Group       string `json:"group,omitempty"`
	}
	d := struct {
		typeDoc
		Labels   map[string]record.Labels `json:"labels"` // by language
		Members  []member                 `json:"members"`
		Sealed   []string                 `json:"sealed"`
		Examples []json.RawMessage        `json:"examples"`
	}{newTypeDoc(t), map[string]record.Labels{}, []member{}, t.Pointers(), []json.RawMessage{}}
	for _, lang := range []string{record.English, record.Chinese} {
		d.Labels[lang] = t.Labels(lang)
	}
	for _, m := range t.Members {
		d.Members = append(d.Members, member{m.Name, m.Title, m.Description, m.Required, m.Open, m.Group})
	}
	for _, e := range t.Examples {
		d.Examples = append(d.Examples, e.Bytes())
	}
	return c.json(http.StatusOK, d)
}

// getSchema answers GET /v1/schemas/{hash} with the exact bytes of a schema.
func (s *Server) getSchema(c *call) error {
	given := c.Param("hash")
	hash, err := hex.DecodeString(given)
	if err != nil || len(hash) != 32 || strings.ToLower(given) != given {
		return badRequest("a schema is named by the 64 lower-case hexadecimal digits of its SHA-256")
	}
	schema, ok := s.ledger.Schema([32]byte(hash))
	if !ok {
		return faultf(kindNotFound, "no schema of this hash was ever registered here")
	}
	c.Header("Cache-Control", "public, "+immutable)
	if c.unchanged(`"` + given + `"`) {
		return nil
	}
	c.bytes(http.StatusOK, "application/schema+json", schema.Text)
	return nil
}
