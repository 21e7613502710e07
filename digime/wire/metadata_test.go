package wire

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestParseDescriptor(t *testing.T) {
	text := `{"mimeType":"image/png","accounts":[{"accountId":"patient-42","username":"zoë"}],
		"reference":["scan.png"],"tags":[],"objectTypes":[{"name":"receipt","references":["1"]}],
		"serviceGroups":[3],"providerName":"Clinic","note":{"a":1},"partnerId":"forged","created":1,"nothing":null,
		"objectCount":1,"objectType":"post","serviceGroup":"social","serviceName":"x","schema":{"standard":"fhir"}}`
	d, err := ParseDescriptor([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := &Descriptor{
		MIMEType: "image/png",
		Accounts: []DescriptorAccount{{
			AccountID: "patient-42", Extra: map[string]json.RawMessage{"username": json.RawMessage(`"zoë"`)},
		}},
		Reference:   []string{"scan.png"},
		Tags:        []string{},
		ObjectTypes: []ObjectType{{Name: "receipt", References: []string{"1"}}}, ServiceGroups: []int{3},
		ProviderName: "Clinic",
		Extra:        map[string]json.RawMessage{"note": json.RawMessage(`{"a":1}`)},
	}
	if !reflect.DeepEqual(d, want) {
		t.Errorf("descriptor %+v, want %+v", d, want)
	}
}

func TestParseDescriptorRefuses(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"no JSON", `{`, "not a JSON object"},
		{"null", `null`, "not a JSON object"},
		{"a list", `[]`, "not a JSON object"},
		{"no mimeType", `{"accounts":[{"accountId":"1"}]}`, "mimeType is required"},
		{"mimeType null", `{"mimeType":null,"accounts":[{"accountId":"1"}]}`, "mimeType is required"},
		{"mimeType empty", `{"mimeType":"","accounts":[{"accountId":"1"}]}`, "mimeType is empty"},
		{"mimeType a number", `{"mimeType":1,"accounts":[{"accountId":"1"}]}`, "mimeType has the wrong type"},
		{"no accounts", `{"mimeType":"a/b"}`, "accounts is required"},
		{"accounts empty", `{"mimeType":"a/b","accounts":[]}`, "accounts is empty"},
		{"account null", `{"mimeType":"a/b","accounts":[null]}`, "accounts[0].accountId is required"},
		{"account without id", `{"mimeType":"a/b","accounts":[{"accountId":"1"},{}]}`,
			"accounts[1].accountId is required"},
		{"account id a number", `{"mimeType":"a/b","accounts":[{"accountId":1}]}`, "accounts[0].accountId is required"},
		{"tags text", `{"mimeType":"a/b","accounts":[{"accountId":"1"}],"tags":"x"}`, "tags has the wrong type"},
		{"tags of numbers", `{"mimeType":"a/b","accounts":[{"accountId":"1"}],"tags":[1]}`, "tags has the wrong type"},
		{"a null tag", `{"mimeType":"a/b","accounts":[{"accountId":"1"}],"tags":[null]}`, "tags has the wrong type"},
		{"reference text", `{"mimeType":"a/b","accounts":[{"accountId":"1"}],"reference":"x"}`,
			"reference has the wrong type"},
		{"half a surrogate pair", `{"mimeType":"a/b","accounts":[{"accountId":"1"}],"reference":["\ud83d"]}`,
			"not Unicode"},
		{"no UTF-8", `{"mimeType":"a/b","accounts":[{"accountId":"1"}],"tags":["` + "\xff" + `"]}`, "not Unicode"},
		{"too large", `{"mimeType":"a/b","accounts":[{"accountId":"1"}],"tags":["` +
			strings.Repeat("x", MaxMetadata) + `"]}`, "larger than"},
		{"grows too large", `{"mimeType":"a/b","accounts":[{"accountId":"1"}],"tags":["` +
			strings.Repeat("\u2028", 2600) + `"]}`, "larger than"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := ParseDescriptor([]byte(test.text))
			if !errors.Is(err, &Error{Code: CodeValidationErrors}) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

// What may be pushed comes back in a header that Node takes, whatever the text.
func TestMetadataHeaderFits(t *testing.T) {
	for _, filler := range []string{"x", "<", "&", "é", "\\u2028", "\\u0001", "\u2028", "\xff"} {
		for size := 1000; size <= MaxMetadata; size += 1000 {
			text := `{"mimeType":"a/b","accounts":[{"accountId":"1"}],"tags":["` +
				strings.Repeat(filler, size/len(filler)) + `"]}`
			d, err := ParseDescriptor([]byte(text))
			if err != nil {
				continue
			}
			back := d.ReadBack()
			back.ApplicationID = ApplicationID(strings.Repeat("a", 64))
			back.ContractID = ContractID(strings.Repeat("c", 64))
			back.PartnerID, back.Created = strings.Repeat("p", 64), 1795499803480
			header, err := FileMetadata{Raw: &back, Compression: "gzip"}.EncodeHeader()
			if err != nil {
				t.Fatal(err)
			}
			if len(header) > 14<<10 {
				t.Errorf("%d bytes of %q come back as a header of %d", size, filler, len(header))
			}
		}
	}
}

func TestFileMetadata(t *testing.T) {
	for name, want := range map[string]FileMetadata{
		"raw": {Compression: "gzip", Raw: &RawMetadata{
			MIMEType: "image/png", Accounts: []DescriptorAccount{{AccountID: "1"}}, ApplicationID: "a", ContractID: "c",
			PartnerID: "p", Created: 1795499803480, Reference: []string{"x"}, Tags: []string{},
			Extra: map[string]json.RawMessage{"note": []byte(`"<ü>"`)},
		}},
		"mapped": {Mapped: &MappedMetadata{
			ObjectCount: 3, ObjectType: "Observation", ServiceGroup: "Medical", ServiceName: "Clinic",
			Schema: Schema{Standard: "fhir", Version: "3.0.1"},
		}},
	} {
		header, err := want.EncodeHeader()
		if err != nil {
			t.Fatal(err)
		}
		urlSafe := strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(header), "=")
		for _, text := range []string{header, urlSafe} {
			got, err := ParseFileMetadata(text)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %+v, error %v, want %+v", name, got, err, want)
			}
		}
		if text, _ := base64.StdEncoding.DecodeString(header); strings.Contains(string(text), "null") {
			t.Errorf("%s: null in %s", name, text)
		}
	}
}

func TestParseFileMetadataRefuses(t *testing.T) {
	encode := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	for _, header := range []string{
		"", "***", encode(`{`), encode(`{}`), encode(`{"metadata":null}`), encode(`{"metadata":[]}`),
		encode(`{"metadata":{"mimetype":1}}`), encode(`{"metadata":{"mimetype":"a/b","accounts":[{}]}}`),
	} {
		if m, err := ParseFileMetadata(header); err == nil {
			t.Errorf("%q is read as %+v", header, m)
		}
	}
}

// Answers never hold null, the zero values included.
func TestAnswersWithoutNull(t *testing.T) {
	for _, answer := range []any{
		SignedAnswer{}, TriggerAnswer{}, FileList{}, FileList{Files: []FileEntry{{}}}, Account{},
		ErrorBody{Error: &Error{}},
		FileList{Status: FileListStatus{Details: map[AccountID]AccountStatus{"1": {Error: &AccountError{}}}}},
		SessionOptions{Scope: &Scope{
			ServiceGroups: []ServiceGroup{{}}, Criteria: []Criterion{{Metadata: &MetadataFilter{}}},
		}},
		SessionOptions{Limits: &Limits{}, SourceFetchFilter: &SourceFetchFilter{}},
	} {
		text, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "null") {
			t.Errorf("%T is written %s", answer, text)
		}
	}
}

