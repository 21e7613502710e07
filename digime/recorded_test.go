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
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/digimetest"
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

// nodeCall is a call that the Node client made too.
type nodeCall struct {
	recorded string
	endpoint digimetest.Endpoint
	call     func() error
}

// The requests have the shape of those of the Node client: method, path, claims, the members of the body and the
// headers that matter.
func TestRequestsLikeNode(t *testing.T) {
	find := recorded(t)
	l := start(t)
	addFiles(l, "file", "text")
	for _, test := range slices.Concat(authorizeLikeNode(t, l), tokensLikeNode(t, l), pushesLikeNode(t, l),
		readsLikeNode(t, l), pagesLikeNode(t, l), deletesLikeNode(t, l)) {
		t.Run(test.recorded, func(t *testing.T) {
			if err := test.call(); err != nil {
				t.Fatal(err)
			}
			all := l.Requests(test.endpoint)
			sameShape(t, all[len(all)-1], find(test.recorded))
		})
	}
}

func authorizeLikeNode(t *testing.T, l testLibrary) []nodeCall {
	authorize := func(contract *digime.Contract, options digime.AuthorizeOptions) func() error {
		options.RedirectURL = l.RedirectURL
		return func() error { _, err := contract.Authorize(t.Context(), options); return err }
	}
	read, write, token := l.read(t), l.write(t), l.writer(t).Token()
	return []nodeCall{
		{"authorize-write-getAuthorizeUrl-1", digimetest.EndpointAuthorize,
			authorize(write, digime.AuthorizeOptions{})},
		{"authorize-read-getAuthorizeUrl-1", digimetest.EndpointAuthorize,
			authorize(read, digime.AuthorizeOptions{Link: token})},
		{"authorize-all-options-getAuthorizeUrl-1", digimetest.EndpointAuthorize,
			authorize(read, digime.AuthorizeOptions{Session: digime.SessionOptions{
				FetchTimeout: time.Second, SkipFetch: true,
				Scope: digime.Scope{TimeRanges: []digime.TimeRange{{Last: "6m"}}},
			}})},
		{"contract-details-getContractDetails", digimetest.EndpointContract, func() error {
			_, err := write.GetDetails(t.Context())
			return err
		}},
	}
}

func tokensLikeNode(t *testing.T, l testLibrary) []nodeCall {
	write, reader := l.write(t), l.reader(t)
	return []nodeCall{
		{"authorize-write-exchangeCodeForToken-1", digimetest.EndpointToken, func() error {
			callback := digime.Callback{Code: digime.NewSecret("code"), Verifier: digime.NewSecret("verifier")}
			_, _ = write.Exchange(t.Context(), callback)
			return nil
		}},
		{"refresh-token-refreshToken-1", digimetest.EndpointToken, func() error { return reader.Refresh(t.Context()) }},
		// The key set was requested to verify what came before.
		{"authorize-write-getAuthorizeUrl-2", digimetest.EndpointKeys, func() error { return nil }},
	}
}

func pushesLikeNode(t *testing.T, l testLibrary) []nodeCall {
	writer := l.writer(t)
	return []nodeCall{
		{"push-json-pushData", digimetest.EndpointPush, func() error {
			return writer.Push(t.Context(), digime.PushInput{
				Data: strings.NewReader("{}"), MIMEType: "application/json", AccountID: "1",
			})
		}},
		{"push-provider-pushData", digimetest.EndpointPushToProvider, func() error {
			bundle := []byte(`{"resourceType":"Bundle","type":"collection","entry":[]}`)
			_, err := writer.PushToProvider(t.Context(), "2_provider", digime.STU3, bundle)
			return err
		}},
	}
}

func readsLikeNode(t *testing.T, l testLibrary) []nodeCall {
	reader := l.reader(t)
	session := reader.ResumeSession(digime.SessionKey{Key: digime.NewSecret("key")})
	return []nodeCall{
		{"read-accounts-readAccounts", digimetest.EndpointAccounts, func() error {
			_, err := reader.ListAccounts(t.Context())
			return err
		}},
		// The first has a period, in whole seconds.
		{"068-portability-report-getPortabilityReport", digimetest.EndpointPortabilityReport, func() error {
			_, err := readReport(t.Context(), reader, digime.PortabilityReportOptions{
				From: time.Unix(1700000000, 0), To: time.Unix(1795499813, 0),
			})
			return err
		}},
		{"069-portability-report-getPortabilityReport", digimetest.EndpointPortabilityReport, func() error {
			_, err := readReport(t.Context(), reader, digime.PortabilityReportOptions{})
			return err
		}},
		{"read-session-scoped-readSession", digimetest.EndpointSession, func() error {
			_, err := reader.StartSession(t.Context(), digime.SessionOptions{
				FetchTimeout: time.Second, SkipFetch: true,
				Scope: digime.Scope{Criteria: []digime.Criterion{{From: time.Unix(1, 0)}}},
			})
			return err
		}},
		{"read-session-readFileList", digimetest.EndpointFiles, func() error {
			_, err := session.ListFiles(t.Context())
			return err
		}},
		{"read-session-readFile", digimetest.EndpointFile, func() error {
			file, err := session.OpenFile(t.Context(), "file")
			if err == nil {
				err = file.Close()
			}
			return err
		}},
		{"read-session-readFileMetadata", digimetest.EndpointFile, func() error {
			_, err := session.GetFileMetadata(t.Context(), "file")
			return err
		}},
	}
}

