// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/due"
	"github.com/lendlog/lendlog/ledger/stats"
)

// scanAge is how old may be what takes a reading of the whole ledger, unless the
// visitor asks for it anew.
const scanAge = 10 * time.Minute

// scanning is the context of such questions. What the server has counted is shown
// rather than waited for.
func (v *visit) scanning() context.Context {
	_ = http.NewResponseController(v.w).SetWriteDeadline(time.Now().Add(11 * time.Minute)) // where there is one
	ctx := client.AtHand(v.ctx())
	if v.r.URL.Query().Has("again") {
		return ctx
	}
	return client.Recent(ctx, scanAge)
}

// A basis is what an answer of the ledger rests on.
type basis struct {
	Size    int64
	Root    string
	Command string // makes it again from a copy of the ledger
}

func newBasis(cp client.Checkpoint, command ...string) basis {
	return basis{cp.Size, cp.Root.String(), shellLine(command...)}
}

// shellLine writes a command as a shell reads it.
func shellLine(words ...string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:,=@%+", r)
	}
	out := slices.Clone(words)
	for i, w := range out {
		if w == "" || strings.ContainsFunc(w, func(r rune) bool { return !plain(r) }) {
			out[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(out, " ")
}

// A reportsPage is the statistics of decisions and loans.
type reportsPage struct {
	Scope    stats.Scope
	Past     int // days past due that vintages show
	Products []string
	Figures  []figure
	Basis    basis
	Owed     basis // of complaints
	AsOf     time.Time
	Unclear  int64
	Unscoped int64
}

// Pasts are the days past due that there are to choose from.
func (p *reportsPage) Pasts() []int { return []int{30, 60, 90} }

// Query is what is asked for, as in the address of the page, which needs no escape.
func (p *reportsPage) Query() template.URL {
	q := url.Values{}
	for name, value := range map[string]string{"from": p.Scope.From, "to": p.Scope.To, "product": p.Scope.Product} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if p.Past != 90 {
		q.Set("past", strconv.Itoa(p.Past))
	}
	return template.URL(q.Encode())
}

func showReports(v *visit) error {
	p, err := v.report()
	if err != nil {
		return err
	}
	return v.render(p)
}

// report reads what the page shows.
func (v *visit) report() (*reportsPage, error) {
	q := v.r.URL.Query()
	p := &reportsPage{Scope: stats.Scope{From: q.Get("from"), To: q.Get("to"), Product: q.Get("product")}, Past: 90}
	if past := q.Get("past"); past != "" {
		n, err := strconv.Atoi(past)
		if err != nil || !slices.Contains(p.Pasts(), n) {
			return nil, wrong("reports.past", "choice")
		}
		p.Past = n
	}
	if err := wrongScope(p.Scope); err != nil {
		return nil, err
	}
	l, err := v.ledger()
	if err != nil {
		return nil, err
	}
	ctx := v.scanning()
	got, err := l.StatsOf(ctx, p.Scope)
	if err != nil {
		return nil, err
	}
	table, err := due.Builtin()
	if err != nil {
		return nil, err
	}
	asOf := endOfDay(time.Now())
	owed, err := l.Due(ctx, due.Query{AsOf: asOf, Limit: due.None}, "")
	if err != nil {
		return nil, err
	}
	p.AsOf, p.Unclear, p.Unscoped = got.AsOf, got.Unclear, got.Unscoped
	p.Products = mostFirst(got.Products)
	p.Products = slices.DeleteFunc(p.Products, func(s string) bool { return s == stats.Other })
	p.Basis = newBasis(got.Checkpoint, p.command()...)
	p.Owed = newBasis(owed.Checkpoint, "lendlog", "due", "--dir", "COPY", "--state", "all", "--as-of", asOf.Format(time.DateOnly))
	d := &drawer{v, got.Report}
	p.Figures = []figure{d.decisions(), d.approval(), d.reasons(), d.waits(), d.overrides(), d.directions(), d.vintages(p.Past), d.complaints(owed.Report, table)}
	return p, nil
}

// command makes the statistics again.
func (p *reportsPage) command() []string {
	words := []string{"lendlog", "stats", "--dir", "COPY"}
	for _, flag := range []struct{ name, value string }{{"--from", p.Scope.From}, {"--to", p.Scope.To}, {"--product", p.Scope.Product}} {
		if flag.value != "" {
			words = append(words, flag.name, flag.value)
		}
	}
	return words
}

// endOfDay is the last moment of a day, UTC: what is due as of it does not change
// until the next.
func endOfDay(t time.Time) time.Time {
	return t.UTC().Truncate(24*time.Hour).AddDate(0, 0, 1).Add(-time.Nanosecond)
}

// figureCSV answers with the numbers of one figure.
func figureCSV(v *visit) error {
	p, err := v.report()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(p.Figures, func(f figure) bool { return f.Name == v.r.PathValue("figure") })
	if i < 0 {
		return errMissing
	}
	name := []string{"lendlog", p.Figures[i].Name}
	for _, part := range []string{p.Scope.From, p.Scope.To} {
		if part != "" {
			name = append(name, part)
		}
	}
	return v.csv(strings.Join(append(name, "at", strconv.FormatInt(p.Basis.Size, 10)), "-"), p.Figures[i].Data.Records())
}

// wrongScope returns an error unless a period and a product can be read.
func wrongScope(s stats.Scope) error {
	switch {
	case stats.Scope{From: s.From}.Check() != nil:
		return wrongField{"reports.from", "reports.month.hint"}
	case stats.Scope{From: s.From, To: s.To}.Check() != nil:
		return wrong("reports.to", "month")
	case s.Check() != nil:
		return wrong("reports.product", "choice")
	}
	return nil
}
