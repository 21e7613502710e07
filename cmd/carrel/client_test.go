package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/demo"
	"github.com/carrelhq/carrel/internal/server/servertest"
)

// The main job at the command line, against a whole server.
func TestClient(t *testing.T) {
	s := servertest.Start(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "demo.json")
	c, err := demo.Register(t.Context(), s.Clients, s.URL, "http://"+freeAddress(t)+"/callback", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CARREL_CREDENTIALS", path)
	person := s.Person()
	authorize(t, person, c.Callback, "--contract", "write")
	authorize(t, person, c.Callback, "--contract", "read", "--link", "write")

	token := filepath.Join(dir, "token-"+string(c.Contracts["write"].ContractID)+".json")
	if info, err := os.Stat(token); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("token file %v, error %v", info, err)
	}
	content := make([]byte, 300_000)
	_, _ = rand.Read(content)
	scan := filepath.Join(dir, "scan.png")
	if err := os.WriteFile(scan, content, 0o600); err != nil {
		t.Fatal(err)
	}
	var pushed struct{ Bytes int }
	carrelJSON(t, &pushed, "client", "push", scan, "--tag", "scan", "--json")
	if pushed.Bytes != len(content) {
		t.Errorf("pushed %d bytes", pushed.Bytes)
	}
	if out := run(t, strings.NewReader("from a pipe"), "client", "push", "-", "--reference", "pipe.txt"); !strings.Contains(out, "Pushed 11 bytes") {
		t.Errorf("push from a pipe printed %q", out)
	}

	var list []fileView
	carrelJSON(t, &list, "client", "list", "--json")
	if len(list) != 2 {
		t.Errorf("list %+v", list)
	}
	carrelJSON(t, &list, "client", "list", "--tag", "scan", "--json")
	if len(list) != 1 || list[0].Raw.MIMEType != "image/png" || list[0].Raw.Reference[0] != "scan.png" {
		t.Errorf("list by tag %+v", list)
	}
	if out := run(t, nil, "client", "list"); !strings.Contains(out, "image/png") || !strings.Contains(out, "pipe.txt") {
		t.Errorf("list printed %s", out)
	}

	if out := run(t, nil, "client", "read", "pipe.txt"); out != "from a pipe" {
		t.Errorf("read printed %q", out)
	}
	copied := filepath.Join(dir, "copy.png")
	run(t, nil, "client", "read", "scan.png", "--output", copied)
	if got, err := os.ReadFile(copied); err != nil || !bytes.Equal(got, content) {
		t.Errorf("read %d bytes, error %v", len(got), err)
	}
	all := filepath.Join(dir, "all")
	if out := run(t, nil, "client", "read", "--all", all); !strings.Contains(out, "2 files") {
		t.Errorf("read --all printed %q", out)
	}
	if entries, err := os.ReadDir(all); err != nil || len(entries) != 2 {
		t.Errorf("%d files were read, error %v", len(entries), err)
	}

	var accounts []struct{ Type string }
	carrelJSON(t, &accounts, "client", "accounts", "--json")
	if len(accounts) == 0 {
		t.Error("no accounts")
	}
	var details struct{ ID, AccessType string }
	carrelJSON(t, &details, "client", "contract", "--contract", "read", "--json")
	if details.ID != string(c.Contracts["read"].ContractID) || details.AccessType != "r" {
		t.Errorf("contract %+v", details)
	}
}

func TestClientErrors(t *testing.T) {
	t.Setenv("CARREL_CREDENTIALS", "")
	for want, args := range map[string][]string{
		"give --credentials":         {"client", "list"},
		"no such file":               {"client", "list", "--credentials", "nowhere.json"},
		"give the name":              {"client", "read", "--credentials", "nowhere.json"},
		"is not 1 to 64":             {"client", "list", "--application", "a_b", "--contract", "c", "--key", "client_test.go"},
		"private key: it is not PEM": {"client", "list", "--application", "a", "--contract", "c", "--key", "client_test.go"},
		"unexpected argument x":      {"client", "list", "x"},
	} {
		var stderr bytes.Buffer
		cmd := carrel(t.Context(), t, args...)
		cmd.Stderr = &stderr
		if err := cmd.Run(); err == nil || !strings.Contains(stderr.String(), want) {
			t.Errorf("carrel %v: error %v, want %q\n%s", args, err, want, stderr.String())
		}
	}
}

func TestListenForCallback(t *testing.T) {
	for _, address := range []string{"", "https://127.0.0.1:8095/callback", "http://clinic.example:8095/", "http://0.0.0.0:8095/", "http://127.0.0.1/", "digime-ca://auth"} {
		if b, err := listenForCallback(t.Context(), address); err == nil {
			b.close()
			t.Errorf("callback %q was taken", address)
		}
	}
}

// authorize runs the command while a person goes through the pages.
func authorize(t *testing.T, person *demo.Walker, callback string, args ...string) {
	t.Helper()
	throughPages(t, person, callback, append([]string{"client", "authorize"}, args...)...)
}

// throughPages runs a command that sends a person to the pages.
func throughPages(t *testing.T, person *demo.Walker, callback string, args ...string) {
	t.Helper()
	cmd := carrel(t.Context(), t, args...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	page := ""
	for lines := bufio.NewScanner(stderr); page == "" && lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if line := strings.TrimSpace(lines.Text()); strings.HasPrefix(line, "http") {
			page = line
		}
	}
	if page == "" {
		t.Fatalf("no address to open in\n%s", said.String())
	}
	back, err := person.Walk(t.Context(), page, callback)
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{callback + "?success=true&code=forged&state=forged", back} { // somebody else's comes first
		resp, err := http.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	_, _ = io.Copy(&said, stderr)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
}

func run(t *testing.T, stdin io.Reader, args ...string) string {
	t.Helper()
	cmd := carrel(t.Context(), t, args...)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = stdin, &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("carrel %v: %v\n%s", args, err, stderr.Bytes())
	}
	return string(out)
}
