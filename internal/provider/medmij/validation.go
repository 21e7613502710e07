package medmij

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/carrelhq/carrel/internal/provider"
)

// The simple types of the lists' schemas ("XML-schema's"). A list is refused as a whole,
// so one check that is too strict makes every provider unreachable. Where published lists
// do not follow a schema, or the schema of the newer release was not available, a check
// allows all that can be used safely.

// nameSuffix is the end of each provider's name.
const nameSuffix = "@medmij"

var (
	// The schema of release 2 has letters only, but names with dots are in use, and digits
	// and hyphens do no harm. A name must be valid in a scope.
	providerName = regexp.MustCompile(`^[a-z0-9]+([.-][a-z0-9]+)*@medmij$`)
	// The last label begins with a letter, so that no form of an IP address matches, such
	// as 0x7f.0.0.0x01.
	hostName  = regexp.MustCompile(`^([a-z0-9][a-z0-9-]*\.)+[a-z][a-z0-9-]*[a-z0-9]$`)
	serviceID = regexp.MustCompile(`^[!-}]{1,30}$`) // visible ASCII without ~, which separates a scope
	versionID = regexp.MustCompile(`^[0-9]{1,5}(\.[0-9]{1,5}){0,3}[A-Za-z]?$`)
)

// listReader reads lists. With loopback it accepts loopback hosts, for the simulator.
type listReader struct{ loopback bool }

func (r listReader) checkHost(s string) error {
	if len(s) > 253 || !hostName.MatchString(s) && !(r.loopback && provider.IsLoopback(s)) {
		return errors.New("not a host name in lower case")
	}
	return nil
}

func checkProviderName(s string) error {
	if len(s) < 10 || len(s) > 57 || !providerName.MatchString(s) {
		return errors.New("not 10 to 57 lower-case letters, digits, dots and hyphens that end in " + nameSuffix)
	}
	return nil
}

func checkServiceID(s string) error {
	if !serviceID.MatchString(s) {
		return errors.New("not an id of 1 to 30 characters")
	}
	return nil
}

func checkInterfaceVersion(s string) error {
	if !versionID.MatchString(s) {
		return errors.New("not a version such as 1.4.0")
	}
	return nil
}

// checkLength returns a check that a text has minLength to maxLength characters and is not blank.
func checkLength(minLength, maxLength int) func(string) error {
	return func(s string) error {
		if n := utf8.RuneCountInString(s); n < minLength || n > maxLength || strings.TrimSpace(s) == "" {
			return fmt.Errorf("not a text of %d to %d characters", minLength, maxLength)
		}
		return nil
	}
}

// checkFrontchannelURL checks the address that a browser is redirected to: https without a
// port.
func (r listReader) checkFrontchannelURL(s string) error {
	u, err := r.parseEndpoint(s, "http")
	if err != nil {
		return err
	}
	if u.Port() != "" && !(r.loopback && provider.IsLoopback(u.Hostname())) {
		return errors.New("an authorization endpoint with a port")
	}
	return nil
}

// checkBackchannelURL checks an address that the server sends requests to: https.
func (r listReader) checkBackchannelURL(s string) error {
	_, err := r.parseEndpoint(s, "")
	return err
}

// parseEndpoint parses an address and checks the rules for all endpoints. loopbackScheme
// is a second scheme that is allowed for loopback hosts; it may be empty.
func (r listReader) parseEndpoint(text, loopbackScheme string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || len(text) > 2048 {
		return nil, errors.New("not an address") // the error of url contains the text
	}
	loopback := r.loopback && provider.IsLoopback(u.Hostname())
	switch {
	case u.Scheme != "https" && !(loopback && loopbackScheme != "" && u.Scheme == loopbackScheme):
		return nil, errors.New("not an https address")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(text, "#"):
		return nil, errors.New("an address with more than host and path")
	case strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c == 0x7f }):
		return nil, errors.New("an address with spaces")
	}
	if err := r.checkHost(u.Hostname()); err != nil {
		return nil, err
	}
	if p := u.Port(); p != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return nil, errors.New("an address with a bad port")
		}
	}
	return u, nil
}

// parseTimestamp parses a Tijdstempel: an xs:dateTime of at least 20 characters.
func parseTimestamp(s string) (time.Time, error) {
	s = strings.TrimSpace(s)
	if len(s) >= 20 && len(s) <= 64 {
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} { // Parse accepts fractions of a second
			if t, err := time.Parse(layout, s); err == nil {
				return t, nil
			}
		}
	}
	return time.Time{}, errors.New("not a date and time of at least 20 characters")
}

// parsePositive parses a positive integer, such as a Volgnummer.
func parsePositive(s string) (uint64, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 64)
	if err != nil || n == 0 {
		return 0, errors.New("not a positive number")
	}
	return n, nil
}
