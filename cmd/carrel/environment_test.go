package main

import (
	"os"
	"slices"
	"strings"
	"testing"
)

func TestUnknownVariables(t *testing.T) {
	t.Parallel()
	known := []string{"CARREL_DATA", "CARREL_DATABASE", "CARREL_PUBLIC_URL", "CARREL_CLOSED"}
	got := unknownVariables(known, []string{
		"CARREL_DATA=a", "CARREL_DATABSE=b", "CARREL_PUBLICURL=c", "CARREL_FROBNICATE=d", "HOME=e", "CARREL_TEST_AXE=f",
		"CARREL_SERVICE_HOST=10.0.0.1", "CARREL_PORT=tcp://10.0.0.1:80", "CARREL_PORT_80_TCP=tcp://10.0.0.1:80",
	})
	want := []string{
		"there is no setting CARREL_DATABSE, so this variable has no effect: did you mean CARREL_DATABASE?",
		"there is no setting CARREL_FROBNICATE, so this variable has no effect",
		"there is no setting CARREL_PUBLICURL, so this variable has no effect: did you mean CARREL_PUBLIC_URL?",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestMisspeltVariable starts commands with a variable that is none, and with empty ones, which count as not set.
func TestMisspeltVariable(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	for _, command := range []string{"serve --listen nowhere", "application list"} {
		cmd := carrel(t.Context(), on(data, data+"/none.db", command)...)
		cmd.Env = append(os.Environ(), "CARREL_OPERATER=Clinic", "CARREL_MASTER_KEYS=", "CARREL_MASTER_KEY_FILE=",
			"CARREL_CLOSED=", "CARREL_CATALOGUE=")
		out, err := cmd.CombinedOutput()
		if err == nil {
			t.Errorf("%s succeeds", command)
		}
		says(t, string(out), "CARREL_OPERATER", "did you mean CARREL_OPERATOR?")
		if n := strings.Count(string(out), "has no effect"); n != 1 {
			t.Errorf("%s warns %d times:\n%s", command, n, out)
		}
	}
}
