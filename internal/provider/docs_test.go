package provider

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/testenv"
)

// TestDocs: the page for operators has every reason of the table, and of what happens
// without an answer.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(testenv.Root(t), "docs", "providers.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := strings.ToLower(strings.Join(strings.Fields(string(text)), " "))
	for _, r := range rows {
		if !strings.Contains(page, strings.ToLower(r.reason)) {
			t.Errorf("docs/providers.md does not have %q", r.reason)
		}
	}
	for _, reason := range []string{
		"the host name cannot be resolved", "the server cannot be reached", "the server's certificate is for another host",
		"the server's certificate is of an authority that is not trusted", "the server's certificate has expired, or is not valid yet",
		"the server does not take our certificate", "the server broke off the tls handshake", "the server does not speak tls",
		"there was no time to send it", "the server did not answer in time", "the connection was cut before the server answered",
		"the answer is not http, or was cut off",
	} {
		if !strings.Contains(page, reason) {
			t.Errorf("docs/providers.md does not have %q", reason)
		}
	}
}
