package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// revoking asks for the page at which a person takes an account from an application.
func (w *world) revoking(k *carreltest.Grant, account, redirectURI []string) request {
	return request{method: "GET", path: "permission-access/revoke/h:accountId", bearer: w.as(k, nil),
		header: http.Header{"Accountid": account, "Redirecturi": redirectURI}}
}

func (w *world) deleting(k *carreltest.Grant, account wire.AccountID) request {
	return request{
		method: "DELETE",
		path:   "permission-access/service/h:accountId",
		bearer: w.as(k, nil),
		header: http.Header{"Accountid": {string(account)}},
	}
}

// TestRevokeAccountURL checks that a contract that sees an account gets the address of the page at which the person
// takes it away. The page comes back to where the contract says.
func TestRevokeAccountURL(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna := w.Person()
	writer, reader := anna.Allows(w.write), anna.Allows(w.read)
	account := string(w.userAccount(t, writer))
	for _, uri := range []string{callback, callback + "?", callback + "?shop=7&name=a%20b"} {
		for name, k := range map[string]*carreltest.Grant{"writer": writer, "reader": reader} {
			t.Run(name+" "+uri, func(t *testing.T) {
				var got wire.RevokeAnswer
				a := w.mustSend(t, w.revoking(k, []string{account}, []string{uri}), &got)
				code, ok := strings.CutPrefix(got.Location, "http://"+w.address+"/apps/saas/revoke?code=")
				if !ok || len(code) < 43 || strings.ContainsAny(code, "&?#%") || a.StatusCode != 200 {
					t.Errorf("%d %s", a.StatusCode, a.body)
				}
				w.Secrets.Plant(code)
				r, err := w.Consents.FindRequest(t.Context(), library.RevokeRequest, code)
				if err != nil || r.RedirectURI != uri || r.Library != anna.Library ||
					r.ClientID != k.Contract.ID() || r.ExpiresAt.Sub(r.CreatedAt) != 30*time.Minute {
					t.Errorf("request %+v, error %v", r, err)
				}
			})
		}
	}
}

// TestRevokeAccountRefused asks for the page of an account that the application does not see.
func TestRevokeAccountRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna, bram := w.Person(), w.Person()
	writer, foreign, brams := anna.Allows(w.write), anna.Allows(w.foreign), bram.Allows(w.write)
	account, theirs := string(w.userAccount(t, writer)), string(w.userAccount(t, brams))
	for name, accounts := range map[string][]string{
		"nobody's":              {"1_nosuchaccount"},
		"another person's":      {theirs},
		"another application's": {string(w.userAccount(t, foreign))},
		"none":                  nil,
		"an empty one":          {""},
		"two":                   {account, account},
		"an odd one":            {"../" + account},
		"a long one":            {strings.Repeat("x", 5000)},
	} {
		t.Run(name, func(t *testing.T) {
			w.refuses(t, w.revoking(writer, accounts, []string{callback}), notFound("Account"))
		})
	}
	r := w.revoking(writer, []string{account}, []string{callback})
	t.Run("without an access token", func(t *testing.T) {
		r.bearer = w.bearer(w.write, nil)
		w.refuses(t, r, invalid(wire.KindAccessToken))
	})
	t.Run("without a bearer token", func(t *testing.T) {
		r.bearer = ""
		w.refuses(t, r, badBearer("bearer token"))
	})
	t.Run("with an expired access token", func(t *testing.T) {
		w.Clock.Moves(25 * time.Hour)
		w.refuses(t, w.revoking(brams, []string{theirs}, []string{callback}), expired(wire.KindAccessToken))
	})
}

// TestRevokeRedirectURIRefused asks for a page that would come back to where the contract does not say.
func TestRevokeRedirectURIRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	writer := w.Person().Allows(w.write)
	account := []string{string(w.userAccount(t, writer))}
	badURI := func(said string) refusal {
		return refusal{400, wire.CodeInvalidRedirectURI, "The redirect_uri (" + said + ") is invalid"}
	}
	for _, uri := range []string{"", "https:", callback + "/", callback + "/../back",
		"https://CLINIC.example.org/back", "https://clinic.example.org:443/back",
		"https://u@clinic.example.org/back", "https://evil.example/?" + callback, callback + "#a", callback + "?b#a",
		"javascript:alert(1)",
		callback + "?a b", callback + "?a;b=%zz", callback + "?\xe2\x98\x82\xff", "/back",
		"http://127.0.0.1:1/elsewhere"} {
		for _, account := range [][]string{account, {"1_nosuchaccount"}, nil} {
			t.Run(fmt.Sprint(uri, account), func(t *testing.T) {
				want := badURI(strings.ToValidUTF8(uri, "\uFFFD"))
				w.refuses(t, w.revoking(writer, account, []string{uri}), want)
			})
		}
	}
	t.Run("none", func(t *testing.T) { w.refuses(t, w.revoking(writer, account, nil), badURI("")) })
	t.Run("two", func(t *testing.T) {
		w.refuses(t, w.revoking(writer, account, []string{callback, callback}),
			bad("more than one redirectUri header"))
	})
	t.Run("a long one", func(t *testing.T) {
		long := callback + "x?" + strings.Repeat("x", 20_000)
		a := w.refuses(t, w.revoking(writer, account, []string{long}),
			refusal{400, wire.CodeInvalidRedirectURI, "The redirect_uri (" + callback + "x?xx…"})
		if n := headSize(a.Header); n > 16<<10 {
			t.Errorf("%d bytes of headers", n)
		}
	})
}

