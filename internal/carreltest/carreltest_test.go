package carreltest_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/library"
)

// TestNew shows the verbs of a world in this process.
func TestNew(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	anna, app := w.Person("anna@example.org"), w.Application()
	writer, reader := anna.Allows(app.Contract(library.Write)), anna.Allows(app.Contract(library.Read))
	carreltest.Must(writer.Pushes("letter", []byte("hello")))(t)
	carreltest.Must(writer.Pushes("scan", carreltest.Large("scan")))(t)
	if files := carreltest.Must(reader.Reads())(t); files["letter"] != "hello" || len(files) != 2 {
		t.Errorf("read %d files", len(files))
	}
	if n := len(w.BlobKeys()); n != 1 {
		t.Errorf("%d blobs", n)
	}

	w.Clock.Moves(25 * time.Hour)
	_, err := reader.Reads()
	carreltest.Refused(t, "an expired token", err, library.ExpiredToken("access_token"))
	w.Unchanged("a refused push", func() { _, err = writer.Pushes("late", nil) })
	carreltest.Refused(t, "an expired token", err, library.ExpiredToken("access_token"))
	anna.Stops(reader)
	if got := anna.Activity(); !strings.HasSuffix(got, "file.read you.signed_in app.stopped") {
		t.Errorf("activity %s", got)
	}
	if len(w.Mentions("hello")) > 0 || len(w.Mentions("anna@example.org")) == 0 {
		t.Error("the database holds what it should not, or lacks what it should")
	}
}

// TestProvider shows the verbs of a provider that answers what the test says.
func TestProvider(t *testing.T) {
	t.Parallel()
	w := carreltest.New(t)
	grant, account := w.Person().Connects(w.Application().Contract(library.Write))
	w.Provider.Answers(delivery.Outcome{Kind: delivery.OutcomeNotFiled})
	sent := carreltest.Must(grant.Sends(account.ID, carreltest.Observation("1")))(t)
	if sent.Delivery.State != delivery.Waiting {
		t.Errorf("state %s", sent.Delivery.State)
	}
	w.Provider.Answers(delivery.Outcome{Kind: delivery.OutcomeDelivered, Status: 201})
	w.Clock.Moves(time.Minute)
	w.Work(w.Queue)
	if got := w.Delivery(sent).State; got != delivery.Delivered || len(w.Provider.Sent()) != 2 {
		t.Errorf("state %s after %d attempts", got, len(w.Provider.Sent()))
	}
}

// TestServe shows the verbs of a server with practice providers.
func TestServe(t *testing.T) {
	t.Parallel()
	w := carreltest.ServeWithSimulator(t)
	visitor, app := w.Visitor(), w.Application()
	user, account := visitor.Connects(app.Contract(library.Write))
	push := digime.PushInput{Data: strings.NewReader("hello"), MIMEType: "text/plain", AccountID: string(account)}
	if err := user.Push(t.Context(), push); err != nil {
		t.Fatal(err)
	}
	reader := visitor.Allows(app.Contract(library.Read), user.Token())
	session := carreltest.Must(reader.StartSession(t.Context(), digime.SessionOptions{}))(t)
	for file, err := range session.Files(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if text := carreltest.Must(io.ReadAll(file))(t); !bytes.Equal(text, []byte("hello")) {
			t.Errorf("read %q", text)
		}
	}
	// A person in this process beside them.
	carreltest.Must(w.Person().Allows(app.Contract(library.Write)).Pushes("letter", nil))(t)
}
