//go:build unix

package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/carrelhq/carrel/internal/provider/providertest"
)

// TestHangup sends SIGHUP to a server after its certificates were replaced: by good ones, and by wrong ones.
func TestHangup(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ca, folder := providertest.NewCA(t, "Root of the test"), t.TempDir()
	path := func(name string) string { return filepath.Join(folder, name) }
	write := func(name string, certificate, key []byte) {
		t.Helper()
		err := errors.Join(os.WriteFile(path(name+".pem"), certificate, 0o600),
			os.WriteFile(path(name+".key"), key, 0o600), os.WriteFile(path("roots.pem"), ca.PEM, 0o600))
		if err != nil {
			t.Fatal(err)
		}
	}
	issue := func(name string, o providertest.CertOptions) {
		t.Helper()
		certificate, key := ca.Issue(t, o)
		write(name, certificate, key)
	}
	own := providertest.CertOptions{Hosts: []string{"127.0.0.1"}}
	node := providertest.CertOptions{Hosts: []string{"medmij.example.nl"}}
	issue("own", own)
	issue("node", node)
	address := freeAddress(t)
	cmd := carrel(ctx, "serve", "--data", path("data"), "--listen", address, "--public-url", "https://"+address,
		"--log-format", "json", "--tls-cert", path("own.pem"), "--tls-key", path("own.key"),
		"--medmij-client-id", "medmij.example.nl", "--medmij-lists", "http://127.0.0.1:1/%s", "--loopback-providers",
		"--medmij-cert", path("node.pem"), "--medmij-key", path("node.key"), "--medmij-roots", path("roots.pem"))
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	logged := func(words ...string) {
		t.Helper()
	next:
		for lines.Scan() {
			for _, word := range words {
				if !strings.Contains(lines.Text(), word) {
					continue next
				}
			}
			return
		}
		t.Fatalf("the server does not log %q", words)
	}
	const reloaded, kept = `"msg":"certificate reloaded"`, `"level":"ERROR","msg":"certificate not reloaded: `
	hangsUp := func(ownLine, nodeLine string) {
		t.Helper()
		if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		logged(ownLine, "--tls-cert")
		logged(`"level":"WARN"`, "the certificate expires soon", path("own.pem"), "validUntil")
		logged(nodeLine, "--medmij-cert")
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{RootCAs: ca.Pool(), MinVersion: tls.VersionTLS12}}}
	serial := func() string {
		t.Helper()
		answer, err := client.Get("https://" + address + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer.TLS.PeerCertificates[0].SerialNumber.String()
	}
	logged(`"msg":"serving"`)
	logged(`"level":"WARN"`, "the certificate expires soon", path("own.pem"), "validUntil")
	first := serial()
	issue("own", own)
	issue("node", node)
	hangsUp(reloaded, reloaded)
	second := serial()
	if second == first {
		t.Error("the server has the old certificate")
	}

	expired := own
	expired.Expired = true
	issue("own", expired)
	issue("node", own) // of another host
	hangsUp(kept, kept)
	certificate, _ := ca.Issue(t, own)
	_, key := ca.Issue(t, own)
	write("own", certificate, key)
	write("node", []byte("no certificate"), key)
	hangsUp(kept, kept)
	issue("own", own)
	issue("node", node)
	if err := os.WriteFile(path("roots.pem"), ca.PEM[:len(ca.PEM)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	hangsUp(reloaded, kept+"the present one stays in use\",\"certificate\":\"--medmij-cert\","+
		"\"error\":\"roots (--medmij-roots): ")
	second = serial()
	if got := serial(); got != second {
		t.Error("a wrong certificate has replaced the present one")
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	logged(`"msg":"stopped"`)
	for lines.Scan() { // until the pipe ends, before Wait closes it
		continue
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
