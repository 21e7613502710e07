// Package wire is what travels between a digi.me client and a Carrel: the ids
// and times, the claims of signed requests and answers, the error table, the
// shapes of the JSON answers and the encrypted file envelope.
//
// Both sides speak it: the SDK (package digime) and the server import it, and it
// imports neither. It holds no rules about who may do what; those are in package
// library.
package wire
