package api

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/docs"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/openapi"
)

// These tests compare docs/openapi.json with the code of this package. The tests of the calls compare it with the
// answers: see client.compare.

func describe(t *testing.T) *openapi.Document {
	t.Helper()
	d, err := openapi.Parse(docs.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// route is a route of the protocol as api.go registers it.
type route struct {
	method, path string
	// handler is the expression that makes its handler.
	handler ast.Node
	cloud   bool
}

// basesOf has the base paths of the functions with which New registers routes.
var basesOf = map[string]string{"handle": Base, "handleOlder": OlderBase, "handleAnyOlder": anyOlderBase}

// code is what the files of this package have, without tests.
type code struct {
	functions map[string]*ast.FuncDecl
	routes    []route
}

func readCode(t *testing.T) code {
	t.Helper()
	c := code{functions: map[string]*ast.FuncDecl{}}
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				c.functions[f.Name.Name] = f
			}
		}
	}
	ast.Inspect(c.functions["New"], func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		f, ok := call.Fun.(*ast.Ident)
		if !ok {
			return true
		}
		if base, ok := basesOf[f.Name]; ok {
			pattern := stringOf(t, call.Args[0])
			method, rest, _ := strings.Cut(pattern, " ")
			c.routes = append(c.routes, route{method, base + rest, call.Args[1], false})
		}
		return true
	})
	if len(c.routes) < 20 {
		t.Fatalf("found %d routes in New", len(c.routes))
	}
	c.readCloud(t)
	return c
}

// readCloud reads the calls of the file storage, which are in a table of methods and not in the mux.
func (c *code) readCloud(t *testing.T) {
	t.Helper()
	methods := map[string]string{"MethodGet": "GET", "MethodPost": "POST", "MethodDelete": "DELETE"}
	found := 0
	ast.Inspect(c.functions["cloud"], func(n ast.Node) bool {
		pair, ok := n.(*ast.KeyValueExpr)
		if !ok {
			return true
		}
		method, ok := pair.Key.(*ast.SelectorExpr)
		if !ok || methods[method.Sel.Name] == "" {
			t.Fatalf("a method of the file storage cannot be read")
		}
		path := strings.Replace(cloudPattern, "...", "", 1)
		c.routes = append(c.routes, route{methods[method.Sel.Name], path, pair.Value, true})
		found++
		return true
	})
	if found == 0 {
		t.Fatal("found no call of the file storage")
	}
}

