package smart

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/fhir"
	"github.com/carrelhq/carrel/internal/provider/providertest"
	"github.com/carrelhq/carrel/internal/testenv"
)

// docs/providers.md shows a file that can be loaded.
func TestDocumentedFile(t *testing.T) {
	_, text, _ := strings.Cut(providertest.ProvidersDoc(t, testenv.Root(t)), "```json\n")
	text, _, ok := strings.Cut(text, "```")
	if !ok {
		t.Fatal("docs/providers.md shows no file")
	}
	folder := t.TempDir()
	for name, content := range map[string]string{
		"servers.json": text, "demo-fhir.secret": plantedSecret,
		"demo-fhir.pem": string(providertest.NewCA(t, "x").PEM),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	servers, err := LoadServers(filepath.Join(folder, "servers.json"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Servers: servers}); err != nil || len(servers) != 2 {
		t.Errorf("%d servers, %v", len(servers), err)
	}
}

const good = `[{"id":"demo-fhir","source":900500,"name":"Demo FHIR","city":"Utrecht",
 "base":"https://fhir.example/stu3","version":"stu3",

 "authorize":"https://login.example/authorize","token":"https://login.example/token","clientId":"carrel",
 "clientSecretFile":"secret","scopes":["openid","user/*.write"],"roots":"ca.pem"},
 {"id":"other","source":900501,"name":"Other",
 "base":"https://fhir.example/r4","version":"r4","clientId":"carrel","scopes":["user/*.write"]}]`

// serverFiles are the files that a configuration names, and the configuration itself.
type serverFiles struct {
	t      *testing.T
	folder string
}

func newServerFiles(t *testing.T) *serverFiles {
	t.Helper()
	f := &serverFiles{t, t.TempDir()}
	f.write("secret", plantedSecret+"\n")
	f.write("empty", "\n")
	f.write("ca.pem", string(providertest.NewCA(t, "x").PEM))
	return f
}

func (f *serverFiles) write(name, text string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.folder, name), []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// load returns a network with the servers of a configuration.
func (f *serverFiles) load(text string, loopback bool) (*Network, error) {
	f.t.Helper()
	f.write("servers.json", text)
	servers, err := LoadServers(filepath.Join(f.folder, "servers.json"))
	if err != nil {
		return nil, err
	}
	return New(Config{Servers: servers, AllowLoopback: loopback})
}

func TestLoadServers(t *testing.T) {
	n, err := newServerFiles(t).load(good, false)
	if err != nil {
		t.Fatal(err)
	}
	list := n.Servers()
	if len(list) != 2 || list[0].Key() != "smart:demo-fhir" || list[0].ClientSecret.Reveal() != plantedSecret ||
		list[0].Version != fhir.STU3 ||
		len(list[0].Roots) == 0 || list[1].Version != fhir.R4 ||
		!list[1].ClientSecret.IsZero() {
		t.Errorf("%+v", list)
	}
	if text := fmt.Sprintf("%+v", list); strings.Contains(text, plantedSecret) {
		t.Error("the secret shows")
	}
}

func TestLoadServersErrors(t *testing.T) {
	files := newServerFiles(t)
	for _, tt := range []struct{ from, to, want string }{
		{good, "", "load"},
		{good, "{}", "load"},
		{good, good + "x", "after the list"},
		{`"city"`, `"town"`, "town"},
		{`"stu3",`, `"dstu2",`, "dstu2"},
		{`"id":"demo-fhir"`, `"id":"Demo FHIR"`, "id: not"},
		{`"id":"demo-fhir"`, `"id":"other"`, "a second one"},
		{`900500`, `900501`, "source 900501"},
		{`900500`, `0`, "source: not"},
		{`900500`, `"x"`, "source"},
		{`"Demo FHIR"`, `" "`, "name"},
		{`"https://fhir.example/stu3"`, `"http://fhir.example/stu3"`, "base: not an https"},
		{`"https://fhir.example/stu3"`, `"http://localhost/stu3"`, "base: not an https"},
		{`"https://fhir.example/stu3"`, `"https://fhir.example/stu3?x"`, "base: an address with a query"},
		{`"https://fhir.example/stu3"`, `"https://a:b@fhir.example"`, "base: an address with a user"},
		{`"https://fhir.example/stu3"`, `"fhir"`, "base: not an address"},
		{`"authorize":"https://login.example/authorize",`, ``, "give both"},
		{`login.example/token`, `login.example/token#x`, "token: an address with"},
		{`"clientId":"carrel",
 "clientS`, `"clientS`, "clientId: missing"},
		{`["openid","user/*.write"]`, `[]`, "scopes: missing"},
		{`["openid","user/*.write"]`, `["openid user/*.write"]`, "is not one scope"},
		{`"secret"`, `"nothing"`, "clientSecretFile"},
		{`"secret"`, `"empty"`, "the file is empty"},
		{`"ca.pem"`, `"secret"`, "roots: no certificate"},
		{`"ca.pem"`, `"nothing"`, "roots"},
	} {
		t.Run(tt.want, func(t *testing.T) {
			if !strings.Contains(good, tt.from) {
				t.Fatalf("the file has no %s", tt.from)
			}
			_, err := files.load(strings.Replace(good, tt.from, tt.to, 1), false)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), plantedSecret) {
				t.Errorf("%s: %v, want an error with %q", tt.to, err, tt.want)
			}
		})
	}
}

func TestLoadServersLoopback(t *testing.T) {
	local := strings.Replace(good, `"https://fhir.example/stu3"`, `"http://localhost:8080/stu3"`, 1)
	if _, err := newServerFiles(t).load(local, true); err != nil {
		t.Error(err)
	}
}
