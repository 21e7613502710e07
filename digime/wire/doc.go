// Package wire is the protocol between a digi.me client and a server: ids and times, the claims of signed requests and
// responses, error codes, the JSON of requests and responses, and the encrypted envelope of a file.
//
// The SDK (package digime) and the server import it, and it imports neither. Applications use package digime. Package
// wire is for programs that implement the protocol themselves. Its types are the JSON of the protocol, with the
// protocol's names and units, and its names may change with the protocol. It has no rules about who may do what.
package wire
