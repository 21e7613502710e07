package server_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/digimetest"
	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/docs"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/openapi"
	"github.com/carrelhq/carrel/internal/server"
	"github.com/carrelhq/carrel/internal/simulator"
)

// sdkError is an error of the protocol as an application meets it.
type sdkError struct {
	name    string
	status  int
	code    digime.ErrorCode
	message string // a beginning, if it ends in "…"
	// meet makes the call that fails with it, in a world of the options.
	meet    func(ctx context.Context, t *testing.T, w *carreltest.World) error
	options []carreltest.Option
	// provider says that the world has practice providers.
	provider bool
}

// noRetries does not repeat a call after an error of the server.
var noRetries = digime.WithRetries(0)

func anyWriter(w *carreltest.World) *carreltest.Contract {
	return w.Application().Contract(library.Write)
}
func anyReader(w *carreltest.World) *carreltest.Contract {
	return w.Application().Contract(library.Read)
}

// holding is a user of a contract with an access token and nothing to refresh it with.
func holding(c *carreltest.Contract, token string, options ...digime.Option) *digime.User {
	return c.SDK(append(options, noRetries)...).User(digime.UserAccessToken{
		AccessToken: digime.Token{Value: digime.NewSecret(token)},
	})
}

func pushOf(ctx context.Context, u *digime.User, content io.Reader) error {
	return u.Push(ctx, digime.PushInput{Data: content, MIMEType: "text/plain", AccountID: "patient-1"})
}

