// Package carreltest is the vocabulary of Carrel's tests. It gives a test a world: a store, people with
// libraries, applications with contracts, a provider, a clock that the test moves, and a log that it
// searches. The verbs read like sentences:
//
//	w := carreltest.New(t)
//	anna := w.Person()
//	writer := anna.Allows(w.Application().Contract(library.Write))
//	writer.Pushes("letter", []byte("hello"))
//	w.Clock.Moves(25 * time.Hour)
//	anna.Stops(writer)
//
// A world has two sizes. [New] puts the domain together in this process, on a real store and with a
// provider that answers what the test says: for tests of the domain. [Serve] starts a whole server with
// the API and the pages on a loopback address, and [ServeWithSimulator] starts practice providers beside
// it: for tests of requests, of pages and of the SDK.
//
// Both are cheap. The tables are made once for each test binary and copied for each test, RSA keys are made
// once, and passwords are hashed at the least cost. Worlds share nothing that changes, so that tests run in
// parallel.
//
// When a test ends, its world fails the test if the log holds one of its [Secrets].
package carreltest
