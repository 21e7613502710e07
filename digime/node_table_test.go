package digime_test

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime"
)

// The table of docs/sdk.md has each function of the Node SDK, and names only methods that exist.
func TestNodeTable(t *testing.T) {
	text, err := os.ReadFile("../docs/sdk.md")
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]reflect.Type{
		"Client": reflect.TypeFor[*digime.Client](), "Contract": reflect.TypeFor[*digime.Contract](),
		"User": reflect.TypeFor[*digime.User](), "Session": reflect.TypeFor[*digime.Session](),
		"Storage": reflect.TypeFor[*digime.Storage](),
	}
	method := regexp.MustCompile("`(Client|Contract|User|Session|Storage)\\.(\\w+)`")
	names := method.FindAllStringSubmatch(string(text), -1)
	for _, m := range names {
		if _, ok := types[m[1]].MethodByName(m[2]); !ok {
			t.Errorf("there is no %s.%s", m[1], m[2])
		}
	}
	if len(names) < 35 {
		t.Errorf("found only %d methods", len(names))
	}
	functions := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| (\\d+ `\\w+`)").FindAllStringSubmatch(string(text), -1) {
		functions[m[1]] = true
	}
	if len(functions) != 29 {
		t.Errorf("the table has %d functions of the Node SDK, want 29", len(functions))
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| `Err").FindAllStringSubmatch(string(text), -1) {
		functions["error "+m[1]] = true
	}
	for _, code := range codesOfWire(t) {
		if !functions["error "+string(code)] {
			t.Errorf("the table of errors has no %s", code)
		}
	}
	if !strings.Contains(string(text), "16.1.5") {
		t.Error("the version of the Node SDK is missing")
	}
}
