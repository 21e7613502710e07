package medmij

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/carrelhq/carrel/internal/delivery"
	"github.com/carrelhq/carrel/internal/seal"
)

func TestAuthorizationURL(t *testing.T) {
	t.Parallel()
	n := newTestNetwork(t).newUpdatedNetwork()
	address, err := n.AuthorizationURL(t.Context(), authorizationParams())
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	if got := u.Scheme + "://" + u.Host + u.Path; got != "https://login.example.nl/authorize" {
		t.Errorf("goes to %s", got)
	}
	q := u.Query()
	id := q.Get("MedMij-Request-ID")
	if parsed, err := uuid.Parse(id); err != nil || parsed.Version() != 4 {
		t.Errorf("MedMij-Request-ID is %q", id)
	}
	q.Del("MedMij-Request-ID")
	want := url.Values{
		"response_type": {"code"}, "client_id": {testClientID}, "redirect_uri": {"https://medmij.example.nl/return"},
		"scope": {"huisartslinde~53"}, "state": {plantedState}, "X-Correlation-ID": {correlationID},
	}
	if q.Encode() != want.Encode() {
		t.Errorf("parameters %s, want %s", q.Encode(), want.Encode())
	}
	if !strings.Contains(u.RawQuery, "scope=huisartslinde~53") {
		t.Errorf("the scope is written as in %s", u.RawQuery)
	}
	other := authorizationParams()
	other.State = seal.SecretOf("another state")
	if address, _ := n.AuthorizationURL(t.Context(), other); strings.Contains(address, id) {
		t.Error("two requests with the same MedMij-Request-ID")
	}
}

// Nothing is sent to a service that is not on the lists.
func TestUnknownService(t *testing.T) {
	t.Parallel()
	n := newTestNetwork(t).newUpdatedNetwork()
	for _, key := range []delivery.ProviderKey{"medmij:huisartslinde~57", "medmij:nobody~53", "medmij:huisartslinde",
		"medmij:", "smart:x"} {
		t.Run(string(key), func(t *testing.T) {
			d := authorizationParams()
			d.Provider = key
			_, err1 := n.AuthorizationURL(t.Context(), d)
			_, err2 := n.Exchange(t.Context(), d, seal.SecretOf("x"))
			_, err3 := n.RefreshTokens(t.Context(), key, seal.SecretOf("x"), correlationID)
			for _, err := range []error{err1, err2, err3} {
				if !errors.Is(err, delivery.ErrProviderGone) {
					t.Error(err)
				}
			}
			if o := n.Send(t.Context(), key, sendRequest()); o.Kind != delivery.OutcomeNotFiled {
				t.Errorf("%+v", o)
			}
		})
	}
}
