package simulator

import (
	"bytes"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// The functions below check requests against MedMij's rules. Each records the rules that are
// broken, and returns the error for which a provider would refuse the request.

var (
	uuidForm  = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)
	plainHost = regexp.MustCompile(`^[A-Za-z0-9.\-:\[\]]+$`)
	nineDigit = regexp.MustCompile(`\b\d{9}\b`)
)

const nilUUID = "00000000-0000-0000-0000-000000000000"

// The length of a state: at least 128 bits in base64, and at most as long as every server accepts.
const minState, maxState = 22, 512

// The systems of a citizen service number (BSN).
var bsnSystems = []string{
	"http://fhir.nl/fhir/NamingSystem/bsn", "https://fhir.nl/fhir/NamingSystem/bsn",
	"urn:oid:2.16.840.1.113883.2.4.6.3",
}

// The names of the two ids, which are headers, but parameters in an authorization request.
const (
	requestID     = "MedMij-Request-ID"
	correlationID = "X-Correlation-ID"
)

// oauthError is an OAuth error: a code and a description.
type oauthError struct{ code, text string }

// singleParam returns a parameter that must occur exactly once.
func (s *Simulator) singleParam(r *http.Request, from url.Values, name string) (string, *oauthError) {
	switch values := from[name]; {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		s.recordViolation(r, "parameter", "%s is missing", name)
		return "", &oauthError{"invalid_request", name + " is missing"}
	case len(values) > 1:
		s.recordViolation(r, "parameter", "%s occurs %d times", name, len(values))
		return "", &oauthError{"invalid_request", name + " is repeated"}
	default:
		return values[0], nil
	}
}

// checkIDs checks the two ids of a request. If a browser may repeat the request, purpose
// says what the request id is used for; otherwise it is empty.
func (s *Simulator) checkIDs(r *http.Request, request, correlation []string, purpose string) *oauthError {
	var bad *oauthError
	for _, id := range []struct {
		name   string
		values []string
	}{{requestID, request}, {correlationID, correlation}} {
		switch {
		case len(id.values) == 0:
			s.recordViolation(r, "ids", "%s is missing", id.name)
			bad = &oauthError{"invalid_request", id.name + " is missing"}
		case len(id.values) > 1:
			s.recordViolation(r, "ids", "%s occurs %d times", id.name, len(id.values))
			bad = &oauthError{"invalid_request", id.name + " is repeated"}
		case !uuidForm.MatchString(id.values[0]) || id.values[0] == nilUUID:
			s.recordViolation(r, "ids", "%s is not a UUID", id.name)
			bad = &oauthError{"invalid_request", id.name + " is not a UUID"}
		}
	}
	if bad != nil {
		return bad
	}
	if strings.EqualFold(request[0], correlation[0]) {
		s.recordViolation(r, "ids", "both ids are the same")
	}
	if !s.Record.useRequestID(strings.ToLower(request[0]), purpose) {
		s.recordViolation(r, "ids", "%s was used before", requestID)
	}
	return nil
}

// checkBackchannel checks what token and resource requests have in common.
func (s *Simulator) checkBackchannel(r *http.Request) *oauthError {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 || r.TLS.PeerCertificates[0].VerifyHostname(s.ClientID) != nil {
		s.recordViolation(r, "tls", "the client's certificate is not for its client id")
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(r.Host); err == nil {
		host = name
	}
	if !s.Lists.hasHost(host) {
		s.recordViolation(r, "whitelist", "the request was sent to a host that is not on the whitelist")
	}
	if r.Header.Get("Cookie") != "" {
		s.recordViolation(r, "headers", "the request has a Cookie")
	}
	return s.checkIDs(r, r.Header.Values(requestID), r.Header.Values(correlationID), "")
}

// checkNoPerson checks that the address and the headers identify no person.
func (s *Simulator) checkNoPerson(r *http.Request) *oauthError {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		s.recordViolation(r, "address", "the query cannot be parsed")
		return &oauthError{"invalid_request", "the query cannot be parsed"}
	}
	var bad *oauthError
	for name := range query {
		short, _, _ := strings.Cut(strings.ToLower(name), ":")
		short, _, _ = strings.Cut(short, ".")
		if slices.Contains([]string{"patient", "subject", "bsn", "access_token"}, short) {
			s.recordViolation(r, "person", "the address has the parameter %s", short)
			bad = &oauthError{"invalid_request", "the address must not identify a person"}
		}
	}
	if holdsBSN(r.URL.Path) || slices.ContainsFunc(slices.Concat(valuesOf(query)...), holdsBSN) {
		s.recordViolation(r, "bsn", "the address contains a citizen service number")
		bad = &oauthError{"invalid_request", "the address must not contain a citizen service number"}
	}
	for name, values := range r.Header {
		if slices.ContainsFunc(values, func(v string) bool {
			return slices.ContainsFunc(bsnSystems, func(b string) bool { return strings.Contains(v, b) })
		}) {
			s.recordViolation(r, "bsn", "the header %s names the system of citizen service numbers", name)
		}
	}
	return bad
}

