package arch_test

import (
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

// module is the path of this module; the rules below name packages within it.
const module = "github.com/carrelhq/carrel"

// A rule says what one package, and those below it, may import outside their
// tests. Of several rules that apply to a package the longest path decides.
type rule struct {
	pkg string
	why string

	// imports are the packages of ours that it may import. The package's own
	// sub-packages are always allowed.
	imports []string

	// outside are the modules from outside that it may import; anyModule
	// allows them all.
	outside []string

	// notImported are packages that it must not import itself; notLinked are
	// packages and modules that must not be linked into it through whatever
	// chain of imports.
	notImported, notLinked []string
}

const anyModule = "any module"

// The things that a package may have to be kept apart from.
var (
	web   = []string{"net/http"}
	sql   = []string{"database/sql", "github.com/jackc/pgx/v5", "modernc.org/sqlite"}
	cloud = []string{"github.com/minio/minio-go/v7", "github.com/aws/aws-sdk-go-v2", "cloud.google.com/go"}
	test  = []string{"testing", "net/http/httptest", module + "/internal/testenv"}
)

// rules is the whole layering, lowest packages first. A new package needs a
// row here, or stands below one that has it.
var rules = []rule{
	{
		pkg:         "internal/seal",
		why:         "keys and sealing are read and judged by themselves, so they know nothing of the rest",
		outside:     []string{anyModule},
		notImported: web,
		notLinked:   slices.Concat(sql, cloud),
	},
	{
		pkg:     "internal/fhir",
		why:     "whether a resource is well formed does not depend on who asks",
		imports: []string{"digime/wire"},
		outside: []string{anyModule},
	},
	{
		pkg:         "internal/library",
		why:         "the rules of the domain hold whatever carries a request and wherever the bytes lie",
		imports:     []string{"digime/wire", "internal/seal"},
		outside:     []string{anyModule},
		notImported: web,
		notLinked:   slices.Concat(sql, cloud),
	},
	{
		pkg:     "internal/library/librarytest",
		why:     "a conformance suite knows the interfaces that it tests and no implementation",
		imports: []string{"internal/library", "digime/wire", "internal/seal"},
		outside: []string{anyModule},
	},
	{
		pkg:     "internal/catalogue",
		why:     "the catalogue is data that the library's words describe",
		imports: []string{"internal/library", "digime/wire"},
		outside: []string{anyModule},
	},
	{
		pkg:     "internal/store",
		why:     "a store answers the library's interfaces and decides nothing by itself",
		imports: []string{"internal/library", "internal/seal", "digime/wire"},
		outside: []string{anyModule},
	},
	{
		pkg:     "internal/blob",
		why:     "a blob store answers the library's interfaces and decides nothing by itself",
		imports: []string{"internal/library", "internal/seal", "digime/wire"},
		outside: []string{anyModule},
	},
	{
		pkg:     "internal/provider",
		why:     "a provider's connection answers the library's interfaces and decides nothing by itself",
		imports: []string{"internal/library", "internal/seal", "digime/wire", "internal/fhir", "internal/catalogue"},
		outside: []string{anyModule},
	},
	{
		pkg:       "internal/simulator",
		why:       "a practice provider is nobody's part: it knows the other side only by what arrives, and it is shipped",
		imports:   []string{"digime/wire", "internal/fhir", "internal/seal"},
		outside:   []string{anyModule},
		notLinked: slices.Concat(sql, cloud, test),
	},
	{
		pkg:     "internal/api",
		why:     "a handler decodes, asks the library and encodes; where things lie is not its business",
		imports: []string{"internal/library", "internal/seal", "digime/wire", "internal/fhir", "internal/catalogue"},
		outside: []string{anyModule},
	},
	{
		pkg:     "internal/web/ui",
		why:     "what every page stands on knows no page",
		imports: []string{"internal/library", "internal/seal", "digime/wire"},
		outside: []string{anyModule},
	},
	{
		pkg:     "internal/web/signin",
		why:     "a person signs in with an application's request or without one, so these pages know neither",
		imports: []string{"internal/web/ui", "internal/library", "internal/seal"},
		outside: []string{anyModule},
	},
	{
		pkg:     "internal/web/onboarding",
		why:     "an application's request leads to no page of a person's own",
		imports: []string{"internal/web/ui", "internal/web/signin", "internal/library", "internal/seal", "digime/wire", "internal/catalogue"},
		outside: []string{anyModule},
	},
	{
		pkg:     "internal/web/account",
		why:     "a person's own pages know no application's request",
		imports: []string{"internal/web/ui", "internal/web/signin", "internal/library", "digime/wire"},
		outside: []string{anyModule},
	},
	{
		pkg:     "internal/web",
		why:     "a page asks the library; where things lie is not its business",
		imports: []string{"internal/library", "internal/catalogue"},
		outside: []string{anyModule},
	},
	{
		pkg: "internal/server",
		why: "the server puts the parts together, so it knows them all, and nothing that starts it",
		imports: []string{
			"internal/library", "internal/seal", "digime/wire", "internal/fhir", "internal/catalogue",
			"internal/store", "internal/blob", "internal/provider", "internal/provider/medmij", "internal/provider/smart",
			"internal/api", "internal/web",
		},
		outside: []string{anyModule},
	},
	{
		pkg: "internal/server/servertest",
		why: "it starts a whole server and hands the test an SDK client",
		imports: []string{
			"internal/server", "internal/library", "internal/seal", "digime/wire", "internal/catalogue",
			"internal/provider/medmij", "internal/simulator", "internal/demo", "internal/testenv", "digime",
		},
		outside: []string{anyModule},
	},
	{
		pkg:     "internal/demo",
		why:     "the demo clinic is an application like any other: it speaks to a server through the SDK, and is registered by package library",
		imports: []string{"digime", "internal/library", "internal/seal", "digime/wire"},
		outside: []string{"golang.org/x/net/html"},
	},
	{
		pkg:     "internal/bench",
		why:     "a measurement starts a real server, fills its store and then only sends requests",
		imports: []string{"internal/server", "internal/store", "internal/library", "internal/seal", "digime/wire", "digime"},
		outside: []string{anyModule},
	},
	{
		pkg: "cmd/carrel",
		why: "a command reads flags and calls the server, or opens the store where none need run; it puts no parts together and ships nothing that only tests need",
		imports: []string{
			"internal/server", "internal/demo", "internal/bench", "internal/store", "internal/library",
			"digime/wire", "internal/fhir", "internal/catalogue", "internal/provider/medmij", "internal/provider/smart",
			"internal/simulator", "digime",
		},
		outside:   []string{anyModule},
		notLinked: test,
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
			continue // nothing but tests
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

// TestTestenvOnlyInTests holds apart what `carrel` links from what only its
// tests need, also where no command links it yet.
func TestTestenvOnlyInTests(t *testing.T) {
	for _, p := range sourceTree(t) {
		if p.path == "internal/testenv" || strings.HasSuffix(p.path, "test") {
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

// allows says whether the rule lets its package import another.
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

// within says whether pkg is parent or stands below it.
func within(pkg, parent string) bool {
	return pkg == parent || strings.HasPrefix(pkg, parent+"/")
}

func TestRules(t *testing.T) {
	for _, tt := range []struct {
		pkg, imports string
		want         bool
	}{
		{"internal/store", module + "/internal/library", true},
		{"internal/store", module + "/internal/store/queries", true},
		{"internal/store/queries", module + "/internal/store", true},
		{"internal/store", module + "/internal/api", false},
		{"internal/library/librarytest", module + "/internal/library", true},
		{"internal/library", module + "/internal/library/librarytest", true}, // TestTestenvOnlyInTests finds it
		{"internal/web", module + "/internal/store", false},
		{"internal/library", "net/url", true},
		{"internal/library", "net/http", false},
		{"internal/library", "net/http/httputil", false},
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
