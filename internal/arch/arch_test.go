package arch_test

import (
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

// module is the path of the server's module, and a prefix of the SDK's. The
// rules below name packages of both without it.
const module = "github.com/carrelhq/carrel"

// A rule says what one package, and the packages below it, may import outside
// their tests. If several rules apply to a package, the longest path decides.
type rule struct {
	pkg string
	why string

	// imports are our packages that it may import. The packages below it are
	// always allowed.
	imports []string

	// outside are the other modules that it may import; anyModule allows all.
	outside []string

	// notImported are packages that it must not import itself. notLinked are
	// packages and modules that it must not import through other packages
	// either.
	notImported, notLinked []string
}

const anyModule = "any module"

// Packages that some rules forbid.
var (
	web   = []string{"net/http"}
	sql   = []string{"database/sql", "github.com/jackc/pgx/v5", "modernc.org/sqlite"}
	cloud = []string{"github.com/minio/minio-go/v7", "github.com/aws/aws-sdk-go-v2", "cloud.google.com/go"}
	test  = append([]string{"testing", "net/http/httptest", "github.com/santhosh-tekuri/jsonschema/v6"}, testOnly...)

	// testOnly are our packages that only tests import, beside those named …test.
	testOnly = []string{module + "/internal/testenv", module + "/digime/internal/recorded"}
)

// rules are the rules of all packages, lowest packages first. A new package
// needs a rule, or is below a package that has one.
var rules = []rule{
	{
		pkg: "digime/wire",
		why: "both sides speak it and applications link it, so it stands on the standard library alone",
	},
	{
		pkg:         "internal/seal",
		why:         "keys and sealing are read and judged by themselves, so they know nothing of the rest",
		outside:     []string{anyModule},
		notImported: web,
		notLinked:   slices.Concat(sql, cloud),
	},
	{
		pkg: "digime",
		why: "an application that imports the SDK takes on none of the server, " +
			"and no dependency but a Brotli decoder",
		imports:   []string{"digime/wire"},
		outside:   []string{"github.com/andybalholm/brotli"},
		notLinked: slices.Concat(sql, cloud, test),
	},
	{
		pkg: "digime/internal/recorded",
		why: "it reads recordings for the tests of the SDK, so it depends on nothing",
	},
	{
		pkg:     "digime/digimetest",
		why:     "applications test against it, so it needs no more than the SDK itself",
		imports: []string{"digime", "digime/wire"},
	},
	{
		pkg: "internal/outfile",
		why: "how a file is written does not depend on what it is for, so it stands on the standard library alone",
	},
	{
		pkg:     "internal/fhir",
		why:     "whether a resource is well formed does not depend on who asks",
		imports: []string{"digime/wire"},
		outside: []string{anyModule},
	},
	{
		pkg: "internal/netaddr",
		why: "which addresses are one visitor does not depend on what is counted",
	},
	{
		pkg:         "internal/library",
		why:         "the rules of the domain hold whatever carries a request and wherever the bytes lie",
		imports:     []string{"digime/wire", "internal/netaddr", "internal/seal"},
		outside:     []string{anyModule},
		notImported: web,
		notLinked:   slices.Concat(sql, cloud),
	},
	{
		pkg:         "internal/delivery",
		why:         "deliveries use the rules of libraries, and know no HTTP and no store",
		imports:     []string{"internal/library", "digime/wire", "internal/seal", "internal/fhir"},
		outside:     []string{anyModule},
		notImported: web,
		notLinked:   slices.Concat(sql, cloud),
	},
	{
		pkg:         "internal/fetch",
		why:         "fetches use the rules of libraries and the accounts of deliveries, and know no HTTP and no store",
		imports:     []string{"internal/library", "internal/delivery", "digime/wire"},
		notImported: web,
		notLinked:   slices.Concat(sql, cloud),
	},
	{
		pkg:         "internal/fetch/samplesource",
		why:         "sample data is fetched as that of any other source",
		imports:     []string{"internal/fetch", "internal/delivery", "internal/sampledata", "digime/wire"},
		notImported: web,
		notLinked:   slices.Concat(sql, cloud),
	},
	{
		pkg: "internal/fetch/fetchtest",
		why: "a conformance suite knows the interfaces that it tests and no implementation",
		imports: []string{
			"internal/fetch", "internal/delivery", "internal/delivery/deliverytest", "internal/library",
			"internal/library/librarytest", "internal/seal", "digime/wire",
		},
	},
	{
		pkg:         "internal/storage",
		why:         "storages use the rules of libraries, and know no HTTP and no store",
		imports:     []string{"internal/library", "digime/wire"},
		notImported: web,
		notLinked:   slices.Concat(sql, cloud),
	},
	{
		pkg:     "internal/storage/storagetest",
		why:     "a conformance suite knows the interfaces that it tests and no implementation",
		imports: []string{"internal/storage", "internal/library", "internal/library/librarytest", "digime/wire"},
		outside: []string{anyModule},
	},
	{
		pkg:     "internal/library/librarytest",
		why:     "a conformance suite knows the interfaces that it tests and no implementation",
		imports: []string{"internal/library", "digime/wire", "internal/seal"},
		outside: []string{anyModule},
	},
	{
		pkg: "internal/delivery/deliverytest",
		why: "a conformance suite knows the interfaces that it tests and no implementation",
		imports: []string{
			"internal/delivery", "internal/library", "internal/library/librarytest", "digime/wire", "internal/seal",
			"internal/fhir",
		},
		outside: []string{anyModule},
	},
	{
		pkg:         "internal/sampledata",
		why:         "invented data is the same whoever loads it and wherever it is stored",
		imports:     []string{"digime/wire"},
		notImported: web,
		notLinked:   slices.Concat(sql, cloud, test),
	},
	{
		pkg: "internal/catalogue",
		why: "the catalogue is data that the words of library and delivery describe",
		imports: []string{
			"internal/library", "internal/delivery", "internal/fhir", "internal/sampledata", "digime/wire",
		},
		outside: []string{anyModule},
	},
	{
		pkg: "internal/store",
		why: "a store answers the interfaces of the domain and decides nothing by itself",
		imports: []string{
			"internal/library", "internal/delivery", "internal/fetch", "internal/storage", "internal/seal",
			"digime/wire",
		},
		outside: []string{anyModule},
	},
	{
		pkg:     "internal/blob",
		why:     "a blob store answers the library's interfaces and decides nothing by itself",
		imports: []string{"internal/library", "internal/seal", "digime/wire"},
		outside: []string{anyModule},
	},
	{
		pkg: "internal/provider",
		why: "a provider's client answers the interfaces of delivery and decides nothing by itself",
		imports: []string{
			"internal/library", "internal/delivery", "internal/seal", "digime/wire", "internal/fhir",
			"internal/catalogue",
		},
		outside: []string{anyModule},
	},
	{
		pkg:       "internal/simulator",
		why:       "a practice provider knows the server only by its requests, and it is shipped",
		imports:   []string{"digime/wire", "internal/fhir", "internal/seal", "internal/outfile"},
		outside:   []string{anyModule},
		notLinked: slices.Concat(sql, cloud, test),
	},
	{
		pkg:     "internal/httpserve",
		why:     "deadlines, limits and log lines are the same for calls and pages, so they know neither",
		imports: []string{"internal/netaddr", "digime/wire"},
	},
	{
		pkg: "internal/api",
		why: "a handler decodes, asks the library and encodes; where things lie is not its business",
		imports: []string{
			"internal/library", "internal/delivery", "internal/fetch", "internal/storage", "internal/seal",
			"digime/wire",
			"internal/fhir", "internal/catalogue", "internal/httpserve",
		},
		outside: []string{anyModule},
	},
	{
		pkg: "docs",
		why: "documents depend on nothing",
	},
	{
		pkg: "internal/openapi",
		why: "a description of an API is read without the API",
	},
	{
		pkg:     "internal/openapi/openapitest",
		why:     "it compares answers with the description, whoever has answered",
		imports: []string{"internal/openapi", "docs"},
		outside: []string{"github.com/santhosh-tekuri/jsonschema/v6"},
	},
	{
		pkg:     "internal/web/reference",
		why:     "what developers read is the description alone, and not what the code says",
		imports: []string{"internal/web/ui", "internal/openapi", "docs"},
	},
	{
		pkg:     "internal/web/ui",
		why:     "what every page stands on knows no page",
		imports: []string{"internal/httpserve", "internal/library", "internal/seal", "digime/wire"},
		outside: []string{anyModule},
	},
	{
		pkg:     "internal/web/signin",
		why:     "a person signs in with an application's request or without one, so these pages know neither",
		imports: []string{"internal/web/ui", "internal/library", "internal/seal"},
		outside: []string{anyModule},
	},
	{
		pkg: "internal/web/onboarding",
		why: "an application's request leads to no page of a person's own",
		imports: []string{
			"internal/web/ui", "internal/web/signin", "internal/library", "internal/delivery", "internal/fetch",
			"internal/seal",
			"digime/wire", "internal/catalogue",
		},
		outside: []string{anyModule},
	},
	{
		pkg: "internal/web/account",
		why: "a person's own pages know no application's request",
		imports: []string{
			"internal/web/ui", "internal/web/signin", "internal/library", "internal/delivery", "internal/fetch",
			"internal/storage",
			"digime/wire",
		},
		outside: []string{anyModule},
	},
	{
		pkg: "internal/web",
		why: "a page asks the library; where things lie is not its business",
		imports: []string{
			"internal/httpserve", "internal/library", "internal/delivery", "internal/fetch", "internal/storage",
			"internal/catalogue",
		},
		outside: []string{anyModule},
	},
	{
		pkg: "internal/web/webtest",
		why: "it puts a whole site together for the tests of the pages",
		imports: []string{
			"internal/carreltest", "internal/web", "internal/server", "internal/library", "internal/delivery",
			"internal/storage", "internal/catalogue", "internal/fhir", "digime/wire",
		},
		outside: []string{anyModule},
	},
	{
		pkg: "internal/server",
		why: "the server puts the parts together, so it knows them all, and nothing that starts it",
		imports: []string{
			"internal/library", "internal/delivery", "internal/fetch", "internal/fetch/samplesource",
			"internal/storage", "internal/seal", "digime/wire",
			"internal/fhir", "internal/catalogue",
			"internal/store", "internal/blob", "internal/provider", "internal/provider/medmij",
			"internal/provider/smart",
			"internal/httpserve", "internal/netaddr", "internal/api", "internal/web",
		},
		outside: []string{anyModule},
	},
	{
		pkg: "internal/carreltest",
		why: "it gives tests a whole world, so it knows every part of it, and only tests know it",
		imports: []string{
			"internal/server", "internal/library", "internal/delivery", "internal/fetch",
			"internal/fetch/samplesource", "internal/storage", "internal/seal",
			"internal/store", "internal/store/storetest", "internal/testenv", "internal/blob",
			"internal/catalogue", "internal/fhir", "internal/provider/medmij", "internal/simulator", "internal/demo",
			"digime", "digime/wire",
		},
		outside: []string{anyModule},
	},
	{
		pkg: "internal/demo",
		why: "the demo clinic is an application like any other: it speaks to a server through the SDK, " +
			"and is registered by package library",
		imports: []string{"digime", "internal/library", "internal/seal", "internal/outfile", "digime/wire"},
		outside: []string{"golang.org/x/net/html"},
	},
	{
		pkg: "internal/bench",
		why: "a measurement starts a real server, fills its store and then only sends requests; " +
			"a scripted person of the demo gives the consent to large transfers",
		imports: []string{
			"internal/server", "internal/store", "internal/library", "internal/seal", "digime/wire", "digime",
			"internal/demo",
		},
		outside: []string{anyModule},
	},
	{
		pkg: "cmd/carrel",
		why: "a command reads flags and calls the server, or opens the store if no server is needed; " +
			"it puts no parts together and ships nothing that only tests need",
		imports: []string{
			"internal/server", "internal/demo", "internal/bench", "internal/store", "internal/library",
			"internal/delivery", "internal/storage",
			"digime/wire", "internal/fhir", "internal/catalogue", "internal/provider/medmij", "internal/provider/smart",
			"internal/simulator", "internal/outfile", "digime",
		},
		outside:   []string{anyModule},
		notLinked: test,
	},
	{
		pkg:     "internal/browsertest",
		why:     "it serves the tests of every page",
		imports: []string{"internal/testenv"},
		outside: []string{"github.com/chromedp/chromedp", "github.com/chromedp/cdproto"},
	},
	{
		pkg:     "internal/testenv",
		why:     "it serves the tests of every package, so it can depend on none",
		outside: []string{"github.com/jackc/pgx/v5"},
	},
}

func TestImports(t *testing.T) {
	for _, p := range sourceTree(t) {
		if len(p.imports) == 0 {
			continue // only tests
		}
		r, ok := ruleFor(p.path)
		if !ok {
			t.Errorf("%s has no rule: say in the table above what it may import, and why", p.path)
			continue
		}
		for _, imported := range slices.Sorted(maps.Keys(p.imports)) {
			if !r.allows(imported) {
				t.Errorf("%s imports %s (%s)\n\tbut: %s", p.path, imported, p.imports[imported], r.why)
			}
		}
	}
}

func TestLinked(t *testing.T) {
	for _, p := range sourceTree(t) {
		r, ok := ruleFor(p.path)
		if !ok || len(r.notLinked) == 0 || len(p.imports) == 0 {
			continue
		}
		for _, chain := range linked(t, p.path, r.notLinked) {
			t.Errorf("%s links %s\n\tbut: %s", p.path, strings.Join(chain, " → "), r.why)
		}
	}
}

// TestTestenvOnlyInTests checks that no package imports what only tests need,
// even if no command links the package yet.
func TestTestenvOnlyInTests(t *testing.T) {
	for _, p := range sourceTree(t) {
		if slices.Contains(testOnly, module+"/"+p.path) || strings.HasSuffix(p.path, "test") {
			continue
		}
		for _, imported := range test {
			if file, ok := p.imports[imported]; ok {
				t.Errorf("%s imports %s: only tests may, and packages named …test", file, imported)
			}
		}
	}
}

// ruleFor returns the rule with the longest path that covers pkg.
func ruleFor(pkg string) (best rule, ok bool) {
	for _, r := range rules {
		if within(pkg, r.pkg) && len(r.pkg) > len(best.pkg) {
			best, ok = r, true
		}
	}
	return best, ok
}

// allows says whether the rule allows its package to import another.
func (r rule) allows(imported string) bool {
	if ours, ok := strings.CutPrefix(imported, module+"/"); ok {
		return within(ours, r.pkg) || slices.Contains(r.imports, ours)
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return !slices.ContainsFunc(r.notImported, func(f string) bool { return within(imported, f) })
	}
	return slices.ContainsFunc(r.outside, func(m string) bool {
		return m == anyModule || within(imported, m)
	})
}

// within says whether pkg is parent or is below it.
func within(pkg, parent string) bool {
	return pkg == parent || strings.HasPrefix(pkg, parent+"/")
}

func TestRules(t *testing.T) {
	for _, tt := range []struct {
		pkg, imports string
		want         bool
	}{
		{"digime/wire", "crypto/rsa", true},
		{"digime/wire", module + "/internal/library", false},
		{"digime/wire", module + "/digime", false},
		{"digime/wire", "github.com/golang-jwt/jwt/v5", false},
		{"internal/store", module + "/internal/library", true},
		{"internal/store", module + "/internal/store/queries", true},
		{"internal/store/queries", module + "/internal/store", true},
		{"internal/store", module + "/internal/api", false},
		{"internal/library/librarytest", module + "/internal/library", true},
		{"internal/library", module + "/internal/library/librarytest", true}, // TestTestenvOnlyInTests finds it
		{"internal/web", module + "/internal/store", false},
		{"internal/library", module + "/internal/delivery", false},
		{"internal/delivery", module + "/internal/library", true},
		{"internal/library", "net/url", true},
		{"internal/library", "net/http", false},
		{"internal/library", "net/http/httputil", false},
		{"digime", module + "/digime/wire", true},
		{"digime", module + "/internal/library", false},
		{"digime", "github.com/andybalholm/brotli", true},
		{"digime", "github.com/andybalholm/brotli/matchfinder", true},
		{"digime", "github.com/andybalholm/cascadia", false},
		{"digime/digimetest", module + "/digime", true},
		{"digime/digimetest", "net/http/httptest", true},
		{"digime/digimetest", module + "/internal/carreltest", false},
	} {
		r, ok := ruleFor(tt.pkg)
		if !ok {
			t.Errorf("no rule for %s", tt.pkg)
		}
		if got := r.allows(tt.imports); got != tt.want {
			t.Errorf("%s may import %s: %v, want %v", tt.pkg, path.Base(tt.imports), got, tt.want)
		}
	}
}