// valuesOf returns the values of all parameters.
func valuesOf(q url.Values) (all [][]string) {
	for _, v := range q {
		all = append(all, v)
	}
	return all
}

// holdsBSN reports whether a text contains the system of the BSN, or nine digits that pass
// the eleven test.
func holdsBSN(text string) bool {
	if slices.ContainsFunc(bsnSystems, func(b string) bool { return strings.Contains(text, b) }) {
		return true
	}
	return slices.ContainsFunc(nineDigit.FindAllString(text, -1), elevenProof)
}

// elevenProof reports whether nine digits pass the eleven test ("elfproef"), the checksum
// of a BSN.
func elevenProof(digits string) bool {
	sum := 0
	for i, d := range digits[:8] {
		sum += (9 - i) * int(d-'0')
	}
	sum -= int(digits[8] - '0')
	return sum%11 == 0 && digits != "000000000"
}

// checkScope checks a scope and returns its services. For sending, a scope is the provider's name,
// a tilde and the service; for collecting, it is the name and covers all services for collecting.
func (s *Simulator) checkScope(r *http.Request, p simulatedProvider, serviceID, scope string) ([]string, *oauthError) {
	known, _ := findService(serviceID)
	name, id, sends := strings.Cut(scope, "~")
	switch {
	case name != p.name:
		s.recordViolation(r, "scope", "is not of the provider %s", p.name)
	case strings.Contains(scope, "@"):
		s.recordViolation(r, "scope", "contains @medmij")
	case sends != known.send:
		s.recordViolation(r, "scope", "has the form for collecting although the service is for sending, or the reverse")
	case sends && id != serviceID:
		s.recordViolation(r, "scope", "is not of the service %s", serviceID)
	case sends:
		return []string{id}, nil
	default:
		var all []string
		for _, each := range p.services {
			if other, _ := findService(each); !other.send {
				all = append(all, each)
			}
		}
		return all, nil
	}
	return nil, &oauthError{"invalid_scope", fmt.Sprintf("the scope is not one of %s", p.name)}
}

// validRedirectURI reports whether a URI may be a redirect_uri of the client.
func validRedirectURI(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery ||
		strings.Contains(address, "#") || !plainHost.MatchString(u.Host) {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname())
}

// mediaType returns the media type of a Content-Type, without parameters.
func mediaType(header string) string {
	t, _, err := mime.ParseMediaType(header)
	if err != nil {
		return ""
	}
	return t
}

// acceptsType reports whether an Accept header, or none, accepts a media type.
func acceptsType(header []string, want string) bool {
	if len(header) == 0 {
		return true
	}
	for _, part := range strings.Split(strings.Join(header, ","), ",") {
		t := mediaType(part)
		major, _, _ := strings.Cut(want, "/")
		if t == want || t == "*/*" || t == major+"/*" {
			return true
		}
	}
	return false
}

// prefers reports whether a Prefer header has a preference.
func prefers(header []string, want string) bool {
	for _, part := range strings.FieldsFunc(strings.Join(header, ","),
		func(r rune) bool { return r == ',' || r == ';' }) {
		if strings.EqualFold(strings.ReplaceAll(strings.TrimSpace(part), `"`, ""), want) {
			return true
		}
	}
	return false
}

// printable reports whether a text is printable ASCII.
func printable(text string) bool {
	return bytes.IndexFunc([]byte(text), func(r rune) bool { return r < 0x20 || r > 0x7e }) < 0
}
