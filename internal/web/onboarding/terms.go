package onboarding

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/carrelhq/carrel/internal/web/ui"
)

// terms shows the terms, and the privacy statement, of a contract that has them as a plain text.
type terms struct{ ui *ui.UI }

type termsPage struct {
	*ui.Page
	Text    string
	BackURL string
}

// Show shows the text that a step names.
func (h *terms) Show(w http.ResponseWriter, r *http.Request, flow *requestFlow, step string) error {
	contract := flow.request.Client.Contract
	title, text := "consent.terms_only", contract.Terms
	if step == stepPrivacy {
		title, text = "consent.privacy_only", contract.Privacy
	}
	if text == "" || isHTTPS(text) {
		return ui.PageNotFound.Wrap(errors.New("terms are not a text")).For(flow.request)
	}
	page := &termsPage{Page: h.ui.NewPage(r, ui.BrowserOf(r).Texts.Text(title)), Text: text, BackURL: flow.url()}
	page.Requester = ui.NewRequester(flow.request)
	return h.ui.Render(w, http.StatusOK, "terms", page)
}

// termsURL is where to read terms: at the application, or on the page here. It is empty if there are none.
func termsURL(text, page string) string {
	if text == "" || isHTTPS(text) {
		return text
	}
	return page
}

func isHTTPS(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Host != ""
}
