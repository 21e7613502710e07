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

// The command says how a server is started with it, keeps what it says, and ends in
// good order.
func TestProviderSimulator(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	data := filepath.Join(t.TempDir(), "sim")
	c := carrel(ctx, "provider-simulator", "--front", "127.0.0.1:0", "--back", "127.0.0.1:0", "--lists", "127.0.0.1:0", "--data", data,
		"--client-id", "node.example", "--behave", "authorize=refuse", "--behave", "huisartslinde.authorize=approve", "--chaos", "0.5", "--verbose")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	said := map[string]string{} // the first word of a line, or a flag, → what follows
	for lines := bufio.NewScanner(out); lines.Scan() && !strings.HasPrefix(lines.Text(), "Ctrl-C"); {
		name, rest, _ := strings.Cut(strings.TrimSpace(strings.TrimSuffix(lines.Text(), `\`)), " ")
		said[name] = strings.Trim(strings.TrimSpace(rest), "'")
	}
	roots, err := os.ReadFile(said["--medmij-roots"])
	if err != nil {
		t.Fatalf("%v; it said %q", err, said)
	}
	both, err := tls.LoadX509KeyPair(said["--medmij-cert"], said["--medmij-key"])
	if err != nil || both.Leaf.VerifyHostname("node.example") != nil || said["--medmij-client-id"] != "node.example" {
		t.Errorf("certificate: %v; it said %q", err, said)
	}
	if names, err := catalogue.LoadDirectory(said["--medmij-directory"]); err != nil || len(names) == 0 {
		t.Errorf("directory: %v", err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(roots)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, address := range []string{fmt.Sprintf(said["--medmij-lists"], "Zorgaanbiederslijst"), strings.Fields(said["Practice"] + " ")[1]} {
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
