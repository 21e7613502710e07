package library

// Ids that this server makes. All are opaque text, safe in URLs.
type (
	// ID names a library, and with it the person it belongs to.
	ID string
	// GrantID names a grant; the wire calls it consentid.
	GrantID string
	// LoginID names a login. It is not the cookie's secret.
	LoginID string
	// Reference is an opaque name that the protocol gives an account.
	Reference string
	// DeliveryID names a delivery; see package delivery.
	DeliveryID string
)
