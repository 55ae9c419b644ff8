// SPDX-License-Identifier: Apache-2.0

package monitor

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/lendlog/lendlog/api/client"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/store"
	"github.com/lendlog/lendlog/ledger/tree"
)

// The kinds of lies, by their stable names.
const (
	Fork      = "fork"       // two signed checkpoints that are not shown to be of one history
	Rollback  = "rollback"   // a signed checkpoint that is older than one that was seen
	Signature = "checkpoint" // a checkpoint that no key signed that may
	Genesis   = "genesis"    // the ledger does not begin with the record that is pinned
	Altered   = "altered"    // another record than a receipt was given for
	Gone      = "gone"       // no record where the ledger signed that there is one
	Audit     = "audit"      // what the log holds is not what was signed
	Answer    = "answer"     // an answer that does not verify and is none of these
)

// The kinds of promises that are broken. They go by this monitor's clock.
const (
	Stalled = "stalled" // no new checkpoint for longer than the genesis record promises
	Clock   = "clock"   // a record dated before it was there, or ahead
)

// A Finding is a lie, or a promise that was broken.
type Finding struct {
	Kind string
	Text string // what it is, in plain words
	Dir  string // where the evidence is; "" when it could not be saved

	files   []file
	notes   []tree.Checkpoint // that are signed, one for each checkpoint file
	refused bool              // one of the checkpoints is not
}

// A file is a piece of evidence.
type file struct {
	name string
	data []byte
}

// Error implements error.
func (f *Finding) Error() string { return f.Kind + ": " + f.Text }

func (f *Finding) event(event string) Event {
	return Event{Event: event, Kind: f.Kind, Text: f.Text, Evidence: f.Dir}
}

// add adds signed checkpoints, each once.
func (f *Finding) add(trust *proof.Trust, notes ...[]byte) {
	for _, note := range notes {
		name := "checkpoint-refused.txt"
		cp, err := trust.OpenCheckpoint(note)
		if err == nil {
			name = fmt.Sprintf("checkpoint-%d.txt", cp.Size)
		}
		known := false
		for _, x := range f.files {
			known = known || isNote(x) && bytes.Equal(x.data, note)
			if x.name == name {
				name = strings.TrimSuffix(name, ".txt") + "-other.txt"
			}
		}
		if known {
			continue
		}
		f.files = append(f.files, file{name, note})
		if err != nil {
			f.refused = true
		} else {
			f.notes = append(f.notes, cp)
		}
	}
}

// isNote reports whether a file is a checkpoint that was added.
func isNote(x file) bool { return strings.HasPrefix(x.name, "checkpoint-") }

// with adds a file to a finding, whatever else the error is.
func with(err error, x file) error {
	var f *Finding
	if errors.As(err, &f) {
		f.files = append(f.files, x)
	}
	return err
}

// lie makes a finding of a lie that the client found. Of which kind it is the
// checkpoints say that contradict each other; else it is what was asked for.
func (r *round) lie(l *client.LieError, kind string) *Finding {
	f := &Finding{Kind: kind, Text: strings.TrimPrefix(l.Error(), "the server's answer does not verify: ")}
	f.add(r.trust, l.Checkpoints...)
	switch {
	case f.refused:
		f.Kind = Signature
	case len(f.notes) > 1 && f.notes[1].Size < f.notes[0].Size:
		f.Kind = Rollback
	case len(f.notes) > 1:
		f.Kind = Fork
	case kind == Genesis && len(f.notes) == 0:
		f.Kind = Answer // it could not be read
	}
	return f
}

const evidenceDir = "evidence"

// save writes a finding with all that belongs to it into a directory of its
// own, durably. When it cannot, the text says so.
func (m *Monitor) save(f *Finding) {
	dir, err := m.write(f)
	if err != nil {
		f.Text += fmt.Sprintf(" (the evidence could not be saved: %v)", err)
		return
	}
	f.Dir = dir
}

