package ui

import (
	"html/template"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/carrelhq/carrel/internal/library"
)

// Requester is the application that has sent the person here, as the top of the page shows it.
type Requester struct {
	Name, Initials string
	// Asks reports that the page is a question of the application.
	Asks bool
}

// NewRequester returns the application of a request; nil without a request.
func NewRequester(r *library.PendingRequest) *Requester {
	if r == nil {
		return nil
	}
	name := ApplicationName(r)
	return &Requester{Name: name, Initials: Initials(name)}
}

// ApplicationName is the name of the request's application.
func ApplicationName(r *library.PendingRequest) string { return CleanText(r.Client.Application.Name) }

// Initials are shown in place of a logo: the first letters of the first two words.
func Initials(name string) string {
	var letters []rune
	for _, word := range strings.Fields(name) {
		i := strings.IndexFunc(word, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
		if i >= 0 && len(letters) < 2 {
			first, _ := utf8.DecodeRuneInString(word[i:])
			letters = append(letters, first)
		}
	}
	return strings.ToUpper(string(letters))
}

// ReturnLink is a link back to an application.
type ReturnLink struct {
	App string
	// URL was made by the library, of a callback that was checked when the contract was registered. So a scheme of the
	// application's own is allowed.
	URL template.URL
}

// NewReturnLink returns a link to the callback of a request.
func NewReturnLink(r *library.PendingRequest, callback string) *ReturnLink {
	return &ReturnLink{App: ApplicationName(r), URL: template.URL(callback)}
}
