package digime_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/digime/digimetest"
)

// calls has one call for each of some endpoints.
type calls map[digimetest.Endpoint]func() error

// allCalls has one call for each endpoint. Each leaves the library as it was, or does nothing that the others need.
func allCalls(ctx context.Context, t *testing.T, l testLibrary) calls {
	l.SetDelivery(digime.Delivery{ID: "delivery1", State: digime.DeliveryWaiting})
	addFiles(l, "file", "content")
	all := calls{}
	for _, some := range []calls{
		contractCalls(ctx, l, l.read(t)), readerCalls(ctx, l, l.reader(t)), writerCalls(ctx, l.writer(t)),
		sessionCalls(ctx, l.reader(t)), catalogueCalls(ctx, l.read(t)), storageCalls(ctx, t, l),
	} {
		maps.Copy(all, some)
	}
	return all
}

func contractCalls(ctx context.Context, l testLibrary, read *digime.Contract) calls {
	token := l.Token(l.ReadContract)
	authorize := func() error {
		_, err := read.Authorize(ctx, digime.AuthorizeOptions{RedirectURL: l.RedirectURL})
		return err
	}
	return calls{
		digimetest.EndpointAuthorize: authorize,
		digimetest.EndpointKeys:      authorize,
		digimetest.EndpointToken:     func() error { _, err := read.Refresh(ctx, token); return err },
		digimetest.EndpointContract:  func() error { _, err := read.GetDetails(ctx); return err },
	}
}

func readerCalls(ctx context.Context, l testLibrary, reader *digime.User) calls {
	return calls{
		digimetest.EndpointTokenReference: func() error {
			_, err := reader.Reauthorize(ctx, digime.ReauthorizeOptions{RedirectURL: l.RedirectURL})
			return err
		},
		digimetest.EndpointAccountHandle: func() error {
			options := digime.ReauthorizeAccountOptions{RedirectURL: l.RedirectURL}
			_, err := reader.ReauthorizeAccount(ctx, "2_provider", options)
			return err
		},
		digimetest.EndpointAccounts: func() error { _, err := reader.ListAccounts(ctx); return err },
		digimetest.EndpointRevokeAccount: func() error {
			_, err := reader.RevokeAccountURL(ctx, "2_provider", l.RedirectURL)
			return err
		},
		digimetest.EndpointDeleteAccount: func() error { return reader.DeleteAccount(ctx, "3_none") },
		digimetest.EndpointUser:          func() error { return reader.DeleteUser(ctx) },
	}
}

func writerCalls(ctx context.Context, writer *digime.User) calls {
	return calls{
		digimetest.EndpointPush: func() error {
			return writer.Push(ctx, digime.PushInput{
				Data: strings.NewReader("x"), MIMEType: "text/plain", AccountID: "1",
			})
		},
		digimetest.EndpointPushToProvider: func() error {
			_, err := writer.PushToProvider(ctx, "2_provider", digime.STU3, []byte(bundle))
			return err
		},
		digimetest.EndpointDeliveries: func() error { _, err := writer.ListDeliveries(ctx); return err },
		digimetest.EndpointDelivery:   func() error { _, err := writer.GetDelivery(ctx, "delivery1"); return err },
	}
}

func sessionCalls(ctx context.Context, reader *digime.User) calls {
	session := reader.ResumeSession(sessionKey("key"))
	return calls{
		digimetest.EndpointSession: func() error {
			_, err := reader.StartSession(ctx, digime.SessionOptions{})
			return err
		},
		digimetest.EndpointPortabilityReport: func() error {
			_, err := readReport(ctx, reader, digime.PortabilityReportOptions{})
			return err
		},
		digimetest.EndpointFiles: func() error { _, err := session.ListFiles(ctx); return err },
		digimetest.EndpointFile: func() error {
			file, err := session.OpenFile(ctx, "file")
			if err != nil {
				return err
			}
			defer file.Close()
			_, err = io.Copy(io.Discard, file)
			return err
		},
	}
}

func catalogueCalls(ctx context.Context, read *digime.Contract) calls {
	return calls{
		digimetest.EndpointSources: func() error {
			_, err := read.ListSources(ctx, digime.SourcesQuery{})
			return err
		},
		digimetest.EndpointCategories: func() error {
			_, err := read.ListCategories(ctx, digime.CategoriesQuery{})
			return err
		},
		digimetest.EndpointCountries: func() error {
			_, err := read.ListCountries(ctx, digime.CountriesQuery{})
			return err
		},
		digimetest.EndpointPlatforms: func() error {
			_, err := read.ListPlatforms(ctx, digime.PlatformsQuery{})
			return err
		},
		digimetest.EndpointSampleDataSets: func() error {
			_, err := read.ListSampleDataSets(ctx, 900101)
			return err
		},
	}
}

func storageCalls(ctx context.Context, t *testing.T, l testLibrary) calls {
	s := l.storage(t)
	upload(t, s, "file", "content")
	return calls{
		digimetest.EndpointStorage:     func() error { _, err := l.writer(t).GetStorage(ctx); return err },
		digimetest.EndpointStorageFile: func() error { _, err := download(ctx, s, "file"); return err },
		digimetest.EndpointStorageFolder: func() error {
			_, err := s.ListFiles(ctx, digime.StorageListOptions{})
			return err
		},
	}
}

