// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/api"
	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/ledger"
	"github.com/lendlog/lendlog/ledger/anchor"
)

func newAnchor(c *console.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "anchor",
		Short: "Anchor checkpoints outside, and look after that",
		Long: `Checkpoints of a ledger are anchored outside of it, where the lender cannot take them
back: in a contract on an Ethereum chain, or by time-stamp authorities (RFC 3161).
"lendlog serve --anchors FILE" does so while it serves; no event waits for an anchor,
and none is refused because one cannot be made. docs/anchors.md describes the file.

The commands here ask a running server with --server, or work on the directory of a
ledger that no server holds, with --dir and --anchors.`,
		Example: `  lendlog serve --dir ledger --anchors anchors.yaml
  lendlog anchor status --server http://127.0.0.1:8080`,
	}
	cmd.AddCommand(newAnchorStatus(c), newAnchorNow(c), newAnchorResume(c), newAnchorDeploy(c), newAnchorAudit(c), newAnchorExport(c))
	return cmd
}

// anchored is where the anchors are that a command works on: those of a server,
// or of a directory and an anchors file.
type anchored struct {
	dir, server, file string
	credentials
}

func (a *anchored) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&a.dir, "dir", "", "directory of a ledger that no server holds")
	f.StringVar(&a.server, "server", "", "URL of a server, such as http://127.0.0.1:8080")
	f.StringVar(&a.file, "anchors", "", "anchors file, with --dir")
	a.credentials.flags(cmd)
	_ = cmd.MarkFlagDirname("dir")
	_ = cmd.MarkFlagFilename("anchors")
	cmd.MarkFlagsMutuallyExclusive("dir", "server")
	cmd.MarkFlagsMutuallyExclusive("anchors", "server")
	cmd.MarkFlagsRequiredTogether("dir", "anchors")
}

// with hands what is reached to one of two functions.
func (a *anchored) with(ctx context.Context, c *console.Console, remote func(*client.Client) error, local func(*ledger.Ledger, *anchor.Group) error) (err error) {
	switch {
	case a.server != "":
		cl, err := dialPinned(ctx, a.server, "", a.credentials)
		if err != nil {
			return err
		}
		defer cl.Close()
		return reached(remote(cl))
	case a.dir == "":
		return usagef("say whose anchors: --server URL, or --dir DIR and --anchors FILE when no server holds the ledger")
	}
	file, err := readAnchors(a.file)
	if err != nil {
		return err
	}
	if _, _, err := ledger.Locate(a.dir); err != nil {
		return usagef("%w", err)
	}
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	progress := c.Progress()
	l, err := access.Open(ctx, a.dir, ledger.Options{Progress: progress.Set})
	progress.Done()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	g, closing, err := file.group(l, a.dir, logger, nil)
	defer func() { err = errors.Join(err, closing()) }()
	if err != nil {
		return err
	}
	return local(l, g)
}

// reached gives the errors of a client the exit codes of this program.
func reached(err error) error {
	var p *client.Problem
	switch {
	case errors.As(err, &p) && p.Status == 404:
		return usagef("%s", p.Detail)
	case errors.Is(err, client.ErrUnreachable):
		return coded{exitNetwork, err}
	case errors.Is(err, client.ErrURL), errors.Is(err, client.ErrKey):
		return coded{exitUsage, err}
	}
	return err
}

// targetsOf returns what a server would say of a group.
func targetsOf(g *anchor.Group) (all []client.Target, err error) {
	for _, s := range g.Status() {
		var t client.Target
		b, err := json.Marshal(api.TargetDocument(s))
		if err == nil {
			err = json.Unmarshal(b, &t)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

func newAnchorStatus(c *console.Console) *cobra.Command {
	var a anchored
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show how anchoring goes",
		Long: `Show of each target what is under way, what is final, and what keeps it from going on.
A testnet is labelled so wherever it is shown. With --dir nothing is asked of anybody:
it is what was remembered when the ledger was last served.

With --json: {"targets": […]}, as GET /v1/anchors answers.`,
		Example: `  lendlog anchor status --server http://127.0.0.1:8080
  lendlog anchor status --dir ledger --anchors anchors.yaml`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd.Context(), c, func(cl *client.Client) error {
				all, err := cl.Targets(cmd.Context())
				if err != nil {
					return err
				}
				return printTargets(c, all)
			}, func(_ *ledger.Ledger, g *anchor.Group) error {
				all, err := targetsOf(g)
				if err != nil {
					return err
				}
				return printTargets(c, all)
			})
		},
	}
	a.flags(cmd)
	return cmd
}

