package digime_test

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime"
	recordedexchanges "github.com/carrelhq/carrel/digime/internal/recorded"
)

// recordedRequest is what the public Node client sent in one exchange.
type recordedRequest struct {
	Request struct {
		Method  string            `json:"method"`
		Path    string            `json:"path"`
		Query   string            `json:"query"`
		Headers map[string]string `json:"headers"`
		Body    *struct {
			UTF8 string `json:"utf8"`
		} `json:"body"`
	} `json:"request"`
	Decoded struct {
		Authorization struct {
			Payload map[string]any `json:"payload"`
		} `json:"authorization"`
	} `json:"decoded"`
}

// recorded returns the first exchange whose file's name ends so.
func recorded(t *testing.T) func(suffix string) recordedRequest {
	t.Helper()
	file, err := os.Open(filepath.Join(recordedexchanges.Dir(t, "contract", "recorded"), "exchanges.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]recordedRequest{}
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		var r recordedRequest
		if err := json.NewDecoder(archive).Decode(&r); err != nil {
			t.Fatal(err)
		}
		all[header.Name] = r
	}
	return func(suffix string) recordedRequest {
		t.Helper()
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if strings.HasSuffix(name, suffix+".json") {
				return all[name]
			}
		}
		t.Fatalf("nothing recorded for %s", suffix)
		return recordedRequest{}
	}
}

// Our requests have the shape of the Node client's: method, path, claims, the
// members of the body and the headers that mean something.
func TestRequestsLikeNode(t *testing.T) {
	find := recorded(t)
	l := start(t)
	l.files = []fakeFile{fileNamed("file", "text")}
	client, read, write := l.client(t), l.Read.parse(t), l.Write.parse(t)
	reader, writer := l.user(t, l.Read), l.user(t, l.Write)
	session := reader.OpenSession(digime.SessionKey{Key: digime.NewSecret("key")})
	no := false
	for _, test := range []struct {
		recorded, suffix string
		call             func() error
	}{
		{"authorize-write-getAuthorizeUrl-1", "oauth/authorize", func() error {
			_, err := client.Authorize(t.Context(), write, digime.AuthorizeOptions{Callback: l.Callback})
			return err
		}},
		{"authorize-read-getAuthorizeUrl-1", "oauth/authorize", func() error {
			_, err := client.Authorize(t.Context(), read, digime.AuthorizeOptions{Callback: l.Callback, Link: writer.Token()})
			return err
		}},
		{"authorize-all-options-getAuthorizeUrl-1", "oauth/authorize", func() error {
			_, err := client.Authorize(t.Context(), read, digime.AuthorizeOptions{Callback: l.Callback, Session: &digime.SessionOptions{
				Limits: &digime.Limits{}, Scope: &digime.Scope{TimeRanges: []digime.TimeRange{{Last: "6m"}}}, SourceFetch: &no,
			}})
			return err
		}},
		{"authorize-write-exchangeCodeForToken-1", "oauth/token", func() error {
			_, _ = client.Exchange(t.Context(), write, digime.NewSecret("code"), digime.NewSecret("verifier"))
			return nil
		}},
		{"refresh-token-refreshToken-1", "oauth/token", func() error { return reader.Refresh(t.Context()) }},
		{"authorize-write-getAuthorizeUrl-2", "jwks/oauth", func() error { return nil }},
		{"push-json-pushData", "permission-access/import", func() error {
			return writer.Push(t.Context(), digime.Push{Data: strings.NewReader("{}"), MIMEType: "application/json", AccountID: "1"})
		}},
		{"push-provider-pushData", "fhir/stu3", func() error {
			_, err := writer.PushToProvider(t.Context(), "13_y", digime.STU3, json.RawMessage(`{"resourceType":"Bundle","type":"collection","entry":[]}`))
			return err
		}},
		{"read-accounts-readAccounts", "accounts", func() error { _, err := reader.ReadAccounts(t.Context()); return err }},
		{"read-session-scoped-readSession", "trigger", func() error {
			_, err := reader.ReadSession(t.Context(), digime.SessionOptions{
				Limits: &digime.Limits{}, SourceFetch: &no, Scope: &digime.Scope{Criteria: []digime.Criterion{{From: 1}}},
			})
			return err
		}},
		{"read-session-readFileList", "query/key", func() error { _, err := session.FileList(t.Context()); return err }},
		{"read-session-readFile", "query/key/file", func() error {
			file, err := session.ReadFile(t.Context(), "file")
			if err == nil {
				err = file.Close()
			}
			return err
		}},
		{"read-session-readFileMetadata", "query/key/file", func() error { _, _, err := session.ReadFileMetadata(t.Context(), "file"); return err }},
		{"contract-details-getContractDetails", "permission-access/contract", func() error { _, err := client.ContractDetails(t.Context(), write); return err }},
		{"onboard-service-getOnboardServiceUrl-1", "token/reference", func() error {
			_, err := reader.OnboardService(t.Context(), digime.OnboardOptions{Callback: l.Callback})
			return err
		}},
		{"reauthorize-user-getReauthorizeUrl-1", "token/reference", func() error {
			_, err := reader.Reauthorize(t.Context(), digime.ReauthorizeOptions{Callback: l.Callback, Session: &digime.SessionOptions{SourceFetch: &no}})
			return err
		}},
		{"reauthorize-account-getReauthorizeAccountUrl-3", "v1.7/reference", func() error {
			_, err := reader.ReauthorizeAccount(t.Context(), "11_x", digime.ReauthorizeAccountOptions{Callback: l.Callback})
			return err
		}},
		{"revoke-account-getRevokeAccountPermissionUrl", "revoke/h:accountId", func() error { _, err := reader.RevokeAccountURL(t.Context(), "11_x", l.Callback); return err }},
		{"delete-account-deleteAccount", "service/h:accountId", func() error { return reader.DeleteAccount(t.Context(), "11_x") }},
		{"delete-user-deleteUser", "v1.7/user", func() error { return reader.DeleteUser(t.Context()) }},
	} {
		t.Run(test.recorded, func(t *testing.T) {
			if err := test.call(); err != nil {
				t.Fatal(err)
			}
			all := l.seen(test.suffix)
			sameShape(t, all[len(all)-1], find(test.recorded))
		})
	}
}

