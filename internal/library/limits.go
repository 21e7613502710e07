package library

// Limits bound what applications can make the server store for a contract and a person. Beyond a limit the oldest one
// ends, which an application meets as one that has expired: no honest one comes near.
type Limits struct {
	// AuthRequests are the authorization requests of a contract for a person whom an access token names, and
	// AnonymousAuthRequests those for whoever comes.
	AuthRequests, AnonymousAuthRequests int
	// Sessions are those of a grant.
	Sessions int
	// Tokens are the access tokens of a grant, expired ones included, and as many refresh tokens.
	Tokens int
	// AccountHandles are those of a contract: they belong to no person yet.
	AccountHandles int
	// Storages are those of an application that no person has allowed yet.
	Storages int
}

// DefaultLimits are the limits of every server.
var DefaultLimits = Limits{
	AuthRequests:          1_000,
	AnonymousAuthRequests: 10_000,
	Sessions:              1_000,
	Tokens:                1_000,
	AccountHandles:        10_000,
	Storages:              1_000,
}

// maxSessionOptions is the largest size of the options of a session, in bytes of JSON: they are stored with it.
const maxSessionOptions = 32 << 10