// sdkErrors has a row for each error that docs/openapi.json describes.
var sdkErrors = []sdkError{
	{name: "a redirect URI of nobody's", status: 400, code: digime.CodeInvalidRedirectURI,
		message: "The redirect_uri (https://elsewhere.example/back) is invalid",
		meet: func(ctx context.Context, _ *testing.T, w *carreltest.World) error {
			_, err := anyReader(w).SDK().Authorize(ctx, digime.AuthorizeOptions{
				RedirectURL: "https://elsewhere.example/back"})
			return err
		}},
	{name: "a scope beyond the contract's", status: 400, code: digime.CodeScopeOutOfBounds,
		message: "The scope goes beyond the contract's: service group 1",
		meet: func(ctx context.Context, _ *testing.T, w *carreltest.World) error {
			bound := w.Application().Contract(library.Read, func(k *library.Contract) {
				k.Scope = library.Scope{Mapped: true, ServiceGroups: []wire.ServiceGroup{{ID: 3}}}
			})
			_, err := w.Visitor().Allows(bound).StartSession(ctx, digime.SessionOptions{
				Scope: digime.Scope{ServiceGroups: []digime.ServiceGroupScope{{ID: 1}}}})
			return err
		}},
	{name: "a malformed resource", status: 400, code: digime.CodeValidationErrors, provider: true,
		message: "Parameter validation errors: …",
		meet: func(ctx context.Context, _ *testing.T, w *carreltest.World) error {
			user, account := w.Visitor().Connects(anyWriter(w))
			_, err := user.PushToProvider(ctx, account, digime.STU3, marshal(observationOf(7)))
			return err
		}},
	{name: "an unknown contract", status: 401, code: digime.CodeInvalidClient,
		message: "The client_id (clinic_nosuchcontract) is invalid",
		meet: func(ctx context.Context, t *testing.T, w *carreltest.World) error {
			client := carreltest.Must(digime.New("clinic", digime.WithServer(w.URL)))(t)
			key := wire.MarshalPrivateKey(carreltest.Key(0))
			_, err := carreltest.Must(client.ParseContract("nosuchcontract", key))(t).GetDetails(ctx)
			return err
		}},
	{name: "an unknown access token", status: 401, code: digime.CodeInvalidToken,
		message: "The token (access_token) is invalid",
		meet: func(ctx context.Context, _ *testing.T, w *carreltest.World) error {
			_, err := holding(anyReader(w), "nosuchtoken").ListAccounts(ctx)
			return err
		}},
	{name: "an expired access token", status: 401, code: digime.CodeInvalidToken,
		message: "The token (access_token) is expired",
		meet: func(ctx context.Context, _ *testing.T, w *carreltest.World) error {
			contract := anyReader(w)
			g := w.Person().Allows(contract)
			w.Clock.Moves(25 * time.Hour)
			_, err := holding(contract, g.Token(), digime.WithClock(w.Clock.Now)).ListAccounts(ctx)
			return err
		}},
	{name: "an unknown code", status: 401, code: digime.CodeInvalidToken,
		message: "The token (authorization_code) is invalid",
		meet: func(ctx context.Context, _ *testing.T, w *carreltest.World) error {
			_, err := anyReader(w).SDK(noRetries).Exchange(ctx, digime.Callback{
				Code: digime.NewSecret("nosuchcode"), Verifier: digime.NewSecret(strings.Repeat("x", 43))})
			return err
		}},
	{name: "another verifier", status: 401, code: digime.CodeInvalidToken,
		message: "The token (code_verifier) is invalid",
		meet: func(ctx context.Context, t *testing.T, w *carreltest.World) error {
			contract := anyReader(w).SDK(noRetries)
			auth := carreltest.Must(contract.Authorize(ctx, digime.AuthorizeOptions{
				RedirectURL: carreltest.Callback}))(t)
			back := w.Visitor().Visits(auth)
			back.Verifier = digime.NewSecret(strings.Repeat("x", 43))
			_, err := contract.Exchange(ctx, back)
			return err
		}},
	{name: "a key that is not the contract's", status: 401, code: digime.CodeUnauthorized,
		message: "Bearer token refused",
		meet: func(ctx context.Context, t *testing.T, w *carreltest.World) error {
			contract := anyWriter(w)
			client := carreltest.Must(digime.New(string(contract.Application.ID), digime.WithServer(w.URL),
				noRetries))(t)
			forged := carreltest.Must(client.ParseContract(string(contract.Client.Contract.ID),
				wire.MarshalPrivateKey(carreltest.Key(3))))(t)
			_, err := forged.Storage("nosuchstorage").ListFiles(ctx, digime.StorageListOptions{})
			return err
		}},
	{name: "to read with a write contract", status: 403, code: digime.CodeInsufficientScope,
		message: "The request requires higher privileges than provided by the access token",
		meet: func(ctx context.Context, _ *testing.T, w *carreltest.World) error {
			_, err := w.Visitor().Allows(anyWriter(w)).StartSession(ctx, digime.SessionOptions{})
			return err
		}},
	{name: "a storage whose person has stopped", status: 403, code: digime.CodeInsufficientScope,
		message: "The person's consent has ended: ask for it again",
		meet: func(ctx context.Context, _ *testing.T, w *carreltest.World) error {
			contract, anna := anyWriter(w), w.Person()
			g, id := anna.AllowsStorage(contract)
			anna.Stops(g)
			_, err := contract.SDK(noRetries).Storage(digime.StorageID(id)).ListFiles(ctx, digime.StorageListOptions{})
			return err
		}},
	{name: "an unknown session", status: 404, code: digime.CodeNotFound, message: "Session not found",
		meet: func(ctx context.Context, _ *testing.T, w *carreltest.World) error {
			session := digime.SessionKey{Key: digime.NewSecret("nosuchsession")}
			_, err := w.Visitor().Allows(anyReader(w)).ResumeSession(session).ListFiles(ctx)
			return err
		}},
	{name: "an unknown storage", status: 404, code: digime.CodeNotFound, message: "Storage not found",
		meet: func(ctx context.Context, _ *testing.T, w *carreltest.World) error {
			storage := anyWriter(w).SDK(noRetries).Storage("nosuchstorage")
			_, err := storage.ListFiles(ctx, digime.StorageListOptions{})
			return err
		}},
	{name: "a clock that is wrong", status: 406, code: digime.CodeValidationErrors,
		message: "Parameter validation errors: timestamp: want milliseconds, within 5 minutes of the server's clock",
		meet: func(ctx context.Context, _ *testing.T, w *carreltest.World) error {
			wrong := func() time.Time { return w.Clock.Now().Add(time.Hour) }
			_, err := anyReader(w).SDK(noRetries, digime.WithClock(wrong)).GetDetails(ctx)
			return err
		}},
	{name: "a request that was captured", status: 406, code: digime.CodeInvalidRequest,
		message: "The nonce provided in JWT payload (…",
		meet: func(ctx context.Context, _ *testing.T, w *carreltest.World) error {
			twice := digime.WithHTTPClient(&http.Client{Transport: sentTwice{}})
			_, err := anyReader(w).SDK(noRetries, twice).GetDetails(ctx)
			return err
		}},
	{name: "a push that stands still", status: 408, code: digime.CodeValidationErrors,
		message: "Parameter validation errors: the body came too slowly",
		options: []carreltest.Option{func(c *server.Config) { c.IdleTimeout = 200 * time.Millisecond }},
		meet: func(ctx context.Context, _ *testing.T, w *carreltest.World) error {
			contract := anyWriter(w)
			user := holding(contract, w.Person().Allows(contract).Token())
			return pushOf(ctx, user, &slowReader{pause: time.Second, left: 3})
		}},
	{name: "a file that is too large", status: 413, code: digime.CodePayloadTooLarge,
		message: "The file is larger than the 10 bytes that are allowed here",
		options: []carreltest.Option{func(c *server.Config) { c.MaxFileSize = 10 }},
		meet: func(ctx context.Context, _ *testing.T, w *carreltest.World) error {
			return pushOf(ctx, w.Visitor().Allows(anyWriter(w)), strings.NewReader("eleven bytes"))
		}},
	{name: "a library that was tampered with", status: 500, code: digime.CodeInternal,
		message: "Something went wrong at the server",
		meet: func(ctx context.Context, t *testing.T, w *carreltest.World) error {
			contract := anyReader(w)
			anna, eve := w.Person(), w.Person()
			user := holding(contract, anna.Allows(contract).Token())
			db := carreltest.Must(sql.Open("sqlite",
				"file:"+filepath.Join(w.Folder, "carrel.db")+"?_pragma=busy_timeout(5000)"))(t)
			defer db.Close()
			carreltest.Must(db.ExecContext(ctx, `UPDATE libraries SET public_key =
				(SELECT l.public_key FROM libraries l WHERE l.id = $1) WHERE id = $2`, string(eve.Library),
				string(anna.Library)))(t)
			_, err := user.ListAccounts(ctx)
			return err
		}},
	{name: "a provider that is busy for too long", status: 502, code: digime.CodeDeliveryExpired, provider: true,
		message: "It was not delivered: the provider answered 503: busy",
		meet:    sentTo(simulator.Behaviour{Resource: "503", RetryAfter: time.Hour})},
	{name: "too many requests of one address", status: 503, code: digime.CodeServerBusy,
		message: "The server is busy, try again later",
		options: []carreltest.Option{func(c *server.Config) {
			c.BehindProxy, c.MaxConnectionsPerAddress = true, 1
		}},
		meet: func(ctx context.Context, t *testing.T, w *carreltest.World) error {
			contract, address := anyReader(w), strings.TrimPrefix(w.URL, "http://")
			other := dial(t, address)
			fmt.Fprintf(other, "POST /sign-in HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\nX-Forwarded-For: 192.0.2.9\r\n"+
				"Expect: 100-continue\r\nContent-Length: 100\r\n"+
				"Content-Type: application/x-www-form-urlencoded\r\n\r\n", address, w.URL)
			if r := readAnswer(t, other); r.StatusCode != http.StatusContinue { // its body is being read
				t.Fatal(r.Status)
			}
			from := digime.WithHTTPClient(&http.Client{Transport: sentFrom("192.0.2.9")})
			_, err := contract.SDK(noRetries, from).GetDetails(ctx)
			return err
		}},
	{name: "a provider that breaks off", status: 504, code: digime.CodeDeliveryUnknown, provider: true,
		message: "It is not known whether the provider has it: …",
		meet:    sentTo(simulator.Behaviour{Resource: simulator.ResourceCutAfter})},
	{name: "a full library", status: 507, code: digime.CodeQuotaExceeded,
		message: "There is no room for the file: the person's library has a quota of 1 files. Push again when the " +
			"operator of this server has given it more",
		options: []carreltest.Option{func(c *server.Config) { c.Quotas.Library.Files = 1 }},
		meet: func(ctx context.Context, t *testing.T, w *carreltest.World) error {
			user := w.Visitor().Allows(anyWriter(w))
			if err := pushOf(ctx, user, strings.NewReader("the first")); err != nil {
				t.Fatal(err)
			}
			return pushOf(ctx, user, strings.NewReader("the second"))
		}},
	{name: "a full storage", status: 507, code: digime.CodeQuotaExceeded,
		message: "There is no room for the file: the storage holds 1 of 1 files. Delete files first",
		options: []carreltest.Option{func(c *server.Config) { c.StorageQuota.Files = 1 }},
		meet: func(ctx context.Context, t *testing.T, w *carreltest.World) error {
			contract := anyWriter(w)
			_, id := w.Person().AllowsStorage(contract)
			storage := contract.SDK(noRetries).Storage(digime.StorageID(id))
			if err := storage.Upload(ctx, "one", strings.NewReader("the first")); err != nil {
				t.Fatal(err)
			}
			return storage.Upload(ctx, "two", strings.NewReader("the second"))
		}},
	{name: "a full disk", status: 507, code: digime.CodeStorageFull,
		message: "The server has no space left, try again later",
		options: []carreltest.Option{func(c *server.Config) { c.FreeSpaceReserve = server.Reserve{Bytes: 1 << 60} }},
		meet: func(ctx context.Context, _ *testing.T, w *carreltest.World) error {
			contract := anyWriter(w)
			return pushOf(ctx, holding(contract, w.Person().Allows(contract).Token()), strings.NewReader("a letter"))
		}},
	{name: "a provider that has withdrawn", status: 511, code: digime.CodeServiceAuthorization, provider: true,
		message: "Service authorization required",
		meet:    sentTo(simulator.Behaviour{Resource: simulator.ResourceUnauthorized})},
}

