// SPDX-License-Identifier: Apache-2.0

package timestamp

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
)

// maxAuthorities bounds how many stamps a checkpoint gets, maxRoots a file of
// roots.
const (
	maxAuthorities = 16
	maxRoots       = 1 << 20
)

// A Config is the part of an anchors file that says by whom checkpoints are
// stamped.
type Config struct {
	Authorities []Authority `yaml:"authorities"`
	// Agree is how many have to stamp a checkpoint, 2 by default, which is the
	// least. The stamps of the others are taken along when they come with them.
	Agree int `yaml:"agree"`
}

// An Authority is one by RFC 3161.
type Authority struct {
	// URL takes the requests (RFC 3161, section 3.4). It may hold credentials, and
	// no more of it than the host is shown.
	URL string `yaml:"url"`
	// Roots is a PEM file of the certificates that the authority's has to lead to.
	Roots string `yaml:"roots"`
}

// Relative has relative names of files be below a directory: that of the file
// that the configuration is in.
func (c *Config) Relative(dir string) {
	for i := range c.Authorities {
		if r := &c.Authorities[i].Roots; *r != "" && !filepath.IsAbs(*r) {
			*r = filepath.Join(dir, *r)
		}
	}
}

// Validate reports what cannot be meant. It reads the roots.
func (c Config) Validate() error {
	_, err := c.settings()
	return err
}

// settings are a configuration that was read, with its defaults.
type settings struct {
	authorities []*authority
	agree       int
}

// An authority is one of the configuration.
type authority struct {
	name  string // the host, which is no secret
	url   string
	roots []*x509.Certificate
}

func (c Config) settings() (s settings, err error) {
	s.agree = c.Agree
	if s.agree == 0 {
		s.agree = 2
	}
	switch n := len(c.Authorities); {
	case n < 2:
		return s, errors.New("authorities: name at least two, for one alone can back-date")
	case n > maxAuthorities:
		return s, fmt.Errorf("authorities: name at most %d", maxAuthorities)
	case s.agree < 2 || s.agree > n:
		return s, fmt.Errorf("agree: name how many of the %d authorities have to stamp, at least 2", n)
	}
	names := map[string]bool{}
	keys := map[string]int{} // of roots
	for i, a := range c.Authorities {
		u, err := url.Parse(a.URL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Fragment != "" {
			return s, fmt.Errorf("authorities: number %d has no URL such as https://tsa.example/tsr", i+1)
		}
		if names[u.Host] {
			return s, fmt.Errorf("authorities: number %d is at the host of another one, with which it counts as one; leave one out", i+1)
		}
		names[u.Host] = true
		roots, err := readRoots(a.Roots)
		if err != nil {
			return s, fmt.Errorf("authorities: number %d: roots: %w", i+1, err)
		}
		for _, r := range roots {
			if other, twice := keys[string(r.RawSubjectPublicKeyInfo)]; twice && other != i {
				return s, fmt.Errorf("authorities: number %d has a root of number %d: whoever holds it can make up both stamps; name authorities with different roots", i+1, other+1)
			}
			keys[string(r.RawSubjectPublicKeyInfo)] = i
		}
		s.authorities = append(s.authorities, &authority{u.Host, u.String(), roots})
	}
	return s, nil
}

// readRoots reads the certificates of a PEM file.
func readRoots(path string) ([]*x509.Certificate, error) {
	if path == "" {
		return nil, errors.New("name a PEM file of certificates")
	}
	b, err := os.ReadFile(path)
	switch {
	case err != nil:
		return nil, err
	case len(b) > maxRoots:
		return nil, fmt.Errorf("%s has more than %d KiB", path, maxRoots>>10)
	}
	roots, err := parseRoots(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return roots, nil
}

func parseRoots(b []byte) (roots []*x509.Certificate, err error) {
	for {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, errors.New("it has something else than certificates")
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		roots = append(roots, c)
	}
	switch {
	case len(roots) == 0:
		return nil, errors.New("it has no certificate")
	case len(bytes.TrimSpace(b)) > 0:
		return nil, errors.New("something follows the last certificate")
	}
	return roots, nil
}
