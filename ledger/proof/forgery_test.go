// SPDX-License-Identifier: Apache-2.0

package proof_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/ledgertest/scale"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/record"
	"github.com/lendlog/lendlog/ledger/seal"
	"github.com/lendlog/lendlog/ledger/tree"
)

// A forgery is made of files that somebody may hold: evidence and receipts of
// the same ledger at two sizes, and of one that a forger made in its image,
// with other contents and a key of his own. They are cut up and put together
// in every way; what comes out VALID must say nothing but the truth.
type forgery struct {
	t      testing.TB
	w      *world                // the ledger, at its larger size
	honest map[int64]tree.Hash   // roots that it signed
	trusts []*proof.Trust        // of whom the files are shown to
	events map[int]*record.Event // that receipts are held against, by index
	from   []source
	donors [][]byte
	notes  []string // checkpoints that lie about
}

// A source is a file that is VALID until something is done to it.
type source struct {
	name  string
	doc   []byte
	index int // of the record, where it is a receipt
	event bool
}

func newForgery(t testing.TB) *forgery {
	small, w := newWorld(t), newWorld(t)
	w.add("decided", `{"subject":"file/L-1","id":"D-3","source":"//core.bank.example","party":"P-1","causationid":"D-2",
		"data":{"outcome":"approved","amount":"11000.00","officerId":"staff-8"}}`, []int64{2})
	w.add("decided", `{"subject":"file/L-2","id":"D-4","source":"//core.bank.example","data":{"outcome":"declined"}}`, nil)
	w.add("noted", `{"subject":"case/C-1","id":"C-2","source":"//core.bank.example","data":{"kind":"fraud","narrative":"A third one."}}`, nil)
	f := &forgery{
		t: t, w: w, trusts: []*proof.Trust{&w.trust, w.signedTrust()}, events: map[int]*record.Event{},
		honest: map[int64]tree.Hash{int64(len(small.leaves)): small.small().Root(), int64(len(w.leaves)): w.small().Root()},
	}
	// The forger's ledger says other things under the same names.
	forger := ed25519.NewKeyFromSeed(label("forger"))
	fake := newLyingWorld(t, map[int]lie{
		1: func(e *record.Entry, _ []seal.Disclosure) { replaceOpen(e, "outcome", canon.Text("approved")) },
		2: func(_ *record.Entry, all []seal.Disclosure) {
			all[slices.Index(w.schemas["decided"].Pointers(), "/data/amount")].Value = canon.Text("99000.00")
		},
	})
	fake.signer = signerOf(t, origin, forger)

	all := map[int][]string{0: {"*"}, 1: {"*"}, 2: {"*"}, 3: {"*"}, 4: nil}
	larger := maps.Clone(all)
	larger[5], larger[6], larger[7] = []string{"*"}, []string{"/subject", "/party"}, []string{"/data/kind"}
	for _, shows := range []map[int][]string{
		{2: shown}, {1: nil, 4: nil}, {1: {"/subject"}, 2: {"*"}}, {3: {"/data/kind", "/refs"}}, all,
	} {
		f.from = append(f.from, source{name: "evidence", doc: small.evidence(shows).Bytes()}, source{name: "evidence", doc: w.evidence(shows).Bytes()})
		f.donors = append(f.donors, fake.evidence(shows).Bytes())
	}
	f.from = append(f.from, source{name: "evidence", doc: w.evidence(larger).Bytes()})
	for _, e := range []*proof.Evidence{
		small.complete(small.evidence(map[int][]string{1: {"/subject"}, 2: nil, 4: nil}), "file", "L-1"),
		small.complete(small.complete(small.evidence(map[int][]string{2: {"*"}, 1: nil, 3: nil, 4: nil}), "case", "C-1"), "file", "L-1"),
		small.complete(small.evidence(map[int][]string{1: nil, 4: nil}), "file", "L-2"),
	} {
		f.from = append(f.from, source{name: "evidence", doc: e.Bytes()})
	}
	// The larger ledger commits to its map only in the smaller one's last leaf.
	f.donors = append(f.donors, w.complete(w.evidence(map[int][]string{1: nil, 2: nil, 4: nil, 5: nil}), "file", "L-1").Bytes(),
		fake.complete(fake.evidence(map[int][]string{1: nil, 2: nil, 4: nil}), "file", "L-1").Bytes())
	for i := range 4 {
		f.events[i] = w.records[i].event
		f.from = append(f.from, source{name: "receipt", doc: small.receipt(i).Bytes(), index: i, event: true},
			source{name: "receipt", doc: w.receipt(i).Bytes(), index: i, event: true})
		f.donors = append(f.donors, fake.receipt(i).Bytes())
	}
	for _, s := range f.from {
		f.donors = append(f.donors, s.doc)
	}
	sign := func(of string, size int64, root tree.Hash, name string, key ed25519.PrivateKey) string {
		signed, err := tree.Checkpoint{Origin: of, Size: size, Root: root}.Sign(signerOf(t, name, key))
		if err != nil {
			t.Fatal(err)
		}
		return string(signed)
	}
	forged := fake.small().Root()
	f.notes = []string{
		string(small.checkpoint()), string(w.checkpoint()),
		sign(origin, 5, forged, origin, forger), sign(origin, 8, w.small().Root(), origin, forger),
		sign("ledger.example/other", 5, forged, "ledger.example/other", forger),
		sign("ledger.example/other", 5, forged, origin, checkpointKey), // the true key, of another ledger
		sign("ledger.example/other", 8, w.small().Root(), "ledger.example/other", checkpointKey),
	}
	return f
}

