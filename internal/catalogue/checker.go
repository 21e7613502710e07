package catalogue

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// checker collects the errors in a file, each with its place.
type checker struct {
	errs []error
	// seen has the values that must be unique, by kind, each with its place.
	seen map[string]map[string]string
}

// maxErrors is the largest number of errors that are reported. More errors usually have
// a single cause.
const maxErrors = 10

func (k *checker) err() error {
	if len(k.errs) > maxErrors {
		return errors.Join(append(slices.Clone(k.errs[:maxErrors]),
			fmt.Errorf("and %d more", len(k.errs)-maxErrors))...)
	}
	return errors.Join(k.errs...)
}

// addError adds an error at a place. A text that begins with "is " continues the place
// to a sentence.
func (k *checker) addError(at, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if strings.HasPrefix(text, "is ") {
		k.errs = append(k.errs, fmt.Errorf("%s %s", at, text))
		return
	}
	k.errs = append(k.errs, fmt.Errorf("%s: %s", at, text))
}

// decode decodes a part of a file. It adds an error and returns false if the part has an
// unknown key or a wrong type.
func (k *checker) decode(at string, raw []byte, into any) bool {
	in := json.NewDecoder(bytes.NewReader(raw))
	in.DisallowUnknownFields()
	err := in.Decode(into)
	if err == nil {
		return true
	}
	if at == "" {
		at = "the file"
	}
	var kind *json.UnmarshalTypeError
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		k.addError(at, "the key %s is not known", name)
	} else if errors.As(err, &kind) {
		if kind.Field != "" {
			at = strings.TrimPrefix(at+"."+kind.Field, "the file.")
		}
		k.addError(at, "is %s, not %s", jsonTypeNames[kind.Type.Kind().String()], kind.Value)
	} else {
		k.addError(at, "%v", err)
	}
	return false
}

// jsonTypeNames are the names of Go kinds in error texts.
var jsonTypeNames = map[string]string{
	"int": "a whole number", "string": "a text", "slice": "a list", "map": "an object", "struct": "an object",
}

// eachEntry calls read with the place and the JSON of each entry of a section.
func (k *checker) eachEntry(section string, list []rawJSON, read func(at string, raw rawJSON)) {
	for i, raw := range list {
		read(fmt.Sprintf("%s[%d]", section, i), raw)
	}
}

// checkIdentity checks the id and the name of an entry.
func (k *checker) checkIdentity(at, section string, id int, name string) {
	if id < 1 || id >= FirstListedID {
		k.addError(at+".id", "is from 1 to %d, with those of your own from %d on", FirstListedID-1, FirstOwnID)
	} else {
		k.requireUnique(at+".id", section, fmt.Sprint(id))
	}
	k.requireText(at+".name", name)
}

func (k *checker) requireText(at, text string) {
	if strings.TrimSpace(text) == "" {
		k.addError(at, "is missing")
	}
}

// requireUnique checks that no other entry of a kind has the value.
func (k *checker) requireUnique(at, kind, value string) {
	if k.seen == nil {
		k.seen = map[string]map[string]string{}
	}
	if k.seen[kind] == nil {
		k.seen[kind] = map[string]string{}
	}
	if first, ok := k.seen[kind][value]; ok {
		k.addError(at, "%s is that of %s already", value, first)
		return
	}
	k.seen[kind][value] = at[:strings.LastIndexByte(at, '.')]
}

// checkLogo checks the URL of an image.
func (k *checker) checkLogo(at, address string) {
	if address == "" || strings.HasPrefix(address, "data:image/") {
		return
	}
	if u, err := url.Parse(address); err != nil || u.Scheme != "https" || u.Host == "" {
		k.addError(at+".logo", "is an address with https: or data:image/")
	}
}

// parseObject checks that a value is a JSON object, and returns it without spaces. It
// returns nil for null or no value.
func (k *checker) parseObject(at string, raw rawJSON) rawJSON {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	if raw[0] != '{' {
		k.addError(at+".json", "is an object")
		return nil
	}
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		k.addError(at+".json", "%v", err)
		return nil
	}
	return b.Bytes()
}

// parseDate parses a day or a time.
func (k *checker) parseDate(at, text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC()
		}
	}
	k.addError(at+".publishedDate", "is a day like 2026-11-24, not %q", text)
	return time.Time{}
}

// parseStatus parses a status; the default is approved.
func (k *checker) parseStatus(at, text string) wire.PublishedStatus {
	if text == "" {
		return wire.Approved
	}
	if !slices.Contains(wire.Statuses, wire.PublishedStatus(text)) {
		k.addError(at+".publishedStatus", "there is no status %q", text)
	}
	return wire.PublishedStatus(text)
}
