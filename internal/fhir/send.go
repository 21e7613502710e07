package fhir

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Outgoing is a resource or Bundle that may leave: what is posted, and where.
type Outgoing struct {
	// Report is of the body as it came: a collection is one there still.
	*Report
	Path string // "" for a Bundle, which goes to the base address; else the type, such as "Observation"
	Body []byte // JSON as it goes over the wire
	// Types is what it holds, in the order of the entries: types and nothing else.
	Types []string
}

// Prepare checks a body, holds it to the rules for sending and returns what goes
// out. If it may not go, the error is a *[Faults].
//
// A single resource is created by POST, so its id is taken out; the provider
// gives it one. A batch or transaction goes as given. A collection is no
// interaction of FHIR and is made into a batch; see docs/fhir.md.
func Prepare(v Version, body []byte) (*Outgoing, error) {
	doc, f := parse(body)
	defer doc.close()
	c := newChecker(v, doc)
	if f != nil {
		c.faults.add(*f)
		return nil, c.faults.orNil()
	}
	c.all()
	if len(doc.twice) > 0 {
		return nil, c.faults.orNil()
	}
	s := sender{c: c, edits: edits{doc: doc}, out: &Outgoing{}}
	c.findBSN()
	s.rules()
	if err := c.faults.orNil(); err != nil {
		return nil, err
	}
	s.out.Report = c.report()
	s.out.Body = s.edits.apply()
	return s.out, nil
}

// A sender applies the rules for sending (MedMij's, for the services that share
// data with a provider) and gathers what is to be changed.
type sender struct {
	c     *checker
	edits edits
	out   *Outgoing
	// digest is of the body, once a new urn is asked for.
	digest []byte
}

// notStored are resources that no server keeps, so none can be created.
var notStored = []string{"Bundle", "OperationOutcome", "Parameters"}

// typeOf is the type of a resource, "" if it has none that is known.
func (s *sender) typeOf(r uint32) string {
	text := s.c.doc.memberText(r, "resourceType")
	if name, ok := shownName(text); ok && (s.c.table == nil || s.c.table.resource(text) != nil) {
		return name
	}
	return ""
}

// stored insists on a resource that can be created.
func (s *sender) stored(r uint32, name string) {
	if slices.Contains(notStored, name) {
		s.c.fault(r, CodeBusiness, "is "+article(name)+", which a provider does not store")
	}
}

func (s *sender) rules() {
	d := s.c.doc
	name := s.typeOf(0)
	if name != "Bundle" {
		s.stored(0, name)
		s.out.Path = name
		s.out.Types = []string{name}
		s.edits.remove(0, "id", "_id")
		return
	}
	switch string(d.memberText(0, "type")) {
	case "batch", "transaction":
		s.interaction()
	case "collection":
		s.collection()
	case "":
		if s.c.table == nil {
			s.c.faultAt(0, ".type", CodeRequired, "is required")
		}
	default:
		s.c.faultAt(0, ".type", CodeBusiness, "must be batch or transaction: no other Bundle can be sent, but a collection, which becomes a batch")
	}
	s.checkReferences()
}

// interaction holds a batch or transaction to the rules.
func (s *sender) interaction() {
	n := 0
	for e := range s.c.doc.entries() {
		n++
		s.entry(e)
	}
	if n == 0 {
		s.c.faultAt(0, ".entry", CodeRequired, "is required: there is nothing to send")
	}
}