// truth says what in a document is not true of the ledger, or "".
func (f *forgery) truth(doc []byte, s source) string {
	open := func(signed []byte) string {
		cp, err := f.w.trust.OpenCheckpoint(signed)
		if root, ok := f.honest[cp.Size]; err != nil || !ok || root != cp.Root || cp.Origin != origin {
			return "a checkpoint that was never signed"
		}
		return ""
	}
	leaf := func(index int64, entry []byte) string {
		if index < 0 || index >= int64(len(f.w.leaves)) || !bytes.Equal(f.w.leaves[index], entry) {
			return fmt.Sprintf("record %d is another", index)
		}
		return ""
	}
	if kind, _ := proof.KindOf(doc); kind == proof.ReceiptFormat {
		rc, err := proof.ParseReceipt(doc)
		if err != nil {
			return err.Error()
		}
		if why := open(rc.Checkpoint) + leaf(rc.Index, rc.Entry); why != "" || !s.event {
			return why
		}
		g := f.w.records[s.index]
		switch {
		case rc.Index != int64(s.index):
			return "it is the receipt of another event"
		case !maps.Equal(rc.Seeds, g.seeds):
			return "other seeds"
		case (rc.Restricted == nil) != (g.restricted == nil),
			rc.Restricted != nil && (rc.Restricted.Submitter != g.restricted.Submitter || !slices.Equal(rc.Restricted.Refs, g.restricted.Refs)):
			return "another submitter or other refs"
		}
		return ""
	}
	e, err := proof.ParseEvidence(doc)
	if err != nil {
		return err.Error()
	}
	if why := open(e.Checkpoint) + leaf(0, e.Genesis.Entry); why != "" {
		return why
	}
	for _, r := range e.Records {
		if why := leaf(r.Index, r.Entry); why != "" {
			return why
		}
		g := f.w.records[r.Index]
		for _, d := range r.Disclosures {
			if !slices.ContainsFunc(g.all, func(x seal.Disclosure) bool { return bytes.Equal(x.Bytes(), d.Disclosure) }) {
				return fmt.Sprintf("record %d discloses what it does not hold", r.Index)
			}
		}
		if r.Subject != nil {
			_, p := f.w.vrf.Prove(g.event.Kind, g.event.SubjectID)
			if r.Subject.Subject != g.event.Subject || !bytes.Equal(r.Subject.Proof, p) {
				return fmt.Sprintf("record %d is of another subject", r.Index)
			}
		}
	}
	cp, err := f.w.trust.OpenCheckpoint(e.Checkpoint)
	if err != nil {
		return err.Error()
	}
	for _, c := range e.Complete {
		for i, g := range f.w.records[:cp.Size] {
			if g.event != nil && g.event.Subject == c.Subject && !slices.ContainsFunc(e.Records, func(r proof.Record) bool { return r.Index == int64(i) }) {
				return fmt.Sprintf("record %d of %s is left out", i, c.Subject)
			}
		}
	}
	return ""
}

