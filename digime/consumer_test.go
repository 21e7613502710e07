package digime_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// An application that imports the SDK gets the Brotli decoder and nothing else, and keeps its version of Go.
func TestConsumerModule(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a module")
	}
	sdk, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example.org/application\n\ngo 1.24\n\nrequire github.com/carrelhq/carrel/digime v0.0.0\n\n" +
			"replace github.com/carrelhq/carrel/digime => " + sdk + "\n",
		"main.go": `package main

import (
	"fmt"

	"github.com/carrelhq/carrel/digime"
)

func main() {
	client, err := digime.New("application", digime.WithServer("https://library.example.org"))
	fmt.Println(client, err)
}
`,
		"main_test.go": `package main

import (
	"testing"

	"github.com/carrelhq/carrel/digime/digimetest"
)

func TestLibrary(t *testing.T) { digimetest.NewLibrary().Close() }
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = dir
		// The module cache has all that the tests of this module need; without it, the proxy is asked. With these
		// flags the standard library is compiled once for this test and for the build.
		cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod -trimpath", "CGO_ENABLED=0", "GOWORK=off", "GOTOOLCHAIN=local")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
		}
		return string(out)
	}
	command("mod", "tidy")
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^go 1\.24$`).Match(mod) || bytes.Contains(mod, []byte("toolchain")) {
		t.Errorf("go mod tidy has changed the version of Go:\n%s", mod)
	}
	sum, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(sum, []byte("\n")); n > 4 {
		t.Errorf("go.sum has %d lines, more than 4:\n%s", n, sum)
	}
	if out := command("run", "."); out != "application application at https://library.example.org/v1.7/ <nil>\n" {
		t.Errorf("the application prints %q", out)
	}
	const notStandard = "{{if not .Standard}}{{.ImportPath}}{{end}}"
	for _, path := range strings.Fields(command("list", "-deps", "-f", notStandard, ".")) {
		ours := strings.HasPrefix(path, "github.com/carrelhq/carrel/digime") || path == "example.org/application"
		if !ours && !strings.HasPrefix(path, "github.com/andybalholm/brotli") {
			t.Errorf("the application is linked with %s", path)
		}
	}
}
