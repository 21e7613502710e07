// Package signin has the pages by which a person comes to their library: sign in, create a library, recover it with the
// recovery code, save the recovery code, undo the deletion. They are shown to a person who comes by themselves, each at
// an address of its own, and as a part of an application's request, all at the address of the request; a [Flow] tells
// a page which of the two.
//
// The package also has the logins of browsers, and the wrappers by which a page requires a login.
package signin
