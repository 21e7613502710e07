// Package simulator runs practice providers: health-care providers as MedMij describes
// them, with the central lists, pages for the person, token endpoints and FHIR STU3
// endpoints. They listen on loopback only and use mutual TLS with certificates of an
// authority of their own. [Start] starts them.
//
// The providers are strict: [Record.Violations] lists each rule of MedMij that a request
// broke, including rules that real providers do not enforce. A test checks that the list
// is empty. [Record.Filed] lists what was filed, so a test can tell a resource that was
// delivered twice from one that was delivered once.
//
// The providers can fail: [Simulator.SetBehaviour] makes a provider refuse, send invalid
// responses, file and not answer, or reset the connection. [Simulator.SetRandomFailures]
// makes a share of the requests fail, reproducibly. [Lists] has the failures of the lists.
//
// The binary contains the package, for the demo and for development. So the package imports no
// test package.
package simulator
