package wire

// SessionOptions say what a session is to read (PullSessionOptions of the
// platform). The zero value reads everything that the contract allows.
type SessionOptions struct {
	Limits *Limits `json:"limits,omitempty"`
	Scope  *Scope  `json:"scope,omitempty"`
	// SourceFetch false asks for what is in the library already; absent means true.
	SourceFetch       *bool              `json:"sourceFetch,omitempty"`
	SourceFetchFilter *SourceFetchFilter `json:"sourceFetchFilter,omitempty"`
}

// Limits bound a session.
type Limits struct {
	Duration struct {
		// SourceFetch is in seconds; 0 means no limit.
		SourceFetch int `json:"sourceFetch"`
	} `json:"duration"`
}

// Scope narrows a session. TimeRanges and ServiceGroups select mapped data,
// Criteria select raw files; a file is read if any criterion fits it.
type Scope struct {
	TimeRanges    []TimeRange    `json:"timeRanges,omitempty"`
	ServiceGroups []ServiceGroup `json:"serviceGroups,omitempty"`
	Criteria      []Criterion    `json:"criteria,omitempty"`
}

// TimeRange is a span of time: From and To, or Last, which is a number and a unit
// (3d, 6m, 1y).
type TimeRange struct {
	From Seconds `json:"from,omitempty"`
	To   Seconds `json:"to,omitempty"`
	Last string  `json:"last,omitempty"`
}

// ServiceGroup selects mapped data down to object types.
type ServiceGroup struct {
	ID int `json:"id"`
	// ServiceTypes narrow the group; empty means all of it.
	ServiceTypes []ServiceType `json:"serviceTypes,omitempty"`
}

// ServiceType is a part of a [ServiceGroup].
type ServiceType struct {
	ID int `json:"id"`
	// ServiceObjectTypes narrow the type; empty means all of it.
	ServiceObjectTypes []ServiceObjectType `json:"serviceObjectTypes,omitempty"`
}

// ServiceObjectType is a part of a [ServiceType].
type ServiceObjectType struct {
	ID int `json:"id"`
}

// Criterion selects raw files: those pushed since From, or within Last, whose
// metadata fits. All of its members must fit.
type Criterion struct {
	From     Seconds         `json:"from,omitempty"`
	Last     string          `json:"last,omitempty"`
	Metadata *MetadataFilter `json:"metadata,omitempty"`
}

// MetadataFilter fits a file when, for each list that is not empty, the file has
// at least one of its values.
type MetadataFilter struct {
	AppID      []ApplicationID `json:"appId,omitempty"`
	ContractID []ContractID    `json:"contractId,omitempty"`
	MIMEType   []string        `json:"mimeType,omitempty"`
	Reference  []string        `json:"reference,omitempty"`
	Tags       []string        `json:"tags,omitempty"`
	Accounts   []AccountFilter `json:"accounts,omitempty"`
}

// AccountFilter selects by the pusher's own account id.
type AccountFilter struct {
	AccountID string `json:"accountId"`
	Username  string `json:"username,omitempty"`
}

// SourceFetchFilter narrows the fetching from sources to accounts.
type SourceFetchFilter struct {
	Account struct {
		ID []AccountID `json:"id,omitempty"`
	} `json:"account"`
}