func (m *Monitor) write(f *Finding) (dir string, err error) {
	parent := m.state.path(evidenceDir)
	base := filepath.Join(parent, m.conf.Now().UTC().Format("20060102T150405Z")+"-"+f.Kind)
	dir = base
	for n := 2; ; n++ {
		if err = os.Mkdir(dir, 0o700); !errors.Is(err, fs.ErrExist) {
			break
		}
		dir = fmt.Sprintf("%s-%d", base, n)
	}
	if err != nil {
		return "", err
	}
	answers, err := m.wire.ndjson()
	if err != nil {
		return "", err
	}
	files := append(f.files, file{"trust.json", m.conf.Trust}, file{"answers.ndjson", answers})
	for _, x := range []struct {
		name  string
		match func(string) bool
	}{
		{answeredEvidence, func(path string) bool { return strings.HasSuffix(path, "/evidence") }},
		{answeredProof, func(path string) bool { return strings.HasSuffix(path, "/consistency") }},
	} {
		if b := m.wire.answer(x.match); b != nil {
			files = append(files, file{x.name, b})
		}
	}
	for _, name := range []string{stateFile, genesisFile, keysFile, cosignedFile} {
		if b, err := os.ReadFile(m.state.path(name)); err == nil {
			files = append(files, file{name, b})
		}
	}
	f.files = files
	files = append(files, file{"README.txt", []byte(m.readme(f))}) // last: with it, all is there
	for _, x := range files {
		if err := store.WriteFile(filepath.Join(dir, x.name), x.data, 0o600); err != nil {
			return "", err
		}
	}
	return dir, store.SyncDir(parent)
}

// What of the server's answers is made a file of its own.
const (
	answeredEvidence = "answer.evidence.json"
	answeredProof    = "answer.consistency.json"
)

// has returns the name of the first file that matches.
func (f *Finding) has(pattern string) (string, bool) {
	for _, x := range f.files {
		if ok, _ := filepath.Match(pattern, x.name); ok {
			return x.name, true
		}
	}
	return "", false
}

