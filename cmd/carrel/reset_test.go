package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestAttackResetWithKeyring resets the keys although they open everything, or are those of another database: the
// command says what it sees, and wants to be told which key it is.
func TestAttackResetWithKeyring(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	database, ring := filepath.Join(data, "carrel.db"), filepath.Join(data, "master.key")
	runsOnce(t, data, database)
	reset := func(yes, want string) string {
		t.Helper()
		said := refused(t, on(data, database, "keys reset "+yes)...)
		says(t, said, want, "nothing was changed")
		if list := succeeds(t, on(data, database, "keys list")...); !strings.Contains(list, "signing key: 1") {
			t.Fatalf("the keys were reset: %s", list)
		}
		return said
	}
	for _, yes := range []string{"--yes", "--yes=true"} {
		reset(yes, "the present master keys open all of this")
	}
	reset("--yes=false", "the present master keys open all of this")
	reset("--yes=another-key", "the newest master key is")

	if err := os.WriteFile(ring, []byte(strings.Repeat("A", 43)+"=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	said := reset("--yes", "they are those of another database")
	named := regexp.MustCompile(`--yes=\w+`).FindString(said)
	succeeds(t, on(data, database, "keys reset "+named)...)
	runsOnce(t, data, database)

	for _, yes := range []string{"--yes=foo", "--yes=aaaaaaaaaaaaaaaaaaaa"} {
		says(t, refused(t, on(data, database, "installation accept "+yes)...), "--yes")
	}
	mark := filepath.Join(data, "blobs", "installation")
	if err := os.Remove(mark); err != nil {
		t.Fatal(err)
	}
	for _, yes := range []string{"--yes=false", "--yes=foo", "--yes=aaaaaaaaaaaaaaaaaaaa"} {
		refused(t, on(data, database, "installation accept "+yes)...)
		if _, err := os.Stat(mark); err == nil {
			t.Fatalf("the folder was accepted with %s", yes)
		}
	}
}
