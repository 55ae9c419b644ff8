// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// command is a command that has the settings of a server.
type command struct {
	Server
	Only   Ledger
	tags   []string
	token  string
	number int
	flags  *pflag.FlagSet
}

func newCommand(t testing.TB, args ...string) *command {
	t.Helper()
	c := &command{flags: pflag.NewFlagSet("serve", pflag.ContinueOnError)}
	c.Server.Flags(c.flags)
	c.Only.Flags(c.flags)
	c.flags.String("config", "", "")
	c.flags.StringSliceVar(&c.tags, "tags", nil, "")
	c.flags.StringVar(&c.token, "token", "", "")
	c.flags.IntVar(&c.number, "number", 0, "")
	if err := MarkSecret(c.flags, "token"); err != nil {
		t.Fatal(err)
	}
	if err := c.flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return c
}

// load makes the settings of the text of a file.
func (c *command) load(text string, environment map[string]string) (*Config, error) {
	top, err := parse("etc/lendlog.yaml", []byte(text))
	if err != nil {
		return nil, err
	}
	return load(c.flags, top, func(name string) (string, bool) { v, ok := environment[name]; return v, ok })
}

// of returns the value and the source of a setting.
func (c *Config) of(t testing.TB, name string) [2]string {
	t.Helper()
	for _, s := range c.Settings {
		if s.Name == name {
			return [2]string{s.Value, s.Source}
		}
	}
	t.Fatalf("there is no setting %s", name)
	return [2]string{}
}