// A node is a value in a document, with the name of the member that it is or
// lies in, so that like can be exchanged for like.
type node struct {
	*canon.Value
	role string
}

func nodes(v *canon.Value, role string, into []node) []node {
	into = append(into, node{v, role})
	for i := range v.Items {
		into = nodes(&v.Items[i], role+"[]", into)
	}
	for i := range v.Members {
		into = nodes(&v.Members[i].Value, v.Members[i].Name, into)
	}
	return into
}

// pick returns a random node that fits.
func pick(rng *rand.Rand, from []node, fits func(node) bool) (node, bool) {
	for range 50 {
		if n := from[rng.IntN(len(from))]; fits(n) {
			return n, true
		}
	}
	return node{}, false
}

var extremes = []int64{0, 1, -1, 2, 4, 5, 7, 8, 1 << 31, 1<<31 - 1, 1 << 32, 1<<53 - 1, 1 << 53, 1<<63 - 1, -1 << 63}

// change does one thing to a document.
func (f *forgery) change(rng *rand.Rand, doc *canon.Value) {
	here := nodes(doc, "", nil)
	donor, err := canon.Parse(f.donors[rng.IntN(len(f.donors))], canon.Limits{})
	if err != nil {
		f.t.Fatal(err)
	}
	there := nodes(&donor, "", nil)
	is := func(kinds ...canon.Kind) func(node) bool {
		return func(n node) bool { return slices.Contains(kinds, n.Kind) && len(n.Items)+len(n.Members)+len(n.Str) > 0 }
	}
	switch rng.IntN(12) {
	case 0, 1, 2: // one part of another file for its like
		a, _ := pick(rng, here, func(n node) bool { return n.role != "" })
		if b, ok := pick(rng, there, func(n node) bool { return n.role == a.role }); ok {
			*a.Value = *b.Value
		}
	case 3: // any part for any other of its kind
		a := here[rng.IntN(len(here))]
		if b, ok := pick(rng, there, func(n node) bool { return n.Kind == a.Kind }); ok && a.role != "" {
			*a.Value = *b.Value
		}
	case 4: // two parts of one file exchanged
		a, _ := pick(rng, here, func(n node) bool { return n.role != "" && len(n.Items)+len(n.Members) == 0 })
		if b, ok := pick(rng, here, func(n node) bool { return n.role == a.role && n.Value != a.Value }); ok {
			*a.Value, *b.Value = *b.Value, *a.Value
		}
	case 5: // something left out
		if a, ok := pick(rng, here, is(canon.Array, canon.Object)); ok {
			if a.Kind == canon.Array {
				i := rng.IntN(len(a.Items))
				a.Items = slices.Delete(slices.Clone(a.Items), i, i+1)
			} else {
				i := rng.IntN(len(a.Members))
				a.Members = slices.Delete(slices.Clone(a.Members), i, i+1)
			}
		}
	case 6: // something put in, again or from elsewhere
		if a, ok := pick(rng, here, is(canon.Array)); ok {
			item := a.Items[rng.IntN(len(a.Items))]
			if b, ok := pick(rng, there, func(n node) bool { return n.role == a.role+"[]" }); ok && rng.IntN(2) == 0 {
				item = *b.Value
			}
			a.Items = slices.Insert(slices.Clone(a.Items), rng.IntN(len(a.Items)+1), item)
		}
	case 7: // another order, or a shorter list
		if a, ok := pick(rng, here, is(canon.Array)); ok {
			a.Items = slices.Clone(a.Items)
			if rng.IntN(2) == 0 {
				rng.Shuffle(len(a.Items), func(i, j int) { a.Items[i], a.Items[j] = a.Items[j], a.Items[i] })
			} else {
				a.Items = a.Items[:rng.IntN(len(a.Items))]
			}
		}
	case 8:
		if a, ok := pick(rng, here, func(n node) bool { return n.Kind == canon.Int }); ok {
			a.Int = extremes[rng.IntN(len(extremes))]
		}
	case 9: // a member more, or under another name
		if a, ok := pick(rng, here, is(canon.Object)); ok {
			m := a.Members[rng.IntN(len(a.Members))]
			m.Name = []string{"note", "V", strings.ToUpper(m.Name), m.Name + " ", "witnesses", m.Name}[rng.IntN(6)]
			*a.Value = canon.Map(append(slices.Clone(a.Members), m)...)
		}
	default:
		if a, ok := pick(rng, here, is(canon.String)); ok {
			a.Str = f.respell(rng, a.Str)
		}
	}
}

