package demo_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/browsertest"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/demo"
	"github.com/carrelhq/carrel/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// A person at the clinic, in a real browser: they push a letter into a new library,
// let the clinic read it, send a measurement to their GP, and are told so.
func TestClinic(t *testing.T) {
	t.Parallel()
	s := carreltest.ServeWithSimulator(t)
	c := clinicAt(t, s)
	b := browsertest.Open(t)
	b.Visit(c.home)
	b.Screenshot("clinic start")
	b.Click("clinic-push")
	b.Type("email", "anna@example.org")
	b.Type("password", "four random words make it")
	b.Click("create-library")
	b.Click("recovery-saved")
	b.Click("allow")
	wantText(t, b, "clinic-notice", "The letter is in your library.")
	b.Click("clinic-read")
	b.Click("allow") // the browser is signed in, and is asked all the same
	wantText(t, b, "clinic-notice", "You let us read 1 of your files.")
	wantText(t, b, "clinic-files", demo.LetterName)
	b.Screenshot("clinic read")

	b.SetValue("clinic-systolic", "131")
	b.SetValue("clinic-diastolic", "84")
	b.Click("clinic-send")
	b.ClickSelector("[data-testid=services] button")
	b.Click("provider-go")
	b.Type("sim-user", "Anna")
	b.Click("sim-approve")
	b.Click("allow")
	wantText(t, b, "clinic-state", "It has arrived.")
	if r := s.Simulator.Received(); len(r) != 1 || !strings.Contains(r[0].Summary, "131/84") || r[0].Patient != "Anna" {
		t.Errorf("%d arrived", len(r))
	}
	b.ToggleSelector("details summary")
	b.Screenshot("clinic sent")

	// The permission at the GP ends, and is given anew on the way of the next one.
	for _, p := range s.Simulator.Providers() {
		s.Simulator.Revoke(p.Name)
	}
	b.Click("clinic-send")
	b.Click("provider-go")
	b.Click("sim-approve")
	b.WaitVisible("clinic-state") // the library's page moves on by itself
	wantText(t, b, "clinic-state", "It has arrived.")
	if n := len(s.Simulator.Received()); n != 2 {
		t.Errorf("%d arrived", n)
	}

	b.Check("clinic")
}

// A callback that nobody asked for is refused: anyone could sign a visitor in to a
// library of theirs.
func TestClinicRefusesForeignCallback(t *testing.T) {
	t.Parallel()
	s := carreltest.Serve(t)
	c := clinicAt(t, s)
	answer, err := http.Get(c.home + demo.CallbackPath + "?success=true&code=stolen&state=")
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.Request.URL.Path != "/" || answer.StatusCode != http.StatusOK {
		t.Errorf("ended at %s with %d", answer.Request.URL, answer.StatusCode)
	}
}

// wantText wants a text in the element with the data-testid.
func wantText(t *testing.T, b *browsertest.Tab, id, want string) {
	t.Helper()
	if got := b.Text(id); !strings.Contains(got, want) {
		t.Fatalf("%s shows %q, want %q", id, got, want)
	}
}
