package webtest

import "github.com/carrelhq/carrel/internal/catalogue"

// The people of the tests, and the password of both.
const (
	Anna     = "anna@example.org"
	Bob      = "bob@example.org"
	Password = "four plain words here"
)

// NewPerson returns the browser of a person who has created a library and saved the recovery code.
func (w *World) NewPerson(email string) *Browser {
	w.T.Helper()
	b := w.NewBrowser()
	b.CreateLibrary("/create", email)
	return b
}

// CreateLibrary creates a library at an address and saves the recovery code. It returns the page that follows.
func (b *Browser) CreateLibrary(address, email string) *Page {
	b.T.Helper()
	p := b.Get(address).Click("create-library", "email", email, "password", Password)
	if code := p.TextOf("recovery-code"); len(code) != 29 {
		b.T.Fatalf("recovery code is %q", code)
	}
	return p.Click("recovery-saved")
}

// SignIn signs in at an address. It returns the page that follows.
func (b *Browser) SignIn(address, email string) *Page {
	b.T.Helper()
	return b.Get(address).Click("sign-in", "email", email, "password", Password)
}

// Allows has a person with a new library allow what an application asks for. It returns their browser and the access
// token of the application.
func (w *World) Allows(email string, app *App) (b *Browser, accessToken string) {
	w.T.Helper()
	b = w.NewBrowser()
	p := b.CreateLibrary(app.AuthorizeURL(WebCallback), email)
	return b, app.Exchange(p.Click("allow").Callback())
}

// Connects has a person with a new library connect a source and allow an application to send there.
func (w *World) Connects(email string, app *App, s catalogue.Source) (b *Browser, accessToken string) {
	w.T.Helper()
	b = w.NewBrowser()
	p := b.CreateLibrary(app.AuthorizeURL(WebCallback), email).Connect(s)
	return b, app.Exchange(p.Click("allow").Callback())
}

// Connect chooses a source, confirms at the provider and comes back.
func (p *Page) Connect(s catalogue.Source) *Page {
	p.Browser.T.Helper()
	return p.Click(SourceID(s)).ConfirmAtProvider()
}

// ConfirmAtProvider goes to the provider, confirms and comes back.
func (p *Page) ConfirmAtProvider() *Page {
	p.Browser.T.Helper()
	return p.Click("provider-go").Follow().Click("sim-approve").Follow()
}

// DenyAtProvider goes to the provider, does not confirm and comes back.
func (p *Page) DenyAtProvider() *Page {
	p.Browser.T.Helper()
	return p.Click("provider-go").Follow().Click("sim-deny").Follow()
}
