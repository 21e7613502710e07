package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/catalogue"
)

// TestProviderSimulator checks the flags that the command prints while it runs, the files
// that they name, and that it shuts down gracefully.
func TestProviderSimulator(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	data := filepath.Join(t.TempDir(), "sim")
	c := carrel(ctx, "provider-simulator", "--front", "127.0.0.1:0", "--back", "127.0.0.1:0", "--lists", "127.0.0.1:0",
		"--data", data, "--client-id", "node.example", "--behave", "authorize=refuse",
		"--behave", "huisartslinde.authorize=approve", "--chaos", "0.5", "--verbose")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	printed := map[string]string{} // the first word of a line, or a flag, to the rest
	for lines := bufio.NewScanner(out); lines.Scan() && !strings.HasPrefix(lines.Text(), "Ctrl-C"); {
		name, rest, _ := strings.Cut(strings.TrimSpace(strings.TrimSuffix(lines.Text(), `\`)), " ")
		printed[name] = strings.Trim(strings.TrimSpace(rest), "'")
	}
	roots, err := os.ReadFile(printed["--medmij-roots"])
	if err != nil {
		t.Fatalf("%v; it printed %q", err, printed)
	}
	both, err := tls.LoadX509KeyPair(printed["--medmij-cert"], printed["--medmij-key"])
	const host = "node.example"
	if err != nil || both.Leaf.VerifyHostname(host) != nil || printed["--medmij-client-id"] != host {
		t.Errorf("certificate: %v; it printed %q", err, printed)
	}
	if names, err := catalogue.LoadDirectory(printed["--medmij-directory"]); err != nil || len(names) == 0 {
		t.Errorf("directory: %v", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(roots)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	list := fmt.Sprintf(printed["--medmij-lists"], "Zorgaanbiederslijst")
	pages := strings.Fields(printed["Practice"] + " ")[1]
	for _, address := range []string{list, pages} {
		answer, err := client.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		if err := answer.Body.Close(); err != nil || answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", address, answer.StatusCode)
		}
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}
