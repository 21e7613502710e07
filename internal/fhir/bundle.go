package fhir

import "slices"

// A bundleScope is a Bundle whose entries refer to each other.
type bundleScope struct {
	typeByURL map[string]string // type of an entry's resource, by fullUrl
}

func newBundleScope(d *document, i uint32) *bundleScope {
	b := &bundleScope{typeByURL: map[string]string{}}
	entries, ok := d.member(i, "entry")
	if !ok {
		return b
	}
	for e := range d.children(entries) {
		url := d.memberText(e, "fullUrl")
		r, ok := d.member(e, "resource")
		if len(url) == 0 || !ok {
			continue
		}
		if name, ok := safeName(d.memberText(r, "resourceType")); ok {
			b.typeByURL[string(url)] = name
		}
	}
	return b
}

// checkBundle checks the rules for the type of a Bundle: bdl-1 to bdl-9 and the text of
// https://hl7.org/fhir/STU3/bundle.html.
func (c *checker) checkBundle(i uint32) {
	d := c.doc
	bundleType := string(d.memberText(i, "type"))
	if bundleType == "" {
		return // already reported
	}
	is := func(types ...string) bool { return slices.Contains(types, bundleType) }
	if m, ok := d.member(i, "total"); ok && !is("searchset", "history") {
		c.addViolation(m, "bdl-1", "is only for a searchset or a history")
	}
	if is("document") {
		id, ok := d.member(i, "identifier")
		if !ok || len(d.memberText(id, "system")) == 0 || len(d.memberText(id, "value")) == 0 {
			c.addIssueAt(i, ".identifier", CodeInvariant, "with system and value is required of a document (bdl-9)")
		}
	}
	list, _ := d.member(i, "entry")
	if list == 0 {
		if is("document", "message") {
			c.addIssueAt(i, ".entry", CodeRequired, "is required of a document and of a message")
		}
		return
	}
	urls := map[string]bool{}
	first := true
	for e := range d.children(list) {
		if d.nodes[e].kind != kindObject {
			continue
		}
		c.checkEntry(e, is)
		c.checkFullURL(e)
		c.checkUniqueFullURL(e, urls, is("history"))
		if first {
			c.checkFirstEntry(e, bundleType)
		}
		first = false
	}
}

// checkEntry checks which parts an entry has.
func (c *checker) checkEntry(e uint32, is func(...string) bool) {
	d := c.doc
	search, hasSearch := d.member(e, "search")
	request, hasRequest := d.member(e, "request")
	response, hasResponse := d.member(e, "response")
	_, hasResource := d.member(e, "resource")
	if hasSearch && !is("searchset") {
		c.addViolation(search, "bdl-2", "is only for a searchset")
	}
	if hasRequest && !is("batch", "transaction", "history") {
		c.addViolation(request, "bdl-3", "is only for a batch, a transaction or a history")
	}
	if !hasRequest && is("batch", "transaction") {
		c.addIssueAt(e, ".request", CodeRequired, "is required of each entry of a batch or transaction (bdl-3)")
	}
	if hasResponse && !is("batch-response", "transaction-response") {
		c.addViolation(response, "bdl-4", "is only for a batch-response or a transaction-response")
	}
	if !hasResource && !hasRequest && !hasResponse {
		c.addViolation(e, "bdl-5", "must have a resource, a request or a response")
	}
}

// checkFirstEntry checks which resource a document or a message begins with.
func (c *checker) checkFirstEntry(e uint32, bundleType string) {
	want := map[string]string{"document": "Composition", "message": "MessageHeader"}[bundleType]
	if want == "" {
		return
	}
	r, ok := c.doc.member(e, "resource")
	if !ok || string(c.doc.memberText(r, "resourceType")) != want {
		c.addIssueAt(e, ".resource", CodeStructure, "must be a "+want+", which a "+bundleType+" begins with")
	}
}
