package demo_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/demo"
	"github.com/carrelhq/carrel/internal/simulator"
)

const gp = "huisartslinde"

// A visitor sends their blood pressure to their GP, without a browser: choosing the
// provider, and later connecting it again when the permission there has ended.
func TestClinicSends(t *testing.T) {
	t.Parallel()
	s := carreltest.ServeWithSimulator(t)
	c := clinicAt(t, s)
	person := s.Visitor()

	c.visit(person, c.post("/send", "systolic", "131", "diastolic", "84"))
	c.sees("Your blood pressure has arrived at Huisartsenpraktijk De Linde", "It has arrived.", "batch-response")
	wantReceived(t, s, "131/84")

	// A second one goes without a question.
	c.post("/send", "systolic", "120", "diastolic", "80")
	c.sees("has arrived")
	wantReceived(t, s, "131/84", "120/80")

	// The permission ends: the visitor is led to their provider, and it is sent after that.
	s.Simulator.Revoke(gp)
	c.visit(person, c.post("/send", "systolic", "118", "diastolic", "79"))
	c.sees("has arrived")
	wantReceived(t, s, "131/84", "120/80", "118/79")
}

// wantReceived wants these blood pressures to have arrived at the GP, and nothing else.
func wantReceived(t *testing.T, s *carreltest.World, want ...string) {
	t.Helper()
	received := s.Simulator.Received()
	for i, r := range received {
		if len(received) != len(want) || r.Provider != gp || !strings.Contains(r.Summary, want[i]) {
			t.Errorf("received %d: %s at %s, want %q", i, r.Summary, r.Provider, want)
		}
	}
	if len(received) != len(want) {
		t.Errorf("%d arrived, want %d", len(received), len(want))
	}
}

// Each way that it can end shows on the page.
func TestClinicSendsInVain(t *testing.T) {
	t.Parallel()
	s := carreltest.ServeWithSimulator(t)
	c := clinicAt(t, s)
	person := s.Visitor()
	c.visit(person, c.post("/send", "systolic", "131", "diastolic", "84"))

	for mode, want := range map[simulator.ResourceMode][]string{
		simulator.ResourceUnprocessable: {"The provider has refused it", "It was refused.", "OperationOutcome"},
		simulator.ResourceCutAfter:      {"It is not known whether the provider has it", "Nobody knows"},
		simulator.ResourceBusy:          {"is on its way", "It will be tried again.", "Look how far it is"},
	} {
		s.Simulator.SetBehaviour(gp, simulator.Behaviour{Resource: mode, RetryAfter: -1})
		c.post("/send", "systolic", "131", "diastolic", "84")
		c.sees(want...)
	}

	// A provider that does not take its own new token is no endless way.
	s.Simulator.SetBehaviour(gp, simulator.Behaviour{Resource: simulator.ResourceUnauthorized})
	c.visit(person, c.post("/send", "systolic", "131", "diastolic", "84"))
	c.sees("your permission at the provider is over", "Connect it again, and send")
	s.Simulator.SetBehaviour(gp, simulator.Behaviour{})
	c.visit(person, c.post("/reconnect"))
	c.sees("has arrived")

	for _, wrong := range [][2]string{{"80", "120"}, {"300", "80"}, {"120", "29"}, {"", "80"}, {"120", "eighty"}} {
		before := len(s.Simulator.Received())
		if to := c.post("/send", "systolic", wrong[0], "diastolic", wrong[1]); to != "/" ||
			len(s.Simulator.Received()) != before {
			t.Errorf("%v led to %s", wrong, to)
		}
		c.sees("a blood pressure is two numbers")
	}
}

// clinicBrowser is a browser at the clinic.
type clinicBrowser struct {
	t    *testing.T
	home string
	http *http.Client
}

func clinicAt(t *testing.T, s *carreltest.World) *clinicBrowser {
	t.Helper()
	var clinic http.Handler
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		clinic.ServeHTTP(w, r)
	}))
	t.Cleanup(site.Close)
	credentials, err := demo.Register(t.Context(), s.Clients, s.URL, carreltest.Callback, site.URL+demo.CallbackPath)
	if err != nil {
		t.Fatal(err)
	}
	if s.Simulator != nil {
		credentials.Providers = s.Simulator.FrontURL() + "/"
	}
	if clinic, err = demo.NewClinic(credentials); err != nil {
		t.Fatal(err)
	}
	jar, _ := cookiejar.New(nil)
	return &clinicBrowser{
		t,
		site.URL,
		&http.Client{
			Jar:           jar,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// post sends a form and returns where it leads.
func (c *clinicBrowser) post(path string, fields ...string) string {
	c.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	answer, err := c.http.PostForm(c.home+path, form)
	if err != nil {
		c.t.Fatal(err)
	}
	_ = answer.Body.Close()
	return answer.Header.Get("Location")
}

// visit sends a person through the pages, and back to the clinic, until they stay.
func (c *clinicBrowser) visit(person *carreltest.Visitor, address string) {
	c.t.Helper()
	for range 3 {
		if address == "/" {
			return
		}
		back, err := person.FollowPages(c.t.Context(), address, c.home+demo.CallbackPath)
		if err != nil {
			c.t.Fatal(err)
		}
		answer, err := c.http.Get(back)
		if err != nil {
			c.t.Fatal(err)
		}
		_ = answer.Body.Close()
		address = answer.Header.Get("Location")
	}
	c.t.Fatalf("sent on and on, at last to %s", address)
}

// sees wants texts on the page.
func (c *clinicBrowser) sees(want ...string) {
	c.t.Helper()
	answer, err := c.http.Get(c.home)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	page, err := io.ReadAll(answer.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	shown := string(page)
	if _, rest, ok := strings.Cut(shown, "<main>"); ok {
		shown = rest
	}
	for _, text := range want {
		if !strings.Contains(shown, text) {
			c.t.Errorf("the page does not show %q:\n%s", text, fmt.Sprintf("%.6000s", shown))
		}
	}
}
