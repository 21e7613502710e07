package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// MaxMetadata bounds a descriptor's metadata, in bytes of JSON. It comes back in
// the x-metadata header, and Node refuses answers whose headers pass 16 KiB.
const MaxMetadata = 8 << 10

// maxHeader bounds the x-metadata header that a push will come back with, before
// the server adds its own members. Text can grow when it is encoded again.
const maxHeader = 12 << 10

// Descriptor is what a pusher says of a file: the metadata claim of the
// FileDescriptor header. Members that we do not know are kept in Extra.
type Descriptor struct {
	MIMEType      string
	Accounts      []DescriptorAccount
	Reference     []string
	Tags          []string
	ObjectTypes   []ObjectType
	ServiceGroups []int
	ProviderName  string
	// Extra holds further members as they were sent.
	Extra map[string]json.RawMessage
}

// DescriptorAccount is the person's account in the pusher's own system.
type DescriptorAccount struct {
	AccountID string
	// Extra holds further members as they were sent.
	Extra map[string]json.RawMessage
}

// ObjectType says what the content is.
type ObjectType struct {
	Name       string   `json:"name"`
	References []string `json:"references,omitempty"`
}

// RawMetadata is what a reader learns of a pushed file. It is the descriptor with
// lower-case names and with what the server adds; unknown members of the
// descriptor travel on in Extra.
type RawMetadata struct {
	MIMEType      string
	Accounts      []DescriptorAccount
	ApplicationID ApplicationID
	ContractID    ContractID
	PartnerID     string
	Created       Millis
	Reference     []string
	Tags          []string
	ObjectTypes   []ObjectType
	ServiceGroups []int
	ProviderName  string
	Extra         map[string]json.RawMessage
}

// serverSet are members that only the server sets: a pusher's are ignored.
var serverSet = []string{"appid", "contractid", "partnerid", "created", "appId", "contractId", "partnerId"}

// ParseDescriptor reads and checks the metadata of a push. It returns an [*Error]
// of code ValidationErrors that names the member at fault: mimeType and a
// non-empty accounts are required, references and tags are arrays of strings.
func ParseDescriptor(data []byte) (*Descriptor, error) {
	if len(data) > MaxMetadata {
		return nil, Validation(fmt.Sprintf("FileDescriptor metadata is larger than %d bytes", MaxMetadata))
	}
	members, err := object(data)
	if err != nil {
		return nil, Validation("FileDescriptor metadata is not a JSON object")
	}
	d := &Descriptor{}
	var accounts []map[string]json.RawMessage
	for _, m := range []struct {
		name     string
		into     any
		required bool
	}{
		{"mimeType", &d.MIMEType, true},
		{"accounts", &accounts, true},
		{"reference", (*texts)(&d.Reference), false},
		{"tags", (*texts)(&d.Tags), false},
		{"objectTypes", &d.ObjectTypes, false},
		{"serviceGroups", &d.ServiceGroups, false},
		{"providerName", &d.ProviderName, false},
	} {
		raw, ok := members[m.name]
		delete(members, m.name)
		if !ok || string(raw) == "null" {
			if m.required {
				return nil, Validation("FileDescriptor metadata." + m.name + " is required")
			}
			continue
		}
		if err := json.Unmarshal(raw, m.into); err != nil {
			return nil, Validation("FileDescriptor metadata." + m.name + " has the wrong type")
		}
	}
	if d.MIMEType == "" {
		return nil, Validation("FileDescriptor metadata.mimeType is empty")
	}
	if len(accounts) == 0 {
		return nil, Validation("FileDescriptor metadata.accounts is empty")
	}
	for i, a := range accounts {
		var account DescriptorAccount
		if err := json.Unmarshal(a["accountId"], &account.AccountID); err != nil || account.AccountID == "" {
			return nil, Validation(fmt.Sprintf("FileDescriptor metadata.accounts[%d].accountId is required", i))
		}
		delete(a, "accountId")
		delete(a, "accountid")
		account.Extra = keep(a)
		d.Accounts = append(d.Accounts, account)
	}
	for _, name := range serverSet {
		delete(members, name)
	}
	// Their read-back spellings would shadow the checked members.
	for _, name := range []string{"mimetype", "objecttypes", "servicegroups"} {
		delete(members, name)
	}
	d.Extra = keep(members)
	// At worst a byte becomes three (an invalid one) and then four of base64.
	if len(data) > maxHeader/4 {
		back := d.ReadBack()
		header, err := FileMetadata{Raw: &back}.EncodeHeader()
		if err != nil || len(header) > maxHeader {
			return nil, Validation(fmt.Sprintf("FileDescriptor metadata is larger than %d bytes", MaxMetadata))
		}
	}
	return d, nil
}

