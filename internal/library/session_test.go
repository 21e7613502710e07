package library_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/seal"
)

// TestSessionIsItsBearers: of another person, contract or application, unknown or over
// are one answer, so that nothing can be probed.
func TestSessionIsItsBearers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := w.application()
	reader := w.contract(app, library.Read)
	anna, bram := w.resident("anna@example.org"), w.resident("bram@example.org")
	annas, brams := anna.allow(reader), bram.allow(reader)
	sibling, foreign := anna.allow(w.contract(app, library.Read)), anna.allow(w.contract(w.application(), library.Read))
	opened := must(annas.open(wire.SessionOptions{}))(t)
	for _, session := range []string{opened, annas.session.Key} {
		must(annas.reading(session))(t)
		for name, g := range map[string]granted{"another person": brams, "a sibling contract": sibling,
			"another application": foreign} {
			_, err := g.reading(session)
			refused(t, name, err, library.Unknown("Session"))
		}
	}
	for name, key := range map[string]string{"none": "", "invented": strings.Repeat("A", 43),
		"the token": annas.tokens.AccessToken.Value} {
		_, err := annas.reading(key)
		refused(t, name, err, library.Unknown("Session"))
	}
	w.pass(time.Hour - time.Millisecond)
	must(annas.reading(opened))(t)
	w.pass(time.Millisecond)
	_, err := annas.reading(opened)
	refused(t, "after an hour", err, library.Unknown("Session"))
	if err := w.keeping.SweepExpired(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = annas.reading(opened)
	refused(t, "after tidying", err, library.Unknown("Session"))
	for _, key := range []string{opened, annas.session.Key, brams.session.Key} {
		_, err := w.db.GetSession(t.Context(), seal.SecretOf(key).Hash())
		if !errors.Is(err, library.ErrNotFound) {
			t.Errorf("an expired session after tidying: %v", err)
		}
	}
}

// TestPromisedSession: what is promised with a link reads nothing before the yes, and
// nothing after a no.
func TestPromisedSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reader := w.contract(w.application(), library.Read)
	anna := w.resident("anna@example.org")
	earlier := anna.allow(reader) // the same contract: a bearer there is
	promise := func() *library.AuthorizeResult {
		return must(w.consents.Authorize(t.Context(), reader.call(authorizing), wire.SessionOptions{}))(t)
	}
	waiting := promise()
	_, err := earlier.reading(waiting.Session.Key)
	refused(t, "before the answer", err, library.Unknown("Session"))
	request := must(w.consents.FindRequest(t.Context(), library.AuthorizeRequest, waiting.Code.Reveal()))(t)
	must(w.consents.Deny(t.Context(), request, anna.in(), library.CallbackUserCancel))(t)
	_, err = earlier.reading(waiting.Session.Key)
	refused(t, "after a no", err, library.Unknown("Session"))

	allowed := promise()
	anna.answer(library.AuthorizeRequest, allowed.Code.Reveal())
	must(earlier.reading(allowed.Session.Key))(t)

	late := promise() // the session's hour is counted from the promise
	w.pass(29 * time.Minute)
	anna.answer(library.AuthorizeRequest, late.Code.Reveal())
	w.pass(31 * time.Minute)
	_, err = earlier.reading(late.Session.Key)
	refused(t, "an hour after the promise", err, library.Unknown("Session"))
}

// TestStatusAndMetadata: what is there is completed at once, and a file is found as it
// was pushed, with what the server adds.
func TestStatusAndMetadata(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := w.application()
	anna := w.resident("anna@example.org")
	writer := anna.allow(w.contract(app, library.Write))
	pushed := must(writer.push("a file", []byte("text")))(t)
	reader := anna.allow(w.contract(app, library.Read))
	r := must(reader.reading(reader.session.Key))(t)
	status := must(w.files.SessionStatus(t.Context(), r))(t)
	if status.State != wire.StateCompleted || len(status.Details) != 1 {
		t.Errorf("status %+v", status)
	}
	for id, s := range status.Details {
		if s.State != wire.StateCompleted || !strings.HasPrefix(string(id), "1_") {
			t.Errorf("account %s is %+v", id, s)
		}
	}
	file := must(w.files.Find(t.Context(), r, pushed.ID))(t)
	if !reflect.DeepEqual(file, pushed) {
		t.Errorf("found %+v, pushed %+v", file, pushed)
	}
	m := file.Metadata
	if m.ApplicationID != app.ID || m.ContractID != writer.Contract.ID || m.PartnerID != app.PartnerID ||
		m.Created != wire.MillisOf(w.clock()) ||
		file.Size != 4 {
		t.Errorf("metadata %+v", m)
	}
	for name, id := range map[string]wire.FileName{"invented": "01k2v9m3qdh7w8r2ncy6ft4gxe", "none": "",
		"a path": "../" + pushed.ID} {
		_, _, err := reader.readFile(reader.session.Key, id)
		refused(t, "file "+name, err, library.Unknown("File"))
	}
}

// TestReplayedRead: a signed read works once; the second is refused before a byte.
func TestReplayedRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := w.application()
	anna := w.resident("anna@example.org")
	pushed := must(anna.allow(w.contract(app, library.Write)).push("a file", []byte("text")))(t)
	g := anna.allow(w.contract(app, library.Read))
	token := g.token(accessToken(g.tokens.AccessToken.Value))
	read := func() error {
		call := must(w.clients.Verify(t.Context(), token))(t)
		bearer := must(w.consents.Bearer(t.Context(), call))(t)
		r := must(w.consents.FindReadSession(t.Context(), bearer, g.session.Key))(t)
		_, content, err := w.files.Open(t.Context(), r, pushed.ID)
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
	refused(t, "the second time", read(), library.ReplayedNonce(claims.Nonce))
	if got := strings.Count(anna.events(), "file.read"); got != 1 {
		t.Errorf("%d reads stand in the activity, want 1", got)
	}
}
