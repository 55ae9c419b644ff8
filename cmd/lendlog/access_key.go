// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	grants "github.com/lendlog/lendlog/ledger/access"
)

func newAccessKey(c *console.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "key",
		Short:   "Make a key of your own, for ledgers of others",
		Long:    `Make a key of your own, for ledgers of others to grant.`,
		Example: `  lendlog access key new --out regulator.key`,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newAccessKeyNew(c))
	return cmd
}

func newAccessKeyNew(c *console.Console) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "new --out FILE",
		Short: "Make a key, and the request for it",
		Long: `Make a key and write it to --out, and print the request for it: one line with the
key's id and hash, which may be sent to anybody. Each lender whose ledger you are to
read grants it with "lendlog access grant --for REQUEST", and never sees the key. It
works at all of them; each can revoke it for itself. Keep the key to yourself.

Nothing is sent anywhere. With --json: {"id", "request", "file"}, or with --out -
{"id", "request", "key"}.`,
		Example: `  lendlog access key new --out regulator.key
  lendlog access key new --out regulator.key > request.txt`,
		Args: takes(),
		RunE: func(*cobra.Command, []string) error {
			sink, err := openSink(out)
			if err != nil {
				return err
			}
			key := grants.NewKey()
			if err := sink.keep(key); err != nil {
				return err
			}
			made := struct {
				ID      string `json:"id"`
				Request string `json:"request"`
				File    string `json:"file,omitempty"`
				Key     string `json:"key,omitempty"`
			}{ID: key.ID(), Request: key.Request().String(), File: sink.name}
			if sink.name == "" {
				made.Key = key.Reveal()
				c.Printf("%s\n", made.Key)
			} else {
				c.Notef("The key is in %s: keep it to yourself. This is the request for it, which may be sent to anybody:", sink.name)
			}
			c.Printf("%s\n", made.Request)
			return c.Emit(made)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "new file to write the key to, which only you can read; - prints it")
	_ = cmd.MarkFlagFilename("out")
	_ = cmd.MarkFlagRequired("out")
	return cmd
}