// texts is a list of strings in which null is no string.
type texts []string

func (t *texts) UnmarshalJSON(data []byte) error {
	var list []*string
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	out := make(texts, 0, len(list))
	for _, s := range list {
		if s == nil {
			return fmt.Errorf("want text, got null")
		}
		out = append(out, *s)
	}
	*t = out
	return nil
}

// MarshalJSON writes the metadata claim of a push.
func (d Descriptor) MarshalJSON() ([]byte, error) {
	accounts := make([]map[string]any, 0, len(d.Accounts))
	for _, a := range d.Accounts {
		accounts = append(accounts, withExtra(a.Extra, map[string]any{"accountId": a.AccountID}))
	}
	m := withExtra(d.Extra, map[string]any{"mimeType": d.MIMEType, "accounts": accounts})
	setList(m, "reference", d.Reference)
	setList(m, "tags", d.Tags)
	setList(m, "objectTypes", d.ObjectTypes)
	setList(m, "serviceGroups", d.ServiceGroups)
	setText(m, "providerName", d.ProviderName)
	return marshal(m)
}

// ReadBack is the metadata as a reader gets it, before the server adds its own.
func (d *Descriptor) ReadBack() RawMetadata {
	return RawMetadata{
		MIMEType: d.MIMEType, Accounts: d.Accounts, Reference: d.Reference, Tags: d.Tags,
		ObjectTypes: d.ObjectTypes, ServiceGroups: d.ServiceGroups, ProviderName: d.ProviderName, Extra: d.Extra,
	}
}

// MarshalJSON writes the metadata as a reader gets it.
func (m RawMetadata) MarshalJSON() ([]byte, error) {
	accounts := make([]map[string]any, 0, len(m.Accounts))
	for _, a := range m.Accounts {
		accounts = append(accounts, withExtra(a.Extra, map[string]any{"accountid": a.AccountID}))
	}
	out := withExtra(m.Extra, map[string]any{"mimetype": m.MIMEType, "accounts": accounts})
	setText(out, "appid", m.ApplicationID)
	setText(out, "contractid", m.ContractID)
	setText(out, "partnerid", m.PartnerID)
	if m.Created != 0 {
		out["created"] = m.Created
	}
	setList(out, "reference", m.Reference)
	setList(out, "tags", m.Tags)
	setList(out, "objecttypes", m.ObjectTypes)
	setList(out, "servicegroups", m.ServiceGroups)
	setText(out, "providerName", m.ProviderName)
	return marshal(out)
}

// UnmarshalJSON reads the metadata as a reader gets it.
func (m *RawMetadata) UnmarshalJSON(data []byte) error {
	members, err := object(data)
	if err != nil {
		return err
	}
	var accounts []map[string]json.RawMessage
	for name, into := range map[string]any{
		"mimetype": &m.MIMEType, "accounts": &accounts, "appid": &m.ApplicationID, "contractid": &m.ContractID,
		"partnerid": &m.PartnerID, "created": &m.Created, "reference": &m.Reference, "tags": &m.Tags,
		"objecttypes": &m.ObjectTypes, "servicegroups": &m.ServiceGroups, "providerName": &m.ProviderName,
	} {
		if raw, ok := members[name]; ok {
			if err := json.Unmarshal(raw, into); err != nil {
				return fmt.Errorf("metadata member %s: %w", name, err)
			}
			delete(members, name)
		}
	}
	m.Accounts = nil
	for _, a := range accounts {
		var account DescriptorAccount
		if err := json.Unmarshal(a["accountid"], &account.AccountID); err != nil {
			return fmt.Errorf("metadata member accounts: %w", err)
		}
		delete(a, "accountid")
		account.Extra = keep(a)
		m.Accounts = append(m.Accounts, account)
	}
	m.Extra = keep(members)
	return nil
}

