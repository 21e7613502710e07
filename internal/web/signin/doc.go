// Package signin is how a person comes to their library: sign in, create a library, recover it with the recovery code,
// keep the recovery code, undo the deletion. A person does so by themselves, each page at its own address, or on the
// way of an application's request, all pages at the address of the request; [Flow] tells the pages which.
//
// The package also has the logins of browsers, and the wrappers that a page requires them by.
package signin
