package digimetest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"

	"github.com/carrelhq/carrel/digime"
)

// Endpoint is an endpoint of the API: its path below v1.7/ or cloud/v1/, as [digime.RequestEvent] has it.
type Endpoint string

// The endpoints, and the calls that use them.
const (
	// EndpointAuthorize: Authorize uses it.
	EndpointAuthorize Endpoint = "oauth/authorize"
	// EndpointToken: Exchange and Refresh use it.
	EndpointToken Endpoint = "oauth/token"
	// EndpointTokenReference: Reauthorize, ReauthorizeAccount and OnboardService use it.
	EndpointTokenReference Endpoint = "oauth/token/reference"
	// EndpointAccountHandle: ReauthorizeAccount uses it, and Authorize for a storage.
	EndpointAccountHandle Endpoint = "reference"
	// EndpointKeys: Each of the calls before uses it to verify the response.
	EndpointKeys Endpoint = "jwks/oauth"
	// EndpointContract: GetDetails uses it.
	EndpointContract Endpoint = "permission-access/contract"
	// EndpointPush: Push uses it.
	EndpointPush Endpoint = "permission-access/import"
	// EndpointPushToProvider: PushToProvider uses it.
	EndpointPushToProvider Endpoint = "permission-access/import/h:accountId/fhir/{version}"
	// EndpointDeliveries: ListDeliveries uses it.
	EndpointDeliveries Endpoint = "permission-access/deliveries"
	// EndpointDelivery: GetDelivery uses it.
	EndpointDelivery Endpoint = "permission-access/deliveries/{delivery}"
	// EndpointSession: StartSession uses it.
	EndpointSession Endpoint = "permission-access/trigger"
	// EndpointFiles: ListFiles and Files use it.
	EndpointFiles Endpoint = "permission-access/query/{session}"
	// EndpointFile: OpenFile and GetFileMetadata use it.
	EndpointFile Endpoint = "permission-access/query/{session}/{file}"
	// EndpointAccounts: ListAccounts uses it.
	EndpointAccounts Endpoint = "permission-access/accounts"
	// EndpointRevokeAccount: RevokeAccountURL uses it.
	EndpointRevokeAccount Endpoint = "permission-access/revoke/h:accountId"
	// EndpointDeleteAccount: DeleteAccount uses it.
	EndpointDeleteAccount Endpoint = "permission-access/service/h:accountId"
	// EndpointPortabilityReport: OpenPortabilityReport uses it.
	EndpointPortabilityReport Endpoint = "export/medmij/report"
	// EndpointUser: DeleteUser uses it.
	EndpointUser Endpoint = "user"
	// EndpointSources: ListSources and Sources use it.
	EndpointSources Endpoint = "discovery/sources"
	// EndpointCategories: ListCategories uses it.
	EndpointCategories Endpoint = "discovery/categories"
	// EndpointCountries: ListCountries uses it.
	EndpointCountries Endpoint = "discovery/countries"
	// EndpointPlatforms: ListPlatforms uses it.
	EndpointPlatforms Endpoint = "discovery/platforms"
	// EndpointSampleDataSets: ListSampleDataSets uses it.
	EndpointSampleDataSets Endpoint = "permission-access/sample/datasets/{source}"
	// EndpointStorage: CreateStorage and GetStorage use it.
	EndpointStorage Endpoint = "storage"
	// EndpointStorageFile: Upload, OpenFile and DeleteFile of a storage use it.
	EndpointStorageFile Endpoint = "clouds/{storage}/files/apps/{application}/{file}"
	// EndpointStorageFolder: ListFiles and DeleteFolder of a storage use it.
	EndpointStorageFolder Endpoint = "clouds/{storage}/files/apps/{application}/{folder}/"
)

// A Failure replaces the response to one request. next makes the response that it replaces.
type Failure func(next http.Handler) http.Handler

// FailNext lets the next requests to the endpoint fail, one request for each failure. Later requests succeed. FailNext
// panics if there is no such endpoint.
func (l *Library) FailNext(endpoint Endpoint, failures ...Failure) {
	if !slices.Contains(l.endpoints, endpoint) {
		panic(fmt.Sprintf("digimetest: FailNext: there is no endpoint %q, only %q", endpoint, l.endpoints))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures[endpoint] = append(l.failures[endpoint], failures...)
}

// nextFailure returns the failure of a request to the endpoint, or nil.
func (l *Library) nextFailure(endpoint Endpoint) Failure {
	l.mu.Lock()
	defer l.mu.Unlock()
	queue := l.failures[endpoint]
	if len(queue) == 0 {
		return nil
	}
	l.failures[endpoint] = queue[1:]
	return queue[0]
}

// Respond responds with a function of the test.
func Respond(f http.HandlerFunc) Failure { return func(http.Handler) http.Handler { return f } }

// Status responds with a status, with headers as pairs of a name and a value, and without a body. For example,
// Status(503, "Retry-After", "1").
func Status(code int, header ...string) Failure {
	return Respond(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	})
}

// Refuse responds with an error of the protocol. It panics if the Code is not set, or if the Status is not one of an
// error.
func Refuse(e digime.Error) Failure {
	if e.Code == "" || e.Status < 400 || e.Status > 599 {
		panic(fmt.Sprintf("digimetest: Refuse: the error needs a Code and a Status from 400 to 599, not %q and %d",
			e.Code, e.Status))
	}
	return Respond(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		writeErrorOf(w, r, &e)
	})
}

// QuotaExceeded responds as a server does whose quota leaves no room for the file.
func QuotaExceeded() Failure {
	return Refuse(digime.Error{Code: digime.CodeQuotaExceeded, Status: http.StatusInsufficientStorage,
		Message: "There is no room for the file: the person's library has a quota of 10737418240 bytes. " +
			"Push again when the operator of this server has given it more"})
}

// LoginPage responds with an HTML page and the status 200, as networks do that ask their users to sign in.
func LoginPage() Failure {
	return Respond(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, "<!DOCTYPE html><title>Welcome</title><form>Sign in to use the network</form>")
	})
}

// CutBody makes the real response, sends the first half of its body, and closes the connection.
func CutBody() Failure {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			whole := httptest.NewRecorder()
			next.ServeHTTP(whole, r)
			for name, values := range whole.Header() {
				w.Header()[name] = values
			}
			body := whole.Body.Bytes()
			w.Header().Set("Content-Length", strconv.Itoa(max(len(body), 2)))
			if whole.Code == http.StatusNoContent {
				whole.Code = http.StatusOK // it cannot have a length
			}
			w.WriteHeader(whole.Code)
			_, _ = w.Write(body[:len(body)/2])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})
	}
}

// CloseConnection closes the connection without a response.
func CloseConnection() Failure {
	return Respond(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
}
