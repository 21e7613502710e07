package wire

// The shapes of the JSON answers. Optional members are left out when they are
// empty, never null: the Node client's validators refuse null.

// Session is the right to read, for a while: its key stands in the URLs of the
// query calls.
type Session struct {
	Key    string `json:"key"`
	Expiry Millis `json:"expiry"`
}

// SignedAnswer is the answer of the oauth calls: a token signed by the server,
// and a session where the call opens one.
type SignedAnswer struct {
	Token   string   `json:"token"`
	Session *Session `json:"session,omitempty"`
}

// TriggerAnswer is the answer of permission-access/trigger.
type TriggerAnswer struct {
	Session Session `json:"session"`
}

// ReferenceAnswer is the answer of base/reference.
type ReferenceAnswer struct {
	ID string `json:"id"`
}

// RevokeAnswer is the answer of permission-access/revoke: the address of a page.
type RevokeAnswer struct {
	Location string `json:"location"`
}

// ReferenceRequest is the body of base/reference.
type ReferenceRequest struct {
	// Type is "accountId" or "cloudId".
	Type  string `json:"type"`
	Value string `json:"value"`
}

// States of a session's reading, or of one account in it.
const (
	StatePending   = "pending"
	StateRunning   = "running"
	StatePartial   = "partial"
	StateCompleted = "completed"
)

// FileList is the answer of permission-access/query/{session}.
type FileList struct {
	Status FileListStatus `json:"status"`
	Files  []FileEntry    `json:"fileList,omitempty"`
}

// FileListStatus says how far the reading is, in all and by account.
type FileListStatus struct {
	State   string                      `json:"state"`
	Details map[AccountID]AccountStatus `json:"details,omitempty"`
}

// AccountStatus is how far one account is. State is never "pending" here, and
// "partial" always comes with Error.
type AccountStatus struct {
	State string        `json:"state"`
	Error *AccountError `json:"error,omitempty"`
}

// AccountError says why an account is only partly read.
type AccountError struct {
	Code             string            `json:"code"`
	StatusCode       int               `json:"statusCode"`
	Message          string            `json:"message"`
	Reauthorize      bool              `json:"reauth,omitempty"`
	RetryAfter       Millis            `json:"retryAfter,omitempty"`
	ObjectTypeErrors []ObjectTypeError `json:"objectTypeErrors,omitempty"`
}

// ObjectTypeError is the fault of one kind of object.
type ObjectTypeError struct {
	ObjectType int `json:"objectType"`
	Error      struct {
		Code       string `json:"code"`
		Message    string `json:"message"`
		StatusCode int    `json:"statusCode"`
	} `json:"error"`
}

// FileEntry is one file of a session's list. Files that were pushed have a name
// and a date; mapped ones say more.
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

// Schema says what mapped content conforms to. Standard is "fhir" or "digime".
type Schema struct {
	Standard string `json:"standard"`
	Version  string `json:"version"`
	ID       string `json:"id,omitempty"`
}

// Account types that we give out.
const (
	AccountTypeUser = "USER"
	AccountTypePush = "PUSH"
)

// Account is one entry of permission-access/accounts.
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

// AccessTokenStatus says whether an account's own access still stands.
type AccessTokenStatus struct {
	Authorized bool   `json:"authorized"`
	ExpiresAt  Millis `json:"expiresAt,omitempty"`
}

// Access types of a contract.
const (
	AccessRead  = "r"
	AccessWrite = "w"
)

// ContractDetails is the answer of permission-access/contract.
type ContractDetails struct {
	ID                               ContractID         `json:"id"`
	AccessType                       string             `json:"accessType"`
	Application                      ApplicationDetails `json:"application"`
	Certificate                      string             `json:"certificate"`
	CertificateContractSchemaVersion string             `json:"certificateContractSchemaVersion"`
	ExpirationDate                   Millis             `json:"expirationDate"`
	PartnerID                        string             `json:"partnerId"`
	// Type is "json" or "x509", and says what Certificate holds.
	Type string `json:"type"`
}

// ApplicationDetails is the application in [ContractDetails].
type ApplicationDetails struct {
	ID        ApplicationID     `json:"id"`
	Name      string            `json:"name"`
	Resources map[string]string `json:"resources"`
	Status    int               `json:"status"`
}

// Agent says which client made a request.
type Agent struct {
	SDK SDK `json:"sdk"`
}

// SDK names a client and its version.
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

// Actions are what to do once the person has agreed.
type Actions struct {
	Pull *SessionOptions `json:"pull,omitempty"`
}

// TriggerRequest is the body of permission-access/trigger.
type TriggerRequest struct {
	SessionOptions
	Agent *Agent `json:"agent,omitempty"`
}
