// SPDX-License-Identifier: Apache-2.0

package portable

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lendlog/lendlog/ledger/canon"
	"github.com/lendlog/lendlog/ledger/proof"
	"github.com/lendlog/lendlog/ledger/tree"
)

// A witness cosigns what it is told to, at any time.
type witness struct {
	name string
	key  ed25519.PrivateKey
}

// golden is a witness of the test vectors; number 9 is number 1 under another
// name.
func golden(n int) witness {
	of := n
	if n == 9 {
		of = 1
	}
	return witness{fmt.Sprintf("witness.example/%d", n), ed25519.NewKeyFromSeed(label(fmt.Sprintf("witness %d", of)))}
}

// public is the byte of the algorithm and the key.
func (w witness) public() []byte {
	return append([]byte{4}, w.key.Public().(ed25519.PublicKey)...)
}

func verifierKey(name string, public []byte) string {
	id := sha256.Sum256(append([]byte(name+"\n"), public...))
	return fmt.Sprintf("%s+%x+%s", name, id[:4], base64.StdEncoding.EncodeToString(public))
}

func (w witness) verifierKey() string { return verifierKey(w.name, w.public()) }

// line is a signature line of these bytes behind the id of the key.
func (w witness) line(b []byte) string {
	id := sha256.Sum256(append([]byte(w.name+"\n"), w.public()...))
	return "— " + w.name + " " + base64.StdEncoding.EncodeToString(append(id[:4:4], b...)) + "\n"
}

