// SPDX-License-Identifier: Apache-2.0

// Package certificate keeps the certificate that a server shows, and the roots of
// those that its clients may show, and reads them again when their files change.
//
// Files are replaced one after the other, and by programs that fail in the middle:
// what can't be used is told, and what was used before is used on.
package certificate

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// every is the time between two looks at the files.
	every = time.Minute
	// soon is how long before its end a certificate is warned of: automatic
	// renewal, which comes at a third of the life of 90 days, has failed then.
	soon = 14 * 24 * time.Hour
)

// Files are those of a certificate, in PEM.
type Files struct {
	Cert string // the certificate, and those between it and its root
	Key  string // readable by its owner only
	// Clients are roots. A certificate that a client shows has to come from one;
	// "" asks for none.
	Clients string
}

// A Certificate is that of one server. Its methods may be called concurrently.
type Certificate struct {
	files Files
	log   *slog.Logger
	now   func() time.Time

	reading sync.Mutex // held while the files are looked at
	seen    [32]byte   // digest of what was looked at last

	using   atomic.Pointer[tls.Config] // for connections that are opened now
	roots   atomic.Pointer[time.Time]  // when the first of the clients' roots ends; nil without any
	refused atomic.Pointer[error]      // why what lies there now is not used; nil where it is
}

// Open reads the files. It returns an error where they can't be used now. nil
// discards the log.
func Open(files Files, log *slog.Logger) (*Certificate, error) {
	return open(files, log, time.Now)
}

func open(files Files, log *slog.Logger, now func() time.Time) (*Certificate, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c := &Certificate{files: files, log: log, now: now}
	contents, err := files.read()
	if err != nil {
		return nil, err
	}
	config, err := contents.config(now())
	if err != nil {
		return nil, err
	}
	c.seen = contents.digest()
	c.use(config, contents)
	return c, nil
}

// Config is for a listener. Each connection gets what is used when it is opened.
func (c *Certificate) Config() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return c.using.Load(), nil },
	}
}

// Run looks at the files now and then, and whenever told, until ctx ends.
func (c *Certificate) Run(ctx context.Context, told <-chan os.Signal) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-told:
		case <-ctx.Done():
			return nil
		}
		c.Reload(ctx)
	}
}

// Reload reads the files where they have changed. What can't be used is logged
// once, and shows in Warnings until it is replaced.
func (c *Certificate) Reload(ctx context.Context) {
	c.reading.Lock()
	defer c.reading.Unlock()
	contents, err := c.files.read()
	seen := contents.digest()
	if err == nil && seen == c.seen {
		return
	}
	var config *tls.Config
	if err == nil {
		config, err = contents.config(c.now())
	}
	if err != nil {
		if before := c.refused.Load(); before == nil || (*before).Error() != err.Error() {
			c.log.ErrorContext(ctx, "the new certificate can't be used; the one before is used on", slog.Any("error", err))
		}
		c.refused.Store(&err)
		c.seen = [32]byte{} // so that what was there before is taken back
		return
	}
	c.seen = seen
	c.use(config, contents)
	c.refused.Store(nil)
	c.log.InfoContext(ctx, "a certificate is used", slog.Time("expires", c.Leaf().NotAfter))
}

// use has new connections opened with a configuration.
func (c *Certificate) use(config *tls.Config, of contents) {
	c.using.Store(config)
	c.roots.Store(of.rootsEnd())
}

// A Status is what is used now.
type Status struct {
	Expires time.Time // of the server's own certificate
	// Roots is when the first of the roots of clients' certificates ends; zero where
	// clients are asked for none.
	Roots   time.Time
	Refused bool // what the files hold now can't be used
}

// Status returns what is used now.
func (c *Certificate) Status() Status {
	s := Status{Expires: c.Leaf().NotAfter.UTC(), Refused: c.Refused() != nil}
	if end := c.roots.Load(); end != nil {
		s.Roots = end.UTC()
	}
	return s
}

