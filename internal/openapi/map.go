package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Map is a JSON object of any names, in its order.
type Map[V any] []Entry[V]

// Entry is a member of a [Map].
type Entry[V any] struct {
	Name  string
	Value V
}

// Get returns the value of a name.
func (m Map[V]) Get(name string) (v V, ok bool) {
	for _, e := range m {
		if e.Name == name {
			return e.Value, true
		}
	}
	return v, false
}

// UnmarshalJSON reads an object, and refuses a name that is there twice.
func (m *Map[V]) UnmarshalJSON(text []byte) error {
	in := json.NewDecoder(bytes.NewReader(text))
	if start, err := in.Token(); err != nil || start != json.Delim('{') {
		return fmt.Errorf("want an object, got %.20s", text)
	}
	*m = Map[V]{}
	for in.More() {
		token, err := in.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		if _, twice := m.Get(name); twice {
			return fmt.Errorf("%s is there twice", name)
		}
		var value json.RawMessage
		if err := in.Decode(&value); err != nil {
			return err
		}
		e := Entry[V]{Name: name}
		if err := decodeStrictly(value, &e.Value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		*m = append(*m, e)
	}
	return nil
}
