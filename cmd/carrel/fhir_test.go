package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/testenv"
)

// fhirCheckOf runs "carrel fhir check" and returns what it prints and whether it
// ended well.
func fhirCheckOf(t *testing.T, stdin string, args ...string) (out string, ok bool) {
	t.Helper()
	c := carrel(t.Context(), t, append([]string{"fhir", "check"}, args...)...)
	c.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	if (err != nil) != (stderr.Len() > 0) {
		t.Errorf("carrel fhir check %v: ends with %v and says %q", args, err, stderr.String())
	}
	return stdout.String(), err == nil
}

func TestFHIRCheck(t *testing.T) {
	valid := filepath.Join(testenv.Root(t), "internal", "fhir", "testdata", "valid")
	broken := filepath.Join(t.TempDir(), "broken.json")
	if err := os.WriteFile(broken, []byte(`{"resourceType":"Observation","code":{"text":"x"},"id":"999911120","valueInteger":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	observation, batch := filepath.Join(valid, "observation.json"), filepath.Join(valid, "batch.json")

	out, ok := fhirCheckOf(t, "", observation, batch)
	want := observation + ": ok (Observation, profile http://nictiz.nl/fhir/StructureDefinition/zib-BodyWeight)\n" +
		batch + ": ok (Bundle batch of 2 resources)\n"
	if !ok || out != want {
		t.Errorf("printed\n%swant\n%s", out, want)
	}

	out, ok = fhirCheckOf(t, "", observation, broken)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if ok || len(lines) != 3 || !strings.HasPrefix(lines[1], broken+": Observation.valueInteger: is not an element") ||
		lines[2] != broken+": Observation.status: is required" {
		t.Errorf("printed\n%s", out)
	}

	out, ok = fhirCheckOf(t, `{"resourceType":"Bundle","type":"document"}`, "--send", "-")
	if ok || !strings.Contains(out, "-: Bundle.type: must be batch or transaction") || !strings.Contains(out, "-: Bundle.identifier: ") {
		t.Errorf("printed\n%s", out)
	}

	collection := filepath.Join(valid, "collection.json")
	for _, args := range [][]string{{collection}, {"--send", collection}} {
		if out, ok := fhirCheckOf(t, "", args...); !ok || out != collection+": ok (Bundle collection of 3 resources)\n" {
			t.Errorf("%v prints\n%s", args, out)
		}
	}

	for _, args := range [][]string{{observation}, {broken}, {"--version", "r4", broken}} {
		out, _ = fhirCheckOf(t, "", append(args, "--json")...)
		var outcome struct{ ResourceType string }
		if err := json.Unmarshal([]byte(out), &outcome); err != nil || outcome.ResourceType != "OperationOutcome" {
			t.Errorf("%v prints no outcome: %v\n%s", args, err, out)
		}
	}

	if out, ok := fhirCheckOf(t, "", "--version", "r4", broken); !ok || !strings.Contains(out, "structure not checked") {
		t.Errorf("printed\n%s", out)
	}
	if _, ok := fhirCheckOf(t, "", "--version", "9", observation); ok {
		t.Error("there is no such version")
	}
	if _, ok := fhirCheckOf(t, "", filepath.Join(t.TempDir(), "none")); ok {
		t.Error("there is no such file")
	}
}
