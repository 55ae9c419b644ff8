// SPDX-License-Identifier: Apache-2.0

package ledger_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/lendlog/lendlog/"

// rules say who may import whom, and why. A package is named below the
// module; a trailing "…" means everything below it. A dependency counts when
// it is imported directly by a file that is not a test.
var rules = []struct {
	dependency string
	only       []string // packages that may import it; none: nobody
	why        string
}{
	{"github.com/dgraph-io/badger/…", []string{"ledger/store"},
		"the engine has to run on another store one day, so no Badger type may leave ledger/store"},
	{"github.com/gin-gonic/…", []string{"api"},
		"HTTP is one way in; everything below api has to work without it"},
	{"github.com/ethereum/…", []string{"ledger/anchor/ethereum/…", "contracts/…", "ledger/proof/chain/chaintest"},
		"go-ethereum is large and LGPL; only the anchor may need it"},
	{"cel.dev/…", []string{"ledger/policy"},
		"replaying decisions is a subject of its own"},
	{"github.com/parquet-go/…", []string{"ledger/export"},
		"Parquet is one format of exports; whoever verifies evidence must not link it"},
	{module + "api/…", []string{"api", "api/host", "api/session", "api/signin", "api/web", "cmd/…"},
		"the engine must not know who calls it"},
	{module + "api/web", []string{"cmd/…"},
		"the console is a client of the API"},
	{module + "api/keys", []string{"api", "api/host", "api/session", "api/signin", "api/web", "cmd/…"},
		"whoever reads a ledger must not need what lets others in"},
	{module + "cmd/…", []string{"cmd/…"},
		"main wires; nothing may depend on it"},
	{module + "ledger", []string{"api", "api/keys", "cmd/…", "ledger/…"},
		"the console and the SDK see a ledger through its API only"},
	{module + "ledger/anchor/…", []string{"ledger/anchor/…", "api", "cmd/…"},
		"an append never waits for who is asked after it"},
	{module + "ledger/selfaudit", []string{"api", "cmd/…"},
		"a ledger does not know who audits it"},
	{module + "ledger/signer", []string{"ledger/vault"},
		"which command signs, and that nothing of it is believed, is said where keys are kept"},
	{module + "ledger/command", []string{"ledger/signer", "ledger/keeper"},
		"what a command is asked, and that it is not believed, is said there"},
	{module + "ledger/keeper/custody", []string{"cmd/lendlog", "ledger/keeper/keepertest"},
		"a ledger must not have the key that somebody else keeps"},
	{module + "ledger/keeper/keepertest", nil,
		"it is for tests, and misbehaves"},
	{module + "ledger/signer/signertest", nil,
		"it is for tests, and signs what it is not asked to"},
	{module + "ledger/ledgertest", nil,
		"it is for tests"},
	{module + "ledger/ledgertest/scale", []string{"ledger/anchor/ethereum/ethtest"},
		"it is for tests"},
	{module + "ledger/anchor/ethereum/ethtest", nil,
		"it is for tests, and runs whole nodes"},
	{"github.com/coreos/go-oidc/…", []string{"api/signin"},
		"who somebody is, is asked in one place"},
	{"golang.org/x/oauth2", []string{"api/signin"},
		"who somebody is, is asked in one place"},
	{"github.com/zitadel/…", []string{"api/signin/oidctest"},
		"it is a provider, for tests"},
	{module + "api/signin/oidctest", nil,
		"it is for tests"},
	{module + "ledger/proof/chain/chaintest", nil,
		"it is for tests"},
	{module + "ledger/proof/timestamp/timestamptest", nil,
		"it is for tests"},
	{module + "api/certificate/certtest", nil,
		"it is for tests"},
	{"testing", []string{"ledger/ledgertest", "ledger/keeper/keepertest", "ledger/anchor/ethereum/ethtest", "api/certificate/certtest", "api/signin/oidctest"},
		"a program must not carry the test framework"},
}

