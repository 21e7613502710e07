package digimetest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/digimetest"
)

func start(t *testing.T) *digimetest.Library {
	t.Helper()
	l := digimetest.NewLibrary()
	t.Cleanup(l.Close)
	return l
}

func contract(t *testing.T, l *digimetest.Library, c digimetest.Contract) *digime.Contract {
	t.Helper()
	k, err := l.Client().ParseContract(c.ID, c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// What one contract pushed, another reads, with the metadata that the library adds.
func TestLibraryReturnsWhatWasPushed(t *testing.T) {
	l := start(t)
	ctx := t.Context()
	err := l.User(l.WriteContract).Push(ctx, digime.PushInput{
		Data: strings.NewReader("content"), MIMEType: "text/plain", AccountID: "1", Tags: []string{"tag"},
	})
	if err != nil {
		t.Fatal(err)
	}
	files := l.Files()
	if len(files) != 1 || string(files[0].Content) != "content" || files[0].Metadata.Raw.Tags[0] != "tag" ||
		files[0].Metadata.Raw.ContractID != digime.ContractID(l.WriteContract.ID) {
		t.Fatalf("files %+v", files)
	}
	session, err := l.User(l.ReadContract).StartSession(ctx, digime.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for file, err := range session.Files(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(file); err != nil || string(text) != "content" || file.Name != files[0].Name {
			t.Errorf("%s: %q, error %v", file.Name, text, err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d files", n)
	}
	_, err = l.User(l.WriteContract).StartSession(ctx, digime.SessionOptions{})
	if !errors.Is(err, digime.ErrInsufficientScope) {
		t.Errorf("reading with a write contract: %v", err)
	}
	if err := l.User(l.ReadContract).Push(ctx, digime.PushInput{
		Data: strings.NewReader(""), MIMEType: "text/plain", AccountID: "1",
	}); !errors.Is(err, digime.ErrInsufficientScope) {
		t.Errorf("pushing with a read contract: %v", err)
	}
}

func TestLibraryKeepsResources(t *testing.T) {
	l := start(t)
	ctx, user := t.Context(), l.User(l.WriteContract)
	resource := []byte(`{"resourceType":"Observation"}`)
	response, err := user.PushToProvider(ctx, "2_provider", digime.STU3, resource)
	if err != nil || !response.Delivered() {
		t.Fatalf("response %+v, error %v", response, err)
	}
	pushed := l.Resources()
	if len(pushed) != 1 || string(pushed[0].JSON) != string(resource) || pushed[0].AccountID != "2_provider" ||
		pushed[0].Version != digime.STU3 || pushed[0].DeliveryID != response.DeliveryID {
		t.Errorf("resources %+v", pushed)
	}
	d, err := user.WaitForDelivery(ctx, response.DeliveryID)
	if err != nil || d.State != digime.DeliveryDelivered || d.AccountID != "2_provider" || d.Types[0] != "Observation" {
		t.Errorf("delivery %+v, error %v", d, err)
	}
}

func TestPersonAllowsAndDenies(t *testing.T) {
	l := start(t)
	k := contract(t, l, l.ReadContract)
	authorize := func() digime.Authorization {
		t.Helper()
		auth, err := k.Authorize(t.Context(), digime.AuthorizeOptions{RedirectURL: l.RedirectURL + "?mine=1"})
		if err != nil {
			t.Fatal(err)
		}
		return auth
	}
	auth := authorize()
	back, err := l.Allow(auth.URL)
	if err != nil || !strings.HasPrefix(back.String(), l.RedirectURL+"?") || back.Query().Get("mine") != "1" {
		t.Fatalf("back to %s, error %v", back, err)
	}
	callback, err := auth.ParseCallback(back.Query())
	if err != nil || callback.AccountReference != "reference-person" {
		t.Fatalf("callback %+v, error %v", callback, err)
	}
	if _, err := k.Exchange(t.Context(), callback); err != nil {
		t.Error(err)
	}
	if _, err := l.Allow(auth.URL); err == nil {
		t.Error("a link was used twice")
	}
	if _, err := l.Allow("https://elsewhere.example/?code=x"); err == nil {
		t.Error("an unknown link was accepted")
	}
	auth = authorize()
	back, err = l.Deny(auth.URL)
	if err != nil {
		t.Fatal(err)
	}
	var failed *digime.CallbackError
	_, err = auth.ParseCallback(back.Query())
	if !errors.As(err, &failed) || failed.Code != digime.CallbackUserCancel {
		t.Errorf("error %v, want CallbackUserCancel", err)
	}
}

// A browser that follows redirects needs no function call: the pages allow everything.
func TestPagesAllow(t *testing.T) {
	l := start(t)
	options := digime.AuthorizeOptions{RedirectURL: l.RedirectURL}
	auth, err := contract(t, l, l.WriteContract).Authorize(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	get := func() (*url.URL, int) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, auth.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		location, _ := resp.Location()
		return location, resp.StatusCode
	}
	location, status := get()
	if status != http.StatusFound || location == nil {
		t.Fatalf("status %d", status)
	}
	if _, err := auth.ParseCallback(location.Query()); err != nil {
		t.Error(err)
	}
	if _, status := get(); status != http.StatusBadRequest {
		t.Errorf("a used link: status %d", status)
	}
}

// Each way to fail, and what the SDK makes of it.
func TestFailures(t *testing.T) {
	for name, test := range map[string]struct {
		fail  func(*digimetest.Library)
		want  error
		calls int // of ListAccounts
	}{
		"an expired access token": {func(l *digimetest.Library) { l.ExpireAccessTokens() }, nil, 2},
		"an expired consent":      {func(l *digimetest.Library) { l.ExpireRefreshTokens() }, digime.ErrReauthorize, 1},
		"a revoked consent":       {func(l *digimetest.Library) { l.Revoke() }, digime.ErrRevoked, 1},
		"a login page": {func(l *digimetest.Library) {
			l.FailNext(digimetest.EndpointAccounts, digimetest.LoginPage())
		}, digime.ErrInvalidResponse, 1},
		"a cut body": {func(l *digimetest.Library) {
			l.FailNext(digimetest.EndpointAccounts, digimetest.CutBody())
		}, digime.ErrInvalidResponse, 1},
		"an error": {func(l *digimetest.Library) {
			refused := digime.Error{Code: digime.CodeNotFound, Status: 404}
			l.FailNext(digimetest.EndpointAccounts, digimetest.Refuse(refused))
		}, digime.ErrNotFound, 1},
		"another endpoint's failure": {func(l *digimetest.Library) {
			l.FailNext(digimetest.EndpointPush, digimetest.LoginPage())
		}, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			l := start(t)
			k, err := l.Client(digime.WithRetries(0)).ParseContract(l.ReadContract.ID, l.ReadContract.PrivateKey)
			if err != nil {
				t.Fatal(err)
			}
			user := k.User(l.Token(l.ReadContract))
			test.fail(l)
			if _, err := user.ListAccounts(t.Context()); !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
			if n := len(l.Requests(digimetest.EndpointAccounts)); n != test.calls {
				t.Errorf("%d calls, want %d", n, test.calls)
			}
		})
	}
	l := start(t)
	l.FailNext(digimetest.EndpointPush, digimetest.CloseConnection(), digimetest.Status(503))
	for range 2 {
		err := l.User(l.WriteContract).Push(context.Background(), digime.PushInput{
			Data: strings.NewReader("x"), MIMEType: "text/plain", AccountID: "1",
		})
		if err == nil || len(l.Files()) != 0 {
			t.Errorf("error %v, %d files", err, len(l.Files()))
		}
	}
}

// The library refuses requests as a server does, so that a client cannot pass its tests with a wrong signature.
func TestLibraryVerifiesRequests(t *testing.T) {
	l := start(t)
	client := l.Client()
	swapped, err := client.ParseContract(l.ReadContract.ID, l.WriteContract.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := swapped.GetDetails(t.Context()); !errors.Is(err, digime.ErrValidation) {
		t.Errorf("the key of another contract: error %v", err)
	}
	unknown, err := client.ParseContract("unknown", l.WriteContract.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unknown.GetDetails(t.Context()); !errors.Is(err, digime.ErrInvalidClient) {
		t.Errorf("an unknown contract: error %v", err)
	}
	read := contract(t, l, l.ReadContract)
	_, err = read.User(l.Token(l.WriteContract)).ListAccounts(t.Context())
	if !errors.Is(err, digime.ErrInvalidToken) {
		t.Errorf("a token of another contract: error %v", err)
	}
	options := digime.AuthorizeOptions{RedirectURL: "https://elsewhere.example/"}
	if _, err := read.Authorize(t.Context(), options); !errors.Is(err, digime.ErrInvalidRedirectURI) {
		t.Errorf("an unknown redirect URL: error %v", err)
	}
}
