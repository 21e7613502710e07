package wire

// The claims and JSON bodies of the file storage. Its calls have a base URL and tokens of their own: see [CloudClaims].

// CloudAudience is the aud of the token of a call of the file storage.
const CloudAudience = "cloud"

// CloudClaims are the claims of the token of a call of the file storage. Its header has [TypeCloud] and the key id of
// [CloudKeyID]. It names no person, and has no nonce.
type CloudClaims struct {
	// Subject is the application, and Issuer the contract whose key signs.
	Subject   ApplicationID `json:"sub"`
	Issuer    ContractID    `json:"iss"`
	Audience  string        `json:"aud"`
	IssuedAt  Seconds       `json:"iat"`
	ExpiresAt Seconds       `json:"exp"`
}

// CloudKeyID is the kid of the tokens of a client's calls of the file storage.
func CloudKeyID(c ClientID) string { return string(c.Contract) + "_" + string(c.Application) + "_0" }

// Storage is the response of both calls of storage: what an application needs to reach a storage.
type Storage struct {
	ID string `json:"id"`
	// KeyID is the kid of the tokens with which the caller reaches it.
	KeyID string `json:"kid"`
}

// The types of a [ReferenceRequest].
const (
	ReferenceAccount = "accountId" // the id of an account
	ReferenceStorage = "cloudId"   // the id of a storage
)

// StorageUpload is the response of an upload.
type StorageUpload struct {
	ID string `json:"id"`
}

// StorageEntry is a file in the list of a storage. Path and OriginalPath are those of its folder, with a slash at both
// ends, and begin with "/apps/" and the application. Name and Path are in lower case.
type StorageEntry struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	OriginalName string `json:"originalName"`
	Path         string `json:"path"`
	OriginalPath string `json:"originalPath"`
}

// StorageList is the response of a list of a storage.
type StorageList struct {
	Files []StorageEntry `json:"files"`
	Total int            `json:"total"`
}
