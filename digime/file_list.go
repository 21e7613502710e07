package digime

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// SessionState is how far a session, or one account in it, has been read from the sources.
type SessionState string

// The states of a session.
const (
	// SessionPending: the server has not started. The list of files means nothing yet.
	SessionPending SessionState = "pending"
	// SessionRunning: the server is fetching.
	SessionRunning SessionState = "running"
	// SessionPartial: the server has finished, and could not read all accounts.
	SessionPartial SessionState = "partial"
	// SessionCompleted: the server has finished.
	SessionCompleted SessionState = "completed"
)

// Final reports whether the state is a final one.
func (s SessionState) Final() bool { return s != SessionPending && s != SessionRunning }

// FileList is the state of a session and the files that it has so far. It marshals to the JSON of the protocol.
type FileList struct {
	// State is the state of the whole session.
	State SessionState
	// Accounts are the states of the single accounts.
	Accounts map[AccountID]AccountStatus
	// Files are the files so far. A Carrel lists those from sources first, in the order of the time that their contents
	// are of, and then those that were pushed, in the order in which they arrived. So UpdatedAt does not grow along the
	// list.
	Files []FileEntry
}

// AccountStatus is the state of one account in a session.
type AccountStatus struct {
	// State is the state. An account is never [SessionPending].
	State SessionState
	// Error says why the account is [SessionPartial]; otherwise it is nil.
	Error *AccountError
}

// AccountError says why an account could not be read, or not completely.
type AccountError struct {
	// Code is the kind of the error.
	Code ErrorCode
	// Status is the HTTP status of the error.
	Status int
	// Message describes the error, for people.
	Message string
	// Reauthorize says that the person has to renew the permission: see [User.ReauthorizeAccount].
	Reauthorize bool
	// RetryAt is when the server will be able to read the account again; zero if that is not known.
	RetryAt time.Time
	// ObjectTypes are the errors of single types of objects.
	ObjectTypes []ObjectTypeError
}

// ObjectTypeError is the error of one type of objects.
type ObjectTypeError struct {
	// ObjectType is the type.
	ObjectType ObjectTypeID
	// Code is the kind of the error.
	Code ErrorCode
	// Status is the HTTP status of the error.
	Status int
	// Message describes the error, for people.
	Message string
}

// FileEntry is a file in a [FileList]. A pushed file has a name and a time; a mapped one has the other fields as well.
type FileEntry struct {
	// Name identifies the file in its session.
	Name FileName
	// UpdatedAt is when the file last changed.
	UpdatedAt time.Time
	// Schema is what the objects conform to.
	Schema Schema
	// ServiceGroup is the name of the group of the service.
	ServiceGroup string
	// ServiceName is the name of the service.
	ServiceName string
	// ObjectType is the type of the objects.
	ObjectType string
	// ObjectVersion is the version of that type.
	ObjectVersion string
	// ObjectCount is the number of objects.
	ObjectCount int
}

// Schema is what mapped content conforms to.
type Schema struct {
	// Standard is "fhir" or "digime".
	Standard string `json:"standard"`
	// Version is the version of the standard.
	Version string `json:"version"`
	// ID is the address of the schema.
	ID string `json:"id,omitempty"`
}

// ListFiles returns the state of the session and the files that it has so far. Call it again, every few seconds, until
// the State is final. [Session.Files] does all of that.
func (s *Session) ListFiles(ctx context.Context) (FileList, error) {
	var list FileList
	cl, err := s.listCall()
	if err == nil {
		err = s.user.do(ctx, cl, jsonResponse{&list, maxList}.read)
	}
	if err == nil && list.State == "" {
		err = missing("state")
	}
	if err != nil {
		return FileList{}, fmt.Errorf("list files: %w", err)
	}
	return list, nil
}

// MarshalJSON writes the JSON of the protocol.
func (l FileList) MarshalJSON() ([]byte, error) {
	w := wire.FileList{Status: wire.FileListStatus{State: string(l.State)}}
	for id, a := range l.Accounts {
		if w.Status.Details == nil {
			w.Status.Details = make(map[wire.AccountID]wire.AccountStatus, len(l.Accounts))
		}
		w.Status.Details[wire.AccountID(id)] = a.wire()
	}
	w.Files = mapAll(l.Files, FileEntry.wire)
	return json.Marshal(w)
}

// UnmarshalJSON reads the JSON of the protocol.
func (l *FileList) UnmarshalJSON(data []byte) error {
	var w wire.FileList
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*l = FileList{State: SessionState(w.Status.State), Files: mapAll(w.Files, fileEntryOf)}
	for id, a := range w.Status.Details {
		if l.Accounts == nil {
			l.Accounts = make(map[AccountID]AccountStatus, len(w.Status.Details))
		}
		l.Accounts[AccountID(id)] = accountStatusOf(a)
	}
	return nil
}

func fileEntryOf(w wire.FileEntry) FileEntry {
	f := FileEntry{
		Name: FileName(w.Name), UpdatedAt: timeOf(w.UpdatedDate), ServiceGroup: w.ServiceGroup,
		ServiceName: w.ServiceName, ObjectType: w.ObjectType, ObjectVersion: w.ObjectVersion,
		ObjectCount: w.ObjectCount,
	}
	if w.Schema != nil {
		f.Schema = Schema(*w.Schema)
	}
	return f
}

func (f FileEntry) wire() wire.FileEntry {
	w := wire.FileEntry{
		Name: wire.FileName(f.Name), UpdatedDate: millisOf(f.UpdatedAt), ServiceGroup: f.ServiceGroup,
		ServiceName: f.ServiceName, ObjectType: f.ObjectType, ObjectVersion: f.ObjectVersion,
		ObjectCount: f.ObjectCount,
	}
	if f.Schema != (Schema{}) {
		schema := wire.Schema(f.Schema)
		w.Schema = &schema
	}
	return w
}

func accountStatusOf(w wire.AccountStatus) AccountStatus {
	s := AccountStatus{State: SessionState(w.State)}
	if e := w.Error; e != nil {
		s.Error = &AccountError{
			Code: ErrorCode(e.Code), Status: e.StatusCode, Message: e.Message, Reauthorize: e.Reauthorize,
			RetryAt: timeOf(e.RetryAfter),
			ObjectTypes: mapAll(e.ObjectTypeErrors, func(o wire.ObjectTypeError) ObjectTypeError {
				return ObjectTypeError{
					ObjectType: ObjectTypeID(o.ObjectType), Code: ErrorCode(o.Error.Code),
					Status: o.Error.StatusCode, Message: o.Error.Message,
				}
			}),
		}
	}
	return s
}

func (s AccountStatus) wire() wire.AccountStatus {
	w := wire.AccountStatus{State: string(s.State)}
	if e := s.Error; e != nil {
		w.Error = &wire.AccountError{
			Code: string(e.Code), StatusCode: e.Status, Message: e.Message, Reauthorize: e.Reauthorize,
			RetryAfter: millisOf(e.RetryAt),
			ObjectTypeErrors: mapAll(e.ObjectTypes, func(o ObjectTypeError) (w wire.ObjectTypeError) {
				w.ObjectType = int(o.ObjectType)
				w.Error.Code, w.Error.StatusCode, w.Error.Message = string(o.Code), o.Status, o.Message
				return w
			}),
		}
	}
	return w
}
