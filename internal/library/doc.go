// Package library is the domain of Carrel: people and their libraries, applications and their
// contracts, consent and the grants that it leads to, sessions, files, activity, and the rules of
// all of these. Accounts at providers and deliveries are package delivery.
//
// The package knows no HTTP, no SQL and no cloud. What it needs from outside are small
// interfaces; store.go says what holds for each of their methods, and package librarytest has the
// tests that every implementation passes. A call that the rules refuse returns a [Refusal], of
// which package api makes the protocol's error. The time is a parameter, so that recorded
// requests can be replayed.
//
// The rules are methods of [Clients] (who sends a request), [People] (signing in, passwords,
// recovery, deletion), [Consents] (authorization requests, grants, tokens, sessions), [Files]
// (push, list, read) and [Activity] (what has happened).
package library
