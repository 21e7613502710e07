package digime

import (
	"reflect"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// SessionOptions say what a session reads. The zero value reads all that the contract allows, and lets the server fetch
// new data from the person's sources.
type SessionOptions struct {
	// Scope restricts what is read.
	Scope Scope
	// SkipFetch reads only what is in the library already.
	SkipFetch bool
	// FetchAccounts restricts the fetching to these accounts. The default is all accounts.
	FetchAccounts []AccountID
	// FetchTimeout bounds the time that the server spends on fetching, in whole seconds. The default is no bound.
	FetchTimeout time.Duration
}

// Scope restricts what a session reads. The zero value does not.
type Scope struct {
	// TimeRanges select mapped files by time: those that reach into one of the ranges, each as a whole. A file can hold
	// about a month of objects, so some of these may be from before or after. Files without times, such as a list of
	// allergies, are always selected.
	TimeRanges []TimeRange
	// ServiceGroups select mapped data by the type of its objects.
	ServiceGroups []ServiceGroupScope
	// Criteria select pushed files. A file is read if it matches at least one of them.
	Criteria []Criterion
}

// TimeRange is a span of time: From, To or both, which are included, or Last.
type TimeRange struct {
	// From is the start, in whole seconds.
	From time.Time
	// To is the end, in whole seconds.
	To time.Time
	// Last is a number and a unit: "3d", "6m" or "1y".
	Last string
}

// ServiceGroupScope selects the mapped data of a group of services.
type ServiceGroupScope struct {
	// ID is the group.
	ID ServiceGroupID
	// Services restrict the group. The default is all its services.
	Services []ServiceScope
}

// ServiceScope selects the mapped data of a service.
type ServiceScope struct {
	// ID is the service.
	ID ServiceID
	// ObjectTypes restrict the types of the objects. The default is all types.
	ObjectTypes []ObjectTypeID
}

// Criterion selects pushed files. A file matches if it matches all fields that are set.
type Criterion struct {
	// From selects the files that were pushed at this time or later, in whole seconds.
	From time.Time
	// Last selects the files that were pushed within this time: a number and a unit, "3d", "6m" or "1y".
	Last string
	// Metadata selects the files by their metadata.
	Metadata MetadataFilter
}

// MetadataFilter selects pushed files by their metadata. A file matches if it has at least one value of each list that
// is not empty.
type MetadataFilter struct {
	// ApplicationIDs are the applications that pushed the file.
	ApplicationIDs []ApplicationID
	// ContractIDs are the contracts with which the file was pushed.
	ContractIDs []ContractID
	// MIMETypes are types of the content.
	MIMETypes []string
	// References are names that the application gave to the file.
	References []string
	// Tags are labels of the file.
	Tags []string
	// Accounts are accounts of the person in the application's own system.
	Accounts []AccountFilter
}

// AccountFilter selects by an account in the system of the application that pushed the file.
type AccountFilter struct {
	// AccountID is the id of the account: the AccountID of [PushInput].
	AccountID string
	// Username is the name of the person there.
	Username string
}

func (o SessionOptions) wire() wire.SessionOptions {
	var w wire.SessionOptions
	if !reflect.ValueOf(o.Scope).IsZero() {
		scope := o.Scope.wire()
		w.Scope = &scope
	}
	if o.FetchTimeout > 0 {
		w.Limits = &wire.Limits{}
		w.Limits.Duration.SourceFetch = int(o.FetchTimeout.Round(time.Second).Seconds())
	}
	if o.SkipFetch {
		w.SourceFetch = new(bool)
	}
	if len(o.FetchAccounts) > 0 {
		w.SourceFetchFilter = &wire.SourceFetchFilter{}
		w.SourceFetchFilter.Account.ID = convertTexts[wire.AccountID](o.FetchAccounts)
	}
	return w
}

func (s Scope) wire() wire.Scope {
	return wire.Scope{
		TimeRanges: mapAll(s.TimeRanges, func(r TimeRange) wire.TimeRange {
			return wire.TimeRange{From: secondsOf(r.From), To: secondsOf(r.To), Last: r.Last}
		}),
		ServiceGroups: mapAll(s.ServiceGroups, func(g ServiceGroupScope) wire.ServiceGroup {
			return wire.ServiceGroup{ID: int(g.ID), ServiceTypes: mapAll(g.Services, ServiceScope.wire)}
		}),
		Criteria: mapAll(s.Criteria, Criterion.wire),
	}
}

func (s ServiceScope) wire() wire.ServiceType {
	return wire.ServiceType{
		ID: int(s.ID),
		ServiceObjectTypes: mapAll(s.ObjectTypes, func(id ObjectTypeID) wire.ServiceObjectType {
			return wire.ServiceObjectType{ID: int(id)}
		}),
	}
}

func (c Criterion) wire() wire.Criterion {
	w := wire.Criterion{From: secondsOf(c.From), Last: c.Last}
	if m := c.Metadata; !reflect.ValueOf(m).IsZero() {
		w.Metadata = &wire.MetadataFilter{
			AppID:      convertTexts[wire.ApplicationID](m.ApplicationIDs),
			ContractID: convertTexts[wire.ContractID](m.ContractIDs),
			MIMEType:   m.MIMETypes, Reference: m.References, Tags: m.Tags,
			Accounts: mapAll(m.Accounts, func(f AccountFilter) wire.AccountFilter { return wire.AccountFilter(f) }),
		}
	}
	return w
}
