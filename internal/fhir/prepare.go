package fhir

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// An Interaction is the FHIR interaction that sends a resource or Bundle. It is a POST of
// Body to Path.
type Interaction struct {
	// Report describes the body before it was changed, so a collection is still a
	// collection.
	*Report
	Path string // the type, such as "Observation"; empty for a Bundle, which is posted to the base URL
	Body []byte // JSON as it is sent
	// Types are the types of the resources, in the order of the entries.
	Types []string
}

// Prepare validates a body, checks the rules for sending and returns the interaction
// that sends it. If it may not be sent, the error is a *[ValidationError].
//
// A single resource is created by POST: its id is removed, since the provider assigns
// one. A batch or transaction is sent unchanged. A collection, for which FHIR has no
// interaction, becomes a batch. References to a urn lead to an entry; see docs/fhir.md.
func Prepare(v Version, body []byte) (*Interaction, error) {
	doc, f := parse(body)
	defer doc.close()
	c := newChecker(v, doc)
	if f != nil {
		c.found.add(*f)
		return nil, c.found.errOrNil()
	}
	c.check()
	if len(doc.duplicates) > 0 {
		return nil, c.found.errOrNil()
	}
	s := preparer{c: c, edits: edits{doc: doc}, out: &Interaction{}}
	c.checkBSN()
	s.prepare()
	if err := c.found.errOrNil(); err != nil {
		return nil, err
	}
	s.out.Report = c.report()
	s.out.Body = s.edits.apply()
	return s.out, nil
}

// A preparer applies the rules for sending and collects the edits. The rules are those of
// MedMij for services by which a person sends data to a provider.
type preparer struct {
	c     *checker
	edits edits
	out   *Interaction
	// updated are the addresses (Type/id) of the resources that entries update.
	updated map[string]bool
	// bases are the bases of the entries' addresses, by Type/id.
	bases map[string]string
	// digest is the SHA-256 of the body, computed for the first new URN.
	digest []byte
}

// notStorable are the resource types that servers do not store, so that they cannot be
// created.
var notStorable = []string{"Bundle", "OperationOutcome", "Parameters"}

// typeOf returns the type of a resource, or "" if it is unknown.
func (s *preparer) typeOf(r uint32) string {
	text := s.c.doc.memberText(r, "resourceType")
	if name, ok := safeName(text); ok && (s.c.defs == nil || s.c.defs.resource(text) != nil) {
		return name
	}
	return ""
}

// checkStorable checks that a resource can be created.
func (s *preparer) checkStorable(r uint32, name string) {
	if slices.Contains(notStorable, name) {
		s.c.addIssue(r, CodeBusiness, "is "+article(name)+", which a provider does not store")
	}
}

// prepare prepares the whole body.
func (s *preparer) prepare() {
	d := s.c.doc
	name := s.typeOf(0)
	if name != "Bundle" {
		s.checkStorable(0, name)
		s.out.Path = name
		s.out.Types = []string{name}
		s.edits.remove(0, "id", "_id")
		s.checkReferences()
		return
	}
	if s.c.defs == nil { // with definitions it is already checked
		for e := range d.entries() {
			s.c.checkFullURL(e)
		}
	}
	switch string(d.memberText(0, "type")) {
	case "batch", "transaction":
		s.prepareBatch()
	case "collection":
		s.prepareCollection()
	case "":
		if s.c.defs == nil {
			s.c.addIssueAt(0, ".type", CodeRequired, "is required")
		}
	default:
		s.c.addIssueAt(0, ".type", CodeBusiness,
			"must be batch or transaction, or collection, which becomes a batch: no other Bundle can be sent")
	}
	s.checkReferences()
}

// prepareBatch checks the entries of a batch or transaction.
func (s *preparer) prepareBatch() {
	d := s.c.doc
	n := 0
	urns := map[string]string{}
	for e := range d.entries() {
		n++
		s.checkEntry(e)
		if url := d.memberText(e, "fullUrl"); isURN(url) {
			s.recordURN(e, urns, string(url))
		}
	}
	if n == 0 {
		s.c.addIssueAt(0, ".entry", CodeRequired, "is required: there is nothing to send")
	}
}