// respell changes a string by what it is.
func (f *forgery) respell(rng *rand.Rand, s string) string {
	switch raw, err := base64.StdEncoding.DecodeString(s); {
	case strings.HasSuffix(s, "\n") && strings.Contains(s, "\n— "):
		return f.respellNote(rng, s)
	case strings.HasPrefix(s, "{") || strings.HasPrefix(s, "["):
		inner, err := canon.Parse([]byte(s), canon.Limits{})
		if err != nil {
			return s
		}
		switch rng.IntN(4) {
		case 0:
			return strings.Replace(s, ",", ", ", 1)
		case 1: // members in another order
			return strings.Replace(s, `","`, `", "`, rng.IntN(5))
		}
		f.changeInner(rng, &inner)
		return string(inner.Bytes())
	case err == nil && len(raw) >= 16:
		switch rng.IntN(6) {
		case 0:
			return base64.RawStdEncoding.EncodeToString(raw)
		case 1:
			return base64.URLEncoding.EncodeToString(raw)
		case 2:
			return s[:len(s)/2] + "\n" + s[len(s)/2:]
		case 3: // bits that are of no byte
			if i := strings.IndexByte(s, '='); i > 0 {
				const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
				return s[:i-1] + string(alphabet[strings.IndexByte(alphabet, s[i-1])^1]) + s[i:]
			}
		case 4:
			return base64.StdEncoding.EncodeToString(raw[:len(raw)-1])
		}
		raw[rng.IntN(len(raw))] ^= 1 << rng.IntN(8)
		return base64.StdEncoding.EncodeToString(raw)
	}
	b := []byte(s)
	b[rng.IntN(len(b))] ^= 1 << rng.IntN(7)
	return string(b)
}

// changeInner does one thing to a document that stands in a string.
func (f *forgery) changeInner(rng *rand.Rand, v *canon.Value) {
	all := nodes(v, "", nil)
	n := all[rng.IntN(len(all))]
	switch {
	case n.Kind == canon.Int:
		n.Int = extremes[rng.IntN(len(extremes))]
	case n.Kind == canon.String && n.Str != "":
		n.Str = f.respell(rng, n.Str)
	case n.Kind == canon.Bool:
		n.Int ^= 1
	case len(n.Items) > 0:
		n.Items = append(slices.Clone(n.Items), n.Items[0])
	case len(n.Members) > 0:
		i := rng.IntN(len(n.Members))
		n.Members = slices.Delete(slices.Clone(n.Members), i, i+1)
	default:
		*n.Value = canon.Text("x")
	}
}

// respellNote changes a checkpoint.
func (f *forgery) respellNote(rng *rand.Rand, s string) string {
	other := f.notes[rng.IntN(len(f.notes))]
	text, signatures, _ := strings.Cut(s, "\n\n")
	otherText, otherSignatures, _ := strings.Cut(other, "\n\n")
	lines := strings.Split(text, "\n")
	switch rng.IntN(9) {
	case 0:
		return other
	case 1:
		return text + "\n\n" + otherSignatures
	case 2:
		return otherText + "\n\n" + signatures
	case 3:
		return s + otherSignatures
	case 4:
		return text + "\n\n" + otherSignatures + signatures
	case 5:
		if len(lines) > 1 {
			lines[1] = fmt.Sprint(extremes[rng.IntN(len(extremes))])
		}
		return strings.Join(lines, "\n") + "\n\n" + signatures
	case 6:
		return text + "\nextension\n\n" + signatures
	case 7:
		return strings.Replace(s, "\n", "\r\n", 1)
	}
	b := []byte(s)
	b[rng.IntN(len(b))] ^= 1 << rng.IntN(7)
	return string(b)
}

// forge makes the n-th forgery, always the same.
func (f *forgery) forge(n int) (doc []byte, s source, trust *proof.Trust) {
	rng := rand.New(rand.NewPCG(0x1e9d, uint64(n)))
	s = f.from[rng.IntN(len(f.from))]
	trust = f.trusts[rng.IntN(len(f.trusts))]
	if rng.IntN(10) == 0 {
		doc = bytes.Clone(s.doc)
		for range 1 + rng.IntN(3) {
			doc[rng.IntN(len(doc))] ^= 1 << rng.IntN(8)
		}
		return doc, s, trust
	}
	v, err := canon.Parse(s.doc, canon.Limits{})
	if err != nil {
		f.t.Fatal(err)
	}
	for range 1 + rng.IntN(3) {
		f.change(rng, &v)
	}
	return v.Bytes(), s, trust
}