func FuzzParseDescriptor(f *testing.F) {
	f.Add([]byte(`{"mimeType":"image/png","accounts":[{"accountId":"1","x":{}}],` +
		`"reference":["a"],"tags":["b"],"note":1e5}`))
	f.Add([]byte(`{"mimeType":"a","mimetype":"b","accounts":[{"accountId":"1","accountid":"2"}],"appid":"forged"}`))
	f.Add([]byte(`{"accounts":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := ParseDescriptor(text)
		if err != nil {
			if !errors.Is(err, &Error{Code: CodeValidationErrors}) {
				t.Fatalf("error %v is not a validation error", err)
			}
			return
		}
		written, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseDescriptor(written)
		if err != nil && len(written) <= MaxMetadata {
			t.Fatalf("%s is refused: %v", written, err)
		}
		if err == nil && (again.MIMEType != d.MIMEType || !reflect.DeepEqual(again.Tags, d.Tags) ||
			len(again.Accounts) != len(d.Accounts)) {
			t.Fatalf("%s is read as %+v, was %+v", written, again, d)
		}
		// What a reader gets says of the server's members only what the server says.
		back := d.ReadBack()
		back.ApplicationID = "real"
		header, err := FileMetadata{Raw: &back}.EncodeHeader()
		if err != nil {
			t.Fatal(err)
		}
		read, err := ParseFileMetadata(header)
		if err != nil {
			t.Fatalf("read back: %v", err)
		}
		if read.Raw == nil || read.Raw.ApplicationID != "real" || read.Raw.ContractID != "" ||
			read.Raw.Created != 0 || read.Raw.MIMEType != d.MIMEType {
			t.Fatalf("read back %+v of %+v", read.Raw, d)
		}
	})
}

func FuzzParseFileMetadata(f *testing.F) {
	f.Add("eyJtZXRhZGF0YSI6eyJtaW1ldHlwZSI6ImFwcGxpY2F0aW9uL2pzb24iLCJhY2NvdW50cyI6W3siYWNjb3VudGlk" +
		"IjoidGVzdC1hY2NvdW50LTEifV19fQ==")
	f.Add("e30")
	f.Add("____")
	f.Fuzz(func(t *testing.T, header string) {
		m, err := ParseFileMetadata(header)
		if err != nil {
			return
		}
		if (m.Raw == nil) == (m.Mapped == nil) {
			t.Fatalf("%+v is not either raw or mapped", m)
		}
		if _, err := m.EncodeHeader(); err != nil {
			t.Fatal(err)
		}
	})
}
