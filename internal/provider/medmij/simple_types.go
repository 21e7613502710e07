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

// The basic types of the lists' schemas ("XML-schema's"). Where a real list is known to
// go beyond a schema, or the schema of the newer release could not be had, the check is
// as wide as the use allows: a list is refused as a whole, so a needless check keeps
// every provider from being reached.

// suffix ends the name of a provider.
const nameSuffix = "@medmij"

var (
	// The schema of release 2 has letters only; names with dots are in use, and nothing
	// is wrong with digits and hyphens. What matters is that a name can stand in a scope.
	providerName = regexp.MustCompile(`^[a-z0-9]+([.-][a-z0-9]+)*@medmij$`)
	// A last label that begins with a letter keeps out every way to write an IP address,
	// such as 0x7f.0.0.0x01: what a list vouches for is a name.
	hostName  = regexp.MustCompile(`^([a-z0-9][a-z0-9-]*\.)+[a-z][a-z0-9-]*[a-z0-9]$`)
	serviceID = regexp.MustCompile(`^[!-}]{1,30}$`) // visible, without the ~ of a scope
	versionID = regexp.MustCompile(`^[0-9]{1,5}(\.[0-9]{1,5}){0,3}[A-Za-z]?$`)
)

// listReader are the checks of texts, which differ only in whether this machine's own
// addresses are allowed: those of the simulator.
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

// checkLength returns a check of a text's length in characters.
func checkLength(least, most int) func(string) error {
	return func(s string) error {
		if n := utf8.RuneCountInString(s); n < least || n > most || strings.TrimSpace(s) == "" {
			return fmt.Errorf("not a text of %d to %d characters", least, most)
		}
		return nil
	}
}

// front checks the address that a browser is sent to: https without a port.
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

// back checks an address that we call ourselves: https, always.
func (r listReader) checkBackchannelURL(s string) error {
	_, err := r.parseEndpoint(s, "")
	return err
}

// endpoint checks what all endpoints have in common. also is a second scheme, for
// hosts of this machine.
func (r listReader) parseEndpoint(s, also string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || len(s) > 2048 {
		return nil, errors.New("not an address") // the cause repeats it
	}
	own := r.loopback && provider.IsLoopback(u.Hostname())
	switch {
	case u.Scheme != "https" && !(own && also != "" && u.Scheme == also):
		return nil, errors.New("not an https address")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(s, "#"):
		return nil, errors.New("an address with more than host and path")
	case strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c == 0x7f }):
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

// timestamp reads a Tijdstempel: an xs:dateTime of at least 20 characters.
func parseTimestamp(s string) (time.Time, error) {
	s = strings.TrimSpace(s)
	if len(s) >= 20 && len(s) <= 64 {
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} { // both with fractions of a second
			if t, err := time.Parse(layout, s); err == nil {
				return t, nil
			}
		}
	}
	return time.Time{}, errors.New("not a date and time of at least 20 characters")
}

// sequence reads a Volgnummer: a positive integer.
func parsePositive(s string) (uint64, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 64)
	if err != nil || n == 0 {
		return 0, errors.New("not a positive number")
	}
	return n, nil
}