// labelled is the name of a target, and that it is a testnet where it is one.
func labelled(t client.Target) string {
	if t.Testnet {
		return t.Name + " (testnet)"
	}
	return t.Name
}

func printTargets(c *console.Console, all []client.Target) error {
	if c.JSON {
		return c.Emit(struct {
			Targets []client.Target `json:"targets"`
		}{all})
	}
	if len(all) == 0 {
		c.Printf("It anchors nowhere.\n")
		return nil
	}
	var rows [][]string
	for _, t := range all {
		final, waiting := "none yet", "nothing"
		if t.Final > 0 {
			final = fmt.Sprintf("%s records, %s", console.Count(t.Final), t.FinalTime.UTC().Format(time.RFC3339))
		}
		if !t.Waiting.IsZero() {
			waiting = "since " + t.Waiting.UTC().Format(time.RFC3339)
			if t.Stale {
				waiting += ", too long"
			}
		}
		rows = append(rows, []string{labelled(t), t.Kind, t.State, final, waiting})
	}
	c.Table([]string{"TARGET", "KIND", "STATE", "FINAL", "WAITING"}, rows)
	for _, t := range all {
		for _, alarm := range t.Alarms {
			c.Printf("\n%s: ALARM: %s\n", labelled(t), console.Clean(alarm))
		}
		for _, why := range slices.Compact([]string{t.Degraded, t.Failing}) {
			if why != "" {
				c.Printf("\n%s: %s\n", labelled(t), console.Clean(why)) // authorities and endpoints speak in it
			}
		}
	}
	return nil
}

func newAnchorNow(c *console.Console) *cobra.Command {
	var a anchored
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "now [TARGET]",
		Short: "Anchor the newest checkpoint, and wait until that is final",
		Long: `Have the newest checkpoint anchored in a target, or in all of them, without waiting
until it is due, and wait until that is final. Where every record is under a final
anchor already nothing is done. To anchor a ledger on another chain, add a target to
the anchors file and call this: a newer checkpoint covers all records before it, so
there is nothing to move.

With --dir the ledger is opened, and anchored while this waits. When it ends before
the anchor is final, what is under way goes on at the next time. A server that asks
witnesses anchors what they cosigned; with --dir nobody is asked, and the newest
checkpoint is anchored.

With --json: {"targets": […]}, as GET /v1/anchors answers.`,
		Example: `  lendlog anchor now hoodi --server http://127.0.0.1:8080
  lendlog anchor now --dir ledger --anchors anchors.yaml --wait 1h`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			target := strings.Join(args, "")
			ctx, cancel := cmd.Context(), context.CancelFunc(func() {})
			if wait > 0 || a.server == "" {
				ctx, cancel = context.WithTimeout(ctx, wait)
			}
			defer cancel()
			var last []client.Target
			err := a.with(cmd.Context(), c, func(cl *client.Client) (err error) {
				if last, err = cl.AnchorNow(ctx, target); err != nil || wait == 0 {
					return err
				}
				return settled(ctx, c, target, func() ([]client.Target, error) {
					var err error
					last, err = cl.Targets(ctx)
					return last, err
				})
			}, func(l *ledger.Ledger, g *anchor.Group) error {
				if err := g.Now(target); err != nil {
					return usagef("%w", err)
				}
				return whileRunning(l, g, func() error {
					return settled(ctx, c, target, func() ([]client.Target, error) {
						var err error
						last, err = targetsOf(g)
						return last, err
					})
				})
			})
			if err != nil {
				return err
			}
			return printTargets(c, last)
		},
	}
	a.flags(cmd)
	cmd.Flags().DurationVar(&wait, "wait", 30*time.Minute, "how long to wait until it is final; with --server 0 does not wait")
	return cmd
}

// whileRunning runs a ledger and a group while do runs.
func whileRunning(l *ledger.Ledger, g *anchor.Group, do func() error) error {
	stopLedger, ledgerEnded := beside(l.Run)
	stopGroup, groupEnded := beside(g.Run)
	err := do()
	stopGroup()
	err = errors.Join(err, <-groupEnded)
	stopLedger()
	return errors.Join(err, <-ledgerEnded)
}

// beside runs something until it is stopped.
func beside(run func(context.Context) error) (stop context.CancelFunc, ended chan error) {
	ctx, stop := context.WithCancel(context.Background())
	ended = make(chan error, 1)
	go func() { ended <- run(ctx) }()
	return stop, ended
}

