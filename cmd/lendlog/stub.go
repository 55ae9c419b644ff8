// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/spf13/cobra"
)

func stub(name string) *cobra.Command {
	return &cobra.Command{Use: name, RunE: func(*cobra.Command, []string) error { return nil }}
}
func newAudit(c *console.Console) *cobra.Command { return stub("audit") }
