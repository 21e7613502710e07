package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// element is a JSON object of FHIR, as it came.
type element = map[string]any

// decode reads one JSON object, numbers as they were written.
func decodeObject(body []byte) (element, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var e element
	if err := d.Decode(&e); err != nil {
		return nil, errors.New("the body is not a JSON object")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	if e == nil {
		return nil, errors.New("the body is null")
	}
	return e, nil
}

// text reads a string of an object.
func stringField(e element, name string) string {
	s, _ := e[name].(string)
	return s
}