func stringOf(t *testing.T, e ast.Expr) string {
	t.Helper()
	literal, ok := e.(*ast.BasicLit)
	if !ok {
		t.Fatalf("%T is not a literal", e)
	}
	s, err := strconv.Unquote(literal.Value)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// reached returns the names of the functions of this package that a node calls, directly or not, and of the errors
// that it makes.
func (c code) reached(n ast.Node) map[string]bool {
	names := map[string]bool{}
	var walk func(n ast.Node, values bool)
	walk = func(n ast.Node, values bool) {
		ast.Inspect(n, func(n ast.Node) bool {
			var called ast.Node
			if call, ok := n.(*ast.CallExpr); ok {
				called = call.Fun
			} else if values { // a handler that is passed to withSignedRequest
				called = n
			}
			name := ""
			switch f := called.(type) {
			case *ast.Ident:
				name = f.Name
			case *ast.SelectorExpr:
				name = f.Sel.Name
				if x, ok := f.X.(*ast.Ident); ok && x.Name == "wire" && name == "Validation" {
					name = "wire.Validation"
				}
			}
			if name == "" || names[name] || name == "wireError" { // that has the errors of all calls
				return true
			}
			names[name] = true
			if f, ours := c.functions[name]; ours && f.Body != nil {
				walk(f.Body, false)
			}
			return true
		})
	}
	walk(n, true)
	return names
}

// TestRoutesAreDescribed compares the routes of New with docs/openapi.json: each is described there, and nothing else
// is. Only the call HEAD of a file has a description of its own, since a GET route answers HEAD too.
func TestRoutesAreDescribed(t *testing.T) {
	t.Parallel()
	described := map[string]bool{}
	for _, o := range describe(t).Operations() {
		described[o.Method+" "+o.Path] = true
	}
	for _, r := range readCode(t).routes {
		if name := r.method + " " + r.path; !described[name] {
			t.Errorf("docs/openapi.json does not describe %s", name)
		}
		delete(described, r.method+" "+r.path)
	}
	delete(described, "HEAD "+Base+"permission-access/query/{session}/{file}")
	for name := range described {
		t.Errorf("docs/openapi.json describes %s, and there is no such route", name)
	}
}

// refusal is a status and a code of an error.
type refusal struct {
	status int
	code   wire.ErrorCode
}

func (r refusal) String() string { return fmt.Sprintf("%d %s", r.status, r.code) }

// errorsOf has the errors of each constructor of error.go, and of the one of package wire.
var errorsOf = map[string][]*wire.Error{
	"invalidRedirectURI":   {invalidRedirectURI("")},
	"invalidToken":         {invalidToken("")},
	"expiredToken":         {expiredToken("")},
	"invalidClient":        {invalidClient("")},
	"insufficientScope":    {insufficientScope()},
	"scopeOutOfBounds":     {scopeOutOfBounds("")},
	"sdkVersionInvalid":    {sdkVersionInvalid()},
	"badBearer":            {badBearer("")},
	"replayedNonce":        {replayedNonce("")},
	"bodyTooSlow":          {bodyTooSlow()},
	"notFound":             {notFound("")},
	"tooLarge":             {tooLarge("")},
	"largerThan":           {largerThan("", 0)},
	"serviceAuthorization": {serviceAuthorization()},
	"providerRefused": {
		providerRefused(http.StatusBadRequest, "", nil), providerRefused(http.StatusConflict, "", nil),
		providerRefused(http.StatusGone, "", nil), providerRefused(http.StatusPreconditionFailed, "", nil),
		providerRefused(http.StatusUnprocessableEntity, "", nil), providerRefused(http.StatusOK, "", nil),
		providerRefused(http.StatusNotFound, "", nil),
	},
	"deliveryUnknown": {deliveryUnknown("")},
	"deliveryExpired": {deliveryExpired("")},
	"serverBusy":      {serverBusy()},
	"storageFull":     {storageFull()},
	"internalError":   {internalError(nil)},
	"wire.Validation": {wire.Validation("")},
	"undecryptable":   {undecryptable("")},

	"quotaExceeded":        {quotaExceeded(&library.QuotaError{})},
	"storageQuotaExceeded": {storageQuotaExceeded(&library.QuotaError{})},
	"noConsent":            {noConsent()},
	"unauthorized":         {wireError(unauthorized(library.InvalidRequest("")))},
}

// describedErrors returns the errors of an operation's responses.
func describedErrors(t *testing.T, o *openapi.Operation) map[refusal]bool {
	t.Helper()
	all := map[refusal]bool{}
	for _, r := range o.Responses {
		status, err := strconv.Atoi(r.Name)
		if err != nil {
			t.Fatalf("%s: %v", o.ID, err)
		}
		if status < http.StatusBadRequest {
			continue
		}
		for _, code := range r.Value.ErrorCodes() {
			all[refusal{status, wire.ErrorCode(code)}] = true
		}
	}
	return all
}

// neverMade has the errors that the code of a call could make and never does.
var neverMade = map[string]refusal{
	"listSources": {http.StatusNotFound, wire.CodeNotFound}, // a search finds nothing without an error
}

// TestErrorsAreDescribed compares the errors that the code of each route can make with its description. Every error
// that is described is one that error.go makes.
func TestErrorsAreDescribed(t *testing.T) {
	t.Parallel()
	d, c := describe(t), readCode(t)
	known := map[refusal]bool{}
	for _, list := range errorsOf {
		for _, e := range list {
			known[refusal{e.Status, e.Code}] = true
		}
	}
	for name, f := range c.functions {
		if _, listed := errorsOf[name]; makesError(f) && !listed {
			t.Errorf("%s makes an error: add it to errorsOf", name)
		}
	}
	for _, r := range c.routes {
		path, ok := d.Paths.Get(r.path)
		if !ok {
			continue // TestRoutesAreDescribed tells
		}
		for _, o := range path.Operations() {
			if o.Method != r.method && (o.Method != http.MethodHead || r.method != http.MethodGet) {
				continue
			}
			described := describedErrors(t, o)
			for _, e := range c.errorsOf(r) {
				if !described[e] && neverMade[o.ID] != e {
					t.Errorf("%s: the code can answer %v, which is not described", o.ID, e)
				}
			}
			for e := range described {
				if !known[e] {
					t.Errorf("%s: %v is described, and error.go makes no such error", o.ID, e)
				}
			}
		}
	}
}

// errorsOf returns the errors that the code of a handler can make. Those of the domain are not among them, except for
// those that each call of a kind can meet.
func (c code) errorsOf(r route) []refusal {
	names := c.reached(r.handler)
	names["serverBusy"], names["internalError"] = true, true // every call
	if names["withSignedRequest"] || names["withSignedRequestOnce"] {
		for _, name := range []string{"invalidClient", "badBearer", "replayedNonce", "storageFull"} {
			names[name] = true
		}
	}
	if names["withBearer"] || names["withCachedBearer"] {
		names["invalidToken"], names["expiredToken"] = true, true
	}
	if names["Require"] || names["withSession"] {
		names["insufficientScope"] = true
	}
	if r.cloud {
		for _, name := range []string{"wire.Validation", "unauthorized", "noConsent", "notFound", "storageFull"} {
			names[name] = true
		}
	}
	if names["receive"] {
		names["quotaExceeded"] = true
	}
	if names["upload"] {
		names["storageQuotaExceeded"] = true
	}
	if names["upload"] || names["decode"] || names["receive"] || names["readResource"] {
		names["bodyTooSlow"], names["wire.Validation"], names["tooLarge"] = true, true, true
	}
	all := map[refusal]bool{}
	for name := range names {
		for _, e := range errorsOf[name] {
			all[refusal{e.Status, e.Code}] = true
		}
	}
	return slices.SortedFunc(maps.Keys(all), func(a, b refusal) int { return strings.Compare(a.String(), b.String()) })
}

// makesError reports whether a function only makes an error of the protocol.
func makesError(f *ast.FuncDecl) bool {
	if f.Recv != nil || f.Type.Results == nil || len(f.Type.Results.List) != 1 {
		return false
	}
	star, ok := f.Type.Results.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	result, ok := star.X.(*ast.SelectorExpr)
	return ok && result.Sel.Name == "Error" && f.Name.Name != "wireError" && f.Name.Name != "refusalError"
}

// TestErrorCodesAreDescribed compares the codes of package wire with the schema ErrorCode.
func TestErrorCodesAreDescribed(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "../../digime/wire/error.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var codes []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typed, ok := spec.Type.(*ast.Ident); ok && typed.Name == "ErrorCode" {
			codes = append(codes, stringOf(t, spec.Values[0]))
		}
		return true
	})
	schema, _ := describe(t).Components.Schemas.Get("ErrorCode")
	slices.Sort(codes)
	if described := slices.Sorted(slices.Values(schema.Enum)); !slices.Equal(described, codes) {
		t.Errorf("the schema ErrorCode has %q, package wire %q", described, codes)
	}
}
