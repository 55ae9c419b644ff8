// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/lendlog/lendlog/ledger/proof/portable"
)

// static has what browsers load as it is: modules and pictures. style has the
// style sheet in parts, base.css first.
//
//go:embed static style
var assetFiles embed.FS

// styleSheet is the name of all parts of the style together.
const styleSheet = "lendlog.css"

var mediaTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".mjs": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
	".json": "application/json", ".wasm": "application/wasm",
}

// assets are what browsers may keep for ever: below a name that is the hash of all
// of them, so that a module finds the one that it imports as "./other.mjs".
type assets struct {
	hash  string
	files map[string][]byte
}

func newAssets() (*assets, error) {
	a := &assets{files: map[string][]byte{}}
	sheet, err := styles()
	if err != nil {
		return nil, err
	}
	a.files[styleSheet] = sheet
	a.files["verify.mjs"] = []byte(portable.Module)
	err = fs.WalkDir(assetFiles, "static", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if mediaTypes[path.Ext(name)] == "" {
			return fmt.Errorf("%s is of no type that is served", name)
		}
		a.files[strings.TrimPrefix(name, "static/")], err = assetFiles.ReadFile(name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("couldn't read what browsers load: %w", err)
	}
	names := make([]string, 0, len(a.files))
	for name := range a.files {
		names = append(names, name)
	}
	slices.Sort(names)
	h := sha256.New()
	for _, name := range names {
		fmt.Fprintf(h, "%s %x\n", name, sha256.Sum256(a.files[name]))
	}
	a.hash = hex.EncodeToString(h.Sum(nil)[:8])
	return a, nil
}

// styles puts the parts of the style sheet together.
func styles() ([]byte, error) {
	parts, err := assetFiles.ReadDir("style")
	if err != nil {
		return nil, fmt.Errorf("couldn't list the styles: %w", err)
	}
	var base, rest bytes.Buffer
	for _, p := range parts {
		b, err := assetFiles.ReadFile(path.Join("style", p.Name()))
		if err != nil {
			return nil, fmt.Errorf("couldn't read the styles: %w", err)
		}
		if p.Name() == "base.css" {
			base.Write(b)
		} else {
			rest.Write(b)
		}
	}
	return append(base.Bytes(), rest.Bytes()...), nil
}

// asset is the address of what browsers load.
func (c *Console) asset(name string) (string, error) {
	if _, ok := c.assets.files[name]; !ok {
		return "", fmt.Errorf("there is no %s to load", name)
	}
	return c.URL("static/" + c.assets.hash + "/" + name), nil
}

// ServeHTTP implements http.Handler.
func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	hash, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, root+"static/"), "/")
	b, ok := a.files[name]
	if !ok || hash != a.hash {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", mediaTypes[path.Ext(name)])
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
	_, _ = w.Write(b) // whoever asked may be gone
}