// checkEntry checks one entry, which creates a resource (POST) or updates one whose id
// is known (PUT).
func (s *preparer) checkEntry(e uint32) {
	d := s.c.doc
	request, ok := d.member(e, "request")
	if !ok {
		if s.c.defs == nil { // with definitions it is already reported
			s.c.addIssueAt(e, ".request", CodeRequired, "is required of each entry of a batch or transaction (bdl-3)")
		}
		return
	}
	for _, name := range []string{"url", "ifNoneExist"} {
		if m, ok := d.member(request, name); ok && hasPatientParameter(d.text(m)) {
			s.c.addIssue(m, CodeBusiness,
				"must not name the person (patient, subject): the access token tells the provider who it is")
		}
	}
	method := string(d.memberText(request, "method"))
	if method != "POST" && method != "PUT" {
		s.c.addIssueAt(request, ".method", CodeBusiness,
			"must be POST or PUT: a push does not read or delete resources")
		return
	}
	r, ok := d.member(e, "resource")
	if !ok || d.nodes[r].kind != kindObject {
		s.c.addIssueAt(e, ".resource", CodeRequired, "is required, since the entry writes it")
		return
	}
	name := s.typeOf(r)
	if name == "" {
		return // already reported
	}
	s.out.Types = append(s.out.Types, name)
	s.checkStorable(r, name)
	isPerson := name == "Patient" || strings.HasSuffix(name, "Person")
	if m, ok := d.member(request, "ifNoneExist"); ok && isPerson && hasIdentifierParameter(normalized(d.text(m))) {
		s.c.addIssue(m, CodeBusiness, bsnMessage)
	}
	if method == "POST" {
		s.checkCreate(e, r, request, name)
	} else {
		s.checkUpdate(e, r, request, name)
	}
}

// checkCreate checks an entry whose method is POST.
func (s *preparer) checkCreate(e, r, request uint32, name string) {
	d := s.c.doc
	if url := d.memberText(request, "url"); string(url) != name {
		s.c.addIssueAt(request, ".url", CodeBusiness,
			fmt.Sprintf("must be %s: a resource is created by a POST to its type", name))
	}
	if id, ok := d.member(r, "id"); ok {
		s.c.addIssue(id, CodeBusiness, "must be left out: the provider assigns the id of a resource that is created")
	}
	if !isURN(d.memberText(e, "fullUrl")) {
		s.c.addIssueAt(e, ".fullUrl", CodeBusiness,
			"must be a urn:uuid or a urn:oid, since the resource has no address yet")
	}
}

// isURN reports whether a URL is one by which an entry without an address is referred to.
func isURN(url []byte) bool { return isUUID(bytes.ToLower(url)) || isOID(url) }

// checkUpdate checks an entry whose method is PUT.
func (s *preparer) checkUpdate(e, r, request uint32, name string) {
	d := s.c.doc
	id := d.memberText(r, "id")
	if len(id) == 0 {
		s.c.addIssueAt(r, ".id", CodeBusiness, "is required of a resource that is updated by PUT")
		return
	}
	address := name + "/" + string(id)
	if string(d.memberText(request, "url")) != address {
		s.c.addIssueAt(request, ".url", CodeBusiness, "must be the type and the id of the resource")
	} else if s.updated[address] {
		s.c.addIssueAt(request, ".url", CodeBusiness, "is written by an earlier entry, too: write each resource once")
	}
	if s.updated == nil {
		s.updated = map[string]bool{}
	}
	s.updated[address] = true
	full := d.memberText(e, "fullUrl")
	scheme, _, _ := bytes.Cut(full, []byte(":"))
	if isHTTP(scheme) && !bytes.HasSuffix(full, []byte("/"+address)) && !s.c.isAddressOfOther(full, r) {
		s.c.addIssueAt(e, ".fullUrl", CodeBusiness, "must end in the type and the id of the resource")
	}
}

// hasPatientParameter reports whether a search has the parameter patient or subject, with
// or without a modifier or a chain.
func hasPatientParameter(url []byte) bool {
	url = normalized(url)
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
