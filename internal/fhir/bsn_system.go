package fhir

import "bytes"

// bsnSystemOID is the OID of the system of BSNs.
const bsnSystemOID = "2.16.840.1.113883.2.4.6.3"

// afterBSNSystem calls yield with the rest of a normalized text after each mention of
// the system of BSNs. It stops and returns true when yield returns true.
func afterBSNSystem(text []byte, yield func(rest []byte) bool) bool {
	for _, system := range [...]struct {
		begins string
		end    func([]byte) (int, bool)
	}{{"fhir.nl", readBSNSystemPath}, {bsnSystemOID, func([]byte) (int, bool) { return 0, true }}} {
		for from := 0; ; {
			k := bytes.Index(text[from:], []byte(system.begins))
			if k < 0 {
				break
			}
			at := from + k
			from = at + len(system.begins)
			// Skip a match that is only the end of another name or number.
			if at > 0 && (isDigit(text[at-1]) || isDigit(system.begins[0]) && text[at-1] == '.') {
				continue
			}
			n, ok := system.end(text[from:])
			end := from + n
			if !ok || end < len(text) && (isDigit(text[end]) || isLetter(text[end])) {
				continue
			}
			if yield(text[end:]) {
				return true
			}
		}
	}
	return false
}

// readBSNSystemPath reads what follows the host in the system's URL: an optional port,
// and the path, whose slashes may be doubled.
func readBSNSystemPath(s []byte) (n int, ok bool) {
	rest := bytes.TrimPrefix(s, []byte("."))
	if port, ok := bytes.CutPrefix(rest, []byte(":")); ok {
		rest = bytes.TrimLeft(port, "0123456789")
	}
	for _, part := range [...]string{"fhir", "namingsystem", "bsn"} {
		behind := bytes.TrimLeft(rest, "/")
		if len(behind) == len(rest) || !bytes.HasPrefix(behind, []byte(part)) {
			return 0, false
		}
		rest = behind[len(part):]
	}
	return len(s) - len(rest), true
}

// hasBSNSystem reports whether a normalized text names the system of BSNs.
func hasBSNSystem(text []byte) bool {
	return afterBSNSystem(text, func([]byte) bool { return true })
}

// hasSystemWithValue reports whether a value follows the system of BSNs in a normalized
// text, as in a search (system|value) or a longer URL.
func hasSystemWithValue(text []byte) bool {
	return afterBSNSystem(text, func(rest []byte) bool {
		value := bytes.TrimLeft(rest, "|/:.=#")
		if len(value) == len(rest) || len(value) == 0 {
			return false
		}
		bar := bytes.IndexByte(rest[:len(rest)-len(value)], '|') >= 0
		return isDigit(value[0]) || bar && isLetter(value[0])
	})
}

// hasPatientSearch reports whether a normalized text is a search for a person by a
// number that passes the eleven test, without a system.
func hasPatientSearch(text []byte) bool {
	_, query, ok := bytes.Cut(text, []byte("?"))
	of := text[:max(0, len(text)-len(query)-1)]
	if !ok || !bytes.HasSuffix(of, []byte("patient")) && !bytes.HasSuffix(of, []byte("person")) {
		return false
	}
	return hasIdentifierParameter(query)
}

// hasIdentifierParameter is like hasPatientSearch, for the query alone.
func hasIdentifierParameter(query []byte) bool {
	for p := range bytes.SplitSeq(query, []byte("&")) {
		name, value, _ := bytes.Cut(p, []byte("="))
		if bytes.HasPrefix(name, []byte("identifier")) && hasBSNNumber(value) {
			return true
		}
	}
	return false
}
