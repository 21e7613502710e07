package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// element is a JSON object.
type element = map[string]any

// decodeObject decodes a JSON object. Numbers keep their text.
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

// stringField returns a string member of an object, or "".
func stringField(e element, name string) string {
	s, _ := e[name].(string)
	return s
}