func sameShape(t *testing.T, got request, want recordedRequest) {
	t.Helper()
	if got.method != want.Request.Method || got.query != want.Request.Query {
		t.Errorf("%s ?%s, want %s ?%s", got.method, got.query, want.Request.Method, want.Request.Query)
	}
	// Keys and names in the path differ; the rest does not.
	gotPath, wantPath := strings.Split(got.path, "/"), strings.Split(want.Request.Path, "/")
	if len(gotPath) != len(wantPath) || !slices.Equal(gotPath[:min(4, len(gotPath))], wantPath[:min(4, len(wantPath))]) {
		t.Errorf("path %s, want one like %s", got.path, want.Request.Path)
	}
	if claims, err := json.Marshal(got.claims); err != nil {
		t.Error(err)
	} else if want.Decoded.Authorization.Payload == nil {
		if got.header.Get("Authorization") != "" {
			t.Error("the request is signed")
		}
	} else {
		wanted := slices.Sorted(maps.Keys(want.Decoded.Authorization.Payload))
		// We always send a state along, where Node leaves it to the caller.
		if members := keys(t, claims); !slices.Equal(without(members, "state"), without(wanted, "state")) {
			t.Errorf("claims %v, want %v", members, wanted)
		}
	}
	if body := want.Request.Body; body != nil && got.header.Get("Content-Type") == "application/json" {
		if members := keys(t, got.body); !slices.Equal(members, keys(t, []byte(body.UTF8))) {
			t.Errorf("body %s, want one like %s", got.body, body.UTF8)
		}
	}
	for _, name := range []string{"content-type", "accountid", "redirecturi", "filedescriptor", "transfer-encoding"} {
		has, wants := got.header.Get(name) != "", want.Request.Headers[name] != ""
		// Node says that it sends JSON also where it sends nothing.
		if name == "content-type" && want.Request.Body == nil {
			continue
		}
		if has != wants {
			t.Errorf("header %s is %q, want %q", name, got.header.Get(name), want.Request.Headers[name])
		}
	}
	if got.method != http.MethodHead && want.Request.Headers["accept"] != "" && got.header.Get("Accept") != want.Request.Headers["accept"] {
		t.Errorf("Accept %q, want %q", got.header.Get("Accept"), want.Request.Headers["accept"])
	}
}

func keys(t *testing.T, object []byte) []string {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal(object, &members); err != nil {
		t.Fatalf("%s: %v", object, err)
	}
	return slices.Sorted(maps.Keys(members))
}

func without(list []string, one string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == one })
}
