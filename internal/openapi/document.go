package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Document is a description whose references to responses, headers and examples have been resolved. References to
// schemas are kept: a schema has a name.
type Document struct {
	OpenAPI    string                `json:"openapi"`
	Info       Info                  `json:"info"`
	Servers    []Server              `json:"servers"`
	Security   []map[string][]string `json:"security"`
	Tags       []Tag                 `json:"tags"`
	Paths      Map[*PathItem]        `json:"paths"`
	Components Components            `json:"components"`
}

// Info is about the API as a whole.
type Info struct {
	Title       string `json:"title"`
	Summary     string `json:"summary"`
	Version     string `json:"version"`
	Description string `json:"description"`
	License     struct {
		Name       string `json:"name"`
		Identifier string `json:"identifier"`
	} `json:"license"`
}

// Server is where the API is.
type Server struct {
	URL         string `json:"url"`
	Description string `json:"description"`
}

// Tag is a group of operations.
type Tag struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// PathItem has the operations of a path, by their methods.
type PathItem struct {
	Get    *Operation `json:"get"`
	Head   *Operation `json:"head"`
	Post   *Operation `json:"post"`
	Delete *Operation `json:"delete"`
}

// Operation is a call.
type Operation struct {
	Tags        []string               `json:"tags"`
	ID          string                 `json:"operationId"`
	Summary     string                 `json:"summary"`
	Description string                 `json:"description"`
	Security    *[]map[string][]string `json:"security"`
	// Claims is the schema of the claims of the token that signs the request: an extension, since OpenAPI describes no
	// tokens.
	Claims      *Schema        `json:"x-claims"`
	Parameters  []Parameter    `json:"parameters"`
	RequestBody *RequestBody   `json:"requestBody"`
	Responses   Map[*Response] `json:"responses"`

	// Method and Path are those that the operation stands under.
	Method string `json:"-"`
	Path   string `json:"-"`
}

// Parameter is a part of the path, a header or a part of the query.
type Parameter struct {
	Name        string  `json:"name"`
	In          string  `json:"in"`
	Description string  `json:"description"`
	Required    bool    `json:"required"`
	Schema      *Schema `json:"schema"`
}

// RequestBody is the body of a request.
type RequestBody struct {
	Description string         `json:"description"`
	Required    bool           `json:"required"`
	Content     Map[MediaType] `json:"content"`
}

// Response is an answer.
type Response struct {
	Ref         string         `json:"$ref"`
	Description string         `json:"description"`
	Headers     Map[*Header]   `json:"headers"`
	Content     Map[MediaType] `json:"content"`
}

// Header is a header of an answer.
type Header struct {
	Ref         string  `json:"$ref"`
	Description string  `json:"description"`
	Required    bool    `json:"required"`
	Schema      *Schema `json:"schema"`
}

// MediaType is a body in one form.
type MediaType struct {
	Schema   *Schema         `json:"schema"`
	Example  json.RawMessage `json:"example"`
	Examples Map[*Example]   `json:"examples"`
}

// Example is an example of a body.
type Example struct {
	Ref     string          `json:"$ref"`
	Summary string          `json:"summary"`
	Value   json.RawMessage `json:"value"`
}

// Components are what references lead to.
type Components struct {
	SecuritySchemes Map[SecurityScheme] `json:"securitySchemes"`
	Schemas         Map[*Schema]        `json:"schemas"`
	Responses       Map[*Response]      `json:"responses"`
	Headers         Map[*Header]        `json:"headers"`
	Examples        Map[*Example]       `json:"examples"`
}

// SecurityScheme is how a request is authenticated.
type SecurityScheme struct {
	Type         string `json:"type"`
	Scheme       string `json:"scheme"`
	BearerFormat string `json:"bearerFormat"`
	Description  string `json:"description"`
}

// Parse reads a description. It returns an error for a member that this package does not know, and for a reference
// that leads nowhere.
func Parse(text []byte) (*Document, error) {
	d := &Document{}
	if err := decodeStrictly(text, d); err != nil {
		return nil, fmt.Errorf("parse description: %w", err)
	}
	if err := d.resolve(); err != nil {
		return nil, fmt.Errorf("parse description: %w", err)
	}
	return d, nil
}

// decodeStrictly decodes one JSON value and refuses members that v does not have.
func decodeStrictly(text []byte, v any) error {
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(v); err != nil {
		return err
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON")
	}
	return nil
}

// Operations returns the operations of a path, in the order get, head, post, delete.
func (p *PathItem) Operations() []*Operation {
	var list []*Operation
	for _, o := range []*Operation{p.Get, p.Head, p.Post, p.Delete} {
		if o != nil {
			list = append(list, o)
		}
	}
	return list
}

// Operations returns all operations, in the order of the paths.
func (d *Document) Operations() []*Operation {
	var list []*Operation
	for _, path := range d.Paths {
		list = append(list, path.Value.Operations()...)
	}
	return list
}

// SecurityOf returns the names of the security schemes of an operation; none if the request is not signed.
func (d *Document) SecurityOf(o *Operation) []string {
	security := d.Security
	if o.Security != nil {
		security = *o.Security
	}
	var names []string
	for _, scheme := range d.Components.SecuritySchemes {
		for _, s := range security {
			if _, ok := s[scheme.Name]; ok {
				names = append(names, scheme.Name)
			}
		}
	}
	return names
}
