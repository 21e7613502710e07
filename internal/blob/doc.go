// Package blob keeps contents that are too large for the store: [Disk] in a folder,
// [Memory] for tests. Both implement library.Blobs. What they keep is sealed before
// it comes here.
package blob
