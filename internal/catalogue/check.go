package catalogue

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
)

// rawJSON is a part of a file that is read by itself, so that an error can say where.
type rawJSON = json.RawMessage

// checker collects what is wrong in a file, and where.
type checker struct {
	errs []error
	// seen are what must be there only once, by its kind.
	seen map[string]map[string]string
}

// maxErrors is how many faults are told at once; after that there is most likely one
// cause for all.
const maxErrors = 10

func (k *checker) err() error {
	if len(k.errs) > maxErrors {
		return errors.Join(append(slices.Clone(k.errs[:maxErrors]),
			fmt.Errorf("and %d more", len(k.errs)-maxErrors))...)
	}
	return errors.Join(k.errs...)
}

func (k *checker) addError(at, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if strings.HasPrefix(text, "is ") {
		k.errs = append(k.errs, fmt.Errorf("%s %s", at, text))
		return
	}
	k.errs = append(k.errs, fmt.Errorf("%s: %s", at, text))
}

// decode reads a part of a file, and refuses what it does not know.
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

// jsonTypeNames are the words for kinds of Go's.
var jsonTypeNames = map[string]string{"int": "a whole number", "string": "a text", "slice": "a list",
	"map": "an object", "struct": "an object"}

// each reads each entry of a section.
func (k *checker) eachEntry(section string, list []rawJSON, read func(at string, raw rawJSON)) {
	for i, raw := range list {
		read(fmt.Sprintf("%s[%d]", section, i), raw)
	}
}

// identify checks the id and the name that everything has.
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

// once checks that nothing else of a kind has a value.
func (k *checker) requireUnique(at, kind, value string) {
	if k.seen == nil {
		k.seen = map[string]map[string]string{}
	}
	if k.seen[kind] == nil {
		k.seen[kind] = map[string]string{}
	}
	if first, there := k.seen[kind][value]; there {
		k.addError(at, "%s is that of %s already", value, first)
		return
	}
	k.seen[kind][value] = at[:strings.LastIndexByte(at, '.')]
}

// logo checks the address of a picture.
func (k *checker) checkLogo(at, address string) {
	if address == "" || strings.HasPrefix(address, "data:image/") {
		return
	}
	if u, err := url.Parse(address); err != nil || u.Scheme != "https" || u.Host == "" {
		k.addError(at+".logo", "is an address with https: or data:image/")
	}
}

// object checks a value that is free in form.
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

// wellFormed checks that a text is one JSON value in which no object has a key twice:
// of those the first would be lost without a word.
func checkJSON(text []byte) error {
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	line := func() int { return 1 + bytes.Count(text[:min(int(in.InputOffset()), len(text))], []byte("\n")) }
	if err := checkDuplicateKeys(in, line); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("line %d: not JSON: %w", line(), err)
		}
		return err
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("line %d: something follows the JSON", line())
	}
	return nil
}

func checkDuplicateKeys(in *json.Decoder, line func() int) error {
	token, err := in.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('{'):
		keys := map[string]bool{}
		for in.More() {
			key, err := in.Token()
			if err != nil {
				return err
			}
			name, _ := key.(string)
			if keys[name] {
				return fmt.Errorf("line %d: the key %q is there twice", line(), name)
			}
			keys[name] = true
			if err := checkDuplicateKeys(in, line); err != nil {
				return err
			}
		}
		_, err = in.Token()
	case json.Delim('['):
		for in.More() {
			if err := checkDuplicateKeys(in, line); err != nil {
				return err
			}
		}
		_, err = in.Token()
	}
	return err
}