// Leaf returns the server's own certificate that is used now.
func (c *Certificate) Leaf() *x509.Certificate { return c.using.Load().Certificates[0].Leaf }

// Refused returns why what the files hold is not used, nil where it is.
func (c *Certificate) Refused() error {
	if err := c.refused.Load(); err != nil {
		return *err
	}
	return nil
}

// Warnings tells what an operator has to know, without naming a file.
func (c *Certificate) Warnings() (warnings []string) {
	if c.Refused() != nil {
		warnings = append(warnings, "the new certificate can't be used, and the one before is used on; see the log")
	}
	if left := c.Leaf().NotAfter.Sub(c.now()); left < 0 {
		warnings = append(warnings, "the certificate of this server has expired")
	} else if left < soon {
		warnings = append(warnings, fmt.Sprintf("the certificate of this server expires in %d days", left/(24*time.Hour)))
	}
	if roots := c.roots.Load(); roots != nil {
		if left := roots.Sub(c.now()); left < 0 {
			warnings = append(warnings, "a root of clients' certificates has expired: clients with certificates from it are refused")
		} else if left < soon {
			warnings = append(warnings, fmt.Sprintf("a root of clients' certificates expires in %d days", left/(24*time.Hour)))
		}
	}
	return warnings
}

// contents are what the files hold.
type contents struct{ cert, key, clients []byte }

func (f Files) read() (c contents, err error) {
	st, err := os.Stat(f.Key)
	if err != nil {
		return c, err
	}
	if st.Mode().Perm()&0o077 != 0 {
		return c, fmt.Errorf("%s can be read by others; run chmod 600 on it", f.Key)
	}
	for _, part := range []struct {
		file string
		into *[]byte
	}{{f.Cert, &c.cert}, {f.Key, &c.key}, {f.Clients, &c.clients}} {
		if part.file == "" {
			continue
		}
		if *part.into, err = os.ReadFile(part.file); err != nil {
			return c, err
		}
	}
	return c, nil
}

// rootsEnd is when the first of the roots of clients' certificates ends; nil where
// there are none.
func (c contents) rootsEnd() (end *time.Time) {
	for rest := c.clients; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return end
		}
		root, err := x509.ParseCertificate(block.Bytes)
		if err == nil && (end == nil || root.NotAfter.Before(*end)) {
			end = &root.NotAfter
		}
	}
}

func (c contents) digest() [32]byte {
	var all []byte
	for _, part := range [][]byte{c.cert, c.key, c.clients} {
		sum := sha256.Sum256(part)
		all = append(all, sum[:]...)
	}
	return sha256.Sum256(all)
}

// config makes the configuration of connections, where all of it can be used.
func (c contents) config(now time.Time) (*tls.Config, error) {
	pair, err := tls.X509KeyPair(c.cert, c.key)
	if err != nil {
		return nil, fmt.Errorf("the certificate and its key can't be used: %w", err)
	}
	switch leaf := pair.Leaf; {
	case now.After(leaf.NotAfter):
		return nil, fmt.Errorf("the certificate expired on %s; renew it", leaf.NotAfter.UTC().Format(time.DateOnly))
	case now.Before(leaf.NotBefore):
		return nil, fmt.Errorf("the certificate holds from %s on; set the clock right, or wait", leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	config := &tls.Config{
		Certificates: []tls.Certificate{pair},
		MinVersion:   tls.VersionTLS12,
		// Of TLS 1.2 those with authenticated encryption; of 1.3 there are no others.
		CipherSuites: []uint16{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		},
		NextProtos: []string{"h2", "http/1.1"},
	}
	if c.clients != nil {
		config.ClientAuth, config.ClientCAs = tls.VerifyClientCertIfGiven, x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(c.clients) {
			return nil, errors.New("the file of the roots of clients' certificates has none in it")
		}
	}
	return config, nil
}
