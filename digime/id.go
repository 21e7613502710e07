package digime

// The identifiers of the protocol. Each kind has a type of its own, so that the compiler notices when one is passed
// in place of another. All of them are opaque.
type (
	// ApplicationID identifies an application that is registered with a server.
	ApplicationID string
	// ContractID identifies a contract of an application.
	ContractID string
	// UserID identifies a person towards one application. It says nothing to any other application.
	UserID string
	// ConsentID identifies one consent of a person.
	ConsentID string
	// AccountID identifies one account of a person, as [User.ListAccounts] returns it.
	AccountID string
	// FileName identifies one file of a session, as [Session.ListFiles] returns it.
	FileName string
	// DeliveryID identifies a [Delivery].
	DeliveryID string
	// StorageID identifies a [Storage]. Only the application whose storage it is reaches it.
	StorageID string
)

// The identifiers of the catalogue, which are numbers.
type (
	// SourceID identifies a [Source].
	SourceID int
	// ServiceID identifies the service of a source: see [Service] and [ServiceScope].
	ServiceID int
	// ServiceGroupID identifies a group of services.
	ServiceGroupID int
	// ObjectTypeID identifies a type of the objects that mapped files contain.
	ObjectTypeID int
	// CategoryID identifies a [Category].
	CategoryID int
	// CountryID identifies a [Country]: its number in ISO 3166-1.
	CountryID int
	// PlatformID identifies a [Platform].
	PlatformID int
)
