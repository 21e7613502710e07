package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// TestServerTwoKeys reads a file with the SDK while its contract has two keys: by a program that still has the old key,
// and by one that has the new key already.
func TestServerTwoKeys(t *testing.T) {
	t.Parallel()
	s := carreltest.Serve(t)
	person, app := s.Visitor(), s.Application()
	writer := person.Allows(app.Contract(library.Write))
	read := app.Contract(library.Read)
	reader := person.Allows(read, writer.Token())
	if err := writer.Push(t.Context(), digime.PushInput{Data: strings.NewReader("for both"), MIMEType: "text/plain",
		AccountID: "1"}); err != nil {
		t.Fatal(err)
	}
	was := carreltest.Must(s.Clients.GetClientOfContract(t.Context(), read.Contract.ID))(t).Contract
	key := string(wire.MarshalPublicKey(&carreltest.Key(1).PublicKey))
	next := carreltest.Must(was.WithKey(key, s.Clock.Now().Add(time.Hour)))(t)
	if err := s.Clients.UpdateContract(t.Context(), was, next); err != nil {
		t.Fatal(err)
	}
	for n := range 2 {
		program := s.ContractOf(read.Contract.ID, n).SDK(digime.WithClock(s.Clock.Now)).User(reader.Token())
		session := carreltest.Must(program.StartSession(t.Context(), digime.SessionOptions{}))(t)
		list := carreltest.Must(session.ListFiles(t.Context()))(t)
		if len(list.Files) != 1 {
			t.Fatalf("with key %d: %d files", n, len(list.Files))
		}
		if text := readFile(t, session, list.Files[0].Name); string(text) != "for both" {
			t.Errorf("with key %d: %q", n, text)
		}
	}
}
