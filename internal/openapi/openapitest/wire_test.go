package openapitest

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/openapi"
)

// wireTypes are the types of package wire that the schemas describe. Types whose JSON is made by hand are not among
// them: wire.Descriptor, wire.RawMetadata and wire.FileMetadata.
var wireTypes = map[string]any{
	"RequestClaims": nil, "AccessClaims": nil, // parts of wire.RequestClaims
	"AuthorizeClaims": nil, "ReferenceClaims": nil, "TokenClaims": nil, // others

	"DescriptorClaims":       wire.DescriptorClaims{},
	"ObjectType":             wire.ObjectType{},
	"AnswerTokenHeader":      wire.Header{},
	"Session":                wire.Session{},
	"AuthorizeAnswer":        wire.SignedAnswer{},
	"TokenReferenceAnswer":   wire.SignedAnswer{},
	"PreauthorizationClaims": wire.PreauthorizationClaims{},
	"ReferenceCodeClaims":    wire.ReferenceClaims{},
	"TokenValue":             wire.TokenValue{},
	"TokenAnswerClaims":      wire.TokenClaims{},
	"KeySet":                 wire.KeySet{},
	"Key":                    wire.JSONWebKey{},
	"Agent":                  wire.Agent{},
	"AuthorizeRequest":       wire.AuthorizeRequest{},
	"SessionOptions":         wire.SessionOptions{},
	"TimeRange":              wire.TimeRange{},
	"ServiceGroup":           wire.ServiceGroup{},
	"ServiceType":            wire.ServiceType{},
	"Criterion":              wire.Criterion{},
	"MetadataFilter":         wire.MetadataFilter{},
	"TriggerRequest":         wire.TriggerRequest{},
	"TriggerAnswer":          wire.TriggerAnswer{},
	"FileList":               wire.FileList{},
	"FileListStatus":         wire.FileListStatus{},
	"AccountStatus":          wire.AccountStatus{},
	"AccountError":           wire.AccountError{},
	"ObjectTypeError":        wire.ObjectTypeError{},
	"FileEntry":              wire.FileEntry{},
	"Schema":                 wire.Schema{},
	"MappedMetadata":         wire.MappedMetadata{},
	"Account":                wire.Account{},
	"Contract":               wire.ContractDetails{},
	"ContractScope":          wire.ContractScope{},
	"ReferenceRequest":       wire.ReferenceRequest{},
	"ReferenceAnswer":        wire.ReferenceAnswer{},
	"RevokeAnswer":           wire.RevokeAnswer{},
	"PushAnswer":             wire.PushAnswer{},
	"Delivery":               wire.Delivery{},
	"DeliveryList":           wire.DeliveryList{},
	"SourcesRequest":         wire.SourcesRequest{},
	"ListRequest":            wire.ListRequest{},
	"SourcesAnswer":          wire.SourcesAnswer{},
	"Source":                 wire.Source{},
	"SourceService":          wire.SourceService{},
	"Category":               wire.Category{},
	"Country":                wire.Country{},
	"Platform":               wire.Platform{},
	"SourceType":             wire.SourceType{},
	"Picture":                wire.Resource{},
	"Address":                wire.Address{},
	"CategoriesAnswer":       wire.CategoriesAnswer{},
	"CountriesAnswer":        wire.CountriesAnswer{},
	"PlatformsAnswer":        wire.PlatformsAnswer{},
	"SourceTypesAnswer":      wire.SourceTypesAnswer{},
	"SampleDataSet":          wire.SampleDataSet{},
	"ErrorBody":              wire.ErrorBody{},
	"Error":                  wire.Error{},
	"CloudClaims":            wire.CloudClaims{},
	"Storage":                wire.Storage{},
	"StorageUpload":          wire.StorageUpload{},
	"StorageEntry":           wire.StorageEntry{},
	"StorageList":            wire.StorageList{},
	"CloudError":             wire.CloudError{},
}

