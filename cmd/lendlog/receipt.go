// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/store"
)

func newReceiptUpgrade(c *console.Console) *cobra.Command {
	var server, trustFile string
	var shown credentials
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "upgrade FILE... --server URL --trust TRUST",
		Short: "Upgrade receipts and evidence with cosigned checkpoints",
		Long: `Upgrade receipts and evidence: a receipt gets the proof of its record under the
first checkpoint that covers it and that as many witnesses cosigned as the trust file
asks for; evidence gets such a checkpoint, with the proof that it continues its own.
Each file is replaced once what the server sent was verified, and is left as it is
otherwise. --wait waits so long for the witnesses.

Exit code 4 when a file is INCOMPLETE all the same: under a trust file without
witnesses there is nothing to upgrade to, and a record that was there before any
witness had cosigned has no checkpoint before it.

With --json, one line per file: {"file", "upgraded", "verdict"}.`,
		Example: `  lendlog receipt upgrade receipts/receipt-22.json --server http://127.0.0.1:8080 --trust trust.json
  lendlog receipt upgrade file.evidence.json --wait 1m --server http://127.0.0.1:8080 --trust trust.json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := os.ReadFile(trustFile)
			if err != nil {
				return err
			}
			trust, err := proof.ParseTrust(b)
			switch {
			case err != nil:
				return usagef("%s: %w", trustFile, err)
			case trust.Witnesses == nil:
				return usagef("%s names no witnesses; write one that does with lendlog trust --witness", trustFile)
			}
			options, err := shown.options()
			if err != nil {
				return err
			}
			u, err := access.Upgrader(cmd.Context(), server, b, options...)
			if err != nil {
				return err
			}
			defer u.Close()
			ctx, cancel := context.WithTimeout(cmd.Context(), max(wait, 0))
			if wait <= 0 {
				ctx, cancel = cmd.Context(), func() {}
			}
			defer cancel()
			worst := exitOK
			for _, name := range args {
				code, err := upgrade(ctx, c, u, trust, name, wait > 0)
				if err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				worst = worse(worst, code)
			}
			return exit(worst)
		},
	}
	f := cmd.Flags()
	f.StringVar(&server, "server", "", "URL of the server of the ledger, such as http://127.0.0.1:8080")
	f.StringVar(&trustFile, "trust", "", "trust file that names the witnesses, pinned outside the ledger")
	shown.flags(cmd)
	f.DurationVar(&wait, "wait", 0, "how long to wait for the witnesses")
	_ = cmd.MarkFlagRequired("server")
	_ = cmd.MarkFlagRequired("trust")
	_ = cmd.MarkFlagFilename("trust", "json")
	return cmd
}

// upgrade upgrades a file, says so, and returns the exit code of its verdict.
func upgrade(ctx context.Context, c *console.Console, u *access.Upgrades, trust *proof.Trust, name string, wait bool) (code int, err error) {
	upgraded, verdict, err := upgradeFile(ctx, u, trust, name, wait)
	if err != nil {
		return 0, err
	}
	words := "it was upgraded"
	switch {
	case !upgraded && verdict == proof.Incomplete:
		words = "as many witnesses as the trust file asks for have not cosigned it yet; try again later, or with --wait"
	case !upgraded:
		words = "it needs no upgrade"
	case verdict == proof.Incomplete:
		words = "it was upgraded, and lacks something else; lendlog verify says what"
	}
	c.Printf("%s: %v: %s\n", name, verdict, words)
	return verdict.ExitCode(), c.Emit(struct {
		File     string `json:"file"`
		Upgraded bool   `json:"upgraded"`
		Verdict  string `json:"verdict"`
	}{name, upgraded, verdict.String()})
}

// upgradeFile replaces a file by its upgrade, where there is one, and returns
// the verdict on what is there then.
func upgradeFile(ctx context.Context, u *access.Upgrades, trust *proof.Trust, name string, wait bool) (upgraded bool, _ proof.Verdict, err error) {
	old, err := os.ReadFile(name)
	if err != nil {
		return false, 0, err
	}
	kind, err := proof.KindOf(old)
	if err != nil {
		return false, 0, usagef("%w", err)
	}
	fresh, err := old, error(nil)
	if kind == proof.ReceiptFormat {
		var r *proof.Receipt
		if r, err = proof.ParseReceipt(old); err == nil && !witnessed(trust, r.Checkpoint) {
			if err = u.Receipt(ctx, r, wait); err == nil {
				fresh = r.Bytes()
			}
		}
	} else {
		var e *proof.Evidence
		n := 0
		if e, err = proof.ParseEvidence(old); err == nil && len(e.Sections) > 0 {
			err = fmt.Errorf("it has a section %q that this program does not know and would lose: use a newer one", e.Sections[0])
		}
		if err == nil {
			n = len(e.Witnessed)
			err = u.Evidence(ctx, e, wait)
		}
		if err == nil && len(e.Witnessed) > n {
			fresh = e.Bytes()
		}
	}
	if err != nil && !errors.Is(err, proof.ErrUnwitnessed) {
		return false, 0, err
	}
	if upgraded = string(fresh) != string(old); upgraded {
		if err := store.WriteFile(name, fresh, 0o600); err != nil {
			return false, 0, err
		}
	}
	report, err := proof.VerifyDocument(trust, fresh, nil)
	return upgraded, report.Verdict, err
}

// upgradeSaved upgrades receipts that were just saved, where the trust file
// names witnesses, and waits so long for these. That they don't answer, nor the
// server, is a warning: what the receipts are of is recorded.
func upgradeSaved(ctx context.Context, c *console.Console, t target, files []string, wait time.Duration) error {
	b, err := os.ReadFile(t.trust)
	if err != nil {
		return err
	}
	trust, err := proof.ParseTrust(b)
	if err != nil || trust.Witnesses == nil || wait <= 0 {
		return err
	}
	shown, err := t.options()
	if err != nil {
		return err
	}
	later := fmt.Sprintf("later run `lendlog receipt upgrade FILE --server %s --trust %s`", t.server, t.trust)
	u, err := access.Upgrader(ctx, t.server, b, shown...)
	done := 0
	if err == nil {
		defer u.Close()
		c.Notef("Waiting up to %v for the witnesses to cosign what was recorded.", wait)
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, wait)
		defer cancel()
		for _, name := range files {
			var verdict proof.Verdict
			if _, verdict, err = upgradeFile(ctx, u, trust, name, true); err != nil {
				break
			}
			if verdict != proof.Incomplete {
				done++
			}
		}
	}
	if err != nil && !errors.Is(err, access.ErrNetwork) {
		return fmt.Errorf("couldn't upgrade the receipts: %w", err)
	}
	if left := len(files) - done; left > 0 {
		why := fmt.Sprintf("the %d witnesses that the trust file asks for have not cosigned them", trust.Witnesses.Quorum)
		if err != nil {
			why = err.Error()
		}
		c.Warnf("%s of %s receipts are INCOMPLETE so far: %s; %s", console.Count(int64(left)), console.Count(int64(len(files))), why, later)
		return nil
	}
	c.Notef("%s %s upgraded with the cosignatures of witnesses.", console.Count(int64(done)), plural(done, "receipt was", "receipts were"))
	return nil
}

// witnessed reports whether a checkpoint is cosigned as a policy asks for.
func witnessed(trust *proof.Trust, signed []byte) bool {
	_, _, err := trust.OpenWitnessed(signed)
	return err == nil
}
