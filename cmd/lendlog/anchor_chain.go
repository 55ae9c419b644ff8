// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/anchor/ethereum"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/proof/chain"
	"github.com/lendlog/lendlog/ledger/tree"
)

// chainTarget returns the part of an anchors file that is about a target on a
// chain.
func chainTarget(path, name string) (*ethereum.Config, error) {
	f, err := readAnchors(path)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(f.Targets, func(t anchorTarget) bool { return t.Name == name })
	switch {
	case i < 0:
		return nil, usagef("%s has no target %s", path, name)
	case f.Targets[i].Ethereum == nil:
		return nil, usagef("%s is on no chain", name)
	}
	return f.Targets[i].Ethereum, nil
}

// network is what a chain is called, and that it is a testnet where it is one.
func network(id uint64, name string, testnet bool) string {
	s := fmt.Sprintf("chain %d", id)
	if name != "" {
		s = fmt.Sprintf("%s (chain %d)", name, id)
	}
	if testnet {
		s += ", a testnet"
	}
	return s
}

func newAnchorDeploy(c *console.Console) *cobra.Command {
	var file string
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "deploy TARGET --anchors FILE",
		Short: "Put the contract on a chain",
		Long: `Put the contract on the chain of a target, paid by its key, unless it is there. It
gets the same address on every chain that has the CREATE2 factory of EIP-7997;
elsewhere it gets one of its own, which is to be written into the anchors file as
"contract". Nobody owns the contract, and anybody may have put it there: its code is
held against its hash. It waits until that is final, which takes some 15 minutes on a
public chain. A target that is strict gets StrictAnchor, and every other one Anchor.

With --json: {"chain", "network", "testnet", "address", "elsewhere", "already",
"transaction", "wei"}.`,
		Example: `  lendlog anchor deploy hoodi --anchors anchors.yaml`,
		Args:    takes("TARGET"),
		RunE: func(cmd *cobra.Command, args []string) error {
			conf, err := chainTarget(file, args[0])
			if err != nil {
				return err
			}
			conf.Undeployed = true
			signer, err := ethereum.NewSigner(*conf)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), wait)
			defer cancel()
			n, err := ethereum.DialNetwork(ctx, *conf)
			if err != nil {
				return coded{exitNetwork, err}
			}
			defer n.Close()
			d, err := ethereum.Deploy(ctx, n, signer, conf.Strict)
			if err != nil {
				return err
			}
			if !d.Already {
				c.Notef("It is in a block; waiting until that is final.")
				if err := untilFinal(ctx, n, signer); err != nil {
					return err
				}
			}
			if c.JSON {
				return c.Emit(struct {
					Chain       uint64 `json:"chain"`
					Network     string `json:"network,omitempty"`
					Testnet     bool   `json:"testnet,omitempty"`
					Address     any    `json:"address"`
					Elsewhere   bool   `json:"elsewhere"`
					Already     bool   `json:"already"`
					Transaction any    `json:"transaction"`
					Wei         string `json:"wei"`
				}{conf.Chain, conf.Network, conf.Testnet, chain.Address(d.Address).String(), d.Elsewhere, d.Already, chain.Hash(d.Tx).String(), d.Wei.String()})
			}
			if d.Already {
				c.Printf("The contract was there already: on %s, at %s\n", network(conf.Chain, conf.Network, conf.Testnet), chain.Address(d.Address))
			} else {
				c.Printf("The contract is on %s, at %s, for %s wei\n", network(conf.Chain, conf.Network, conf.Testnet), chain.Address(d.Address), d.Wei)
			}
			if d.Elsewhere {
				c.Printf("That is not the address that it has elsewhere: write contract: \"%s\" into %s\n", chain.Address(d.Address), file)
			}
			return nil
		},
	}
	anchorsFlag(cmd, &file)
	cmd.Flags().DurationVar(&wait, "wait", time.Hour, "how long to wait until it is final")
	return cmd
}