// cosignature is what a witness signs of the text of a checkpoint.
func (w witness) cosignature(text string, seconds uint64) []byte {
	sig := ed25519.Sign(w.key, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", seconds, text))
	return append(binary.BigEndian.AppendUint64(nil, seconds), sig...)
}

func (w witness) cosign(text string, seconds uint64) string {
	return w.line(w.cosignature(text, seconds))
}

// morning is a second of the day of the test vectors, on which record i was
// recorded 123 ms after minute i.
func morning(minute, second int) uint64 {
	return uint64(time.Date(2026, 1, 31, 9, minute, second, 0, time.UTC).Unix())
}

// splitNote takes a signed checkpoint apart, into its text and its lines.
func splitNote(t *testing.T, signed []byte) (text string, lines []string) {
	t.Helper()
	text, below, ok := tree.SplitNote(signed)
	if !ok {
		t.Fatalf("no signed note: %s", signed)
	}
	return text, slices.DeleteFunc(strings.SplitAfter(below, "\n"), func(l string) bool { return l == "" })
}

// asking returns a policy that asks for so many of these witnesses.
func asking(t *testing.T, quorum int, of ...witness) *proof.Trust {
	t.Helper()
	trust, err := proof.ParseTrust(published(t, "trust-witnesses.json"))
	if err != nil {
		t.Fatal(err)
	}
	trust.Witnesses.Quorum, trust.Witnesses.Keys = quorum, nil
	for _, w := range of {
		trust.Witnesses.Keys = append(trust.Witnesses.Keys, w.verifierKey())
	}
	return trust
}

// sign signs the head of the first leaves.
func (o *operator) sign(leaves []tree.Hash, size int) []byte {
	o.t.Helper()
	signed, err := tree.Checkpoint{Origin: o.trust.Origin, Size: int64(size), Root: tree.Small{Leaves: leaves[:size]}.Root()}.Sign(o.signer)
	if err != nil {
		o.t.Fatal(err)
	}
	return signed
}

func consistency(t *testing.T, leaves []tree.Hash, a, b int) []tree.Hash {
	t.Helper()
	var edge tree.Edge
	for _, l := range leaves {
		edge.Append(l)
	}
	p, err := (tree.View{Edge: edge}).ProveConsistency(int64(min(a, b)), int64(max(a, b)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Sections 6 to 8, where the policy asks for witnesses.
func TestWitnesses(t *testing.T) {
	policy, doc := string(published(t, "trust-witnesses.json")), string(published(t, "valid-witnessed.json"))
	receipt := string(published(t, "valid-receipt-witnessed.json"))
	e, err := proof.ParseEvidence([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(e.Checkpoint), "\n") // three of text, none, the ledger's, two of witnesses
	quoted := func(s string) string { return strings.Trim(string(canon.Text(s).Bytes()), `"`) }
	one, two, three := `witness.example/1+39e30d48`, `witness.example/2+`, `witness.example/3+`
	edges := []edge{{job{name: "as it is", Trust: []byte(policy), Document: []byte(doc)}, "VALID", ""}}
	for _, c := range []struct{ old, new, verdict, check string }{
		{`"quorum": 2,`, `"quorum": 1,`, "VALID", ""},
		{`"quorum": 2,`, `"quorum": 3,`, "INCOMPLETE", "witnesses"},
		{`"quorum": 2,`, `"quorum": 0,`, badCall, ""},
		{`"quorum": 2,`, `"quorum": 4,`, badCall, ""},
		{`"quorum": 2,`, `"quorum": "2",`, badCall, ""},
		{`"quorum": 2,`, ``, badCall, ""},
		{`"quorum": 2,`, `"quorum": 2, "later": 1,`, badCall, ""},
		{`"toleranceSeconds": 10`, `"toleranceSeconds": 1`, "VALID", ""},
		{`"toleranceSeconds": 10`, `"toleranceSeconds": 2147483648`, "VALID", ""},
		{`"toleranceSeconds": 10`, `"toleranceSeconds": 2147483649`, badCall, ""},
		{`"toleranceSeconds": 10`, `"toleranceSeconds": 0`, badCall, ""},
		{`"toleranceSeconds": 10`, `"toleranceSeconds": null`, badCall, ""},
		{one, strings.ToUpper(one[len(one)-8:]), badCall, ""},
		{one, one[:len(one)-8] + strings.ToUpper(one[len(one)-8:]), "VALID", ""},
		{one, "witness.example/x+39e30d48", badCall, ""},
		{two, "witness.example/ 2+", badCall, ""},
		{three, "+", badCall, ""},
		{`"witnesses": {`, `"witnesses": null, "x": {`, badCall, ""},
		{`"witnesses": {`, `"witnesses": [], "x": {`, badCall, ""},
	} {
		if !strings.Contains(policy, c.old) {
			t.Fatalf("the policy has no %s", c.old)
		}
		edges = append(edges, edge{job{name: c.new, Trust: []byte(strings.Replace(policy, c.old, c.new, 1)), Document: []byte(doc)}, c.verdict, c.check})
	}
	for _, c := range []struct{ of, old, new, verdict, check string }{
		{doc, `"witnesses": [`, `"witnesses": [], "x": [`, "INVALID", "format"},
		{doc, `"witnesses": [`, `"witnesses": null, "x": [`, "INVALID", "format"},
		{doc, `"witnesses": [`, `"witnesses": {}, "x": [`, "INVALID", "format"},
		{doc, `"witnesses": [`, `"x": [`, "INCOMPLETE", "time"},
		{doc, `"witnesses": [`, `"Witnesses": [`, "INCOMPLETE", "sections"},
		{doc, `"witnesses": [`, `"witnesses": [{},`, "INVALID", "format"},
		{doc, `"witnesses": [`, `"witnesses": [{"checkpoint": "", "proof": []},`, "INVALID", "witnesses"},
		{doc, quoted(lines[5]), ``, "INCOMPLETE", "witnesses"},
		{doc, quoted(lines[5]), quoted(lines[5] + lines[5]), "VALID", ""},
		{doc, quoted(lines[5]), quoted(lines[6] + lines[5]), "VALID", ""},
		{doc, quoted(lines[5]), quoted(strings.Replace(lines[5], "/1 ", "/2 ", 1)), "INCOMPLETE", "witnesses"},
		{doc, quoted(lines[5]), quoted(strings.TrimSuffix(lines[5], "==\n") + "\n"), "INVALID", "checkpoint"},
		{doc, quoted(lines[5]), quoted(lines[5][:len(lines[5])-9] + "AAAA==\n"), "INVALID", "checkpoint"},
		{doc, quoted(lines[4]), ``, "INVALID", "checkpoint"},
		{receipt, quoted(lines[5]), ``, "INCOMPLETE", "witnesses"},
		{receipt, quoted(lines[5]), quoted(lines[5] + lines[5]), "VALID", ""},
	} {
		if !strings.Contains(c.of, c.old) {
			t.Fatalf("the file has no %s", c.old)
		}
		j := job{name: c.old + " for " + c.new, Trust: []byte(policy), Document: []byte(strings.Replace(c.of, c.old, c.new, 1))}
		if c.of == receipt {
			j.Event, j.Schema = published(t, "event.json"), published(t, "decided.schema.json")
		}
		edges = append(edges, edge{j, c.verdict, c.check})
	}
	hold(t, edges)
	// Of a bit that is another all say the same, of each of the proofs and notes.
	var jobs []job
	section := strings.LastIndex(doc, `"witnesses"`)
	for bit := 8 * section; bit < 8*len(doc); bit += 97 {
		changed := bytes.Clone([]byte(doc))
		changed[bit/8] ^= 1 << (bit % 8)
		jobs = append(jobs, job{name: "a bit", Trust: []byte(policy), Document: changed})
	}
	compare(t, jobs)
}

// Section 6: what a cosignature is, and whose.
func TestCosignatures(t *testing.T) {
	e, err := proof.ParseEvidence(published(t, "valid-witnessed.json"))
	if err != nil {
		t.Fatal(err)
	}
	text, lines := splitNote(t, e.Checkpoint)
	own, at := lines[0], morning(4, 0)
	e.Witnessed = e.Witnessed[:1] // of the tree without record 2, which was recorded at minute 2
	one, two, three, nine := golden(1), golden(2), golden(3), golden(9)
	same := witness{"ledger.example/golden", golden(4).key} // named as the ledger
	log := witness{"witness.example/log", ed25519.NewKeyFromSeed(label("checkpoint key"))}
	noPoint := verifierKey("witness.example/none", append([]byte{4, 2}, make([]byte, 31)...))
	// trees without the record were cosigned by 1 and 2
	older, _ := splitNote(t, e.Witnessed[0].Checkpoint)
	for _, w := range []witness{three, same, log} {
		e.Witnessed[0].Checkpoint = append(e.Witnessed[0].Checkpoint, w.cosign(older, morning(1, 40))...)
	}
	bad := bytes.Clone(one.cosignature(text, at))
	bad[60] ^= 1
	unused := func(line string) string { // bits that are of no byte
		return strings.Replace(line, "==\n", "", 1)[:len(line)-4] + string(strings.TrimSuffix(line, "==\n")[len(line)-4]+1) + "==\n"
	}
	zeros := append(binary.BigEndian.AppendUint64(nil, at), ed25519.Sign(one.key, fmt.Appendf(nil, "cosignature/v1\ntime 0%d\n%s", at, text))...)
	var edges []edge
	for _, c := range []struct {
		name, below    string
		trust          *proof.Trust
		verdict, check string
	}{
		{"two", own + one.cosign(text, at) + two.cosign(text, at), asking(t, 2, one, two, three), "VALID", ""},
		{"before the ledger", one.cosign(text, at) + two.cosign(text, at) + own, asking(t, 2, one, two, three), "VALID", ""},
		{"the same twice", own + one.cosign(text, at) + one.cosign(text, at), asking(t, 2, one, two), "INCOMPLETE", "witnesses"},
		{"a wrong one behind a right one", own + one.cosign(text, at) + one.line(bad), asking(t, 1, one, two), "VALID", ""},
		{"a right one behind a wrong one", own + one.line(bad) + one.cosign(text, at), asking(t, 1, one, two), "INVALID", "checkpoint"},
		{"a wrong one of a stranger", own + one.line(bad) + two.cosign(text, at), asking(t, 1, two), "VALID", ""},
		{"another time than it signed", own + one.line(append(binary.BigEndian.AppendUint64(nil, at+1), one.cosignature(text, at)[8:]...)), asking(t, 1, one), "INVALID", "checkpoint"},
		{"a time with a zero before", own + one.line(zeros), asking(t, 1, one), "INVALID", "checkpoint"},
		{"of another text", own + one.cosign(older, at), asking(t, 1, one), "INVALID", "checkpoint"},
		{"as a log signs", own + one.line(ed25519.Sign(one.key, []byte(text))), asking(t, 1, one), "INVALID", "checkpoint"},
		{"a byte too few", own + one.line(one.cosignature(text, at)[:71]), asking(t, 1, one), "INVALID", "checkpoint"},
		{"a byte too many", own + one.line(append(one.cosignature(text, at), 0)), asking(t, 1, one), "INVALID", "checkpoint"},
		{"nothing but an id and a byte", own + one.line([]byte{0}), asking(t, 1, one), "INVALID", "checkpoint"},
		{"in another base64", own + unused(one.cosign(text, at)), asking(t, 1, one), "INVALID", "checkpoint"},
		{"in another base64, of a stranger", own + unused(one.cosign(text, at)) + two.cosign(text, at), asking(t, 1, two), "VALID", ""},
		{"under another name", own + strings.Replace(one.cosign(text, at), "/1 ", "/2 ", 1), asking(t, 1, one, two), "INCOMPLETE", "witnesses"},
		{"the last second", own + one.cosign(text, 1<<40-1), asking(t, 1, one), "VALID", ""},
		{"a second too many", own + one.cosign(text, 1<<40), asking(t, 1, one), "INVALID", "checkpoint"},
		{"2^63 seconds", own + one.cosign(text, 1<<63), asking(t, 1, one), "INVALID", "checkpoint"},
		{"2^64-1 seconds", own + one.cosign(text, 1<<64-1), asking(t, 1, one), "INVALID", "checkpoint"},
		{"no seconds", own + one.cosign(text, 0), asking(t, 1, one), "INVALID", "time"},
		{"two names of one key", own + one.cosign(text, at) + nine.cosign(text, at), asking(t, 2, one, nine, two), "INCOMPLETE", "witnesses"},
		{"two names of one key, the first late", own + one.cosign(text, at) + nine.cosign(text, 0), asking(t, 1, one, nine), "VALID", ""},
		{"two names of one key, the first early", own + nine.cosign(text, 0) + one.cosign(text, at), asking(t, 1, one, nine), "INVALID", "time"},
		{"two names of one key, the second wrong", own + one.cosign(text, at) + nine.line(bad), asking(t, 1, one, nine), "INVALID", "checkpoint"},
		{"two names of one key, the second of no time", own + one.cosign(text, at) + nine.cosign(text, 1<<40), asking(t, 1, one, nine), "INVALID", "checkpoint"},
		{"a witness named as the ledger", own + same.cosign(text, at), asking(t, 1, same), "VALID", ""},
		{"nobody but a witness named as the ledger", same.cosign(text, at), asking(t, 1, same), "INVALID", "checkpoint"},
		{"the ledger's own key", own + log.cosign(text, at), asking(t, 1, log), "VALID", ""},
		{"nobody but the ledger's own key as a witness", log.cosign(text, at), asking(t, 1, log), "INVALID", "checkpoint"},
		{"a key in the policy twice", own + one.cosign(text, at), asking(t, 1, one, one), "VALID", ""},
	} {
		changed := *e
		changed.Checkpoint = []byte(text + "\n" + c.below)
		edges = append(edges, edge{job{name: c.name, Document: changed.Bytes(), Trust: c.trust.Bytes()}, c.verdict, c.check})
	}
	for line, verdict := range map[string]string{"": "INCOMPLETE", "x": "INVALID"} {
		trust := asking(t, 2, one, two)
		trust.Witnesses.Keys = append(trust.Witnesses.Keys, noPoint)
		changed := *e
		changed.Checkpoint = []byte(text + "\n" + own + one.cosign(text, at))
		if line != "" {
			id := sha256.Sum256(append([]byte("witness.example/none\n"), append([]byte{4, 2}, make([]byte, 31)...)...))
			changed.Checkpoint = append(changed.Checkpoint, "— witness.example/none "+base64.StdEncoding.EncodeToString(append(id[:4:4], one.cosignature(text, at)...))+"\n"...)
		}
		edges = append(edges, edge{job{name: "a key that is no point" + line, Document: changed.Bytes(), Trust: trust.Bytes()}, verdict, ""})
	}
	hold(t, edges)
}

// Section 8: whom a policy may name as a witness.
func TestWitnessKeys(t *testing.T) {
	doc := published(t, "valid-witnessed.json")
	one, two := golden(1), golden(2)
	public := one.public()
	var edges []edge
	add := func(name string, quorum int, verdict string, keys ...string) {
		trust := asking(t, quorum)
		trust.Witnesses.Keys = keys
		edges = append(edges, edge{job{name: name, Document: doc, Trust: trust.Bytes()}, verdict, ""})
	}
	for name, ok := range map[string]bool{
		"x": true, "é": true, "a/b.c": true, "a\u200bb": true, "a\ufeffb": true, "a\x01b": true, "a\x7fb": true, "—": true, "\U0001F600": true, strings.Repeat("n", 1000): true, "ledger.example/golden": true,
		"": false, " ": false, "a b": false, "a\tb": false, "a\nb": false, "a\vb": false, "a\fb": false, "a\rb": false, "a\u0085b": false, "a\u00a0b": false, "a\u1680b": false, "a\u2003b": false, "a\u2028b": false,
		"a\u202fb": false, "a\u205fb": false, "a\u3000b": false, "a+b": false,
	} {
		add(fmt.Sprintf("the name %.20q", name), 2, map[bool]string{true: "VALID", false: badCall}[ok], one.verifierKey(), two.verifierKey(), verifierKey(name, public))
	}
	good := one.verifierKey()
	name, id, key := good[:strings.Index(good, "+")], strings.Split(good, "+")[1], strings.SplitN(good, "+", 3)[2]
	of := func(public []byte) string { return verifierKey(name, public) }
	for _, k := range []string{
		"", name, name + "+" + id, name + "+" + id + "+", name + "++" + key, name + "+" + id[1:] + "+" + key, name + "+0" + id + "+" + key, name + "+" + id + "+" + key + "+", name + "+" + id + "+ " + key,
		name + "+" + id + "+" + key + "=", name + "+" + id + "+" + key[:9] + "\n" + key[9:], name + "+" + id + "+" + strings.NewReplacer("+", "-", "/", "_").Replace("-"+key[1:]),
		"x" + good, of(public[:32]), of(append(bytes.Clone(public), 0)), of(append([]byte{1}, public[1:]...)), of(append([]byte{5}, public[1:]...)), of(append([]byte{6}, public[1:]...)), of(nil),
	} {
		add("the key "+k, 1, badCall, k, two.verifierKey())
	}
	many := func(n int) (keys []string) {
		for i := range n {
			keys = append(keys, verifierKey(fmt.Sprint(i), public))
		}
		return keys
	}
	add("one key 32 times", 1, "VALID", append(many(30), good, two.verifierKey())...)
	add("one key 33 times", 1, badCall, append(many(31), good, two.verifierKey())...)
	add("two of one key 32 times", 2, badCall, many(32)...)
	add("nobody", 0, badCall)
	add("one of nobody", 1, badCall)
	hold(t, edges)
}

// Section 7: which tree is a prefix of which, whether witnesses are asked for or
// not.
func TestConsistency(t *testing.T) {
	o := newOperator(t, published(t, "trust.json"))
	whole, err := proof.ParseEvidence(published(t, "valid-all.json"))
	if err != nil {
		t.Fatal(err)
	}
	genesis := whole.Records[0]
	genesis.Disclosures, genesis.Subject = nil, nil
	leaves := []tree.Hash{tree.LeafHash(genesis.Entry)}
	for i := range 20 {
		leaves = append(leaves, tree.LeafHash([]byte{byte(i)}))
	}
	policy := published(t, "trust.json")
	other := slices.Clone(leaves)
	other[0][0] ^= 1
	var edges []edge
	add := func(size, with int, how string, change func(*proof.Witnessed), verdict string) {
		genesis.Proof = tree.Small{Leaves: leaves[:size]}.Prove(0)
		more := proof.Witnessed{Checkpoint: o.sign(leaves, with), Proof: consistency(t, leaves, size, with)}
		if change != nil {
			change(&more)
		}
		e := proof.Evidence{
			Checkpoint: o.sign(leaves, size), Genesis: proof.Genesis{Entry: genesis.Entry, Proof: genesis.Proof},
			Records: []proof.Record{genesis}, Witnessed: []proof.Witnessed{more},
		}
		check := map[string]string{"INVALID": "witnesses"}[verdict]
		edges = append(edges, edge{job{name: fmt.Sprintf("%d and %d, %s", size, with, how), Document: e.Bytes(), Trust: policy}, verdict, check})
	}
	sizes := []int{1, 2, 3, 4, 6, 8, 9, 20}
	for _, size := range sizes {
		for _, with := range append([]int{0}, sizes...) {
			add(size, with, "as they are", nil, "VALID")
		}
	}
	for _, size := range []int{1, 4, 6, 20} {
		for _, with := range []int{0, 2, 4, 7, 20} {
			add(size, with, "a hash too many", func(m *proof.Witnessed) { m.Proof = append(m.Proof, leaves[0]) }, "INVALID")
			add(size, with, "a hash before", func(m *proof.Witnessed) { m.Proof = append([]tree.Hash{leaves[0]}, m.Proof...) }, "INVALID")
			if with > 0 {
				add(size, with, "another tree", func(m *proof.Witnessed) { m.Checkpoint = o.sign(other, with) }, "INVALID")
			}
			if with == 0 || with == size {
				continue
			}
			add(size, with, "the first hash missing", func(m *proof.Witnessed) { m.Proof = m.Proof[1:] }, "INVALID")
			add(size, with, "the last hash missing", func(m *proof.Witnessed) { m.Proof = m.Proof[:len(m.Proof)-1] }, "INVALID")
			add(size, with, "no proof", func(m *proof.Witnessed) { m.Proof = nil }, "INVALID")
			add(size, with, "a hash altered", func(m *proof.Witnessed) { m.Proof[len(m.Proof)/2][31] ^= 1 }, "INVALID")
		}
	}
	full := tree.Checkpoint{Origin: o.trust.Origin, Root: leaves[0]}
	notEmpty, err := full.Sign(o.signer)
	if err != nil {
		t.Fatal(err)
	}
	add(3, 0, "a root of no leaves", func(m *proof.Witnessed) { m.Checkpoint = notEmpty }, "INVALID")
	hold(t, edges)
}

// Section 6: no tree has more than 2^62 leaves.
func TestLargestTree(t *testing.T) {
	o := newOperator(t, published(t, "trust.json"))
	whole, err := proof.ParseEvidence(published(t, "valid-all.json"))
	if err != nil {
		t.Fatal(err)
	}
	genesis := whole.Records[0]
	genesis.Disclosures, genesis.Subject = nil, nil
	sign := func(size int64, root tree.Hash) []byte {
		signed, err := tree.Checkpoint{Origin: o.trust.Origin, Size: size, Root: root}.Sign(o.signer)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	sibling := tree.Hash(label("sibling"))
	up := func(levels int) (tree.Hash, []tree.Hash) { // of leaf 0, which lies left of everything
		h := tree.LeafHash(genesis.Entry)
		for range levels {
			h = sha256.Sum256(append(append([]byte{1}, h[:]...), sibling[:]...))
		}
		return h, slices.Repeat([]tree.Hash{sibling}, levels)
	}
	var edges []edge
	add := func(name string, size int64, levels int, verdict, check string, more ...proof.Witnessed) {
		root, p := up(levels)
		genesis.Proof = p
		e := proof.Evidence{Checkpoint: sign(size, root), Genesis: proof.Genesis{Entry: genesis.Entry, Proof: p}, Records: []proof.Record{genesis}, Witnessed: more}
		edges = append(edges, edge{job{name: name, Document: e.Bytes(), Trust: published(t, "trust.json")}, verdict, check})
	}
	above, _ := up(63)
	below, _ := up(61)
	add("2^62 leaves", 1<<62, 62, "VALID", "")
	add("one more", 1<<62+1, 63, "INVALID", "genesis")
	add("a larger one", 1<<62, 62, "INVALID", "witnesses", proof.Witnessed{Checkpoint: sign(1<<62+1, above), Proof: []tree.Hash{sibling}})
	add("a smaller one", 1<<62, 62, "VALID", "", proof.Witnessed{Checkpoint: sign(1<<61, below), Proof: []tree.Hash{sibling}})
	hold(t, edges)
}

// Section 7: between which times a record was recorded, to the millisecond.
func TestTimes(t *testing.T) {
	o := newOperator(t, published(t, "trust.json"))
	one, two, three := golden(1), golden(2), golden(3)
	e, err := proof.ParseEvidence(published(t, "valid-all.json"))
	if err != nil {
		t.Fatal(err)
	}
	var edges []edge
	// Record 2 says that it was recorded at 09:02:00.123. A head is of a size,
	// and of the seconds at which the witnesses cosigned it, 0 for one that did not.
	type head struct {
		size int
		at   []uint64
	}
	add := func(name string, quorum int, recorded, verdict, check string, heads ...head) {
		changed := *e
		changed.Records = slices.Clone(e.Records)
		changed.Schemas = nil
		if recorded != "" {
			set(&changed.Records[2].Entry, "recorded", canon.Text(recorded))
		}
		for i := range changed.Records {
			changed.Records[i].Disclosures, changed.Records[i].Subject = nil, nil
		}
		o.publish(&changed)
		var leaves []tree.Hash
		for _, r := range changed.Records {
			leaves = append(leaves, tree.LeafHash(r.Entry))
		}
		under := tree.Small{Leaves: leaves[:heads[0].size]}
		changed.Genesis.Proof = under.Prove(0)
		changed.Records = changed.Records[2:3]
		changed.Records[0].Proof = under.Prove(2)
		by := func(h head) []byte {
			signed := o.sign(leaves, h.size)
			text, _ := splitNote(t, signed)
			for i, w := range []witness{one, two, three} {
				if i < len(h.at) && h.at[i] > 0 {
					signed = append(signed, w.cosign(text, h.at[i])...)
				}
			}
			return signed
		}
		changed.Checkpoint = by(heads[0])
		for _, h := range heads[1:] {
			changed.Witnessed = append(changed.Witnessed, proof.Witnessed{Checkpoint: by(h), Proof: consistency(t, leaves, heads[0].size, h.size)})
		}
		trust := asking(t, quorum, one, two, three) // of 10 seconds
		edges = append(edges, edge{job{name: name, Document: changed.Bytes(), Trust: trust.Bytes()}, verdict, check})
	}
	file := head{5, []uint64{morning(9, 0), morning(9, 0), morning(9, 0)}}
	at := func(size int, seconds ...uint64) head { return head{size, seconds} }
	minute := func(seconds int) uint64 { return morning(2, seconds) }
	add("just not dated back", 1, "", "VALID", "", file, at(2, minute(10)))
	add("just dated back", 1, "", "INVALID", "time", file, at(2, minute(11)))
	add("just not dated forward", 1, "", "VALID", "", file, at(2, minute(0)), at(3, minute(-9)))
	add("just dated forward", 1, "", "INVALID", "time", file, at(2, minute(0)), at(3, minute(-10)))
	add("dated forward by the file's own checkpoint", 1, "", "INVALID", "time", at(5, minute(-10)), at(2, minute(-20)))
	add("dated back, and not known until when", 1, "", "INCOMPLETE", "time", at(5), at(2, minute(0)))
	add("dated back, and not known until when ", 1, "", "INVALID", "time", at(5), at(2, minute(11)))
	add("dated forward, and not known since when", 1, "", "INVALID", "time", at(5, minute(-10)))
	add("not known since when", 1, "", "INCOMPLETE", "time", file)
	add("the latest of the trees before", 1, "", "INVALID", "time", file, at(2, minute(0)), at(1, minute(11)), at(0, minute(1)))
	add("the earliest of the trees behind", 1, "", "INVALID", "time", file, at(2, minute(0)), at(3, minute(10)), at(4, minute(-10)))
	add("larger trees too", 1, "", "INVALID", "time", at(3, minute(9)), at(2, minute(0)), at(5, minute(-10)))
	add("the tree that ends with it", 1, "", "INVALID", "time", file, at(3, minute(-10)), at(2, minute(-20)))
	add("a time that nobody believes", 1, "0000-01-01T00:00:00.000Z", "INVALID", "time", file, at(2, 1))
	add("a time before 1970, within the tolerance", 1, "1969-12-31T23:59:51.000Z", "VALID", "", file, at(2, 1))
	add("a time before 1970, without", 1, "1969-12-31T23:59:50.999Z", "INVALID", "time", file, at(2, 1))
	add("the last day", 1, "9999-12-31T23:59:59.999Z", "INVALID", "time", file, at(2, minute(0)))
	add("the last day, and a witness from behind it", 1, "9999-12-31T23:59:59.999Z", "VALID", "", at(5, 1<<40-1), at(2, minute(0)))
	add("a leap day", 1, "2024-02-29T12:00:00.500Z", "VALID", "", at(5, 1709208001), at(2, 1709208000))
	add("a leap day, a second too late", 1, "2024-02-29T12:00:11.500Z", "INVALID", "time", at(5, 1709208001), at(2, 1709208000))
	for quorum, verdicts := range map[int][3]string{1: {"INVALID", "INVALID", "VALID"}, 2: {"VALID", "INVALID", "VALID"}, 3: {"VALID", "VALID", "VALID"}} {
		for i, missing := range [][]uint64{{minute(0), minute(1), minute(11)}, {minute(0), minute(11), minute(12)}, {minute(0), minute(0), minute(10)}} {
			check := map[string]string{"INVALID": "time"}[verdicts[i]]
			add(fmt.Sprintf("%d of three that saw it missing, %d", quorum, i), quorum, "", verdicts[i], check, file, at(3, minute(30), minute(30), minute(30)), at(2, missing...))
		}
		add(fmt.Sprintf("%d of three that saw it", quorum), quorum, "", map[int]string{1: "INVALID", 2: "INVALID", 3: "VALID"}[quorum], "", file, at(2, minute(0), minute(0), minute(0)), at(3, minute(-10), minute(-10), minute(30)))
		add(fmt.Sprintf("%d of two", quorum), quorum, "", map[int]string{1: "VALID", 2: "VALID", 3: "INCOMPLETE"}[quorum], "", at(5, minute(30), 0, minute(30)), at(2, 0, minute(0), minute(0)))
	}
	add("one each of two trees are no quorum", 2, "", "INCOMPLETE", "witnesses", at(5, minute(30)), at(5, 0, minute(30)), at(2, minute(0), minute(0)))
	hold(t, edges)
}
