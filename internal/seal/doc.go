// Package seal encrypts and decrypts everything that Carrel keeps sealed: the private
// key of a library, the keys and contents of files, and the server's own secrets. It
// also makes the bearer secrets that the server hands out. docs/file-format.md
// specifies the bytes.
//
// A file's content is encrypted with a fresh [FileKey]. The file key is sealed (HPKE)
// to the library's [PublicKey]. The library's [PrivateKey] is stored only as sealed
// copies, one for each live secret that can open it: a [PasswordBox] for a password or
// a recovery code, a [Sealed] key for a [Secret] such as a token, a session or a login
// cookie. The server stores none of these secrets. Its own secrets are encrypted by a
// [Keyring], which opens no library.
//
// Keys and secrets print masked. [Secret.Reveal] is the only way to a secret's text.
package seal
