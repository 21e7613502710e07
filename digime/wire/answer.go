package wire

// The JSON responses. Optional members are omitted when they are empty, and never null, because the validators of the
// Node SDK refuse null.

// Session is the right to read for a limited time. Its key is part of the URLs of the query calls.
type Session struct {
	Key    string `json:"key"`
	Expiry Millis `json:"expiry"`
}

// SignedAnswer is the response of the oauth calls: a token that the server has signed, and a session if the call opens
// one.
type SignedAnswer struct {
	Token   string   `json:"token"`
	Session *Session `json:"session,omitempty"`
}

// TriggerAnswer is the response of permission-access/trigger.
type TriggerAnswer struct {
	Session Session `json:"session"`
}

// ReferenceAnswer is the response of reference.
type ReferenceAnswer struct {
	ID string `json:"id"`
}

// RevokeAnswer is the response of permission-access/revoke: the address of a page.
type RevokeAnswer struct {
	Location string `json:"location"`
}

// ReferenceRequest is the body of reference.
type ReferenceRequest struct {
	// Type is "accountId" or "cloudId".
	Type  string `json:"type"`
	Value string `json:"value"`
}

// The states of a session, or of one account in it.
const (
	StatePending   = "pending"   // the server has not started; never the state of an account
	StateRunning   = "running"   // the server is fetching
	StatePartial   = "partial"   // the server has finished, and could not read everything
	StateCompleted = "completed" // the server has finished
)

// FileList is the response of permission-access/query/{session}.
type FileList struct {
	Status FileListStatus `json:"status"`
	Files  []FileEntry    `json:"fileList,omitempty"`
}

// FileListStatus is the state of a session and of its accounts.
type FileListStatus struct {
	State   string                      `json:"state"`
	Details map[AccountID]AccountStatus `json:"details,omitempty"`
}

// AccountStatus is the state of one account. Only [StatePartial] has an Error, and always.
type AccountStatus struct {
	State string        `json:"state"`
	Error *AccountError `json:"error,omitempty"`
}

// AccountError says why an account could not be read, or not completely.
type AccountError struct {
	Code             string            `json:"code"`
	StatusCode       int               `json:"statusCode"`
	Message          string            `json:"message"`
	Reauthorize      bool              `json:"reauth,omitempty"`
	RetryAfter       Millis            `json:"retryAfter,omitempty"`
	ObjectTypeErrors []ObjectTypeError `json:"objectTypeErrors,omitempty"`
}

// ObjectTypeError is the error of one type of objects.
type ObjectTypeError struct {
	ObjectType int `json:"objectType"`
	Error      struct {
		Code       string `json:"code"`
		Message    string `json:"message"`
		StatusCode int    `json:"statusCode"`
	} `json:"error"`
}

// FileEntry is a file in a [FileList]. A pushed file has a name and a date; a mapped one has the other members as well.
type FileEntry struct {
	Name          FileName `json:"name"`
	UpdatedDate   Millis   `json:"updatedDate"`
	Schema        *Schema  `json:"schema,omitempty"`
	ServiceGroup  string   `json:"serviceGroup,omitempty"`
	ServiceName   string   `json:"serviceName,omitempty"`
	ObjectVersion string   `json:"objectVersion,omitempty"`
	ObjectType    string   `json:"objectType,omitempty"`
	ObjectCount   int      `json:"objectCount,omitempty"`
}

// Schema is what mapped content conforms to. Standard is "fhir" or "digime".
type Schema struct {
	Standard string `json:"standard"`
	Version  string `json:"version"`
	ID       string `json:"id,omitempty"`
}

// The account types that a Carrel uses.
const (
	AccountTypeUser = "USER" // represents the person at the application
	AccountTypePush = "PUSH" // an account at a provider that resources are pushed to
	// AccountTypeImported is of the account that stands for the files that the person has added to the library.
	AccountTypeImported = "IMPORTED"
)

