// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/config"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
)

func newConfig(c *console.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show and check the settings of a server",
		Long: `Show and check what "lendlog serve" would be set to, by the same flags, the
environment and the file of --config. Nothing is started, and no ledger opened.`,
		Example: `  lendlog config show --config lendlog.yaml
  lendlog config check --config lendlog.yaml`,
		Args: takes(),
		RunE: func(*cobra.Command, []string) error {
			return usagef("say what to do with the settings: show or check; see `lendlog config --help`")
		},
	}
	cmd.AddCommand(newConfigShow(c), newConfigCheck(c))
	return cmd
}

func newConfigShow(c *console.Console) *cobra.Command {
	var s serving
	cmd := &cobra.Command{
		Use:   "show [--config FILE] [FLAG...]",
		Short: "Print every setting and where it comes from",
		Long: `Print every setting of a server and where it comes from: a flag, a variable of the
environment, a line of the file, or the default. Secrets are not shown.

With --json, one line: {"settings": [{"name", "value", "source"}]}.`,
		Example: `  lendlog config show --config lendlog.yaml
  LENDLOG_LISTEN=127.0.0.1:9000 lendlog config show --config lendlog.yaml --json`,
		Args: takes(),
		RunE: func(*cobra.Command, []string) error {
			var rows [][]string
			for _, set := range s.config.Settings {
				rows = append(rows, []string{set.Name, set.Value, set.Source})
			}
			c.Table([]string{"setting", "value", "from"}, rows)
			return c.Emit(struct {
				Settings []config.Setting `json:"settings"`
			}{s.config.Settings})
		},
	}
	s.flags(cmd)
	return cmd
}

func newConfigCheck(c *console.Console) *cobra.Command {
	var s serving
	cmd := &cobra.Command{
		Use:   "check [--config FILE] [FLAG...]",
		Short: "Check the settings of a server and the files that they name",
		Long: `Check the settings of a server as it does when it starts, and read the files that
they name: certificates, policies of witnesses, files of anchors. That each directory
is one of a ledger is looked at; the ledger is not opened, so a server may hold it.

Exit code 2 says what is wrong. With --json, one line: {"ledgers"}, how many there are.`,
		Example: `  lendlog config check --config lendlog.yaml`,
		Args:    takes(),
		RunE: func(*cobra.Command, []string) error {
			if err := s.prepare(c); err != nil {
				return err
			}
			n := len(s.ledgers)
			c.Printf("The settings are good, for %d %s\n", n, plural(n, "ledger", "ledgers"))
			return c.Emit(struct {
				Ledgers int `json:"ledgers"`
			}{n})
		},
	}
	s.flags(cmd)
	return cmd
}
