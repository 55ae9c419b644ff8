// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/proof/chain"
)

func newTrust(c *console.Console) *cobra.Command {
	var dir, server, pinned, announced string
	var shown credentials
	var submitters bool
	var d demands
	cmd := &cobra.Command{
		Use:   "trust {--dir DIR | --server URL | --trust FILE}",
		Short: "Print the trust file to hand to whoever verifies",
		Long: `Print the trust file: the genesis hash and the public keys that evidence is
verified with (lendlog-trust/1). It is public. Whoever takes it from the lender
trusts the lender for it; see docs/auditors.md. With --trust it is made of a trust
file that was pinned, and no ledger is needed: so an auditor asks for more. What
--witness and --stamp-root say then takes the place of what the file says of it.

With --witness, once for each, the trust file asks that --quorum of these witnesses
have cosigned: a fresh receipt is then INCOMPLETE until it is upgraded. The key of a
witness is NAME+ID+KEY; take it from whoever runs the witness.

With --chain, once for each, it asks that every record is anchored on one of these
chains, by that contract and by one of its publishers: ID:CONTRACT:PUBLISHER, ID being
that of the chain. With --block it also names blocks that a chain has, finally, as you
found out: else whoever verifies has to. With --stamp-root, once for each, it asks for
time stamps of --stamps of the authorities under these root certificates (PEM).

With --submitters it asks for the signatures of submitters, by the keys of which the
ledger has records, each in its range ("lendlog keys rotate submitter"): evidence is
then INCOMPLETE that does not disclose all of a record, or whose event is not signed.
Ask the submitters whether these are their keys. While a server holds the ledger, ask
that, with --server.

With --announced, the new checkpoint keys are added that evidence in this file shows
the ledger to have announced, each under one that the trust file names already.`,
		Example: `  lendlog trust --dir ledger > trust.json
  lendlog trust --dir ledger --quorum 2 --witness KEY --witness KEY --witness KEY > trust.json
  lendlog trust --trust trust.json --quorum 1 --witness KEY > asks-for-more.json
  lendlog trust --dir ledger --chain 1:0xC5712a6f61429062C84b8E3074d047E53233c1DD:0x71562b71999873DB5b286dF957af199Ec94617F7 > trust.json
  lendlog trust --trust trust.json --announced evidence.json > newer.json
  lendlog trust --server https://ledger.bank.example --submitters > trust.json
  lendlog trust --dir ledger --stamps 2 --stamp-root a.pem --stamp-root b.pem > trust.json`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var b []byte
			var err error
			switch {
			case pinned != "":
				b, err = os.ReadFile(pinned)
			case server != "":
				b, err = servedTrust(cmd.Context(), server, shown, submitters)
			case dir != "" && submitters:
				b, err = askingSubmitters(cmd.Context(), dir)
			case dir != "":
				b, err = trustFile(cmd.Context(), dir)
			default:
				return usagef("say of which ledger: --dir DIR, --server URL, or --trust FILE, a trust file to add to")
			}
			if err != nil {
				return err
			}
			t, err := proof.ParseTrust(b)
			if err != nil {
				return usagef("%s: %w", cmp.Or(pinned, server, dir), err)
			}
			if announced != "" {
				if t, err = withAnnounced(t, announced); err != nil {
					return err
				}
				b = t.Bytes()
			}
			if asks, err := d.add(t); err != nil {
				return usagef("%w", err)
			} else if asks {
				b = t.Bytes()
				if _, err := proof.ParseTrust(b); err != nil {
					return usagef("with what is asked for that is no trust file: %w", err)
				}
			}
			_, err = c.Out.Write(b)
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&dir, "dir", "", "directory of the ledger")
	f.StringVar(&pinned, "trust", "", "trust file to add to, where there is no directory")
	_ = cmd.MarkFlagDirname("dir")
	_ = cmd.MarkFlagFilename("trust", "json")
	f.StringVar(&server, "server", "", "URL of the server that holds the ledger, which is believed")
	shown.flags(cmd)
	cmd.MarkFlagsMutuallyExclusive("dir", "server", "trust")
	for _, without := range []string{"dir", "trust"} {
		shown.notWith(cmd, without)
	}
	f.BoolVar(&submitters, "submitters", false, "ask for signatures of submitters, by the keys that the ledger announced")
	cmd.MarkFlagsMutuallyExclusive("submitters", "trust")
	f.StringVar(&announced, "announced", "", "evidence that shows which new checkpoint keys the ledger announced")
	_ = cmd.MarkFlagFilename("announced", "json")
	f.StringArrayVar(&d.witnesses.Keys, "witness", nil, "key of a witness to ask for, NAME+ID+KEY; may be given several times")
	f.IntVar(&d.witnesses.Quorum, "quorum", 0, "how many of the witnesses have to have cosigned")
	f.StringArrayVar(&d.chains, "chain", nil, "contract on a chain and a publisher to ask for, ID:CONTRACT:PUBLISHER; may be given several times")
	f.StringArrayVar(&d.blocks, "block", nil, "a block that a chain has, finally, ID:NUMBER:HASH, or with :TIME behind; may be given several times")
	f.StringArrayVar(&d.roots, "stamp-root", nil, "root certificate of an authority for time stamps; may be given several times")
	_ = cmd.MarkFlagFilename("stamp-root", "pem")
	f.IntVar(&d.stamps, "stamps", 0, "how many of the authorities have to have stamped (default all)")
	return cmd
}

