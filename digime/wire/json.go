package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// JSONProblem says why [encoding/json] has refused a text: the member, what is wanted there and what it has, or the
// place where the text is no JSON. It repeats no text of the input. It is empty for an error of another kind.
func JSONProblem(err error) string {
	var wrong *json.UnmarshalTypeError
	var broken *json.SyntaxError
	switch {
	case errors.As(err, &wrong):
		text := fmt.Sprintf("want %s, got %s", kindName(wrong.Type), wrong.Value)
		// The path has the names of embedded structs, too, which are the only ones in upper case.
		path := slices.DeleteFunc(strings.Split(wrong.Field, "."), func(name string) bool {
			return name == "" || 'A' <= name[0] && name[0] <= 'Z'
		})
		if len(path) > 0 {
			text = strings.Join(path, ".") + ": " + text
		}
		return text
	case errors.As(err, &broken):
		return fmt.Sprintf("byte %d: %v", broken.Offset, broken)
	}
	return ""
}

// kindName names a type as JSON has it.
func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	}
	return "an object"
}
