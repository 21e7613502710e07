// Package simulator plays the other side of MedMij: health-care providers with
// their lists, their pages for the person, their token endpoints and their FHIR
// STU3 endpoints, on loopback, with real mutual TLS from an authority of its own.
//
// It is a strict provider. [Simulator.Violations] lists every rule that a request
// broke, also where a real provider would have let it pass, so a test asserts that
// it is empty. [Simulator.Filed] lists what was filed, so a test can tell a delivery
// that was made twice from one that was made once.
//
// It is also a bad one, when told so: [Simulator.SetBehaviour] makes it refuse, answer
// nonsense, file and fall silent, or cut the connection, and [Simulator.SetRandomFailures] has
// it do all of that at random, repeatably.
//
// It is shipped with the command, for the demo and to develop against, and so it
// links nothing that only tests need.
package simulator
