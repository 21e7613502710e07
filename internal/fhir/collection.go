package fhir

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
)

// A collection is a set of resources without an interaction. It goes out as the
// batch that creates each of them: entries get a request, resources lose their
// id, an entry that has no urn:uuid of its own gets one, and references that led
// to an entry lead to it still. Everything else stays as given.
func (s *sender) collection() {
	d := s.c.doc
	if m, ok := d.member(0, "signature"); ok {
		s.c.fault(m, CodeBusiness, "does not survive that the collection is made into a batch")
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
		s.c.faultAt(0, ".entry", CodeRequired, "is required: there is nothing to send")
	}
	for i := range d.nodes {
		m := uint32(i)
		if d.nodes[m].kind != kindString {
			continue
		}
		// A document's attachment refers to its Binary by url.
		if name := string(d.name(m)); name != "reference" && name != "url" {
			continue
		}
		if to, ok := moved[string(d.text(m))]; ok && to != "" {
			s.edits.replace(m, strconv.Quote(to))
		}
	}
}

// createEntry makes an entry of a collection into one that creates its resource.
func (s *sender) createEntry(e uint32, n int, moved map[string]string) {
	d := s.c.doc
	for _, name := range []string{"request", "response", "search"} {
		if m, ok := d.member(e, name); ok && s.c.table == nil { // else it is a fault already
			s.c.fault(m, CodeBusiness, "has no place in a collection")
		}
	}
	r, ok := d.member(e, "resource")
	if !ok || d.nodes[r].kind != kindObject {
		s.c.faultAt(e, ".resource", CodeRequired, "is required: there is nothing to create")
		return
	}
	name := s.typeOf(r)
	if name == "" {
		return // a fault already
	}
	s.stored(r, name)
	s.out.Types = append(s.out.Types, name)
	s.edits.remove(r, "id", "_id")
	s.edits.putBehind(r, `"request":{"method":"POST","url":`+strconv.Quote(name)+`}`)

	full, hasFull := d.member(e, "fullUrl")
	url := d.memberText(e, "fullUrl")
	urn := string(url)
	if !isUUID(bytes.ToLower(url)) {
		urn = s.urn(n)
		if hasFull {
			s.edits.replace(full, strconv.Quote(urn))
		} else {
			s.edits.putFirst(e, `"fullUrl":`+strconv.Quote(urn))
		}
		s.move(e, moved, string(url), urn)
	}
	if id := d.memberText(r, "id"); len(id) > 0 {
		s.move(e, moved, name+"/"+string(id), urn)
	}
}

// move notes that an address leads to an entry. An address of two entries leads
// to neither, and nobody could say which was meant.
func (s *sender) move(e uint32, moved map[string]string, from, to string) {
	if from == "" {
		return
	}
	if old, ok := moved[from]; ok && old != to {
		s.c.fault(e, CodeBusiness, "has the address or the type and id of an earlier entry, so references to it are not clear")
		return
	}
	moved[from] = to
}

// urn is a UUID (version 8 of RFC 9562) for an entry that has none. It follows
// from the body, so that a body sent again is the same again.
func (s *sender) urn(n int) string {
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
