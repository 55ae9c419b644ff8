// SPDX-License-Identifier: Apache-2.0

package web

import (
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/proof"
)

// The verifier is a form whose files static/verifier.mjs verifies in the browser,
// by ledger/proof/portable. Without JavaScript it is posted, and the server
// verifies.
type verifier struct {
	// Action is where the form is posted, and Trust the address of the ledger's own
	// trust policy. Both are "" in the page that is saved, which knows no server.
	Action, Trust string
	Reports       []verifyReport
	Model         verifyReport // which the module copies
	Names         []string     // of checks, that have words
}

// A verifyReport is a verdict with its reasons, as the template shows it. In the one
// that is the model everything stands that may be chosen.
type verifyReport struct {
	File, Verdict, Why string
	Own                bool // under the ledger's own trust policy
	Verdicts           []string
	Checks             []verifyCheck
	Shown              []verifyMember
}

type verifyCheck struct {
	Name, Record, Result, Text string
	Known                      bool // the name has words
	Results                    []string
}

type verifyMember struct {
	Record, What, Value string
	There, Absent       bool
}

// verifyVerdicts are those of a file, and what else may become of it: it is nothing that can be
// verified, something that goes with it is not, or the page is at fault.
var verifyVerdicts = []string{"VALID", "INVALID", "INCOMPLETE", "UNREAD", "CALL", "ERROR"}

var verifyResults = []string{"pass", "fail", "missing", "note"}

// verifyChecks are the names that the checks of verifiers have.
var verifyChecks = []string{
	"anchors", "chain", "checkpoint", "complete", "disclosure", "entry", "event", "format", "genesis", "inclusion", "policy", "query",
	"range", "receipt", "sample", "schema", "sections", "stamps", "subject", "submitter", "time", "witnesses",
}

func newVerifier() verifier {
	return verifier{Names: verifyChecks, Model: verifyReport{
		Own: true, Verdicts: verifyVerdicts,
		Checks: []verifyCheck{{Results: verifyResults}}, Shown: []verifyMember{{There: true, Absent: true}},
	}}
}

// newVerifyReport makes a verifyReport for the template.
func newVerifyReport(file string, own bool, r *client.Report) verifyReport {
	out := verifyReport{File: file, Own: own, Verdict: r.Verdict, Verdicts: []string{r.Verdict}}
	for _, c := range r.Checks {
		row := verifyCheck{Name: c.Name, Result: c.Result, Text: proof.Printable(c.Text), Known: slices.Contains(verifyChecks, c.Name), Results: []string{c.Result}}
		if c.Record != nil {
			row.Record = strconv.FormatInt(*c.Record, 10)
		}
		out.Checks = append(out.Checks, row)
	}
	for _, s := range r.Shown {
		out.Shown = append(out.Shown, verifyMember{
			Record: strconv.FormatInt(s.Record, 10), What: proof.Printable(s.What), Value: plainValue(s.Value), There: s.Value != nil, Absent: s.Value == nil,
		})
	}
	return out
}

// plainValue is a value as it is read: a text without its quotes.
func plainValue(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) != nil {
		text = string(value)
	}
	return proof.Printable(text)
}

// refusedVerify is in the place of one that cannot be made.
func refusedVerify(file, verdict, why string) verifyReport {
	return verifyReport{File: file, Verdict: verdict, Verdicts: []string{verdict}, Why: why}
}

func (v *visit) verifier() verifier {
	page := newVerifier()
	page.Action, page.Trust = v.URL("verify"), v.conf.Base+"/v1/trust"
	return page
}

func verifyPage(v *visit) error { return v.render(v.verifier()) }

// maxVerified bounds what is posted to be verified by the server.
const maxVerified = 16 << 20

// verifyPosted has the server verify what was posted, for browsers without
// JavaScript. It keeps nothing.
func verifyPosted(v *visit) error {
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxVerified)
	if err := v.r.ParseMultipartForm(maxVerified); err != nil { // so that nothing of it comes onto a disk
		return wrong("verify.document", "file")
	}
	page := v.verifier()
	files := v.r.MultipartForm.File
	var trust []byte
	own := len(files["trust"]) == 0
	if !own {
		var err error
		if trust, err = onlyFile(files["trust"], "verify.trust"); err != nil {
			return err
		}
	}
	l, err := v.ledger()
	if err != nil {
		return err
	}
	for _, f := range files["document"] {
		r, err := v.verified(l, f, trust)
		if err != nil {
			return err
		}
		r.Own = own && r.Checks != nil
		page.Reports = append(page.Reports, r)
	}
	return v.render(page)
}

// verified has one file verified.
func (v *visit) verified(l *client.Client, f *multipart.FileHeader, trust []byte) (verifyReport, error) {
	name := proof.Printable(f.Filename)
	document, err := fileContent(f, "verify.document")
	if err != nil {
		return verifyReport{}, err
	}
	if !json.Valid(document) {
		return refusedVerify(name, "UNREAD", "this is not one JSON document; the server verifies evidence and receipts, and bundles are verified in the browser, with JavaScript, or by lendlog-verify"), nil
	}
	r, err := l.Verify(v.ctx(), document, trust)
	var p *client.Problem
	switch {
	case errors.As(err, &p) && p.Status < http.StatusInternalServerError && p.Status != http.StatusTooManyRequests:
		return refusedVerify(name, "UNREAD", proof.Printable(p.Detail)), nil
	case err != nil:
		return verifyReport{}, err
	}
	return newVerifyReport(name, false, r), nil
}

// onlyFile returns what is in the one file of a field.
func onlyFile(files []*multipart.FileHeader, field string) ([]byte, error) {
	if len(files) != 1 {
		return nil, wrong(field, "file")
	}
	b, err := fileContent(files[0], field)
	if err == nil && !json.Valid(b) {
		err = wrong(field, "file")
	}
	return b, err
}

func fileContent(f *multipart.FileHeader, field string) ([]byte, error) {
	file, err := f.Open()
	if err != nil {
		return nil, wrong(field, "file")
	}
	defer file.Close()
	b, err := io.ReadAll(file)
	if err != nil {
		return nil, wrong(field, "file")
	}
	return b, nil
}
