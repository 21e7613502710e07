// Package seal makes and opens everything that Carrel keeps shut: the key pair of
// a library, what is sealed to it, the bearer secrets that can be handed the right
// to open it, the boxes that a password opens, the contents of files, and the
// server's own secrets under its master keys. docs/file-format.md specifies the
// bytes.
//
// The shape of the whole: a file's content is encrypted with a fresh key of its
// own; that key is sealed (HPKE) to the library's public key; the library's
// private key is kept only as copies, each shut for one live secret that the
// server does not keep: a password, a recovery code, a token, a session, a cookie.
package seal
