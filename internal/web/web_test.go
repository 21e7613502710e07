package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/internal/testenv"
	"github.com/carrelhq/carrel/internal/web"
	"github.com/carrelhq/carrel/internal/web/webtest"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// TestHeaders requests every route, as a person who has signed in and as one who has not.
func TestHeaders(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	browsers := map[string]*webtest.Browser{"signed out": w.NewBrowser(), "signed in": w.NewPerson(webtest.Anna)}
	path := strings.NewReplacer("{$}", "", "{file}", "none", "{grant}", "none", "{account}", "none",
		"{language}", "nl", "{asset}", "none.css")
	for _, pattern := range web.Patterns(w.Config) {
		method, address, ok := strings.Cut(pattern, " ")
		if !ok {
			method, address = http.MethodGet, pattern
		}
		address = path.Replace(address)
		for who, b := range browsers {
			t.Run(who+" "+pattern, func(t *testing.T) {
				if strings.HasSuffix(address, "/sign-out") && method == http.MethodPost {
					b = w.NewBrowser()
				}
				webtest.CheckHeaders(t, b.Request(method, address, nil, nil))
			})
		}
	}
}

// TestNoSecretIsLogged uses every secret that there is, and reads the log.
func TestNoSecretIsLogged(t *testing.T) {
	t.Parallel()
	w := webtest.New(t)
	b := w.NewBrowser()
	code := w.Register("Demo Clinic").Authorize(webtest.WebCallback)
	request := webtest.AuthorizeURL(code)
	p := b.Get(request).Click("create-library", "email", webtest.Anna, "password", webtest.Password)
	secrets := []string{code, p.TextOf("recovery-code"), webtest.Password, webtest.Anna}
	p.Click("recovery-saved").Click("allow")
	b.Get(request)
	b.Get(request + "&service=x")
	b.Post(request, url.Values{"password": {webtest.Password}})
	b.Get("/files/" + code)
	for _, c := range b.Cookies() {
		if len(c.Value) > 10 {
			secrets = append(secrets, c.Value)
		}
	}
	log := w.Log.String()
	if !strings.Contains(log, "reference=") {
		t.Fatal("nothing was logged")
	}
	for _, secret := range secrets {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %q:\n%s", secret, log)
		}
	}
}
