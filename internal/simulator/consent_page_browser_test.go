package simulator

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/browsertest"
	"github.com/carrelhq/carrel/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// A person approves in a browser without scripts and returns to the client. The
// Content-Security-Policy of the page applies to the target of its form too.
func TestPersonInBrowser(t *testing.T) {
	b := browsertest.Open(t)
	n := startSimulator(t)
	var back []string
	client := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/callback" {
			back = append(back, r.URL.Query().Get("code")+r.URL.Query().Get("error"))
		}
		_, _ = fmt.Fprint(w, "<!doctype html><title>Back at the client</title>")
	}))
	t.Cleanup(client.Close)
	where := func(provider, service, lng string) string {
		q := authorizationParams(provider, service)
		q.Set("redirect_uri", client.URL+"/callback")
		q.Set("lng", lng)
		return n.service(provider, service).AuthorizeURL + "?" + q.Encode()
	}
	b.Visit(where("huisartslinde", "53", "en"))
	b.Check("simulator ask-en")
	b.Click("language-nl")
	b.Check("simulator ask-nl")
	b.DisableScripts(true)
	b.Type("sim-user", "Anna")
	b.Click("sim-approve")
	b.Visit(where("huisartslinde", "53", "en"))
	b.Click("sim-deny")
	if len(back) != 2 || len(back[0]) < 40 || back[1] != "access_denied" {
		t.Fatalf("returned to the client with %q", back)
	}
	b.DisableScripts(false)

	n.s.SetBehaviour("", Behaviour{Authorize: AuthorizeNever})
	b.Visit(where("huisartslinde", "53", "nl"))
	b.Check("simulator end-nl")
	n.s.SetBehaviour("", Behaviour{})
	c := n.connect("huisartslinde", "53")
	c.send(http.MethodPost, "", measurementsBundle("batch", "run"))
	c.send(http.MethodGet, "/Patient?patient=1", nil)
	b.Visit(n.s.FrontURL() + "/?lng=en")
	b.Click("sim-set-huisartslinde")
	if title := b.Eval("document.title"); title != "Practice providers" {
		t.Errorf("%q", title)
	}
	b.Eval(`String(document.querySelector("details").open = true)`)
	b.Check("simulator home")
	if text := b.Eval("document.body.innerText"); !strings.Contains(text, "Blood pressure 120/80") {
		t.Error("the home page does not show the filed resource")
	}
}