// Account is one element of the response of permission-access/accounts.
type Account struct {
	ID                       AccountID          `json:"id"`
	Reference                string             `json:"reference"`
	Type                     string             `json:"type"`
	CreatedDate              Millis             `json:"createdDate"`
	UpdatedDate              Millis             `json:"updatedDate"`
	ServiceGroupID           int                `json:"serviceGroupId"`
	ServiceGroupName         string             `json:"serviceGroupName"`
	ServiceTypeID            int                `json:"serviceTypeId"`
	ServiceTypeName          string             `json:"serviceTypeName"`
	ServiceTypeReference     string             `json:"serviceTypeReference"`
	SourceID                 int                `json:"sourceId"`
	AccessTokenStatus        *AccessTokenStatus `json:"accessTokenStatus,omitempty"`
	ServiceProviderID        int                `json:"serviceProviderId,omitempty"`
	ServiceProviderName      string             `json:"serviceProviderName,omitempty"`
	ServiceProviderReference string             `json:"serviceProviderReference,omitempty"`
	Username                 string             `json:"username,omitempty"`
	ProviderFavIcon          string             `json:"providerFavIcon,omitempty"`
	ProviderLogo             string             `json:"providerLogo,omitempty"`
	Sample                   bool               `json:"sample,omitempty"`
}

// AccessTokenStatus says whether the server still has access to an account.
type AccessTokenStatus struct {
	Authorized bool   `json:"authorized"`
	ExpiresAt  Millis `json:"expiresAt,omitempty"`
}

// The access types of a contract.
const (
	AccessRead  = "r" // allows to read
	AccessWrite = "w" // allows to push
)

// ContractDetails is the response of permission-access/contract.
type ContractDetails struct {
	ID                               ContractID         `json:"id"`
	AccessType                       string             `json:"accessType"`
	Application                      ApplicationDetails `json:"application"`
	Certificate                      string             `json:"certificate"`
	CertificateContractSchemaVersion string             `json:"certificateContractSchemaVersion"`
	ExpirationDate                   Millis             `json:"expirationDate"`
	PartnerID                        string             `json:"partnerId"`
	// Type is the form of Certificate: "json" or "x509".
	Type string `json:"type"`
	// Scope is what a read contract may see; nil for a write contract.
	Scope *ContractScope `json:"scope,omitempty"`
}

// ContractScope is what a read contract may see of a library. Not every server says it.
type ContractScope struct {
	// Raw files are those that applications have pushed, with Own only those of the same application. Mapped files come
	// from services.
	Raw    bool `json:"raw"`
	Own    bool `json:"own,omitempty"`
	Mapped bool `json:"mapped"`
	// ServiceGroups and TimeRanges bound which mapped files sessions read; empty for no bound.
	ServiceGroups []ServiceGroup `json:"serviceGroups,omitempty"`
	TimeRanges    []TimeRange    `json:"timeRanges,omitempty"`
}

// ApplicationDetails is the application in [ContractDetails].
type ApplicationDetails struct {
	ID        ApplicationID     `json:"id"`
	Name      string            `json:"name"`
	Resources map[string]string `json:"resources"`
	Status    int               `json:"status"`
}

// Agent identifies the client that made a request.
type Agent struct {
	SDK SDK `json:"sdk"`
}

// SDK is the name and the version of a client.
type SDK struct {
	Name    string            `json:"name"`
	Version string            `json:"version"`
	Meta    map[string]string `json:"meta,omitempty"`
}

// AuthorizeRequest is the body of oauth/authorize and oauth/token/reference.
type AuthorizeRequest struct {
	Agent   *Agent   `json:"agent,omitempty"`
	Actions *Actions `json:"actions,omitempty"`
}

// Actions say what happens once the person has consented.
type Actions struct {
	Pull *SessionOptions `json:"pull,omitempty"`
}

// TriggerRequest is the body of permission-access/trigger.
type TriggerRequest struct {
	SessionOptions
	Agent *Agent `json:"agent,omitempty"`
}