// refusingStatuses are the statuses of a refusing provider, by those of their errors.
var refusingStatuses = map[int]int{400: 400, 409: 409, 410: 410, 412: 412, 422: 422, 502: 404}

// allSDKErrors are the rows, with one for each status with which a provider can refuse.
func allSDKErrors() []sdkError {
	all := slices.Clone(sdkErrors)
	for status, provider := range refusingStatuses {
		mode := simulator.ResourceMode(strconv.Itoa(provider))
		all = append(all, sdkError{name: "a provider that answers " + string(mode), status: status,
			code: digime.CodeProviderRefused, provider: true,
			message: "The provider has refused it: the provider answered " + string(mode) + "…",
			meet:    sentTo(simulator.Behaviour{Resource: mode})})
	}
	return all
}

// sentTo sends a resource to a provider that behaves so.
func sentTo(b simulator.Behaviour) func(ctx context.Context, t *testing.T, w *carreltest.World) error {
	return func(ctx context.Context, _ *testing.T, w *carreltest.World) error {
		user, account := w.Visitor().Connects(anyWriter(w))
		w.Simulator.SetBehaviour(gp, b)
		_, err := user.PushToProvider(ctx, account, digime.STU3, observation())
		return err
	}
}

// sentTwice sends each request twice and returns the second response.
type sentTwice struct{}