// FileMetadata is the content of an x-metadata header: raw files have Raw, mapped
// ones Mapped.
type FileMetadata struct {
	Raw    *RawMetadata
	Mapped *MappedMetadata
	// Compression is "gzip", "brotli" or empty: how the content was compressed
	// before it was encrypted.
	Compression string
}

// MappedMetadata is what a reader learns of a file of mapped objects.
type MappedMetadata struct {
	ObjectCount  int    `json:"objectCount"`
	ObjectType   string `json:"objectType"`
	ServiceGroup string `json:"serviceGroup"`
	ServiceName  string `json:"serviceName"`
	Schema       Schema `json:"schema"`
}

type fileMetadataJSON struct {
	Metadata    json.RawMessage `json:"metadata"`
	Compression string          `json:"compression,omitempty"`
}

// EncodeHeader is the text of the x-metadata header: padded base64 in the
// standard alphabet, the only one that Android takes.
func (m FileMetadata) EncodeHeader() (string, error) {
	var inner any = m.Raw
	if m.Mapped != nil {
		inner = m.Mapped
	}
	metadata, err := marshal(inner)
	if err != nil {
		return "", fmt.Errorf("encode file metadata: %w", err)
	}
	text, err := marshal(fileMetadataJSON{metadata, m.Compression})
	if err != nil {
		return "", fmt.Errorf("encode file metadata: %w", err)
	}
	return base64.StdEncoding.EncodeToString(text), nil
}

// ParseFileMetadata reads an x-metadata header in either base64 alphabet.
func ParseFileMetadata(header string) (FileMetadata, error) {
	text := strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(header), "=")
	data, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return FileMetadata{}, fmt.Errorf("x-metadata is not base64: %w", err)
	}
	var outer fileMetadataJSON
	if err := json.Unmarshal(data, &outer); err != nil {
		return FileMetadata{}, fmt.Errorf("x-metadata is not JSON: %w", err)
	}
	members, err := object(outer.Metadata)
	if err != nil {
		return FileMetadata{}, fmt.Errorf("x-metadata has no metadata: %w", err)
	}
	m := FileMetadata{Compression: outer.Compression}
	var into any
	if _, raw := members["mimetype"]; raw {
		m.Raw = &RawMetadata{}
		into = m.Raw
	} else {
		m.Mapped = &MappedMetadata{}
		into = m.Mapped
	}
	if err := json.Unmarshal(outer.Metadata, into); err != nil {
		return FileMetadata{}, fmt.Errorf("x-metadata: %w", err)
	}
	return m, nil
}

// marshal is json.Marshal without the escaping of <, > and & for HTML, which would
// make six bytes of one in a header that is short of room.
func marshal(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// object decodes a JSON object and refuses everything else, null included.
func object(data []byte) (map[string]json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, err
	}
	if members == nil {
		return nil, fmt.Errorf("want a JSON object, got null")
	}
	return members, nil
}

func keep(m map[string]json.RawMessage) map[string]json.RawMessage {
	for name, raw := range m {
		if string(raw) == "null" {
			delete(m, name)
		}
	}
	if len(m) == 0 {
		return nil
	}
	return m
}

func withExtra(extra map[string]json.RawMessage, m map[string]any) map[string]any {
	for name, raw := range extra {
		if _, taken := m[name]; !taken {
			m[name] = raw
		}
	}
	return m
}

func setList[T any](m map[string]any, name string, list []T) {
	if list != nil {
		m[name] = list
	}
}

func setText[T ~string](m map[string]any, name string, text T) {
	if text != "" {
		m[name] = text
	}
}
