package server_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/testenv"
)

// optional are the members that the protocol allows a response to leave out. Every other recorded member must be
// present.
var optional = []string{
	// accounts
	"accessTokenStatus", "expiresAt", "serviceProviderId", "serviceProviderName", "serviceProviderReference",
	"username", "providerFavIcon", "providerLogo", "sample",
	// file list
	"details", "fileList", "schema", "serviceGroup", "serviceName", "objectVersion", "objectType", "objectCount",
	"error",
	// x-metadata
	"reference", "tags", "objecttypes", "servicegroups", "compression",
}

// byName are the members whose values are objects that have ids as names.
var byName = []string{"details"}

// sameShape returns an error if a JSON value differs in shape from the recorded one: if a member is missing, has
// another type or is null. Members that the recorded value does not have are allowed, since clients ignore them.
func sameShape(path string, want, got any) error {
	switch got := got.(type) {
	case nil:
		return fmt.Errorf("%s is null", path)
	case map[string]any:
		want, ok := want.(map[string]any)
		if !ok {
			return fmt.Errorf("%s is an object, recorded as %T", path, want)
		}
		if slices.Contains(byName, path[strings.LastIndexByte(path, '.')+1:]) {
			return sameElements(path, slices.Collect(maps.Values(want)), slices.Collect(maps.Values(got)))
		}
		for name, w := range want {
			g, ok := got[name]
			if !ok && !slices.Contains(optional, name) {
				return fmt.Errorf("%s.%s is missing", path, name)
			}
			if !ok {
				continue
			}
			if err := sameShape(path+"."+name, w, g); err != nil {
				return err
			}
		}
		return noNull(path, got)
	case []any:
		want, ok := want.([]any)
		if !ok {
			return fmt.Errorf("%s is a list, recorded as %T", path, want)
		}
		return sameElements(path, want, got)
	default:
		if w, g := fmt.Sprintf("%T", want), fmt.Sprintf("%T", got); w != g {
			return fmt.Errorf("%s is a %s, recorded as %s", path, g, w)
		}
		return nil
	}
}

// sameElements compares the shape of each element with that of the first recorded one.
func sameElements(path string, want, got []any) error {
	for i, g := range got {
		if len(want) == 0 {
			return noNull(fmt.Sprintf("%s[%d]", path, i), g)
		}
		if err := sameShape(fmt.Sprintf("%s[%d]", path, i), want[0], g); err != nil {
			return err
		}
	}
	return nil
}

// noNull returns an error if a JSON value is null or contains a null.
func noNull(path string, v any) error {
	switch v := v.(type) {
	case nil:
		return fmt.Errorf("%s is null", path)
	case map[string]any:
		for name, m := range v {
			if err := noNull(path+"."+name, m); err != nil {
				return err
			}
		}
	case []any:
		for i, m := range v {
			if err := noNull(fmt.Sprintf("%s[%d]", path, i), m); err != nil {
				return err
			}
		}
	}
	return nil
}

// sameJSON is sameShape for two JSON texts.
func sameJSON(want, got []byte) error {
	var w, g any
	if err := json.Unmarshal(want, &w); err != nil {
		return fmt.Errorf("recorded text is not JSON: %w", err)
	}
	if err := json.Unmarshal(got, &g); err != nil {
		return fmt.Errorf("%.80q is not JSON: %w", got, err)
	}
	return sameShape("answer", w, g)
}

// otherMessages are the messages that differ from the recorded ones, by the number of the exchange. The protocol does
// not specify the text after the colon.
var otherMessages = map[int]string{
	// The signature is truncated and not valid base64url. The server refuses it before it looks for a key.
	331: "Parameter validation errors: bearer token",
	// The server says what it wants, too.
	318: refusedTimestamp, 319: refusedTimestamp, 320: refusedTimestamp,
	321: "Parameter validation errors: nonce: want 32 letters and digits",
}

const refusedTimestamp = "Parameter validation errors: " +
	"timestamp: want milliseconds, within 5 minutes of the server's clock"

