package openapitest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/carrelhq/carrel/docs"
	"github.com/carrelhq/carrel/internal/openapi"
)

// Answer is what a server has answered to a request.
type Answer struct {
	Method string
	// Path is the path of the request, still encoded.
	Path   string
	Status int
	Header http.Header
	Body   []byte
}

// Check returns an error if an answer is not as docs/openapi.json describes it: if the status or the code of an error
// is not described there, or if the body or a header does not conform to its schema. No object may have a member that
// its schema does not name.
func Check(a Answer) error {
	d, err := describe()
	if err != nil {
		return err
	}
	o := d.find(a.Method, a.Path)
	if o == nil {
		return d.checkLost(a)
	}
	response, ok := o.Responses.Get(strconv.Itoa(a.Status))
	if !ok {
		return fmt.Errorf("%s: the status %d is not described: %s", o.ID, a.Status, a.Body)
	}
	if err := d.checkAnswer(a, response); err != nil {
		return fmt.Errorf("%s: status %d: %w", o.ID, a.Status, err)
	}
	return nil
}

// description is the description of the protocol with the validators of its schemas.
type description struct {
	*openapi.Document

	mu         sync.Mutex
	compiler   *jsonschema.Compiler
	validators map[*openapi.Schema]*jsonschema.Schema
}

var describe = sync.OnceValues(func() (*description, error) {
	d, err := openapi.Parse(docs.OpenAPI)
	if err != nil {
		return nil, err
	}
	schemas, err := closedSchemas()
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource(resource, schemas); err != nil {
		return nil, fmt.Errorf("add schemas: %w", err)
	}
	return &description{Document: d, compiler: c, validators: map[*openapi.Schema]*jsonschema.Schema{}}, nil
})

const resource = "https://carrel.example/openapi.json"

// closedSchemas returns the description as it is read by the validator: objects that have properties have no others.
func closedSchemas() (any, error) {
	all, err := jsonschema.UnmarshalJSON(bytes.NewReader(docs.OpenAPI))
	if err != nil {
		return nil, fmt.Errorf("read description: %w", err)
	}
	closeObjects(all)
	return all, nil
}

func closeObjects(v any) {
	switch v := v.(type) {
	case map[string]any:
		_, has := v["properties"].(map[string]any)
		if _, said := v["additionalProperties"]; has && !said && v["type"] == "object" {
			v["additionalProperties"] = false
		}
		for _, child := range v {
			closeObjects(child)
		}
	case []any:
		for _, child := range v {
			closeObjects(child)
		}
	}
}

// find returns the operation of a request; nil if there is none. HEAD is answered as GET is.
func (d *description) find(method, path string) *openapi.Operation {
	for _, entry := range d.Paths {
		if !matches(entry.Name, path) {
			continue
		}
		operations := entry.Value.Operations()
		for _, m := range []string{method, strings.Replace(method, "HEAD", "GET", 1)} {
			i := slices.IndexFunc(operations, func(o *openapi.Operation) bool { return o.Method == m })
			if i >= 0 {
				return operations[i]
			}
		}
	}
	return nil
}

// matches reports whether a path is one of a template. The variable {path} stands for any number of segments. A path of
// the file storage may have several slashes in a row.
func matches(template, path string) bool {
	if isCloud(path) {
		path = severalSlashes.ReplaceAllString(path, "/")
	}
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	for i, segment := range want {
		if segment == "{path}" {
			return true
		}
		if i >= len(got) || segment != got[i] && (!strings.HasPrefix(segment, "{") || got[i] == "") {
			return false
		}
	}
	return len(want) == len(got)
}

// checkLost checks the answer to a request for something that is not described.
func (d *description) checkLost(a Answer) error {
	if a.Status != http.StatusNotFound && a.Status != http.StatusServiceUnavailable {
		return fmt.Errorf("%s %s is not described, and answered with %d", a.Method, a.Path, a.Status)
	}
	if a.Method == http.MethodHead {
		return nil
	}
	if isCloud(a.Path) {
		return d.checkSchema(reference("CloudError"), a)
	}
	return d.checkSchema(reference("ErrorBody"), a)
}