// mayBeEmpty are the endpoints whose response has no content that a caller needs.
var mayBeEmpty = map[digimetest.Endpoint]bool{
	digimetest.EndpointPush: true, digimetest.EndpointPushToProvider: true,
	digimetest.EndpointDeleteAccount: true, digimetest.EndpointUser: true,
}

// respondType responds with a status, a type and a body.
func respondType(status int, contentType, body string) digimetest.Failure {
	return digimetest.Respond(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header()["Content-Type"] = nil
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

// responsesOfOthers are responses of something else than the server. Some may stand for one that is empty.
var responsesOfOthers = map[string]struct {
	failure digimetest.Failure
	empty   bool
}{
	"a login page":           {digimetest.LoginPage(), false},
	"a page with status 201": {respondType(201, "text/html", "<html>"), false},
	"a page of XHTML":        {respondType(200, "application/xhtml+xml; charset=utf-8", "<html/>"), false},
	"a page without a type":  {respondType(200, "", "<!DOCTYPE html>"), false},
	"a page called JSON":     {respondType(200, "application/json", "<html>"), false},
	"JSON called a page":     {respondType(200, "text/html", "{}"), false},
	"an empty page":          {respondType(200, "text/html", ""), false},
	"a text":                 {respondType(200, "text/plain", "blocked"), false},
	"an empty text":          {respondType(200, "text/plain", ""), false},
	"nothing":                {respondType(200, "", ""), true},
	"nothing, of JSON":       {respondType(200, "application/json", ""), true},
	"no content":             {digimetest.Status(204), true},
	"a redirect":             {digimetest.Status(302, "Location", "https://login.example/"), false},
	"a status of networks":   {digimetest.Status(511), false},
}

// No call takes the response of something else for that of the server: a page, a text, nothing at all.
func TestResponsesOfOthers(t *testing.T) {
	for endpoint := range allCalls(t.Context(), t, start(t)) {
		t.Run(string(endpoint), func(t *testing.T) {
			l := start(t)
			call := allCalls(t.Context(), t, l)[endpoint]
			for name, test := range responsesOfOthers {
				l.FailNext(endpoint, test.failure)
				err := call()
				if test.empty && mayBeEmpty[endpoint] {
					if err != nil {
						t.Errorf("%s: error %v", name, err)
					}
					continue
				}
				var e *digime.Error
				if !errors.As(err, &e) && !errors.Is(err, digime.ErrInvalidResponse) {
					t.Errorf("%s: error %v, want ErrInvalidResponse", name, err)
				}
			}
			if err := call(); err != nil {
				t.Errorf("the server's own response: %v", err)
			}
		})
	}
}

// A response that was cut is an error of the connection, after which a GET is repeated.
func TestResponsesCut(t *testing.T) {
	for endpoint := range allCalls(t.Context(), t, start(t)) {
		t.Run(string(endpoint), func(t *testing.T) {
			l := start(t)
			call := allCalls(t.Context(), t, l)[endpoint]
			cut := []digimetest.Failure{digimetest.CutBody(), digimetest.CutBody(), digimetest.CutBody()}
			l.FailNext(endpoint, cut...)
			before := l.count(endpoint)
			if err := call(); err == nil {
				t.Error("a cut response: no error")
			}
			for l.count(endpoint) < before+len(cut) { // a POST is not repeated
				_ = call()
			}
			if endpoint == digimetest.EndpointUser {
				return // the library is deleted
			}
			if err := call(); err != nil {
				t.Errorf("the server's own response: %v", err)
			}
		})
	}
}

// A response in place of another call's, such as {} for a list, is an error too.
func TestResponsesWithoutContent(t *testing.T) {
	l := start(t)
	for endpoint, call := range allCalls(t.Context(), t, l) {
		if mayBeEmpty[endpoint] || endpoint == digimetest.EndpointSampleDataSets { // {} is a list of no data sets
			continue
		}
		l.FailNext(endpoint, respondJSON(200, `{}`))
		err := call()
		if !errors.Is(err, digime.ErrInvalidResponse) && !errors.Is(err, digime.ErrBadSignature) {
			t.Errorf("%s: error %v", endpoint, err)
		}
	}
}

func TestResponsesOfWrongForm(t *testing.T) {
	l := start(t)
	user := l.reader(t)
	for name, text := range map[string]string{
		"cut":      `[{"id":"1"`,
		"a number": `[{"createdDate":"soon"}]`,
		"too long": `[` + strings.Repeat(" ", 5<<20) + `]`,
	} {
		l.FailNext(digimetest.EndpointAccounts, respondJSON(200, text))
		before := l.count(digimetest.EndpointAccounts)
		if _, err := user.ListAccounts(t.Context()); !errors.Is(err, digime.ErrInvalidResponse) {
			t.Errorf("%s: error %v", name, err)
		}
		if n := l.count(digimetest.EndpointAccounts) - before; n != 1 {
			t.Errorf("%s: %d requests", name, n)
		}
	}
	l.FailNext(digimetest.EndpointAccounts, respondJSON(200, `[]`))
	if accounts, err := user.ListAccounts(t.Context()); err != nil || len(accounts) != 0 {
		t.Errorf("an empty list: %v, error %v", accounts, err)
	}
}
