// Package blob stores the contents of files that are too large for the database: [Disk]
// in a folder, [Memory] for tests. Both implement library.Blobs. The contents are
// already sealed.
package blob
