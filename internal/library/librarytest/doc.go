// Package librarytest holds the tests that every implementation of an interface of
// package library passes, one function for each interface. The comments of those
// interfaces are the specification; what is found out about one implementation is
// added here, and so asked of all.
//
// A store of metadata calls [TestStore], a store of blobs [TestBlobs]:
//
//	func TestStore(t *testing.T) {
//		librarytest.TestStore(t, func(t *testing.T) librarytest.Store { … })
//	}
package librarytest
