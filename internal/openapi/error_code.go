package openapi

import (
	"encoding/json"
	"slices"
)

// ErrorCodes returns the codes of the errors that a response can have: those of its examples.
func (r *Response) ErrorCodes() []string {
	var codes []string
	for _, m := range r.Content {
		for _, e := range m.Value.Examples {
			if code := e.Value.ErrorCode(); code != "" && !slices.Contains(codes, code) {
				codes = append(codes, code)
			}
		}
	}
	return codes
}

// ErrorCode returns the code of an example of an error, and "" if it is none. An error is {"error":{"code":…}}, or
// {"error":…} for a call of the file storage.
func (e *Example) ErrorCode() string {
	var body struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(e.Value, &body) != nil || body.Error == nil {
		return ""
	}
	var code string
	if json.Unmarshal(body.Error, &code) == nil {
		return code
	}
	var nested struct {
		Code string `json:"code"`
	}
	if json.Unmarshal(body.Error, &nested) != nil {
		return ""
	}
	return nested.Code
}
