package library_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// TestSessionIsItsBearers: of another person, contract or application, unknown or over
// are one answer, so that nothing can be probed.
func TestSessionIsItsBearers(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	app := w.Application()
	reader := app.Contract(library.Read)
	anna, bram := w.Person("anna@example.org"), w.Person("bram@example.org")
	annas, brams := anna.Allows(reader), bram.Allows(reader)
	sibling, foreign := anna.Allows(app.Contract(library.Read)), anna.Allows(w.Application().Contract(library.Read))
	opened := must(annas.StartsSession(wire.SessionOptions{}))(t)
	for _, session := range []string{opened, annas.Session.Key} {
		must(annas.FindsSession(session))(t)
		for name, g := range map[string]*carreltest.Grant{"another person": brams, "a sibling contract": sibling,
			"another application": foreign} {
			_, err := g.FindsSession(session)
			carreltest.Refused(t, name, err, library.Unknown("Session"))
		}
	}
	for name, key := range map[string]string{"none": "", "invented": strings.Repeat("A", 43),
		"the token": annas.Token()} {
		_, err := annas.FindsSession(key)
		carreltest.Refused(t, name, err, library.Unknown("Session"))
	}
	w.Clock.Moves(time.Hour - time.Millisecond)
	must(annas.FindsSession(opened))(t)
	w.Clock.Moves(time.Millisecond)
	_, err := annas.FindsSession(opened)
	carreltest.Refused(t, "after an hour", err, library.Unknown("Session"))
	if err := w.Sweeping.SweepExpired(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = annas.FindsSession(opened)
	carreltest.Refused(t, "after tidying", err, library.Unknown("Session"))
	for _, key := range []string{opened, annas.Session.Key, brams.Session.Key} {
		_, err := w.Store.GetSession(t.Context(), seal.SecretOf(key).Hash())
		if !errors.Is(err, library.ErrNotFound) {
			t.Errorf("an expired session after tidying: %v", err)
		}
	}
}

// TestPromisedSession: what is promised with a request reads nothing before the yes, and
// nothing after a no.
func TestPromisedSession(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	reader := w.Application().Contract(library.Read)
	anna := w.Person("anna@example.org")
	earlier := anna.Allows(reader) // the same contract: a bearer there is
	promise := func() *library.AuthorizeResult {
		return reader.Authorizes()
	}
	waiting := promise()
	_, err := earlier.FindsSession(waiting.Session.Key)
	carreltest.Refused(t, "before the answer", err, library.Unknown("Session"))
	request := anna.Opens(library.AuthorizeRequest, waiting.Code)
	must(w.Consents.Deny(t.Context(), request, anna.SignedIn(), library.CallbackUserCancel))(t)
	_, err = earlier.FindsSession(waiting.Session.Key)
	carreltest.Refused(t, "after a no", err, library.Unknown("Session"))

	allowed := promise()
	anna.Answers(library.AuthorizeRequest, allowed.Code)
	must(earlier.FindsSession(allowed.Session.Key))(t)

	late := promise() // the session's hour is counted from the promise
	w.Clock.Moves(29 * time.Minute)
	anna.Answers(library.AuthorizeRequest, late.Code)
	w.Clock.Moves(31 * time.Minute)
	_, err = earlier.FindsSession(late.Session.Key)
	carreltest.Refused(t, "an hour after the promise", err, library.Unknown("Session"))
}

// TestStatusAndMetadata: what is there is completed at once, and a file is found as it
// was pushed, with what the server adds.
func TestStatusAndMetadata(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	app := w.Application()
	anna := w.Person("anna@example.org")
	writer := anna.Allows(app.Contract(library.Write))
	pushed := must(writer.Pushes("a file", []byte("text")))(t)
	reader := anna.Allows(app.Contract(library.Read))
	r := must(reader.FindsSession(reader.Session.Key))(t)
	status := must(w.Files.SessionStatus(t.Context(), r))(t)
	if status.State != wire.StateCompleted || len(status.Details) != 1 {
		t.Errorf("status %+v", status)
	}
	for id, s := range status.Details {
		if s.State != wire.StateCompleted || !strings.HasPrefix(string(id), "1_") {
			t.Errorf("account %s is %+v", id, s)
		}
	}
	file := must(w.Files.Find(t.Context(), r, pushed.ID))(t)
	if !reflect.DeepEqual(file, pushed) {
		t.Errorf("found %+v, pushed %+v", file, pushed)
	}
	m := file.Metadata
	if m.ApplicationID != app.ID || m.ContractID != writer.Client.Contract.ID || m.PartnerID != app.PartnerID ||
		m.Created != wire.MillisOf(w.Clock.Now()) ||
		file.Size != 4 {
		t.Errorf("metadata %+v", m)
	}
	for name, id := range map[string]wire.FileName{"invented": "01k2v9m3qdh7w8r2ncy6ft4gxe", "none": "",
		"a path": "../" + pushed.ID} {
		_, _, err := reader.ReadsFile(reader.Session.Key, id)
		carreltest.Refused(t, "file "+name, err, library.Unknown("File"))
	}
}

// TestReplayedRead: a signed read works once; the second is refused before a byte.
func TestReplayedRead(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	app := w.Application()
	anna := w.Person("anna@example.org")
	pushed := must(anna.Allows(app.Contract(library.Write)).Pushes("a file", []byte("text")))(t)
	g := anna.Allows(app.Contract(library.Read))
	token := g.Signs(carreltest.WithToken(g.Token()))
	read := func() error {
		call := must(w.Clients.Verify(t.Context(), token))(t)
		bearer := must(w.Consents.Bearer(t.Context(), call))(t)
		r := must(w.Consents.FindReadSession(t.Context(), bearer, g.Session.Key))(t)
		_, content, err := w.Files.Open(t.Context(), r, pushed.ID)
		if err == nil {
			_ = content.Close()
		}
		return err
	}
	if err := read(); err != nil {
		t.Fatal(err)
	}
	var claims wire.RequestClaims
	if err := must(wire.ParseToken(token))(t).Peek(&claims); err != nil {
		t.Fatal(err)
	}
	carreltest.Refused(t, "the second time", read(), library.ReplayedNonce(claims.Nonce))
	if got := strings.Count(anna.Activity(), "file.read"); got != 1 {
		t.Errorf("%d reads stand in the activity, want 1", got)
	}
}
