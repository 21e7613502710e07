package api_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/carrelhq/carrel/digime/wire"
	"github.com/carrelhq/carrel/internal/carreltest"
	"github.com/carrelhq/carrel/internal/library"
)

// TestOlderCallback: the address of a request names where the browser goes without success. It goes there only with the
// setting, only to one of the contract's URIs, and never with parameters that an answer has.
func TestOlderCallback(t *testing.T) {
	t.Parallel()
	const failed = "https://clinic.example.org/failed"
	registered := func(k *library.Contract) { k.RedirectURIs = []string{callback, failed} }
	older, newer := newWorld(t, legacy), newWorld(t)
	for _, tt := range []struct {
		name     string
		w        *world
		callback string
		allows   bool
		want     string
	}{
		{"denied", older, failed, false, failed + "?"},
		{"denied, with a query of its own", older, failed + "?user=1", false, failed + "?user=1&"},
		{"allowed", older, failed, true, callback + "?"},
		{"none", older, "", false, callback + "?"},
		{"elsewhere", older, "https://evil.example/failed", false, callback + "?"},
		{"elsewhere on the host", older, failed + "/x", false, callback + "?"},
		{"a script", older, "javascript:alert(1)", false, callback + "?"},
		{"a fragment", older, failed + "#x", false, callback + "?"},
		{"with a success", older, failed + "?success=true", false, callback + "?"},
		{"with a code", older, failed + "?code=abc", false, callback + "?"},
		{"with a state", older, failed + "?%73tate=abc", false, callback + "?"},
		{"without the setting", newer, failed, false, callback + "?"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			contract := tt.w.Application().Contract(library.Write, registered)
			visitor := tt.w.Visitor()
			if !tt.allows {
				visitor.Answer = "deny"
			}
			address := tt.w.authorizePage(t, contract, "/v1.7/", `{"sdk":{"name":"nodejs","version":"9.0.0"}}`) +
				"&callback=" + url.QueryEscape(tt.callback)
			end := carreltest.Must(visitor.FollowPages(t.Context(), address, "https://"))(t)
			query := carreltest.QueryOf(t, end)
			success := "false"
			if tt.allows {
				success = "true"
			}
			if !strings.HasPrefix(end, tt.want) || query.Get("success") != success || len(query["success"]) != 1 ||
				query.Get("state") != "a state" {
				t.Errorf("the browser goes to %s, want %s", end, tt.want)
			}
		})
	}
}

// A request that asks for no consent leads there also with success.
func TestOlderCallbackAfterOnboard(t *testing.T) {
	t.Parallel()
	w := newWorld(t, legacy)
	const added = "https://clinic.example.org/added"
	contract := w.Application().Contract(library.Read, func(k *library.Contract) {
		k.RedirectURIs = []string{carreltest.Callback, added}
	})
	visitor := w.Visitor()
	g := contract.GrantOf(visitor.Allows(contract).Token())
	var answer wire.SignedAnswer
	w.mustSend(t, post("oauth/token/reference", w.as(g, claims{"redirect_uri": carreltest.Callback}), ""), &answer)
	var reference wire.ReferenceClaims
	if err := carreltest.Must(wire.ParseToken(answer.Token))(t).Peek(&reference); err != nil {
		t.Fatal(err)
	}
	query := url.Values{"code": {reference.ReferenceCode}, "callback": {added}, "service": {"900101"},
		"sampleDataSet": {"test"}}
	end := carreltest.Must(visitor.FollowPages(t.Context(), w.URL+"/apps/saas/onboard?"+query.Encode(), "https://"))(t)
	if !strings.HasPrefix(end, added+"?") || carreltest.QueryOf(t, end).Get("success") != "true" {
		t.Errorf("the browser goes to %s", end)
	}
}
