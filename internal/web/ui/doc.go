// Package ui is what every page stands on: the layout, the templates and their texts in English and Dutch, forms,
// cookies, the check against forged forms, the content security policy, messages after a redirect, and error pages.
//
// Everything works without JavaScript and with a keyboard; the one script adds conveniences. Each form is a POST that
// is checked twice (its origin, and a hidden token bound to the browser) and answered with a redirect.
//
// A [Handler] returns an error instead of writing one: [UI.Wrap] turns it into a page and one log line, joined by a
// reference. Texts stand in texts/, one file for each language; templates do the markup. No secret is ever in a log
// line, and the browser is sent nowhere but to pages of this site and to addresses that the library made: an
// application's callback, a provider's page.
//
// The package knows no page of its own but the error page. The packages signin, onboarding and account have the pages.
package ui