// No forgery is VALID unless all that it says is true.
func TestForgery(t *testing.T) {
	count := scale.Of(8_000, 20_000)
	f := newForgery(t)
	for _, s := range f.from {
		if why := f.truth(s.doc, s); why != "" {
			t.Fatalf("a source is not true: %s", why)
		}
	}
	type tally struct {
		valid, invalid, incomplete, unread int
		checks                             map[string]int // that failed
	}
	workers := runtime.GOMAXPROCS(0)
	tallies := make([]tally, workers)
	var working sync.WaitGroup
	for k := range workers {
		working.Go(func() {
			sum := tally{checks: map[string]int{}}
			defer func() { tallies[k] = sum }()
			for n := k; n < count; n += workers {
				doc, s, trust := f.forge(n)
				var ev *record.Event
				if kind, _ := proof.KindOf(doc); kind == proof.ReceiptFormat && s.event {
					ev = f.events[s.index]
				} else {
					s.event = false
				}
				r, err := proof.VerifyDocument(trust, doc, ev)
				switch {
				case err != nil:
					sum.unread++
				case r.Verdict == proof.Valid:
					sum.valid++
					if why := f.truth(doc, s); why != "" {
						t.Errorf("forgery %d is VALID, but %s:\n%s", n, why, doc)
					}
				case r.Verdict == proof.Incomplete:
					sum.incomplete++
				default:
					sum.invalid++
				}
				for _, c := range r.Checks {
					if c.Result == proof.Fail {
						sum.checks[c.Name]++
					}
				}
			}
		})
	}
	working.Wait()
	sum := tally{checks: map[string]int{}}
	for _, one := range tallies {
		sum.valid, sum.invalid = sum.valid+one.valid, sum.invalid+one.invalid
		sum.incomplete, sum.unread = sum.incomplete+one.incomplete, sum.unread+one.unread
		for name, n := range one.checks {
			sum.checks[name] += n
		}
	}
	t.Logf("%d forgeries: %d INVALID, %d INCOMPLETE, %d of no known kind, %d VALID and true; failed: %v",
		count, sum.invalid, sum.incomplete, sum.unread, sum.valid, sum.checks)
	// Forgeries that no check has to catch would prove nothing, nor would the
	// truth if nothing were held against it.
	for _, name := range []string{"format", "checkpoint", "genesis", "entry", "inclusion", "schema", "disclosure", "subject", "complete", "event"} {
		if sum.checks[name] == 0 {
			t.Errorf("no forgery fails the check %s", name)
		}
	}
	if sum.valid == 0 || sum.invalid < count/2 {
		t.Errorf("%d are VALID, %d INVALID", sum.valid, sum.invalid)
	}
}

// A true receipt is VALID for no event but its own. A member that is null is
// absent.
func TestForgedEvents(t *testing.T) {
	f := newForgery(t)
	plain := func(ev *record.Event) string {
		doc := ev.Document()
		doc.Members = slices.DeleteFunc(slices.Clone(doc.Members), func(m canon.Member) bool { return m.Value.Kind == canon.Null })
		return string(doc.Bytes())
	}
	same, other := 0, 0
	for n := range 4000 {
		rng := rand.New(rand.NewPCG(7, uint64(n)))
		i := 1 + rng.IntN(3)
		own := f.events[i]
		v, err := canon.Parse(own.Document().Bytes(), canon.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		f.changeInner(rng, &v)
		ev, err := own.Schema.Event(v)
		if err != nil {
			continue
		}
		r := proof.VerifyReceipt(&f.w.trust, f.w.receipt(i), ev)
		if plain(ev) == plain(own) {
			same++
			continue
		}
		other++
		if r.Verdict == proof.Valid {
			t.Errorf("change %d of the event of record %d is VALID: %s", n, i, v.Bytes())
		}
	}
	if other < 500 {
		t.Errorf("%d other events, %d the same", other, same)
	}
}
