package fhir

import "bytes"

// checkFullURL checks that the fullUrl of an entry is absolute, that it is not that of a
// version, and that it agrees with the resource if it has the form of an address on a
// server (https://hl7.org/fhir/STU3/bundle-definitions.html#Bundle.entry.fullUrl).
func (c *checker) checkFullURL(e uint32) {
	d := c.doc
	m, ok := d.member(e, "fullUrl")
	url := d.memberText(e, "fullUrl")
	if !ok || len(url) == 0 {
		return
	}
	if !isAbsoluteURL(url) {
		c.addIssue(m, CodeValue, "must be absolute: a URL such as https://…, or a urn:uuid or urn:oid")
		return
	}
	if bytes.Contains(url, []byte("/_history/")) {
		c.addViolation(m, "bdl-8", "must not be the address of a version")
		return
	}
	if r, ok := d.member(e, "resource"); ok && c.isAddressOfOther(url, r) {
		c.addIssue(m, CodeValue, "must end in the id of the resource, since it is an address on a server")
	}
}

// isAddressOfOther reports whether a URL is the address on a server of a resource with
// another id than r.
func (c *checker) isAddressOfOther(url []byte, r uint32) bool {
	id := c.doc.memberText(r, "id")
	if len(id) == 0 {
		return false
	}
	_, name, idInURL, ok := c.splitAddress(url)
	if ok && c.defs == nil { // without definitions the name may be no type
		ok = bytes.Equal(name, c.doc.memberText(r, "resourceType"))
	}
	return ok && !bytes.Equal(id, idInURL)
}

// checkUniqueFullURL checks that no earlier entry has the fullUrl of an entry.
func (c *checker) checkUniqueFullURL(e uint32, urls map[string]bool, history bool) {
	d := c.doc
	m, ok := d.member(e, "fullUrl")
	url := d.memberText(e, "fullUrl")
	if !ok || len(url) == 0 {
		return
	}
	// A history has an entry for each version of a resource.
	key := string(url)
	if r, ok := d.member(e, "resource"); ok {
		if meta, ok := d.member(r, "meta"); ok {
			key += " " + string(d.memberText(meta, "versionId"))
		}
	}
	if urls[key] && !history {
		c.addViolation(m, "bdl-7", "is the address of an earlier entry, too")
	}
	urls[key] = true
}

// isAbsoluteURL reports whether a URL has a scheme and something behind it, and a host if it
// is one of HTTP.
func isAbsoluteURL(url []byte) bool {
	scheme, rest, ok := bytes.Cut(url, []byte(":"))
	if !ok || len(scheme) == 0 || len(rest) == 0 || !isLetter(scheme[0]) {
		return false
	}
	for _, b := range scheme {
		if !isLetter(b) && !isDigit(b) && b != '+' && b != '-' && b != '.' {
			return false
		}
	}
	if !isHTTP(scheme) {
		return true
	}
	host, ok := bytes.CutPrefix(rest, []byte("//"))
	return ok && len(host) > 0 && !bytes.ContainsRune([]byte("/?#:@"), rune(host[0]))
}

func isHTTP(scheme []byte) bool {
	return bytes.EqualFold(scheme, []byte("http")) || bytes.EqualFold(scheme, []byte("https"))
}

// splitAddress splits the address of a resource on a server: its base with a slash at the
// end, the type and the id of the resource. ok reports whether a URL has this form.
func (c *checker) splitAddress(url []byte) (base, name, id []byte, ok bool) {
	scheme, rest, found := bytes.Cut(url, []byte("://"))
	if !found || !isHTTP(scheme) {
		return nil, nil, nil, false
	}
	slash := bytes.LastIndexByte(rest, '/')
	if slash < 0 || !isID(rest[slash+1:]) {
		return nil, nil, nil, false
	}
	before := bytes.LastIndexByte(rest[:slash], '/')
	if before <= 0 { // a host comes before the type
		return nil, nil, nil, false
	}
	name, id = rest[before+1:slash], rest[slash+1:]
	if !c.isTypeName(name) {
		return nil, nil, nil, false
	}
	return url[:len(url)-len(name)-1-len(id)], name, id, true
}

// isTypeName reports whether a name is that of a type of resource, or could be one if there
// are no definitions of the version.
func (c *checker) isTypeName(name []byte) bool {
	if c.defs != nil {
		return c.defs.resource(name) != nil
	}
	shown, ok := safeName(name)
	return ok && isUpper(shown[0])
}