func (sentTwice) RoundTrip(r *http.Request) (*http.Response, error) {
	first, err := http.DefaultTransport.RoundTrip(r.Clone(r.Context()))
	if err != nil {
		return nil, err
	}
	_ = first.Body.Close()
	return http.DefaultTransport.RoundTrip(r)
}

// sentFrom sends requests as a proxy does for a client at an address.
type sentFrom string

func (f sentFrom) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-Forwarded-For", string(f))
	return http.DefaultTransport.RoundTrip(r)
}

// slowReader gives a byte after each pause.
type slowReader struct {
	pause time.Duration
	left  int
}

func (s *slowReader) Read(p []byte) (int, error) {
	if s.left == 0 || len(p) == 0 {
		return 0, io.EOF
	}
	time.Sleep(s.pause)
	s.left--
	p[0] = 'x'
	return 1, nil
}

// notAnswered are the errors of the protocol that a Carrel never answers with, and why. The SDK knows them, for other
// servers.
var notAnswered = []struct {
	code    digime.ErrorCode
	status  int
	message string
	why     string
}{
	{digime.CodeSDKInvalid, 400, "The SDK is invalid: carrel-go", "a Carrel refuses no client for its name"},
	{digime.CodeSDKVersionInvalid, 403, "This SDK version is no longer supported.",
		"only calls of older clients are refused with it, and the SDK makes none of them"},
	{digime.CodeInvalidContractDataRequest, 400, "The contract is of another type",
		"a contract of the wrong type is refused as InsufficientScope"},
	{digime.CodeTooManyRequests, 429, "Too many requests", "too many requests are refused as ServerBusy"},
}