// pure lists packages that do no I/O, so that a verifier can be trusted with
// hostile bytes and nothing else.
var pure = []string{
	"ledger/canon", "ledger/tree", "ledger/mpt", "ledger/replay", "ledger/term", "ledger/record", "ledger/seal", "ledger/proof", "ledger/proof/chain", "ledger/proof/timestamp",
	"ledger/story", "ledger/rule", "ledger/due", "ledger/stats", "ledger/reconcile", "ledger/hmda", "ledger/lifecycle", "ledger/index", "ledger/export", "ledger/access", "ledger/spelling", "ledger/look", "ledger/borrower",
	"api/web/chart",
}

var impure = []string{"os", "os/exec", "net", "net/http", "database/sql", "syscall"}

type pkg struct {
	ImportPath string
	Imports    []string
	Doc        string
	GoFiles    []string
	Module     *struct{ Path string }
}

func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,Doc,GoFiles,Module"}, args...)...).Output()
	if err != nil {
		var ee *exec.ExitError
		if errors.As(err, &ee) {
			t.Fatalf("go list: %v: %s", err, ee.Stderr)
		}
		t.Fatal(err)
	}
	var pkgs []pkg
	d := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

func matches(pattern, path string) bool {
	if base, ok := strings.CutSuffix(pattern, "…"); ok {
		return strings.HasPrefix(path+"/", base)
	}
	return path == pattern
}

func TestWhoMayImportWhom(t *testing.T) {
	pkgs := list(t, module+"...")
	if len(pkgs) < 10 {
		t.Fatalf("go list found %d packages only", len(pkgs))
	}
	for _, p := range pkgs {
		name := strings.TrimPrefix(p.ImportPath, module)
		if p.Doc == "" && len(p.GoFiles) > 0 {
			t.Errorf("%s has no package comment", name)
		}
		for _, dep := range p.Imports {
			for _, r := range rules {
				if !matches(r.dependency, dep) {
					continue
				}
				ok := false
				for _, o := range r.only {
					ok = ok || matches(o, name) || matches(strings.TrimSuffix(o, "/…"), name)
				}
				if !ok {
					t.Errorf("%s imports %s: %s", name, dep, r.why)
				}
			}
		}
	}
}

func TestPurePackagesDoNoIO(t *testing.T) {
	for _, p := range list(t, prefixed(pure)...) {
		for _, dep := range p.Imports {
			for _, bad := range impure {
				if dep == bad {
					t.Errorf("%s imports %s: it has to be safe to run on bytes from a stranger", p.ImportPath, dep)
				}
			}
			if dep == module+"ledger" || dep == module+"ledger/store" || dep == module+"ledger/vault" {
				t.Errorf("%s imports %s: the verifier must not need the ledger", p.ImportPath, dep)
			}
		}
	}
}

func TestVerifierIsSmall(t *testing.T) {
	for _, p := range list(t, "-deps", module+"cmd/lendlog-verify") {
		for _, bad := range []string{"github.com/dgraph-io/", "github.com/gin-gonic/", "github.com/ethereum/", module + "ledger/store", module + "api", "net/http"} {
			if strings.HasPrefix(p.ImportPath, bad) {
				t.Errorf("lendlog-verify links %s", p.ImportPath)
			}
		}
	}
}

func TestClientKnowsNoEngine(t *testing.T) {
	for _, p := range list(t, "-deps", module+"api/client") {
		if p.ImportPath == module+"api" || p.ImportPath == module+"ledger" || strings.HasPrefix(p.ImportPath, "github.com/dgraph-io/") {
			t.Errorf("api/client links %s: a client must be able to distrust the server it talks to", p.ImportPath)
		}
	}
}

func TestAuditUsesNoEngine(t *testing.T) {
	for _, name := range []string{"ledger/fsck", "ledger/replay", "cmd/lendlog/internal/monitor", "cmd/lendlog/internal/cosigner"} {
		for _, p := range list(t, "-deps", module+name) {
			if p.ImportPath == module+"ledger" {
				t.Errorf("%s links %s: a mistake of the engine must not be repeated where it is looked for", name, p.ImportPath)
			}
		}
	}
}

func prefixed(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = module + n
	}
	return out
}