// isCloud reports whether a path is one of the file storage.
func isCloud(path string) bool {
	return strings.HasPrefix("/"+strings.TrimLeft(path, "/"), "/cloud/")
}

var severalSlashes = regexp.MustCompile("//+")

func reference(name string) *openapi.Schema {
	return &openapi.Schema{Ref: "#/components/schemas/" + name}
}

func (d *description) checkAnswer(a Answer, response *openapi.Response) error {
	for _, h := range response.Headers {
		if err := d.checkHeader(h.Name, h.Value, a); err != nil {
			return err
		}
	}
	if a.Status >= http.StatusBadRequest {
		if err := checkCode(a, response); err != nil {
			return err
		}
	}
	if a.Method == http.MethodHead {
		return nil
	}
	if len(response.Content) == 0 {
		if len(a.Body) > 0 {
			return fmt.Errorf("no body is described, got %.200q", a.Body)
		}
		return nil
	}
	content, ok := response.Content.Get(a.Header.Get("Content-Type"))
	if !ok {
		return fmt.Errorf("the content type %q is not described", a.Header.Get("Content-Type"))
	}
	if a.Header.Get("Content-Type") != "application/json" {
		return nil
	}
	return d.checkSchema(content.Schema, a)
}

// checkCode checks that the code of an error is one of the examples of the response.
func checkCode(a Answer, response *openapi.Response) error {
	code := a.Header.Get("X-Error-Code")
	if slices.Contains(response.ErrorCodes(), code) {
		return nil
	}
	return fmt.Errorf("the error code %q is not described", code)
}

// checkHeader checks a header that is described.
func (d *description) checkHeader(name string, h *openapi.Header, a Answer) error {
	value := a.Header.Get(name)
	if value == "" {
		if h.Required {
			return fmt.Errorf("the header %s is missing", name)
		}
		return nil
	}
	if h.Schema.ContentSchema == nil {
		return nil
	}
	text, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return fmt.Errorf("header %s: %w", name, err)
	}
	if err := d.validate(h.Schema.ContentSchema, text); err != nil {
		return fmt.Errorf("header %s: %w", name, err)
	}
	return nil
}

// checkSchema checks a JSON body, and the claims of the token in it, if its schema has one.
func (d *description) checkSchema(s *openapi.Schema, a Answer) error {
	if err := d.validate(s, a.Body); err != nil {
		return err
	}
	if s.Ref != "" {
		s, _ = d.Components.Schemas.Get(s.Name())
	}
	var members map[string]json.RawMessage
	if len(s.Properties) == 0 {
		return nil
	}
	if err := json.Unmarshal(a.Body, &members); err != nil {
		return err
	}
	for _, p := range s.Properties {
		if p.Value.TokenClaims() == nil {
			continue
		}
		if err := d.checkToken(p.Value, members[p.Name]); err != nil {
			return fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	return nil
}

// checkToken checks the header and the claims of a JWT; it does not verify the signature.
func (d *description) checkToken(s *openapi.Schema, text json.RawMessage) error {
	var token string
	if err := json.Unmarshal(text, &token); err != nil {
		return err
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return errors.New("not a JWT")
	}
	for i, part := range s.ContentSchema.PrefixItems {
		claims, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return err
		}
		if err := d.validate(part, claims); err != nil {
			return err
		}
	}
	return nil
}

// validate validates a JSON text.
func (d *description) validate(s *openapi.Schema, text []byte) error {
	validator, err := d.validatorOf(s)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("not JSON: %w: %.200q", err, text)
	}
	if err := validator.Validate(value); err != nil {
		return fmt.Errorf("%w\nin %.400s", err, text)
	}
	return nil
}

// validatorOf returns the validator of a schema, which is compiled once. A schema without a name is added as a
// resource of its own.
func (d *description) validatorOf(s *openapi.Schema) (*jsonschema.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if v, ok := d.validators[s]; ok {
		return v, nil
	}
	location := resource + "#/components/schemas/" + s.Name()
	if s.Ref == "" {
		return nil, errors.New("the schema of an answer has no name")
	}
	v, err := d.compiler.Compile(location)
	if err != nil {
		return nil, fmt.Errorf("compile schema: %w", err)
	}
	d.validators[s] = v
	return v, nil
}