// TestErrorsThroughTheSDK: an application that uses the Go SDK gets each error of the protocol with the code, the
// message and the status that the server has answered with.
func TestErrorsThroughTheSDK(t *testing.T) {
	t.Parallel()
	for _, test := range allSDKErrors() {
		t.Run(fmt.Sprintf("%d %s, %s", test.status, test.code, test.name), func(t *testing.T) {
			t.Parallel()
			serve := carreltest.Serve
			if test.provider {
				serve = carreltest.ServeWithSimulator
			}
			hasty := func(c *server.Config) {
				c.Deliveries.FirstRetry, c.Deliveries.Lifetime = 20*time.Millisecond, 30*time.Minute
			}
			w := serve(t, append(test.options, hasty)...)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			e := checkSDKError(t, test.meet(ctx, t, w), test.status, test.code, test.message)
			if test.status != http.StatusUnauthorized && e.Reference == "" && !isCloudError(test) {
				t.Error("it has no reference")
			}
			if e.Reference != "" && len(w.Log.Lines(e.Reference)) == 0 {
				t.Errorf("the log does not have the reference %s", e.Reference)
			}
		})
	}
	for _, test := range notAnswered {
		t.Run(string(test.code), func(t *testing.T) {
			t.Parallel()
			l := digimetest.NewLibrary()
			defer l.Close()
			k := carreltest.Must(l.Client(noRetries).ParseContract(l.ReadContract.ID, l.ReadContract.PrivateKey))(t)
			l.FailNext(digimetest.EndpointContract, digimetest.Refuse(digime.Error{Code: test.code,
				Status: test.status, Message: test.message, Reference: wire.NewReference()}))
			_, err := k.GetDetails(t.Context())
			_ = checkSDKError(t, err, test.status, test.code, test.message)
		})
	}
}

// isCloudError reports whether an error is of the file storage, whose errors have no reference in their bodies.
func isCloudError(e sdkError) bool {
	return strings.Contains(e.name, "storage") || e.code == digime.CodeUnauthorized
}

func checkSDKError(t *testing.T, err error, status int, code digime.ErrorCode, message string) *digime.Error {
	t.Helper()
	var e *digime.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want %d %s", err, status, code)
	}
	beginning, open := strings.CutSuffix(message, "…")
	if e.Status != status || e.Code != code || e.Message != message &&
		!(open && strings.HasPrefix(e.Message, beginning) && len(e.Message) > len(beginning)) {
		t.Errorf("%d %s %q, want %d %s %q", e.Status, e.Code, e.Message, status, code, message)
	}
	if !errors.Is(err, &digime.Error{Code: code}) {
		t.Errorf("it does not match the variable of %s: %v", code, err)
	}
	return e
}

// TestSDKErrorsAreComplete: each error that docs/openapi.json describes has a row above, and each code of the protocol
// one or a reason why a Carrel never answers with it.
func TestSDKErrorsAreComplete(t *testing.T) {
	t.Parallel()
	d := carreltest.Must(openapi.Parse(docs.OpenAPI))(t)
	type described struct {
		status int
		code   string
	}
	rows, codes := map[described]bool{}, map[string]bool{}
	for _, row := range allSDKErrors() {
		rows[described{row.status, string(row.code)}] = true
		codes[string(row.code)] = true
	}
	never := map[string]bool{}
	for _, n := range notAnswered {
		never[string(n.code)] = true
		if n.why == "" || codes[string(n.code)] {
			t.Errorf("%s has no reason, or a row", n.code)
		}
	}
	seen := map[described]bool{}
	for _, o := range d.Operations() {
		if strings.HasPrefix(o.Path, "/v1.6/") || strings.Contains(o.Path, "/postbox/") {
			continue // the SDK does not make it
		}
		for _, r := range o.Responses {
			status, err := strconv.Atoi(r.Name)
			if err != nil {
				t.Fatal(err)
			}
			if status < http.StatusBadRequest {
				continue
			}
			for _, code := range r.Value.ErrorCodes() {
				one := described{status, code}
				if !rows[one] && !seen[one] {
					t.Errorf("no row for %d %s, as %s has it", status, code, o.ID)
				}
				if never[code] {
					t.Errorf("%s answers with %s, of which is said that nothing does", o.ID, code)
				}
				seen[one] = true
			}
		}
	}
	for row := range rows {
		if !seen[row] {
			t.Errorf("docs/openapi.json describes no %d %s", row.status, row.code)
		}
	}
	schema, _ := d.Components.Schemas.Get("ErrorCode")
	if len(schema.Enum) < 22 {
		t.Fatalf("only %d codes", len(schema.Enum))
	}
	for _, code := range schema.Enum {
		if !codes[code] && !never[code] {
			t.Errorf("the code %s has neither a row nor a reason", code)
		}
	}
}
