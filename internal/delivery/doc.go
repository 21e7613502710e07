// Package delivery sends FHIR resources to the providers that people have connected: a
// person's accounts at providers and how they are connected, the queue of what is to be
// sent, the attempts to send it, and the interface that a provider's client implements.
//
// It stands on package library, which knows the people, the applications and their consent,
// and knows nothing of this package. Like library it knows no HTTP and no SQL: what it needs
// from outside are the interfaces [Providers], [ConnectionStore], [DeliveryStore] and
// [Catalogue].
//
// [Connections] connects accounts and keeps the providers' tokens. [Queue] keeps deliveries
// and sends them.
package delivery
