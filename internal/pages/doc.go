// Package pages is what a person sees: the steps that an application's link leads
// to (sign in or create a library, keep the recovery code, connect a care provider,
// consent), and the library's own pages (files, apps with access, connected accounts,
// activity, settings), in English and Dutch.
//
// Everything works without JavaScript and with a keyboard; the one script only
// makes it nicer. Each form is a POST that is checked twice (its origin, and a
// hidden token bound to the browser) and answered with a redirect.
//
// A handler returns an error instead of writing one: answer.go turns it into a page
// and one log line, joined by a reference. Texts stand in texts/, one file for each
// language; templates do the markup. No secret is ever in a log line, and the
// browser is sent to no place but our own and the addresses that the library made: an
// application's callback, a provider's page.
package pages
