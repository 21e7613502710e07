// Package storage is the domain of storages: the files that an application keeps for a person, which it has encrypted
// itself. A storage belongs to a library and an application. The protocol calls it a cloud.
//
// An application makes a storage before it knows the person. Until a person allows it on a consent page it belongs to
// nobody, and expires after a day. From then on the application may use it, by whichever contract, as long as the
// person has a consent with the application in force.
//
// The package knows no HTTP and no SQL. What holds for the methods of its store interfaces is in package library, and
// package storagetest has the tests that every implementation passes.
package storage