// pagesLikeNode are the calls that return the address of a page for the person.
func pagesLikeNode(t *testing.T, l testLibrary) []nodeCall {
	reader := l.reader(t)
	return []nodeCall{
		{"onboard-service-getOnboardServiceUrl-1", digimetest.EndpointTokenReference, func() error {
			_, err := reader.OnboardService(t.Context(), digime.OnboardOptions{RedirectURL: l.RedirectURL})
			return err
		}},
		{"reauthorize-user-getReauthorizeUrl-1", digimetest.EndpointTokenReference, func() error {
			_, err := reader.Reauthorize(t.Context(), digime.ReauthorizeOptions{
				RedirectURL: l.RedirectURL, Session: digime.SessionOptions{SkipFetch: true},
			})
			return err
		}},
		{"reauthorize-account-getReauthorizeAccountUrl-3", digimetest.EndpointAccountHandle, func() error {
			options := digime.ReauthorizeAccountOptions{RedirectURL: l.RedirectURL}
			_, err := reader.ReauthorizeAccount(t.Context(), "2_provider", options)
			return err
		}},
		{"revoke-account-getRevokeAccountPermissionUrl", digimetest.EndpointRevokeAccount, func() error {
			_, err := reader.RevokeAccountURL(t.Context(), "2_provider", l.RedirectURL)
			return err
		}},
	}
}

func deletesLikeNode(t *testing.T, l testLibrary) []nodeCall {
	reader := l.reader(t)
	return []nodeCall{
		{"delete-account-deleteAccount", digimetest.EndpointDeleteAccount, func() error {
			return reader.DeleteAccount(t.Context(), "2_provider")
		}},
		{"delete-user-deleteUser", digimetest.EndpointUser, func() error { return reader.DeleteUser(t.Context()) }},
	}
}

func sameShape(t *testing.T, got digimetest.Request, want recordedRequest) {
	t.Helper()
	if got.Method != want.Request.Method || got.Query != want.Request.Query {
		t.Errorf("%s ?%s, want %s ?%s", got.Method, got.Query, want.Request.Method, want.Request.Query)
	}
	// Keys and names in the path differ; the rest does not.
	gotPath, wantPath := strings.Split(got.Path, "/"), strings.Split(want.Request.Path, "/")
	if len(gotPath) != len(wantPath) ||
		!slices.Equal(gotPath[:min(4, len(gotPath))], wantPath[:min(4, len(wantPath))]) {
		t.Errorf("path %s, want one like %s", got.Path, want.Request.Path)
	}
	if claims, err := json.Marshal(got.Claims); err != nil {
		t.Error(err)
	} else if want.Decoded.Authorization.Payload == nil {
		if got.Header.Get("Authorization") != "" {
			t.Error("the request is signed")
		}
	} else {
		wanted := slices.Sorted(maps.Keys(want.Decoded.Authorization.Payload))
		// We always send a state along, where Node leaves it to the caller.
		if members := keys(t, claims); !slices.Equal(without(members, "state"), without(wanted, "state")) {
			t.Errorf("claims %v, want %v", members, wanted)
		}
	}
	if body := want.Request.Body; body != nil && got.Header.Get("Content-Type") == "application/json" {
		if members := keys(t, got.Body); !slices.Equal(members, keys(t, []byte(body.UTF8))) {
			t.Errorf("body %s, want one like %s", got.Body, body.UTF8)
		}
	}
	for _, name := range []string{"content-type", "accountid", "redirecturi", "filedescriptor", "transfer-encoding"} {
		has, wants := got.Header.Get(name) != "", want.Request.Headers[name] != ""
		// Node says that it sends JSON also where it sends nothing.
		if name == "content-type" && want.Request.Body == nil {
			continue
		}
		if has != wants {
			t.Errorf("header %s is %q, want %q", name, got.Header.Get(name), want.Request.Headers[name])
		}
	}
	accept, wanted := got.Header.Get("Accept"), want.Request.Headers["accept"]
	if got.Method != http.MethodHead && wanted != "" && accept != wanted {
		t.Errorf("Accept %q, want %q", accept, wanted)
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
