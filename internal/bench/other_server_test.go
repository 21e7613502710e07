package bench_test

import (
	"context"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/bench"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// A server that runs is measured with what its applications have been given.
func TestOtherServer(t *testing.T) {
	w := carreltest.Serve(t)
	person := w.Visitor()
	application := w.Application()
	writes := application.Contract(library.Write)
	reads := application.Contract(library.Read, func(k *library.Contract) { k.Scope.Raw = true })
	writer := person.Allows(writes)
	reader := person.Allows(reads, writer.Token())
	c := small(t)
	c.Server = w.URL
	c.Credentials = []bench.Credential{
		{Client: writes.ID(), Key: writes.Key, Access: wire.AccessWrite, User: writer},
		{Client: reads.ID(), Key: reads.Key, Access: wire.AccessRead, User: reader},
	}
	type measure = func(context.Context, bench.Config, func(string)) (bench.Result, error)
	fails := func(f measure, c bench.Config, want string) {
		t.Helper()
		if _, err := f(t.Context(), c, func(string) {}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	fails(bench.Read, c, "may read no file")
	fails(bench.Exchange, c, "a person has to agree")
	fails(bench.List, c, "give --session, too")
	alone := c
	alone.Credentials = c.Credentials[:1]
	fails(bench.Read, alone, "--contract read")
	session := c
	session.Session = true
	for _, test := range []struct {
		name    string
		measure measure
		c       bench.Config
	}{
		{"push", bench.Push, c},
		{"read", bench.Read, c},
		{"refresh", bench.Refresh, c},
		{"list", bench.List, session},
		{"mixed", bench.Mixed, c},
	} {
		r, err := test.measure(t.Context(), test.c, func(string) {})
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if r.Server != w.URL {
			t.Errorf("%s: the result is of the server %q", test.name, r.Server)
		}
		checkResult(t, r, test.c, test.name, test.name != "refresh")
	}
	files, err := reader.StartSession(t.Context(), digime.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	list, err := files.ListFiles(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := 40 + 28; len(list.Files) != want { // of push, and of mixed
		t.Errorf("%d files are there, want %d", len(list.Files), want)
	}
}