// errNoSubmitters: there are no signatures to ask for.
var errNoSubmitters = usagef("--submitters: the ledger has no record of a submitter's key: see `lendlog keys rotate submitter --help`")

// servedTrust is the trust file that a server hands out.
func servedTrust(ctx context.Context, server string, shown credentials, submitters bool) ([]byte, error) {
	options, err := shown.options()
	if err != nil {
		return nil, err
	}
	t, _, err := access.ServedTrust(ctx, server, options...)
	switch {
	case err != nil:
		return nil, err
	case !submitters:
		t.Submitters = nil
	case len(t.Submitters) == 0:
		return nil, errNoSubmitters
	}
	return t.Bytes(), nil
}

// askingSubmitters is the trust file of a ledger, with the keys of its submitters.
func askingSubmitters(ctx context.Context, dir string) ([]byte, error) {
	l, err := openDir(ctx, dir)
	if err != nil {
		return nil, err
	}
	keys := l.SubmitterKeys()
	if err := l.Close(); err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, errNoSubmitters
	}
	b, err := trustFile(ctx, dir)
	if err != nil {
		return nil, err
	}
	t, err := proof.ParseTrust(b)
	if err != nil {
		return nil, err
	}
	t.Submitters = keys
	return t.Bytes(), nil
}

// withAnnounced adds the keys that evidence shows to be announced.
func withAnnounced(t *proof.Trust, file string) (*proof.Trust, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	e, err := proof.ParseEvidence(b)
	if err != nil {
		return nil, usagef("%s: %w", file, err)
	}
	later, last := t.Announced(e.Records)
	if last < 0 {
		return nil, usagef("%s announces no key that the trust file does not name, under one that it names", file)
	}
	if r := proof.Verify(later, e); r.Verdict == proof.Invalid {
		return nil, coded{exitInvalid, fmt.Errorf("%s is INVALID with the keys that it announces: it shows nothing", file)}
	}
	return later, nil
}

// demands are what is added to a trust file.
type demands struct {
	witnesses             proof.Witnesses
	chains, blocks, roots []string
	stamps                int
}

// add puts the demands into a policy, and returns whether there are any.
func (d *demands) add(t *proof.Trust) (bool, error) {
	asks := false
	if len(d.witnesses.Keys) > 0 || d.witnesses.Quorum != 0 {
		if len(d.witnesses.Keys) == 0 || d.witnesses.Quorum == 0 {
			return false, errors.New("--witness and --quorum go together: say which witnesses, and how many of them have to have cosigned")
		}
		t.Witnesses, asks = &d.witnesses, true
	}
	for _, s := range d.chains {
		if err := addChain(t, s); err != nil {
			return false, fmt.Errorf("--chain %s: %w", s, err)
		}
		asks = true
	}
	for _, s := range d.blocks {
		if err := t.AddBlock(s); err != nil {
			return false, fmt.Errorf("--block %s: %w", s, err)
		}
		asks = true
	}
	if len(d.roots) > 0 || d.stamps != 0 {
		t.Stamps, asks = &proof.Stamps{Quorum: d.stamps}, true
		for _, name := range d.roots {
			list, err := certificates(name)
			if err != nil {
				return false, fmt.Errorf("--stamp-root %s: %w", name, err)
			}
			t.Stamps.Roots = append(t.Stamps.Roots, list...)
		}
		if t.Stamps.Quorum == 0 {
			t.Stamps.Quorum = len(t.Stamps.Roots)
		}
	}
	return asks, nil
}

// networks are the chains that have names of their own, and whether they are for
// trying things out.
var networks = map[uint64]struct {
	name    string
	testnet bool
}{
	1: {"Ethereum", false}, 560048: {"Hoodi", true}, 11155111: {"Sepolia", true},
	1337: {"a development chain", true}, 31337: {"a development chain", true},
}

// addChain adds ID:CONTRACT:PUBLISHER.
func addChain(t *proof.Trust, s string) error {
	parts := strings.Split(s, ":")
	if len(parts) != 3 {
		return errors.New("it is written ID:CONTRACT:PUBLISHER, of which ID is that of the chain")
	}
	id, err := strconv.ParseUint(parts[0], 10, 53)
	if err != nil || id == 0 {
		return errors.New("the id of a chain is a number from 1 on")
	}
	contract, err := chain.ParseChecksummed(parts[1])
	if err != nil {
		return fmt.Errorf("the address of the contract: %w", err)
	}
	publisher, err := chain.ParseChecksummed(parts[2])
	if err != nil {
		return fmt.Errorf("the address of the publisher: %w", err)
	}
	i := slices.IndexFunc(t.Chains, func(c proof.Chain) bool { return c.ID == id && c.Contract == contract })
	if i < 0 {
		i = len(t.Chains)
		t.Chains = append(t.Chains, proof.Chain{ID: id, Contract: contract, Name: networks[id].name, Testnet: networks[id].testnet})
	}
	t.Chains[i].Publishers = append(t.Chains[i].Publishers, proof.Publisher{Address: publisher})
	return nil
}

// certificates reads a PEM file.
func certificates(name string) (list []*x509.Certificate, err error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	for rest := b; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	if len(list) == 0 || !bytes.Contains(b, []byte("CERTIFICATE")) {
		return nil, errors.New("it holds no certificate in PEM")
	}
	return list, nil
}
