// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/monitor"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/redact"
)

// What the command of --exec may take.
const (
	execTimeout = time.Minute
	execRest    = 5 * time.Second // after it was told to end
)

func newMonitor(c *console.Console) *cobra.Command {
	var conf monitor.Config
	var trustFile, command string
	var shown credentials
	var once bool
	cmd := &cobra.Command{
		Use:   "monitor --server URL --trust TRUST --state DIR",
		Short: "Follow somebody else's ledger, and tell when it lies",
		Long: `Ask a server again and again, with nothing but a trust file that was pinned outside of
it, and hold every answer against what was seen before: the ledger only grows; every
checkpoint is signed by a key that may sign it and continues the one before; the
ledger begins with the record that is pinned; records are not dated before the last
time when they were not there yet; a checkpoint that the trust file's witnesses
cosigned comes as often as the genesis record promises, or, where it names none, any
new checkpoint. With --receipts, every receipt in a directory is held against the
ledger, its record byte for byte; checkpoints and evidence may lie there too, such as
those of other monitors. With --deep N, every N-th round, the first one included,
reads the whole log and derives it again, as "lendlog audit --server" does.

What was seen is in the state directory: a later run goes on from there, and finds
what was rolled back in between. Each monitor needs a directory of its own. A new key
that the ledger announced, under one of the trust file, is followed, told once, and
kept there with what shows it.

On the first lie it saves the evidence in DIR/evidence/TIME-KIND, with a README that
says what it shows and how anybody verifies it, prints it, calls the command of
--exec, and ends. A promise that was broken (no checkpoint in time, a wrong date) is
saved, printed and called for once, and it goes on. A server that cannot be reached is
no lie: it is asked again. A round has an hour, one that reads the whole log a day.

  lies               fork, rollback, checkpoint, genesis, altered, gone, audit, answer
  broken promises    stalled, clock

The command of --exec is run by "sh -c" as it stands, with the environment variable
LENDLOG_LIE or LENDLOG_BROKEN_PROMISE, the kind, and LENDLOG_EVIDENCE, the absolute
path of the directory with the evidence, and has a minute. Nothing that a server sent
is in either.

It ends with exit code 3 after a lie; with --once, also with 8 when a promise is
broken, 6 when the server was not reached, 4 when something could not be checked (an
unreadable receipt, tiles that are not public, demands of the trust file); and with 0
when it is interrupted.

With --json, one line per round and finding: {"time", "event", "size", "grown",
"kept", "deep", "kind", "text", "evidence"}; "event" is "round", "keys", "unanswered",
"unchecked", "broken-promise" or "lie".`,
		Example: `  lendlog monitor --server https://ledger.bank.example --trust trust.json --state watch
  lendlog monitor --server https://ledger.bank.example --trust trust.json --state watch \
    --receipts receipts --interval 10m --deep 144 --exec './alert.sh "$LENDLOG_EVIDENCE"'
  lendlog monitor --server https://ledger.bank.example --trust trust.json --state watch --once`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			var err error
			if conf.Trust, err = os.ReadFile(trustFile); err != nil {
				return err
			}
			if conf.Key, err = shown.readKey(); err != nil {
				return err
			}
			if conf.TLS, err = shown.tls(); err != nil {
				return err
			}
			if conf.Every <= 0 {
				return usagef("--interval is a time such as 1m")
			}
			if conf.Deep < 0 {
				return usagef("--deep is a number of rounds; 0 is never")
			}
			conf.Tell = func(ctx context.Context, e monitor.Event) {
				tellMonitored(c, e)
				if command == "" {
					return
				}
				if err := alert(ctx, c, command, e); err != nil {
					c.Warnf("couldn't run the command of --exec: %v", err)
				}
			}
			m, err := monitor.Open(conf)
			if err != nil {
				return monitorError(err)
			}
			defer m.Close()
			if !once {
				err = m.Run(ctx)
				if ctx.Err() != nil && errors.Is(err, context.Canceled) {
					return nil // it ends no other way
				}
				return monitorError(err)
			}
			round, err := m.Round(ctx)
			switch {
			case err != nil && !errors.Is(err, monitor.ErrUnanswered):
				return monitorError(err)
			case len(round.Broken) > 0:
				return exit(exitBroken)
			case err != nil:
				return monitorError(err)
			case round.Unchecked > 0:
				return exit(exitIncomplete)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&conf.Server, "server", "", "URL of the server to watch, such as https://ledger.bank.example")
	f.StringVar(&trustFile, "trust", "", "trust file, pinned outside the ledger")
	shown.flags(cmd)
	f.StringVar(&conf.State, "state", "", "directory for what was seen, and for evidence; it is made where it is absent")
	f.StringVar(&conf.Receipts, "receipts", "", "directory of receipts, checkpoints and evidence that the ledger has to stand by")
	f.DurationVar(&conf.Every, "interval", time.Minute, "time between two rounds")
	f.BoolVar(&once, "once", false, "make one round and end")
	f.StringVar(&command, "exec", "", "command for a shell to run on a lie or a broken promise")
	f.IntVar(&conf.Deep, "deep", 0, "read the whole log and derive it again in every so many-th round (default: never)")
	for _, name := range []string{"server", "trust", "state"} {
		_ = cmd.MarkFlagRequired(name)
	}
	_ = cmd.MarkFlagFilename("trust", "json")
	_ = cmd.MarkFlagDirname("state")
	_ = cmd.MarkFlagDirname("receipts")
	return cmd
}

// monitorError says how a monitor ends. What it found, it has told.
func monitorError(err error) error {
	var f *monitor.Finding
	switch {
	case errors.As(err, &f):
		return exit(exitInvalid)
	case errors.Is(err, monitor.ErrUnanswered):
		return exit(exitNetwork)
	case errors.Is(err, monitor.ErrUsage):
		return coded{exitUsage, err}
	}
	return err
}

// tellMonitored prints what a monitor has to say.
func tellMonitored(c *console.Console, e monitor.Event) {
	e.Text = redact.Text(e.Text) // a server's answer may be in it
	_ = c.Emit(e)                // an error stays with the output
	at := e.Time.Format(time.RFC3339)
	text := console.Clean(e.Text)
	switch e.Event {
	case "round":
		c.Printf("%s  %s records", at, console.Count(e.Size))
		if e.Grown > 0 {
			c.Printf(", %s more", console.Count(e.Grown))
		}
		if e.Kept > 0 {
			c.Printf(", stands by %s of what was kept", console.Count(int64(e.Kept)))
		}
		if e.Deep {
			c.Printf(", derived again")
		}
		c.Printf("\n")
	case "unanswered", "unchecked", "keys":
		if !c.JSON {
			c.Warnf("%s  %s", e.Event, text)
		}
	case "broken-promise":
		c.Printf("%s  %s %s: %s\n", at, c.Paint(console.Unsure, "BROKEN PROMISE"), e.Kind, text)
	case "lie":
		c.Printf("%s  %s %s: %s\n", at, c.Paint(console.Bad, "LIE"), e.Kind, text)
	}
	if e.Evidence != "" {
		c.Printf("    evidence  %s\n", console.Clean(filepath.Join(e.Evidence, "README.txt")))
	}
}

// alert runs the command of --exec for a finding. What it prints goes where
// notes go.
func alert(ctx context.Context, c *console.Console, command string, e monitor.Event) error {
	name := map[string]string{"lie": "LENDLOG_LIE", "broken-promise": "LENDLOG_BROKEN_PROMISE"}[e.Event]
	if name == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, execTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Env = append(os.Environ(), name+"="+e.Kind, "LENDLOG_EVIDENCE="+e.Evidence)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = c.Err, c.Err, execRest
	return cmd.Run()
}
