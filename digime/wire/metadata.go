package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// MaxMetadata is the largest metadata of a descriptor, in bytes of JSON. It is returned in the header X-Metadata, and
// Node refuses responses whose headers exceed 16 KiB.
const MaxMetadata = 8 << 10

// maxHeader is the longest header X-Metadata that a push may lead to, before the server adds its own members. A text
// can grow when it is encoded again.
const maxHeader = 12 << 10

// Descriptor is what an application says of a file that it pushes: the claim metadata of the header FileDescriptor.
type Descriptor struct {
	MIMEType      string
	Accounts      []DescriptorAccount
	Reference     []string
	Tags          []string
	ObjectTypes   []ObjectType
	ServiceGroups []int
	ProviderName  string
	// Extra has the other members, as they were sent.
	Extra map[string]json.RawMessage
}

// DescriptorAccount is an account of the person in the system of the application that pushed the file.
type DescriptorAccount struct {
	AccountID string
	// Extra has the other members, as they were sent.
	Extra map[string]json.RawMessage
}

// ObjectType says what a part of the content is.
type ObjectType struct {
	Name       string   `json:"name"`
	References []string `json:"references,omitempty"`
}

// RawMetadata is the metadata of a pushed file for a reader: the descriptor with names in lower case, and what the
// server has added. Extra has the other members of the descriptor.
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

// serverSet are the members that only the server sets. Those of a descriptor are ignored.
var serverSet = []string{"appid", "contractid", "partnerid", "created", "appId", "contractId", "partnerId"}

// mappedOnly are the members of [MappedMetadata], which no pushed file has. Those of a descriptor are ignored.
var mappedOnly = []string{"objectCount", "objectType", "serviceGroup", "serviceName", "schema"}

// ParseDescriptor reads and checks the metadata of a push. Its error is an [*Error] with [CodeValidationErrors] that
// names the wrong member. mimeType and a non-empty accounts are required; reference and tags are arrays of strings.
func ParseDescriptor(data []byte) (*Descriptor, error) {
	if len(data) > MaxMetadata {
		return nil, Validation(fmt.Sprintf("FileDescriptor metadata is larger than %d bytes", MaxMetadata))
	}
	fields, err := object(data)
	if err != nil {
		return nil, Validation("FileDescriptor metadata is not a JSON object")
	}
	if !IsUnicode(data) {
		return nil, Validation("FileDescriptor metadata has a text that is not Unicode")
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
		raw, ok := fields[m.name]
		delete(fields, m.name)
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
		account.Extra = withoutNulls(a)
		d.Accounts = append(d.Accounts, account)
	}
	for _, name := range serverSet {
		delete(fields, name)
	}
	// With these a reader could take the file for one of mapped objects.
	for _, name := range mappedOnly {
		delete(fields, name)
	}
	// The spellings of RawMetadata would replace the members that were checked.
	for _, name := range []string{"mimetype", "objecttypes", "servicegroups"} {
		delete(fields, name)
	}
	d.Extra = withoutNulls(fields)
	// In the worst case a character of three bytes becomes an escape of six, and those become eight in base64.
	if len(data) > maxHeader/4 {
		back := d.ReadBack()
		header, err := FileMetadata{Raw: &back}.EncodeHeader()
		if err != nil || len(header) > maxHeader {
			return nil, Validation(fmt.Sprintf("FileDescriptor metadata is larger than %d bytes", MaxMetadata))
		}
	}
	return d, nil
}

// texts is a list of strings that refuses null.
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

// MarshalJSON writes the claim metadata of a push.
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

// ReadBack returns the metadata for a reader, before the server adds its own.
func (d *Descriptor) ReadBack() RawMetadata {
	return RawMetadata{
		MIMEType: d.MIMEType, Accounts: d.Accounts, Reference: d.Reference, Tags: d.Tags,
		ObjectTypes: d.ObjectTypes, ServiceGroups: d.ServiceGroups, ProviderName: d.ProviderName, Extra: d.Extra,
	}
}

// MarshalJSON writes the metadata for a reader.
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

// UnmarshalJSON reads the metadata for a reader.
func (m *RawMetadata) UnmarshalJSON(data []byte) error {
	fields, err := object(data)
	if err != nil {
		return err
	}
	var accounts []map[string]json.RawMessage
	for name, into := range map[string]any{
		"mimetype": &m.MIMEType, "accounts": &accounts, "appid": &m.ApplicationID, "contractid": &m.ContractID,
		"partnerid": &m.PartnerID, "created": &m.Created, "reference": &m.Reference, "tags": &m.Tags,
		"objecttypes": &m.ObjectTypes, "servicegroups": &m.ServiceGroups, "providerName": &m.ProviderName,
	} {
		if raw, ok := fields[name]; ok {
			if err := json.Unmarshal(raw, into); err != nil {
				return fmt.Errorf("metadata member %s: %w", name, err)
			}
			delete(fields, name)
		}
	}
	m.Accounts = nil
	for _, a := range accounts {
		var account DescriptorAccount
		if err := json.Unmarshal(a["accountid"], &account.AccountID); err != nil {
			return fmt.Errorf("metadata member accounts: %w", err)
		}
		delete(a, "accountid")
		account.Extra = withoutNulls(a)
		m.Accounts = append(m.Accounts, account)
	}
	m.Extra = withoutNulls(fields)
	return nil
}

// FileMetadata is the content of a header X-Metadata. Pushed files have Raw, mapped ones have Mapped.
type FileMetadata struct {
	Raw    *RawMetadata
	Mapped *MappedMetadata
	// Compression is how the content was compressed before it was encrypted: "gzip", "brotli" or empty.
	Compression string
}

// MappedMetadata is the metadata of a file of mapped objects.
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

// EncodeHeader returns the text of the header X-Metadata: padded base64 in the standard alphabet, the only one that the
// Android SDK accepts.
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

// ParseFileMetadata reads a header X-Metadata in either alphabet of base64.
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
	fields, err := object(outer.Metadata)
	if err != nil {
		return FileMetadata{}, fmt.Errorf("x-metadata has no metadata: %w", err)
	}
	m := FileMetadata{Compression: outer.Compression}
	var into any
	if _, raw := fields["mimetype"]; raw {
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

// marshal is json.Marshal without the escaping of <, > and & for HTML, which would turn one byte into six.
func marshal(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// object decodes a JSON object and refuses everything else, including null.
func object(data []byte) (map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, err
	}
	if fields == nil {
		return nil, fmt.Errorf("want a JSON object, got null")
	}
	return fields, nil
}

// withoutNulls removes the members that are null, and returns nil if no others are left.
func withoutNulls(m map[string]json.RawMessage) map[string]json.RawMessage {
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