// readme says in plain words what the files show, and how anybody sees it.
func (m *Monitor) readme(f *Finding) string {
	var b strings.Builder
	para := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n\n", args...) }
	run := func(format string, args ...any) { fmt.Fprintf(&b, "    "+format+"\n\n", args...) }

	word := "LIE"
	if f.Kind == Stalled || f.Kind == Clock {
		word = "BROKEN PROMISE"
	}
	para("%s: %s", word, f.Kind)
	para("Ledger   %s\nServer   %s\nNoticed  %s", m.trust.Origin, m.conf.Server, stamp(m.conf.Now()))
	para("%s", proof.Printable(f.Text))
	para("Keep this directory as it is, and a copy elsewhere. The commands below are run in it.")
	if m.conf.Key != "" {
		para("The server was asked with a key. Where it demands one, an audit takes it with --key-file.")
	}
	para("WHAT IT SHOWS, AND HOW ANYBODY SEES IT")

	var notes string // as arguments of an audit
	for _, x := range f.files {
		if isNote(x) {
			notes += " --checkpoint " + x.name
		}
	}
	mine, isKept := f.has("kept-*")
	mine = shell(mine)
	audit := fmt.Sprintf("lendlog audit --server %s --trust trust.json%s", shell(m.conf.Server), notes)

	since := "By when the witnesses\nhad cosigned the last one that was shown is in " + cosignedFile + "; that no newer one was\nshown is this monitor's word. Any ledger has checkpoints cosigned that often, whether\nit grows or not."
	if m.trust.Witnesses == nil {
		since = "Since when the newest checkpoint is the newest is this\nmonitor's word (seen, in " + stateFile + "). As the trust file names no witnesses, a\nledger with nothing to record looks the same."
	}
	switch f.Kind {
	case Fork:
		if len(f.notes) > 1 && f.notes[0].Size == f.notes[1].Size {
			para("The ledger's key signed two checkpoints of %d records with different roots, the third\nlines of the two checkpoint files. One log cannot have both: that is proof of a fork,\nto anybody who trusts the key.", f.notes[0].Size)
		} else {
			para("The ledger's key signed both checkpoints, and the server did not prove that the larger\none continues the smaller. In one log there always is such a proof.\n%s holds what it answered, where it answered. Only the operator\ncould still show one: ask for it.", answeredProof)
		}
		para("No ledger continues both. An audit of any copy or server says INVALID, check outside\n(exit code 3). If it says VALID, the two are of one history after all, and what was\nanswered was only wrong:")
		run("%s", audit)
	case Rollback:
		para("The ledger's key signed both checkpoints. The larger one was seen first; the server\nthen showed the smaller one as its newest. An older copy was put back, or an old answer\ncame out of a cache. That the smaller one came later is this monitor's word; that the\nlarger one was signed is not.")
		para("While the ledger is rolled back, an audit says INVALID, check outside (exit code 3):")
		run("%s", audit)
	case Signature:
		para("checkpoint-refused.txt is no checkpoint that a key of trust.json signed and may sign. It\nmay be another ledger's, or signed with a key that you were not told of, or altered on\nits way. It convicts nobody by itself.")
		para("Compare the first line of the file, and the keys in its last lines, with trust.json. If\nthe operator says that the ledger has a new key, get the new trust file from where you\ngot the first one, and not from the server.")
	case Genesis:
		para("The server's evidence of record 0, which says what ledger it is, does not verify. The\nfirst command says INVALID and names the check (exit code 3); check genesis means that\nthe ledger begins with another record than the one that is pinned:")
		run("lendlog-verify --trust trust.json %s", answeredEvidence)
	case Altered:
		para("Both files are VALID, so the ledger's key signed both, and they show two records at one\nindex. That is proof of fraud, to anybody who trusts the key: the second command says\nINVALID, check receipt (exit code 3).")
		run("lendlog-verify --trust trust.json %s %s", mine, answeredEvidence)
		run("lendlog-verify --trust trust.json --against %s %s", mine, answeredEvidence)
	case Gone:
		para("The ledger signed that it has more records, and the server says that it has not this\none. What it says is not signed: ask again, and let others ask.")
		if isKept {
			para("The receipt is VALID: the ledger's key signed for the record.")
			run("lendlog-verify --trust trust.json %s", mine)
		}
		para("An audit reads every record, and names what is missing:")
		run("%s", audit)
	case Audit:
		para("The log was read and derived again. audit.txt says which records are wrong. An audit\nby anybody says the same (exit code 3):")
		run("%s", audit)
	case Answer:
		para("answers.ndjson holds what the server answered, the last line last. It does not verify, or\ncannot be read. By itself it convicts nobody: it may have been garbled on its way. Ask\nagain from elsewhere:")
		run("%s", audit)
	case Stalled:
		para("The genesis record promises the longest time between two witnessed checkpoints, its\nmember witnessIntervalSeconds. %s", since)
	case Clock:
		para("The evidence shows the record with its time of recording (recorded, in its entry), and is\nVALID. When the ledger was still without it is this monitor's word (new, in\n%s): it is worth as much as this monitor's clock.", stateFile)
		if name, ok := f.has("record-*"); ok {
			run("lendlog-verify --trust trust.json %s", name)
		}
	}
	valid := "VALID"
	if m.trust.Witnesses != nil {
		valid += ",\nor INCOMPLETE for want of what trust.json asks of witnesses"
	}
	signed := m.signed(f)
	switch _, ok := f.has(genesisFile); {
	case f.Kind == Altered: // the files that were named show it
	case len(signed) > 0:
		para("That the key signed a checkpoint is shown offline by a file that holds it and is %s:", valid)
		for _, x := range signed {
			run("lendlog-verify --trust trust.json %-24s # holds %s", shell(x.name), x.note)
		}
	case ok:
		para("Which ledger this is, and that its key signed, is shown offline by evidence of its first\nrecord, which was seen before and is %s:", valid)
		run("lendlog-verify --trust trust.json %s", genesisFile)
	}
	if isKept {
		para("%s is copied as you kept it. A receipt holds seeds, with which whoever has it\ncan try guesses at sealed members: hand it on with care.", mine)
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// A holder is a file that shows offline that a checkpoint was signed.
type holder struct{ name, note string }

// signed returns for each checkpoint of a finding a file that holds it, where
// there is one.
func (m *Monitor) signed(f *Finding) (list []holder) {
	shown := map[string]bool{}
	for _, x := range f.files {
		k := kept{data: x.data}
		if isNote(x) || k.parse(m.trust) != nil {
			continue
		}
		report, err := proof.VerifyFile(m.trust, bytes.NewReader(x.data), nil)
		if err != nil || report.Verdict == proof.Invalid {
			continue
		}
		for _, y := range f.files {
			if isNote(y) && bytes.Equal(y.data, k.checkpoint.Note) && !shown[y.name] {
				shown[y.name] = true
				list = append(list, holder{x.name, y.name})
			}
		}
	}
	return list
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:@%+=,-]+$`)

// shell quotes a word for a shell.
func shell(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