// settled waits until no record of a target, of any for "", waits for an anchor. When the
// time is up it says what was waited for, also where that is in the middle of a question.
func settled(ctx context.Context, c *console.Console, target string, ask func() ([]client.Target, error)) error {
	said := map[string]string{}
	var open []string
	var hint string
	unsettled := func() error { return fmt.Errorf("nothing is final yet: %s; %s", strings.Join(open, ", "), hint) }
	for first := true; ; first = false {
		all, err := ask()
		switch {
		case err != nil && ctx.Err() != nil && len(open) > 0:
			return unsettled()
		case err != nil:
			return err
		}
		open, hint = nil, "it goes on when the ledger is served, or when this is called again"
		for _, t := range all {
			if target != "" && t.Name != target {
				continue
			}
			if is := t.State + " " + t.Degraded; said[t.Name] != is {
				said[t.Name] = is
				c.Notef("%s: %s of %s records%s", labelled(t), t.State, console.Count(t.Size), reason(t))
			}
			if first || !t.Waiting.IsZero() || t.Size > t.Final {
				open = append(open, fmt.Sprintf("%s is %s%s", labelled(t), t.State, reason(t)))
				if len(t.Alarms) > 0 {
					hint = "that is an alarm: see `lendlog anchor status`, and docs/anchors.md"
				}
			}
		}
		if len(open) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return unsettled()
		case <-time.After(250 * time.Millisecond):
		}
	}
}

func reason(t client.Target) string {
	if t.Degraded == "" {
		return ""
	}
	return ": " + console.Clean(t.Degraded)
}

func newAnchorResume(c *console.Console) *cobra.Command {
	var a anchored
	cmd := &cobra.Command{
		Use:   "resume TARGET",
		Short: "Take what stopped a target as settled",
		Long: `Take the alarms of a target, and what stopped it, as settled, after you have looked
into them: a transaction that somebody else sent from its account, an anchor that
nobody made here, a contract that refused. The target then goes on with the newest
checkpoint.

With --dir it is remembered for the next time that the ledger is served. With --json:
{"targets": […]}, as GET /v1/anchors answers.`,
		Example: `  lendlog anchor resume hoodi --server http://127.0.0.1:8080
  lendlog anchor resume hoodi --dir ledger --anchors anchors.yaml`,
		Args: takes("TARGET"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var all []client.Target
			err := a.with(cmd.Context(), c, func(cl *client.Client) (err error) {
				all, err = cl.ResumeAnchors(cmd.Context(), args[0])
				return err
			}, func(_ *ledger.Ledger, g *anchor.Group) (err error) {
				if err := g.ResumeStopped(args[0]); err != nil {
					return usagef("%w", err)
				}
				all, err = targetsOf(g)
				return err
			})
			if err != nil {
				return err
			}
			return printTargets(c, all)
		},
	}
	a.flags(cmd)
	return cmd
}

func newAnchorExport(c *console.Console) *cobra.Command {
	var dir, server string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Print all anchors that became final, a line of JSON each",
		Long: `Print the archive of anchors, the oldest first, a line of JSON each: the checkpoint,
and what proves offline that it was anchored, as evidence carries it. Keep it outside:
whoever has a line needs nobody's help to show what the ledger had when it was
anchored.

It is the same with --json.`,
		Example: `  lendlog anchor export --dir ledger > anchors.ndjson
  lendlog anchor export --server http://127.0.0.1:8080`,
		Args: takes(),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			ctx := cmd.Context()
			switch {
			case server != "":
				cl, err := dialPinned(ctx, server, "", credentials{})
				if err != nil {
					return err
				}
				defer cl.Close()
				for from, more := 0, true; more; more = from != 0 {
					var page []json.RawMessage
					if page, from, err = cl.Anchors(ctx, from); err != nil {
						return reached(err)
					}
					for _, line := range page {
						fmt.Fprintf(c.Out, "%s\n", line)
					}
				}
				return nil
			case dir == "":
				return usagef("say which ledger: --dir DIR, or --server URL when a server holds it")
			}
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
			for _, a := range l.Anchored() {
				fmt.Fprintf(c.Out, "%s\n", a.Value().Bytes())
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&dir, "dir", "", "directory of a ledger that no server holds")
	f.StringVar(&server, "server", "", "URL of a server, such as http://127.0.0.1:8080")
	_ = cmd.MarkFlagDirname("dir")
	cmd.MarkFlagsMutuallyExclusive("dir", "server")
	return cmd
}
