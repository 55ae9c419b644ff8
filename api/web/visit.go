// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/lendlog/lendlog/api"
	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/api/keys"
	"github.com/lendlog/lendlog/api/session"
	"github.com/lendlog/lendlog/ledger/access"
)

// A visit is one request for a page, and its answer.
type visit struct {
	*Console
	w    http.ResponseWriter
	r    *http.Request
	page page
	lang string

	session *session.Session // nil for who did not sign in
	open    bool             // the ledger demands no keys: everybody may do all
	status  int              // of the page that is rendered
	unsaid  error            // a text that say did not find
}

// serve makes a page a handler: it is all that happens around every visit.
func (c *Console) serve(p page) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := &visit{Console: c, w: w, r: r, page: p, lang: chooseLanguage(w, r, c.sessions.Secure()), open: !c.conf.Keys.Demanded(), status: http.StatusOK}
		v.session = c.sessions.Find(r)
		if err := v.guarded(); err != nil {
			v.fail(err)
		}
	})
}

// guarded runs the handler of a page for whoever may have it.
func (v *visit) guarded() error {
	switch {
	case v.led():
		return errLed
	case v.May(v.page.needs) && v.page.whole && v.Scoped():
		return errScope
	case v.May(v.page.needs) && v.page.opens && !v.Opens():
		return v.renderAs("ask", v.ask())
	case v.May(v.page.needs):
		return v.page.handler(v)
	case v.session == nil:
		return errSignIn
	}
	return errLacks
}

// led reports whether another site led whoever signed in here, which must not make
// them look at something: the ledger has a record of each look. The provider that
// somebody signed in by is another site too, and leads to one page.
func (v *visit) led() bool {
	if v.session == nil || v.page.needs == "" || v.page.needs == access.Public {
		return false
	}
	return !v.session.Arrives() && api.LedHere(v.r)
}

// May reports whether the visitor has a permission. It decides what is offered;
// what is answered the API decides.
func (v *visit) May(p access.Permission) bool {
	return p == "" || p == access.Public || v.open || v.session != nil && v.session.Key.Role.May(p)
}

// Key is by whose grant the visitor comes, nil for none.
func (v *visit) Key() *keys.Key {
	if v.session == nil {
		return nil
	}
	return v.session.Key
}

// Purpose is the code for which the visitor looks at records, or else that for which
// their key was granted; "" for none.
func (v *visit) Purpose() string {
	if v.session == nil {
		return ""
	}
	return cmp.Or(v.session.Purpose(), v.session.Key.Purpose)
}

// Opens reports whether the visitor is shown what is sealed: once they said for what
// purpose, or where nobody records who looks.
func (v *visit) Opens() bool { return v.open || v.Purpose() != "" }

// An asking asks for what purpose somebody looks, before they are shown anything.
type asking struct {
	Lead   string // name of the words that say why
	Action string // where the answer is sent
	Sends  []sent // with it
}

// sent is a field of a form that does not show.
type sent struct{ Name, Value string }

// ask asks on the way to the page of the visit.
func (v *visit) ask() asking {
	next := v.here()
	if v.r.Method != http.MethodGet {
		next = v.page.name // what was sent lies nowhere
	}
	return asking{"purpose.ask.lead", v.URL("purpose"), []sent{{"next", next}}}
}

// AskAgain asks once more after what was said was no purpose, with all that was sent.
func (v *visit) AskAgain() asking {
	again := asking{Lead: "purpose.ask.lead", Action: v.URL(v.here())}
	for _, name := range slices.Sorted(maps.Keys(v.r.PostForm)) {
		for _, value := range v.r.PostForm[name] {
			if name != "purpose" {
				again.Sends = append(again.Sends, sent{name, value})
			}
		}
	}
	return again
}

// ctx is the context of what is asked of the API for the visitor: it comes by
// their key and for their purpose.
func (v *visit) ctx() context.Context {
	ctx := context.WithValue(v.r.Context(), pageKey{}, v.w)
	if code := v.Purpose(); code != "" {
		ctx = client.Purpose(ctx, code)
	}
	if v.session != nil {
		ctx = api.As(ctx, v.session.Key)
	}
	return ctx
}

