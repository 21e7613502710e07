package testenv

import (
	"bytes"
	"errors"
	"os/exec"
	"testing"
)

// ValidateXML fails the test unless a document is valid against the XML schema at a path. It runs xmllint, which loads
// nothing from a network.
func ValidateXML(t testing.TB, schema string, document []byte) {
	t.Helper()
	program, err := exec.LookPath("xmllint")
	if err != nil {
		SkipOrFail(t, "no xmllint: install Debian's package libxml2-utils")
	}
	check := exec.CommandContext(t.Context(), program, "--nonet", "--noout", "--huge", "--schema", schema, "-")
	check.Stdin = bytes.NewReader(document)
	said, err := check.CombinedOutput()
	var failed *exec.ExitError
	switch {
	case errors.As(err, &failed):
		t.Errorf("not valid: %.2000s", said)
	case err != nil:
		t.Fatalf("run xmllint: %v", err)
	}
}
