package fhir

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

// prepareCollection converts a collection, for which FHIR has no interaction, to a batch
// that creates each of its resources: each entry gets a request, the ids of the resources
// are removed, an entry without a urn:uuid or urn:oid gets a urn:uuid, and references to
// entries are rewritten to these urns. Nothing else is changed.
func (s *preparer) prepareCollection() {
	d := s.c.doc
	if m, ok := d.member(0, "signature"); ok {
		s.c.addIssue(m, CodeBusiness, "does not survive the conversion of the collection to a batch")
	}
	if m, ok := d.member(0, "type"); ok {
		s.edits.replace(m, `"batch"`)
	}
	urns := map[string]string{} // the urn of an entry, by each address of the entry
	n := 0
	for e := range d.entries() {
		s.createEntry(e, n, urns)
		n++
	}
	if n == 0 {
		s.c.addIssueAt(0, ".entry", CodeRequired, "is required: there is nothing to send")
	}
	s.rewriteReferences(urns)
}

// rewriteReferences rewrites the references to entries to the entries' urns.
func (s *preparer) rewriteReferences(urns map[string]string) {
	d := s.c.doc
	for m := range d.children(0) {
		if string(d.name(m)) != "entry" {
			s.rewriteReferencesIn(m, nil, urns)
		}
	}
	for e := range d.entries() {
		base, _, _, _ := s.c.splitAddress(d.memberText(e, "fullUrl"))
		s.rewriteReferencesIn(e, base, urns)
	}
}

// rewriteReferencesIn rewrites the references in a value. base is that of its entry's address,
// or empty: a reference to Type/id leads to a resource on the same server.
func (s *preparer) rewriteReferencesIn(i uint32, base []byte, urns map[string]string) {
	d := s.c.doc
	for m := range d.references(i) {
		// A reference to a version becomes one to the created resource.
		to, _, _ := strings.Cut(string(d.text(m)), "/_history/")
		urn := urns[to]
		if urn == "" {
			continue
		}
		if other := s.bases[to]; len(base) > 0 && other != "" && other != string(base) {
			s.c.addIssue(m, CodeBusiness,
				"leads to another server than that of the entry with the type and id: write the entry's fullUrl")
			continue
		}
		s.edits.replace(m, strconv.Quote(urn))
	}
}

// createEntry converts an entry of a collection to one that creates its resource.
func (s *preparer) createEntry(e uint32, n int, urns map[string]string) {
	d := s.c.doc
	for _, name := range []string{"request", "response", "search"} {
		if m, ok := d.member(e, name); ok && s.c.defs == nil { // with definitions it is already reported
			s.c.addIssue(m, CodeBusiness, "has no place in a collection")
		}
	}
	r, ok := d.member(e, "resource")
	if !ok || d.nodes[r].kind != kindObject {
		s.c.addIssueAt(e, ".resource", CodeRequired, "is required: there is nothing to create")
		return
	}
	name := s.typeOf(r)
	if name == "" {
		return // already reported
	}
	s.checkStorable(r, name)
	s.out.Types = append(s.out.Types, name)
	s.edits.remove(r, "id", "_id")
	s.edits.insertAfter(r, `"request":{"method":"POST","url":`+strconv.Quote(name)+`}`)

	full, hasFull := d.member(e, "fullUrl")
	url := d.memberText(e, "fullUrl")
	urn := string(url)
	if !isURN(url) {
		urn = s.newURN(n)
		if hasFull {
			s.edits.replace(full, strconv.Quote(urn))
		} else {
			s.edits.insertFirst(e, `"fullUrl":`+strconv.Quote(urn))
		}
		s.recordAddress(e, urns, string(url), urn)
	} else {
		s.recordURN(e, urns, urn)
	}
	id := d.memberText(r, "id")
	base, typeInURL, idInURL, ok := s.c.splitAddress(url)
	if ok = ok && string(typeInURL) == name; ok && len(id) == 0 {
		id = idInURL
	}
	if len(id) == 0 {
		return
	}
	address := name + "/" + string(id)
	s.recordAddress(e, urns, address, urn)
	if ok {
		if s.bases == nil {
			s.bases = map[string]string{}
		}
		s.bases[address] = string(base)
	}
}

// recordAddress records an address of an entry. It adds an issue if another entry has
// the same address, since a reference to it would be ambiguous.
func (s *preparer) recordAddress(e uint32, urns map[string]string, from, to string) {
	if from == "" {
		return
	}
	if old, ok := urns[from]; ok && old != to {
		s.c.addIssue(e, CodeBusiness,
			"has the address or the type and id of an earlier entry, so references to it are not clear")
		return
	}
	urns[from] = to
}

// recordURN records the urn of an entry. It adds an issue if another entry has the same
// one, even for another version of a resource, since each entry writes a resource.
func (s *preparer) recordURN(e uint32, urns map[string]string, urn string) {
	// A receiver may ignore the case of a UUID. The space distinguishes the key from the addresses
	// of references.
	key := " " + strings.ToLower(urn)
	if _, ok := urns[key]; ok {
		if m, _ := s.c.doc.member(e, "fullUrl"); s.c.hasViolation(m, "bdl-7") {
			return
		}
		s.c.addIssue(e, CodeBusiness, "has the urn of an earlier entry, so references to it are not clear")
		return
	}
	urns[key] = ""
}

// newURN returns a urn:uuid (version 8 of RFC 9562) for the nth entry, which has none. It
// is computed from the body, so that a body that is pushed again gets the same ones.
func (s *preparer) newURN(n int) string {
	if s.digest == nil {
		d := sha256.Sum256(s.c.doc.src)
		s.digest = d[:]
	}
	h := sha256.Sum256(append(slices.Clone(s.digest), strconv.Itoa(n)...))
	u := h[:16]
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	x := hex.EncodeToString(u)
	return "urn:uuid:" + x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}