// ledger returns the client of the API. It goes with [visit.ctx], without which
// it asks as somebody who has no key.
func (v *visit) ledger() (*client.Client, error) { return v.Console.dial(v.ctx()) }

// render answers with the page's template, with data as its .Data.
func (v *visit) render(data any) error { return v.renderAs(v.page.name, data) }

// renderAs renders another page's template.
func (v *visit) renderAs(name string, data any) error {
	t, ok := v.templates[v.lang][name]
	if !ok {
		return fmt.Errorf("couldn't render %s: there is no such template", name)
	}
	if v.unsaid != nil {
		return v.unsaid
	}
	var b bytes.Buffer // so that no half page goes out
	if err := t.ExecuteTemplate(&b, "layout", &view{visit: v, Name: name, Data: data}); err != nil {
		return fmt.Errorf("couldn't render %s: %w", name, err)
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.Header().Set("Content-Language", htmlLang[v.lang])
	v.w.WriteHeader(v.status)
	_, _ = v.w.Write(b.Bytes()) // the visitor may be gone
	return nil
}

// redirect sends the browser to another page of the console, with GET. The path
// may come from the visitor: what leads elsewhere leads to the start.
func (v *visit) redirect(to string) error {
	u, err := url.Parse(v.URL(to))
	if err != nil || !strings.HasPrefix(path.Clean(u.Path)+"/", v.URL("")) {
		u = &url.URL{Path: v.URL("")}
	}
	http.Redirect(v.w, v.r, u.String(), http.StatusSeeOther)
	return nil
}

// URL is the address of what lies at a path below /console/.
func (c *Console) URL(path string) string { return c.conf.Base + root + path }

// subjectURL is the address of the timeline of a subject.
func (c *Console) subjectURL(subject string) string {
	kind, id, _ := strings.Cut(subject, "/")
	return c.URL("subjects/" + url.PathEscape(kind) + "/" + url.PathEscape(id))
}

// here is the path of a visit below /console/, with what is asked there.
func (v *visit) here() string {
	here := strings.TrimPrefix(v.r.URL.EscapedPath(), root)
	if v.r.URL.RawQuery != "" {
		here += "?" + v.r.URL.RawQuery
	}
	return here
}

// A view is what the templates see: the visit, and in Data what a page shows.
type view struct {
	*visit
	Name string // of the page
	Data any
}

// Lang is the language of the page as HTML names it.
func (v *view) Lang() string { return htmlLang[v.lang] }

// Origin is the name of the ledger.
func (v *view) Origin() string { return v.conf.Origin }

// Open reports whether the ledger demands no keys.
func (v *view) Open() bool { return v.open }

// Here is where the visitor is, for a form that comes back to it.
func (v *view) Here() string { return v.here() }

// States reports whether the visitor says for what they look at records.
func (v *view) States() bool { return v.session != nil && v.May(access.LogRead) }

// Nav are the pages of the navigation that the visitor may have.
func (v *view) Nav() []navItem {
	if v.session == nil && !v.open {
		return nil
	}
	var items []navItem
	for _, p := range pages() {
		if p.nav && v.May(p.needs) && !(p.whole && v.Scoped()) {
			items = append(items, navItem{Name: p.name, URL: v.URL(p.path), Here: p.name == v.Name})
		}
	}
	return items
}

type navItem struct {
	Name, URL string
	Here      bool
}

// Languages are the addresses of the same page in each language.
func (v *view) Languages() []languageItem {
	items := make([]languageItem, 0, len(languages))
	for _, lang := range languages {
		q := v.r.URL.Query()
		q.Set("lang", lang)
		items = append(items, languageItem{Lang: htmlLang[lang], Name: languageName[lang], URL: "?" + q.Encode(), Here: lang == v.lang})
	}
	return items
}

type languageItem struct {
	Lang, Name, URL string
	Here            bool
}

// defect logs what went wrong within the console. It holds no value of a record.
func (v *visit) defect(err error) {
	v.log.ErrorContext(v.r.Context(), "a page of the console failed", slog.String("page", v.page.name), slog.Any("error", err))
}
