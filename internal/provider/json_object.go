package provider

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// jsonObject is a JSON object, by exact names. Decoding into a struct would ignore case
// and take the last of two members, so that "Entry" could replace "entry"; FHIR's names
// are case-sensitive.
type jsonObject map[string]json.RawMessage

// parseObject parses an object that is known to be valid JSON. null and nothing have no
// members. A name that occurs twice is an error.
func parseObject(text json.RawMessage) (jsonObject, error) {
	if len(text) == 0 || string(text) == "null" {
		return nil, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	if t, err := decoder.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("not an object")
	}
	object := jsonObject{}
	for decoder.More() {
		t, err := decoder.Token()
		if err != nil {
			return nil, errors.New("not an object")
		}
		name, _ := t.(string)
		if _, ok := object[name]; ok {
			return nil, errors.New("a member occurs twice")
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, errors.New("not an object")
		}
		object[name] = value
	}
	return object, nil
}

// get decodes a member into a variable, which it leaves alone if there is no such member.
func (o jsonObject) get(name string, into any) error {
	value, ok := o[name]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(value, into); err != nil {
		return fmt.Errorf("%s has another type", name) // the error of json contains the value
	}
	return nil
}
