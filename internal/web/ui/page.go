package ui

import (
	"html/template"
	"net/http"
)

// Page is what stands around the content of every page. The data of a page's template embeds it.
type Page struct {
	Texts *Texts
	// Title is the page's name and, mostly, its h1.
	Title string
	// IsError reports that the page tells of an error.
	IsError bool
	// URL is the page's own address, to which its forms are sent; CSRFToken is the token of its forms.
	URL, CSRFToken string
	// Lang is the page's language, Languages are links to the others.
	Lang      string
	Languages []LanguageLink
	Operator  string
	// Requester is the application that has sent the person here; nil without an application's request.
	Requester *Requester
	// CanCancel reports that the person can cancel here and go back to the application.
	CanCancel bool
	// ProviderResult is how connecting a provider ended, if it did not succeed. If the person then cancels, the
	// application is told that the provider could not be connected.
	ProviderResult string
	// Step and Steps count the pages of an application's request; zero where they are not counted.
	Step, Steps int
	// SignOutURL is where the form for signing out is sent; empty if nobody is signed in.
	SignOutURL string
	// Menu is the current entry of the menu of a person's own pages; empty on other pages.
	Menu string
	// Flash tells what has just been done; Connected reports that it was to connect a provider.
	Flash     string
	Connected bool
	// Form is the page's form, if it has one.
	Form *Form
	// RedirectURL is where the browser goes by itself.
	RedirectURL template.URL
}

// Data is the data of a template: a [Page] with the content of the page.
type Data interface{ page() *Page }

func (p *Page) page() *Page { return p }

// NewPage returns a page for a request. The title is a text, not a key.
func (u *UI) NewPage(r *http.Request, title string) *Page {
	b := BrowserOf(r)
	return &Page{
		Texts: b.Texts, Title: title, URL: r.URL.RequestURI(), CSRFToken: b.csrfToken(),
		Lang: b.Texts.Code, Languages: u.languageLinks(r, b.Texts), Operator: u.Operator,
	}
}
