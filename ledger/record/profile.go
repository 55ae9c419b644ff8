// SPDX-License-Identifier: Apache-2.0

package record

import (
	"slices"
	"strconv"
	"strings"

	"github.com/lendlog/lendlog/ledger/canon"
)

// A compiler turns the JSON of a schema into checks. It goes on after a
// violation, so that an author sees all of them at once.
type compiler struct {
	defs  map[string]canon.Value // of "$defs"
	done  map[string]*check      // compiled definitions; nil while one is being compiled
	found Violations

	patterns map[string]*pattern // compiled, by their text
	states   int64               // of the patterns that this schema was the first to have
}

func (c *compiler) addf(pointer, code, format string, args ...any) {
	c.found.addf(pointer, code, format, args...)
}

// The keywords of the profile. Those of a type are allowed only beside it.
var (
	keywordsTop = []string{
		"$schema", "$id", "$defs", "title", "description", "type", "properties", "required", "additionalProperties",
		"examples", "x-subject", "x-restricted", "x-own", "x-source",
	}
	keywordsRef  = []string{"$ref", "title", "description", "x-source"}
	keywordsAny  = []string{"type", "title", "description", "x-source"}
	keywordsType = map[string][]string{
		"object":  {"properties", "required", "additionalProperties"},
		"array":   {"items", "minItems", "maxItems"},
		"string":  {"enum", "const", "pattern", "minLength", "maxLength", "format"},
		"integer": {"enum", "const", "minimum", "maximum"},
		"boolean": nil,
	}
)

var subjectKinds = []string{
	"file", "line", "case", "party", "staff", "model", "policy", "portfolio", "feed", "ledger",
}

