package digime

import "github.com/carrelhq/carrel/digime/wire"

// The words of the protocol. Ids are types of their own, so that one cannot be
// handed over for another; constants and string conversions make them.
type (
	// ApplicationID names a registered application.
	ApplicationID = wire.ApplicationID
	// ContractID names a contract.
	ContractID = wire.ContractID
	// AccountID names one connection of a person, as [User.ReadAccounts] lists it.
	AccountID = wire.AccountID
	// FileName names one file of a session.
	FileName = wire.FileName
	// Millis is a time in Unix milliseconds; its method Time makes a [time.Time].
	Millis = wire.Millis
	// Seconds is a time in Unix seconds; its method Time makes a [time.Time].
	Seconds = wire.Seconds
)

// What a session reads. The zero value of [SessionOptions] reads everything that
// the contract allows.
type (
	// SessionOptions say what a session is to read: Scope narrows it, Limits bound
	// the fetching from sources, SourceFetch set to false reads only what is in the
	// library already, SourceFetchFilter fetches for some accounts only.
	SessionOptions = wire.SessionOptions
	// Limits bound the time spent on fetching, in seconds.
	Limits = wire.Limits
	// Scope narrows a session: TimeRanges and ServiceGroups for mapped data,
	// Criteria for files that were pushed.
	Scope = wire.Scope
	// TimeRange is From and To in Unix seconds, or Last, such as "6m".
	TimeRange = wire.TimeRange
	// ServiceGroup selects mapped data down to object types.
	ServiceGroup = wire.ServiceGroup
	// ServiceType is a part of a [ServiceGroup].
	ServiceType = wire.ServiceType
	// ServiceObjectType is a part of a [ServiceType].
	ServiceObjectType = wire.ServiceObjectType
	// Criterion selects pushed files by time and metadata; all of it must fit.
	Criterion = wire.Criterion
	// MetadataFilter selects by what the pusher said of a file; one value of each
	// list must fit.
	MetadataFilter = wire.MetadataFilter
	// AccountFilter selects by the pusher's own account id.
	AccountFilter = wire.AccountFilter
	// SourceFetchFilter names the accounts to fetch for.
	SourceFetchFilter = wire.SourceFetchFilter
)

// What a session has read.
type (
	// FileList is how far a session is, and what it has so far.
	FileList = wire.FileList
	// FileListStatus is how far a session is, in all and by account.
	FileListStatus = wire.FileListStatus
	// AccountStatus is how far one account is.
	AccountStatus = wire.AccountStatus
	// AccountError says why an account could be read only in part.
	AccountError = wire.AccountError
	// ObjectTypeError is the fault of one kind of object.
	ObjectTypeError = wire.ObjectTypeError
	// FileEntry is one file of a list.
	FileEntry = wire.FileEntry
	// Schema says what mapped content conforms to.
	Schema = wire.Schema
	// FileMetadata describes a file: Raw for one that was pushed, Mapped for one
	// that came from a source.
	FileMetadata = wire.FileMetadata
	// RawMetadata is what the pusher said of a file, and who pushed it when.
	RawMetadata = wire.RawMetadata
	// MappedMetadata says what kind of objects a file holds.
	MappedMetadata = wire.MappedMetadata
	// DescriptorAccount is the person's account in the pusher's own system.
	DescriptorAccount = wire.DescriptorAccount
	// ObjectType says what a file's content is.
	ObjectType = wire.ObjectType
)

// Who is connected, and what for.
type (
	// Account is one connection of a person.
	Account = wire.Account
	// AccessTokenStatus says whether an account's own access still stands.
	AccessTokenStatus = wire.AccessTokenStatus
	// ContractDetails is what the server knows of a contract.
	ContractDetails = wire.ContractDetails
	// ApplicationDetails is the application in [ContractDetails].
	ApplicationDetails = wire.ApplicationDetails
)

// What an [Account] can be, as far as this package makes use of it.
const (
	// AccountUser stands for the person at the application itself.
	AccountUser = wire.AccountTypeUser
	// AccountPush is a provider that [User.PushToProvider] sends to.
	AccountPush = wire.AccountTypePush
)

// States of a [FileList] and of the accounts in it.
const (
	StatePending   = wire.StatePending
	StateRunning   = wire.StateRunning
	StatePartial   = wire.StatePartial
	StateCompleted = wire.StateCompleted
)
