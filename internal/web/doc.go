// Package web serves the pages that people see, in English and Dutch: the pages of an application's request
// (onboarding), the pages for coming to a library (signin), and a person's own pages (account). What all of them stand
// on is in package ui.
package web
