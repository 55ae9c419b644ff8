// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/config"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/doctor"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/redact"
)

func newDoctor(c *console.Console) *cobra.Command {
	var dir, server, file string
	var shown credentials
	cmd := &cobra.Command{
		Use:   "doctor {--dir DIR | --config FILE} [--server URL]",
		Short: "Look a ledger over, and say what to mend",
		Long: `Look a ledger over, beside the server that holds it or without one: the clock, free
space, volumes, permissions of secrets, the head file against mirror and store, what is
kept outside, keys that end or that nobody uses, limits of the machine; with --config
the settings of the server and its certificate; with --server what the server says of
itself. Each line says OK, WARN, FAIL or SKIP, and what to do.

It changes nothing, and asks nobody but that server, and the command that keeps the
vault's key, where there is one, whether it answers. Whether the records are what they
should be "lendlog audit" says.

Exit code 1 says that something fails. With --json, one line per check: {"check",
"state", "text", "remedy"}.`,
		Example: `  lendlog doctor --dir ledger
  lendlog doctor --config lendlog.yaml --server https://ledger.bank.example --key-file admin.key`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o := doctor.Options{Dir: dir, Version: version, Now: time.Now}
			if file != "" {
				o.Configured = true
				var s serving
				o.Settings = s.examine(c, file, dir)
				o.Certificate = s.certificate
				if dir == "" {
					o.Dir = s.only.Dir
				}
				if o.Dir == "" && o.Settings != nil {
					return o.Settings
				}
			}
			if o.Dir == "" {
				return usagef("--dir is required, where no --config names the one directory of a ledger")
			}
			if server != "" {
				options, err := shown.options()
				if err != nil {
					return err
				}
				o.URL = server
				o.Server = func(ctx context.Context, trust []byte) (access.Ledger, error) {
					return access.Remote(ctx, server, trust, options...)
				}
			}
			return tellExamined(c, doctor.Run(cmd.Context(), o))
		},
	}
	f := cmd.Flags()
	f.StringVar(&dir, "dir", "", "directory of the ledger (default: that of the --config)")
	_ = cmd.MarkFlagDirname("dir")
	f.StringVar(&server, "server", "", "URL of the server of this ledger, to ask it too")
	f.StringVar(&file, "config", "", "YAML file of the server's settings, to check them too")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
	shown.flags(cmd)
	return cmd
}

// examine checks the settings in a file as serve would with it.
func (s *serving) examine(c *console.Console, file, dir string) (err error) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	s.server.Flags(flags)
	s.only.Flags(flags)
	if s.config, err = config.Load(flags, file, os.LookupEnv); err != nil {
		return err
	}
	if s.only.Dir == "" {
		s.only.Dir = dir
	}
	return s.prepare(c)
}

// tellExamined prints what was found, and ends with what is the worst of it.
func tellExamined(c *console.Console, results []doctor.Result) error {
	style := map[doctor.State]console.Style{doctor.OK: console.Good, doctor.Warn: console.Unsure, doctor.Fail: console.Bad}
	code := exitOK
	for _, r := range results {
		r.Text = redact.Keys(console.Clean(r.Text))
		word := string(r.State)
		if s, ok := style[r.State]; ok {
			word = c.Paint(s, word)
		}
		c.Printf("%s%*s  %-26s %s\n", word, 4-len(r.State), "", r.Check, r.Text)
		if r.Remedy != "" {
			c.Printf("      %-26s %s\n", "", r.Remedy)
		}
		if err := c.Emit(r); err != nil {
			return err
		}
		if r.State == doctor.Fail {
			code = exitFailed
		}
	}
	return exit(code)
}
