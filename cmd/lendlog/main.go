// SPDX-License-Identifier: Apache-2.0

// Command lendlog keeps a tamper-evident audit ledger for lending: it makes
// and serves a ledger, submits events and imports files, shows and proves
// records, audits, and verifies evidence offline.
//
// This package parses the command line and wires; what the commands do is in
// the packages they call.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/access"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/console"
	"github.com/lendlog/lendlog/cmd/lendlog/internal/redact"
	"github.com/lendlog/lendlog/ledger"
)

// version is stamped by the linker: -X main.version=v1.2.3.
var version = "dev"

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// The exit codes, the same for every command.
const (
	exitOK         = 0 // done; of a verification: VALID
	exitFailed     = 1 // refused, not found, or an internal error
	exitUsage      = 2 // a wrong call, or a file that is not what it should be
	exitInvalid    = 3 // INVALID: evidence of tampering
	exitIncomplete = 4 // INCOMPLETE: a check could not be made
	exitBreaks     = 5 // of a reconciliation: the two sides do not agree
	exitNetwork    = 6 // the server could not be reached
	exitStore      = 7 // the ledger is held by another process, damaged, or refuses to open
	exitBroken     = 8 // of a monitor: the ledger broke a promise; nothing shows that it lies
)

const exitHelp = `Exit codes: 0 done or VALID, 1 refused, not found or an internal error,
2 wrong call, 3 INVALID (evidence of tampering), 4 INCOMPLETE (a check could not
be made), 5 a reconciliation found breaks, 6 network, 7 the ledger is held by
another process, damaged, or refuses to open, 8 a monitor saw a promise broken.`

// coded is an error that knows its exit code. Without an error in it, what
// there is to say has been said.
type coded struct {
	code int
	err  error
}

func (c coded) Error() string {
	if c.err == nil {
		return fmt.Sprintf("exit code %d", c.code)
	}
	return c.err.Error()
}

func (c coded) Unwrap() error { return c.err }

// usagef is an error of the caller's.
func usagef(format string, args ...any) error {
	return coded{exitUsage, fmt.Errorf(format, args...)}
}

// exit ends a command with a code and nothing more to say.
func exit(code int) error {
	if code == exitOK {
		return nil
	}
	return coded{code: code}
}

// exitCode says how the process ends after an error that a command returned.
func exitCode(err error) int {
	var c coded
	var path *fs.PathError
	var pointer *access.PointerError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &c):
		return c.code
	case errors.Is(err, access.ErrNetwork):
		return exitNetwork
	case errors.Is(err, access.ErrRefusesToOpen), errors.Is(err, ledger.ErrDamaged):
		return exitStore
	case errors.Is(err, access.ErrUntrusted):
		return exitInvalid
	case errors.As(err, &path) && path.Op == "open", errors.As(err, &pointer), errors.Is(err, access.ErrUsage):
		return exitUsage // a file or a member that was named and is not there
	}
	return exitFailed
}

// run is the program. It returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	// The first signal ends a command in good order; after it the default
	// holds again, so that a second one ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	c := console.New(stdin, stdout, stderr)
	root := newRoot(c)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(c.Out)
	root.SetErr(stderr)
	ran := false
	markRuns(root, &ran)
	err := root.ExecuteContext(ctx)
	if err == nil && c.Out.Failed() != nil {
		err = fmt.Errorf("couldn't write the result: %w", c.Out.Failed())
	}
	if err == nil {
		return exitOK
	}
	code := exitCode(err)
	if !ran { // cobra refused the call
		code = exitUsage
		err = fmt.Errorf("%w; see `%s --help`", inFlags(err), calledPath(root, args))
	}
	if silent := (coded{}); errors.As(err, &silent) && silent.err == nil {
		return code
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	var p *client.Problem
	if errors.As(err, &p) && p.Status == http.StatusUnauthorized {
		err = fmt.Errorf("%w; --key-file names the file of a key, or %s holds one", err, keyVariable)
	}
	fmt.Fprintf(stderr, "lendlog: %s\n", oneLine(err))
	return code
}

// inLine makes one line of errors that were joined, and of the paragraph in
// which cobra suggests a command.
var inLine = strings.NewReplacer("\n\nDid you mean this?\n\t", "; did you mean ", "\n\t", " or ", "\n;", ";", "\n", "; ")

func oneLine(err error) string {
	return redact.Keys(console.Clean(inLine.Replace(strings.TrimSpace(err.Error()))))
}