// entry holds one entry to the rules: it creates a resource (POST) or writes one
// whose id is known (PUT).
func (s *sender) entry(e uint32) {
	d := s.c.doc
	request, ok := d.member(e, "request")
	if !ok {
		if s.c.table == nil { // else it is a fault already
			s.c.faultAt(e, ".request", CodeRequired, "is required of each entry of a batch or transaction (bdl-3)")
		}
		return
	}
	for _, name := range []string{"url", "ifNoneExist"} {
		if m, ok := d.member(request, name); ok && namesPerson(d.text(m)) {
			s.c.fault(m, CodeBusiness, "must not name whom it is about (patient, subject): the provider knows from the token")
		}
	}
	method := string(d.memberText(request, "method"))
	if method != "POST" && method != "PUT" {
		s.c.faultAt(request, ".method", CodeBusiness, "must be POST or PUT: a push writes, it does not read or delete")
		return
	}
	r, ok := d.member(e, "resource")
	if !ok || d.nodes[r].kind != kindObject {
		s.c.faultAt(e, ".resource", CodeRequired, "is required of what is written")
		return
	}
	name := s.typeOf(r)
	if name == "" {
		return // a fault already
	}
	s.out.Types = append(s.out.Types, name)
	s.stored(r, name)
	if m, ok := d.member(request, "ifNoneExist"); ok && (name == "Patient" || strings.HasSuffix(name, "Person")) &&
		identifiesBSN(decoded(d.text(m))) {
		s.c.fault(m, CodeBusiness, bsnText)
	}
	if method == "POST" {
		s.create(e, r, request, name)
	} else {
		s.update(e, r, request, name)
	}
}

func (s *sender) create(e, r, request uint32, name string) {
	d := s.c.doc
	if url := d.memberText(request, "url"); string(url) != name {
		s.c.faultAt(request, ".url", CodeBusiness, fmt.Sprintf("must be %s: what is created is posted to its type", name))
	}
	if id, ok := d.member(r, "id"); ok {
		s.c.fault(id, CodeBusiness, "must be left out of what is created: the provider gives it one")
	}
	if !isUUID(bytes.ToLower(d.memberText(e, "fullUrl"))) {
		s.c.faultAt(e, ".fullUrl", CodeBusiness, "must be a urn:uuid, since what is created has no address yet")
	}
}

func (s *sender) update(e, r, request uint32, name string) {
	d := s.c.doc
	id := d.memberText(r, "id")
	if len(id) == 0 {
		s.c.faultAt(r, ".id", CodeBusiness, "is required of what is written with PUT")
		return
	}
	address := name + "/" + string(id)
	if string(d.memberText(request, "url")) != address {
		s.c.faultAt(request, ".url", CodeBusiness, "must be the type and the id of the resource")
	}
	full := d.memberText(e, "fullUrl")
	if bytes.HasPrefix(full, []byte("http")) && !bytes.HasSuffix(full, []byte("/"+address)) {
		s.c.faultAt(e, ".fullUrl", CodeBusiness, "must end in the type and the id of the resource")
	}
}

// namesPerson says whether a search has patient or subject as a parameter, also
// with a modifier or a chain behind it.
func namesPerson(url []byte) bool {
	url = decoded(url)
	if _, query, ok := bytes.Cut(url, []byte("?")); ok {
		url = query
	}
	for p := range bytes.SplitSeq(url, []byte("&")) {
		name, _, ok := bytes.Cut(p, []byte("="))
		if k := bytes.IndexAny(name, ":."); k >= 0 {
			name = name[:k]
		}
		if ok && (string(name) == "patient" || string(name) == "subject") {
			return true
		}
	}
	return false
}

// checkReferences finds references to entries that are not there: the provider
// could not resolve them.
func (s *sender) checkReferences() {
	d := s.c.doc
	known := map[string]bool{}
	for e := range d.entries() {
		if url := d.memberText(e, "fullUrl"); len(url) > 0 {
			known[string(bytes.ToLower(url))] = true
		}
	}
	for i := range d.nodes {
		n := uint32(i)
		if d.nodes[n].kind != kindString || string(d.name(n)) != "reference" {
			continue
		}
		text := bytes.ToLower(d.text(n))
		if bytes.HasPrefix(text, []byte("urn:uuid:")) && !known[string(text)] {
			s.c.fault(n, CodeNotFound, "leads nowhere: no entry of the Bundle has it as its fullUrl")
		}
	}
}
