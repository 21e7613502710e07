package library

// Ids that this server makes. All are opaque text, safe in URLs.
type (
	// ID names a library, and with it the person it belongs to.
	ID string
	// GrantID names a grant; the wire calls it consentid.
	GrantID string
	// LoginID names a login. It is not the cookie's secret.
	LoginID string
	// AccountReference is the opaque name that an account keeps. The callback of a consent names
	// the account by it.
	AccountReference string
	// StorageID names a storage; see package storage. Whoever has it and a contract of the storage's
	// application may use the storage.
	StorageID string
	// DeliveryID names a delivery; see package delivery.
	DeliveryID string
)