// untilFinal waits until all that an account has sent is final, so that whoever
// anchors from it next does not take the deployment for a stranger's.
func untilFinal(ctx context.Context, n *ethereum.Network, s ethereum.Signer) error {
	for {
		mined, _, err := n.Nonce(ctx, s.Address())
		if err == nil {
			var final chain.Block
			if final, err = n.FinalBlock(ctx); err == nil {
				var sent uint64
				if sent, err = n.AgreedNonce(ctx, s.Address(), [32]byte(final.Hash)); err == nil && sent >= mined {
					return nil
				}
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the contract is in a block that is not final yet: call this again before the account anchors: %w", errors.Join(err, ctx.Err()))
		case <-time.After(time.Second):
		}
	}
}

func anchorsFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "anchors", "", "anchors file")
	_ = cmd.MarkFlagRequired("anchors")
	_ = cmd.MarkFlagFilename("anchors")
}

func newAnchorAudit(c *console.Console) *cobra.Command {
	var file, dir, server, trust, publisher string
	var shown credentials
	cmd := &cobra.Command{
		Use:   "audit TARGET --anchors FILE",
		Short: "Hold all anchors on a chain against the ledger",
		Long: `Read all that a publisher anchored of a ledger on a chain, from the contract's own
commitment back to the first, so that none can be left out, and have the ledger prove
that it continues each. Whoever does not own the ledger names the publisher's account
with --publisher, leaves the key out of the anchors file, and pins a trust file with
--trust.

It finds anchors that the ledger does not continue (forked), that have more records
than the ledger (rollback), that the chain commits to and no endpoint shows (hidden),
and, with --dir, that are not in the ledger's archive (foreign) or are there only
(missing). Exit code 3 when it finds anything. Blocks are asked of the endpoints that
the file names: what the contract holds is proved from the hash of the newest final
block, on which as many endpoints agree as have to.

With --json, the report: {"chain", "contract", "publisher", "block", "complete",
"anchors": [{"size", "root", "block", "time", "transaction"}], "findings": [{"kind",
"size", "text"}]}.`,
		Example: `  lendlog anchor audit hoodi --anchors anchors.yaml --dir ledger
  lendlog anchor audit hoodi --anchors anchors.yaml --server URL --trust trust.json --publisher 0x…`,
		Args: takes("TARGET"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			ctx := cmd.Context()
			conf, err := chainTarget(file, args[0])
			if err != nil {
				return err
			}
			var audit ethereum.Audit
			if publisher != "" {
				by, err := chain.ParseChecksummed(publisher)
				if err != nil {
					return usagef("--publisher: %w", err)
				}
				audit.Publisher = [20]byte(by)
			} else {
				signer, err := ethereum.NewSigner(*conf)
				if err != nil {
					return fmt.Errorf("whose anchors? name the account with --publisher, or a key in the anchors file: %w", err)
				}
				audit.Publisher = signer.Address()
			}
			var archive func(*ethereum.AuditReport) error
			switch {
			case server != "":
				cl, err := dialPinned(ctx, server, trust, shown)
				if err != nil {
					return err
				}
				defer cl.Close()
				head, err := cl.Checkpoint(ctx)
				if err != nil {
					return reached(err)
				}
				audit.Head, audit.ConsistencyProof = head.Checkpoint, cl.ConsistencyProof
			case dir != "":
				if _, _, err := ledger.Locate(dir); err != nil {
					return usagef("%w", err)
				}
				progress := c.Progress()
				l, err := access.Open(ctx, dir, ledger.Options{Progress: progress.Set})
				progress.Done()
				if err != nil {
					return err
				}
				defer func() { err = errors.Join(err, l.Close()) }()
				head := l.Head()
				audit.Head = tree.Checkpoint{Origin: l.Info().Origin, Size: head.Size, Root: head.Root}
				audit.ConsistencyProof = l.ConsistencyProof
				archive = func(r *ethereum.AuditReport) error { return r.Archived(l.Anchored()) }
			default:
				return usagef("say which ledger: --dir DIR, or --server URL when a server holds it")
			}
			n, err := ethereum.DialNetwork(ctx, *conf)
			if err != nil {
				return coded{exitNetwork, err}
			}
			defer n.Close()
			r, err := audit.Run(ctx, n)
			if err == nil && archive != nil {
				err = archive(r)
			}
			if err != nil {
				return err
			}
			if err := printAudit(c, r); err != nil {
				return err
			}
			if len(r.Findings) > 0 {
				return exit(exitInvalid)
			}
			return nil
		},
	}
	anchorsFlag(cmd, &file)
	f := cmd.Flags()
	f.StringVar(&dir, "dir", "", "directory of a ledger that no server holds")
	f.StringVar(&server, "server", "", "URL of a server, such as http://127.0.0.1:8080")
	f.StringVar(&trust, "trust", "", "trust file to verify the server with (default: the server's own, believed)")
	shown.flags(cmd)
	f.StringVar(&publisher, "publisher", "", "account that anchors, 0x and 40 hexadecimal digits (default: that of the target's key)")
	_ = cmd.MarkFlagDirname("dir")
	cmd.MarkFlagsMutuallyExclusive("dir", "server")
	cmd.MarkFlagsMutuallyExclusive("dir", "trust")
	return cmd
}

