// Package webtest is what the tests of the pages share: a site with everything behind it, applications that send people
// there, a provider, and people with browsers without JavaScript.
package webtest
