// Package account has a person's own pages: their files, the applications with access (grants), the accounts that they
// have connected at providers and what was sent there, the activity, and the settings: language, password, recovery
// code, and deleting the library.
//
// Every handler is for a person who has signed in; see [signin.Pages.RequireReady].
package account
