// Package library is the heart of Carrel: libraries and the people they belong
// to, applications and their contracts, consent and the grants it makes, sessions
// and files, and the rules of all of these.
//
// It knows no HTTP, no SQL and no cloud. What it needs from outside it states as
// small interfaces (in storage.go), each method one transaction named for what
// happens; package librarytest holds the tests that every implementation passes.
// Time is handed in, so that recorded requests can be replayed.
//
// The groups of rules are [Clients] (who is calling), [People] (the ways into a
// library), [Consents] (links, grants, tokens), [Files] (push, list, read) and
// [Activity] (what has happened).
package library
