package digime

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
)

// FileMetadata describes a file. Either Raw or Mapped is set.
type FileMetadata struct {
	// Raw describes a file that was pushed.
	Raw *RawMetadata
	// Mapped describes a file of objects that the server has read from a source.
	Mapped *MappedMetadata
	// Compression is how the content was compressed before it was encrypted: "gzip", "brotli" or not at all. A
	// [File] decompresses it.
	Compression string
	// LastModified is when the file last changed; zero if the server does not say.
	LastModified time.Time
}

// RawMetadata describes a file that is not mapped. Most were pushed: it has what the application that pushed the file
// said, and what the server has added. Others were fetched from a source as they are, such as a letter. It marshals to
// the JSON of the protocol.
type RawMetadata struct {
	// MIMEType is the type of the content.
	MIMEType string
	// Accounts identify the person in the system of the application that pushed the file. Of a file that was fetched it
	// has the [Account] that it was fetched from.
	Accounts []PusherAccount
	// ApplicationID is the application that pushed the file, or for which it was fetched.
	ApplicationID ApplicationID
	// ContractID is the contract with which the file was pushed, or under which it was fetched.
	ContractID ContractID
	// PartnerID identifies the organisation that the contract belongs to.
	PartnerID string
	// CreatedAt is when the file was pushed, or last fetched.
	CreatedAt time.Time
	// Reference lists names that the application has for the file.
	Reference []string
	// Tags are labels of the file.
	Tags []string
	// ObjectTypes say what the content is.
	ObjectTypes []ObjectType
	// ServiceGroups are the service groups that the content belongs to.
	ServiceGroups []ServiceGroupID
	// ProviderName is the name of the author of the file.
	ProviderName string
	// Extra is further metadata, as it was pushed.
	Extra map[string]json.RawMessage
}

// PusherAccount is an account of the person in the system of the application that pushed a file.
type PusherAccount struct {
	// AccountID is the id of the account: the AccountID of [PushInput].
	AccountID string
	// Extra is what else was said of the account, as it was pushed.
	Extra map[string]json.RawMessage
}

// ObjectType says what a part of the content of a pushed file is.
type ObjectType struct {
	// Name is the type, such as "receipt".
	Name string
	// References are names of the objects of this type.
	References []string
}

// MappedMetadata describes a file of objects that the server has read from a source.
type MappedMetadata struct {
	// ObjectCount is the number of objects.
	ObjectCount int `json:"objectCount"`
	// ObjectType is the type of the objects.
	ObjectType string `json:"objectType"`
	// ServiceGroup is the name of the group of the service.
	ServiceGroup string `json:"serviceGroup"`
	// ServiceName is the name of the service.
	ServiceName string `json:"serviceName"`
	// Schema is what the objects conform to.
	Schema Schema `json:"schema"`
}

// metadataOf reads the headers of the response for a file.
func metadataOf(resp *http.Response) (FileMetadata, error) {
	w, err := wire.ParseFileMetadata(resp.Header.Get("X-Metadata"))
	if err != nil {
		return FileMetadata{}, fmt.Errorf("%w: %w", ErrInvalidResponse, err)
	}
	m := FileMetadata{Compression: w.Compression}
	if w.Raw != nil {
		raw := rawMetadataOf(*w.Raw)
		m.Raw = &raw
	}
	if w.Mapped != nil {
		m.Mapped = &MappedMetadata{
			ObjectCount: w.Mapped.ObjectCount, ObjectType: w.Mapped.ObjectType, ServiceGroup: w.Mapped.ServiceGroup,
			ServiceName: w.Mapped.ServiceName, Schema: Schema(w.Mapped.Schema),
		}
	}
	m.LastModified, _ = http.ParseTime(resp.Header.Get("Last-Modified")) // zero if it is absent
	return m, nil
}

func rawMetadataOf(w wire.RawMetadata) RawMetadata {
	return RawMetadata{
		MIMEType:      w.MIMEType,
		Accounts:      mapAll(w.Accounts, func(a wire.DescriptorAccount) PusherAccount { return PusherAccount(a) }),
		ApplicationID: ApplicationID(w.ApplicationID), ContractID: ContractID(w.ContractID), PartnerID: w.PartnerID,
		CreatedAt: timeOf(w.Created), Reference: w.Reference, Tags: w.Tags,
		ObjectTypes: mapAll(w.ObjectTypes, func(o wire.ObjectType) ObjectType {
			return ObjectType{Name: o.Name, References: o.References}
		}),
		ServiceGroups: convertNumbers[ServiceGroupID](w.ServiceGroups), ProviderName: w.ProviderName, Extra: w.Extra,
	}
}

func (m RawMetadata) wire() wire.RawMetadata {
	return wire.RawMetadata{
		MIMEType: m.MIMEType,
		Accounts: mapAll(m.Accounts, func(a PusherAccount) wire.DescriptorAccount {
			return wire.DescriptorAccount(a)
		}),
		ApplicationID: wire.ApplicationID(m.ApplicationID), ContractID: wire.ContractID(m.ContractID),
		PartnerID: m.PartnerID, Created: millisOf(m.CreatedAt), Reference: m.Reference, Tags: m.Tags,
		ObjectTypes:   wireObjectTypes(m.ObjectTypes),
		ServiceGroups: convertNumbers[int](m.ServiceGroups), ProviderName: m.ProviderName, Extra: m.Extra,
	}
}

func wireObjectTypes(list []ObjectType) []wire.ObjectType {
	return mapAll(list, func(o ObjectType) wire.ObjectType {
		return wire.ObjectType{Name: o.Name, References: o.References}
	})
}

// MarshalJSON writes the JSON of the protocol.
func (m RawMetadata) MarshalJSON() ([]byte, error) { return json.Marshal(m.wire()) }

// UnmarshalJSON reads the JSON of the protocol.
func (m *RawMetadata) UnmarshalJSON(data []byte) error {
	var w wire.RawMetadata
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	*m = rawMetadataOf(w)
	return nil
}