// schema fills s from the whole document.
func (c *compiler) schema(s *Schema, doc canon.Value) {
	if doc.Kind != canon.Object {
		c.addf("", CodeType, "must be an object")
		return
	}
	c.only("", doc, keywordsTop)
	if c.text("", doc, "$schema") != draft {
		c.addf("/$schema", CodeConst, "must be %q", draft)
	}
	id, ok := strings.CutPrefix(c.text("", doc, "$id"), idPrefix)
	if !ok || len(id) > 128 || !typeName.MatchString(id) {
		c.addf("/$id", CodeFormat, `must be %q and the type's name: lower-case words with dots between them, of which the last is the version, as in "com.example.loan.reviewed.v1"`, idPrefix)
	}
	s.Type = id
	s.Title, s.Description, s.Source = c.text("", doc, "title"), c.text("", doc, "description"), c.text("", doc, "x-source")
	s.Restricted, s.Own = c.flag(doc, "x-restricted"), c.flag(doc, "x-own")
	s.SubjectKinds = c.subject(doc)
	if s.Restricted && !slices.Equal(s.SubjectKinds, []string{"case"}) {
		c.addf("/x-subject", CodeConst, `must be "case" in a restricted type: in another subject's chain the record would tell whom it is about`)
	}

	c.done = make(map[string]*check)
	c.defs = c.definitions(doc)
	for _, name := range sortedNames(c.defs) {
		c.definition(name)
	}
	if c.text("", doc, "type") != "object" {
		c.addf("/type", CodeConst, `must be "object": data is always an object`)
		return
	}
	s.root = c.object("", doc, func(name string, v canon.Value) *check { return c.member(s, name, v) })
	if s.root.rest != nil {
		c.addf("/additionalProperties", CodeConst, "must be false: the members of data have fixed places among the sealed ones; put the map into a member")
	}
	slices.SortFunc(s.Members, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	for i := range s.Members {
		m := &s.Members[i]
		for _, p := range s.root.properties {
			if p.name == m.Name {
				m.Required = p.required
			}
		}
	}
	c.parties(s)
}

// member compiles a top-level member of data and notes it in s.
func (c *compiler) member(s *Schema, name string, v canon.Value) *check {
	at := canon.Pointer("/properties", name)
	if !memberName.MatchString(name) {
		c.addf("/properties", CodeFormat, "has a member whose name is not a letter and at most 63 letters, digits, _ or -")
		return nil
	}
	m := Member{Name: name, Title: c.text(at, v, "title"), Description: c.text(at, v, "description")}
	source, _ := v.Get("x-source") // compile looks at it
	m.Source = source.Str
	open, hasOpen := v.Get("x-open")
	key, hasKey := v.Get("x-key")
	plain := canon.Value{Kind: v.Kind}
	for _, p := range v.Members {
		if p.Name != "x-open" && p.Name != "x-key" {
			plain.Members = append(plain.Members, p)
		}
	}
	k := c.compile(at, plain)
	switch {
	case hasOpen == hasKey:
		c.addf(at, CodeRequired, `must have either "x-open": true or "x-key"`)
	case hasOpen && !open.IsTrue():
		c.addf(at+"/x-open", CodeConst, `must be true; leave it out and give "x-key" where the member is sealed`)
	case hasOpen && s.Restricted:
		c.addf(at+"/x-open", CodeKeyword, `must not stand in a restricted type, which shows nothing; use "x-key"`)
	case hasOpen:
		m.Open = true
		if !s.Own && k != nil {
			if why := k.personal(); why != "" {
				c.addf(at+"/x-open", CodeKeyword, `must not open what could hold personal data: %s; bound it or use "x-key"`, why)
			}
		}
	default:
		m.Group, m.Party = c.key(at+"/x-key", key)
	}
	s.Members = append(s.Members, m)
	return k
}

// key reads an x-key.
func (c *compiler) key(at string, v canon.Value) (group, party string) {
	switch v.Kind {
	case canon.String:
		switch v.Str {
		case GroupParty, GroupStaff, GroupInstitution:
			return v.Str, ""
		}
	case canon.Object:
		c.only(at, v, []string{"group", "party"})
		group, party = c.text(at, v, "group"), c.text(at, v, "party")
		if groupName.MatchString(group) && group != GroupParty && group != GroupInstitution {
			if party == "" {
				c.addf(at+"/party", CodeRequired, "is required: the /data/<member> that holds the id of the group's party")
			}
			return group, party
		}
		c.addf(at+"/group", CodeFormat, `must be a name like "coApplicant" or "staff.approver", other than "party" and "institution"`)
		return "", ""
	}
	c.addf(at, CodeEnum, `must be "party", "staff", "institution" or {"group": …, "party": "/data/<member>"}`)
	return "", ""
}

// parties checks that every key group of its own has one party, whose id is
// sealed under that very group and so goes with it.
func (c *compiler) parties(s *Schema) {
	holder := make(map[string]string)
	for _, m := range s.Members {
		if m.Open {
			continue
		}
		at := canon.Pointer("/properties", m.Name) + "/x-key"
		if first, ok := holder[m.Group]; ok && first != m.Party {
			c.addf(at, CodeKeyword, "must name the same party as the other members of its group; use a group of another name")
		}
		holder[m.Group] = m.Party
		if m.Party == "" {
			continue
		}
		name, ok := strings.CutPrefix(m.Party, "/data/")
		id, known := s.Member(name)
		holds := s.root.property(name)
		if !ok || !known || id.Open || id.Group != m.Group || holds == nil || holds.kind != canon.String {
			c.addf(at+"/party", CodeFormat, "must be /data/<member>, a member of type string in the same group")
		}
	}
}

func (c *compiler) subject(doc canon.Value) []string {
	v, _ := doc.Get("x-subject")
	list := v.Items
	if v.Kind == canon.String {
		list = []canon.Value{v}
	}
	var kinds []string
	for _, k := range list {
		if k.Kind != canon.String || k.Str != "*" && !slices.Contains(subjectKinds, k.Str) || slices.Contains(kinds, k.Str) {
			kinds = nil
			break
		}
		kinds = append(kinds, k.Str)
	}
	if len(kinds) == 0 {
		c.addf("/x-subject", CodeEnum, `must be a kind of subject or a list of them (%s), or "*" for any`, strings.Join(subjectKinds, ", "))
	}
	return kinds
}

func (c *compiler) definitions(doc canon.Value) map[string]canon.Value {
	defs, ok := doc.Get("$defs")
	if ok && defs.Kind != canon.Object {
		c.addf("/$defs", CodeType, "must be an object")
	}
	m := make(map[string]canon.Value)
	for _, d := range defs.Members {
		m[d.Name] = d.Value
	}
	return m
}

func sortedNames(m map[string]canon.Value) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// definition compiles "$defs" once each.
func (c *compiler) definition(name string) *check {
	k, begun := c.done[name]
	if !begun {
		c.done[name] = nil
		k = c.compile(canon.Pointer("/$defs", name), c.defs[name])
		c.done[name] = k
	}
	return k
}

// compile returns the check of one schema, or nil when it found a violation.
func (c *compiler) compile(at string, v canon.Value) *check {
	if v.Kind != canon.Object {
		c.addf(at, CodeType, "must be a schema, which is an object")
		return nil
	}
	if ref, ok := v.Get("$ref"); ok {
		return c.ref(at, v, ref)
	}
	kind := c.text(at, v, "type")
	own, ok := keywordsType[kind]
	if !ok {
		c.addf(at+"/type", CodeEnum, `must be object, array, string, integer or boolean; decimals are strings of format "decimal"`)
		return nil
	}
	c.only(at, v, slices.Concat(keywordsAny, own))
	c.text(at, v, "title")
	c.text(at, v, "description")
	c.text(at, v, "x-source")
	switch kind {
	case "object":
		return c.object(at, v, func(name string, p canon.Value) *check {
			return c.compile(canon.Pointer(at+"/properties", name), p)
		})
	case "array":
		return c.array(at, v)
	case "string":
		return c.string(at, v)
	case "integer":
		k := &check{kind: canon.Int, enum: c.enum(at, v, canon.Int), min: -canon.MaxInt, max: canon.MaxInt}
		k.constant = c.constant(at, v, k)
		c.number(at, v, "minimum", -canon.MaxInt, &k.min)
		c.number(at, v, "maximum", -canon.MaxInt, &k.max)
		return k
	default:
		return &check{kind: canon.Bool}
	}
}

func (c *compiler) ref(at string, v, ref canon.Value) *check {
	c.only(at, v, keywordsRef)
	c.text(at, v, "x-source")
	name, ok := strings.CutPrefix(ref.Str, "#/$defs/")
	if _, known := c.defs[name]; !ok || !known || !memberName.MatchString(name) {
		c.addf(at+"/$ref", CodeFormat, `must be "#/$defs/<name>" of a definition in this schema`)
		return nil
	}
	k := c.definition(name)
	if k == nil && len(c.found) == 0 {
		c.addf(at+"/$ref", CodeKeyword, "must not lead back to itself; data is nested only as deep as its schema")
	}
	return k
}

func (c *compiler) object(at string, v canon.Value, compile func(name string, v canon.Value) *check) *check {
	k := &check{kind: canon.Object}
	props, ok := v.Get("properties")
	if ok && props.Kind != canon.Object {
		c.addf(at+"/properties", CodeType, "must be an object")
	}
	// The members of props are in canonical order, and so are those of any
	// data: checking walks both lists side by side.
	for _, p := range props.Members {
		k.properties = append(k.properties, property{name: p.Name, check: compile(p.Name, p.Value)})
	}
	required, ok := v.Get("required")
	if ok && required.Kind != canon.Array {
		c.addf(at+"/required", CodeType, "must be an array of names")
	}
	for i, r := range required.Items {
		p := slices.IndexFunc(k.properties, func(p property) bool { return r.Kind == canon.String && p.name == r.Str })
		if p < 0 || k.properties[p].required {
			c.addf(at+"/required/"+strconv.Itoa(i), CodeEnum, "must be the name of one of the properties, once")
			continue
		}
		k.properties[p].required = true
	}
	switch rest, _ := v.Get("additionalProperties"); {
	case rest.Kind == canon.Object:
		k.rest = c.compile(at+"/additionalProperties", rest)
	case rest.Kind != canon.Bool || rest.IsTrue():
		c.addf(at+"/additionalProperties", CodeRequired, `must be false, or the schema of a free map's values, as in {"type": "string"}`)
	}
	return k
}

func (c *compiler) array(at string, v canon.Value) *check {
	k := &check{kind: canon.Array, max: canon.MaxInt}
	c.number(at, v, "minItems", 0, &k.min)
	k.bounded = c.number(at, v, "maxItems", 0, &k.max)
	items, ok := v.Get("items")
	if !ok {
		c.addf(at+"/items", CodeRequired, "is required: the schema of the items")
		return k
	}
	k.items = c.compile(at+"/items", items)
	return k
}

func (c *compiler) string(at string, v canon.Value) *check {
	k := &check{kind: canon.String, enum: c.enum(at, v, canon.String), max: canon.MaxInt}
	k.constant = c.constant(at, v, k)
	c.number(at, v, "minLength", 0, &k.min)
	k.bounded = c.number(at, v, "maxLength", 0, &k.max)
	if _, ok := v.Get("format"); ok {
		name := c.text(at, v, "format")
		if k.format = formats[name]; k.format.ok == nil {
			c.addf(at+"/format", CodeEnum, "must be date, date-time or decimal")
		}
	}
	if _, ok := v.Get("pattern"); ok {
		k.pattern = c.pattern(at+"/pattern", c.text(at, v, "pattern"))
	}
	return k
}

// pattern compiles a pattern once.
func (c *compiler) pattern(at, text string) *pattern {
	p, ok := c.patterns[text]
	if !ok {
		var why string
		if p, why = compilePattern(text); why != "" {
			c.addf(at, CodePattern, "%s", why)
			return nil
		}
		c.patterns[text] = p
		if c.states += p.states; c.states > maxAllStates {
			c.addf(at, CodePattern, "is one too many: written out, the patterns of a schema have at most %d characters; loosen them, and bound the strings with maxLength", maxAllStates)
		}
	}
	return p
}

func (c *compiler) enum(at string, v canon.Value, kind canon.Kind) []canon.Value {
	enum, ok := v.Get("enum")
	if !ok {
		return nil
	}
	for i, e := range enum.Items {
		if e.Kind != kind || slices.ContainsFunc(enum.Items[:i], func(o canon.Value) bool { return o.Str == e.Str && o.Int == e.Int }) {
			c.addf(at+"/enum/"+strconv.Itoa(i), CodeType, "must be of type %s and stand once", kind)
		}
	}
	if len(enum.Items) == 0 {
		c.addf(at+"/enum", CodeItems, "must be a list of at least one value")
	}
	return enum.Items
}

// constant reads "const" into k's enum and reports whether it did.
func (c *compiler) constant(at string, v canon.Value, k *check) bool {
	value, ok := v.Get("const")
	switch {
	case !ok:
		return false
	case k.enum != nil:
		c.addf(at+"/const", CodeKeyword, `must not stand beside "enum"`)
	case value.Kind != k.kind:
		c.addf(at+"/const", CodeType, "must be of type %s", k.kind)
	}
	k.enum = []canon.Value{value}
	return true
}

// only reports the keywords of v that are not among those allowed.
func (c *compiler) only(at string, v canon.Value, allowed []string) {
	for _, m := range v.Members {
		if !slices.Contains(allowed, m.Name) {
			c.addf(canon.Pointer(at, shorten(m.Name)), CodeKeyword, "is not allowed here; allowed are %s", strings.Join(allowed, ", "))
		}
	}
}

// text returns a member that must be a string if it is there at all.
func (c *compiler) text(at string, v canon.Value, name string) string {
	t, ok := v.Get(name)
	if ok && t.Kind != canon.String {
		c.addf(canon.Pointer(at, name), CodeType, "must be a string")
	}
	return t.Str
}

func (c *compiler) flag(v canon.Value, name string) bool {
	f, ok := v.Get(name)
	if ok && f.Kind != canon.Bool {
		c.addf("/"+name, CodeType, "must be true or false")
	}
	return f.IsTrue()
}

// number reads an integer keyword and reports whether it is there.
func (c *compiler) number(at string, v canon.Value, name string, least int64, into *int64) bool {
	n, ok := v.Get(name)
	if !ok {
		return false
	}
	if n.Kind != canon.Int || n.Int < least {
		c.addf(canon.Pointer(at, name), CodeType, "must be an integer of at least %d", least)
	}
	*into = n.Int
	return true
}

// examples checks "examples" with the compiled schema.
func (c *compiler) examples(s *Schema, doc canon.Value) {
	v, ok := doc.Get("examples")
	if ok && v.Kind != canon.Array {
		c.addf("/examples", CodeType, "must be an array of complete values of data")
	}
	for i, e := range v.Items {
		for _, bad := range s.Check(e) {
			at := "/examples/" + strconv.Itoa(i) + strings.TrimPrefix(bad.Pointer, "/data")
			c.found.add(at, bad.Code, bad.Message)
		}
	}
	s.Examples = v.Items
}
