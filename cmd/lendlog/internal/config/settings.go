// SPDX-License-Identifier: Apache-2.0

package config

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A Server is what can be set of a server as a whole.
type Server struct {
	Listen      string
	AllowRemote bool

	TLSCert, TLSKey string // files; "" for no TLS
	TLSClientCA     string // file; "" for no certificates of clients

	Console                  bool
	ExternalURL              string // by which browsers reach it; "" where nothing has to know
	OIDCIssuer, OIDCClientID string // "" for no provider
	OIDCSecretFile           string // "" for a public client

	AdminListen      string // "" for none
	AdminAllowRemote bool

	Control string // socket; "" for none

	Log, LogLevel string
}

// Flags adds the settings of a server, with their defaults.
func (s *Server) Flags(f *pflag.FlagSet) {
	f.StringVar(&s.Listen, "listen", "127.0.0.1:8080", "address to listen on; port 0 takes any free one")
	f.BoolVar(&s.AllowRemote, "allow-remote", false, "serve addresses that others can reach, of a ledger that demands keys")
	CertificateFlags(f, &s.TLSCert, &s.TLSKey)
	file(f, &s.TLSClientCA, "tls-client-ca", "file with the roots of clients' certificates, in PEM: verify one if a client shows it")
	f.BoolVar(&s.Console, "console", true, "serve the console for browsers at /console/")
	f.StringVar(&s.ExternalURL, "external-url", "", "URL by which browsers reach the server, such as https://ledger.bank.example")
	f.StringVar(&s.OIDCIssuer, "oidc-issuer", "", "OpenID provider by which people sign in to the console, as it names itself")
	f.StringVar(&s.OIDCClientID, "oidc-client-id", "", "id under which the provider knows this server")
	file(f, &s.OIDCSecretFile, "oidc-secret-file", "file with the secret that goes with it, readable by its owner only (default: a public client)")
	f.StringVar(&s.AdminListen, "admin-listen", "", "second address, such as 127.0.0.1:9090, for metrics, health and profiles without a key, and no record")
	f.BoolVar(&s.AdminAllowRemote, "admin-allow-remote", false, "let --admin-listen be an address that others can reach")
	file(f, &s.Control, "control", "socket, which only its owner can use, for lendlog keys rotate and lendlog ledgers")
	f.StringVar(&s.Log, "log", "text", "form of the log: text or json")
	f.StringVar(&s.LogLevel, "log-level", "info", "least level that is logged: debug, info, warn or error")
}

// A Ledger is what can be set of one ledger.
type Ledger struct {
	Dir           string
	Witnesses     string // file; "" for none
	WitnessEvery  time.Duration
	WithoutQuorum string        // the reason for not waiting for a quorum; "" to wait
	Anchors       string        // file; "" for none
	Passphrase    string        // file; "" for that of the environment
	AuditEvery    time.Duration // 0 for never

	// Of one of several only:
	Name   string
	Public bool // what proves that the ledger grows is shown to whoever has no key
}

// Flags adds the settings of a ledger, with their defaults.
func (l *Ledger) Flags(f *pflag.FlagSet) {
	f.StringVar(&l.Dir, "dir", "", "directory of the ledger")
	_ = cobra.MarkFlagDirname(f, "dir")
	file(f, &l.Witnesses, "witnesses", "C2SP tlog-policy of the witnesses to ask, each with its URL")
	f.DurationVar(&l.WitnessEvery, "witness-every", 30*time.Second, "pause between two checkpoints that witnesses are asked for")
	f.StringVar(&l.WithoutQuorum, "without-quorum", "", "take events although no quorum of the witnesses has answered yet, and record it with this reason")
	file(f, &l.Anchors, "anchors", "file that says where checkpoints are anchored")
	f.DurationVar(&l.AuditEvery, "audit-every", 24*time.Hour, "time from one audit of the ledger by its own server to the next; 0 for none")
	file(f, &l.Passphrase, "passphrase-file", "file with the passphrase under which the keys are encrypted (default: what LENDLOG_PASSPHRASE_FILE names)")
}

// itemFlags adds the settings of one ledger of several.
func (l *Ledger) itemFlags(f *pflag.FlagSet) {
	l.Flags(f)
	f.StringVar(&l.Name, "name", "", "name of the ledger, below which it is served")
	f.BoolVar(&l.Public, "public", false, "show checkpoints, proofs and the trust file to whoever has no key")
}

// CertificateFlags are those of the certificate of any server of the program.
func CertificateFlags(f *pflag.FlagSet, cert, key *string) {
	file(f, cert, "tls-cert", "file with the certificate, and those between it and its root, in PEM: speak TLS")
	file(f, key, "tls-key", "file with the private key of --tls-cert, in PEM, readable by its owner only")
}

// file adds a setting that names a file.
func file(f *pflag.FlagSet, p *string, name, usage string) {
	f.StringVar(p, name, "", usage)
	_ = cobra.MarkFlagFilename(f, name)
}

// isPath reports whether a setting names a file or a directory: what its
// completion in a shell is told.
func isPath(f *pflag.Flag) bool {
	_, isFile := f.Annotations[cobra.BashCompFilenameExt]
	_, isDir := f.Annotations[cobra.BashCompSubdirsInDir]
	return isFile || isDir
}

// secret is the annotation of a setting that is never shown.
const secret = "lendlog_secret"

// MarkSecret has the value of a setting never shown, nor repeated in an error.
// Secrets belong into files of their own; this is for one that can't be there.
func MarkSecret(f *pflag.FlagSet, name string) error {
	return f.SetAnnotation(name, secret, []string{"true"})
}

func isSecret(f *pflag.Flag) bool { return f.Annotations[secret] != nil }
