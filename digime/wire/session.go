package wire

import (
	"encoding/json"
	"reflect"
)

// SessionOptions say what a session reads. The zero value reads all that the contract allows.
type SessionOptions struct {
	Limits *Limits `json:"limits,omitempty"`
	Scope  *Scope  `json:"scope,omitempty"`
	// SourceFetch is false to read only what is in the library already. Absent means true.
	SourceFetch       *bool              `json:"sourceFetch,omitempty"`
	SourceFetchFilter *SourceFetchFilter `json:"sourceFetchFilter,omitempty"`
}

// Limits bound the time that a session takes.
type Limits struct {
	Duration struct {
		// SourceFetch is in seconds; 0 means no limit.
		SourceFetch int `json:"sourceFetch"`
	} `json:"duration"`
}

// Scope restricts a session. TimeRanges and ServiceGroups select mapped files. Criteria select pushed files: a file is
// read if it matches at least one of them.
type Scope struct {
	TimeRanges    []TimeRange    `json:"timeRanges,omitempty"`
	ServiceGroups []ServiceGroup `json:"serviceGroups,omitempty"`
	Criteria      []Criterion    `json:"criteria,omitempty"`
}

// UnmarshalJSON refuses an item that is null, which would select everything.
func (s *Scope) UnmarshalJSON(data []byte) error {
	var items struct {
		TimeRanges    []*TimeRange    `json:"timeRanges"`
		ServiceGroups []*ServiceGroup `json:"serviceGroups"`
		Criteria      []*Criterion    `json:"criteria"`
	}
	if err := json.Unmarshal(data, &items); err != nil {
		return err
	}
	var read Scope
	var err error
	if read.TimeRanges, err = withoutNull("timeRanges", items.TimeRanges); err != nil {
		return err
	}
	if read.ServiceGroups, err = withoutNull("serviceGroups", items.ServiceGroups); err != nil {
		return err
	}
	if read.Criteria, err = withoutNull("criteria", items.Criteria); err != nil {
		return err
	}
	*s = read
	return nil
}

func withoutNull[T any](member string, items []*T) ([]T, error) {
	if items == nil {
		return nil, nil
	}
	list := make([]T, 0, len(items))
	for _, item := range items {
		if item == nil {
			return nil, &json.UnmarshalTypeError{Value: "null", Type: reflect.TypeFor[T](), Field: member}
		}
		list = append(list, *item)
	}
	return list, nil
}

// TimeRange is a span of time: From and To, or Last, which is a number and a unit (3d, 6m, 1y).
type TimeRange struct {
	From Seconds `json:"from,omitempty"`
	To   Seconds `json:"to,omitempty"`
	Last string  `json:"last,omitempty"`
}

// ServiceGroup selects the mapped data of a group of services.
type ServiceGroup struct {
	ID int `json:"id"`
	// ServiceTypes restrict the group; empty means all of it.
	ServiceTypes []ServiceType `json:"serviceTypes,omitempty"`
}

// ServiceType selects the mapped data of a service.
type ServiceType struct {
	ID int `json:"id"`
	// ServiceObjectTypes restrict the service; empty means all of it.
	ServiceObjectTypes []ServiceObjectType `json:"serviceObjectTypes,omitempty"`
}

// ServiceObjectType selects the mapped data of a type of objects.
type ServiceObjectType struct {
	ID int `json:"id"`
}

// Criterion selects pushed files: those that were pushed since From or within Last and whose metadata matches.
type Criterion struct {
	From     Seconds         `json:"from,omitempty"`
	Last     string          `json:"last,omitempty"`
	Metadata *MetadataFilter `json:"metadata,omitempty"`
}

// MetadataFilter selects files that have at least one value of each list that is not empty.
type MetadataFilter struct {
	AppID      []ApplicationID `json:"appId,omitempty"`
	ContractID []ContractID    `json:"contractId,omitempty"`
	MIMEType   []string        `json:"mimeType,omitempty"`
	Reference  []string        `json:"reference,omitempty"`
	Tags       []string        `json:"tags,omitempty"`
	Accounts   []AccountFilter `json:"accounts,omitempty"`
}

// AccountFilter selects by the account in the system of the application that pushed the file.
type AccountFilter struct {
	AccountID string `json:"accountId"`
	Username  string `json:"username,omitempty"`
}

// SourceFetchFilter restricts the fetching from sources to accounts.
type SourceFetchFilter struct {
	Account struct {
		ID []AccountID `json:"id,omitempty"`
	} `json:"account"`
}
