// Package deliverytest has the tests that every implementation of the stores of package delivery
// passes, on top of those of package librarytest.
package deliverytest
