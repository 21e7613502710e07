package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The first command of the README: the main job on a file of one's own, and exit 0.
func TestDemoHeadless(t *testing.T) {
	file := filepath.Join(t.TempDir(), "some file.bin")
	if err := os.WriteFile(file, bytes.Repeat([]byte("carrel\x00"), 30_000), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := carrel(t.Context(), t, "demo", "--headless", "--file", file, "--data", t.TempDir(), "--listen", "127.0.0.1:0").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, step := range []string{"authorise", "consent", "exchange", "push", "some file.bin, 210000 bytes", "session", "and compared: every byte is the same",
		"to send to a provider allowed", "Huisartsenpraktijk De Linde", "arrived", "at the provider: every byte is the same"} {
		if !strings.Contains(string(out), step) {
			t.Errorf("no word of %q in:\n%s", step, out)
		}
	}
}

// The demo writes credentials that only their owner can read, serves both sites, and
// ends well when it is asked to.
func TestDemoCredentials(t *testing.T) {
	path := filepath.Join(t.TempDir(), "demo.json")
	c := carrel(t.Context(), t, "demo", "--credentials", path, "--data", t.TempDir(), "--listen", freeAddress(t), "--clinic-listen", freeAddress(t), "--provider-listen", freeAddress(t))
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var credentials struct {
		PublicURL     string
		ApplicationID string
		Callback      string
		Contracts     map[string]struct{ ContractID, PrivateKey string }
		Practice      string `json:"practiceProviders"`
		Others        []struct {
			ApplicationID string
			Contracts     map[string]struct{ ContractID string }
		}
	}
	for range 1000 {
		if text, err := os.ReadFile(path); err == nil && json.Unmarshal(text, &credentials) == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("credentials file: %v, %v", info, err)
	}
	for _, name := range []string{"write", "read", "provider"} {
		if k := credentials.Contracts[name]; k.ContractID == "" || k.PrivateKey == "" {
			t.Errorf("contract %s: %+v", name, k)
		}
	}
	if len(credentials.Others) != 1 || credentials.Others[0].Contracts["read"].ContractID == "" {
		t.Errorf("others: %+v", credentials.Others)
	}
	for address, status := range map[string]int{credentials.PublicURL + "/healthz": http.StatusNoContent, credentials.Practice: http.StatusOK} {
		answer, err := http.Get(address)
		if err != nil || answer.StatusCode != status {
			t.Errorf("%s: %v, %v", address, answer, err)
		} else {
			_ = answer.Body.Close()
		}
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("ended with %v\n%s", err, &out)
	}
}
