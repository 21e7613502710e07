package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An operator registers an application and a contract, looks at them, and ends them.
func TestRegister(t *testing.T) {
	data := t.TempDir()
	with := func(args ...string) []string { return append(args, "--data", data) }

	type registered struct {
		ApplicationID, Name, Disabled string
		Contracts                     []struct{ ContractID string }
	}
	var a registered
	carrelJSON(t, &a, with("application", "add", "--json", "--name", "Clinic")...)
	var k struct{ ContractID, PrivateKey, PublicKey string }
	carrelJSON(t, &k, with("contract", "add", "--json", "--application", a.ApplicationID, "--access", "write", "--redirect-uri", "https://clinic.example/back")...)
	if !strings.HasPrefix(k.PrivateKey, "-----BEGIN RSA PRIVATE KEY-----") || !strings.HasPrefix(k.PublicKey, "-----BEGIN RSA PUBLIC KEY-----") {
		t.Errorf("keys %.40q and %.40q", k.PrivateKey, k.PublicKey)
	}

	var list []registered
	carrelJSON(t, &list, with("application", "list", "--json")...)
	if len(list) != 1 || list[0].Name != "Clinic" {
		t.Errorf("applications %+v", list)
	}
	var shown registered
	carrelJSON(t, &shown, with("application", "show", "--json", a.ApplicationID)...)
	if len(shown.Contracts) != 1 || shown.Contracts[0].ContractID != k.ContractID {
		t.Errorf("application %+v", shown)
	}
	var again struct{ PrivateKey string }
	carrelJSON(t, &again, with("contract", "show", "--json", k.ContractID)...)
	if again.PrivateKey != "" {
		t.Error("the private key is kept")
	}
	everything, err := os.ReadFile(filepath.Join(data, "carrel.db"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(everything, []byte("PRIVATE KEY")) {
		t.Error("a private key is in the database")
	}

	if out, err := carrel(t.Context(), t, with("application", "disable", a.ApplicationID)...).CombinedOutput(); err != nil {
		t.Errorf("disable: %v\n%s", err, out)
	}
	carrelJSON(t, &shown, with("application", "show", "--json", a.ApplicationID)...)
	if shown.Disabled == "" {
		t.Errorf("not disabled: %+v", shown)
	}
}

// What an operator does wrong is said in a sentence, and changes nothing.
func TestRegisterWrongly(t *testing.T) {
	data := t.TempDir()
	var a struct{ ApplicationID string }
	carrelJSON(t, &a, "application", "add", "--json", "--name", "Clinic", "--data", data)
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"unknown application": {[]string{"contract", "add", "--application", "nobody", "--access", "write", "--redirect-uri", "https://a.example/b"}, "no application has the id nobody"},
		"plain http":          {[]string{"contract", "add", "--application", a.ApplicationID, "--access", "write", "--redirect-uri", "http://a.example/b"}, "use https"},
		"script":              {[]string{"contract", "add", "--application", a.ApplicationID, "--access", "read", "--redirect-uri", "javascript://a/b"}, "not allowed"},
		"access type":         {[]string{"contract", "add", "--application", a.ApplicationID, "--access", "all", "--redirect-uri", "https://a.example/b"}, "read"},
		"no name":             {[]string{"application", "add", "--name", " "}, "needs a name"},
		"unknown contract":    {[]string{"contract", "disable", "nothing"}, "no contract has the id nothing"},
		"other database":      {[]string{"application", "list", "--database", "mysql://x"}, "mysql"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := carrel(t.Context(), t, append(tt.args, "--data", data)...).CombinedOutput()
			if err == nil || !strings.Contains(string(out), tt.want) {
				t.Errorf("error %v, said %q, want %q in it", err, out, tt.want)
			}
		})
	}
	var contracts []any
	carrelJSON(t, &contracts, "contract", "list", "--json", "--data", data)
	if len(contracts) != 0 {
		t.Errorf("contracts were made: %v", contracts)
	}
}
