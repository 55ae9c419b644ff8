// SPDX-License-Identifier: Apache-2.0

package due

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/lendlog/lendlog/ledger/story"
)

// A Basis is what an obligation rests on. What is no law must not look like
// one.
type Basis string

// The bases.
const (
	Law      Basis = "law"
	Practice Basis = "practice" // what an authority asks for without a law that says so
	Own      Basis = "own"      // the lender's own limit, or a day in the record itself
)

// A Text says the same in English and Chinese.
type Text struct {
	EN string `yaml:"en" json:"en"`
	ZH string `yaml:"zh" json:"zh"`
}

// An Obligation is a row of the table: something that a lender has to do by a
// day, because of a record.
type Obligation struct {
	ID       string `yaml:"id"`
	Title    Text   `yaml:"title"`
	Sentence Text   `yaml:"sentence"`
	// Jurisdictions are the countries, ISO 3166-1, in which it is owed; none
	// for everywhere. A record whose own is another is not held against it.
	Jurisdictions []string `yaml:"jurisdictions"`
	Basis         Basis    `yaml:"basis"`
	Source        string   `yaml:"source"`
	// Zone is that of the days, as an offset such as +08:00; "" for that which
	// the judge is given.
	Zone string `yaml:"zone"`

	Trigger Pattern `yaml:"trigger"`
	// From is the record from which the limit runs, the last before the
	// trigger; without one the limit runs from the trigger.
	From *Pattern `yaml:"from"`
	// Days or Months say how long. Due is the member of the trigger that names
	// the last day itself; where that is absent, they say it, and without
	// them nothing is owed.
	Days      int       `yaml:"days"`
	Months    int       `yaml:"months"`
	Due       string    `yaml:"due"`
	Discharge []Pattern `yaml:"discharge"`

	zone *time.Location
}

// A Pattern says which records are meant.
type Pattern struct {
	Type string `yaml:"type"` // of org.lendlog.<type>.v1
	// If and Unless are conditions on open members: that one of the words is
	// there, or none of them.
	If     map[string][]string `yaml:"if"`
	Unless map[string][]string `yaml:"unless"`
	// Less has amounts of money, the first of which has to be less than the
	// second: {newLimit: oldLimit}.
	Less map[string]string `yaml:"less"`
	// At is the member that says when it happened; where it is absent the
	// event's time does.
	At string `yaml:"at"`
	// Ref is the member of a discharge that names the trigger by its event's
	// id. A causationid names it too. A discharge without Ref discharges
	// whatever was triggered on its subject before.
	Ref string `yaml:"ref"`
	// Same are members that a discharge has to have as the trigger has them.
	Same []string `yaml:"same"`
	// Own says that the trigger discharges itself, when it has the member At.
	Own bool `yaml:"own"`

	full string
}

// A Table is what can be owed. It does not change once parsed and is safe for
// concurrent use.
type Table struct {
	Obligations []Obligation `yaml:"obligations"`

	triggers, types map[string]bool
	members         map[string]bool
}

//go:embed obligations.yaml
var builtin []byte

// Builtin returns the table that comes with the program.
var Builtin = sync.OnceValues(func() (*Table, error) {
	t, err := Parse(builtin)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the built-in obligations: %w", err)
	}
	return t, nil
})

// memberJurisdiction is the open member that says whose law a record falls
// under.
const memberJurisdiction = "jurisdiction"

// Limits of a table.
const (
	maxTable = 1 << 20 // bytes
	maxLimit = 3660    // days
)

// Parse reads a table. It does not look at the schemas of the types: a member
// that no type has is simply never there.
func Parse(text []byte) (*Table, error) {
	if len(text) > maxTable {
		return nil, errors.New("the table is larger than 1 MiB")
	}
	t := &Table{triggers: map[string]bool{}, types: map[string]bool{}, members: map[string]bool{memberJurisdiction: true}}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(t); err != nil {
		return nil, fmt.Errorf("the table can't be read: %w", err)
	}
	if err := d.Decode(&struct{}{}); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more after the table")
	}
	seen := map[string]bool{}
	for i := range t.Obligations {
		o := &t.Obligations[i]
		if err := o.check(); err != nil {
			return nil, fmt.Errorf("obligation %d, %q: %w", i+1, o.ID, err)
		}
		if seen[o.ID] {
			return nil, fmt.Errorf("obligation %d, %q: its id is taken", i+1, o.ID)
		}
		seen[o.ID] = true
		t.reads(o)
	}
	delete(t.members, "")
	if len(t.Obligations) == 0 {
		return nil, errors.New("the table is empty")
	}
	return t, nil
}

