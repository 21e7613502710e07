package fhir

import (
	"bytes"
	"strconv"
)

// A primitive is one of FHIR's primitive types. The functions below check values against
// the regular expressions of https://hl7.org/fhir/STU3/datatypes.html.
type primitive uint8

const (
	primNone primitive = iota
	primBase64
	primBoolean
	primCode
	primDate
	primDateTime
	primDecimal
	primID
	primInstant
	primInteger
	primMarkdown
	primOID
	primPositiveInt
	primString
	primTime
	primUnsignedInt
	primURI
	primUUID
	primXHTML
)

// primitiveOf returns the primitive type with a name, or primNone.
func primitiveOf(name string) primitive {
	switch name {
	case "base64Binary":
		return primBase64
	case "boolean":
		return primBoolean
	case "code":
		return primCode
	case "date":
		return primDate
	case "dateTime":
		return primDateTime
	case "decimal":
		return primDecimal
	case "id":
		return primID
	case "instant":
		return primInstant
	case "integer":
		return primInteger
	case "markdown":
		return primMarkdown
	case "oid":
		return primOID
	case "positiveInt":
		return primPositiveInt
	case "string":
		return primString
	case "time":
		return primTime
	case "unsignedInt":
		return primUnsignedInt
	case "uri", "url", "canonical": // the last two since R4
		return primURI
	case "uuid":
		return primUUID
	case "xhtml":
		return primXHTML
	}
	return primNone
}

// jsonKind returns the JSON type of a primitive, and its name for an issue. kindTrue
// stands for both booleans.
func (p primitive) jsonKind() (k kind, name string) {
	switch p {
	case primBoolean:
		return kindTrue, "true or false"
	case primDecimal, primInteger, primPositiveInt, primUnsignedInt:
		return kindNumber, "a JSON number"
	}
	return kindString, "a JSON string"
}

// check returns what is wrong with a value, or "". The text is the content of a string,
// or the source text of a number.
func (p primitive) check(text []byte) string {
	switch p {
	case primBase64:
		return checkBase64(text)
	case primCode:
		if !isCode(text) {
			return "is not a code: it must not begin or end with a space or have two in a row"
		}
	case primDate:
		if !isDate(text) {
			return "is not a date: YYYY, YYYY-MM or YYYY-MM-DD, and in the calendar"
		}
	case primDateTime:
		if !isDateTime(text) {
			return "is not a date and time: YYYY, YYYY-MM, YYYY-MM-DD or " +
				"YYYY-MM-DDThh:mm:ss with Z or a zone such as +01:00, and in the calendar"
		}
	case primInstant:
		if !isInstant(text) {
			return "is not an instant: YYYY-MM-DDThh:mm:ss with Z or a zone such as +01:00, and in the calendar"
		}
	case primTime:
		if !isTime(text) {
			return "is not a time of day: hh:mm:ss"
		}
	case primDecimal:
		if bytes.ContainsAny(text, "eE") {
			return "is not a decimal: digits without an exponent"
		}
	case primInteger, primPositiveInt, primUnsignedInt:
		return p.checkInteger(text)
	case primID:
		if !isID(text) {
			return "is not an id: 1 to 64 letters, digits, - or ."
		}
	case primOID:
		if !isOID(text) {
			return "is not an OID: urn:oid: and numbers that are separated by points"
		}
	case primUUID:
		if !isUUID(text) {
			return "is not a UUID: urn:uuid: and 8-4-4-4-12 lower-case hexadecimal digits"
		}
	case primURI:
		if problem := checkURI(text); problem != "" {
			return problem
		}
	case primXHTML:
		return checkXHTML(text)
	}
	return checkString(text)
}

func checkString(text []byte) string {
	if len(text) > maxString {
		return "is longer than 1 MiB"
	}
	for _, c := range text {
		if c < 0x20 && !isSpace(c) {
			return "has a control character"
		}
	}
	return ""
}

// isCode matches [^\s]+([\s]?[^\s]+)*
func isCode(s []byte) bool {
	space := true // a leading space is not allowed
	for _, c := range s {
		if !isSpace(c) {
			space = false
			continue
		}
		if space {
			return false
		}
		space = true
	}
	return !space
}

func (p primitive) checkInteger(s []byte) string {
	n, err := strconv.ParseInt(string(s), 10, 32)
	switch {
	case p == primPositiveInt && (err != nil || n < 1):
		return "is not a whole number from 1 to 2147483647"
	case p == primUnsignedInt && (err != nil || n < 0 || s[0] == '-'):
		return "is not a whole number from 0 to 2147483647"
	case err != nil:
		return "is not a whole number of 32 bits"
	}
	return ""
}

// isID matches [A-Za-z0-9\-\.]{1,64}
func isID(s []byte) bool {
	for _, c := range s {
		if !isLetter(c) && !isDigit(c) && c != '-' && c != '.' {
			return false
		}
	}
	return 1 <= len(s) && len(s) <= 64
}

// isOID matches urn:oid:(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*
func isOID(s []byte) bool {
	s, ok := bytes.CutPrefix(s, []byte("urn:oid:"))
	if !ok {
		return false
	}
	for {
		part, rest, more := bytes.Cut(s, []byte("."))
		if len(part) == 0 || part[0] == '0' && len(part) > 1 {
			return false
		}
		for _, c := range part {
			if !isDigit(c) {
				return false
			}
		}
		if !more {
			return true
		}
		s = rest
	}
}

// isUUID matches urn:uuid: and [0-9a-f] in groups of 8-4-4-4-12
func isUUID(s []byte) bool {
	s, ok := bytes.CutPrefix(s, []byte("urn:uuid:"))
	if !ok || len(s) != 36 {
		return false
	}
	for i, c := range s {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if !isDigit(c) && (c < 'a' || 'f' < c) {
			return false
		}
	}
	return true
}

// checkURI checks what all URIs have in common. The specification has no regular
// expression for URIs, and its examples include URI templates.
func checkURI(s []byte) string {
	for _, c := range s {
		if c <= ' ' {
			return "is not a URI: it has a space"
		}
	}
	if bytes.HasPrefix(s, []byte("oid:")) || bytes.HasPrefix(s, []byte("uuid:")) {
		return "is not a URI: urn: is missing before oid: or uuid:"
	}
	// OIDs and UUIDs must have their own form.
	if bytes.HasPrefix(s, []byte("urn:oid:")) {
		if k := bytes.IndexAny(s, "|#?"); k > 0 { // a version, a fragment or a query
			s = s[:k]
		}
		if !isOID(s) {
			return primOID.check(s)
		}
	}
	if bytes.HasPrefix(s, []byte("urn:uuid:")) && !isUUID(bytes.ToLower(s)) {
		return "is not a UUID: urn:uuid: and 8-4-4-4-12 hexadecimal digits"
	}
	return ""
}

// checkBase64 checks that the characters form groups of four. It allows spaces anywhere.
func checkBase64(s []byte) string {
	const problem = "is not base64"
	n, pad := 0, 0
	for _, c := range s {
		switch {
		case isSpace(c):
		case c == '=':
			pad++
		case pad > 0:
			return problem
		case isLetter(c) || isDigit(c) || c == '+' || c == '/':
			n++
		default:
			return problem
		}
	}
	if pad > 2 || (n+pad)%4 != 0 || n == 0 {
		return problem
	}
	return ""
}