// dialPinned reaches a server, and verifies it under a trust file where one is
// named, with what is shown to it.
func dialPinned(ctx context.Context, server, trust string, shown credentials) (*client.Client, error) {
	options, err := shown.options()
	if err != nil {
		return nil, err
	}
	options = append(options, client.WithRetries(2))
	if trust != "" {
		b, err := os.ReadFile(trust)
		if err != nil {
			return nil, err
		}
		t, err := proof.ParseTrust(b)
		if err != nil {
			return nil, usagef("%s: %w", trust, err)
		}
		options = append(options, client.WithTrust(t))
	}
	cl, err := client.Dial(ctx, server, options...)
	return cl, reached(err)
}

func printAudit(c *console.Console, r *ethereum.AuditReport) error {
	if c.JSON {
		return c.Emit(r)
	}
	c.Printf("%s, contract %s\nAnchors of %s by %s up to block %d, against %s records:\n\n",
		network(r.Chain, r.Network, r.Testnet), chain.Address(r.Contract), r.Origin, chain.Address(r.Publisher), r.Block, console.Count(r.Size))
	var rows [][]string
	for _, a := range r.Anchors {
		rows = append(rows, []string{console.Count(a.Size), fmt.Sprint(a.Block), a.Time.Format(time.RFC3339), chain.Hash(a.Tx).String()})
	}
	if len(rows) > 0 {
		c.Table([]string{">RECORDS", ">BLOCK", "TIME", "TRANSACTION"}, rows)
		c.Printf("\n")
	}
	switch {
	case r.Complete && len(r.Anchors) == 0:
		c.Printf("There are none, by the contract's own commitment: is that the account, and the contract, with which the ledger is anchored?\n")
	case r.Complete && len(r.Anchors) == 1:
		c.Printf("This is the only anchor that there is, by the contract's own commitment.\n")
	case r.Complete:
		c.Printf("These are all %d anchors that there are, by the contract's own commitment.\n", len(r.Anchors))
	case len(r.Anchors) == 0:
		c.Printf("None was shown, and the contract commits to some.\n")
	default:
		c.Printf("These are the newest anchors; older ones were not shown.\n")
	}
	if r.Unproved != "" {
		c.Printf("That commitment is what the endpoints say, and not proved from the block: %s\n", r.Unproved)
	}
	for _, f := range r.Findings {
		c.Printf("FOUND %s: %s\n", f.Kind, f.Text)
	}
	if len(r.Findings) == 0 && len(r.Anchors) > 0 {
		c.Printf("The ledger continues %s.\n", plural(len(r.Anchors), "it", "each of them"))
	}
	return nil
}
