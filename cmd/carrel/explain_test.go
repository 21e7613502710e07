package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/carrelhq/carrel/internal/testenv"
)

// TestRefusalsSayWhatToDo gives paths and addresses that cannot be used: each refusal names the setting.
func TestRefusalsSayWhatToDo(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file, database := filepath.Join(folder, "file"), filepath.Join(folder, "carrel.db")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	data := filepath.Join(folder, "data")
	closed := "postgres://" + freeAddress(t) + "/carrel"
	none := strings.Replace(testenv.Postgres(t), "/test", "/no_test", 1)
	for _, tt := range []struct {
		command []string
		says    []string
	}{
		{on(file, database, "serve"), []string{"is a file", "--data (CARREL_DATA)"}},
		{on(file, database, "application list"), []string{"is a file", "--data (CARREL_DATA)"}},
		{on(data, folder, "serve"), []string{"is a folder", "--database (CARREL_DATABASE)"}},
		{on(data, folder, "application list"), []string{"is a folder", "--database (CARREL_DATABASE)"}},
		{on(data, closed, "serve"), []string{"PostgreSQL cannot be reached at 127.0.0.1:", "connection refused"}},
		{on(data, closed, "application list"), []string{"PostgreSQL cannot be reached at 127.0.0.1:"}},
		{on(data, none, "installation show"), []string{"--database (CARREL_DATABASE)"}},
		{[]string{"backup", "--data", data, ""}, []string{"the path is empty"}},
		{[]string{"backup", "--data", "", folder}, []string{"--data: the path is empty"}},
	} {
		said := refused(t, tt.command...)
		says(t, said, tt.says...)
		if len(tt.command) > 4 && strings.Count(said, "\n") != 1 {
			t.Errorf("%q says more than a line:\n%s", tt.command, said)
		}
	}
	for address, want := range map[string]string{
		l.Addr().String(): "another program listens on", "8080": "give HOST:PORT",
	} {
		said, err := carrel(t.Context(), "serve", "--data", data, "--listen", address).CombinedOutput()
		if err == nil {
			t.Errorf("the server listens on %s", address)
		}
		says(t, string(said), want, "--listen (CARREL_LISTEN)")
	}
}

func TestExplainDisk(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]string{
		syscall.ENOSPC: "free some space",
		syscall.EROFS:  "mount it for writing",
		fmt.Errorf("the disk is full: %w", syscall.ENOSPC): "",
		os.ErrExist: "",
	} {
		got := explainDisk(err)
		if !strings.Contains(got.Error(), want) || want == "" && got.Error() != err.Error() {
			t.Errorf("%v is explained as %v", err, got)
		}
	}
}
