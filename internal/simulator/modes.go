package simulator

// AuthorizeMode is how an authorization endpoint answers a valid request.
type AuthorizeMode string

// The modes of an authorization endpoint.
const (
	AuthorizeAsk           AuthorizeMode = ""               // a page asks the person
	AuthorizeApprove       AuthorizeMode = "approve"        // approves without a page
	AuthorizeRefuse        AuthorizeMode = "refuse"         // access_denied without a page
	AuthorizeNoData        AuthorizeMode = "no-data"        // access_denied after the person approved
	AuthorizeServerError   AuthorizeMode = "error"          // server_error
	AuthorizeBusy          AuthorizeMode = "busy"           // temporarily_unavailable
	AuthorizeUnknownClient AuthorizeMode = "unknown-client" // an error page, no redirect
	AuthorizeWrongState    AuthorizeMode = "wrong-state"    // approves with another state
	AuthorizeNoState       AuthorizeMode = "no-state"       // approves without state
	AuthorizeNever         AuthorizeMode = "never"          // a page without a form, no redirect
)

// AuthorizeModes are all modes of an authorization endpoint.
var AuthorizeModes = []AuthorizeMode{
	AuthorizeAsk, AuthorizeApprove, AuthorizeRefuse, AuthorizeNoData, AuthorizeServerError, AuthorizeBusy,
	AuthorizeUnknownClient, AuthorizeWrongState, AuthorizeNoState, AuthorizeNever,
}

// TokenMode is how a token endpoint answers a valid request.
type TokenMode string

// The modes of a token endpoint. The code or refresh token of a request that is refused
// stays valid.
const (
	TokenOK            TokenMode = ""
	TokenUsed          TokenMode = "used"           // invalid_grant: used before
	TokenExpired       TokenMode = "expired"        // invalid_grant: expired
	TokenWrongRedirect TokenMode = "wrong-redirect" // invalid_grant: another redirect_uri
	TokenRevoked       TokenMode = "revoked"        // invalid_grant: the consent was revoked
	TokenSlow          TokenMode = "slow"           // a valid response after Behaviour.Slow
	TokenLate          TokenMode = "late"           // a valid response after Behaviour.Late
	TokenCut           TokenMode = "cut"            // issues tokens and resets the connection
	TokenHTML          TokenMode = "html"           // 200 with an HTML page
	TokenNotJSON       TokenMode = "not-json"       // 200 with half of the JSON
	TokenEmpty         TokenMode = "empty"          // 200 without a body
	TokenEndless       TokenMode = "endless"        // 200 with 100 MB
	TokenNoToken       TokenMode = "no-token"       // 200 with JSON without an access token
	TokenNotBearer     TokenMode = "not-bearer"     // 200 with another token type
	TokenRedirect      TokenMode = "302"            // to a host that is not on the lists
)

// TokenModes are all modes of a token endpoint. Each OAuth error code that contains an
// underscore and each status from 500 on is a mode too, such as "invalid_client" and
// "503".
var TokenModes = []TokenMode{
	TokenOK, TokenUsed, TokenExpired, TokenWrongRedirect, TokenRevoked, TokenSlow, TokenLate, TokenCut, TokenHTML,
	TokenNotJSON, TokenEmpty, TokenEndless, TokenNoToken, TokenNotBearer, TokenRedirect, "invalid_request",
	"invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope",
	"500", "502", "503", "504",
}

// ResourceMode is how a resource endpoint answers a valid request.
type ResourceMode string

// The modes of a resource endpoint. A mode files nothing unless its comment says so.
const (
	ResourceOK               ResourceMode = ""            // files
	ResourceFailedEntry      ResourceMode = "batch-entry" // files all entries of a batch but the last: 422
	ResourceSlow             ResourceMode = "slow"        // files; a valid response after Behaviour.Slow
	ResourceLate             ResourceMode = "late"        // files; a valid response after Behaviour.Late
	ResourceCutAfter         ResourceMode = "cut-after"   // files and resets the connection
	ResourceCutDuring        ResourceMode = "cut-within"  // files and resets the connection within the response
	ResourceCutBefore        ResourceMode = "cut-before"  // resets the connection
	ResourceClosed           ResourceMode = "closed"      // resets this and, before the handshake, the next connection
	ResourceHTML             ResourceMode = "html"        // 200 with an HTML page
	ResourceXML              ResourceMode = "xml"         // files; 200 with XML
	ResourceNotJSON          ResourceMode = "not-json"    // files; half of the response
	ResourceEndless          ResourceMode = "endless"     // files; 200 with 100 MB
	ResourceEmpty            ResourceMode = "empty"       // files; 200 without headers and body
	ResourceNoBody           ResourceMode = "bare"        // files; a valid response without its body
	ResourceOperationOutcome ResourceMode = "outcome"     // files; an OperationOutcome as the body
	ResourceWrongResource    ResourceMode = "strange"     // files; 200 with some other resource
	ResourceMissingEntry     ResourceMode = "short"       // files; a Bundle without its last entry
	ResourceRedirect         ResourceMode = "302"         // to a host that is not on the lists
	ResourceRedirect307      ResourceMode = "307"         // likewise; a client that follows it repeats the body
	ResourceFiled500         ResourceMode = "500-filed"   // files; 500
	ResourceFiled502         ResourceMode = "502-filed"   // files; 502
	ResourceFiled504         ResourceMode = "504-filed"   // files; 504
	ResourceForbidden        ResourceMode = "403"         // the token does not allow it
	ResourceUnauthorized     ResourceMode = "401"         // the token is not known
	ResourceBusy             ResourceMode = "429"         // with Retry-After
	ResourceUnprocessable    ResourceMode = "422"         // with an OperationOutcome
)

// ResourceModes are all modes of a resource endpoint. A number is the status of a response
// that files nothing.
var ResourceModes = []ResourceMode{
	ResourceOK, "400", ResourceUnauthorized, ResourceForbidden, "404", "405", "406", "409", "410", "412", "415",
	ResourceUnprocessable, ResourceBusy, "500", "501", "502", "503", "504",
	ResourceFiled500, ResourceFiled502, ResourceFiled504, ResourceFailedEntry, ResourceSlow, ResourceLate,
	ResourceCutAfter, ResourceCutDuring, ResourceCutBefore, ResourceClosed, ResourceHTML, ResourceXML, ResourceNotJSON,
	ResourceEndless, ResourceEmpty, ResourceNoBody, ResourceOperationOutcome, ResourceWrongResource,
	ResourceMissingEntry, ResourceRedirect, ResourceRedirect307,
}
