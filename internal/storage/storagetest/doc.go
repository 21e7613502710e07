// Package storagetest has the tests that every store of storages passes.
package storagetest