// Who stands for the person can be deleted, twice: the application no longer sees the
// account, and goes on under the same name, until the person consents once more.
func TestDeleteWhoStandsForThePerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	anna, bram := w.Person(), w.Person()
	writer, reader, foreign := anna.Allows(w.write), anna.Allows(w.read), anna.Allows(w.foreign)
	brams := bram.Allows(w.write)
	account := w.userAccount(t, writer)
	subject := func(k *carreltest.Grant) string {
		got, err := w.tokens(w.send(t, post("oauth/token", w.bearer(k.Contract, refreshing(k)), "")))
		if err != nil || got.Subject == "" || got.Identifier.ID != got.Subject {
			t.Fatalf("subject %q, %v", got.Subject, err)
		}
		return got.Subject
	}
	before := subject(writer)
	// Nothing can be probed.
	for _, other := range []wire.AccountID{w.userAccount(t, brams), w.userAccount(t, foreign), "1_nosuchaccount"} {
		w.mustSend(t, w.deleting(writer, other), nil)
	}
	w.userAccount(t, writer)
	w.userAccount(t, brams)
	w.userAccount(t, foreign)
	for range 2 {
		if a := w.mustSend(t, w.deleting(writer, account), nil); string(a.body) != `{"deleted":true}` {
			t.Errorf("deleted: %s", a.body)
		}
	}
	for _, k := range []*carreltest.Grant{writer, reader} {
		if list := w.accounts(t, k); len(list) != 0 {
			t.Errorf("accounts %+v", list)
		}
		w.refuses(t, w.revoking(k, []string{string(account)}, []string{callback}), notFound("Account"))
		if got := subject(k); got != before {
			t.Errorf("the person is called %q, was %q", got, before)
		}
	}
	w.mustSend(t, w.push(writer, w.as(writer, nil), strings.NewReader("x")), nil)
	if names := w.names(t, reader, w.session(t, reader)); len(names) != 1 {
		t.Errorf("files %v", names)
	}
	w.userAccount(t, brams)
	w.userAccount(t, foreign)
	again := anna.Allows(w.second)
	if w.userAccount(t, again) != account || w.userAccount(t, writer) != account || subject(again) != before {
		t.Error("after a new consent the account is another")
	}
}

// What a person is asked about a provider's account, and answers, the application hears
// of.
func TestRevokeProviderAccount(t *testing.T) {
	t.Parallel()
	w := newProviderWorld(t)
	k := w.sender(t)
	k.person.Provider = "Rivierenland"
	kept := w.senderOf(t, k.person, w.write)
	visit := func(account wire.AccountID, answer, want string) {
		t.Helper()
		var got wire.RevokeAnswer
		w.mustSend(t, w.revoking(k.Grant, []string{string(account)}, []string{callback + "?mine=1"}), &got)
		k.person.Answer = answer
		back, err := k.person.FollowPages(t.Context(), got.Location, callback)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(back)
		if err != nil || u.RawQuery != want {
			t.Errorf("back at %s, want %s", back, want)
		}
	}
	visit(k.account, "cancel", "mine=1&error_message=USER_CANCEL&result=failed")
	w.mustSend(t, w.deliver(k.Grant, k.account, weight("x")), nil)
	visit(k.account, "disconnect-confirm", "mine=1&result=success")
	w.refuses(t, w.deliver(k.Grant, k.account, weight("x")), notFound("Account"))
	w.refuses(t, w.revoking(k.Grant, []string{string(k.account)}, []string{callback}), notFound("Account"))
	w.mustSend(t, w.deleting(k.Grant, k.account), nil)
	w.mustSend(t, w.deliver(kept.Grant, kept.account, weight("x")), nil)
	visit(w.userAccount(t, k.Grant), "revoke-confirm", "mine=1&result=success")
	w.refuses(t, get("permission-access/accounts", w.as(k.Grant, nil)), invalid(wire.KindAccessToken))
	w.refuses(t, w.deliver(kept.Grant, kept.account, weight("x")), invalid(wire.KindAccessToken))
}
