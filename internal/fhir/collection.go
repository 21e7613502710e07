package fhir

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

// A collection is a set of resources without an interaction. It goes out as the
// batch that creates each of them: entries get a request, resources lose their
// id, an entry that has no urn:uuid of its own gets one, and references that led
// to an entry lead to it still. Everything else stays as given.
func (s *preparer) prepareCollection() {
	d := s.c.doc
	if m, ok := d.member(0, "signature"); ok {
		s.c.addIssue(m, CodeBusiness, "does not survive that the collection is made into a batch")
	}
	if m, ok := d.member(0, "type"); ok {
		s.edits.replace(m, `"batch"`)
	}
	moved := map[string]string{} // addresses that led to an entry → its urn:uuid
	n := 0
	for e := range d.entries() {
		s.createEntry(e, n, moved)
		n++
	}
	if n == 0 {
		s.c.addIssueAt(0, ".entry", CodeRequired, "is required: there is nothing to send")
	}
	s.rewriteReferences(0, "", moved)
}

// follow leads the references below a value to where the entries have moved.
// under is the name of the member that the value is, or is an item of.
func (s *preparer) rewriteReferences(i uint32, under string, moved map[string]string) {
	d := s.c.doc
	attachment := under != "extension" && under != "modifierExtension" && d.isAttachment(i)
	for m := range d.children(i) {
		name := under
		if d.nodes[i].kind == kindObject {
			name = string(d.name(m))
		}
		if d.nodes[m].kind != kindString {
			s.rewriteReferences(m, name, moved)
			continue
		}
		// An attachment refers to its Binary by url. Any other url is a name that
		// a definition goes by, or an extension's, and stays.
		if name != "reference" && (name != "url" || !attachment) {
			continue
		}
		// The version that was referred to is not one of what is created.
		to, _, _ := strings.Cut(string(d.text(m)), "/_history/")
		if urn := moved[to]; urn != "" {
			s.edits.replace(m, strconv.Quote(urn))
		}
	}
}

// isAttachment says whether an object has what an Attachment may have, of any
// version, and nothing else.
func (d *document) isAttachment(i uint32) bool {
	if d.nodes[i].kind != kindObject {
		return false
	}
	for m := range d.children(i) {
		switch strings.TrimPrefix(string(d.name(m)), "_") {
		case "id", "extension", "contentType", "language", "data", "url", "size", "hash", "title", "creation",
			"height", "width", "frames", "duration", "pages":
		default:
			return false
		}
	}
	return true
}

// createEntry makes an entry of a collection into one that creates its resource.
func (s *preparer) createEntry(e uint32, n int, moved map[string]string) {
	d := s.c.doc
	for _, name := range []string{"request", "response", "search"} {
		if m, ok := d.member(e, name); ok && s.c.defs == nil { // else it is a fault already
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
		return // a fault already
	}
	s.checkStorable(r, name)
	s.out.Types = append(s.out.Types, name)
	s.edits.remove(r, "id", "_id")
	s.edits.insertAfter(r, `"request":{"method":"POST","url":`+strconv.Quote(name)+`}`)

	full, hasFull := d.member(e, "fullUrl")
	url := d.memberText(e, "fullUrl")
	urn := string(url)
	if !isUUID(bytes.ToLower(url)) {
		urn = s.newURN(n)
		if hasFull {
			s.edits.replace(full, strconv.Quote(urn))
		} else {
			s.edits.insertFirst(e, `"fullUrl":`+strconv.Quote(urn))
		}
		s.recordAddress(e, moved, string(url), urn)
	} else {
		s.recordURN(e, moved, urn)
	}
	if id := d.memberText(r, "id"); len(id) > 0 {
		s.recordAddress(e, moved, name+"/"+string(id), urn)
	}
}

// move notes that an address leads to an entry. An address of two entries leads
// to neither, and nobody could say which was meant.
func (s *preparer) recordAddress(e uint32, moved map[string]string, from, to string) {
	if from == "" {
		return
	}
	if old, ok := moved[from]; ok && old != to {
		s.c.addIssue(e, CodeBusiness, "has the address or the type and id of an earlier entry, so references to it are not clear")
		return
	}
	moved[from] = to
}

// stay notes an entry's own urn:uuid, which no other may have: not even as
// another version of one resource, since each entry creates one.
func (s *preparer) recordURN(e uint32, moved map[string]string, urn string) {
	// However it is spelled, it is one address; a space keeps it from being followed.
	key := " " + strings.ToLower(urn)
	if _, ok := moved[key]; ok {
		s.c.addIssue(e, CodeBusiness, "has the urn:uuid of an earlier entry, so references to it are not clear")
		return
	}
	moved[key] = ""
}

// urn is a UUID (version 8 of RFC 9562) for an entry that has none. It follows
// from the body, so that a body sent again is the same again.
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