var (
	idPattern      = regexp.MustCompile(`^[a-z0-9]+([.-][a-z0-9]+)*$`)
	countryPattern = regexp.MustCompile(`^[A-Z]{2}$`)
)

// check completes an obligation, or says what is wrong with it.
func (o *Obligation) check() error {
	switch {
	case !idPattern.MatchString(o.ID):
		return errors.New("its id is not words in lower case with dots or hyphens between")
	case o.Title.EN == "" || o.Title.ZH == "" || o.Sentence.EN == "" || o.Sentence.ZH == "":
		return errors.New("title and sentence have to be there in en and zh")
	case o.Basis != Law && o.Basis != Practice && o.Basis != Own:
		return errors.New("its basis is law, practice or own")
	case o.Source == "":
		return errors.New("it has no source")
	case slices.ContainsFunc(o.Jurisdictions, func(s string) bool { return !countryPattern.MatchString(s) }):
		return errors.New("its jurisdictions are countries, such as US")
	case o.Days != 0 && o.Months != 0 || o.Days == 0 && o.Months == 0 && o.Due == "":
		return errors.New("it has days or months, or due")
	case o.Days < 0 || o.Days > maxLimit || o.Months < 0 || o.Months > maxLimit/30:
		return fmt.Errorf("its limit is 1 to %d days", maxLimit)
	case len(o.Discharge) == 0:
		return errors.New("nothing discharges it")
	case !o.Trigger.plain() || o.From != nil && !o.From.plain():
		return errors.New("ref, same and own are for what discharges it")
	}
	if o.Zone != "" {
		t, err := time.Parse("-07:00", o.Zone)
		if err != nil {
			return errors.New("its zone is an offset such as +08:00")
		}
		_, offset := t.Zone()
		o.zone = time.FixedZone(o.Zone, offset)
	}
	for p := range o.patterns() {
		if p.Type == "" {
			return errors.New("a record has no type")
		}
		if p.Own && (p.At == "" || p.Ref != "" || p.Same != nil || p.Type != o.Trigger.Type) {
			return errors.New("own is for the trigger's type, with at and without ref and same")
		}
		p.full = story.Type(p.Type)
	}
	return nil
}

// plain reports whether a pattern is of a record by itself.
func (p *Pattern) plain() bool { return p.Ref == "" && p.Same == nil && !p.Own }

// patterns yields the patterns of an obligation, the trigger's first.
func (o *Obligation) patterns() func(func(*Pattern) bool) {
	return func(yield func(*Pattern) bool) {
		if !yield(&o.Trigger) || o.From != nil && !yield(o.From) {
			return
		}
		for i := range o.Discharge {
			if !yield(&o.Discharge[i]) {
				return
			}
		}
	}
}

// reads notes which types and members of theirs an obligation looks at.
func (t *Table) reads(o *Obligation) {
	t.triggers[o.Trigger.full] = true
	t.members[o.Due] = true
	for p := range o.patterns() {
		t.types[p.full] = true
		t.members[p.At], t.members[p.Ref] = true, true
		for _, name := range p.Same {
			t.members[name] = true
		}
		for less, more := range p.Less {
			t.members[less], t.members[more] = true, true
		}
		for _, conditions := range []map[string][]string{p.If, p.Unless} {
			for name := range conditions {
				t.members[name] = true
			}
		}
	}
}

// Obligation returns the obligation of an id.
func (t *Table) Obligation(id string) (*Obligation, bool) {
	i := slices.IndexFunc(t.Obligations, func(o Obligation) bool { return o.ID == id })
	if i < 0 {
		return nil, false
	}
	return &t.Obligations[i], true
}

// Triggers reports whether records of a type can give rise to an obligation:
// a story without one owes nothing.
func (t *Table) Triggers(typ string) bool { return t.triggers[typ] }

// Reads reports whether the table looks at records of a type. Corrections and
// voidings have to be in a story besides.
func (t *Table) Reads(typ string) bool { return t.types[typ] }

// Member reports whether the table looks at members of data of a name.
func (t *Table) Member(name string) bool { return t.members[name] }

// Triggers reports whether records of a type can give rise to the obligation.
func (o *Obligation) Triggers(typ string) bool { return o.Trigger.full == typ }