// compareError checks that a response has the recorded status, and the recorded code and message both in its body and
// in its headers.
func compareError(t *testing.T, e *exchange, a rawAnswer) {
	t.Helper()
	if a.StatusCode != e.Answer.Status {
		t.Errorf("status %d, recorded %d: %s", a.StatusCode, e.Answer.Status, a.body)
	}
	message, other := otherMessages[e.N]
	if !other {
		message = e.Answer.Headers["x-error-message"]
	}
	for name, want := range map[string]string{
		"X-Error-Code": e.Answer.Headers["x-error-code"], "X-Error-Message": message,
	} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s: %q, recorded %q", name, got, want)
		}
	}
	reference := a.Header.Get("X-Error-Reference")
	if !wire.ValidNonce(reference) { // a reference has the form of a nonce
		t.Errorf("X-Error-Reference %q: want 32 letters and digits", reference)
	}
	if e.Request.Method == "HEAD" {
		return
	}
	recorded, err := e.Answer.Body.bytes()
	if err != nil {
		t.Fatal(err)
	}
	var want, got wire.ErrorBody
	if err := json.Unmarshal(recorded, &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(a.body, &got); err != nil || got.Error == nil {
		t.Fatalf("body %s is not an error (%v)", a.body, err)
	}
	if other {
		want.Error.Message = message
	}
	if got.Error.Code != want.Error.Code || got.Error.Message != want.Error.Message {
		t.Errorf("error %s %q, recorded %s %q", got.Error.Code, got.Error.Message, want.Error.Code, want.Error.Message)
	}
	if got.Error.Reference != reference {
		t.Errorf("reference %q in the body, %q in the header", got.Error.Reference, reference)
	}
}

// compareFile checks that a response has the recorded length, date, media type and metadata.
func compareFile(t *testing.T, e *exchange, a rawAnswer) {
	t.Helper()
	for _, name := range []string{"Content-Length", "Last-Modified", "Content-Type"} {
		if got, want := a.Header.Get(name), e.Answer.Headers[strings.ToLower(name)]; got != want {
			t.Errorf("%s: %q, recorded %q", name, got, want)
		}
	}
	if e.Request.Method == "GET" && int64(len(a.body)) != a.ContentLength {
		t.Errorf("%d bytes of body, Content-Length %d", len(a.body), a.ContentLength)
	}
	if !bytes.Contains(a.head, []byte("\r\nx-metadata: ")) {
		t.Errorf("no header x-metadata in lower case:\n%s", a.head)
	}
	metadata, err := wire.ParseFileMetadata(a.Header.Get("x-metadata"))
	if err != nil {
		t.Fatal(err)
	}
	recorded, err := wire.ParseFileMetadata(e.Answer.Headers["x-metadata"])
	if err != nil {
		t.Fatal(err)
	}
	var described any = metadata.Raw
	if metadata.Mapped != nil {
		described = metadata.Mapped
	}
	got, err := json.Marshal(map[string]any{"metadata": described})
	if err != nil {
		t.Fatal(err)
	}
	if err := sameJSON(e.Decoded.AnswerMetadata, got); err != nil {
		t.Errorf("x-metadata: %v", err)
	}
	if recorded.Mapped != nil && (metadata.Mapped == nil || *metadata.Mapped != *recorded.Mapped) {
		t.Errorf("mapped metadata %+v, recorded %+v", metadata.Mapped, recorded.Mapped)
	}
}

// compareReport checks that a portability report is a valid one of the period that the request asks for. The stub had
// a layout of its own.
func compareReport(t *testing.T, e *exchange, a rawAnswer) {
	t.Helper()
	if got, want := a.Header.Get("Content-Type"), e.Answer.Headers["content-type"]; got != want {
		t.Errorf("Content-Type %q, recorded %q", got, want)
	}
	testenv.ValidateXML(t, reportSchema(t), a.body)
	var report struct {
		From string `xml:"Vanaf"`
		To   string `xml:"Tot"`
	}
	if err := xml.Unmarshal(a.body, &report); err != nil {
		t.Fatal(err)
	}
	query, err := url.ParseQuery(e.Request.Query)
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]string{"from": report.From, "to": report.To} {
		want := ""
		if seconds, err := strconv.ParseInt(query.Get(name), 10, 64); err == nil {
			want = time.Unix(seconds, 0).UTC().Format(time.RFC3339)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// listed is the part of an entry of a file list that is compared.
type listed struct {
	Name        string      `json:"name"`
	UpdatedDate wire.Millis `json:"updatedDate"`
}

// seeded returns the entries of a file list that have a name of the recording. It leaves out mapped files, and those
// that the server named when the replay pushed them.
func seeded(t *testing.T, body []byte) (files []listed) {
	t.Helper()
	var list struct {
		Files []listed `json:"fileList"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatal(err)
	}
	for _, f := range list.Files {
		if strings.HasPrefix(f.Name, "0_0_0_") {
			files = append(files, f)
		}
	}
	return files
}
