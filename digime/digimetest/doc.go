// Package digimetest has a personal data library in memory, for the tests of applications that use package digime.
//
// [NewLibrary] starts the library behind an HTTP server on the loopback interface. It answers all calls of package
// digime, checks the signature, the time and the nonce of each, and has one person, two accounts and two contracts. A
// test replaces the person and their browser by a function call, [Library.Allow] or [Library.Deny]. It looks at what
// arrived with [Library.Files], [Library.Resources] and [Library.Requests], and lets calls fail with
// [Library.ExpireAccessTokens], [Library.Revoke] and [Library.FailNext]. The example of the package is a test to copy.
//
// An application that keeps files in a storage gets one with [Library.AddStorage], or by [Library.Allow] as it does at
// a server, and [Library.StorageFiles] returns what it has stored.
//
// A push to a provider requires a consent that was authorised with [digime.SourcePush]; [Library.User] and
// [Library.Token] give one for the write contract.
//
// The library ignores the options of a session and lists all files, whatever its scope. It accepts every session key.
package digimetest
