package catalogue

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// rawJSON is a part of a file. It is decoded separately, so that an error can name its
// place.
type rawJSON = json.RawMessage

// checkJSON checks that a text is one JSON value without duplicate keys, which package
// json would silently ignore.
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

// checkDuplicateKeys reads a value and returns an error if an object in it has a key
// twice.
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
