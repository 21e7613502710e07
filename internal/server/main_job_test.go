package server_test

import (
	"bytes"
	"crypto/rand"
	"io"
	"testing"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// onBothDatabases runs a test on SQLite and on PostgreSQL.
func onBothDatabases(t *testing.T, test func(t *testing.T, options ...carreltest.Option)) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, carreltest.OnPostgres(t))
	})
}

// TestMainJob pushes files and reads them. By their size, some are stored in the database and some as blobs.
func TestMainJob(t *testing.T) {
	onBothDatabases(t, func(t *testing.T, options ...carreltest.Option) {
		s := carreltest.Serve(t, options...)
		person, app := s.Visitor(), s.Application()
		writer := person.Allows(app.Contract(library.Write))

		sizes := map[string]int{
			"empty":     0,
			"one":       1,
			"small":     4 << 10,
			"threshold": 64 << 10,
			"beyond":    64<<10 + 1,
			"large":     5 << 20,
		}
		pushed := map[string][]byte{}
		for name, size := range sizes {
			pushed[name] = make([]byte, size)
			_, _ = rand.Read(pushed[name])
			err := writer.Push(t.Context(), digime.PushInput{
				Data: bytes.NewReader(pushed[name]), MIMEType: "application/octet-stream",
				AccountID: "patient-42", Reference: []string{name}, Tags: []string{"test"},
			})
			if err != nil {
				t.Fatalf("push %s: %v", name, err)
			}
		}

		reader := person.Allows(app.Contract(library.Read), writer.Token())
		session, err := reader.StartSession(t.Context(), digime.SessionOptions{})
		if err != nil {
			t.Fatal(err)
		}
		read := 0
		for file, err := range session.Files(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(file)
			if err != nil {
				t.Fatal(err)
			}
			name := file.Metadata.Raw.Reference[0]
			if !bytes.Equal(got, pushed[name]) {
				t.Errorf("%s: read back %d bytes that differ from the %d pushed", name, len(got), len(pushed[name]))
			}
			read++
		}
		if read != len(pushed) {
			t.Errorf("read %d files, want %d", read, len(pushed))
		}
	})
}
