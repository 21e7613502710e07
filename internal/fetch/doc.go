// Package fetch fetches files from the sources that people have connected into their libraries: sample data today.
//
// A fetch is a row for an account, which says how far it has come. A server holds it under a lease. Each file is stored
// in the transaction that moves the row's position, and a file that is fetched twice is one file: so a server that dies
// is followed by another one that goes on where it was.
//
// Like package delivery, this package knows no HTTP and no SQL.
package fetch