// What cobra says of flags that are missing, or that exclude each other.
var (
	flagsMissing  = regexp.MustCompile(`^required flag\(s\) "(.+)" not set$`)
	flagsExcluded = regexp.MustCompile(`^if any flags in the group \[.+\] are set none of the others can be; \[(.+)\] were all set$`)
)

// inFlags says it with the flags as they are written.
func inFlags(err error) error {
	if m := flagsMissing.FindStringSubmatch(err.Error()); m != nil {
		names := strings.Split(m[1], `", "`)
		return fmt.Errorf("--%s %s required", strings.Join(names, " and --"), plural(len(names), "is", "are"))
	}
	if m := flagsExcluded.FindStringSubmatch(err.Error()); m != nil {
		return fmt.Errorf("--%s do not go together", strings.Join(strings.Fields(m[1]), " and --"))
	}
	return err
}

// calledPath names the command whose help tells what was wrong.
func calledPath(root *cobra.Command, args []string) string {
	if cmd, _, err := root.Find(args); err == nil {
		return cmd.CommandPath()
	}
	return root.CommandPath()
}

// markRuns notes when a command's own code is reached, which tells a wrong
// call from one that failed.
func markRuns(cmd *cobra.Command, ran *bool) {
	if inner := cmd.RunE; inner != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			*ran = true
			return inner(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		markRuns(sub, ran)
	}
}

func newRoot(c *console.Console) *cobra.Command {
	root := &cobra.Command{
		Use:   "lendlog",
		Short: "Keep a tamper-evident audit ledger for lending",
		Long: `lendlog keeps a tamper-evident audit ledger for lending.

Every record is hashed into a Merkle log whose checkpoints are signed. Once a
record's receipt or a later checkpoint is held outside, nobody, the lender's own
administrator included, can change, drop, reorder, hide or back-date it without
an outsider being able to prove it, offline.

` + exitHelp,
		Example: `  lendlog demo
  lendlog init --dir ledger --origin ledger.bank.example/2026
  lendlog serve --dir ledger`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetVersionTemplate("lendlog {{.Version}}\n")
	root.Flags().Bool("version", false, "print the version")
	root.PersistentFlags().BoolVar(&c.JSON, "json", false, "print results as JSON, one document per line, and no progress")
	root.PersistentFlags().BoolVarP(&c.Quiet, "quiet", "q", false, "print no notes and no progress")
	root.AddGroup(
		&cobra.Group{ID: "keep", Title: "Keep a ledger:"},
		&cobra.Group{ID: "use", Title: "Use a ledger:"},
		&cobra.Group{ID: "check", Title: "Check a ledger:"},
	)
	group := func(id string, cmds ...*cobra.Command) {
		for _, cmd := range cmds {
			cmd.GroupID = id
			root.AddCommand(cmd)
		}
	}
	group("keep", newInit(c), newServe(c), newRepair(c), newTrust(c), newKeys(c), newKeeper(c), newAnchor(c), newAccess(c), newConfig(c), newDoctor(c), newLedgers(c))
	group("use", newSubmit(c), newImport(c), newShow(c), newTimeline(c), newQuery(c), newTail(c), newProve(c), newReceipt(c), newBundle(c), newClose(c), newDue(c), newFindings(c), newStats(c), newTypes(c), newExport(c))
	group("check", newVerify(c), newAudit(c), newMonitor(c), newWitnessing(c), newReconcile(c), newDemo(c), newGenerate(c), newBench(c))
	root.AddCommand(newVersion(c))
	root.InitDefaultCompletionCmd(root.CommandPath())
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			cmd.Short = "Print a script that completes commands in your shell"
			cmd.Example = "  source <(lendlog completion bash)"
		}
	}
	return root
}

// takes demands exactly the arguments that are named, which may be none, in
// words that a person understands.
func takes(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == len(names):
			return nil
		case len(names) == 0:
			return fmt.Errorf("%s takes flags only, and no argument", cmd.Name())
		}
		return fmt.Errorf("%s takes %s, and nothing else", cmd.Name(), strings.Join(names, " and "))
	}
}

func newVersion(c *console.Console) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long: `Print the version.

With --json: {"version"}.`,
		Example: "  lendlog version",
		Args:    takes(),
		RunE: func(*cobra.Command, []string) error {
			c.Printf("lendlog %s\n", version)
			return c.Emit(struct {
				Version string `json:"version"`
			}{version})
		},
	}
}