// alwaysSent are members that a type can leave out, and that answers always have.
var alwaysSent = []string{
	"AuthorizeAnswer.session", "TokenReferenceAnswer.session", // only oauth/token has no session
	"Error.reference",
	"AnswerTokenHeader.typ", "AnswerTokenHeader.jku", "AnswerTokenHeader.kid",
}

// requests are the schemas of bodies that clients send. What they require is not what a type always encodes.
var requests = []string{
	"SourcesRequest", "ListRequest", "SessionOptions", "TriggerRequest", "AuthorizeRequest", "ReferenceRequest",
}

// TestWireTypesAreDescribed compares the schemas with the types of package wire: their members, and which of them are
// left out when they are empty.
func TestWireTypesAreDescribed(t *testing.T) {
	t.Parallel()
	d, err := describe()
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range wireTypes {
		schema, ok := d.Components.Schemas.Get(name)
		if !ok {
			t.Errorf("there is no schema %s", name)
		} else if v != nil {
			compareType(t, name, schema, reflect.TypeOf(v), slices.Contains(requests, name))
		}
	}
	for _, e := range d.Components.Schemas {
		if _, listed := wireTypes[e.Name]; !listed && len(e.Value.Properties) > 0 && !slices.Contains(noType, e.Name) {
			t.Errorf("which type of package wire is the schema %s?", e.Name)
		}
	}
	claims := map[string]bool{}
	for _, name := range []string{"AccessClaims", "AuthorizeClaims", "ReferenceClaims", "TokenClaims"} {
		schema, _ := d.Components.Schemas.Get(name)
		for _, p := range schema.Properties {
			claims[p.Name] = true
		}
	}
	for name := range membersOf(reflect.TypeFor[wire.RequestClaims]()) {
		if !claims[name] {
			t.Errorf("no call describes the claim %s", name)
		}
		delete(claims, name)
	}
	if len(claims) > 0 {
		t.Errorf("described claims that package wire does not know: %v", claims)
	}
}

// noType are schemas of objects that are no type of package wire.
var noType = []string{"FileDescriptor", "FileMetadata", "RawMetadata", "DeletedAnswer", "TokenAnswer"}

func compareType(t *testing.T, name string, s *openapi.Schema, typ reflect.Type, request bool) {
	t.Helper()
	members := membersOf(typ)
	for _, p := range s.Properties {
		m, ok := members[p.Name]
		if !ok {
			t.Errorf("%s.%s is described, and %v has no such member", name, p.Name, typ)
			continue
		}
		delete(members, p.Name)
		required := !m.optional || slices.Contains(alwaysSent, name+"."+p.Name)
		if !request && s.Requires(p.Name) != required {
			t.Errorf("%s.%s is required: %v, want %v", name, p.Name, s.Requires(p.Name), required)
		}
		value := p.Value
		if value.Type == "array" && m.typ.Kind() == reflect.Slice {
			value, m.typ = value.Items, m.typ.Elem()
		}
		if m.typ.Kind() == reflect.Pointer {
			m.typ = m.typ.Elem()
		}
		if value.Type == "object" && len(value.Properties) > 0 && m.typ.Kind() == reflect.Struct {
			compareType(t, name+"."+p.Name, value, m.typ, request)
		}
		if want := unitOf(m.typ); want != "" && value.Name() != want {
			t.Errorf("%s.%s is a %s, want %s", name, p.Name, value.Name(), want)
		}
	}
	for member := range members {
		t.Errorf("%s.%s is not described", name, member)
	}
}

// unitOf returns the schema of a time; "" if a type is none.
func unitOf(typ reflect.Type) string {
	switch typ {
	case reflect.TypeFor[wire.Millis](), reflect.TypeFor[wire.PublishedDate]():
		return "Milliseconds"
	case reflect.TypeFor[wire.Seconds]():
		return "Seconds"
	}
	return ""
}

type member struct {
	typ      reflect.Type
	optional bool
}

// membersOf returns the members of the JSON of a struct.
func membersOf(typ reflect.Type) map[string]member {
	all := map[string]member{}
	for _, f := range reflect.VisibleFields(typ) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			all[name] = member{f.Type, strings.HasPrefix(options, "omit")}
		}
	}
	return all
}
