package signin

import (
	"net/http"

	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/web/ui"
)

// signedOutPage is one of the three pages for a person who has not signed in: sign in, create, recover.
type signedOutPage struct {
	*ui.Page
	// Closed says that this site makes no new libraries; empty if it does.
	Closed string
	flow   Flow
}

// SignInURL, CreateURL and RecoverURL are the links from one of the pages to the others.
func (p *signedOutPage) SignInURL() string  { return p.flow.StepURL(StepSignIn) }
func (p *signedOutPage) CreateURL() string  { return p.flow.StepURL(StepCreate) }
func (p *signedOutPage) RecoverURL() string { return p.flow.StepURL(StepRecover) }

// App is the name of the application that has sent the person; empty if none has.
func (p *signedOutPage) App() string { return p.flow.appName() }

// ForOneLibrary reports that only one library can answer the request, so that a new one is of no use.
func (p *signedOutPage) ForOneLibrary() bool { return p.flow.ForOneLibrary }

func newSignedOutPage(
	u *ui.UI, w http.ResponseWriter, r *http.Request, flow Flow, titleKey string, step Step, form *ui.Form,
) *signedOutPage {
	p := &signedOutPage{Page: u.NewPage(r, ui.BrowserOf(r).Texts.Text(titleKey)), flow: flow}
	p.URL, p.Form = flow.StepURL(step), form
	flow.Decorate(w, p.Page)
	return p
}

// emailError is what is wrong with an e-mail address; nil if nothing is.
func emailError(t *ui.Texts, email string) []ui.Span {
	if email == "" {
		return t.Spans("sign_in.error.email_missing")
	}
	if _, err := library.NormalizeEmail(email); err != nil {
		return t.Spans("sign_in.error.email_shape")
	}
	return nil
}
