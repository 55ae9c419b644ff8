// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"regexp"
	"strings"
	"sync"

	"github.com/lendlog/lendlog/ledger/proof/portable"
)

// savedLanguage is the page that is saved in one language.
type savedLanguage struct {
	Lang, Name string
	Body       template.HTML
}

// A savedPage is all that stands in the file.
type savedPage struct {
	Policy    string
	Style     template.CSS
	Script    template.JS
	Languages []savedLanguage
}

// SavedVerifier returns a page that verifies evidence, bundles and receipts by
// itself, from a disk and without a network: one file in all languages, whose
// policy lets nothing in it load or send anything. The bytes depend on the
// version of lendlog alone, so its hash can be compared.
func SavedVerifier() ([]byte, error) {
	script, err := savedScript()
	if err != nil {
		return nil, err
	}
	style, err := styles()
	if err != nil {
		return nil, err
	}
	all, err := new(Console).parse()
	if err != nil {
		return nil, fmt.Errorf("couldn't make the page that verifies: %w", err)
	}
	page := savedPage{Policy: savedPolicy(script, style), Style: template.CSS(style), Script: template.JS(script)}
	for _, lang := range languages {
		var body bytes.Buffer
		if err := all[lang]["verify"].ExecuteTemplate(&body, "saved-body", newVerifier()); err != nil {
			return nil, fmt.Errorf("couldn't make the page that verifies: %w", err)
		}
		page.Languages = append(page.Languages, savedLanguage{Lang: htmlLang[lang], Name: languageName[lang], Body: template.HTML(body.String())})
	}
	var out bytes.Buffer
	if err := all[languages[0]]["verify"].ExecuteTemplate(&out, "saved", page); err != nil {
		return nil, fmt.Errorf("couldn't make the page that verifies: %w", err)
	}
	return out.Bytes(), nil
}

// imported is the line by which the module of the page imports the verifier.
var imported = regexp.MustCompile(`(?m)^import \{[^}]*\} from "\./verify\.mjs";\n`)

// savedScript makes one module of the verifier and that of the page.
func savedScript() (string, error) {
	page, err := assetFiles.ReadFile("static/verifier.mjs")
	if err != nil {
		return "", fmt.Errorf("couldn't read the module of the page that verifies: %w", err)
	}
	if len(imported.FindAll(page, -1)) != 1 {
		return "", errors.New("the module of the page that verifies doesn't import verify.mjs in one line")
	}
	_, verifier, _ := strings.Cut(portable.Module, "\n") // without the line for a shell
	script := verifier + imported.ReplaceAllString(string(page), "")
	if strings.Contains(strings.ToLower(script), "</script") || strings.Contains(script, "<!--") {
		return "", errors.New("the module of the page that verifies would end its element")
	}
	return script, nil
}

// savedPolicy lets the page run this script and nothing else.
func savedPolicy(script string, style []byte) string {
	hash := func(b []byte) string {
		h := sha256.Sum256(b)
		return "'sha256-" + base64.StdEncoding.EncodeToString(h[:]) + "'"
	}
	return "default-src 'none'; script-src " + hash([]byte(script)) + "; style-src " + hash(style) + "; form-action 'none'; base-uri 'none'"
}

// saved is the page, which is the same for all.
var saved = sync.OnceValues(SavedVerifier)

// savedVerifier answers with the page as a file.
func savedVerifier(v *visit) error {
	page, err := saved()
	if err != nil {
		return err
	}
	return v.download("lendlog-verify.html", "text/html; charset=utf-8", page)
}
