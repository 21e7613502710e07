package server_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
	"github.com/carrelhq/carrel/internal/server"
)

// TestSandbox: an application in development gets a library with sample data by opening one link, reads it, and takes
// it away again.
func TestSandbox(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]carreltest.Option{
		"sqlite":   nil,
		"postgres": {carreltest.OnPostgres(t)},
		"slow":     {func(c *server.Config) { c.SampleDataDelay = 100 * time.Millisecond }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := carreltest.Serve(t, options...)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			contract := w.Application().Contract(library.Read, func(c *library.Contract) {
				c.Scope, c.Sandbox = library.Scope{Mapped: true}, true
			})
			sdk := contract.SDK()
			auth := carreltest.Must(sdk.Authorize(ctx, digime.AuthorizeOptions{RedirectURL: carreltest.Callback,
				SourceID: 16, SampleDataSet: "test", SampleDataAutoOnboard: true}))(t)
			user := sdk.User(carreltest.Must(sdk.Exchange(ctx, opensLink(t, auth)))(t))
			began, files := time.Now(), 0
			for file, err := range user.ResumeSession(auth.Session).Files(ctx) {
				if err != nil {
					t.Fatal(err)
				}
				content := carreltest.Must(io.ReadAll(file))(t)
				if m := file.Metadata.Mapped; m == nil || m.ServiceName != "spotify" || content[0] != '[' {
					t.Errorf("file %+v", file.Metadata)
				}
				files++
			}
			if files < 3 {
				t.Errorf("%d files", files)
			}
			if took := time.Since(began); name == "slow" && took < time.Duration(files)*100*time.Millisecond {
				t.Errorf("%d files took %s", files, took)
			}
			for range 2 { // the SDK of another client repeats the call
				if err := user.DeleteUser(ctx); err != nil {
					t.Fatal(err)
				}
			}
			_, err := user.ListAccounts(ctx)
			if !errors.Is(err, digime.ErrInvalidToken) {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

// TestSandboxGetsNoLinks: nobody signs in to a sandbox, so an application that asks for a link which only the person
// could answer is told so, and sends no browser to a page where it ends.
func TestSandboxGetsNoLinks(t *testing.T) {
	t.Parallel()
	w, ctx := carreltest.Serve(t), t.Context()
	app := w.Application()
	sandbox := func(c *library.Contract) { c.Scope, c.Sandbox = library.Scope{Mapped: true}, true }
	sdk, other := app.Contract(library.Read, sandbox).SDK(), app.Contract(library.Read, sandbox).SDK()
	auth := carreltest.Must(sdk.Authorize(ctx, digime.AuthorizeOptions{RedirectURL: carreltest.Callback,
		SourceID: 16, SampleDataSet: "test", SampleDataAutoOnboard: true}))(t)
	user := sdk.User(carreltest.Must(sdk.Exchange(ctx, opensLink(t, auth)))(t))
	accounts := carreltest.Must(user.ListAccounts(ctx))(t)
	before := w.Rows("links")
	for name, ask := range map[string]func() error{
		"to connect a source": func() error {
			_, err := user.OnboardService(ctx, digime.OnboardOptions{RedirectURL: carreltest.Callback})
			return err
		},
		"to connect an account again": func() error {
			_, err := user.ReauthorizeAccount(ctx, accounts[0].ID,
				digime.ReauthorizeAccountOptions{RedirectURL: carreltest.Callback})
			return err
		},
		"to renew the consent": func() error {
			_, err := user.Reauthorize(ctx, digime.ReauthorizeOptions{RedirectURL: carreltest.Callback})
			return err
		},
		"for another contract": func() error {
			_, err := other.Authorize(ctx, digime.AuthorizeOptions{RedirectURL: carreltest.Callback,
				Link: user.Token()})
			return err
		},
		"to disconnect an account": func() error {
			_, err := user.RevokeAccountURL(ctx, accounts[0].ID, carreltest.Callback)
			return err
		},
	} {
		err := ask()
		if !errors.Is(err, digime.ErrValidation) || !strings.Contains(err.Error(), "that of a sandbox") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := w.Rows("links"); after != before {
		t.Errorf("%d requests, before %d", after, before)
	}
}

// opensLink opens the link of a request, and reads the callback that it redirects to at once.
func opensLink(t *testing.T, auth digime.Authorization) digime.Callback {
	t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	request := carreltest.Must(http.NewRequestWithContext(t.Context(), http.MethodGet, auth.URL, nil))(t)
	answer := carreltest.Must(client.Do(request))(t)
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusSeeOther {
		t.Fatalf("status %d", answer.StatusCode)
	}
	to := carreltest.Must(url.Parse(answer.Header.Get("Location")))(t)
	return carreltest.Must(auth.ParseCallback(to.Query()))(t)
}

// TestAttackLibraryMadeSandbox: the keeper says that a person's library is a sandbox, so that an application that may
// not delete it does. The application's own access ends, and the library stays, with its files.
func TestAttackLibraryMadeSandbox(t *testing.T) {
	t.Parallel()
	withKeeper(t, func(t *testing.T, k *keeper) {
		anna := k.Person()
		grant := anna.Allows(k.Application().Contract(library.Write))
		carreltest.Must(grant.Pushes("letter", []byte("Dear Anna")))(t)
		k.changes(`UPDATE libraries SET sandbox = TRUE WHERE id = $1`, string(anna.Library))
		k.waits()
		bearer := carreltest.Must(grant.Bearer())(t)
		if err := k.People.DeleteForBearer(t.Context(), bearer, k.Consents); err != nil {
			t.Fatal(err)
		}
		if n := k.count(`SELECT COUNT(*) FROM files WHERE library_id = $1`, string(anna.Library)); n != 1 {
			t.Errorf("%d files are left", n)
		}
		if _, err := grant.Bearer(); err == nil {
			t.Error("the access goes on")
		}
	})
}
