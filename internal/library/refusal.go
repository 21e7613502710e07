package library

import "github.com/carrelhq/carrel/digime/wire"

// RefusalKind says why a call is refused.
type RefusalKind string

// The kinds of refusals.
const (
	// RefusedRequest: the signed request itself is malformed, too old, or not signed with the
	// contract's key. The subject is the part that failed.
	RefusedRequest RefusalKind = "request"
	// RefusedClient: the client is unknown, disabled or expired. The subject is its id.
	RefusedClient RefusalKind = "client"
	// RefusedNonce: the nonce, which is the subject, has been used before.
	RefusedNonce RefusalKind = "nonce"
	// RefusedToken: a token is unknown, revoked or another contract's. The subject is the
	// kind of token.
	RefusedToken RefusalKind = "token"
	// RefusedExpired: a token has expired. The subject is the kind of token.
	RefusedExpired RefusalKind = "expired token"
	// RefusedAccess: the contract is of another access type than the call needs.
	RefusedAccess RefusalKind = "access type"
	// RefusedRedirectURI: the redirect URI, which is the subject, is not the contract's.
	RefusedRedirectURI RefusalKind = "redirect URI"
	// RefusedParameter: the call has a parameter that is not valid. The subject names it.
	RefusedParameter RefusalKind = "parameter"
	// RefusedUnknown: there is no such thing, or it is somebody else's. The subject names it.
	RefusedUnknown RefusalKind = "not found"
	// RefusedScope: a session asks for more than its contract allows. The subject is what is too much.
	RefusedScope RefusalKind = "scope"
	// RefusedSize: the content is larger than the limit.
	RefusedSize RefusalKind = "size"
)

// Refusal is the error of a call that the rules refuse. Package api makes the protocol's
// error of it.
type Refusal struct {
	Kind RefusalKind
	// Subject is what is refused; see the kinds.
	Subject string
	// Limit is the largest size in bytes, for RefusedSize.
	Limit int64
	// Cause is what led to the refusal, for the log; nil if the refusal says it all.
	Cause error
}

func (r *Refusal) Error() string {
	text := "refused: " + string(r.Kind)
	if r.Subject != "" {
		text += " (" + r.Subject + ")"
	}
	if r.Cause != nil {
		text += ": " + r.Cause.Error()
	}
	return text
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Cause }

// Because returns a copy of the refusal with a cause.
func (r *Refusal) Because(cause error) *Refusal {
	c := *r
	c.Cause = cause
	return &c
}

// InvalidRequest refuses a signed request; part is what failed in it.
func InvalidRequest(part string) *Refusal { return &Refusal{Kind: RefusedRequest, Subject: part} }

// InvalidClient refuses a client.
func InvalidClient(id string) *Refusal { return &Refusal{Kind: RefusedClient, Subject: id} }

// ReplayedNonce refuses a nonce that its client has used before.
func ReplayedNonce(nonce string) *Refusal { return &Refusal{Kind: RefusedNonce, Subject: nonce} }

// InvalidToken refuses a token that is unknown, revoked or another contract's.
func InvalidToken(kind wire.TokenKind) *Refusal {
	return &Refusal{Kind: RefusedToken, Subject: string(kind)}
}

// ExpiredToken refuses a token that has expired.
func ExpiredToken(kind wire.TokenKind) *Refusal {
	return &Refusal{Kind: RefusedExpired, Subject: string(kind)}
}

// WrongAccess refuses a call that needs a contract of another access type.
func WrongAccess() *Refusal { return &Refusal{Kind: RefusedAccess} }

// InvalidRedirectURI refuses a redirect URI that is not one of the contract's.
func InvalidRedirectURI(uri string) *Refusal {
	return &Refusal{Kind: RefusedRedirectURI, Subject: uri}
}

// InvalidParameter refuses a parameter.
func InvalidParameter(what string) *Refusal {
	return &Refusal{Kind: RefusedParameter, Subject: what}
}

// ScopeOutOfBounds refuses session options that go beyond the contract.
func ScopeOutOfBounds(what string) *Refusal { return &Refusal{Kind: RefusedScope, Subject: what} }

// Unknown refuses a call that names a thing that is not there, or is somebody else's.
func Unknown(what string) *Refusal { return &Refusal{Kind: RefusedUnknown, Subject: what} }

// TooLarge refuses content that is larger than limit bytes.
func TooLarge(limit int64) *Refusal { return &Refusal{Kind: RefusedSize, Limit: limit} }