// A flag outweighs the environment, that the file, and that the default.
func TestSources(t *testing.T) {
	c := newCommand(t, "--listen", "127.0.0.1:1", "--config", "x")
	got, err := c.load(`# a comment
listen: 127.0.0.1:3
log: json
dir: ledger
witness-every: 1m
allow-remote: true
tags: [one, "two, three"]
number: 7
admin-listen: ""
`, map[string]string{"LENDLOG_LISTEN": "127.0.0.1:2", "LENDLOG_LOG": "text", "LENDLOG_TLS_CERT": "cert.pem", "LENDLOG_OTHER": "x"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][2]string{
		"listen":        {"127.0.0.1:1", "--listen"},
		"log":           {"text", "LENDLOG_LOG"},
		"tls-cert":      {"cert.pem", "LENDLOG_TLS_CERT"}, // relative to where it is started
		"dir":           {"etc/ledger", "etc/lendlog.yaml:4"},
		"witness-every": {"1m0s", "etc/lendlog.yaml:5"},
		"allow-remote":  {"true", "etc/lendlog.yaml:6"},
		"number":        {"7", "etc/lendlog.yaml:8"},
		"admin-listen":  {"", "etc/lendlog.yaml:9"},
		"log-level":     {"info", "default"},
	} {
		if diff := cmp.Diff(want, got.of(t, name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if diff := cmp.Diff([]string{"one", "two, three"}, c.tags); diff != "" {
		t.Error(diff)
	}
	if c.Listen != "127.0.0.1:1" || c.Log != "text" || c.Only.WitnessEvery != time.Minute || !c.AllowRemote || c.number != 7 || c.LogLevel != "info" || got.Ledgers != nil {
		t.Errorf("it is set to %+v", c)
	}
}

// Whatever is not understood is an error that says where, and what was meant.
func TestRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"an unknown key":       {"log: text\nlistn: 127.0.0.1:1\n", "etc/lendlog.yaml:2: there is no setting listn here; did you mean listen?"},
		"a key in capitals":    {"Listen: x\n", "etc/lendlog.yaml:1: there is no setting Listen here; did you mean listen?"},
		"a flag that is none":  {"config: other.yaml\n", "etc/lendlog.yaml:1: there is no setting config here"},
		"a key twice":          {"log: text\n\nlog: json\n", "etc/lendlog.yaml:3: log stands here a second time; the first is in line 1"},
		"a word for a truth":   {"allow-remote: yes please\n", "etc/lendlog.yaml:1: allow-remote: it is true or false"},
		"a number for a truth": {"allow-remote: 1\n", "allow-remote: it is true or false"},
		"a number for a text":  {"log: 1\n", "log: it is text"},
		"a truth for a text":   {"log: true\n", "log: it is text"},
		"nothing for a text":   {"log:\n", "log: it is text"},
		"a list for a text":    {"log: [text]\n", "log: it is text"},
		"a text for a list":    {"tags: one\n", "tags: it is a list"},
		"a list of numbers":    {"tags: [1]\n", "tags: it is a list of texts"},
		"a time without unit":  {"witness-every: 30\n", "witness-every: it is a time with its unit"},
		"a time that is none":  {"witness-every: soon\n", "etc/lendlog.yaml:1: witness-every: time: invalid duration"},
		"a text for a number":  {"number: one\n", "number: it is a whole number"},
		"a fraction":           {"number: 1.5\n", "number: it is a whole number"},
		"too large a number":   {"number: 99999999999999999999\n", "number"},
		"an alias":             {"log: &a text\nlog-level: *a\n", "etc/lendlog.yaml:2: log-level: it is text"},
		"a merge":              {"<<: {log: text}\n", "there is no setting << here"},
		"a list":               {"- log\n", "etc/lendlog.yaml:1: here are settings"},
		"a text":               {"log\n", "here are settings"},
		"two documents":        {"log: text\n---\nlog: json\n", "etc/lendlog.yaml: it has more than one document"},
		"no YAML":              {"log: {\n", "etc/lendlog.yaml: yaml: line"},
		"a key that is a list": {"[a]: b\n", "a key is the name of a setting"},
		"too much":             {strings.Repeat("# more\n", 200<<10), "it has more than 1024 KiB"},

		"no list of ledgers":       {"ledgers: a\n", "etc/lendlog.yaml:1: ledgers: it is a list"},
		"an empty list":            {"ledgers: []\n", "ledgers: it is a list"},
		"a ledger that is a text":  {"ledgers: [a]\n", "here are settings"},
		"a ledger without a name":  {"ledgers:\n  - dir: a\n", "etc/lendlog.yaml:2: name: a ledger has a name"},
		"a ledger without a place": {"ledgers:\n  - name: a\n", "etc/lendlog.yaml:2: dir: a ledger has a directory"},
		"a name that is a path":    {"ledgers:\n  - {name: a/b, dir: a}\n", "name: a ledger has a name"},
		"a name with a hyphen":     {"ledgers:\n  - {name: -a, dir: a}\n", "name: a ledger has a name"},
		"one name twice":           {"ledgers:\n  - {name: a, dir: a}\n  - {name: a, dir: b}\n", "etc/lendlog.yaml:3: name: a: the ledger in line 2 has the same"},
		"one place twice":          {"ledgers:\n  - {name: a, dir: a}\n  - {name: b, dir: ./a/}\n", "etc/lendlog.yaml:3: dir: etc/a: the ledger in line 2 has the same"},
		"a setting of the server":  {"ledgers:\n  - {name: a, dir: a, listen: x}\n", "there is no setting listen here"},
		"a ledger besides":         {"dir: a\nledgers:\n  - {name: a, dir: a}\n", "etc/lendlog.yaml:1: the file names ledgers, so dir belongs to each of them there"},
		"a name of the only one":   {"name: a\n", "there is no setting name here"},
	} {
		if _, err := newCommand(t).load(tt.text, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	if _, err := newCommand(t).load("", map[string]string{"LENDLOG_WITNESS_EVERY": "30"}); err == nil || !strings.HasPrefix(err.Error(), "LENDLOG_WITNESS_EVERY: ") {
		t.Errorf("a variable that can't be read: %v", err)
	}
	if _, err := newCommand(t, "--dir", "b").load("ledgers:\n  - {name: a, dir: a}\n", nil); err == nil || !strings.HasPrefix(err.Error(), "--dir: the file names ledgers") {
		t.Errorf("a flag of a ledger beside several: %v", err)
	}
	_, err := newCommand(t).load("listn: x\nlgo: y\n", nil)
	if err == nil || strings.Count(err.Error(), "there is no setting") != 2 {
		t.Errorf("of two mistakes it tells %v", err)
	}
}

func TestLedgers(t *testing.T) {
	got, err := newCommand(t).load(`listen: 127.0.0.1:1
ledgers:
  - name: north
    dir: /srv/north
    witnesses: north.policy
    public: true
  - name: south-2
    dir: south
    witness-every: 5s
`, map[string]string{"LENDLOG_WITNESS": "x"})
	if err != nil {
		t.Fatal(err)
	}
	want := []Ledger{
		{Name: "north", Dir: "/srv/north", Witnesses: "etc/north.policy", WitnessEvery: 30 * time.Second, AuditEvery: 24 * time.Hour, Public: true},
		{Name: "south-2", Dir: "etc/south", WitnessEvery: 5 * time.Second, AuditEvery: 24 * time.Hour},
	}
	if diff := cmp.Diff(want, got.Ledgers); diff != "" {
		t.Error(diff)
	}
	if of := got.of(t, "ledgers.south-2.dir"); of != [2]string{"etc/south", "etc/lendlog.yaml:8"} {
		t.Errorf("the second lies in %v", of)
	}
	for _, s := range got.Settings {
		if s.Name == "dir" {
			t.Error("the settings of an only ledger are shown")
		}
	}
}

// No value of a secret is shown, whichever way it came.
func TestSecrets(t *testing.T) {
	for name, load := range map[string]func() (*Config, error){
		"flag":        func() (*Config, error) { return newCommand(t, "--token", "hunter2").load("", nil) },
		"environment": func() (*Config, error) { return newCommand(t).load("", map[string]string{"LENDLOG_TOKEN": "hunter2"}) },
		"file":        func() (*Config, error) { return newCommand(t).load("token: hunter2\n", nil) },
	} {
		got, err := load()
		if err != nil {
			t.Fatal(err)
		}
		if value := got.of(t, "token")[0]; value != hidden {
			t.Errorf("%s: it shows %s", name, value)
		}
	}
	c := newCommand(t)
	if err := MarkSecret(c.flags, "number"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.load("", map[string]string{"LENDLOG_NUMBER": "hunter2"}); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("one that can't be read: %v", err)
	}
	if got, err := newCommand(t).load("", nil); err != nil || got.of(t, "token")[0] != "" {
		t.Errorf("one that is not set: %v, %v", got, err)
	}
}

// A file is read where it lies, and what it names lies beside it.
func TestLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "lendlog.yaml")
	if err := os.WriteFile(path, []byte("anchors: anchors.yaml\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	none := func(string) (string, bool) { return "", false }
	c := newCommand(t)
	if _, err := Load(c.flags, path, none); err != nil || c.Only.Anchors != filepath.Join(dir, "anchors.yaml") {
		t.Errorf("it names %s, %v", c.Only.Anchors, err)
	}
	if _, err := Load(newCommand(t).flags, filepath.Join(dir, "none.yaml"), none); err == nil {
		t.Error("a file that is not there is read")
	}
	if got, err := Load(newCommand(t).flags, "", none); err != nil || got.of(t, "log")[1] != Default {
		t.Errorf("without a file: %v, %v", got, err)
	}
}

// Whatever is in a file, it is read or refused; what is read names each ledger once.
func FuzzFile(f *testing.F) {
	f.Add("listen: 127.0.0.1:1\nallow-remote: true\n")
	f.Add("ledgers:\n  - {name: a, dir: a}\n  - {name: b, dir: b, witness-every: 1s}\n")
	f.Add("log: &a text\nlog-level: *a\n")
	f.Add("tags: [a, b]\nnumber: 0x10\n")
	f.Add("? [a]\n: b\n")
	f.Fuzz(func(t *testing.T, text string) {
		c := newCommand(t)
		got, err := c.load(text, nil)
		if err != nil {
			return
		}
		names := map[string]bool{}
		for _, l := range got.Ledgers {
			if names[l.Name] || l.Dir == "" || !ledgerName.MatchString(l.Name) {
				t.Fatalf("it takes %+v", got.Ledgers)
			}
			names[l.Name] = true
		}
	})
}

// The files that docs/operators.md shows can be read.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/operators.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, block := range strings.Split(string(page), "```yaml\n")[1:] {
		text, _, _ := strings.Cut(block, "```")
		if shown++; shown == 1 {
			c := newCommand(t)
			if _, err := c.load(text, nil); err != nil || c.TLSKey != "etc/tls/key.pem" || !c.AllowRemote || c.Only.Dir != "/var/lib/lendlog/ledger" {
				t.Errorf("the first sets %+v, %v", c, err)
			}
			continue
		}
		if got, err := newCommand(t).load(text, nil); err != nil || len(got.Ledgers) != 2 || !got.Ledgers[1].Public {
			t.Errorf("another one sets %+v, %v", got, err)
		}
	}
	if shown != 2 {
		t.Errorf("it shows %d files", shown)
	}
}
