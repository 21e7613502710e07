package openapi

import (
	"encoding/json"
	"slices"
	"strings"
)

// Schema describes a JSON value, in the words of JSON Schema 2020-12.
type Schema struct {
	// Ref is the reference to a named schema, which [Schema.Name] returns. Only a Description stands beside it.
	Ref                  string            `json:"$ref"`
	Type                 string            `json:"type"`
	Description          string            `json:"description"`
	Format               string            `json:"format"`
	Pattern              string            `json:"pattern"`
	Enum                 []string          `json:"enum"`
	Const                json.RawMessage   `json:"const"`
	Required             []string          `json:"required"`
	Properties           Map[*Schema]      `json:"properties"`
	AdditionalProperties *Additional       `json:"additionalProperties"`
	Items                *Schema           `json:"items"`
	PrefixItems          []*Schema         `json:"prefixItems"`
	OneOf                []*Schema         `json:"oneOf"`
	AnyOf                []*Schema         `json:"anyOf"`
	Minimum              *int64            `json:"minimum"`
	Maximum              *int64            `json:"maximum"`
	MinLength            *int64            `json:"minLength"`
	MaxLength            *int64            `json:"maxLength"`
	MinItems             *int64            `json:"minItems"`
	MaxItems             *int64            `json:"maxItems"`
	Examples             []json.RawMessage `json:"examples"`
	// ContentMediaType and ContentEncoding say what a text holds, and ContentSchema describes that: of a JWT a list of
	// the header and the claims.
	ContentMediaType string  `json:"contentMediaType"`
	ContentEncoding  string  `json:"contentEncoding"`
	ContentSchema    *Schema `json:"contentSchema"`
}

const schemaPrefix = "#/components/schemas/"

// Name returns the name of the schema that s refers to, and "" if s describes a value itself.
func (s *Schema) Name() string { return strings.TrimPrefix(s.Ref, schemaPrefix) }

// Requires reports whether an object always has a member.
func (s *Schema) Requires(name string) bool { return slices.Contains(s.Required, name) }

// TokenClaims returns the schema of the claims of a JWT; nil if s is none.
func (s *Schema) TokenClaims() *Schema {
	if s.ContentMediaType != "application/jwt" || s.ContentSchema == nil || len(s.ContentSchema.PrefixItems) != 2 {
		return nil
	}
	return s.ContentSchema.PrefixItems[1]
}

// Additional says which other members an object has.
type Additional struct {
	Allowed bool
	// Schema describes them; nil if they are free.
	Schema *Schema
}

// UnmarshalJSON reads a boolean or a schema.
func (a *Additional) UnmarshalJSON(text []byte) error {
	if json.Unmarshal(text, &a.Allowed) == nil {
		return nil
	}
	a.Allowed = true
	return decodeStrictly(text, &a.Schema)
}

// children are the schemas within a schema.
func (s *Schema) children() []*Schema {
	var list []*Schema
	for _, p := range s.Properties {
		list = append(list, p.Value)
	}
	if s.AdditionalProperties != nil {
		list = append(list, s.AdditionalProperties.Schema)
	}
	list = append(list, s.Items, s.ContentSchema)
	return slices.Concat(list, s.PrefixItems, s.OneOf, s.AnyOf)
}
